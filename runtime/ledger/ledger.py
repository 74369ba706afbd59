"""Ledger: opens the book, hands out recorders, closes the book."""

from __future__ import annotations

import contextlib
import getpass
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from runtime import paths
from runtime.errors import StudioError, UsageError
from runtime.ledger import status
from runtime.ledger.masks import Masks, secrets_of
from runtime.ledger.recorder import Recorder, as_json
from runtime.ledger.writer import Job, Writer
from runtime.values import number

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from runtime.declaration import Plugin
    from runtime.ledger.owners import Owner, Place
    from runtime.ledger.schema import Database
    from runtime.ledger.store import FileStore
    from runtime.settings import Settings

KEEP_DAYS = 30.0
KEEP_MB = 2000.0
_OFF = frozenset({"off", "no", "0", "false"})


def folder() -> Path:
    """Where the SQLite file, the copies of files and the locks are."""
    return paths.data() / "ledger"


class Ledger:
    """The book of runs; a context manager.

    Nothing is opened before the first run, and everything that takes time happens in threads of
    its own. Whatever goes wrong with the database is a notice, never an error of the run.
    """

    def __init__(
        self,
        address: str = "",
        where: Path | None = None,
        *,
        masks: Masks | None = None,
        keep_days: float = KEEP_DAYS,
        keep_mb: float = KEEP_MB,
        on_notice: Callable[[str, str], None] | None = None,
        off: bool = False,
    ) -> None:
        self._address = address
        self._where = where or folder()
        self._masks = masks or Masks()
        self._keep = keep_days, keep_mb
        self._off = off
        self._notice = on_notice or _nobody
        self._writer = Writer(self._open, self._beat, self._notice)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._going = 0
        self._pruner: threading.Thread | None = None
        self._place: Place | None = None
        self._owner: Owner | None = None
        self._store: FileStore | None = None

    @classmethod
    def open(
        cls,
        settings: Settings,
        *,
        plugins: Iterable[Plugin] = (),
        on_notice: Callable[[str, str], None] | None = None,
        off: bool = False,
    ) -> Ledger:
        """The ledger that the settings name.

        STUDIO_LEDGER=off: none. STUDIO_DATABASE_URL: any database that SQLAlchemy knows;
        default: SQLite in the data folder. STUDIO_KEEP_DAYS, STUDIO_KEEP_MB: retention.

        Args:
            plugins: their secret-inputs among the settings are masked, too.
            off: as STUDIO_LEDGER=off.

        Raises:
            UsageError: a setting that is no number.
        """
        return cls(
            settings.get("database_url") or "",
            masks=Masks(secrets_of(settings, plugins)),
            keep_days=_number(settings, "keep_days", KEEP_DAYS),
            keep_mb=_number(settings, "keep_mb", KEEP_MB),
            on_notice=on_notice,
            off=off or (settings.get("ledger") or "").lower() in _OFF,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is left. Nothing of the ledger goes on afterwards."""
        self._stop.set()
        self._writer.close()
        if self._pruner is not None:
            self._pruner.join(1.0)
        if self._owner is not None:
            self._owner.leave()
            self._owner = None

    @contextlib.contextmanager
    def run(
        self,
        kind: str,
        name: str,
        plugin: str,
        parameters: Mapping[str, Any],
        *,
        secret: Collection[str] = (),
    ) -> Iterator[Recorder]:
        """Keep one run; its end is in the database when the block has ended.

        Args:
            kind: node or workflow.
            name: of the tool, or of the workflow's file.
            plugin: author/name of the plugin; may be empty.
            parameters: as they were given; "@path" names a file.
            secret: names of parameters that are of type secret-input.
        """
        began = time.monotonic()
        record = Recorder(secrets.token_hex(8), self._put, self._masks, began, lambda: self._store)
        with self._lock:
            self._going += 1
        if not self._off:
            self._begin(record.id, kind, name, plugin, self._masks.parameters(parameters, secret))
        for value in parameters.values():
            for path in _files_in(value):
                record.file(path, given=True)
        try:
            yield record
        except Exception as error:
            record.failed(error)
            raise
        except BaseException:  # Ctrl-C, or a signal that unwinds as Ctrl-C does
            record.stopped()
            raise
        finally:
            self._put(record.end())
            written = self._writer.flush()
            with self._lock:
                self._going -= 1
                if written and not self._going and self._owner is not None:
                    self._owner.forget()

    # --- in the writer's thread --------------------------------------------------------

    def _put(self, job: Job) -> None:
        if not self._off:
            self._writer.put(job)

    def _open(self) -> Database:
        from sqlalchemy.exc import SQLAlchemyError

        from runtime.ledger import cutoff
        from runtime.ledger.schema import Database
        from runtime.ledger.store import FileStore

        if self._place is None or self._owner is None:
            raise StudioError(
                f"The ledger's folder {self._where} cannot be written.",
                "Give another STUDIO_DATA_DIR, or STUDIO_LEDGER=off.",
            )
        self._store = FileStore(self._place)
        database = Database(self._address, self._place)
        try:
            cutoff.mark(database, self._place)
        except SQLAlchemyError as error:
            raise database.unusable(error) from None
        self._pruner = threading.Thread(
            target=self._prune, args=(self._store,), name="ledger-prune", daemon=True
        )
        self._pruner.start()
        return database

    def _prune(self, store: FileStore) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        from runtime.ledger.schema import Database
        from runtime.ledger.store import PRUNE_EVERY_SECONDS, prune

        stamp = store.place.folder / "pruned"
        try:
            if stamp.exists() and time.time() - stamp.stat().st_mtime < PRUNE_EVERY_SECONDS:
                return
            stamp.touch()
            database = Database(self._address, store.place)
            try:
                prune(database, store, *self._keep, self._stop)
            finally:
                database.close()
        except (OSError, SQLAlchemyError, StudioError) as error:
            self._notice("ledger", f"Old runs could not be removed: {error}")

    def _beat(self, connection: Connection) -> None:
        from runtime.ledger.schema import runs

        if self._owner is not None:
            connection.execute(
                runs.update()
                .where(runs.c.owner == self._owner.token, runs.c.status == status.RUNNING)
                .values(seen=time.time())
            )

    def _begin(
        self, id: str, kind: str, name: str, plugin: str, parameters: Mapping[str, Any]
    ) -> None:
        now = time.time()
        row: dict[str, Any] = {
            "id": id,
            "kind": kind,
            "name": self._masks.text(name, 250),
            "plugin": self._masks.text(plugin, 250),
            "user": _user(),
            "parameters": as_json(parameters),
            "status": status.RUNNING,
            "started": now,
            "seen": now,
        }
        with self._lock:
            self._enter()
            row["place"] = self._place.id if self._place else ""
            row["owner"] = self._owner.token if self._owner else ""
            if self._owner is not None:
                self._owner.note(row)

        def write(connection: Connection) -> None:
            from runtime.ledger.schema import runs

            connection.execute(runs.insert().values(row))

        self._put(write)

    def _enter(self) -> None:
        """Say that we are alive; if the folder cannot be written, `_open` says so."""
        from runtime.ledger.owners import Place

        if self._owner is None:
            with contextlib.suppress(OSError):
                self._place = Place(self._where)
                self._owner = self._place.enter()


def _files_in(value: object) -> list[str]:
    """The paths in "@a.png" or "@a.png,@b.png"; addresses and "@@text" are none."""
    if not isinstance(value, str) or not value.startswith("@") or value.startswith("@@"):
        return []
    if _is_file(value[1:]):
        return [value[1:]]
    return [part for part in value[1:].split(",@") if _is_file(part)]


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # several names in one are longer than a name may be
        return False


def _user() -> str:
    import socket

    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user that has no name
        name = "?"
    return f"{name}@{socket.gethostname()}"[:300]


def _number(settings: Settings, name: str, default: float) -> float:
    value = settings.get(name)
    if value is None:
        return default
    found = number(value)
    if found is None or found < 0:
        raise UsageError(
            f"STUDIO_{name.upper()} is {value!r}; it must be a number, 0 or more.",
            f"The default is {default:g}.",
        )
    return found


def _nobody(kind: str, text: str) -> None:
    """Notices for nobody."""


NO_LEDGER = Ledger(where=Path(), off=True)
"""Keeps nothing."""
