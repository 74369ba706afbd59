"""Which words of a table a keyword has, in any of its languages."""

from __future__ import annotations

import re
from collections.abc import Iterable

from creative.keywords.columns import plain
from creative.keywords.spelling import HAN, KANA, fold

# A word beside Chinese characters or kana is one too: "app下载".
_EASTERN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")


def bare(text: str) -> str:
    """Case, width and accents folded, umlauts too: the tables are written without any."""
    return plain(fold(text))


class Wording:
    """Words to look for.

    Args:
        words: whole words and phrases, compared without case, accents and width; "*end" fits a
            word that ends so; with Chinese characters or kana a part of the text.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._phrases: dict[str, str] = {}
        self._lengths: dict[str, set[int]] = {}
        self._endings: dict[str, str] = {}
        self._parts: dict[str, str] = {}
        for word in words:
            if HAN.search(word) or KANA.search(word):
                self._parts.setdefault(fold(word), word)
            elif word.startswith("*"):
                self._endings.setdefault(bare(word), word)
            else:
                phrase = bare(word)
                first, *more = phrase.split()
                self._phrases.setdefault(phrase, word)
                self._lengths.setdefault(first, set()).add(1 + len(more))
        self._ends = tuple(self._endings)

    def found(self, keyword: str) -> list[str]:
        """The words, as they were given, that `keyword` has; some may be inside others."""
        found: list[str] = []
        text = "" if keyword.isascii() else fold(keyword)
        eastern = bool(text and _EASTERN.search(text))
        words = bare(_EASTERN.sub(r" \g<0> ", text) if eastern else keyword).split()
        for start, word in enumerate(words):
            for length in self._lengths.get(word, ()):
                hit = self._phrases.get(" ".join(words[start : start + length]))
                if hit is not None:
                    found.append(hit)
            if word.endswith(self._ends):
                found += [hit for end, hit in self._endings.items() if word.endswith(end)]
        if eastern:
            found += [word for part, word in self._parts.items() if part in text]
        return found
