"""What is asked of `cluster`."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from creative.errors import InvalidInput, TooLarge
from creative.keywords.existing import Existing
from creative.keywords.row import Row
from creative.keywords.table import MAX_KEYWORDS


class ClusterRequest(BaseModel):
    """What to cluster, and how fine."""

    model_config = ConfigDict(frozen=True)

    rows: SkipValidation[Sequence[Row]] = Field(description="the list, repeated keywords too")
    granularity: float | None = Field(None, description="0 (coarse) to 1 (fine); None: automatic")
    min_size: int = Field(2, description="keywords of the smallest cluster")
    max_size: int | None = Field(None, description="keywords of the largest cluster")
    max_clusters: int | None = Field(None, description="clusters at most, existing ones too")
    serp_weight: float = Field(
        0.5, description="share of SERP overlap in the similarity of two keywords with SERPs, 0..1"
    )
    existing: SkipValidation[Existing | None] = Field(
        None, description="an earlier result that grows"
    )
    max_keywords: int = Field(MAX_KEYWORDS, description="keywords of one run at most")
    notes: tuple[str, ...] = Field((), description="of reading the list, for the summary")


def check(request: ClusterRequest) -> None:
    """Raise InvalidInput, or TooLarge for a list over its limit, unless the request can be done."""
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
