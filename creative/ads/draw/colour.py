"""Colours: what is legible on what, and a brand's few colours as a whole set for a picture.

Contrast is WCAG 2.2's (w3.org/TR/WCAG22, 1.4.3); tints and shades are made in Oklab (Björn
Ottosson, 2020), where equal steps look equal.
"""

from __future__ import annotations

import math
import random
import re
from typing import NamedTuple

from creative.errors import InvalidInput

Rgb = tuple[int, int, int]

WHITE: Rgb = (255, 255, 255)
ENOUGH = 4.5
"""WCAG 2.2, 1.4.3 (AA): text against its ground. All our texts have it, large ones too."""
ENOUGH_SHAPE = 3.0
"""WCAG 2.2, 1.4.11: a button against what is around it."""
SAFE = 5.2
"""What is aimed at, so that a finished JPEG still has `ENOUGH`."""

_HEX = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})")
# For campaigns without brand colours: main and accent, chosen to carry white text.
_DEFAULTS = (
    ("#1d4ed8", "#fbbf24"),
    ("#0f766e", "#fde68a"),
    ("#7c3aed", "#f9a8d4"),
    ("#b91c1c", "#fed7aa"),
    ("#15803d", "#fef08a"),
    ("#0e4f79", "#7dd3fc"),
)
_SLATE: Rgb = (31, 41, 55)
_ACCENT_TURN = math.radians(150)
"""Nearly the opposite hue: the exact opposite (red and green) hurts."""
_DARKEN_AT_MOST = 0.14
_DARK = 0.37
_PALE = 0.6
"""Oklab lightness from which a ground is a light one."""
_BENEATH = 0.12
"""Oklab lightness between a dark card and what it lies on."""


class Scheme(NamedTuple):
    """Colours of one picture.

    Attributes:
        ground: most of it.
        second: next to `ground`, so near that text is legible on both.
        accent: a mark of colour where no text is.
        inks: for text, the wanted one first.
        buttons: for a button, the wanted one first.
    """

    ground: Rgb
    second: Rgb
    accent: Rgb
    inks: tuple[Rgb, ...]
    buttons: tuple[Rgb, ...]

    def beneath(self) -> Scheme:
        """What a card in its ground lies on: the brand's colour under a light one, a lighter tone
        under a dark one.
        """
        level = lightness(self.ground)
        if level < _PALE:
            below = shade(self.ground, level + _BENEATH)
            return self._replace(ground=below, second=shade(below, level + _BENEATH + 0.04))
        below = self.accent
        step = 0.05 if lightness(below) < _PALE else -0.05
        second = shade(below, lightness(below) + step)
        return self._replace(ground=below, second=second, accent=self.ground)

    def deeper(self, by: float) -> Scheme:
        """It with grounds that are farther from its ink, by so much Oklab lightness."""
        if not by:
            return self
        step = by if lightness(self.inks[0]) < 0.5 else -by

        def moved(colour: Rgb) -> Rgb:
            return shade(colour, min(max(lightness(colour) + step, 0.0), 1.0))

        return self._replace(ground=moved(self.ground), second=moved(self.second))


def parse(text: str) -> Rgb:
    """#rrggbb or #rgb as (red, green, blue), 0 to 255.

    Raises:
        InvalidInput: it is no such colour.
    """
    found = _HEX.fullmatch(text.strip().lower())
    if not found:
        raise InvalidInput("colours", text, "a colour such as #1d4ed8")
    digits = found.group(1)
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def luminance(colour: Rgb) -> float:
    """Relative luminance (WCAG 2.2), 0 black to 1 white."""
    red, green, blue = (_LINEAR[part] for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Rgb, other: Rgb) -> float:
    """Contrast ratio, 1 to 21 (WCAG 2.2)."""
    return ratio(luminance(one), luminance(other))


def ratio(one: float, other: float) -> float:
    """Contrast ratio of two relative luminances."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def shade(colour: Rgb, lightness: float, chroma: float = 1.0) -> Rgb:
    """`colour` with this Oklab lightness (0 to 1) and so much of its chroma."""
    _, a, b = _oklab(colour)
    while True:
        made = _from_oklab(lightness, a * chroma, b * chroma)
        if all(-0.002 <= part <= 1.002 for part in made) or chroma < 0.02:
            return tuple(_encoded(part) for part in made)  # type: ignore[return-value]
        chroma *= 0.92  # no screen has it that vivid


def lightness(colour: Rgb) -> float:
    """Oklab lightness, 0 to 1."""
    return _oklab(colour)[0]


def scheme(colours: tuple[str, ...], variant: int, seed: int) -> Scheme:
    """The colours of a variant: the brand's own, in another part each time.

    Raises:
        InvalidInput: one of `colours` is none.
    """
    main, accent = _brand(tuple(parse(text) for text in colours), seed)
    deep, pale = shade(main, 0.2, 0.6), shade(main, 0.97, 0.25)
    turn = (variant - 1 + seed) % 4
    if turn == 1:
        ground, second = pale, shade(main, 0.925, 0.35)
        return Scheme(ground, second, main, (deep,), (_carrying(main), deep, accent))
    if turn == 2:
        # Of a dark brand, a lighter tone of its own is the other one.
        level = 0.25 if lightness(main) >= _DARK else 0.42
        ground, second = shade(main, level, 0.8), shade(main, level + 0.055, 0.85)
        return Scheme(ground, second, accent, (WHITE, pale), (accent, WHITE, main))
    if turn == 3 and len(colours) < 2:
        ground, second = shade(main, 0.87, 0.9), shade(main, 0.915, 0.8)
        return Scheme(ground, second, main, (deep,), (deep, _carrying(main), WHITE))
    if turn == 3 and lightness(accent) > 0.55:
        level = lightness(accent)
        second = shade(accent, min(0.98, level + 0.05), 0.85)
        return Scheme(accent, second, main, (deep, WHITE), (deep, _carrying(main), WHITE))
    ground = _carrying(main)
    inks = (WHITE, pale, deep) if contrast(WHITE, ground) >= SAFE else (deep, WHITE)
    step = -0.055 if inks[0] == WHITE else 0.045
    if lightness(ground) > 0.92:
        step = -0.045  # lighter, it would be white
    second = shade(ground, lightness(ground) + step)
    return Scheme(ground, second, accent, inks, (accent, WHITE, deep))


def _brand(colours: tuple[Rgb, ...], seed: int) -> tuple[Rgb, Rgb]:
    """The main colour and a clearly different one."""
    if not colours:
        pair = random.Random(seed).choice(_DEFAULTS)  # noqa: S311 - no secret
        return parse(pair[0]), parse(pair[1])
    # A brand of greys stays grey; white and cream are no ground with an identity, black and a
    # bright yellow are.
    main = next((one for one in colours if lightness(one) < 0.93 or _chroma(one) > 0.1), _SLATE)
    others = [one for one in colours if contrast(one, main) >= 2 and one != main]
    vivid = [one for one in others if _chroma(one) > 0.05]
    if vivid:
        return main, vivid[0]
    if others:
        return main, others[0]
    level, a, b = _oklab(main)
    turned = complex(a, b) * complex(math.cos(_ACCENT_TURN), math.sin(_ACCENT_TURN))
    if abs(turned) < 0.03:
        return main, (WHITE if level < 0.6 else (17, 24, 39))
    scale = 0.13 / abs(turned)
    target = 0.84 if level < 0.66 else 0.42
    pure = _from_oklab(0.7, turned.real * scale, turned.imag * scale)
    return main, shade((_encoded(pure[0]), _encoded(pure[1]), _encoded(pure[2])), target)


def _carrying(colour: Rgb) -> Rgb:
    """`colour`, a little darker if that makes it carry white text; else as it is."""
    level = lightness(colour)
    for step in range(8):
        darker = shade(colour, level - _DARKEN_AT_MOST * step / 7) if step else colour
        if contrast(WHITE, darker) >= SAFE:
            return darker
    return colour


def _chroma(colour: Rgb) -> float:
    _, a, b = _oklab(colour)
    return math.hypot(a, b)


_LINEAR = tuple(
    part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4
    for part in range(256)
)


def _encoded(linear: float) -> int:
    held = min(max(linear, 0.0), 1.0)
    return round(255 * (12.92 * held if held <= 0.0031308 else 1.055 * held ** (1 / 2.4) - 0.055))


def _oklab(colour: Rgb) -> tuple[float, float, float]:
    red, green, blue = (_LINEAR[part] for part in colour)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    middle = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def _from_oklab(level: float, a: float, b: float) -> tuple[float, float, float]:
    long = (level + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (level - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (level - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
