"""A user's workflow in API format, and the placeholders in it.

A placeholder is {{name}} anywhere in a string input. Values are put into the parsed
workflow, never into its JSON text, so quotes and line breaks in a prompt do no harm; what was
put in is not searched again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from creative.errors import InvalidInput, TooLarge
from creative.images.engines.comfyui.server import Graph

MAX_CHARACTERS = 5_000_000
SEEDS = ("seed", "noise_seed")

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}\n]{1,100}?)\s*\}\}")
_FILE_NAME = "filename_prefix"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
"""ComfyUI saves a file with a line break in its name, and breaks off when it is asked for it."""
_HOW_TO_EXPORT = (
    "In ComfyUI open the workflow and choose File > Export (API), which older versions have in "
    "the menu Workflow, or after Settings > Enable dev mode options as Save (API Format). Give "
    "that file."
)


def read_workflow(workflow: Mapping[str, Any] | str) -> Graph:
    """The workflow from JSON text or an object; {"prompt": {…}} around it is taken off.

    Raises:
        InvalidInput: no JSON, ComfyUI's other format, or no workflow; says how to export it.
        TooLarge: over 5 million characters.
    """
    data = _parsed(workflow) if isinstance(workflow, str) else workflow
    if isinstance(data, Mapping) and isinstance(data.get("prompt"), Mapping):
        data = data["prompt"]
    if not isinstance(data, Mapping) or not data:
        raise InvalidInput("workflow", data, "a workflow in API format", _HOW_TO_EXPORT)
    if isinstance(data.get("nodes"), list):
        raise InvalidInput(
            "workflow",
            "a workflow in the format of ComfyUI's editor (with nodes and links)",
            "one in API format, which a server can run",
            _HOW_TO_EXPORT,
        )
    graph: Graph = {}
    for node_id, node in data.items():
        inputs = node.get("inputs", {}) if isinstance(node, Mapping) else None
        if not isinstance(inputs, Mapping) or not isinstance(node.get("class_type"), str):
            raise InvalidInput(
                "workflow",
                f"{node_id}: {node}",
                "nodes with class_type and inputs, as in API format",
                _HOW_TO_EXPORT,
            )
        if _PLACEHOLDER.search(node["class_type"]):
            raise InvalidInput(
                "workflow",
                f"class_type {node['class_type']} of node #{node_id}",
                "placeholders in inputs only",
            )
        graph[str(node_id)] = {**node, "inputs": dict(inputs)}
    for node_id, name, value in _inputs(graph):
        if is_link(value) and value[0] not in graph:
            raise InvalidInput(
                "workflow",
                f"{name} of node #{node_id} is linked to node #{value[0]}, which is not there",
                "a whole workflow",
                _HOW_TO_EXPORT,
            )
    return graph


def _parsed(text: str) -> Any:
    if len(text) > MAX_CHARACTERS:
        raise TooLarge("workflow", f"{len(text)} characters", f"{MAX_CHARACTERS} characters")
    try:
        return json.loads(text.removeprefix("\ufeff"), parse_constant=_no_number)
    except RecursionError:
        raise InvalidInput("workflow", text, "JSON that is not nested so deeply") from None
    except ValueError as error:
        raise InvalidInput("workflow", text, f"JSON text ({error})", _HOW_TO_EXPORT) from None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def is_link(value: object) -> bool:
    """Whether an input comes from another node: [node id, number of its output]."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], int | float)
    )


def plain(name: str) -> str:
    """A placeholder's name as it is compared: {{ Prompt }} is {{prompt}}."""
    return " ".join(name.split()).casefold()


def _inputs(graph: Graph) -> Iterator[tuple[str, str, Any]]:
    for node_id, node in graph.items():
        for name, value in node["inputs"].items():
            yield node_id, str(name), value


def placeholders(graph: Graph) -> dict[str, tuple[str, str]]:
    """Names of all placeholders, each with the node id and input where it comes first."""
    found: dict[str, tuple[str, str]] = {}

    def note(node_id: str, name: str) -> Callable[[str], str]:
        def seen(text: str) -> str:
            for match in _PLACEHOLDER.finditer(text):
                found.setdefault(plain(match[1]), (node_id, name))
            return text

        return seen

    for node_id, name, value in _inputs(graph):
        _map(value, note(node_id, name))
    return found


def fill(graph: Graph, values: Mapping[str, Any]) -> tuple[Graph, dict[tuple[str, str], str]]:
    """A copy with every placeholder replaced, and which name filled which input.

    A string that is one placeholder and nothing else becomes the value itself: a number stays
    a number. Every name in the workflow must be in `values`.
    """
    filled: dict[tuple[str, str], str] = {}
    result: Graph = {}
    for node_id, node in graph.items():
        inputs: dict[str, Any] = {}
        for name, value in node["inputs"].items():

            def put(text: str, place: tuple[str, str] = (node_id, name)) -> Any:
                whole = _PLACEHOLDER.fullmatch(text)
                if whole:
                    filled[place] = plain(whole[1])
                    return _own(values[plain(whole[1])])

                def inside(match: re.Match[str]) -> str:
                    filled.setdefault(place, plain(match[1]))
                    return _text(values[plain(match[1])])

                return _PLACEHOLDER.sub(inside, text)

            inputs[name] = value if is_link(value) else _map(value, put)
            if name == _FILE_NAME and isinstance(inputs[name], str):
                inputs[name] = _CONTROL.sub(" ", inputs[name])
        result[node_id] = {**node, "inputs": inputs}
    return result, filled


def _map(value: Any, change: Callable[[str], Any]) -> Any:
    """`value` with every string in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_map(item, change) for item in value]
    if isinstance(value, dict):
        return {key: _map(item, change) for key, item in value.items()}
    return value


def _own(value: Any) -> Any:
    # A list stands for a link in API format; this is how ComfyUI takes one as a value.
    return {"__value__": value} if isinstance(value, list) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def seed_inputs(graph: Graph) -> list[tuple[str, str]]:
    """Node id and name of every seed that is a number in the workflow."""
    return [
        (node_id, name)
        for node_id, name, value in _inputs(graph)
        if name in SEEDS and isinstance(value, int) and not isinstance(value, bool)
    ]


def loaders_of(graph: Graph, filename: str) -> list[tuple[str, str]]:
    """Node id and name of the inputs of loading nodes that hold this file name."""
    return [
        (node_id, name)
        for node_id, name, value in _inputs(graph)
        if value == filename and "load" in graph[node_id]["class_type"].lower()
    ]
