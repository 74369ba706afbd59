"""The browser's process: found, warm, restarted, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from creative import capture
from creative.capture import chromium, pool
from creative.capture.chromium import LocalBrowser, arguments, find_browser
from creative.capture.guard import Guard
from creative.deadline import Deadline
from creative.errors import (
    DeadlineExceeded,
    EngineUnavailable,
)
from creative.settings import Settings
from creative.steps import Steps
from tests.processes import command_lines, wait_until

ROOT = Path(__file__).resolve().parent.parent
browser = pytest.mark.browser
installed = pytest.mark.skipif(find_browser() is None, reason="no Chromium on this machine")


def shoot(html: str = "<p>hi", seconds: float = 60, **settings: str) -> capture.Screenshot:
    return capture.screenshot(
        capture.ScreenshotRequest(html=html, width=64, height=64),
        Settings.from_credentials(settings),
        Deadline(seconds),
        Steps(),
    )


def running() -> LocalBrowser:
    """The one warm browser."""
    (warm,) = capture._pool._warm.values()
    return warm.browser


@browser
@installed
class TestLocal:
    @pytest.fixture(autouse=True)
    def _ends(self) -> Iterator[None]:
        capture.close()
        yield
        capture.close()

    def test_it_stays_warm_and_goes_on_close(self) -> None:
        shoot()
        first = running()
        shoot()
        assert running() is first
        assert command_lines(first.profile)
        capture.close()
        # What was killed last may take a moment to be gone.
        assert wait_until(lambda: command_lines(first.profile) == [], 30)
        assert not Path(first.profile).exists()

    def test_it_ends_when_it_idles(self) -> None:
        mine = pool.Pool(idle_seconds=0.2)
        with mine.lease(Settings(), Guard(), Deadline(60)):
            (warm,) = mine._warm.values()
            time.sleep(0.5)
            assert warm.browser.alive
        assert wait_until(lambda: command_lines(warm.browser.profile) == [], 30)
        assert mine.pids == []

    def test_killed_between_two_calls(self) -> None:
        shoot()
        first = running()
        os.killpg(first.pid, signal.SIGKILL)
        assert shoot().picture.width == 64
        assert running() is not first
        assert wait_until(lambda: command_lines(first.profile) == [], 30)

    def test_killed_in_the_middle_it_is_restarted_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shoot()
        first = running()
        usual, calls = capture.picture, []

        def kill_first(*given: object) -> capture.Screenshot:
            calls.append(given)
            if len(calls) == 1:
                os.killpg(running().pid, signal.SIGKILL)
            return usual(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(capture, "picture", kill_first)
        assert shoot().picture.width == 64
        assert len(calls) == 2
        assert running() is not first

    def test_killed_every_time_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        usual = capture.picture

        def kill(*given: object) -> capture.Screenshot:
            os.killpg(running().pid, signal.SIGKILL)
            return usual(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(capture, "picture", kill)
        with pytest.raises(EngineUnavailable, match="connection to it ended"):
            shoot()

    def test_a_crashed_tab_is_an_error_and_the_browser_serves_on(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usual = capture.picture

        def crash(page: object, *given: object) -> capture.Screenshot:
            page._connection.send("Page.crash", {}, page._session)  # type: ignore[attr-defined]
            return usual(page, *given)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(capture, "picture", crash)
            with pytest.raises(EngineUnavailable, match="crashed"):
                shoot()
        first = running()
        assert shoot().picture.width == 64
        assert running() is first

    @pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, None])
    def test_no_browser_outlives_its_owner(self, ending: signal.Signals | None) -> None:
        program = (
            "import sys, time\n"
            "from creative import capture\n"
            "from creative.deadline import Deadline\n"
            "from creative.settings import Settings\n"
            "from creative.steps import Steps\n"
            "capture.screenshot(capture.ScreenshotRequest(html='<p>'), Settings(), Deadline(60),"
            " Steps())\n"
            "(warm,) = capture._pool._warm.values()\n"
            "print(warm.browser.profile, flush=True)\n"
            "sys.stdin.readline()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as owner:
            assert owner.stdout is not None
            assert owner.stdin is not None
            profile = owner.stdout.readline().strip()
            assert command_lines(profile)
            if ending is None:
                owner.stdin.close()  # it ends by itself
            else:
                owner.send_signal(ending)
            owner.wait(60)
        assert wait_until(lambda: command_lines(profile) == [], 30)
        assert wait_until(lambda: not Path(profile).exists(), 30)

    def test_turns_are_waited_for_within_the_deadline(self) -> None:
        mine = pool.Pool(at_once=1)
        with (
            mine.turn(Deadline(5)),
            pytest.raises(DeadlineExceeded, match="other screenshots"),
            mine.turn(Deadline(0.1)),
        ):
            pass
        with mine.turn(Deadline(0.1)):
            pass

    def test_the_browser_gets_none_of_our_secrets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STUDIO_OPENAI_API_KEY", "hunter2")
        shoot()
        if not Path("/proc").is_dir():
            pytest.skip("no /proc to look into")
        looked_into = 0
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if running().profile.encode() in (folder / "cmdline").read_bytes():
                    assert b"hunter2" not in (folder / "environ").read_bytes()
                    looked_into += 1
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
            except PermissionError:
                continue  # sandboxed: only root may look into it
        assert looked_into


class TestFinding:
    def test_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for variable in chromium.VARIABLES:
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setattr(chromium, "PLACES", ())
        assert find_browser() is None
        with pytest.raises(EngineUnavailable, match="apt install chromium") as caught:
            LocalBrowser(Deadline(5))
        assert "browser_url" in caught.value.hint

    def test_variable_first_then_path_then_caches(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        def program(place: str) -> str:
            path = tmp_path / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#!/bin/sh\nexit 7\n")
            path.chmod(0o755)
            return str(path)

        for variable in chromium.VARIABLES:
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        monkeypatch.setattr(chromium, "PLACES", ())
        cached = program(".cache/ms-playwright/chromium-1200/chrome-linux/chrome")
        assert find_browser() == cached
        on_path = program("bin/google-chrome")
        assert find_browser() == on_path
        named = program("mine")
        monkeypatch.setenv("STUDIO_CHROMIUM", named)
        assert find_browser() == named

    def test_a_variable_that_names_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STUDIO_CHROMIUM", "/no/such/browser")
        assert find_browser() is None
        with pytest.raises(EngineUnavailable, match="STUDIO_CHROMIUM names /no/such/browser"):
            LocalBrowser(Deadline(5))

    def test_a_program_that_is_no_browser(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        broken = tmp_path / "chromium"
        broken.write_text("#!/bin/sh\necho cannot open shared libraries >&2\nexit 127\n")
        broken.chmod(0o755)
        monkeypatch.setenv("STUDIO_CHROMIUM", str(broken))
        failed = LocalBrowser._failed

        def late(browser: LocalBrowser) -> EngineUnavailable:
            time.sleep(0.3)  # on a busy machine the shell has tidied up by now
            return failed(browser)

        monkeypatch.setattr(LocalBrowser, "_failed", late)
        with pytest.raises(EngineUnavailable, match="ended when it was started") as caught:
            LocalBrowser(Deadline(10))
        assert "cannot open shared libraries" in str(caught.value)
        assert "Install the missing library" in str(caught.value)

    def test_a_browser_that_never_answers(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        mute = tmp_path / "chromium"
        mute.write_text("#!/bin/sh\nsleep 300\n")
        mute.chmod(0o755)
        monkeypatch.setenv("STUDIO_CHROMIUM", str(mute))
        monkeypatch.setattr(chromium, "STOP_SECONDS", 0.2)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with pytest.raises(DeadlineExceeded, match="starting Chromium"):
            LocalBrowser(Deadline(0.5))
        assert wait_until(lambda: command_lines(str(tmp_path)) == [], 30)
        assert list(tmp_path.iterdir()) == [mute]

    @pytest.mark.parametrize(("user", "expected"), [(0, True), (1000, False)])
    def test_the_sandbox_is_off_for_root_only(
        self, monkeypatch: pytest.MonkeyPatch, user: int, expected: bool
    ) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: user)
        assert ("--no-sandbox" in arguments("chromium", "profile")) is expected
