"""When the picture is taken: the corner of each page turns from red to green at that moment."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from creative import capture
from creative.capture import moment
from creative.errors import DeadlineExceeded, InvalidInput
from tests.captures import BLUE, GREEN, RED, colour, needs_browser, page, pixels, shoot, slowly
from tests.pages import Site

pytestmark = needs_browser

TURN = f"document.getElementById('box').style.background = 'rgb{GREEN}'"
LATER = "<script>setTimeout(() => {{ {what} }}, {milliseconds})</script>"


def _gif() -> str:
    """Two frames of 0.1 s, the first green, the second blue, for ever."""
    frames = [Image.new("RGB", (50, 50), colour) for colour in (GREEN, BLUE)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=100, loop=0)
    return "data:image/gif;base64," + base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    def turning(milliseconds: int, more: str = "") -> str:
        return page(LATER.format(what=TURN + more, milliseconds=milliseconds), "Turning")

    mark = ";document.body.insertAdjacentHTML('beforeend', '<b class=\"there\">now</b>')"
    with Site() as made:
        made.pages.update(
            {
                "/turns": turning(300, mark),
                "/turns-late": turning(60_000),
                "/hidden": page(
                    "<b class=there style='display:none'>never</b>"
                    "<b class=unseen style='visibility:hidden'>never</b>",
                    "Hide and seek",
                ),
                "/slow-image": page(f"<img src=/slow.png?secret=hunter2><script>{TURN}</script>"),
                "/slow-image-and-mark": page(f"<img src=/slow.png><b id=x>x</b><i>{TURN}</i>"),
                "/slow.png": slowly(20, "", "image/png"),
                "/fetches-long": page(
                    f"<script>fetch('/slow.png').then(() => {{ {TURN} }})</script>"
                ),
                "/fetches": page(f"<script>fetch('/data').then(() => {{ {TURN} }})</script>"),
                "/data": slowly(0.7, "data"),
                "/polls": page(
                    "<script>const poll = () => fetch('/poll').then(poll); poll(); "
                    "fetch('/slow.png')</script>"
                ),
                "/poll": slowly(0.1, "again"),
                "/moves": page(
                    "",
                    style=f"@keyframes to {{ from {{ background: rgb{RED} }} "
                    f"to {{ background: rgb{GREEN} }} }}"
                    "#box { animation: to 60s linear forwards }"
                    f"#round {{ position: absolute; left: 60px; width: 50px; height: 50px; "
                    f"background: rgb{RED}; animation: to 60s linear infinite }}",
                )
                + "<div id=round></div><input id=i autofocus style='position:absolute;top:60px'>",
                "/transition": page(
                    LATER.format(what=TURN, milliseconds=10), style="#box { transition: 60s }"
                ),
                "/gif": page(f"<img src='{_gif()}' style='position:absolute;left:0;top:0'>"),
            }
        )
        # Short deadlines below are those of a browser that runs.
        shoot(made, seconds=60, url=made.url + "/hidden")
        yield made
    capture.close()


def test_at_load_what_comes_later_is_not_there(site: Site) -> None:
    assert colour(shoot(site, url=site.url + "/turns-late")) == RED


@pytest.mark.parametrize("wait_for", [".there", "600", "600ms", "600 MS"])
def test_what_comes_later_is_waited_for(site: Site, wait_for: str) -> None:
    assert colour(shoot(site, url=site.url + "/turns", wait_for=wait_for)) == GREEN


def test_a_delay_comes_after_the_wait(site: Site) -> None:
    began = time.monotonic()
    shoot(site, url=site.url + "/turns", wait_for=".there", delay_seconds=0.7)
    assert time.monotonic() - began > 1


def test_a_delay_that_the_call_has_no_time_for_is_told_at_once(site: Site) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidInput, match="delay_seconds") as caught:
        shoot(site, seconds=15, url=site.url + "/hidden", delay_seconds=60)
    assert time.monotonic() - began < 10
    assert "left" in str(caught.value)


@pytest.mark.parametrize(
    ("wait_for", "why"),
    [
        (".there", "it is there, but not visible"),
        (".unseen", "it is there, but not visible"),
        ("#nobody", "nothing matches it"),
    ],
)
def test_a_selector_that_never_shows(site: Site, wait_for: str, why: str) -> None:
    with pytest.raises(DeadlineExceeded) as caught:
        shoot(site, seconds=4, url=site.url + "/hidden", wait_for=wait_for)
    said = str(caught.value)
    assert why in said
    assert '"Hide and seek"' in said
    assert wait_for in said
    assert "/hidden" in said


@pytest.mark.parametrize("wait_for", ["#", "div[", "networkidle2 please!"])
def test_what_is_no_selector(site: Site, wait_for: str) -> None:
    with pytest.raises(InvalidInput, match="wait_for"):
        shoot(site, url=site.url + "/hidden", wait_for=wait_for)


def test_networkidle_waits_for_the_last_answer(site: Site) -> None:
    assert colour(shoot(site, url=site.url + "/fetches-long")) == RED
    assert colour(shoot(site, url=site.url + "/fetches", wait_for="networkidle")) == GREEN


def test_a_page_that_is_never_idle_is_photographed_with_a_note(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moment, "NETWORK_SECONDS", 1.5)
    shot = shoot(site, url=site.url + "/polls", wait_for="NetworkIdle")
    assert any("still loading" in note for note in shot.notes)
    assert colour(shot) == RED


def test_a_picture_that_never_comes_is_named(site: Site) -> None:
    with pytest.raises(DeadlineExceeded) as caught:
        shoot(site, seconds=3, url=site.url + "/slow-image")
    said = str(caught.value)
    assert "/slow.png" in said
    assert "hunter2" not in said
    assert "domcontentloaded" in said


def test_domcontentloaded_does_not_wait_for_pictures(site: Site) -> None:
    shot = shoot(site, seconds=15, url=site.url + "/slow-image", wait_for="domcontentloaded")
    assert colour(shot) == GREEN


def test_a_selector_does_not_wait_long_for_pictures(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moment, "REST_SECONDS", 0.2)
    shot = shoot(site, seconds=15, url=site.url + "/slow-image-and-mark", wait_for="#x")
    assert colour(shot) == RED


class TestFreeze:
    """Animations stand at their end, so that pictures are the same each time."""

    def test_css_animations(self, site: Site) -> None:
        moving = shoot(site, url=site.url + "/moves")
        assert colour(moving) != GREEN
        frozen = shoot(site, url=site.url + "/moves", freeze_animations=True)
        assert colour(frozen) == GREEN
        # The end of a round that is followed by another.
        assert all(abs(a - b) < 3 for a, b in zip(colour(frozen, 65), GREEN, strict=True))

    def test_pictures_are_the_same(self, site: Site) -> None:
        taken = [
            shoot(
                site, url=site.url + "/moves", freeze_animations=True, delay_seconds=delay
            ).picture.data
            for delay in (0, 0.6)
        ]
        assert taken[0] == taken[1]

    def test_transitions(self, site: Site) -> None:
        asked: dict[str, Any] = {"url": site.url + "/transition", "wait_for": "400"}
        assert colour(shoot(site, **asked)) != GREEN
        assert colour(shoot(site, **asked, freeze_animations=True)) == GREEN

    def test_a_gif_shows_its_first_frame(self, site: Site) -> None:
        for delay in (0.0, 0.1):
            shot = shoot(site, url=site.url + "/gif", freeze_animations=True, delay_seconds=delay)
            assert colour(shot) == GREEN
        assert pixels(shot).getpixel((60, 60)) == (255, 255, 255)
