"""A graph of ComfyUI as data: nodes, links, values; walked in bounded steps, whatever it is.

The API form is {id: {class_type, inputs}}, an input is a value or a link [id, output] (ComfyUI,
execution.py, `get_input_data`). The editor's form has nodes with widgets_values and a list of
links [id, from, output, to, input, type] (its workflow JSON, version 0.4); it becomes the API
form as far as `tables.yaml` names a class's widgets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from creative.images.reading.recipe import as_number, tables

MOST_STEPS = 4000
"""Nodes that one search looks at: the largest graphs that people draw with have a few hundred."""
_MOST_LEVELS = 60
_PASSED = ("Reroute", "PrimitiveNode")


@dataclass(frozen=True)
class Node:
    """One node.

    Attributes:
        name: its id in the graph.
        kind: its class.
        inputs: values and links by name.
    """

    name: str
    kind: str
    inputs: dict[str, Any] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """The inputs that are no links."""
        return {key: value for key, value in self.inputs.items() if link_of(value) is None}


class Graph:
    """The nodes by id."""

    def __init__(self, nodes: dict[str, Node]) -> None:
        self.nodes = nodes

    def at(self, value: Any) -> Node | None:
        """The node that an input is linked to; None if it is no link, or leads nowhere."""
        link = link_of(value)
        return None if link is None else self.nodes.get(link[0])

    def upstream(self, starts: list[Node]) -> Iterator[Node]:
        """The starts and everything that they are made from, the nearest first, each once."""
        seen = {node.name for node in starts}
        waiting = deque(starts)
        steps = 0
        while waiting and steps < MOST_STEPS:
            node = waiting.popleft()
            steps += 1
            yield node
            for value in node.inputs.values():
                source = self.at(value)
                if source is not None and source.name not in seen:
                    seen.add(source.name)
                    waiting.append(source)

    def scalar(self, value: Any, name: str, level: int = 0) -> Any:
        """A plain value: itself, or what the linked primitive holds; None if that is unclear.

        Args:
            value: the input.
            name: the input's name, by which a node with many values is asked.
            level: how many links were followed.
        """
        node = self.at(value)
        if node is None:
            return None if link_of(value) is not None else value
        if level >= _MOST_LEVELS:
            return None
        for key in (name, "value", "seed", "noise_seed", "int", "float", "number", "string", ""):
            if key in node.inputs:
                return self.scalar(node.inputs[key], key or name, level + 1)
        plain = [v for v in node.inputs.values() if isinstance(v, str | int | float)]
        return plain[0] if len(plain) == 1 == len(node.inputs) else None

    def number(self, node: Node, *names: str) -> float | int | None:
        """The first of these inputs that is a number."""
        for name in names:
            value = self.scalar(node.inputs.get(name), name)
            number = as_number(value)
            if number is not None:
                # A seed of 64 bits is no float.
                return value if isinstance(value, int) else number
        return None

    def word(self, node: Node, *names: str) -> str:
        """The first of these inputs that is a text."""
        for name in names:
            value = self.scalar(node.inputs.get(name), name)
            if isinstance(value, str) and value:
                return value
        return ""


def link_of(value: Any) -> tuple[str, int] | None:
    """Node id and output of a link."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    source, output = value
    if not isinstance(source, str | int) or isinstance(source, bool):
        return None
    if not isinstance(output, int) or isinstance(output, bool):
        return None
    return str(source), output


def from_api(found: dict[str, Any]) -> Graph | None:
    """A graph in the API form; None if it is none."""
    nodes = {}
    for name, row in found.items():
        if isinstance(row, dict) and isinstance(row.get("class_type"), str):
            inputs = row.get("inputs")
            nodes[str(name)] = Node(
                str(name), row["class_type"], inputs if isinstance(inputs, dict) else {}
            )
    return Graph(nodes) if nodes else None


def from_editor(found: dict[str, Any]) -> Graph | None:
    """A graph in the editor's form; None if it is none."""
    rows, links = found.get("nodes"), found.get("links")
    if not isinstance(rows, list) or not isinstance(links, list):
        return None
    sources: dict[Any, list[Any]] = {}
    for link in links:
        if isinstance(link, list) and len(link) >= 5 and isinstance(link[0], int):
            sources[link[0]] = [str(link[1]), link[2] if isinstance(link[2], int) else 0]
    widgets = tables().widgets.names
    nodes = {}
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("type"), str):
            continue
        kind, inputs = row["type"], {}
        values = row.get("widgets_values")
        if isinstance(values, dict):
            inputs.update({str(key): value for key, value in values.items()})
        elif isinstance(values, list):
            names = widgets.get(kind) or [f"widget_{place}" for place in range(len(values))]
            inputs.update(
                {name: value for name, value in zip(names, values, strict=False) if name != "-"}
            )
        entries = row.get("inputs")
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and entry.get("link") in sources:
                inputs[str(entry.get("name"))] = sources[entry["link"]]
        if row.get("mode") in (2, 4):  # muted, bypassed
            continue
        nodes[str(row.get("id"))] = Node(str(row.get("id")), kind, inputs)
    return Graph(nodes) if nodes else None
