"""The verb `cluster`: from rows to named clusters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from creative.deadline import Deadline
from creative.keywords.assembly import Assembly, check_answer, distinct
from creative.keywords.folding import NOBODY, Keyword, content_order
from creative.keywords.intent import INTENTS, given_intent
from creative.keywords.kept import Carried, Kept, Vectors
from creative.keywords.model import Cluster, Clustering, Member
from creative.keywords.process import WORKER
from creative.keywords.request import ClusterRequest, check
from creative.keywords.row import SERP_DEPTH, Row
from creative.keywords.spelling import fold
from creative.steps import Phase, Step, Steps

if TYPE_CHECKING:
    from creative.keywords.jobs import Packed


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
    with steps.step(Phase.INIT, "Checking the list"):
        check(request)
    with steps.step(Phase.PREP, "Folding variants") as step:
        keywords = _folded(request, deadline, step)
    texts = [fold(keyword.keyword) for keyword in keywords]
    with steps.step(Phase.AI_CALL, f"Reading {len(texts)} keywords", 50) as step:
        vectors: Vectors
        if embedder is None:
            vectors = Kept(texts)
            vectors.make(deadline, step.progress)
        else:
            vectors = Carried(embedder(texts, step))
    with steps.step(Phase.AI_CALL, "Grouping keywords", 70 if describer is None else 60) as step:
        payload = _payload(request, keywords)
        answer = vectors.run("group_job", payload, deadline, step.progress)
        check_answer(answer, len(keywords))
        made = Assembly(request, keywords, answer)
        clusters = made.clusters()
    notes = [*request.notes, *(request.existing.notes if request.existing else ())]
    if describer is not None:
        with steps.step(Phase.AI_CALL, "Naming clusters with the language model") as step:
            clusters = _described(clusters, describer, step)
            notes += getattr(describer, "notes", [])
    clusters = _as_given(clusters, request.rows)
    clustering = made.result(clusters, notes)
    clustering._vectors, clustering._drawing = vectors, made.drawing()
    return clustering


def _folded(request: ClusterRequest, deadline: Deadline, step: Step) -> list[Keyword]:
    old: list[Row] = []
    owners: list[int] = []
    if request.existing is not None:
        for number, one in enumerate(request.existing.clusters):
            old += one.rows
            owners += [number] * len(one.rows)
        old += request.existing.unclustered
        owners += [NOBODY] * len(request.existing.unclustered)
    payload = {"rows": list(request.rows), "old": old, "owners": owners}
    job = "creative.keywords.folding:fold_job"
    folded: list[Keyword] = WORKER.call(job, payload, deadline, step.progress)
    return folded


def _payload(request: ClusterRequest, keywords: Sequence[Keyword]) -> dict[str, Any]:
    volumes = [keyword.volume for keyword in keywords]
    known = any(volume is not None for volume in volumes)
    return {
        "keywords": [keyword.keyword for keyword in keywords],
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


def _described(
    clusters: tuple[Cluster, ...], describer: Describer, step: Step
) -> tuple[Cluster, ...]:
    """The clusters as the language model describes them; existing ones keep their names."""
    fresh = [one for one in clusters if one.is_new]
    said = describer(fresh, step) if fresh else []
    by_id = {one.id: words for one, words in zip(fresh, said, strict=True)}
    names = distinct(
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


def _as_given(clusters: tuple[Cluster, ...], rows: Sequence[Row]) -> tuple[Cluster, ...]:
    """The clusters with the intent that the list itself names, where it does for most of one.

    What a column of the list says is known; what rules and models say is guessed. Most: more than
    half of a cluster's searches, or of its keywords where no searches are known. Existing
    clusters keep their intent.
    """
    names = {text: given_intent(text) for text in {row.intent for row in rows}}
    speaking: dict[str, Row] = {}
    for row in rows:
        if names[row.intent]:
            # Lines that contradict each other: the same one counts as in `folding`.
            other = speaking.get(row.keyword)
            if other is None or content_order(row) < content_order(other):
                speaking[row.keyword] = row
    given = {keyword: names[row.intent] for keyword, row in speaking.items()}
    if not given:
        return clusters
    return tuple(
        one.model_copy(update={"intent": intent})
        if one.is_new and (intent := _intent_given(one.members, given))
        else one
        for one in clusters
    )


def _intent_given(members: Sequence[Member], given: Mapping[str, str]) -> str:
    """The intent that the list names most for these keywords; "" if it does for few of them."""
    counted = any(one.volume for one in members)
    weights = dict.fromkeys(("", *INTENTS), 0.0)
    for one in members:
        named = next((given[text] for text in one.spellings if text in given), "")
        weights[named] += (one.volume or 0.0) if counted else 1.0
    unnamed = weights.pop("")
    return max(weights, key=lambda name: weights[name]) if sum(weights.values()) > unnamed else ""
