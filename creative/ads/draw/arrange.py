"""How large and where: all texts, the logo and the button of one picture, without overlap.

The headline is as large as the place allows; everything else is in proportion to it. What does
not fit at a readable size is left out: first the supporting text, then the logo. Then the
headline is shortened, never below a readable size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from creative.ads.draw.breaks import shorter
from creative.ads.draw.layouts import Composition, Layout
from creative.ads.draw.place import Elements, Item, Placer, Room, Shown
from creative.ads.draw.typography import Text

_COMFORT = 1.15
"""Times the smallest size: below it, the supporting text goes rather than the headline's size."""
_KEPT, _KEPT_AT_LEAST = 0.55, 0.2
"""Of a headline: rather without a button than less; and less than that says nothing."""
_CLAUSE = 0.6
"""A whole clause is better than a longer text with …, if it is at least so long."""
_RIGHT_TO_LEFT = ("ar", "he", "fa", "ur")


class Arranged(NamedTuple):
    """All items in place, and what had to be done for it."""

    items: tuple[Item, ...]
    notes: tuple[str, ...]


def arrange(
    layout: Layout, composition: Composition, room: Room, elements: Elements, language: str
) -> Arranged | None:
    """Everything that fits, in its place; None if not even a part of the headline does."""
    has = Shown(
        bool(elements.text) and "text" in layout.shows,
        bool(elements.brand or elements.logo_ratio) and "logo" in layout.shows,
        bool(elements.cta) and "cta" in layout.shows,
    )
    placer = Placer(layout, composition, room, elements, language[:2] in _RIGHT_TO_LEFT)
    briefer = replace(placer, elements=replace(elements, text=elements.brief))
    for shown, least in _attempts(has):
        items = placer.largest(shown, least)
        if items:
            return Arranged(items, _left_out(has, shown))
        if shown.text and elements.brief and (items := briefer.largest(shown, least)):
            return Arranged(items, ("supporting text shortened to its first sentence",))
    bare = has._replace(text=False, logo=False)
    for shown, kept in (
        (bare, _KEPT),
        (bare._replace(cta=False), 1.0),
        (bare, _KEPT_AT_LEAST),
        (bare._replace(cta=False), _KEPT_AT_LEAST),
    ):
        made = _cut(placer, elements.headline, language, shown, kept)
        if made:
            text, items = made
            notes = _left_out(has, shown)
            if text.written != elements.headline.written:
                notes = (f"headline shortened to “{text.written}”", *notes)
            return Arranged(items, notes)
    return None


def _attempts(has: Shown) -> Iterator[tuple[Shown, float]]:
    yield has, _COMFORT
    if has.text:
        yield has._replace(text=False), _COMFORT
    yield has._replace(text=False), 1.0
    if has.logo:
        yield has._replace(text=False, logo=False), 1.0


def _left_out(has: Shown, shown: Shown) -> tuple[str, ...]:
    names = {"text": "supporting text", "logo": "logo", "cta": "button"}
    gone = [name for part, name in names.items() if getattr(has, part) and not getattr(shown, part)]
    return (f"no room for the {' and the '.join(gone)}",) if gone else ()


def _cut(
    placer: Placer, headline: Text, language: str, shown: Shown, kept: float
) -> tuple[Text, tuple[Item, ...]] | None:
    """The longest beginning of the headline that fits; None if it is under `kept` of it."""
    whole = headline.written
    if kept == 1.0:
        items = placer.largest(shown, 1.0)
        return (headline, items) if items else None
    enough = [one for one in shorter(whole, language) if len(one) >= kept * len(whole)]

    def tried(text: str) -> tuple[Text, tuple[Item, ...]] | None:
        made = Text(text, "headline", language, headline.names)
        items = placer.with_headline(made).largest(shown, 1.0) if made.written else ()
        return (made, items) if items else None

    best, low, high = None, 0, len(enough)
    while low < high:
        middle = (low + high) // 2
        found = tried(enough[middle])
        if found:
            best, high = found, middle
        else:
            low = middle + 1
    if best and best[0].written.endswith("…"):
        length = len(best[0].written)
        for one in enough:
            if not one.endswith("…") and _CLAUSE * length <= len(one) <= length:
                return tried(one) or best
    return best
