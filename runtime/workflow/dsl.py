"""A workflow file as Dify exports it: read, checked and made ready for the engine.

The checks are those of Dify's import (api/services/app_dsl_service.py) and those that the
engine would fail on with less helpful words. What is accepted there is accepted here: a
missing version, console exports ({"data": "<yaml>"}), edges given twice, notes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from runtime.errors import UsageError, WorkflowInvalid
from runtime.files import FileTooLarge, read_bounded

DSL_MAX_SIZE = 10 * 1024 * 1024
"""Dify's, in bytes (api/services/app_dsl_service.py)."""
WORKFLOW = "workflow"
CHATFLOW = "advanced-chat"
_CONFIG_ONLY = ("chat", "agent-chat", "completion", "agent", "channel")
_TRIGGERS = ("trigger-schedule", "trigger-webhook", "trigger-plugin")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_EXPORT_HINT = "Export the app from Dify again (Studio, the app's menu, Export DSL)."


@dataclass(frozen=True)
class Node:
    """A node of a workflow.

    Attributes:
        data: the node's settings, as in the file.
        parent: id of the iteration or loop it lives in; "" on the canvas itself.
    """

    id: str
    type: str
    title: str
    data: Mapping[str, Any]
    parent: str = ""


@dataclass(frozen=True)
class Workflow:
    """A workflow or chatflow that can be given to the engine.

    Attributes:
        mode: workflow or advanced-chat.
        graph: {"nodes", "edges"} for graphon, without notes and without islands (groups of
            nodes that nothing connects to the start; they never run).
        nodes: the nodes of the graph by id, in the file's order.
        environment: the environment variables: name, value_type, value.
        conversation: the conversation variables: name, value_type, value.
    """

    name: str
    mode: str
    version: str
    start: Node
    graph: Mapping[str, Any]
    nodes: Mapping[str, Node]
    environment: list[dict[str, Any]] = field(default_factory=list)
    conversation: list[dict[str, Any]] = field(default_factory=list)


def read(source: Path | str) -> Workflow:
    """Read a workflow file.

    Args:
        source: its path, or its text (anything with a line break, or starting with "{").

    Raises:
        UsageError: no such file, or it is no text.
        WorkflowInvalid: it is no workflow that Dify would import and run.
    """
    if isinstance(source, str) and ("\n" in source or source.lstrip().startswith("{")):
        return parse(source)
    path = Path(source)
    return parse(text_of(path), path.name)


def text_of(path: Path) -> str:
    """The text of a workflow file.

    Raises:
        UsageError: no such file, or it is too large or no text.
    """
    try:
        return read_bounded(path, DSL_MAX_SIZE).decode("utf-8-sig")
    except FileNotFoundError:
        why = "it does not exist"
    except OSError as error:
        why = error.strerror or str(error)
    except FileTooLarge as error:
        why = f"it {error}, and Dify imports none like that"
    except UnicodeDecodeError as error:
        why = f"it is no UTF-8 text ({error.reason} at byte {error.start})"
    raise UsageError(
        f"The workflow file {path} cannot be read: {why}.",
        "Give the path of an exported .yml file.",
    )


def parse(text: str, where: str = "The workflow") -> Workflow:
    """Check and normalise the text of a workflow file; `where` names it in errors.

    Raises:
        WorkflowInvalid: see `read`.
    """
    document = _document(text, where)
    kind = document.get("kind") or "app"
    if kind != "app":
        raise WorkflowInvalid(f"{where} is of kind {kind!r}, not an app.", _EXPORT_HINT)
    version = document.get("version") or "0.1.0"
    if not isinstance(version, str):
        raise WorkflowInvalid(
            f"{where}: version is {version!r}, which YAML reads as a number; Dify wants text.",
            f'Write version: "{version}" with quotes.',
        )
    app = _mapping(document, "app", where)
    mode = app.get("mode")
    if mode not in (WORKFLOW, CHATFLOW):
        what = f"is an app of mode {mode!r}" if mode in _CONFIG_ONLY else f"has app.mode {mode!r}"
        raise WorkflowInvalid(
            f"{where} {what}; only workflow and advanced-chat have a graph that can run.",
            "Give the export of a workflow or a chatflow.",
        )
    flow = _mapping(document, "workflow", where)
    graph = _mapping(flow, "graph", where, "workflow.")
    nodes, raw = _nodes(graph.get("nodes"), where)
    edges = _edges(graph.get("edges"), nodes, where)
    start = _start(nodes, where)
    kept = _connected(start, nodes, edges)
    return Workflow(
        name=str(app.get("name") or ""),
        mode=mode,
        version=version,
        start=start,
        graph={
            "nodes": [entry for entry in raw if entry["id"] in kept],
            "edges": [edge for edge in edges if edge["source"] in kept],
        },
        nodes={id: node for id, node in nodes.items() if id in kept},
        environment=_variables(flow, "environment_variables", where),
        conversation=_variables(flow, "conversation_variables", where),
    )


def _document(text: str, where: str) -> dict[str, Any]:
    # JSON first: PyYAML cannot read the \ud83e… escapes of a console export.
    try:
        document = json.loads(text)
    except ValueError:
        document = _yaml(text, where)
    if isinstance(document, dict) and isinstance(document.get("data"), str):
        document = _yaml(document["data"], where)
    if not isinstance(document, dict):
        kind = "empty" if document is None else f"a {type(document).__name__}"
        raise WorkflowInvalid(f"{where} is {kind}, not a mapping.", _EXPORT_HINT)
    return document


def _yaml(text: str, where: str) -> Any:
    try:
        return yaml.load(text, Loader=_LOADER)  # noqa: S506 - both loaders are safe ones
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise WorkflowInvalid(
            f"{where} is not valid YAML: {reason}.", "Correct the YAML at the place named."
        ) from None


def _mapping(parent: Mapping[str, Any], key: str, where: str, path: str = "") -> dict[str, Any]:
    value = parent.get(key)
    if not isinstance(value, dict):
        found = "is missing" if value is None else f"is a {type(value).__name__}, not a mapping"
        raise WorkflowInvalid(f"{where}: {path}{key} {found}.", _EXPORT_HINT)
    return value


def _nodes(value: object, where: str) -> tuple[dict[str, Node], list[dict[str, Any]]]:
    if not isinstance(value, list) or not value:
        raise WorkflowInvalid(f"{where} has no nodes.", _EXPORT_HINT)
    nodes: dict[str, Node] = {}
    raw = []
    for index, entry in enumerate(value):
        place = f"{where}: node {index + 1}"
        if not isinstance(entry, dict):
            raise WorkflowInvalid(f"{place} is no mapping.", _EXPORT_HINT)
        if entry.get("type") == "custom-note":
            continue
        id = _id(entry.get("id"), f"{place}: id")
        data = entry.get("data")
        if not isinstance(data, dict) or not isinstance(data.get("type"), str):
            raise WorkflowInvalid(
                f"{place} ({id}) has no data.type.",
                "Every node needs data: {type: start, …}; the type beside it is only the drawing.",
            )
        if id in nodes:
            raise WorkflowInvalid(
                f"{where} has two nodes with the id {id!r}.", "Give one of them another id."
            )
        parent = entry.get("parentId") or data.get("iteration_id") or data.get("loop_id") or ""
        nodes[id] = Node(id, data["type"], str(data.get("title") or id), data, str(parent))
        raw.append({**entry, "id": id})
    return nodes, raw


def _id(value: object, what: str) -> str:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        raise WorkflowInvalid(
            f"{what} is {value}, which YAML reads as a number; Dify wants text.",
            f"Write it with quotes: '{value}'.",
        )
    raise WorkflowInvalid(f"{what} is missing.", _EXPORT_HINT)


def _edges(value: object, nodes: Mapping[str, Node], where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list | None):
        raise WorkflowInvalid(f"{where}: workflow.graph.edges is no list.", _EXPORT_HINT)
    edges: dict[tuple[str, str, str], dict[str, Any]] = {}
    for index, entry in enumerate(value or []):
        place = f"{where}: edge {index + 1}"
        if not isinstance(entry, dict):
            raise WorkflowInvalid(f"{place} is no mapping.", _EXPORT_HINT)
        source = _id(entry.get("source"), f"{place}: source")
        target = _id(entry.get("target"), f"{place}: target")
        for end in (source, target):
            if end not in nodes:
                raise WorkflowInvalid(
                    f"{place} goes from {source!r} to {target!r}, and there is no node {end!r}.",
                    "Remove the edge, or correct its ends.",
                )
        handle = str(entry.get("sourceHandle") or "source")
        # Dify's engine numbers the edges itself; ids that repeat do no harm there.
        edges.setdefault(
            (source, handle, target), {"source": source, "target": target, "sourceHandle": handle}
        )
    return list(edges.values())


def _start(nodes: Mapping[str, Node], where: str) -> Node:
    starts = [node for node in nodes.values() if node.type == "start" and not node.parent]
    if len(starts) == 1:
        return starts[0]
    if starts:
        raise WorkflowInvalid(
            f"{where} has {len(starts)} start nodes.", "Keep one of them; a workflow has one start."
        )
    trigger = next((node for node in nodes.values() if node.type in _TRIGGERS), None)
    if trigger is not None:
        raise WorkflowInvalid(
            f"{where} starts with {trigger.title!r} ({trigger.type}), which only Dify can fire.",
            "Replace the trigger by a start node to run it here.",
        )
    raise WorkflowInvalid(
        f"{where} has no start node.", "Add a node with data: {type: start, variables: […]}."
    )


def _connected(
    start: Node, nodes: Mapping[str, Node], edges: Iterable[Mapping[str, Any]]
) -> set[str]:
    neighbours: dict[str, set[str]] = {id: set() for id in nodes}
    links = [(edge["source"], edge["target"]) for edge in edges]
    links += [(node.id, node.parent) for node in nodes.values() if node.parent in nodes]
    for one, other in links:
        neighbours[one].add(other)
        neighbours[other].add(one)
    seen = {start.id}
    waiting = [start.id]
    while waiting:
        for id in neighbours[waiting.pop()] - seen:
            seen.add(id)
            waiting.append(id)
    return seen


def _variables(flow: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    value = flow.get(key) or []
    if not isinstance(value, list):
        raise WorkflowInvalid(f"{where}: workflow.{key} is no list.", _EXPORT_HINT)
    for entry in value:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise WorkflowInvalid(f"{where}: an entry of workflow.{key} has no name.", _EXPORT_HINT)
    return [dict(entry) for entry in value]
