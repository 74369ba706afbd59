"""`studio workflow check`: each rule finds what it is for, and nothing in a sound file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runtime.workflow.findings import RULES
from runtime.workflow.lint import lint
from runtime.workflow.means import Means
from tests.workflow_helpers import EchoHost, Flow, node, tool_node

Q = [{"variable": "q", "type": "text-input"}]


def template(id: str, body: str = "x", parent: str = "", **names: list[str]) -> dict[str, Any]:
    listed = [{"variable": name, "value_selector": selector} for name, selector in names.items()]
    return node(id, "template-transform", parent, template=body, variables=listed)


def crossing() -> Flow:
    flow = Flow(Q).then(
        node(
            "i",
            "iteration",
            start_node_id="b",
            iterator_selector=["s", "q"],
            output_selector=["t", "output"],
        )
    )
    flow.add(node("b", "iteration-start", "i"), template("t", parent="i"), template("x"))
    flow.edge("b", "t")
    flow.edge("t", "x")
    flow.edge("s", "x")
    return flow.end({"o": ("i", "output")})


def branch() -> Flow:
    condition = {"variable_selector": ["s", "q"], "comparison_operator": "is", "value": "a"}
    case = {"case_id": "one", "logical_operator": "and", "conditions": [condition]}
    return Flow(Q).then(node("i", "if-else", cases=[case])).then(template("t"), "tow").end({})


@pytest.mark.parametrize(
    ("rule", "severity", "flow"),
    [
        ("file", "error", Flow(mode="chat")),
        ("node.cannot_run", "error", Flow(Q).then(node("x", "if-esle")).end({})),
        ("node.not_here", "warning", Flow(Q).then(node("x", "agent")).end({})),
        ("node.not_here", "warning", Flow(Q).then(tool_node("x", provider="a/b/c")).end({})),
        ("node.settings", "error", Flow(Q).then(node("x", "template-transform")).end({})),
        ("node.unreachable", "warning", Flow(Q).end({}).add(template("x")).edge("x", "e")),
        ("edge.crosses", "error", crossing()),
        ("edge.handle", "warning", branch()),
        ("reference.unknown", "error", Flow(Q).end({"o": ("gone", "text")})),
        ("reference.unknown", "error", Flow(Q).then(template("t", a=["env", "NO"])).end({})),
        (
            "reference.later",
            "warning",
            Flow(Q).then(template("t", a=["u", "output"])).then(template("u")).end({}),
        ),
        ("end.missing", "warning", Flow(Q).then(template("t"))),
        ("secret.inline", "warning", Flow(Q).then(template("t", "sk-" + "a1" * 16)).end({})),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_rule_finds_what_it_is_for(rule: str, severity: str, flow: Flow, tmp_path: Path) -> None:
    file = tmp_path / "w.yml"
    file.write_text(flow.text())
    checked = lint(file, [EchoHost([])], Means())
    assert {(finding.rule, finding.severity) for finding in checked.findings} == {(rule, severity)}
    assert checked.ok == (severity == "warning")
    assert all(finding.rule in RULES for finding in checked.findings)


def test_a_sound_file_has_no_findings(tmp_path: Path) -> None:
    file = tmp_path / "w.yml"
    flow = Flow(Q).then(tool_node("t")).then(template("x", a=["t", "text"], b=["sys", "user_id"]))
    file.write_text(flow.end({"o": ("x", "output")}).text())
    assert lint(file, [EchoHost([])], Means()).document() == {
        "file": str(file),
        "ok": True,
        "findings": [],
    }


def test_shipped_workflows_are_sound() -> None:
    for file in (Path(__file__).parents[1] / "workflows").glob("*.yml"):
        assert lint(file, [], Means()).ok, file
