"""A keyword as it came in."""

from __future__ import annotations

import re
from typing import NamedTuple

SERP_DEPTH = 10
"""Results per keyword whose overlap counts: the first page."""

# Zero-width space, word joiner, byte order mark, soft hyphen: pasted along, never meant.
_INVISIBLE = re.compile(r"[\u200b\u2060\ufeff\u00ad]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONE = re.compile(r"[\ud800-\udfff]")


class Row(NamedTuple):
    """One line of a list. A tuple, since there are 50,000 and a model takes six times the memory.

    Attributes:
        keyword: as given, but for invisible signs and repeated spaces.
        volume: searches per month.
        difficulty: 0 (easy) to 100.
        cpc: cost per click, in the list's currency.
        intent: as given.
        url: the page that ranks or shall rank.
        serp: addresses of the search results, best first.
    """

    keyword: str
    volume: float | None = None
    difficulty: float | None = None
    cpc: float | None = None
    intent: str = ""
    url: str = ""
    serp: tuple[str, ...] = ()


def clean(text: str) -> str:
    """`text` as it is shown: invisible signs and control signs gone, single spaces."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    text = _LONE.sub("\ufffd", _INVISIBLE.sub("", text))
    return " ".join(_CONTROL.sub(" ", text).split())
