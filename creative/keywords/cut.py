"""Where to cut the tree: how many groups a list has.

Three measures say how good a cut is: how well rows fit their group rather than the next one
(silhouette, before and after smoothing), and how much more of the neighbour graph lies inside
groups than by chance (modularity). All are flat over wide ranges, and their highest point is
often far too fine. So they are taken as odds, not as a verdict: groups of the size that people
make are more likely than others until the score speaks, and the cut is chosen that agrees best,
on average, with all cuts, each counted by its odds. Agreement is the adjusted Rand index; for
cuts of one tree it follows from the sizes of the groups alone.

The constants were chosen on 77 labelled lists of short texts (CLINC150, HWU64, StackOverflow
titles, tweets, product titles, xSID in Dutch, Turkish, Japanese and Chinese, SIB-200 in
Portuguese, biomedical titles, captions, and the lists in tests/lists; whole, some classes, few
per class, skewed), 2026-11; their neighbours do as well. Stability (agreement of trees grown
from halves of the directions) was tried as a fourth measure and told no more. Runs in the
worker process only: it imports numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creative.keywords import parallel
from creative.keywords.embed import Vectors, unit
from creative.keywords.neighbours import EXACT_ROWS, blocks, group_sums
from creative.keywords.tree import Graph, Labels, Tree

CUTS = (*(round(0.1 + 0.05 * n, 2) for n in range(15)), 0.84, 0.88, 0.92, 0.96)
"""Similarities at which the tree may be cut, coarse to fine."""
SHARPNESS = 10.0
"""How much better odds a better score has."""
UNSMOOTHED, MODULARITY = 1.0, 0.4
"""Shares in the score, beside 1 for the silhouette after smoothing."""
USUAL_SIZE, USUAL_ROOTS = 40.0, 3.0
"""Keywords in a group as people make them; in short lists, so many square roots of the length."""
USUAL_SPREAD = 1.3
"""Standard deviation of the logarithm of that size: two of three groupings are within a factor
of 3.7."""
_LEAST_STEP, _LAST_STEP = 0.02, 0.2
"""Of the logarithm of the number of groups, between cuts and after the last one."""
_SAMPLE = 4000


@dataclass(frozen=True)
class Level:
    """One cut.

    Attributes:
        cut: the similarity.
        labels: the groups.
        clusters: groups of at least the smallest size that counts.
    """

    cut: float
    labels: Labels
    clusters: int


def levels(tree: Tree, min_size: int, max_size: int | None) -> list[Level]:
    """All cuts that differ, coarse to fine."""
    found: list[Level] = []
    before = 0
    for cut in CUTS:
        labels = tree.cut(cut, max_size)
        groups = int(labels.max()) + 1
        if groups > before:
            clusters = int((np.bincount(labels) >= min_size).sum())
            found.append(Level(cut, labels, clusters))
            before = groups
    return found


def rising(found: Sequence[Level]) -> list[Level]:
    """The levels that have more clusters than all coarser ones."""
    kept: list[Level] = []
    for level in found:
        if level.clusters > (kept[-1].clusters if kept else 0):
            kept.append(level)
    return kept


def choose(
    found: Sequence[Level],
    smoothed: Vectors,
    vectors: Vectors,
    graph: Graph,
    granularity: float | None,
) -> Level:
    """The level to take.

    Args:
        found: all levels, coarse to fine; at least one.
        smoothed: the rows as the tree was grown from them.
        vectors: the rows before smoothing.
        graph: neighbours of the rows.
        granularity: 0 takes the coarsest level, 1 the one with the most clusters, what is
            between lies between, and more never gives fewer clusters; None chooses.
    """
    steps = rising(found)
    if granularity is not None:
        if not steps:
            return found[-1]
        return steps[round(granularity * (len(steps) - 1))]
    chosen = found[_best(found, smoothed, vectors, graph)]
    if steps and chosen.clusters < steps[0].clusters:
        return steps[0]
    return chosen


def _best(found: Sequence[Level], smoothed: Vectors, vectors: Vectors, graph: Graph) -> int:
    apart = [n for n, level in enumerate(found) if level.labels.max() > 0]
    if len(apart) < 2:
        return apart[0] if apart else 0
    score = np.empty(len(apart))

    def measure(place: int) -> None:
        labels = found[apart[place]].labels
        score[place] = (
            silhouette(smoothed, labels)
            + UNSMOOTHED * silhouette(vectors, labels)
            + MODULARITY * modularity(graph, labels)
        )

    if len(vectors) <= EXACT_ROWS:
        parallel.run(measure, range(len(apart)))
    else:  # two at a time need twice the memory
        for place in range(len(apart)):
            measure(place)
    groups = np.log([found[n].labels.max() + 1 for n in apart])
    step = np.maximum(np.diff(groups, append=groups[-1] + _LAST_STEP), _LEAST_STEP)
    usual = np.log(min(USUAL_SIZE, USUAL_ROOTS * len(vectors) ** 0.5))
    unusual = (np.log(len(vectors)) - groups - usual) / USUAL_SPREAD
    odds = np.exp(SHARPNESS * (score - score.max()) - unusual**2 / 2) * step
    pairs = np.array([_pairs_together(found[n].labels) for n in apart])
    return apart[int((agreement(pairs) @ odds).argmax())]


def _pairs_together(labels: Labels) -> float:
    """The share of all pairs of rows that are in one group."""
    sizes = np.bincount(labels).astype(np.float64)
    rows = float(len(labels))
    return float((sizes * (sizes - 1)).sum() / (rows * (rows - 1)))


def agreement(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted Rand index of all cuts of one tree with each other.

    Args:
        pairs: for each cut the share of all pairs of rows that are together.
    """
    both = np.minimum(pairs[:, None], pairs[None])  # the finer cut's pairs are together in both
    chance = pairs[:, None] * pairs[None]
    mean = (pairs[:, None] + pairs[None]) / 2
    # Two cuts without a pair are the same, as are two with all of them.
    same = mean - chance < 1e-12
    return np.where(same, 1.0, (both - chance) / np.where(same, 1.0, mean - chance))


def modularity(graph: Graph, labels: Labels) -> float:
    """How much more weight of the graph lies inside groups than by chance, -0.5 to 1.

    Newman 2004; an edge weighs its similarity squared.
    """
    index, similarity = graph
    weight = np.clip(similarity.ravel(), 0.0, 1.0).astype(np.float64) ** 2
    total = weight.sum()
    if total <= 0:
        return 0.0
    one, other = np.repeat(np.arange(len(labels)), index.shape[1]), index.ravel()
    degree = np.bincount(one, weight, len(labels)) + np.bincount(other, weight, len(labels))
    inside = weight[labels[one] == labels[other]].sum() / total
    share = np.bincount(labels, degree) / (2 * total)
    return float(inside - (share**2).sum())


def silhouette(vectors: Vectors, labels: Labels) -> float:
    """How well rows fit their group rather than the next one, -1 to 1, by group means.

    A row alone in its group counts 0. At most _SAMPLE rows, evenly spread, are measured.
    """
    groups = int(labels.max()) + 1
    sizes = np.bincount(labels, minlength=groups)
    centres = group_sums(vectors, labels, groups)
    lengths = np.sqrt(np.einsum("ij,ij->i", centres, centres))
    centres /= np.maximum(lengths, 1e-12)[:, None]
    rows = np.arange(0, len(vectors), -(-len(vectors) // _SAMPLE))
    total = 0.0
    for block_rows in blocks(len(rows), groups):
        part = rows[block_rows]
        own = labels[part]
        similar = vectors[part] @ centres.T
        similar[np.arange(len(part)), own] = -np.inf
        others = 1.0 - similar.max(axis=1)
        rest = unit(centres[own] * lengths[own, None] - vectors[part])
        inside = 1.0 - np.einsum("ij,ij->i", rest, vectors[part])
        score = (others - inside) / np.maximum(np.maximum(others, inside), 1e-9)
        score[sizes[own] == 1] = 0.0
        total += float(score.sum())
    return total / len(rows)
