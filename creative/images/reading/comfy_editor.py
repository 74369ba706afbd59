"""A graph as ComfyUI's editor saves it, as far as it can become the API form.

Nodes have widgets_values, mostly without names (`tables.yaml` has those), and links by number:
[id, from, output, to, input, type], inside subgraphs {id, origin_id, origin_slot, target_id,
target_slot, type}. What the editor does before it sends a graph (its utils/executionUtil.ts,
`graphToPrompt`) is done here: a bypassed node hands on its first input of the output's type, a
subgraph is opened, its inputs and outputs being the nodes -10 and -20, and KJNodes' GetNode is
the SetNode of the same name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from creative.images.reading.comfy_graph import Graph, Node
from creative.images.reading.recipe import tables

MOST_NODES = 20_000
MOST_ROWS = 200_000
"""Nodes and links that are looked at, each time a subgraph is opened: subgraphs in subgraphs grow
as powers."""
_MOST_LEVELS = 60
_INPUTS, _OUTPUTS = -10, -20
_MUTED, _BYPASSED = 2, 4


def from_editor(found: dict[str, Any]) -> Graph | None:
    """A graph in the editor's form; None if it is none."""
    if not isinstance(found.get("nodes"), list) or not isinstance(found.get("links"), list):
        return None
    definitions = found.get("definitions")
    listed = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    subgraphs = {
        one["id"]: one
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict) and isinstance(one.get("id"), str)
    }
    nodes: dict[str, Node] = {}
    for scope, row in _Scope(found, subgraphs).all():
        if len(nodes) >= MOST_NODES:
            break
        name = scope.name(row)
        nodes[name] = Node(name, row["type"], {**_widgets(row), **scope.links_of(row)})
    return Graph(nodes) if nodes else None


class _Scope:
    """The whole graph, or what is inside one node that is a subgraph.

    Args:
        found: nodes and links.
        subgraphs: definitions by id.
        outer: where the node is that this is inside of.
        instance: that node.
    """

    def __init__(
        self,
        found: dict[str, Any],
        subgraphs: dict[str, dict[str, Any]],
        outer: _Scope | None = None,
        instance: dict[str, Any] | None = None,
    ) -> None:
        self._subgraphs, self._outer, self._instance = subgraphs, outer, instance or {}
        self._left: list[int] = outer._left if outer else [MOST_ROWS]
        self._prefix = outer.name(self._instance) + ":" if outer else ""
        self._level: int = outer._level + 1 if outer else 0
        rows, links = found.get("nodes"), found.get("links")
        self._left[0] -= 1 + sum(len(one) for one in (rows, links) if isinstance(one, list))
        self._rows = {
            str(row.get("id")): row
            for row in (rows if isinstance(rows, list) else ())
            if isinstance(row, dict) and isinstance(row.get("type"), str)
        }
        self._sources: dict[Any, tuple[Any, int]] = {}
        self._results: dict[int, Any] = {}
        for link in links if isinstance(links, list) else ():
            number, origin, slot, target, place = _link(link)
            if number is not None:
                self._sources[number] = origin, slot
                if target == _OUTPUTS:
                    self._results[place] = number
        self._inner: dict[str, _Scope] = {}
        self._set = {
            _first_widget(row): row for row in self._rows.values() if row["type"] == "SetNode"
        }

    def name(self, row: dict[str, Any]) -> str:
        """A node's id in the API form."""
        return f"{self._prefix}{row.get('id')}"

    def all(self) -> Iterator[tuple[_Scope, dict[str, Any]]]:
        """Every node that runs, those inside of subgraphs included."""
        for row in self._rows.values():
            if row.get("mode") in (_MUTED, _BYPASSED):
                continue
            inner = self._opened(row)
            if inner is None:
                yield self, row
            else:
                yield from inner.all()

    def _opened(self, row: dict[str, Any]) -> _Scope | None:
        definition = self._subgraphs.get(row["type"])
        name = str(row.get("id"))
        if definition is None or self._level >= _MOST_LEVELS // 4:
            return None
        if name not in self._inner:
            if self._left[0] <= 0:
                return None
            self._inner[name] = _Scope(definition, self._subgraphs, self, row)
        return self._inner[name]

    def links_of(self, row: dict[str, Any]) -> dict[str, Any]:
        """The inputs of a node that are linked, or get a widget's value from outside."""
        found = {}
        for entry in _entries(row):
            value = self._value(entry.get("link"), 0)
            if value is not None:
                found[str(entry.get("name"))] = value
        return found

    def _value(self, number: Any, level: int) -> Any:
        """The node and output that a link comes from, or a plain value; None: from nowhere."""
        if not isinstance(number, int) or number not in self._sources or level > _MOST_LEVELS:
            return None
        origin, slot = self._sources[number]
        if origin == _INPUTS and self._outer is not None:
            return self._given(slot, level)
        row = self._rows.get(str(origin))
        if row is None or row.get("mode") == _MUTED:
            return None
        inner = self._opened(row)
        if row.get("mode") == _BYPASSED:
            value = self._value(_passed(row, slot), level + 1)
        elif row["type"] == "GetNode" and _first_widget(row) in self._set:
            entries = _entries(self._set[_first_widget(row)])
            value = self._value(next((one.get("link") for one in entries), None), level + 1)
        elif inner is not None:
            value = inner._value(inner._results.get(slot), level + 1)
        else:
            value = [self.name(row), slot]
        return value

    def _given(self, slot: int, level: int) -> Any:
        """What the node that this is inside of is given at an input: a link, or its widget."""
        entries = list(_entries(self._instance))
        if self._outer is None or not 0 <= slot < len(entries):
            return None
        if entries[slot].get("link") is not None:
            return self._outer._value(entries[slot]["link"], level + 1)
        shown = [place for place, entry in enumerate(entries) if entry.get("widget")]
        values = self._instance.get("widgets_values")
        # Otherwise the widget is that of the node inside, which has its value.
        if slot in shown and isinstance(values, list) and len(values) == len(shown):
            return values[shown.index(slot)]
        return None


def _link(link: Any) -> tuple[Any, Any, int, Any, int]:
    """Number, origin, its output, target, its input; the number is None for what is no link."""
    if isinstance(link, dict):
        names = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
        link = [link.get(name) for name in names]
    if not isinstance(link, list) or len(link) < 5 or not isinstance(link[0], int):
        return None, None, 0, None, 0
    number, origin, slot, target, place = link[:5]
    return (
        number,
        origin,
        slot if isinstance(slot, int) else 0,
        target,
        place if isinstance(place, int) else 0,
    )


def _entries(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    entries = row.get("inputs")
    for entry in entries if isinstance(entries, list) else ():
        yield entry if isinstance(entry, dict) else {}


def _passed(row: dict[str, Any], slot: int) -> Any:
    """The link of the input that a bypassed node hands on at an output."""
    outputs = row.get("outputs")
    out = outputs[slot] if isinstance(outputs, list) and 0 <= slot < len(outputs) else None
    kind = out.get("type") if isinstance(out, dict) else None
    fitting = [one.get("link") for one in _entries(row) if kind and one.get("type") == kind]
    return next((link for link in fitting if link is not None), None)


def _first_widget(row: dict[str, Any]) -> str:
    values = row.get("widgets_values")
    return str(values[0]) if isinstance(values, list) and values else ""


def _widgets(row: dict[str, Any]) -> dict[str, Any]:
    """A node's own values by name; widget_0 and so on where nobody knows the names."""
    values = row.get("widgets_values")
    if isinstance(values, dict):
        return {str(key): value for key, value in values.items()}
    if not isinstance(values, list):
        return {}
    names = tables().widgets.names.get(row["type"])
    names = names or [f"widget_{place}" for place in range(len(values))]
    return {name: value for name, value in zip(names, values, strict=False) if name != "-"}
