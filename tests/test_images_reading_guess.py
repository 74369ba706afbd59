"""A guess is asked for once, called a guess, and never made where nobody wants one."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from PIL import Image

from creative.deadline import Deadline
from creative.errors import CreativeError, DeadlineExceeded, EngineUnavailable, InvalidInput
from creative.images.reading import Reading, ReadRequest, read_prompt
from creative.images.reading.guess import INTERROGATE, OPENAPI
from creative.language import Completion
from creative.settings import Settings
from creative.steps import Steps
from tests import reading_files as files
from tests.parrots import PlainParrot
from tests.pictures import photo, saved
from tests.servers import Server, answer, free_port

PLAIN = saved(photo(2000, 1200), "JPEG")


class Interrogator(Server):
    """An AUTOMATIC1111 that only looks at pictures.

    Args:
        say: what it answers to the POST.
        paths: what its description lists; None: it has none.
    """

    def __init__(
        self,
        say: Callable[[BaseHTTPRequestHandler], None],
        paths: tuple[str, ...] | None = (INTERROGATE,),
    ) -> None:
        super().__init__(self._handle)
        self._say, self._paths = say, paths
        self.bodies: list[dict[str, Any]] = []

    def __enter__(self) -> Interrogator:
        super().__enter__()
        return self

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        if request.command == "POST":
            length = int(request.headers["content-length"])
            self.bodies.append(json.loads(request.rfile.read(length)))
            self._say(request)
        elif request.path == OPENAPI and self._paths is not None:
            answer(request, json.dumps({"paths": {path: {} for path in self._paths}}))
        else:
            answer(request, "{}", 404)


class Eyes(PlainParrot):
    """A model that sees, or fails."""

    name = "eyes-1"

    def __init__(self, *answers: str | CreativeError) -> None:
        super().__init__(
            *(
                Completion(text=said, prompt_tokens=700, completion_tokens=40, price=0.002)
                if isinstance(said, str)
                else said
                for said in answers
            )
        )


def caption(text: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda request: answer(request, json.dumps({"caption": text}))


def read(
    *addresses: str, model: Eyes | None = None, steps: Steps | None = None, seconds: float = 60
) -> Reading:
    request = ReadRequest(image=PLAIN)
    settings = Settings(sd_base_url=addresses)
    return read_prompt(request, settings, Deadline(seconds), steps or Steps(), model)


def test_an_interrogation_is_sent_once_and_told() -> None:
    with Interrogator(caption("a hill,\n oil painting")) as server:
        found = read(server.url, model=Eyes())
    assert (found.prompt, found.source) == ("a hill, oil painting", "tagger")
    assert (found.generator, found.settings, found.infotext) == ("", {}, "")
    assert any("guess" in note for note in found.notes)
    assert (found.width, found.height) == (2000, 1200)
    [body] = server.bodies
    assert body["model"] == "clip"
    sent = Image.open(io.BytesIO(base64.b64decode(body["image"])))
    assert (sent.format, sent.size) == ("JPEG", (1024, 614))


def test_a_file_that_says_how_it_was_made_is_shown_to_nobody() -> None:
    with Interrogator(caption("wrong")) as server:
        eyes = Eyes()
        settings = Settings(sd_base_url=(server.url,))
        request = ReadRequest(image=files.texts_png({"parameters": files.A1111}))
        found = read_prompt(request, settings, Deadline(60), Steps(), eyes)
    assert found.source == "exact"
    assert (server.requests, eyes.asked) == ([], [])


def test_allow_guess_off_asks_nobody() -> None:
    with Interrogator(caption("a hill")) as server:
        eyes = Eyes()
        request = ReadRequest(image=PLAIN, allow_guess=False)
        settings = Settings(sd_base_url=(server.url,))
        with pytest.raises(InvalidInput, match="allow_guess"):
            read_prompt(request, settings, Deadline(60), Steps(), eyes)
    assert (server.requests, eyes.asked) == ([], [])


def test_a_model_that_sees() -> None:
    steps = Steps()
    eyes = Eyes('{"prompt": "rolling hills at dusk, soft light, oil painting"}')
    found = read(model=eyes, steps=steps)
    assert (found.prompt, found.source) == (
        "rolling hills at dusk, soft light, oil painting",
        "vision",
    )
    assert any("guess by eyes-1" in note for note in found.notes)
    [messages] = eyes.heard
    [picture] = messages[-1].images
    assert picture.mime_type == "image/jpeg"
    assert Image.open(io.BytesIO(picture.data)).size == (1024, 614)
    assert (steps.tokens, steps.cost) == (740, 0.002)


def test_the_next_one_is_asked_where_one_cannot() -> None:
    """One has no such route, one is away, one has no description and no route, one answers."""
    away = f"http://127.0.0.1:{free_port()}"
    absent = Interrogator(caption("no"), paths=("/sdapi/v1/txt2img",))
    silent = Interrogator(lambda request: answer(request, "{}", 404), paths=None)
    last = Interrogator(caption("a hill"))
    with absent, silent, last:
        found = read(absent.url, away, silent.url, last.url)
    assert found.prompt == "a hill"
    assert absent.bodies == []
    assert (len(silent.bodies), len(last.bodies)) == (1, 1)


@pytest.mark.parametrize(
    "say",
    [
        caption("a hill, <error>"),
        caption(""),
        caption("\0 \0"),
        lambda request: answer(request, '{"caption": 5}'),
        lambda request: answer(request, "[]"),
        lambda request: answer(request, "<html>", 200, "text/html"),
        lambda request: answer(request, '{"detail": "Model not found"}', 404 + 96),
        lambda request: request.connection.close(),
    ],
    ids=["error", "empty", "zeros", "number", "list", "html", "500", "closed"],
)
def test_a_failed_interrogation_goes_to_no_other_server_but_to_the_model(
    say: Callable[[BaseHTTPRequestHandler], None],
) -> None:
    other = Interrogator(caption("from the other"))
    with Interrogator(say) as server, other:
        found = read(server.url, other.url, model=Eyes('{"prompt": "seen by the model"}'))
        assert (found.prompt, found.source) == ("seen by the model", "vision")
        assert any("Before that" in note for note in found.notes)
        with pytest.raises(EngineUnavailable, match="does not say how the picture was made"):
            read(server.url, other.url)
    assert len(server.bodies) == 2
    assert other.bodies == []


def test_nobody_to_ask() -> None:
    with pytest.raises(InvalidInput, match="does not say how it was made") as caught:
        read()
    assert "sd_base_url" in caught.value.hint


def test_why_a_file_says_nothing_is_in_the_error() -> None:
    settings = "Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64, Version: v1.10.1"
    image = files.texts_png({"parameters": settings})
    for allow in (True, False):
        request = ReadRequest(image=image, parameter="image_url", allow_guess=allow)
        with pytest.raises(InvalidInput, match="image_url") as caught:
            read_prompt(request, Settings(), Deadline(60), Steps())
        assert "settings of AUTOMATIC1111 and an empty prompt" in caught.value.hint


def test_a_model_that_cannot_see_is_named() -> None:
    eyes = Eyes("I cannot see pictures.", "Sorry, no picture here.")
    with pytest.raises(EngineUnavailable, match="eyes-1") as caught:
        read(model=eyes)
    assert "cannot see" in str(caught.value) or "no picture" in str(caught.value)
    assert len(eyes.asked) == 2


@pytest.mark.parametrize(
    "prompt",
    [
        "     ",
        "\\u0000\\u0000\\u0000\\u0000",
        "…, – .",
        "a prompt from which an image generator would draw this picture",
        "I'm sorry, but I can't help with identifying people.",
        "I cannot see any picture.",
    ],
)
def test_an_answer_that_says_nothing_of_the_picture_is_no_prompt(prompt: str) -> None:
    told = f'{{"prompt": "{prompt}"}}'
    with pytest.raises(EngineUnavailable, match="eyes-1"):
        read(model=Eyes(told, told))
    assert read(model=Eyes(told, '{"prompt": "a hill"}')).prompt == "a hill"


def test_the_clock_is_the_calls() -> None:
    over = threading.Event()

    def slow(request: BaseHTTPRequestHandler) -> None:
        over.wait(60)

    assert read(model=Eyes('{"prompt": "a hill"}'))  # the worker is there, now
    with Interrogator(slow) as server:
        with pytest.raises(DeadlineExceeded):
            read(server.url, model=Eyes('{"prompt": "late"}'), seconds=2.5)
        over.set()
        assert len(server.bodies) == 1


def test_the_users_own_prompt_and_wishes_reach_the_model() -> None:
    own = json.dumps({"read_image_prompt": {"system": "Speak like a pirate."}})
    eyes = Eyes('{"prompt": "arr, a hill"}')
    request = ReadRequest(image=PLAIN, instructions="in German")
    read_prompt(request, Settings(prompts=own), Deadline(60), Steps(), eyes)
    system = eyes.heard[0][0].text
    assert "Speak like a pirate." in system
    assert "in German" in system
