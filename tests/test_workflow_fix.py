"""`studio workflow check --fix`: what has one right answer becomes it, and nothing else changes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from runtime import cli, declaration
from runtime.host import Host
from runtime.paths import PROJECT
from runtime.workflow.findings import Checked
from runtime.workflow.means import Means
from runtime.workflow.repair import near, repair
from tests.workflow_helpers import EchoHost, Flow, node, tool_node

SHIPPED = [
    PROJECT / "workflows" / f"{name}.yml"
    for name in ("illustration", "page_and_keywords", "screenshots")
]
Break = Callable[[str], str]


def swap(pattern: str) -> Break:
    """Swaps the last two letters of the first word that the pattern's group finds."""

    def broken(text: str) -> str:
        found = re.search(pattern, text)
        assert found is not None
        word = found.group(1)
        start, end = found.span(1)
        return text[:start] + word[:-2] + word[-1] + word[-2] + text[end:]

    return broken


def without_quotes(text: str) -> str:
    return re.sub(r"'(\d{13})'", r"\1", text)


BREAKS: dict[str, tuple[str, Break]] = {
    "numbers": ("file", without_quotes),
    "type": ("node.cannot_run", swap(r"type: (template-transform)\n")),
    "tool": ("node.cannot_run", swap(r"tool_name: (\w+)\n")),
    "parameter": ("tool.parameter", swap(r"tool_parameters:\n(?:.*\n)*? +(\w{4,}): \{type")),
    "null": (
        "node.cannot_run",
        lambda text: re.sub(
            r"( +)(tool_configurations:)(?: {}\n|\n)",
            lambda m: f"{m[1]}{m[2]}\n{m[1]}  timeout_seconds: null  # nobody knows\n",
            text,
            count=1,
        ),
    ),
}


@pytest.fixture(scope="module")
def ours() -> Host:
    return Host(declaration.from_folder(PROJECT), PROJECT, sys.executable)  # never started


def check(text: str, folder: Path, host: Any) -> tuple[Checked, str]:
    file = folder / "w.yml"
    file.write_bytes(text.encode())
    checked = repair(file, [host], Means(models=True))
    return checked, file.read_bytes().decode()


def rules(checked: Checked, *, fixed: bool) -> set[str]:
    return {finding.rule for finding in checked.findings if finding.fixed == fixed}


@pytest.mark.parametrize("name", BREAKS)
@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_broken_copies_become_what_they_were(
    file: Path, name: str, ours: Host, tmp_path: Path
) -> None:
    rule, broken = BREAKS[name]
    text = file.read_text("utf-8")
    damaged = broken(text)
    assert damaged != text
    before, untouched = check(text, tmp_path, ours)
    assert untouched == text
    checked, repaired = check(damaged, tmp_path, ours)
    assert rule in rules(checked, fixed=True)
    assert [f for f in checked.findings if not f.fixed] == before.findings
    assert yaml.safe_load(repaired) == yaml.safe_load(text)
    # Lines that were not damaged are as they were, comments too.
    kept = set(text.splitlines()) & set(damaged.splitlines())
    assert kept <= set(repaired.splitlines())


def test_what_was_read_as_no_text_is_quoted(tmp_path: Path) -> None:
    condition = {"variable_selector": ["s", "q"], "comparison_operator": "is", "value": "a"}
    case = {"case_id": "true", "logical_operator": "and", "conditions": [condition]}
    flow = Flow([{"variable": "q", "type": "text-input"}])
    flow.then(node("17", "if-else", cases=[case], title="A"))
    flow.then(node("0o17", "end", outputs=[], title="B"), "true")
    text = flow.text().replace("'17'", "17").replace("'true'", "true").replace("0.6.0", "0.10")
    assert "sourceHandle: true" in text
    assert "case_id: true" in text
    checked, repaired = check(text, tmp_path, EchoHost([]))
    assert checked.ok
    assert rules(checked, fixed=True) == {"file"}
    assert {f.path for f in checked.findings if f.fixed} >= {
        "version",
        "workflow.graph.nodes.1.id",
        "workflow.graph.edges.0.target",
        "workflow.graph.edges.1.sourceHandle",
        "workflow.graph.nodes.1.data.cases.0.case_id",
    }
    assert 'version: "0.10"' in repaired  # as it is written, not the number 0.1
    assert yaml.safe_load(repaired) == yaml.safe_load(flow.text()) | {"version": "0.10"}


def test_numbers_of_containers_and_what_is_in_them(tmp_path: Path) -> None:
    flow = Flow([{"variable": "q", "type": "text-input"}])
    flow.then(
        node(
            "101",
            "iteration",
            title="I",
            start_node_id="102",
            iterator_selector=["sys", "files"],
            output_selector=["103", "output"],
        )
    )
    inner = {"template": "x", "iteration_id": "101", "variables": []}
    inner["variables"] = [{"variable": "a", "value_selector": ["101", "item"]}]
    flow.add(node("102", "iteration-start", "101", title="S"))
    flow.add(node("103", "template-transform", "101", title="T", **inner))
    flow.edge("102", "103")
    flow.edges[-1]["data"] = {"isInIteration": True, "iteration_id": "101"}
    flow.end({"o": ("101", "output")})
    damaged = re.sub(r"'(10\d)'", r"\1", flow.text())
    assert damaged.count("'10") == 0
    checked, repaired = check(damaged, tmp_path, EchoHost([]))
    assert checked.ok, checked.findings
    assert yaml.safe_load(repaired) == yaml.safe_load(flow.text())


def env(*names: str) -> dict[str, Any]:
    listed = [{"name": name, "value_type": "string", "value": "v"} for name in names]
    return {"environment_variables": listed}


def uses(*selectors: list[str], template: str = "x") -> dict[str, Any]:
    listed = [
        {"variable": f"v{number}", "value_selector": selector}
        for number, selector in enumerate(selectors)
    ]
    return node("shape", "template-transform", template=template, variables=listed)


PARAMETERS = [
    {"name": "pictures", "type": "array", "form": "llm"},
    {"name": "word", "type": "string", "form": "llm"},
]


@pytest.mark.parametrize(
    ("rule", "flow", "now"),
    [
        (
            "reference.unknown",
            Flow(**env("TOPIC", "OTHER")).then(uses(["env", "topic"])).end({}),
            "- TOPIC",
        ),
        (
            "reference.unknown",
            Flow(**env("KEY_ONE")).then(node("e", "end", outputs=[], note="{{#env.KEY_OEN#}} !")),
            "{{#env.KEY_ONE#}} !",
        ),
        (
            "reference.unknown",
            Flow().then(uses()).then(node("e", "end", outputs=[], note="{{#shpae.output.0#}}")),
            "{{#shape.output.0#}}",
        ),
        (
            "tool.constant",
            Flow().then(
                tool_node("t", {"pictures": {"type": "constant", "value": ["ä", 1]}, "word": {}})
            ),
            r'{"type": "mixed", "value": "[\"ä\", 1]"}',
        ),
        (
            "tool.parameter",
            Flow().then(tool_node("t", {"Word": {"type": "constant", "value": "x"}})),
            "word:\n",
        ),
        (
            "node.cannot_run",
            Flow().then(tool_node("t", {}, {"word": None, "pictures": None})),
            "{}\n",
        ),
        ("edge.handle", None, "sourceHandle: fail-branch"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_right_answer(rule: str, flow: Flow | None, now: str, tmp_path: Path) -> None:
    if flow is None:
        flow = Flow().then(tool_node("t", error_strategy="fail-branch"))
        flow.then(uses(), "fail-brnach")
    checked, repaired = check(flow.text(), tmp_path, EchoHost(PARAMETERS))
    assert rules(checked, fixed=True) == {rule}
    assert rule not in rules(checked, fixed=False)
    assert now in repaired


@pytest.mark.parametrize(
    ("rule", "flow"),
    [
        # Two that it may be; another digit; a name that is already given; not near enough.
        ("reference.unknown", Flow(**env("PATH_A", "PATH_B")).then(uses(["env", "PATH_X"]))),
        ("reference.unknown", Flow(**env("KEY_1")).then(uses(["env", "KEY_2"]))),
        ("reference.unknown", Flow(**env("COLOUR")).then(uses(["env", "SOUND"]))),
        ("tool.parameter", Flow().then(tool_node("t", {"word": {}, "words": {}}))),
        # A type that fits by name, while the settings are those of another.
        ("node.cannot_run", Flow().then(node("x", "itreation", prompt="?"))),
        ("end.missing", Flow().then(uses())),
        ("secret.inline", Flow().then(uses(template="sk-" + "a1" * 16))),
        ("node.unreachable", Flow().end({}).add(node("x", "end", outputs=[])).edge("x", "e")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_several_answers_are_for_people(rule: str, flow: Flow, tmp_path: Path) -> None:
    text = flow.text()
    checked, repaired = check(text, tmp_path, EchoHost(PARAMETERS))
    assert repaired == text
    assert rule in rules(checked, fixed=False)
    assert rules(checked, fixed=True) == set()


def test_json_stays_json_and_a_file_its_ends(tmp_path: Path) -> None:
    flow = Flow(**env("TOPIC")).then(uses(["env", "TOPCI"])).end({})
    document = flow.document()
    document["version"] = 0.6
    checked, repaired = check(json.dumps(document, indent=1), tmp_path, EchoHost([]))
    assert checked.ok
    assert json.loads(repaired)["version"] == "0.6"
    assert '"TOPIC"\n' in repaired
    windows = "\ufeff" + flow.text().replace("\n", "\r\n")
    checked, repaired = check(windows, tmp_path, EchoHost([]))
    assert repaired == windows.replace("TOPCI", "TOPIC")
    # The YAML inside a console's export is a text of its own: nothing there is changed.
    export = json.dumps({"data": flow.text()})
    checked, repaired = check(export, tmp_path, EchoHost([]))
    assert repaired == export
    assert not checked.ok


def test_entries_of_a_mapping_in_braces(tmp_path: Path) -> None:
    text = Flow().then(tool_node("t", {}, {"a": None, "b": 1, "c": None})).end({}).text()
    block = re.search(r"tool_configurations:\n(?: +\w: \w+\n)+", text)
    assert block is not None
    braces = text.replace(block[0], "tool_configurations: {a: null, b: 1, c: ~}\n")
    checked, repaired = check(braces, tmp_path, EchoHost([]))
    assert checked.ok
    assert "tool_configurations: {b: 1}\n" in repaired


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("topic", ["TOPIC"], "TOPIC"),
        ("abc", ["abd"], None),
        ("abcd", ["abdc", "xyz"], "abdc"),
        ("abcd", ["bcda"], None),
        ("template_transform", ["template-transform", "tool"], "template-transform"),
        ("loop-srat", ["loop", "loop-start", "loop-end"], "loop-start"),
        ("word1", ["word2"], None),
        ("words", ["word", "swords"], None),
    ],
)
def test_near(name: str, known: list[str], meant: str | None) -> None:
    assert near(name, known) == meant


def test_the_command(tmp_path: Path) -> None:
    file, other = tmp_path / "w.yml", tmp_path / "o.yml"
    text = SHIPPED[0].read_text("utf-8")
    file.write_text(without_quotes(text), "utf-8")
    file.chmod(0o640)
    other.write_text(Flow(mode="chat").text(), "utf-8")
    arguments = ["workflow", "check", "--json", str(file)]
    run = CliRunner().invoke
    before = run(cli.app, arguments)
    assert before.exit_code == 1
    assert file.read_text("utf-8") != text
    done = run(cli.app, [*arguments, "--fix"])
    assert done.exit_code == 0
    [shown] = json.loads(done.stdout)
    assert shown["ok"]
    assert {"rule": "file", "fixed": True}.items() <= shown["findings"][0].items()
    assert file.stat().st_mode & 0o777 == 0o640
    assert set(tmp_path.iterdir()) == {file, other}
    written = file.stat().st_mtime_ns
    assert run(cli.app, [*arguments, "--fix"]).exit_code == 0
    assert file.stat().st_mtime_ns == written  # nothing to change, nothing written
    assert run(cli.app, [*arguments, str(other), "--fix"]).exit_code == 1


def test_a_device_that_never_ends_is_only_judged() -> None:
    [finding] = repair(Path("/dev/zero"), [], Means()).findings
    assert (finding.rule, finding.fixed) == ("file", False)
    assert "larger than 10 MB" in finding.message
