"""From the cells of a table to rows: numbers read, addresses told apart, damage counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from creative.errors import InvalidInput, TooLarge, shorten
from creative.keywords.columns import Found, Header, Line, level
from creative.keywords.numbers import number
from creative.keywords.results import MAX_SERP, Ranked, collect
from creative.keywords.row import Row, clean

MAX_CHARACTERS = 200
"""Of one keyword: search engines take no longer query (Google: 32 words)."""
_ADDRESS_END = re.compile(r"[\s|]+|[,;](?=\s|https?://)")
# What our own files write before a text that a spreadsheet would run.
ESCAPED = re.compile(r"^'(?=[=+\-@＝＋－＠])")
_LIMITS = {"difficulty": 100.0}
ONLY_RESULTS = frozenset({"position", "result_type"})
"""Fields that are read only where the rows of a keyword are its search results."""


class Table(NamedTuple):
    """What was read.

    Attributes:
        rows: in the order of the list.
        notes: what was passed over or could not be read, one sentence each.
    """

    rows: list[Row]
    notes: list[str]


@dataclass
class Damage:
    """Cells that could not be read: how many of each column, and the first one; and the lines
    that hold something but no keyword."""

    count: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    bare: list[str] = field(default_factory=list)

    def add(self, column: str, cell: object, place: str) -> None:
        """Note a cell."""
        self.count[column] += 1
        self.first.setdefault(column, f"{shorten(repr(cell), 40)} in {place}")

    def notes(self) -> list[str]:
        """One sentence for each column, and one for lines without a keyword."""
        notes = [
            f"{count} value{'s' * (count > 1)} of {column} could not be read and "
            f"{'are' if count > 1 else 'is'} left out, the first: {self.first[column]}."
            for column, count in self.count.items()
        ]
        if self.bare:
            many = len(self.bare) > 1
            notes.append(
                f"{len(self.bare)} {'lines have' if many else 'line has'} no keyword and "
                f"{'are' if many else 'is'} left out, the first: {self.bare[0]}."
            )
        return notes


def rows_of_grid(
    grid: Sequence[Line], header: Header | None, parameter: str, most: int, unit: str = "line"
) -> Table:
    """The rows of a table.

    Args:
        grid: its lines.
        header: what its columns hold; None: keywords, and beside each at most a volume.
        parameter: where it came from, for errors.
        most: how many keywords are read at most.
        unit: what a line is called.

    Raises:
        InvalidInput: there is no keyword, or one is longer than MAX_CHARACTERS.
        TooLarge: there are more than `most`.
    """
    damage = Damage()
    paged = header is not None and "url" in header.columns
    rows = []
    ranked = []
    for _, cells, row in each_row(grid, header, parameter, damage, unit):
        rows.append(row)
        if paged and header is not None:
            ranked.append(_ranked(row, cells, header))
        elif len(rows) > most:
            raise _too_many(
                parameter, sum(1 for _ in each_row(grid, header, "", Damage(), None)), most
            )
    used: frozenset[str] = frozenset()
    if paged and header is not None:
        volume = header.columns.get("volume")
        per_page = volume is not None and volume.named.per_page
        rows, used = collect(ranked, per_page)
        if len(rows) > most:
            raise _too_many(parameter, len(rows), most)
    if not rows:
        raise InvalidInput(
            parameter,
            None,
            "at least one keyword",
            "Give one keyword per line, or a single line with commas between them.",
        )
    notes = damage.notes()
    unused = _unused(header, used)
    if unused:
        shown = ", ".join(f"'{shorten(title, 40)}'" for title in unused[:12])
        more = len(unused) - 12
        notes.append(f"Columns that were not used: {shown}{f' and {more} more' * (more > 0)}.")
    return Table(rows, notes)


def _unused(header: Header | None, used: frozenset[str]) -> list[str]:
    """Titles of columns that nothing was read from, in the order of the table."""
    if header is None:
        return []
    idle = [found for name, found in header.columns.items() if name in ONLY_RESULTS - used]
    titles = {*header.unused, *(found.title for found in idle)}
    return [title for title in header.titles if title in titles]


def _too_many(parameter: str, given: int, most: int) -> TooLarge:
    return TooLarge(
        f"The list in {parameter}",
        f"{given} keywords long",
        f"{most} keywords",
        "Split the list, drop what nobody searches for, or raise the setting max_keywords.",
    )


def _ranked(row: Row, cells: Sequence[object], header: Header) -> Ranked:
    """A row with what is known about the page in it."""
    try:
        position = number(cell_of(cells, header.columns.get("position")), thousands=False)
    except ValueError:
        position = None  # "-" and "left" say that it has none
    kind = cell_of(cells, header.columns.get("result_type"))
    return Ranked(row, position, kind.strip() if isinstance(kind, str) else "")


def each_row(
    grid: Sequence[Line],
    header: Header | None,
    parameter: str,
    damage: Damage,
    unit: str | None = "line",
) -> Iterator[tuple[int, Sequence[object], Row]]:
    """The lines of a table below its header that hold a keyword: number, cells, row.

    Args:
        grid: its lines.
        header: what its columns hold; None: keywords, and beside each at most a volume.
        parameter: where it came from, for errors.
        damage: where cells that cannot be read are noted.
        unit: what a line is called; None: keywords may be of any length.

    Raises:
        InvalidInput: a keyword is longer than MAX_CHARACTERS.
    """
    above = header.line if header is not None else -1
    for place, cells in grid:
        if place > above:
            where = f"{unit} {place}"
            keyword = _keyword(cells, header, parameter, where if unit is not None else None)
            if keyword:
                yield place, cells, _row(keyword, cells, header, damage, where)
            elif header is not None and any(clean(str(c)) for c in cells if c is not None):
                damage.bare.append(where)


def _keyword(
    cells: Sequence[object], header: Header | None, parameter: str, where: str | None
) -> str:
    keyword = _text(cell_of(cells, header.columns["keyword"]) if header is not None else cells[0])
    if header is not None:
        keyword = ESCAPED.sub("", keyword)
    if where is not None and len(keyword) > MAX_CHARACTERS:
        raise InvalidInput(
            parameter,
            keyword,
            f"a keyword of at most {MAX_CHARACTERS} characters, and {where} has {len(keyword)}",
            "Give keywords, not sentences: one per line, or a single line with commas.",
        )
    return keyword


def _text(cell: object) -> str:
    """A cell as text; a workbook holds a keyword such as "911" and Semrush's intents as numbers."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else clean(str(cell))


def _row(
    keyword: str, cells: Sequence[object], header: Header | None, damage: Damage, where: str
) -> Row:
    if header is None:
        volume = number(cells[1], thousands=True) if len(cells) > 1 else None
        return Row(keyword=keyword, volume=volume)

    def text(name: str) -> str:
        cell = cell_of(cells, header.columns.get(name))
        return "" if isinstance(cell, bool) else _text(cell)

    def amount(name: str) -> float | None:
        found = header.columns.get(name)
        cell = cell_of(cells, found)
        if found is None or cell is None:
            return None
        known = level(found.named, cell)
        if known is not None:
            return known
        try:
            value = number(cell, thousands=name == "volume")
        except ValueError:
            value = float("inf")
        if value is None:
            return None
        value *= found.named.factor
        if not value <= _LIMITS.get(name, 1e15):
            damage.add(f"'{found.title}'", cell, where)
            return None
        return value

    volume = amount("volume")
    if volume is None:
        ends = [end for name in ("volume_from", "volume_to") if (end := amount(name)) is not None]
        # As for ranges in one cell.
        volume = number("-".join(f"{end:.0f}" for end in ends), thousands=True) if ends else None
    serp = [url for found in header.serp for url in addresses(cell_of(cells, found))]
    return Row(
        keyword=keyword,
        volume=volume,
        difficulty=amount("difficulty"),
        cpc=amount("cpc"),
        intent=text("intent"),
        url=text("url"),
        serp=tuple(dict.fromkeys(serp))[:MAX_SERP],
    )


def cell_of(cells: Sequence[object], found: Found | None) -> object:
    """The cell of a line in a column; None where the line is shorter."""
    return cells[found.index] if found is not None and found.index < len(cells) else None


def addresses(cell: object) -> list[str]:
    """The addresses in one cell: one, several in a text, or an array of a JSON object."""
    if isinstance(cell, list | tuple):
        # Search APIs give each result as an object.
        bare = (
            item.get("url") or item.get("link") if isinstance(item, dict) else item for item in cell
        )
        return [clean(str(item)) for item in bare if item is not None and clean(str(item))]
    if not isinstance(cell, str):
        return []
    found = (clean(part).strip(",;\"'[]") for part in _ADDRESS_END.split(cell))
    # A rank or a title beside an address is no address.
    return [part for part in found if "." in part or "/" in part]
