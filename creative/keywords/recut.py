"""A second cut of groups that are large for a short list ("bolo", 46 of 270 recipes).

One cut of the tree is as fine as the whole list wants it, and leaves a group of everything that
shares its commonest word. Where part of such a group shares a second phrase and is plainly more
alike within than to the rest, that part becomes a group ("bolo de cenoura"). What all members
have in common is taken off first, since it hides the difference.

The constants were chosen on the five lists in tests/lists (2026-11): mean agreement with a person
(ARI) rises from 0.499 to 0.531, no list falls, and neighbouring values gain as well (LARGE 0.06
or 0.1: 0.517, LOW 0.25: 0.526, CLEAR 0.4 or 0.5: 0.525). Only for short keyword lists (see
`modifiers`): among 674 commands to a telephone, in Chinese, the same cut lost 0.009.

Runs in the worker process only: it imports numpy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creative.keywords import modifiers
from creative.keywords.embed import Vectors, unit
from creative.keywords.name import says_nothing
from creative.keywords.terms import SHORTEST_PART, Terms, is_run, whole_runs
from creative.keywords.tree import Labels

LONGEST_LIST = 500
"""Keywords; in longer lists a group of LARGE has many phrases, and a page for each."""
LARGE, LEAST = 0.08, 15
"""A group of this share of the list, and of so many keywords, is looked at."""
PART, LOW, HIGH = 5, 0.15, 0.6
"""Keywords with the phrase: so many at least, and this share of the group."""
EVERYWHERE = 0.25
"""What a larger share of the list has tells no part of a group from the rest: "versicherung"."""
CLEAR = 0.3
"""By so much the part's keywords are more like each other than like the rest, in mean."""
TRUST = 2.0
"""The middle of this many keywords is half believed."""
_ROUNDS = 2


@dataclass(frozen=True)
class _Part:
    """Rows of a group that share a phrase, and by how much they stand out."""

    inside: NDArray[np.bool_]
    clear: float


def split(
    vectors: Vectors, labels: Labels, texts: Sequence[str], min_size: int, fixed: int = 0
) -> Labels:
    """The labels with large groups parted; new groups have the highest numbers.

    Args:
        vectors: of the rows, unit length, not smoothed.
        labels: for each row its group, or ALONE.
        texts: the keywords.
        min_size: rows of the smallest group.
        fixed: how many groups, the first ones, stay as they are.
    """
    count = len(texts)
    if count > LONGEST_LIST or not modifiers.are_keywords(texts):
        return labels
    labels = labels.copy()
    least = max(PART, min_size)
    phrases = _Phrases(texts)
    waiting = list(range(fixed, int(labels.max()) + 1))
    while waiting:
        group = waiting.pop()
        rows = np.flatnonzero(labels == group)
        if len(rows) < max(LEAST, LARGE * count, 2 * least):
            continue
        middle = vectors[rows].sum(axis=0) / (len(rows) + TRUST)
        apart = unit(vectors[rows] - middle)
        part = _clearest(apart, [texts[row] for row in rows.tolist()], phrases)
        if part is None:
            continue
        inside = _with_kin(apart, part.inside)
        if min(inside.sum(), (~inside).sum()) >= least:
            fresh = int(labels.max()) + 1
            labels[rows[inside]] = fresh
            waiting += [group, fresh]
    return labels


class _Phrases:
    """The phrases of a list.

    Args:
        texts: the keywords.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._terms = Terms(texts)
        counted = Counter(term for text in texts for term in self._terms.of(text))
        self._everywhere = {n for n, times in counted.items() if times > EVERYWHERE * len(texts)}

    def of(self, texts: Sequence[str]) -> dict[str, list[int]]:
        """Which of some keywords have each phrase."""
        whole = whole_runs(texts)
        having: dict[str, list[int]] = {}
        for row, text in enumerate(texts):
            for term in self._terms.of(text):
                if not is_run(term) or term in whole:
                    having.setdefault(term, []).append(row)
        return having

    def tells(self, phrase: str, common: Set[str]) -> bool:
        """Whether a phrase says more than what is common to a group and what is everywhere.

        "bolo online" is a form of the thing that all are about, and no other thing; so is
        "haftpflichtversicherung" among "haftpflicht".
        """
        known = common | self._everywhere
        words = [word for word in phrase.split() if word not in known]
        parts = sorted((part for part in known if len(part) >= SHORTEST_PART), key=len)
        for part in reversed(parts):
            words = [word.replace(part, "") for word in words]
        return not says_nothing(" ".join(word for word in words if len(word) > 1))


def _clearest(vectors: Vectors, texts: Sequence[str], phrases: _Phrases) -> _Part | None:
    """The part of a group that stands out most by a phrase; None if none does."""
    count = len(texts)
    having = phrases.of(texts)
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, 0.0)
    best: _Part | None = None
    common = {term for term, rows in having.items() if len(rows) > HIGH * count}
    # Sorted, so that of phrases that part the group alike the same one is taken.
    for term, rows in sorted(having.items()):
        size = len(rows)
        if not max(PART, LOW * count) <= size <= HIGH * count:
            continue
        if not phrases.tells(term, common):
            continue
        inside = np.zeros(count, bool)
        inside[rows] = True
        within = float(alike[np.ix_(inside, inside)].sum()) / (size * (size - 1))
        clear = within - float(alike[np.ix_(inside, ~inside)].mean())
        if clear >= CLEAR and (best is None or clear > best.clear):
            best = _Part(inside, clear)
    return best


def _with_kin(vectors: Vectors, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The part with what resembles it more than the rest ("trufas de chocolate")."""
    for _ in range(_ROUNDS):
        middles = unit(np.vstack([vectors[inside].sum(axis=0), vectors[~inside].sum(axis=0)]))
        near, far = middles @ vectors.T
        inside = inside | (near > far)
        if inside.all():
            break
    return inside
