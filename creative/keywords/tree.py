"""From vectors to a tree of merges.

Runs in the worker process only: it imports numpy. All vectors here are unit vectors, so a dot
product is a cosine similarity, -1 to 1. Everything is deterministic for the same rows in the
same order.

Smoothing with the neighbours pulls paraphrases together before the tree is grown, and average
linkage keeps small groups beside large ones (measured: `bench/keywords.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creative.keywords import parallel
from creative.keywords.embed import Vectors, unit
from creative.keywords.neighbours import blocks, nearest, nearest_of

Labels = NDArray[np.int64]
"""For each row the number of its group, from 0."""

Graph = tuple[NDArray[np.int64], Vectors]
"""Neighbours of each row, unordered, and how similar they are."""

SMOOTHING_ROUNDS = 3
FLOOR = 0.02
"""Groups less alike than this are never merged."""


def neighbour_graph(vectors: Vectors) -> Graph:
    """log2(rows) neighbours of each row; none in a list of one."""
    rows = len(vectors)
    count = min(max(1, round(np.log2(max(2, rows)))), rows - 1)
    if count < 1:
        return np.empty((rows, 0), np.int64), np.empty((rows, 0), np.float32)
    return nearest(vectors, count)


def smooth(vectors: Vectors, graph: Graph, rounds: int = SMOOTHING_ROUNDS) -> Vectors:
    """Each row moved towards its neighbours, weighted by similarity squared."""
    index, similarity = graph
    if not index.shape[1]:
        return vectors
    weights = np.clip(similarity, 0.0, 1.0) ** 2
    totals = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)
    moved = vectors
    for _ in range(rounds):
        pulled = np.empty_like(moved)

        def pull(part: slice, moved: Vectors = moved, pulled: Vectors = pulled) -> None:
            toward = np.matmul(weights[part, None, :], moved[index[part]])[:, 0]
            pulled[part] = unit(moved[part] + toward)

        parallel.run(pull, blocks(len(moved), index.shape[1] * moved.shape[1]))
        moved = pulled
    return moved


@dataclass(frozen=True)
class Tree:
    """Merges of average-link agglomeration.

    Attributes:
        size: number of rows.
        kept: for each merge, a row of one side; later merges know the union by it.
        joined: for each merge, a row of the other side; it is never `kept` again.
        similarity: for each merge, the mean similarity of the pairs across both sides.
    """

    size: int
    kept: Labels
    joined: Labels
    similarity: Vectors

    def cut(self, threshold: float, max_size: int | None = None) -> Labels:
        """The groups that merges of at least `threshold` make; numbered by their first row.

        With `max_size`, merges that make more than so many rows are not made either: what they
        would have joined stays apart where the tree joined it.
        """
        parent = np.arange(self.size)
        merged = self.similarity >= threshold
        if max_size is not None:
            merged &= self._sizes() <= max_size
        parent[self.joined[merged]] = self.kept[merged]
        while True:
            above = parent[parent]
            if (above == parent).all():
                break
            parent = above
        _, first, group = np.unique(parent, return_index=True, return_inverse=True)
        order = np.empty(len(first), np.int64)
        order[np.argsort(_first_rows(group, len(first)))] = np.arange(len(first))
        return np.asarray(order[group], np.int64)

    def _sizes(self) -> Labels:
        """For each merge how many rows it brings together."""
        rows = [1] * self.size
        sizes = np.empty(len(self.kept), np.int64)
        for number, (kept, joined) in enumerate(zip(self.kept, self.joined, strict=True)):
            rows[kept] += rows[joined]
            sizes[number] = rows[kept]
        return sizes


def _first_rows(group: Labels, count: int) -> Labels:
    first = np.full(count, len(group), np.int64)
    np.minimum.at(first, group, np.arange(len(group)))
    return first


def grow(vectors: Vectors, floor: float = FLOOR, sizes: Labels | None = None) -> Tree:
    """The tree of average-link agglomeration down to similarity `floor`.

    In each round all pairs that are each other's most similar group merge at once: for average
    linkage this gives the same tree as one merge at a time. The mean similarity of all pairs
    across two groups is the dot product of their mean vectors. Exact while no more than
    `neighbours.EXACT_ROWS` groups are left, very nearly so above.

    Args:
        vectors: of the rows; or mean vectors of groups, not scaled to unit length.
        floor: where to stop.
        sizes: how many rows stand behind each vector; 1 if not given.
    """
    size = len(vectors)
    means = vectors.copy()
    weights = np.ones(size) if sizes is None else sizes.astype(np.float64)
    stands_for = np.arange(size)
    highest = np.ones(size, np.float32)
    near, best = np.empty(size, np.int64), np.empty(size, np.float32)
    stale = np.arange(size)
    merges: list[tuple[Labels, Labels, Vectors]] = []
    while len(means) > 1:
        found, similarity = nearest_of(means, stale, 1)
        near[stale], best[stale] = found[:, 0], similarity[:, 0]
        left, right = _pairs(near, best, floor)
        if not len(left):
            break
        # Rounding may let a union be a hair more similar than its parts were.
        height = np.minimum(best[left], np.minimum(highest[left], highest[right]))
        merges.append((stands_for[left], stands_for[right], height))
        share = (weights[left] / (weights[left] + weights[right])).astype(np.float32)[:, None]
        means[left] = means[left] * share + means[right] * (1 - share)
        weights[left] += weights[right]
        highest[left] = height

        kept = np.ones(len(means), bool)
        kept[right] = False
        changed = ~kept
        changed[left] = True
        # A group whose nearest did not change keeps it: a union is never nearer than the
        # nearer one of its parts.
        again = (changed | changed[near])[kept]
        renumbered = np.cumsum(kept) - 1
        means = _compacted(means, np.flatnonzero(kept))
        weights, highest = weights[kept], highest[kept]
        stands_for, best = stands_for[kept], best[kept]
        near = renumbered[near[kept]]
        stale = np.flatnonzero(again)
    if not merges:
        none = np.zeros(0, np.int64)
        return Tree(size, none, none, np.zeros(0, np.float32))
    kept_rows, joined, heights = (np.concatenate(part) for part in zip(*merges, strict=True))
    return Tree(size, kept_rows, joined, heights)


def _compacted(means: Vectors, kept: Labels) -> Vectors:
    """The rows `kept` (ascending) moved to the front of `means`, without a second copy of it."""
    for part in blocks(len(kept), means.shape[1]):
        means[part] = means[kept[part]]  # never from before where it goes to
    return means[: len(kept)]


def _pairs(nearest: Labels, best: Vectors, floor: float) -> tuple[Labels, Labels]:
    """Groups that are each other's nearest and similar enough, each pair once."""
    every = np.arange(len(nearest))
    left = np.flatnonzero((nearest[nearest] == every) & (every < nearest) & (best >= floor))
    if len(left):
        return left, nearest[left]
    top = int(best.argmax())
    if best[top] < floor:
        return every[:0], every[:0]
    # Rounding broke a tie differently on both sides: the best pair is right in any case.
    pair = sorted((top, int(nearest[top])))
    return np.array(pair[:1]), np.array(pair[1:])
