"""Where to cut a picture, without knowing what is on it: where its edges and colours are.

Edge energy finds what a camera had in focus and what stands out of its ground (as in "Seam
Carving", Avidan and Shamir, SIGGRAPH 2007, and in the croppers of image servers); vivid colours
and what is a little above the middle get more, so that nobody loses the head for the badge on the
chest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from creative.images.frame import frame

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

_SMALL = 72
"""Pixels of the longer side that the search looks at: a subject is larger than a detail."""
_COLOURFUL = 0.35
_TOWARDS_MIDDLE = 0.5
"""How much less the very edge counts than the middle."""

_UPWARDS = 0.5
"""By how much of half the height that middle is higher: heads and roofs are up, grass is down."""


def focus(image: Image.Image) -> NDArray[numpy.float32]:
    """How much is to be seen, for each part of a picture (rows, columns), adding up to 1."""
    import numpy

    small = image.convert("RGB")
    small.thumbnail((_SMALL, _SMALL), Image.Resampling.BOX)
    pixels = numpy.asarray(small, numpy.float32) / 255
    grey = pixels @ numpy.array([0.299, 0.587, 0.114], numpy.float32)
    down, across = (numpy.abs(part) for part in numpy.gradient(numpy.pad(grey, 1, "edge")))
    energy = (down + across)[1:-1, 1:-1]
    energy = energy + _COLOURFUL * (pixels.max(2) - pixels.min(2)) * float(energy.mean() + 1e-6)
    rows, columns = energy.shape
    y = numpy.abs(numpy.linspace(-1 + _UPWARDS, 1 + _UPWARDS, rows, dtype=numpy.float32))[:, None]
    x = numpy.abs(numpy.linspace(-1, 1, columns, dtype=numpy.float32))[None, :]
    energy = energy * (1 - _TOWARDS_MIDDLE * numpy.maximum(x, y)) + 1e-9
    return energy / float(energy.sum())


def cover(image: Image.Image, seen: NDArray[numpy.float32], size: tuple[int, int]) -> Image.Image:
    """`image` cut and scaled to `size`, with as much of what is to be seen as can be."""
    scale = max(size[0] / image.width, size[1] / image.height)
    used = size[0] / scale / image.width, size[1] / scale / image.height
    point = _best(seen.sum(0), used[0]), _best(seen.sum(1), used[1])
    made = frame(image.size, size, "cover", point)
    return image.resize(made.size, Image.Resampling.LANCZOS, box=made.box, reducing_gap=2.0)


def _best(seen: NDArray[numpy.float32], share: float) -> float:
    """The middle of the window, `share` wide, that has the most; 0 to 1."""
    import numpy

    length = len(seen)
    window = max(1, min(length, round(share * length)))
    total = numpy.concatenate(([0.0], numpy.cumsum(seen)))
    sums = total[window:] - total[:-window]
    # Of windows that have the same, the one nearest the middle.
    middles = (numpy.arange(len(sums)) + window / 2) / length
    return float(middles[int(numpy.argmax(sums - 0.02 * numpy.abs(middles - 0.5)))])
