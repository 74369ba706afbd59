"""Screenshots by an HTTP service: what is asked, and what its answers become.

Never run against the real services: their documentation is the source of what is expected.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from creative import capture
from creative.capture import chromium
from creative.capture.cache import Cache
from creative.capture.request import Screenshot, ScreenshotRequest
from creative.capture.services import screenshotmachine, screenshotone
from creative.capture.services.base import NotOffered
from creative.capture.services.exchange import alike, sizes
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    BlockedAddress,
    CreativeError,
    EngineRejected,
    EngineUnavailable,
    InvalidInput,
    NotConfigured,
)
from creative.settings import Settings
from creative.steps import Steps
from tests.pages import closed_port
from tests.pictures import opened, photo, saved
from tests.servers import Server, answer

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


class Scripted:
    """A service that remembers what it was asked."""

    def __init__(self, body: bytes | str, content_type: str = "image/png", status: int = 200,
                 **headers: str) -> None:  # fmt: skip
        self.asked: list[dict[str, list[str]]] = []
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []

        def serve(request: BaseHTTPRequestHandler) -> None:
            parts = urlsplit(request.path)
            self.paths.append(parts.path)
            self.asked.append(parse_qs(parts.query))
            if request.command == "POST":
                sent = request.rfile.read(int(request.headers["Content-Length"]))
                self.bodies.append(json.loads(sent))
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            answer(request, body, status, content_type, **named)

        self.server = Server(serve)

    def __enter__(self) -> Scripted:
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__()


def shoot(
    service: str, where: str, secret: str = "", key: str = KEY, url: str = URL, **values: Any
) -> Screenshot:
    settings = Settings(
        screenshot_service=service,
        screenshot_service_url=where,
        screenshot_service_key=key,
        screenshot_service_secret=secret,
        allowed_private_hosts=("10.0.0.1",),
    )
    request = ScreenshotRequest(**{"url": url, **DEFAULTS, "engine": service, **values})
    return capture.screenshot(request, settings, Deadline(20), Steps())


def png(width: int, height: int) -> bytes:
    return saved(photo(width, height))


class TestExchange:
    def test_screenshotmachine(self) -> None:
        picture = png(200, 100)
        with Scripted(picture) as service:
            shot = shoot("screenshotmachine", service.server.url + "/", SECRET)
        assert shot.picture.data == picture
        assert (shot.picture.width, shot.picture.height) == (200, 100)
        assert shot.picture.filename == "93.184.216.34_200x100.png"
        assert shot.engine == "screenshotmachine"
        assert any("does not tell the page's HTTP status" in note for note in shot.notes)
        (asked,) = service.asked
        sent = asked["url"][0]
        assert asked["key"] == [KEY]
        expected = hashlib.md5((sent + SECRET).encode(), usedforsecurity=False).hexdigest()
        assert asked["hash"] == [expected]

    def test_screenshotone_by_post(self) -> None:
        with Scripted(png(200, 100), x_screenshotone_http_response_status_code="203") as service:
            shot = shoot("screenshotone", service.server.url, hide=("p",), delay_seconds=2)
        assert shot.status == 203
        assert shot.notes == ()
        assert service.paths == ["/take"]
        assert service.asked == [{}]
        (body,) = service.bodies
        assert body["access_key"] == KEY
        assert body["hide_selectors"] == ["p"]
        assert (body["viewport_width"], body["delay"]) == (200, 2)
        assert body["metadata_http_response_status_code"] is True

    def test_screenshotone_signed(self) -> None:
        with Scripted(png(200, 100)) as service:
            shoot("screenshotone", service.server.url + "/take", SECRET)
            (path,) = service.server.requests
        query, _, signature = path.partition("?")[2].partition("&signature=")
        signed = hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
        assert path.startswith("GET /take?")
        assert signature == signed
        with pytest.raises(InvalidInput, match=r"^html: .*8000"):
            shoot("screenshotone", service.server.url, SECRET, url="", html="<p>" * 5000)

    def test_a_larger_picture_is_brought_to_size(self) -> None:
        with Scripted(png(400, 200)) as service:
            shot = shoot("screenshotmachine", service.server.url)
        assert (shot.picture.width, shot.picture.height) == (200, 100)
        assert opened(shot.picture.data).size == (200, 100)
        assert any("gave 400x200 pixels" in note for note in shot.notes)

    def test_the_wrong_shape_is_no_picture_of_it(self) -> None:
        with (
            Scripted(png(120, 90)) as service,
            pytest.raises(AnswerInvalid, match="120x90 pixels instead of 200x100"),
        ):
            shoot("screenshotmachine", service.server.url)

    def test_another_format_is_brought_to_the_asked_one(self) -> None:
        with Scripted(saved(photo(200, 100), "JPEG"), "image/jpeg") as service:
            shot = shoot("screenshotone", service.server.url, format="webp")
        assert shot.picture.media_type == "image/webp"
        assert opened(shot.picture.data).format == "WEBP"
        assert shot.picture.filename.endswith(".webp")

    def test_resized(self) -> None:
        with Scripted(png(200, 100)) as service:
            shot = shoot("screenshotone", service.server.url, resize_width=80)
        assert opened(shot.picture.data).size == (80, 40)

    def test_a_pdf(self) -> None:
        data = b"%PDF-1.4\n1 0 obj <</MediaBox [0 0 595.32 841.92]>>"
        with Scripted(data, "application/pdf") as service:
            shot = shoot("screenshotone", service.server.url, format="pdf")
        assert shot.picture.data == data
        assert (shot.picture.width, shot.picture.height) == (595, 842)
        with (
            Scripted("<html>", "text/html") as service,
            pytest.raises(AnswerInvalid, match="no PDF"),
        ):
            shoot("screenshotone", service.server.url, format="pdf")

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ("invalid_hash", "screenshot_service_secret is wrong"),
            ("no_credits", "has none left"),
            ("something_new", "something_new"),
        ],
    )
    def test_an_error_picture(self, said: str, expected: str) -> None:
        # The service answers 200 with a picture that shows the error.
        with (
            Scripted(png(200, 100), X_Screenshotmachine_Response=said) as service,
            pytest.raises(EngineRejected, match=expected),
        ):
            shoot("screenshotmachine", service.server.url)

    def test_an_error_as_json(self) -> None:
        told = {
            "is_successful": False,
            "error_code": "access_key_invalid",
            "error_message": f"The access_key {KEY} is not correct.",
            "error_details": [{"message": "too bad"}],
        }
        with (
            Scripted(json.dumps(told), "application/json", 400) as service,
            pytest.raises(EngineRejected, match="answered 400: The access_key") as caught,
        ):
            shoot("screenshotone", service.server.url)
        assert KEY not in str(caught.value)
        assert "too bad" in str(caught.value)
        assert len(service.bodies) == 1

    def test_json_with_a_good_status_is_no_picture(self) -> None:
        with (
            Scripted('{"error_message": "later"}', "application/json") as service,
            pytest.raises(EngineRejected, match="later"),
        ):
            shoot("screenshotone", service.server.url)

    @pytest.mark.parametrize("kind", ["screenshotmachine", "screenshotone"])
    @pytest.mark.parametrize("body", [b"", b"<html>Welcome", b"\x89PNG\r\n\x1a\n cut"])
    def test_no_picture(self, kind: str, body: bytes) -> None:
        with Scripted(body, "text/html") as service, pytest.raises(AnswerInvalid):
            shoot(kind, service.server.url)

    def test_the_page_answered_an_error(self) -> None:
        headers = {"x_screenshotone_http_response_status_code": "404"}
        with Scripted(png(200, 100), **headers) as service:
            with pytest.raises(EngineRejected, match="answered 404"):
                shoot("screenshotone", service.server.url)
            assert shoot("screenshotone", service.server.url, fail_on_status=0).status == 404

    @pytest.mark.parametrize("kind", ["screenshotmachine", "screenshotone"])
    def test_a_post_is_sent_once_and_nothing_secret_is_shown(self, kind: str) -> None:
        with (
            Scripted("busy", "text/plain", 503) as service,
            pytest.raises(EngineRejected, match="503: busy") as caught,
        ):
            shoot(kind, service.server.url)
        assert KEY not in str(caught.value)
        assert len(service.paths) == (1 if kind == "screenshotone" else 3)

    @pytest.mark.parametrize("secret", ["", SECRET])
    @pytest.mark.parametrize("kind", ["screenshotmachine", "screenshotone"])
    def test_nobody_there(self, kind: str, secret: str) -> None:
        with pytest.raises(EngineUnavailable) as caught:
            shoot(kind, f"http://127.0.0.1:{closed_port()}/take", secret)
        assert KEY not in str(caught.value)
        assert "hash=" not in str(caught.value)

    @pytest.mark.parametrize(
        "url", ["http://10.0.0.1/", "http://127.0.0.1/", "http://169.254.169.254/", "file:///etc"]
    )
    def test_addresses_pass_the_guard_first_and_no_private_one_leaves(self, url: str) -> None:
        with Scripted(png(200, 100)) as service:
            with pytest.raises((BlockedAddress, InvalidInput)):
                shoot("screenshotone", service.server.url, url=url)
            assert service.paths == []

    def test_no_key(self) -> None:
        with pytest.raises(NotConfigured, match="screenshot_service_key"):
            shoot("screenshotone", "http://127.0.0.1:1", key="")

    @pytest.mark.parametrize("address", ["ftp://h", "not an address", "http://[::1"])
    def test_no_address(self, address: str) -> None:
        with pytest.raises(CreativeError, match="screenshot_service_url"):
            shoot("screenshotone", address)


class TestChoice:
    """Who takes the picture, and what the cache makes of it."""

    @pytest.fixture(autouse=True)
    def _no_browser(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(capture, "find_browser", lambda: None)
        monkeypatch.setattr(capture, "_cache", Cache(tmp_path / "cache"))

    def test_the_service_where_there_is_no_browser(self) -> None:
        with Scripted(png(200, 100)) as service:
            shot = shoot("screenshotone", service.server.url, engine="")
        assert shot.engine == "screenshotone"
        assert "there is no browser here" in shot.notes[0]

    def test_no_service_either_names_both_ways(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STUDIO_CHROMIUM", "")
        monkeypatch.setenv("CHROME_PATH", "")
        monkeypatch.setattr(chromium, "find_browser", lambda: None)
        with pytest.raises(EngineUnavailable) as caught:
            capture.screenshot(ScreenshotRequest(url=URL), Settings(), Deadline(5), Steps())
        for way in ("apt install chromium", "'browser_url'", "'screenshot_service'"):
            assert way in caught.value.hint

    @pytest.mark.parametrize("configured", ["", "screenshotmachine"])
    def test_a_service_that_is_not_set_up_gets_no_other_ones_key(self, configured: str) -> None:
        with Scripted(png(200, 100)) as service:
            with pytest.raises(NotConfigured, match="screenshot_service"):
                shoot(configured, service.server.url, engine="screenshotone")
            assert service.paths == []

    def test_an_earlier_picture_is_as_good_if_the_call_says_so(self) -> None:
        with Scripted(png(200, 100)) as service:

            def call(seconds: float, **values: Any) -> Screenshot:
                where = service.server.url
                return shoot("screenshotone", where, cache_seconds=seconds, **values)

            first, second = call(60), call(60)
            assert (first.cached, second.cached) == (False, True)
            assert second.picture == first.picture
            assert len(service.paths) == 1
            assert not call(0).cached
            assert not call(60, url=URL + "2").cached
            assert not call(60, key="another-key").cached
            assert len(service.paths) == 4
            with pytest.raises(BlockedAddress):
                call(60, url="http://10.0.0.1/")

    def test_a_failure_is_not_kept(self) -> None:
        with (
            Scripted('{"error_message": "busy"}', "application/json", 500) as service,
            pytest.raises(EngineRejected),
        ):
            shoot("screenshotone", service.server.url, cache_seconds=60)
        assert list(capture._cache.shelf.home().glob("*.shot")) == []
