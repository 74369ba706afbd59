"""What is to be drawn, and what could not be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

BackgroundKind = Literal["engine", "source", "layout"]
"""Where a picture's ground comes from; "layout" is generated in the brand's colours."""


class Ruled(Protocol):
    """What drawing needs of a `creative.ads.platforms.PictureRule`.

    `safe_area` is top, right, bottom, left in pixels: no text or logo goes there. `formats` are
    "png" and "jpeg" ("jpg"), the best first. `max_kb` is in units of 1,000 bytes; 0 or None: no
    limit.
    """

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def max_kb(self) -> int | float | None: ...
    @property
    def formats(self) -> tuple[str, ...]: ...
    @property
    def safe_area(self) -> tuple[int, int, int, int]: ...


@dataclass(frozen=True)
class DrawJob:
    """One picture to draw.

    Attributes:
        copy_id: the Copy's id, such as meta_feed-2.
        platform: id of platforms.yaml.
        variant_number: from 1; variants of one campaign look different, yet one brand.
        brand: its name, for the file's name and where there is no logo; may be empty.
        headline: the one text that must be on the picture.
        text: a supporting line; left out where a size has no room for it.
        cta: the button's words; may be empty.
        language: BCP 47, for line breaks and for the forms of Han characters.
        colours: the brand's, as #rrggbb, the main one first; may be empty.
        logo: a picture file, best a PNG with transparency; may be empty.
        background: a picture file; empty for a generated ground.
        background_kind: where `background` comes from; "layout" if there is none.
        picture: size, formats, kilobytes and safe area.
        seed: the same seed and inputs give the same bytes.
    """

    copy_id: str
    platform: str
    variant_number: int
    brand: str
    headline: str
    text: str
    cta: str
    language: str
    colours: tuple[str, ...]
    logo: bytes = field(repr=False)
    background: bytes = field(repr=False)
    background_kind: BackgroundKind
    picture: Ruled
    seed: int = 0


@dataclass(frozen=True)
class LeftOut:
    """A picture that was not drawn, and why, for people."""

    copy_id: str
    platform: str
    width: int
    height: int
    reason: str

    def __str__(self) -> str:
        return f"{self.copy_id} {self.width}x{self.height}: not drawn, {self.reason}"
