"""screenshotone.com: `take`, its options described in the documentation (read 2026-11).

Without a secret the options go in the body of a POST, where no log sees the key. With one,
the query of a GET is signed (HMAC-SHA256), which is the only form that can be. Errors are
JSON with `error_message`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
from urllib.parse import urlencode, urlsplit, urlunsplit

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
from creative.errors import InvalidInput
from creative.http import Reply
from creative.settings import Settings

NAME = "ScreenshotOne"
ADDRESS = "https://api.screenshotone.com/take"
SCALES = (1, 5)
DELAYS = (0, 30)
"""Seconds."""
MAX_TIMEOUT = 90
"""Seconds that it works on a picture at most."""
PAPERS = ("a0", "a1", "a2", "a3", "a4", "a5", "a6", "legal", "letter", "tabloid")
MAX_SIGNED = 8000
"""Longest query that is signed: servers refuse longer addresses."""
LISTS = frozenset({"hide_selectors", "headers", "cookies"})
_NUMBERS = frozenset(
    {"viewport_width", "viewport_height", "device_scale_factor", "full_page_max_height"}
    | {"clip_x", "clip_y", "clip_width", "clip_height", "image_quality", "delay", "timeout"}
    | {"geolocation_latitude", "geolocation_longitude"}
)
_OFFERED = (
    *("width", "height", "full_page", "max_height", "selector", "clip", "landscape", "scale"),
    *("device", "mobile", "touch", "wait_for", "delay_seconds", "dark_mode", "reduced_motion"),
    *("print_media", "time_zone", "geolocation", "hide", "css", "block_banners", "block_ads"),
    *("transparent", "headers", "cookies", "basic_auth", "user_agent", "proxy", "format"),
    *("quality", "paper", "margins"),
)
_STATUS = "x-screenshotone-http-response-status-code"


def query(request: ScreenshotRequest, url: str, seconds: float) -> Query:
    """What is asked for a request, without key and signature.

    Args:
        request: what to photograph.
        url: its address as checked; empty for html and markdown.
        seconds: that are left.

    Raises:
        InvalidInput: a value that it does not take; NotOffered: a wish that it cannot fulfil.
    """
    refuse_others(request, _OFFERED, NAME)
    source = ("url", url) if url else _source(request)
    found: Query = [
        source,
        ("viewport_width", str(viewport(request).width)),
        ("viewport_height", str(viewport(request).height)),
        ("format", request.format),
        ("timeout", str(max(1, min(MAX_TIMEOUT, int(seconds))))),
        ("metadata_http_response_status_code", "true"),
    ]
    return [*found, *_frame(request), *_moment(request), *_look(request), *_access(request)]


def _source(request: ScreenshotRequest) -> tuple[str, str]:
    if request.html.strip():
        return "html", request.html
    return "markdown", request.markdown


def _frame(request: ScreenshotRequest) -> Query:
    view = viewport(request)
    in_range("scale", view.scale, *SCALES, NAME)
    # Theirs is 1 too, but pictures of an exact size leave nothing to a default.
    found: Query = [("device_scale_factor", number(view.scale))]
    if request.full_page:
        found.append(("full_page", "true"))
        if request.max_height is not None:
            found.append(("full_page_max_height", str(request.max_height)))
    if request.selector:
        found += [("selector", request.selector), ("error_on_selector_not_found", "true")]
    if request.clip is not None:
        names = ("clip_x", "clip_y", "clip_width", "clip_height")
        found += [(n, str(round(part))) for n, part in zip(names, request.clip, strict=True)]
    if view.mobile:
        found.append(("viewport_mobile", "true"))
    if view.touch:
        found.append(("viewport_has_touch", "true"))
    if request.landscape and request.device:
        found.append(("viewport_landscape", "true"))
    if request.quality is not None:
        found.append(("image_quality", str(request.quality)))
    return found + (_paper(request) if request.format == "pdf" else [])


def _paper(request: ScreenshotRequest) -> Query:
    paper = request.paper.strip().lower()
    if paper not in PAPERS:
        raise NotOffered("paper", NAME, f"it knows only {', '.join(PAPERS)}")
    margins = (request.margins.split() or ["10mm"])[:4]
    top, right = margins[0], margins[1] if len(margins) > 1 else margins[0]
    bottom = margins[2] if len(margins) > 2 else top
    left = margins[3] if len(margins) > 3 else right
    sides = zip(("top", "right", "bottom", "left"), (top, right, bottom, left), strict=True)
    return [
        ("pdf_paper_format", paper),
        ("pdf_landscape", "true" if request.landscape else "false"),
        ("pdf_print_background", "true"),
        *((f"pdf_margin_{side}", margin) for side, margin in sides),
    ]


def _moment(request: ScreenshotRequest) -> Query:
    found: Query = []
    delay = request.delay_seconds
    wait_for = fields.wanted(request)
    if wait_for in ("load", "domcontentloaded"):
        found.append(("wait_until", wait_for))
    elif wait_for == "networkidle":
        found.append(("wait_until", "networkidle0"))
    elif (waited := fields.milliseconds(wait_for)) is not None:
        delay += waited / 1000
    else:
        found.append(("wait_for_selector", wait_for))
    if delay:
        in_range("delay_seconds", delay, *DELAYS, NAME)
        found.append(("delay", str(math.ceil(delay))))
    return found


def _look(request: ScreenshotRequest) -> Query:
    switches = {
        "dark_mode": request.dark_mode,
        "reduced_motion": request.reduced_motion,
        "block_cookie_banners": request.block_banners,
        "block_ads": request.block_ads,
        "block_trackers": request.block_ads,
        "omit_background": request.transparent,
    }
    found: Query = [(name, "true") for name, wanted in switches.items() if wanted]
    if request.print_media or request.format == "pdf":
        found.append(("media_type", "print"))
    if request.time_zone:
        found.append(("time_zone", request.time_zone))
    if request.geolocation is not None:
        latitude, longitude = request.geolocation
        found.append(("geolocation_latitude", number(latitude)))
        found.append(("geolocation_longitude", number(longitude)))
    found += [("hide_selectors", selector) for selector in request.hide]
    if request.css:
        found.append(("styles", request.css))
    return found


def _access(request: ScreenshotRequest) -> Query:
    found: Query = [("headers", f"{name}:{value}") for name, value in request.headers]
    found += [("cookies", f"{name}={value}") for name, value in request.cookies]
    if request.basic_auth:
        encoded = base64.b64encode(request.basic_auth.encode()).decode()
        found.append(("authorization", f"Basic {encoded}"))
    agent = request.user_agent or str(viewport(request).agent.get("userAgent", ""))
    if agent:
        found.append(("user_agent", agent))
    if request.proxy:
        if not request.proxy.lower().startswith("http://"):
            raise NotOffered("proxy", NAME, "it takes http proxies only")
        found.append(("proxy", request.proxy))
    if request.fail_on_status == 0:
        found.append(("ignore_host_errors", "true"))
    return found


def _ask(request: ScreenshotRequest, url: str, settings: Settings, seconds: float) -> Asked:
    found = [*query(request, url, seconds), ("access_key", settings.screenshot_service_key)]
    base = _address(settings.screenshot_service_url or ADDRESS)
    if not settings.screenshot_service_secret:
        return Asked("POST", base, _body(found))
    text = urlencode(found)
    if len(text) > MAX_SIGNED:
        raise InvalidInput(
            "html" if request.html.strip() else "markdown" if request.markdown.strip() else "css",
            f"{len(text)} characters",
            f"{MAX_SIGNED} characters where requests are signed",
            "Leave screenshot_service_secret empty: then the request is a POST of any length.",
        )
    signed = hmac.new(settings.screenshot_service_secret.encode(), text.encode(), hashlib.sha256)
    return Asked("GET", f"{base}?{text}&signature={signed.hexdigest()}")


def _address(given: str) -> str:
    """The address of `take`; a host alone is one too."""
    parts = urlsplit(given)
    return urlunsplit(parts._replace(path="/take")) if parts.path in ("", "/") else given


def _body(found: Query) -> dict[str, object]:
    body: dict[str, object] = {}
    for name, value in found:
        if name in LISTS:
            listed = body.setdefault(name, [])
            if isinstance(listed, list):
                listed.append(value)
        elif name in _NUMBERS:
            body[name] = json.loads(value)
        else:
            body[name] = {"true": True, "false": False}.get(value, value)
    return body


def _refusal(reply: Reply) -> tuple[str, int | None] | None:
    kind = reply.headers.get("content-type", "")
    if reply.ok and "json" not in kind:
        return None
    try:
        told = json.loads(reply.body)
    except (ValueError, RecursionError):
        return reply.text() or "(no reason given)", reply.status
    told = told if isinstance(told, dict) else {}
    words = [str(told.get("error_message") or told.get("error_code") or "(no reason given)")]
    if "returned_status_code" in told:
        words.append(f"The page answered {told['returned_status_code']}.")
    details = told.get("error_details")
    if isinstance(details, list):
        words += [str(d.get("message", "")) for d in details[:3] if isinstance(d, dict)]
    return " ".join(filter(None, words)), None if reply.ok else reply.status


def _status(reply: Reply) -> int:
    told = reply.headers.get(_STATUS, "")
    return int(told) if told.isascii() and told.isdigit() and len(told) == 3 else 0


SCREENSHOTONE = Service(
    key="screenshotone", name=NAME, address=ADDRESS, ask=_ask, refusal=_refusal, status=_status
)
