"""The verb `cluster`: from rows to named clusters."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from creative.deadline import Deadline
from creative.errors import AnswerInvalid, InvalidInput, TooLarge
from creative.keywords.existing import Existing
from creative.keywords.folding import NOBODY, Keyword
from creative.keywords.intent import shared_intent
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
from creative.keywords.process import WORKER
from creative.keywords.row import Row
from creative.keywords.spelling import fold
from creative.keywords.table import MAX_KEYWORDS
from creative.steps import Phase, Step, Steps

if TYPE_CHECKING:
    from creative.keywords.jobs import Packed

SERP_DEPTH = 10
"""Results per keyword whose overlap counts: the first page."""
_SLICE = 2000
"""Keywords between two breaths in which the plugin serves its other callers."""


class Described(Protocol):
    """What a language model says about a cluster (`creative.keywords.describe.Described`)."""

    @property
    def name(self) -> str:
        """Unlike those of the others."""

    @property
    def intent(self) -> str:
        """One of INTENTS."""

    @property
    def description(self) -> str:
        """One sentence, or empty."""


Embedder = Callable[[list[str], Step], "Packed"]
Describer = Callable[[Sequence[Cluster], Step], Sequence[Described]]


class ClusterRequest(BaseModel):
    """What to cluster, and how fine."""

    model_config = ConfigDict(frozen=True)

    rows: Sequence[Row] = Field(description="the list, repeated keywords too")
    granularity: float | None = Field(None, description="0 (coarse) to 1 (fine); None: automatic")
    min_size: int = Field(2, description="keywords of the smallest cluster")
    max_size: int | None = Field(None, description="keywords of the largest cluster")
    max_clusters: int | None = None
    serp_weight: float = Field(
        0.5, description="share of SERP overlap in the similarity of two keywords with SERPs, 0..1"
    )
    existing: Existing | None = Field(None, description="an earlier result that grows")
    max_keywords: int = Field(MAX_KEYWORDS, description="keywords of one run at most")
    notes: tuple[str, ...] = Field((), description="of reading the list, for the summary")


def cluster(
    request: ClusterRequest,
    deadline: Deadline,
    steps: Steps,
    embedder: Embedder | None = None,
    describer: Describer | None = None,
) -> Clustering:
    """Sort keywords into named clusters.

    Variants of a keyword are one (see `folding.Keyword`). The result depends on which rows are
    given and not on their order. If no two keywords go together, each is a cluster of its own,
    so that a workflow that iterates over clusters does not end with nothing.

    Args:
        request: what to cluster.
        deadline: the call's clock.
        steps: told what is going on.
        embedder: makes vectors; None: the embedded model.
        describer: names clusters; None: names and intents come from the keywords.

    Raises:
        InvalidInput: no keywords, a number out of range, or no cluster of at least `min_size`.
        TooLarge: more than `max_keywords`.
        DeadlineExceeded: out of time.
        EngineUnavailable: the worker process cannot start or died.
        CreativeError: whatever `embedder` and `describer` raise.
    """
    with steps.step(Phase.INIT, "Checking the list", 5):
        _check(request)
    with steps.step(Phase.PREP, "Folding variants", 12) as step:
        keywords, missed = _folded(request, deadline, step)
    texts = [fold(keyword.keyword) for keyword in keywords]
    with steps.step(Phase.AI_CALL, f"Reading {len(texts)} keywords", 60) as step:
        if embedder is None:
            job = "creative.keywords.jobs:embed_job"
            vectors = WORKER.call(job, texts, deadline, step.progress)
        else:
            vectors = embedder(texts, step)
    with steps.step(Phase.PARSE, "Grouping keywords", 90 if describer is None else 80) as step:
        payload = _payload(request, keywords, vectors)
        answer = WORKER.call("creative.keywords.jobs:group_job", payload, deadline, step.progress)
        answer = _shim(answer)
        _check_answer(answer, len(keywords))
        made = _Made(request, keywords, answer)
        clusters = made.clusters()
    notes = [*request.notes, *(request.existing.notes if request.existing else ()), *missed]
    if describer is not None:
        with steps.step(Phase.AI_CALL, "Naming clusters with the language model", 92) as step:
            clusters = _described(clusters, describer, step)
            notes += getattr(describer, "notes", [])
    return made.result(clusters, notes, vectors)


def _check(request: ClusterRequest) -> None:
    if not request.rows:
        raise InvalidInput("keywords", None, "at least one keyword")
    old = sum(len(c.rows) for c in request.existing.clusters) if request.existing else 0
    if len(request.rows) + old > request.max_keywords:
        raise TooLarge(
            "The list in keywords" + (" with the existing clusters" if old else ""),
            f"{len(request.rows) + old} keywords long",
            f"{request.max_keywords} keywords",
            "Split the list, drop what nobody searches for, or raise the setting max_keywords.",
        )
    for name in ("granularity", "serp_weight"):
        value = getattr(request, name)
        if value is not None and not 0 <= value <= 1:
            raise InvalidInput(name, value, "a number from 0 to 1")
    for name in ("min_size", "max_size", "max_clusters"):
        value = getattr(request, name)
        if value is not None and value < 1:
            raise InvalidInput(name, value, "a whole number from 1")
    if request.max_size is not None and request.max_size < request.min_size:
        raise InvalidInput(
            "max_size", request.max_size, f"at least min_size, which is {request.min_size}"
        )


def _folded(
    request: ClusterRequest, deadline: Deadline, step: Step
) -> tuple[list[Keyword], list[str]]:
    fields = tuple(Row.model_fields)

    def packed(row: Row) -> tuple[Any, ...]:
        return tuple(getattr(row, name) for name in fields)

    old: list[Row] = []
    owners: list[int] = []
    if request.existing is not None:
        for number, one in enumerate(request.existing.clusters):
            old += one.rows
            owners += [number] * len(one.rows)
        old += request.existing.unclustered
        owners += [NOBODY] * len(request.existing.unclustered)
    payload = {
        "rows": [packed(row) for row in request.rows],
        "old": [packed(row) for row in old],
        "owners": owners,
    }
    job = "creative.keywords.folding:fold_job"
    answer, notes = WORKER.call(job, payload, deadline, step.progress)
    folded: list[Keyword] = []
    for values in answer:
        folded.append(Keyword.model_construct(**values))
        _breathe(len(folded))
    return folded, notes


def _payload(
    request: ClusterRequest, keywords: Sequence[Keyword], vectors: Packed
) -> dict[str, Any]:
    volumes = [keyword.volume for keyword in keywords]
    known = any(volume is not None for volume in volumes)
    return {
        "keywords": [keyword.keyword for keyword in keywords],
        "vectors": vectors,
        "granularity": request.granularity,
        "min_size": request.min_size,
        "max_size": request.max_size,
        "max_clusters": request.max_clusters,
        "serp": _serp_numbers(keywords) if request.serp_weight > 0 else None,
        "serp_weight": request.serp_weight,
        "existing": [k.owner for k in keywords] if request.existing is not None else None,
        "weights": [volume or 0.0 for volume in volumes] if known else None,
    }


def _serp_numbers(keywords: Sequence[Keyword]) -> list[list[int]] | None:
    """For each keyword the numbers of its first results; None if no keyword has any."""
    if not any(keyword.serp for keyword in keywords):
        return None
    numbers: dict[str, int] = {}
    return [
        [
            numbers.setdefault(address, len(numbers))
            for address in dict.fromkeys(_same_page(url) for url in keyword.serp[:SERP_DEPTH])
        ]
        for keyword in keywords
    ]


def _same_page(url: str) -> str:
    """What the addresses of a page have in common: no scheme, "www.", fragment, last slash."""
    bare = re.sub(r"^[a-z]+://(?:www\.)?|^www\.", "", url.strip(), flags=re.IGNORECASE)
    host, slash, path = bare.partition("#")[0].partition("/")
    return host.lower() + (slash + path).rstrip("/")


def _check_answer(answer: dict[str, Any], count: int) -> None:
    """Raise AnswerInvalid unless every keyword is in the answer exactly once."""
    rows = [row for group in answer["groups"] for row in group["members"]]
    rows += [entry["row"] for entry in answer["unclustered"]]
    if sorted(rows) != list(range(count)):
        raise AnswerInvalid(
            "the grouping", f"it has {len(rows)} keywords ({len(set(rows))} different) of {count}"
        )


def _breathe(done: int) -> None:
    """Let other calls of the plugin go on in between (gevent)."""
    if done % _SLICE == 0:
        time.sleep(0)


class _Made:
    """Clusters out of the answer of `group_job`."""

    def __init__(
        self, request: ClusterRequest, keywords: Sequence[Keyword], answer: dict[str, Any]
    ) -> None:
        self._request = request
        self._keywords = keywords
        self._old = request.existing.clusters if request.existing is not None else ()
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
        names = _distinct(
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
            if before // _SLICE != done // _SLICE:
                time.sleep(0)
        return tuple(made)

    def _cluster(self, index: int, name: str) -> Cluster:
        group = self._groups[index]
        rows = [self._keywords[row] for row in group["members"]]
        old = self._old[group["existing"]] if group["existing"] >= 0 else None
        intent = shared_intent((row.intent, row.volume) for row in rows)
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

    def result(
        self, clusters: tuple[Cluster, ...], notes: Sequence[str], vectors: Packed
    ) -> Clustering:
        """The whole result, with the clusters as they are named now."""
        unclustered = tuple(
            Unclustered.model_construct(
                **{
                    **_member(self._keywords[entry["row"]], entry["similarity"]).__dict__,
                    "nearest_id": clusters[entry["nearest"]].id if entry["nearest"] >= 0 else None,
                    "nearest_name": clusters[entry["nearest"]].name
                    if entry["nearest"] >= 0
                    else "",
                }
            )
            for entry in self._alone
        )
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
        clustering._drawing = self._drawing(vectors)
        return clustering

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

    def _drawing(self, vectors: Packed) -> dict[str, Any]:
        """What the map needs beside the names."""
        labels = [-1] * len(self._keywords)
        for index, group in enumerate(self._groups):
            for row in group["members"]:
                labels[row] = index
        weights = [keyword.volume or 0.0 for keyword in self._keywords]
        return {
            "vectors": vectors,
            "labels": labels,
            "weights": weights if any(weights) else None,
            "topics": [group["topic"] for group in self._groups],
        }


def _member(keyword: Keyword, similarity: float) -> Member:
    # Fifty thousand of them: what comes from our own worker is not validated again.
    return Member.model_construct(
        keyword=keyword.keyword,
        similarity=similarity,
        volume=keyword.volume,
        spellings=keyword.spellings,
        volumes=keyword.volumes,
        difficulty=keyword.difficulty,
        cpc=keyword.cpc,
        intent=keyword.intent,
        url=keyword.url,
        is_new=keyword.owner == NOBODY,
    )


def _distinct(names: Sequence[tuple[str, int]]) -> list[str]:
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


def _described(
    clusters: tuple[Cluster, ...], describer: Describer, step: Step
) -> tuple[Cluster, ...]:
    """The clusters as the language model describes them; existing ones keep their names."""
    fresh = [one for one in clusters if one.is_new]
    said = describer(fresh, step) if fresh else []
    by_id = {one.id: words for one, words in zip(fresh, said, strict=True)}
    names = _distinct(
        [
            (by_id[one.id].name if one.id in by_id else one.name, -int(one.is_new))
            for one in clusters
        ]
    )
    return tuple(
        one
        if one.id not in by_id
        else one.model_copy(
            update={
                "name": name,
                "intent": by_id[one.id].intent or one.intent,
                "description": by_id[one.id].description,
            }
        )
        for one, name in zip(clusters, names, strict=True)
    )


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


def _shim(answer: Any) -> dict[str, Any]:
    """The answer of the first version of `group_job` in the form of the second."""
    if isinstance(answer, dict):
        return answer
    shared = [group for group in answer if len(group["members"]) > 1]
    groups = [
        {**group, "existing": -1, "topic": number, "head": group["members"][0]}
        for number, group in enumerate(shared)
    ]
    alone = [group["members"][0] for group in answer if len(group["members"]) == 1]
    return {
        "groups": groups,
        "unclustered": [{"row": row, "nearest": -1, "similarity": 0.0} for row in alone],
        "topics": [{"name": g["name"], "groups": [n]} for n, g in enumerate(groups)],
        "quality": {"silhouette": 0.0, "cut": 0.0, "sizes": {}},
    }
