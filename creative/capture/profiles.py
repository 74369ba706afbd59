"""Profile folders of local browsers: each of one running browser, none left behind.

The shell that starts a browser removes its folder afterwards (see chromium.py). Where that is
killed too, as with a whole container, the folder stays; the next start removes it. Whose owner
still runs is told by a lock, which ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO

PREFIX = "creative-studio-browser-"
YOUNG_SECONDS = 60.0
"""A folder without a lock may be one that is just being made."""

_LOCK = "owner"


def claim() -> tuple[str, IO[bytes]]:
    """A new folder, and the lock that says it is in use: to be closed after the folder is gone.

    Folders that dead owners left behind are removed on the way.
    """
    import fcntl

    _sweep()
    folder = tempfile.mkdtemp(prefix=PREFIX)
    lock = (Path(folder) / _LOCK).open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return folder, lock


def _sweep() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody else removes it at the same time
            about = folder.lstat()
            if about.st_uid == os.geteuid() and folder.is_dir() and not folder.is_symlink():
                _remove_abandoned(folder, time.time() - about.st_mtime)


def _remove_abandoned(folder: Path, age: float) -> None:
    import fcntl

    try:
        lock = (folder / _LOCK).open("rb")
    except FileNotFoundError:
        if age > YOUNG_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # its owner lives
        shutil.rmtree(folder, ignore_errors=True)
