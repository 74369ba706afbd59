"""The most similar rows of each row: exact for short lists, by an inverted file for long ones.

Runs in the worker process only: it imports numpy.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from creative.keywords import parallel
from creative.keywords.embed import Vectors, unit

Rows = NDArray[np.int64]

EXACT_ROWS = 12_000
"""Up to here everything is compared with everything, which takes about a second."""
PROBED = 1 / 6
"""Share of the cells in which neighbours are looked for."""
_ROUNDS = 5
_SAMPLE = 16_384
_BLOCK = 1_000_000
"""Similarities held at a time by each thread: 4 MB, whatever the length of the list."""

_COLUMNS = 32


def blocks(rows: int, width: int) -> Iterator[slice]:
    """Slices that cover `rows`, each with at most _BLOCK cells of `width` columns."""
    step = max(1, min(1024, _BLOCK // max(1, width)))
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))


def nearest(vectors: Vectors, count: int) -> tuple[Rows, Vectors]:
    """For each row `count` of its most similar other rows (unordered) and their similarities.

    Args:
        vectors: unit vectors, more than `count`.
        count: how many.
    """
    return nearest_of(vectors, np.arange(len(vectors)), count)


def nearest_of(vectors: Vectors, rows: Rows, count: int) -> tuple[Rows, Vectors]:
    """As `nearest`, for some rows only: entry i belongs to `rows[i]`.

    Vectors of any length may be given; the dot product is the similarity.
    """
    index = np.empty((len(rows), count), np.int64)
    similarity = np.empty((len(rows), count), np.float32)
    if len(vectors) <= EXACT_ROWS:

        def compare(part: slice) -> None:
            block = vectors[rows[part]] @ vectors.T
            block[np.arange(len(block)), rows[part]] = -np.inf
            index[part], similarity[part] = _largest(block, count)

        parallel.run(compare, blocks(len(rows), len(vectors)))
    else:
        _Cells(vectors).search(rows, index, similarity)
    return index, similarity


def _largest(block: Vectors, count: int) -> tuple[Rows, Vectors]:
    if count == 1:
        best = block.argmax(axis=1)[:, None]
    else:
        width = block.shape[1]
        best = np.argpartition(block, width - count, axis=1)[:, width - count :]
    return best, np.take_along_axis(block, best, axis=1)


class _Cells:
    """An inverted file: every row is in the cell of the nearest of some centres."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self._centres = _centres(vectors)
        cell = np.empty(len(vectors), np.int64)

        def assign(part: slice) -> None:
            cell[part] = (vectors[part] @ self._centres.T).argmax(axis=1)

        parallel.run(assign, blocks(len(vectors), len(self._centres)))
        self._cell = cell
        self._order = np.argsort(cell, kind="stable")
        self._starts = np.searchsorted(cell[self._order], np.arange(len(self._centres) + 1))
        probed = max(8, round(len(self._centres) * PROBED))
        self._near = np.argsort(-(self._centres @ self._centres.T), axis=1, kind="stable")
        self._near = self._near[:, :probed]

    def search(self, rows: Rows, index: Rows, similarity: Vectors) -> None:
        """Write the nearest of `rows` and how similar they are, as many as there are columns."""
        count = index.shape[1]
        cells = self._cell[rows]
        order = np.argsort(cells, kind="stable")
        starts = np.searchsorted(cells[order], np.arange(len(self._centres) + 1))

        def scan(cell: int) -> None:
            asked = order[starts[cell] : starts[cell + 1]]
            if not len(asked):
                return
            found = self._candidates(cell, count)
            others = self._vectors[found]
            place = np.full(len(self._vectors), -1, np.int64)
            place[found] = np.arange(len(found))
            for part in blocks(len(asked), len(found)):
                block = self._vectors[rows[asked[part]]] @ others.T
                block[np.arange(len(block)), place[rows[asked[part]]]] = -np.inf
                best, similarity[asked[part]] = _largest(block, count)
                index[asked[part]] = found[best]

        parallel.run(scan, range(len(self._centres)))

    def _candidates(self, cell: int, count: int) -> Rows:
        cells = list(self._near[cell])
        found = np.concatenate([self._order[self._starts[c] : self._starts[c + 1]] for c in cells])
        own = self._order[self._starts[cell] : self._starts[cell + 1]]
        # Equal centres may push a cell out of its own neighbourhood; too few rows answer nothing.
        if cell not in cells:
            found = np.concatenate([found, own])
        return found if len(found) > count else np.arange(len(self._vectors))


def _centres(vectors: Vectors) -> Vectors:
    """Centres of cells: a few rounds of spherical k-means on rows that are evenly spread."""
    sample = unit(vectors[:: -(-len(vectors) // _SAMPLE)])
    count = round(1.2 * np.sqrt(len(vectors)))
    centres = sample[:: -(-len(sample) // count)].copy()
    for _ in range(_ROUNDS):
        cell = np.empty(len(sample), np.int64)
        for part in blocks(len(sample), len(centres)):
            cell[part] = (sample[part] @ centres.T).argmax(axis=1)
        sums = group_sums(sample, cell, len(centres))
        kept = sums.any(axis=1)
        centres[kept] = unit(sums[kept])
    return centres


def group_sums(vectors: Vectors, labels: Rows, count: int) -> Vectors:
    """The sum of the rows of each group, shape (count, width)."""
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    sums = np.zeros((count, vectors.shape[1]), np.float32)
    if len(present):
        # Some columns at a time: the ordered copy of a long list is as large as the list.
        for first in range(0, vectors.shape[1], _COLUMNS):
            columns = slice(first, first + _COLUMNS)
            sums[present, columns] = np.add.reduceat(vectors[order, columns], starts, axis=0)
    return sums
