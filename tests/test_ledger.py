"""The ledger: what is kept, what is masked, what was cut off, what it comes to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import ToolFailed, UsageError
from runtime.ledger import Ledger, listing
from runtime.ledger.history import Wanted, moment, nearest_rank
from runtime.ledger.masks import MASK, MAX_TEXT, Masks, secrets_of
from runtime.settings import Settings
from runtime.workflow.result import NodeEvent
from tests.ledgers import log, past

POSTGRES = os.environ.get("STUDIO_TEST_POSTGRES_URL", "")


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield ""
        return
    if not POSTGRES:
        pytest.skip("STUDIO_TEST_POSTGRES_URL names no PostgreSQL database to write in")
    _drop()
    yield POSTGRES
    _drop()


def _drop() -> None:
    from sqlalchemy import create_engine

    from runtime.ledger.schema import _url, metadata

    engine = create_engine(_url(POSTGRES))
    metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the ledger is."""
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("STUDIO_LEDGER", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data" / "ledger"


def test_everything_of_a_run_is_kept(folder: Path, address: str, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"picture")
    given = tmp_path / "given.txt"
    given.write_bytes(b"12345")
    with (
        Ledger(address, folder) as ledger,
        ledger.run(
            "node", "draw", "me/mine:1", {"prompt": "a 猫", "source": f"@{given}"}
        ) as record,
    ):
        record.step(log("1", "start"))
        record.step(log("2", "start", "half way", parent_id="1"))
        record.step(
            log("1", "success", metadata={"total_price": 0.25, "currency": "USD"}),
        )
        record.step(log("3", "start", "Save"))
        record.step(log("3", "error", "Save", error="disk full"))
        record.usage("llm", "small", 10, 5, 0.5, "USD")
        record.result("drawn", {"count": 2})
        record.files([{"path": str(picture), "filename": "a.png", "mime_type": "image/png"}])
    with past(address) as book:
        [summary] = book.runs(Wanted())
        run = book.run(record.id[:5])
    assert (summary["name"], summary["status"], summary["files"]) == ("draw", "succeeded", 1)
    assert run["parameters"] == {"prompt": "a 猫", "source": f"@{given}"}
    assert (run["text"], run["outputs"], run["error"]) == ("drawn", {"count": 2}, None)
    # The step's money is an engine's (it has no tokens), the model's comes on top.
    assert (run["cost"], run["currency"], run["tokens"]) == (0.75, "USD", 15)
    work, save = run["steps"]
    assert (work["label"], work["status"], work["phase"]) == ("Work", "succeeded", "PREP")
    assert (work["message"], work["cost"]) == ("", 0.25)
    assert (save["status"], save["message"]) == ("failed", "disk full")
    source, made = run["files"]
    assert (source["direction"], source["size"], source["copy"]) == ("in", 5, None)
    assert (made["direction"], made["mime_type"]) == ("out", "image/png")
    picture.write_bytes(b"edited")
    assert Path(made["copy"]).read_bytes() == b"picture"
    shown = listing.run_text(run)
    for part in ("draw", "a 猫", "disk full", "llm small: 10 + 5 tokens, 0.5000 USD", made["copy"]):
        assert part in shown


def test_failures_and_stops(folder: Path, address: str) -> None:
    with Ledger(address, folder) as ledger:
        with ledger.run("node", "one", "", {}) as record:
            record.failed(ToolFailed("KeyError", "no\0such", "Try another."))
        with pytest.raises(UsageError), ledger.run("node", "two", "", {}) as record:
            raise UsageError("wrong", "right")
        with pytest.raises(KeyboardInterrupt):
            _interrupted(ledger)
    with past(address) as book:
        three, two, one = book.runs(Wanted())
        steps = book.run(three["id"])["steps"]
        failed = [run["name"] for run in book.runs(Wanted(failed=True))]
        assert [run["name"] for run in book.runs(Wanted(name="HRE"))] == ["three"]
        assert book.runs(Wanted(since=time.time() + 5)) == []
        assert [run["name"] for run in book.runs(Wanted(limit=1))] == ["three"]
    assert one["error"] == {"type": "KeyError", "message": "no\ufffdsuch", "hint": "Try another."}
    assert two["error"]["type"] == "UsageError"
    assert [run["status"] for run in (one, two, three)] == ["failed", "failed", "stopped"]
    assert steps[0]["status"] == "stopped"
    assert failed == ["two", "one"]


def _interrupted(ledger: Ledger) -> None:
    with ledger.run("node", "three", "", {}) as record:
        record.step(log("1", "start"))
        raise KeyboardInterrupt


def test_a_workflow_and_its_nodes(folder: Path) -> None:
    def event(status: str, id: str = "n", **more: Any) -> NodeEvent:
        return NodeEvent(id, "Node " + id, "tool", status, **more)

    with Ledger(where=folder) as ledger, ledger.run("workflow", "w.yml", "", {}) as record:
        record.node(event("started"))
        record.node(event("started"))  # a second time, in an iteration
        record.node(event("running", log={"label": "Drawing", "status": "start", "percent": 40}))
        record.node(event("running", log={"label": "Drawn", "status": "success", "data": {}}))
        record.node(event("succeeded", elapsed=1.5))
        record.node(event("retried", error="busy"))
        record.node(event("failed", elapsed=0.5, error="gone"))
        record.node(event("skipped", "m"))
        record.result("", {"x": [1]}, "partial-succeeded")
    with past() as book:
        run = book.run(record.id)
    assert run["status"] == "partial-succeeded"
    shown = [(s["label"], s["node"], s["status"], s["seconds"]) for s in run["steps"]]
    assert shown[0] == ("Node n", "Node n", "succeeded", 1.5)
    assert shown[1] == ("Node n", "Node n", "failed", 0.5)
    assert shown[2][:3] == ("Drawn", "Node n", "succeeded")
    assert run["steps"][0]["percent"] == 40
    assert run["steps"][1]["message"] == "gone"
    assert len(shown) == 3


def test_secrets_are_not_in_the_ledger(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STUDIO_OPENAI_API_KEY", "topsecret1, topsecret2")
    monkeypatch.setenv("STUDIO_SD_AUTH", "joe:hunter22")
    monkeypatch.setenv("STUDIO_SD_BASE_URL", "http://u:pa%20ss3@host/x")
    secrets = secrets_of(Settings())
    assert {"topsecret1", "topsecret2", "hunter22", "pa%20ss3"} <= secrets
    with Ledger.open(Settings()) as ledger:
        given = {
            "prompt": "with topsecret2 in it",
            "pin": "1234pin",
            "cookies": "session=abcdef",
            "max_tokens": 5,
            "url": "https://a.b/?q=1&access_token=verysecret&x=2",
            "nested": {"password": "deepsecret", "list": ["Bearer abcdefgh12345"]},
        }
        with ledger.run("node", "t", "", given, secret=["pin"]) as record:
            record.step(log("1", "error", "ask topsecret1", error="refused hunter22"))
            record.result("said topsecret1", {"echo": ["dG9wc2VjcmV0Mg=="]})
            record.failed(ToolFailed("E", "http://me:pass99@host said no to topsecret2", "hint"))
    with past() as book:
        run = book.run(record.id)
    assert run["parameters"] == {
        "prompt": f"with {MASK} in it",
        "pin": MASK,
        "cookies": MASK,
        "max_tokens": 5,
        "url": f"https://a.b/?q=1&access_token={MASK}&x=2",
        "nested": {"password": MASK, "list": [f"Bearer {MASK}"]},
    }
    assert run["error"]["message"] == f"http://me:{MASK}@host said no to {MASK}"
    leaks = ("topsecret", "hunter22", "1234pin", "verysecret", "deepsecret", "pass99", "dG9wc2")
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert [leak for leak in leaks if leak.encode() in content] == []


def test_long_things_are_cut_with_a_note_and_no_half_secret_stays() -> None:
    masks = Masks(["secretsecretsecret"])
    assert masks.text("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert masks.text("x" * 5000) == "x" * MAX_TEXT + "… (cut: 5,000 characters)"
    over = "x" * (MAX_TEXT - 10) + "secretsecretsecret" + "y" * 90000
    assert "secret" not in masks.text(over)
    kept = masks.value(list(range(1000)))
    assert len(kept) == 101
    assert kept[-1] == "… (cut: 1,000 items)"
    deep: Any = "end"
    for _ in range(50):
        deep = [deep]
    assert len(json.dumps(masks.value(deep))) < 500
    assert masks.text("half \ud83d pair\0") == "half ? pair\ufffd"


def test_what_is_cut_off_is_shown_as_such(folder: Path, address: str) -> None:
    # A process that ends in the middle of a run, without a word.
    program = (
        "import os, sys; from pathlib import Path; from runtime.ledger import Ledger\n"
        "ledger = Ledger(sys.argv[1], Path(sys.argv[2]))\n"
        "with ledger.run('node', sys.argv[3], '', {'a': 1}) as record:\n"
        "    record.step({'id': '1', 'label': 'Work', 'status': 'start'})\n"
        "    if sys.argv[3] == 'late':\n"
        "        assert ledger._writer.flush()\n"
        "    os._exit(9)\n"
    )
    with Ledger(address, folder) as ledger, ledger.run("node", "mine", "", {}):
        for name in ("early", "late"):
            command = [sys.executable, "-c", program, address, str(folder), name]
            assert subprocess.run(command, check=False).returncode == 9
        with past(address) as book:
            shown = {run["name"]: run for run in book.runs(Wanted())}
            steps = book.run(shown["late"]["id"])["steps"]
    assert {name: run["status"] for name, run in shown.items()} == {
        "early": "cut off",
        "late": "cut off",
        "mine": "running",
    }
    assert shown["early"]["error"]["type"] == "CutOff"
    assert steps[0]["status"] == "cut off"
    assert list((folder / "alive").iterdir()) == []


def test_stats(folder: Path) -> None:
    assert [nearest_rank(list(range(1, 101)), 0.95), nearest_rank([7.0], 0.95)] == [95, 7.0]
    with Ledger(where=folder) as ledger:
        for number in range(4):
            with ledger.run("node", "draw", "", {}) as record:
                record.usage("llm", "m", 1, 2, 0.5 if number else None, "USD")
                record.result("x", {})
                if number == 3:
                    record.failed(ToolFailed("E", "no"))
    with past() as book:
        found = book.stats(Wanted())
        assert book.stats(Wanted(name="other"))["tools"] == []
    [tool] = found["tools"]
    assert (tool["runs"], tool["succeeded"], tool["failed"]) == (4, 3, 1)
    assert (tool["success_rate"], tool["tokens"], tool["costs"]) == (0.75, 12, {"USD": 1.5})
    assert 0 <= tool["average_seconds"] <= tool["p95_seconds"]
    [model] = found["models"]
    assert (model["calls"], model["tokens_in"], model["tokens_out"]) == (4, 4, 8)
    assert model["costs"] == {"USD": 1.5}
    shown = listing.stats_text(found)
    assert "75.0 %" in shown
    assert "1.5000 USD" in shown


@pytest.mark.parametrize(
    ("logged", "used", "cost", "tokens"),
    [
        ([(0.25, 0)], [], 0.25, 0),
        ([(0.25, 0), (0.5, 100)], [], 0.75, 100),
        ([(0.25, 0), (0.5, 100)], [(0.5, 100)], 0.75, 100),  # the same money, told twice
        ([(0.5, 100)], [(None, 100)], 0.5, 100),
        ([(None, 100)], [(None, 100)], None, 100),
        ([], [(0.125, 4), (0.125, 4)], 0.25, 8),
    ],
)
def test_money_is_counted_once(
    folder: Path,
    logged: list[tuple[float | None, int]],
    used: list[tuple[float | None, int]],
    cost: float | None,
    tokens: int,
) -> None:
    with Ledger(where=folder) as ledger, ledger.run("node", "t", "", {}) as record:
        for number, (price, count) in enumerate(logged):
            known = {"total_tokens": count} | ({} if price is None else {"total_price": price})
            record.step(log(str(number), "success", metadata=known))
        for paid, count in used:
            record.usage("llm", "m", count, 0, paid, "USD")
    with past() as book:
        run = book.run(record.id)
    assert (run["cost"], run["tokens"]) == (cost, tokens)


def test_moments() -> None:
    assert time.time() - moment("2h") == pytest.approx(7200, abs=60)
    assert moment("2026-11-20T10:00+00:00") == 1795168800
    for wrong in ("yesterday", "1", "5x", ""):
        with pytest.raises(UsageError):
            moment(wrong)
