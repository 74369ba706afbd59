"""The tables, and the database they are in.

Times are seconds since 1970 (UTC), durations are seconds. Versions of the schema are counted in
`ledger_schema`; `_MIGRATIONS` says how an older one becomes the next.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Double,
    Engine,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from runtime.errors import StudioError
from runtime.ledger.owners import Place

VERSION = 3
BUSY_MILLISECONDS = 5000
CONNECT_SECONDS = 5
UNSEEN_SECONDS = 300.0
"""A run on another machine that nobody has seen for so long is over."""
_POSTGRES_LOCK = 7_305_511

metadata = MetaData()

version = Table("ledger_schema", metadata, Column("version", Integer, primary_key=True))

runs = Table(
    "runs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(20), nullable=False),  # node or workflow
    Column("name", String(300), nullable=False),
    Column("plugin", String(300), nullable=False, default=""),
    Column("user", String(300), nullable=False, default=""),
    Column("parameters", Text, nullable=False, default="{}"),
    Column("status", String(20), nullable=False),
    Column("started", Double, nullable=False),
    Column("finished", Double),
    Column("seconds", Double),
    Column("error_type", String(200), nullable=False, default=""),
    Column("error", Text, nullable=False, default=""),
    Column("hint", Text, nullable=False, default=""),
    Column("text", Text, nullable=False, default=""),
    Column("outputs", Text, nullable=False, default="{}"),
    Column("tokens", Integer, nullable=False, default=0),
    Column("cost", Double),
    Column("currency", String(10), nullable=False, default=""),
    Column("place", String(32), nullable=False),
    Column("owner", String(32), nullable=False),
    Column("seen", Double, nullable=False),
    Index("runs_by_start", "started"),
    Index("runs_by_status", "status", "started"),
)


def _part(name: str, *columns: Column[Any] | Index) -> Table:
    return Table(
        name,
        metadata,
        Column("run_id", String(32), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        *columns,
    )


steps = _part(
    "steps",
    Column("node", String(300), nullable=False, default=""),
    Column("phase", String(60), nullable=False, default=""),
    Column("label", Text, nullable=False, default=""),
    Column("status", String(20), nullable=False),
    Column("at", Double, nullable=False),  # seconds after the run's start
    Column("seconds", Double),
    Column("percent", Double),
    Column("message", Text, nullable=False, default=""),
    Column("tokens", Integer, nullable=False, default=0),
    Column("cost", Double),
    Column("currency", String(10), nullable=False, default=""),
    Column("function", String(200), nullable=False, default=""),
)

usages = _part(
    "usages",
    Column("kind", String(40), nullable=False),
    Column("model", String(300), nullable=False),
    Column("tokens_in", Integer, nullable=False, default=0),
    Column("tokens_out", Integer, nullable=False, default=0),
    Column("price", Double),
    Column("currency", String(10), nullable=False, default=""),
)

files = _part(
    "files",
    Column("direction", String(3), nullable=False),  # in or out
    Column("filename", String(300), nullable=False),
    Column("mime_type", String(200), nullable=False, default=""),
    Column("size", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("path", Text, nullable=False, default=""),
    Column("kept", Integer, nullable=False, default=0),  # 1: a copy is in the store
    Column("removed", Double),  # when retention took the copy
    Index("files_by_content", "sha256"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("run_id", String(32), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("variant", String(100), primary_key=True),
    Column("brand", String(300), nullable=False, default=""),
    Column("brand_key", String(300), nullable=False, default=""),  # as it is looked for
    Column("fields", Text, nullable=False, default="{}"),  # the variant's texts
    Column("verdict", String(20), nullable=False, default=""),  # approve, reject or nothing
    Column("rating", Integer),
    Column("note", Text, nullable=False, default=""),
    Column("given", Double, nullable=False),
    Index("feedback_by_brand", "brand_key", "given"),
)

# version -> what makes it from the one before: statements, and tables that are new in it.
_MIGRATIONS: dict[int, Sequence[str | Table]] = {
    2: (feedback,),
    3: ("ALTER TABLE steps ADD COLUMN function VARCHAR(200) NOT NULL DEFAULT ''",),
}


class LedgerUnusable(StudioError):
    """The ledger's database cannot be used; the message says which and why."""


class Database:
    """An open database with the ledger's tables in it.

    Args:
        address: an SQLAlchemy URL; empty: SQLite in `place`.
        place: where the SQLite file lies, and the lock that guards changes of the schema.

    Raises:
        LedgerUnusable: no such database, no driver, no permission, or a newer schema.
    """

    def __init__(self, address: str, place: Place) -> None:
        self._place = place
        try:
            url = _url(address) if address else sqlite_url(place)
            self.shown = url.render_as_string(hide_password=True)
            self._engine = _engine(url)
        except (ArgumentError, NoSuchModuleError, ValueError) as error:
            raise LedgerUnusable(
                f"STUDIO_DATABASE_URL is no address of a database: {type(error).__name__}.",
                "Write postgresql://user:password@host/name, or leave it empty for SQLite.",
            ) from None
        except ModuleNotFoundError as error:
            raise LedgerUnusable(
                f"The driver for {self.shown} is not installed ({error.name}).",
                "For PostgreSQL: uv pip install 'psycopg[binary]' into the environment of studio.",
            ) from None
        self._writer = self._engine.execution_options(studio_writes=True)
        try:
            # Two processes that both find no tables must not both make them.
            with place.guard("schema"), self.writing() as connection:
                _prepare(connection)
        except SQLAlchemyError as error:
            raise self.unusable(error) from None

    def unusable(self, error: Exception) -> LedgerUnusable:
        """What a database error means, without its password."""
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()
        return LedgerUnusable(
            f"The ledger {self.shown} cannot be used: {reason[0] if reason else error!r}.",
            "See STUDIO_DATABASE_URL and STUDIO_DATA_DIR; STUDIO_LEDGER=off keeps no ledger.",
        )

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: whole or not at all."""
        with self._writer.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def recording(self) -> Iterator[Connection]:
        """A transaction that may name copies of files: none of them is pruned meanwhile."""
        with self._place.guard("files", shared=True), self.writing() as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads; it waits for no writer.

        Raises:
            LedgerUnusable: the database does not answer, or is damaged.
        """
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise self.unusable(error) from None

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def sqlite_url(place: Place) -> URL:
    """The address of the SQLite file in `place`."""
    return URL.create("sqlite", database=str(place.folder / "runs.sqlite3"))


def _url(address: str) -> URL:
    url = make_url(address)
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    return url


def _engine(url: URL) -> Engine:
    kind = url.get_backend_name()
    if kind == "sqlite":
        engine = create_engine(url, connect_args={"timeout": BUSY_MILLISECONDS / 1000})
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begins)
        return engine
    waits = {"connect_timeout": CONNECT_SECONDS} if kind in ("postgresql", "mysql") else {}
    return create_engine(url, connect_args=waits, pool_pre_ping=True)


def _sqlite_connected(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see below
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA journal_mode = WAL")
    # A commit is on the disk when it returns: a power loss takes no finished run with it.
    connection.execute("PRAGMA synchronous = FULL")


def _sqlite_begins(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once when another one has
    # written in between, whatever busy_timeout says; one that says so beforehand waits.
    writes = connection.get_execution_options().get("studio_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})"))
    if not inspect(connection).has_table(version.name):
        metadata.create_all(connection)
        connection.execute(version.insert().values(version=VERSION))
        return
    found = connection.execute(select(version.c.version)).scalar() or 0
    if found > VERSION:
        raise LedgerUnusable(
            f"The ledger was written by a newer studio (schema {found}; this one knows {VERSION}).",
            "Use that studio, or another STUDIO_DATA_DIR.",
        )
    for number in range(found + 1, VERSION + 1):
        for change in _MIGRATIONS[number]:
            if isinstance(change, Table):
                change.create(connection)
            else:
                connection.execute(text(change))
        connection.execute(update(version).values(version=number))
