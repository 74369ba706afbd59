"""What a page does without: consent banners, advertisements, trackers.

A small table of ours (rules.yaml) works by default. Whoever runs the plugin can name a list in
Adblock Plus syntax (EasyList and its like) in the environment variable STUDIO_BLOCK_LIST.
"""

from __future__ import annotations

import functools
import os
import threading
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from creative.capture.blocklist import Rules
from creative.errors import InvalidInput, TooLarge

VARIABLE = "STUDIO_BLOCK_LIST"
"""Environment variable: path of a list of the operator's own."""
MAX_LIST_BYTES = 50_000_000

_TABLE = Path(__file__).with_name("rules.yaml")


class Banner(BaseModel):
    """Where the banner of one maker is in a page."""

    model_config = ConfigDict(extra="forbid")

    name: str
    selectors: tuple[str, ...] = Field(min_length=1)
    source: str
    date: str


class Saying(BaseModel):
    """What banners say in a language."""

    model_config = ConfigDict(extra="forbid")

    language: str
    patterns: tuple[str, ...] = Field(min_length=1, description="as JavaScript reads them")
    source: str
    date: str


class Hosts(BaseModel):
    """Hosts of one kind."""

    model_config = ConfigDict(extra="forbid")

    what: str
    hosts: tuple[str, ...] = Field(min_length=1)
    source: str
    date: str


class Table(BaseModel):
    """rules.yaml."""

    model_config = ConfigDict(extra="forbid")

    banners: tuple[Banner, ...]
    sayings: tuple[Saying, ...]
    ads: tuple[Hosts, ...]


@functools.cache
def table() -> Table:
    """rules.yaml."""
    import yaml

    return Table.model_validate(yaml.safe_load(_TABLE.read_text(encoding="utf-8")))


_loaded: dict[tuple[str, float], Rules] = {}
_loading = threading.Lock()


def load(path: str | None = None) -> Rules:
    """The rules in force: the list at `path` (None: that of STUDIO_BLOCK_LIST) or our table.

    A list is read once, and again when it has changed.

    Raises:
        InvalidInput: there is no such file, or it cannot be read; TooLarge: over MAX_LIST_BYTES.
    """
    path = os.environ.get(VARIABLE, "") if path is None else path
    with _loading:
        key = (path, 0.0)
        if path:
            try:
                found = Path(path).stat()
            except OSError as error:
                raise _unreadable(path, error) from None
            if found.st_size > MAX_LIST_BYTES:
                raise TooLarge(VARIABLE, f"{found.st_size} bytes", f"{MAX_LIST_BYTES} bytes")
            key = (path, found.st_mtime)
        if key not in _loaded:
            _loaded.clear()
            _loaded[key] = _read(path) if path else Rules(hosts=_our_hosts())
        return _loaded[key]


def stamp() -> str:
    """What tells the rules in force from others: path, size and time of their file.

    Raises:
        InvalidInput: STUDIO_BLOCK_LIST names no file.
    """
    path = os.environ.get(VARIABLE, "") or str(_TABLE)
    try:
        about = Path(path).stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    return f"{path} {about.st_size} {about.st_mtime_ns}"


def _read(path: str) -> Rules:
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise _unreadable(path, error) from None
    return Rules(text.splitlines())


def _unreadable(path: str, error: OSError) -> InvalidInput:
    return InvalidInput(
        VARIABLE, path, "the path of a file", f"Correct it: {error.strerror or error}."
    )


def _our_hosts() -> list[str]:
    return [host for group in table().ads for host in group.hosts]
