"""How alike texts are, by the embedded model. Runs in the worker process of `creative.keywords`.

`job` is a job of `creative.worker`: it imports numpy and the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from creative.worker import Progress


class Asked(TypedDict):
    """Texts to compare.

    Attributes:
        variants: the texts of each variant.
        rivals: for each variant, the numbers of those that it is compared with.
        source: texts of the page or ad that the variants are made from.
        brief: what was to be said; may be empty.
    """

    variants: list[list[str]]
    rivals: list[list[int]]
    source: list[str]
    brief: str


class Told(TypedDict):
    """Of each variant; None: nothing to compare with.

    Attributes:
        novelty: the mean over its texts of 1 - the highest cosine to any text of the source or
            of a rival, 0 to 1.
        brief: the cosine of all its texts together to the brief, 0 to 1.
    """

    novelty: list[float | None]
    brief: list[float | None]


def job(asked: Asked, progress: Progress) -> Told:
    """Compare the texts."""
    from creative.keywords import embed

    own = [text for texts in asked["variants"] for text in texts]
    whole = ["\n".join(texts) for texts in asked["variants"]] if asked["brief"] else []
    known = [*own, *asked["source"], *whole, *([asked["brief"]] if whole else [])]
    if not known:
        return {"novelty": [], "brief": []}
    vectors = embed.encode(known, progress).astype(np.float32)
    ends = np.cumsum([len(texts) for texts in asked["variants"]])
    ranges = [range(end - len(t), end) for end, t in zip(ends, asked["variants"], strict=True)]
    source = range(len(own), len(own) + len(asked["source"]))
    novelty = []
    for mine, rivals in zip(ranges, asked["rivals"], strict=True):
        others = [*source, *(row for rival in rivals for row in ranges[rival])]
        novelty.append(_novelty(vectors[list(mine)], vectors[others]))
    brief: list[float | None] = [None] * len(ranges)
    if whole:
        first = len(own) + len(asked["source"])
        cosines = vectors[first : first + len(whole)] @ vectors[-1]
        brief = [float(min(1.0, max(0.0, cosine))) for cosine in cosines]
    return {"novelty": novelty, "brief": brief}


def _novelty(mine: NDArray[np.float32], others: NDArray[np.float32]) -> float | None:
    if not len(mine) or not len(others):
        return None
    return float(np.clip(1.0 - (mine @ others.T).max(axis=1), 0.0, 1.0).mean())
