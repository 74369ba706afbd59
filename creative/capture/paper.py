"""Paper and margins, as people write their lengths."""

from __future__ import annotations

import re
from dataclasses import dataclass

from creative.errors import InvalidInput

PAPERS = {
    # ISO 216 and ANSI/ASME Y14.1, upright, in inches.
    "a2": (420 / 25.4, 594 / 25.4),
    "a3": (297 / 25.4, 420 / 25.4),
    "a4": (210 / 25.4, 297 / 25.4),
    "a5": (148 / 25.4, 210 / 25.4),
    "a6": (105 / 25.4, 148 / 25.4),
    "letter": (8.5, 11.0),
    "legal": (8.5, 14.0),
    "tabloid": (11.0, 17.0),
    "ledger": (17.0, 11.0),
}
INCHES = {"mm": 1 / 25.4, "cm": 1 / 2.54, "in": 1.0, "pt": 1 / 72, "px": 1 / 96}
"""CSS Values 4, 6.2: an inch has 96 pixels and 72 points."""
MIN_INCHES, MAX_INCHES = 0.5, 200.0
"""Shorter holds no text; a PDF's page ends at 200 inches (ISO 32000-1, Annex C)."""
DEFAULT_MARGIN = 10 / 25.4
PDF_MAX_SCALE = 2.0
"""Page.printToPDF refuses more."""
POINTS = 72
MAX_SIDES = 4

_NUMBER = r"(\d+(?:\.\d+)?|\.\d+)"
_LENGTH = re.compile(rf"{_NUMBER}\s*(mm|cm|in|pt|px)?", re.IGNORECASE)
_SIZE = re.compile(rf"{_NUMBER}\s*(mm|cm|in|pt|px)?\s*[x×]\s*{_NUMBER}\s*(mm|cm|in|pt|px)", re.I)


@dataclass(frozen=True)
class Sheet:
    """Paper and margins (top, right, bottom, left), in inches, as it lies."""

    width: float
    height: float
    margins: tuple[float, float, float, float]


def sheet(paper: str, margins: str, *, landscape: bool) -> Sheet:
    """The paper that was asked for, in the words of `OutputFields`.

    Raises:
        InvalidInput: paper or margins cannot be read, or leave no room.
    """
    width, height = _paper(paper)
    if landscape:
        width, height = height, width
    sides = _margins(margins)
    top, right, bottom, left = sides
    if width - left - right < MIN_INCHES or height - top - bottom < MIN_INCHES:
        raise InvalidInput(
            "margins",
            margins,
            f"what leaves room on paper of {width * 25.4:.0f} x {height * 25.4:.0f} mm",
        )
    return Sheet(width, height, sides)


def _paper(given: str) -> tuple[float, float]:
    name = given.strip().lower()
    if name in PAPERS:
        return PAPERS[name]
    found = _SIZE.fullmatch(name)
    if found:
        unit = INCHES[found[4].lower()]
        first = INCHES[found[2].lower()] if found[2] else unit
        size = (float(found[1]) * first, float(found[3]) * unit)
        if all(MIN_INCHES <= side <= MAX_INCHES for side in size):
            return size
    names = ", ".join(name.upper() if len(name) == 2 else name.title() for name in PAPERS)
    raise InvalidInput(
        "paper",
        given,
        f"{names}, or a size such as 210x297mm (units mm, cm, in, pt, px; "
        f"{MIN_INCHES:g} to {MAX_INCHES:g} inches a side)",
    )


def _margins(given: str) -> tuple[float, float, float, float]:
    """Top, right, bottom, left in inches, from one to four lengths as CSS has them."""
    words = re.sub(r"(?<=[\d.])\s+(?=[a-z])", "", given.strip(), flags=re.IGNORECASE).split()
    if not words:
        return (DEFAULT_MARGIN,) * 4
    found = [_LENGTH.fullmatch(word) for word in words]
    lengths = [
        float(match[1]) * INCHES[(match[2] or "px").lower()]
        for match in found
        if match and (match[2] or float(match[1]) == 0)
    ]
    if len(lengths) != len(words) or len(words) > MAX_SIDES:
        raise InvalidInput(
            "margins",
            given,
            "one to four lengths with a unit (mm, cm, in, pt, px): all sides; top/bottom and "
            "left/right; top, left/right, bottom; top, right, bottom, left",
            "For example 10mm, or 20mm 15mm.",
        )
    top = lengths[0]
    right = lengths[1] if len(lengths) > 1 else top
    bottom = lengths[2] if len(lengths) > 2 else top
    left = lengths[3] if len(lengths) > 3 else right
    return top, right, bottom, left
