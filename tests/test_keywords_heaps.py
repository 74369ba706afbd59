"""creative.keywords: strangers are not kept together, and words that recur group nothing."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from creative.keywords import embed, heaps, modifiers
from creative.keywords.modifiers import are_keywords, find, said, weakened

LIST = [f"{kind} {thing}" for thing in ("kettle", "toaster", "blender", "grater", "whisk")
        for kind in ("red", "blue", "steel", "glass", "maxi", "vintage")]  # fmt: skip
STRANGERS = ["zubrowka", "quokka", "fjordling", "mbira", "tsatsiki"]
TEXTS = [*LIST, *STRANGERS]
GROUPS = np.array([row // 6 for row in range(30)] + [5] * 5)


def space(spread: float, seed: int = 0) -> embed.Vectors:
    """Each group around a direction of its own; the strangers' one with `spread` around it."""
    drawn = np.random.default_rng(seed)
    noise = drawn.normal(size=(len(TEXTS), 64)) / 8
    width = np.where(GROUPS == 5, spread, 0.5)[:, None]
    return embed.unit((np.eye(64)[GROUPS] + width * noise).astype(np.float32))


def test_a_heap_of_strangers_is_dissolved_and_the_others_stay() -> None:
    found = heaps.dissolved(space(2.5), GROUPS, TEXTS, 2, None)
    assert found.tolist() == [*GROUPS[:30], *[-1] * 5]


def test_a_group_of_meaning_stays_although_its_words_share_nothing() -> None:
    assert heaps.dissolved(space(0.5), GROUPS, TEXTS, 2, None).tolist() == GROUPS.tolist()


def test_a_stray_leaves_its_group_unless_that_becomes_too_small() -> None:
    vectors, labels = space(2.5), GROUPS.copy()
    labels[30:] = [0, -1, -1, -1, -1]
    assert heaps.dissolved(vectors, labels, TEXTS, 2, None)[30] == -1
    assert heaps.dissolved(vectors, labels, TEXTS, 7, None)[30] == 0


def test_nearly_the_same_keyword_shows_the_way_home() -> None:
    texts = [*TEXTS[:34], "vintage toaster two"]
    vectors, labels = space(2.5), GROUPS.copy()
    labels[30:] = -1
    away, further = np.eye(64)[50], np.eye(64)[60]
    vectors[11] = 0.6 * vectors[10] + 0.8 * away
    vectors[34] = 0.8 * away + 0.6 * further  # like row 11, unlike the rest of its group
    assert heaps.dissolved(vectors, labels, texts, 2, None)[34] == labels[11]
    assert heaps.dissolved(vectors, labels, texts, 2, 6)[34] == -1, "that group is full"


def test_existing_groups_keep_their_members_and_numbers() -> None:
    labels = np.where(GROUPS == 5, 0, GROUPS + 1)
    found = heaps.dissolved(space(2.5), labels, TEXTS, 2, None, fixed=1)
    assert found.tolist() == labels.tolist()
    found = heaps.dissolved(space(2.5), GROUPS, TEXTS, 2, None, fixed=5)
    assert found[:30].tolist() == GROUPS[:30].tolist()


def test_sentences_and_handfuls_are_left_alone() -> None:
    sentences = [f"what on earth is the meaning of {text} in here" for text in TEXTS]
    assert heaps.dissolved(space(2.5), GROUPS, sentences, 2, None).tolist() == GROUPS.tolist()
    assert not are_keywords(sentences)
    assert not are_keywords(TEXTS[:20])
    assert are_keywords(TEXTS)
    assert are_keywords(["项目管理软件哪个好"] * 40)
    assert not are_keywords(["我想知道怎么样才能够在周末去北京旅行"] * 40)


def rows_of(texts: list[str], word: str) -> NDArray[np.int64] | None:
    wanted = [row for row, text in enumerate(texts) if word in text]
    return next((rows for rows in find(texts) if rows.tolist() == wanted), None)


@pytest.mark.parametrize("word", ["vergleich", "おすすめ", "best", "软件", "receita"])
def test_words_that_recur_are_found(word: str) -> None:
    texts = [*LIST, *[f"{word} {thing}" for thing in STRANGERS]]
    assert rows_of(texts, word) is not None
    assert rows_of([*LIST, f"{word} quokka", f"{word} mbira"], word) is None, "twice is not often"


def test_what_recurs_is_taken_off_and_what_is_nothing_else_stays() -> None:
    texts = [*LIST, *[f"{thing} price" for thing in ("kettle", "toaster", "blender", "grater")]]
    price = np.eye(64)[10]
    things = np.eye(64)[[row // 6 for row in range(30)] + [0, 1, 2, 3]]
    rows = np.vstack([things, price])
    rows[30:34] += price
    vectors = embed.unit(rows.astype(np.float32))
    texts.append("price")

    def view(start: int, stop: int) -> embed.Vectors:
        return vectors[start:stop]

    after = weakened(view, len(texts), find(texts))(0, len(texts))
    assert vectors[30] @ vectors[31] == pytest.approx(0.5)
    assert after[30] @ after[31] < 0.2
    assert after[30] @ after[0] > 0.8 > vectors[30] @ vectors[0]
    assert np.linalg.norm(after, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert weakened(view, len(texts), []) is view


def test_a_keyword_that_is_nothing_but_such_words_stays_as_it_is() -> None:
    same = np.repeat(np.eye(4, dtype=np.float32)[:1], 30, axis=0)
    noise = embed.unit(same + np.random.default_rng(0).normal(0, 0.02, (30, 4)).astype(np.float32))
    after = weakened(lambda start, stop: noise[start:stop], 30, [np.arange(30)])(0, 30)
    assert after == pytest.approx(noise)


def test_years_and_places_say_nothing_about_a_thing() -> None:
    assert set(said("pflegegeld 2026")) == {"2026"}
    assert "near me" in said("pet shop near me")
    pets = [*LIST, "dog near me", "cat near me", "bird near me"]
    assert rows_of(pets, "near me") is None, "a shop near me is no thing"
    assert len(modifiers.find(pets, places=True)) == len(find(pets)) + 1
