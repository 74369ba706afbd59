"""Browsers for calls: a warm local Chromium, or a connection to the configured one.

A few captures run at once; the others wait their turn within their deadlines, and when too
many wait, the next is told so. The local Chromium is started by the first call, kept warm, and
ended after IDLE_SECONDS without a call and at exit. After MAX_PAGES a new one is started beside
it, and takes its place once it is ready.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from creative.capture import remote
from creative.capture.blank import Blanks
from creative.capture.cdp import Connection
from creative.capture.gate import Gate
from creative.capture.guard import Guard
from creative.capture.warm import Lease, Warm
from creative.deadline import Deadline
from creative.errors import CreativeError, EngineUnavailable
from creative.settings import Settings

AT_ONCE = 4
"""Captures at a time: each is a renderer process of 100 MB and more."""
MAX_WAITING = 50
"""Captures that wait for their turn; the next one is refused at once."""
IDLE_SECONDS = 60.0
MAX_WARM = 2
"""Local browsers that are kept though they idle; only users with other settings need a second."""
START_SECONDS = 60.0
"""How long a browser that nobody waits for yet may take to start."""

Allowed = tuple[str, ...]


class Pool:
    """See the module.

    Args:
        at_once: captures at a time.
        idle_seconds: a local browser ends after so long without a call.
        max_waiting: captures that may wait for their turn.
    """

    def __init__(
        self,
        at_once: int = AT_ONCE,
        idle_seconds: float = IDLE_SECONDS,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self.idle_seconds = idle_seconds
        self._turns = threading.BoundedSemaphore(at_once)
        self._max_waiting = max_waiting
        self._waiting = 0
        self._counting = threading.Lock()
        self._lock = threading.Lock()
        self._logging_in = threading.Lock()
        # One browser per list of allowed hosts: a gate cannot tell who asks (see gate.py).
        self._warm: dict[Allowed, Warm] = {}
        self._successors: set[Allowed] = set()
        self._closed = 0
        atexit.register(self.close)

    @contextmanager
    def turn(self, deadline: Deadline) -> Iterator[None]:
        """Wait for one's turn.

        Raises:
            EngineUnavailable: too many wait already.
            DeadlineExceeded: it did not come in time.
        """
        if not self._turns.acquire(blocking=False):
            self._wait(deadline)
        try:
            yield
        finally:
            self._turns.release()

    def _wait(self, deadline: Deadline) -> None:
        doing = "waiting for other screenshots to finish"
        with self._counting:
            if self._waiting >= self._max_waiting:
                raise EngineUnavailable(
                    "The browser",
                    f"it is busy, and {self._waiting} screenshots wait for their turn already",
                    "Try again in a minute, or ask for fewer screenshots at once.",
                )
            self._waiting += 1
        try:
            if not self._turns.acquire(timeout=deadline.timeout(doing)):
                raise deadline.error(doing)
        finally:
            with self._counting:
                self._waiting -= 1

    @contextmanager
    def lease(
        self, settings: Settings, guard: Guard, deadline: Deadline, logs_in: bool = False
    ) -> Iterator[Lease]:
        """The browser at `settings.browser_url`, or the local one if that is empty.

        Args:
            settings, guard, deadline: see `screenshot`.
            logs_in: whether the page, or its proxy, is answered if it asks for a login. Such
                pages are taken one after the other in a browser elsewhere (see gate.py).

        Raises:
            EngineUnavailable: there is none, or it does not start or answer.
            DeadlineExceeded: not in time.
        """
        if settings.browser_url:
            with ExitStack() as stack:
                if logs_in:
                    stack.enter_context(self._alone(deadline))
                connection = remote.connect(settings.browser_url, deadline)
                stack.callback(connection.close)
                lease = _elsewhere(connection, guard, deadline, logs_in)
                stack.callback(lease.gate.withdraw)
                yield lease
            return
        key = tuple(sorted(settings.allowed_private_hosts))
        warm = self._take(key, guard, deadline)
        try:
            yield warm.lease
        finally:
            self._give_back(key, warm)

    @contextmanager
    def _alone(self, deadline: Deadline) -> Iterator[None]:
        doing = "waiting for another page that logs in"
        if not self._logging_in.acquire(timeout=deadline.timeout(doing)):
            raise deadline.error(doing)
        try:
            yield
        finally:
            self._logging_in.release()

    @property
    def pids(self) -> list[int]:
        """The local browsers' process groups."""
        return [warm.browser.pid for warm in self._warm.values() if warm.browser.alive]

    def close(self) -> None:
        """End the local browsers."""
        with self._lock:
            ending = list(self._warm.values())
            self._warm.clear()
            self._closed += 1
        for warm in ending:
            warm.stop()

    def _take(self, key: Allowed, guard: Guard, deadline: Deadline) -> Warm:
        doing = "waiting for Chromium to start"
        if not self._lock.acquire(timeout=deadline.timeout(doing)):
            raise deadline.error(doing)
        try:
            warm = self._warm.get(key)
            if warm is not None and not warm.usable:
                del self._warm[key]
                if warm.users == 0:
                    warm.stop()
                warm = None
            if warm is None:
                self._make_room()
                warm = self._warm[key] = Warm(guard, deadline)
            elif warm.old:
                self._renew(key, guard)
            warm.works()
            return warm
        finally:
            self._lock.release()

    def _renew(self, key: Allowed, guard: Guard) -> None:
        """Start the successor of an old browser, which serves until that is ready."""
        if key not in self._successors:
            self._successors.add(key)
            threading.Thread(
                target=self._succeed, args=[key, guard, self._closed], name="renew", daemon=True
            ).start()

    def _succeed(self, key: Allowed, guard: Guard, closed: int) -> None:
        young: Warm | None = None
        try:
            young = Warm(guard, Deadline(START_SECONDS))
            young.lease.blanks.prepare()
        except CreativeError:
            # The old one serves on; the next call tries again.
            return
        finally:
            ending: Warm | None = young
            with self._lock:
                self._successors.discard(key)
                if young is not None and closed == self._closed:
                    ending = self._warm.get(key)
                    self._warm[key] = young
                    if ending is not None:
                        ending.retired = True
                    self._rest(key, young)
            if ending is not None and ending.users == 0:
                ending.stop()

    def _make_room(self) -> None:
        """End idle browsers for other lists of allowed hosts, if there are many."""
        for key, warm in list(self._warm.items()):
            if len(self._warm) >= MAX_WARM and warm.users == 0:
                del self._warm[key]
                warm.stop()

    def _give_back(self, key: Allowed, warm: Warm) -> None:
        with self._lock:
            warm.rests()
            if warm.users:
                return
            if self._warm.get(key) is warm and warm.usable:
                self._rest(key, warm)
                return
            if self._warm.get(key) is warm:
                del self._warm[key]
        warm.stop()

    def _rest(self, key: Allowed, warm: Warm) -> None:
        """End a browser that nobody uses after `idle_seconds`."""
        warm.timer = threading.Timer(self.idle_seconds, self._idle, [key, warm])
        warm.timer.daemon = True
        warm.timer.start()

    def _idle(self, key: Allowed, warm: Warm) -> None:
        with self._lock:
            if warm.users or self._warm.get(key) is not warm:
                return
            del self._warm[key]
        warm.stop()


def _elsewhere(connection: Connection, guard: Guard, deadline: Deadline, logs_in: bool) -> Lease:
    version = connection.call("Browser.getVersion", deadline=deadline)
    gate = Gate(connection, guard, deadline, shared=True, logs_in=logs_in)
    return Lease(connection, gate, Blanks(connection), str(version.get("product", "")))
