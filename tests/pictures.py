"""Real picture files for tests, made with Pillow."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy
from PIL import Image


@cache
def photo(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """A picture with gradients, shapes and noise; RGBA ones are transparent on the left."""
    chance = numpy.random.default_rng(7)
    y, x = numpy.mgrid[0:height, 0:width]
    bands = [
        128 + 60 * numpy.sin(x / width * 5 + band) + 50 * numpy.cos(y / height * 7 + band * 2)
        for band in range(3)
    ]
    pixels = numpy.stack(bands, axis=-1) + chance.normal(0, 3, (height, width, 1))
    image = Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))
    if mode == "RGBA":
        alpha = (x / max(1, width - 1) * 255).astype(numpy.uint8)
        image.putalpha(Image.fromarray(alpha))
    return image.convert(mode)


def saved(image: Image.Image, image_format: str = "PNG", **options: Any) -> bytes:
    """`image` as a file."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    """The picture in a file, decoded by Pillow."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image
