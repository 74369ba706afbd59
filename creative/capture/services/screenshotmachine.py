"""screenshotmachine.com: one GET, its query described in the API guide (read 2026-11).

Its errors are pictures too, marked by the header X-Screenshotmachine-Response; the plain
status is 200.
"""

from __future__ import annotations

import hashlib
import math
from urllib.parse import urlencode

from creative.capture import fields
from creative.capture.frame import viewport
from creative.capture.request import ScreenshotRequest
from creative.capture.services.base import (
    Asked,
    NotOffered,
    Query,
    Service,
    in_range,
    number,
    refuse_others,
)
from creative.http import Reply
from creative.settings import Settings

NAME = "screenshotmachine"
ADDRESS = "https://api.screenshotmachine.com/"
WIDTHS = (100, 1920)
HEIGHTS = (100, 9999)
SCALES = (1, 4)
DELAYS = (0, 200, 400, 600, 800, *range(1000, 11000, 1000))
"""Milliseconds; nothing between them is accepted."""
_FORMATS = {"png": "png", "jpeg": "jpg"}
_OFFERED = (
    *("width", "height", "full_page", "scale", "device", "landscape", "mobile", "touch"),
    *("selector", "clip"),
    *("format", "wait_for", "delay_seconds", "hide", "cookies", "language", "user_agent"),
)
_WORDS = {
    "invalid_hash": "invalid_hash: the hash does not fit, so screenshot_service_secret is wrong "
    "or missing",
    "invalid_key": "invalid_key: it does not know this screenshot_service_key",
    "missing_key": "missing_key: screenshot_service_key is missing",
    "no_credits": "no_credits: the account has none left",
    "invalid_url": "invalid_url: it cannot open this address",
    "invalid_selector": "invalid_selector: the page has no element for this selector",
}


def query(request: ScreenshotRequest, url: str) -> Query:
    """What is asked for a request, without key and hash.

    Raises:
        InvalidInput: a value that it does not take; NotOffered: a wish that it cannot fulfil.
    """
    refuse_others(request, _OFFERED, NAME)
    if not url:
        raise NotOffered("html" if request.html.strip() else "markdown", NAME)
    view = viewport(request)
    in_range("width", view.width, *WIDTHS, NAME)
    in_range("height", view.height, *HEIGHTS, NAME)
    if view.touch and not view.mobile:
        raise NotOffered("touch", NAME, "only together with mobile")
    if request.format not in _FORMATS:
        raise NotOffered("format", NAME, f"{request.format} is not among png and jpeg")
    height = "full" if request.full_page else str(view.height)
    found: Query = [
        ("url", url),
        ("dimension", f"{view.width}x{height}"),
        ("device", "phone" if view.mobile else "desktop"),
        ("format", _FORMATS[request.format]),
        # Its cache is counted in days and shared: a picture is asked for to be taken now.
        ("cacheLimit", "0"),
        ("delay", str(_delay(request))),
    ]
    if view.scale != 1:
        in_range("scale", view.scale, *SCALES, NAME)
        found.append(("zoom", number(view.scale * 100)))
    if request.hide:
        found.append(("hide", ",".join(request.hide)))
    if request.selector:
        found.append(("selector", request.selector))
    if request.clip is not None:
        found.append(("crop", ",".join(str(round(part)) for part in request.clip)))
    if request.cookies:
        found.append(("cookies", ";".join(f"{name}={value}" for name, value in request.cookies)))
    if request.language:
        found.append(("accept-language", request.language))
    agent = request.user_agent or str(view.agent.get("userAgent", ""))
    if agent:
        found.append(("user-agent", agent))
    return found


def _delay(request: ScreenshotRequest) -> int:
    wait_for = fields.wanted(request)
    waited = 0 if wait_for == "load" else fields.milliseconds(wait_for)
    if waited is None:
        raise NotOffered("wait_for", NAME, "it waits for load or a number of milliseconds")
    wanted = math.ceil(waited + request.delay_seconds * 1000)
    in_range("delay_seconds", wanted / 1000, 0, DELAYS[-1] / 1000, NAME)
    return next(delay for delay in DELAYS if delay >= wanted)


def _ask(request: ScreenshotRequest, url: str, settings: Settings, seconds: float) -> Asked:
    found = [("key", settings.screenshot_service_key), *query(request, url)]
    if settings.screenshot_service_secret:
        secret = f"{url}{settings.screenshot_service_secret}"
        # MD5 is what the service computes.
        found.append(("hash", hashlib.md5(secret.encode(), usedforsecurity=False).hexdigest()))
    base = settings.screenshot_service_url or ADDRESS
    return Asked("GET", f"{base}{'&' if '?' in base else '?'}{urlencode(found)}")


def _refusal(reply: Reply) -> tuple[str, int | None] | None:
    said = reply.headers.get("X-Screenshotmachine-Response", "").strip()
    if said and said.lower() not in ("ok", "success"):
        return _WORDS.get(said, said), None
    if not reply.ok:
        return reply.text() or "(no reason given)", reply.status
    return None


SCREENSHOTMACHINE = Service(
    key="screenshotmachine",
    name=NAME,
    address=ADDRESS,
    ask=_ask,
    refusal=_refusal,
    status=lambda reply: 0,
)
