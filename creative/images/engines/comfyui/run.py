"""Prompts on their way: queued together, waited for, and stopped when the time is up.

What ended, and how, is asked of /history/{id}; the WebSocket only tells sooner. Without it
the same questions are asked more often.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from creative.breaker import resting
from creative.errors import CreativeError, DeadlineExceeded, EngineRejected, EngineUnavailable
from creative.images.engines.base import Unfinished
from creative.images.engines.comfyui.failures import Named, ended, node_errors, refused
from creative.images.engines.comfyui.listener import Listener, Message
from creative.images.engines.comfyui.progress import STARTED, Progress
from creative.images.engines.comfyui.server import ADDRESS, KEY, Graph, Server
from creative.images.engines.replies import read
from creative.steps import Step

RESERVE_SECONDS = 5.0
"""Kept at the end of a call to stop what runs: at most this, at most a sixth of the call."""
RESERVE_SECONDS_WHEN_KEPT = 1.0
"""The same where nothing has to be stopped."""
POLL_SECONDS = 1.0
POLL_SECONDS_WITH_NEWS = 5.0
QUEUE_SECONDS = 5.0
TELL_SECONDS = 1.0
PREVIEW_SECONDS = 3.0
CONNECT_SECONDS = 3.0
"""How long prompts wait for the WebSocket before they are sent without it."""
POLLS_THAT_MAY_FAIL = 3

_NEWS_OF_AN_END = ("execution_success", "execution_error", "execution_interrupted")


class Run:
    """Prompts of one call. Use it as a context: it stops what is still on its way.

    Args:
        server: where.
        step: told what happens; None: nothing is told, and no WebSocket is opened.
        client_id: of an earlier call whose prompts are waited for.
        keep: at the end of the call the prompts go on (submitted jobs).
        what: one prompt's result, for people.
        previews: show small pictures while it works.
    """

    def __init__(
        self,
        server: Server,
        step: Step | None,
        *,
        client_id: str = "",
        keep: bool = False,
        what: str = "picture",
        previews: bool = False,
    ) -> None:
        self.server = server
        self.client_id = client_id or uuid.uuid4().hex
        self.ids: list[str] = []
        self.left_out: list[str] = []
        """Parts of a prompt that the server does not run, though it runs the others."""
        self._step = step
        self._keep = keep
        self._what = what
        self._previews = previews
        self._prompts: dict[str, Progress] = {}
        self._outputs: dict[str, dict[str, Any]] = {}
        self._listener = Listener(server, self.client_id) if step is not None else None
        reserve = RESERVE_SECONDS_WHEN_KEPT if keep else RESERVE_SECONDS
        self._reserve = min(reserve, server.deadline.seconds / 6)
        self._position: int | None = None
        self._asked = self._next_queue = 0.0
        self._told = self._previewed = 0.0
        self._failures = 0
        self._stopped = False

    def __enter__(self) -> Run:
        if self._listener is not None:
            self._listener.__enter__()
            self._listener.ready(min(CONNECT_SECONDS, max(self._left(), 0.0)))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is not None and not self._keep and not self._stopped:
                self.stop()
        finally:
            if self._listener is not None:
                self._listener.__exit__()

    def send(self, graph: Graph, named: Named | None = None) -> str:
        """Queue a prompt, once.

        Args:
            graph: the workflow in API format.
            named: which parameter of the node filled which input, for errors.

        Returns:
            The prompt's id.

        Raises:
            InvalidInput, EngineRejected: the server does not take it.
        """
        prompt_id = str(uuid.uuid4())
        body = {"prompt": graph, "client_id": self.client_id, "prompt_id": prompt_id}
        try:
            reply = self.server.post("/prompt", json=body, **self._patience())
        except (EngineUnavailable, DeadlineExceeded):
            # The answer is lost, the prompt may have arrived: it is looked for, never sent again.
            self._add(prompt_id, graph)
            if not self._arrived(prompt_id):
                raise
            return prompt_id
        if reply.status == 400:
            raise refused(reply, self.server.who, graph, named or {})
        answer = read(reply, KEY, ADDRESS)
        answer = answer if isinstance(answer, dict) else {}
        # Older servers give an id of their own.
        prompt_id = str(answer.get("prompt_id") or prompt_id)
        self._add(prompt_id, graph)
        self.left_out += [words for _, _, words, _ in node_errors(answer, graph)]
        return prompt_id

    def expect(self, prompt_id: str, graph: Graph | None = None) -> None:
        """Wait for a prompt that an earlier call queued."""
        self._add(prompt_id, graph or {})

    def wait(self) -> list[dict[str, Any]]:
        """Wait until every prompt has ended.

        Returns:
            The outputs of each, in the order of `ids`; None of them is checked.

        Raises:
            EngineRejected: one failed, was interrupted, or is not known to the server.
            EngineUnavailable: the server is gone.
            DeadlineExceeded: out of time, and what became of the prompts.
            Unfinished: out of time, and they go on (`keep`).
        """
        try:
            while len(self._outputs) < len(self.ids) and self._left() > 0:
                message = self._listen(min(self._left(), max(0.0, self._due())))
                if message is not None:
                    self._take(message)
                if self._due() <= 0:
                    self._poll()
                self._tell()
        except DeadlineExceeded:
            if self._left() > 0:
                raise
        if len(self._outputs) < len(self.ids):
            raise self._late()
        return [self._outputs[prompt_id] for prompt_id in self.ids]

    def stop(self) -> str:
        """Take our prompts out of the queue and stop the one that runs, if it is ours.

        Returns:
            What became of them, in words; also when the server could not be asked.
        """
        self._stopped = True
        ours = [prompt_id for prompt_id in self.ids if prompt_id not in self._outputs]
        if not ours:
            return ""
        try:
            self.server.delete(ours)
            running = [prompt_id for prompt_id, _ in self.server.queue()[0]]
            stopped = [prompt_id for prompt_id in ours if prompt_id in running]
            for prompt_id in stopped:
                self.server.interrupt(prompt_id)
        except CreativeError as error:
            return f"it could not be stopped ({error.message})"
        if not stopped:
            return "it was taken out of the queue"
        if len(ours) > len(stopped):
            return "the running one was told to stop and the others were taken out of the queue"
        return "it was told to stop"

    def blocked(self, prompt_id: str) -> dict[str, Any] | None:
        """An error that a node reported without ending the prompt."""
        return self._prompts[prompt_id].blocked

    def graph(self, prompt_id: str) -> Graph:
        """The prompt's graph, as far as it is known."""
        return self._prompts[prompt_id].graph

    def reached(self) -> str:
        """How far the prompts are, in words."""
        parts = []
        if self._outputs:
            parts.append(f"{len(self._outputs)} of {len(self.ids)} {self._what}s were ready")
        current = self._current()
        if current and self._prompts[current].started:
            words = self._prompts[current].words
            at = "had only begun" if words == STARTED else f"was at {words}"
            parts.append(f"{self._which(current)} {at}")
        elif current and self._position is not None:
            parts.append(f"{self._which(current)} waited with {self._position} jobs before it")
        elif current:
            parts.append(f"{self._which(current)} had not begun")
        return ", ".join(parts)

    def fraction(self) -> float:
        """How far all prompts are together, 0 to 1."""
        current = self._current()
        part = self._prompts[current].fraction if current else 0.0
        return (len(self._outputs) + part) / max(1, len(self.ids))

    # Inside

    def _add(self, prompt_id: str, graph: Graph) -> None:
        self.ids.append(prompt_id)
        self._prompts[prompt_id] = Progress(graph)

    def _left(self) -> float:
        return self.server.deadline.remaining() - self._reserve

    def _patience(self) -> dict[str, Any]:
        """A server that does not answer must leave us the time to stop what runs."""
        return {"read_seconds": max(self._left(), 0.05)}

    def _current(self) -> str:
        return next((one for one in self.ids if one not in self._outputs), "")

    def _which(self, prompt_id: str) -> str:
        if len(self.ids) == 1:
            return f"the {self._what}"
        return f"{self._what} {self.ids.index(prompt_id) + 1} of {len(self.ids)}"

    def _arrived(self, prompt_id: str) -> bool:
        try:
            running, pending = self.server.queue(**self._patience())
            known = [one for one, _ in (*running, *pending)]
            return prompt_id in known or self.server.history(prompt_id) is not None
        except CreativeError:
            return False  # the error of the POST says more

    def _listen(self, seconds: float) -> Message | None:
        if self._listener is not None:
            return self._listener.next(seconds)
        time.sleep(max(seconds, 0.0))
        return None

    def _take(self, message: Message) -> None:
        if isinstance(message, bytes):
            self._preview(message)
            return
        event, data = str(message.get("type")), message["data"]
        prompt_id = str(data.get("prompt_id") or "")
        if prompt_id not in self._prompts:
            return
        self._prompts[prompt_id].take(event, data)
        over = event == "executing" and data.get("node") is None
        if over or event in _NEWS_OF_AN_END:
            self._asked = 0.0

    def _due(self) -> float:
        """Seconds until the server is asked again; 0 or less: now."""
        news = self._listener is not None and self._listener.alive
        pause = POLL_SECONDS_WITH_NEWS if news else POLL_SECONDS
        return self._asked + pause - time.monotonic()

    def _poll(self) -> None:
        self._asked = time.monotonic()
        try:
            self._ask()
            self._failures = 0
        except DeadlineExceeded:
            raise
        except _Ended as over:
            raise over.error from None
        except CreativeError as error:
            self._failures += 1
            if self._left() > 0 and (
                self._failures >= POLLS_THAT_MAY_FAIL or resting(self.server.base)
            ):
                raise self._gone(error) from error

    def _ask(self) -> None:
        """Ask about the first prompt that has not ended; those behind it wait for it."""
        while current := self._current():
            entry = self.server.history(current, **self._patience())
            if entry is None:
                break
            self._end(current, entry)
        if not current or time.monotonic() < self._next_queue:
            return
        running, pending = self.server.queue(**self._patience())
        self._next_queue = time.monotonic() + QUEUE_SECONDS
        for prompt_id, graph in (*running, *pending):
            if prompt_id in self._prompts and not self._prompts[prompt_id].graph:
                self._prompts[prompt_id].graph = graph if isinstance(graph, dict) else {}
        waiting = [prompt_id for prompt_id, _ in pending]
        if current in (prompt_id for prompt_id, _ in running):
            self._prompts[current].running()
        elif current in waiting:
            self._position = len(running) + waiting.index(current)
        else:
            self._lost(current)

    def _lost(self, prompt_id: str) -> None:
        """Neither queued nor running: it has just ended, or the server does not know it."""
        entry = self.server.history(prompt_id, **self._patience())
        if entry is not None:
            self._end(prompt_id, entry)
            return
        raise _Ended(Forgotten(self.server.who, self._which(prompt_id)))

    def _end(self, prompt_id: str, entry: dict[str, Any]) -> None:
        progress = self._prompts[prompt_id]
        try:
            self._outputs[prompt_id] = ended(entry, self.server.who, progress.graph)
        except CreativeError as error:
            self._outputs[prompt_id] = {}  # it has ended: there is nothing to stop
            raise _Ended(error) from error

    def _gone(self, error: CreativeError) -> CreativeError:
        return EngineUnavailable(
            self.server.who,
            f"it stopped answering in the middle of the job ({self.reached()}): "
            + error.message.rstrip("."),
            "Look at the server's own log: it may have run out of memory or been restarted.",
        )

    def _late(self) -> DeadlineExceeded:
        deadline, reached = self.server.deadline, self.reached()
        if self._keep:
            return Unfinished(deadline, reached, round(100 * self.fraction(), 1))
        became = self.stop()
        return deadline.error(f"waiting for {self.server.who}: {reached}; {became}")

    def _tell(self) -> None:
        now = time.monotonic()
        current = self._current()
        if self._step is None or not current or now - self._told < TELL_SECONDS:
            return
        self._told = now
        words = self._prompts[current].words
        if not words:
            words = "waiting" if self._position is None else f"jobs before it: {self._position}"
        which = self._which(current)
        self._step.progress(self.fraction(), f"{which[:1].upper()}{which[1:]}: {words}")

    def _preview(self, picture: bytes) -> None:
        show = getattr(self._step, "preview", None)
        if show is None or not self._previews:
            return
        if time.monotonic() - self._previewed >= PREVIEW_SECONDS:
            self._previewed = time.monotonic()
            show(picture)


class Forgotten(EngineRejected):
    """A job that the server does not know: it was restarted, or somebody removed the job."""

    def __init__(self, who: str, which: str) -> None:
        super().__init__(
            who,
            f"it does not know {which} any more",
            hint="It was restarted since, or somebody cleared its queue or history. Start the job "
            "again.",
        )


class _Ended(Exception):
    """Carries the error of a prompt past the counting of polls that failed."""

    def __init__(self, error: CreativeError) -> None:
        self.error = error
        super().__init__(str(error))
