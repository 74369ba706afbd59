"""Which parts of a loaded page are photographed: found, brought into view, measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from creative.capture import geometry
from creative.capture.frame import (
    MAX_PAGE_HEIGHT,
    MAX_PIXELS,
    MOST_ROWS,
    Shot,
    Viewport,
    check_pixels,
    pixels,
    viewport,
)
from creative.capture.page import Page
from creative.errors import AnswerInvalid, InvalidInput, TooLarge

MAX_MATCHES = 20
"""Most pictures of one call."""

SCROLL_SECONDS = 10.0
"""Longest way down a page whose content waits for being seen."""
PATIENCE_SECONDS = 5.0
"""Longest wait for pictures that came into view."""
QUIET_SECONDS = 0.1
"""So long nothing may come on a page before all of it is there."""
GROWTH = 20_000
"""A page that grows as one goes down is followed to here, or to twice its height; CSS pixels."""


def find(page: Page) -> tuple[Iterable[Shot], tuple[str, ...]]:
    """Which parts of a loaded page to photograph, and notes on what differs from the request.

    The parts come one at a time: each is brought into view when it is asked for.

    Raises:
        InvalidInput: nothing matches `selector`, nothing of it is shown, or `clip` leaves the page.
        TooLarge: too many pixels.
    """
    request = page.request
    if request.format == "pdf":
        return [], _unrolled(page, MAX_PAGE_HEIGHT, asked=False, cut=False, printed=True)
    if request.selector.strip():
        return _elements(page)
    if request.clip is not None:
        return _clipped(page, request.clip)
    if request.full_page:
        return _full(page)
    return [_visible(viewport(request))], ()


def _visible(view: Viewport) -> Shot:
    return Shot(0, 0, view.width, view.height, False, 1.0, view.scale, whole=True)


@dataclass(frozen=True)
class _Measured:
    """Of a loaded page: its width and height, and those of the window on it, CSS pixels."""

    width: float
    height: float
    zoom: float
    seen: float


def _measured(page: Page, view: Viewport) -> _Measured:
    metrics = page.call("Page.getLayoutMetrics", {}, "measuring the page")
    content, visual = metrics["cssContentSize"], metrics["cssVisualViewport"]
    # Only mobile devices make a page fit; elsewhere a width that differs is a scroll bar's.
    across = float(visual["clientWidth"]) if view.mobile else float(view.width)
    zoom = view.width / across if across > 0 else 1.0
    # What is wider than the window is not in the picture: it has the width that was asked for.
    return _Measured(
        max(float(content["width"]), across),
        max(math.ceil(content["height"]), view.height / zoom),
        zoom,
        view.height / zoom,
    )


def _full(page: Page) -> tuple[list[Shot], tuple[str, ...]]:
    request, view = page.request, viewport(page.request)
    columns = pixels(view.width, view.scale)
    most_rows = min(MOST_ROWS[request.format], MAX_PIXELS // columns)
    most = math.floor(most_rows / view.scale)
    limit = min(most, request.max_height or most)
    first = _measured(page, view)
    notes: tuple[str, ...] = ()
    if first.height > first.seen:
        asked = request.max_height is not None
        notes = _unrolled(page, limit / first.zoom, asked=asked, cut=True)
    found = _measured(page, view)
    high = math.ceil(round(found.height * found.zoom, 4))
    if high <= view.height <= limit:
        return [_visible(view)], notes
    height = min(high, limit)
    if height < high:
        why = (
            "max_height"
            if request.max_height is not None and limit == request.max_height
            else f"the most that a {request.format} of this width and scale can have"
        )
        notes = (f"full_page: the page is {high} pixels high; cut at {height}, {why}", *notes)
    across = view.width / found.zoom
    shot = Shot(
        0, 0, across, height / found.zoom, height > view.height, found.zoom, view.scale
    )  # fmt: skip
    return [shot], notes


def _unrolled(
    page: Page, most: float, *, asked: bool, cut: bool, printed: bool = False
) -> tuple[str, ...]:
    # A third of what is left at most: the picture is still to be taken.
    left = page.deadline.timeout("scrolling through the page") / 3
    answer = page.evaluate(
        geometry.unroll(
            most,
            asked=asked,
            cut=cut,
            printed=printed,
            seconds=min(SCROLL_SECONDS, left),
            patience=min(PATIENCE_SECONDS, left),
            growth=GROWTH,
            quiet=QUIET_SECONDS,
        ),
        "scrolling through the page",
    )
    if not isinstance(answer, dict):
        raise _unanswered("how high it is")
    notes = []
    if not answer["whole"]:
        notes.append("The page was too long to be scrolled to its end in time: parts may be empty")
    if not answer["complete"]:
        notes.append("Some images of the page did not load in time")
    return tuple(notes)


def _clipped(
    page: Page, clip: tuple[float, float, float, float]
) -> tuple[list[Shot], tuple[str, ...]]:
    view = viewport(page.request)
    x, y, width, height = clip
    found = _measured(page, view)
    notes: tuple[str, ...] = ()
    if y + height > found.seen:
        notes = _unrolled(page, y + height, asked=True, cut=False)
        found = _measured(page, view)
    if x + width > found.width + 0.01 or y + height > found.height + 0.01:
        raise InvalidInput(
            "clip",
            f"{x:g}, {y:g}, {width:g}, {height:g}",
            f"a part of the page, which is {found.width:g} x {found.height:g} pixels",
            "Choose a part that lies inside, or set full_page instead.",
        )
    return [_fitting(Shot(x, y, width, height, False), "clip", page, view, found)], notes


def _elements(page: Page) -> tuple[Iterator[Shot], tuple[str, ...]]:
    request = page.request
    selector = request.selector.strip()
    told = page.evaluate(geometry.matches(selector), f"looking for {selector}")
    if not isinstance(told, dict):
        raise _unanswered("what matches selector")
    if "invalid" in told:
        raise InvalidInput(
            "selector", selector, "a CSS selector", "The browser cannot read it; try it in the "
            "browser's console with document.querySelectorAll."
        )  # fmt: skip
    count, shown = int(told["count"]), [int(at) for at in told["shown"]]
    if not shown:
        raise InvalidInput(
            "selector",
            selector,
            f"one that is shown on the page; {count} elements match and all of them are hidden"
            if count
            else "one that something on the page matches; 0 elements do",
            "If it comes later, set wait_for to the same selector; else look at the page's "
            "source for the right name.",
        )
    notes = []
    if request.every_match:
        if len(shown) > MAX_MATCHES:
            notes.append(
                f"selector: {len(shown)} elements match; these are the first {MAX_MATCHES}"
            )
        if len(shown) < count:
            notes.append(f"selector: {count - len(shown)} of {count} matches are hidden")
        shown = shown[:MAX_MATCHES]
    else:
        if shown[0] > 0:
            notes.append(f"selector: match {shown[0] + 1} of {count}; those before it are hidden")
        shown = shown[:1]
    return (_element(page, selector, at) for at in shown), tuple(notes)


def _element(page: Page, selector: str, at: int) -> Shot:
    request, view = page.request, viewport(page.request)
    left = page.deadline.timeout(f"looking at {selector}") / 3
    script = geometry.aim(
        selector, at, seconds=min(SCROLL_SECONDS, left), patience=min(PATIENCE_SECONDS, left)
    )
    box = page.evaluate(script, f"looking at {selector}")
    found = _measured(page, view)
    if not isinstance(box, dict):
        raise InvalidInput(
            "selector",
            selector,
            f"one that stays on the page; match {at + 1} went away when the page was scrolled",
            "Set delay_seconds, so that the page comes to rest first.",
        )
    pad = request.padding
    # Whole pixels: an edge between two would be neither the element's colour nor its ground's.
    x, y = (max(0, math.floor(box[axis] - pad + 0.01)) for axis in ("x", "y"))
    right = min(found.width, math.ceil(box["x"] + box["width"] + pad - 0.01))
    bottom = min(found.height, math.ceil(box["y"] + box["height"] + pad - 0.01))
    if right <= x or bottom <= y:
        raise InvalidInput(
            "selector",
            selector,
            f"one that lies on the page; match {at + 1} lies beside it, at "
            f"{box['x']:g}, {box['y']:g}",
        )
    shot = Shot(x, y, right - x, bottom - y, False)
    return _fitting(shot, "selector", page, view, found)


def _fitting(shot: Shot, name: str, page: Page, view: Viewport, found: _Measured) -> Shot:
    """`shot` on the page as it was measured.

    Raises:
        TooLarge: more pixels than there may be.
    """
    across = view.width / found.zoom
    inside = shot.x + shot.width <= across and shot.y + shot.height <= found.seen
    fitting = Shot(
        shot.x, shot.y, shot.width, shot.height,
        beyond=not inside or found.zoom != 1, zoom=found.zoom, scale=view.scale,
    )  # fmt: skip
    check_pixels(fitting.columns, fitting.rows, f"{name}: the picture")
    most, image_format = MOST_ROWS[page.request.format], page.request.format
    if max(fitting.columns, fitting.rows) > most:
        raise TooLarge(
            f"{name}: the picture",
            f"{fitting.columns} x {fitting.rows} pixels",
            f"{most} pixels a side for {image_format}",
            "Set format to png, or choose a smaller part or scale.",
        )
    return fitting


def _unanswered(what: str) -> AnswerInvalid:
    return AnswerInvalid(
        "the page",
        f"its scripts keep it from saying {what}",
        "Open the page in a browser and look at its console.",
    )
