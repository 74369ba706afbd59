"""A Chromium as it is installed, without gate, flags and preferences of ours.

What reaches a canary in it is an attack; what does not proves nothing when it stays out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from creative.capture import chromium
from creative.capture.cdp import Connection
from creative.deadline import Deadline


def arguments(program: str, profile: str, rules: str = "") -> list[str]:
    """Only what it takes to start it here, and names of ours (`--host-resolver-rules`)."""
    return [
        program,
        "--headless",
        "--remote-debugging-pipe",
        f"--user-data-dir={profile}",
        "--no-startup-window",
        "--no-first-run",
        "--disable-component-update",
        "--disable-popup-blocking",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--no-sandbox",
        # It asks people before a page reaches a private address; nobody is there to answer.
        # The other two are its own address bar, which would cost more than all the pages.
        "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets,"
        "WebUIOmniboxPopup,WebUIOmniboxAimPopup",
        f"--host-resolver-rules={rules}",
    ]


@contextmanager
def naked(rules: str = "") -> Iterator[Connection]:
    """A running one."""
    with (
        patch.object(
            chromium, "arguments", lambda program, folder: arguments(program, folder, rules)
        ),
        patch.object(chromium, "_quiet_profile", lambda profile: None),
    ):
        browser = chromium.LocalBrowser(Deadline(30))
    try:
        yield browser.connection
    finally:
        browser.stop()


def visit(connection: Connection, url: str) -> None:
    """Open a tab; it loads while others do."""
    connection.call("Target.createTarget", {"url": url, "newWindow": True}, deadline=Deadline(20))
