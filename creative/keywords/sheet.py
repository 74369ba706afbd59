"""The paper of the map: circles with smooth edges, text in a font that has its letters, PNG.

Runs in the worker process only: it imports Pillow. Lengths are pixels of the finished picture.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw
from PIL.ImageFont import FreeTypeFont
from PIL.PngImagePlugin import PngInfo

from creative.errors import EngineUnavailable
from creative.fonts import Fonts, Lettering

Colour = tuple[int, int, int]
INK, FAINT, PAPER = (31, 41, 55), (107, 114, 128), (255, 255, 255)

_FINER = 2
"""Circles are drawn so many times larger and reduced, which smooths their edges."""
# What is not torn apart if lines can be made otherwise: words.
_WORDS = re.compile(r"[^ ]+ *")
# What is never torn apart: a word of letters or katakana; else in scripts without spaces a
# letter with the signs behind it that must not begin a line.
_UNSPACED = r"\u3040-\u309f\u3400-\u9fff\uf900-\ufaff"
_CLINGING = "々ゝ、。」）ぁぃぅぇぉっゃゅょ"
_PARTS = re.compile(
    f"[{_UNSPACED}][{_CLINGING}]* *|[\u30a0-\u30ff]+ *|[^{_UNSPACED}\u30a0-\u30ff ]+ *"
)
_WORD = 1.7
_LINE = 1.28
"""From one line of text to the next, in letter sizes."""


class Sheet:
    """A white sheet to draw on: all circles first, then all text.

    Args:
        width: of the picture.
        height: of the picture.
        fonts: what text is written with.
    """

    def __init__(self, width: int, height: int, fonts: Fonts) -> None:
        self.width, self.height = width, height
        self.scale = min(width / 1600, height / 1200)
        self._fonts = fonts
        self._picture = Image.new("RGB", (width * _FINER, height * _FINER), PAPER)
        self._draw = ImageDraw.Draw(self._picture)
        self._fine = True
        self._lengths: dict[tuple[Path | None, int, str], float] = {}

    def lettering(self, text: str) -> Lettering | None:
        """How `text` can be written; None if no font has its letters."""
        return self._fonts.lettering(text)

    def circle(
        self, x: float, y: float, radius: float, fill: Colour, edge: Colour, edge_width: float
    ) -> None:
        """A filled circle. Not after the first text."""
        box = [v * _FINER for v in (x - radius, y - radius, x + radius, y + radius)]
        self._draw.ellipse(box, fill=fill, outline=edge, width=max(1, round(edge_width * _FINER)))

    def chip(self, x: float, y: float, side: float, fill: Colour) -> None:
        """A small square with round corners, its upper left corner there; among the text."""
        self._begin_text()
        self._draw.rounded_rectangle((x, y, x + side, y + side), side / 4, fill=fill)

    def measure(self, line: Lettering, size: int) -> tuple[float, float]:
        """Width and height of a line of text."""
        return self._length(line, line.text, size), size * _LINE

    def write(
        self, x: float, y: float, line: Lettering, size: int, ink: Colour, bold: bool = False,
        centred: bool = False,
    ) -> None:  # fmt: skip
        """A line of text with its upper left corner, or the middle of its upper edge, there."""
        self._begin_text()
        font = self._font(line, size)
        left = x - font.getlength(line.text) / 2 if centred else x
        # One baseline for all fonts, so that mixed scripts stand on one line.
        at = (left, y + size)
        halo = max(2, size // 8)
        self._draw.text(at, line.text, PAPER, font, "ls", stroke_width=halo, stroke_fill=PAPER)
        # One face has to do for all weights: a hair of its own ink around it is its bold.
        weight = size / 60 if bold else 0
        self._draw.text(at, line.text, ink, font, "ls", stroke_width=weight, stroke_fill=ink)

    def wrap(self, text: str, size: int, widest: float, most: int = 2) -> list[Lettering]:
        """`text` in lines of at most about that width, shortened where that is not enough.

        A single long word (German has them) may be _WORD times as wide before it is cut.

        Returns:
            At most `most` lines; [] if no font has its letters.
        """
        whole = self.lettering(text)
        if whole is None:
            return []
        if most > 1:
            longest = max(self._length(whole, part, size) for part in whole.text.split())
            widest = max(widest, min(longest, _WORD * widest))
        lines = self._broken(whole, _WORDS.findall(whole.text), size, widest)
        if len(lines) > most or any(self._length(whole, line, size) > widest for line in lines):
            lines = self._broken(whole, _PARTS.findall(whole.text), size, widest)
        if len(lines) > most:
            kept = lines[: most - 1]
            rest = whole.text[len("".join(kept)) :].strip() if kept else whole.text
            lines = [*kept, rest]
        return [
            Lettering(self._shortened(whole, line.strip(), size, widest), whole.face)
            for line in lines
        ]

    def png(self, texts: Sequence[tuple[str, str]]) -> bytes:
        """The picture as a PNG file with these text chunks (name, text)."""
        self._begin_text()
        chunks = PngInfo()
        for name, text in texts:
            chunks.add_itxt(name, text)
        out = io.BytesIO()
        # Flat colours need no more than a palette's worth of care: level 6 is fast and small.
        self._picture.save(out, "PNG", pnginfo=chunks, compress_level=6)
        return out.getvalue()

    def _begin_text(self) -> None:
        if self._fine:
            self._picture = self._picture.reduce(_FINER)
            self._draw = ImageDraw.Draw(self._picture)
            self._fine = False

    def _font(self, line: Lettering, size: int) -> FreeTypeFont:
        font = self._fonts.sized(line.face, size)
        if font is None:
            raise EngineUnavailable(
                f"The font {line.face.name if line.face else 'of Pillow'}",
                "it could be read a moment ago and cannot any more",
                "Try again; leave the map out if it happens again.",
            )
        return font

    def _length(self, whole: Lettering, text: str, size: int) -> float:
        key = (whole.face, size, text)
        if key not in self._lengths:
            self._lengths[key] = self._font(whole, size).getlength(text)
        return self._lengths[key]

    def _broken(
        self, whole: Lettering, parts: Sequence[str], size: int, widest: float
    ) -> list[str]:
        """`parts` in lines as full as they can be; together they are the whole text."""
        lines: list[str] = []
        for part in parts:
            if lines and self._length(whole, f"{lines[-1]}{part}".strip(), size) <= widest:
                lines[-1] += part
            else:
                lines.append(part)
        return lines

    def _shortened(self, whole: Lettering, line: str, size: int, widest: float) -> str:
        if self._length(whole, line, size) <= widest:
            return line
        cut = line
        # Three dots: fonts made for Chinese raise the sign … to the middle of the line.
        while len(cut) > 1 and self._length(whole, f"{cut}...", size) > widest:
            cut = cut[:-1].rstrip()
        return f"{cut}..."
