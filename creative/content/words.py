"""Words of an article, counted as editors of each language do, and how often keywords are used.

- Languages with spaces: what stands between white space and has a letter or digit, as word
  processors count ("well-known" and "3.5" are one word each).
- Chinese and Japanese: each sign is one, without punctuation, and each run of Latin letters or
  digits is one: 字数 of manuscripts, but for the punctuation.
- Thai has no spaces either; three consonants are taken for a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from creative import languages

THAI_CONSONANTS = 3
SIGNS_PER_WORD = {"zh": 1.7, "ja": 2.2}
"""Signs that say what one English word says: usual in the pricing of translations (2026-11)."""
MOST_DENSITY = 3.0
"""Percent; Yoast SEO's keyphrase density is "too high" above (yoast.com, 2026-11)."""
FEW = 4
"""Fewer uses are no stuffing, however short the article is."""
CJK_WORD = 2
"""Signs of a word, for the density: of segmented Chinese and Japanese text about two."""

_SIGNS = (
    r"[\u3005\u3007\u3041-\u309f\u30a1-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
_SIGN = re.compile(_SIGNS)
_THAI = re.compile(r"[\u0e01-\u0e2e]")
_THAI_RUN = re.compile(r"[\u0e00-\u0e7f]+")
_BETWEEN = re.compile(r"[\s\u2014\u2013/|]+")
_PLACEHOLDER = re.compile(r"\[\[link:\s*([^\[\]\n]*?)\s*\]\]", re.IGNORECASE)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:\s+\"[^\"\n]*\")?\)")
_MARKS = re.compile(r"^[ \t]*(?:#{1,6}|>|[-*+]|\d{1,3}[.)])[ \t]+", re.MULTILINE)
_RULES = re.compile(r"^[ \t]*(?:[-*_=~`|:][ \t]*){3,}.*$", re.MULTILINE)
_EMPHASIS = re.compile(r"(?<!\w)[*_]{1,3}|[*_]{1,3}(?!\w)|[`*|]")


class KeywordUse(BaseModel):
    """How an article uses a keyword."""

    model_config = ConfigDict(frozen=True)

    keyword: str
    count: int = Field(description="as a whole phrase, whatever its case; also its plural")
    density: float = Field(description="uses per 100 words, in percent")
    warning: str = Field("", description="stuffed or not used; empty if all is well")


def counts_signs(language: str) -> bool:
    """Whether signs are counted instead of words."""
    return languages.base(language) in SIGNS_PER_WORD


def scaled(words: float, language: str) -> int:
    """So many English words in the units of `language`."""
    return round(words * SIGNS_PER_WORD.get(languages.base(language), 1.0))


def unit(language: str) -> str:
    """What is counted, for people and models."""
    return "characters" if counts_signs(language) else "words"


def plain(markdown: str) -> str:
    """The words of a text in Markdown, without its marks."""
    text = _PLACEHOLDER.sub(r"\1", markdown)
    text = _LINK.sub(r"\1", text)
    text = _RULES.sub(" ", text)
    text = _MARKS.sub("", text)
    return _EMPHASIS.sub("", text)


def count(markdown: str) -> int:
    """How many words (or signs) a text in Markdown has; see the module."""
    text = plain(markdown)
    signs = len(_SIGN.findall(text))
    thai = -(-len(_THAI.findall(text)) // THAI_CONSONANTS)
    rest = _THAI_RUN.sub(" ", _SIGN.sub(" ", text))
    return signs + thai + sum(map(_is_word, _BETWEEN.split(rest)))


def has_signs(text: str) -> bool:
    """Whether there is Chinese or Japanese in it."""
    return _SIGN.search(text) is not None


def _is_word(run: str) -> bool:
    return any(unicodedata.category(sign)[0] in "LN" for sign in run)


def uses(keyword: str, text: str) -> int:
    """How often a plain text has a keyword.

    Compared without case and width; words may be tied by hyphens; the last word may be longer by
    two letters (plurals). Signs of Chinese and Japanese are found anywhere.
    """
    folded, wanted = _folded(text), _folded(keyword).split()
    if not wanted:
        return 0
    if _SIGN.search(keyword):
        return folded.replace(" ", "").count("".join(wanted))
    pattern = r"[\s-]+".join(map(re.escape, wanted))
    return len(re.findall(rf"(?<!\w){pattern}\w{{0,2}}(?!\w)", folded))


def keyword_use(keywords: Sequence[str], markdown: str) -> list[KeywordUse]:
    """How an article uses each of its keywords."""
    text = plain(markdown)
    signs = len(_SIGN.findall(text))
    total = max(1, count(markdown) - signs + signs / CJK_WORD)
    found = []
    for keyword in keywords:
        times = uses(keyword, text)
        density = round(100 * times / total, 2)
        stuffed = density > MOST_DENSITY and times >= FEW
        warning = "stuffed" if stuffed else "" if times else "not used"
        found.append(KeywordUse(keyword=keyword, count=times, density=density, warning=warning))
    return found


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("’", "'").split())
