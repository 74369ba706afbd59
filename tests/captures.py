"""Screenshots of local pages, for tests of what a capture can do."""

from __future__ import annotations

import io
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from creative import capture
from creative.deadline import Deadline
from creative.settings import Settings
from creative.steps import Steps
from tests.pages import Site
from tests.processes import wait_until

needs_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(capture.find_browser() is None, reason="no Chromium on this machine"),
]
RED, GREEN, BLUE, WHITE = (250, 20, 20), (20, 200, 20), (12, 140, 250), (255, 255, 255)
SMALL = {"width": 200, "height": 100, "with_facts": False}
"""A picture that is quickly taken."""


@contextmanager
def far_browser(*more: str) -> Iterator[tuple[int, str]]:
    """Port and path of a Chromium that serves DevTools by an open port, as in a container.

    Args:
        more: further words of its command line.
    """
    program = capture.find_browser()
    assert program is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        options = ["--headless", "--remote-debugging-port=0", f"--user-data-dir={folder}", *more]
        if os.geteuid() == 0:
            options.append("--no-sandbox")
        with subprocess.Popen(
            [program, *options, "--disable-dev-shm-usage", "about:blank"],
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        ) as process:
            try:
                ready = Path(folder, "DevToolsActivePort")
                assert wait_until(lambda: ready.exists() and "\n" in ready.read_text(), 60)
                port, path = ready.read_text().split("\n")[:2]
                yield int(port), path
            finally:
                process.terminate()


def shoot(*sites: Site, seconds: float = 30, **asked: Any) -> capture.Screenshot:
    """One screenshot; of private hosts only `sites` are allowed."""
    return capture.screenshot(
        capture.ScreenshotRequest(**{**SMALL, **asked}),
        Settings(allowed_private_hosts=tuple(site.name for site in sites)),
        Deadline(seconds),
        Steps(),
    )


def pixels(shot: capture.Screenshot) -> Image.Image:
    """The first picture, decoded."""
    return Image.open(io.BytesIO(shot.picture.data)).convert("RGB")


def colour(shot: capture.Screenshot, x: int = 5, y: int = 5) -> tuple[int, ...]:
    """One pixel of the first picture."""
    found = pixels(shot).getpixel((x, y))
    assert isinstance(found, tuple)
    return found


def page(body: str, title: str = "A page", style: str = "") -> str:
    """A page whose upper left corner is red until something changes it."""
    return (
        f"<!doctype html><title>{title}</title><style>html,body{{margin:0}}"
        f"#box{{position:absolute;left:0;top:0;width:50px;height:50px;background:rgb{RED}}}"
        f"{style}</style><div id=box></div>{body}"
    )


def slowly(seconds: float, body: str, kind: str = "text/plain") -> Callable[..., None]:
    """An answer that takes a while."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        data = body.encode()
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer
