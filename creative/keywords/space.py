"""The space in which keywords are compared: meaning, spelling and search results in one.

All vectors in it are unit vectors, so that a dot product is a similarity, -1 to 1. Lists are
worked on in blocks, since long ones in full width would not fit; only keyword lists of up to
`modifiers.LONGEST_LIST` are held whole.

Runs in the worker process only: it imports numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from creative.keywords import lexical, modifiers, parallel
from creative.keywords.embed import DIMENSIONS, FIT_SAMPLE, Vectors, unit

SPELLING = 0.7
"""Length of the spelling's part beside 1 for the meaning's."""
ENGLISH = 0.5
"""Share of the English model in the meaning, where there is one; the rest is the large model's."""
EMPHASIS = 0.1
"""Directions are stretched by their variance to this power: what many keywords vary in tells
more than what few do."""
TRUST = 2.0
"""A list of this many keywords takes half of its own mean off."""
EMPHASIZED_ROWS = 32
"""Shorter lists say too little about which directions matter."""
SERP_DIMENSIONS = 128
SERP_NEIGHBOURS = 5
_BLOCK = 512

Block = Callable[[int, int], Vectors]


def compare(stored: NDArray[np.float16], texts: Sequence[str], english: int = 0) -> Vectors:
    """Vectors whose dot product tells how alike keywords are, shape (n, at most 128).

    What all keywords of a list share ("coffee" in a coffee shop's list) is taken off, since it
    says nothing about groups. A handful has no trustworthy mean (two keywords would become
    opposites), so the share that is taken off grows with the list.

    Args:
        stored: vectors of the keywords from an embedding model, shape (n, any width).
        texts: the keywords.
        english: how many columns, at the end of `stored`, are those of the English model.
    """
    count = len(texts)
    sketch = lexical.Sketch(texts)

    def meaning(columns: slice) -> Block:
        return lambda start, stop: unit(stored[start:stop, columns].astype(np.float32))

    width = stored.shape[1] - english
    share = ENGLISH if english else 0.0
    views = [
        (_centred(meaning(slice(width)), count), (1.0 - share) ** 0.5),
        (_centred(sketch.rows, count), SPELLING),
    ]
    if english:
        views.append((_centred(meaning(slice(width, None)), count), share**0.5))
    recurring = modifiers.find(texts)
    views = [(modifiers.weakened(view, count, recurring), length) for view, length in views]

    def joined(start: int, stop: int) -> Vectors:
        return unit(np.hstack([view(start, stop) * length for view, length in views]))

    step = -(-count // FIT_SAMPLE)
    sample = np.empty((-(-count // step), stored.shape[1] + lexical.DIMENSIONS), np.float32)
    for start, stop in _blocks(count):
        first = start + -start % step
        sample[-(-start // step) : -(-stop // step)] = joined(start, stop)[first - start :: step]
    directions = _directions(sample, count)
    compared = np.empty((count, directions.shape[1]), np.float32)

    def turn(part: tuple[int, int]) -> None:
        compared[slice(*part)] = unit(joined(*part) @ directions)

    parallel.run(turn, _blocks(count))
    return compared


def _blocks(count: int) -> list[tuple[int, int]]:
    return [(start, min(count, start + _BLOCK)) for start in range(0, count, _BLOCK)]


def _centred(view: Block, count: int) -> Block:
    total = sum(view(*part).sum(axis=0, dtype=np.float64) for part in _blocks(count))
    mean = np.asarray(total / (count + TRUST), np.float32)

    def block(start: int, stop: int) -> Vectors:
        rows = view(start, stop)
        empty = ~rows.any(axis=1)
        rows = unit(rows - mean)
        rows[empty] = 0.0
        return rows

    return block


def _directions(sample: Vectors, count: int) -> Vectors:
    """The strongest directions of `sample` as columns, stretched by their variance."""
    if len(sample) < sample.shape[1]:
        # The same directions by way of the smaller matrix.
        variance, mixes = np.linalg.eigh(sample @ sample.T)
        vectors = sample.T @ mixes / np.sqrt(np.maximum(variance, 1e-12))
    else:
        variance, vectors = np.linalg.eigh(sample.T @ sample)
    kept = min(DIMENSIONS, int((variance > variance[-1] * 1e-6).sum()))
    variance, vectors = variance[::-1][:kept], vectors[:, ::-1][:, :kept]
    if count >= EMPHASIZED_ROWS:
        vectors = vectors * (variance / variance[0] + 1e-3) ** EMPHASIS
    return np.asarray(vectors, np.float32)


def with_results(
    vectors: Vectors,
    results: Sequence[Sequence[int]],
    weight: float,
    neighbours: tuple[NDArray[np.int64], Vectors],
) -> Vectors:
    """The vectors with the overlap of search results as `weight` of the similarity.

    The similarity of two sets of results is the weight of the shared ones over the geometric
    mean of both sets' weights; a result that many keywords have weighs less. A keyword without
    results is judged by its text alone: it is taken to have the results of its nearest
    neighbours as far as it resembles them, and for the rest pages that only its text tells.

    Args:
        vectors: of the keywords, unit length.
        results: for each keyword the numbers of its results; may be empty.
        weight: 0 to 1.
        neighbours: of each keyword, and how similar they are.
    """
    lengths = np.array([len(found) for found in results])
    if weight <= 0 or not lengths.any():
        return vectors
    numbers = np.fromiter((number for found in results for number in found), np.int64)
    frequency = np.bincount(numbers)
    importance = np.log1p(int((lengths > 0).sum()) / np.maximum(frequency, 1))
    drawn = np.random.default_rng(0).choice(
        np.array([-1.0, 1.0], np.float32), (len(frequency), SERP_DIMENSIONS)
    )
    rows = np.repeat(np.arange(len(results)), lengths)
    sums = np.zeros((len(results), SERP_DIMENSIONS), np.float32)
    np.add.at(sums, rows, drawn[numbers] * np.sqrt(importance[numbers], dtype=np.float32)[:, None])
    # Like the text, without what the whole list shares: strangers are as far apart in both.
    shared = sums.sum(axis=0) / np.float32(np.count_nonzero(lengths) + TRUST)
    pages = unit(sums - shared)
    pages[lengths == 0] = 0.0
    index, similarity = neighbours
    best = np.argsort(-similarity, axis=1, kind="stable")[:, :SERP_NEIGHBOURS]
    near = np.take_along_axis(index, best, axis=1)
    pull = np.clip(np.take_along_axis(similarity, best, axis=1), 0.0, 1.0) * (lengths[near] > 0)
    missing = np.flatnonzero(lengths == 0)
    taken = unit(np.einsum("nk,nkd->nd", pull[missing] ** 2, pages[near[missing]]))
    # So that it is as near to its nearest one with results as their texts are, and two without
    # results are too.
    closest = pull[missing].max(axis=1, initial=0.0)[:, None]
    pages[missing] = closest * taken
    alone = np.zeros((len(vectors), vectors.shape[1] * bool(len(missing))), np.float32)
    alone[missing] = np.sqrt(1.0 - closest**2) * vectors[missing, : alone.shape[1]]
    parts = (vectors * np.sqrt(1.0 - weight), pages * np.sqrt(weight), alone * np.sqrt(weight))
    return unit(np.hstack(parts))
