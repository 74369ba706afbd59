"""Recorder: what one run tells the ledger while it goes on.

Nothing here waits: values are noted, masked and written in the ledger's thread.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.ledger import status
from runtime.ledger.masks import Masks
from runtime.values import number

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from runtime.ledger.store import FileStore
    from runtime.ledger.writer import Job
    from runtime.workflow.result import NodeEvent

MAX_STEPS = 2000
"""Steps that are kept of one run; a loop may log without end."""
MAX_JSON_BYTES = 60_000
"""Of parameters and of outputs; MySQL's text columns take no more."""
MAX_FILE_BYTES = 30 * 2**20
"""Of larger files no copy is kept."""
MAX_COUNT = 2**31 - 1
"""Of tokens; the columns' type holds no more."""
PROGRESS_SECONDS = 1.0
_ENDED = {"success": status.SUCCEEDED, "error": status.FAILED}


@dataclass
class _Step:
    """A step as far as it is known."""

    number: int
    label: str
    at: float
    node: str = ""
    phase: str = ""
    told: float = 0.0


@dataclass
class _Spent:
    """Tokens and money by currency."""

    tokens: int = 0
    money: dict[str, float] = field(default_factory=dict)

    def add(self, tokens: int, price: float | None, currency: str) -> None:
        self.tokens = min(self.tokens + tokens, MAX_COUNT)
        if price is not None:
            self.money[currency] = self.money.get(currency, 0.0) + price


class Recorder:
    """One run; get it from `Ledger.run`.

    Attributes:
        id: 16 hexadecimal digits.
    """

    def __init__(
        self,
        id: str,
        put: Callable[[Job], None],
        masks: Masks,
        began: float,
        store: Callable[[], FileStore | None],
    ) -> None:
        self.id = id
        self._put = put
        self._masks = masks
        self._began = began
        self._store = store
        self._lock = threading.Lock()
        self._steps = 0
        self._open: dict[str, _Step] = {}
        self._nodes: dict[str, list[_Step]] = {}
        self._usages = 0
        self._files = 0
        self._logged = _Spent()
        self._logged_by_models = _Spent()
        self._models = _Spent()
        self.status = status.SUCCEEDED
        self._end: dict[str, Any] = {}

    # --- steps -------------------------------------------------------------------------

    def step(self, message: Mapping[str, Any], node: str = "") -> None:
        """A log message of a tool: {id, parent_id, label, status, data, metadata, error}.

        A message whose parent is an open step says how far that one is.
        """
        data = message.get("data") or {}
        id, parent = str(message.get("id") or ""), str(message.get("parent_id") or "")
        ended = _ENDED.get(str(message.get("status")))
        label = str(message.get("label") or "")
        with self._lock:
            if ended is None and parent in self._open:
                self._progress(self._open[parent], label, number(data.get("percent")))
                return
            step = self._open.pop(id, None) or self._new(
                label, node, str(data.get("phase") or ""), str(data.get("function") or "")
            )
            if step is None:
                return
            if ended is None:
                self._open[id] = step
                return
            self._ended(step, ended, str(message.get("error") or ""), data, message)

    def node(self, event: NodeEvent) -> None:
        """What happens to a node of a workflow."""
        title = event.title or event.type
        with self._lock:
            going = self._nodes.setdefault(event.node_id, [])
            if event.status == "started":
                step = self._new(title, title, event.type)
                if step is not None:
                    going.append(step)
                return
            log = event.log if event.status == status.RUNNING else None
            if log is None:
                if event.status == "retried" and going:
                    self._progress(going[0], f"Trying again: {event.error}", None)
                elif event.status in (status.SUCCEEDED, status.FAILED):
                    step = going.pop(0) if going else self._new(title, title, event.type)
                    if step is not None:
                        self._ended(step, event.status, event.error, {"seconds": event.elapsed}, {})
                return
        if log.get("status") in _ENDED:
            self.step({**log, "id": "", "parent_id": ""}, node=title)
        elif going:
            with self._lock:
                label = str(log.get("label") or "")
                self._progress(going[0], label, number(log.get("percent")))

    def _new(self, label: str, node: str, phase: str, function: str = "") -> _Step | None:
        if self._steps >= MAX_STEPS:
            return None
        step = _Step(self._steps, label, time.monotonic() - self._began, node, phase)
        self._steps += 1
        text = self._masks.text

        def write(connection: Connection) -> None:
            from runtime.ledger.schema import steps

            connection.execute(
                steps.insert().values(
                    run_id=self.id,
                    number=step.number,
                    node=text(node, 250),
                    phase=text(phase, 40)[:60],
                    function=text(function, 150)[:200],
                    label=text(label, 500),
                    status=status.RUNNING,
                    at=step.at,
                )
            )

        self._put(write)
        return step

    def _progress(self, step: _Step, label: str, percent: float | None) -> None:
        now = time.monotonic()
        if now - step.told >= PROGRESS_SECONDS:
            step.told = now
            self._update(step, lambda: {"message": self._masks.text(label, 500)}, percent)

    def _ended(
        self,
        step: _Step,
        ended: str,
        error: str,
        data: Mapping[str, Any],
        message: Mapping[str, Any],
    ) -> None:
        known = message.get("metadata") or {}
        tokens = _count(number(known.get("total_tokens")) or 0)
        price = number(known.get("total_price"))
        currency = str(known.get("currency") or "USD")[:10] if price is not None else ""
        (self._logged_by_models if tokens else self._logged).add(tokens, price, currency)
        measured = number(data.get("seconds")) or number(known.get("elapsed_time"))
        seconds = measured or time.monotonic() - self._began - step.at
        said = str(message.get("label") or step.label)

        def values() -> dict[str, Any]:
            return {
                "status": ended,
                "seconds": seconds,
                "message": self._masks.text(error or (said if said != step.label else ""), 1000),
                "tokens": tokens,
                "cost": price,
                "currency": currency,
            }

        self._update(step, values, number(data.get("percent")))

    def _update(
        self, step: _Step, values: Callable[[], dict[str, Any]], percent: float | None
    ) -> None:
        def write(connection: Connection) -> None:
            from runtime.ledger.schema import steps

            known = {} if percent is None else {"percent": percent}
            connection.execute(
                steps.update()
                .where(steps.c.run_id == self.id, steps.c.number == step.number)
                .values(**values(), **known)
            )

        self._put(write)

    # --- costs, files, results ---------------------------------------------------------

    def usage(
        self,
        kind: str,
        model: str,
        tokens_in: int,
        tokens_out: int,
        price: float | None,
        currency: str,
    ) -> None:
        """A model was used on behalf of the run (a reverse call, an LLM node).

        Args:
            kind: llm, text_embedding, rerank, moderation, …
            price: in `currency`; None if nobody knows it.
        """
        paid, tokens_in, tokens_out = number(price), _count(tokens_in), _count(tokens_out)
        with self._lock:
            order, self._usages = self._usages, self._usages + 1
            self._models.add(tokens_in + tokens_out, paid, currency or "USD")

        def write(connection: Connection) -> None:
            from runtime.ledger.schema import usages

            connection.execute(
                usages.insert().values(
                    run_id=self.id,
                    number=order,
                    kind=kind[:40],
                    model=self._masks.text(model, 250),
                    tokens_in=tokens_in,
                    tokens_out=tokens_out,
                    price=paid,
                    currency=(currency or "USD")[:10] if paid is not None else "",
                )
            )

        self._put(write)

    def files(self, saved: Iterable[Mapping[str, Any]]) -> None:
        """The files that a run has saved: {path, filename, mime_type} each."""
        for file in saved:
            self.file(
                file["path"], str(file.get("filename") or ""), str(file.get("mime_type") or "")
            )

    def file(
        self, path: Path | str, filename: str = "", mime_type: str = "", *, given: bool = False
    ) -> None:
        """A file that came out, of which a copy is kept; or was given, of which it is not."""
        with self._lock:
            order, self._files = self._files, self._files + 1
        place = Path(path)

        def write(connection: Connection) -> None:
            import hashlib

            from runtime.ledger.schema import files

            with place.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                store = None if given or size > MAX_FILE_BYTES else self._store()
                sha256 = (
                    store.keep(file.read())
                    if store
                    else hashlib.file_digest(file, "sha256").hexdigest()
                )
            connection.execute(
                files.insert().values(
                    run_id=self.id,
                    number=order,
                    direction="in" if given else "out",
                    filename=self._masks.text(filename or place.name, 250),
                    mime_type=self._masks.text(mime_type, 150),
                    size=size,
                    sha256=sha256,
                    path=self._masks.text(str(path), 1000),
                    kept=int(store is not None),
                )
            )

        self._put(write)

    def result(self, text: str, outputs: Mapping[str, Any], ended: str = status.SUCCEEDED) -> None:
        """What the run gave, and as what it ended if nothing failed."""
        self.status = ended
        self._end.update(text=text, outputs=outputs)

    def failed(self, error: Exception) -> None:
        """The run failed with a StudioError, or another exception."""
        self.status = status.FAILED
        self._end.update(
            error_type=str(getattr(error, "error_type", "") or type(error).__name__),
            error=str(getattr(error, "message", "") or error or type(error).__name__),
            hint=str(getattr(error, "hint", "")),
        )

    def stopped(self) -> None:
        """Somebody stopped the run."""
        self.status = status.STOPPED

    def end(self) -> Job:
        """What is to be written at the end of the run."""
        seconds = time.monotonic() - self._began
        with self._lock:
            spent = self._spent()
            end, ended = dict(self._end), self.status
        # Of several currencies there is no sum: the steps have their own.
        currency, cost = next(iter(spent.money.items())) if len(spent.money) == 1 else ("", None)
        text = self._masks.text

        def write(connection: Connection) -> None:
            from runtime.ledger.schema import runs, steps

            now = time.time()
            connection.execute(
                runs.update()
                .where(runs.c.id == self.id)
                .values(
                    status=ended,
                    finished=now,
                    seen=now,
                    seconds=seconds,
                    error_type=text(end.get("error_type", ""), 150),
                    error=text(end.get("error", "")),
                    hint=text(end.get("hint", "")),
                    text=text(end.get("text", "")),
                    outputs=as_json(self._masks.value(end.get("outputs", {}))),
                    tokens=spent.tokens,
                    cost=cost,
                    currency=currency,
                )
            )
            connection.execute(
                steps.update()
                .where(steps.c.run_id == self.id, steps.c.status == status.RUNNING)
                .values(status=ended if ended != status.PARTIAL else status.SUCCEEDED)
            )

        return write

    def _spent(self) -> _Spent:
        """What the run cost. A tool logs what its models cost, and so do we, who asked them for
        it: of the two our own count is taken, and from the tool what is no model's.
        """
        models = self._models if self._usages else self._logged_by_models
        total = _Spent(_count(models.tokens + self._logged.tokens), dict(models.money))
        for currency, price in self._logged.money.items():
            total.add(0, price, currency)
        if self._usages and not self._models.money:  # nobody here knew a price; the tool may
            for currency, price in self._logged_by_models.money.items():
                total.add(0, price, currency)
        return total


def _count(tokens: float) -> int:
    return int(min(max(tokens, 0), MAX_COUNT))


def as_json(value: Any) -> str:
    """Plain data as JSON, of bounded size."""
    shown = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    if len(shown.encode()) <= MAX_JSON_BYTES:
        return shown
    names = list(value)[:100] if isinstance(value, dict) else []
    return json.dumps({"…": f"(cut: {len(shown):,} characters)", "names": names})
