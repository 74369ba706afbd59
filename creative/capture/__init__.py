"""Pictures of web pages, on a real Chromium.

    screenshot(request, settings, deadline, steps) -> Screenshot
    find_browser() -> path or None
    check_browser(browser_url, deadline) -> product and version

How it fits together: `guard` judges addresses; `chromium` starts a local browser and
`remote` finds a configured one; `cdp` talks to either; `pool` keeps the local one warm;
`gate` stands between a browser and the network; `page` opens, loads and photographs.
"""

from __future__ import annotations

from contextlib import ExitStack

from creative.capture.cdp import BrowserGone
from creative.capture.chromium import find_browser
from creative.capture.gate import HTML_URL
from creative.capture.guard import Guard
from creative.capture.page import opened, picture
from creative.capture.pool import Pool
from creative.capture.remote import check_browser
from creative.capture.request import Blocked, Screenshot, ScreenshotRequest
from creative.deadline import Deadline
from creative.http import redact
from creative.settings import Settings
from creative.steps import Phase, Steps

__all__ = [
    "Blocked",
    "Screenshot",
    "ScreenshotRequest",
    "check_browser",
    "close",
    "find_browser",
    "screenshot",
]

_pool = Pool()


def screenshot(
    request: ScreenshotRequest, settings: Settings, deadline: Deadline, steps: Steps
) -> Screenshot:
    """Photograph one page.

    Args:
        request: what to photograph.
        settings: `browser_url` chooses the browser, `allowed_private_hosts` opens hosts.
        deadline: the call's clock.
        steps: told what happens.

    Raises:
        InvalidInput: `url` is no address; TooLarge: the page or picture is over a limit.
        BlockedAddress: the page, or where it led, must not be reached; or something in it
            came from a private address, so that the picture is withheld.
        EngineUnavailable: no browser, nothing answers at `url`, or the page crashed.
        EngineRejected: the page answered with a status of 400 and up, or is a download.
        DeadlineExceeded: out of time.
    """
    guard = Guard(settings.allowed_private_hosts)
    with steps.step(Phase.INIT, "Checking the address", until=5):
        url = guard.check(request.url, deadline).url if request.url.strip() else HTML_URL
    with _pool.turn(deadline):
        try:
            return _once(url, request, settings, guard, deadline, steps)
        except BrowserGone:
            if settings.browser_url:
                raise
            # It was killed or crashed, maybe long ago: a fresh one gets one try.
            return _once(url, request, settings, guard, deadline, steps)


def close() -> None:
    """End the local browser now, instead of when it idles or at exit."""
    _pool.close()


def _once(
    url: str,
    request: ScreenshotRequest,
    settings: Settings,
    guard: Guard,
    deadline: Deadline,
    steps: Steps,
) -> Screenshot:
    where = redact(settings.browser_url) if settings.browser_url else "this machine"
    shown = redact(url) if request.url.strip() else "the given HTML"
    with ExitStack() as stack:
        with steps.step(Phase.INIT, f"Finding a browser: {where}", until=20):
            lease = stack.enter_context(_pool.lease(settings, guard, deadline))
        with steps.step(Phase.PREP, f"Loading {shown}", until=70):
            page = stack.enter_context(opened(lease.connection, lease.gate, request, deadline))
            place = page.load(url)
        with steps.step(Phase.SAVE, "Taking the picture", until=100):
            return picture(page, place, lease.version)
