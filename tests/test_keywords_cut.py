"""creative.keywords: how fine a list is cut, and what happens to rows after the cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from creative.keywords import cut, embed, settle, topics, tree
from creative.keywords.settle import ALONE


def blobs(
    groups: int = 4, each: int = 20, noise: float = 0.15, width: int = 8, seed: int = 5
) -> tuple[embed.Vectors, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(groups), each)
    scattered = rng.normal(scale=noise, size=(len(truth), width)).astype(np.float32)
    return embed.unit(np.eye(width, dtype=np.float32)[truth] + scattered), truth


def slow_rand(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Adjusted Rand index by its definition: all pairs of rows are looked at."""
    upper = np.triu_indices(len(one), 1)
    a, b = (labels[upper[0]] == labels[upper[1]] for labels in (one, other))
    pairs, both = len(a), float((a & b).sum())
    chance = a.sum() * b.sum() / pairs
    return float((both - chance) / ((a.sum() + b.sum()) / 2 - chance))


def test_agreement_is_the_adjusted_rand_index() -> None:
    rng = np.random.default_rng(1)
    grown = tree.grow(embed.unit(rng.normal(size=(60, 5)).astype(np.float32)), -1.0)
    cuts = [grown.cut(threshold) for threshold in (0.1, 0.4, 0.7)]
    found = cut.agreement(np.array([cut._pairs_together(labels) for labels in cuts]))
    for i, one in enumerate(cuts):
        for j, other in enumerate(cuts):
            assert found[i, j] == pytest.approx(slow_rand(one, other), abs=1e-9)


def test_modularity_by_hand() -> None:
    # Two pairs, each other's neighbours: all weight inside, half of it by chance.
    index = np.array([[1], [0], [3], [2]])
    graph = index, np.ones((4, 1), np.float32)
    assert cut.modularity(graph, np.array([0, 0, 1, 1])) == pytest.approx(0.5)
    assert cut.modularity(graph, np.array([0, 0, 0, 0])) == pytest.approx(0.0)
    assert cut.modularity(graph, np.array([0, 1, 0, 1])) == pytest.approx(-0.5)


def choose(vectors: embed.Vectors, granularity: float | None = None) -> NDArray[np.int64]:
    graph = tree.neighbour_graph(vectors)
    smoothed = tree.smooth(vectors, graph)
    found = cut.levels(tree.grow(smoothed), 2, None)
    return cut.choose(found, smoothed, vectors, graph, granularity).labels


@pytest.mark.parametrize(("groups", "each"), [(2, 5), (4, 20), (7, 6), (8, 100)])
def test_the_cut_finds_groups_that_are_there(groups: int, each: int) -> None:
    vectors, truth = blobs(groups, each)
    labels = choose(vectors)
    assert len(set(zip(labels.tolist(), truth.tolist(), strict=True))) == groups
    assert len(set(labels)) == groups


def test_finer_never_gives_fewer_groups_and_the_choice_lies_between() -> None:
    vectors, _ = blobs(8, 25, noise=0.45)

    def clusters(labels: NDArray[np.int64]) -> int:
        return int((np.bincount(labels) > 1).sum())

    counts = [clusters(choose(vectors, step / 10)) for step in range(11)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    assert counts[0] <= clusters(choose(vectors)) <= counts[-1]


def test_settling_moves_a_row_to_where_it_belongs_and_frees_strangers() -> None:
    vectors, truth = blobs()
    stranger = np.zeros((1, 8), np.float32)
    stranger[0, 7] = 1
    vectors = np.concatenate([vectors, stranger])
    labels = np.append(truth, 2)
    labels[0] = 3
    settled = settle.settle(vectors, labels, 2, None)
    assert settled[0] == settled[1]
    assert settled[80] == ALONE


def test_a_row_without_a_group_joins_the_one_it_resembles() -> None:
    vectors, truth = blobs()
    labels = truth.copy()
    labels[7] = ALONE
    assert settle.settle(vectors, labels, 2, None)[7] == labels[8]


def test_no_group_starves_or_overflows() -> None:
    vectors, truth = blobs()
    labels = truth.copy()
    labels[[0, 1, 2]] = 4  # a group that all its rows would rather leave
    settled = settle.settle(vectors, labels, 3, None)
    assert (settled == 4).sum() >= 3
    labels[[0, 1, 2]] = ALONE
    settled = settle.settle(vectors, labels, 2, 18)
    assert (settled == 0).sum() == 18
    assert (settled == ALONE).sum() == 2


@given(
    st.integers(2, 60),
    st.integers(0, 1000),
    st.integers(1, 5),
    st.none() | st.integers(5, 12),
    st.none() | st.integers(1, 6),
)
@settings(max_examples=60, deadline=None)
def test_sizes_hold_for_any_rows(
    count: int, seed: int, min_size: int, max_size: int | None, most: int | None
) -> None:
    rng = np.random.default_rng(seed)
    vectors = embed.unit(rng.normal(size=(count, 4)).astype(np.float32))
    found = cut.levels(tree.grow(vectors), min_size, max_size)
    labels = settle.without_small(found[len(found) // 2].labels, min_size)
    if most is not None:
        labels = settle.merged_to(vectors, labels, most, max_size)
        assert labels.max() + 1 <= most
    before = labels.max()
    labels = settle.settle(vectors, labels, min_size, max_size)
    assert labels.max() == before
    sizes = np.bincount(labels[labels != ALONE])
    if len(sizes):
        assert sizes.min() >= min_size
        assert max_size is None or sizes.max() <= max_size


def test_existing_groups_take_what_is_like_their_members() -> None:
    vectors, truth = blobs(4, 20)
    existing = np.where(truth == 3, ALONE, truth)
    existing[[0, 25, 45]] = ALONE
    grown = settle.join_existing(vectors, existing, None)
    assert grown[0] == 0
    assert grown[25] == 1
    assert grown[45] == 2
    assert (grown[truth == 3] == ALONE).all()
    kept = existing != ALONE
    assert (grown[kept] == existing[kept]).all()
    full = settle.join_existing(vectors, existing, 19)
    assert (full[[0, 25, 45]] == ALONE).all()


def test_topics_lie_above_groups() -> None:
    rng = np.random.default_rng(3)
    # Three themes of four groups each, the groups of a theme near each other.
    themes = np.repeat(np.eye(3, 16, dtype=np.float32), 4, axis=0)
    own = 0.5 * np.eye(12, 16, 3, dtype=np.float32)
    labels = np.repeat(np.arange(12), 10)
    rows = (themes + own)[labels] + 0.05 * rng.normal(size=(120, 16)).astype(np.float32)
    found = topics.find(embed.unit(rows.astype(np.float32)), labels)
    assert len(found) == 12
    for theme in range(3):
        inside = found[theme * 4 : theme * 4 + 4]
        assert not set(inside) & set(np.delete(found, range(theme * 4, theme * 4 + 4)))
    assert len(set(found)) <= 5


def test_few_groups_are_their_own_topics() -> None:
    vectors, truth = blobs(3, 10)
    assert topics.find(vectors, truth).tolist() == [0, 1, 2]


def test_where_the_scores_hardly_differ_the_usual_size_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 640 rows in 4 regions of 4 groups each: 4 groups of 160 or 16 of 40.
    drawn = np.random.default_rng(3)
    regions, groups = drawn.normal(size=(4, 64)), drawn.normal(size=(16, 64))
    rows, noise = np.arange(640), drawn.normal(size=(640, 64))
    vectors = embed.unit((4 * regions[rows % 4] + 2 * groups[rows % 16] + noise).astype(np.float32))
    assert choose(vectors).max() + 1 == 16
    monkeypatch.setattr(cut, "USUAL_SIZE", 160.0)
    monkeypatch.setattr(cut, "USUAL_ROOTS", 160.0)
    assert choose(vectors).max() + 1 == 4
