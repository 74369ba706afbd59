"""The verb `cluster` and its data."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from creative.deadline import Deadline
from creative.keywords.table import checked, fold
from creative.steps import Phase, Steps
from creative.worker import Worker

WORKER = Worker("keyword clustering")
"""One warm child for all calls: it holds the model (150 MB) until it has idled."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class ClusterRequest(_Frozen):
    """What to cluster."""

    keywords: Sequence[str] = Field(
        description="keywords as given, repeated ones too; at most 50,000 of 200 characters"
    )


class Member(_Frozen):
    """A keyword in a cluster."""

    keyword: str = Field(description="as first spelled in the input")
    similarity: float = Field(description="to the middle of its cluster, 0 to 1")


class Cluster(_Frozen):
    """Keywords that belong together."""

    id: int = Field(description="from 1, largest cluster first")
    name: str = Field(description="what its keywords share; no two clusters have the same")
    members: tuple[Member, ...] = Field(description="most typical first; at least one")
    cohesion: float = Field(description="mean similarity of its members, 0 to 1")

    @property
    def head(self) -> str:
        """The most typical keyword."""
        return self.members[0].keyword

    @property
    def keywords(self) -> list[str]:
        """Its keywords, the most typical first."""
        return [member.keyword for member in self.members]

    @property
    def size(self) -> int:
        """How many keywords it has."""
        return len(self.members)


class Summary(_Frozen):
    """The result in numbers."""

    keyword_count: int = Field(description="keywords given, repeated ones too")
    unique_count: int = Field(description="different keywords; the rest of the output counts these")
    cluster_count: int
    clustered_count: int = Field(description="keywords in clusters")
    unclustered_count: int = Field(description="keywords that fit nowhere")
    largest_cluster: int = Field(description="keywords in the largest cluster")


class Clustering(_Frozen):
    """The result: each different keyword is in one cluster or unclustered."""

    clusters: tuple[Cluster, ...] = Field(description="at least one, largest first")
    unclustered: tuple[str, ...] = Field(description="keywords that fit nowhere")
    summary: Summary


def cluster(request: ClusterRequest, deadline: Deadline, steps: Steps) -> Clustering:
    """Sort keywords into named clusters.

    Keywords that differ in case, width or spaces only are one. The result depends on which
    keywords are given and not on their order, except that of several spellings the first is
    shown. If no two keywords go together, each is a cluster of its own, so that a workflow
    that iterates over clusters does not end with nothing.

    Raises:
        InvalidInput: no keywords, or one that is too long.
        TooLarge: too many keywords.
        DeadlineExceeded: out of time.
        EngineUnavailable: the worker process cannot start or died.
    """
    with steps.step(Phase.INIT, "Checking the list", 5):
        given = checked(request.keywords)
    with steps.step(Phase.PREP, "Folding repeated keywords", 10):
        spelling: dict[str, str] = {}
        for keyword in given:
            spelling.setdefault(fold(keyword), keyword)
        # Sorted, so that the order of the input cannot matter to anything that follows.
        folded = sorted(spelling)
        written = [spelling[key] for key in folded]
    with steps.step(Phase.AI_CALL, f"Reading {len(folded)} keywords", 60) as step:
        vectors = WORKER.call("creative.keywords.jobs:embed_job", folded, deadline, step.progress)
    with steps.step(Phase.PARSE, "Grouping keywords", 95) as step:
        payload = {"keywords": written, "vectors": vectors}
        groups = WORKER.call("creative.keywords.jobs:group_job", payload, deadline, step.progress)
        shared = [group for group in groups if len(group["members"]) > 1]
        alone = [written[g["members"][0]] for g in groups if len(g["members"]) == 1]
        clusters = tuple(
            Cluster(
                id=number,
                name=group["name"],
                members=tuple(
                    Member(keyword=written[row], similarity=similarity)
                    for row, similarity in zip(group["members"], group["similarity"], strict=True)
                ),
                cohesion=group["cohesion"],
            )
            for number, group in enumerate(shared or groups, 1)
        )
        unclustered = tuple(alone) if shared else ()
    return Clustering(
        clusters=clusters,
        unclustered=unclustered,
        summary=Summary(
            keyword_count=len(given),
            unique_count=len(folded),
            cluster_count=len(clusters),
            clustered_count=len(folded) - len(unclustered),
            unclustered_count=len(unclustered),
            largest_cluster=clusters[0].size,
        ),
    )
