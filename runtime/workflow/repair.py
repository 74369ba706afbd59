"""What has exactly one right answer is put right: `studio workflow check --fix`.

- **file, node.settings, edge.handle**: what YAML reads as a number or as yes/no where Dify wants
  text (version, ids, the ends of edges, variables, cases) gets its quotation marks.
- **node.cannot_run**: a type of node or a tool whose name is misspelt; null among the settings of
  a tool is removed.
- **edge.handle, reference.unknown, tool.parameter**: a misspelt way out, variable, node or
  parameter.
- **tool.constant**: an object or a list becomes the text that Dify hands on.

Misspelt means: one known name, and only one, is one letter away (two from eight letters on), or
differs in capitals only; digits must agree. A change is kept only if the finding is gone with it
and no new error has come. Everything else has several answers, and people choose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from runtime.errors import StudioError, UsageError
from runtime.files import FileTooLarge, read_bounded, write_whole
from runtime.workflow.check import RUNS, find_tool, providers_of
from runtime.workflow.dsl import DSL_MAX_SIZE, Node, Workflow, parse
from runtime.workflow.edit import Change, What, apply, compose, scalars
from runtime.workflow.edit import Path as Place
from runtime.workflow.findings import Checked, Finding
from runtime.workflow.lint import REFERENCE, SPECIAL, findings_in, known_variables, lint, ways_out
from runtime.workflow.means import Means
from runtime.workflow.result import ToolHost
from runtime.workflow.tool_rules import GIVEN

_NODES: Place = ("workflow", "graph", "nodes")
_EDGES: Place = ("workflow", "graph", "edges")
_TEXTS = re.compile(
    r"version"
    r"|workflow/graph/edges/\d+/(id|source|target|sourceHandle|targetHandle)"
    r"|workflow/graph/edges/\d+/data/(iteration_id|loop_id)"
    r"|workflow/graph/nodes/\d+/(id|parentId)"
    r"|workflow/graph/nodes/\d+/data/(iteration_id|loop_id|start_node_id"
    r"|cases/\d+/(case_id|id)|(classes|user_actions)/\d+/id)"
)
"""Where Dify wants text, by keys with / between them."""
_ID = re.compile(r"workflow/graph/nodes/\d+/id")
_SELECTOR = re.compile(r"(workflow/graph/nodes/\d+/data/.+)/0")
"""Where the id of a node may stand: at the head of a list, before the name of a variable."""
_NO_TEXT = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool", "timestamp"))


def repair(file: Path, hosts: Sequence[ToolHost], means: Means) -> Checked:
    """Check a workflow file and put right what has one right answer; see `lint`.

    The file is written only if something has changed, and whole or not at all. What was put right
    is among the findings, with `fixed`.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        raw = read_bounded(file, DSL_MAX_SIZE).decode("utf-8")
    except (OSError, FileTooLarge, UnicodeDecodeError):
        return lint(file, hosts, means)  # it says what is wrong
    mark = "\ufeff" if raw.startswith("\ufeff") else ""
    text, fixed = repaired(raw.removeprefix(mark), file.name, hosts, means)
    if fixed:
        _write(file, mark + text)
    return Checked(str(file), [*fixed, *findings_in(text, file.name, hosts, means)])


def repaired(
    text: str, name: str, hosts: Sequence[ToolHost], means: Means
) -> tuple[str, list[Finding]]:
    """The text after repairs, and what they have put right; `name` is that of the file."""

    def look(at: str) -> list[Finding]:
        return findings_in(at, name, hosts, means)

    before = look(text)
    text, before, fixed = _quoted(text, before, look)
    going = True
    while going:
        going = False
        for finding in before:
            changes = _answer(text, finding, hosts)
            changed = apply(text, changes) if changes else None
            if changed is None:
                continue
            after = look(changed)
            if finding in after or _errors(after) - _errors(before):
                continue
            fixed += [replace(one, fixed=True) for one in before if one not in after]
            text, before, going = changed, after, True
            break
    return text, fixed


def _quoted(
    text: str, before: list[Finding], look: Callable[[str], list[Finding]]
) -> tuple[str, list[Finding], list[Finding]]:
    """Text, findings and what was put right, with quotation marks where Dify wants text."""
    places = _unquoted(text)
    changed = apply(text, [Change(path, What.QUOTE) for path, _ in places]) if places else None
    if changed is None:
        return text, before, []
    after = look(changed)
    gone = [finding for finding in before if finding not in after]
    # Who cannot read the file sees one thing that is wrong with it; what is behind it comes after.
    unread = any(finding.rule == "file" for finding in before)
    if not gone or (not unread and _errors(after) - _errors(before)):
        return text, before, []
    fixed = [
        Finding(
            "file",
            "error",
            ".".join(map(str, path)),
            "",
            f"{'.'.join(map(str, path))} is {node.value}, which YAML does not read as text; "
            "Dify wants text.",
            "Write it with quotes.",
            fixed=True,
        )
        for path, node in places
    ]
    others = [replace(finding, fixed=True) for finding in gone if finding.rule != "file"]
    return changed, after, fixed + others


def _unquoted(text: str) -> list[tuple[Place, yaml.ScalarNode]]:
    """Where Dify wants text, and YAML reads something else."""
    root = compose(text)
    known = {"/".join(map(str, path)): (path, node) for path, node in scalars(root)} if root else {}
    ids = {node.value for at, (_, node) in known.items() if _ID.fullmatch(at)}
    found = []
    for at, (path, node) in known.items():
        if node.tag not in _NO_TEXT:
            continue
        head = _SELECTOR.fullmatch(at)
        variable = known.get(f"{head[1]}/1") if head is not None and node.value in ids else None
        if _TEXTS.fullmatch(at) or (variable is not None and variable[1].tag not in _NO_TEXT):
            found.append((path, node))
    return found


def _errors(findings: Iterable[Finding]) -> set[Finding]:
    return {finding for finding in findings if finding.severity == "error"}


def near(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `name` is misspelt from; None if there is none, or several."""
    letters = 0 if len(name) < 4 else 1 if len(name) < 8 else 2
    found = [
        one
        for one in dict.fromkeys(known)
        if re.findall(r"\d", one) == re.findall(r"\d", name)
        and _distance(one.casefold(), name.casefold()) <= letters
    ]
    return found[0] if len(found) == 1 else None


def _distance(one: str, other: str) -> int:
    """Letters to add, remove, change or swap with the next one."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


# --- the answer to a finding ----------------------------------------------------------------


def _answer(text: str, finding: Finding, hosts: Sequence[ToolHost]) -> list[Change]:
    """The changes that put it right; none if there is no answer, or several."""
    if finding.rule not in _ANSWERS:
        return []
    try:
        workflow = parse(text)
        document = yaml.safe_load(text)
    except (StudioError, yaml.YAMLError):
        return []
    graph = document.get("workflow", {}).get("graph") if isinstance(document, dict) else None
    if not isinstance(graph, dict):  # a console export has its YAML inside a JSON text
        return []
    return _ANSWERS[finding.rule](finding, workflow, graph, hosts)


def _node_of(
    finding: Finding, workflow: Workflow, graph: Mapping[str, Any]
) -> tuple[Node, Place, Any] | None:
    """The node that a finding is about, where its settings are, and these."""
    for number, entry in enumerate(graph["nodes"]):
        id = str(entry.get("id"))
        if (finding.path == id or finding.path.startswith(f"{id}.")) and id in workflow.nodes:
            return workflow.nodes[id], (*_NODES, number, "data"), entry["data"]
    return None


def _misspelt_node(
    finding: Finding, workflow: Workflow, graph: Mapping[str, Any], hosts: Sequence[ToolHost]
) -> list[Change]:
    found = _node_of(finding, workflow, graph)
    if found is None:
        return []
    node, place, data = found
    if node.type not in RUNS:
        kind = near(node.type, RUNS)
        return [Change((*place, "type"), What.VALUE, kind)] if kind else []
    settings = data.get("tool_configurations")
    empty = [name for name, v in settings.items() if v is None] if settings else []
    if empty:
        return [Change((*place, "tool_configurations", name), What.REMOVE) for name in empty]
    tools = [tool.name for _, provider in providers_of(node, hosts) for tool in provider.tools]
    wanted = str(data.get("tool_name") or "")
    tool = near(wanted, tools) if wanted not in tools else None
    return [Change((*place, "tool_name"), What.VALUE, tool)] if tool else []


def _misspelt_handle(
    finding: Finding, workflow: Workflow, graph: Mapping[str, Any], _hosts: Sequence[ToolHost]
) -> list[Change]:
    for number, edge in enumerate(graph["edges"]):
        source, handle = str(edge.get("source")), str(edge.get("sourceHandle") or "source")
        ways = ways_out(workflow.nodes[source]) if source in workflow.nodes else None
        here = finding.path == f"edges.{source}-{edge.get('target')}"
        if here and ways is not None and handle not in ways and "sourceHandle" in edge:
            way = near(handle, ways)
            return [Change((*_EDGES, number, "sourceHandle"), What.VALUE, way)] if way else []
    return []


def _misspelt_reference(
    finding: Finding, workflow: Workflow, graph: Mapping[str, Any], _hosts: Sequence[ToolHost]
) -> list[Change]:
    found = _node_of(finding, workflow, graph)
    if found is None:
        return []
    node, place, data = found
    below = _place(data, finding.path[len(node.id) + 1 :])
    if below is None:
        return []
    value: Any = data
    for step in below:
        value = value[step]
    selectors = (
        [match.group(1).split(".") for match in REFERENCE.finditer(value)]
        if isinstance(value, str)
        else [value]
    )
    for selector in selectors:
        where = ".".join(selector)
        right = _right(selector, workflow) if f" uses {where}, " in finding.message else None
        if right is None:
            continue
        if isinstance(value, str):
            pair = (f"#{where}#", f"#{'.'.join(right)}#")
            return [Change(place + below, What.WITHIN, pair)]
        return [
            Change((*place, *below, number), What.VALUE, right[number])
            for number in range(2)
            if right[number] != selector[number]
        ]
    return []


def _right(selector: list[str], workflow: Workflow) -> list[str] | None:
    """The selector as it was meant."""
    first, name = selector[0], selector[1]
    known = known_variables(workflow, first) if first in SPECIAL else None
    if known is not None and name not in known:
        meant = near(name, known)
        return [first, meant, *selector[2:]] if meant else None
    if first not in SPECIAL and first not in workflow.nodes:
        meant = near(first, [*workflow.nodes, *SPECIAL])
        return [meant, *selector[1:]] if meant else None
    return None


def _place(value: Any, dotted: str) -> Place | None:
    """The keys that a finding's path names; a key may have dots in it."""
    if not dotted:
        return ()
    if not isinstance(value, dict | list):
        return None
    steps = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in steps:
        if dotted == str(key):
            return (key,)
        if dotted.startswith(f"{key}."):
            rest = _place(item, dotted[len(str(key)) + 1 :])
            if rest is not None:
                return (key, *rest)
    return None


def _misspelt_parameter(
    finding: Finding, workflow: Workflow, graph: Mapping[str, Any], hosts: Sequence[ToolHost]
) -> list[Change]:
    found = _node_of(finding, workflow, graph)
    if found is None:
        return []
    node, place, data = found
    group, _, name = finding.path[len(node.id) + 1 :].partition(".")
    given = {key for one in GIVEN for key in data.get(one) or ()}
    parameters = find_tool(node, hosts).tool.parameters
    meant = near(name, [one.name for one in parameters])
    if meant is None or meant in given:
        return []
    return [Change((*place, group, name), What.KEY, meant)]


def _constant(
    finding: Finding, workflow: Workflow, graph: Mapping[str, Any], _hosts: Sequence[ToolHost]
) -> list[Change]:
    found = _node_of(finding, workflow, graph)
    if found is None:
        return []
    node, place, data = found
    group, _, name = finding.path[len(node.id) + 1 :].partition(".")
    text = json.dumps(data[group][name]["value"], ensure_ascii=False)
    return [Change((*place, group, name), What.VALUE, {"type": "mixed", "value": text})]


_ANSWERS: dict[
    str,
    Callable[[Finding, Workflow, Mapping[str, Any], Sequence[ToolHost]], list[Change]],
] = {
    "node.cannot_run": _misspelt_node,
    "edge.handle": _misspelt_handle,
    "reference.unknown": _misspelt_reference,
    "tool.parameter": _misspelt_parameter,
    "tool.constant": _constant,
}


def _write(file: Path, text: str) -> None:
    """Put the text into the file, whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        mode = file.stat().st_mode
        write_whole(file, text.encode())
        file.chmod(mode)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error.strerror or error}.",
            "Its findings stand; make it writable, or leave --fix out.",
        ) from None
