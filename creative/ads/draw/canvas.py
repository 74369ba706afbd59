"""A picture in the making: texts, button and logo, each in a colour that stands out where it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
from PIL import Image, ImageDraw

from creative.ads.draw.colour import (
    ENOUGH_SHAPE,
    SAFE,
    WHITE,
    Rgb,
    Scheme,
    contrast,
    luminance,
    shade,
)
from creative.ads.draw.given import Logo
from creative.ads.draw.layouts import Box
from creative.ads.draw.measure import MOST_BEHIND, Ink, against, behind, glance, luminances
from creative.ads.draw.place import Item

_FADE = 0.38
"""Of the picture's side: how far a scrim takes to end."""
_LIKES_DARK = 0.25
"""Light type on a darkened picture is taken if it needs at most so much more scrim."""
_ROUND = 0.22
"""Of a button's height."""
_CHIP = 0.3
"""Of a name's height: the space around it on its chip."""
_CLEAR = 0.18
"""Of a logo's shorter side: the clear space around it on its chip."""
_LOST = 1.7
"""Contrast under which a part of a logo is lost on its ground."""
_LOST_SHARE = 0.3
_FAINT_SHARE = 0.02


class Canvas:
    """The pixels, and what has been written on them.

    Args:
        image: the ground, mode RGB; it is drawn on.
        scheme: the picture's colours.
        wanted: contrast that texts shall have.
    """

    def __init__(self, image: Image.Image, scheme: Scheme, wanted: float) -> None:
        self.image = image
        self.scheme = scheme
        self.inks: list[Ink] = []
        self.clutter = 0.0
        self.covered = 0.0
        self._wanted = wanted
        self._dark = shade(scheme.ground, 0.2, 0.7)

    def card(self, box: Box, radius: int) -> None:
        """A plain card to write on."""
        self.image.paste(self.scheme.ground, box[:2], _rounded(box.width, box.height, radius))

    def scrim(self, items: Sequence[Item]) -> float:
        """Darken or lighten the picture under these texts, as little as makes them legible.

        Returns:
            How much of it is covered there, 0 to 1.
        """
        boxes = [item.box.grown(item.block.size // 3) for item in items if item.block]
        whole = Box(0, 0, *self.image.size)
        parts = [_glanced(self.image, box.inside(whole)) for box in boxes]
        dark = shade(self.scheme.ground, 0.09, 0.5)
        light = shade(self.scheme.ground, 0.985, 0.15)
        by_dark = self._needed(parts, dark, WHITE)
        by_light = self._needed(parts, light, self._dark)
        colour, share = (dark, by_dark) if by_dark <= by_light + _LIKES_DARK else (light, by_light)
        if share:
            mask = self._fading(boxes).point([round(level * share) for level in range(256)])
            self.image.paste(colour, mask=mask)
        return share

    def _needed(self, parts: Sequence[numpy.ndarray], colour: Rgb, ink: Rgb) -> float:
        """How much of `colour` must be mixed in so that `ink` stands out of all parts, 0 to 1."""
        for step in range(11):
            share = step / 10
            mixed = [part + (numpy.array(colour, numpy.float32) - part) * share for part in parts]
            lights = [luminances_of(part) for part in mixed]
            if all(against(light, ink) >= self._wanted for light in lights):
                return share
        return 1.0

    def _fading(self, boxes: Sequence[Box]) -> Image.Image:
        """Full under all boxes and beyond them to the edge, ending softly on the other side."""
        width, height = self.image.size
        left, right = min(box.left for box in boxes), max(box.right for box in boxes)
        top = min(box.top for box in boxes)
        x = numpy.arange(width, dtype=numpy.float32)[None, :]
        y = numpy.arange(height, dtype=numpy.float32)[:, None]
        if (right - left) > 0.62 * width or height > width:
            away = (top - y) / (_FADE * height)
        elif left < width - right:
            away = (x - right) / (_FADE * width)
        else:
            away = (left - x) / (_FADE * width)
        inside = 1 - numpy.clip(away, 0, 1)
        soft = inside * inside * (3 - 2 * inside) * 255
        return Image.fromarray(numpy.broadcast_to(soft, (height, width)).astype(numpy.uint8))

    # Texts

    def write(self, item: Item) -> None:
        """A text in the ink that stands out."""
        if item.block:
            ink, _ = self._ink(item.box.grown(item.block.pad))
            self._letters(item, item.box.left, item.box.top, ink, None)

    def name(self, item: Item) -> None:
        """The brand's name in a logo's place, on a chip where the ground is restless."""
        if item.block is None:
            return
        ink, reached = self._ink(item.box.grown(item.block.pad))
        ground = None
        restless = behind(self.image, [(item.box, item.block.size)]) > MOST_BEHIND
        if reached < self._wanted or restless:
            ground = self._chip(item.box, self.scheme.ground)
            ink = self._best(self.scheme.ground)
        self._letters(item, item.box.left, item.box.top, ink, ground)

    def button(self, item: Item) -> None:
        """A button whose colour stands out of the ground, and whose words stand out of it."""
        if item.block is None:
            return
        ground = glance(self.image, item.box)
        choices = (*self.scheme.buttons, *self.scheme.inks, self._dark, WHITE)
        usable = [one for one in choices if contrast(one, self._best(one)) >= SAFE]
        fill = next((one for one in usable if against(ground, one) >= ENOUGH_SHAPE), None)
        if fill is None:
            fill = max((self._dark, WHITE), key=lambda one: against(ground, one))
        box = item.box
        self.image.paste(fill, box[:2], _rounded(box.width, box.height, round(_ROUND * box.height)))
        middle, above = item.block.word.middle(item.block.size), item.block.above
        y = box.top + round(box.height / 2 + middle) - above
        x = box.left + (box.width - item.block.width) // 2
        self._letters(item, x, y, self._best(fill), box)

    def _letters(self, item: Item, x: int, y: int, ink: Rgb, ground: Box | None) -> None:
        if item.block is None:
            return
        mask, pad = item.block.word.mask(item.block, item.align)
        self.image.paste(ink, (x - pad, y - pad), mask)
        self.inks.append(Ink(mask, (x - pad, y - pad), ground))

    def _ink(self, box: Box) -> tuple[Rgb, float]:
        """The first of the scheme's inks that stands out enough, or the best of all."""
        ground = glance(self.image, box.inside(Box(0, 0, *self.image.size)))
        choices = [(ink, against(ground, ink)) for ink in (*self.scheme.inks, WHITE, self._dark)]
        good = next((pair for pair in choices if pair[1] >= self._wanted), None)
        return good or max(choices, key=lambda pair: pair[1])

    def _best(self, ground: Rgb) -> Rgb:
        """White or the dark ink, whichever stands out of a plain ground; white if both do."""
        if contrast(WHITE, ground) >= SAFE:
            return WHITE
        black = (17, 17, 17)
        choices = (self._dark, WHITE, black)
        return next(
            (ink for ink in choices if contrast(ink, ground) >= SAFE),
            max(choices, key=lambda ink: contrast(ink, ground)),
        )

    # Logo

    def logo(self, item: Item, logo: Logo) -> None:
        """The logo in its box; on a chip where it would be lost or brings a ground of its own."""
        box, chip = item.box, logo.ground
        fitted = logo.image.resize((box.width, box.height), Image.Resampling.LANCZOS)
        restless = behind(self.image, [(box, max(1, min(box.width, box.height)))]) > MOST_BEHIND
        if chip is None and (restless or self._lost(fitted, box)):
            # The brand's own colour if all of the logo stands out of it, else light or dark.
            own = (self.scheme.ground, *self.scheme.buttons)
            by_light = {
                one: self._lost_share(fitted, luminance(one)) for one in (WHITE, self._dark)
            }
            chip = next(
                (one for one in own if self._clear(fitted, one, box)),
                min(by_light, key=lambda one: by_light[one]),
            )
        if chip is not None:
            # The chip takes the logo's place, and the logo becomes smaller: edges stay in line.
            radius = max(2, round(0.12 * min(box.width, box.height)))
            self.image.paste(chip, box[:2], _rounded(box.width, box.height, radius))
            pad = max(2, round(_CLEAR * min(box.width, box.height)))
            share = min(1 - 2 * pad / box.width, 1 - 2 * pad / box.height)
            size = max(1, round(box.width * share)), max(1, round(box.height * share))
            fitted = logo.image.resize(size, Image.Resampling.LANCZOS)
        at = box.left + (box.width - fitted.width) // 2, box.top + (box.height - fitted.height) // 2
        self.image.paste(fitted, at, fitted)

    def _clear(self, logo: Image.Image, chip: Rgb, box: Box) -> bool:
        """Whether a chip is seen itself, and nothing of the logo is faint on it."""
        seen = against(glance(self.image, box), chip) >= _LOST
        return seen and self._lost_share(logo, luminance(chip), ENOUGH_SHAPE) < _FAINT_SHARE

    def _lost(self, logo: Image.Image, box: Box) -> bool:
        ground = glance(self.image, box)
        return any(
            self._lost_share(logo, float(light)) > _LOST_SHARE
            for light in numpy.percentile(ground, (10, 50, 90))
        )

    def _lost_share(self, logo: Image.Image, ground: float, least: float = _LOST) -> float:
        """The share of a logo's opaque pixels with less than this contrast to a ground."""
        seen = numpy.asarray(logo.getchannel("A")) > 128
        light = luminances(logo.convert("RGB"))[seen]
        if not light.size:
            return 0.0
        ratios = (numpy.maximum(light, ground) + 0.05) / (numpy.minimum(light, ground) + 0.05)
        return float((ratios < least).mean())

    def _chip(self, box: Box, colour: Rgb) -> Box:
        pad = max(2, round(_CHIP * min(box.height, box.width)))
        place = box.grown(pad)
        radius = round(0.35 * pad + 0.08 * box.height)
        self.image.paste(colour, place[:2], _rounded(place.width, place.height, radius))
        return place


def luminances_of(pixels: numpy.ndarray) -> numpy.ndarray:
    """As `measure.luminances`, of an array of levels (rows, columns, channels)."""
    return luminances(Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8)))


def _glanced(image: Image.Image, box: Box) -> numpy.ndarray:
    part = image.crop(box)
    step = max(1, max(part.size) // 160)
    return numpy.asarray(part.reduce(step) if step > 1 else part, numpy.float32)


def _rounded(width: int, height: int, radius: int) -> Image.Image:
    """A mask of a rectangle with round, smooth corners."""
    mask = Image.new("L", (width * 2, height * 2))
    box = (0, 0, width * 2 - 1, height * 2 - 1)
    ImageDraw.Draw(mask).rounded_rectangle(box, radius * 2, fill=255)
    return mask.reduce(2)
