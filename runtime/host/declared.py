"""Declarations of plugins that register for remote debugging, judged as the daemon judges them.

The daemon decodes them into Go structs and lets go-playground/validator look at every field; its
words go back to the plugin, and so do ours. The structs are the table `declared.yaml`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel

_NUMBERS = {"int": "int64", "uint": "uint64", "float": "float64"}
_GO_TYPES = {**_NUMBERS, "object": "map[string]interface {}"}
_ALIASES = {
    "PluginDeclaration": "Alias.",
    "ToolProviderDeclaration": "alias.",
    "AgentStrategyProviderDeclaration": "alias.",
    "EndpointProviderDeclaration": "alias.",
    "DatasourceProviderDeclaration": "alias.",
}
_GO_KINDS = {str: "string", bool: "bool", int: "number", float: "number", dict: "object"}


class Invalid(Exception):
    """A declaration that the daemon refuses; the message is in its words."""


class _Table(BaseModel):
    source: str
    date: str
    structs: dict[str, list[tuple[str, str, str, str]]]
    choices: dict[str, list[str]]
    patterns: dict[str, str]
    scopes: dict[str, list[str]]


@functools.cache
def _table() -> _Table:
    text = Path(__file__).with_name("declared.yaml").read_text(encoding="utf-8")
    return _Table.model_validate(yaml.safe_load(text))


def check(struct: str, value: Any) -> None:
    """Decode `value` into a Go struct of the daemon and validate it.

    Raises:
        Invalid: the first part that cannot be decoded, or all the rules that are broken.
    """
    decode(struct, value)
    if struct.startswith("[]"):
        return
    broken = list(_broken(struct, value or {}, struct))
    if broken:
        raise Invalid("\n".join(broken))


def decode(kind: str, value: Any) -> None:
    """Look at the types only; `kind` is a struct, or [] and a struct.

    Raises:
        Invalid: the first part that has another type in Go.
    """
    # Structs that decode themselves do it through an alias, and Go says so.
    alias = _ALIASES.get(kind)
    _decode(kind, value, "" if alias else kind, alias or "", "")


# --- encoding/json -------------------------------------------------------------------------


def _decode(kind: str, value: Any, owner: str, alias: str, path: str) -> None:
    """`owner` is the struct that has the field at `path`."""
    if value is None or kind == "any":
        return
    if kind.startswith("*"):
        _decode(kind[1:], value, owner, alias, path)
    elif kind.startswith("[]"):
        if not isinstance(value, list):
            raise _mismatch(value, owner, alias + path, _go(kind))
        for item in value:
            _decode(kind[2:], item, owner, alias, path)
    elif kind in _table().structs or kind == "object":
        if not isinstance(value, dict):
            raise _mismatch(value, owner, alias + path if path else "", _go(kind))
        for name, _, inner, _ in _table().structs.get(kind, []):
            if name == "-":
                _decode(inner, value, owner, alias, path)
                continue
            holder = kind if path or not alias else ""
            _decode(inner, value.get(name), holder, alias, f"{path}.{name}".lstrip("."))
    elif not _fits(kind, value):
        raise _mismatch(value, owner, alias + path, _go(kind))


def _fits(kind: str, value: Any) -> bool:
    match kind:
        case "string":
            return isinstance(value, str)
        case "bool":
            return isinstance(value, bool)
        case "time":
            return isinstance(value, str) and _moment(value) is not None
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            whole = isinstance(value, int) and not isinstance(value, bool)
            lowest, bits = (0, 64) if kind == "uint" else (-(2**63), 63)
            return whole and lowest <= value < 2**bits


def _moment(text: str) -> datetime | None:
    """RFC 3339, of which Go wants the time zone, too."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _go(kind: str) -> str:
    if kind.startswith("[]"):
        return f"[]{_go(kind[2:])}"
    if kind in _table().structs:
        return f"plugin_entities.{kind}"
    return _GO_TYPES.get(kind, kind)


def _mismatch(value: Any, owner: str, path: str, kind: str) -> Invalid:
    if kind == "time" and isinstance(value, str):
        shown = value[:100]
        return Invalid(
            f'parsing time "{shown}" as "2006-01-02T15:04:05Z07:00": cannot parse "{shown}" '
            'as "2006"'
        )
    came = "array" if isinstance(value, list) else _GO_KINDS.get(type(value), "object")
    if came == "number" and kind in _NUMBERS.values():
        came = f"number {value}"
    where = f"Go struct field {owner}.{path}" if path else "Go value"
    return Invalid(f"json: cannot unmarshal {came} into {where} of type {kind}")


# --- go-playground/validator ---------------------------------------------------------------


def _broken(struct: str, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, go_name, kind, rules in _table().structs[struct]:
        here = f"{path}.{go_name}"
        if name == "-":
            yield from _broken(kind, value, here)
            continue
        tags = rules.split(",") if rules else []
        yield from _field(kind, value.get(name), tags, here, value)


def _field(
    kind: str, value: Any, tags: list[str], path: str, beside: Mapping[str, Any]
) -> Iterator[str]:
    pointer = kind.startswith("*")
    kind = kind.removeprefix("*")
    if value is None and (pointer or kind == "any") and "required" not in tags:
        return
    if not pointer and kind in _table().structs:
        if not value and "omitempty" in tags:
            return
        yield from _broken(kind, value or {}, path)
        return
    zero = _is_zero(kind, value)
    for number, tag in enumerate(tags):
        if tag == "omitempty":
            if zero and not (pointer and value is not None):
                return
        elif tag == "dive":
            for index, item in enumerate(value or []):
                yield from _field(kind[2:], item, tags[number + 1 :], f"{path}[{index}]", beside)
            return
        elif not _holds(tag, kind, value, beside):
            name, _, _ = tag.partition("=")
            field = path.rpartition(".")[2]
            yield f"Key: '{path}' Error:Field validation for '{field}' failed on the '{name}' tag"
            return
    if kind in _table().structs and value is not None:
        yield from _broken(kind, value, path)


def _is_zero(kind: str, value: Any) -> bool:
    # An empty list is a value in Go, a missing one is not.
    return value is None or (not kind.startswith("[]") and value in ("", 0, False))


def _holds(tag: str, kind: str, value: Any, beside: Mapping[str, Any]) -> bool:
    name, _, limit = tag.partition("=")
    table = _table()
    text = value if isinstance(value, str) else ""
    if name in table.choices:
        return text in table.choices[name]
    if name in table.patterns:
        return re.fullmatch(table.patterns[name], text, re.ASCII) is not None
    rules: dict[str, Callable[[], bool]] = {
        "required": lambda: not _is_zero(kind, value),
        "eq": lambda: text == limit,
        "gt": lambda: _size(value) > int(limit),
        "lt": lambda: _size(value) < int(limit),
        "min": lambda: _size(value) >= int(limit),
        "max": lambda: _size(value) <= int(limit),
        "url": lambda: _is_url(text),
        "is_basic_type": lambda: not isinstance(value, dict | list),
        # One known part is enough: so it stands in the daemon.
        "is_scope": lambda: any(
            part.strip() in table.scopes.get(str(beside.get("type")), [])
            for part in text.split("&")
        ),
    }
    return rules[name]()


def _size(value: Any) -> float:
    return len(value) if isinstance(value, str | list) else (value or 0)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path or parts.fragment))
