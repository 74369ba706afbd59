"""Numbers as people's tables write them: "1,300", "1.300", "1K – 10K", "2,4万", "R$ 1,25"."""

from __future__ import annotations

import math
import re
import unicodedata

_NUMBER = r"\d+(?:[.,'’\s]\d+)*"
# Longer units first. "mil" is a thousand in Portuguese and Spanish, "mi" a million.
_UNITS = {
    "mil": 1e3, "mio": 1e6, "mi": 1e6, "tsd": 1e3, "k": 1e3, "m": 1e6, "b": 1e9,
    "千": 1e3, "万": 1e4, "萬": 1e4, "亿": 1e8, "億": 1e8,
}  # fmt: skip
_ONE = re.compile(rf"({_NUMBER})\s*({'|'.join(_UNITS)})?(?![^\W\d_])", re.IGNORECASE)
_RANGE = re.compile(r"\s*(?:[-–—~～〜]|\.\.|\bto\b|\ba\b|\bbis\b|至|到|から)\s*")
# As spreadsheets save large numbers in narrow columns.
_SCIENTIFIC = re.compile(r"\d+(?:\.\d+)?e\+?\d{1,2}", re.IGNORECASE)
# What may stand around a number without changing it: currencies, comparison, percent.
_AROUND = re.compile(
    r"[<>≤≥~≈%$€£¥￥₹]|(?<![eE])\+|\b(?:r\$|us\$|usd|eur|brl|gbp|jpy|cny|rmb)\b|r(?=\$)|us(?=\$)|[円元]",
    re.IGNORECASE,
)
_NONE = frozenset(
    {"", "-", "–", "—", "--", "n/a", "na", "nan", "none", "null", "inf", "?", "无", "無"}
)


def number(cell: object, thousands: bool) -> float | None:
    """The number in a cell.

    Args:
        cell: text or a number.
        thousands: whether "1.300" is thirteen hundred (a count) or 1.3 (a price, a score).

    Returns:
        The number, 0 or more; of a range such as "1K – 10K" its geometric mean, since such
        ranges are tenfold steps; None for a cell that says that there is none.

    Raises:
        ValueError: the cell holds something else than a number.
    """
    if cell is None or isinstance(cell, bool):
        return None
    if isinstance(cell, int | float):
        value = float(cell)
        if math.isnan(value):
            return None
        if not math.isfinite(value) or value < 0:
            raise ValueError(f"{cell!r} is no amount")
        return value
    text = unicodedata.normalize("NFKC", str(cell)).strip()
    if text.casefold() in _NONE:
        return None
    text = _AROUND.sub(" ", text).strip()
    ends = [part for part in _RANGE.split(text) if part.strip()]
    if text.startswith("-") or not 1 <= len(ends) <= 2:
        raise ValueError(f"{cell!r} is no amount")
    values = [_single(part.strip(), thousands) for part in ends]
    if len(values) == 1:
        return values[0]
    low, high = sorted(values)
    return math.sqrt(low * high) if low > 0 else (low + high) / 2


def _single(text: str, thousands: bool) -> float:
    if _SCIENTIFIC.fullmatch(text):
        return float(text)
    found = _ONE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no amount")
    digits, unit = found.groups()
    # "1.3K" has a decimal point in any case.
    return _digits(digits, thousands and unit is None) * _UNITS.get((unit or "").casefold(), 1.0)


def _digits(text: str, thousands: bool) -> float:
    text = re.sub(r"['’\s]", "", text)
    marks = re.findall(r"[.,]", text)
    if not marks:
        return float(text)
    grouped = re.fullmatch(r"[1-9]\d{0,2}(?:[.,]\d{3})+", text) and len(set(marks)) == 1
    if grouped and (thousands or len(marks) > 1):
        return float(re.sub(r"[.,]", "", text))
    whole, _, rest = text.rpartition(marks[-1])
    if marks.count(marks[-1]) > 1:
        raise ValueError(f"{text!r} is no amount")
    return float(f"{re.sub(r'[.,]', '', whole) or '0'}.{rest}")
