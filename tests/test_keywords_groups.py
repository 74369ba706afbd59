"""creative.keywords: the arithmetic and the names, on cases small enough to check by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from creative.keywords import embed, neighbours, tree
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


def test_a_limit_keeps_unions_apart_where_the_tree_joined_them() -> None:
    vectors = random_units(60, 2)
    grown = tree.grow(vectors, -1.0)
    small = grown.cut(-1.0, max_size=10)
    assert np.bincount(small).max() <= 10
    assert len(set(grown.cut(-1.0))) == 1
    # Groups of the limited cut are nodes of the tree: any cut is coarser or finer than each.
    for threshold in (0.3, 0.6):
        wide = grown.cut(threshold)
        for group in set(small):
            inside = set(wide[small == group])
            assert len(inside) == 1 or all((small[wide == w] == group).all() for w in inside)


def check_neighbours(index: NDArray[np.int64], similarity: embed.Vectors,
                     vectors: embed.Vectors) -> float:  # fmt: skip
    """The share of the neighbours that are the nearest ones."""
    full = vectors @ vectors.T
    np.fill_diagonal(full, -9)
    found = 0
    for row in range(len(vectors)):
        assert row not in index[row]
        assert len(set(index[row])) == index.shape[1]
        assert np.allclose(similarity[row], full[row, index[row]], atol=1e-6)
        found += len(set(index[row]) & set(np.argsort(-full[row])[: index.shape[1]]))
    return found / index.size


def test_neighbours_are_the_nearest_and_never_the_row_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbours, "_BLOCK", 200)  # many blocks
    vectors = random_units(50, 3)
    assert check_neighbours(*neighbours.nearest(vectors, 4), vectors) == 1.0


def test_the_inverted_file_finds_nearly_all_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "EXACT_ROWS", 100)
    near = np.repeat(random_units(60, 4, 16), 10, axis=0)
    vectors = embed.unit(near + 0.6 * random_units(600, 5, 16))
    assert check_neighbours(*neighbours.nearest(vectors, 5), vectors) > 0.93


def test_the_inverted_file_copes_with_equal_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "EXACT_ROWS", 100)
    vectors = np.repeat(random_units(2, 1), 150, axis=0)
    index, similarity = neighbours.nearest(vectors, 6)
    assert (index != np.arange(300)[:, None]).all()
    assert np.allclose(similarity, 1.0, atol=1e-5)


def test_a_long_list_gives_nearly_the_tree_of_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    near = np.repeat(random_units(40, 6, 16), 10, axis=0)
    vectors = embed.unit(near + 0.2 * random_units(400, 7, 16))
    exact = tree.grow(vectors).cut(0.7)
    monkeypatch.setattr(neighbours, "EXACT_ROWS", 50)
    assert (tree.grow(vectors).cut(0.7) == exact).mean() > 0.97


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
            ["東京 ホテル", "紅葉 京都"],
        ),
        ([["cheap flights", "low cost airfare"], ["!!!", "???"]], ["cheap flights", "!!!"]),
        ([["V60 filters", "filters for V60", "v60 recipe"], ["mugs", "cups"]],
         ["V60 filters", "mugs"]),
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
