"""Vectors from an embedding model elsewhere, instead of the embedded one.

Texts go in batches, several calls at a time, each batch once: what was paid for is remembered,
so that a second run after a failure goes on where the first one stopped. Everything here is
plain Python, in slices of a few milliseconds, since it runs in the plugin's own process.
"""

from __future__ import annotations

import hashlib
import math
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Protocol

from pydantic import BaseModel, ConfigDict, Field

from creative.deadline import Deadline
from creative.errors import AnswerInvalid, EngineRejected
from creative.language import ModelRefused, RateLimited
from creative.steps import Step

if TYPE_CHECKING:
    from creative.keywords.jobs import Packed

BATCH = 32
"""Texts per call; what common servers take at most."""
PARALLEL = 3
CACHE_BYTES = 32 * 1024 * 1024
RATE_PAUSES_SECONDS = (2.0, 5.0, 10.0)


class Embedded(BaseModel):
    """What a model answered."""

    model_config = ConfigDict(frozen=True)

    vectors: list[list[float]] = Field(description="one per text, in their order")
    tokens: int = 0
    price: float | None = Field(None, description="in `currency`; None where it is not known")
    currency: str = "USD"


class EmbeddingModel(Protocol):
    """An embedding model that somebody offers."""

    @property
    def name(self) -> str:
        """What to call it in front of people."""

    @property
    def scope(self) -> str:
        """Who may share vectors: equal for callers whose calls reach the very same model; empty
        if nothing may be remembered."""

    def embed(self, texts: Sequence[str], deadline: Deadline) -> Embedded:
        """Send `texts` once.

        Raises:
            CreativeError: whatever kept the model from answering.
        """


class _Memory:
    """Packed vectors by text, the ones used last, up to `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._rows: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes) -> bytes | None:
        with self._lock:
            row = self._rows.get(key)
            if row is not None:
                self._rows.move_to_end(key)
            return row

    def put(self, key: bytes, row: bytes) -> None:
        with self._lock:
            self._size += len(row) - len(self._rows.pop(key, b""))
            self._rows[key] = row
            while self._size > self._limit:
                _, dropped = self._rows.popitem(last=False)
                self._size -= len(dropped)

    def clear(self) -> None:
        with self._lock:
            self._rows.clear()
            self._size = 0


MEMORY = _Memory(CACHE_BYTES)


def embedder(model: EmbeddingModel, deadline: Deadline) -> Callable[[list[str], Step], Packed]:
    """Makes vectors with `model`; hand it to `creative.keywords.cluster`.

    Its result has unit vectors, one per text, in their order.

    Raises:
        AnswerInvalid: too few vectors, or such that cannot be vectors.
        CreativeError: whatever kept the model from answering. Nothing is sent twice, except
            after a refusal that time (a rate limit) or smaller batches heal.
    """
    return lambda texts, step: _Run(model, deadline, step).run(texts)


class _Run:
    def __init__(self, model: EmbeddingModel, deadline: Deadline, step: Step) -> None:
        self._model, self._deadline, self._step = model, deadline, step
        self._dimensions = 0
        self._lock = threading.Lock()

    def run(self, texts: Sequence[str]) -> Packed:
        rows: dict[str, bytes] = {}
        for text in dict.fromkeys(texts):
            known = MEMORY.get(self._key(text))
            if known is not None:
                self._measure(len(known) // 2)
            rows[text] = known or b""
        missing = [text for text, row in rows.items() if not row]
        self._told(len(rows) - len(missing), len(rows))
        pool = ThreadPoolExecutor(PARALLEL)
        try:
            batches = [missing[at : at + BATCH] for at in range(0, len(missing), BATCH)]
            running: list[Future[dict[str, bytes]]] = [
                pool.submit(self._batch, batch) for batch in batches
            ]
            for finished in as_completed(running):
                made = finished.result()
                rows.update(made)
                missing = missing[len(made) :]
                self._told(len(rows) - len(missing), len(rows))
        finally:
            pool.shutdown(cancel_futures=True)
        return {"data": b"".join(map(rows.__getitem__, texts)), "dimensions": self._dimensions}

    def _told(self, done: int, total: int) -> None:
        self._step.progress(
            done / max(1, total), f"Embedding with {self._model.name}: {done} of {total} keywords"
        )

    def _key(self, text: str) -> bytes:
        whole = "\0".join((self._model.scope, self._model.name, text))
        return hashlib.blake2b(whole.encode(errors="replace"), digest_size=16).digest()

    def _batch(self, texts: list[str]) -> dict[str, bytes]:
        """The packed vector of each text."""
        try:
            embedded = self._patiently(texts)
        except EngineRejected as error:
            if isinstance(error, ModelRefused | RateLimited) or len(texts) == 1:
                raise
            if not _too_many(error):
                raise
            half = len(texts) // 2
            return {**self._batch(texts[:half]), **self._batch(texts[half:])}
        if len(embedded.vectors) != len(texts):
            raise self._useless(f"{len(embedded.vectors)} vectors came for {len(texts)} texts")
        made = {}
        for text, vector in zip(texts, embedded.vectors, strict=True):
            self._measure(len(vector))
            made[text] = self._packed(vector)
            if self._model.scope:
                MEMORY.put(self._key(text), made[text])
        return made

    def _patiently(self, texts: list[str]) -> Embedded:
        for pause in (*RATE_PAUSES_SECONDS, None):
            self._deadline.check(f"embedding with {self._model.name}")
            try:
                embedded = self._model.embed(texts, self._deadline)
            except RateLimited:
                if pause is None:
                    raise
                self._deadline.sleep(pause, f"waiting for {self._model.name}")
                continue
            with self._lock:
                self._step.spent(embedded.price, embedded.tokens, embedded.currency)
            return embedded
        raise AssertionError("unreachable: the last try returns or raises")

    def _measure(self, length: int) -> None:
        if length == 0:
            raise self._useless("a vector is empty")
        with self._lock:
            self._dimensions = self._dimensions or length
            if length != self._dimensions:
                raise self._useless(
                    f"its vectors have different lengths ({self._dimensions} and {length})"
                )

    def _packed(self, vector: list[float]) -> bytes:
        # hypot of scaled numbers: squares of large ones would overflow.
        length = math.hypot(*vector)
        if not math.isfinite(length) or length == 0:
            raise self._useless("a vector is all zeros or has numbers that are none")
        return struct.pack(f"<{len(vector)}e", *[number / length for number in vector])

    def _useless(self, problem: str) -> AnswerInvalid:
        return AnswerInvalid(
            self._model.name, problem, "Choose another embedding model, or leave the choice empty."
        )


def _too_many(error: EngineRejected) -> bool:
    said = error.message.lower()
    return "batch" in said or "too many" in said or "input" in said or "too large" in said
