"""Groups that are no groups: rare words that have in common only that the model knows none.

A model puts words that it never saw near each other, so that a list's brands or dishes end in
one heap. Its mark: its members share no rare word or part of one with each other, and are hardly
more alike than any two keywords of the list. Such a heap is dissolved, and single members like
that leave groups that are none: to their kin where they have some, else they are unclustered.

Only for keyword lists (see `modifiers`): sentences may well mean the same in other words.

Runs in the worker process only: it imports numpy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from creative.keywords import lexical, modifiers, settle, tree
from creative.keywords.embed import Vectors
from creative.keywords.settle import ADOPT, ALONE
from creative.keywords.tree import Labels

LARGEST_HEAP = 60
"""Keywords; what is larger is a topic that was cut coarsely."""
LINK = 0.12
"""Two keywords whose spellings are so alike share a rare word or part of one (three times the
noise of a sketch, the square root of one over its dimensions)."""
LINKED = 0.5
"""A group of which a larger share is linked to another member has something in common."""
HEAP = 0.27
"""Mean similarity of two members; measured: heaps 0.15 to 0.26, groups of meaning 0.3 and more."""
STRAY = 0.3
"""A member without a link that resembles the rest of its group less than this leaves it."""
KIN = 0.45
"""Strays that are so alike and share a word or part are a group of their own."""
TWIN = 0.5
SPELT = 0.4
"""One keyword so alike in all and in spelling is enough to join its group ("coxinha" beside
"massa de coxinha")."""
PLAIN = 0.55
"""So alike, they need not share one: the model knows them."""


def dissolved(
    vectors: Vectors,
    labels: Labels,
    texts: Sequence[str],
    min_size: int,
    max_size: int | None,
    fixed: int = 0,
    most: int | None = None,
) -> Labels:
    """The groups without heaps and strays.

    Args:
        vectors: of the rows, unit length, not smoothed.
        labels: for each row its group, or ALONE.
        texts: the keywords.
        min_size: rows of the smallest group.
        max_size: rows of the largest group, if there is a limit.
        fixed: how many groups, the first ones, stay as they are.
        most: how many groups there may be, if there is a limit.
    """
    if labels.max() < fixed or not modifiers.are_keywords(texts):
        return labels
    spelt = _spelt(texts)
    free = _free(vectors, labels, spelt, min_size, fixed)
    left = labels.copy()
    left[free] = ALONE
    if most is None:  # kin may be more groups than were dissolved
        _gather(vectors, left, spelt, np.flatnonzero(free), min_size, max_size)
    _send_home(vectors, labels, left, spelt, max_size, fixed)
    return _numbered(left, fixed)


def _spelt(texts: Sequence[str]) -> Vectors:
    count = len(texts)
    recurring = modifiers.find(texts, places=True)
    return modifiers.weakened(lexical.Sketch(texts).rows, count, recurring)(0, count)


def _free(
    vectors: Vectors, labels: Labels, spelt: Vectors, min_size: int, fixed: int
) -> NDArray[np.bool_]:
    """Which rows leave their groups."""
    own, _, _ = settle.fit(vectors, labels)
    free = np.zeros(len(labels), bool)
    for group in range(fixed, int(labels.max()) + 1):
        rows = np.flatnonzero(labels == group)
        if not 1 < len(rows) <= LARGEST_HEAP:
            continue
        linked = _linked(spelt[rows])
        pairs = len(rows) * (len(rows) - 1)
        total = vectors[rows].sum(axis=0)
        similar = (float(total @ total) - len(rows)) / pairs
        if similar < HEAP and linked.mean() <= LINKED:
            free[rows] = True
            continue
        strays = rows[~linked & (own[rows] < STRAY)]
        if len(rows) - len(strays) >= min_size:
            free[strays] = True
    return free


def _gather(
    vectors: Vectors,
    labels: Labels,
    spelt: Vectors,
    freed: NDArray[np.int64],
    min_size: int,
    max_size: int | None,
) -> None:
    """Make groups of freed rows that belong together."""
    if not len(freed):
        return
    together = tree.grow(vectors[freed], KIN).cut(KIN, max_size)
    for kin in np.flatnonzero(np.bincount(together) >= max(2, min_size)):
        rows = freed[together == kin]
        total = vectors[rows].sum(axis=0)
        similar = (float(total @ total) - len(rows)) / (len(rows) * (len(rows) - 1))
        if similar >= PLAIN or _linked(spelt[rows]).mean() > LINKED:
            labels[rows] = int(labels.max()) + 1


def _linked(spelt: Vectors) -> NDArray[np.bool_]:
    """Which rows share a rare word or part of one with another row."""
    alike = spelt @ spelt.T
    np.fill_diagonal(alike, 0.0)
    return np.asarray(alike.max(axis=1) > LINK)


def _send_home(
    vectors: Vectors,
    before: Labels,
    labels: Labels,
    spelt: Vectors,
    max_size: int | None,
    fixed: int,
) -> None:
    """Let rows without a group join the one where they fit, if there is one that is not fixed."""
    _, other, gain = settle.fit(vectors, labels)
    sizes = np.bincount(labels[labels != ALONE], minlength=int(labels.max()) + 1)
    settled = np.flatnonzero(labels >= fixed)
    single = np.flatnonzero(labels == ALONE)
    for row in single[np.lexsort((single, -gain[single]))]:
        group = int(other[row])
        # What it was just freed from is no home, however near.
        fits = group >= fixed and group != before[row] and gain[row] >= ADOPT
        if not fits or not (gain[row] >= PLAIN or _has_link(spelt, labels == group, row)):
            group = _twin(vectors, labels, spelt, settled, row)
        if group != ALONE and (max_size is None or sizes[group] < max_size):
            labels[row] = group
            sizes[group] += 1


def _has_link(spelt: Vectors, rows: NDArray[np.bool_], row: int) -> bool:
    return float((spelt[rows] @ spelt[row]).max()) > LINK


def _twin(
    vectors: Vectors, labels: Labels, spelt: Vectors, settled: NDArray[np.int64], row: int
) -> int:
    """The group of a keyword that is nearly the same; ALONE if there is none."""
    if not len(settled):
        return ALONE
    alike = vectors[settled] @ vectors[row]
    near = spelt[settled] @ spelt[row] >= SPELT
    alike[~near] = -1.0
    best = int(alike.argmax())
    return int(labels[settled[best]]) if alike[best] >= TWIN else ALONE


def _numbered(labels: Labels, fixed: int) -> Labels:
    """The labels without empty groups; the first `fixed` keep their numbers."""
    used = np.union1d(np.arange(fixed), labels[labels != ALONE])
    numbered = np.searchsorted(used, labels)
    numbered[labels == ALONE] = ALONE
    return np.asarray(numbered, np.int64)
