"""The DevTools connection, with the other end played by the test."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest

from creative.capture import remote
from creative.capture.cdp import BrowserGone, Connection, PipeTransport, Refused
from creative.capture.gate import Gate
from creative.capture.guard import Guard
from creative.capture.visit import Visit
from creative.deadline import Deadline
from creative.errors import DeadlineExceeded, EngineRejected, EngineUnavailable
from tests.processes import wait_until


class Browser:
    """The other end of a pipe."""

    def __init__(self) -> None:
        ours, self.theirs = socket.socketpair()
        self.theirs.settimeout(5)
        self.connection = Connection(PipeTransport(ours), "The browser")

    def heard(self) -> dict[str, object]:
        """The next command."""
        data = b""
        while not data.endswith(b"\0"):
            data += self.theirs.recv(1)
        message: dict[str, object] = json.loads(data[:-1])
        return message

    def say(self, *messages: dict[str, object]) -> None:
        """Several messages in two halves, as they may arrive."""
        data = b"".join(json.dumps(message).encode() + b"\0" for message in messages)
        self.theirs.sendall(data[:7])
        time.sleep(0.02)
        self.theirs.sendall(data[7:])

    def replies(self, *messages: dict[str, object]) -> None:
        """Answer the next command with `messages`; {"id": 0} stands for its id."""

        def answer() -> None:
            number = self.heard()["id"]
            self.say(*({**m, "id": number} if "id" in m else m for m in messages))

        threading.Thread(target=answer, daemon=True).start()


def test_a_reply_and_a_refusal() -> None:
    browser = Browser()
    browser.replies({"id": 0, "result": {"a": "é" * 1000}})
    assert browser.connection.call("X.y", deadline=Deadline(5)) == {"a": "é" * 1000}
    browser.replies({"id": 0, "error": {"code": -1, "message": "no such X"}})
    with pytest.raises(Refused, match=r"X\.y: no such X"):
        browser.connection.call("X.y", deadline=Deadline(5))
    browser.connection.close()


def test_no_reply_meets_the_deadline_and_a_late_one_harms_nobody() -> None:
    browser = Browser()
    with pytest.raises(DeadlineExceeded, match="weighing"):
        browser.connection.call("X.y", deadline=Deadline(0.1), doing="weighing")
    late = browser.heard()["id"]
    browser.replies({"id": 0, "result": {"mine": 1}})
    browser.say({"id": late, "result": {"mine": 0}})
    assert browser.connection.call("X.z", deadline=Deadline(5)) == {"mine": 1}
    browser.connection.close()


def test_who_waits_to_send_meets_the_deadline() -> None:
    browser = Browser()
    large = {"page": "x" * 20_000_000}  # nobody reads it
    first = threading.Thread(target=browser.connection.send, args=("X.y", large), daemon=True)
    first.start()
    assert wait_until(browser.connection._sending.locked, 20)
    with pytest.raises(DeadlineExceeded, match="weighing"):
        browser.connection.call("X.z", deadline=Deadline(0.2), doing="weighing")
    browser.connection.close()
    first.join(20)
    assert not first.is_alive()


def test_settle_waits_for_events_that_came_before_the_reply() -> None:
    browser, told = Browser(), []

    def slowly(event: object) -> None:
        time.sleep(0.2)
        told.append(event)

    browser.connection.listen("s", slowly)
    browser.replies({"method": "A.b", "params": {}, "sessionId": "s"}, {"id": 0, "result": {}})
    browser.connection.call("X.y", deadline=Deadline(5))
    assert told == []
    browser.connection.settle(Deadline(5))
    assert len(told) == 1
    browser.connection.close()


def test_everybody_is_told_when_the_browser_goes() -> None:
    browser, seen = Browser(), []

    def ask() -> None:
        try:
            browser.connection.call("X.y", deadline=Deadline(10))
        except BrowserGone as error:
            seen.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in threads:
        browser.heard()
    browser.theirs.close()
    for thread in threads:
        thread.join(3)
    assert len(seen) == 3
    with pytest.raises(BrowserGone):
        browser.connection.call("X.y", deadline=Deadline(5))


def test_fail_ends_the_calls_of_one_session_only() -> None:
    browser = Browser()
    browser.connection.fail("bad", EngineUnavailable("The tab", "it crashed"))
    with pytest.raises(EngineUnavailable, match="crashed"):
        browser.connection.call("X.y", deadline=Deadline(5), session="bad")
    browser.replies({"id": 0, "result": {}})
    assert browser.connection.call("X.y", deadline=Deadline(5), session="good") == {}
    browser.connection.close()


def test_the_web_socket_names_no_origin_and_keeps_token_and_password() -> None:
    # Chrome refuses origins that it was not told of.
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked: list[bytes] = []

        def refuse() -> None:
            peer, _ = server.accept()
            with peer:
                asked.append(peer.recv(4096))
                peer.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=refuse, daemon=True).start()
        port = server.getsockname()[1]
        with pytest.raises(EngineRejected, match="403") as caught:
            remote.connect(f"ws://u:pw@127.0.0.1:{port}/d?token=hush", Deadline(5))
    head = asked[0].decode()
    assert head.startswith("GET /d?token=hush HTTP/1.1")
    assert "Authorization: Basic dTpwdw==" in head
    assert "origin:" not in head.lower()
    assert "hush" not in str(caught.value)
    assert "pw@" not in str(caught.value)


@pytest.mark.parametrize(
    ("raised", "expected", "doubtful"),
    [
        (DeadlineExceeded("looking", 1, "timeout_seconds", "Raise it."), "while looking", False),
        (KeyError("frameId"), r"event Odd\.one could not be handled: KeyError", True),
    ],
)
def test_a_listener_that_raises_fails_its_session_and_silences_nobody(
    raised: Exception, expected: str, doubtful: bool
) -> None:
    browser, heard = Browser(), threading.Event()

    def odd(event: object) -> None:
        raise raised

    browser.connection.listen("s", odd)
    browser.connection.listen("t", lambda _: heard.set())
    browser.say(
        {"method": "Odd.one", "params": {}, "sessionId": "s"},
        {"method": "Next.one", "params": {}, "sessionId": "t"},
    )
    assert heard.wait(5)
    with pytest.raises((DeadlineExceeded, EngineUnavailable), match=expected):
        browser.connection.call("X.y", deadline=Deadline(1), session="s")
    assert browser.connection.doubtful is doubtful
    browser.connection.close()


def test_a_request_that_cannot_be_judged_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a fault of the guard")

    guard = Guard()
    monkeypatch.setattr(guard, "check", broken)
    browser = Browser()

    def agree() -> None:
        for _ in range(3):
            browser.say({"id": browser.heard()["id"], "result": {}})

    threading.Thread(target=agree, daemon=True).start()
    gate = Gate(browser.connection, guard, Deadline(5))
    gate.enter(Visit("page", None, Deadline(5), lambda _: None))
    request = {"url": "http://example.com/a.png"}
    paused = {"requestId": "1", "request": request, "frameId": "page", "resourceType": "Image"}
    browser.say({"method": "Fetch.requestPaused", "params": paused})
    answered = browser.heard()
    assert answered["method"] == "Fetch.failRequest"
    assert answered["params"] == {"requestId": "1", "errorReason": "BlockedByClient"}
    browser.connection.close()


def test_nor_does_one_that_cannot_even_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser()

    def agree() -> None:
        for _ in range(3):
            browser.say({"id": browser.heard()["id"], "result": {}})

    threading.Thread(target=agree, daemon=True).start()
    gate = Gate(browser.connection, Guard(), Deadline(5))
    visit = Visit("page", None, Deadline(5), lambda _: None)
    visit.unwanted = lambda url, kind: 1 / 0 > 1
    gate.enter(visit)
    request = {"url": "http://example.com/a.png"}
    paused = {"requestId": "1", "request": request, "frameId": "page", "resourceType": "Image"}
    browser.say({"method": "Fetch.requestPaused", "params": paused})
    answered = browser.heard()
    assert answered["method"] == "Fetch.failRequest"
    assert answered["params"] == {"requestId": "1", "errorReason": "BlockedByClient"}
    assert wait_until(lambda: browser.connection.doubtful, 20)
    browser.connection.close()


def test_what_a_closing_page_still_asks_for_is_not_the_next_ones() -> None:
    browser = Browser()

    def agree() -> None:
        for _ in range(3):
            browser.say({"id": browser.heard()["id"], "result": {}})

    threading.Thread(target=agree, daemon=True).start()
    gate = Gate(browser.connection, Guard(), Deadline(5))
    first = Visit("first", None, Deadline(5), lambda _: None)
    second = Visit("second", None, Deadline(5), lambda _: None)
    gate.enter(first)
    first.frames.add("inner")
    gate.leave(first)
    gate.enter(second)
    for number, frame in enumerate(("inner", "unknown")):
        request = {"url": "http://127.0.0.1/secret"}
        paused = {"requestId": str(number), "request": request, "resourceType": "Image"}
        browser.say({"method": "Fetch.requestPaused", "params": {**paused, "frameId": frame}})
        assert browser.heard()["method"] == "Fetch.failRequest"
        assert second.blocked_count == number
    browser.connection.close()


def test_a_gate_withdraws_before_its_connection_ends() -> None:
    browser = Browser()

    def agree() -> None:
        for _ in range(3):
            browser.say({"id": browser.heard()["id"], "result": {}})

    threading.Thread(target=agree, daemon=True).start()
    gate = Gate(browser.connection, Guard(), Deadline(5), shared=True)
    withdrawing = threading.Thread(target=gate.withdraw)
    withdrawing.start()
    first = browser.heard()
    assert (first["method"], first["params"]) == ("Fetch.enable", {"patterns": []})
    # A request that was on its way is still let go.
    request = {"url": "http://example.com/", "method": "GET"}
    paused = {"requestId": "late", "request": request, "frameId": "theirs"}
    browser.say({"method": "Fetch.requestPaused", "params": paused})
    late = browser.heard()
    assert (late["method"], late["params"]) == ("Fetch.continueRequest", {"requestId": "late"})
    browser.say({"id": first["id"], "result": {}})
    made = browser.heard()
    assert made["method"] == "Target.createBrowserContext"
    browser.say({"id": made["id"], "result": {"browserContextId": "ours"}})
    asked = browser.heard()
    assert (asked["method"], asked["params"]) == (
        "Storage.getCookies",
        {"browserContextId": "ours"},
    )
    assert withdrawing.is_alive()
    browser.say({"id": asked["id"], "result": {"cookies": []}})
    withdrawing.join(5)
    assert not withdrawing.is_alive()
    browser.connection.close()
    gate.withdraw()  # of a connection that has ended, there is nothing to do
