"""Sizes as people write them: numbers, "970x250", "16:9", "16:9@1024", a preset's name."""

from __future__ import annotations

import difflib
import re
import unicodedata
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from creative.errors import InvalidInput

MIN_SIDE = 16
MAX_SIDE = 8192
MAX_RATIO = MAX_SIDE / MIN_SIDE
MAX_TEXT = 80
"""Characters of a size: longer ones are prose, or digits that no number takes."""

_UNIT = r"\s*(?:px|pixels?|像素|ピクセル)?\s*"
_PIXELS = re.compile(rf"^(\d+){_UNIT}[x×*✕✖х乘]\s*(\d+){_UNIT}$", re.IGNORECASE)
_RATIO = re.compile(r"^(\d+(?:\.\d+)?)\s*[:/∶比]\s*(\d+(?:\.\d+)?)(?:\s*@\s*(\d+))?$")
_FORMS = (
    f'"970x250" ({MIN_SIDE} to {MAX_SIDE} pixels a side), "16:9", "16:9@1024" (long side 1024), '
    "or a preset such as instagram_story"
)


class Size(BaseModel):
    """What size is wanted: both sides, or a ratio alone, or nothing at all."""

    model_config = ConfigDict(frozen=True)

    width: int | None = Field(None, description="exact pixels")
    height: int | None = Field(None, description="exact pixels")
    ratio: float | None = Field(None, description="width / height, where the pixels are open")
    named: str = Field("", description="how the user said it")

    @property
    def exact(self) -> tuple[int, int] | None:
        """Width and height in pixels, if both are fixed."""
        if self.width is None or self.height is None:
            return None
        return self.width, self.height


class Preset(BaseModel):
    """A row of sizes.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(ge=MIN_SIDE, le=MAX_SIDE)
    height: int = Field(ge=MIN_SIDE, le=MAX_SIDE)
    source: str
    date: str


@cache
def presets() -> dict[str, Preset]:
    """The rows of sizes.yaml by name."""
    path = Path(__file__).with_name("sizes.yaml")
    rows = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return {name: Preset(**row) for name, row in rows.items()}


def read_size(
    size: str = "",
    width: int | None = None,
    height: int | None = None,
    of_image: tuple[int, int] | None = None,
) -> Size:
    """The wanted size from a text and two numbers, any of which may be missing.

    A text that fixes both sides stands alone; beside a ratio, one number is enough. With
    `of_image`, the size of a picture to start from, one number keeps that picture's ratio.

    >>> read_size("970x250").exact, read_size("16:9", width=1024).exact
    ((970, 250), (1024, 576))

    Raises:
        InvalidInput: naming the parameter, what came and what is allowed.
    """
    _side("width", width)
    _side("height", height)
    wanted = _text(size) if size.strip() else Size()
    if wanted.exact:
        given = (width or wanted.width, height or wanted.height)
        if given != wanted.exact:
            raise InvalidInput(
                "size",
                f"{size} beside width {width or 'empty'} and height {height or 'empty'}",
                "one way of saying it",
                "Leave either size, or width and height, empty.",
            )
        return wanted
    if width is not None and height is not None:
        if wanted.ratio is not None and abs(wanted.ratio * height - width) > 1:
            raise InvalidInput(
                "size",
                f"{size} beside width {width} and height {height}",
                "a ratio that fits them, or no size",
                "Leave size empty, or give only one of width and height.",
            )
        return Size(width=width, height=height)
    ratio = wanted.ratio or (of_image[0] / of_image[1] if of_image else None)
    if width is None and height is None:
        return wanted
    if ratio is None:
        missing, other = ("width", "height") if width is None else ("height", "width")
        raise InvalidInput(
            missing,
            None,
            f"a number of pixels, {MIN_SIDE} to {MAX_SIDE}, since {other} is given",
            'Give both, or a ratio such as "16:9" in size.',
        )
    if width is not None:
        return _sides(width, round(width / ratio), "height", size)
    if height is not None:
        return _sides(round(height * ratio), height, "width", size)
    return wanted


def read_pixels(
    size: str = "", width: int | None = None, height: int | None = None
) -> tuple[int | None, int | None]:
    """Width and height as they are given, each on its own; for values that are only passed on.

    Raises:
        InvalidInput: out of range, or a ratio alone, of which no pixels follow.
    """
    if not size.strip():
        _side("width", width)
        _side("height", height)
        return width, height
    wanted = read_size(size, width, height)
    if wanted.exact is None:
        raise InvalidInput(
            "size",
            size,
            "pixels: nothing here says how large a ratio alone is to be",
            'Write it with its long side, such as "16:9@1024".',
        )
    return wanted.exact


def _text(size: str) -> Size:
    # Full-width digits and signs (１０２４：７６８) are what input methods give.
    text = unicodedata.normalize("NFKC", size).strip()
    if len(text) > MAX_TEXT:
        raise InvalidInput("size", size, _FORMS)
    if found := _PIXELS.match(text):
        width, height = int(found[1]), int(found[2])
        for side in (width, height):
            if not MIN_SIDE <= side <= MAX_SIDE:
                raise InvalidInput("size", size, _FORMS)
        return Size(width=width, height=height, named=text)
    if found := _RATIO.match(text):
        across, down = float(found[1]), float(found[2])
        if not (across and down) or not 1 / MAX_RATIO <= across / down <= MAX_RATIO:
            raise InvalidInput("size", size, f"a ratio from 1:{MAX_RATIO:g} to {MAX_RATIO:g}:1")
        ratio = across / down
        if not found[3]:
            return Size(ratio=ratio, named=text)
        long = int(found[3])
        if not MIN_SIDE <= long <= MAX_SIDE:
            raise InvalidInput("size", size, f"a long side of {MIN_SIDE} to {MAX_SIDE} pixels")
        short = round(long / max(ratio, 1 / ratio))
        width, height = (long, short) if ratio >= 1 else (short, long)
        return _sides(width, height, "size", text)
    name = re.sub(r"[\s\-]+", "_", text.lower())
    known = presets()
    if name in known:
        return Size(width=known[name].width, height=known[name].height, named=name)
    close = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
    hint = f"Presets with a similar name: {', '.join(close)}." if close else ""
    raise InvalidInput("size", size, _FORMS, hint)


def _side(name: str, value: int | None) -> None:
    if value is not None and not MIN_SIDE <= value <= MAX_SIDE:
        raise InvalidInput(name, value, f"a whole number of pixels, {MIN_SIDE} to {MAX_SIDE}")


def _sides(width: int, height: int, computed: str, named: str) -> Size:
    """A size of which one side was computed from the ratio."""
    for side in (width, height):
        if not MIN_SIDE <= side <= MAX_SIDE:
            raise InvalidInput(
                computed,
                f"{width}x{height} (computed from the ratio)",
                f"{MIN_SIDE} to {MAX_SIDE} pixels a side",
            )
    return Size(width=width, height=height, named=named.strip())
