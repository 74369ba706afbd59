"""Our own plugin as a process: it starts from its package, and nothing of it stays."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from creative.capture import find_browser
from runtime import declaration, package
from runtime.host import Host, open_plugin
from runtime.host.messages import Result
from runtime.host.parameters import prepare
from runtime.paths import PROJECT
from tests.processes import gone, wait_until

browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium or Chrome here")


def call(host: Host, name: str, **parameters: Any) -> Result:
    _, tool = host.find(name)
    return Result.collect(host.invoke(name, prepare(tool, parameters)))


@browser
def test_no_chromium_outlives_the_plugin() -> None:
    def ours(pid: int) -> bool:
        """Whether a process descends from this one: others may run a Chromium of their own."""
        while pid > 1:
            if pid == os.getpid():
                return True
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            pid = int(stat.rpartition(")")[2].split()[1])
        return False

    def chromiums() -> set[int]:
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    command = (entry / "cmdline").read_bytes()
                    if b"--user-data-dir=" in command and b"--type=" not in command:
                        found |= {int(entry.name)} if ours(int(entry.name)) else set()
                except OSError:
                    continue
        return found

    before = chromiums()
    with open_plugin(PROJECT) as host:
        call(host, "capture_screenshot", html="<h1>Box", width=801, height=333)
        started = chromiums() - before
        assert started
    # An orphan has another parent: it is looked for by its number.
    assert wait_until(lambda: all(gone(pid) for pid in started))


def test_the_plugin_starts_from_its_own_package(tmp_path: Path) -> None:
    """What is packed is enough to run: nothing from the project's folder is missing in it."""
    built = package.build(PROJECT, tmp_path / "ours.difypkg")
    package.extract(built.path, tmp_path / "plugin")
    declared = declaration.from_folder(tmp_path / "plugin")
    assert not (tmp_path / "plugin" / "runtime").exists()
    with Host(declared, tmp_path / "plugin", sys.executable) as host:
        result = call(host, "cluster_keywords", keywords="a cat\na dog")
    assert result.variables["summary"]["keyword_count"] == 2
    shutil.rmtree(tmp_path / "plugin")
