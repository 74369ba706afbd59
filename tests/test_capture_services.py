"""Screenshots by an HTTP service: what it is asked, and which sizes its answers may have.

Never run against the real services: their documentation is the source of what is expected.
"""

from __future__ import annotations

from typing import Any

import pytest

from creative.capture.request import ScreenshotRequest
from creative.capture.services import screenshotmachine, screenshotone
from creative.capture.services.base import NotOffered
from creative.capture.services.exchange import alike, sizes
from creative.errors import (
    InvalidInput,
)

KEY, SECRET = "key-of-ann-4711", "phrase-of-ann"
# An address by number, so that no name is resolved; nobody connects to it.
URL = "http://93.184.216.34/page?a=1&b=ü"
CHECKED = "http://93.184.216.34/page?a=1&b=ü"
DEFAULTS = {"width": 200, "height": 100}


def machine(**values: Any) -> dict[str, str]:
    request = ScreenshotRequest(**{"url": URL, **DEFAULTS, **values})
    return dict(screenshotmachine.query(request, "" if request.html else CHECKED))


def one(seconds: float = 60, **values: Any) -> list[tuple[str, str]]:
    request = ScreenshotRequest(**{**({} if "html" in values else {"url": URL}), **values})
    return screenshotone.query(request, "" if request.html else CHECKED, seconds)


class TestScreenshotmachine:
    def test_the_plain_one(self) -> None:
        assert machine() == {
            "url": CHECKED,
            "dimension": "200x100",
            "device": "desktop",
            "format": "png",
            "cacheLimit": "0",
            "delay": "0",
        }

    @pytest.mark.parametrize(
        ("given", "name", "expected"),
        [
            ({"full_page": True}, "dimension", "200xfull"),
            ({"scale": 2}, "zoom", "200"),
            ({"scale": 1.5}, "zoom", "150"),
            ({"device": "iPhone 11", "scale": 1}, "device", "phone"),
            ({"device": "iPhone 11"}, "dimension", "414x896"),
            ({"device": "iPhone 11", "landscape": True}, "dimension", "896x414"),
            ({"device": "iPhone 11"}, "zoom", "200"),
            ({"mobile": True}, "device", "phone"),
            ({"format": "jpeg"}, "format", "jpg"),
            ({"delay_seconds": 0.5}, "delay", "600"),
            ({"delay_seconds": 1.2, "wait_for": "500"}, "delay", "2000"),
            ({"wait_for": "700"}, "delay", "800"),
            ({"hide": (".a", "#b")}, "hide", ".a,#b"),
            ({"selector": "main > p"}, "selector", "main > p"),
            ({"clip": (1, 2, 30, 40)}, "crop", "1,2,30,40"),
            ({"cookies": (("a", "1"), ("b", "2"))}, "cookies", "a=1;b=2"),
            ({"language": "pt-BR"}, "accept-language", "pt-BR"),
            ({"user_agent": "Me/1"}, "user-agent", "Me/1"),
        ],
    )
    def test_a_wish(self, given: dict[str, Any], name: str, expected: str) -> None:
        assert machine(**given)[name] == expected

    @pytest.mark.parametrize(
        ("given", "name"),
        [
            ({"url": "", "html": "<p>"}, "html"),
            ({"format": "webp"}, "format"),
            ({"format": "pdf"}, "format"),
            ({"quality": 50, "format": "jpeg"}, "quality"),
            ({"touch": True}, "touch"),
            ({"wait_for": "networkidle"}, "wait_for"),
            ({"wait_for": "#ready"}, "wait_for"),
            ({"dark_mode": True}, "dark_mode"),
            ({"headers": (("X-A", "hush"),)}, "headers"),
            ({"basic_auth": "ann:hush"}, "basic_auth"),
            ({"css": "p {}"}, "css"),
            ({"selector": "p", "padding": 4}, "padding"),
            ({"selector": "p", "every_match": True}, "every_match"),
            ({"block_ads": True}, "block_ads"),
            ({"transparent": True}, "transparent"),
        ],
    )
    def test_a_wish_that_it_cannot_fulfil(self, given: dict[str, Any], name: str) -> None:
        with pytest.raises(NotOffered, match=rf"^{name}: screenshotmachine") as caught:
            machine(**given)
        assert "engine to browser" in caught.value.hint
        assert "hush" not in str(caught.value)

    @pytest.mark.parametrize(
        ("given", "name"),
        [
            ({"width": 2000}, "width"),
            ({"width": 99}, "width"),
            ({"height": 50}, "height"),
            ({"scale": 0.5}, "scale"),
            ({"delay_seconds": 11}, "delay_seconds"),
        ],
    )
    def test_a_value_that_it_does_not_take(self, given: dict[str, Any], name: str) -> None:
        with pytest.raises(InvalidInput, match=rf"^{name}: .*with screenshotmachine"):
            machine(**given)


class TestScreenshotOne:
    def test_the_plain_one(self) -> None:
        assert one() == [
            ("url", CHECKED),
            ("viewport_width", "1280"),
            ("viewport_height", "800"),
            ("format", "png"),
            ("timeout", "60"),
            ("metadata_http_response_status_code", "true"),
            ("device_scale_factor", "1"),
            ("wait_until", "load"),
        ]

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"html": "<p>"}, [("html", "<p>")]),
            ({"scale": 2.25}, [("device_scale_factor", "2.25")]),
            (
                {"full_page": True, "max_height": 900},
                [("full_page", "true"), ("full_page_max_height", "900")],
            ),
            ({"selector": "p"}, [("selector", "p"), ("error_on_selector_not_found", "true")]),
            ({"clip": (1, 2, 3, 4)}, [("clip_x", "1"), ("clip_width", "3")]),
            ({"mobile": True, "touch": True}, [("viewport_mobile", "true")]),
            ({"device": "iphone 11"},
             [("viewport_width", "414"), ("viewport_height", "896"), ("device_scale_factor", "2"),
              ("viewport_mobile", "true"), ("viewport_has_touch", "true")]),
            ({"wait_for": "networkidle"}, [("wait_until", "networkidle0")]),
            ({"wait_for": " NetworkIdle "}, [("wait_until", "networkidle0")]),
            ({"wait_for": "1500.5 ms"}, [("delay", "2")]),
            ({"wait_for": "#ready"}, [("wait_for_selector", "#ready")]),
            ({"wait_for": "1500", "delay_seconds": 1}, [("delay", "3")]),
            ({"block_ads": True}, [("block_ads", "true"), ("block_trackers", "true")]),
            ({"block_banners": True}, [("block_cookie_banners", "true")]),
            ({"transparent": True}, [("omit_background", "true")]),
            ({"print_media": True}, [("media_type", "print")]),
            ({"geolocation": (48.858184, -2)}, [("geolocation_longitude", "-2")]),
            ({"hide": (".a", ".b")}, [("hide_selectors", ".a"), ("hide_selectors", ".b")]),
            ({"css": "p{}"}, [("styles", "p{}")]),
            ({"headers": (("X-A", "1"),)}, [("headers", "X-A:1")]),
            ({"cookies": (("a", "1"),)}, [("cookies", "a=1")]),
            ({"basic_auth": "username:password"},
             [("authorization", "Basic dXNlcm5hbWU6cGFzc3dvcmQ=")]),
            ({"fail_on_status": 0}, [("ignore_host_errors", "true")]),
            ({"format": "webp", "quality": 70}, [("format", "webp"), ("image_quality", "70")]),
            (
                {"format": "pdf", "paper": "Letter", "margins": "1cm 2cm", "landscape": True},
                [("pdf_paper_format", "letter"), ("pdf_landscape", "true"),
                 ("pdf_margin_top", "1cm"), ("pdf_margin_left", "2cm"),
                 ("pdf_print_background", "true")],
            ),
        ],
    )  # fmt: skip
    def test_a_wish(self, given: dict[str, Any], expected: list[tuple[str, str]]) -> None:
        asked = one(**given)
        assert [pair for pair in asked if pair in expected] == sorted(expected, key=asked.index)

    @pytest.mark.parametrize(
        ("given", "name"),
        [
            ({"language": "pt-BR"}, "language"),
            ({"selector": "p", "every_match": True}, "every_match"),
            ({"freeze_animations": True}, "freeze_animations"),
            ({"proxy": "socks5://p:1"}, "proxy"),
            ({"format": "pdf", "paper": "100x200mm"}, "paper"),
        ],
    )
    def test_a_wish_that_it_cannot_fulfil(self, given: dict[str, Any], name: str) -> None:
        with pytest.raises(NotOffered, match=rf"^{name}: ScreenshotOne") as caught:
            one(**given)
        assert "hush" not in str(caught.value)

    def test_its_clock_is_ours(self) -> None:
        assert ("timeout", "90") in one(500)
        assert ("timeout", "12") in one(12.7)
        assert ("timeout", "1") in one(0.2)

    def test_values_out_of_range(self) -> None:
        with pytest.raises(InvalidInput, match=r"^scale"):
            one(scale=0.5)
        with pytest.raises(InvalidInput, match=r"^delay_seconds"):
            one(delay_seconds=31)


@pytest.mark.parametrize(
    ("given", "came", "expected", "made"),
    [
        ({}, (200, 100), (200, 100), (200, 100)),
        ({"scale": 2}, (400, 200), (400, 200), (400, 200)),
        ({"full_page": True, "scale": 2}, (200, 700), (400, 1400), (400, 1400)),
        ({"selector": "p"}, (77, 33), (77, 33), (77, 33)),
        ({"clip": (0, 0, 30, 40)}, (30, 40), (30, 40), (30, 40)),
        ({"resize_width": 50}, (200, 100), (200, 100), (50, 25)),
        ({"resize_height": 50}, (200, 100), (200, 100), (100, 50)),
        ({"resize_width": 50, "resize_height": 50}, (200, 100), (200, 100), (50, 50)),
    ],
)
def test_sizes(given: dict[str, Any], came: Any, expected: Any, made: Any) -> None:
    assert sizes(ScreenshotRequest(url=URL, **DEFAULTS, **given), came) == (expected, made)


def test_alike() -> None:
    assert alike((400, 200), (200, 100))
    assert alike((1365, 767), (683, 384))
    assert not alike((200, 120), (200, 100))
    assert not alike((120, 90), (1280, 800))
