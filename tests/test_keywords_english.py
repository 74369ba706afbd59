"""creative.keywords: the second opinion on English lists."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from creative.keywords import embed, english, jobs, space, wordpiece

TRUTH = Path(__file__).parent / "lists" / "truth"

# What onnxruntime 1.31 and tokenizers 0.23 make of the same file (2026-11).
FIRST_NUMBERS = {
    "how to clean a french press": [-0.0616, 0.0005, 0.0711, -0.0407, -0.0139, -0.0155],
    "running shoes": [-0.0453, 0.0235, -0.0042, 0.0320, 0.0304, -0.0293],
    "best espresso machine under 500": [-0.0277, 0.0277, -0.0230, 0.0029, -0.0088, -0.0143],
}
PIECES = {
    "wh-1000xm5 vs. QC45": [1059, 2232, 1011, 6694, 2595, 2213, 2629, 5443, 1012, 25196, 19961],
    "Crème brûlée torch": [13675, 21382, 7987, 9307, 2063, 12723],
    "price in €5 or £5?": [3976, 1999, 1574, 2629, 2030, 27813, 1029],
    "東京 hotel": [1879, 1755, 3309],
    "unbelievably": [4895, 8671, 2666, 3567, 6321],
    "x" * 101: [100],
}


def silent(_done: float, _label: str) -> None:
    """Progress for nobody."""


def listed(name: str) -> list[str]:
    lines = (TRUTH / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[1] for line in lines]


@pytest.fixture(scope="module")
def shop() -> list[str]:
    return sorted(listed("english_shop"))


def test_the_model_computes_what_its_own_engine_does() -> None:
    found = english.encode(list(FIRST_NUMBERS), silent).astype(np.float64)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3)
    assert np.allclose(found[:, :6], list(FIRST_NUMBERS.values()), atol=1e-3)


@pytest.mark.parametrize("text", PIECES)
def test_pieces_are_those_of_the_model(text: str) -> None:
    assert wordpiece.Tokenizer().encode(text, 100) == [101, *PIECES[text], 102]


def test_a_long_text_is_cut_and_keeps_its_end_mark() -> None:
    assert wordpiece.Tokenizer().encode("red shoes " * 900, 8) == [101, *[2417, 6007] * 3, 102]
    assert english.encode(["red shoes " * 900], silent).shape == (1, english.DIMENSIONS)


def test_neither_order_nor_company_changes_a_vector(shop: list[str]) -> None:
    whole = english.encode(shop, silent).astype(np.float32)
    order = random.Random(3).sample(range(len(shop)), len(shop))
    mixed = english.encode([shop[row] for row in order], silent).astype(np.float32)
    assert np.array_equal(mixed, whole[order])
    assert np.allclose(english.encode(shop[5:8], silent), whole[5:8], atol=1e-3)


@pytest.mark.parametrize(
    "name", ["german_insurance", "portuguese_recipes", "japanese_travel", "chinese_software"]
)
def test_other_languages_are_not_taken_for_english(name: str, shop: list[str]) -> None:
    assert not english.is_english(listed(name))
    assert english.is_english(shop)
    assert not english.is_english([*shop, *listed(name) * 3])


@pytest.mark.parametrize(
    "text",
    [
        "installare app per il meteo",
        "wat voor weer wordt het",
        "quel temps fait il demain",
        "perkiraan cuaca besok pagi di surabaya",
        "cena ubezpieczenia samochodu",
        "12 34",
        "☕☕",
        "abc",
        "",
    ],
)
def test_these_are_not_english(text: str) -> None:
    assert not english.is_english([text])


def test_a_list_is_read_by_both_models_only_if_it_is_english_and_short(
    shop: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = jobs.embed_job(shop, silent)
    assert both["english"] == english.DIMENSIONS
    assert len(both["data"]) == 2 * both["dimensions"] * len(shop)
    assert "english" not in jobs.embed_job(sorted(listed("german_insurance")), silent)
    monkeypatch.setattr(english, "LONGEST_LIST", len(shop) - 1)
    one = jobs.embed_job(shop, silent)
    assert "english" not in one
    width = both["dimensions"] - english.DIMENSIONS
    assert one["dimensions"] == width
    stored = np.frombuffer(both["data"], "<f2").reshape(len(shop), -1)
    assert stored[:, :width].tobytes() == one["data"]


def test_without_the_package_the_other_model_is_enough(
    shop: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(english, "PACKAGE", "no_such_package")
    packed = jobs.embed_job(shop, silent)
    assert "english" not in packed
    answer = jobs.group_job({"keywords": shop, "vectors": packed}, silent)
    assert len(answer["groups"]) > 5


def test_both_models_have_a_say() -> None:
    texts = ["one", "two", "three", "four"] * 12
    drawn = np.random.default_rng(5)
    first = drawn.integers(0, 2, 48)
    second = drawn.integers(0, 2, 48)
    stored = np.hstack([np.eye(2)[first], np.eye(2)[second]]).astype("<f2")
    compared = space.compare(stored, texts, english=2)
    same = [compared[0] @ row for row in compared[1:]]
    both = [s for s, a, b in zip(same, first[1:], second[1:], strict=True)
            if a == first[0] and b == second[0]]  # fmt: skip
    one = [s for s, a, b in zip(same, first[1:], second[1:], strict=True)
           if (a == first[0]) != (b == second[0])]  # fmt: skip
    none = [s for s, a, b in zip(same, first[1:], second[1:], strict=True)
            if a != first[0] and b != second[0]]  # fmt: skip
    assert np.mean(both) > np.mean(one) + 0.2 > np.mean(none) + 0.4


def test_what_is_not_read_is_guessed_from_what_is(monkeypatch: pytest.MonkeyPatch) -> None:
    turned = np.random.default_rng(3).normal(size=(512, english.DIMENSIONS))
    large = np.random.default_rng(4).normal(size=(1500, 512))
    large /= np.linalg.norm(large, axis=1, keepdims=True)
    right = large @ turned
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    monkeypatch.setattr(english, "RIDGE", 1e-4)
    rows = slice(0, 1500, 2)
    made = english.complete(large.astype("<f2"), right[rows].astype("<f2"), rows)
    assert (made[rows] == right[rows].astype("<f2")).all()
    assert np.einsum("ij,ij->i", made, right)[1::2].min() > 0.95


def test_the_model_reads_evenly_spread_texts_and_never_more_than_it_may() -> None:
    for count in (1, 4500, 4501, 9001, english.LONGEST_LIST):
        read = range(count)[english.sample(count)]
        assert english.MOST_TEXTS / 2 <= len(read) <= english.MOST_TEXTS or len(read) == count


def test_a_longer_english_list_has_the_second_vectors_too(
    monkeypatch: pytest.MonkeyPatch, shop: list[str]
) -> None:
    whole = jobs.embed_job(shop[:40], silent)
    monkeypatch.setattr(english, "MOST_TEXTS", 20)
    half = jobs.embed_job(shop[:40], silent)
    assert half["english"] == english.DIMENSIONS
    one, other = (embed.rows(packed)[:, 512:] for packed in (whole, half))
    assert np.allclose(one[::2], other[::2], atol=2e-3)
    assert not np.allclose(one[1::2], other[1::2], atol=2e-3)
