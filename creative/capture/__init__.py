"""Pictures of web pages, on a real Chromium.

    screenshot(request, settings, deadline, steps) -> Screenshot
    screenshots(requests, settings, deadline, steps, at_once) -> list[Screenshot | CreativeError]
    find_browser() -> path or None
    check_browser(browser_url, deadline) -> product and version

How it fits together: `guard` judges addresses; `chromium` starts a local browser and
`remote` finds a configured one; `cdp` talks to either; `pool` keeps the local one warm;
`gate` stands between a browser and the network; `page` opens, loads and photographs;
`services` stand in where there is no browser; `cache` keeps pictures, if asked to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from creative.capture import access, many, rules, services
from creative.capture.cache import Cache
from creative.capture.cdp import BrowserGone, Refused
from creative.capture.chromium import browser_stamp, find_browser
from creative.capture.failures import TabCrashed
from creative.capture.gate import HTML_URL
from creative.capture.guard import Guard
from creative.capture.page import Page
from creative.capture.pool import Pool
from creative.capture.remote import check_browser
from creative.capture.request import Blocked, Engine, Picture, Screenshot, ScreenshotRequest
from creative.capture.visiting import opened, picture
from creative.capture.warm import Lease
from creative.deadline import Deadline
from creative.errors import BlockedAddress, CreativeError, NotConfigured
from creative.http import redact
from creative.settings import Settings
from creative.steps import Phase, Steps

__all__ = [
    "MANY_AT_ONCE",
    "Blocked",
    "Picture",
    "Screenshot",
    "ScreenshotRequest",
    "check_browser",
    "close",
    "find_browser",
    "screenshot",
    "screenshots",
]

MANY_AT_ONCE = 3
"""Screenshots of one call at a time: it leaves a turn to others."""

_pool = Pool()
_cache = Cache()


def screenshot(
    request: ScreenshotRequest, settings: Settings, deadline: Deadline, steps: Steps
) -> Screenshot:
    """Photograph one page.

    Args:
        request: what to photograph.
        settings: `browser_url` chooses the browser, `allowed_private_hosts` opens hosts,
            `screenshot_service` stands in where there is no browser.
        deadline: the call's clock.
        steps: told what happens.

    Raises:
        InvalidInput: `url` is no address, or a field the engine has nothing for.
        TooLarge: the page, its picture or its memory is over a limit.
        NotConfigured: a service is asked for that is not set up.
        BlockedAddress: the page, or where it led, must not be reached; or something in it
            came from a private address, so that the picture is withheld.
        EngineUnavailable: no browser, too many calls wait, nothing answers at `url`, or the
            page crashed.
        EngineRejected: the page answered with a status of 400 and up, or is a download; or
            the service refused.
        DeadlineExceeded: out of time.
    """
    engine = _engine(request, settings)
    with steps.step(Phase.INIT, "Checking the address", until=5):
        # A service is somebody else's: it is told of public addresses only.
        guard = Guard(settings.allowed_private_hosts if engine == "browser" else ())
        try:
            url = _checked(request, guard, deadline)
        except BlockedAddress as error:
            if engine != "browser":
                error.hint = "A screenshot service opens public addresses only: use a browser."
            raise error.without(()) from None
    where = _where(engine, request, settings)
    shot = _cache.get(request, where)
    if shot is not None:
        with steps.step(Phase.SAVE, "An earlier call took this picture"):
            return shot
    if engine == "browser":
        shot = _by_browser(url or HTML_URL, request, settings, guard, deadline, steps)
    else:
        service = services.SERVICES[engine]
        with steps.step(Phase.AI_CALL, f"Asking {service.name}"):
            shot = services.photograph(service, request, url, settings, deadline)
    _cache.put(request, where, shot)
    return shot


def screenshots(
    requests: Sequence[ScreenshotRequest],
    settings: Settings,
    deadline: Deadline,
    steps: Steps,
    at_once: int = MANY_AT_ONCE,
) -> list[Screenshot | CreativeError]:
    """Photograph several pages, in the same browser; for each its picture, or why there is none.

    Args:
        requests: up to 50.
        settings, deadline, steps: as for `screenshot`; the deadline is that of all together.
        at_once: how many at a time, 1 to 4.

    Raises:
        InvalidInput: no request, too many (TooLarge), or `at_once` out of range.
    """

    def take(request: ScreenshotRequest) -> Screenshot:
        return screenshot(request, settings, deadline, Steps())

    return many.take_all(requests, take, deadline, steps, at_once)


def close() -> None:
    """End the local browser now, instead of when it idles or at exit."""
    _pool.close()


def _engine(request: ScreenshotRequest, settings: Settings) -> Engine:
    """Who takes the picture: who is named, else the browser, else the service that is set up.

    Raises:
        NotConfigured: the named service is not the one that is set up.
        EngineUnavailable: there is neither.
    """
    configured = settings.screenshot_service
    if request.engine and request.engine not in ("browser", configured):
        # Another service's key is none of its business.
        error = NotConfigured(
            "screenshot_service",
            f"engine {request.engine}",
            f"Set 'screenshot_service' to {request.engine}, with its key, or leave engine empty.",
        )
        error.message = error.message.replace("is empty", f"is {configured or 'empty'}")
        raise error.without(())
    if request.engine:
        return request.engine
    if settings.browser_url or find_browser() is not None:
        return "browser"
    for engine in services.SERVICES:
        if engine == configured:
            return services.SERVICES[engine].key
    return "browser"  # which says what to install, and what else there is


def _checked(request: ScreenshotRequest, guard: Guard, deadline: Deadline) -> str:
    """The address of the page as the guard has it; "" for html and markdown."""
    if not request.url.strip():
        return ""
    if request.proxy:
        # Names are then the proxy's to resolve.
        guard, _ = guard.through(request.proxy, deadline)
    return guard.check(request.url, deadline).url


def _where(engine: Engine, request: ScreenshotRequest, settings: Settings) -> Mapping[str, Any]:
    """What changes a picture besides the request."""
    if engine != "browser":
        return {
            "engine": engine,
            "url": settings.screenshot_service_url,
            "key": settings.screenshot_service_key,
        }
    return {
        "engine": engine,
        "rules": rules.stamp() if request.block_ads else "",
        "url": settings.browser_url,
        "browser": "" if settings.browser_url else browser_stamp(),
        "allowed": sorted(settings.allowed_private_hosts),
    }


def _by_browser(
    url: str,
    request: ScreenshotRequest,
    settings: Settings,
    guard: Guard,
    deadline: Deadline,
    steps: Steps,
) -> Screenshot:
    with _pool.turn(deadline):
        try:
            return _once(url, request, settings, guard, deadline, steps)
        except BrowserGone:
            if settings.browser_url:
                raise
            # It was killed or crashed, maybe long ago: a fresh one gets one try.
            return _once(url, request, settings, guard, deadline, steps)


def _once(
    url: str,
    request: ScreenshotRequest,
    settings: Settings,
    guard: Guard,
    deadline: Deadline,
    steps: Steps,
) -> Screenshot:
    where = redact(settings.browser_url) if settings.browser_url else "this machine"
    shown = redact(url) if request.url.strip() else "the given page"
    with ExitStack() as stack:
        with steps.step(Phase.INIT, f"Finding a browser: {where}"):
            logs_in = access.logs_in(request)
            lease = stack.enter_context(_pool.lease(settings, guard, deadline, logs_in))
        try:
            with steps.step(Phase.AI_CALL, f"Loading {shown}"):
                page = _opened(stack, lease, request, deadline)
                place = page.load(url)
            with steps.step(Phase.SAVE, "Taking the picture"):
                return picture(page, place, lease.version)
        except (TabCrashed, BrowserGone) as error:
            raise lease.blame() or error from None


def _opened(stack: ExitStack, lease: Lease, request: ScreenshotRequest, deadline: Deadline) -> Page:
    """An empty page that is ready to load."""
    given = (lease.connection, lease.gate, request, deadline, lease.blanks)
    try:
        return stack.enter_context(opened(*given))
    except (TabCrashed, Refused):
        # The one that was got ready died before it was needed; it had loaded nothing yet.
        return stack.enter_context(opened(*given))
