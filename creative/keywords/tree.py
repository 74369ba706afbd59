"""From vectors to groups: neighbours, the tree of merges, and where to cut it.

Runs in the worker process only: it imports numpy. All vectors here are unit vectors, so a dot
product is a cosine similarity, -1 to 1. Everything is deterministic for the same rows in the
same order.

The steps and their parameters come from measurements on labelled short texts (CLINC150 and
subsets of it, `bench/keywords.py`): smoothing with the neighbours pulls paraphrases together
before the tree is grown, and average linkage keeps small groups beside large ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creative.keywords.embed import Vectors, unit

Labels = NDArray[np.int64]
"""For each row the number of its group, from 0."""

SMOOTHING_ROUNDS = 2
FLOOR = 0.1
"""Groups less alike than this are never merged."""
CUTS = np.arange(0.225, 0.81, 0.025)
"""Similarities at which the tree may be cut, coarse to fine."""
TOLERANCE = 0.02
"""The finest cut whose silhouette is within this share of the best one is taken."""
ADOPT = 0.4
LOOSE = 0.25
TRUSTED_ROWS = 50
"""See `settle`."""
_SAMPLE = 4000
_BLOCK = 8_000_000
"""Similarities held at a time: 32 MB, whatever the length of the list."""


def _blocks(rows: int, width: int) -> Iterator[slice]:
    """Slices that cover `rows`, each with at most _BLOCK cells of `width` columns."""
    step = max(1, min(1024, _BLOCK // max(1, width)))
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))


def neighbours(vectors: Vectors, count: int) -> tuple[NDArray[np.int64], Vectors]:
    """For each row its `count` most similar other rows (unordered) and their similarities."""
    rows = len(vectors)
    index = np.empty((rows, count), np.int64)
    similarity = np.empty((rows, count), np.float32)
    for part in _blocks(rows, rows):
        block = vectors[part] @ vectors.T
        own = np.arange(len(block))
        block[own, part.start + own] = -np.inf
        nearest = np.argpartition(block, rows - count, axis=1)[:, rows - count :]
        index[part] = nearest
        similarity[part] = np.take_along_axis(block, nearest, axis=1)
    return index, similarity


def smooth(vectors: Vectors, rounds: int = SMOOTHING_ROUNDS) -> Vectors:
    """Each row moved towards its log2(rows) neighbours, weighted by similarity squared."""
    if len(vectors) < 2:
        return vectors
    count = max(1, min(round(np.log2(len(vectors))), len(vectors) - 1))
    index, similarity = neighbours(vectors, count)
    weights = np.clip(similarity, 0.0, 1.0) ** 2
    totals = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)
    moved = vectors
    for _ in range(rounds):
        pull = np.empty_like(moved)
        for part in _blocks(len(moved), count * moved.shape[1]):
            pull[part] = np.einsum("nk,nkd->nd", weights[part], moved[index[part]])
        moved = unit(moved + pull)
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

    def cut(self, threshold: float) -> Labels:
        """The groups that merges of at least `threshold` make; numbered by their first row."""
        parent = np.arange(self.size)
        merged = self.similarity >= threshold
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


def _first_rows(group: Labels, count: int) -> Labels:
    first = np.full(count, len(group), np.int64)
    np.minimum.at(first, group, np.arange(len(group)))
    return first


def grow(vectors: Vectors, floor: float = FLOOR) -> Tree:
    """The tree of exact average-link agglomeration down to similarity `floor`.

    In each round all pairs that are each other's most similar group merge at once: for average
    linkage this gives the same tree as one merge at a time. The mean similarity of all pairs
    across two groups is the dot product of their mean vectors.
    """
    size = len(vectors)
    means, weights = vectors.copy(), np.ones(size)
    stands_for = np.arange(size)
    highest = np.ones(size, np.float32)
    nearest, best = np.empty(size, np.int64), np.empty(size, np.float32)
    stale = np.arange(size)
    merges: list[tuple[Labels, Labels, Vectors]] = []
    while len(means) > 1:
        _find_nearest(means, stale, nearest, best)
        left, right = _pairs(nearest, best, floor)
        if not len(left):
            break
        # Rounding may let a union be a hair more similar than its parts were.
        similarity = np.minimum(best[left], np.minimum(highest[left], highest[right]))
        merges.append((stands_for[left], stands_for[right], similarity))
        share = (weights[left] / (weights[left] + weights[right])).astype(np.float32)[:, None]
        means[left] = means[left] * share + means[right] * (1 - share)
        weights[left] += weights[right]
        highest[left] = similarity

        kept = np.ones(len(means), bool)
        kept[right] = False
        changed = ~kept
        changed[left] = True
        # A group whose nearest did not change keeps it: a union is never nearer than the
        # nearer one of its parts.
        again = (changed | changed[nearest])[kept]
        renumbered = np.cumsum(kept) - 1
        means, weights, highest = means[kept], weights[kept], highest[kept]
        stands_for, best = stands_for[kept], best[kept]
        nearest = renumbered[nearest[kept]]
        stale = np.flatnonzero(again)
    if not merges:
        none = np.zeros(0, np.int64)
        return Tree(size, none, none, np.zeros(0, np.float32))
    kept_rows, joined, similarity = (np.concatenate(part) for part in zip(*merges, strict=True))
    return Tree(size, kept_rows, joined, similarity)


def _find_nearest(means: Vectors, rows: Labels, nearest: Labels, best: Vectors) -> None:
    """Write the most similar other group of `rows`, and how similar it is."""
    for block_rows in _blocks(len(rows), len(means)):
        part = rows[block_rows]
        block = means[part] @ means.T
        own = np.arange(len(part))
        block[own, part] = -np.inf
        nearest[part] = block.argmax(axis=1)
        best[part] = block[own, nearest[part]]


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


def silhouette(vectors: Vectors, labels: Labels) -> float:
    """How well rows fit their group rather than the next one, -1 to 1, by group means.

    A row alone in its group counts 0. At most _SAMPLE rows, evenly spread, are measured.
    """
    groups = int(labels.max()) + 1
    sizes = np.bincount(labels, minlength=groups)
    sums = np.zeros((groups, vectors.shape[1]), np.float32)
    np.add.at(sums, labels, vectors)
    centres = unit(sums)
    rows = np.arange(0, len(vectors), -(-len(vectors) // _SAMPLE))
    total = 0.0
    for block_rows in _blocks(len(rows), groups):
        part = rows[block_rows]
        own = labels[part]
        similar = vectors[part] @ centres.T
        similar[np.arange(len(part)), own] = -np.inf
        others = 1.0 - similar.max(axis=1)
        rest = unit(sums[own] - vectors[part])
        inside = 1.0 - np.einsum("ij,ij->i", rest, vectors[part])
        score = (others - inside) / np.maximum(np.maximum(others, inside), 1e-9)
        score[sizes[own] == 1] = 0.0
        total += float(score.sum())
    return total / len(rows)


def best_cut(vectors: Vectors, tree: Tree, tolerance: float = TOLERANCE) -> Labels:
    """The groups of the finest cut whose silhouette is within `tolerance` of the best."""
    scored: list[tuple[float, Labels]] = []
    for threshold in CUTS:
        labels = tree.cut(float(threshold))
        if labels.max() > 0:
            scored.append((silhouette(vectors, labels), labels))
    if not scored:
        return tree.cut(float(CUTS[0]))
    top = max(score for score, _ in scored)
    enough = top - tolerance * abs(top)
    return next(labels for score, labels in reversed(scored) if score >= enough)


def settle(vectors: Vectors, labels: Labels) -> Labels:
    """The groups after a second look at every row, with the vectors before smoothing.

    A row goes over to the group whose other members it resembles most; a row alone joins one
    that it resembles by ADOPT or more. In lists of at least TRUSTED_ROWS, a row that resembles
    the rest of its group by less than LOOSE stands alone again: smoothing pulls strangers
    together that have nothing in common but being far from everything else.
    """
    sizes = np.bincount(labels)
    own, other, gain = _fit(vectors, labels)
    moves = np.where(sizes[labels] == 1, gain >= ADOPT, gain > own)
    settled = np.where(moves, other, labels)
    if len(vectors) >= TRUSTED_ROWS:
        own, _, _ = _fit(vectors, settled)
        loose = (np.bincount(settled)[settled] > 1) & (own < LOOSE)
        settled[loose] = len(sizes) + np.arange(int(loose.sum()))
    return np.asarray(np.unique(settled, return_inverse=True)[1], np.int64)


def _fit(vectors: Vectors, labels: Labels) -> tuple[Vectors, Labels, Vectors]:
    """How well each row fits where it is and where else it would fit.

    Returns:
        For each row: its similarity to the mean of its group without it (0 if alone), the other
        group of more than one row that it resembles most, and how much (-inf if there is none).
    """
    sizes = np.bincount(labels)
    sums = np.zeros((len(sizes), vectors.shape[1]), np.float32)
    np.add.at(sums, labels, vectors)
    own = np.einsum("ij,ij->i", unit(sums[labels] - vectors), vectors)
    own[sizes[labels] == 1] = 0.0
    centres = unit(sums)
    other, gain = np.empty(len(vectors), np.int64), np.empty(len(vectors), np.float32)
    for part in _blocks(len(vectors), len(sizes)):
        similar = vectors[part] @ centres.T
        similar[:, sizes <= 1] = -np.inf
        similar[np.arange(len(similar)), labels[part]] = -np.inf
        other[part] = similar.argmax(axis=1)
        gain[part] = similar.max(axis=1)
    return own, other, gain
