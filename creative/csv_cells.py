"""Cells of CSV files that people open in a spreadsheet."""

from __future__ import annotations

# Excel, LibreOffice and Sheets run a cell that begins so (OWASP, "CSV Injection"); the
# full-width twins count in East Asian editions.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def cell(text: str) -> str:
    """`text`, never a formula: one that begins like one gets an apostrophe in front.

    Source: OWASP, CSV Injection (2026-11).
    """
    return f"'{text}" if text.startswith(_FORMULA) else text
