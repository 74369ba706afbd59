"""What is asked of a screenshot, and what comes back."""

from __future__ import annotations

import re
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from creative.errors import InvalidInput, TooLarge

MIN_SIDE = 16
"""Smallest width and height, in pixels: below it there is nothing to look at."""
MAX_SIDE = 8192
"""Largest width and height of the visible area, in pixels."""
MAX_PAGE_HEIGHT = 16_384
"""Highest full page, in pixels: Chromium's largest texture; it repeats or blanks what is below."""
MAX_PIXELS = 64_000_000
"""Most pixels of one picture; uncompressed it is four times as many bytes, more than once."""
MAX_HTML_BYTES = 5_000_000
"""Longest `html`, in bytes: Dify's daemon hands a plugin no line over 5 MiB."""

_UNSAFE = re.compile(r"[^a-z0-9.-]+")


class ScreenshotRequest(BaseModel):
    """One picture of one page. Exactly one of `url` and `html` is given.

    Raises InvalidInput (or TooLarge, which is one) instead of pydantic's ValidationError for
    values out of range.
    """

    model_config = ConfigDict(frozen=True)

    url: str = Field("", description="http or https address of the page")
    html: str = Field("", description="the page itself, as HTML")
    width: int = Field(1280, description="width of the visible area and of the picture, pixels")
    height: int = Field(800, description="height of the visible area, pixels")
    full_page: bool = Field(False, description="the whole page instead of its visible area")

    @field_validator("width", "height")
    @classmethod
    def _in_range(cls, value: int, info: object) -> int:
        if not MIN_SIDE <= value <= MAX_SIDE:
            name = str(getattr(info, "field_name", "width"))
            raise InvalidInput(name, value, f"{MIN_SIDE} to {MAX_SIDE} pixels")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.url.strip()) == bool(self.html.strip()):
            came = "both url and html" if self.url.strip() else None
            raise InvalidInput(
                "url",
                came,
                "either url or html, exactly one of the two",
                "Give the address of a page in url, or a page's source in html.",
            )
        size = len(self.html.encode())
        if size > MAX_HTML_BYTES:
            raise TooLarge("html", f"{size} bytes", f"{MAX_HTML_BYTES} bytes")
        check_pixels(self.width, self.height)
        return self


class Blocked(BaseModel):
    """A request of the page that the guard refused."""

    url: str = Field(description="its address, redacted")
    kind: str = Field(description="what the page wanted it for: Image, Script, Document, …")
    reason: str = Field(description="which rule refused it")


class Screenshot(BaseModel):
    """A picture of a page."""

    png: bytes = Field(description="the picture, a PNG file", repr=False)
    width: int = Field(description="of the picture, pixels")
    height: int = Field(description="of the picture, pixels")
    final_url: str = Field(description="address after all redirects, no user; empty for html")
    title: str = Field(description="the page's title; may be empty")
    status: int = Field(description="HTTP status of the page; 0 for html, which has none")
    browser: str = Field(description="product and version of the browser")
    blocked: tuple[Blocked, ...] = Field((), description="refused requests, the first ones")
    blocked_count: int = Field(0, description="how many requests were refused")

    @property
    def filename(self) -> str:
        """Host (or title, or "page") and size, safe on every file system."""
        return filename(self.final_url, self.title, self.width, self.height)


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


def filename(url: str, title: str, width: int, height: int) -> str:
    """The name of a picture's file.

    >>> filename("https://Example.com/a?b", "Hello", 801, 333)
    'example.com_801x333.png'
    >>> filename("", "Buy me/../now!", 10, 20)
    'buy-me-..-now_10x20.png'
    """
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    name = _UNSAFE.sub("-", (host or title).lower())[:80].strip("-.") or "page"
    return f"{name}_{width}x{height}.png"
