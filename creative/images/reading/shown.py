"""A picture as it is shown to whoever guesses its prompt. For the worker process only."""

from __future__ import annotations

import io

from creative.images.decode import DEFAULT_MAX_PIXELS, Source, decode
from creative.worker import Progress

SIDE = 1024
"""Enough for CLIP (224 to 448 pixels) and for vision models, which charge by the pixel."""
_QUALITY = 90


def small(payload: tuple[bytes, str], progress: Progress) -> bytes:
    """The job: a file and its parameter's name in, a JPEG of at most SIDE pixels a side out.

    Nothing of the file but its pixels is in it.

    Raises:
        InvalidInput, TooLarge: it cannot be decoded.
    """
    from PIL import Image

    data, parameter = payload
    progress(0.1, "Making the picture small")
    image, _ = decode(Source(data, parameter, "", DEFAULT_MAX_PIXELS), at_least=(SIDE, SIDE))
    if image.mode == "RGBA":
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image, mask=image.getchannel("A"))
        image = white
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
