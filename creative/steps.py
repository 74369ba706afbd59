"""Steps: what a call is doing, for people who wait for it.

A verb of `creative` opens steps; whoever called it listens. The adapter of a tool turns the
events into Dify's log messages, `studio` into a progress bar, a test into a list.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum


class Phase(StrEnum):
    """The phases of a call, in the order in which they normally come."""

    INIT = "INIT"
    PREP = "PREP"
    AI_CALL = "AI_CALL"
    PARSE = "PARSE"
    SAVE = "SAVE"
    DONE = "DONE"


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
        number: which step of the call, from 0; events of one step share it.
        percent: how far the whole call is, 0 to 100, never falling.
        elapsed: seconds since the step began.
        cost: money spent in the step, in `currency`; None where it is not known.
        tokens: language-model tokens used in the step.
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


@dataclass
class Step:
    """An open step; report progress and what it cost through it."""

    _steps: Steps
    number: int
    phase: Phase
    label: str
    start: int
    end: int
    began: float = field(default_factory=time.monotonic)
    cost: float | None = None
    currency: str = "USD"
    tokens: int = 0

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

    def spent(self, cost: float | None = None, tokens: int = 0, currency: str = "USD") -> None:
        """Add what this step cost."""
        if cost is not None:
            self.cost = (self.cost or 0.0) + cost
            self.currency = currency
        self.tokens += tokens


class Steps:
    """The steps of one call.

    Args:
        listener: called with every event, in the thread that does the work; must not block.
    """

    def __init__(self, listener: Callable[[StepEvent], None] | None = None) -> None:
        self._listener = listener
        self._percent = 0
        self.thumbnail: Callable[[bytes], bytes] | None = None
        """Makes a picture small enough for a log; without it previews are not told."""
        self.events: list[StepEvent] = []
        self._count = 0

    @contextmanager
    def step(self, phase: Phase, label: str, until: int) -> Iterator[Step]:
        """A step that brings the call to `until` percent; an exception marks it as failed.

        Args:
            phase: which phase it belongs to.
            label: what happens, in words a user understands.
            until: percentage of the whole call that is reached at its end.
        """
        step = Step(self, self._count, phase, label, self._percent, until)
        self._count += 1
        self._emit(step, Status.START, step.start)
        try:
            yield step
        except BaseException as error:
            self._emit(step, Status.ERROR, self._percent, str(error) or type(error).__name__)
            raise
        self._emit(step, Status.DONE, until)

    @property
    def percent(self) -> int:
        """How far the whole call is."""
        return self._percent

    def small(self, picture: bytes) -> bytes:
        """The preview of a picture, or nothing if nobody can make one."""
        return b"" if self.thumbnail is None else self.thumbnail(picture)

    @property
    def cost(self) -> float | None:
        """Money spent in all finished steps; None if no step knew."""
        costs = [e.cost for e in self.events if e.status is Status.DONE and e.cost is not None]
        return sum(costs) if costs else None

    @property
    def tokens(self) -> int:
        """Tokens used in all finished steps."""
        return sum(e.tokens for e in self.events if e.status is Status.DONE)

    def _emit(
        self, step: Step, status: Status, percent: float, error: str = "", preview: bytes = b""
    ) -> None:
        self._percent = max(self._percent, min(100, int(percent)))
        event = StepEvent(
            step.number,
            step.phase,
            step.label,
            status,
            self._percent,
            time.monotonic() - step.began,
            error,
            step.cost,
            step.currency,
            step.tokens,
            preview,
        )
        self.events.append(event)
        if self._listener is not None:
            self._listener(event)
