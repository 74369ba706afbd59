"""The peers of `bench/capture.py`, run by the Python of another environment.

    python bench/capture_peers.py METHOD BROWSER            reads JSON lists of addresses from
                                                            standard input, all of one list at
                                                            once; writes a list of milliseconds
    python bench/capture_peers.py command BROWSER URL       shot-scraper's command, one picture
    python bench/capture_peers.py playwright-command BROWSER URL

METHOD is shot-scraper or playwright; BROWSER is the program that they are made to use. Needs
shot-scraper and Playwright, none of which this project depends on.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 1280, 800
# Ours runs without a sandbox as root and has no /dev/shm to fill either: the same for all.
ARGUMENTS = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def use(browser: str) -> None:
    """Make Playwright start this program, whoever calls it."""
    from playwright.sync_api import BrowserType

    usual = BrowserType.launch

    def launch(self: Any, **options: Any) -> Any:
        given = options.pop("args", None) or []
        return usual(self, executable_path=browser, args=[*given, *ARGUMENTS], **options)

    BrowserType.launch = launch  # type: ignore[method-assign]


def shot_scraper_command(browser: str, url: str) -> None:
    from shot_scraper.cli import cli

    use(browser)
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        size = ["-w", str(WIDTH), "-h", str(HEIGHT)]
        cli(["shot", url, *size, "-o", file.name, "--silent"], standalone_mode=False)
        if not Path(file.name).stat().st_size:
            raise RuntimeError("no picture")


def playwright_command(browser: str, url: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        running = started.chromium.launch(executable_path=browser, args=ARGUMENTS)
        page = running.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(url)
        page.screenshot()
        running.close()


def serve_shot_scraper(browser: str) -> None:
    """As `shot-scraper multi`: one context, a new page for each; one after the other."""
    from playwright.sync_api import sync_playwright
    from shot_scraper.cli import _browser_context, take_shot

    use(browser)
    with sync_playwright() as started, tempfile.TemporaryDirectory() as folder:
        context, _ = _browser_context(started, None)
        for line in sys.stdin:
            began, ends = time.perf_counter(), []
            for url in json.loads(line):
                shot = {"url": url, "width": WIDTH, "height": HEIGHT, "output": f"{folder}/x.png"}
                take_shot(context, shot, silent=True)
                ends.append((time.perf_counter() - began) * 1000)
            print(json.dumps(ends), flush=True)


async def serve_playwright(browser: str) -> None:
    from playwright.async_api import async_playwright

    async with async_playwright() as started:
        running = await started.chromium.launch(executable_path=browser, args=ARGUMENTS)

        async def shoot(url: str) -> float:
            began = time.perf_counter()
            context = await running.new_context(viewport={"width": WIDTH, "height": HEIGHT})
            page = await context.new_page()
            await page.goto(url)
            await page.screenshot()
            await context.close()
            return (time.perf_counter() - began) * 1000

        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            found = await asyncio.gather(*(shoot(url) for url in json.loads(line)))
            print(json.dumps(found), flush=True)
        await running.close()


def main() -> None:
    method, browser, *url = sys.argv[1:]
    if method == "command":
        shot_scraper_command(browser, url[0])
    elif method == "playwright-command":
        playwright_command(browser, url[0])
    elif method == "shot-scraper":
        serve_shot_scraper(browser)
    elif method == "playwright":
        asyncio.run(serve_playwright(browser))
    else:
        sys.exit(f"unknown method {method}")


if __name__ == "__main__":
    main()
