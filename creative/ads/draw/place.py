"""Every item of a picture in its place, at a size of the headline or at the largest that fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from creative.ads.draw.layouts import Box, Composition, Element, Layout
from creative.ads.draw.typography import Block, Text

_MOST_BUTTON = 2.6
"""Times the smallest size: a button does not grow with the headline without end."""
_MOST_TEXT = 0.72
"""Of the headline's size: larger, and the supporting text would be a second headline."""
_BOOSTS = (1.6, 1.4, 1.2)
_SMALLER, _FOR_SIZE = 0.76, 1.2
"""How much smaller a headline may become for better line ends, and what that costs: a tenth of
its size is worth a border of 0.12."""
_TO_TEXT = 0.6
"""From headline to supporting text, in sizes of the headline."""
_MOST_LOGO = 0.6
"""Of the width for text."""


class Item(NamedTuple):
    """One thing in its place.

    Attributes:
        element: what it is.
        box: the ink of a text; the whole of a button or logo.
        block: the text; None for a logo.
        align: of the lines in a block.
    """

    element: Element
    box: Box
    block: Block | None
    align: str


@dataclass(frozen=True)
class Elements:
    """What a picture may show.

    Attributes:
        headline: always there.
        text, cta: if there are any and a font has their letters.
        brief: the text's first sentence, where there are more.
        brand: the name in a logo's place.
        logo_ratio: width by height of the logo; 0 without one.
    """

    headline: Text
    text: Text | None = None
    brief: Text | None = None
    cta: Text | None = None
    brand: Text | None = None
    logo_ratio: float = 0.0


class Room(NamedTuple):
    """The place for the texts of one picture.

    Attributes:
        box: where they may be.
        corner: where a logo stands that is not among them; None if it is.
        wide: where a logo beside the button may be.
        short: the picture's shorter side.
        zoom: pixels per CSS pixel.
    """

    box: Box
    corner: Box | None
    wide: Box
    short: int
    zoom: float


class Shown(NamedTuple):
    """What of the elements is tried to be shown, beside the headline."""

    text: bool
    logo: bool
    cta: bool


@dataclass(frozen=True)
class Placer:
    """Places the elements of one picture.

    Attributes:
        layout, composition, room: how and where.
        elements: what there is.
        mirrored: whether the language runs from right to left.
        boost: times the usual size, of everything but the headline and the logo.
    """

    layout: Layout
    composition: Composition
    room: Room
    elements: Elements
    mirrored: bool
    boost: float = 1.0

    def with_headline(self, headline: Text) -> Placer:
        return replace(self, elements=replace(self.elements, headline=headline))

    def largest(self, shown: Shown, least: float) -> tuple[Item, ...]:
        """The items at the largest size at which all that is shown fits; () if none."""
        low = round(self.layout.headline.least * self.room.zoom * least)
        # Never so small that nothing larger than the least could be tried.
        high = max(low, round(self.layout.headline.most * self.room.short))
        place: Callable[[int, Shown, bool], tuple[Item, ...]] = (
            self._row if self.layout.arrangement == "row" else self._stack
        )
        if not place(low, shown, True):
            return ()
        while low < high:
            middle = (low + high + 1) // 2
            if place(middle, shown, True):
                low = middle
            else:
                high = middle - 1
        if self.layout.arrangement == "stack":
            low = self._smoother(low)
        # A long word keeps the headline small: the rest need not be as small as that.
        for boost in (*_BOOSTS, 1.0):
            bolder = replace(self, boost=boost)
            again = bolder._row if self.layout.arrangement == "row" else bolder._stack
            items = again(low, shown, False)
            if items:
                return items
        # At their real size lines may come out a hair wider than in proportion.
        return place(low - 1, shown, False) if low > 1 else ()

    def _smoother(self, size: int) -> int:
        """A somewhat smaller size, if the headline's lines end in better places then."""
        room, headline = self.room.box.width, self.elements.headline
        least = round(self.layout.headline.least * self.room.zoom)
        step = max(1, round(size * 0.03))
        sizes = range(size, max(least, round(_SMALLER * size)) - 1, -step)

        def price(tried: int) -> float:
            return headline.roughness(tried, room) + _FOR_SIZE * (1 - tried / size)

        return min(sizes, key=price, default=size)

    # Sizes

    def _small(self, size: int, role: str) -> int:
        rule = self.layout.text if role == "text" else self.layout.cta
        least = round(rule.least * self.room.zoom)
        most = round(size * _MOST_TEXT) if role == "text" else round(least * _MOST_BUTTON)
        return max(least, min(round(size * rule.share * self.boost), most))

    def _button(self, size: int) -> tuple[int, int, int] | None:
        """Letter size, width and height of the button."""
        cta = self.elements.cta
        least = round(self.layout.cta.least * self.room.zoom)
        for letters in range(self._small(size, "cta"), least - 1, -1):
            width = self._one_line(cta, letters) + round(1.9 * letters)
            if width <= self.room.box.width:
                return letters, width, round(2.1 * letters)
        return None

    def _one_line(self, text: Text | None, size: int) -> int:
        return text.width(size) if text else 0

    def _logo(self, size: int) -> tuple[int, int, int]:
        """Letter size (0 for a picture), width and height of the logo."""
        box = self.room.corner or self.room.box
        most = _MOST_LOGO * box.width
        height = round(self.layout.logo * self.room.short)
        if self.elements.logo_ratio:
            ratio = self.elements.logo_ratio
            # Wide word marks need less height than badges to look as large.
            height = round(min(height * (1.35 if ratio < 1.6 else 1.0), most / ratio))
            return 0, max(1, round(height * ratio)), max(1, height)
        brand = self.elements.brand
        least = round(self.layout.cta.least * self.room.zoom)
        letters = max(least, min(round(0.72 * height), round(size * 0.8)))
        while letters > least and self._one_line(brand, letters) > most:
            letters -= 1
        return letters, self._one_line(brand, letters), brand.height(letters, 1) if brand else 0

    # Arrangements

    def _stack(self, size: int, shown: Shown, trial: bool) -> tuple[Item, ...]:
        box, spread = self.room.box, self.layout.spread
        headline = self._lines(self.elements.headline, size, box.width, self.layout.headline.lines)
        text_size = self._small(size, "text")
        text = self._lines(self.elements.text, text_size, box.width, self.layout.text.lines)
        button = self._button(size) if shown.cta else None
        logo = self._logo(size) if shown.logo else None
        if not headline or (shown.text and not text) or (shown.cta and not button):
            return ()
        if logo and logo[1] > (self.room.corner or box).width:
            return ()
        # Logo and button share a line where a place is wider than high.
        beside = bool(
            logo
            and button
            and not self.room.corner
            and self.composition.ground in ("none", "panel")
            and box.width > 0.9 * box.height
            and self.composition.align == "left"
            and button[1] + logo[1] + 1.5 * size <= box.width
        )
        top = logo[2] if logo and not beside and not self.room.corner else 0
        foot = max(button[2] if button else 0, logo[2] if beside and logo else 0)
        middle = headline + (text + round(_TO_TEXT * size) if shown.text else 0)
        gaps = (round(0.6 * size) if top else 0, round(0.85 * size) if foot else 0)
        total = top + gaps[0] + middle + gaps[1] + foot
        if total > box.height:
            return ()
        if trial:
            return (_TRIAL,)
        free = box.height - total
        start = {"top": 0, "centre": free // 2, "bottom": free}[self.composition.anchor]
        before = 0 if spread else start
        y = box.top + before
        items: list[Item] = []
        if logo:
            at = self.room.corner or box
            mark_y = at.top if self.room.corner else y
            if not beside:
                items.append(self._mark(logo, at, mark_y))
        y = box.top + top + gaps[0] + start
        items.append(self._set(self.elements.headline, "headline", size, y))
        y += headline
        if shown.text and self.elements.text:
            y += round(_TO_TEXT * size)
            items.append(self._set(self.elements.text, "text", text_size, y))
            y += text
        y = box.bottom - foot if spread else y + gaps[1]
        if button:
            items.append(self._press(button, y + (foot - button[2]) // 2))
        if beside and logo:
            mark = self._mark(logo, box, y + (foot - logo[2]) // 2)
            wide = self.room.wide
            shift = (wide.left if self.mirrored else wide.right - mark.box.width) - mark.box.left
            items.append(_moved(mark, shift))
        return tuple(items) if all(self._held(item) for item in items) else ()

    def _held(self, item: Item) -> bool:
        place = (self.room.corner or self.room.wide) if item.element == "logo" else self.room.box
        return item.box.left >= place.left - 1 and item.box.right <= place.right + 1

    def _row(self, size: int, shown: Shown, trial: bool) -> tuple[Item, ...]:
        box = self.room.box
        button = self._button(size) if shown.cta else None
        logo = self._logo(size) if shown.logo else None
        gap = round(0.9 * size)
        taken = (button[1] + gap if button else 0) + (logo[1] + gap if logo else 0)
        room = box.width - taken
        if (shown.cta and not button) or room < 3 * size:
            return ()
        if logo and (logo[1] > 0.3 * box.width or logo[2] > box.height):
            return ()
        headline = self._lines(self.elements.headline, size, room, self.layout.headline.lines)
        text_size = self._small(size, "text")
        text = self._lines(self.elements.text, text_size, room, self.layout.text.lines)
        if not headline or (shown.text and not text):
            return ()
        between = round(0.32 * size)
        total = headline + (text + between if shown.text else 0)
        if total > box.height or (button and button[2] > box.height):
            return ()
        if trial:
            return (_TRIAL,)
        items: list[Item] = []
        x = box.left
        if logo:
            items.append(self._mark(logo, box, box.top + (box.height - logo[2]) // 2))
            x += logo[1] + gap
        middle = Box(x, box.top, x + room, box.bottom)
        y = box.top + (box.height - total) // 2
        items.append(self._set(self.elements.headline, "headline", size, y, middle))
        if shown.text and self.elements.text:
            y += headline + between
            items.append(self._set(self.elements.text, "text", text_size, y, middle))
        if button:
            pressed = self._press(button, box.top + (box.height - button[2]) // 2)
            items.append(_moved(pressed, box.right - button[1] - pressed.box.left))
        if self.mirrored:
            items = [
                _moved(item, box.left + box.right - item.box.left - item.box.right)
                for item in items
            ]
        return tuple(items) if all(self._held(item) for item in items) else ()

    def _lines(self, text: Text | None, size: int, room: int, most: int) -> int:
        """Height of a text that fits, in pixels; 0 if it needs more than `most` lines."""
        count = text.lines_needed(size, room) if text else 0
        return text.height(size, count) if text and 0 < count <= most else 0

    # Places

    def _left(self, box: Box, width: int) -> int:
        if self.composition.align == "centre" and self.layout.arrangement == "stack":
            return box.left + (box.width - width) // 2
        right = self.mirrored and self.layout.arrangement == "stack"
        return box.right - width if right else box.left

    @property
    def _align(self) -> str:
        if self.composition.align == "centre":
            return "centre"
        return "right" if self.mirrored else "left"

    def _set(self, text: Text, element: Element, size: int, y: int, box: Box | None = None) -> Item:
        place = box or self.room.box
        block = text.block(size, place.width)
        x = self._left(place, block.width)
        return Item(element, Box(x, y, x + block.width, y + block.height), block, self._align)

    def _press(self, button: tuple[int, int, int], y: int) -> Item:
        letters, width, height = button
        if self.elements.cta is None:
            raise ValueError("a button without words")  # never: a button is made of its words
        x = self._left(self.room.box, width)
        block = self.elements.cta.block(letters, 1_000_000)
        return Item("cta", Box(x, y, x + width, y + height), block, "centre")

    def _mark(self, logo: tuple[int, int, int], box: Box, y: int) -> Item:
        letters, width, height = logo
        block = (
            self.elements.brand.block(letters, 1_000_000)
            if letters and self.elements.brand
            else None
        )
        x = self._left(box, width)
        return Item("logo", Box(x, y, x + width, y + height), block, "left")


_TRIAL = Item("headline", Box(0, 0, 0, 0), None, "left")
"""Stands for "it fits" while sizes are tried: setting the lines takes longer than counting."""


def _moved(item: Item, by: int) -> Item:
    box = item.box
    return item._replace(box=Box(box.left + by, box.top, box.right + by, box.bottom))
