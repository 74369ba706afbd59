"""Words in the pieces that the English model knows: BERT's tokenizer, lower case.

`wordpieces.txt` is the vocabulary of Google's `bert-base-uncased` as it was published (2018-10,
Apache-2.0, github.com/google-research/bert): a piece per line, its number is the line's. The
rules are those of that repository's `tokenization.py`: accents off, signs and Chinese characters
stand alone, then the longest piece that fits, from the left.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from pathlib import Path

UNKNOWN, BEGIN, END = 100, 101, 102
_LONGEST_WORD = 100
_KNOWN_WORDS = 100_000
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_ALONE = re.compile(rf"[!-/:-@\[-`{{-~{_HAN}]")
_PERHAPS_ALONE = re.compile(r"[^\w\s!-~]")


@functools.cache
def vocabulary() -> dict[str, int]:
    """The number of each piece; one that goes on with a word begins with ##."""
    text = Path(__file__).with_name("wordpieces.txt").read_text(encoding="utf-8")
    return {piece: number for number, piece in enumerate(text.splitlines())}


def words(text: str) -> list[str]:
    """The words and signs of `text`, lower case without accents."""
    plain = text.lower()
    if not plain.isascii():
        decomposed = unicodedata.normalize("NFD", plain)
        plain = "".join(c for c in decomposed if unicodedata.category(c) not in ("Mn", "Cf"))
        plain = _PERHAPS_ALONE.sub(_apart, plain)
    return _ALONE.sub(r" \g<0> ", plain).split()


def _apart(sign: re.Match[str]) -> str:
    found = sign.group()
    return f" {found} " if unicodedata.category(found).startswith("P") else found


class Tokenizer:
    """Pieces of texts, remembering words: a list of keywords has few different ones."""

    def __init__(self) -> None:
        self._vocabulary = vocabulary()
        self._known: dict[str, list[int]] = {}

    def encode(self, text: str, most: int) -> list[int]:
        """The numbers of at most `most` pieces of `text`, the marks of its ends among them."""
        pieces = [BEGIN]
        for word in words(text):
            found = self._known.get(word)
            if found is None:
                found = self._pieces(word)
                if len(self._known) < _KNOWN_WORDS:
                    self._known[word] = found
            pieces += found
            if len(pieces) >= most:
                break
        return [*pieces[: most - 1], END]

    def _pieces(self, word: str) -> list[int]:
        if len(word) > _LONGEST_WORD:
            return [UNKNOWN]
        pieces: list[int] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            for stop in range(len(word), start, -1):
                number = self._vocabulary.get(mark + word[start:stop])
                if number is not None:
                    break
            else:
                return [UNKNOWN]
            pieces.append(number)
            start = stop
        return pieces
