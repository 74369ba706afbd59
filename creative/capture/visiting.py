"""A page from beginning to end: opened in a context of its own, photographed, thrown away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from creative.capture import dress, facts, markdown, moment, output, shots
from creative.capture.blank import Blanks
from creative.capture.cdp import Connection
from creative.capture.gate import Gate
from creative.capture.page import Page
from creative.capture.request import Screenshot, ScreenshotRequest
from creative.deadline import Deadline


@contextmanager
def opened(
    connection: Connection,
    gate: Gate,
    request: ScreenshotRequest,
    deadline: Deadline,
    blanks: Blanks | None = None,
) -> Iterator[Page]:
    """An empty page in a context of its own: no cookie or cache of another call is in it.

    Raises:
        BlockedAddress, EngineUnavailable: the request's proxy must not or cannot be reached.
    """
    html = request.html.encode(errors="replace") if request.html.strip() else None
    if request.markdown.strip():
        html = markdown.page(request.markdown, deadline)
    guard, options = None, {}
    if request.proxy:
        guard, server = gate.guard.through(request.proxy, deadline)
        # By itself a browser goes to its own machine directly: that is the guard's to decide.
        options = {"proxyServer": server, "proxyBypassList": "<-loopback>"}
    blanks = blanks or Blanks(connection)
    blank = blanks.take(options, deadline)
    page = Page(connection, gate, request, deadline, blank, html, guard)
    try:
        page.prepare()
        if request.with_facts:
            facts.warm_up()
        yield page
    finally:
        try:
            # Also after the deadline: this is no part of the answer.
            blanks.give_back(blank)
        finally:
            page.forget()


def picture(page: Page, place: tuple[str, str, int], browser: str) -> Screenshot:
    """Photograph a loaded page; `place` is what `Page.load` returned."""
    final_url, title, status = place
    moment.settle(page)
    dress.apply(page)
    moment.freeze(page)
    parts, notes = shots.find(page)
    pictures = output.pictures(page, parts, final_url, title)
    found = facts.read(page, pictures) if page.request.with_facts else None
    # What the page received before the picture may still wait to be judged.
    page.judged()
    return Screenshot(
        pictures=pictures,
        notes=(*page.notes, *notes, *output.notes(page.request)),
        page=found,
        final_url=final_url,
        title=title,
        status=status,
        browser=browser,
        blocked=tuple(page.visit.blocked),
        blocked_count=page.visit.blocked_count,
    )
