"""Headers, cookies, passwords, proxies: they open the page's own doors and are seen nowhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from creative import capture
from creative.capture import ScreenshotRequest, failures
from creative.capture.access import Doors, commands
from creative.capture.fields import MAX_BYTES
from creative.deadline import Deadline
from creative.errors import BlockedAddress, CreativeError, EngineRejected, InvalidInput, TooLarge
from creative.settings import Settings
from creative.steps import Steps
from tests.captures import SMALL, needs_browser, shoot
from tests.pages import Site

SECRET = "hunter2-do-not-show"
"""In every secret value of these tests."""


class Log:
    """A site that keeps the headers of each request."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.heard: dict[str, dict[str, str]] = {}

    def serve(self, path: str, body: str = "<title>ok</title>", **more: Any) -> None:
        status, extra = more.get("status", 200), more.get("headers", {})

        def answer(handler: BaseHTTPRequestHandler) -> None:
            self.heard[path] = {name.lower(): value for name, value in handler.headers.items()}
            data = body.encode()
            handler.send_response(status)
            kind = {"Content-Type": "text/html", "Access-Control-Allow-Origin": "*"}
            for name, value in {**kind, **extra}.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)

        self.site.pages[path] = answer

    def protect(self, path: str, pair: str) -> None:
        """A page that asks for a user and password."""
        expected = "Basic " + base64.b64encode(pair.encode()).decode()

        def answer(handler: BaseHTTPRequestHandler) -> None:
            fits = handler.headers.get("Authorization") == expected
            data = b"<title>inside</title>" if fits else b"<title>outside</title>"
            handler.send_response(200 if fits else 401)
            if not fits:
                handler.send_header("WWW-Authenticate", 'Basic realm="door"')
            handler.send_header("Content-Type", "text/html")
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)

        self.site.pages[path] = answer


@pytest.fixture(scope="module")
def logs() -> Iterator[tuple[Log, Log]]:
    with Site() as made, Site() as other:
        yield Log(made), Log(other)
    capture.close()


@pytest.fixture
def own(logs: tuple[Log, Log]) -> Log:
    logs[0].heard.clear()
    return logs[0]


@pytest.fixture
def foreign(logs: tuple[Log, Log]) -> Log:
    logs[1].heard.clear()
    return logs[1]


class TestHeaders:
    pytestmark = needs_browser

    def test_for_the_own_origin_only(self, own: Log, foreign: Log) -> None:
        other = foreign.site.url
        own.serve("/style.css", "")
        foreign.serve("/style.css", "")
        foreign.serve("/frame")
        foreign.serve("/data")
        own.serve(
            "/page",
            f"<title>ok</title><link rel=stylesheet href=/style.css>"
            f"<link rel=stylesheet href={other}/style.css><iframe src={other}/frame></iframe>"
            f"<script>fetch('{other}/data').catch(() => 0)</script>",
        )
        asked: dict[str, Any] = {"headers": (("X-Token", SECRET), ("accept-language", "eo"))}
        shoot(own.site, foreign.site, url=own.site.url + "/page", wait_for="networkidle", **asked)
        assert own.heard["/page"]["x-token"] == SECRET
        assert own.heard["/page"]["accept-language"] == "eo"
        assert own.heard["/style.css"]["x-token"] == SECRET
        assert set(foreign.heard) == {"/style.css", "/frame", "/data"}
        assert SECRET not in str(foreign.heard)

    def test_not_after_a_redirect_to_another_origin(self, own: Log, foreign: Log) -> None:
        own.serve("/away", status=302, headers={"Location": foreign.site.url + "/there"})
        foreign.serve("/there")
        shot = shoot(
            own.site,
            foreign.site,
            url=own.site.url + "/away",
            headers=(("Authorization", "Bearer " + SECRET),),
            basic_auth=f"user:{SECRET}",
            cookies=(("session", SECRET),),
        )
        assert shot.final_url == foreign.site.url + "/there"
        assert SECRET in own.heard["/away"]["authorization"]
        heard = foreign.heard["/there"]
        assert SECRET not in str({**heard, "cookie": ""})  # cookies know no ports: RFC 6265, 8.5

    def test_not_when_another_origin_sends_back(self, own: Log, foreign: Log) -> None:
        own.serve("/start", f"<title>ok</title><img src={foreign.site.url}/bounce>")
        foreign.serve("/bounce", status=302, headers={"Location": own.site.url + "/inner"})
        own.serve("/inner")
        shoot(
            own.site,
            foreign.site,
            url=own.site.url + "/start",
            headers=(("X-Token", SECRET),),
        )
        assert own.heard["/start"]["x-token"] == SECRET
        assert "x-token" not in own.heard["/inner"]

    def test_a_call_leaves_nothing_to_the_next(self, own: Log) -> None:
        own.serve("/plain")
        asked: dict[str, Any] = {"headers": (("X-Token", SECRET),), "cookies": (("a", SECRET),)}
        shoot(own.site, url=own.site.url + "/plain", **asked, user_agent="Robot/1")
        assert SECRET in own.heard["/plain"]["cookie"]
        assert own.heard["/plain"]["user-agent"] == "Robot/1"
        shoot(own.site, url=own.site.url + "/plain")
        assert SECRET not in str(own.heard)
        assert "Robot" not in str(own.heard)


class TestDoors:
    pytestmark = needs_browser

    def test_cookies(self, own: Log) -> None:
        own.serve("/cookies", "<title>-</title><script>document.title = document.cookie</script>")
        cookies = (("a", "1"), ("b", "x=y z"))
        shot = shoot(own.site, url=own.site.url + "/cookies", cookies=cookies)
        assert own.heard["/cookies"]["cookie"] == "a=1; b=x=y z"
        assert shot.title == "a=1; b=x=y z"

    def test_user_and_password(self, own: Log) -> None:
        own.protect("/door", f"ann:{SECRET}:x")
        address = own.site.url + "/door"
        assert shoot(own.site, url=address, basic_auth=f"ann:{SECRET}:x").title == "inside"
        for wrong in ("", f"ann:{SECRET}"):
            with pytest.raises(EngineRejected, match="401") as caught:
                shoot(own.site, url=address, basic_auth=wrong)
            assert SECRET not in str(caught.value)

    def test_a_foreign_door_stays_shut(self, own: Log, foreign: Log) -> None:
        foreign.protect("/door", f"ann:{SECRET}")
        source = f"<title>ok</title><iframe src={foreign.site.url}/door></iframe>"
        own.serve("/asks", source)
        shot = shoot(own.site, foreign.site, url=own.site.url + "/asks", basic_auth=f"ann:{SECRET}")
        assert shot.title == "ok"
        assert foreign.site.seen.count("/door") == 1

    def test_an_answer_that_is_no_success(self, own: Log) -> None:
        own.serve("/teapot", "<title>short and stout</title>", status=418)
        address = own.site.url + "/teapot"
        with pytest.raises(EngineRejected, match="418"):
            shoot(own.site, url=address)
        for limit in (0, 419, 500):
            shot = shoot(own.site, url=address, fail_on_status=limit)
            assert (shot.status, shot.title) == (418, "short and stout")
        own.serve("/fine")
        with pytest.raises(EngineRejected, match="200"):
            shoot(own.site, url=own.site.url + "/fine", fail_on_status=200)

    def test_user_agent(self, own: Log) -> None:
        own.serve("/agent", "<title>-</title><script>document.title = navigator.userAgent</script>")
        shot = shoot(own.site, url=own.site.url + "/agent", user_agent="Mozilla/5.0 (Robot)")
        assert shot.title == own.heard["/agent"]["user-agent"] == "Mozilla/5.0 (Robot)"


class Proxy:
    """An HTTP proxy that answers everything itself, and wants a user and password."""

    def __init__(self, log: Log, pair: str = "") -> None:
        self.asked: list[str] = []
        self.log = log
        expected = "Basic " + base64.b64encode(pair.encode()).decode()

        def answer(handler: BaseHTTPRequestHandler) -> None:
            if pair and handler.headers.get("Proxy-Authorization") != expected:
                handler.send_response(407)
                handler.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                return
            self.asked.append(handler.path)
            data = b"<title>through the proxy</title>"
            handler.send_response(200)
            handler.send_header("Content-Type", "text/html")
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)

        self.answer = answer


class TestProxy:
    pytestmark = needs_browser

    def test_with_a_login(self, own: Log) -> None:
        proxy = Proxy(own, f"ann:{SECRET}")
        own.site.pages["http://example.com/hello"] = proxy.answer
        shot = shoot(
            own.site,
            url="http://example.com/hello",
            proxy=f"http://ann:{SECRET}@{own.site.name}",
        )
        assert shot.title == "through the proxy"
        assert proxy.asked == ["http://example.com/hello"]
        assert SECRET not in repr(shot)

    def test_a_private_one_is_refused(self) -> None:
        with pytest.raises(BlockedAddress) as caught:
            shoot(url="http://example.com/", proxy=f"http://ann:{SECRET}@127.0.0.1:3128")
        assert SECRET not in str(caught.value)

    def test_private_addresses_are_refused_behind_it(self, own: Log) -> None:
        with pytest.raises(BlockedAddress):
            shoot(own.site, url="http://10.1.2.3/", proxy=f"http://{own.site.name}")


NEVER = [
    {"headers": (("X-Token", SECRET),)},
    {"cookies": (("session", SECRET),)},
    {"basic_auth": f"ann:{SECRET}"},
    {"proxy": f"http://ann:{SECRET}@proxy.example:3128"},
]


@pytest.mark.parametrize("asked", NEVER)
def test_a_request_does_not_show_its_secrets(asked: dict[str, Any]) -> None:
    request = ScreenshotRequest(url="http://example.com/", **asked)
    assert SECRET not in repr(request)
    assert SECRET not in str(request)


class TestSecrets:
    pytestmark = needs_browser

    def test_in_no_result_step_or_error(self, own: Log) -> None:
        own.serve("/secrets", "<title>ok</title><img src=/missing.png><script>x.y</script>")
        steps = Steps()
        request = ScreenshotRequest(
            url=own.site.url + "/secrets",
            headers=(("X-Token", SECRET),),
            cookies=(("session", SECRET),),
            basic_auth=f"ann:{SECRET}",
            **SMALL,
        )
        settings = Settings(allowed_private_hosts=(own.site.name,))
        shot = capture.screenshot(request, settings, Deadline(30), steps)
        assert SECRET not in shot.model_dump_json(exclude={"pictures"})
        assert SECRET not in repr(shot)
        assert SECRET not in repr(vars(steps))
        gone = request.model_copy(update={"url": own.site.url + "/gone"})
        with pytest.raises(CreativeError) as caught:
            capture.screenshot(gone, settings, Deadline(30), steps)
        assert SECRET not in str(caught.value)
        assert SECRET not in repr(vars(steps))


WRONG = [
    {"headers": (("Host", "other.example"),)},
    {"headers": (("content-length", "5"),)},
    {"headers": (("Cookie", "a=b"),)},
    {"headers": (("Sec-Fetch-Site", "same-origin"),)},
    {"headers": (("Proxy-Authorization", SECRET),)},
    {"headers": (("X-Token", f"{SECRET}\r\nHost: other.example"),)},
    {"headers": (("X-Token", f"{SECRET}\n"),)},
    {"headers": (("X Token", SECRET),)},
    {"headers": (("", SECRET),)},
    {"headers": (("X-Token:", SECRET),)},
    {"headers": (("X-Token", SECRET + "日本"),)},
    {"cookies": (("a", f"{SECRET}; Domain=example.org"),)},
    {"cookies": (("a b", SECRET),)},
    {"cookies": (("", SECRET),)},
    {"cookies": (("a", f"{SECRET}\r\n"),)},
    {"basic_auth": SECRET},
    {"basic_auth": f":{SECRET}"},
    {"basic_auth": f"ann:{SECRET}\r\n"},
    {"user_agent": "Robot\r\nHost: x"},
    {"user_agent": "R" * 1001},
    {"proxy": f"socks5://ann:{SECRET}@proxy.example:1080"},
]


@pytest.mark.parametrize("asked", WRONG)
def test_what_cannot_be_sent(asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(asked))) as caught:
        ScreenshotRequest(url="http://example.com/", **asked)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["headers", "cookies"])
def test_what_is_too_long(name: str) -> None:
    asked: dict[str, Any] = {name: (("a", "x" * MAX_BYTES),)}
    with pytest.raises(TooLarge, match=name):
        ScreenshotRequest(url="http://example.com/", **asked)


ORIGINS = [
    ("https://example.com/page", "https://example.com/other", True),
    ("https://example.com/page", "https://EXAMPLE.com:443/", True),
    ("https://example.com./page", "https://example.com/", True),
    ("https://example.com/page", "http://example.com/", False),
    ("https://example.com/page", "https://example.com:8443/", False),
    ("https://example.com/page", "https://sub.example.com/", False),
    ("https://example.com/page", "https://example.com.evil.example/", False),
    ("https://example.com/page", "https://example.com@evil.example/", False),
    ("http://0x7f.1/", "http://127.0.0.1/", True),
    ("https://example.com/page", "data:text/html,x", False),
    ("https://example.com/page", "http://[::1/", False),
]


@pytest.mark.parametrize(("page", "url", "own"), ORIGINS)
def test_what_is_the_own_origin(page: str, url: str, own: bool) -> None:
    doors = Doors(ScreenshotRequest(url=page, headers=(("X-A", "b"),), basic_auth="u:p"))
    assert (doors.headers(url) == {"X-A": "b"}) is own
    assert (doors.login(url, False, "realm") == ("u", "p")) is own
    assert doors.login(url, True, "realm") is None


def test_a_source_has_no_origin() -> None:
    doors = Doors(ScreenshotRequest(html="<p>", headers=(("X-A", "b"),), basic_auth="u:p"))
    assert doors.headers("http://page.invalid/") == {}
    assert doors.login("http://page.invalid/", False, "") is None


def test_a_proxys_password_as_it_was_meant() -> None:
    asked = ScreenshotRequest(url="http://a.example", proxy="http://us%40er:p%3Ass@proxy.example")
    assert Doors(asked).login("http://proxy.example", True, "") == ("us@er", "p:ss")


def test_cookies_of_a_secure_page_are_secure() -> None:
    for scheme, secure in (("http", False), ("https", True)):
        asked = ScreenshotRequest(url=f"{scheme}://example.com/a", cookies=(("a", "b"),))
        ((method, params),) = commands(asked)
        assert method == "Network.setCookies"
        assert params["cookies"][0]["secure"] is secure


def test_a_silent_proxy_is_what_has_to_be_checked() -> None:
    silent = failures.unreachable("http://a.example/", "net::ERR_PROXY_CONNECTION_FAILED", False)
    assert silent.hint.startswith("Check the proxy (proxy, or HTTP_PROXY")
    refused = failures.unreachable("http://a.example/", "net::ERR_CONNECTION_REFUSED", False)
    assert refused.hint.startswith("Check the address,")
