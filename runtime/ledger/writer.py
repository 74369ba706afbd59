"""The thread that writes: runs hand it what is to be written and go on.

What has come together is written in one transaction, and tried again when the database is
busy. A failure is told once; the run goes on.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from runtime.ledger.schema import Database

Job = Callable[["Connection"], None]
"""Writes something; it may be called again after its transaction failed."""

HEARTBEAT_SECONDS = 20.0
"""So often a run says that it goes on, also when it has nothing else to say."""
BEAT_SECONDS = 1.0
"""So often at most when it has."""
FLUSH_SECONDS = 20.0
TRIES = 3


class Writer:
    """One thread, started with the first job.

    Args:
        open_database: called in the thread.
        beat: a job that says that we are alive, done now and then.
        on_notice: told (kind, text) what could not be written.
    """

    def __init__(
        self,
        open_database: Callable[[], Database],
        beat: Job,
        on_notice: Callable[[str, str], None],
    ) -> None:
        self._open = open_database
        self._beat = beat
        self._notice = on_notice
        self._queue: queue.SimpleQueue[Job | threading.Event | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._database: Database | None = None
        self._told = False

    def put(self, job: Job) -> None:
        """Have it written."""
        with self._starting:  # two runs that begin at once share the thread
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
                self._thread.start()
        self._queue.put(job)

    def flush(self) -> bool:
        """Wait until everything up to now is written, or given up; False: it takes too long."""
        if self._thread is None:
            return True
        written = threading.Event()
        self._queue.put(written)
        if written.wait(FLUSH_SECONDS):
            return True
        self._tell(f"The ledger was not written within {FLUSH_SECONDS:g} s; the run goes on.")
        return False

    def close(self) -> None:
        """Write what is left and end."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(FLUSH_SECONDS)

    def _work(self) -> None:
        try:
            self._database = self._open()
        except Exception as error:  # noqa: BLE001 - a run must not fail because of its ledger
            self._tell(f"This run is not kept. {_said(error)}")
        goes_on, beaten = True, time.monotonic()
        while goes_on:
            try:
                taken = [self._queue.get(timeout=HEARTBEAT_SECONDS)]
            except queue.Empty:
                self._write([self._beat])
                continue
            while not self._queue.empty():
                taken.append(self._queue.get())
            goes_on = None not in taken
            jobs = [job for job in taken if callable(job)]
            if jobs and time.monotonic() - beaten >= BEAT_SECONDS:
                beaten = time.monotonic()
                jobs.append(self._beat)
            self._write(jobs)
            for item in taken:
                if isinstance(item, threading.Event):
                    item.set()
        if self._database is not None:
            self._database.close()

    def _write(self, jobs: list[Job]) -> None:
        if self._database is None or not jobs:
            return
        error = self._attempt(self._database, jobs)
        if error is None:
            return
        for job in jobs:  # one that cannot be written must not take the others with it
            if self._attempt(self._database, [job], tries=1) is not None:
                self._tell(f"Not everything of this run is kept. {_said(error)}")

    def _attempt(self, database: Database, jobs: list[Job], tries: int = TRIES) -> Exception | None:
        from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

        failed: Exception | None = None
        for number in range(tries):
            if number:
                time.sleep(0.2 * number)
            try:
                with database.recording() as connection:
                    for job in jobs:
                        job(connection)
            except IntegrityError as error:
                # After a connection that broke in the commit: then all of it was written.
                return None if number else error
            except (OperationalError, DBAPIError) as error:
                failed = database.unusable(error)
            except Exception as error:  # noqa: BLE001 - the thread must outlive its jobs
                return error
            else:
                return None
        return failed

    def _tell(self, text: str) -> None:
        if not self._told:
            self._told = True
            self._notice("warning", text)


def _said(error: Exception) -> str:
    hint = getattr(error, "hint", "")
    message = str(getattr(error, "message", "") or error or type(error).__name__)
    return f"{message} {hint}".strip()
