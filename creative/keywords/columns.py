"""Which column of a table holds what: names in four languages and of the usual tools."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FieldName = Literal[
    "keyword", "volume", "volume_from", "volume_to", "difficulty", "cpc", "intent", "url",
    "serp", "position", "result_type", "cluster", "cluster_id",
]  # fmt: skip
Line = tuple[int, Sequence[object]]
"""Number of a line in the user's table, from 1, and its cells."""

HEADER_WITHIN = 20
"""Lines of a table that may stand above its header (titles, dates)."""

_CURRENCIES = frozenset(["usd", "eur", "gbp", "brl", "jpy", "cny", "rmb", "inr", "aud", "cad"])
_LATIN_MARKS = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")
_NO_LETTERS = re.compile(r"[\W_]+")
_LAST_NUMBER = re.compile(r"^(.*?)\s*(\d+)$")


class Named(BaseModel):
    """Names of columns that mean the same (a row of columns.yaml)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    field: FieldName
    names: tuple[str, ...]
    factor: float = Field(1.0, description="brings its numbers to the field's unit")
    levels: dict[str, float] = Field(default_factory=dict, description="what words in it mean")
    per_page: bool = Field(False, description="its numbers belong to the page beside them")
    numbered: bool = Field(False, description="counts only with a number after the name")
    source: str
    date: str


@dataclass(frozen=True)
class Found:
    """A column of the user's table whose meaning is known."""

    index: int
    title: str
    named: Named


@dataclass(frozen=True)
class Header:
    """What the columns of a table hold.

    Attributes:
        line: number of the header's line; 0 if the table has none.
        titles: the columns' names as written.
        columns: for each field its column.
        serp: columns with result URLs, best result first.
        unused: columns that no field is read from.
    """

    line: int
    titles: tuple[str, ...]
    columns: Mapping[str, Found]
    serp: tuple[Found, ...] = ()
    unused: tuple[str, ...] = field(default=())

    @property
    def known(self) -> int:
        """How many columns are understood."""
        return len(self.columns) + len(self.serp)


def plain(name: str) -> str:
    """A column's name without case, accents, punctuation and currencies.

    >>> plain("Avg. monthly searches (USD)")
    'avg monthly searches'
    """
    text = name.lower()
    if not name.isascii():
        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
        # Marks of Latin letters only: か and が are different letters.
        text = unicodedata.normalize("NFC", _LATIN_MARKS.sub("", text))
    words = _NO_LETTERS.sub(" ", text).split()
    return " ".join(word for word in words if word not in _CURRENCIES)


@functools.cache
def _named() -> dict[str, tuple[int, Named]]:
    """Plain name to its row and the rank of that name in the whole table."""
    import yaml

    path = Path(__file__).with_name("columns.yaml")
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))["columns"]
    found: dict[str, tuple[int, Named]] = {}
    rank = 0
    for row in rows:
        named = Named.model_validate(row)
        for name in named.names:
            key = f"{plain(name)} #" if named.numbered else plain(name)
            found.setdefault(key, (rank, named))
            rank += 1
    return found


@functools.cache
def _level_words() -> dict[str, float]:
    """Plain words for how strong a competition is, on the scale of `difficulty`."""
    rows = {id(named): named for _, named in _named().values()}
    return {plain(word): value for row in rows.values() for word, value in row.levels.items()}


def level(named: Named, cell: object) -> float | None:
    """What a word such as "High" means in this column; None if it is no such word."""
    return _level_words().get(plain(cell)) if named.levels and isinstance(cell, str) else None


def read_header(line: int, cells: Sequence[object]) -> Header | None:
    """What the columns are if this line is a header with a column of keywords; else None."""
    titles = tuple(str(cell).strip() if isinstance(cell, str) else "" for cell in cells)
    header = _understood(line, titles)
    return header if "keyword" in header.columns else None


def known_titles(cells: Sequence[object]) -> int:
    """How many cells are names of columns that are known, whatever they hold."""
    titles = tuple(str(cell).strip() if isinstance(cell, str) else "" for cell in cells)
    return _understood(0, titles).known


def _understood(line: int, titles: tuple[str, ...]) -> Header:
    best: dict[str, tuple[int, Found]] = {}
    serp: list[tuple[int, Found]] = []
    for index, title in enumerate(titles):
        looked = _look_up(title)
        if looked is None:
            continue
        rank, place, named = looked
        found = Found(index, title, named)
        if named.field == "serp":
            serp.append((place, found))
        elif named.field not in best or rank < best[named.field][0]:
            best[named.field] = (rank, found)
    columns = {name: found for name, (_, found) in best.items()}
    ordered = tuple(found for _, found in sorted(serp, key=lambda item: (item[0], item[1].index)))
    used = {found.index for found in (*columns.values(), *ordered)}
    unused = tuple(t for index, t in enumerate(titles) if t and index not in used)
    return Header(line, titles, columns, ordered, unused)


def _look_up(title: str) -> tuple[int, int, Named] | None:
    """Rank of the name, number after it, and what it means; None for an unknown name."""
    names = _named()
    for text in (title, re.sub(r"\([^)]*\)|（[^）]*）", " ", title)):
        key = plain(text)
        if key in names:
            rank, named = names[key]
            return rank, 0, named
        counted = _LAST_NUMBER.match(key)
        if counted is None:
            continue
        for name in (counted[1], f"{counted[1]} #"):
            if name in names and names[name][1].field == "serp":
                rank, named = names[name]
                return rank, int(counted[2]), named
    return None


def find_header(grid: Sequence[Line]) -> Header | None:
    """The first of the upper lines that is a header with a column of keywords."""
    for line, cells in grid[:HEADER_WITHIN]:
        header = read_header(line, cells)
        filled = sum(1 for cell in cells if isinstance(cell, str) and cell.strip())
        # A title such as "keyword" above several columns is no header of theirs.
        if header is not None and (header.known > 1 or filled == len(cells) or filled > 1):
            return header
    return None
