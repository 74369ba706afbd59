"""The map of a clustering as a picture: every cluster a bubble of dots with its name below.

Runs in the worker process only: it imports numpy and Pillow. A bubble's place tells which
clusters are alike (`layout.arrange`), its dots are its keywords with the most typical one in the
middle, a dot's area is its searches per month. What the picture leaves out it says in its last
line, and again in the PNG's text chunk "Description".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from creative.errors import InvalidInput
from creative.fonts import Fonts, Lettering
from creative.keywords import layout
from creative.keywords.bubbles import (
    BUBBLES,
    Area,
    Labels,
    Plan,
    Rows,
    find_centres,
    make_plan,
    note_size,
    place_strays,
    read_rows,
)
from creative.keywords.sheet import FAINT, INK, PAPER, Colour, Sheet
from creative.worker import Progress

# Okabe and Ito (2008) without black and yellow, then Paul Tol's "muted" (2021): colours that
# colour-blind readers tell apart, those that differ most first.
PALETTE: tuple[Colour, ...] = (
    (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0),
    (86, 180, 233), (136, 34, 85), (17, 119, 51), (51, 34, 136), (153, 153, 51),
)  # fmt: skip
GREY: Colour = (168, 175, 184)
LEGEND_ROW = 30
"""Height of a row of topics, in pixels of a picture of 1600 by 1200."""


def draw(payload: dict[str, Any], progress: Progress, fonts: Fonts | None = None) -> bytes:
    """The map as a PNG picture.

    Args:
        payload: `vectors` (Packed), `labels` (for each row the number of its cluster, from 0,
            or -1), `names` (for each cluster), `weights` (searches per month for each row, or
            None), `title`, `width`, `height` (pixels). Optional: `ids` (for each cluster the
            number that stands for a name which cannot be written; default: from 1), `topics`
            (for each cluster the number of its topic, from 0) and `topic_names`.
        progress: told what is going on.
        fonts: what text is written with; None: whatever is there.

    Raises:
        InvalidInput: no cluster, or a picture too small or too large to draw.
    """
    names: list[str] = payload["names"]
    topics: list[int] | None = payload.get("topics") or None
    if topics and len(set(topics)) == len(topics):
        topics = None  # one for each cluster: they tell nothing that the names do not
    width, height = int(payload["width"]), int(payload["height"])
    if not any(label >= 0 for label in payload["labels"]):
        raise InvalidInput("map", None, "at least one cluster to draw")
    if not (640 <= width <= 2400 and 480 <= height <= 2400):
        raise InvalidInput("map", f"{width}x{height}", "640x480 to 2400x2400 pixels")
    progress(0.1, "Drawing the map")
    sheet = Sheet(width, height, fonts or Fonts())
    rows = read_rows(payload, len(names))
    centres = find_centres(rows, topics)
    order = np.argsort(-rows.counts, kind="stable")
    shown = order[rows.counts[order] > 0][:BUBBLES]
    wanted = layout.arrange(centres[shown])
    colours = _colours(len(names), shown, wanted, topics, rows.counts)
    legend = _legend(sheet, payload, topics, colours)
    ids = payload.get("ids") or list(range(1, len(names) + 1))
    progress(0.4, "Drawing the map")
    area = _area(sheet, legend)
    plan = make_plan(sheet, area, rows, shown, wanted, names, ids)
    progress(0.7, "Drawing the map")
    strays, placed = place_strays(sheet, area, rows, centres, plan)
    _draw_bubbles(sheet, plan, colours)
    # Where the picture is full, the last ones have no place: `_notes` tells.
    for row, (x, y) in zip(strays, placed, strict=False):
        label = int(rows.labels[row])
        size = sheet.scale * 3.6
        sheet.circle(x, y, size, GREY if label < 0 else _tint(colours[label], 0.6), PAPER, 0.5)
    _write_names(sheet, plan)
    notes = _notes(rows, plan, len(names), len(placed) - len(strays))
    title = payload.get("title") or "Keyword map"
    subtitle = _subtitle(rows)
    _write_margins(sheet, title, subtitle, legend, notes)
    progress(1.0, "Drawing the map")
    return sheet.png([("Title", title), ("Description", " ".join([subtitle, *notes]))])


def _area(sheet: Sheet, legend: Sequence[tuple[Lettering, Colour]]) -> Area:
    """Where bubbles may be: left, top, right, bottom."""
    unit = sheet.scale
    margin = 54 + LEGEND_ROW * _legend_rows(sheet, legend) + (8 if legend else 0)
    return 30 * unit, 118 * unit, sheet.width - 30 * unit, sheet.height - margin * unit


def _colours(
    clusters: int, shown: Labels, wanted: layout.Points, topics: Sequence[int] | None,
    counts: Labels,
) -> list[Colour]:  # fmt: skip
    """A colour for each cluster: its own if there are few, else its topic's or its region's."""
    if clusters <= len(PALETTE):
        return list(PALETTE[:clusters])
    if topics is not None:
        of = np.asarray(topics)
        sizes = np.bincount(of, counts)
        rank = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable")
        return [_shade(int(rank[topic])) for topic in of]
    # Without topics, neighbours on the map share a colour: ten sectors around its middle.
    angle = np.arctan2(wanted[:, 1] - 0.5, wanted[:, 0] - 0.5)
    place = np.argsort(np.argsort(angle, kind="stable"), kind="stable")
    sector = np.full(clusters, len(PALETTE) - 1)
    sector[shown] = place * len(PALETTE) // len(shown)
    return [PALETTE[number] for number in sector]


def _shade(rank: int) -> Colour:
    """The colour of the topic of that rank; after the palette, paler and darker turns of it."""
    red, green, blue = PALETTE[rank % len(PALETTE)]
    turn = rank // len(PALETTE) % 3
    if turn == 0:
        return red, green, blue
    towards, share = ((255, 0.38), (0, 0.38))[turn - 1]
    mix = [round(part + (towards - part) * share) for part in (red, green, blue)]
    return mix[0], mix[1], mix[2]


def _tint(colour: Colour, share: float) -> Colour:
    red, green, blue = (round(255 - (255 - part) * share) for part in colour)
    return red, green, blue


def _draw_bubbles(sheet: Sheet, plan: Plan, colours: Sequence[Colour]) -> None:
    for bubble in plan.bubbles:
        colour, (x, y) = colours[bubble.label], bubble.place
        soft, edge = _tint(colour, 0.13), _tint(colour, 0.4)
        sheet.circle(x, y, bubble.radius * plan.unit, soft, edge, 1.0 * sheet.scale)
        rim = max(0.5, min(1.5 * sheet.scale, plan.unit * 0.06))
        for (across, down), radius in zip(bubble.dots, bubble.radii, strict=True):
            sheet.circle(
                x + across * plan.unit, y + down * plan.unit, radius * plan.unit, colour, PAPER, rim
            )


def _write_names(sheet: Sheet, plan: Plan) -> None:
    for bubble in plan.bubbles:
        x, y = bubble.place
        y += bubble.radius * plan.unit + 2 * sheet.scale
        for line in bubble.lines:
            sheet.write(x, y, line, plan.letters, INK, bold=True, centred=True)
            y += sheet.measure(line, plan.letters)[1]
        if bubble.note is not None:
            sheet.write(x, y, bubble.note, note_size(plan), FAINT, centred=True)


def _legend(
    sheet: Sheet, payload: dict[str, Any], topics: Sequence[int] | None, colours: Sequence[Colour]
) -> list[tuple[Lettering, Colour]]:
    """Topics with their colours, where the colours mean topics."""
    names: list[str] = payload.get("topic_names") or []
    if topics is None or not names or len(colours) <= len(PALETTE):
        return []
    entries = []
    for topic, name in enumerate(names):
        line = sheet.wrap(name, round(18 * sheet.scale), 260 * sheet.scale, most=1)
        if line and topic in topics:
            entries.append((line[0], colours[topics.index(topic)]))
    return entries


def _subtitle(rows: Rows) -> str:
    clusters = len(rows.counts)
    said = f"{rows.total:,} keywords in {clusters:,} cluster{'s' if clusters > 1 else ''}"
    if rows.unclustered:
        said += f", {rows.unclustered:,} unclustered (grey)"
    if rows.volumes is None:
        return f"{said}. Every dot is a keyword; similar clusters are close to each other."
    return f"{said}. Dot area: searches per month. Below a name: keywords · searches per month."


def _notes(rows: Rows, plan: Plan, clusters: int, missing: int) -> list[str]:
    """What the picture leaves out."""
    notes = []
    named = sum(1 for bubble in plan.bubbles if bubble.lines)
    if named < clusters:
        notes.append(f"{clusters - named:,} more clusters are drawn without a name.")
    tiny = clusters - len(plan.bubbles)
    if tiny:
        notes.append(f"The {tiny:,} smallest clusters are pale dots.")
    if plan.nameless:
        listed = ", ".join(f"#{number}" for number in plan.nameless[:8])
        rest = len(plan.nameless) - 8
        listed += f" and {rest} more" if rest > 0 else ""
        notes.append(f"No font here can write the names of {listed}: the numbers are cluster ids.")
    drawn = len(rows.labels) + min(missing, 0)
    if drawn < rows.total:
        notes.append(f"{drawn:,} of {rows.total:,} keywords are drawn.")
    return notes


def _write_margins(
    sheet: Sheet, title: str, subtitle: str, legend: Sequence[tuple[Lettering, Colour]],
    notes: Sequence[str],
) -> None:  # fmt: skip
    unit = sheet.scale
    left, widest = 40 * unit, sheet.width - 80 * unit
    heading, letters = round(38 * unit), max(10, round(19 * unit))
    lines = sheet.wrap(title, heading, widest, most=1) or sheet.wrap(
        "Keyword map", heading, widest, most=1
    )
    sheet.write(left, 24 * unit, lines[0], heading, INK, bold=True)
    for line in sheet.wrap(subtitle, letters, widest, most=1):
        sheet.write(left, 76 * unit, line, letters, FAINT)
    _write_legend(sheet, legend, left)
    for line in sheet.wrap(" ".join(notes), letters, widest, most=1) if notes else []:
        sheet.write(left, sheet.height - 38 * unit, line, letters, FAINT)


def _entry_width(sheet: Sheet, line: Lettering) -> float:
    return sheet.measure(line, _legend_letters(sheet))[0] + 52 * sheet.scale


def _legend_letters(sheet: Sheet) -> int:
    return max(10, round(18 * sheet.scale))


def _legend_rows(sheet: Sheet, legend: Sequence[tuple[Lettering, Colour]]) -> int:
    """How many rows the legend has: none, one, or two and the rest as a number."""
    room = sheet.width - 80 * sheet.scale
    return 1 + (sum(_entry_width(sheet, line) for line, _ in legend) > room) if legend else 0


def _write_legend(sheet: Sheet, legend: Sequence[tuple[Lettering, Colour]], margin: float) -> None:
    """Topics with their colours, as many as have room; the rest as a number."""
    unit, letters, rows = sheet.scale, _legend_letters(sheet), _legend_rows(sheet, legend)
    left, y, right = margin, sheet.height - (50 + LEGEND_ROW * rows) * unit, sheet.width - margin
    for number, (line, colour) in enumerate(legend):
        wide = _entry_width(sheet, line)
        rest = sheet.lettering(f"+ {len(legend) - number} more")
        more = rows == 1 and number < len(legend) - 1
        if left + wide + (100 * unit if more else 0) > right and left > margin:
            rows -= 1
            if rows == 0:
                if rest is not None:
                    sheet.write(left, y, rest, letters, FAINT)
                return
            left, y = margin, y + LEGEND_ROW * unit
        sheet.chip(left, y + letters * 0.22, letters * 0.9, colour)
        sheet.write(left + letters * 1.3, y, line, letters, INK)
        left += wide
