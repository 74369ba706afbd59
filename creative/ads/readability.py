"""How easy texts are to read, from 0 to 1, by what is published for their script.

Latin, Greek and Cyrillic letters: LIX (C. H. Björnsson, Läsbarhet, 1968; compared for eleven
languages in Reading Research Quarterly 18(4), 1983): words per sentence plus the percentage of
words of more than six letters. Björnsson's scale goes from 20, very easy (children's books), to
60, very difficult; it is mapped to 1 and 0, straight between.

Chinese and Japanese: characters per sentence. Japan's Agency for Cultural Affairs warns that a
sentence becomes hard to read from 50 to 60 characters on (Koyobun sakusei no kangaekata, 2022,
III-3): an empty sentence is 1, one of 60 is 0, straight between. Nothing of the kind is published
for advertisements in Chinese, which take the same measure.

Other scripts are not measured.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

LIX_EASY, LIX_HARD = 20.0, 60.0
LONG_WORD_LETTERS = 6
HARD_SENTENCE_CHARACTERS = 60

_ENDS = re.compile(r"[.!?…]+(?=\s|$)|[。！？!?]+|\n+")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def readability(texts: Sequence[str]) -> float | None:
    """Of `texts` together, each of which is at least one sentence; None: nothing to measure."""
    sentences = [part.strip() for text in texts for part in _ENDS.split(text) if part.strip()]
    letters = [letter for sentence in sentences for letter in sentence if letter.isalpha()]
    if not letters:
        return None
    han = sum(_script(letter) == "wide" for letter in letters)
    if 2 * han > len(letters):
        length = sum(len("".join(one.split())) for one in sentences) / len(sentences)
        return _within(1.0 - length / HARD_SENTENCE_CHARACTERS)
    if 2 * sum(_script(letter) == "" for letter in letters) > len(letters):
        return None
    words = [word for sentence in sentences for word in _WORD.findall(sentence)]
    if not words:
        return None
    long = sum(len(word) > LONG_WORD_LETTERS for word in words)
    lix = len(words) / len(sentences) + 100.0 * long / len(words)
    return _within((LIX_HARD - lix) / (LIX_HARD - LIX_EASY))


def _script(letter: str) -> str:
    """ "wide" for Han and kana, "narrow" for Latin, Greek and Cyrillic, else ""."""
    name = unicodedata.name(letter, "")
    if name.startswith(("CJK", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA")):
        return "wide"
    return "narrow" if name.startswith(("LATIN", "GREEK", "CYRILLIC", "FULLWIDTH LATIN")) else ""


def _within(value: float) -> float:
    return min(1.0, max(0.0, value))
