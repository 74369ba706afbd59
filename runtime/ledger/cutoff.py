"""Runs whose process has ended without a word: killed, or the power went."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from runtime.ledger import status
from runtime.ledger.owners import Place
from runtime.ledger.schema import UNSEEN_SECONDS, Database, runs, steps

_ERROR = {
    "status": status.CUT_OFF,
    "error_type": "CutOff",
    "error": "studio was killed, or the machine went down, before the run ended.",
    "hint": "Run it again; a file or a picture may already have been made.",
}


def mark(database: Database, place: Place) -> int:
    """Mark as cut off what says that it runs and does not; returns how many there were."""
    with place.guard("cutoff"):  # two that start at once would both add what was noted
        dead = place.dead()
        noted = [run for runs_of_one in dead.values() for run in runs_of_one]
        with database.reading() as connection:
            running = connection.execute(
                select(runs.c.id, runs.c.place, runs.c.owner, runs.c.seen).where(
                    runs.c.status == status.RUNNING
                )
            ).all()
        # On another machine only time tells.
        gone = [
            run.id
            for run in running
            if (
                not place.is_alive(run.owner)
                if run.place == place.id
                else run.seen < time.time() - UNSEEN_SECONDS
            )
        ]
        if gone or noted:
            with database.writing() as connection:
                found = sum(_cut_off(connection, id) for id in gone)
                found += _add(connection, noted)
        else:
            found = 0
        for token in dead:
            place.forget(token)
        return found


def _add(connection: Connection, noted: Sequence[Mapping[str, Any]]) -> int:
    """Add runs whose process ended before it could write anything."""
    ids = [run["id"] for run in noted]
    known = set(connection.execute(select(runs.c.id).where(runs.c.id.in_(ids))).scalars())
    missing = [{**run, **_ERROR} for run in noted if run["id"] not in known]
    if missing:
        connection.execute(runs.insert(), missing)
    return len(missing)


def _cut_off(connection: Connection, run_id: str) -> int:
    changed = connection.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.status == status.RUNNING)
        .values(finished=runs.c.seen, seconds=runs.c.seen - runs.c.started, **_ERROR)
    ).rowcount
    if changed:
        connection.execute(
            update(steps)
            .where(steps.c.run_id == run_id, steps.c.status == status.RUNNING)
            .values(status=status.CUT_OFF)
        )
    return changed
