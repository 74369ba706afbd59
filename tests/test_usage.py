"""What nodes used: counted once, never added across currencies, shown by `studio`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text as sql

from creative.usage import Usage
from runtime import node, usage
from runtime.answers.files import FileServer
from runtime.answers.models import Endpoint, answerers
from runtime.answers.prices import Price
from runtime.answers.reverse import Answers
from runtime.host import Host, open_plugin
from runtime.host.messages import Message, Result
from runtime.ledger import Ledger
from runtime.ledger.history import Wanted, history
from runtime.ledger.listing import run_text
from runtime.ledger.owners import Place
from runtime.ledger.schema import VERSION, Database
from runtime.paths import PROJECT
from runtime.settings import Settings
from runtime.workflow.run import run as run_workflow
from tests.models_server import DONE, END, Models, event, saying, streaming
from tests.servers import Server
from tests.workflow_helpers import Flow, ScriptedHost, text, tool_node, variable

MODEL = {"provider": "langgenius/openai/openai", "model": "gpt-4o", "mode": "chat"}


# --- in the plugin -------------------------------------------------------------------------


def used(*spent: dict[str, Any]) -> dict[str, Any]:
    whole = Usage()
    for one in spent:
        whole.add(**one)
    return whole.data()


def test_everything_of_a_kind_is_added_up() -> None:
    found = used(
        {"cost": 0.25, "tokens_in": 100, "tokens_out": 20, "model": "a"},
        {"cost": 0.5, "tokens": 7, "model": "a"},
        {"cost": 0.0, "pictures": 2, "model": "b"},
    )
    assert found == {
        "tokens_in": 100, "tokens_out": 20, "tokens": 127, "price": 0.75, "currency": "USD",
        "pictures": 2, "model": "a, b",
    }  # fmt: skip


def test_nothing_used_has_no_price() -> None:
    assert used()["price"] is None
    assert used({"tokens": 5, "model": "free?"})["price"] is None


def test_several_currencies_are_told_one_by_one() -> None:
    found = used({"cost": 1.0}, {"cost": 2.0, "currency": "EUR"}, {"cost": 0.5})
    assert (found["price"], found["currency"]) == (None, "")
    assert found["prices"] == {"USD": 1.5, "EUR": 2.0}
    assert "not added up" in found["note"]


def test_a_price_says_what_it_does_not_contain() -> None:
    found = used({"cost": 1.0, "model": "a"}, {"pictures": 1, "model": "mine"})
    assert found["price"] == 1.0
    assert "No price is known for mine" in found["note"]
    assert "note" not in used({"cost": 1.0, "model": "a"}, {"cost": None, "model": "mine"})


def test_the_total_of_steps_is_the_total_of_their_parts() -> None:
    one, other = Usage(), Usage()
    one.add(0.5, tokens_in=3, model="a")
    other.add(0.25, tokens_out=4, model="a", currency="EUR", pictures=1)
    whole = Usage.total([one, other, one])
    assert (whole.tokens, whole.pictures, whole.models) == (10, 1, ["a"])
    assert whole.money == {"USD": 1.0, "EUR": 0.25}
    assert one.money == {"USD": 0.5}


# --- through the process -------------------------------------------------------------------


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[Models, Host]]:
    models = Models()
    with Server(models.handle) as server:
        endpoint = Endpoint(f"{server.url}/v1", "", "gpt-4o")
        answers = Answers(answerers(endpoint, endpoint))
        with open_plugin(PROJECT, answers=answers) as host:
            yield models, host


def run(host: Host, folder: Path, **given: str) -> tuple[node.NodeRun, dict[str, Any]]:
    """A run, and what the ledger says of it."""
    with Ledger(where=folder) as ledger:
        done = node.run(host, "check_connections", given, folder, ledger=ledger)
    with history(Settings()) as book:
        [newest] = book.runs(Wanted(limit=1))
        return done, book.run(newest["id"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data" / "ledger"


def test_a_node_says_what_it_used_and_the_ledger_counts_it_once(
    stage: tuple[Models, Host], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    price = Price(Decimal("2.5"), Decimal(10))
    # An endpoint on this machine costs nothing, and nothing is what nobody need count.
    monkeypatch.setattr("runtime.answers.spending.price_of", lambda *_: price)
    models, host = stage
    models.say = streaming(event("ok"), event(reason="stop"), END, DONE)
    done, kept = run(host, folder, model=json.dumps(MODEL), ask_model="true")
    assert done.error is None, done.error
    told = done.result.variables["usage"]
    assert done.result.json[0]["usage"] == told
    assert (told["tokens_in"], told["tokens_out"], told["tokens"]) == (7, 3, 10)
    assert (told["model"], told["pictures"]) == ("gpt-4o", 0)
    shown = done.document()["usage"]
    assert (shown["tokens_in"], shown["tokens_out"], shown["tokens"]) == (7, 3, 10)
    assert told["price"] == pytest.approx((7 * 2.5 + 3 * 10) / 1_000_000)
    assert shown["cost"] == kept["cost"] == pytest.approx(told["price"])
    assert shown["currency"] == told["currency"] == kept["currency"] == "USD"
    assert kept["tokens"] == 10
    assert usage.line(shown).startswith("7 + 3 tokens, 0.")


def test_steps_of_a_run_have_number_function_status_and_duration(
    stage: tuple[Models, Host], folder: Path
) -> None:
    models, host = stage
    models.say = saying({"error": {"message": "no such thing"}}, 404)
    done, kept = run(host, folder, model=json.dumps(MODEL), ask_model="true")
    steps = done.document()["steps"]
    assert [step["number"] for step in steps] == list(range(1, len(steps) + 1))
    assert {step["function"] for step in steps} <= {
        "connections.probe", "connections.report", "adapter.messages"
    }  # fmt: skip
    assert all(isinstance(step["duration_ms"], int) for step in steps)
    asking = next(step for step in steps if "for one word" in step["label"])
    assert (asking["phase"], asking["status"]) == ("AI_CALL", "error")
    assert "404" in asking["error"] or "no such thing" in asking["error"]
    assert (steps[-1]["phase"], steps[-1]["percent"]) == ("DONE", 100)
    assert [step["function"] for step in kept["steps"]] == [step["function"] for step in steps]
    model = next(c for c in done.result.variables["connections"] if c["setting"] == "model")
    assert model["status"] == "problem"
    assert model["hint"]


# --- in the runtime ------------------------------------------------------------------------


def logged(*known: dict[str, Any], **variables: Any) -> Result:
    result = Result()
    for number, metadata in enumerate(known):
        result.add(Message("log", {"id": str(number), "status": "success", "metadata": metadata}))
    result.variables.update(variables)
    return result


def test_other_peoples_plugins_are_counted_by_what_they_log_and_ask() -> None:
    asked = {"kind": "llm", "model": "m", "tokens_in": 4, "tokens_out": 2, "price": 0.5,
             "currency": "USD"}  # fmt: skip
    logs = {"total_tokens": 6, "total_price": "0.5", "currency": "USD"}
    for found in (usage.of_run(logged(logs), 1.0), usage.of_run(logged(), 1.0, [asked])):
        assert (found["tokens"], found["cost"], found["currency"]) == (6, 0.5, "USD")
    both = usage.of_run(logged(logs), 1.0, [asked])
    assert (both["tokens_in"], both["tokens"], both["cost"], both["model"]) == (4, 6, 0.5, "m")


def test_several_currencies_of_a_run_have_no_sum() -> None:
    found = usage.of_run(
        logged(
            {"total_price": 1.0, "currency": "USD"},
            {"total_price": 2.0, "currency": "EUR"},
            {"total_price": 3.0, "currency": "EUR"},
        ),
        1.0,
    )
    assert (found["cost"], found["currency"]) == (None, None)
    assert found["costs"] == {"USD": 1.0, "EUR": 5.0}
    assert usage.line(found) == "1.0000 USD, 5.0000 EUR"


@pytest.mark.parametrize("odd", ["much", 7, None, [], {"tokens": "many", "price": "dear"}])
def test_an_output_called_usage_may_be_anything(odd: Any) -> None:
    found = usage.of_run(logged(usage=odd), 1.0)
    assert (found["tokens"], found["cost"], found["pictures"]) == (0, None, 0)
    assert usage.line(found) == ""


def test_difys_own_nodes_and_ours_are_told_alike() -> None:
    dify = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10,
            "total_price": "0.02", "currency": "USD"}  # fmt: skip
    ours = Usage()
    ours.add(0.02, tokens_in=7, tokens_out=3)
    assert usage.of_node("llm", {"usage": dify}) == usage.of_node("tool", {"usage": ours.data()})
    assert usage.of_node("end", {"usage": dify}) is None


def test_a_workflow_shows_what_its_nodes_used_and_the_sum() -> None:
    def spend(_: Mapping[str, Any]) -> Iterator[Message]:
        one = Usage()
        one.add(0.5, tokens_in=10, pictures=1)
        yield text("done")
        yield variable("usage", one.data())

    def free(_: Mapping[str, Any]) -> Iterator[Message]:
        yield text("done")

    host = ScriptedHost({"echo": spend, "free": free})
    flow = Flow().then(tool_node("a")).then(tool_node("b")).then(tool_node("c", tool="free"))
    with FileServer() as files:
        shown = run_workflow(flow.end({}).text(), {}, [host], files=files).to_json()
    by_id = {one["node_id"]: one["usage"] for one in shown["nodes"]}
    assert by_id["a"]["price"] == by_id["b"]["price"] == 0.5
    assert by_id["c"] is None
    assert shown["usage"] == {
        "tokens_in": 20, "tokens_out": 0, "tokens": 20, "pictures": 2, "prices": {"USD": 1.0}
    }  # fmt: skip
    assert usage.line(shown["usage"]) == "2 pictures, 20 + 0 tokens, 1.0000 USD"


def test_several_currencies_in_the_ledger(folder: Path) -> None:
    with Ledger(where=folder) as ledger, ledger.run("node", "t", "", {}) as record:
        for id, currency in enumerate(("USD", "EUR")):
            known = {"total_price": 0.5 + id, "currency": currency}
            record.step(
                {"id": str(id), "label": "Work", "status": "success", "metadata": known,
                 "data": {"phase": "AI_CALL", "function": "images.generate"}}
            )  # fmt: skip
    with history(Settings()) as book:
        kept = book.run(record.id)
    assert (kept["cost"], kept["currency"]) == (None, "")
    shown = run_text(kept)
    assert "0.5000 USD, 1.5000 EUR" in shown
    assert "[images.generate]" in shown


def test_a_ledger_of_the_last_version_is_brought_up_to_date(folder: Path) -> None:
    place = Place(folder)
    database = Database("", place)
    with database.writing() as connection:
        connection.execute(sql("ALTER TABLE steps DROP COLUMN function"))
        connection.execute(sql("UPDATE ledger_schema SET version = 2"))
    database.close()
    with Database("", place).reading() as connection:
        assert connection.execute(sql("SELECT function FROM steps")).all() == []
        assert connection.execute(sql("SELECT version FROM ledger_schema")).scalar() == VERSION
