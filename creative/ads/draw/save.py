"""A finished picture as a file: the format it looks best in, under its kilobytes, no metadata."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Literal, NamedTuple

from PIL import Image

from creative.images.encode import png

_BEST, _WORST = 92, 40
_SHARP = 70
"""JPEG quality from which colours keep their full resolution: edges of type stay clean."""
_FINE = 75
"""JPEG quality below which a palette of 256 colours may look better."""
_KILOBYTE = 1000
"""The smaller of the two kilobytes that people mean: a file is under the limit in either."""

Mime = Literal["image/png", "image/jpeg"]


class Saved(NamedTuple):
    """A file, and what had to be done for its size."""

    data: bytes
    mime_type: Mime
    note: str


def save(
    image: Image.Image, formats: tuple[str, ...], max_kb: float | None, flat: bool
) -> Saved | None:
    """`image` as PNG or JPEG under `max_kb`; None if no allowed way is small enough.

    Args:
        image: mode RGB.
        formats: "png", "jpeg" or "jpg".
        max_kb: kilobytes (of 1,000 bytes); None or 0: any number.
        flat: whether it has few colours and sharp edges, which JPEG blurs and PNG packs well.
    """
    most = int(max_kb * _KILOBYTE) if max_kb else 2**62
    allowed = {"jpeg" if name in ("jpg", "jpeg") else name for name in formats}
    for made in _ways(image, allowed, most, flat):
        if len(made.data) <= most:
            return made
    return None


def _ways(image: Image.Image, allowed: set[str], most: int, flat: bool) -> Iterator[Saved]:
    """From the best looking to the smallest."""
    if "png" in allowed and (flat or "jpeg" not in allowed):
        yield Saved(png(image), "image/png", "")
    if "jpeg" in allowed:
        yield _jpeg(image, most, _FINE if "png" in allowed else _WORST)
    if "png" in allowed:
        for colours in (256, 128, 64):
            few = image.quantize(colours, dither=Image.Dither.FLOYDSTEINBERG)
            note = f"saved with {colours} colours to fit its kilobytes"
            yield Saved(_packed(few, "PNG", optimize=True), "image/png", note)
    if "jpeg" in allowed:
        yield _jpeg(image, most, _WORST)


def _jpeg(image: Image.Image, most: int, worst: int) -> Saved:
    """The highest quality that fits; the worst one if none does."""
    data = _at(image, _BEST)
    if len(data) <= most:
        return Saved(data, "image/jpeg", "")
    low, high, quality = worst, _BEST - 1, worst
    data = b""
    while low <= high:
        middle = (low + high + 1) // 2
        tried = _at(image, middle)
        if len(tried) <= most:
            data, quality, low = tried, middle, middle + 1
        else:
            high = middle - 1
    note = f"saved as JPEG of quality {quality} to fit its kilobytes" if quality < _SHARP else ""
    return Saved(data or _at(image, worst), "image/jpeg", note)


def _at(image: Image.Image, quality: int) -> bytes:
    return _packed(image, "JPEG", quality=quality, subsampling=0 if quality >= _SHARP else 2)


def _packed(image: Image.Image, image_format: str, **options: int | bool) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()
