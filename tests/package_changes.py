"""Ways to break the small plugin of `plugins.py`, and what a broken one must lead to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.plugins import FILES, Change

MANIFEST = "manifest.yaml"
PROVIDER = "provider/parrot.yaml"
ECHO = "tools/echo.yaml"
ECHO_PY = "tools/echo.py"


class Case(NamedTuple):
    """A broken plugin: severity, source, rule, file, field, and what breaks it."""

    severity: str
    source: str
    rule: str
    file: str
    field: str
    changes: Mapping[str, Change]

    def __str__(self) -> str:
        return f"{self.source}-{self.rule}-{self.field or self.file}"


def put(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    """Set the value at a path such as 'parameters.0.type'."""

    def change(data: dict[str, Any]) -> None:
        *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
        target: Any = data
        for part in parents:
            target = target[part]
        target[last] = value

    return change


def drop(path: str) -> Callable[[dict[str, Any]], None]:
    """Remove the key at a path."""

    def change(data: dict[str, Any]) -> None:
        *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
        target: Any = data
        for part in parents:
            target = target[part]
        del target[last]

    return change


def broken(file: str, severity: str, source: str, rule: str, field: str, change: Change) -> Case:
    return Case(severity, source, rule, file, field, {file: change})


def replaced(file: str, old: str, new: str) -> str:
    text = FILES[file]
    assert isinstance(text, str)
    assert old in text
    return text.replace(old, new)


def added(severity: str, source: str, rule: str, file: str, content: Change = "x") -> Case:
    return Case(severity, source, rule, file, "", {file: content})
