"""How far a job is that a POST waits for, and how it ends at the deadline.

`/sdapi/v1/progress` shows whatever the server does. Only `/internal/progress`, which takes the
task id that our POST carried, tells our own job from others (AUTOMATIC1111's
modules/progress.py); so only there a number is shown as ours, and only there `/interrupt`,
which stops whatever runs, is sent.
"""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass, replace
from typing import Any

from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    DeadlineExceeded,
    EngineRejected,
    shorten,
)
from creative.images.engines.automatic1111.dialect import OWN_PROGRESS, Found
from creative.images.engines.automatic1111.server import LOOK_SECONDS, Server
from creative.steps import Step

PROGRESS = "/sdapi/v1/progress?skip_current_image=true"
INTERRUPT = "/sdapi/v1/interrupt"

POLL_SECONDS = 1.0
PREVIEW_SECONDS = 3.0
GRACE_SECONDS = 5.0
"""What a cancel may take once the call's time is up."""
_MAX_TROUBLES = 3


@dataclass(frozen=True)
class State:
    """A job as `/internal/progress` and `/sdapi/v1/progress` show it.

    Attributes:
        queued: it waits for others.
        active: it runs.
        completed: it is finished (kept for the last 16 jobs).
        fraction: 0 to 1.
        words: how far it is, for people.
        idle: the server runs nothing.
        broken: somebody interrupted or skipped it.
        preview: a picture as base64 with a `data:` prefix, or "".
        preview_id: hand it back to get only newer ones.
    """

    queued: bool = False
    active: bool = False
    completed: bool = False
    fraction: float = 0.0
    words: str = ""
    idle: bool = False
    broken: bool = False
    preview: str = ""
    preview_id: int = -1


@dataclass
class Reached:
    """How far a submitted job is, for the error of a deadline."""

    words: str = "nothing is known of it yet"
    fraction: float = 0.0


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def ask(server: Server, job_id: str, preview: bool = False, preview_id: int = -1) -> State:
    """Our own job.

    Raises:
        CreativeError: the server does not tell.
    """
    own = server.json(
        server.post(
            OWN_PROGRESS,
            {"id_task": job_id, "id_live_preview": preview_id, "live_preview": preview},
            read_seconds=LOOK_SECONDS,
        )
    )
    if not isinstance(own, dict):
        return State()
    queued, active = bool(own.get("queued")), bool(own.get("active"))
    fraction = min(_number(own.get("progress")), 1.0)
    words, idle, broken = "", False, False
    if active or queued:
        words, idle, broken = _running(server, _number(own.get("eta")))
    if queued:
        words = shorten(str(own.get("textinfo") or "in the server's queue"), 60)
    newest = own.get("id_live_preview")
    return State(
        queued,
        active,
        bool(own.get("completed")),
        fraction,
        words,
        idle,
        broken,
        preview=str(own.get("live_preview") or "") if preview else "",
        preview_id=newest if isinstance(newest, int) else -1,
    )


def overall(server: Server) -> dict[str, Any]:
    """What the server does, for whomever: `state` and `progress`."""
    answer = server.read(PROGRESS, read_seconds=LOOK_SECONDS)
    return answer if isinstance(answer, dict) else {}


def running(progress: dict[str, Any]) -> bool:
    """Whether the server works on something, by `overall`."""
    state = progress.get("state")
    return isinstance(state, dict) and bool(state.get("job") or _number(state.get("job_count")))


def _running(server: Server, eta: float) -> tuple[str, bool, bool]:
    """Words on what runs, whether nothing does, whether it was interrupted."""
    progress = overall(server)
    state = progress.get("state")
    if not isinstance(state, dict):
        return "", False, False
    parts = []
    steps, jobs = int(_number(state.get("sampling_steps"))), int(_number(state.get("job_count")))
    if steps:
        parts.append(f"step {int(_number(state.get('sampling_step')))} of {steps}")
    if jobs > 1:
        parts.append(f"pass {min(int(_number(state.get('job_no'))) + 1, jobs)} of {jobs}")
    if eta > 0:
        parts.append(f"about {eta:.0f} s left")
    broken = any(state.get(key) for key in ("interrupted", "skipped", "stopping_generation"))
    return ", ".join(parts), not running(progress), broken


class Watch:
    """Looks at a job from time to time and tells the step.

    Args:
        server: asked on connections of its own.
        found: what it can tell.
        job_id: ours, "" where the server knows none.
        previews: whether small pictures are wanted.
    """

    def __init__(self, server: Server, found: Found, job_id: str, previews: bool) -> None:
        self.server, self.found, self.job_id = server, found, job_id
        self.previews = previews
        self.state = State()
        self.troubles: list[str] = []
        self._shown = 0.0
        self._told = (-1.0, "")
        self._preview_id = -1

    def look(self, step: Step, done: float = 0.0, share: float = 1.0) -> None:
        """Ask once and tell `step`; `done` and `share` place this POST among several.

        A server that draws and does not tell how far it is still draws: what goes wrong here
        is kept for a note, and after `_MAX_TROUBLES` times nothing is asked any more.
        """
        if len(self.troubles) >= _MAX_TROUBLES or not self.found.dialect.progress:
            return
        try:
            if self.job_id:
                self._look_at_own(step, done, share)
            elif running(overall(self.server)):
                self._tell(step, done, "The server is drawing (it does not tell whose job)")
        except CreativeError as error:
            self.server.deadline.check("looking at the progress")
            self.troubles.append(error.message)

    def _look_at_own(self, step: Step, done: float, share: float) -> None:
        due = self.previews and time.monotonic() - self._shown >= PREVIEW_SECONDS
        state = ask(self.server, self.job_id, due, self._preview_id)
        self.state = replace(state, broken=self.state.broken or (state.active and state.broken))
        if state.active:
            label = f"Drawing: {state.words}" if state.words else "Drawing"
            self._tell(step, done + share * state.fraction, label)
        elif state.queued:
            self._tell(step, done, f"Waiting: {state.words}")
        if due and state.preview:
            self._preview_id = state.preview_id
            self._shown = time.monotonic()
            _show(step, state.preview)

    def _tell(self, step: Step, fraction: float, label: str) -> None:
        """Tell the step, if there is anything new."""
        if self._told != (fraction, label):
            self._told = (fraction, label)
            step.progress(fraction, label)

    def notes(self) -> list[str]:
        """What could not be seen."""
        if not self.troubles:
            return []
        return [f"progress could not be read ({len(self.troubles)} times): {self.troubles[-1]}"]

    def broken_after(self, timestamp: str) -> bool:
        """Whether our job, which has just ended, was interrupted by somebody.

        The server's state stays as the last job left it until the next begins; the job's
        timestamp tells that it is still about ours.
        """
        if self.state.broken or not self.found.dialect.progress:
            return self.state.broken
        try:
            state = overall(self.server).get("state")
        except CreativeError as error:
            self.troubles.append(error.message)
            return False
        if not isinstance(state, dict) or not timestamp:
            return False
        ours = str(state.get("job_timestamp") or "") == timestamp
        return ours and any(state.get(key) for key in ("interrupted", "skipped"))

    def cancel(self) -> str:
        """At the deadline: stop our job if it is provably ours and runs; says what became of it."""
        dialect = self.found.dialect
        if not self.job_id or not dialect.interrupt:
            return (
                f"{dialect.title} does not tell whose job runs, so it was not interrupted and may "
                "go on there"
            )
        grace = Deadline(GRACE_SECONDS, "the grace for a cancel", "")
        try:
            with self.server.within(grace) as server:
                return _cancel(server, self.job_id)
        except CreativeError as error:
            return f"whether it goes on there is not known ({shorten(error.message, 160)})"


def _cancel(server: Server, job_id: str) -> str:
    state = ask(server, job_id)
    if state.queued:
        return (
            "it still waits in the server's queue and will be drawn there: a waiting job cannot be "
            "taken out"
        )
    if not state.active or state.idle:
        return "the server had just ended it" if state.completed else "the server does not run it"
    server.check(server.post(INTERRUPT, {}))
    try:
        while ask(server, job_id).active:
            server.deadline.sleep(0.3, "waiting for the end of the job")
    except DeadlineExceeded:
        return "it was told to stop there, which it does after the step it is at"
    return "it was interrupted there"


def interrupted(who: str) -> EngineRejected:
    """The error for a picture that somebody stopped half way (not raised)."""
    return EngineRejected(
        who,
        "the job was interrupted or skipped on the server, and its picture is only half drawn",
        hint="Somebody else stopped it there; try again.",
    )


def _show(step: Step, text: str) -> None:
    try:
        step.preview(base64.b64decode(text.partition(",")[2] or text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise AnswerInvalid("the server", f"its preview is no base64 text ({error})") from error
