"""Excel workbooks in: the cells of the sheet that holds the keywords.

Through openpyxl in its read-only mode: the library that people maintain for this format, pure
Python, so it installs everywhere; the format is too odd (shared strings, dates, gaps, formulas
with remembered values) for a reader of one's own. Runs in the worker process only: parsing
50,000 rows takes seconds.
"""

from __future__ import annotations

import datetime
import io
import zipfile

from creative.errors import InvalidInput, TooLarge
from creative.keywords.columns import HEADER_WITHIN, Line, find_header

MAX_UNPACKED_BYTES = 300 * 1024 * 1024
"""Excel's own worksheets of a million rows stay below; zip bombs do not."""
_AGAIN = "Open it in Excel or LibreOffice, save it as .xlsx without a password, or as 'CSV UTF-8'."


def read_sheet(
    data: bytes, filename: str, parameter: str, most: int
) -> tuple[list[Line], list[str]]:
    """The filled lines of the first sheet that has a column of keywords, else of the first one;
    and the names of further sheets with such a column.

    Args:
        data: the workbook.
        filename: its name, for errors.
        parameter: which parameter it came in, for errors.
        most: lines that are read at most.

    Raises:
        InvalidInput: it is no workbook or is broken.
        TooLarge: unpacked it is over MAX_UNPACKED_BYTES, or it has more than `most` lines.
    """
    import openpyxl  # type: ignore[import-untyped]

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            names = set(archive.namelist())
    except zipfile.BadZipFile as error:
        raise InvalidInput(parameter, filename, "a whole .xlsx workbook", _AGAIN) from error
    if unpacked > MAX_UNPACKED_BYTES:
        raise TooLarge(
            f"{parameter}: the workbook {filename}, unpacked,",
            f"{unpacked // 2**20} MB",
            f"{MAX_UNPACKED_BYTES // 2**20} MB",
            "Delete sheets that hold no keywords, or save the list as CSV.",
        )
    if "[Content_Types].xml" not in names:
        raise InvalidInput(parameter, filename, "an .xlsx workbook, and this is a zip", _AGAIN)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        first: list[Line] = []
        found: list[Line] = []
        others: list[str] = []
        for sheet in book.worksheets:
            grid = _lines(sheet, filename, parameter, most, only_top=bool(found))
            if not (grid and find_header(grid)):
                first = first or grid
            elif found:
                others.append(sheet.title)
            else:
                found = grid
    except (InvalidInput, TooLarge):
        raise
    # Whatever is wrong inside a workbook comes out of openpyxl as any kind of error.
    except Exception as error:
        raise InvalidInput(
            parameter, filename, f"an .xlsx workbook that is not broken ({error})", _AGAIN
        ) from error
    return found or first, others


def _lines(sheet: object, filename: str, parameter: str, most: int, only_top: bool) -> list[Line]:
    # A workbook may claim 16,384 columns by a million rows and hold ten cells.
    sheet.reset_dimensions()  # type: ignore[attr-defined]
    kept: list[Line] = []
    for line, cells in enumerate(sheet.iter_rows(values_only=True), 1):  # type: ignore[attr-defined]
        if all(cell is None or cell == "" for cell in cells):
            continue
        if only_top and len(kept) >= HEADER_WITHIN:
            break
        if len(kept) >= most:
            raise TooLarge(
                f"{parameter}: the sheet in {filename}",
                f"more than {most} lines long",
                f"{most} lines",
                "Split the list, or drop what nobody searches for.",
            )
        kept.append((line, [_cell(cell) for cell in cells]))
    return kept


def _cell(cell: object) -> object:
    """A cell as text or number; "24/7" in a column of texts may have become a date."""
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    return cell if cell is None or isinstance(cell, str | int | float) else str(cell)
