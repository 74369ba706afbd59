"""What the worker process does for `creative.keywords`: jobs of `creative.worker`.

Two jobs, so that vectors may come from elsewhere too. Vectors cross the process border as
bytes: the plugin's own process never imports numpy.
"""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np

from creative.keywords import embed, name, tree
from creative.worker import Progress


class Packed(TypedDict):
    """Vectors in a form that needs no numpy.

    Attributes:
        data: little-endian 16-bit floats, row after row.
        dimensions: length of a row.
    """

    data: bytes
    dimensions: int


class Group(TypedDict):
    """A group of keywords.

    Attributes:
        name: its name, unlike those of the others.
        members: numbers of its keywords, the most typical one first.
        similarity: of each member to the group's middle, 0 to 1.
        cohesion: mean similarity of the members' vectors to the group's middle, 0 to 1.
    """

    name: str
    members: list[int]
    similarity: list[float]
    cohesion: float


def embed_job(texts: list[str], progress: Progress) -> Packed:
    """Vectors for folded keywords, in their order."""
    vectors = embed.encode(texts, progress)
    return {"data": vectors.astype("<f2").tobytes(), "dimensions": vectors.shape[1]}


def group_job(payload: dict[str, Any], progress: Progress) -> list[Group]:
    """All groups, largest first; keywords that fit nowhere are groups of one.

    Args:
        payload: `keywords` (as written, in an order that does not depend on the input's) and
            `vectors` (Packed, in the same order).
        progress: told what is going on.
    """
    keywords: list[str] = payload["keywords"]
    packed: Packed = payload["vectors"]
    rows = np.frombuffer(packed["data"], "<f2").reshape(-1, packed["dimensions"])
    progress(0.05, "Comparing keywords")
    vectors = embed.compare_space(embed.unit(rows.astype(np.float32)))
    smoothed = tree.smooth(vectors)
    progress(0.35, "Grouping keywords")
    labels = tree.settle(vectors, tree.best_cut(smoothed, tree.grow(smoothed)))
    progress(0.85, "Naming clusters")
    groups = [_group(vectors, np.flatnonzero(labels == label)) for label in range(labels.max() + 1)]
    groups.sort(key=lambda group: (-len(group["members"]), min(group["members"])))
    shared = [group for group in groups if len(group["members"]) > 1]
    alone = [group for group in groups if len(group["members"]) == 1]
    names = name.name_groups([[keywords[m] for m in group["members"]] for group in shared])
    for group, title in zip(shared, names, strict=True):
        group["name"] = title
    for group in alone:
        group["name"] = keywords[group["members"][0]]
    return shared + alone


def _group(vectors: embed.Vectors, members: tree.Labels) -> Group:
    inside = vectors[members]
    centre = embed.unit(inside.mean(axis=0, keepdims=True))[0]
    similarity = np.clip(inside @ centre, 0.0, 1.0)
    order = np.argsort(-similarity, kind="stable")
    return {
        "name": "",
        "members": [int(row) for row in members[order]],
        "similarity": [round(float(value), 3) for value in similarity[order]],
        "cohesion": round(float(similarity.mean()), 3),
    }


def map_job(payload: dict[str, Any], progress: Progress) -> bytes:
    """The map of a clustering as a PNG picture; see `map.draw` for the payload."""
    from creative.keywords import map as keyword_map  # Pillow, for this job only

    return keyword_map.draw(payload, progress)
