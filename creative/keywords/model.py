"""What comes out of clustering: data only."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Member(NamedTuple):
    """A keyword with all its variants, in a cluster. A tuple, since there may be 50,000.

    Attributes:
        keyword: the spelling shown.
        similarity: to the middle of its cluster, 0 to 1.
        volume: searches per month, of all spellings.
        spellings: all, the shown one first.
        volumes: searches of each spelling.
        difficulty: 0 to 100.
        cpc: cost per click.
        intent: given or read from its words; may be empty.
        url: as given.
        serp: addresses of its search results, best first.
        is_new: not in the existing clusters.
    """

    keyword: str
    similarity: float
    volume: float | None = None
    spellings: tuple[str, ...] = ()
    volumes: tuple[float | None, ...] = ()
    difficulty: float | None = None
    cpc: float | None = None
    intent: str = ""
    url: str = ""
    serp: tuple[str, ...] = ()
    is_new: bool = True


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


class Unclustered(_Frozen):
    """A keyword that fits nowhere."""

    member: Member = Field(description="the keyword; its similarity is to the nearest cluster")
    nearest_id: int | None = Field(None, description="the cluster it resembles most")
    nearest_name: str = ""

    @property
    def keyword(self) -> str:
        """The spelling shown."""
        return self.member.keyword

    @property
    def volume(self) -> float | None:
        """Searches per month, of all spellings."""
        return self.member.volume

    @property
    def similarity(self) -> float:
        """To the nearest cluster, 0 to 1."""
        return self.member.similarity

    @property
    def spellings(self) -> tuple[str, ...]:
        """All, the shown one first."""
        return self.member.spellings


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
    # What `creative.keywords.draw` needs; no part of the result.
    _vectors: Any = PrivateAttr(default=None)
    _drawing: dict[str, Any] = PrivateAttr(default_factory=dict)
