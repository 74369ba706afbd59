"""What a browser, a page or the machine may do in the middle of the work."""

from __future__ import annotations

import io
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from creative import capture
from creative.capture import memory, pool, profiles, warm
from creative.capture.cdp import Refused
from creative.capture.chromium import find_browser
from creative.capture.page import Page
from creative.deadline import Deadline
from creative.errors import (
    CreativeError,
    DeadlineExceeded,
    EngineUnavailable,
    TooLarge,
)
from creative.settings import Settings
from creative.steps import Steps
from tests.pages import Site
from tests.processes import command_lines, gone, wait_until

installed = pytest.mark.skipif(find_browser() is None, reason="no Chromium on this machine")
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc on this machine")


def shoot(html: str = "<p>hi", seconds: float = 60, **fields: object) -> capture.Screenshot:
    return capture.screenshot(
        capture.ScreenshotRequest(**{"html": html, "width": 64, "height": 64, **fields}),
        Settings(),
        Deadline(seconds),
        Steps(),
    )


def current() -> warm.Warm:
    """The browser of calls that allow no private hosts."""
    return capture._pool._warm[()]


def kill_renderers() -> bool:
    """End every process that shows a page."""
    for process in memory.processes(current().browser.pid):
        if process.renders:
            os.kill(process.pid, signal.SIGKILL)
    return True


@pytest.fixture(scope="module", autouse=True)
def _ended() -> Iterator[None]:
    yield
    capture.close()


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A browser that no other test uses, with its profile apart from those of others."""
    capture.close()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    capture.close()


class TestQueue:
    """Without a browser: only who waits for what."""

    def test_the_first_that_would_wait_too_long_is_told_at_once(self) -> None:
        mine = pool.Pool(at_once=2, max_waiting=3)
        let_go = threading.Event()
        done: list[str] = []

        def call() -> None:
            with mine.turn(Deadline(60)):
                let_go.wait(60)
            done.append("done")

        threads = [threading.Thread(target=call) for _ in range(5)]
        for thread in threads:
            thread.start()
        assert wait_until(lambda: mine._waiting == 3, 20)
        began = time.monotonic()
        with (
            pytest.raises(EngineUnavailable, match="busy, and 3 screenshots wait"),
            mine.turn(Deadline(60)),
        ):
            pass
        assert time.monotonic() - began < 10
        let_go.set()
        for thread in threads:
            thread.join()
        assert done == ["done"] * 5
        with mine.turn(Deadline(0.1)):
            assert mine._waiting == 0

    def test_who_waits_in_vain_makes_room(self) -> None:
        mine = pool.Pool(at_once=1, max_waiting=1)
        with mine.turn(Deadline(5)):
            for _ in range(3):
                with pytest.raises(DeadlineExceeded), mine.turn(Deadline(0.05)):
                    pass


@pytest.mark.browser
@installed
class TestBrowser:
    def test_twenty_at_once(self) -> None:
        colours = [f"#{number * 12:02x}40{255 - number * 12:02x}" for number in range(20)]
        found: dict[int, object] = {}

        def call(number: int) -> None:
            try:
                shot = shoot(f"<body style='background:{colours[number]}'>", seconds=120)
                pixel = Image.open(io.BytesIO(shot.picture.data)).convert("RGB").getpixel((9, 9))
                found[number] = f"#{bytes(pixel).hex()}" if isinstance(pixel, tuple) else pixel
            except CreativeError as error:
                found[number] = error

        threads = [threading.Thread(target=call, args=[number]) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == dict(enumerate(colours))
        assert len(capture._pool._warm) == 1

    @pytest.mark.usefixtures("fresh")
    def test_an_old_browser_is_replaced_without_a_pause(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(warm, "MAX_PAGES", 3)
        started_by: list[str] = []

        class Watched(warm.Warm):
            def __init__(self, *given: Any) -> None:
                started_by.append(threading.current_thread().name)
                super().__init__(*given)

        monkeypatch.setattr(pool, "Warm", Watched)
        seen: list[int] = []
        end = time.monotonic() + 60
        while len(set(seen)) < 2:
            assert time.monotonic() < end
            shoot()
            seen.append(current().browser.pid)
        # The old one serves until its successor is ready: no call waits for a start.
        assert seen.count(seen[0]) >= 3
        assert started_by[0] == threading.current_thread().name
        assert set(started_by[1:]) == {"renew"}
        assert wait_until(lambda: gone(seen[0]), 30)

    @pytest.mark.usefixtures("fresh")
    def test_its_successor_is_not_left_behind_when_the_pool_closes(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(warm, "MAX_PAGES", 1)
        shoot()
        shoot()
        capture.close()
        assert wait_until(lambda: not capture._pool._successors, 60)
        assert capture._pool.pids == []
        mark = f"--user-data-dir={Path(tempfile.gettempdir()) / profiles.PREFIX}"
        assert wait_until(lambda: command_lines(mark) == [], 30)

    @linux
    @pytest.mark.usefixtures("fresh")
    def test_a_page_that_takes_all_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(memory.VARIABLE, "400")
        page = """<title>hog</title><script>const kept = [];
            for (let i = 0; i < 150; i++) kept.push(new Float64Array(1e6).fill(i));
            for (;;);</script>"""
        with pytest.raises(TooLarge, match=r"over 400 MB.*STUDIO_CHROMIUM_MEMORY_MB"):
            shoot(page)
        assert shoot("<title>next</title>").title == "next"

    @linux
    @pytest.mark.usefixtures("fresh")
    def test_others_go_on_while_a_hog_is_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(memory.VARIABLE, "500")
        page = """<script>const kept = [];
            for (let i = 0; i < 150; i++) kept.push(new Float64Array(1e6).fill(i));
            for (;;);</script>"""
        results: list[object] = []

        def hog() -> None:
            try:
                results.append(shoot(page))
            except CreativeError as error:
                results.append(error)

        shoot()
        thread = threading.Thread(target=hog)
        thread.start()
        while thread.is_alive():
            assert shoot("<title>small</title>").title == "small"
        assert isinstance(results[0], TooLarge), results

    def test_a_crash_that_is_no_matter_of_memory_says_so(self) -> None:
        shoot()
        lease = current().lease
        assert lease.blame() is None

    @linux
    def test_a_page_killed_from_outside(self) -> None:
        shoot()
        outcome: list[object] = []

        def call() -> None:
            try:
                outcome.append(shoot("<script>for(;;);</script>"))
            except CreativeError as error:
                outcome.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        # A process that was forked a moment ago does not yet say that it renders.
        assert wait_until(lambda: kill_renderers() and bool(outcome), 60)
        thread.join()
        assert isinstance(outcome[0], EngineUnavailable)
        assert "crashed" in str(outcome[0])
        assert shoot("<title>next</title>").title == "next"

    @linux
    def test_the_page_that_was_got_ready_killed_from_outside(self) -> None:
        shoot()
        blanks = current().lease.blanks
        assert wait_until(lambda: blanks._ready is not None, 30)
        assert wait_until(lambda: kill_renderers() and blanks._ready is None, 30)
        assert shoot("<title>next</title>").title == "next"

    def test_a_picture_of_100_mb(self) -> None:
        noise = Image.effect_noise((6000, 5600), 80).convert("RGB")
        buffer = io.BytesIO()
        noise.save(buffer, "BMP")
        data = buffer.getvalue()
        assert len(data) > 100_000_000

        def serve(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Type", "image/bmp")
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)

        with Site() as site:
            site.pages["/big.bmp"] = serve
            site.pages["/"] = "<title>big</title><img src=/big.bmp width=64>"
            shot = capture.screenshot(
                capture.ScreenshotRequest(url=site.url, width=64, height=64),
                Settings(allowed_private_hosts=(site.name,)),
                Deadline(60),
                Steps(),
            )
        assert shot.title == "big"
        colours = Image.open(io.BytesIO(shot.picture.data)).convert("L").getextrema()
        assert colours[0] != colours[1]

    def test_webgl(self) -> None:
        page = """<body style='margin:0'><canvas id=c width=64 height=64></canvas><script>
            const gl = document.getElementById('c').getContext('webgl',
                {preserveDrawingBuffer: true});
            gl.clearColor(0, 1, 0, 1); gl.clear(gl.COLOR_BUFFER_BIT)</script>"""
        picture = Image.open(io.BytesIO(shoot(page).picture.data)).convert("RGB")
        assert picture.getpixel((32, 32)) == (0, 255, 0)

    @pytest.mark.parametrize("times", [1, 2])
    def test_a_browser_that_has_no_frame_yet(
        self, monkeypatch: pytest.MonkeyPatch, times: int
    ) -> None:
        usual, left = Page.call, [times]

        def call(page: Page, method: str, *given: Any) -> dict[str, Any]:
            if method == "Page.captureScreenshot" and left[0]:
                left[0] -= 1
                raise Refused(method, "Unable to capture screenshot")
            return usual(page, method, *given)

        monkeypatch.setattr(Page, "call", call)
        if times == 1:
            assert shoot().picture.width == 64
        else:
            with pytest.raises(Refused, match="Unable to capture"):
                shoot()

    def test_each_page_is_used_once(self) -> None:
        with Site() as site:
            site.pages["/"] = (
                "<script>document.title = localStorage.n = +(localStorage.n||0)+1</script>"
            )
            titles = [
                capture.screenshot(
                    capture.ScreenshotRequest(url=site.url, width=64, height=64),
                    Settings(allowed_private_hosts=(site.name,)),
                    Deadline(60),
                    Steps(),
                ).title
                for _ in range(4)
            ]
        assert titles == ["1"] * 4

    def test_used_pages_are_closed(self) -> None:
        for _ in range(5):
            shoot()
        connection = current().browser.connection

        def pages() -> int:
            answer = connection.call("Target.getTargets", deadline=Deadline(30))
            return sum(target["type"] == "page" for target in answer["targetInfos"])

        # Only the one that was got ready is left.
        assert wait_until(lambda: pages() == 1, 30)
