"""What comes out of clustering: data only."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Member(_Frozen):
    """A keyword in a cluster, with all its variants."""

    keyword: str = Field(description="the spelling shown")
    similarity: float = Field(description="to the middle of its cluster, 0 to 1")
    volume: float | None = Field(None, description="searches per month, of all spellings")
    spellings: tuple[str, ...] = Field((), description="all, the shown one first")
    volumes: tuple[float | None, ...] = Field((), description="searches of each spelling")
    difficulty: float | None = Field(None, description="0 to 100")
    cpc: float | None = Field(None, description="cost per click")
    intent: str = Field("", description="given or read from its words; may be empty")
    url: str = ""
    is_new: bool = Field(True, description="not in the existing clusters")


class Cluster(_Frozen):
    """Keywords that belong together."""

    id: int = Field(description="from 1; those of existing clusters stay")
    name: str = Field(description="what its keywords share; no two clusters have the same")
    head: str = Field(description="its most searched keyword; without volumes the most typical")
    members: tuple[Member, ...] = Field(description="most typical first; at least one")
    cohesion: float = Field(description="mean similarity of its members, 0 to 1")
    volume: float | None = Field(None, description="searches per month of all its keywords")
    difficulty: float | None = Field(None, description="mean weighted by volume, 0 to 100")
    cpc: float | None = Field(None, description="mean weighted by volume")
    intent: str = Field("", description="what most of its searchers want; one of INTENTS")
    topic_id: int = Field(0, description="the topic it belongs to")
    description: str = Field("", description="one sentence; empty without a language model")
    is_new: bool = Field(True, description="not one of the existing clusters")

    @property
    def keywords(self) -> list[str]:
        """Its keywords, the most typical first."""
        return [member.keyword for member in self.members]

    @property
    def size(self) -> int:
        """How many keywords it has."""
        return len(self.members)


class Topic(_Frozen):
    """Clusters that belong together."""

    id: int = Field(description="from 1")
    name: str
    cluster_ids: tuple[int, ...]
    size: int = Field(description="keywords in its clusters")
    volume: float | None = Field(None, description="searches per month of all its keywords")


class Unclustered(Member):
    """A keyword that fits nowhere; `similarity` is to the nearest cluster."""

    nearest_id: int | None = Field(None, description="the cluster it resembles most")
    nearest_name: str = ""


class Summary(_Frozen):
    """The result in numbers."""

    keyword_count: int = Field(description="keywords given, repeated ones too")
    unique_count: int = Field(description="different keywords; the rest of the output counts these")
    cluster_count: int
    clustered_count: int = Field(description="keywords in clusters")
    unclustered_count: int = Field(description="keywords that fit nowhere")
    largest_cluster: int = Field(description="keywords in the largest cluster")
    topic_count: int
    volume: float | None = Field(None, description="searches per month of all keywords")
    notes: tuple[str, ...] = Field((), description="what was passed over, one sentence each")


class Quality(_Frozen):
    """How good the groups are, without knowing the right ones."""

    silhouette: float = Field(description="-1 to 1: how well keywords fit their own cluster")
    cut: float = Field(description="similarity at which the tree was cut, 0 to 1")
    sizes: dict[str, int] = Field(description="how many clusters have so many keywords")


class Added(_Frozen):
    """Keywords that came to an existing cluster."""

    cluster_id: int
    name: str
    keywords: tuple[str, ...]


class Changes(_Frozen):
    """What became of existing clusters."""

    added: tuple[Added, ...] = Field(description="clusters that grew")
    new_clusters: tuple[int, ...] = Field(description="ids of clusters that were not there")
    not_given: tuple[str, ...] = Field(
        description="keywords of the existing clusters that the list no longer has; they stay"
    )


class Clustering(_Frozen):
    """The result: each different keyword is in one cluster or unclustered."""

    clusters: tuple[Cluster, ...] = Field(
        description="at least one; existing ones first, then largest first"
    )
    unclustered: tuple[Unclustered, ...] = Field(description="keywords that fit nowhere")
    topics: tuple[Topic, ...] = Field(description="groups of clusters; every cluster is in one")
    summary: Summary
    quality: Quality
    changes: Changes | None = Field(None, description="only with existing clusters")
    # What `creative.keywords.draw` needs: vectors are no part of the result.
    _drawing: dict[str, Any] = PrivateAttr(default_factory=dict)
