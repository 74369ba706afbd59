"""`studio workflow run`: a workflow file, a real plugin process, one document."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from runtime import cli
from tests.conftest import PROBE


def edge(source: str, target: str) -> dict[str, Any]:
    return {
        "id": f"{source}-{target}",
        "source": source,
        "target": target,
        "sourceHandle": "source",
        "targetHandle": "target",
        "type": "custom",
        "data": {},
    }


def node(id: str, kind: str, title: str, **data: Any) -> dict[str, Any]:
    place = {"x": 0, "y": 0}
    content = {"type": kind, "title": title, **data}
    return {"id": id, "type": "custom", "position": place, "data": content}


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """start (act, amount, document) → the probe's tool → end (text, files)."""
    from runtime.host import environment

    monkeypatch.setattr(environment, "python_for", lambda *_: Path(sys.executable))
    monkeypatch.chdir(tmp_path)
    variables = [
        {"variable": "act", "label": "Act", "type": "text-input", "required": True},
        {"variable": "amount", "label": "Amount", "type": "number", "required": False},
        {
            "variable": "document",
            "label": "Document",
            "type": "file",
            "required": False,
            "allowed_file_types": ["document"],
            "allowed_file_upload_methods": ["local_file"],
        },
    ]
    tool = node(
        "2",
        "tool",
        "Probe it",
        provider_id="probe/probe/probe",
        provider_name="probe/probe/probe",
        provider_type="builtin",
        tool_name="probe",
        tool_label="Probe",
        tool_node_version="2",
        tool_configurations={},
        tool_parameters={
            "act": {"type": "mixed", "value": "{{#1.act#}}"},
            "amount": {"type": "variable", "value": ["1", "amount"]},
            "document": {"type": "variable", "value": ["1", "document"]},
        },
    )
    outputs = [
        {"variable": "text", "value_selector": ["2", "text"]},
        {"variable": "files", "value_selector": ["2", "files"]},
    ]
    graph = {
        "nodes": [
            node("1", "start", "Begin", variables=variables),
            tool,
            node("3", "end", "Done", outputs=outputs),
        ],
        "edges": [edge("1", "2"), edge("2", "3")],
    }
    content = {
        "version": "0.6.0",
        "kind": "app",
        "app": {"mode": "workflow", "name": "probe"},
        "workflow": {
            "environment_variables": [],
            "conversation_variables": [],
            "features": {},
            "graph": graph,
        },
    }
    path = tmp_path / "flow.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def studio(flow: Path, *arguments: str) -> Result:
    words = ["workflow", "run", str(flow), *arguments, "--plugin", str(PROBE)]
    return CliRunner().invoke(cli.app, words)


def test_one_document_with_files_on_disk(flow: Path, tmp_path: Path) -> None:
    done = studio(flow, "act=blob", "amount=512", "--json", "--out", "made")
    shown = json.loads(done.stdout)
    assert (done.exit_code, shown["ok"], shown["error"]) == (0, True, None)
    [file] = shown["outputs"]["files"]
    assert (tmp_path / file["path"]).read_bytes() == bytes(range(256)) * 2
    assert file["path"].startswith("made/")
    assert [n["status"] for n in shown["nodes"]] == ["succeeded"] * 3


def test_text_and_files_from_the_command_line(flow: Path, tmp_path: Path) -> None:
    (tmp_path / "act.txt").write_text("read_file", encoding="utf-8")
    (tmp_path / "d.txt").write_text("inside", encoding="utf-8")
    done = studio(flow, "act=@act.txt", "document=@d.txt")
    assert done.exit_code == 0, done.output
    assert "text: d.txt 6 inside" in done.stdout
    assert "Probe it" in done.stderr


def test_a_failing_node_is_exit_code_1_with_the_tools_words(flow: Path) -> None:
    done = studio(flow, "act=fail", "--json")
    shown = json.loads(done.stdout)
    assert (done.exit_code, shown["ok"]) == (1, False)
    assert shown["error"]["message"] == "The node 'Probe it' (tool) failed: no such thing"
    assert shown["error"]["hint"] == "Try another."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["amount=3"], "act"),
        (["act=echo", "amuont=3"], "Did you mean amount?"),
        (["act=echo", "amount=many"], "amount"),
        (["act=echo", "document=nowhere.txt"], "nowhere.txt"),
    ],
)
def test_wrong_inputs_are_exit_code_2(flow: Path, arguments: list[str], said: str) -> None:
    done = studio(flow, *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_the_longest_run(flow: Path) -> None:
    done = studio(flow, "act=sleep", "amount=30000", "--timeout", "2.5", "--json")
    shown = json.loads(done.stdout)
    assert (done.exit_code, shown["ok"]) == (1, False)
    assert shown["elapsed"] < 25  # the tool would take 30
    assert "2.5" in shown["error"]["message"]
    assert "--timeout" in shown["error"]["message"] + shown["error"]["hint"]
