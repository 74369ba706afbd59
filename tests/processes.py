"""Waiting for processes and other things that happen by themselves."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path


def gone(pid: int) -> bool:
    """No such process; one that ended and was not yet collected counts as gone."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether `condition` came true within `seconds`; so many, because machines are busy."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def children(pid: int) -> list[int]:
    """Processes that a process has started and that are there still."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread, or the process, has just ended
            found += [int(child) for child in task.read_text(encoding="utf-8").split()]
    return found


def command_lines(mark: str) -> list[str]:
    """Command lines on this machine that contain `mark`; no `ps` is needed."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes()
        except OSError:  # it ended, or is not ours to look at
            continue
        line = words.replace(b"\0", b" ").decode(errors="replace").strip()
        if mark in line:
            found.append(line)
    return found
