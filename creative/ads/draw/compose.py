"""One picture of an ad: layout, ground, type; measured, and drawn again if it is not legible."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from PIL import Image

from creative.ads.cutting import pieces
from creative.ads.draw import colour
from creative.ads.draw.arrange import Arranged, arrange
from creative.ads.draw.breaks import shorter
from creative.ads.draw.canvas import Canvas
from creative.ads.draw.colour import ENOUGH, SAFE, Scheme
from creative.ads.draw.crop import cover
from creative.ads.draw.given import Given
from creative.ads.draw.ground import ground
from creative.ads.draw.layouts import Box, Composition, Layout, layout_for, region
from creative.ads.draw.measure import MOST_BEHIND, behind, clutter, contrast
from creative.ads.draw.place import Elements, Item, Room
from creative.ads.draw.save import Mime, save
from creative.ads.draw.typography import Text

_TRIES = ((SAFE, 0.0), (7.0, 0.07), (7.0, 0.15))
"""Contrast that is aimed at, and how much deeper (or paler) the grounds become for it: the thin
strokes of small type lose some of theirs, in a JPEG even more."""
_LONGEST = 160
"""Characters of a text: no picture has room for more at a readable size."""
_MOST_SCRIM = 0.45
"""How much of a picture may be covered for texts on it: more of it looks grey, and a panel beside
the picture looks better."""
_PLACES, _BESIDE, _WITHOUT = "on or beside the picture", "beside the picture", "without a picture"
_LEAST_ABOVE = 0.35
"""Of the height: texts that a safe area lifts leave so much to the picture above them."""
_BELOW = 0.3
"""Of the height: texts that begin lower leave the upper corner to the logo."""


class Task(NamedTuple):
    """One picture to draw; see `DrawJob`. Lengths are pixels."""

    copy_id: str
    platform: str
    variant: int
    brand: str
    headline: str
    text: str
    cta: str
    language: str
    colours: tuple[str, ...]
    seed: int
    width: int
    height: int
    max_kb: float | None
    formats: tuple[str, ...]
    safe_area: tuple[int, int, int, int]


class Painted(NamedTuple):
    """A finished picture."""

    data: bytes
    mime_type: Mime
    contrast: float
    clutter: float
    pictured: bool
    branded: bool
    notes: tuple[str, ...]


class NotDrawn(Exception):
    """Why a picture cannot be drawn, for people."""


class _Plan(NamedTuple):
    layout: Layout
    composition: Composition
    card: Box | None
    arranged: Arranged


def paint(task: Task, given: Given) -> Painted:
    """Draw one picture.

    Raises:
        NotDrawn: the headline's letters are in no font, nothing of it fits, or the file cannot be
            brought under its kilobytes.
        InvalidInput: one of the colours is none.
    """
    elements, notes = _elements(task, given)
    scheme = colour.scheme(task.colours, task.variant, task.seed)
    lowest = 0.0
    for plan in _plans(task, given, elements, scheme):
        made = _legible(task, given, plan, scheme, notes)
        if isinstance(made, Painted):
            return made
        lowest = max(lowest, made)
    raise NotDrawn(f"its text would have a contrast of {lowest:.1f}:1 only")


def _plans(task: Task, given: Given, elements: Elements, scheme: Scheme) -> Iterator[_Plan]:
    """The variant's plan, and what to draw instead if its texts cannot be read: type beside the
    picture, and at last no picture.
    """
    plan = _plan(task, given, elements, _PLACES)
    if plan.composition.ground != "scrim" or _bears(task, given, plan, scheme):
        yield plan
    if plan.composition.ground != "none":
        yield _plan(task, given, elements, _BESIDE)
        yield _plan(task, given, elements, _WITHOUT)


def _legible(
    task: Task, given: Given, plan: _Plan, scheme: Scheme, notes: tuple[str, ...]
) -> Painted | float:
    """The finished picture, or the contrast that its texts would have.

    Raises:
        NotDrawn: the file cannot be brought under its kilobytes.
    """
    reached = 0.0
    flat = plan.composition.ground == "none"
    for wanted, deeper in _TRIES:
        canvas = _drawn(task, given, plan, scheme.deeper(deeper), wanted)
        saved = save(canvas.image, task.formats, task.max_kb, flat)
        if saved is None:
            raise NotDrawn(f"it cannot be brought under {task.max_kb:g} kB")
        finished = canvas.image if saved.mime_type == "image/png" and not saved.note else None
        reached = contrast(finished or _opened(saved.data), canvas.inks)
        if reached >= ENOUGH:
            said = (*notes, *plan.arranged.notes, *([saved.note] if saved.note else []))
            named = any(item.element == "logo" for item in plan.arranged.items)
            return Painted(
                saved.data, saved.mime_type, reached, canvas.clutter, not flat, named, said
            )
    return reached


def _elements(task: Task, given: Given) -> tuple[Elements, tuple[str, ...]]:
    """The texts that can be written, and what cannot."""
    notes: list[str] = []
    names = (task.brand,)

    def text(content: str, role: str, name: str) -> Text | None:
        if not content.strip():
            return None
        if len(content) > _LONGEST:
            content = _beginning(content, task.language)
            notes.append(f"{name} shortened to its first {len(content)} characters")
        made = Text(content, role, task.language, names)
        if not made.written:
            notes.append(f"no font has all letters of the {name} “{content}”")
            return None
        if made.lost:
            notes.append(f"signs that no font has were left out of the {name}")
        return made

    headline = text(task.headline, "headline", "headline")
    if headline is None:
        raise NotDrawn(notes[0] if notes else "it has no headline")
    # A supporting text that says the headline again supports nothing.
    said = _bare(task.headline)
    supporting = "" if _bare(task.text) == said else task.text
    brand = None if given.logo_ratio else text(task.brand, "logo", "brand's name")
    first = next(iter(pieces(supporting, "sentences")), "").strip()
    return Elements(
        headline=headline,
        text=text(supporting, "text", "supporting text"),
        brief=Text(first, "text", task.language, names) if first and first != supporting else None,
        cta=text(task.cta, "cta", "button"),
        brand=brand,
        logo_ratio=given.logo_ratio,
    ), tuple(notes)


def _beginning(text: str, language: str) -> str:
    """As many whole clauses as are not too long for a picture; else words."""
    found = [part for part in shorter(text[: 2 * _LONGEST], language) if len(part) <= _LONGEST]
    clauses = [part for part in found if not part.endswith("…") and len(part) > _LONGEST / 3]
    return next(iter(clauses or found), text[:_LONGEST])


def _bare(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def _plan(task: Task, given: Given, elements: Elements, places: str) -> _Plan:
    """The variant's composition, or the next one in which less is left out.

    Raises:
        NotDrawn: not even the beginning of the headline fits.
    """
    layout = layout_for(task.width, task.height)
    pictured = layout.pictures if given.picture is not None and places != _WITHOUT else ()
    turn = task.variant - 1 + task.seed
    if places == _BESIDE:
        # From the last one on: the first ones are those of the variants before and after.
        pictured = tuple(one for one in reversed(pictured) if one.ground != "scrim")
        turn = 0
    found: list[_Plan] = []
    for choice in (pictured, layout.plain):
        for number in range(len(choice)):
            composition = _lifted(choice[(turn + number) % len(choice)], task)
            room, card = _room(task, layout, composition)
            arranged = arrange(layout, composition, room, elements, task.language)
            if arranged:
                plan = _Plan(layout, composition, card, arranged)
                if not arranged.notes:
                    return plan
                found.append(plan)
        if found:
            return min(found, key=lambda plan: _loss(plan.arranged))
    raise NotDrawn("not even the beginning of its headline fits at a readable size")


def _lifted(composition: Composition, task: Task) -> Composition:
    """Texts at the bottom begin higher by what a safe area takes there, and the picture above
    them ends higher: in what is left of a story nothing could be read.
    """
    left, top, right, foot = composition.text
    lost = foot - (1.0 - task.safe_area[2] / task.height)
    if lost <= 0 or top <= _LEAST_ABOVE:
        return composition
    lifted = max(_LEAST_ABOVE, top - lost)
    picture = composition.picture
    if picture[3] < 1:
        picture = (*picture[:3], picture[3] - (top - lifted))
    return composition.model_copy(update={"text": (left, lifted, right, foot), "picture": picture})


def _loss(arranged: Arranged) -> int:
    shortened = any(note.startswith("headline") for note in arranged.notes)
    missing = sum(note.startswith("no room") for note in arranged.notes)
    return len(arranged.notes) + missing + 4 * shortened


def _room(task: Task, layout: Layout, composition: Composition) -> tuple[Room, Box | None]:
    """Where the texts may be, and the card they stand on, if there is one."""
    short = min(task.width, task.height)
    margin = max(3, round(layout.margin * short))
    top, right, bottom, left = task.safe_area
    whole = Box(0, 0, task.width, task.height)
    safe = Box(left, top, task.width - right, task.height - bottom)
    inner = whole.grown(-margin).inside(safe)
    place = region(composition.text, task.width, task.height)
    card = None
    if composition.ground == "card":
        card = place.inside(safe)
        box = card.grown(-round(0.8 * margin)).inside(inner.grown(margin))
    else:
        box = place.grown(-margin).inside(inner)
    below = composition.text[1] >= _BELOW
    corner = inner if composition.ground in ("scrim", "card") and below else None
    wide = inner if composition.ground == "none" else box
    return Room(box, corner, wide, short, layout.zoom(task.width)), card


def _drawn(task: Task, given: Given, plan: _Plan, scheme: Scheme, wanted: float) -> Canvas:
    """The picture, with texts whose contrast is `wanted` as far as the ground shows."""
    items = plan.arranged.items
    canvas = _backed(task, given, plan, scheme, wanted)
    zoom = plan.layout.zoom(task.width)
    canvas.clutter = clutter(canvas.image, _texts(items), zoom)
    for item in items:
        _put(canvas, item, given, plan.composition)
    return canvas


def _backed(task: Task, given: Given, plan: _Plan, scheme: Scheme, wanted: float) -> Canvas:
    """What stands behind the texts."""
    size = (task.width, task.height)
    items, composition = plan.arranged.items, plan.composition
    place = region(composition.picture, *size)
    picture = given.picture if composition.ground != "none" else None
    if picture is not None and (place.width, place.height) == size:
        image = cover(picture, given.seen, size)
    else:
        taken = [item.box for item in items] + ([place] if picture is not None else [])
        taken += [plan.card] if plan.card else []
        tones = scheme.beneath() if plan.card else scheme
        image = ground(size, tones, _kind(task), taken, task.seed * 31 + task.variant)
        if picture is not None:
            image.paste(cover(picture, given.seen, (place.width, place.height)), place[:2])
    canvas = Canvas(image, scheme, wanted)
    if plan.card:
        canvas.card(plan.card, round(0.035 * min(size)))
    if composition.ground == "scrim":
        canvas.covered = canvas.scrim([item for item in items if item.element != "logo"])
    return canvas


def _bears(task: Task, given: Given, plan: _Plan, scheme: Scheme) -> bool:
    """Whether a picture bears type on it: it needs little cover, and is calm under it then."""
    canvas = _backed(task, given, plan, scheme, SAFE)
    if canvas.covered > _MOST_SCRIM:
        return False
    return behind(canvas.image, _texts(plan.arranged.items)) <= MOST_BEHIND


def _texts(items: Sequence[Item]) -> list[tuple[Box, int]]:
    """Boxes and letter sizes of what stands on the ground itself: a button has one of its own,
    and a name gets one where the picture is restless.
    """
    own = ("cta", "logo")
    return [(item.box, item.block.size) for item in items if item.block and item.element not in own]


def _put(canvas: Canvas, item: Item, given: Given, composition: Composition) -> None:
    if item.element == "cta":
        canvas.button(item)
    elif item.element != "logo":
        canvas.write(item)
    elif item.block:
        canvas.name(item)
    elif given.logo is not None:
        canvas.logo(item, given.logo)


def _kind(task: Task) -> int:
    """Which pattern: another for each variant, the same in all its sizes."""
    return task.variant - 1 + task.seed // 4 + task.seed


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")
