"""Runs whose process has ended without a word: killed, or the power went."""

from __future__ import annotations

import time

from sqlalchemy import Connection, select, update

from runtime.ledger import status
from runtime.ledger.owners import Place
from runtime.ledger.schema import UNSEEN_SECONDS, Database, runs, steps


def mark(database: Database, place: Place) -> int:
    """Mark as cut off what says that it runs and does not; returns how many there were."""
    with database.reading() as connection:
        running = connection.execute(
            select(runs.c.id, runs.c.place, runs.c.owner, runs.c.seen).where(
                runs.c.status == status.RUNNING
            )
        ).all()
    # On another machine only time tells.
    gone = [
        run
        for run in running
        if (
            not place.is_alive(run.owner)
            if run.place == place.id
            else run.seen < time.time() - UNSEEN_SECONDS
        )
    ]
    if gone:
        with database.writing() as connection:
            for run in gone:
                _cut_off(connection, run.id)
    for run in gone:
        if run.place == place.id:
            place.forget(run.owner)
    return len(gone)


def _cut_off(connection: Connection, run_id: str) -> None:
    changed = connection.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.status == status.RUNNING)
        .values(
            status=status.CUT_OFF,
            finished=runs.c.seen,
            seconds=runs.c.seen - runs.c.started,
            error_type="CutOff",
            error="studio was killed, or the machine went down, before the run ended.",
            hint="Run it again; a file or a picture may already have been made.",
        )
    )
    if changed.rowcount:
        connection.execute(
            update(steps)
            .where(steps.c.run_id == run_id, steps.c.status == status.RUNNING)
            .values(status=status.CUT_OFF)
        )
