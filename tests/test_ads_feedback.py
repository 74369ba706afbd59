"""`studio runs feedback`: what people think of variants, kept in the ledger and given back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from runtime import cli
from runtime.ledger import Ledger, schema
from runtime.ledger.history import Wanted, history
from runtime.ledger.owners import Place
from runtime.ledger.schema import Database
from runtime.settings import Settings

FIELDS = {"headlines": ["Fresh beans", "From 11 €"], "cta": "Shop now"}
OUTPUTS = {
    "brand": "Kettle & Crema",
    "variants": [
        {"id": "meta_feed-1", "fields": FIELDS},
        {"id": "meta_feed-2", "fields": {"headlines": ["Second"]}},
    ],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the ledger is."""
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("STUDIO_LEDGER", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data" / "ledger"


def ran(folder: Path, outputs: dict[str, Any], name: str = "ad_variants") -> str:
    """The id of a run with these outputs."""
    with Ledger("", folder) as ledger, ledger.run("node", name, "a/b:1", {}) as record:
        record.result("done", outputs)
    return record.id


def studio(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def document(*arguments: object) -> Any:
    outcome = studio(*arguments, "--json")
    assert outcome.exit_code == 0, outcome.stderr
    return json.loads(outcome.stdout)


def test_feedback_is_kept_shown_and_given_back(folder: Path) -> None:
    id = ran(folder, OUTPUTS)
    said = studio("runs", "feedback", id[:6], "meta_feed-1", "--approve", "--rate", 5,
                  "--note", "the price up front")  # fmt: skip
    assert said.stdout.strip() == "meta_feed-1: approve, 5 of 5, the price up front"
    assert studio("runs", "feedback", id, "meta_feed-2", "--reject").exit_code == 0
    run = document("runs", id)
    assert [(one["variant"], one["verdict"]) for one in run["feedback"]] == [
        ("meta_feed-1", "approve"),
        ("meta_feed-2", "reject"),
    ]
    assert "meta_feed-1: approve, 5 of 5, the price up front" in studio("runs", id).stdout
    newest, first = document("runs", "feedback", "--brand", "KETTLE &  crema")
    assert (newest["variant"], newest["rating"]) == ("meta_feed-2", None)
    assert first == {
        "run_id": id,
        "variant": "meta_feed-1",
        "brand": "Kettle & Crema",
        "verdict": "approve",
        "rating": 5,
        "note": "the price up front",
        "fields": FIELDS,
    }
    assert document("runs", "feedback", "--brand", "Another") == []


def test_a_later_opinion_replaces_the_earlier_one(folder: Path) -> None:
    id = ran(folder, OUTPUTS)
    for options in (("--approve", "--rate", 5), ("--note", "no, after all", "--reject")):
        assert studio("runs", "feedback", id, "meta_feed-1", *options).exit_code == 0
    [only] = document("runs", "feedback", "--brand", "Kettle & Crema")
    assert (only["verdict"], only["rating"], only["note"]) == ("reject", None, "no, after all")


def test_the_brand_can_be_named(folder: Path) -> None:
    id = ran(folder, {"variants": OUTPUTS["variants"]}, "a workflow")
    asked = ("runs", "feedback", id, "meta_feed-1", "--rate", 3, "--brand", "Acme")
    assert studio(*asked).exit_code == 0
    assert len(document("runs", "feedback", "--brand", "acme")) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("{id}",), "Which variant"),
        (("{id}", "meta_feed-1"), "no feedback in this"),
        (("{id}", "meta_feed-1", "--approve", "--reject"), "exclude each other"),
        (("{id}", "meta_feed-9", "--approve"), "no variant meta_feed-9"),
        (("{other}", "meta_feed-1", "--approve"), "no variants of run"),
        (("ffffff", "meta_feed-1", "--approve"), "no run ffffff"),
        (("{id}", "meta_feed-1", "--note", "x" * 2001), "2001 characters"),
        ((), "Neither a run nor a brand"),
    ],
)
def test_wrong_usage(folder: Path, words: tuple[str, ...], said: str) -> None:
    ids = {"id": ran(folder, OUTPUTS), "other": ran(folder, {}, "cluster_keywords")}
    outcome = studio("runs", "feedback", *(word.format(**ids) for word in words))
    assert outcome.exit_code == 2
    assert said in outcome.stderr
    with history(Settings()) as past:
        assert past.opinions.of_run(ids["id"]) == []


def test_a_ledger_of_the_first_schema_gets_the_table(folder: Path) -> None:
    id = ran(folder, OUTPUTS)
    database = Database("", Place(folder))
    with database.writing() as connection:
        connection.execute(text("DROP TABLE feedback"))
        connection.execute(text("ALTER TABLE steps DROP COLUMN function"))
        connection.execute(text("UPDATE ledger_schema SET version = 1"))
    database.close()
    assert studio("runs", "feedback", id, "meta_feed-1", "--approve").exit_code == 0
    assert len(document("runs", id)["feedback"]) == 1
    with history(Settings()) as past:
        assert [run["id"] for run in past.runs(Wanted())] == [id]
    assert max(schema._MIGRATIONS) == schema.VERSION
