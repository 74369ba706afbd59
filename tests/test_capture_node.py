"""The screenshot node through the plugin's process: several pages, words for people, secrets."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from creative.capture import find_browser
from runtime.errors import ToolFailed
from runtime.host import Host, open_plugin
from runtime.host.messages import Result
from runtime.paths import PROJECT
from tests.pages import Site

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_browser() is None, reason="no Chromium or Chrome here"),
]

RED = "<title>Red</title><body style='margin:0;background:#f00'><h1>Red cup</h1>"
BLUE = "<title>Blue</title><body style='margin:0;background:#00f'><h1>Blue cup</h1>"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        site.pages = {"/red": RED, "/blue": BLUE}
        yield site


@pytest.fixture(scope="module")
def studio(site: Site) -> Iterator[Host]:
    with open_plugin(PROJECT, credentials={"allowed_private_hosts": site.name}) as host:
        yield host


def call(host: Host, **parameters: Any) -> Result:
    # As a workflow sends it: no default of the YAML is added.
    return Result.collect(host.invoke("capture_screenshot", parameters))


def corner(data: bytes) -> tuple[str | None, tuple[int, int], Any]:
    from PIL import Image

    picture = Image.open(io.BytesIO(data))
    return picture.format, picture.size, picture.convert("RGB").getpixel((picture.width - 2, 2))


def test_several_pages_each_have_their_own_result(studio: Host, site: Site) -> None:
    urls = [f"{site.url}/red", f"{site.url}/gone", f"{site.url}/blue", f"{site.url}/red"]
    made = call(studio, url="\n".join(urls), width=200, height=100)
    red, blue, again = made.files
    assert corner(red.data) == ("PNG", (200, 100), (255, 0, 0))
    assert corner(blue.data) == ("PNG", (200, 100), (0, 0, 255))
    assert again.data == red.data
    results = made.variables["results"]
    assert [one["url"] for one in results] == urls
    assert [one["ok"] for one in results] == [True, False, True, True]
    assert [one["title"] for one in results] == ["Red", "", "Blue", "Red"]
    assert [one["status"] for one in results] == [200, 0, 200, 200]
    names = [one["filename"] for one in results]
    assert names == [red.filename, "", blue.filename, again.filename]
    assert len({name for name in names if name}) == 3
    assert "answered 404" in results[1]["error"]
    assert results[2]["page"]["headings"] == ["Blue cup"]
    assert (made.variables["image_count"], made.variables["failed_count"]) == (3, 1)
    assert made.variables["final_url"] == urls[0]
    assert made.text.startswith(f"3 of 4 pages captured.\n1. Screenshot of {urls[0]}: 200 x 100 p")
    assert f"\n2. {urls[1]} failed: The page {urls[1]} answered 404" in made.text


def test_pages_that_all_fail_fail_the_node(studio: Host, site: Site) -> None:
    with pytest.raises(ToolFailed) as caught:
        call(studio, url=f"{site.url}/gone\n{site.url}/lost")
    assert caught.value.message.startswith(
        f"None of the 2 pages could be captured. The page {site.url}/gone answered 404"
    )
    assert caught.value.hint
    assert caught.value.error_type == "EngineRejected"


def test_a_list_variable_is_several_addresses(studio: Host, site: Site) -> None:
    # What Dify makes of a list variable in a text field.
    made = call(studio, url=str([f"{site.url}/red", f"{site.url}/blue"]), with_facts=False)
    assert len(made.files) == 2
    assert made.variables["page"] == {}


def test_every_match_is_a_file_of_its_own(studio: Host) -> None:
    html = "<p style='width:50px;height:20px;background:#0f0'></p>" * 3
    made = call(studio, html=html, selector="p", every_match=True, format="jpeg", scale=2)
    assert {file.mime_type for file in made.files} == {"image/jpeg"}
    assert len({file.filename for file in made.files}) == 3
    for file in made.files:
        kind, size, (red, green, blue) = corner(file.data)
        assert (kind, size) == ("JPEG", (100, 40))
        assert green > 240
        assert max(red, blue) < 15
    assert made.text.startswith("Screenshot of the given HTML: 3 pictures, the first 100 x 40 pix")
    assert made.variables["results"][0]["filenames"] == [file.filename for file in made.files]


def test_a_pdf_and_markdown(studio: Host) -> None:
    made = call(studio, markdown="# Menu\n\n| a | b |\n|---|---|\n| 1 | 2 |", format="pdf")
    [file] = made.files
    assert file.data.startswith(b"%PDF-")
    assert (file.mime_type, file.filename.rpartition(".")[2]) == ("application/pdf", "pdf")
    assert made.text.startswith("PDF of the given Markdown: 595 x 842 points, PDF, ")


def test_secrets_stay_in_the_request(studio: Host, site: Site) -> None:
    sent: dict[str, str] = {}

    def page(handler: Any) -> None:
        sent.update(handler.headers.items())
        body = b"no entry for tok-0123456789"
        handler.send_response(403, "no entry for tok-0123456789")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    site.pages["/door"] = page
    said: list[Any] = []

    def collect() -> None:
        given = {"headers": "X-Token: tok-0123456789", "cookies": "s=cook-98765"}
        said.extend(studio.invoke("capture_screenshot", {"url": f"{site.url}/door", **given}))

    with pytest.raises(ToolFailed, match="answered 403") as caught:
        collect()
    assert sent["X-Token"] == "tok-0123456789"
    assert sent["Cookie"] == "s=cook-98765"
    everything = json.dumps([repr(said), str(caught.value), caught.value.hint])
    assert "tok-0123456789" not in everything
    assert "cook-98765" not in everything


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"url": "example.com"}, "url: got 'example.com'"),
        ({"html": "<p>", "format": "gif"}, "format: got 'gif'; allowed is png, jpeg, webp, pdf"),
        ({"html": "<p>", "device": "Nokia"}, "device: got 'Nokia'"),
        ({"html": "<p>", "selector": "#none"}, "#none"),
        ({"html": "<p>", "scale": 9}, "scale: got 9"),
        ({"html": "<p>", "at_once": 0, "width": "wide"}, "width: got 'wide'"),
        ({"url": "http://a.example\nhttp://b.example", "at_once": 9}, "at_once: got 9"),
        ({"html": "<p>", "engine": "screenshotone"}, "screenshot_service"),
        ({"html": "<p>", "time_zone": "Moon/Sea"}, "time_zone: got 'Moon/Sea'"),
        ({"html": "<p>", "margins": "wide", "format": "pdf"}, "margins: got 'wide'"),
        ({"html": "<p>", "mobile": "maybe"}, "mobile: got 'maybe'; allowed is true or false"),
    ],
)
def test_what_cannot_be_used_is_said(studio: Host, parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(ToolFailed, match=said):
        call(studio, **parameters)
