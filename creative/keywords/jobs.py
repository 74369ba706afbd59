"""What the worker process does for `creative.keywords`: jobs of `creative.worker`.

Two jobs, so that vectors may come from elsewhere too. Vectors cross the process border as
bytes: the plugin's own process never imports numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np

from creative.keywords import embed, english, grouping, name, settle, space, tree
from creative.keywords.settle import ALONE
from creative.worker import Progress

SIZE_CLASSES = (1, 5, 10, 20, 50, 100)
"""Upper ends of the classes in which clusters are counted by size; the last class is open."""
HEAD_SHARE = 0.5
"""A head keyword is at least so typical, as a share of its group's cohesion: a stray with a
large volume does not speak for the others."""


class Packed(TypedDict):
    """Vectors in a form that needs no numpy.

    Attributes:
        data: little-endian 16-bit floats, row after row.
        type: "i1" if `data` has 8-bit integers instead, each row with a scale of its own.
        dimensions: length of a row.
        english: how many numbers at the end of a row are those of the English model, if any.
    """

    data: bytes | bytearray
    type: NotRequired[str]
    dimensions: int
    english: NotRequired[int]


class Group(TypedDict):
    """A group of keywords.

    Attributes:
        members: numbers of its keywords, the most typical one first.
        similarity: of each member to the group's middle, 0 to 1.
        cohesion: mean similarity of the members, 0 to 1.
        existing: the number of the existing cluster that it continues, or -1.
        topic: index of its topic.
        name: unlike those of the other groups.
        head: number of the keyword that speaks for it: volume first, then typicality.
    """

    members: list[int]
    similarity: list[float]
    cohesion: float
    existing: int
    topic: int
    name: str
    head: int


def embed_job(texts: list[str], progress: Progress) -> Packed:
    """Vectors for folded keywords, in their order; two models beside each other for English."""
    if not english.speaks(texts):
        english.release()  # a long list needs the memory
        vectors = embed.encode(texts, progress)
        return {"data": vectors.tobytes(), "dimensions": vectors.shape[1]}
    first = embed.encode(texts, lambda done, label: progress(done / 2, label))
    read = english.sample(len(texts))
    second = english.encode(texts[read], lambda done, label: progress(0.5 + done / 2, label))
    if len(second) < len(texts):
        second = english.complete(first, second, read)
    vectors = np.hstack([first, second])
    return {
        "data": vectors.tobytes(),
        "dimensions": vectors.shape[1],
        "english": second.shape[1],
    }


def group_job(payload: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """All groups, topics and what fits nowhere.

    Args:
        payload: `keywords` (as shown, in an order that does not depend on the input's),
            `vectors` (Packed, in that order); and what may be missing: `granularity` (0 to 1, or
            None), `min_size` (2), `max_size`, `max_clusters` (None: no limit), `serp` (for each
            keyword the numbers of its results, or None), `serp_weight` (0.5), `existing` (for
            each keyword the number of its existing cluster or -1, or None), `weights` (volumes,
            for heads only, or None).
        progress: told what is going on.

    Returns:
        `groups` (Group, existing ones first in their order, then the largest first),
        `unclustered` ({row, nearest: index of a group or -1, similarity}, by row), `topics`
        ({name, groups: indices}), `quality` ({silhouette, cut, sizes: {"2-5": clusters, …}}).
        Every keyword is in exactly one group or in `unclustered`.
    """
    keywords: list[str] = payload["keywords"]
    packed: Packed = payload["vectors"]
    stored = embed.rows(packed)
    progress(0.02, "Comparing keywords")
    vectors = space.compare(stored, keywords, packed.get("english", 0))
    progress(0.1, "Finding neighbours")
    graph = tree.neighbour_graph(vectors)
    if payload.get("serp"):
        vectors = space.with_results(
            vectors, payload["serp"], payload.get("serp_weight", 0.5), graph
        )
        graph = tree.neighbour_graph(vectors)
    wanted = grouping.Wanted(
        granularity=payload.get("granularity"),
        min_size=payload.get("min_size", 2),
        max_size=payload.get("max_size"),
        max_clusters=payload.get("max_clusters"),
        existing=payload.get("existing"),
        texts=keywords,
    )
    made = grouping.group(
        vectors, graph, wanted, lambda done, label: progress(0.2 + 0.65 * done, label)
    )
    progress(0.87, "Naming clusters")
    weights = payload.get("weights")
    groups = _groups(vectors, made, weights)
    written = [[keywords[row] for row in group["members"]] for group in groups]
    for group, title in zip(groups, name.name_groups(written), strict=True):
        group["name"] = title
    return {
        "groups": groups,
        "unclustered": _alone(vectors, made.labels),
        "topics": _topics(groups, written),
        "quality": {
            "silhouette": round(made.silhouette, 3),
            "cut": round(made.cut, 3),
            "sizes": _size_classes([len(group["members"]) for group in groups]),
        },
    }


def _groups(
    vectors: embed.Vectors, made: grouping.Grouped, weights: Sequence[float] | None
) -> list[Group]:
    order = np.argsort(made.labels, kind="stable")
    starts = np.searchsorted(made.labels[order], np.arange(len(made.existing) + 1))
    groups: list[Group] = []
    for number, existing in enumerate(made.existing):
        members = order[starts[number] : starts[number + 1]]
        inside = vectors[members]
        centre = embed.unit(inside.mean(axis=0, keepdims=True))[0]
        similarity = np.clip(inside @ centre, 0.0, 1.0)
        typical = np.argsort(-similarity, kind="stable")
        members, similarity = members[typical], similarity[typical]
        cohesion = float(similarity.mean())
        groups.append(
            {
                "members": [int(row) for row in members],
                "similarity": [round(float(value), 3) for value in similarity],
                "cohesion": round(cohesion, 3),
                "existing": existing,
                "topic": made.topic[number],
                "name": "",
                "head": _head(members, similarity, cohesion, weights),
            }
        )
    return groups


def _head(
    members: tree.Labels,
    similarity: embed.Vectors,
    cohesion: float,
    weights: Sequence[float] | None,
) -> int:
    if weights is None:
        return int(members[0])
    typical = members[similarity >= HEAD_SHARE * cohesion]
    # Of equal volumes the first, which is the most typical one.
    return int(max(typical, key=lambda row: weights[row], default=members[0]))


def _alone(vectors: embed.Vectors, labels: tree.Labels) -> list[dict[str, Any]]:
    _, nearest, similarity = settle.fit(vectors, labels)
    return [
        {
            "row": int(row),
            "nearest": int(nearest[row]),
            "similarity": round(float(np.clip(similarity[row], 0.0, 1.0)), 3),
        }
        for row in np.flatnonzero(labels == ALONE)
    ]


def _topics(groups: Sequence[Group], written: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Topics with a name from all their keywords; that of its group if there is but one."""
    under: dict[int, list[int]] = {}
    for index, group in enumerate(groups):
        under.setdefault(group["topic"], []).append(index)
    listed = [under[topic] for topic in sorted(under)]
    titles = name.name_topics(
        [[(groups[index]["name"], written[index]) for index in members] for members in listed]
    )
    return [
        {"name": title, "groups": members} for title, members in zip(titles, listed, strict=True)
    ]


def _size_classes(sizes: Sequence[int]) -> dict[str, int]:
    classes: dict[str, int] = {}
    for low, high in zip(
        (1, *(end + 1 for end in SIZE_CLASSES)), (*SIZE_CLASSES, None), strict=True
    ):
        found = sum(low <= size and (high is None or size <= high) for size in sizes)
        if found:
            label = f"{low}+" if high is None else str(low) if low == high else f"{low}-{high}"
            classes[label] = found
    return classes


def map_job(payload: dict[str, Any], progress: Progress) -> bytes:
    """The map of a clustering as a PNG picture; see `map.draw` for the payload."""
    from creative.keywords import map as keyword_map  # Pillow, for this job only

    return keyword_map.draw(payload, progress)
