"""YAML as the daemon and the SDK read it, side by side.

The daemon (Go, yaml.v3) refuses a key that is there twice; PyYAML takes the last one. A plain
`yes`, `no`, `on` or `off` is text to the daemon and a boolean to PyYAML. Dates stay text here,
marked as `Date`, since the daemon judges how they are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from runtime.package.findings import Findings, Source

_IGNORED_BY_DAEMON = ("extra",)
_WORDS = frozenset({"yes", "no", "on", "off"})


class Date(str):
    """A plain date or time, as written."""

    __slots__ = ()


class Word(int):
    """A boolean that was written as yes, no, on or off."""

    written: str

    def __new__(cls, value: bool, written: str) -> Word:
        """Keep the boolean and how it was written."""
        word = super().__new__(cls, value)
        word.written = written
        return word


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which remembers what else it saw."""


def _date(loader: _Loader, node: yaml.ScalarNode) -> object:
    # The SDK's loader would raise ValueError for an impossible date: so must this one.
    loader.construct_yaml_timestamp(node)
    return Date(node.value)


def _boolean(loader: _Loader, node: yaml.ScalarNode) -> object:
    value = loader.construct_yaml_bool(node)
    return Word(value, node.value) if node.value.lower() in _WORDS else value


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _date)
_Loader.add_constructor("tag:yaml.org,2002:bool", _boolean)


def load(files: Mapping[str, bytes], name: str, findings: Findings) -> dict[str, Any] | None:
    """The mapping in a YAML file, or None, with the reason in `findings`."""
    try:
        text = files[name].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        findings.error(
            Source.DAEMON,
            "yaml-invalid",
            name,
            "",
            f"{name} is not UTF-8 text at byte {error.start}.",
            "Save it as UTF-8.",
        )
        return None
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        data = loader.construct_document(node) if node is not None else None
        if node is not None:
            _duplicates(node, "", name, findings, set())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = " ".join(str(error).split())
        findings.error(
            Source.DAEMON,
            "yaml-invalid",
            name,
            "",
            f"{name} is not valid YAML: {where}.",
            "Correct the YAML at the place named.",
        )
        return None
    finally:
        loader.dispose()
    if not isinstance(data, dict):
        came = "empty" if data is None else f"a {type(data).__name__}"
        findings.error(
            Source.DAEMON,
            "wrong-type",
            name,
            "",
            f"{name} is {came}; allowed is a mapping of names to values.",
        )
        return None
    return data


def _duplicates(node: yaml.Node, path: str, file: str, findings: Findings, done: set[int]) -> None:
    # An alias shows the same node again, possibly inside itself.
    if id(node) in done:
        return
    done.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _duplicates(item, f"{path}[{number}]", file, findings, done)
        return
    if not isinstance(node, yaml.MappingNode):
        return
    first: dict[str, int] = {}
    for key, value in node.value:
        label = str(key.value)
        where = f"{path}.{label}" if path else label
        line = key.start_mark.line + 1
        if label in first:
            # The daemon does not look into the parts that it ignores.
            ignored = path.split(".", maxsplit=1)[0] in _IGNORED_BY_DAEMON
            (findings.warning if ignored else findings.error)(
                Source.DAEMON,
                "duplicate-key",
                file,
                where,
                f"{file}: {where} is there twice, in line {first[label]} and in line {line}; "
                "a key is allowed once.",
                "Remove one of them.",
            )
        first.setdefault(label, line)
        _duplicates(value, where, file, findings, done)
