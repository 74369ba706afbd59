"""Layouts by the shape of a picture, loaded from layouts.yaml, which explains every key."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

Element = Literal["logo", "headline", "text", "cta"]
Part = Annotated[float, Field(ge=0, le=1)]
Region = tuple[Part, Part, Part, Part]
"""Left, top, right, bottom, in parts of the picture."""


class Box(NamedTuple):
    """Left, top, right, bottom in pixels; right and bottom are outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels across; may be 0 or less."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels down; may be 0 or less."""
        return self.bottom - self.top

    def inside(self, other: Box) -> Box:
        """What it has in common with `other`."""
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def grown(self, by: int) -> Box:
        """It with `by` pixels more on each side."""
        return Box(self.left - by, self.top - by, self.right + by, self.bottom + by)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Source(_Frozen):
    title: str
    url: str
    checked: str = Field(pattern=r"^20\d\d-\d\d$")


class Headline(_Frozen):
    """Limits of the headline."""

    least: int = Field(ge=11, description="smallest size, CSS pixels")
    most: Part = Field(description="largest size, in parts of the shorter side")
    lines: int = Field(ge=1)


class Line(_Frozen):
    """Limits of the other texts."""

    least: int = Field(ge=11, description="smallest size, CSS pixels")
    share: Part = Field(description="of the headline's size")
    lines: int = Field(1, ge=1)


class Composition(_Frozen):
    """Where text and picture go."""

    text: Region
    align: Literal["left", "centre"]
    anchor: Literal["top", "centre", "bottom"]
    picture: Region = (0.0, 0.0, 1.0, 1.0)
    ground: Literal["none", "panel", "scrim", "card"] = "none"


class Layout(_Frozen):
    """A class of shapes and how its pictures look."""

    name: str
    least_ratio: float = 0.0
    most_ratio: float = 10_000.0
    most_width: int = 4096
    most_height: int = 4096
    shown_width: int = Field(0, description="CSS pixels; 0: the picture's own width")
    arrangement: Literal["stack", "row"]
    shows: tuple[Element, ...]
    margin: Part = Field(description="around the text, in parts of the shorter side")
    headline: Headline
    text: Line
    cta: Line
    logo: Part = Field(description="its height, in parts of the shorter side")
    spread: bool = Field(False, description="logo at the top and button at the bottom")
    plain: tuple[Composition, ...] = Field(min_length=1)
    pictures: tuple[Composition, ...] = ()
    source: str

    def takes(self, width: int, height: int) -> bool:
        """Whether a picture of this size is of the class."""
        return (
            self.least_ratio <= width / height <= self.most_ratio
            and width <= self.most_width
            and height <= self.most_height
        )

    def zoom(self, width: int) -> float:
        """Pixels of the picture per CSS pixel as it is seen."""
        return max(1.0, width / self.shown_width) if self.shown_width else 1.0


class _Table(_Frozen):
    sources: dict[str, _Source]
    classes: tuple[Layout, ...]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        unknown = {layout.source for layout in self.classes} - set(self.sources)
        if unknown:
            raise ValueError(f"unknown sources: {', '.join(sorted(unknown))}")
        if not self.classes[-1].takes(1, 4000) or not self.classes[-1].takes(4000, 1):
            raise ValueError("the last class must take every size")
        return self


@cache
def layouts() -> tuple[Layout, ...]:
    """All classes, in the order in which they are tried."""
    text = Path(__file__).with_name("layouts.yaml").read_text(encoding="utf-8")
    return _Table.model_validate(yaml.safe_load(text)).classes


def layout_for(width: int, height: int) -> Layout:
    """The layout of a picture of this size in pixels."""
    return next(layout for layout in layouts() if layout.takes(width, height))


def region(part: Region, width: int, height: int) -> Box:
    """`part` of a picture of this size, in pixels."""
    left, top, right, bottom = part
    return Box(
        round(left * width), round(top * height), round(right * width), round(bottom * height)
    )
