"""What search engines show of a page: title, description and address, within their limits.

Google names no number: it cuts by the width of the screen (Search Central, "title links" and
"snippets", 2026-11). About 600 pixels of title are 60 Latin letters, two lines of description
155; a full-width sign is as wide as two. Hence columns, as `creative.ads.counting` counts them:
30 and 77 signs in Chinese and Japanese.
"""

from __future__ import annotations

import re
import unicodedata

from creative.ads.counting import graphemes, measure

TITLE_COLUMNS = 60
DESCRIPTION_COLUMNS = 155
SLUG_CHARACTERS = 75

_SENTENCE = re.compile(r"[.!?…](?=\s|$)|[。！？]")
_AT_THE_END = " ,;:–—-|/、，；：・("
_LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ı": "i", "ð": "d",
            "þ": "th", "ä": "ae", "ö": "oe", "ü": "ue"}  # fmt: skip
_NOT_GERMAN = re.compile("[äöü]")


def columns(text: str) -> int:
    """How wide a text is: 1 for a letter, 2 for a full-width sign."""
    return measure(text, "display_width")


def title(text: str) -> str:
    """`text` within TITLE_COLUMNS, cut between words."""
    return cut(_line(text), TITLE_COLUMNS)


def description(text: str) -> str:
    """`text` within DESCRIPTION_COLUMNS: whole sentences if they fill half of it, else words."""
    line = _line(text)
    if columns(line) <= DESCRIPTION_COLUMNS:
        return line
    ends = [line[: found.end()] for found in _SENTENCE.finditer(line)]
    fitting = [one for one in ends if columns(one) <= DESCRIPTION_COLUMNS]
    if fitting and columns(fitting[-1]) * 2 >= DESCRIPTION_COLUMNS:
        return fitting[-1]
    return cut(line, DESCRIPTION_COLUMNS - 2) + "…"


def cut(text: str, most: int) -> str:
    """The beginning of `text` within `most` columns: whole words, or signs where none are."""
    if columns(text) <= most:
        return text
    kept, width = "", 0
    for one in graphemes(text):
        width += columns(one)
        if width > most:
            break
        kept += one
    word = kept
    if not text[len(kept) : len(kept) + 1].isspace() and " " in kept:
        word = kept.rpartition(" ")[0]
    # A text without spaces, or one of which a single word is longer than all of it.
    chosen = word if columns(word) * 2 >= most else kept
    return chosen.rstrip(_AT_THE_END) or kept


def slug(text: str, language: str, suggested: str = "") -> str:
    """The last part of an address: small letters, digits and hyphens.

    Args:
        text: the title.
        language: BCP 47; German's ä becomes ae, others' a.
        suggested: used for titles in scripts without a plain way into Latin letters, if it is
            a slug itself. Without one, such titles keep their letters, which browsers encode.
    """
    made = _slug(_latin(text, language))
    letters = sum(sign.isalnum() for sign in text)
    if len(made.replace("-", "")) * 2 >= letters and made:
        return made
    given = _slug(_latin(suggested, "en"))
    return given or _slug(unicodedata.normalize("NFKC", text).casefold()) or "article"


def _latin(text: str, language: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "").replace("'", "")
    if not language.startswith("de"):
        folded = _NOT_GERMAN.sub(lambda m: unicodedata.normalize("NFD", m[0])[0], folded)
    spelled = "".join(_LETTERS.get(sign, sign) for sign in folded)
    plain = unicodedata.normalize("NFD", spelled)
    return re.sub(r"[^a-z0-9\s-]+", " ", "".join(c for c in plain if not unicodedata.combining(c)))


def _slug(text: str) -> str:
    words = [word for word in re.split(r"[\W_]+", text) if word]
    kept = ""
    for word in words:
        longer = f"{kept}-{word}" if kept else word
        if len(longer) > SLUG_CHARACTERS:
            return kept or word[:SLUG_CHARACTERS]
        kept = longer
    return kept


def _line(text: str) -> str:
    return " ".join(text.split())
