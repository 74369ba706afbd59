"""Files of runs: one copy per content, named by its SHA-256, for as long as retention says.

A copy, not a link: who edits the file in `out/` must not edit history with it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, func, select, update

from runtime.ledger import status
from runtime.ledger.owners import Place
from runtime.ledger.schema import Database, files, runs

BATCH = 200
"""Rows and files per transaction, so that no run waits long for the lock."""
PRUNE_EVERY_SECONDS = 600.0


class FileStore:
    """The copies."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.folder = place.folder / "files"

    def path(self, sha256: str) -> Path:
        """Where the copy of that content is, if there is one."""
        return self.folder / sha256[:2] / sha256

    def keep(self, data: bytes) -> str:
        """Copy a content, unless it is there; returns its SHA-256.

        Belongs into `Database.recording`, with the row that names it.

        Raises:
            OSError: the disk is full, or the folder cannot be written.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        target = self.path(sha256)
        if target.is_file() and target.stat().st_size == len(data):
            return sha256
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # a row that names it must not outlive it
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return sha256

    def copies(self) -> dict[Path, int]:
        """All copies, also unfinished ones of killed processes, and their sizes in bytes."""
        return {path: path.stat().st_size for path in self.folder.glob("??/*")}


@dataclass(frozen=True)
class Pruned:
    """What retention removed."""

    runs: int = 0
    files: int = 0


def prune(
    database: Database,
    store: FileStore,
    keep_days: float,
    keep_mb: float,
    stop: threading.Event | None = None,
) -> Pruned:
    """Forget runs older than `keep_days`, then the oldest copies beyond `keep_mb`.

    A run that goes on is never touched; a run whose copies went keeps its row, and its files say
    when they were removed. Ends early, between two batches, when `stop` is set.
    """
    stop = stop or threading.Event()
    forgotten = 0
    while not stop.is_set() and (batch := _old_runs(database, keep_days)):
        with database.writing() as connection:
            connection.execute(delete(runs).where(runs.c.id.in_(batch)))
        forgotten += len(batch)
    removed = 0
    while not stop.is_set():
        with store.place.guard("files"):
            surplus = _surplus(database, store, keep_mb)
            if not surplus:
                break
            # The row first: a row without its file would be a lie, a file without a row is
            # found again the next time.
            with database.writing() as connection:
                connection.execute(
                    update(files)
                    .where(files.c.sha256.in_([path.name for path in surplus]))
                    .where(files.c.kept == 1, files.c.removed.is_(None))
                    .where(
                        files.c.run_id.in_(select(runs.c.id).where(runs.c.place == store.place.id))
                    )
                    .values(removed=time.time())
                )
            for path in surplus:
                path.unlink(missing_ok=True)
        removed += len(surplus)
    return Pruned(forgotten, removed)


def _old_runs(database: Database, keep_days: float) -> Sequence[str]:
    with database.reading() as connection:
        return (
            connection.execute(
                select(runs.c.id)
                .where(runs.c.started < time.time() - keep_days * 86400)
                .where(runs.c.status != status.RUNNING)
                .limit(BATCH)
            )
            .scalars()
            .all()
        )


def _surplus(database: Database, store: FileStore, keep_mb: float) -> list[Path]:
    """A surplus of copies to remove: those that no run names, then the oldest beyond the size."""
    copies = store.copies()
    with database.reading() as connection:
        named = connection.execute(
            select(files.c.sha256, func.max(runs.c.started).label("used"))
            .join(runs, runs.c.id == files.c.run_id)
            .where(runs.c.place == store.place.id, files.c.kept == 1, files.c.removed.is_(None))
            .group_by(files.c.sha256)
        ).all()
    used = {row.sha256: row.used for row in named}
    surplus = [path for path in copies if path.name not in used]
    wanted = sorted((path for path in copies if path.name in used), key=lambda p: used[p.name])
    total = sum(copies[path] for path in wanted)
    for path in wanted:
        if total <= keep_mb * 2**20:
            break
        surplus.append(path)
        total -= copies[path]
    return surplus[:BATCH]
