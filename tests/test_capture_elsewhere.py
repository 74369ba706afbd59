"""A browser elsewhere: its address, what answers there, and that all works in it as at home."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from creative import capture, connections
from creative.capture import remote
from creative.capture.chromium import find_browser
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    BlockedAddress,
    CreativeError,
    EngineRejected,
    EngineUnavailable,
    InvalidInput,
)
from creative.settings import Settings
from creative.steps import Steps
from tests.captures import far_browser
from tests.pages import Canary, Site, closed_port
from tests.servers import Server, answer

browser = pytest.mark.browser
installed = pytest.mark.skipif(find_browser() is None, reason="no Chromium on this machine")


def shoot(html: str = "<p>hi", seconds: float = 60, **settings: str) -> capture.Screenshot:
    return capture.screenshot(
        capture.ScreenshotRequest(html=html, width=64, height=64),
        Settings.from_credentials(settings),
        Deadline(seconds),
        Steps(),
    )


@pytest.mark.parametrize(
    ("given", "reported", "expected"),
    [
        ("http://h:9222", "ws://127.0.0.1:9222/devtools/browser/1", "ws://h:9222/devtools/browser/1"),
        ("https://h", "ws://localhost:3000/d/1", "wss://h/d/1"),
        ("http://h/front/?token=t", "ws://x/d/1", "ws://h/front/d/1?token=t"),
        ("http://h/front", "ws://h/front/d/1", "ws://h/front/d/1"),
        ("http://h:3000?token=t", "ws://0.0.0.0:3000", "ws://h:3000/?token=t"),
        ("http://h?token=t", "ws://h/d?token=t&x=1", "ws://h/d?token=t&x=1"),
        ("http://u:p@h", "ws://h/d/1", "ws://u:p@h/d/1"),
    ],
)  # fmt: skip
def test_socket_address(given: str, reported: str, expected: str) -> None:
    assert remote.socket_address(given, reported) == expected


class TestCheckBrowser:
    def test_nobody_there(self) -> None:
        with pytest.raises(EngineUnavailable, match="refused"):
            capture.check_browser(f"http://127.0.0.1:{closed_port()}", Deadline(5))
        with pytest.raises(EngineUnavailable, match="no WebSocket"):
            capture.check_browser(f"ws://127.0.0.1:{closed_port()}/?token=hush", Deadline(5))

    @pytest.mark.parametrize("url", ["h:9222", "ftp://h", "http://", "http://h:x"])
    def test_no_address(self, url: str) -> None:
        with pytest.raises(InvalidInput, match="browser_url"):
            capture.check_browser(url, Deadline(5))

    @pytest.mark.parametrize(
        ("body", "error", "said"),
        [
            ("<html>login", AnswerInvalid, "no JSON"),
            ("{}", AnswerInvalid, "neither a browser"),
            ("[]", AnswerInvalid, "neither a browser"),
            ('{"Browser": 1, "webSocketDebuggerUrl": null}', AnswerInvalid, "neither a browser"),
        ],
    )
    def test_no_browser(self, body: str, error: type[Exception], said: str) -> None:
        with (
            Server(lambda request: answer(request, body)) as server,
            pytest.raises(error, match=said),
        ):
            capture.check_browser(server.url, Deadline(5))

    @pytest.mark.parametrize(
        ("status", "error", "said", "authorised"),
        [
            (401, EngineRejected, "answered 401: the token or password .* wrong", False),
            (403, EngineRejected, "answered 403: the token or password .* wrong", False),
            (404, EngineRejected, "no browser is at this path.*host, port and path", None),
            (429, EngineRejected, "all its places are taken", None),
            (500, EngineRejected, "answered 500: it does not say which browser", None),
            (502, EngineUnavailable, "answered 502, so it is starting", None),
        ],
    )
    def test_a_refusal(
        self, status: int, error: type[CreativeError], said: str, authorised: bool | None
    ) -> None:
        with Server(lambda request: answer(request, "no", status=status)) as server:
            for scheme in ("http", "ws"):
                url = server.url.replace("http", scheme) + "/p?token=hush"
                with pytest.raises(error, match=f"(?s){said}") as caught:
                    capture.check_browser(url, Deadline(5))
                assert "hush" not in str(caught.value)
            report = connections.probe(Settings(browser_url=url), Deadline(20), Steps())
        [found] = [one for one in report.connections if one.setting == "browser_url"]
        assert (found.reachable, found.authorised) == (error is EngineRejected, authorised)
        assert set(server.requests) == {"GET /p/json/version?token=hush", "GET /p?token=hush"}

    def test_a_browser_with_a_name_and_a_password(self) -> None:
        # Chrome answers 500 to a name; the user's password goes in a header.
        def chrome(request: BaseHTTPRequestHandler) -> None:
            if not request.headers["Host"].startswith("localhost"):
                answer(request, "Host header is specified and is not an IP", status=500)
            elif request.headers["Authorization"] != "Basic dTpwdw==":
                answer(request, "", status=401)
            else:
                answer(request, '{"Browser": "Chrome/1", "webSocketDebuggerUrl": "ws://x/d"}')

        with Server(chrome) as server:
            url = server.url.replace("//", "//u:pw@")
            assert capture.check_browser(url, Deadline(5)) == "Chrome/1"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """host:port/path of one."""
    # As the guide asks for; without it, see test_capture_process_remote.py.
    with far_browser("--disable-features=IsolateSandboxedIframes") as (port, path):
        yield f"127.0.0.1:{port}{path}"


@browser
@installed
class TestRemote:
    """What works on the local browser works there."""

    def test_by_http_and_by_web_socket(self, endpoint: str) -> None:
        for url in (f"http://{endpoint.partition('/')[0]}/?x=1", f"ws://{endpoint}"):
            assert "Chrome" in capture.check_browser(url, Deadline(30))
            shot = shoot("<title>far</title>", browser_url=url)
            assert (shot.title, shot.picture.width, shot.picture.height) == ("far", 64, 64)
        assert capture._pool.pids == []

    def test_the_guard_holds_there_too(self, endpoint: str) -> None:
        url = f"ws://{endpoint}"
        with Canary() as canary, Site() as site:
            page = f"""<img src='{canary.url}/x'><iframe sandbox=allow-scripts srcdoc="<img
 src='{canary.url}/x'>"></iframe><script>window.open('{canary.url}/w')</script>"""
            shot = shoot(page, browser_url=url, allowed_private_hosts=site.name)
            assert shot.blocked_count >= 2
            site.pages["/hop"] = (302, {"Location": canary.url}, "")
            with pytest.raises(BlockedAddress):
                capture.screenshot(
                    capture.ScreenshotRequest(url=site.url + "/hop"),
                    Settings(browser_url=url, allowed_private_hosts=(site.name,)),
                    Deadline(60),
                    Steps(),
                )
            assert canary.touched == []

    def test_nothing_is_left_open(self, endpoint: str) -> None:
        shoot(browser_url=f"ws://{endpoint}")
        connection = remote.connect(f"ws://{endpoint}", Deadline(30))
        try:
            targets = connection.call("Target.getTargets", deadline=Deadline(30))["targetInfos"]
        finally:
            connection.close()
        assert [t["url"] for t in targets if t["type"] == "page"] == ["about:blank"]
