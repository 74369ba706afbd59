"""Files: written whole or not at all, read up to a limit."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path


class FileTooLarge(Exception):
    """A file is larger than may be read; the message goes on after the file's name."""


def read_bounded(path: Path, most: int) -> bytes:
    """A file's bytes; whatever people name may be /dev/zero, which never ends.

    Args:
        path: of the file.
        most: bytes that are read at most; a whole number of MB.

    Raises:
        OSError: it cannot be read.
        FileTooLarge: there is more in it.
    """
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise FileTooLarge(f"is larger than {most // 2**20} MB")
    return data


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it appears under its name when it is complete, never before.

    A link is followed. Permissions are what the umask allows.

    Raises:
        OSError: it cannot be written, or the place is taken by something that is no file: a
            rename would put a file where, say, /dev/null was.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "something that is not a regular file is in its place")
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as part:
            part.write(data)
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
