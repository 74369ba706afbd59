"""Everything that is wrong with a workflow file, at once: `studio workflow check`.

What stops Dify's import or its engine, what a node refers to that is not there, what Dify accepts
and loses, and what cannot run on this machine (a warning: elsewhere it may). Rules by id, in
`findings.RULES`; where they come from stands beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runtime.errors import StudioError
from runtime.host.parameters import closest
from runtime.workflow.check import RUNS, NotHere, refusals
from runtime.workflow.dsl import CHATFLOW, Node, Workflow, parse, text_of
from runtime.workflow.findings import Checked, Finding
from runtime.workflow.means import Means
from runtime.workflow.result import ToolHost
from runtime.workflow.tool_rules import tool_findings

REFERENCE = re.compile(r"\{\{#([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_ -]+)+)#\}\}")
_KEY = re.compile(r"\b(?:sk-[A-Za-z0-9_-]{20,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,})")
SPECIAL = frozenset({"sys", "env", "conversation"})


def lint(file: Path, hosts: Sequence[ToolHost], means: Means) -> Checked:
    """Check a workflow file.

    Args:
        file: the workflow.
        hosts: the plugins whose tools are known.
        means: what a run here could use.
    """
    try:
        text = text_of(file)
    except StudioError as error:
        return Checked(str(file), [_unreadable(error)])
    return Checked(str(file), findings_in(text, file.name, hosts, means))


def findings_in(text: str, name: str, hosts: Sequence[ToolHost], means: Means) -> list[Finding]:
    """The same for the text of a file that is called `name`."""
    try:
        workflow = parse(text, name)
    except StudioError as error:
        return [_unreadable(error)]
    findings = [
        *_nodes(workflow, hosts, means),
        *_engine(workflow),
        *tool_findings(workflow, hosts),
        *_edges(workflow),
        *_references(workflow),
        *_whole(workflow),
    ]
    return list(dict.fromkeys(findings))


def _unreadable(error: StudioError) -> Finding:
    return Finding("file", "error", "", "", error.message, error.hint)


def _nodes(workflow: Workflow, hosts: Sequence[ToolHost], means: Means) -> Iterator[Finding]:
    for node, error in refusals(workflow, hosts, means):
        here = isinstance(error, NotHere)
        rule, severity = ("node.not_here", "warning") if here else ("node.cannot_run", "error")
        yield Finding(rule, severity, node.id, node.title, error.message, error.hint)


def _engine(workflow: Workflow) -> Iterator[Finding]:
    """What the models of the nodes say about their settings."""
    from pydantic import ValidationError

    from runtime.workflow.factory import class_of, explain

    for node in workflow.nodes.values():
        try:
            if node.type in RUNS:
                data = _without_nulls(node)
                class_of(data).validate_node_data(data)
        except ImportError:
            continue  # an extra is not installed: the other rule tells
        except (ValidationError, ValueError, TypeError) as error:
            yield Finding(
                "node.settings",
                "error",
                node.id,
                node.title,
                f"The node {node.title!r} ({node.type}) cannot be used: {explain(error)}.",
                "Correct it in Dify and export the workflow again.",
            )


def _without_nulls(node: Node) -> Any:
    from graphon.entities.base_node_data import BaseNodeData

    data = dict(node.data)
    if isinstance(data.get("tool_configurations"), dict):  # the other rule tells of these
        kept = {k: v for k, v in data["tool_configurations"].items() if v is not None}
        data["tool_configurations"] = kept
    return BaseNodeData.model_validate(data)


def _edges(workflow: Workflow) -> Iterator[Finding]:
    for edge in workflow.graph["edges"]:
        source, target = workflow.nodes[edge["source"]], workflow.nodes[edge["target"]]
        if source.parent != target.parent:
            yield Finding(
                "edge.crosses",
                "error",
                f"edges.{source.id}-{target.id}",
                source.title,
                f"The edge from {source.title!r} to {target.title!r} crosses the border of an "
                "iteration or loop.",
                "Connect the iteration or loop itself.",
            )
        ways = ways_out(source)
        if ways is not None and edge["sourceHandle"] not in ways:
            yield Finding(
                "edge.handle",
                "warning",
                f"edges.{source.id}-{target.id}",
                source.title,
                f"The edge from {source.title!r} to {target.title!r} leaves by "
                f"{edge['sourceHandle']!r}, which is none of its ways out.",
                f"{closest(edge['sourceHandle'], sorted(ways))}It has {', '.join(sorted(ways))}.",
            )


def ways_out(node: Node) -> set[str] | None:
    """The handles by which edges may leave a node; None if any will do."""
    data = node.data
    if node.type == "if-else":
        cases = data.get("cases") or [{"case_id": "true"}]
        return {"false", *(str(case.get("case_id")) for case in cases)}
    if node.type == "question-classifier":
        return {str(entry.get("id")) for entry in data.get("classes") or []}
    if node.type == "human-input":
        return {"__timeout", *(str(a.get("id")) for a in data.get("user_actions") or [])}
    if data.get("error_strategy") == "fail-branch":
        return {"source", "success-branch", "fail-branch"}
    return None


def _references(workflow: Workflow) -> Iterator[Finding]:
    before = _ancestors(workflow)
    for node in workflow.nodes.values():
        for path, selector in _selectors(node.data, node.id):
            where = ".".join(selector)
            first, name = selector[0], selector[1]
            shown = f"The node {node.title!r} ({node.type}) uses {where}"
            if first in SPECIAL:
                known = known_variables(workflow, first)
                if known is not None and name not in known:
                    names = ", ".join(sorted(known)) or "none"
                    yield Finding(
                        "reference.unknown",
                        "error",
                        path,
                        node.title,
                        f"{shown}, and there is no such variable.",
                        f"{closest(name, sorted(known))}There are: {names}.",
                    )
            elif first not in workflow.nodes:
                yield Finding(
                    "reference.unknown",
                    "error",
                    path,
                    node.title,
                    f"{shown}, and there is no connected node {first!r}.",
                    "Choose the variable again in Dify.",
                )
            elif first not in before[node.id] and first != node.id:
                yield Finding(
                    "reference.later",
                    "warning",
                    path,
                    node.title,
                    f"{shown}, and {workflow.nodes[first].title!r} does not run before it.",
                    "Connect the two, or choose another variable.",
                )


def known_variables(workflow: Workflow, group: str) -> set[str] | None:
    """Names of the variables in env or conversation; None for sys, whose names Dify knows."""
    if group == "env":
        return {str(variable["name"]) for variable in workflow.environment}
    if group == "conversation":
        return {str(variable["name"]) for variable in workflow.conversation}
    return None


def _selectors(value: Any, path: str, key: str = "") -> Iterator[tuple[str, list[str]]]:
    """Every reference below a node's settings, as (path, selector)."""
    if isinstance(value, str):
        for found in REFERENCE.finditer(value):
            yield path, found.group(1).split(".")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _selectors(item, f"{path}.{name}", str(name))
    elif isinstance(value, list):
        texts = len(value) >= 2 and all(isinstance(item, str) and item for item in value)
        if texts and key.endswith("selector"):
            yield path, list(value)
        else:
            for number, item in enumerate(value):
                yield from _selectors(item, f"{path}.{number}", key)


def _ancestors(workflow: Workflow) -> dict[str, set[str]]:
    """For each node those that may run before it; inside a container also what precedes that."""
    into: dict[str, set[str]] = {id: set() for id in workflow.nodes}
    for edge in workflow.graph["edges"]:
        into[edge["target"]].add(edge["source"])
    inside: dict[str, set[str]] = {}
    for node in workflow.nodes.values():
        if node.parent in into:
            into[node.id].add(node.parent)
            inside.setdefault(node.parent, set()).add(node.id)
    found = {}
    for id in workflow.nodes:
        # A container uses what its own nodes give.
        seen, waiting = {id}, [id, *inside.get(id, ())]
        while waiting:
            current = waiting.pop()
            seen.add(current)
            waiting += into[current] - seen
        found[id] = seen
    return found


def _whole(workflow: Workflow) -> Iterator[Finding]:
    wanted = "answer" if workflow.mode == CHATFLOW else "end"
    if not any(node.type == wanted for node in workflow.nodes.values()):
        yield Finding(
            "end.missing",
            "warning",
            "",
            "",
            f"No {wanted} node is connected to the start: the run gives nothing.",
            f"Add a node of type {wanted}.",
        )
    reached, waiting = {workflow.start.id}, [workflow.start.id]
    out: dict[str, set[str]] = {}
    for edge in workflow.graph["edges"]:
        out.setdefault(edge["source"], set()).add(edge["target"])
    while waiting:
        for id in out.get(waiting.pop(), set()) - reached:
            reached.add(id)
            waiting.append(id)
    for node in workflow.nodes.values():
        if not node.parent and node.id not in reached:
            yield Finding(
                "node.unreachable",
                "warning",
                node.id,
                node.title,
                f"Nothing leads to the node {node.title!r} ({node.type}); it never runs.",
                "Connect it, or delete it.",
            )
        for path, text in _texts(node.data, node.id):
            if _KEY.search(text):
                yield Finding(
                    "secret.inline",
                    "warning",
                    path,
                    node.title,
                    f"A key stands in the node {node.title!r}.",
                    "Make it an environment variable of type secret, and revoke this key.",
                )


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(item, f"{path}.{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, f"{path}.{number}")
