"""What goes into ideas for articles, and what an idea is: data only."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from creative.errors import InvalidInput
from creative.keywords.intent import INTENTS, IntentName

MOST_PER_CLUSTER = 5
MOST_IDEAS = 100
DEFAULT_MOST_IDEAS = 20
MOST_AVOIDED = 2000


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ContentType(_Frozen):
    """A row of content_types.yaml."""

    id: str
    words: int
    intents: tuple[IntentName, ...]
    says: str
    source: str
    date: str


class Group(_Frozen):
    """Keywords that one or several articles are to be about."""

    name: str
    keywords: tuple[str, ...] = Field(description="at least one; the head or most typical first")
    intent: str = Field("", description="one of INTENTS; empty: read from the keywords")
    description: str = ""


class Idea(_Frozen):
    """An article that could be written."""

    id: str = Field("", description="idea-1, idea-2, …")
    title: str
    angle: str = Field("", description="what makes it worth reading, one sentence")
    outline: tuple[str, ...] = Field((), description="headings, in order")
    target_keywords: tuple[str, ...] = ()
    primary_keyword: str = ""
    intent: str = Field("", description="one of INTENTS")
    content_type: str = Field("", description="an id of content_types.yaml")
    estimated_words: int = Field(0, description="words; characters in Chinese and Japanese")
    cluster: str = Field("", description="name of its cluster")
    notes: str = ""


class Dropped(_Frozen):
    """An idea that was left out."""

    title: str
    like: str = Field("", description="title of the idea, or existing title, that it is like")
    similarity: float | None = Field(None, description="cosine, 0 to 1; 1: the same words")
    reason: str = ""


class IdeasRequest(_Frozen):
    """What to find ideas for."""

    groups: tuple[Group, ...] = Field(description="at least one")
    ideas_per_cluster: int = Field(1, ge=1, le=MOST_PER_CLUSTER)
    max_ideas: int = Field(DEFAULT_MOST_IDEAS, ge=1, le=MOST_IDEAS)
    language: str = Field(description="BCP 47")
    audience: str = ""
    content_types: tuple[str, ...] = Field((), description="allowed ones; empty: all")
    avoid: tuple[str, ...] = Field((), description="titles that exist already")
    instructions: str = Field("", description="wishes for the model")
    notes: tuple[str, ...] = Field((), description="what was not read of the input")


class Ideas(_Frozen):
    """Ideas, no two of them alike."""

    ideas: tuple[Idea, ...] = Field(description="at least one")
    dropped: tuple[Dropped, ...] = ()
    method: Literal["model", "builtin"]
    language: str
    notes: tuple[str, ...] = ()


class _Table(_Frozen):
    types: tuple[ContentType, ...]


@lru_cache(maxsize=1)
def content_types() -> dict[str, ContentType]:
    """The kinds of articles, by id."""
    import yaml

    path = Path(__file__).with_name("content_types.yaml")
    read = _Table.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    return {one.id: one for one in read.types}


def allowed_types(typed: list[str]) -> tuple[str, ...]:
    """Ids of kinds that somebody typed.

    Raises:
        InvalidInput: one of them is unknown.
    """
    ids = [one.strip().lower().replace(" ", "_").replace("-", "_") for one in typed]
    known = content_types()
    for one in ids:
        if one not in known:
            raise InvalidInput("content_types", one, f"any of {', '.join(known)}")
    return tuple(dict.fromkeys(ids))


def fitting_type(intent: str, allowed: tuple[str, ...]) -> str:
    """The kind that fits an intent best, of those allowed."""
    ids = allowed or tuple(content_types())
    ranked = [
        (list(content_types()[id].intents).index(intent), n, id)
        for n, id in enumerate(ids)
        if intent in content_types()[id].intents
    ]
    return min(ranked)[2] if ranked else ids[0]


def known_intent(text: str) -> str:
    """`text` if it is an intent, else ""."""
    folded = text.strip().lower()
    return folded if folded in INTENTS else ""
