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
RENEW_LOOKS = 20
"""After so many looks, processes that were none of ours are looked at again."""

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


class Group:
    """The processes of a browser, looked at again and again.

    Args:
        number: of the process group.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._ours: set[str] = set()
        self._others: set[str] = set()
        self._looks = 0

    def at_most(self) -> float:
        """Megabytes that they use together at most: what they share counts for each. Cheap."""
        if self._looks % RENEW_LOOKS == 0:
            self._others.clear()  # numbers of processes are used again
        self._looks += 1
        pages = 0
        for pid in self._find():
            with suppress(OSError, IndexError, ValueError):
                pages += int((_PROC / pid / "statm").read_bytes().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def _find(self) -> set[str]:
        try:
            running = {one.name for one in os.scandir(_PROC) if one.name.isdigit()}
        except OSError:
            return set()
        self._ours &= running
        self._others &= running
        for pid in running - self._ours - self._others:
            (self._ours if _group(pid) == self._number else self._others).add(pid)
        return self._ours


def processes(group: int) -> list[Process]:
    """The processes of a group; none where there is no /proc."""
    found = []
    with suppress(OSError):
        for name in [one.name for one in os.scandir(_PROC)]:
            if name.isdigit() and _group(name) == group:
                process = _process(name)
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


def _group(pid: str) -> int | None:
    try:
        # The name in parentheses may hold anything; the group is the third field after it.
        return int((_PROC / pid / "stat").read_bytes().rpartition(b")")[2].split()[2])
    except (OSError, IndexError, ValueError):
        return None  # it ended while it was looked at


def _process(pid: str) -> Process | None:
    folder = _PROC / pid
    try:
        kilobytes = sum(
            int(line.split()[1])
            for line in (folder / "status").read_bytes().splitlines()
            if line.startswith((b"RssAnon:", b"RssShmem:"))
        )
        renders = b"--type=renderer" in (folder / "cmdline").read_bytes()
    except (OSError, IndexError, ValueError):
        return None
    return Process(int(pid), kilobytes / 1024, renders)
