"""Devices: what a page sees of them, and what of it is in the picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from creative import capture
from creative.capture import devices, frame
from creative.capture.request import ScreenshotRequest
from creative.errors import InvalidInput
from tests.test_capture_frame import BLUE, HEAD, RED, WHITE, box, seen, shoot


@pytest.fixture(scope="module", autouse=True)
def _no_browser_stays() -> Iterator[None]:
    yield
    capture.close()


class TestDevices:
    PAGE = (
        "<!doctype html>{meta}<title>x</title><style>html,body{{margin:0;background:#fff}}"
        "@media (max-width:500px){{#b{{background:rgb(12,140,250)}}}}"
        "@media (min-width:501px){{#b{{background:rgb(250,20,20)}}}}</style>"
        "<div id=b style='height:100px'></div><script>document.title = [innerWidth, innerHeight,"
        "devicePixelRatio, 'ontouchstart' in window, matchMedia('(pointer:coarse)').matches,"
        "screen.width, navigator.userAgent.match(/iPhone|Android|Linux x86/)].join()</script>"
    )
    OWN_WIDTH = "<meta name=viewport content='width=device-width,initial-scale=1'>"

    @pytest.mark.browser
    @pytest.mark.skipif(capture.find_browser() is None, reason="no Chromium on this machine")
    @pytest.mark.parametrize(
        ("asked", "size", "title", "colour"),
        [
            ({"device": "iPhone 15 Pro"}, (1179, 2556), "393,852,3,true,true,393,iPhone", BLUE),
            (
                {"device": "iphone-15-PRO", "landscape": True},
                (2556, 1179),
                "852,393,3,true,true,852,iPhone",
                RED,
            ),
            ({"device": "pixel 7"}, (1082, 2402), "412,915,2.625,true,true,412,Android", BLUE),
            (
                {"device": "Galaxy S24", "scale": 1, "touch": False},
                (360, 780),
                "360,780,1,false,false,360,Android",
                BLUE,
            ),
            (
                {"device": "laptop"},
                (1366, 768),
                "1366,768,1,false,false,1366,Linux x86",
                RED,
            ),
        ],
    )
    def test_what_the_page_sees(
        self, asked: dict[str, Any], size: tuple[int, int], title: str, colour: object
    ) -> None:
        shot = shoot(self.PAGE.format(meta=self.OWN_WIDTH), **asked)
        image = seen(shot.picture)
        assert image.size == size
        assert shot.title == title
        assert image.getpixel((5, 20)) == colour

    @pytest.mark.browser
    @pytest.mark.skipif(capture.find_browser() is None, reason="no Chromium on this machine")
    @pytest.mark.parametrize("full", [False, True])
    def test_a_page_without_meta_viewport_is_made_to_fit(self, full: bool) -> None:
        page = HEAD + "</style>" + box(490, 0, 490, 980) + box(0, 2930, 980, 10, "rgb(250,20,20)")
        shot = shoot(page, device="iPhone 15", full_page=full, format="png")
        image = seen(shot.picture)
        assert image.size == (1179, 3537 if full else 2556)
        # Laid out 980 wide, so that 490 is the middle.
        assert (image.getpixel((580, 20)), image.getpixel((600, 1170))) == (WHITE, BLUE)
        assert image.getpixel((1170, 20)) == BLUE
        if full:
            assert image.getpixel((20, 3531)) == RED

    def test_the_table(self) -> None:
        table = devices.table()
        assert len(table.devices) >= 30
        for name, device in table.devices.items():
            assert devices.find(name.upper().replace(" ", "_"))[0] == device
            assert device.width * device.height * device.scale**2 <= frame.MAX_PIXELS

    def test_the_closest_is_suggested(self) -> None:
        with pytest.raises(InvalidInput, match=r"The closest: .*iPhone 15 Pro") as caught:
            ScreenshotRequest(html="x", device="iphon 15 pro")
        assert caught.value.message.startswith("device: got 'iphon 15 pro'")
