"""A graph of ComfyUI as data: nodes, links, values; walked in bounded steps, whatever it is.

The API form is {id: {class_type, inputs}}, an input is a value or a link [id, output] (ComfyUI,
execution.py, `get_input_data`). Where a link leads to a switch that says which of its inputs it
hands on, it leads to that input.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from creative.images.reading.comfy_switches import SWITCH, chosen, selector
from creative.images.reading.recipe import as_number

MOST_STEPS = 4000
"""Nodes that one search looks at: the largest graphs that people draw with have a few hundred."""
_MOST_LEVELS = 60


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
        switches = {name: node for name, node in nodes.items() if SWITCH.search(node.kind)}
        if 0 < len(switches) <= MOST_STEPS:
            handed = {name: self._handed_on(node) for name, node in switches.items()}
            self.nodes = {name: _rewired(node, handed) for name, node in nodes.items()}

    def _handed_on(self, switch: Node) -> Any:
        """The input that a switch hands on; None if the graph does not say which."""
        told = self.scalar(switch.inputs.get(selector(switch.kind, switch.inputs)), "value")
        name = chosen(switch.kind, switch.inputs, told)
        return switch.inputs.get(name)

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


def _rewired(node: Node, handed: dict[str, Any]) -> Node:
    """`node` with its links led past the switches that hand on an input."""
    inputs = {key: _past(value, handed) for key, value in node.inputs.items()}
    return Node(node.name, node.kind, inputs) if inputs != node.inputs else node


def _past(value: Any, handed: dict[str, Any]) -> Any:
    for _ in range(_MOST_LEVELS):
        link = link_of(value)
        # Further outputs of a switch tell which input it was.
        if link is None or link[1] != 0 or handed.get(link[0]) is None:
            break
        value = handed[link[0]]
    return value


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
