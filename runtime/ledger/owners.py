"""Who is alive: a lock per process, which the kernel lets go when the process ends.

A row that says "running" is believed only while its owner holds its lock; no process id, boot
time or clock has to be compared. Locks and files lie in one place, which has a random id, since
a database may be shared by several machines.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runtime.files import write_whole


class Place:
    """The ledger's folder on this machine.

    Raises:
        OSError: it cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._locks = folder / "alive"
        # What people's nodes were given is their own business.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._locks.mkdir(exist_ok=True)
        with self.guard("place"):
            name = folder / "place"
            if not name.is_file() or not name.read_text(encoding="ascii").strip():
                write_whole(name, secrets.token_hex(8).encode())
            self.id = name.read_text(encoding="ascii").strip()

    @contextlib.contextmanager
    def guard(self, name: str, *, shared: bool = False) -> Iterator[None]:
        """One process at a time (or several that share) in the block."""
        with (self.folder / f"{name}.lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            yield  # closing the file lets the lock go

    def enter(self) -> Owner:
        """Say that this process is alive, until it ends or `Owner.leave`."""
        token = secrets.token_hex(8)
        path = self._locks / token
        with self.guard("alive"):  # nobody takes it for dead before it is locked
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        return Owner(token, path, descriptor)

    def is_alive(self, token: str) -> bool:
        """Whether the owner of that token, of this place, still holds its lock."""
        path = self._locks / token
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def dead(self) -> dict[str, list[dict[str, Any]]]:
        """Owners that ended without `Owner.leave`, and what they have noted."""
        with self.guard("alive"):
            tokens = [path.name for path in self._locks.iterdir() if not self.is_alive(path.name)]
            return {token: list(self._notes(token)) for token in tokens}

    def _notes(self, token: str) -> Iterator[dict[str, Any]]:
        try:
            noted = (self._locks / token).read_bytes()
        except FileNotFoundError:  # its owner has left just now, or somebody was faster than we
            return
        for line in noted.splitlines():
            with contextlib.suppress(ValueError):  # the power went while it was written
                yield json.loads(line)

    def forget(self, token: str) -> None:
        """Remove the lock of an owner that is gone."""
        (self._locks / token).unlink(missing_ok=True)


class Owner:
    """This process, as others see it."""

    def __init__(self, token: str, path: Path, descriptor: int) -> None:
        self.token = token
        self._path = path
        self._descriptor = descriptor

    def note(self, run: Mapping[str, Any]) -> None:
        """Note a run that begins, for those who come after us if we end too soon.

        It takes less than a millisecond, where opening the database takes half a second.
        """
        line = json.dumps(run, separators=(",", ":")) + "\n"
        os.write(self._descriptor, line.encode())

    def forget(self) -> None:
        """Drop the notes: all that they say is in the database."""
        os.ftruncate(self._descriptor, 0)

    def leave(self) -> None:
        """Not alive any more."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
