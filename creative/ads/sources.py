"""Pictures that somebody gave, made ready: jobs for a worker process, since they compute."""

from __future__ import annotations

import io
from typing import Any

MAX_PIXELS = 50_000_000
"""Largest picture that is decoded."""
COUNTED = 256
"""Pixels across and down on which colours are counted at most."""


def prepare(payload: dict[str, Any], progress: object) -> dict[str, Any]:
    """A picture as drawing and language models take it: upright, sRGB, not too large.

    Args:
        payload: `data`, the file; `parameter`, the user's parameter it came in, or "" for one of
            a page, which `whose` then names; `side`, the most pixels of its longer side; `png`,
            whether it must be a PNG.
        progress: not used; every job of a worker takes it.

    Returns:
        `data` (PNG if it must be one or is transparent somewhere, else JPEG) and `colours`
        (#rrggbb, the most of it first).

    Raises:
        InvalidInput: a user's picture that is none. AnswerInvalid: one of a page.
        TooLarge: more pixels than MAX_PIXELS.
    """
    from PIL import Image

    from creative.images.decode import Source, decode
    from creative.palette import colours

    source = Source(payload["data"], payload["parameter"], payload["whose"], MAX_PIXELS)
    side = int(payload["side"])
    image, _ = decode(source, at_least=(side, side))
    if max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    if payload["png"] or image.mode == "RGBA":
        image.save(out, "PNG")
    else:
        image.save(out, "JPEG", quality=92, subsampling=0)
    # Not from the finished file: JPEG changes colours a little.
    small = io.BytesIO()
    image.resize(
        (min(image.width, COUNTED), min(image.height, COUNTED)), Image.Resampling.NEAREST
    ).save(small, "PNG")
    return {"data": out.getvalue(), "colours": colours(small.getvalue(), None)}
