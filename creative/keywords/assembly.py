"""From the numbers that `group_job` answers to clusters, topics and what changed."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from creative.errors import AnswerInvalid, InvalidInput
from creative.keywords.folding import NOBODY, Keyword
from creative.keywords.intent import shared_intent, usual_intent
from creative.keywords.model import (
    Added,
    Changes,
    Cluster,
    Clustering,
    Member,
    Quality,
    Summary,
    Topic,
    Unclustered,
)
from creative.keywords.request import ClusterRequest
from creative.keywords.spelling import fold

SLICE = 2000
"""Keywords between two breaths in which the plugin serves its other callers (gevent)."""


def check_answer(answer: dict[str, Any], count: int) -> None:
    """Raise AnswerInvalid unless every keyword is in the answer exactly once."""
    rows = [row for group in answer["groups"] for row in group["members"]]
    rows += [entry["row"] for entry in answer["unclustered"]]
    if sorted(rows) != list(range(count)):
        raise AnswerInvalid(
            "the grouping", f"it has {len(rows)} keywords ({len(set(rows))} different) of {count}"
        )


class Assembly:
    """Clusters out of the answer of `group_job`."""

    def __init__(
        self, request: ClusterRequest, keywords: Sequence[Keyword], answer: dict[str, Any]
    ) -> None:
        self._request = request
        self._keywords = keywords
        self._old = request.existing.clusters if request.existing is not None else ()
        self._usual = usual_intent(keyword.intent for keyword in keywords)
        self._groups: list[dict[str, Any]] = answer["groups"]
        self._alone: list[dict[str, Any]] = answer["unclustered"]
        self._topics: list[dict[str, Any]] = answer["topics"]
        self._quality: dict[str, Any] = answer["quality"]
        if not self._groups:
            self._each_alone()
        first_new = max((one.id for one in self._old), default=0) + 1
        self._ids: list[int] = []
        for group in self._groups:
            if group["existing"] >= 0:
                self._ids.append(self._old[group["existing"]].id)
            else:
                self._ids.append(first_new)
                first_new += 1

    def _each_alone(self) -> None:
        """Nothing goes together: every keyword becomes a cluster and a topic."""
        if self._request.min_size > 2:
            raise InvalidInput(
                "min_size",
                self._request.min_size,
                "a size that some keywords that go together reach",
                "Lower min_size, lower granularity, or leave both empty.",
            )
        self._groups = [
            {
                "members": [entry["row"]],
                "similarity": [1.0],
                "cohesion": 1.0,
                "existing": -1,
                "topic": topic,
                "name": self._keywords[entry["row"]].keyword,
                "head": entry["row"],
            }
            for topic, entry in enumerate(self._alone)
        ]
        self._topics = [
            {"name": group["name"], "groups": [index]} for index, group in enumerate(self._groups)
        ]
        self._alone = []

    def clusters(self) -> tuple[Cluster, ...]:
        """The clusters with the names that their keywords give."""
        names = distinct(
            [
                (self._old[g["existing"]].name if g["existing"] >= 0 else g["name"], g["existing"])
                for g in self._groups
            ]
        )
        made: list[Cluster] = []
        done = 0
        for index, group in enumerate(self._groups):
            made.append(self._cluster(index, names[index]))
            before, done = done, done + len(group["members"])
            if before // SLICE != done // SLICE:
                time.sleep(0)
        return tuple(made)

    def _cluster(self, index: int, name: str) -> Cluster:
        group = self._groups[index]
        rows = [self._keywords[row] for row in group["members"]]
        old = self._old[group["existing"]] if group["existing"] >= 0 else None
        intent = shared_intent(((row.intent, row.volume) for row in rows), self._usual)
        # What comes from our own worker is not validated again.
        return Cluster.model_construct(
            id=self._ids[index],
            name=name,
            head=self._keywords[group["head"]].keyword,
            members=tuple(
                _member(row, similarity)
                for row, similarity in zip(rows, group["similarity"], strict=True)
            ),
            cohesion=group["cohesion"],
            volume=_total([row.volume for row in rows]),
            difficulty=_weighted([(row.difficulty, row.volume) for row in rows]),
            cpc=_weighted([(row.cpc, row.volume) for row in rows]),
            intent=old.intent if old is not None and old.intent else intent,
            topic_id=group["topic"] + 1,
            description=old.description if old is not None else "",
            is_new=old is None,
        )

    def result(self, clusters: tuple[Cluster, ...], notes: Sequence[str]) -> Clustering:
        """The whole result, with the clusters as they are named now."""
        unclustered = tuple(self._stray(entry, clusters) for entry in self._alone)
        topics = tuple(
            Topic(
                id=number,
                name=topic["name"],
                cluster_ids=tuple(self._ids[index] for index in topic["groups"]),
                size=sum(clusters[index].size for index in topic["groups"]),
                volume=_total([clusters[index].volume for index in topic["groups"]]),
            )
            for number, topic in enumerate(self._topics, 1)
        )
        clustering = Clustering.model_construct(
            clusters=clusters,
            unclustered=unclustered,
            topics=topics,
            summary=self._summary(clusters, topics, notes),
            quality=Quality(**self._quality),
            changes=self._changes(clusters) if self._request.existing is not None else None,
        )
        return clustering

    def _stray(self, entry: dict[str, Any], clusters: Sequence[Cluster]) -> Unclustered:
        member = _member(self._keywords[entry["row"]], entry["similarity"])
        if entry["nearest"] < 0:
            return Unclustered(member=member)
        nearest = clusters[entry["nearest"]]
        return Unclustered(member=member, nearest_id=nearest.id, nearest_name=nearest.name)

    def _summary(
        self, clusters: Sequence[Cluster], topics: Sequence[Topic], notes: Sequence[str]
    ) -> Summary:
        return Summary(
            keyword_count=len(self._request.rows),
            unique_count=len(self._keywords),
            cluster_count=len(clusters),
            clustered_count=len(self._keywords) - len(self._alone),
            unclustered_count=len(self._alone),
            largest_cluster=max(one.size for one in clusters),
            topic_count=len(topics),
            volume=_total([keyword.volume for keyword in self._keywords]),
            notes=tuple(notes),
        )

    def _changes(self, clusters: Sequence[Cluster]) -> Changes:
        added = []
        for one in clusters:
            fresh = tuple(member.keyword for member in one.members if member.is_new)
            if fresh and not one.is_new:
                added.append(Added(cluster_id=one.id, name=one.name, keywords=fresh))
        gone = [k.keyword for k in self._keywords if k.owner != NOBODY and k.rows == 0]
        return Changes(
            added=tuple(added),
            new_clusters=tuple(one.id for one in clusters if one.is_new),
            not_given=tuple(gone),
        )

    def drawing(self) -> dict[str, Any]:
        """What the map needs beside names and vectors."""
        labels = [-1] * len(self._keywords)
        for index, group in enumerate(self._groups):
            for row in group["members"]:
                labels[row] = index
        weights = [keyword.volume or 0.0 for keyword in self._keywords]
        return {
            "labels": labels,
            "weights": weights if any(weights) else None,
            "topics": [group["topic"] for group in self._groups],
        }


def _member(keyword: Keyword, similarity: float) -> Member:
    return Member(
        keyword=keyword.keyword,
        similarity=similarity,
        volume=keyword.volume,
        spellings=keyword.spellings,
        volumes=keyword.volumes,
        difficulty=keyword.difficulty,
        cpc=keyword.cpc,
        intent=keyword.intent,
        url=keyword.url,
        serp=keyword.serp,
        is_new=keyword.owner == NOBODY,
    )


def distinct(names: Sequence[tuple[str, int]]) -> list[str]:
    """The names, those of new clusters changed where an existing one has the same."""
    taken = {fold(name) for name, existing in names if existing >= 0}
    distinct: list[str] = []
    for name, existing in names:
        free, number = name, 2
        while existing < 0 and fold(free) in taken:
            free, number = f"{name} ({number})", number + 1
        taken.add(fold(free))
        distinct.append(free)
    return distinct


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if known else None


def _weighted(pairs: Sequence[tuple[float | None, float | None]]) -> float | None:
    """The mean weighted by volume, to 2 digits; plain where no volume is known."""
    known = [(value, volume or 0.0) for value, volume in pairs if value is not None]
    if not known:
        return None
    total = math.fsum(volume for _, volume in known)
    if total <= 0:
        return round(math.fsum(value for value, _ in known) / len(known), 2)
    return round(math.fsum(value * volume for value, volume in known) / total, 2)
