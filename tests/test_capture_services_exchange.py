"""Screenshots by an HTTP service: the exchange with it, and who is asked at all.

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
DEFAULTS = {"width": 200, "height": 100}


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
        headers: Any = {"x_screenshotone_http_response_status_code": "404"}
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
            with pytest.raises((BlockedAddress, InvalidInput)) as caught:
                shoot("screenshotone", service.server.url, url=url)
            # One of them is allowed here, which is of no use to a service.
            assert "allowed_private_hosts" not in str(caught.value)
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
            said = f"needs the setting 'screenshot_service', which is {configured or 'empty'}"
            with pytest.raises(NotConfigured, match=said):
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
