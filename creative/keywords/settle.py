"""A second look at every row after the cut, with vectors that are less smoothed.

Groups are numbers from 0; -1 is a row without one. No step lets a group fall below its
smallest size or grow above its largest one, so that the number of groups stays that of the cut.

Runs in the worker process only: it imports numpy.
"""

from __future__ import annotations

import numpy as np

from creative.keywords import parallel
from creative.keywords.embed import Vectors, unit
from creative.keywords.neighbours import blocks, group_sums
from creative.keywords.tree import Labels

ALONE = -1
ADOPT = 0.4
"""A row without a group joins one whose middle it resembles so much."""
LOOSE = 0.2
TRUSTED_ROWS = 50
"""In lists of so many rows, one that resembles the rest of its group by less than LOOSE leaves
it: smoothing pulls strangers together that have nothing in common but being far from everything
else."""
TYPICAL = 0.1
"""A row joins an existing group if it resembles it more than this share of its members does."""
TRUSTED_MEMBERS = 10
"""A group of so many members is half believed about how alike its members are (ADOPT is the
other half)."""


def without_small(labels: Labels, min_size: int) -> Labels:
    """The labels without groups below `min_size`, the others numbered anew in their order."""
    kept = np.bincount(labels) >= min_size
    numbers = np.where(kept, np.cumsum(kept) - 1, ALONE)
    return np.asarray(numbers[labels], np.int64)


def settle(vectors: Vectors, labels: Labels, min_size: int, max_size: int | None) -> Labels:
    """The groups after every row was asked where it belongs.

    A row goes over to the group whose other members it resembles most; a row without a group
    joins one that it resembles by ADOPT or more; a loose row is freed (see TRUSTED_ROWS).
    """
    if labels.max() < 0:
        return labels
    own, other, gain = fit(vectors, labels)
    moves = np.where(labels == ALONE, gain >= ADOPT, gain > own)
    settled = _allowed(labels, np.where(moves, other, labels), gain, min_size, max_size)
    if len(vectors) >= TRUSTED_ROWS:
        own, _, _ = fit(vectors, settled)
        freed = np.where((settled != ALONE) & (own < LOOSE), ALONE, settled)
        settled = _allowed(settled, freed, -own, min_size, max_size)
    return settled


def fit(vectors: Vectors, labels: Labels) -> tuple[Vectors, Labels, Vectors]:
    """How well each row fits where it is and where else it would fit.

    Returns:
        For each row: its similarity to the middle of its group without it (0 if it has none),
        the other group that it resembles most (ALONE if there is none), and how much (-inf).
    """
    groups = int(labels.max()) + 1
    inside = labels != ALONE
    sums = group_sums(vectors[inside], labels[inside], groups)
    own = np.zeros(len(vectors), np.float32)
    own[inside] = np.einsum("ij,ij->i", unit(sums[labels[inside]] - vectors[inside]),
                            vectors[inside])  # fmt: skip
    other = np.full(len(vectors), ALONE, np.int64)
    gain = np.full(len(vectors), -np.inf, np.float32)
    centres = unit(sums)
    if groups == 0:
        return own, other, gain

    def look(part: slice) -> None:
        similar = vectors[part] @ centres.T
        rows = np.flatnonzero(inside[part])
        similar[rows, labels[part][rows]] = -np.inf
        other[part] = similar.argmax(axis=1)
        gain[part] = similar.max(axis=1)

    parallel.run(look, blocks(len(vectors), groups))
    other[np.isneginf(gain)] = ALONE
    return own, other, gain


def _allowed(
    before: Labels, after: Labels, gain: Vectors, min_size: int, max_size: int | None
) -> Labels:
    """The moves from `before` to `after` that keep every group within its sizes."""
    groups = int(before.max()) + 1
    allowed = after.copy()
    sizes = np.bincount(before[before != ALONE], minlength=groups)
    if max_size is not None:
        moving = np.flatnonzero((after != before) & (after != ALONE))
        # The best ones first; equal ones by row, so that the result does not hang on chance.
        moving = moving[np.lexsort((moving, -gain[moving], after[moving]))]
        target = after[moving]
        first = np.searchsorted(target, target)
        full = np.arange(len(moving)) - first >= max_size - sizes[target]
        allowed[moving[full]] = before[moving[full]]
    while True:
        left = np.bincount(allowed[allowed != ALONE], minlength=groups)
        starved = np.flatnonzero(left < np.minimum(sizes, min_size))
        back = np.isin(before, starved) & (allowed != before)
        if not back.any():
            return allowed
        allowed[back] = before[back]


def join_existing(vectors: Vectors, existing: Labels, max_size: int | None) -> Labels:
    """The existing groups with the new rows that are as similar to them as their members are.

    Args:
        vectors: of all rows.
        existing: for each row its existing group, or ALONE if it is new.
        max_size: rows that a group may grow to.
    """
    own, other, gain = fit(vectors, existing)
    groups = int(existing.max()) + 1
    sizes = np.bincount(existing[existing != ALONE], minlength=groups)
    needed = np.full(groups, ADOPT, np.float32)
    for group in np.flatnonzero(sizes):
        members = own[existing == group]
        usual = float(np.quantile(members, TYPICAL)) if len(members) > 1 else 1.0
        # A few members say little about how unlike each other they may be.
        trust = len(members) / (len(members) + TRUSTED_MEMBERS)
        needed[group] += max(0.0, usual - ADOPT) * trust
    joins = (existing == ALONE) & (gain >= needed[np.maximum(other, 0)])
    return _allowed(existing, np.where(joins, other, existing), gain, 1, max_size)


def merged_to(vectors: Vectors, labels: Labels, most: int, max_size: int | None) -> Labels:
    """At most `most` groups: the most similar ones are joined, then the smallest given up.

    Args:
        vectors: of all rows.
        labels: the groups.
        most: how many may be left.
        max_size: rows that a group may have.
    """
    labels = labels.copy()
    groups = int(labels.max()) + 1
    inside = labels != ALONE
    sizes = np.bincount(labels[inside], minlength=groups)
    sums = group_sums(vectors[inside], labels[inside], groups)
    while groups > most:
        means = sums / np.maximum(sizes, 1)[:, None]
        similar = means @ means.T
        similar[np.tril_indices(groups)] = -np.inf
        if max_size is not None:
            similar[sizes[:, None] + sizes[None] > max_size] = -np.inf
        if np.isneginf(similar).all():
            return _largest_only(labels, sizes, most)
        one, other = divmod(int(similar.argmax()), groups)
        labels[labels == other] = one
        labels[labels > other] -= 1
        sums[one] += sums[other]
        sizes[one] += sizes[other]
        sums, sizes = np.delete(sums, other, axis=0), np.delete(sizes, other)
        groups -= 1
    return labels


def _largest_only(labels: Labels, sizes: Labels, most: int) -> Labels:
    kept = np.sort(np.argsort(-sizes, kind="stable")[:most])
    numbers: Labels = np.full(len(sizes) + 1, ALONE, np.int64)
    numbers[kept] = np.arange(len(kept))
    return np.asarray(numbers[labels], np.int64)  # ALONE, -1, finds the last entry
