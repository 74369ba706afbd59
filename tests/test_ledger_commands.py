"""`studio run`, then `studio runs` and `studio stats`: real processes of a quick plugin."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from runtime import cli
from tests.ledger_kills import STUDIO, environment, inhabitants, quick_plugin, start
from tests.processes import wait_until
from tests.test_workflow_command import edge, node


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The quick plugin; the ledger and the working directory are in `tmp_path`."""
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("STUDIO_LEDGER", raising=False)
    monkeypatch.chdir(tmp_path)
    return quick_plugin(tmp_path)


def studio(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def document(*arguments: object) -> Any:
    outcome = studio(*arguments, "--json")
    assert outcome.exit_code == 0, outcome.stderr
    return json.loads(outcome.stdout)


def run(plugin: Path, act: str, *more: object) -> Result:
    return studio("run", "probe", f"act={act}", "--plugin", plugin, *more)


def test_what_ran_is_listed_and_shown(plugin: Path) -> None:
    assert "No runs" in studio("runs").stdout
    assert run(plugin, "ok 0 one").exit_code == 0
    assert run(plugin, "fail 0 two").exit_code == 1
    assert run(plugin, "ok 0 three", "--no-ledger").exit_code == 0
    two, one = document("runs")["runs"]
    assert (one["status"], one["files"], one["cost"]) == ("succeeded", 1, 1.0)
    assert (two["status"], two["error"]["message"]) == ("failed", "asked to fail")
    table = studio("runs").stdout.splitlines()
    assert len(table) == 3
    assert re.match(rf"{two['id'][:8]}  2\d\d\d-.* probe +✗ failed .* 1.0000 USD .*asked", table[1])
    assert document("runs", "--failed", "--since", "1h", "--tool", "prob")["runs"] == [two]
    assert len(document("runs", "--limit", "1")["runs"]) == 1
    whole = document("runs", one["id"][:6])
    assert whole["parameters"] == {"act": "ok 0 one"}
    assert [step["label"] for step in whole["steps"]] == [f"Step {n}" for n in range(4)]
    assert Path(whole["files"][0]["copy"]).read_bytes() == b"one" * 100
    assert "done one" in studio("runs", one["id"]).stdout
    [tool] = document("stats")["tools"]
    assert (tool["runs"], tool["success_rate"], tool["costs"]) == (2, 0.5, {"USD": 2.0})
    assert "50.0 %" in studio("stats", "--since", "1d").stdout
    assert studio("runs", "--tool", "nothing").stdout == "No such runs.\n"
    assert studio("stats", "--tool", "nothing").stdout == "No such runs.\n"


def test_wrong_questions(plugin: Path) -> None:
    for words, expected in {
        ("runs", "abc"): "no run abc",
        ("runs", "hello!"): "no id of a run",
        ("runs", "--since", "then"): "no time",
        ("stats", "--since", "then"): "no time",
    }.items():
        outcome = studio(*words)
        assert outcome.exit_code == 2, words
        assert expected in outcome.stderr


def test_help_names_the_options(plugin: Path) -> None:
    shown = studio("runs", "--help").stdout
    assert "--failed" in shown
    assert "runs" in studio("--help").stdout


def test_env_file_turns_the_ledger_off_or_elsewhere(
    plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STUDIO_DATA_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    settings = tmp_path / "my.env"
    settings.write_text("STUDIO_LEDGER=off\n")
    assert run(plugin, "ok 0 a", "--env", settings).exit_code == 0
    assert not (tmp_path / "xdg").exists()
    settings.write_text(f"STUDIO_DATABASE_URL=sqlite:///{tmp_path}/mine.db\n")
    assert run(plugin, "ok 0 b", "--env", settings).exit_code == 0
    assert (tmp_path / "mine.db").is_file()
    assert len(document("runs", "--env", settings)["runs"]) == 1
    assert document("runs")["runs"] == []


def test_a_usage_error_is_no_run(plugin: Path) -> None:
    assert studio("run", "probe", "nothing=1", "--plugin", plugin).exit_code == 2
    form = Path(__file__).parent / "workflows" / "start.yml"
    assert studio("workflow", "run", form, "--plugin", plugin).exit_code == 2
    assert document("runs")["runs"] == []


def test_a_plugin_that_does_not_start_is_a_failed_run(plugin: Path) -> None:
    (plugin / "main.py").write_text("raise SystemExit('no engine')")
    assert run(plugin, "ok 0 x").exit_code == 1
    [kept] = document("runs")["runs"]
    assert (kept["status"], kept["error"]["type"]) == ("failed", "PluginStartFailed")


def test_an_interrupted_run_is_kept_as_stopped(plugin: Path, tmp_path: Path) -> None:
    process = start(plugin, tmp_path, "ok 60 x")
    assert wait_until(lambda: bool(inhabitants(plugin)))
    assert wait_until(lambda: "Step 0" in _steps())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert wait_until(lambda: not inhabitants(plugin))
    [kept] = document("runs")["runs"]
    assert kept["status"] == "stopped"
    assert document("runs", kept["id"])["steps"][0]["status"] == "stopped"


def _steps() -> list[str]:
    found = document("runs")["runs"]
    return [step["label"] for step in document("runs", found[0]["id"])["steps"]] if found else []


def test_a_workflow_is_kept_with_its_nodes(plugin: Path, tmp_path: Path) -> None:
    tool = node(
        "2",
        "tool",
        "Probe it",
        provider_id="probe/probe/probe",
        provider_name="probe/probe/probe",
        provider_type="builtin",
        tool_name="probe",
        tool_label="Probe",
        tool_parameters={"act": {"type": "constant", "value": "ok 0 w"}},
        tool_configurations={},
        tool_node_version="2",
    )
    end = node("3", "end", "End", outputs=[{"variable": "f", "value_selector": ["2", "files"]}])
    graph = {
        "nodes": [node("1", "start", "Start", variables=[]), tool, end],
        "edges": [edge("1", "2"), edge("2", "3")],
    }
    flow = {
        "version": "0.3.0",
        "kind": "app",
        "app": {"name": "w", "mode": "workflow"},
        "workflow": {"graph": graph},
    }
    file = tmp_path / "w.yml"
    file.write_text(yaml.safe_dump(flow))
    outcome = studio("workflow", "run", file, "--plugin", plugin)
    assert outcome.exit_code == 0, outcome.stderr
    [kept] = document("runs")["runs"]
    assert (kept["kind"], kept["name"], kept["status"]) == ("workflow", "w.yml", "succeeded")
    whole = document("runs", kept["id"])
    assert [s["label"] for s in whole["steps"] if s["node"] == s["label"]] == [
        "Start",
        "Probe it",
        "End",
    ]
    assert "Step 3" in [s["label"] for s in whole["steps"]]
    assert Path(whole["files"][0]["copy"]).read_bytes() == b"w" * 100


def test_the_ledger_is_not_imported_for_help(tmp_path: Path) -> None:
    program = (
        "import sys; import runtime.cli; from runtime import node, workflow_command\n"
        "print('sqlalchemy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
    shown = subprocess.run(
        [STUDIO, "runs", "--json"], env=environment(tmp_path), capture_output=True, check=True
    )
    assert json.loads(shown.stdout) == {"runs": []}


def test_our_nodes_tell_what_their_steps_cost(tmp_path: Path) -> None:
    # In a process of its own: the SDK patches the standard library.
    program = (
        "import json, dify_plugin\n"
        "from creative.steps import Phase, Steps\n"
        "from tools.adapter import _spent\n"
        "steps = Steps()\n"
        "with steps.step(Phase.AI_CALL, 'Drawing', 50) as step: step.spent(0.25, 0, 'EUR')\n"
        "with steps.step(Phase.AI_CALL, 'Asking', 80) as step: step.spent(None, 12)\n"
        "with steps.step(Phase.SAVE, 'Saving', 100): pass\n"
        "print(json.dumps([_spent(e) for e in steps.events if e.status.name == 'DONE']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [
        {"total_price": 0.25, "currency": "EUR"},
        {"total_tokens": 12},
        {},
    ]
