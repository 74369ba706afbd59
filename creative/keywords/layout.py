"""Where things go on the map: clusters beside the clusters they resemble, nothing overlapping.

Runs in the worker process only: it imports numpy. The map has two levels, because a layout of
single keywords (UMAP, t-SNE) leaves clusters torn apart and no room for their names: t-SNE
places the clusters' mean vectors, and each cluster's keywords are packed around its middle with
the most typical one in the centre. Lengths are pixels unless it says otherwise; everything is
deterministic for the same input.

t-SNE: van der Maaten and Hinton, "Visualizing Data using t-SNE", JMLR 9 (2008). Golden-angle
spiral: Vogel, "A better way to construct the sunflower head", 1979.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Shape (n, 2): x to the right, y down."""

_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
_PUSHED = 600
"""Keywords of a cluster that are pushed apart by their sizes; more keep the spiral's places."""


def arrange(vectors: NDArray[np.float32], rounds: int = 250) -> Points:
    """A place in the plane for each row, similar rows near each other (t-SNE).

    Args:
        vectors: unit vectors, at most some hundreds: time and memory grow with their square.
        rounds: steps of gradient descent.

    Returns:
        Places whose x and y each range over 0 to 1, the wider spread along x.
    """
    count = len(vectors)
    if count == 1:
        return np.full((1, 2), 0.5)
    exact = vectors.astype(np.float64)
    start = _principal(exact)
    if count > 3:
        start = _descend(_closeness(exact), start, rounds)
    return _spread(start)


def _principal(vectors: NDArray[np.float64]) -> Points:
    """The two directions of most variance, with signs that do not depend on the library."""
    centred = vectors - vectors.mean(axis=0)
    left, scale, right = np.linalg.svd(centred, full_matrices=False)
    width = min(2, len(scale))
    signs = np.sign(right[np.arange(width), np.abs(right[:width]).argmax(axis=1)])
    places = np.zeros((len(vectors), 2))
    places[:, :width] = left[:, :width] * scale[:width] * np.where(signs == 0, 1.0, signs)
    return places


def _closeness(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """t-SNE's symmetric neighbour probabilities for cosine distances."""
    count = len(vectors)
    distance = np.clip(2 - 2 * (vectors @ vectors.T), 0, None)
    np.fill_diagonal(distance, np.inf)
    wanted = math.log(max(1.5, min(12.0, (count - 1) / 3)))  # the logarithm of the perplexity
    low, high = np.zeros(count), np.full(count, np.inf)
    sharpness = np.ones(count)
    nearest = distance.min(axis=1, keepdims=True)
    for _ in range(40):
        weights = np.exp(-(distance - nearest) * sharpness[:, None])
        shares = weights / weights.sum(axis=1, keepdims=True)
        entropy = -np.sum(shares * np.log(np.maximum(shares, 1e-12)), axis=1)
        flat = entropy > wanted
        low[flat], high[~flat] = sharpness[flat], sharpness[~flat]
        sharpness = np.where(np.isinf(high), sharpness * 2, (low + high) / 2)
    both = shares + shares.T
    return np.asarray(both / both.sum(), np.float64)


def _descend(closeness: NDArray[np.float64], start: Points, rounds: int) -> Points:
    places = start / max(float(start.std(axis=0)[0]), 1e-9) * 1e-2
    speed, gain = np.zeros_like(places), np.ones_like(places)
    rate = max(len(places) / 12.0, 5.0)
    for number in range(rounds):
        early = number < rounds // 4
        apart = places[:, None, :] - places[None, :, :]
        kernel = 1.0 / (1.0 + np.einsum("ijk,ijk->ij", apart, apart))
        np.fill_diagonal(kernel, 0.0)
        force = ((8.0 if early else 1.0) * closeness - kernel / kernel.sum()) * kernel
        slope = 4 * np.einsum("ij,ijk->ik", force, apart)
        gain = np.where(np.sign(slope) == np.sign(speed), gain * 0.8, gain + 0.2).clip(0.01, 4)
        speed = (0.5 if early else 0.8) * speed - rate * gain * slope
        places = places + speed
        places -= places.mean(axis=0)
    return places


def _spread(places: Points) -> Points:
    """Turned so that the longer side lies along x, and scaled to 0 to 1."""
    turned = _principal(places)
    low, high = turned.min(axis=0), turned.max(axis=0)
    scaled = (turned - low) / np.where(high > low, high - low, 1.0)
    return np.asarray(np.where(high > low, scaled, 0.5), np.float64)


def share_out(places: Points, sizes: Points, area: tuple[float, float, float, float]) -> Points:
    """Places in `area` so that each box has about as much room around it as it needs.

    The area is halved again and again, each time across the side that is longer for boxes of
    this shape, and so are the places, in their order along that side: neighbours stay
    neighbours, and holes and crowds even out.

    Args:
        places: any range, shape (n, 2).
        sizes: widths and heights of the boxes.
        area: left, top, right, bottom.
    """
    needs = sizes.prod(axis=1)
    wide, tall = sizes.mean(axis=0)
    middles = np.zeros_like(places)
    stack = [(np.arange(len(places)), area)]
    while stack:
        rows, (left, top, right, bottom) = stack.pop()
        if len(rows) == 1:
            middles[rows[0]] = (left + right) / 2, (top + bottom) / 2
            continue
        across = (right - left) / wide >= (bottom - top) / tall
        rows = rows[np.argsort(places[rows, 0 if across else 1], kind="stable")]
        sums = np.cumsum(needs[rows])
        cut = int(np.abs(sums[:-1] - sums[-1] / 2).argmin()) + 1
        share = float(sums[cut - 1] / sums[-1])
        if across:
            edge = left + (right - left) * share
            stack += [(rows[:cut], (left, top, edge, bottom)),
                      (rows[cut:], (edge, top, right, bottom))]  # fmt: skip
        else:
            edge = top + (bottom - top) * share
            stack += [(rows[:cut], (left, top, right, edge)),
                      (rows[cut:], (left, edge, right, bottom))]  # fmt: skip
    return middles


def part(
    centres: Points, sizes: Points, area: tuple[float, float, float, float], rounds: int = 400
) -> Points:
    """Boxes moved as little as needed until none overlaps another, as far as they fit.

    Args:
        centres: wanted middles of the boxes.
        sizes: their widths and heights, with the gap to the next one.
        area: left, top, right, bottom; no box crosses these.
        rounds: the most that is done.

    Returns:
        Middles of the boxes. In an area that is too full some still overlap.
    """
    half = sizes / 2
    low = np.array(area[:2]) + half
    high = np.maximum(np.array(area[2:]) - half, low)
    placed = np.clip(centres, low, high)
    mass = sizes.prod(axis=1)
    for number in range(rounds):
        one, other = _touching(placed, half)
        if not len(one):
            break
        apart = placed[one] - placed[other]
        reach = half[one] + half[other]
        overlap = reach - np.abs(apart)
        # Part along the side on which they overlap least: at first for their size, or wide boxes
        # would pile up; later in pixels. Full rows send some up and down now and then.
        axis = (overlap / reach if number < rounds / 3 else overlap).argmin(axis=1)
        if number > rounds / 3 and number % 30 >= 22:
            axis[:] = 1
        pair = np.arange(len(one))
        side = np.where(apart[pair, axis] >= 0, 1.0, -1.0)
        force = side * overlap[pair, axis]
        share = mass[other] / (mass[one] + mass[other])  # the larger box moves less
        step = np.zeros_like(placed)
        np.add.at(step, (one, axis), force * share)
        np.add.at(step, (other, axis), -force * (1 - share))
        count = np.bincount(one, minlength=len(placed)) + np.bincount(other, minlength=len(placed))
        # Pushed as far as each neighbour wants, crowded boxes would fly away.
        step /= np.sqrt(np.maximum(count, 1))[:, None]
        step += (centres - placed) * 0.02 * max(0.0, 1 - 2 * number / rounds)
        placed = np.clip(placed + step, low, high)
    return np.asarray(placed, np.float64)


def _touching(
    placed: Points, half: Points, slack: float = 0.5
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of boxes that overlap by more than `slack`, each pair once."""
    across = np.abs(placed[:, None, 0] - placed[None, :, 0])
    across -= half[:, None, 0] + half[None, :, 0]
    down = np.abs(placed[:, None, 1] - placed[None, :, 1])
    down -= half[:, None, 1] + half[None, :, 1]
    one, other = np.nonzero((across < -slack) & (down < -slack))
    first = one < other
    return one[first], other[first]


def overlapping(centres: Points, sizes: Points) -> NDArray[np.bool_]:
    """Which boxes overlap another one by more than a pixel."""
    one, other = _touching(centres, sizes / 2, slack=1.0)
    hit = np.zeros(len(centres), bool)
    hit[one] = hit[other] = True
    return hit


def pack(radii: NDArray[np.float64]) -> tuple[Points, float]:
    """Circles packed around a middle, the first ones innermost.

    Returns:
        Their middles relative to the cluster's, and the radius that holds all of them.
    """
    # A spiral in which each circle has 1.35 times its own area keeps most of them apart.
    areas = 1.35 * radii**2
    distance = np.sqrt(np.maximum(np.cumsum(areas) - areas / 2, 0.0))
    distance[0] = 0.0
    angle = np.arange(len(radii)) * _GOLDEN_ANGLE
    places = np.column_stack([distance * np.cos(angle), distance * np.sin(angle)])
    if 1 < len(radii) <= _PUSHED:
        places = _push(places, radii)
    places = places - _middle(places, radii)
    return places, float((np.hypot(places[:, 0], places[:, 1]) + radii).max())


def _middle(places: Points, radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """The middle of the smallest circle around all, nearly: Badoiu and Clarkson, 2003."""
    middle = places.mean(axis=0)
    for number in range(1, 100):
        away = places - middle
        length = np.hypot(away[:, 0], away[:, 1])
        farthest = int((length + radii).argmax())
        if length[farthest] == 0:
            break
        edge = 1 + radii[farthest] / length[farthest]
        middle = middle + away[farthest] * edge / (number + 1)
    return np.asarray(middle, np.float64)


def _push(places: Points, radii: NDArray[np.float64]) -> Points:
    reach = (radii[:, None] + radii[None, :]) * 1.04
    rounds = min(160, max(50, 20_000 // len(radii)))
    for number in range(rounds):
        apart = places[:, None, :] - places[None, :, :]
        length = np.hypot(apart[:, :, 0], apart[:, :, 1])
        np.fill_diagonal(length, np.inf)
        overlap = np.clip(reach - length, 0.0, None)
        if number > rounds / 2 and overlap.max() < 0.05:
            break
        away = apart / np.maximum(length, 1e-6)[:, :, None]
        places = places + (away * overlap[:, :, None]).sum(axis=1) * 0.4
        if number < rounds * 0.6 and len(radii) <= 60:
            places = places * 0.985  # gravity closes the holes; many have hardly any
    return places


def free_places(
    wanted: Points, taken: NDArray[np.bool_], cell: float, origin: tuple[float, float]
) -> Points:
    """For each wanted place the middle of the nearest free cell, each cell given once.

    Args:
        wanted: where the points would like to be.
        taken: shape (rows, columns): cells that something else covers. It is not changed.
        cell: side of a cell.
        origin: left and top of the first cell.

    Returns:
        As many places as there are free cells, at most one for each wanted place.
    """
    row, column = np.nonzero(~taken)
    middles = np.column_stack([column + 0.5, row + 0.5]) * cell + np.array(origin)
    free = np.ones(len(middles), bool)
    chosen: list[int] = []
    for place in wanted[: len(middles)]:
        distance = ((middles - place) ** 2).sum(axis=1)
        distance[~free] = np.inf
        nearest = int(distance.argmin())
        free[nearest] = False
        chosen.append(nearest)
    return np.asarray(middles[chosen].reshape(-1, 2), np.float64)
