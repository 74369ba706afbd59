"""One local browser that is kept warm, and what ends its service: age, memory, trouble."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from creative.capture import memory
from creative.capture.blank import Blanks
from creative.capture.cdp import Connection
from creative.capture.chromium import LocalBrowser
from creative.capture.gate import Gate
from creative.capture.guard import Guard
from creative.deadline import Deadline
from creative.errors import CreativeError, TooLarge

MAX_PAGES = 200
"""Pages that one browser shows: what leaks in Chromium goes with it."""
LOOK_SECONDS = 0.5
"""How often a browser's memory is looked at while it works."""
GRACE_LOOKS = 4
"""Looks before a browser that is over its limit still, with its largest page ended, is killed as
a whole: memory comes back slowly on a busy machine."""


@dataclass(frozen=True)
class Lease:
    """A browser for one call, with the gate at its door.

    Attributes:
        connection: to it.
        gate: answers for its requests.
        blanks: where its empty pages come from.
        version: product and version.
        blame: the error for a page that crashed, if it crashed because it was ended here.
    """

    connection: Connection
    gate: Gate
    blanks: Blanks
    version: str
    blame: Callable[[], CreativeError | None] = lambda: None


class Warm:
    """A local browser and who uses it; the pool guards `users` and `pages`.

    Raises:
        EngineUnavailable, DeadlineExceeded: it does not start (see LocalBrowser).
        InvalidInput: STUDIO_CHROMIUM_MEMORY_MB is no number.
    """

    def __init__(self, guard: Guard, deadline: Deadline) -> None:
        self.limit_mb = memory.limit_mb()
        self.browser = LocalBrowser(deadline)
        connection = self.browser.connection
        try:
            gate = Gate(connection, guard, deadline)
        except BaseException:
            self.browser.stop()
            raise
        blanks = Blanks(connection, ahead=True)
        self.lease = Lease(connection, gate, blanks, self.browser.version, self._blame)
        self.users = 0
        self.pages = 0
        self.timer: threading.Timer | None = None
        self.retired = False
        self._killed = threading.Event()
        self._working = threading.Event()
        self._stopped = threading.Event()
        threading.Thread(target=self._watch, name="memory", daemon=True).start()

    @property
    def usable(self) -> bool:
        """Whether it may get new work."""
        return not self.retired and self.browser.alive and not self.browser.connection.doubtful

    @property
    def old(self) -> bool:
        """Whether another one should take its place."""
        return self.pages >= MAX_PAGES

    def works(self) -> None:
        """A call begins."""
        self.users += 1
        self.pages += 1
        self._working.set()
        if self.timer is not None:
            self.timer.cancel()

    def rests(self) -> None:
        """A call is over."""
        self.users -= 1
        if not self.users:
            self._working.clear()

    def stop(self) -> None:
        """End it."""
        self.retired = True
        self._stopped.set()
        self._working.set()
        if self.timer is not None:
            self.timer.cancel()
        self.browser.stop()

    def _blame(self) -> CreativeError | None:
        if not self._killed.is_set():
            return None
        return TooLarge(
            "The page (or what else the browser shows just now)",
            f"over {self.limit_mb} MB of memory",
            f"{self.limit_mb} MB ({memory.VARIABLE})",
            "Take a smaller width, height, scale or max_height, or set full_page to false; an "
            f"administrator can raise {memory.VARIABLE}.",
        )

    def _watch(self) -> None:
        over, watched = 0, memory.Group(self.browser.pid)
        while not self._stopped.is_set():
            self._working.wait()
            if self._stopped.wait(LOOK_SECONDS) or not self.browser.alive:
                return
            if watched.at_most() <= self.limit_mb:
                over = 0
                continue
            group = memory.processes(self.browser.pid)
            if sum(process.megabytes for process in group) <= self.limit_mb:
                over = 0
                continue
            # Those who work in it finish; the next call gets another one.
            self.retired = True
            self._killed.set()
            over += 1
            if over > GRACE_LOOKS or (over == 1 and not memory.end_largest(group)):
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.browser.pid, signal.SIGKILL)
                return
