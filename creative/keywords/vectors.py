"""Vectors from an embedding model elsewhere, instead of the embedded one.

Texts go in batches, several calls at a time, each batch once: what was paid for is remembered,
so that a second run after a failure goes on where the first one stopped. Everything here is
plain Python, in slices of a few milliseconds, since it runs in the plugin's own process. Never
does it hold a list's vectors as Python's numbers: they go into one block of bytes as they come.
"""

from __future__ import annotations

import hashlib
import math
import random
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
BLOCK_BYTES = 40 * 1024 * 1024
"""Room for the vectors of one list, here and once more in the worker. In 1,536 dimensions it holds
13,000 in 16-bit floats and 27,000 in 8-bit integers; longer lists get fewer dimensions."""
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

    Its result has vectors, one per text, in their order; their lengths mean nothing.

    Raises:
        AnswerInvalid: too few vectors, or such that cannot be vectors.
        CreativeError: whatever kept the model from answering. Nothing is sent twice, except
            after a refusal that time (a rate limit) or smaller batches heal.
    """
    return lambda texts, step: _Run(model, deadline, step).run(texts)


class _Block:
    """The vectors of a list in as many bits as there is room for.

    Args:
        count: how many there will be.
        dimensions: of each.
    """

    def __init__(self, count: int, dimensions: int) -> None:
        self._folds: list[list[int]] = []
        width = dimensions
        while count * width > BLOCK_BYTES and width > 1:
            width = (width + 1) // 2
            self._folds.append(random.Random(width).choices((-1, 1), k=width))  # noqa: S311
        self._coarse = count * dimensions * 2 > BLOCK_BYTES
        self._row = width if self._coarse else 2 * width
        self._width = width
        self._data = bytearray(count * self._row)

    def put(self, numbers: Sequence[int], packed: bytes) -> None:
        """Keep a vector (16-bit floats) as that of these texts."""
        row = self._coarsened(packed) if self._coarse else packed
        for number in numbers:
            self._data[number * self._row : (number + 1) * self._row] = row

    def packed(self) -> Packed:
        """All of them."""
        kind = "i1" if self._coarse else "<f2"
        return {"data": self._data, "dimensions": self._width, "type": kind}

    def _coarsened(self, packed: bytes) -> bytes:
        """A vector in 8 bits: its direction is off by about a hundredth.

        Where there are too many numbers even so, pairs are added with signs drawn once: like any
        random projection this keeps angles between vectors, up to 1 over the square root of the
        width (Johnson and Lindenstrauss).
        """
        numbers = struct.unpack(f"<{len(packed) // 2}e", packed)
        for signs in self._folds:
            lower, upper = numbers[: len(signs)], (*numbers[len(signs) :], 0.0)
            numbers = tuple(a + b * sign for a, b, sign in zip(lower, upper, signs, strict=False))
        scale = 127 / (max(map(abs, numbers)) or 1.0)
        return struct.pack(f"{len(numbers)}b", *[round(number * scale) for number in numbers])


class _Run:
    def __init__(self, model: EmbeddingModel, deadline: Deadline, step: Step) -> None:
        self._model, self._deadline, self._step = model, deadline, step
        self._dimensions = 0
        self._lock = threading.Lock()
        self._numbers: dict[str, list[int]] = {}
        self._count = 0
        self._block: _Block | None = None

    def run(self, texts: Sequence[str]) -> Packed:
        """Vectors of `texts`; equal ones are asked for once."""
        self._count = len(texts)
        for number, text in enumerate(texts):
            self._numbers.setdefault(text, []).append(number)
        missing = []
        for text in self._numbers:
            known = MEMORY.get(self._key(text)) if self._model.scope else None
            if known is None:
                missing.append(text)
            else:
                self._keep(text, known)
        done, total = len(self._numbers) - len(missing), len(self._numbers)
        self._told(done, total)
        pool = ThreadPoolExecutor(PARALLEL)
        try:
            batches = [missing[at : at + BATCH] for at in range(0, len(missing), BATCH)]
            running: list[Future[int]] = [pool.submit(self._batch, batch) for batch in batches]
            for finished in as_completed(running):
                done += finished.result()
                self._told(done, total)
        finally:
            pool.shutdown(cancel_futures=True)
        if self._block is None:
            raise self._useless("it was asked for no vector")
        return self._block.packed()

    def _keep(self, text: str, row: bytes) -> None:
        """Put a vector into the block; the first one tells how wide that is."""
        with self._lock:
            self._measure(len(row) // 2)
            if self._block is None:
                self._block = _Block(self._count, self._dimensions)
        self._block.put(self._numbers[text], row)

    def _told(self, done: int, total: int) -> None:
        self._step.progress(
            done / max(1, total), f"Embedding with {self._model.name}: {done} of {total} keywords"
        )

    def _key(self, text: str) -> bytes:
        whole = "\0".join((self._model.scope, self._model.name, text))
        return hashlib.blake2b(whole.encode(errors="replace"), digest_size=16).digest()

    def _batch(self, texts: list[str]) -> int:
        """Ask for the vectors of these texts and keep them; how many that were."""
        try:
            embedded = self._patiently(texts)
        except EngineRejected as error:
            if isinstance(error, ModelRefused | RateLimited) or len(texts) == 1:
                raise
            if not _too_many(error):
                raise
            half = len(texts) // 2
            return self._batch(texts[:half]) + self._batch(texts[half:])
        if len(embedded.vectors) != len(texts):
            raise self._useless(f"{len(embedded.vectors)} vectors came for {len(texts)} texts")
        for text, vector in zip(texts, embedded.vectors, strict=True):
            row = self._packed(vector)
            self._keep(text, row)
            if self._model.scope:
                MEMORY.put(self._key(text), row)
        return len(texts)

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
                self._step.spent(
                    embedded.price,
                    currency=embedded.currency,
                    tokens_in=embedded.tokens,
                    model=self._model.name,
                )
            return embedded
        raise AssertionError("unreachable: the last try returns or raises")

    def _measure(self, length: int) -> None:
        self._dimensions = self._dimensions or length
        if length != self._dimensions:
            raise self._useless(
                f"its vectors have different lengths ({self._dimensions} and {length})"
            )

    def _packed(self, vector: list[float]) -> bytes:
        # hypot of scaled numbers: squares of large ones would overflow.
        if not vector:
            raise self._useless("a vector is empty")
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
