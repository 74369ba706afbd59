"""What a reader's eye has to do: contrast and clutter, measured on pixels.

Contrast of a text is WCAG's ratio between its ink and its ground, both as the finished file has
them: ink is the median of the pixels wholly inside letters, ground are the pixels around the
letters (not those at their edges, which are mixtures), and of the ratios between that ink and
every pixel of the ground the 5th percentile counts, so that 95 percent of what surrounds the
letters is at least that far from them.

Clutter is edge density (Mack and Oliva, 2004, r = .83 with how people rank scenes; see Rosenholtz,
Li and Nakano, "Measuring visual clutter", Journal of Vision 7(2):17, 2007): the share of pixels
that differ in lightness from the next one by more than 8 percent, before the texts are drawn; 0 is
calm, noise comes near 1. How many there are depends on the scale, so there are two:

- behind: under and half a letter around the texts, made so small that a letter is 12 pixels high.
  Readers know letters by about 3 cycles per letter (Solomon and Pelli, Nature 369:395, 1994), so
  what is finer than a sixth of a letter does not disturb them, and what is as fine as strokes does.
- whole: the picture as large as it is seen, in CSS pixels.

A picture's clutter is the larger of both.
"""

from __future__ import annotations

from collections.abc import Sequence
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
MOST_BEHIND = 0.06
"""Clutter behind type on a picture: more is a busy subject, which type shall not cross."""
_LETTER = 12
"""Pixels of a letter in which what is behind it is looked at."""
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


def clutter(image: Image.Image, texts: Sequence[tuple[Box, int]], zoom: float) -> float:
    """How restless a picture is, 0 to 1: behind its texts or as a whole, whichever is more.

    Args:
        image: mode RGB, without the texts.
        texts: the box of each and the size of its letters, pixels.
        zoom: pixels per CSS pixel.
    """
    return max(behind(image, texts), float(_edges(_scaled(image, 1 / zoom)).mean()))


def behind(image: Image.Image, texts: Sequence[tuple[Box, int]]) -> float:
    """Edge density under and around texts, 0 to 1; see `clutter` for what it takes."""
    found = [
        _edges(
            _scaled(image.crop(box.grown(size // 2).inside(Box(0, 0, *image.size))), _LETTER / size)
        ).ravel()
        for box, size in texts
    ]
    return float(numpy.concatenate(found).mean()) if found else 0.0


def _scaled(image: Image.Image, scale: float) -> Image.Image:
    if scale >= 1:
        return image
    size = max(2, round(image.width * scale)), max(2, round(image.height * scale))
    return image.resize(size, Image.Resampling.BOX)


def _edges(image: Image.Image) -> NDArray[numpy.bool_]:
    """Where a pixel's lightness is not that of the next one, to the right or below."""
    grey = numpy.asarray(image.convert("L"), numpy.int16)
    across = numpy.abs(numpy.diff(grey, axis=1))[:-1]
    down = numpy.abs(numpy.diff(grey, axis=0))[:, :-1]
    return numpy.maximum(across, down) > _EDGE * 255
