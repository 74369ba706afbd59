"""How keywords are written, as vectors: a second view beside what they mean.

Two keywords with the same rare word or a shared part of one ("wh-1000xm5", "wh1000xm4") go
together although an embedding model may not know it. Every feature counts by how few
keywords have it, so that a word that all share says nothing. Works in every script.

Runs in the worker process only: it imports numpy.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from creative.keywords.embed import Vectors, unit

DIMENSIONS = 512
_FEATURES = 1 << 18
_PLACES = 8
"""Coordinates that a feature adds to; more blur features less into each other."""
_PART_WEIGHT = 0.5
"""Of three letters in a row, beside 1 for a word."""
_WORD = re.compile(r"\w+")
# Scripts written without spaces: a run of them is no word, but two characters often are one.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")


class Sketch:
    """Features of a list of keywords.

    Args:
        texts: the keywords, in any spelling.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        known: dict[str, list[int]] = {}
        numbers: list[int] = []
        ends = np.zeros(len(texts) + 1, np.int64)
        for row, text in enumerate(texts):
            folded = unicodedata.normalize("NFKC", text).casefold()
            features: list[int] = []
            for word in _WORD.findall(folded):
                found = known.get(word)
                if found is None:
                    found = known[word] = _features(word)
                features += found
            numbers += dict.fromkeys(features)
            ends[row + 1] = len(numbers)
        self._ends = ends
        self._numbers = np.array(numbers, np.int32)
        frequency = np.bincount(self._numbers, minlength=1)
        self._weight = np.log((len(texts) + 1) / (frequency + 1)).astype(np.float32)
        self._weight[1::2] *= _PART_WEIGHT  # parts have odd numbers

    def rows(self, start: int, stop: int) -> Vectors:
        """Unit vectors of the keywords `start` to `stop`, shape (stop - start, DIMENSIONS).

        A keyword without a letter or digit has a row of zeros.
        """
        numbers = self._numbers[self._ends[start] : self._ends[stop]].astype(np.int64)
        lengths = np.diff(self._ends[start : stop + 1])
        rows = np.repeat(np.arange(stop - start), lengths)
        made = np.zeros((stop - start) * DIMENSIONS)
        for place in range(_PLACES):
            mixed = _mixed(numbers, place)
            sign = np.where(mixed & 1, 1.0, -1.0)
            cells = rows * DIMENSIONS + (mixed >> 1) % DIMENSIONS
            made += np.bincount(cells, self._weight[numbers] * sign, len(made))
        return unit(made.reshape(stop - start, DIMENSIONS).astype(np.float32))


def _features(word: str) -> list[int]:
    """Numbers of the word (even) and of its parts (odd), each once."""
    found: dict[int, None] = {}
    if _UNSPACED.search(word):
        for run in _UNSPACED.findall(word):
            for start in range(max(1, len(run) - 1)):
                found[_number("w" + run[start : start + 2], part=False)] = None
        word = _UNSPACED.sub(" ", word).strip()
        if not word:
            return list(found)
    found[_number("w" + word, part=False)] = None
    marked = f"<{word}>"
    for start in range(len(marked) - 2):
        found[_number("c" + marked[start : start + 3], part=True)] = None
    return list(found)


def _number(feature: str, part: bool) -> int:
    return (zlib.crc32(feature.encode(errors="replace")) % (_FEATURES // 2)) * 2 + int(part)


def _mixed(numbers: NDArray[np.int64], salt: int) -> NDArray[np.int64]:
    """The numbers as good as drawn anew, not negative (multiplicative hashing, Knuth)."""
    mixed = (numbers + 1 + salt * _FEATURES) * 2654435761 & 0xFFFFFFFF
    mixed ^= mixed >> 15
    return (mixed * 2246822519 & 0xFFFFFFFF) >> 7
