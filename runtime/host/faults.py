"""Faults on purpose: a host that misbehaves as a real daemon can.

`studio run … --fault KIND`. The faults are those that a plugin meets in a real Dify: a
connection that is cut, a slow network, a process that is killed, a time-out, a reverse call
that is refused, files that are gone, never arrive or arrive slowly.
"""

from __future__ import annotations

import dataclasses
import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from runtime.answers.reverse import REFUSABLE, refusal
from runtime.declaration import Permissions
from runtime.errors import PluginDied, StudioError, UsageError
from runtime.host.limits import Limits
from runtime.host.link import Ears, Linking
from runtime.host.parameters import closest
from runtime.host.stdio import Complaint, SessionEvent

_EXPLAINED = {
    "cut": ("", "The connection is lost when the tool says its first word."),
    "delay": ("SECONDS", "Everything said in both directions arrives so much later."),
    "kill": ("", "The plugin's process is killed when the tool says its first word."),
    "timeout": ("SECONDS", "PLUGIN_MAX_EXECUTION_TIMEOUT is so short; Dify's default is 600."),
    "refuse-reverse": (
        "[KIND]",
        "Reverse calls are refused as without permission in the manifest: all that need one, or "
        "one kind (llm, text_embedding, storage, tool, …).",
    ),
    "file-404": ("", "The links of files given to the tool answer 404, as expired ones do."),
    "file-hangs": ("", "The files' links answer, send half of the bytes and never the rest."),
    "slow-file": ("[SECONDS]", "The files arrive in small pieces over so many seconds (10)."),
}
_SLOW_SECONDS = 10.0


@dataclass(frozen=True)
class FileFault:
    """How links of files misbehave.

    Attributes:
        kind: 404, hangs (half of the bytes, then silence) or slow.
        seconds: how long a slow file takes.
    """

    kind: Literal["404", "hangs", "slow"]
    seconds: float = _SLOW_SECONDS


@dataclass(frozen=True)
class Faults:
    """What goes wrong, and nothing by default.

    Attributes:
        cut: the connection is lost at the first word of a call.
        kill: the process is killed then.
        delay: seconds by which every line is late, in both directions.
        timeout: the longest call in seconds; None leaves the limit as it is.
        refuse: kinds of reverse calls that are refused; "*" is every kind that needs a permission.
        files: how files that are given to the tool misbehave.
    """

    cut: bool = False
    kill: bool = False
    delay: float = 0.0
    timeout: float | None = None
    refuse: frozenset[str] = frozenset()
    files: FileFault | None = None

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Faults:
        """Faults as they are typed: `kill`, `delay=0.5`, `refuse-reverse=llm`.

        Raises:
            UsageError: no such fault, or a value that it cannot take.
        """
        faults = cls()
        for text in texts:
            faults = faults._with(text)
        return faults

    def _with(self, text: str) -> Faults:
        kind, _, value = text.partition("=")
        if kind not in _EXPLAINED:
            raise UsageError(
                f"There is no fault '{kind}'.",
                f"{closest(kind, list(_EXPLAINED))}--fault list explains them all.",
            )
        wanted = _EXPLAINED[kind][0]
        if value and not wanted:
            raise UsageError(f"The fault {kind} takes no value.", f"Write --fault {kind}.")
        if wanted == "SECONDS" and not value:
            raise UsageError(
                f"The fault {kind} needs a number of seconds.", f"Write --fault {kind}=2."
            )
        changes: dict[str, Callable[[], dict[str, Any]]] = {
            "cut": lambda: {"cut": True},
            "kill": lambda: {"kill": True},
            "delay": lambda: {"delay": _seconds(kind, value)},
            "timeout": lambda: {"timeout": _seconds(kind, value)},
            "refuse-reverse": lambda: {"refuse": self.refuse | {_reverse(value)}},
            "file-404": lambda: {"files": FileFault("404")},
            "file-hangs": lambda: {"files": FileFault("hangs")},
            "slow-file": lambda: {
                "files": FileFault("slow", _seconds(kind, value) if value else _SLOW_SECONDS)
            },
        }
        return dataclasses.replace(self, **changes[kind]())

    def limits(self, limits: Limits) -> Limits:
        """The limits, with the time-out of the fault."""
        if self.timeout is None:
            return limits
        return dataclasses.replace(limits, PLUGIN_MAX_EXECUTION_TIMEOUT=self.timeout)

    def refusal(self, kind: str) -> str | None:
        """What a refused reverse call is told; None if it is not refused."""
        return refusal(kind, Permissions()) if self.refuse & {kind, "*"} else None

    def linking(self, linking: Linking) -> Linking:
        """The same link, which misbehaves."""
        if not (self.cut or self.kill or self.delay):
            return linking
        return lambda ears: _FaultyLink(self, linking, ears)


def listing() -> str:
    """All faults, a line for each."""
    rows = []
    for kind, (value, what) in _EXPLAINED.items():
        shown = f"{kind}[={value[1:]}" if value.startswith("[") else f"{kind}={value}"
        rows.append(f"{shown if value else kind:<24} {what}")
    return "\n".join(rows)


def _reverse(kind: str) -> str:
    """A kind of reverse calls; "*" where none is named."""
    if kind and kind not in REFUSABLE:
        raise UsageError(
            f"The fault refuse-reverse cannot take '{kind}'.",
            f"{closest(kind, list(REFUSABLE))}Calls that can be refused: {', '.join(REFUSABLE)}.",
        )
    return kind or "*"


def _seconds(kind: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= 3600:
        raise UsageError(
            f"The fault {kind} cannot take '{text}'.", "Give seconds from more than 0 to 3600."
        )
    return seconds


class _FaultyLink:
    """A link whose lines are late, or which breaks at the first word of a call."""

    def __init__(self, faults: Faults, linking: Linking, ears: Ears) -> None:
        self._faults = faults
        self._ears = ears
        self._done = False
        self._broken: str | None = None
        self._late = _Late(faults.delay) if faults.delay else None
        self._link = linking(dataclasses.replace(ears, deliver=self._deliver))

    def start(self) -> None:
        """Start the link behind."""
        self._link.start()

    def wait_ready(self, seconds: float | None = None) -> None:
        """Wait for the link behind."""
        self._link.wait_ready(seconds)

    def send(self, line: bytes) -> None:
        """Send, later perhaps."""
        self._soon(lambda: self._link.send(line))

    def kill(self, reason: StudioError) -> None:
        """Kill the plugin."""
        self._link.kill(reason)

    def cut(self, reason: StudioError) -> None:
        """Cut the link behind."""
        self._link.cut(reason)

    def stop(self) -> None:
        """Stop the link behind."""
        self._link.stop()
        if self._late is not None:
            self._late.stop()

    def _deliver(self, event: SessionEvent | Complaint) -> None:
        if not self._done and (self._faults.cut or self._faults.kill):
            self._done = True  # once: what comes after the fault should be seen, too
            self._broken = event.session
            self._break()
        if self._broken is not None and event.session == self._broken:
            return  # it was said before the end, and is lost on the way
        self._soon(lambda: self._ears.deliver(event))

    def _break(self) -> None:
        if self._faults.kill:
            self._link.kill(
                PluginDied(
                    "The plugin's process was killed in the middle of the call (--fault kill).",
                    "It is started again for the next call.",
                )
            )
        else:
            self._link.cut(
                PluginDied(
                    "The connection was lost in the middle of the call (--fault cut): "
                    "Connection closed unexpectedly.",
                    "The tool was not told and may have gone on.",
                )
            )

    def _soon(self, act: Callable[[], None]) -> None:
        if self._late is None:
            act()
        else:
            self._late.put(act)


class _Late:
    """Does things in their order, each so many seconds after it was asked for."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: queue.SimpleQueue[tuple[float, Callable[[], None]] | None] = (
            queue.SimpleQueue()
        )
        self._stopping = threading.Event()
        threading.Thread(target=self._work, name="late", daemon=True).start()

    def put(self, act: Callable[[], None]) -> None:
        """Do it later."""
        self._waiting.put((time.monotonic() + self._seconds, act))

    def stop(self) -> None:
        """Do nothing more."""
        self._stopping.set()
        self._waiting.put(None)

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            due, act = item
            if self._stopping.wait(max(0.0, due - time.monotonic())):
                return
            act()
