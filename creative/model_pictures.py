"""Pictures for language models: upright, no larger than a model sees, and small enough to send.

A plugin's question to Dify is one line of at most 5 MB, in which a picture is base64. All pictures
of a question share that; PNG and JPEG that are small enough stay as they are.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, TypedDict

from creative.deadline import Deadline
from creative.errors import TooLarge

if TYPE_CHECKING:
    from creative.worker import Progress

LONGEST_SIDE = 1568
"""Pixels. Larger pictures are made smaller by the providers themselves: Anthropic's documentation
names 1568, OpenAI's 2048 for the whole and 768 for the short side (2026-11)."""
MOST_BYTES = 3_000_000
"""Of all pictures of a question together; 4 MB as base64, of the line's 5."""
_MOST_PIXELS = 50_000_000
_QUALITIES = (88, 75, 60, 45)
_SHRINK = 0.7
_SHORTEST_SIDE = 64


class Payload(TypedDict):
    """What `shrink` needs."""

    data: bytes
    most_bytes: int


def fitted(pictures: list[bytes], deadline: Deadline) -> list[tuple[bytes, str]]:
    """Every picture as models take it, with its media type.

    Args:
        pictures: PNG, JPEG, WebP or GIF files, for one question.
        deadline: the call's clock.

    Raises:
        InvalidInput: one is no whole picture.
        TooLarge: one has more pixels than are decoded, or there are too many.
    """
    if not pictures:
        return []
    from creative.images.finishing import pictures as worker

    share = MOST_BYTES // len(pictures)
    return [
        worker.call(
            "creative.model_pictures:shrink", Payload(data=data, most_bytes=share), deadline
        )
        for data in pictures
    ]


def shrink(payload: Payload, progress: Progress) -> tuple[bytes, str]:
    """The job: one picture with its media type, in at most `most_bytes`."""
    from PIL import Image

    from creative.images import picture
    from creative.images.decode import Source, decode
    from creative.images.encode import flattened

    data, most = payload["data"], payload["most_bytes"]
    source = Source(data, "a picture for the model", "", _MOST_PIXELS)
    header = source.header()
    image, _ = decode(source, at_least=(LONGEST_SIDE, LONGEST_SIDE))
    fits = len(data) <= most and max(header.width, header.height) <= LONGEST_SIDE
    # Not every server reads WebP and GIF.
    if fits and header.format in ("png", "jpeg") and picture.orientation(data) == 1:
        return data, header.mime_type
    if image.mode == "RGBA":
        image = flattened(image, (255, 255, 255))
    side = LONGEST_SIDE
    while side >= _SHORTEST_SIDE:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        for quality in _QUALITIES:
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=quality, optimize=True)
            if buffer.tell() <= most:
                return buffer.getvalue(), "image/jpeg"
        side = int(side * _SHRINK)
    raise TooLarge(
        "a picture for the model", f"{len(data)} bytes", f"{most} bytes", "Send fewer pictures."
    )
