"""A browser elsewhere that goes away in the middle of the work; and a loop that never stops."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from creative import capture
from creative.capture.cdp import Connection
from creative.capture.chromium import find_browser
from creative.capture.gate import Gate
from creative.capture.guard import Guard
from creative.capture.remote import connect
from creative.deadline import Deadline
from creative.errors import BlockedAddress, CreativeError, DeadlineExceeded, EngineUnavailable
from creative.settings import Settings
from creative.steps import Steps
from tests.captures import far_browser
from tests.pages import Site, never_ends
from tests.processes import wait_until

ROOT = Path(__file__).resolve().parent.parent
installed = pytest.mark.skipif(find_browser() is None, reason="no Chromium on this machine")


class Line:
    """A TCP line to host:port that can be cut, or made to swallow what goes over it."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.muted = threading.Event()
        self.made = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End every connection."""
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                theirs = socket.create_connection(("127.0.0.1", self._to))
                self.made += 1
                self._open += [ours, theirs]
                for one, other in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._pass_on, args=[one, other], daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if not self.muted.is_set():
                    other.sendall(data)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of one as it is installed."""
    with far_browser() as (number, _):
        yield number


def shoot(site: Site, path: str, seconds: float, browser_url: str) -> capture.Screenshot:
    return capture.screenshot(
        capture.ScreenshotRequest(url=site.url + path, width=64, height=64, with_facts=False),
        Settings(browser_url=browser_url, allowed_private_hosts=(site.name,)),
        Deadline(seconds),
        Steps(),
    )


@pytest.mark.browser
@installed
class TestLine:
    def test_cut_while_a_page_loads(self, port: int) -> None:
        with Line(port) as line, Site() as site:
            site.pages["/"] = "<img src=/never.png>"
            site.pages["/never.png"] = never_ends
            site.pages["/ok"] = "<title>ok</title>"
            url = f"http://127.0.0.1:{line.port}/?token=hush"
            caught: list[CreativeError] = []

            def call() -> None:
                try:
                    shoot(site, "/", 90, url)
                except CreativeError as error:
                    caught.append(error)

            thread = threading.Thread(target=call)
            thread.start()
            assert wait_until(lambda: "/never.png" in site.seen, 60)
            began, made = time.monotonic(), line.made
            line.cut()
            thread.join(80)
            assert time.monotonic() - began < 30
            assert isinstance(caught[0], EngineUnavailable)
            assert "connection to it ended" in str(caught[0])
            assert "hush" not in str(caught[0])
            # It is the administrator's browser: nobody starts the page there a second time.
            assert line.made == made
            assert shoot(site, "/ok", 60, url).title == "ok"

    def test_silent_all_at_once(self, port: int) -> None:
        with Line(port) as line, Site() as site:
            site.pages["/"] = lambda handler: line.muted.set()
            began = time.monotonic()
            with pytest.raises(DeadlineExceeded):
                shoot(site, "/", 2, f"http://127.0.0.1:{line.port}")
            # The page cannot be closed any more: that is not waited for long.
            assert time.monotonic() - began < 20


@pytest.mark.browser
@installed
def test_a_frame_that_a_browser_does_not_hold_costs_the_picture(port: int) -> None:
    with Site() as site, Site() as private:
        site.pages["/"] = f"<iframe sandbox srcdoc=\"<img src='{private.url}/a.png'>\"></iframe>"
        with pytest.raises(BlockedAddress, match="IsolateSandboxedIframes"):
            shoot(site, "/", 60, f"http://127.0.0.1:{port}")


@pytest.mark.browser
@installed
def test_the_page_of_a_refused_login_is_photographed_if_asked_for(port: int) -> None:
    with Site() as site:
        challenge = {"WWW-Authenticate": 'Basic realm="here"'}
        site.pages["/"] = (401, challenge, "<title>who are you</title>")
        shot = capture.screenshot(
            capture.ScreenshotRequest(url=site.url, width=64, height=64, fail_on_status=0),
            Settings(browser_url=f"http://127.0.0.1:{port}", allowed_private_hosts=(site.name,)),
            Deadline(60),
            Steps(),
        )
    assert (shot.status, shot.title) == (401, "who are you")


@pytest.mark.browser
@installed
class TestCompany:
    """Others drive the same browser at the same time, each over a connection with a gate."""

    @pytest.mark.parametrize("first", [True, False])
    def test_a_stricter_gate_of_others_stops_no_page_of_ours(self, port: int, first: bool) -> None:
        address, opened = f"http://127.0.0.1:{port}", []

        def company(*_: object) -> None:
            connection = connect(address, Deadline(30))
            opened.append(connection)
            Gate(connection, Guard(), Deadline(30), shared=True, logs_in=False)

        with Site() as site:

            def page(handler: BaseHTTPRequestHandler) -> None:
                if not first:
                    company()
                handler.send_response(200)
                handler.send_header("Content-Type", "text/html")
                handler.end_headers()
                handler.wfile.write(b"<img src=/a.png><iframe src=/b></iframe>")

            site.pages["/"] = page
            try:
                if first:
                    company()
                shot = shoot(site, "/", 60, address)
                assert {"/a.png", "/b"} <= set(site.seen)
                assert shot.blocked_count == 0
                html = capture.ScreenshotRequest(
                    html="<title>here</title>", width=64, height=64, with_facts=False
                )
                settings = Settings(browser_url=address)
                assert capture.screenshot(html, settings, Deadline(60), Steps()).title == "here"
            finally:
                for connection in opened:
                    connection.close()

    @pytest.mark.parametrize("login", ["", "ann:secret"])
    def test_a_connection_ends_when_nothing_is_held_any_more(
        self, port: int, login: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Else Chromium loses requests of others (see Gate.withdraw): rarely, but for ever.
        told: list[tuple[str, object]] = []
        usual, end = Connection.call_all, Connection.close

        def call_all(connection: Connection, commands: Any, *given: Any, **named: Any) -> Any:
            results = usual(connection, commands, *given, **named)
            told.extend(commands)
            return results

        def close(connection: Connection) -> None:
            told.append(("close", {"turn is free": capture._pool._logging_in.acquire(False)}))
            if not login:
                capture._pool._logging_in.release()
            end(connection)

        monkeypatch.setattr(Connection, "call_all", call_all)
        monkeypatch.setattr(Connection, "close", close)
        with Site() as site:
            site.pages["/"] = "<title>ok</title>"
            capture.screenshot(
                capture.ScreenshotRequest(url=site.url, width=64, height=64, basic_auth=login),
                Settings(
                    browser_url=f"http://127.0.0.1:{port}", allowed_private_hosts=(site.name,)
                ),
                Deadline(30),
                Steps(),
            )
        gone, nothing, _, asked, closed = told[-5:]
        assert gone[0] == "Target.disposeBrowserContext"
        assert nothing == ("Fetch.enable", {"patterns": []})
        assert asked[0] == "Storage.getCookies"
        assert closed == ("close", {"turn is free": not login})

    def test_pages_that_log_in_are_asked_among_those_that_do_not(self, port: int) -> None:
        def private(handler: BaseHTTPRequestHandler) -> None:
            known = "Authorization" in handler.headers
            handler.send_response(200 if known else 401)
            handler.send_header("WWW-Authenticate", 'Basic realm="here"')
            handler.send_header("Content-Type", "text/html")
            handler.end_headers()
            handler.wfile.write(b"<title>inside</title>" if known else b"no")

        with Site() as site:
            site.pages["/"] = "<title>open</title>"
            site.pages["/private"] = private
            asked = [
                capture.ScreenshotRequest(
                    url=site.url + ("/private" if number % 2 else "/"),
                    basic_auth="ann:secret" if number % 2 else "",
                    width=64,
                    height=64,
                    with_facts=False,
                )
                for number in range(6)
            ]
            settings = Settings(
                browser_url=f"http://127.0.0.1:{port}", allowed_private_hosts=(site.name,)
            )
            found = capture.screenshots(asked, settings, Deadline(60), Steps(), at_once=4)
        titles = [one.title for one in found if isinstance(one, capture.Screenshot)]
        assert titles == ["open", "inside"] * 3

    def test_what_others_ask_for_is_no_business_of_ours(self, port: int) -> None:
        address = f"http://127.0.0.1:{port}"
        theirs_is_taken = threading.Event()

        def held(handler: BaseHTTPRequestHandler) -> None:
            theirs_is_taken.wait(60)
            handler.send_error(404)

        with Site() as site, Site() as private:
            site.pages["/"] = "<title>ours</title><img src=/held.png>"
            site.pages["/held.png"] = held
            site.pages["/theirs"] = f"<img src={private.url}/a.png>"
            answers: list[capture.Screenshot] = []

            def ours() -> None:
                asked = capture.ScreenshotRequest(
                    url=site.url, width=64, height=64, with_facts=False
                )
                settings = Settings(browser_url=address, allowed_private_hosts=(site.name,))
                answers.append(capture.screenshot(asked, settings, Deadline(60), Steps()))

            thread = threading.Thread(target=ours)
            thread.start()
            assert wait_until(lambda: "/held.png" in site.seen, 60)
            settings = Settings(
                browser_url=address, allowed_private_hosts=(site.name, private.name)
            )
            asked = capture.ScreenshotRequest(
                url=site.url + "/theirs", width=64, height=64, with_facts=False
            )
            capture.screenshot(asked, settings, Deadline(60), Steps())
            theirs_is_taken.set()
            thread.join(60)
            assert private.seen == ["/a.png"]
            assert answers[0].blocked_count == 0


_LOOP = """
from gevent import monkey; monkey.patch_all()
import json, sys, threading, time
import gevent
from creative import capture
from creative.deadline import Deadline
from creative.settings import Settings
from creative.steps import Steps

longest = 0.0
def tick():
    # Processor time of this process between two ticks: what kept the loop from turning.
    global longest
    last = time.process_time()
    while True:
        gevent.sleep(0.005)
        now = time.process_time()
        longest = max(longest, now - last)
        last = now

page = '''<body style="margin:0"><canvas id=c width=1600 height=1200></canvas><script>
const at = document.getElementById("c").getContext("2d");
const data = at.createImageData(1600, 1200);
for (let i = 0; i < data.data.length; i += 65536)
  crypto.getRandomValues(data.data.subarray(i, i + 65536));
for (let i = 3; i < data.data.length; i += 4) data.data[i] = 255;
at.putImageData(data, 0, 0)</script>'''
sizes = []
def shoot():
    shot = capture.screenshot(
        capture.ScreenshotRequest(html=page, width=1600, height=1200), Settings(), Deadline(60),
        Steps())
    sizes.append(len(shot.picture.data))
shoot()
gevent.spawn(tick)
gevent.sleep(0.1)
longest = 0.0
threads = [threading.Thread(target=shoot) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps({"longest": longest, "sizes": sizes}))
"""


@pytest.mark.browser
@installed
def test_the_loop_turns_while_large_pictures_come() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOOP], cwd=ROOT, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert min(told["sizes"]) > 3_000_000
    assert told["longest"] < 0.25, told
