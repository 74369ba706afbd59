"""Changes of a YAML or JSON text in place: what is not changed keeps its comments and its form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import yaml

Path = tuple[str | int, ...]
"""Keys and positions from the top of a document."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NOT_PLAIN = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


class What(Enum):
    """What a change does to the place that its path names."""

    VALUE = "value"
    """Puts another value there."""
    KEY = "key"
    """Gives the entry of a mapping another name."""
    REMOVE = "remove"
    """Takes the entry out of its mapping."""
    QUOTE = "quote"
    """Makes a text of what stands there, as it is written."""
    WITHIN = "within"
    """Replaces `value[0]` by `value[1]` inside the text that stands there."""


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes:
        value: the new value, name, or pair of texts; plain data.
    """

    path: Path
    what: What
    value: Any = None


def compose(text: str) -> yaml.Node | None:
    """The document with the places of everything in it; None if it cannot be read so.

    (PyYAML cannot read the escaped surrogate pairs of some JSON texts.)
    """
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None


def apply(text: str, changes: Sequence[Change]) -> str | None:
    """The text with all changes made; None if one of them has no place in it."""
    if len(changes) > 1 and any(change.what is What.REMOVE for change in changes):
        # What is between two entries belongs to one of them; who is first decides.
        head = apply(text, changes[:1])
        return apply(head, changes[1:]) if head is not None else None
    root = compose(text)
    if root is None:
        return None
    edits: dict[tuple[int, int], str] = {}
    for change in changes:
        edit = _edit(text, root, change)
        if edit is None:
            return None
        edits[edit[0], edit[1]] = edit[2]
    for (start, end), new in sorted(edits.items(), reverse=True):
        text = text[:start] + new + text[end:]
    return text


def scalars(node: yaml.Node, path: Path = ()) -> Iterator[tuple[Path, yaml.ScalarNode]]:
    """All values below a node that are no mappings and no lists."""
    if isinstance(node, yaml.ScalarNode):
        yield path, node
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from scalars(value, (*path, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from scalars(item, (*path, number))


def _edit(text: str, root: yaml.Node, change: Change) -> tuple[int, int, str] | None:
    found = _find(root, change.path)
    if found is None:
        return None
    parent, key, node = found
    start, end = _range(text, node)
    inside = text[start:end]
    edit: tuple[int, int, str] | None = None
    match change.what:
        case What.VALUE:
            edit = start, end, _written(change.value, node)
        case What.QUOTE:
            edit = start, end, json.dumps(inside, ensure_ascii=False)
        case What.WITHIN if change.value[0] in inside:
            edit = start, end, inside.replace(*change.value)
        case What.KEY if key is not None:
            edit = (*_range(text, key), _written(change.value, key))
        case What.REMOVE if key is not None and isinstance(parent, yaml.MappingNode):
            edit = _removal(text, parent, key, node)
    return edit


def _find(
    root: yaml.Node, path: Path
) -> tuple[yaml.Node | None, yaml.ScalarNode | None, yaml.Node] | None:
    parent: yaml.Node | None = None
    key: yaml.ScalarNode | None = None
    node = root
    for step in path:
        parent, key = node, None
        if isinstance(node, yaml.MappingNode):
            entries = [(k, v) for k, v in node.value if str(k.value) == str(step)]
            if not entries:
                return None
            key, node = entries[-1]  # of two with the same name, YAML takes the last
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            if step >= len(node.value):
                return None
            node = node.value[step]
        else:
            return None
    return parent, key, node


def _range(text: str, node: yaml.Node) -> tuple[int, int]:
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return start, end
    # The end of a block is where the next thing begins.
    return start, start + len(text[start:end].rstrip())


def _removal(
    text: str, parent: yaml.MappingNode, key: yaml.Node, node: yaml.Node
) -> tuple[int, int, str] | None:
    if len(parent.value) == 1:
        return (*_range(text, parent), "{}")
    start, end = key.start_mark.index, _range(text, node)[1]
    if parent.flow_style:
        after = re.compile(r"\s*,\s*").match(text, end)
        if after is not None:
            return start, after.end(), ""
        before = re.search(r"\s*,\s*$", text[:start])
        return (before.start(), end, "") if before is not None else None
    line = text.rfind("\n", 0, start) + 1
    next_line = text.find("\n", end)
    rest = text[end : next_line if next_line >= 0 else len(text)].strip()
    if text[line:start].strip() or (rest and not rest.startswith("#")):
        return None
    return line, next_line + 1 if next_line >= 0 else len(text), ""


def _written(value: Any, before: yaml.Node) -> str:
    """A value as it can stand where `before` stands; in JSON, texts stay in double quotes."""
    word = isinstance(value, str) and _PLAIN.fullmatch(value) is not None
    if word and value.lower() not in _NOT_PLAIN and getattr(before, "style", None) != '"':
        return str(value)
    return json.dumps(value, ensure_ascii=False)
