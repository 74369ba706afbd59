"""What of a page is in the picture, and how large the browser's window is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from creative.capture import devices
from creative.capture.fields import FrameFields
from creative.errors import InvalidInput, TooLarge

MIN_SIDE = 16
"""Smallest width and height, in pixels: below it there is nothing to look at."""
MAX_SIDE = 8192
"""Largest width and height of the visible area, in pixels."""
MAX_PAGE_HEIGHT = 1_000_000
"""Largest `max_height`, in CSS pixels."""
MIN_SCALE, MAX_SCALE = 0.1, 4.0
MAX_PADDING = 2000
MAX_PIXELS = 64_000_000
"""Most pixels of one picture; uncompressed it is four times as many bytes, more than once."""
MOST_ROWS = {"png": MAX_PIXELS, "jpeg": 65_535, "webp": 16_383}
"""Highest picture of a format, in pixels (JPEG: T.81, B.2.2; WebP: RFC 9649, 2.5)."""


@dataclass(frozen=True)
class Viewport:
    """The window that a page sees.

    Attributes:
        width, height: CSS pixels.
        scale: device pixels per CSS pixel.
        agent: parameters of Emulation.setUserAgentOverride; empty: the browser's own.
    """

    width: int
    height: int
    scale: float
    mobile: bool = False
    touch: bool = False
    agent: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Shot:
    """A part of the page.

    Attributes:
        x, y, width, height: on the page, CSS pixels.
        zoom: how much smaller the window shows the page; below 1 only on mobile devices that
            make a wide page fit.
        scale: device pixels per CSS pixel of the window.
        beyond: whether it reaches over the visible area.
        whole: whether it is exactly the visible area.
    """

    x: float
    y: float
    width: float
    height: float
    beyond: bool
    zoom: float = 1.0
    scale: float = 1.0
    whole: bool = False

    @property
    def columns(self) -> int:
        """Pixels across, to the nearest."""
        return pixels(self.width * self.zoom, self.scale)

    @property
    def rows(self) -> int:
        """Pixels down, to the nearest."""
        return pixels(self.height * self.zoom, self.scale)

    def parts(self, rows: int) -> list[Shot]:
        """This part in strips of at most `rows` pixels, from top to bottom.

        Their edges lie on whole pixels at every scale with at most three decimals.
        """
        most = math.floor(rows / self.scale)
        step = (most // 1000 * 1000 or most) / self.zoom
        count = math.ceil(round(self.height / step, 6))
        return [
            replace(
                self,
                y=self.y + number * step,
                height=min(step, self.height - number * step),
                beyond=True,
                whole=False,
            )
            for number in range(count)
        ]


def pixels(length: float, scale: float) -> int:
    """Pixels of a file for `length` CSS pixels: the nearest number, as Chromium has it.

    >>> pixels(801, 1.5), pixels(801, 1.25), pixels(100, 1.1)
    (1202, 1001, 110)
    """
    return math.floor(round(length * scale, 4) + 0.5)


def viewport(request: FrameFields) -> Viewport:
    """The window that was asked for: the device's, or width, height and scale.

    Raises:
        InvalidInput: there is no such device.
    """
    asked = {"mobile": request.mobile, "touch": request.touch, "scale": request.scale}
    given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if not request.device.strip():
        return Viewport(request.width, request.height, **{"scale": 1.0, **given})
    device, kind = devices.find(request.device)
    size = (device.width, device.height)
    width, height = size[::-1] if request.landscape else size
    own = {"scale": device.scale, "mobile": kind.mobile, "touch": kind.touch}
    return Viewport(width, height, **{**own, **given}, agent=devices.agent_override(kind))


def check(request: FrameFields, *, drawn: bool) -> None:
    """Refuse a frame that cannot be; `drawn`: it becomes a picture, not a page of paper.

    Raises:
        InvalidInput: a value out of range, or two that exclude each other.
        TooLarge: too many pixels.
    """
    for name, value, least, most, unit in (
        ("width", request.width, MIN_SIDE, MAX_SIDE, "pixels"),
        ("height", request.height, MIN_SIDE, MAX_SIDE, "pixels"),
        ("max_height", request.max_height, MIN_SIDE, MAX_PAGE_HEIGHT, "pixels"),
        ("padding", request.padding, 0, MAX_PADDING, "pixels"),
        ("scale", request.scale, MIN_SCALE, MAX_SCALE, "device pixels per CSS pixel"),
    ):
        if value is not None and not least <= value <= most:
            raise InvalidInput(name, value, f"{least} to {most} {unit}")
    chosen = [
        name
        for name, given in (
            ("full_page", request.full_page),
            ("selector", bool(request.selector.strip())),
            ("clip", request.clip is not None),
        )
        if given
    ]
    if len(chosen) > 1:
        raise InvalidInput(
            chosen[1],
            " and ".join(chosen),
            "one of full_page, selector and clip",
            "Leave all but one of them empty.",
        )
    if request.clip is not None:
        x, y, width, height = request.clip
        finite = all(math.isfinite(value) for value in request.clip)
        if not (finite and x >= 0 and y >= 0 and width >= 1 and height >= 1):
            raise InvalidInput(
                "clip",
                ", ".join(f"{value:g}" for value in request.clip),
                "x, y, width, height in CSS pixels; x and y from 0, width and height from 1",
            )
    view = viewport(request)
    if drawn:
        check_pixels(pixels(view.width, view.scale), pixels(view.height, view.scale))


def check_pixels(width: int, height: int, what: str = "The picture") -> None:
    """Refuse a picture with too many pixels, before the browser dies of it.

    Raises:
        TooLarge: over MAX_PIXELS.
    """
    if width * height > MAX_PIXELS:
        raise TooLarge(
            what,
            f"{width} x {height} = {width * height / 1e6:.0f} million pixels",
            f"{MAX_PIXELS / 1e6:.0f} million pixels",
            "Choose a smaller width, height or scale.",
        )


def commands(request: FrameFields) -> list[tuple[str, dict[str, Any]]]:
    """What makes the window as asked, before anything is loaded. Who the browser says it is
    (`Viewport.agent`) goes with the user agent and the language, in `access`."""
    view = viewport(request)
    metrics: dict[str, Any] = {
        "width": view.width,
        "height": view.height,
        "screenWidth": view.width,
        "screenHeight": view.height,
        "deviceScaleFactor": view.scale,
        "mobile": view.mobile,
    }
    if view.mobile:
        upright = view.height >= view.width
        metrics["screenOrientation"] = {
            "type": "portraitPrimary" if upright else "landscapePrimary",
            "angle": 0 if upright else 90,
        }
    found: list[tuple[str, dict[str, Any]]] = [("Emulation.setDeviceMetricsOverride", metrics)]
    if view.touch:
        found.append(("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 5}))
    return found
