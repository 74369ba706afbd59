"""The file that the picture becomes."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from creative.errors import AnswerInvalid

if TYPE_CHECKING:
    from creative.capture.frame import Shot
    from creative.capture.page import Page
    from creative.capture.request import Picture


class OutputFields(BaseModel):
    """The part of a request that says what file comes out."""

    model_config = ConfigDict(frozen=True)

    format: Literal["png", "jpeg", "webp", "pdf"] = Field("png", description="of the file")
    quality: int | None = Field(None, description="1 to 100, of jpeg and webp; None: 90")
    resize_width: int | None = Field(None, description="of the finished picture, pixels")
    resize_height: int | None = Field(None, description="of the finished picture, pixels")
    paper: str = Field(
        "A4", description="of a PDF: A3, A4, A5, Letter, Legal, Tabloid, or 210x297mm"
    )
    margins: str = Field(
        "", description="of a PDF: one, two or four lengths as in CSS; empty: 10mm"
    )


def pictures(page: Page, shots: Sequence[Shot], final_url: str, title: str) -> tuple[Picture, ...]:
    """Photograph parts of a page.

    Raises:
        AnswerInvalid: the browser's picture has another size than asked for.
    """
    from creative.capture.request import Picture, filename

    found = []
    for shot in shots:
        params: dict[str, Any] = {"format": "png"}
        width, height = int(shot.width), int(shot.height)
        if shot.beyond:
            params["captureBeyondViewport"] = True
            params["clip"] = {
                "x": shot.x,
                "y": shot.y,
                "width": width,
                "height": height,
                "scale": 1,
            }
        answer = page.call("Page.captureScreenshot", params, "taking the picture")
        data = base64.b64decode(answer["data"])
        if data[:8] != b"\x89PNG\r\n\x1a\n" or struct.unpack(">II", data[16:24]) != (width, height):
            raise AnswerInvalid(
                "The browser",
                f"its picture is not a PNG of {width} x {height} pixels",
                "Try again with a smaller width or height.",
            )
        name = filename(final_url, title, width, height)
        found.append(
            Picture(data=data, media_type="image/png", width=width, height=height, filename=name)
        )
    return tuple(found)
