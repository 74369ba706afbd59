"""What the ledger must survive: odd values, failing jobs, crowds, kills, age, unusable places."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from runtime.ledger import Ledger, cutoff, listing, recorder, writer
from runtime.ledger.history import History, Wanted, history
from runtime.ledger.owners import Place
from runtime.ledger.schema import VERSION, Database, LedgerUnusable, files, runs
from runtime.ledger.store import FileStore, prune
from runtime.settings import Settings
from tests import ledger_kills
from tests.ledgers import log, past


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("STUDIO_LEDGER", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data" / "ledger"


def kept() -> dict[str, Any]:
    with history(Settings()) as book:
        [summary] = book.runs(Wanted())
        run: dict[str, Any] = book.run(summary["id"])
        return run


@pytest.mark.parametrize("tokens", [1e30, "1e300", 2**31, -5])
def test_absurd_numbers_of_tokens_lose_no_run(folder: Path, tokens: object) -> None:
    said: list[str] = []
    with (
        Ledger(where=folder, on_notice=lambda _, text: said.append(text)) as ledger,
        ledger.run("node", "n", "p", {}) as record,
    ):
        for id in ("1", "2"):
            record.step({"id": id, "label": "x", "status": "start"})
            metadata = {"total_tokens": tokens}
            record.step({"id": id, "label": "x", "status": "success", "metadata": metadata})
        record.result("done", {})
    run = kept()
    assert (run["status"], run["text"]) == ("succeeded", "done")
    assert 0 <= run["tokens"] < 2**31
    assert [step["status"] for step in run["steps"]] == ["succeeded"] * 2
    assert said == []


def test_many_files_in_one_value_are_no_long_name_of_one(folder: Path, tmp_path: Path) -> None:
    names = [f"picture-{number:04}.png" for number in range(20)]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    given = {"images": ",".join(f"@{name}" for name in names)}
    with Ledger(where=folder) as ledger, ledger.run("node", "n", "p", given) as record:
        record.result("done", {})
    run = kept()
    assert run["status"] == "succeeded"
    assert [file["filename"] for file in run["files"]] == names


def test_a_large_file_is_known_by_all_of_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_FILE_BYTES", 10)
    large = tmp_path / "large"
    large.write_bytes(b"0123456789 and more")
    with (
        Ledger(where=folder) as ledger,
        ledger.run("node", "n", "p", {"f": f"@{large}"}) as record,
    ):
        record.file(large)
    digest = hashlib.sha256(large.read_bytes()).hexdigest()
    assert [(file["sha256"], file["size"], file["copy"]) for file in kept()["files"]] == [
        (digest, 19, None)
    ] * 2


def test_a_job_that_fails_oddly_takes_nobody_with_it(folder: Path) -> None:
    said: list[str] = []

    def odd(_connection: object) -> None:
        raise OverflowError("too large to convert")

    with (
        Ledger(where=folder, on_notice=lambda _, text: said.append(text)) as ledger,
        ledger.run("node", "n", "p", {}) as record,
    ):
        ledger._put(odd)
        record.result("done", {})
    run = kept()
    assert (run["status"], run["text"]) == ("succeeded", "done")
    assert len(said) == 1
    assert "too large to convert" in said[0]


def test_runs_that_begin_at_once_share_a_writer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[threading.Thread] = []

    class Slow(threading.Thread):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.append(self)
            time.sleep(0.05)

    ledger = Ledger(where=folder)
    begin = threading.Barrier(8)

    def run() -> None:
        begin.wait()
        with ledger.run("node", "n", "p", {}) as record:
            record.result("done", {})

    threads = [threading.Thread(target=run) for _ in range(8)]
    monkeypatch.setattr(writer.threading, "Thread", Slow)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    monkeypatch.undo()
    ledger.close()
    assert len([thread for thread in made if thread.name == "ledger"]) == 1
    database = Database("", Place(folder))
    with database.reading() as connection:
        states = connection.execute(select(runs.c.status)).scalars().all()
    database.close()
    assert states == ["succeeded"] * 8


def test_notes_do_not_pile_up(folder: Path) -> None:
    with Ledger(where=folder) as ledger:
        with ledger.run("node", "outer", "", {}), ledger.run("node", "inner", "", {}):
            [note] = (folder / "alive").iterdir()
            assert len(note.read_bytes().splitlines()) == 2
        assert note.read_bytes() == b""


def test_a_run_that_talks_says_that_it_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BEAT_SECONDS", 0.05)
    with Ledger(where=folder) as ledger, ledger.run("node", "t", "", {}) as record:
        ledger._writer.flush()
        time.sleep(0.3)
        record.step(log("1", "start"))
        ledger._writer.flush()
        with Database("", Place(folder)).reading() as connection:
            [row] = connection.execute(select(runs.c.started, runs.c.seen)).all()
    assert row.seen - row.started > 0.25


def test_an_owner_may_leave_while_it_is_looked_at(folder: Path) -> None:
    place = Place(folder)
    leaving = place.enter()
    leaving.note({"id": "aa"})

    class Watched(Place):
        def is_alive(self, token: str) -> bool:
            leaving.leave()
            return super().is_alive(token)

    assert Watched(folder).dead() == {leaving.token: []}


def test_runs_on_other_machines_are_judged_by_time(folder: Path) -> None:
    place = Place(folder)
    database = Database("", place)
    now = time.time()
    common = {"kind": "node", "name": "x", "status": "running", "place": "elsewhere", "owner": "o"}
    with database.writing() as connection:
        for id, seen in (("aa", now - 60), ("bb", now - 3600)):
            row = {"id": id, "started": now - 7200, "seen": seen, **common}
            connection.execute(runs.insert().values(row))
    assert cutoff.mark(database, place) == 1
    found = {run["id"]: run["status"] for run in History(database, place).runs(Wanted())}
    assert found == {"aa": "running", "bb": "cut off"}


@pytest.fixture
def aged(folder: Path, tmp_path: Path) -> Callable[..., str]:
    """Keeps a run with files of one MB each that began `days` ago."""

    def make(days: float, *contents: bytes) -> str:
        with Ledger(where=folder) as ledger, ledger.run("node", "t", "", {}) as record:
            for number, content in enumerate(contents):
                path = tmp_path / f"{content.hex()}{number}"
                path.write_bytes(content * 2**20)
                record.file(path)
        with Database("", Place(folder)).writing() as connection:
            started = {"started": time.time() - days * 86400}
            connection.execute(runs.update().where(runs.c.id == record.id).values(started))
        return record.id

    return make


def test_retention_by_age_and_size(folder: Path, aged: Callable[..., str]) -> None:
    old, older = aged(40, b"a"), aged(20, b"b", b"c")
    newer, newest = aged(10, b"c", b"d"), aged(1, b"e")
    place = Place(folder)
    store, database = FileStore(place), Database("", place)
    assert len(store.copies()) == 5  # c once
    pruned = prune(database, store, keep_days=30, keep_mb=3)
    assert (pruned.runs, pruned.files) == (1, 2)
    book = History(database, place)
    assert {run["id"] for run in book.runs(Wanted())} == {older, newer, newest}
    with database.reading() as connection:
        rows = connection.execute(select(files.c.run_id)).scalars().all()
    assert old not in rows  # what belongs to a run goes with it
    assert len(rows) == 5
    kept = {id: [file["copy"] for file in book.run(id)["files"]] for id in (older, newer, newest)}
    assert [bool(copy) for copy in kept[older]] == [False, True]  # c is used by a newer run
    assert all(kept[newer] + kept[newest])
    assert book.run(older)["files"][0]["removed"] is not None
    assert "removed 20" in listing.run_text(book.run(older))
    assert prune(database, store, 30, 3) == type(pruned)()


def test_what_a_killed_copy_leaves_is_removed(folder: Path, aged: Callable[..., str]) -> None:
    aged(1, b"a")
    place = Place(folder)
    (place.folder / "files" / "ab").mkdir()
    left = place.folder / "files" / "ab" / ".1234.part"
    left.write_bytes(b"half")
    prune(Database("", place), FileStore(place), 30, 2000)
    assert not left.exists()
    assert len(FileStore(place).copies()) == 1


def test_an_unusable_ledger_is_a_notice_and_breaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "runs.sqlite3").write_bytes(b"this is no database, however long it is" * 50)
    cases = {
        "cannot be written": Ledger("", tmp_path / "file"),
        "not a database": Ledger("", blocked),
        "no address": Ledger("nonsense", tmp_path / "a"),
        "not installed": Ledger("mysql+pymysql://me:pass99@h/x", tmp_path / "b"),
        "127.0.0.1": Ledger("postgresql://me:pass99@127.0.0.1:1/x", tmp_path / "c"),
    }
    for expected, ledger in cases.items():
        said: list[str] = []
        ledger._writer._notice = lambda kind, text, said=said: said.append(f"{kind} {text}")
        with ledger, ledger.run("node", "t", "", {"a": 1}) as record:
            record.step(log("1", "start"))
            record.result("done", {})
        assert len(said) == 1, expected
        assert said[0].startswith("warning This run is not kept."), said
        assert expected in said[0], said
        assert "pass99" not in said[0]


def test_a_busy_database_is_waited_for(folder: Path) -> None:
    said: list[str] = []
    with Ledger(where=folder, on_notice=lambda _, text: said.append(text)) as ledger:
        with ledger.run("node", "first", "", {}):
            pass
        database = Database("", Place(folder))
        release = threading.Event()

        def hold() -> None:
            with database.writing():
                held.set()
                release.wait(60)

        held = threading.Event()
        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(60)
        threading.Timer(0.5, release.set).start()
        with ledger.run("node", "second", "", {}) as record:
            pass
        thread.join()
    with past() as book:
        assert book.run(record.id)["status"] == "succeeded"
    assert said == []


def test_a_transaction_is_whole_or_not_at_all(folder: Path) -> None:
    database = Database("", Place(folder))

    def insert_and_fail() -> None:
        with database.writing() as connection:
            connection.execute(text("INSERT INTO ledger_schema VALUES (0)"))
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        insert_and_fail()
    with database.reading() as connection:
        found = connection.execute(text("SELECT version FROM ledger_schema")).scalars().all()
    assert found == [VERSION]


def test_a_newer_schema_is_left_alone(folder: Path) -> None:
    place = Place(folder)
    database = Database("", place)
    with database.writing() as connection:
        connection.execute(text("UPDATE ledger_schema SET version = 99"))
    with pytest.raises(LedgerUnusable, match="newer studio"):
        Database("", place)


def test_many_processes_write_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.ledger_kills", "--crowd", "8"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "80 runs" in done.stdout


def test_kills_lose_nothing(tmp_path: Path) -> None:
    assert ledger_kills.campaign(tmp_path.resolve(), 3) == []
