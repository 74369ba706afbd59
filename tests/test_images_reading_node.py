"""The node read_image_prompt through the plugin's process: guesses, addresses, what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from runtime.answers.files import FileServer
from runtime.errors import ToolFailed
from runtime.host import Host, open_plugin
from runtime.host.messages import Result
from runtime.host.parameters import prepare
from runtime.paths import PROJECT
from tests import reading_files as files
from tests.pictures import photo, saved
from tests.servers import Server, answer
from tests.test_images_reading_guess import Interrogator, caption


@pytest.fixture(scope="module")
def server() -> Iterator[Interrogator]:
    with Interrogator(caption("a hill, oil painting")) as found:
        yield found


@pytest.fixture(scope="module")
def made() -> Iterator[Server]:
    """A page of the user's own network that has a picture."""
    picture = files.texts_png({"parameters": files.A1111})
    with Server(lambda request: answer(request, picture, 200, "image/png")) as found:
        yield found


@pytest.fixture(scope="module")
def studio(server: Interrogator, made: Server) -> Iterator[Host]:
    settings = {
        "sd_base_url": server.url,
        "allowed_private_hosts": made.url.removeprefix("http://"),
    }
    with open_plugin(PROJECT, credentials=settings) as host:
        yield host


def call(host: Host, **parameters: object) -> Result:
    _, tool = host.find("read_image_prompt")
    return Result.collect(host.invoke("read_image_prompt", prepare(tool, parameters)))


def test_a_guess_is_called_one_everywhere(studio: Host, server: Interrogator) -> None:
    with FileServer() as store:
        plain = store.put(saved(photo(80, 60), "JPEG"), "plain.jpg", "image/jpeg")
        found = call(studio, image=plain)
        assert found.variables["source"] == "tagger"
        assert found.variables["prompt"] == "a hill, oil painting"
        assert found.variables["settings"] == {}
        assert found.text.startswith("A guess")
        assert len(server.bodies) == 1
        with pytest.raises(ToolFailed, match="allow_guess"):
            call(studio, image=plain, allow_guess=False)
    assert len(server.bodies) == 1


def test_an_address_passes_the_guard(studio: Host, made: Server) -> None:
    found = call(studio, image_url=made.url + "/made.png")
    assert found.variables["source"] == "exact"
    assert found.variables["settings"]["steps"] == 24
    assert len(json.dumps(found.json[0])) < 200_000
    with pytest.raises(ToolFailed, match="refused"):
        call(studio, image_url="http://127.0.0.1:9/other.png")


def test_one_picture_and_only_one(studio: Host, made: Server) -> None:
    with pytest.raises(ToolFailed, match="either a picture file or an image_url"):
        call(studio)
    with FileServer() as store:
        plain = store.put(saved(photo(80, 60)), "plain.png", "image/png")
        with pytest.raises(ToolFailed, match="either a picture file or an image_url"):
            call(studio, image=plain, image_url=made.url)
        text = store.put(b"<html>no picture</html>", "page.html", "text/html")
        with pytest.raises(ToolFailed, match="HTML"):
            call(studio, image=text)
