"""Grounds in a brand's colours, drawn where nobody gives a picture.

Two near tones carry the text, so that it is legible wherever it stands; the accent is only drawn
where nothing else is. Edges are drawn at twice the size and reduced.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw

from creative.ads.draw.colour import Rgb, Scheme
from creative.ads.draw.layouts import Box

_FINER = 2
_LEAST_MARK = 0.16
"""Of the shorter side: a smaller mark of colour looks like dirt."""
_LEAST_SIDE = 96
"""Pixels: on smaller pictures a pattern only disturbs."""
_GAP = 0.05
"""Of the shorter side: between a mark of colour and the nearest text."""

Corner = tuple[float, float]
Pen = ImageDraw.ImageDraw
Pattern = Callable[["_Sheet", Scheme, random.Random], None]


def ground(
    size: tuple[int, int], scheme: Scheme, kind: int, taken: Sequence[Box], seed: int
) -> Image.Image:
    """A ground of this size in pixels.

    Args:
        size: width and height.
        scheme: its colours.
        kind: which pattern; any number, they repeat.
        taken: where texts, logo and button will be.
        seed: for what is left to chance.
    """
    sheet = _Sheet(size, scheme.ground, taken)
    pattern = PATTERNS[kind % len(PATTERNS)] if sheet.short >= _LEAST_SIDE else _slope
    pattern(sheet, scheme, random.Random(seed))  # noqa: S311 - no secret
    return sheet.image


class _Sheet:
    """A plain ground and what is painted on it; lengths are parts of the shorter side."""

    def __init__(self, size: tuple[int, int], colour: Rgb, taken: Sequence[Box]) -> None:
        self.width, self.height = size
        self.short = min(size)
        self.image = Image.new("RGB", size, colour)
        self._taken = taken

    def paint(self, colour: Rgb, shape: Callable[[Pen, float], None]) -> None:
        """Fill what `shape` draws, in `colour`; it is given a pen and the scale of its pixels."""
        mask = Image.new("L", (self.width * _FINER, self.height * _FINER))
        shape(ImageDraw.Draw(mask), _FINER)
        self.image.paste(colour, mask=mask.reduce(_FINER))

    def room(self, corner: Corner) -> float:
        """How large a circle around a corner (0 or 1 each) may be before it meets a text."""
        x, y = corner[0] * self.width, corner[1] * self.height
        nearest = min(
            (math.dist((x, y), _nearest(box, x, y)) for box in self._taken),
            default=float(self.short),
        )
        return nearest - _GAP * self.short

    def corners(self, chance: random.Random) -> list[Corner]:
        """The four corners, the emptiest first; among equals, by chance."""
        found = [(float(x), float(y)) for x in (0, 1) for y in (0, 1)]
        chance.shuffle(found)
        return sorted(found, key=lambda corner: -round(self.room(corner) / self.short, 1))

    def circle(self, colour: Rgb, corner: Corner, radius: float, hole: float = 0.0) -> None:
        """A disc around a corner, or a ring; radii in pixels."""
        x, y = corner[0] * self.width, corner[1] * self.height

        def shape(pen: Pen, scale: float) -> None:
            for size, ink in ((radius, 255), (hole, 0)):
                if size > 0:
                    box = [(x - size), (y - size), (x + size), (y + size)]
                    pen.ellipse([value * scale for value in box], fill=ink)

        self.paint(colour, shape)


def _nearest(box: Box, x: float, y: float) -> tuple[float, float]:
    return min(max(x, box.left), box.right), min(max(y, box.top), box.bottom)


def _accent(sheet: _Sheet, scheme: Scheme, chance: random.Random, most: float = 0.5) -> None:
    """A quarter of a disc or ring in the emptiest corner, if there is room for one."""
    for corner in sheet.corners(chance)[:1]:
        radius = min(sheet.room(corner), most * sheet.short)
        if radius >= _LEAST_MARK * sheet.short:
            hole = radius * chance.choice((0.0, 0.55, 0.62))
            sheet.circle(scheme.accent, corner, radius, hole)


def _diagonal(sheet: _Sheet, scheme: Scheme, chance: random.Random) -> None:
    lean, start = chance.uniform(0.25, 0.5) * sheet.short, chance.uniform(0.42, 0.6)
    x = start * sheet.width
    turned = chance.random() < 0.5

    def shape(pen: Pen, scale: float) -> None:
        upper, lower = (x + lean, x - lean) if turned else (x - lean, x + lean)
        corners = [(upper, 0), (sheet.width, 0), (sheet.width, sheet.height), (lower, sheet.height)]
        pen.polygon([(a * scale, b * scale) for a, b in corners], fill=255)

    sheet.paint(scheme.second, shape)
    _accent(sheet, scheme, chance, 0.34)


def _gradient(sheet: _Sheet, scheme: Scheme, chance: random.Random) -> None:
    _slope(sheet, scheme, chance)
    _accent(sheet, scheme, chance)


def _slope(sheet: _Sheet, scheme: Scheme, chance: random.Random) -> None:
    import numpy

    angle = chance.choice((0.0, 30.0, 60.0, 90.0, 150.0))
    across, down = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    x = numpy.linspace(0, across, sheet.width, dtype=numpy.float32)[None, :]
    y = numpy.linspace(0, down, sheet.height, dtype=numpy.float32)[:, None]
    slope = x + y
    slope -= slope.min()
    slope *= 255 / max(float(slope.max()), 1e-6)
    mask = Image.fromarray(slope.astype(numpy.uint8))
    sheet.image.paste(scheme.second, mask=mask)


def _blobs(sheet: _Sheet, scheme: Scheme, chance: random.Random) -> None:
    corners = sheet.corners(chance)
    sheet.circle(scheme.second, corners[0], chance.uniform(0.85, 1.05) * sheet.short)
    sheet.circle(scheme.second, corners[-1], chance.uniform(0.4, 0.55) * sheet.short)
    _accent(sheet, scheme, chance, 0.42)


def _frame(sheet: _Sheet, scheme: Scheme, chance: random.Random) -> None:
    edge = max(2.0, 0.022 * sheet.short)
    ends = [(0.0, 0.0, float(sheet.width), float(sheet.height))]
    inner = (edge, edge, sheet.width - edge, sheet.height - edge)

    def shape(pen: Pen, scale: float) -> None:
        pen.rectangle([value * scale for value in ends[0]], fill=255)
        pen.rectangle([value * scale for value in inner], fill=0)

    sheet.circle(scheme.second, sheet.corners(chance)[0], 0.8 * sheet.short)
    sheet.paint(scheme.accent, shape)


def _dots(sheet: _Sheet, scheme: Scheme, chance: random.Random) -> None:
    corner = sheet.corners(chance)[0]
    reach = min(max(sheet.room(corner), 0.0), 0.62 * sheet.short)
    step = max(7.0, 0.052 * sheet.short)
    middle = (corner[0] * sheet.width, corner[1] * sheet.height)
    sheet.circle(scheme.second, (1 - corner[0], 1 - corner[1]), 0.9 * sheet.short)
    if reach < _LEAST_MARK * sheet.short:
        return

    def shape(pen: Pen, scale: float) -> None:
        count = int(reach / step) + 1
        for i in range(-count, count + 1):
            for j in range(-count, count + 1):
                x, y = middle[0] + (i + 0.5) * step, middle[1] + (j + 0.5) * step
                away = math.dist((x, y), middle) / reach
                size = 0.36 * step * (1 - away**1.5) if away < 1 else 0.0
                if size > 0.6:
                    pen.ellipse([v * scale for v in (x - size, y - size, x + size, y + size)], 255)

    sheet.paint(scheme.accent, shape)


def _rings(sheet: _Sheet, scheme: Scheme, chance: random.Random) -> None:
    corner = sheet.corners(chance)[0]
    for radius in (1.25, 0.95, 0.65):
        length = radius * sheet.short
        sheet.circle(scheme.second, corner, length, length - 0.13 * sheet.short)
    reach = min(sheet.room(corner), 0.36 * sheet.short)
    if reach >= _LEAST_MARK * sheet.short:
        sheet.circle(scheme.accent, corner, reach)


def _stripes(sheet: _Sheet, scheme: Scheme, chance: random.Random) -> None:
    broad = 0.16 * sheet.short
    start = chance.uniform(0.5, 0.8) * sheet.width

    def shape(pen: Pen, scale: float) -> None:
        for number in range(3):
            x = start + number * 2 * broad
            lean = 0.6 * sheet.height
            corners = [(x + lean, 0), (x + lean + broad, 0), (x + broad - lean, sheet.height)]
            corners.append((x - lean, sheet.height))
            pen.polygon([(a * scale, b * scale) for a, b in corners], fill=255)

    sheet.paint(scheme.second, shape)
    _accent(sheet, scheme, chance, 0.3)


PATTERNS: tuple[Pattern, ...] = (_blobs, _diagonal, _dots, _gradient, _rings, _frame, _stripes)
