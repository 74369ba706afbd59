"""Screenshots beside shot-scraper, Playwright and bare DevTools, on the same pages and browser.

    python -m bench.capture                          ours and bare DevTools
    python -m bench.capture --peers PYTHON           a Python that has shot-scraper (and so
                                                     Playwright); `capture_peers.py` runs there

Three pages of a server on this machine, 1280 x 800 pixels, PNG. The methods take turns, so that
a busy machine is busy for all; shown are the median and the 90th percentile in milliseconds.

    ours            creative.capture.screenshot, everything around it included
    bare            Page.navigate and Page.captureScreenshot over the same pipe, in one page that
                    is used again and again (so with a warm cache), nothing around it
    bare, no cache  the same without that cache, which no picture of ours has: each is alone
    bare, own page  bare in a new context and page each time, thrown away afterwards
    shot-scraper    its command, a process and a browser for every picture, as it is used
    shot-scraper +  its own functions in one process with one browser (as `multi` does it)
    playwright      a new context and page each time, in one process with one browser

"cold": from the start of a Python process to the picture. "4 at once": each of four at a time.
At the end: processor time of our own process for a picture.

    python -m bench.capture --soak 500               that many in a row, with a line on memory
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from creative import capture
from creative.capture import memory
from creative.capture.cdp import Event
from creative.capture.chromium import LocalBrowser, find_browser
from creative.deadline import Deadline
from creative.settings import Settings
from creative.steps import Steps

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 1280, 800
SECONDS = 60.0

Shoot = Callable[[str], bytes]


def png(width: int, height: int, seed: int) -> bytes:
    """A small picture of stripes."""
    rows = b"".join(
        b"\0" + bytes((x * seed + y * 3) % 256 for x in range(width * 3)) for y in range(height)
    )

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def write_pages(folder: Path) -> list[str]:
    """A short page, an article with pictures and style, and a page with a script that builds
    2,000 rows."""
    words = "The quick brown fox jumps over the lazy dog and reads on. " * 12
    (folder / "style.css").write_text(
        "body{font:16px/1.5 sans-serif;margin:2em auto;max-width:60em}img{margin:4px}"
        "h1{color:#246}p{columns:2}"
    )
    for number in range(12):
        (folder / f"{number}.png").write_bytes(png(160, 90, number + 2))
    pictures = "".join(f"<img src={number}.png width=160 height=90>" for number in range(12))
    pages = {
        "short": "<!doctype html><title>Short</title><h1>Hello</h1><p>A few words.",
        "article": f"<!doctype html><title>Article</title><link rel=stylesheet href=style.css>"
        f"<h1>Article</h1>{pictures}" + f"<p>{words}</p>" * 8,
        "script": "<!doctype html><title>Script</title><table id=t></table><script>"
        "for (let i = 0; i < 2000; i++) { const row = t.insertRow();"
        "for (let k = 0; k < 6; k++) row.insertCell().textContent = i * k }</script>",
    }
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html)
    return list(pages)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder over HTTP, from a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None:
            raise RuntimeError("the server has no output")
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


_SERVER = """
import http.server
class Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
print(server.server_port, flush=True)
server.serve_forever()
"""


def ours(site: str) -> Shoot:
    settings = Settings(allowed_private_hosts=(site.removeprefix("http://"),))

    def shoot(url: str) -> bytes:
        request = capture.ScreenshotRequest(url=url, width=WIDTH, height=HEIGHT)
        shot = capture.screenshot(request, settings, Deadline(SECONDS), Steps())
        return shot.picture.data

    return shoot


class Bare:
    """DevTools and nothing else."""

    def __init__(self, own_page: bool, cached: bool = True) -> None:
        self.browser = LocalBrowser(Deadline(SECONDS))
        self._own_page = own_page
        self._cached = cached
        self._free: list[tuple[str, str]] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        self.browser.stop()

    def __call__(self, url: str) -> bytes:
        with self._lock:
            kept = self._free.pop() if self._free else None
        context, session = kept or self._open()
        data = self._shoot(session, url)
        if self._own_page:
            self._call("Target.disposeBrowserContext", {"browserContextId": context})
        else:
            with self._lock:
                self._free.append((context, session))
        return data

    def _call(self, method: str, params: dict[str, object], session: str = "") -> dict[str, str]:
        return self.browser.connection.call(
            method, params, deadline=Deadline(SECONDS), session=session
        )

    def _open(self) -> tuple[str, str]:
        context = self._call("Target.createBrowserContext", {})["browserContextId"]
        target = self._call(
            "Target.createTarget", {"url": "about:blank", "browserContextId": context}
        )["targetId"]
        session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})[
            "sessionId"
        ]
        self._call("Page.enable", {}, session)
        if not self._cached:
            self._call("Network.enable", {}, session)
            self._call("Network.setCacheDisabled", {"cacheDisabled": True}, session)
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", dict(size), session)
        return context, session

    def _shoot(self, session: str, url: str) -> bytes:
        loaded = threading.Event()

        def listen(event: Event) -> None:
            if event["method"] == "Page.loadEventFired":
                loaded.set()

        self.browser.connection.listen(session, listen)
        self._call("Page.navigate", {"url": url}, session)
        if not loaded.wait(SECONDS):
            raise RuntimeError(f"{url} did not load")
        return base64.b64decode(
            self._call("Page.captureScreenshot", {"format": "png"}, session)["data"]
        )


class Peer:
    """One method of `capture_peers.py`, in a process that stays."""

    def __init__(self, python: str, method: str) -> None:
        self.method = method
        self._process = subprocess.Popen(
            [python, str(ROOT / "bench" / "capture_peers.py"), method, str(find_browser())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ask([])  # its browser has started

    def ask(self, urls: list[str]) -> list[float]:
        """Milliseconds for each of `urls`, all at once."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("no pipes")
        self._process.stdin.write(json.dumps(urls) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.method} ended")
        found: list[float] = json.loads(line)
        return found

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


def timed(shoot: Shoot, url: str) -> float:
    """Milliseconds of one picture, whose size is checked."""
    began = time.perf_counter()
    data = shoot(url)
    spent = (time.perf_counter() - began) * 1000
    if struct.unpack(">II", data[16:24]) != (WIDTH, HEIGHT):
        raise RuntimeError(f"{url}: a picture of another size")
    return spent


def command(python: str, code: list[str], urls: list[str]) -> list[float]:
    """Milliseconds of a whole process for each of `urls`, all at once."""
    began = time.perf_counter()
    running = [
        subprocess.Popen([python, *code, url], cwd=ROOT, stdout=subprocess.DEVNULL) for url in urls
    ]
    ends = []
    for process in running:
        if process.wait():
            raise RuntimeError(f"{code} failed")
        ends.append((time.perf_counter() - began) * 1000)
    return ends


def compare(site: str, pages: list[str], rounds: int, python: str) -> None:
    own = ours(site)
    peers_file = str(ROOT / "bench" / "capture_peers.py")
    browser = str(find_browser())
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(4))
        stack.callback(capture.close)

        def threads(shoot: Shoot) -> Callable[[list[str]], list[float]]:
            return lambda urls: list(pool.map(lambda url: timed(shoot, url), urls))

        methods: dict[str, Callable[[list[str]], list[float]]] = {"ours": threads(own)}
        for name, bare in (
            ("bare", Bare(False)),
            ("bare, no cache", Bare(False, cached=False)),
            ("bare, own page", Bare(True)),
        ):
            stack.callback(bare.close)
            methods[name] = threads(bare)
        if python:
            for name, method in (("shot-scraper +", "shot-scraper"), ("playwright", "playwright")):
                peer = Peer(python, method)
                stack.callback(peer.close)
                methods[name] = peer.ask
            scraper = [peers_file, "command", browser]
            methods["shot-scraper"] = lambda urls: command(python, scraper, urls)
        table("warm, 1 at once", site, pages, rounds, 1, methods)
        methods.pop("shot-scraper +", None)  # one after the other is all that it does
        table("warm, 4 at once", site, pages, rounds, 4, methods)
        cold = {
            "ours": lambda urls: command(sys.executable, ["-m", "bench.capture", "--one"], urls)
        }
        if python:
            plain = [peers_file, "playwright-command", browser]
            cold["shot-scraper"] = methods["shot-scraper"]
            cold["playwright"] = lambda urls: command(python, plain, urls)
        table("cold, a process each", site, pages[:1], max(3, rounds // 4), 1, cold)
    spent = []
    for _ in range(rounds):
        began = time.process_time()
        own(f"{site}/{pages[1]}.html")
        spent.append((time.process_time() - began) * 1000)
    print(f"\nprocessor time of our own process: {statistics.median(spent):.1f} ms a picture")
    capture.close()


def table(
    title: str,
    site: str,
    pages: list[str],
    rounds: int,
    at_once: int,
    methods: dict[str, Callable[[list[str]], list[float]]],
) -> None:
    print(f"\n{title}\n{'':16}" + "".join(f"{page:>18}" for page in pages))
    found: dict[tuple[str, str], list[float]] = {}
    for page in pages:
        url = f"{site}/{page}.html"
        for number in range(rounds + 1):
            for name, ask in methods.items():
                spent = ask([url] * at_once)
                if number:  # the first one warms up
                    found.setdefault((name, page), []).extend(spent)
    for name in methods:
        cells = []
        for page in pages:
            values = sorted(found[name, page])
            ninth = values[min(len(values) - 1, int(len(values) * 0.9))]
            cells.append(f"{statistics.median(values):9.0f} {ninth:7.0f} ")
        print(f"{name:16}" + "".join(cells), flush=True)


def soak(site: str, pages: list[str], count: int) -> None:
    """So many in a row, with a line on memory every 50."""
    shoot = ours(site)
    spent: list[float] = []
    print(f"{'captures':>8} {'p50 ms':>7} {'own MB':>7} {'chromium MB':>12} {'processes':>9}")
    for number in range(1, count + 1):
        spent.append(timed(shoot, f"{site}/{pages[number % len(pages)]}.html"))
        if number % 50 == 0:
            groups = [memory.processes(pid) for pid in capture._pool.pids]
            held = sum(process.megabytes for group in groups for process in group)
            many = sum(len(group) for group in groups)
            print(
                f"{number:8} {statistics.median(spent[-50:]):7.0f} {resident():7.1f} "
                f"{held:12.1f} {many:9}",
                flush=True,
            )
    capture.close()


def resident() -> float:
    """MB of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--peers", default="", help="Python of an environment with shot-scraper")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--soak", type=int, default=0, help="so many captures in a row instead")
    parser.add_argument("--one", default="", help="take one picture of this address and end")
    options = parser.parse_args()
    if find_browser() is None:
        print("Skipped: there is no Chromium on this machine.")
        return 0
    if options.one:
        timed(ours(options.one.rpartition("/")[0]), options.one)
        capture.close()
        return 0
    with tempfile.TemporaryDirectory() as folder:
        pages = write_pages(Path(folder))
        with served(Path(folder)) as site:
            if options.soak:
                soak(site, pages, options.soak)
            else:
                compare(site, pages, options.rounds, options.peers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
