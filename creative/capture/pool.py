"""Browsers for calls: a warm local Chromium, or a connection to the configured one.

A few captures run at once; the others wait their turn within their deadlines. The local
Chromium is started by the first call, kept warm, and ended after IDLE_SECONDS without a call
and at exit.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from creative.capture import remote
from creative.capture.cdp import Connection
from creative.capture.chromium import LocalBrowser
from creative.capture.gate import Gate
from creative.capture.guard import Guard
from creative.deadline import Deadline
from creative.settings import Settings

AT_ONCE = 4
"""Captures at a time: each is a renderer process of 100 MB and more."""
IDLE_SECONDS = 60.0
MAX_WARM = 2
"""Local browsers that are kept though they idle; only users with other settings need a second."""

Allowed = tuple[str, ...]


@dataclass(frozen=True)
class Lease:
    """A browser for one call, with the gate at its door."""

    connection: Connection
    gate: Gate
    version: str


@dataclass
class _Warm:
    browser: LocalBrowser
    lease: Lease
    users: int = 0
    timer: threading.Timer | None = None

    @property
    def usable(self) -> bool:
        return self.browser.alive and not self.browser.connection.doubtful


class Pool:
    """See the module.

    Args:
        at_once: captures at a time.
        idle_seconds: a local browser ends after so long without a call.
    """

    def __init__(self, at_once: int = AT_ONCE, idle_seconds: float = IDLE_SECONDS) -> None:
        self.idle_seconds = idle_seconds
        self._turns = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        # One browser per list of allowed hosts: a gate cannot tell who asks (see gate.py).
        self._warm: dict[Allowed, _Warm] = {}
        atexit.register(self.close)

    @contextmanager
    def turn(self, deadline: Deadline) -> Iterator[None]:
        """Wait for one's turn.

        Raises:
            DeadlineExceeded: it did not come in time.
        """
        doing = "waiting for other screenshots to finish"
        if not self._turns.acquire(timeout=deadline.timeout(doing)):
            raise deadline.error(doing)
        try:
            yield
        finally:
            self._turns.release()

    @contextmanager
    def lease(self, settings: Settings, guard: Guard, deadline: Deadline) -> Iterator[Lease]:
        """The browser at `settings.browser_url`, or the local one if that is empty.

        Raises:
            EngineUnavailable: there is none, or it does not start or answer.
            DeadlineExceeded: not in time.
        """
        if settings.browser_url:
            connection = remote.connect(settings.browser_url, deadline)
            try:
                yield _lease(connection, guard, deadline)
            finally:
                connection.close()
            return
        key = tuple(sorted(settings.allowed_private_hosts))
        warm = self._take(key, guard, deadline)
        try:
            yield warm.lease
        finally:
            self._give_back(key, warm)

    @property
    def pids(self) -> list[int]:
        """The local browsers' process groups."""
        return [warm.browser.pid for warm in self._warm.values() if warm.browser.alive]

    def close(self) -> None:
        """End the local browsers."""
        with self._lock:
            ending = list(self._warm.values())
            self._warm.clear()
        for warm in ending:
            _stop(warm)

    def _take(self, key: Allowed, guard: Guard, deadline: Deadline) -> _Warm:
        doing = "waiting for Chromium to start"
        if not self._lock.acquire(timeout=deadline.timeout(doing)):
            raise deadline.error(doing)
        try:
            warm = self._warm.get(key)
            if warm is not None and not warm.usable:
                del self._warm[key]
                if warm.users == 0:
                    _stop(warm)
                warm = None
            if warm is None:
                self._make_room()
                warm = self._warm[key] = _start(guard, deadline)
            warm.users += 1
            if warm.timer is not None:
                warm.timer.cancel()
            return warm
        finally:
            self._lock.release()

    def _make_room(self) -> None:
        """End idle browsers for other lists of allowed hosts, if there are many."""
        for key, warm in list(self._warm.items()):
            if len(self._warm) >= MAX_WARM and warm.users == 0:
                del self._warm[key]
                _stop(warm)

    def _give_back(self, key: Allowed, warm: _Warm) -> None:
        with self._lock:
            warm.users -= 1
            if warm.users:
                return
            if self._warm.get(key) is warm and warm.usable:
                warm.timer = threading.Timer(self.idle_seconds, self._idle, [key, warm])
                warm.timer.daemon = True
                warm.timer.start()
                return
            if self._warm.get(key) is warm:
                del self._warm[key]
        _stop(warm)

    def _idle(self, key: Allowed, warm: _Warm) -> None:
        with self._lock:
            if warm.users or self._warm.get(key) is not warm:
                return
            del self._warm[key]
        _stop(warm)


def _start(guard: Guard, deadline: Deadline) -> _Warm:
    browser = LocalBrowser(deadline)
    try:
        gate = Gate(browser.connection, guard, deadline)
    except BaseException:
        browser.stop()
        raise
    return _Warm(browser, Lease(browser.connection, gate, browser.version))


def _stop(warm: _Warm) -> None:
    if warm.timer is not None:
        warm.timer.cancel()
    warm.browser.stop()


def _lease(connection: Connection, guard: Guard, deadline: Deadline) -> Lease:
    version = connection.call("Browser.getVersion", deadline=deadline)
    gate = Gate(connection, guard, deadline)
    return Lease(connection, gate, str(version.get("product", "")))
