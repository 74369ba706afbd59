"""How much memory a local browser's processes use, from /proc (Linux; elsewhere unknown)."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from creative.errors import InvalidInput

VARIABLE = "STUDIO_CHROMIUM_MEMORY_MB"
DEFAULT_MB = 2048
"""Most memory of one browser, all its processes together. The largest picture that is allowed
(64 million pixels) takes about 1.2 GB."""
MIN_MB = 256

_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process of a browser.

    Attributes:
        pid: its id.
        megabytes: that it holds itself: not the program's own pages, which all share.
        renders: whether it shows pages of one call, rather than serving all.
    """

    pid: int
    megabytes: float
    renders: bool


def limit_mb() -> int:
    """STUDIO_CHROMIUM_MEMORY_MB, or DEFAULT_MB.

    Raises:
        InvalidInput: it is no number from MIN_MB up.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if not given:
        return DEFAULT_MB
    if not (given.isascii() and given.isdigit() and int(given) >= MIN_MB):
        raise InvalidInput(VARIABLE, given, f"a whole number of megabytes, {MIN_MB} and up")
    return int(given)


def processes(group: int) -> list[Process]:
    """The processes of a group; none where there is no /proc."""
    found = []
    with suppress(OSError):
        for entry in os.scandir(_PROC):
            if entry.name.isdigit():
                process = _process(entry.name, group)
                if process is not None:
                    found.append(process)
    return found


def end_largest(group: list[Process]) -> bool:
    """Kill the process that shows the page with the most memory, if pages hold the most of it.

    Returns:
        Whether one was killed; if not, the browser as a whole is what is large.
    """
    rendering = [process for process in group if process.renders]
    share = sum(process.megabytes for process in rendering)
    if not rendering or share < sum(process.megabytes for process in group) / 2:
        return False
    with suppress(ProcessLookupError):
        os.kill(max(rendering, key=lambda process: process.megabytes).pid, signal.SIGKILL)
    return True


def _process(pid: str, group: int) -> Process | None:
    folder = _PROC / pid
    try:
        # The name in parentheses may hold anything; the group is the third field after it.
        told = (folder / "stat").read_bytes().rpartition(b")")[2].split()
        if int(told[2]) != group:
            return None
        kilobytes = sum(
            int(line.split()[1])
            for line in (folder / "status").read_bytes().splitlines()
            if line.startswith((b"RssAnon:", b"RssShmem:"))
        )
        renders = b"--type=renderer" in (folder / "cmdline").read_bytes()
    except (OSError, IndexError, ValueError):
        return None  # it ended while it was looked at
    return Process(int(pid), kilobytes / 1024, renders)
