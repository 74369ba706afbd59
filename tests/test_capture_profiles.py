"""What browsers leave behind, and how much memory they may take: without a browser."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from creative.capture import memory, profiles, warm
from creative.capture.guard import Guard
from creative.deadline import Deadline
from creative.errors import (
    InvalidInput,
)

linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc on this machine")


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
