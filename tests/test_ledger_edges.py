"""What the ledger must survive: values that no database takes, jobs that fail, runs at once."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from runtime.ledger import Ledger, writer
from runtime.ledger.history import Wanted, history
from runtime.ledger.schema import Database, runs
from runtime.settings import Settings


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
    from runtime.ledger.owners import Place

    database = Database("", Place(folder))
    with database.reading() as connection:
        states = connection.execute(select(runs.c.status)).scalars().all()
    database.close()
    assert states == ["succeeded"] * 8
