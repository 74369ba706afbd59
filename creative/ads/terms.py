"""When a wanted or unwanted term stands in a text.

    contains("Free shipping", "FREE") -> True        contains("Freedom", "free") -> False
    contains("USB充電器", "usb") -> True

Case, width and compatibility forms do not matter (NFKC, casefold). Where writing has spaces
(Latin, Cyrillic, Greek, Arabic, digits …) a term begins and ends where words do; Chinese,
Japanese and Thai have no such borders, so there it may stand anywhere.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from creative.ads.counting import graphemes


def contains(text: str, term: str) -> bool:
    """Whether `term` stands in `text`. An empty term stands nowhere."""
    return bool(places(text, term))


@lru_cache(maxsize=4096)
def places(text: str, term: str) -> tuple[tuple[int, int], ...]:
    """Where `term` stands in `text`: start and end in characters of `text`, not overlapping."""
    wanted = "".join(folded for folded, _, _ in _folded(" ".join(term.split())))
    if not wanted.strip():
        return ()
    signs = _folded(text)
    plain = "".join(folded for folded, _, _ in signs)
    starts: list[tuple[int, int]] = []
    for folded, start, end in signs:
        starts += [(start, end)] * len(folded)
    spots: list[tuple[int, int]] = []
    at = plain.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        if _border(plain, at) and _border(plain, end):
            spots.append((starts[at][0], starts[end - 1][1]))
            at = plain.find(wanted, end)
        else:
            at = plain.find(wanted, at + 1)
    return tuple(spots)


def _folded(text: str) -> list[tuple[str, int, int]]:
    """Each reader's character folded, with where it is; white space as one space."""
    made: list[tuple[str, int, int]] = []
    at = 0
    for cluster in graphemes(text):
        end = at + len(cluster)
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", cluster).casefold())
        if folded.isspace():
            if not made or made[-1][0] != " ":
                made.append((" ", at, end))
        elif folded:
            made.append((folded, at, end))
        at = end
    return made


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
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    bare = "".join(sign for sign in folded if unicodedata.category(sign)[0] in "LMNS")
    return bare or folded
