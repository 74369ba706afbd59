"""Which titles are alike, by the embedded model. `job` runs in the worker of creative.keywords.

The cosine of two titles (Universal Sentence Encoder, 16 languages). Of 21 pairs in five languages
(tests/test_content_ideas.py has most of them), seven of eight that say the same lay at 0.81 to
0.94, and 13 that do not at 0.42 to 0.80. Clusters are told apart already, and "Dog beds: how to
choose" is no copy of "Cat beds: how to choose": there only what is nearly the same counts.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, TypedDict

from creative.deadline import Deadline
from creative.keywords.process import WORKER

if TYPE_CHECKING:
    from creative.worker import Progress

ALIKE = 0.80
"""Titles of one cluster, or a new and an existing one, are alike above this."""
ALIKE_ELSEWHERE = 0.90
"""Titles of different clusters are alike above this."""


class Asked(TypedDict):
    """Titles, and where the new ones begin: those before are only compared with."""

    titles: list[str]
    first: int


def compare(known: list[str], new: list[str], deadline: Deadline) -> list[dict[int, float]]:
    """For each of `new`, which of `known` and of the others of `new` are like it.

    Returns:
        Cosines of at least ALIKE by position in `known + new`.
    """
    if not new:
        return []
    asked: Asked = {"titles": [folded(one) for one in [*known, *new]], "first": len(known)}
    found: list[dict[int, float]] = WORKER.call(
        "creative.content.alike:job", asked, deadline, name="comparing titles"
    )
    return found


def folded(title: str) -> str:
    """A title as it is compared."""
    return " ".join(unicodedata.normalize("NFKC", title).casefold().split()) or "-"


def job(asked: Asked, progress: Progress) -> list[dict[int, float]]:
    """See `compare`."""
    import numpy as np

    from creative.keywords import embed

    vectors = embed.encode(asked["titles"], progress).astype(np.float32)
    found = []
    for row in range(asked["first"], len(vectors)):
        cosines = vectors @ vectors[row]
        cosines[row] = 0.0
        near = np.flatnonzero(cosines >= ALIKE)
        found.append({int(one): round(float(min(1.0, cosines[one])), 3) for one in near})
    return found
