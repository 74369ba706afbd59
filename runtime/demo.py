"""`studio demo`: a real workflow on a page and a keyword list that ship with the project."""

from __future__ import annotations

import contextlib
import html
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from runtime import console, node, workflow_command
from runtime.host import Host
from runtime.output import clear, write
from runtime.paths import PROJECT

WORKFLOW = PROJECT / "workflows" / "page_and_keywords.yml"
PAGE = PROJECT / "workflows" / "demo" / "page"
KEYWORDS = PROJECT / "workflows" / "demo" / "keywords.txt"


def run(out: Path, make_host: Callable[[dict[str, str]], Host]) -> None:
    """Run the demo and write `index.html`, the screenshot and `clusters.csv` into `out`.

    Args:
        out: the folder; files of an earlier demo in it are replaced.
        make_host: makes the host of our plugin with these credentials added.

    Raises:
        StudioError: the workflow failed.
    """
    began = time.monotonic()
    clear(out, ("screenshot.png", "clusters.csv", "index.html"))
    with _served(PAGE) as address:
        allowed = address.removeprefix("http://").rstrip("/")
        with make_host({"allowed_private_hosts": allowed}) as host:
            made = _with_browser(host, address) if _browser(host) else _keywords_only(host)
    screenshot, clusters, csv, report = made
    if screenshot is not None:
        write(out / "screenshot.png", screenshot)
    write(out / "clusters.csv", csv)
    write(out / "index.html", _page(screenshot is not None, clusters, report).encode())
    _tell(out, clusters, screenshot is not None, time.monotonic() - began)


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


def _tell(out: Path, clusters: list[dict[str, Any]], pictured: bool, seconds: float) -> None:
    what = f"{'a screenshot and ' if pictured else ''}{len(clusters)} keyword clusters"
    console.show(f"Done in {seconds:.1f} s: {what}.")
    console.show(f"Look at  {out / 'index.html'}")
    console.show("Try next:")
    console.show("  .venv/bin/studio tools")
    console.show("  .venv/bin/studio run cluster_keywords keywords='tea pot, tea cup, red shoes'")
    if pictured:
        console.show("  .venv/bin/studio run capture_screenshot url=https://example.com width=801")
    console.show("  .venv/bin/studio package build      # then upload it to Dify")


_STYLE = """
body{margin:0;font:16px/1.5 system-ui,sans-serif;color:#1f2a44;background:#f5f6fa}
main{max-width:1100px;margin:auto;padding:32px 20px}
h1{margin:0 0 4px}p{margin:0 0 20px;color:#5a6478}
img{width:100%;border-radius:12px;box-shadow:0 6px 24px #1f2a4422}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(250px,1fr));gap:14px;margin-top:24px}
article{background:#fff;border-radius:12px;padding:14px 16px;box-shadow:0 2px 8px #1f2a4412}
h2{font-size:17px;margin:0 0 6px}small{color:#8a93a6;font-weight:400}
ul{margin:0;padding-left:18px;font-size:14px}a{color:#d9481c}
details{margin-top:24px}pre{white-space:pre-wrap;background:#fff;border-radius:12px;padding:16px}
"""


def _page(pictured: bool, clusters: list[dict[str, Any]], report: str) -> str:
    picture = (
        '<img src="screenshot.png" alt="Screenshot of the demo\'s landing page">'
        if pictured
        else "<p>No screenshot: there was no Chromium. Install one and run the demo again.</p>"
    )
    made_by = (
        "a Dify workflow on Dify's own engine, with two nodes of this plugin"
        if pictured
        else "one node of this plugin"
    )
    cards = "\n".join(_card(cluster) for cluster in clusters)
    text = (
        f"<details><summary>The workflow's own report</summary><pre>{html.escape(report)}</pre>"
        "</details>"
        if report
        else ""
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Creative Studio demo</title>'
        f"<style>{_STYLE}</style><main><h1>Creative Studio demo</h1>"
        f"<p>Made by {made_by}. "
        f'{len(clusters)} clusters, also as <a href="clusters.csv">clusters.csv</a>.</p>'
        f'{picture}<div class="grid">{cards}</div>{text}</main></html>\n'
    )


def _card(cluster: dict[str, Any]) -> str:
    shown = cluster["keywords"][:8]
    items = "".join(f"<li>{html.escape(entry['keyword'])}</li>" for entry in shown)
    more = cluster["size"] - len(shown)
    rest = f"<li>and {more} more</li>" if more > 0 else ""
    return (
        f"<article><h2>{html.escape(cluster['name'])} <small>{cluster['size']}</small></h2>"
        f"<ul>{items}{rest}</ul></article>"
    )
