"""What a reader's eye has to do: contrast and clutter, measured on pixels.

Contrast of a text is WCAG's ratio between its ink and its ground, both as the finished file has
them: ink is the median of the pixels wholly inside letters, ground are the pixels around the
letters (not those at their edges, which are mixtures), and of the ratios between that ink and
every pixel of the ground the 5th percentile counts, so that 95 percent of what surrounds the
letters is at least that far from them.

Clutter is edge density (Mack and Oliva, 2004; found to follow people's ratings in Rosenholtz, Li
and Nakano, "Measuring visual clutter", Journal of Vision 7(2):17, 2007): the share of pixels,
under and half a letter around the texts, that differ in lightness from the next one by more than
8 percent. It is measured before the texts are drawn; 0 is calm, noise comes near 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy
from PIL import Image, ImageFilter

from creative.ads.draw.colour import Rgb, luminance, ratio
from creative.ads.draw.layouts import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORST = 5
"""Percentile of the ground that counts."""
_EDGE = 0.08
"""Of full lightness, between one pixel and the next."""
_INSIDE = 250
"""Of 255: ink that is no mixture with the ground."""
_ENOUGH_INK = 12
_LOOKED_AT = 220
"""Pixels of the longer side that a first look at a ground takes."""

_LINEAR = numpy.array([luminance((level, level, level)) for level in range(256)], numpy.float32)
_WEIGHTS = numpy.array([0.2126, 0.7152, 0.0722], numpy.float32)


class Ink(NamedTuple):
    """Where the letters of a text are.

    Attributes:
        mask: their ink, 0 to 255.
        at: x and y in the picture of the mask's corner.
        ground: what belongs to their ground, such as a button; None: all of the mask.
    """

    mask: Image.Image
    at: tuple[int, int]
    ground: Box | None = None


def luminances(image: Image.Image) -> NDArray[numpy.float32]:
    """Relative luminance of every pixel of an RGB picture (rows, columns)."""
    linear: NDArray[numpy.float32] = _LINEAR[numpy.asarray(image)] @ _WEIGHTS
    return linear


def glance(image: Image.Image, box: Box) -> NDArray[numpy.float32]:
    """Luminances of a part of a picture, made small if it is large."""
    part = image.crop(box)
    step = max(1, max(part.size) // _LOOKED_AT)
    return luminances(part.reduce(step) if step > 1 else part)


def against(ground: NDArray[numpy.float32], ink: Rgb) -> float:
    """How well `ink` stands out from a ground: the ratio that 95 percent of it exceed."""
    return _worst(ground, luminance(ink))


def _worst(ground: NDArray[numpy.float32], ink: float) -> float:
    ratios = (numpy.maximum(ground, ink) + 0.05) / (numpy.minimum(ground, ink) + 0.05)
    return float(numpy.percentile(ratios, _WORST))


def contrast(image: Image.Image, inks: list[Ink]) -> float:
    """The lowest contrast of its texts in a finished picture; 21 if it has none."""
    return min((_of_text(image, ink) for ink in inks), default=ratio(1.0, 0.0))


def _of_text(image: Image.Image, ink: Ink) -> float:
    left, top = ink.at
    box = Box(left, top, left + ink.mask.width, top + ink.mask.height)
    limit = box.inside(Box(0, 0, *image.size))
    if ink.ground is not None:
        limit = limit.inside(ink.ground)
    mask = ink.mask.crop(
        (limit.left - left, limit.top - top, limit.right - left, limit.bottom - top)
    )
    light = luminances(image.crop(limit))
    letters = numpy.asarray(mask)
    near = numpy.asarray(mask.filter(ImageFilter.MaxFilter(3)))
    inside = light[letters >= _INSIDE]
    if inside.size < _ENOUGH_INK:
        inside = light[letters >= numpy.percentile(letters[letters > 0], 80)]
    around = light[near == 0]
    if not around.size:
        around = light[letters == 0]
    return _worst(around, float(numpy.median(inside)))


def clutter(image: Image.Image, boxes: list[tuple[Box, int]]) -> float:
    """Edge density under and around texts; each is its box and the size of its letters."""
    edges = total = 0
    for box, size in boxes:
        part = image.crop(box.grown(size // 2).inside(Box(0, 0, *image.size))).convert("L")
        grey = numpy.asarray(part, numpy.int16)
        across = numpy.abs(numpy.diff(grey, axis=1))[:-1]
        down = numpy.abs(numpy.diff(grey, axis=0))[:, :-1]
        edges += int((numpy.maximum(across, down) > _EDGE * 255).sum())
        total += across.size
    return edges / total if total else 0.0
