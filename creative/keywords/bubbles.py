"""What is on the map and where: bubbles as large as they can be, with their names below.

Runs in the worker process only: it imports numpy.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creative.fonts import Lettering
from creative.keywords import embed, layout
from creative.keywords.sheet import Sheet

Reals = NDArray[np.float64]
Labels = NDArray[np.int64]
Area = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""

BUBBLES = 300
"""Clusters with a bubble; of smaller ones each keyword is a dot near what it resembles, since
the time for layout grows with the square."""
DOTS = 4000
"""Keywords that are drawn; of more, every cluster shows its share, and at least one."""
LABELS = 80
"""Names in the picture at most: more cannot be read at its usual size."""
STRAYS = 300
"""Unclustered keywords that are drawn."""
FILLED = 0.78
"""Share of the picture that bubbles with their names may cover, so that they can part."""
TRIES = 8
"""Sizes for which bubbles are parted in earnest; the one with the fewest clashes is taken."""
EVEN = 0.7
"""How much the even use of the picture counts against t-SNE's own distances."""


@dataclass(frozen=True)
class Rows:
    """What is drawn of the input: rows of `vectors`, the cluster of each (-1 for none)."""

    vectors: embed.Vectors
    labels: Labels
    dots: Reals  # radius of each row's dot, 1 for the largest
    counts: Labels  # keywords of each cluster, drawn or not
    volumes: Reals | None  # searches per month of each cluster
    total: int
    unclustered: int


@dataclass
class Bubble:
    """A cluster to draw; `dots` and `radii` are in units of the largest dot."""

    label: int
    dots: layout.Points
    radii: Reals
    radius: float
    lines: list[Lettering] = field(default_factory=list)
    note: Lettering | None = None
    place: Reals = field(default_factory=lambda: np.zeros(2))


@dataclass
class Plan:
    """Bubbles with their places, and how large a unit and a letter are, in pixels."""

    bubbles: list[Bubble]
    unit: float
    letters: int
    nameless: list[int]


def read_rows(payload: dict[str, Any], clusters: int) -> Rows:
    """What is drawn of the payload of `map.draw`: all of a usual list, a sample of a long one."""
    stored = embed.rows(payload["vectors"])
    labels = np.asarray(payload["labels"], np.int64)
    weights = payload.get("weights")
    volume = None if weights is None else np.nan_to_num(np.asarray(weights, np.float64))
    kept = _sample(labels, clusters, volume)
    vectors = embed.compare_space(embed.unit(stored[kept].astype(np.float32)))
    inside = labels >= 0
    dots = np.full(len(kept), 0.55)
    volumes = None
    if volume is not None and volume.max(initial=0.0) > 0:
        # The area is the volume, within what can be seen: a dot may be 20 times as large as
        # another, while searches differ by thousands.
        top = np.quantile(volume[volume > 0], 0.97)
        dots = np.clip(np.sqrt(np.clip(volume[kept], 0, None) / top), 0.22, 1.0)
        volumes = np.bincount(labels[inside], volume[inside], minlength=clusters)
    return Rows(
        vectors,
        labels[kept],
        dots,
        np.bincount(labels[inside], minlength=clusters),
        volumes,
        len(labels),
        int((~inside).sum()),
    )


def _sample(labels: Labels, clusters: int, volume: Reals | None) -> Labels:
    """Rows to draw: all, or of each cluster its share, those with most searches first."""
    inside = int((labels >= 0).sum())
    share = min(1.0, DOTS / max(inside, 1))
    order = np.argsort(labels if volume is None else -volume, kind="stable")
    order = order[np.argsort(labels[order], kind="stable")]
    starts = np.searchsorted(labels[order], np.arange(-1, clusters + 1))
    kept: list[Labels] = []
    for number, (start, end) in enumerate(itertools.pairwise(starts)):
        members = order[start:end]
        most = STRAYS if number == 0 else max(1, round(len(members) * share))
        if volume is None and len(members) > most:
            members = members[np.linspace(0, len(members) - 1, most).round().astype(np.int64)]
        kept.append(members[:most])
    return np.sort(np.concatenate(kept))


def find_centres(rows: Rows, topics: Sequence[int] | None) -> embed.Vectors:
    """The middle of each cluster, drawn a little towards the middle of its topic."""
    sums = np.zeros((len(rows.counts), rows.vectors.shape[1]), np.float32)
    inside = rows.labels >= 0
    np.add.at(sums, rows.labels[inside], rows.vectors[inside])
    centres = embed.unit(sums)
    if topics is None:
        return centres
    of = np.asarray(topics)
    middles = np.zeros((int(of.max()) + 1, centres.shape[1]), np.float32)
    np.add.at(middles, of, centres)
    return embed.unit(centres + 0.7 * embed.unit(middles)[of])


def make_plan(
    sheet: Sheet, area: Area, rows: Rows, shown: Labels,
    wanted: layout.Points, names: Sequence[str], ids: Sequence[int],
) -> Plan:  # fmt: skip
    """Bubbles as large as they can be with their names beside each other.

    Args:
        sheet: what is drawn on.
        area: where bubbles may be.
        rows: what is drawn.
        shown: clusters that have a bubble, largest first.
        wanted: where t-SNE puts them, 0 to 1.
        names: of all clusters.
        ids: what stands for names that cannot be written, of all clusters.
    """
    bubbles = [_bubble(rows, int(label)) for label in shown]
    origin, reach = np.array(area[:2]), np.array(area[2:]) - np.array(area[:2])
    fewest, tries = len(bubbles) + 1, 0
    best: tuple[Plan, int, layout.Points] | None = None
    for unit, named in _sizes(sheet.scale, min(LABELS, len(bubbles))):
        letters = np.clip(12 * sheet.scale + unit * 0.55, 14 * sheet.scale, 25 * sheet.scale)
        plan = Plan(bubbles, unit, max(10, round(letters)), [])
        _label(sheet, plan, rows, names, ids, named)
        boxes, _ = _boxes(sheet, plan)
        if boxes.prod(axis=1).sum() > FILLED * reach.prod() or (boxes > reach).any():
            continue
        # Places as t-SNE wants them leave holes; places by need alone look like a table.
        even = layout.share_out(wanted, boxes, area)
        places = layout.part(even * EVEN + (origin + wanted * reach) * (1 - EVEN), boxes, area)
        clashes = int(layout.overlapping(places, boxes).sum())
        tries += 1
        if clashes < fewest:
            fewest, best = clashes, (plan, named, places)
        if not clashes or tries == TRIES:
            break
    if best is None:  # even dots without names are too many for this picture: let them overlap
        best = plan, 0, origin + wanted * reach
    plan, named, places = best
    _label(sheet, plan, rows, names, ids, named)
    for bubble, place, below in zip(bubbles, places, _boxes(sheet, plan)[1], strict=True):
        bubble.place = place - np.array([0.0, below / 2])
    _drop_clashing(sheet, plan)
    return plan


def _sizes(scale: float, named: int) -> Iterator[tuple[float, int]]:
    """Units in pixels with numbers of names, the best to have first."""
    unit = 56.0 * scale
    while unit > 4 * scale:
        yield unit, named
        unit *= 0.92
    while named:
        yield unit, named
        named = int(named * 0.9)
    while unit > 0.5 * scale:
        yield unit, 0
        unit *= 0.9


def _bubble(rows: Rows, label: int) -> Bubble:
    members = np.flatnonzero(rows.labels == label)
    middle = embed.unit(rows.vectors[members].mean(axis=0, keepdims=True))[0]
    typical = np.argsort(-(rows.vectors[members] @ middle), kind="stable")
    radii = rows.dots[members[typical]]
    dots, radius = layout.pack(radii)
    return Bubble(label, dots, radii, radius + 0.35)


def _label(
    sheet: Sheet, plan: Plan, rows: Rows, names: Sequence[str], ids: Sequence[int], named: int
) -> None:
    plan.nameless.clear()
    for number, bubble in enumerate(plan.bubbles):
        bubble.lines, bubble.note = [], None
        if number >= named:
            continue
        widest = max(9.5 * plan.letters, 2 * bubble.radius * plan.unit)
        bubble.lines = sheet.wrap(names[bubble.label], plan.letters, widest)
        if not bubble.lines:
            plan.nameless.append(ids[bubble.label])
            bubble.lines = sheet.wrap(f"#{ids[bubble.label]}", plan.letters, widest)
        said = f"{rows.counts[bubble.label]:,}"
        if rows.volumes is not None:
            said += f" · {short_count(float(rows.volumes[bubble.label]))}"
        bubble.note = sheet.lettering(said)


def _boxes(sheet: Sheet, plan: Plan) -> tuple[layout.Points, Reals]:
    """The size of each bubble with its text and a gap, and how much of the height is text."""
    gap = 7 * sheet.scale + plan.unit * 0.25
    sizes, below = [], []
    for bubble in plan.bubbles:
        text = [sheet.measure(line, plan.letters) for line in bubble.lines]
        if bubble.note is not None:
            text.append(sheet.measure(bubble.note, note_size(plan)))
        tall = sum(height for _, height in text)
        wide = max([2 * bubble.radius * plan.unit, *(width for width, _ in text)])
        sizes.append((wide + gap, 2 * bubble.radius * plan.unit + tall + gap))
        below.append(tall)
    return np.array(sizes), np.array(below)


def note_size(plan: Plan) -> int:
    return max(9, round(plan.letters * 0.78))


def _drop_clashing(sheet: Sheet, plan: Plan) -> None:
    """Take names away, those of the smallest first, until none lies on another thing."""
    while True:
        boxes, below = _boxes(sheet, plan)
        middles = np.array([b.place for b in plan.bubbles])
        middles[:, 1] += below / 2
        clash = layout.overlapping(middles, boxes)
        named = [n for n, bubble in enumerate(plan.bubbles) if bubble.lines and clash[n]]
        if not named:
            return
        plan.bubbles[named[-1]].lines, plan.bubbles[named[-1]].note = [], None


def place_strays(
    sheet: Sheet, area: Area, rows: Rows, centres: embed.Vectors,
    plan: Plan,
) -> tuple[Labels, layout.Points]:  # fmt: skip
    """Rows that are in no bubble, and free places near the bubbles they resemble."""
    shown = np.array([bubble.label for bubble in plan.bubbles])
    outside = np.flatnonzero(~np.isin(rows.labels, shown))
    if not len(outside):
        return outside, np.zeros((0, 2))
    places = np.array([bubble.place for bubble in plan.bubbles])
    near = np.clip(rows.vectors[outside] @ centres[shown].T, 0.01, 1).astype(np.float64) ** 6
    most = min(3, len(shown))
    top = np.argpartition(-near, most - 1, axis=1)[:, :most]
    pull = np.take_along_axis(near, top, axis=1)
    pull /= pull.sum(axis=1, keepdims=True)
    targets = np.einsum("ij,ijk->ik", pull, places[top])
    cell = 13.0 * sheet.scale
    columns, lines = int((area[2] - area[0]) / cell), int((area[3] - area[1]) / cell)
    middles = (np.mgrid[0:lines, 0:columns][::-1] + 0.5) * cell
    x, y = middles[0] + area[0], middles[1] + area[1]
    taken = np.zeros((lines, columns), bool)
    for bubble in plan.bubbles:
        (left, top_edge), radius = bubble.place, bubble.radius * plan.unit
        taken |= np.hypot(x - left, y - top_edge) < radius + cell * 0.9
        text = [sheet.measure(line, plan.letters) for line in bubble.lines]
        text += [sheet.measure(bubble.note, note_size(plan))] if bubble.note else []
        if text:
            wide, tall = max(w for w, _ in text), sum(h for _, h in text)
            beside = np.abs(x - left) < wide / 2 + cell * 0.8
            taken |= beside & (np.abs(y - top_edge - radius - tall / 2) < tall / 2 + cell * 0.8)
    free = layout.free_places(targets, taken, cell, (area[0], area[1]))
    # Off the grid's lines, by an even pattern.
    turn = np.arange(len(free)) * 0.618
    free += (np.column_stack([turn % 1, (turn * 1.71) % 1]) - 0.5) * cell * 0.4
    return outside, free


def short_count(number: float) -> str:
    """A count as people write it in small places: 940, 12.4K, 3.1M."""
    for size, sign in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if number >= size:
            return f"{number / size:.1f}".removesuffix(".0") + sign
    return f"{number:.0f}"
