"""What of a page is in the picture, and how large the browser's window is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from creative.errors import TooLarge

if TYPE_CHECKING:
    from creative.capture.page import Page
    from creative.capture.request import ScreenshotRequest

MIN_SIDE = 16
"""Smallest width and height, in pixels: below it there is nothing to look at."""
MAX_SIDE = 8192
"""Largest width and height of the visible area, in pixels."""
MAX_PAGE_HEIGHT = 16_384
"""Highest full page, in pixels: Chromium's largest texture; it repeats or blanks what is below."""

MAX_PIXELS = 64_000_000
"""Most pixels of one picture; uncompressed it is four times as many bytes, more than once."""


class FrameFields(BaseModel):
    """The part of a request that says what is in the picture."""

    model_config = ConfigDict(frozen=True)

    width: int = Field(1280, description="width of the visible area, CSS pixels")
    height: int = Field(800, description="height of the visible area, CSS pixels")
    full_page: bool = Field(False, description="the whole page instead of its visible area")
    max_height: int | None = Field(
        None, description="a full page is cut here, CSS pixels; None: at the limit of the browser"
    )
    selector: str = Field("", description="CSS selector of the elements to photograph")
    every_match: bool = Field(False, description="a picture of each match, not of the first")
    padding: int = Field(0, description="around elements, CSS pixels")
    clip: tuple[float, float, float, float] | None = Field(
        None, description="x, y, width, height on the page, CSS pixels"
    )
    device: str = Field("", description="a preset of devices.yaml; sets size, scale, touch, agent")
    landscape: bool = Field(
        False, description="the device, or the paper of a PDF, lies on its side"
    )
    scale: float | None = Field(
        None, description="device pixels per CSS pixel, 0.1 to 4; None: the device's, or 1"
    )
    mobile: bool | None = Field(None, description="meta viewport counts; None: as the device")
    touch: bool | None = Field(None, description="touch events; None: as the device")


@dataclass(frozen=True)
class Shot:
    """A part of the page.

    Attributes:
        x, y, width, height: on the page, CSS pixels.
        beyond: whether it reaches over the visible area.
    """

    x: float
    y: float
    width: float
    height: float
    beyond: bool


def commands(request: ScreenshotRequest) -> list[tuple[str, dict[str, Any]]]:
    """What makes the window as asked, before anything is loaded."""
    return [
        (
            "Emulation.setDeviceMetricsOverride",
            {
                "width": request.width,
                "height": request.height,
                "deviceScaleFactor": 1,
                "mobile": False,
            },
        )
    ]


def shots(page: Page) -> tuple[list[Shot], tuple[str, ...]]:
    """Which parts of a loaded page to photograph, and notes on what differs from the request.

    Raises:
        TooLarge: too many pixels.
    """
    request = page.request
    if not request.full_page:
        return [Shot(0, 0, request.width, request.height, False)], ()
    metrics = page.call("Page.getLayoutMetrics", {}, "measuring the page")
    height = max(request.height, math.ceil(metrics["cssContentSize"]["height"]))
    if height > MAX_PAGE_HEIGHT:
        raise TooLarge(
            "The full page",
            f"{height} pixels high",
            f"{MAX_PAGE_HEIGHT} pixels (MAX_PAGE_HEIGHT)",
            "Set full_page to false and height to the part you need.",
        )
    check_pixels(request.width, height)
    return [Shot(0, 0, request.width, height, True)], ()


def check_pixels(width: int, height: int) -> None:
    """Refuse a picture with too many pixels.

    Raises:
        TooLarge: over MAX_PIXELS.
    """
    if width * height > MAX_PIXELS:
        raise TooLarge(
            "The picture",
            f"{width} x {height} = {width * height / 1e6:.0f} million pixels",
            f"{MAX_PIXELS / 1e6:.0f} million pixels",
            "Choose a smaller width or height.",
        )
