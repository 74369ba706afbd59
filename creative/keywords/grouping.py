"""From vectors to groups, topics, and what fits nowhere.

Runs in the worker process only: it imports numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from creative.keywords import cut, heaps, recut, settle, topics, tree
from creative.keywords.embed import Vectors
from creative.keywords.settle import ALONE
from creative.keywords.tree import Labels
from creative.worker import Progress

SOFTENED = 1
"""Rounds of smoothing before the second look: without any, paraphrases in languages that the
model knows less well would be freed as strangers, with as many as the tree has, nothing would."""


@dataclass(frozen=True)
class Wanted:
    """How to group.

    Attributes:
        granularity: 0 (coarse) to 1 (fine); None chooses.
        min_size: rows of the smallest group.
        max_size: rows of the largest group, if there is a limit.
        max_clusters: how many groups there may be, if there is a limit.
        existing: for each row the group that it is in already, ALONE if it is new; or None.
        texts: the keywords, where heaps of unrelated ones are to be dissolved and large groups
            parted; or None.
    """

    granularity: float | None = None
    min_size: int = 2
    max_size: int | None = None
    max_clusters: int | None = None
    existing: Sequence[int] | None = None
    texts: Sequence[str] | None = None


@dataclass(frozen=True)
class Grouped:
    """The result.

    Attributes:
        labels: for each row its group, or ALONE; existing groups first, then by size.
        existing: for each group the number of the existing one, or ALONE.
        topic: for each group its topic.
        cut: similarity at which the tree was cut.
        silhouette: how well rows fit their groups, -1 to 1.
    """

    labels: Labels
    existing: list[int]
    topic: list[int]
    cut: float
    silhouette: float


def group(vectors: Vectors, graph: tree.Graph, wanted: Wanted, progress: Progress) -> Grouped:
    """Group rows.

    Args:
        vectors: of the rows, unit length.
        graph: neighbours of the rows in this space.
        wanted: how.
        progress: told what is going on, from 0 to 1.
    """
    count = len(vectors)
    fixed = _numbered(wanted.existing, count)
    known = np.unique(fixed[fixed != ALONE])
    labels = np.searchsorted(known, fixed)
    labels[fixed == ALONE] = ALONE
    if len(known):
        progress(0.1, "Comparing with the existing clusters")
        labels = settle.join_existing(vectors, labels, wanted.max_size)
    fresh = np.flatnonzero(labels == ALONE)
    taken = 1.0
    if len(fresh):
        # With existing groups the new rows are a list of their own.
        part = graph if len(fresh) == count else tree.neighbour_graph(vectors[fresh])
        found, taken = _cluster(vectors[fresh], part, wanted, len(known), progress)
        labels[fresh] = np.where(found == ALONE, ALONE, found + len(known))
    if wanted.texts is not None:
        labels = heaps.dissolved(
            vectors,
            labels,
            wanted.texts,
            wanted.min_size,
            wanted.max_size,
            len(known),
            wanted.max_clusters,
        )
        if wanted.granularity is None and wanted.max_clusters is None:
            labels = recut.split(vectors, labels, wanted.texts, wanted.min_size, len(known))
    progress(0.9, "Finding topics")
    labels = _ordered(labels, len(known))
    groups = int(labels.max()) + 1
    apart = labels.copy()
    alone = np.flatnonzero(labels == ALONE)
    apart[alone] = groups + np.arange(len(alone))
    fit = cut.silhouette(vectors, apart) if apart.max() > 0 else 0.0
    return Grouped(
        labels=labels,
        existing=[*map(int, known), *[ALONE] * (groups - len(known))],
        topic=[int(number) for number in topics.find(vectors, labels)],
        cut=taken,
        silhouette=fit,
    )


def _numbered(existing: Sequence[int] | None, count: int) -> Labels:
    if existing is None:
        return np.full(count, ALONE, np.int64)
    return np.array(existing, np.int64)


def _cluster(
    vectors: Vectors, graph: tree.Graph, wanted: Wanted, fixed: int, progress: Progress
) -> tuple[Labels, float]:
    """Groups of rows that have none yet, and the similarity of the cut."""
    progress(0.2, "Growing the tree")
    smoothed = tree.smooth(vectors, graph)
    grown = tree.grow(smoothed)
    progress(0.6, "Choosing how fine")
    levels = cut.levels(grown, wanted.min_size, wanted.max_size)
    most = None if wanted.max_clusters is None else max(0, wanted.max_clusters - fixed)
    level = cut.choose(levels, smoothed, vectors, graph, wanted.granularity)
    if most is not None and level.clusters > most:
        fitting = [one for one in cut.rising(levels) if one.clusters <= most]
        level = fitting[-1] if fitting else cut.rising(levels)[0]
    del smoothed, grown
    labels = settle.without_small(level.labels, wanted.min_size)
    if most is not None:
        labels = settle.merged_to(vectors, labels, most, wanted.max_size)
    progress(0.75, "Looking at every keyword again")
    softened = tree.smooth(vectors, graph, SOFTENED)
    return settle.settle(softened, labels, wanted.min_size, wanted.max_size), level.cut


def _ordered(labels: Labels, fixed: int) -> Labels:
    """The labels with new groups numbered by size, equal ones by their first row."""
    groups = int(labels.max()) + 1
    sizes = np.bincount(labels[labels != ALONE], minlength=groups)
    first = np.full(groups, len(labels), np.int64)
    inside = np.flatnonzero(labels != ALONE)
    np.minimum.at(first, labels[inside], inside)
    order = np.lexsort((first[fixed:], -sizes[fixed:])) + fixed
    numbers = np.arange(groups + 1)
    numbers[order] = np.arange(fixed, groups)
    numbers[groups] = ALONE  # what ALONE, -1, points to
    return np.asarray(numbers[labels], np.int64)
