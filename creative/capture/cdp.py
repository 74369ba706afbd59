"""Chrome DevTools Protocol: messages to and from a browser, over a pipe or a WebSocket.

One thread reads and hands replies to whoever waits for them. It never writes, so a browser
that waits for us to read is always read. A second thread hands events to the listeners, one
after the other in the order in which they came; listeners may send commands, not wait for
them. Under gevent both are greenlets and the sockets are cooperative.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from creative.deadline import Deadline
from creative.errors import CreativeError, EngineUnavailable

Event = dict[str, Any]
"""An event as it came: method, params, sessionId."""
Listener = Callable[[Event], None]
ENDED = "Connection.ended"
"""The last event of every session: no browser sends it, the connection does when it ends."""
_UNHEARD = tuple(
    f'{{"method":"Network.{name}"'.encode()
    for name in (
        "dataReceived",
        "policyUpdated",
        "requestWillBeSentExtraInfo",
        "resourceChangedPriority",
        "responseReceivedExtraInfo",
    )
)
"""How the events begin that nobody listens to, a third of all: they are not even parsed."""


class BrowserGone(EngineUnavailable):
    """The connection to the browser ended: it was closed, it crashed, or it was killed."""

    def __init__(self, browser: str) -> None:
        super().__init__(
            browser,
            "the connection to it ended in the middle of the work",
            "Try again; if it happens again, the machine may be short of memory.",
        )


class Refused(CreativeError):
    """The browser answered a command with an error."""

    def __init__(self, method: str, said: str) -> None:
        super().__init__(f"The browser refused {method}: {said}")


class Transport(Protocol):
    """Whole messages, both ways. `receive` waits for one, and gives all that are there; it
    raises OSError or EOFError at the end."""

    def send(self, message: bytes) -> None: ...
    def receive(self) -> list[bytes]: ...
    def close(self) -> None: ...


class PipeTransport:
    """Messages ended by a zero byte over a socket pair (`--remote-debugging-pipe`)."""

    def __init__(self, pair: socket.socket) -> None:
        self._socket = pair
        self._received: list[bytes] = []
        # Room for whole pictures; asked for anew with each part, it would cost more than the rest.
        self._room = memoryview(bytearray(1 << 18))

    def send(self, message: bytes) -> None:
        """Send one message."""
        self._socket.sendall(message + b"\0")

    def receive(self) -> list[bytes]:
        """Wait for a message; all that have come."""
        while True:
            size = self._socket.recv_into(self._room)
            if not size:
                raise EOFError
            part = bytes(self._room[:size])
            self._received.append(part)
            if b"\0" in part:
                *whole, rest = b"".join(self._received).split(b"\0")
                self._received = [rest] if rest else []
                return whole

    def close(self) -> None:
        """Close; the browser at the other end then exits."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread in recv
        self._socket.close()


@dataclass
class _Replies:
    session: str
    queue: queue.SimpleQueue[Event | CreativeError] = field(default_factory=queue.SimpleQueue)


class Connection:
    """A connection to a browser.

    Args:
        transport: open.
        browser: who is at the other end, for errors; redacted.
    """

    def __init__(self, transport: Transport, browser: str) -> None:
        self.browser = browser
        self.doubtful = False
        """Set by whoever saw the browser misbehave: it gets no new work."""
        self._transport = transport
        self._ids = itertools.count(1)
        self._sending = threading.Lock()
        self._waiting: dict[int, _Replies] = {}
        self._failed: dict[str, CreativeError] = {}
        self._listeners: dict[str, Listener] = {}
        self._gone = threading.Event()
        self._events: queue.SimpleQueue[list[Event] | threading.Event] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="cdp-read", daemon=True).start()
        threading.Thread(target=self._tell, name="cdp-events", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the connection stands."""
        return not self._gone.is_set()

    def call(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        deadline: Deadline,
        session: str = "",
        doing: str = "",
    ) -> dict[str, Any]:
        """Send a command and wait for its result.

        Raises:
            Refused: the browser's own error.
            BrowserGone: the connection ended.
            DeadlineExceeded: no reply in time.
            CreativeError: what `fail` was given for this session.
        """
        return self.call_all([(method, params or {})], deadline, session, doing)[0]

    def call_all(
        self,
        commands: Sequence[tuple[str, dict[str, Any]]],
        deadline: Deadline,
        session: str = "",
        doing: str = "",
    ) -> list[dict[str, Any]]:
        """Send commands at once, which the browser takes in this order; wait for all results.

        Raises:
            see `call`; the first command that failed.
        """
        doing = doing or f"waiting for the browser ({commands[-1][0]})"
        deadline.check(doing)
        numbers = [next(self._ids) for _ in commands]
        replies = _Replies(session)
        for number in numbers:
            self._waiting[number] = replies
        try:
            if session in self._failed:
                raise self._failed[session]
            for number, (method, params) in zip(numbers, commands, strict=True):
                self._write(number, method, params, session, deadline, doing)
            found: dict[int, Event] = {}
            while len(found) < len(numbers):
                reply = replies.queue.get(timeout=deadline.timeout(doing))
                if isinstance(reply, CreativeError):
                    raise reply
                found[reply["id"]] = reply
        except queue.Empty:
            raise deadline.error(doing) from None
        finally:
            for number in numbers:
                self._waiting.pop(number, None)
        results = []
        for number, (method, _) in zip(numbers, commands, strict=True):
            reply = found[number]
            if "error" in reply:
                raise Refused(method, str(reply["error"].get("message", reply["error"])))
            results.append(reply.get("result", {}))
        return results

    def fail(self, session: str, error: CreativeError) -> None:
        """Raise `error` in every call that waits, or will wait, in `session`."""
        self._failed.setdefault(session, error)
        for replies in list(self._waiting.values()):
            if replies.session == session:
                replies.queue.put(error)

    def send(self, method: str, params: dict[str, Any] | None = None, session: str = "") -> None:
        """Send a command whose result nobody needs; a dead connection shows elsewhere."""
        with contextlib.suppress(BrowserGone):
            self._write(next(self._ids), method, params, session)

    def listen(self, session: str, listener: Listener) -> None:
        """Hand the events of `session` ("" for the browser itself) to `listener`, which must
        not wait for anything."""
        self._listeners[session] = listener

    def forget(self, session: str) -> None:
        """End `listen`, and what `fail` said."""
        self._listeners.pop(session, None)
        self._failed.pop(session, None)

    def settle(self, deadline: Deadline) -> None:
        """Wait until every event that has arrived was handed over."""
        done = threading.Event()
        self._events.put(done)
        if not done.wait(deadline.timeout("waiting for the browser")):
            raise deadline.error("waiting for the browser")

    def close(self) -> None:
        """End the connection; everybody who waits is told."""
        self._transport.close()
        self._end()

    def _write(
        self,
        number: int,
        method: str,
        params: dict[str, Any] | None,
        session: str,
        deadline: Deadline | None = None,
        doing: str = "",
    ) -> None:
        """Send a command; with a deadline, wait no longer for those who send before it."""
        message: dict[str, Any] = {"id": number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode()
        if deadline is None:
            self._sending.acquire()
        elif not self._sending.acquire(timeout=deadline.timeout(doing)):
            raise deadline.error(doing)
        try:
            if self._gone.is_set():
                raise BrowserGone(self.browser)
            self._transport.send(data)
        except OSError:
            self._end()
            raise BrowserGone(self.browser) from None
        finally:
            self._sending.release()

    def _read(self) -> None:
        try:
            while True:
                events = []
                for data in self._transport.receive():
                    if data.startswith(_UNHEARD):
                        continue
                    message = json.loads(data)
                    if "id" not in message:
                        events.append(message)
                        continue
                    waiting = self._waiting.get(message["id"])
                    if waiting is not None:
                        if events:  # whoever waits for a reply may ask for what came before it
                            self._events.put(events)
                            events = []
                        waiting.queue.put(message)
                if events:
                    self._events.put(events)
        except (OSError, EOFError, ValueError):
            pass  # everybody who waits is told below
        finally:
            self._end()

    def _tell(self) -> None:
        while True:
            events = self._events.get()
            if isinstance(events, threading.Event):
                events.set()
                continue
            for event in events:
                if event["method"] == ENDED:
                    # Who waits for an event rather than for a reply is told as well.
                    for heard, told in list(self._listeners.items()):
                        last = {"method": ENDED, "params": {}, "sessionId": heard}
                        self._hand_over(last, heard, told)
                    return
                session = event.get("sessionId", "")
                listener = self._listeners.get(session)
                if listener is not None:
                    self._hand_over(event, session, listener)

    def _hand_over(self, event: Event, session: str, listener: Listener) -> None:
        try:
            listener(event)
        except CreativeError as error:
            self.fail(session, error)
        except Exception as error:  # noqa: BLE001 - one odd event must not silence all that follow
            self.doubtful = True
            said = f"its event {event['method']} could not be handled: {type(error).__name__}"
            self.fail(session, EngineUnavailable(self.browser, said, "Please report this."))

    def _end(self) -> None:
        if self._gone.is_set():
            return
        self._gone.set()
        self._events.put([{"method": ENDED}])
        for waiting in list(self._waiting.values()):
            waiting.queue.put(BrowserGone(self.browser))
