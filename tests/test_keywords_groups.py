"""creative.keywords: the arithmetic and the names, on cases small enough to check by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from creative.keywords import embed, tree
from creative.keywords.name import name_groups, phrases, words


def random_units(count: int, seed: int, dimensions: int = 6) -> embed.Vectors:
    drawn = np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)
    return embed.unit(drawn)


def slow_average_link(vectors: embed.Vectors, floor: float) -> list[float]:
    """Merge heights by the definition: one merge at a time, all pairs looked at."""
    similar = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    groups = [[row] for row in range(len(vectors))]
    heights: list[float] = []
    while len(groups) > 1:
        best, a, b = max(
            (float(np.mean(similar[np.ix_(one, two)])), i, j)
            for (i, one), (j, two) in combinations(enumerate(groups), 2)
        )
        if best < floor:
            break
        heights.append(best)
        groups[a] += groups[b]
        del groups[b]
    return heights


@pytest.mark.parametrize("seed", range(6))
def test_the_tree_is_that_of_average_linkage(seed: int) -> None:
    vectors = random_units(40, seed)
    grown = tree.grow(vectors, floor=0.1)
    expected = slow_average_link(vectors, 0.1)
    assert np.allclose(
        sorted(grown.similarity, reverse=True), sorted(expected, reverse=True), atol=1e-5
    )


def test_a_cut_takes_the_merges_above_it() -> None:
    made = tree.Tree(
        5,
        np.array([3, 0, 0]),
        np.array([4, 1, 3]),
        np.array([0.9, 0.8, 0.3], np.float32),
    )
    assert made.cut(0.95).tolist() == [0, 1, 2, 3, 4]
    assert made.cut(0.5).tolist() == [0, 0, 1, 2, 2]
    assert made.cut(0.1).tolist() == [0, 0, 1, 0, 0]


def test_equal_rows_end_in_one_group() -> None:
    vectors = np.repeat(random_units(3, 1), 20, axis=0)
    labels = tree.grow(vectors, 0.1).cut(0.99)
    assert [len(set(labels[start : start + 20])) for start in (0, 20, 40)] == [1, 1, 1]
    assert len(set(labels)) == 3


def test_neighbours_are_the_nearest_and_never_the_row_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tree, "_BLOCK", 200)  # many blocks
    vectors = random_units(50, 3)
    index, similarity = tree.neighbours(vectors, 4)
    full = vectors @ vectors.T
    np.fill_diagonal(full, -9)
    for row in range(50):
        assert set(index[row]) == set(np.argsort(-full[row])[:4])
        assert row not in index[row]
        assert np.allclose(similarity[row], full[row, index[row]])


def blobs() -> tuple[embed.Vectors, NDArray[np.int64]]:
    rng = np.random.default_rng(5)
    centres = np.eye(8, dtype=np.float32)[:4]
    truth = np.repeat(np.arange(4), 20)
    noise = rng.normal(scale=0.15, size=(80, 8)).astype(np.float32)
    return embed.unit(centres[truth] + noise), truth


def test_the_cut_finds_groups_that_are_there() -> None:
    vectors, truth = blobs()
    labels = tree.best_cut(vectors, tree.grow(vectors))
    assert len(set(zip(labels.tolist(), truth.tolist(), strict=True))) == 4 == len(set(labels))


def test_settling_moves_a_row_to_where_it_belongs_and_frees_strangers() -> None:
    vectors, truth = blobs()
    stranger = np.zeros((1, 8), np.float32)
    stranger[0, 7] = 1
    vectors = np.concatenate([vectors, stranger])
    labels = np.append(truth, 2)
    labels[0] = 3
    settled = tree.settle(vectors, labels)
    assert settled[0] == settled[1]
    assert (settled == settled[80]).sum() == 1


def test_a_lonely_row_joins_the_group_it_resembles() -> None:
    vectors, truth = blobs()
    labels = truth.copy()
    labels[7] = 4
    assert tree.settle(vectors, labels)[7] == tree.settle(vectors, labels)[8]


def test_what_all_rows_share_is_taken_off() -> None:
    shared = np.full((60, 6), 3.0, np.float32)
    vectors = embed.unit(shared + np.repeat(np.eye(6, dtype=np.float32), 10, axis=0))
    before = float((vectors[0] * vectors[10]).sum())
    after = embed.compare_space(vectors)
    assert before > 0.9
    assert float((after[0] * after[10]).sum()) < 0.1
    assert float((after[0] * after[1]).sum()) > 0.99


def test_two_rows_do_not_become_opposites() -> None:
    pair = embed.unit(np.array([[1, 0.2], [1, -0.2]], np.float32))
    compared = embed.compare_space(pair)
    assert float(compared[0] @ compared[1]) > 0.5


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (
            [
                ["cold brew ratio", "how to make cold brew", "Cold Brew at home", "cold brew jug"],
                ["french press ratio", "clean a french press", "best french press"],
            ],
            ["cold brew", "french press"],
        ),
        (
            [["receita de bolo de cenoura", "bolo de cenoura fofinho"],
             ["seguro de carro", "seguro de carro barato"]],
            ["bolo de cenoura", "seguro de carro"],
        ),
        (
            [["東京 ホテル", "東京のホテル予約"], ["京都の紅葉", "紅葉 京都"]],
            ["東京 ホテル", "京都の紅葉"],
        ),
        ([["cheap flights", "low cost airfare"], ["!!!", "???"]], ["cheap flights", "!!!"]),
        ([["V60 filters", "filters for V60", "v60 recipe"], ["mugs", "cups"]], ["V60", "mugs"]),
    ],
)  # fmt: skip
def test_names(groups: list[list[str]], expected: list[str]) -> None:
    assert name_groups(groups) == expected


def test_a_word_of_the_whole_list_names_no_group() -> None:
    groups = [
        ["coffee while pregnant", "is coffee healthy", "too much coffee"],
        ["coffee beans", "kenyan coffee beans", "coffee beans of brazil"],
        ["coffee shop", "coffee shop near me", "coffee shop downtown"],
    ]
    names = name_groups(groups)
    assert names == ["coffee while pregnant", "coffee beans", "coffee shop"]


def test_groups_with_the_same_phrase_get_different_names() -> None:
    groups = [["red shoe", "red shoe shop"], ["red shoe care", "red shoe polish"], ["Red Shoe"]]
    names = [name.casefold() for name in name_groups(groups * 2)]
    assert len(set(names)) == 6


def test_phrases_neither_begin_nor_end_with_function_words() -> None:
    found = phrases(words("how to froth milk for a latte"))
    assert {"froth milk", "milk for a latte", "latte"} <= set(found)
    assert not [phrase for phrase in found if phrase.split()[-1] in {"for", "a", "to", "how"}]
