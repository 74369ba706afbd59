"""Keywords in: from text, from an array, from a table in text, from a file."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

from creative.deadline import Deadline
from creative.errors import InvalidInput, shorten
from creative.keywords.cells import Table, cell_of, rows_of_grid
from creative.keywords.columns import (
    HEADER_WITHIN,
    Header,
    Line,
    find_header,
    known_titles,
    read_header,
)
from creative.keywords.decoding import DELIMITERS, LINE_END, SAVE_AS, decode
from creative.keywords.numbers import number
from creative.keywords.process import WORKER
from creative.keywords.row import Row, clean
from creative.steps import Phase, Steps
from creative.worker import Progress

MAX_KEYWORDS = 50_000
"""Keywords of one run, unless the setting `max_keywords` says otherwise."""
MAX_FILE_BYTES = 20 * 1024 * 1024
LINES_PER_KEYWORD = 5
"""A sheet with a line for each search result has more lines than keywords."""
AT_ONCE_BYTES = 100_000
"""Lists up to this size are read where they arrive; larger ones, and workbooks, in the worker."""

_SEPARATORS = re.compile(r"[,，、;；]")
_SAMPLE_LINES = 200
_STRANGE_DELIMITERS = re.compile(r"[\s:^~\x1e\x1f#/]+")
# An array of objects or of quoted texts, or an object; "[exact match]" is a keyword.
_BEGINS_AS_JSON = re.compile(r'\[\s*[{"]|\{\s*["\']')
_NAME_IT = "Call the column with the keywords 'keyword', or give a list with one keyword per line."


def read_keywords(text: str, parameter: str = "keywords", most: int = MAX_KEYWORDS) -> list[Row]:
    """The keywords in `text`, in its order, repeated ones too; see `read_table`."""
    return read_table(text, parameter, most).rows


def read_keywords_file(
    data: bytes, filename: str, parameter: str = "keywords_file", most: int = MAX_KEYWORDS
) -> list[Row]:
    """The keywords in a file; see `read_table_file`."""
    return read_table_file(data, filename, parameter, most).rows


def read_table(text: str, parameter: str = "keywords", most: int = MAX_KEYWORDS) -> Table:
    """The keywords in `text` with what is known about each.

    - An array of texts or of objects, in JSON or as Python writes it (workflow variables arrive
      like that).
    - A table with tabs, commas, semicolons or bars, if a line near its top names a column of
      keywords, or if every line has a number beside its keyword.
    - Else one keyword per line; a single line is split at , ， 、 ; and ；.

    Args:
        text: what the user gave.
        parameter: where it came from, for errors.
        most: how many keywords are read at most.

    Raises:
        InvalidInput: there is none, or one is longer than MAX_CHARACTERS.
        TooLarge: there are more than `most`.
    """
    listed = _array(text, parameter, most)
    if listed is not None:
        return listed
    grid, header = grid_of_text(text, parameter)
    if grid:
        return rows_of_grid(grid, header, parameter, most)
    return _lines_table(text, parameter, most)


def read_table_file(
    data: bytes, filename: str, parameter: str = "keywords_file", most: int = MAX_KEYWORDS
) -> Table:
    """The keywords in a file with what is known about each.

    An .xlsx workbook: its first sheet with a column of keywords. A .csv or .tsv file: a table
    with a header, or with one column of texts. Any other file: as `read_table`.

    Raises:
        InvalidInput: no readable file, no column of keywords, none in it, or one is longer than
            MAX_CHARACTERS.
        TooLarge: more than `most`, or a workbook that is too large unpacked.
    """
    suffix = PurePosixPath(filename.lower()).suffix
    if data.startswith(b"PK\x03\x04") and suffix not in {".zip", ".docx", ".ods", ".pptx"}:
        from creative.keywords.xlsx import read_sheet

        grid, others = read_sheet(data, filename, parameter, most * LINES_PER_KEYWORD)
        header = _header_of_file(grid, filename, parameter)
        below = [cells for place, cells in grid if header is not None and place > header.line]
        if header is not None and not any(cell_of(c, header.columns["keyword"]) for c in below):
            raise InvalidInput(
                parameter,
                filename,
                f"keywords below the title '{header.columns['keyword'].title}'",
                "If those cells are formulas, open the file in Excel or LibreOffice and save it: "
                "their results are not in it.",
            )
        table = rows_of_grid(grid, header, parameter, most)
        if others:
            named = ", ".join(f"'{shorten(title, 40)}'" for title in others[:12])
            more = f" and {len(others) - 12} more" * (len(others) > 12)
            table.notes.append(f"Sheets with keywords that were not read: {named}{more}.")
        return table
    text = decode(data, filename, parameter)
    if suffix not in {".csv", ".tsv"}:
        return read_table(text, parameter, most)
    grid, header = grid_of_text(text, parameter)
    if not grid:
        grid = _parsed(text, _best_delimiter(text), filename, parameter)
        header = _header_of_file(grid, filename, parameter)
    return rows_of_grid(grid, header, parameter, most)


def fetch_keywords(
    url: str,
    filename: str,
    deadline: Deadline,
    steps: Steps,
    allowed: Iterable[str] = (),
    parameter: str = "keywords_file",
    most: int = MAX_KEYWORDS,
) -> list[Row]:
    """The keywords in a file that Dify hands over; see `fetch_table`."""
    return fetch_table(url, filename, deadline, steps, allowed, parameter, most).rows


def fetch_table(
    url: str,
    filename: str,
    deadline: Deadline,
    steps: Steps,
    allowed: Iterable[str] = (),
    parameter: str = "keywords_file",
    most: int = MAX_KEYWORDS,
) -> Table:
    """What `read_table_file` says about a file that Dify hands over by its address.

    Args:
        url: where the file is.
        filename: its name; empty: the last part of the address.
        deadline: the call's clock.
        steps: told about the download.
        allowed: the setting `allowed_private_hosts`, for links that users typed.
        parameter: which parameter it came in, for errors.
        most: how many keywords are read at most.

    Raises:
        CreativeError: as `creative.files.fetch` and `read_table_file`.
    """
    from creative.files import fetch

    with steps.step(Phase.INIT, "Fetching the file", 3):
        file = fetch(url, filename, parameter, deadline, MAX_FILE_BYTES, allowed)
        return load((file.data, file.name), parameter, deadline, most)


def load(
    source: str | tuple[bytes, str], parameter: str, deadline: Deadline, most: int = MAX_KEYWORDS
) -> Table:
    """`read_table` of a text or `read_table_file` of (data, filename), without holding up others.

    Raises:
        CreativeError: as those; DeadlineExceeded, EngineUnavailable: as `creative.worker`.
    """
    data = source if isinstance(source, str) else source[0]
    packed = isinstance(data, bytes) and data.startswith(b"PK")
    payload = {"source": source, "parameter": parameter, "most": most}
    if len(data) <= AT_ONCE_BYTES and not packed:
        return load_job(payload, lambda _fraction, _label: None)
    table: Table = WORKER.call("creative.keywords.table:load_job", payload, deadline)
    return table


def load_job(payload: dict[str, Any], progress: Progress) -> Table:
    """`read_table` or `read_table_file` as a job of the worker."""
    source, parameter, most = payload["source"], payload["parameter"], payload["most"]
    if isinstance(source, str):
        return read_table(source, parameter, most)
    data, filename = source
    return read_table_file(data, filename, parameter, most)


def _lines_table(text: str, parameter: str, most: int) -> Table:
    lines = LINE_END.split(text.strip())
    if len(lines) == 1:
        return _plain_table(enumerate(_SEPARATORS.split(lines[0]), 1), parameter, most, "entry")
    skipped = len(LINE_END.split(text[: len(text) - len(text.lstrip())])) - 1
    numbered = ((skipped + place, line) for place, line in enumerate(lines, 1))
    # A list copied out of code or a cell often keeps its commas at the ends of lines.
    bare = ((place, line.rstrip().rstrip(",，、;；")) for place, line in numbered)
    return _plain_table(bare, parameter, most, "line")


def _plain_table(
    numbered: Iterable[tuple[int, str]], parameter: str, most: int, unit: str
) -> Table:
    grid: list[Line] = [(place, (text,)) for place, text in numbered]
    return rows_of_grid(grid, None, parameter, most, unit)


def _array(text: str, parameter: str, most: int) -> Table | None:
    """The entries of an array; None if `text` is none, such as "[exact match]".

    Dify hands an array variable to a string parameter as Python writes lists (with single
    quotes), and one inside other text as JSON.
    """
    stripped = text.strip().removeprefix("\ufeff")
    if not (stripped.startswith(("[", "{"))):
        return None
    try:
        items = json.loads(stripped)
    except (ValueError, RecursionError) as error:
        try:
            items = ast.literal_eval(stripped)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            if _BEGINS_AS_JSON.match(stripped):
                raise InvalidInput(
                    parameter,
                    stripped,
                    f"a list of keywords, and this is broken JSON ({error})",
                    "Give the whole array, or one keyword per line.",
                ) from None
            return None
    if isinstance(items, dict):
        items = _listed(items, parameter)
    if not isinstance(items, list):
        return None
    if items and all(isinstance(item, dict) for item in items):
        return _objects(items, parameter, most)
    listed: list[tuple[int, str]] = []
    for place, item in enumerate(items, 1):
        if isinstance(item, bool) or not isinstance(item, str | int | float):
            raise InvalidInput(
                parameter,
                item,
                f"an array of texts or of objects, and entry {place} is neither",
                "Connect an array of strings, an array of objects that each have a 'keyword', "
                "or text with one keyword per line.",
            )
        listed.append((place, str(item)))
    return _plain_table(listed, parameter, most, "entry")


def _listed(thing: dict[Any, Any], parameter: str) -> list[Any]:
    """The list in an object: its only list, or the one that is named like a column of keywords;
    the object itself if it is a keyword."""
    titles = [str(key) for key in thing]
    lists = {str(key): value for key, value in thing.items() if isinstance(value, list)}
    header = read_header(0, titles)
    named = header.columns["keyword"].title if header is not None else ""
    if named in lists:
        return lists[named]
    if header is not None:
        return [thing]
    if len(lists) == 1:
        return next(iter(lists.values()))
    raise _no_keywords_column(titles, parameter, "fields", "an object")


def _objects(items: Sequence[dict[str, Any]], parameter: str, most: int) -> Table:
    titles = list(dict.fromkeys(str(key) for item in items for key in item))
    grid: list[Line] = [(0, titles)]
    for place, item in enumerate(items, 1):
        cells = {str(key): value for key, value in item.items()}
        grid.append((place, [cells.get(title) for title in titles]))
    header = find_header(grid[:1])
    if header is None:
        raise _no_keywords_column(titles, parameter, "fields")
    return rows_of_grid(grid, header, parameter, most, "entry")


def grid_of_text(text: str, parameter: str) -> tuple[list[Line], Header | None]:
    """The table in `text` with its header; ([], None) if there is no sign that it is one."""
    upper = "\n".join(LINE_END.split(text, maxsplit=_SAMPLE_LINES)[:_SAMPLE_LINES])
    best: tuple[int, str] | None = None
    for delimiter in DELIMITERS:
        if delimiter not in upper:
            continue
        header = find_header(_parsed(upper, delimiter, "", parameter)[: HEADER_WITHIN * 2])
        if header is not None and (best is None or header.known > best[0]):
            best = (header.known, delimiter)
    if best is not None:
        grid = _parsed(text, best[1], "", parameter)
        return grid, find_header(grid)
    for delimiter in DELIMITERS:
        if delimiter in upper and _bare_numbers(_parsed(upper, delimiter, "", parameter)):
            return _parsed(text, delimiter, "", parameter), None
    return [], None


def _bare_numbers(grid: Sequence[Line]) -> bool:
    """Whether each line is a keyword and a number: a table that lost its header."""

    def fits(cells: Sequence[object]) -> bool:
        return len(cells) == 2 and not _is_number(cells[0]) and _is_number(cells[1])

    return len(grid) > 1 and all(fits(cells) for _, cells in grid)


def _is_number(cell: object) -> bool:
    try:
        return number(cell, thousands=True) is not None
    except ValueError:
        return False


def _header_of_file(grid: Sequence[Line], filename: str, parameter: str) -> Header | None:
    """The header of a table file; None for a single column of keywords without one.

    Raises:
        InvalidInput: there are several columns, and none is known to hold keywords.
    """
    header = find_header(grid)
    if header is not None or not grid:
        return header
    wide = [cells for _, cells in grid if sum(1 for c in cells if c not in (None, "")) > 1]
    if not wide and not known_titles(grid[0][1]):
        _check_delimiter(str(grid[0][1][0]), filename, parameter)
        return None
    if _bare_numbers(grid):
        return None
    top = max((cells for _, cells in grid[:HEADER_WITHIN]), key=known_titles)
    titles = [clean(str(cell)) for cell in top if cell not in (None, "")]
    raise _no_keywords_column(titles, parameter, "columns", filename)


def _check_delimiter(first: str, filename: str, parameter: str) -> None:
    """Raise InvalidInput if a single column begins with several titles and a strange mark."""
    titles = [title for title in _STRANGE_DELIMITERS.split(first) if title]
    header = read_header(0, titles)
    if header is not None and len(titles) > 1 and header.known == len(titles):
        raise InvalidInput(
            parameter,
            filename,
            f"columns with tabs, commas, semicolons or bars between them; its first line is "
            f"'{shorten(first)}'",
            SAVE_AS,
        )


def _no_keywords_column(
    titles: Sequence[str], parameter: str, what: str, came: object = "a table"
) -> InvalidInput:
    shown = ", ".join(repr(title[:40]) for title in titles[:20])
    return InvalidInput(
        parameter, came, f"a table with a column of keywords; its {what} are {shown}", _NAME_IT
    )


def _best_delimiter(text: str) -> str:
    """The delimiter that most of the upper lines have."""
    upper = LINE_END.split(text, maxsplit=_SAMPLE_LINES)[:_SAMPLE_LINES]
    return max((",", ";", "\t", "|"), key=lambda mark: sum(mark in line for line in upper))


def _parsed(text: str, delimiter: str, filename: str, parameter: str) -> list[Line]:
    """The lines of a table that hold anything."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    grid: list[Line] = []
    before = 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                grid.append((before + 1, cells))
            before = reader.line_num
    except csv.Error as error:
        raise InvalidInput(
            parameter,
            filename or "a table",
            f"a CSV table; line {before + 1} is broken: {error}",
            SAVE_AS,
        ) from error
    return grid
