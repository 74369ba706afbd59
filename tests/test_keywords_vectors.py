"""Vectors from a model elsewhere: paid for once, remembered within bounds and for nobody else."""

from __future__ import annotations

import struct
import threading
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from creative.deadline import Deadline
from creative.errors import DeadlineExceeded, EngineRejected
from creative.keywords import embed, vectors
from creative.keywords.vectors import Embedded, embedder
from creative.language import ModelRefused, RateLimited
from creative.steps import Phase, Steps


class Model:
    """Makes vectors of a text's length; says first what is in `refusals`."""

    name = "counter"

    def __init__(self, scope: str = "", refusals: Sequence[Exception] = ()) -> None:
        self.scope = scope
        self.refusals = list(refusals)
        self.asked: list[list[str]] = []
        self.running = self.most = 0
        self.lock = threading.Lock()

    def embed(self, texts: Sequence[str], deadline: Deadline) -> Embedded:
        with self.lock:
            self.asked.append(list(texts))
            self.running += 1
            self.most = max(self.most, self.running)
            refusal = self.refusals.pop() if self.refusals else None
        time.sleep(0.005)
        with self.lock:
            self.running -= 1
        if refusal is not None:
            raise refusal
        made = [[3.0 * len(text), 4.0 * len(text)] for text in texts]
        return Embedded(vectors=made, tokens=len(texts), price=0.5)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    vectors.MEMORY.clear()
    yield
    vectors.MEMORY.clear()


def run(model: Model, texts: list[str], seconds: float = 5) -> tuple[bytes, Steps]:
    steps = Steps()
    with steps.step(Phase.AI_CALL, "Embedding", 100) as step:
        packed = embedder(model, Deadline(seconds))(texts, step)
    assert packed["dimensions"] == 2
    return packed["data"], steps


def test_rows_are_unit_vectors_in_the_order_of_the_texts() -> None:
    texts = [f"{n}" for n in range(100)] + ["0"]
    model = Model()
    data, steps = run(model, texts)
    rows = list(struct.iter_unpack("<2e", data))
    assert len(rows) == 101
    assert all(row == pytest.approx((0.6, 0.8), abs=1e-3) for row in rows)
    assert sorted(map(len, model.asked)) == [4, 32, 32, 32]
    assert 1 < model.most <= vectors.PARALLEL
    assert (steps.cost, steps.tokens) == (2.0, 100)
    assert steps.events[-2].label == "Embedding with counter: 100 of 100 keywords"


def test_only_the_same_user_of_the_same_model_gains() -> None:
    first, same, other, nobody = Model("a"), Model("a"), Model("b"), Model("")
    for model in (first, same, other, nobody, nobody):
        run(model, ["tea", "pot"])
    assert [len(model.asked) for model in (first, same, other, nobody)] == [1, 0, 1, 2]


def test_memory_has_an_end_and_keeps_what_is_used() -> None:
    memory = vectors._Memory(limit=10)
    memory.put(b"a", b"1234")
    memory.put(b"b", b"1234")
    assert memory.get(b"a") == b"1234"
    memory.put(b"c", b"1234")
    assert [memory.get(key) for key in (b"a", b"b", b"c")] == [b"1234", None, b"1234"]
    memory.put(b"a", b"12345678")
    assert [memory.get(key) for key in (b"a", b"c")] == [b"12345678", None]


def test_what_was_paid_for_survives_a_failure() -> None:
    class Failing(Model):
        def embed(self, texts: Sequence[str], deadline: Deadline) -> Embedded:
            if "40" in texts:
                time.sleep(0.1)
                raise EngineRejected("counter", "no such luck")
            return super().embed(texts, deadline)

    texts = [str(n) for n in range(64)]
    with pytest.raises(EngineRejected):
        run(Failing("me"), texts)
    again = Model("me")
    run(again, texts)
    assert again.asked == [texts[32:]]


def test_a_limit_of_calls_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "RATE_PAUSES_SECONDS", (0.01, 0.01))
    slow = RateLimited("counter", "slow down")
    patient = Model(refusals=[slow, slow])
    run(patient, ["tea"])
    assert patient.asked == [["tea"]] * 3
    with pytest.raises(RateLimited):
        run(Model(refusals=[slow] * 3), ["tea"])


def test_waiting_ends_with_the_deadline() -> None:
    model = Model(refusals=[RateLimited("counter", "slow down")] * 9)
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        run(model, ["tea"], seconds=0.1)
    assert time.monotonic() - began < 10


def test_a_refused_model_is_not_asked_with_less() -> None:
    model = Model(refusals=[ModelRefused("counter", "no such model, batch or not")] * 40)
    with pytest.raises(ModelRefused):
        run(model, [str(n) for n in range(20)])
    assert len(model.asked) == 1


def similarities(packed: dict[str, object]) -> np.ndarray:
    rows = embed.unit(embed.rows(packed).astype(np.float32))
    return rows @ rows.T


@pytest.mark.parametrize(
    ("room", "kind", "width", "apart"),
    [(80_000, "<f2", 96, 1e-4), (40_000, "i1", 96, 3e-3), (20_000, "i1", 48, 0.15)],
)
def test_vectors_of_a_long_list_take_less_room(
    monkeypatch: pytest.MonkeyPatch, room: int, kind: str, width: int, apart: float
) -> None:
    """400 vectors of 96 numbers: 16 bits are 76,800 bytes, 8 bits half of it."""
    monkeypatch.setattr(vectors, "BLOCK_BYTES", room)
    drawn = np.random.default_rng(0).normal(size=(400, 96))

    class Wide(Model):
        def embed(self, texts: Sequence[str], deadline: Deadline) -> Embedded:
            self.asked.append(list(texts))
            return Embedded(vectors=[drawn[int(text)].tolist() for text in texts])

    def made(model: Wide, numbers: Sequence[int]) -> dict[str, Any]:
        with Steps().step(Phase.AI_CALL, "Embedding", 100) as step:
            return dict(embedder(model, Deadline(5))([str(n) for n in numbers], step))

    packed = made(Wide("me"), range(400))
    assert (packed["type"], packed["dimensions"]) == (kind, width)
    assert len(packed["data"]) == 400 * width * (2 if kind == "<f2" else 1)
    true = similarities({"data": drawn.astype("<f2").tobytes(), "dimensions": 96})
    assert np.abs(similarities(packed) - true).mean() < apart
    # What is remembered gives the same vectors, in any order.
    again = Wide("me")
    assert (embed.rows(made(again, range(399, -1, -1)))[::-1] == embed.rows(packed)).all()
    assert again.asked == []


def test_a_block_is_all_that_is_held() -> None:
    """No list of Python's numbers, no second copy: 8 bytes for each of 8 million would be 64 MB."""
    row = [float(n % 7 + 1) for n in range(1000)]

    class Long(Model):
        def embed(self, texts: Sequence[str], deadline: Deadline) -> Embedded:
            return Embedded(vectors=[row] * len(texts))

    texts = [str(number) for number in range(2000)]
    tracemalloc.start()
    try:
        with Steps().step(Phase.AI_CALL, "Embedding", 100) as step:
            packed = embedder(Long(), Deadline(30))(texts, step)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(packed["data"]) == 4_000_000
    assert peak < 8_000_000
