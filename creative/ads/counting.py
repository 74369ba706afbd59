"""How long a text is, as the platforms count.

    graphemes("né👍🏽") -> ["n", "é", "👍🏽"]
    measure("日本語 ABC", "display_width") -> 10

Platforms count differently, and few say how:

- `display_width` (Google, TikTok): a full-width sign counts 2, everything else 1. Google: "15
  characters or 7 double-byte characters" for a path; TikTok: "100 Latin or 50 Asian characters".
  By East Asian Width (UAX #11): wide and full-width 2, narrow and half-width 1 (so half-width
  katakana 1), combining marks and other signs without a place of their own 0, an emoji 2. An
  ambiguous sign (“ ” … ° ①) is as wide as its surroundings, as UAX #11 recommends: 2 in a text
  with wide signs, else 1. Ambiguous letters (é, я, Ω) are always 1: Google takes 30 Cyrillic ones.
- `weighted` (X): twitter-text, configuration v3: after composition (NFC) code points of Latin,
  Cyrillic, Arabic and other alphabets and general punctuation 1, all others 2, an emoji of any
  number of code points 2, an address 23.
- `characters` (Meta, LinkedIn, X's titles): those say "characters" and no more. UTF-16 code units
  are the largest of the usual countings (after what a reader calls a character, and code points),
  and what a web form counts that uses JavaScript's length. A text within them is within all.
- `bytes`: of UTF-8.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from creative.ads.platforms import Unit

ADDRESS_WEIGHT = 23
"""What X counts for an address, however long (transformedURLLength of configuration v3)."""

_ZWJ = "\u200d"
_AS_PICTURE = "\ufe0f"
_KEYCAP = "\u20e3"
# Code points of weight 1 (configuration v3, "ranges").
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
# Names that end like a site: twitter-text links them without "https://" as well.
_ADDRESS = re.compile(
    r"https?://[^\s<>\"\u3000-\u9fff\uff00-\uffef]+"
    r"|(?<![\w@.])(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}(?![\w@])(?:/[^\s\u3000-\u9fff]*)?",
    re.IGNORECASE | re.ASCII,
)
# Letters that Unicode calls letters, and that never stand alone (Thai and Lao AM).
_JOINING = "\u0e33\u0eb3"
_HANGUL_L = re.compile(r"[\u1100-\u115f\ua960-\ua97c]")
_HANGUL_V = re.compile(r"[\u1160-\u11a7\ud7b0-\ud7c6]")
_HANGUL_T = re.compile(r"[\u11a8-\u11ff\ud7cb-\ud7fb]")
_VIRAMA = 9
"""Combining class of the sign that ties two Indic consonants into one."""


def graphemes(text: str) -> list[str]:
    """What a reader calls characters (UAX #29, extended grapheme clusters).

    Joined are: combining and spacing marks, variation selectors, emoji with skin tones, joiners,
    flags and key caps, Hangul from its parts, Indic conjuncts, CR with LF.
    """
    if text.isascii() and "\r" not in text:
        return list(text)
    return list(_clusters(text))


@lru_cache(maxsize=1024)
def _clusters(text: str) -> tuple[str, ...]:
    found: list[str] = []
    for sign in text:
        if found and _belongs(found[-1], sign):
            found[-1] += sign
        else:
            found.append(sign)
    return tuple(found)


def _belongs(cluster: str, sign: str) -> bool:
    """Whether `sign` goes on with `cluster`: the rules GB3 to GB13 of UAX #29."""
    last = cluster[-1]
    if sign < "\u0300" or _alone(sign):
        return last == "\r" and sign == "\n"
    if _extends(sign):
        return last != "\u200b" and unicodedata.category(last) not in ("Cc", "Zl", "Zp")
    if _regional(sign) and last != _ZWJ:
        return _regional(last) and len(cluster) == 1
    if last == _ZWJ:
        return _pictorial(sign) and _waits(cluster)
    if unicodedata.combining(last) == _VIRAMA and "\u0900" <= last <= "\u0d7f":
        return _is_letter(sign) and "\u0900" <= sign <= "\u0d7f"
    return _one_syllable(last, sign)


def _waits(cluster: str) -> bool:
    """Whether an emoji, with nothing but its extensions, stands before the last joiner."""
    for sign in reversed(cluster[:-1]):
        if _pictorial(sign):
            return True
        if sign == _ZWJ or unicodedata.category(sign) == "Mc":
            return False
    return False


def _alone(sign: str) -> bool:
    """Kana and usual Han: the many signs that join with nothing before them, told quickly."""
    return "\u3041" <= sign <= "\u3096" or "\u30a1" <= sign <= "\u30fa" or "一" <= sign <= "龥"


def _extends(sign: str) -> bool:
    """Whether `sign` goes on with whatever stands before it."""
    return (
        unicodedata.category(sign) in ("Mn", "Me", "Mc")
        or sign in _JOINING
        or sign == _ZWJ
        or "\U0001f3fb" <= sign <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= sign <= "\U000e007f"  # tags of regional flags
    )


def _one_syllable(last: str, sign: str) -> bool:
    """Whether two Hangul signs are parts of one."""
    whole = "가" <= last <= "힣"
    if _HANGUL_L.match(last):
        return bool(_HANGUL_L.match(sign) or _HANGUL_V.match(sign)) or "가" <= sign <= "힣"
    if _HANGUL_V.match(last) or (whole and (ord(last) - 0xAC00) % 28 == 0):
        return bool(_HANGUL_V.match(sign) or _HANGUL_T.match(sign))
    return (whole or bool(_HANGUL_T.match(last))) and bool(_HANGUL_T.match(sign))


def _is_letter(sign: str) -> bool:
    return unicodedata.category(sign) == "Lo"


def _regional(sign: str) -> bool:
    return "\U0001f1e6" <= sign <= "\U0001f1ff"


def _pictorial(sign: str) -> bool:
    """Whether a code point can be (part of) an emoji: no flag letters, no skin tones."""
    if sign < "\u00a9" or _regional(sign) or "\U0001f3fb" <= sign <= "\U0001f3ff":
        return False
    return (
        unicodedata.category(sign) == "So" or "\U0001f000" <= sign <= "\U0001faff" or sign in "‼⁉〰"
    )


def is_emoji(cluster: str) -> bool:
    """Whether a cluster is shown as a coloured picture."""
    first = cluster[0]
    if _KEYCAP in cluster:
        return True
    if _regional(first):
        return len(cluster) > 1
    if _AS_PICTURE in cluster:
        return _pictorial(first) or unicodedata.category(first) in ("So", "Sm", "Po")
    category = unicodedata.category(first)
    if category == "Cn":  # younger than Python's tables
        return "\U0001f300" <= first <= "\U0001faff"
    # Those that are pictures by themselves are wide; wide signs of East Asian writing are not.
    return (
        first >= "\u2300"
        and not "\u2e80" <= first <= "\uffff"
        and not "\U0001f200" <= first <= "\U0001f2ff"
        and category in ("So", "Sk", "Sm")
        and unicodedata.east_asian_width(first) == "W"
    )


@lru_cache(maxsize=4096)
def measure(text: str, unit: Unit) -> int:
    """The length of `text` in `unit`; see the head of this file for what is counted."""
    if unit == "bytes":
        return len(text.encode("utf-8", "surrogatepass"))
    if unit == "characters":
        return len(text.encode("utf-16-le", "surrogatepass")) // 2
    if unit == "weighted":
        return _weighted(text)
    return _display_width(text)


def _display_width(text: str) -> int:
    if text.isascii() and text.isprintable():
        return len(text)
    clusters = graphemes(text)
    among_wide = any(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return sum(2 if is_emoji(one) else _width(one, among_wide) for one in clusters)


def _width(cluster: str, among_wide: bool) -> int:
    total = 0
    for place, sign in enumerate(cluster):
        category = unicodedata.category(sign)
        if category in ("Mn", "Me", "Cf"):
            continue
        if place and (_HANGUL_V.match(sign) or _HANGUL_T.match(sign)):
            continue
        kind = unicodedata.east_asian_width(sign)
        wide = kind in "WF" or (kind == "A" and among_wide and category[0] not in "LM")
        total += 2 if wide else 1
    return total


def _weighted(text: str) -> int:
    total, start = 0, 0
    composed = unicodedata.normalize("NFC", text)
    for address in _ADDRESS.finditer(composed):
        found = address.group()
        total += _weight(composed[start : address.start()])
        # Not every name with a dot is a site: what X may not shorten counts as it is.
        sure = found.lower().startswith("http")
        total += ADDRESS_WEIGHT if sure else max(ADDRESS_WEIGHT, _weight(found))
        start = address.end()
    return total + _weight(composed[start:])


def _weight(text: str) -> int:
    return sum(2 if is_emoji(one) else sum(map(_of_sign, one)) for one in graphemes(text))


def _of_sign(sign: str) -> int:
    point = ord(sign)
    return 1 if any(low <= point <= high for low, high in _LIGHT) else 2
