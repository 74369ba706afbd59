"""What a browser, a page or the machine may do in the middle of the work."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
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
from creative.capture.guard import Guard
from creative.capture.page import Page
from creative.deadline import Deadline
from creative.errors import (
    CreativeError,
    DeadlineExceeded,
    EngineUnavailable,
    InvalidInput,
    TooLarge,
)
from creative.settings import Settings
from creative.steps import Steps
from tests.pages import Site
from tests.processes import command_lines, gone, wait_until

installed = pytest.mark.skipif(find_browser() is None, reason="no Chromium on this machine")
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc on this machine")


def shoot(html: str = "<p>hi", seconds: float = 30, **fields: object) -> capture.Screenshot:
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
            with mine.turn(Deadline(20)):
                let_go.wait(20)
            done.append("done")

        threads = [threading.Thread(target=call) for _ in range(5)]
        for thread in threads:
            thread.start()
        assert wait_until(lambda: mine._waiting == 3)
        began = time.monotonic()
        with (
            pytest.raises(EngineUnavailable, match="busy, and 3 screenshots wait"),
            mine.turn(Deadline(20)),
        ):
            pass
        assert time.monotonic() - began < 1
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
                shot = shoot(f"<body style='background:{colours[number]}'>", seconds=60)
                pixel = Image.open(io.BytesIO(shot.picture.data)).convert("RGB").getpixel((9, 9))
                found[number] = "#{:02x}{:02x}{:02x}".format(*pixel)
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
        while len(set(seen)) < 2:
            assert len(seen) < 100
            shoot()
            seen.append(current().browser.pid)
        # The old one serves until its successor is ready: no call waits for a start.
        assert seen.count(seen[0]) >= 3
        assert started_by[0] == threading.current_thread().name
        assert set(started_by[1:]) == {"renew"}
        assert wait_until(lambda: gone(seen[0]), 10)

    @pytest.mark.usefixtures("fresh")
    def test_its_successor_is_not_left_behind_when_the_pool_closes(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(warm, "MAX_PAGES", 1)
        shoot()
        shoot()
        capture.close()
        assert wait_until(lambda: not capture._pool._successors, 20)
        assert capture._pool.pids == []
        mark = f"--user-data-dir={Path(tempfile.gettempdir()) / profiles.PREFIX}"
        assert wait_until(lambda: command_lines(mark) == [], 10)

    @linux
    @pytest.mark.usefixtures("fresh")
    def test_a_page_that_takes_all_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(memory.VARIABLE, "400")
        page = """<title>hog</title><script>const kept = [];
            for (let i = 0; i < 150; i++) kept.push(new Float64Array(1e6).fill(i))</script>"""
        with pytest.raises(TooLarge, match=r"over 400 MB.*STUDIO_CHROMIUM_MEMORY_MB"):
            shoot(page)
        assert shoot("<title>next</title>").title == "next"

    @linux
    @pytest.mark.usefixtures("fresh")
    def test_others_go_on_while_a_hog_is_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(memory.VARIABLE, "500")
        page = """<script>const kept = [];
            for (let i = 0; i < 150; i++) kept.push(new Float64Array(1e6).fill(i))
            </script>"""
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
        assert wait_until(lambda: kill_renderers() and bool(outcome), 20)
        thread.join()
        assert isinstance(outcome[0], EngineUnavailable)
        assert "crashed" in str(outcome[0])
        assert shoot("<title>next</title>").title == "next"

    @linux
    def test_the_page_that_was_got_ready_killed_from_outside(self) -> None:
        shoot()
        blanks = current().lease.blanks
        assert wait_until(lambda: blanks._ready is not None)
        assert wait_until(lambda: kill_renderers() and blanks._ready is None)
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
                    Deadline(30),
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
            answer = connection.call("Target.getTargets", deadline=Deadline(5))
            return sum(target["type"] == "page" for target in answer["targetInfos"])

        # Only the one that was got ready is left.
        assert wait_until(lambda: pages() == 1)


class TestProfiles:
    @pytest.fixture(autouse=True)
    def _elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def test_what_dead_owners_left_goes_and_what_is_used_stays(self, tmp_path: Path) -> None:
        program = (
            "import sys; from creative.capture import profiles; import tempfile\n"
            f"tempfile.tempdir = {str(tmp_path)!r}\n"
            "claim = profiles.claim(); print(claim[0], flush=True); sys.stdin.readline()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as owner:
            assert owner.stdout is not None
            theirs = Path(owner.stdout.readline().strip())
            first, lock = profiles.claim()
            assert theirs.is_dir()
            owner.kill()
            owner.wait()
        second, other = profiles.claim()
        assert not theirs.exists()
        assert Path(first).is_dir()
        lock.close()
        other.close()
        profiles.claim()[1].close()
        assert not Path(first).exists()
        assert not Path(second).exists()

    def test_folders_without_a_lock_are_given_a_minute(self, tmp_path: Path) -> None:
        folder = tmp_path / f"{profiles.PREFIX}new"
        folder.mkdir()
        profiles.claim()[1].close()
        assert folder.is_dir()
        os.utime(folder, (time.time() - 120,) * 2)
        profiles.claim()[1].close()
        assert not folder.exists()

    def test_nothing_is_removed_through_a_link(self, tmp_path: Path) -> None:
        precious = tmp_path / "precious"
        precious.mkdir()
        (precious / "file").touch()
        (tmp_path / f"{profiles.PREFIX}link").symlink_to(precious)
        os.utime(precious, (0, 0))
        profiles.claim()[1].close()
        assert (precious / "file").exists()


class TestMemory:
    @linux
    def test_of_a_group(self) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", "x = b'x' * 60_000_000; print(len(x), flush=True); input()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            (found,) = memory.processes(process.pid)
            assert found.pid == process.pid
            assert 57 < found.megabytes < 120
            assert not found.renders
            watched = memory.Group(process.pid)
            for _ in range(memory.RENEW_LOOKS + 2):
                assert found.megabytes <= watched.at_most() < 160
            process.kill()
        assert memory.processes(process.pid) == []
        assert watched.at_most() == 0

    @pytest.mark.parametrize("given", ["no", "0", "100", "-5", "1e9"])
    def test_a_limit_that_is_none(self, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(memory.VARIABLE, given)
        with pytest.raises(InvalidInput, match=memory.VARIABLE):
            warm.Warm(Guard(), Deadline(5))

    def test_a_browser_that_is_itself_too_large_is_not_blamed_on_a_page(self) -> None:
        group = [memory.Process(-1, 900, False), memory.Process(-1, 100, True)]
        assert not memory.end_largest(group)
        assert not memory.end_largest(group[:1])
