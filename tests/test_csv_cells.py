"""No cell of a table that we write is a formula to a spreadsheet."""

from __future__ import annotations

import pytest

from creative.csv_cells import cell


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"])
def test_a_text_that_begins_like_a_formula_is_kept_as_text(sign: str) -> None:
    assert cell(f"{sign}1+1") == f"'{sign}1+1"


@pytest.mark.parametrize("text", ["", "a=1", "'=1", "5-6", "咖啡"])
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert cell(text) == text
