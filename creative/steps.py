"""Steps: what a call is doing, for people who wait for it.

A verb of `creative` opens steps; whoever called it listens. The adapter of a tool turns the
events into Dify's log messages, `studio` into a progress bar, a test into a list.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from types import FrameType

from creative.usage import Usage


class Phase(StrEnum):
    """The phases of a call, in the order in which they normally come."""

    INIT = "INIT"
    PREP = "PREP"
    AI_CALL = "AI_CALL"
    PARSE = "PARSE"
    SAVE = "SAVE"
    DONE = "DONE"

    @property
    def first(self) -> int:
        """Percent of the call at which the phase begins."""
        return _RANGES[self][0]

    @property
    def last(self) -> int:
        """Percent of the call at which the phase ends."""
        return _RANGES[self][1]


_RANGES: dict[Phase, tuple[int, int]] = {
    Phase.INIT: (0, 10),
    Phase.PREP: (10, 25),
    Phase.AI_CALL: (25, 70),
    Phase.PARSE: (70, 85),
    Phase.SAVE: (85, 98),
    Phase.DONE: (98, 100),
}


class Status(StrEnum):
    """What became of a step."""

    START = "start"
    PROGRESS = "progress"
    DONE = "success"
    ERROR = "error"


@dataclass(frozen=True)
class StepEvent:
    """One thing to tell.

    Attributes:
        number: which step of the call, from 1; events of one step share it.
        function: which function of `creative` works, such as "keywords.cluster".
        percent: how far the whole call is, 0 to 100, never falling.
        elapsed: seconds since the step began.
        cost: money spent in the step, in `currency`; None where it is not known, or several
            currencies were spent (`usage` has them all).
        tokens: language-model tokens used in the step.
        usage: everything that the step used; the same object for all its events.
        preview: a small JPEG of how far a picture is, or nothing.
    """

    number: int
    phase: Phase
    label: str
    status: Status
    percent: int
    elapsed: float
    error: str = ""
    cost: float | None = None
    currency: str = "USD"
    tokens: int = 0
    preview: bytes = field(default=b"", repr=False)
    function: str = ""
    usage: Usage = field(default_factory=Usage)

    @property
    def duration_ms(self) -> int:
        """Whole milliseconds since the step began."""
        return round(self.elapsed * 1000)


@dataclass
class Step:
    """An open step; report progress and what it cost through it."""

    _steps: Steps
    number: int
    phase: Phase
    label: str
    start: int
    end: int
    function: str = ""
    began: float = field(default_factory=time.monotonic)
    usage: Usage = field(default_factory=Usage)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def progress(self, fraction: float, label: str | None = None) -> None:
        """The step is `fraction` (0 to 1) done; `label` replaces what it says it is doing."""
        self.label = label or self.label
        share = min(max(fraction, 0.0), 1.0)
        self._steps._emit(self, Status.PROGRESS, self.start + share * (self.end - self.start))

    def preview(self, picture: bytes) -> None:
        """Show how far a picture is; it is made small on the way (see `Steps.thumbnail`)."""
        small = self._steps.small(picture)
        if small:
            self._steps._emit(self, Status.PROGRESS, self._steps.percent, preview=small)

    def spent(
        self,
        cost: float | None = None,
        tokens: int = 0,
        currency: str = "USD",
        *,
        tokens_in: int = 0,
        tokens_out: int = 0,
        model: str = "",
        pictures: int = 0,
    ) -> None:
        """Add what one answer or drawing cost; several threads may share a step.

        Args:
            cost: in `currency`; None where it is not known.
            tokens: all tokens, where nobody says which went in and which came out.
            currency: three capitals. Different ones are kept apart, never added up.
            tokens_in: tokens that a model read.
            tokens_out: tokens that a model wrote.
            model: who answered or drew, for people.
            pictures: how many pictures an engine made.
        """
        with self._lock:
            self.usage.add(
                cost,
                tokens,
                currency,
                tokens_in=tokens_in,
                tokens_out=tokens_out,
                model=model,
                pictures=pictures,
            )


class Steps:
    """The steps of one call.

    Args:
        listener: called with every event, in the thread that does the work; must not block.

    Attributes:
        events: everything that was told; empty in a `part`, which tells the whole.
    """

    def __init__(self, listener: Callable[[StepEvent], None] | None = None) -> None:
        self._listener = listener
        self._percent = 0
        self.thumbnail: Callable[[bytes], bytes] | None = None
        """Makes a picture small enough for a log; without it previews are not told."""
        self.events: list[StepEvent] = []
        self._all: list[Step] = []
        self._whole: tuple[Steps, Phase, int, int] | None = None

    def part(self, phase: Phase, until: int | None = None) -> Steps:
        """Steps for another verb that does a part of this call.

        Its 0 to 100 percent become a piece of this call, from where it is now to `until`; its
        steps are told here, as those of `phase`, and what they use is used here.

        Args:
            phase: which phase of this call it belongs to.
            until: percentage of this call at its end; default: the end of the phase.
        """
        made = Steps()
        made.thumbnail = self.thumbnail
        low = max(self._percent, phase.first)
        made._whole = (self, phase, low, max(low, phase.last if until is None else until))
        return made

    def step(
        self, phase: Phase, label: str, until: int | None = None, *, function: str = ""
    ) -> AbstractContextManager[Step]:
        """A step that brings the call to `until` percent; an exception marks it as failed.

        Args:
            phase: which phase it belongs to; the step begins inside it at the earliest.
            label: what happens, in words a user understands.
            until: percentage of the whole call that is reached at its end; default: the end of
                its phase. Several steps of a phase share it by naming less.
            function: which function works; default: the one that opens the step.
        """
        function = function or _function(sys._getframe(1))
        end = phase.last if until is None else until
        return self._open(phase, label, end, function)

    @contextmanager
    def _open(self, phase: Phase, label: str, until: int, function: str) -> Iterator[Step]:
        start = max(self._percent, phase.first)
        step = Step(self, 0, phase, label, start, max(start, min(until, 100)), function)
        self._add(step)
        self._emit(step, Status.START, step.start)
        try:
            yield step
        except BaseException as error:
            self._emit(step, Status.ERROR, self._percent, str(error) or type(error).__name__)
            raise
        self._emit(step, Status.DONE, step.end)

    @property
    def percent(self) -> int:
        """How far the whole call is."""
        return self._percent

    def small(self, picture: bytes) -> bytes:
        """The preview of a picture, or nothing if nobody can make one."""
        return b"" if self.thumbnail is None else self.thumbnail(picture)

    @property
    def usage(self) -> Usage:
        """What all steps used, also those that failed: it is paid for."""
        return Usage.total(step.usage for step in self._all)

    @property
    def cost(self) -> float | None:
        """Money spent; None if no step knew, or several currencies were spent."""
        return self.usage.price

    @property
    def tokens(self) -> int:
        """Tokens used."""
        return self.usage.tokens

    def _add(self, step: Step) -> None:
        self._all.append(step)
        if self._whole is None:
            step.number = len(self._all)
        else:
            whole, step.phase, *_ = self._whole
            whole._add(step)

    def _emit(
        self, step: Step, status: Status, percent: float, error: str = "", preview: bytes = b""
    ) -> None:
        self._percent = max(self._percent, min(100, int(percent)))
        if self._whole is not None:
            whole, _, low, high = self._whole
            whole._emit(step, status, low + self._percent / 100 * (high - low), error, preview)
            return
        event = StepEvent(
            step.number,
            step.phase,
            step.label,
            status,
            self._percent,
            time.monotonic() - step.began,
            error,
            step.usage.price,
            step.usage.currency or "USD",
            step.usage.tokens,
            preview,
            step.function,
            step.usage,
        )
        self.events.append(event)
        if self._listener is not None:
            self._listener(event)


def _function(frame: FrameType) -> str:
    """The function of a frame as people of this project call it: package and public name.

    A private function goes by its module: `creative.images.generate._ready` is part of
    "images.generate".
    """
    module = str(frame.f_globals.get("__name__", "")).removeprefix("creative.").split(".")
    name = frame.f_code.co_name
    if name.startswith(("_", "<")):
        return ".".join(module)
    is_package = "__path__" in frame.f_globals
    return ".".join([*(module if is_package else module[:-1]), name])
