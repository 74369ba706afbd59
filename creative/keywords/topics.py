"""Topics above clusters: the tree goes on where the cut stopped.

Runs in the worker process only: it imports numpy.
"""

from __future__ import annotations

import numpy as np

from creative.keywords.embed import Vectors
from creative.keywords.neighbours import group_sums
from creative.keywords.settle import ALONE
from creative.keywords.tree import Labels, grow

RELATED = 0.05
"""Groups less alike than this share no topic."""
FEW = 4
"""So few clusters need no level above them."""


def find(vectors: Vectors, labels: Labels) -> Labels:
    """For each group the number of its topic; topics are numbered by their first group.

    As many topics as make lists of similar length on both levels (1.5 times the square root of
    the number of groups), more where groups have too little in common.

    Args:
        vectors: of the rows.
        labels: for each row its group, or ALONE.
    """
    groups = int(labels.max()) + 1
    if groups < FEW:
        return np.arange(groups)
    inside = labels != ALONE
    sizes = np.bincount(labels[inside], minlength=groups)
    means = group_sums(vectors[inside], labels[inside], groups) / sizes[:, None]
    tree = grow(np.asarray(means, np.float32), RELATED, sizes)
    wanted = max(2, round(1.5 * groups**0.5))
    merges = min(len(tree.similarity), groups - wanted)
    if merges <= 0:
        return np.arange(groups)
    heights = np.sort(tree.similarity)[::-1]
    return tree.cut(float(heights[merges - 1]))
