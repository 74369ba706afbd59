"""What is in the ledger: runs, one run, and what they come to."""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from runtime.errors import UsageError
from runtime.ledger import cutoff, status
from runtime.ledger.ledger import folder
from runtime.ledger.opinions import Opinions
from runtime.ledger.owners import Place
from runtime.ledger.schema import Database, LedgerUnusable, files, runs, steps, usages
from runtime.ledger.store import FileStore

if TYPE_CHECKING:
    from runtime.settings import Settings

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SUMMARY = (
    "id", "kind", "name", "plugin", "user", "status", "started", "finished", "seconds",
    "error_type", "error", "hint", "tokens", "cost", "currency",
)  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """Which runs.

    Attributes:
        failed: only those that failed or were cut off.
        since: seconds since 1970; None: all.
        name: of the tool or workflow, or a part of it.
        limit: the newest so many; 0: all.
    """

    failed: bool = False
    since: float | None = None
    name: str = ""
    limit: int = 0


class History:
    """Reads the ledger; get it from `history`."""

    def __init__(self, database: Database, place: Place) -> None:
        self._database = database
        self._store = FileStore(place)
        self.opinions = Opinions(database)

    def runs(self, wanted: Wanted) -> list[dict[str, Any]]:
        """The newest runs first: {id, kind, name, plugin, user, status, started, finished,
        seconds, tokens, cost, currency, error: {type, message, hint} or None, files}.
        """
        query = _chosen(select(*(runs.c[name] for name in _SUMMARY)), wanted)
        if wanted.limit:
            query = query.limit(wanted.limit)
        with self._database.reading() as connection:
            found = connection.execute(query.order_by(runs.c.started.desc())).mappings().all()
            outputs = connection.execute(
                select(files.c.run_id, func.count())
                .where(files.c.direction == "out", files.c.run_id.in_([r["id"] for r in found]))
                .group_by(files.c.run_id)
            ).all()
        made = {row[0]: row[1] for row in outputs}
        return [{**_run(row), "files": made.get(row["id"], 0)} for row in found]

    def run(self, prefix: str) -> dict[str, Any]:
        """One run with everything that is known of it: as in `runs`, with parameters, text,
        outputs, steps, usages, files and feedback.

        Raises:
            UsageError: no run's id begins like this, or several do.
        """
        if not re.fullmatch(r"[0-9a-fA-F]{1,32}", prefix):
            raise UsageError(f"'{prefix}' is no id of a run.", "See `studio runs` for the ids.")
        begins = runs.c.id.startswith(prefix.lower(), autoescape=True)
        with self._database.reading() as connection:
            found = connection.execute(select(runs).where(begins).limit(6)).mappings().all()
            if not found:
                raise UsageError(f"There is no run {prefix}.", "See `studio runs` for the ids.")
            if len(found) > 1:
                ids = ", ".join(row["id"][:12] for row in found)
                raise UsageError(f"Several runs begin with {prefix}: {ids}.", "Give more of it.")
            row = found[0]
            parts = {
                table.name: connection.execute(
                    select(table).where(table.c.run_id == row["id"]).order_by(table.c.number)
                )
                .mappings()
                .all()
                for table in (steps, usages, files)
            }
        return {
            **_run(row),
            "parameters": json.loads(row["parameters"]),
            "text": row["text"],
            "outputs": json.loads(row["outputs"]),
            **{name: [_without_key(part) for part in found] for name, found in parts.items()},
            "files": [self._file(part) for part in parts["files"]],
            "feedback": self.opinions.of_run(row["id"]),
        }

    def stats(self, wanted: Wanted) -> dict[str, Any]:
        """What runs come to: {runs, tools, models}.

        A tool: {name, kind, runs, succeeded, failed, stopped, cut_off, running, success_rate (of
        those that succeeded or failed; None without one), average_seconds, p95_seconds (nearest
        rank, of the same), tokens, costs: {currency: amount}}. A model: {kind, model, calls,
        tokens_in, tokens_out, costs}.
        """
        columns = ("kind", "name", "status", "seconds", "tokens", "cost", "currency")
        query = _chosen(select(*(runs.c[name] for name in columns)), wanted)
        spent = _chosen(
            select(
                usages.c.kind,
                usages.c.model,
                usages.c.currency,
                func.count().label("calls"),
                func.sum(usages.c.tokens_in).label("tokens_in"),
                func.sum(usages.c.tokens_out).label("tokens_out"),
                func.sum(usages.c.price).label("price"),
            ).join(runs, runs.c.id == usages.c.run_id),
            wanted,
        ).group_by(usages.c.kind, usages.c.model, usages.c.currency)
        with self._database.reading() as connection:
            tools = _Tally()
            for row in connection.execute(query):
                tools.add(row)
            models = _models(connection.execute(spent).all())
        return {"runs": tools.runs, "tools": tools.rows(), "models": models}

    def _file(self, row: Any) -> dict[str, Any]:
        shown = _without_key(row)
        copy = self._store.path(row["sha256"])
        kept = bool(shown.pop("kept"))
        shown["copy"] = str(copy) if kept and copy.is_file() else None
        shown["removed"] = _moment(row["removed"])
        return shown


@contextlib.contextmanager
def history(settings: Settings) -> Iterator[History]:
    """The ledger that the settings name, for reading; runs that were cut off are marked first.

    Raises:
        LedgerUnusable: it cannot be opened.
    """
    try:
        place = Place(folder())
    except OSError as error:
        raise LedgerUnusable(
            f"The ledger's folder {folder()} cannot be used: {error.strerror or error}.",
            "Give another STUDIO_DATA_DIR.",
        ) from None
    database = Database(settings.get("database_url") or "", place)
    try:
        cutoff.mark(database, place)
        yield History(database, place)
    except SQLAlchemyError as error:
        raise database.unusable(error) from None
    finally:
        database.close()


def moment(text: str) -> float:
    """`--since`: 90s, 30m, 2h, 1d, 1w ago, or a date (2026-11-20, 2026-11-20T14:00, local time).

    Returns:
        Seconds since 1970.

    Raises:
        UsageError: it is neither.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", text.strip().lower())
    if found:
        return time.time() - float(found[1]) * _UNITS[found[2]]
    try:
        return datetime.datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"'{text}' is no time.", "Write 30m, 2h, 1d or 1w, or a date as 2026-11-20."
        ) from None


def _chosen(query: Select[Any], wanted: Wanted) -> Select[Any]:
    if wanted.failed:
        query = query.where(runs.c.status.in_((status.FAILED, status.CUT_OFF)))
    if wanted.since is not None:
        query = query.where(runs.c.started >= wanted.since)
    if wanted.name:
        part = wanted.name.lower()
        query = query.where(
            or_(
                func.lower(runs.c.name).contains(part, autoescape=True),
                func.lower(runs.c.plugin) == part,
            )
        )
    return query


def _run(row: Any) -> dict[str, Any]:
    shown = {name: row[name] for name in _SUMMARY if name not in ("error_type", "error", "hint")}
    shown["started"], shown["finished"] = _moment(row["started"]), _moment(row["finished"])
    if row["status"] == status.RUNNING:
        shown["seconds"] = time.time() - row["started"]
    if shown["seconds"] is not None:
        shown["seconds"] = round(shown["seconds"], 3)
    error = {"type": row["error_type"], "message": row["error"], "hint": row["hint"]}
    return {**shown, "error": error if row["error_type"] else None}


def _moment(seconds: float | None) -> str | None:
    """ISO 8601 with the local offset."""
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="milliseconds")


def _without_key(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("run_id", "number")}


class _Tally:
    """Runs by tool."""

    def __init__(self) -> None:
        self.runs = 0
        self._by_name: dict[tuple[str, str], dict[str, Any]] = {}
        self._seconds: dict[tuple[str, str], list[float]] = {}

    def add(self, row: Any) -> None:
        self.runs += 1
        key = (row.kind, row.name)
        counts = dict.fromkeys(("runs", "succeeded", "failed", "stopped", "cut_off", "running"), 0)
        tool = self._by_name.setdefault(
            key, {"name": row.name, "kind": row.kind, **counts, "tokens": 0, "costs": {}}
        )
        tool["runs"] += 1
        tool[_counted(row.status)] += 1
        tool["tokens"] += row.tokens
        if row.cost is not None:
            tool["costs"][row.currency] = tool["costs"].get(row.currency, 0.0) + row.cost
        if row.seconds is not None and row.status in (*status.GOOD, status.FAILED):
            self._seconds.setdefault(key, []).append(row.seconds)

    def rows(self) -> list[dict[str, Any]]:
        found = []
        for key, tool in self._by_name.items():
            ended = tool["succeeded"] + tool["failed"]
            taken = sorted(self._seconds.get(key, []))
            found.append(
                {
                    **tool,
                    "success_rate": round(tool["succeeded"] / ended, 4) if ended else None,
                    "average_seconds": round(sum(taken) / len(taken), 3) if taken else None,
                    "p95_seconds": round(nearest_rank(taken, 0.95), 3) if taken else None,
                }
            )
        return sorted(found, key=lambda tool: (-tool["runs"], tool["name"]))


def nearest_rank(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    rank = -(-len(ordered) * round(share * 100) // 100)
    return ordered[max(rank, 1) - 1]


def _counted(found: str) -> str:
    return "succeeded" if found in status.GOOD else found.replace(" ", "_")


def _models(rows: Sequence[Any]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        model = found.setdefault(
            (row.kind, row.model),
            {
                "kind": row.kind,
                "model": row.model,
                "calls": 0,
                "tokens_in": 0,
                "tokens_out": 0,
                "costs": {},
            },
        )
        for name in ("calls", "tokens_in", "tokens_out"):
            model[name] += int(getattr(row, name) or 0)
        if row.price is not None:
            model["costs"][row.currency] = float(row.price)
    return sorted(found.values(), key=lambda model: (-model["calls"], model["model"]))
