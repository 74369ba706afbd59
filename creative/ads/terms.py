"""When a wanted or unwanted term stands in a text.

    contains("Free shipping", "FREE") -> True        contains("Freedom", "free") -> False
    contains("USB充電器", "usb") -> True

Case, width and compatibility forms do not matter (NFKC, casefold). Where writing has spaces
(Latin, Cyrillic, Greek, Arabic, digits …) a term begins and ends where words do; Chinese,
Japanese and Thai have no such borders, so there it may stand anywhere.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# A bar, a dash with spaces around it, a middle dot, guillemets, a colon.
_TITLE_BREAK = re.compile(r"\s*[|｜·•»]\s*|\s+[–—-]\s+|\s*(?:：|:\s)\s*")


def contains(text: str, term: str) -> bool:
    """Whether `term` stands in `text`. An empty term stands nowhere."""
    wanted, plain = _folded(term), _folded(text)
    at = plain.find(wanted) if wanted else -1
    while at >= 0:
        if _border(plain, at) and _border(plain, at + len(wanted)):
            return True
        at = plain.find(wanted, at + 1)
    return False


def repeats(one: str, other: str) -> bool:
    """Whether one of two texts says all that the other says."""
    return contains(one, other) or contains(other, one)


@lru_cache(maxsize=2048)
def _folded(text: str) -> str:
    """Without differences of case, width, composition and white space."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


def _border(plain: str, at: int) -> bool:
    """Whether a word may begin or end between the signs before and at `at`."""
    if at <= 0 or at >= len(plain):
        return True
    return not (_spaced(plain[at - 1]) and _spaced(plain[at]))


def _spaced(sign: str) -> bool:
    """Whether `sign` is part of a word in a script that sets spaces between words."""
    if unicodedata.category(sign)[0] not in "LMN":
        return False
    return sign < "\u0e00" or "\u0f00" <= sign <= "\u2e7f" or "\uac00" <= sign <= "\ud7af"


def same_text(one: str, other: str) -> bool:
    """Whether two texts say the same but for case, width, spaces and punctuation."""
    return _bare(one) == _bare(other)


@lru_cache(maxsize=4096)
def _bare(text: str) -> str:
    folded = _folded(text)
    bare = "".join(sign for sign in folded if unicodedata.category(sign)[0] in "LMNS")
    return bare or folded


def title_parts(title: str) -> list[str]:
    """What a page's title says one after the other: "Light shoes | Acme" names thing and brand."""
    return [part for part in _TITLE_BREAK.split(title) if part]
