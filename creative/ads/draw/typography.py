"""Texts as they are drawn: a font that has the letters, lines, and ink on a mask.

Runs in the worker process only: it imports Pillow.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont
from PIL.ImageFont import FreeTypeFont

from creative.ads.draw.breaks import Line, Setter
from creative.errors import EngineUnavailable
from creative.fonts import Fonts, Weight

_REFERENCE = 100
"""Texts are measured once in this many pixels; other sizes are in proportion."""
_STROKE = 1 / 45
"""Of the size: ink around the letters where a bold face is wanted and none has them."""
_SLACK = 1.006
"""Hinting may make a line a hair wider than in proportion."""
_LEADING = {"headline": 1.14, "text": 1.34, "cta": 1.0, "logo": 1.0}
_WIDE_LEADING = 1.1
"""Han and kana fill their box: lines stand that much further apart."""


@cache
def _fonts(weight: Weight) -> Fonts:
    return Fonts(weight=weight)


class Block(NamedTuple):
    """A text in lines, ready to be drawn.

    Attributes:
        text: the whole of it, as it is written.
        lines: from the top, with widths in pixels.
        size: of the letters, pixels.
        leading: from one baseline to the next, pixels.
        above: ink above the first baseline, pixels.
        below: ink below the last one, pixels.
        word: what drew it.
    """

    text: str
    lines: tuple[Line, ...]
    size: int
    leading: int
    above: int
    below: int
    word: Text

    @property
    def width(self) -> int:
        """Pixels across its ink, rounded up."""
        return max(int(line.width) + 1 for line in self.lines)

    @property
    def pad(self) -> int:
        """Pixels around it that belong to its ground, and that its mask has on each side."""
        return max(2, self.size // 3)

    @property
    def height(self) -> int:
        """Pixels down its ink."""
        return self.above + self.leading * (len(self.lines) - 1) + self.below


class Text:
    """A text in a face that has all its letters.

    Args:
        text: what to write.
        role: "headline", "text", "cta" or "logo" (the brand's name in a logo's place).
        language: BCP 47.
        names: what no line is to tear apart, such as the brand.
    """

    def __init__(self, text: str, role: str, language: str, names: Sequence[str] = ()) -> None:
        weight: Weight = "regular" if role == "text" else "bold"
        self.role = role
        self.names = names
        self.tag: str | None = None
        self._fonts = _fonts(weight)
        found = self._fonts.lettering(text)
        self.written = found.text if found else ""
        self.lost = found is not None and found.lost
        """Whether signs that no font has (emoji) were left out."""
        if not found:
            return
        self._face = found.face
        self._stroke = _STROKE if weight == "bold" and not found.bold else 0.0
        font = self.font(_REFERENCE)
        # Pillow's own font is set without shaping even where the library for it is there.
        if font.layout_engine == ImageFont.Layout.RAQM:
            self.tag = han_language(language) or None
        # NFC and single spaces as the font room has them; soft hyphens are for the setter.
        self._setter = Setter(self.written, language, self._ems, names)
        box = font.getbbox(self.written.replace("\u00ad", ""), anchor="ls", language=self.tag)
        self._above = -box[1] / _REFERENCE + self._stroke
        self._below = max(0.0, box[3] / _REFERENCE) + self._stroke
        wide = any("\u2e80" <= sign <= "\uffef" for sign in self.written)
        self._leading = _LEADING[role] * (_WIDE_LEADING if wide and role != "cta" else 1.0)
        if len(self.written) and self._leading < self._above + self._below:
            self._leading = self._above + self._below

    def font(self, size: int) -> FreeTypeFont:
        """Its face in `size` pixels."""
        font = self._fonts.sized(self._face, size)
        if font is None:
            raise EngineUnavailable(
                f"The font {self._face.name if self._face else 'of Pillow'}",
                "it could be read a moment ago and cannot any more",
                "Try again; set make_pictures to false if it happens again.",
            )
        return font

    def _ems(self, text: str) -> float:
        shown = text.replace("\u00ad", "")
        return self.font(_REFERENCE).getlength(shown, language=self.tag) / _REFERENCE * _SLACK

    def lines_needed(self, size: int, room: int) -> int:
        """How few lines of `room` pixels are enough; 0 if a part of it is wider."""
        return self._setter.count((room - 2 * self._stroke * size) / size)

    def roughness(self, size: int, room: int) -> float:
        """How bad its line ends look in `room` pixels: 0 good, about 0.5 for a torn word."""
        return self._setter.roughness((room - 2 * self._stroke * size) / size)

    def width(self, size: int) -> int:
        """Pixels across the text in a single line, rounded up."""
        return int((self._setter.length + 2 * self._stroke) * size) + 1

    def height(self, size: int, lines: int) -> int:
        """Pixels down the ink of so many lines, rounded up."""
        above, below = self._extents(size)
        return above + self._line(size) * (lines - 1) + below

    def block(self, size: int, room: int) -> Block:
        """The text in even lines of at most `room` pixels; it must fit (`lines_needed`)."""
        lines = self._setter.lines((room - 2 * self._stroke * size) / size)
        above, below = self._extents(size)
        # Letters get hinted advances at their real size: what is drawn is measured again.
        font = self.font(size)
        exact = [
            Line(one.text, font.getlength(one.text, language=self.tag) + 2 * self._stroke * size)
            for one in lines
        ]
        return Block(self.written, tuple(exact), size, self._line(size), above, below, self)

    def middle(self, size: int) -> float:
        """Pixels from the middle of a capital, or of a Han character, down to the baseline."""
        sample = next((sign for sign in self.written if "\u2e80" <= sign <= "\uffef"), "H")
        box = self.font(_REFERENCE).getbbox(sample, anchor="ls", language=self.tag)
        return -(box[1] + box[3]) / 2 / _REFERENCE * size

    def _line(self, size: int) -> int:
        return round(self._leading * size)

    def _extents(self, size: int) -> tuple[int, int]:
        # Hinting may move the upper edge of letters by a pixel.
        return int(self._above * size) + 2, int(self._below * size) + 1

    def mask(self, block: Block, align: str) -> tuple[Image.Image, int]:
        """The ink of `block`, 0 to 255, and how many pixels of it lie around the block's box.

        Nothing is cut off at the edges of the mask: accents and swashes may leave the box.
        """
        pad = block.pad
        mask = Image.new("L", (block.width + 2 * pad, block.height + 2 * pad))
        pen = ImageDraw.Draw(mask)
        font = self.font(block.size)
        stroke = self._stroke * block.size
        for number, line in enumerate(block.lines):
            free = block.width - line.width if align != "left" else 0.0
            left = pad + (free if align == "right" else free / 2) + stroke
            base = pad + block.above + number * block.leading
            pen.text(
                (left, base), line.text, 255, font, "ls",
                stroke_width=stroke, stroke_fill=255, language=self.tag,
            )  # fmt: skip
        return mask, pad


def han_language(language: str) -> str:
    """The tag by which fonts choose the forms of Han characters."""
    low = language.lower().replace("_", "-")
    if low.startswith("zh"):
        return (
            "zh-Hant" if any(part in low for part in ("hant", "-tw", "-hk", "-mo")) else "zh-Hans"
        )
    return language.replace("_", "-")
