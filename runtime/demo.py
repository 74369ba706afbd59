"""`studio demo`: a real workflow on a page and a keyword list that ship with the project, and ads
for that page."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from runtime import console, demo_page, node, workflow_command
from runtime.host import Host
from runtime.host.messages import Result
from runtime.output import clear, safe_name, write
from runtime.paths import PROJECT

WORKFLOW = PROJECT / "workflows" / "page_and_keywords.yml"
PAGE = PROJECT / "workflows" / "demo" / "page"
KEYWORDS = PROJECT / "workflows" / "demo" / "keywords.txt"
ADS = "ads"
"""Folder of the ads' files, beside the page."""
# Five sizes of pictures, and texts for a search. Nothing here costs money or needs a network,
# whatever is configured.
AD_WISHES = {
    "platforms": "iab_display, google_search",
    "count": 3,
    "engine": "builtin",
    "backgrounds": "source",
}


def run(out: Path, make_host: Callable[[dict[str, str]], Host]) -> None:
    """Run the demo and write `index.html`, the screenshot, `clusters.csv` and the ads into `out`.

    Args:
        out: the folder; files of an earlier demo in it are replaced.
        make_host: makes the host of our plugin with these credentials added.

    Raises:
        StudioError: the workflow or a node failed.
    """
    began = time.monotonic()
    clear(out, ("screenshot.png", "clusters.csv", "index.html"))
    clear(out / ADS, [path.name for path in (out / ADS).glob("*.*")])
    with _served(PAGE) as address:
        allowed = address.removeprefix("http://").rstrip("/")
        with make_host({"allowed_private_hosts": allowed}) as host:
            pictured = _browser(host)
            made = _with_browser(host, address) if pictured else _keywords_only(host)
            ads = _ads(host, {"source_url": address} if pictured else {"brief": brief_of(PAGE)})
    screenshot, clusters, csv, report = made
    if screenshot is not None:
        write(out / "screenshot.png", screenshot)
    write(out / "clusters.csv", csv)
    for file in ads.files:
        write(out / ADS / safe_name(file.filename), file.data)
    page = demo_page.page(screenshot is not None, clusters, report, ads.variables, ADS)
    write(out / "index.html", page.encode())
    _tell(out, clusters, ads, screenshot is not None, time.monotonic() - began)


Made = tuple[bytes | None, list[dict[str, Any]], bytes, str]
"""Screenshot, clusters, their CSV, the workflow's own report."""


def _browser(host: Host) -> bool:
    from creative.capture import find_browser

    return bool(host.credentials.get("browser_url") or find_browser())


def _with_browser(host: Host, address: str) -> Made:
    console.err.print("Running [bold]workflows/page_and_keywords.yml[/] on Dify's engine…")
    with console.StepView() as view:
        done = workflow_command.execute(
            WORKFLOW, {"url": address, "keywords": KEYWORDS.read_text("utf-8")}, [host], view
        )
    failure = workflow_command.failure(done)
    if failure is not None:
        raise failure
    outputs = done.outputs
    return (
        outputs["screenshot"][0].data,
        outputs["clusters"],
        outputs["csv"][0].data,
        outputs["report"],
    )


def _keywords_only(host: Host) -> Made:
    console.err.print(
        "[yellow]No Chromium or Chrome here: the screenshot is left out.[/] "
        "Install one (Debian: apt install chromium) or see `studio doctor`; run the demo again."
    )
    with console.StepView() as view:
        done = node.collect(
            host,
            "cluster_keywords",
            {"keywords": KEYWORDS.read_text("utf-8")},
            on_log=lambda content: view.log("cluster_keywords", content),
        )
    return None, done.variables["clusters"], done.files[0].data, ""


def _ads(host: Host, source: dict[str, str]) -> Result:
    console.err.print("Making [bold]ads[/] of it in five sizes…")
    with console.StepView() as view:
        return node.collect(
            host,
            "ad_variants",
            {**source, **AD_WISHES},
            on_log=lambda content: view.log("ad_variants", content),
        )


def brief_of(folder: Path) -> str:
    """What a page says about itself, for a machine without a browser to look at it."""
    reader = _Reader()
    reader.feed((folder / "index.html").read_text("utf-8"))
    return ". ".join(text for text in (reader.title.strip(), reader.description) if text)


class _Reader(HTMLParser):
    """Title and description of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.title = self.description = ""
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._inside = tag == "title"
        if tag == "meta" and given.get("name") == "description":
            self.description = given.get("content") or ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.title += data


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """The demo's own page is no news."""


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The address of a folder, served on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def _tell(
    out: Path, clusters: list[dict[str, Any]], ads: Result, pictured: bool, seconds: float
) -> None:
    variables = ads.variables
    what = f"{'a screenshot, ' if pictured else ''}{len(clusters)} keyword clusters and "
    what += f"{variables['count']} ads with {variables['picture_count']} pictures"
    console.show(f"Done in {seconds:.1f} s: {what}.")
    console.show(f"Look at  {out / 'index.html'}")
    console.show("Try next:")
    console.show("  .venv/bin/studio tools")
    console.show("  .venv/bin/studio run cluster_keywords keywords='tea pot, tea cup, red shoes'")
    if pictured:
        console.show("  .venv/bin/studio run capture_screenshot url=https://example.com width=801")
    console.show("  .venv/bin/studio package build      # then upload it to Dify")
