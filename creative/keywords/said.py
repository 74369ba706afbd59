"""What a language model says about clusters: read, cleaned and checked.

A name that can be used is short, has no code in it, and has to do with its cluster: some word of
the name or the description is in the cluster's keywords. That catches answers that slipped by a
number, and models that make things up.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, Field, ValidationError, field_validator

from creative.errors import shorten
from creative.keywords.intent import INTENTS

MAX_NAME = 60
MAX_DESCRIPTION = 200
_PLACEHOLDER = re.compile(r"(group|cluster|name|label|string|topic|title)\W*\d*", re.IGNORECASE)
_NO_NAME = re.compile(r"[<>{}]|://")
_AROUND = " \t*_#`\"'“”„‘’«»「」『』.,;:"
_BEGINNING = 4
"""Letters of a word that are compared: insurance, insurer, insured."""
_COMMON_AT_LEAST = 2
_COMMON_SHARE = 0.2
_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff]+")


class Group(BaseModel):
    """What the model says about one group."""

    id: int
    name: str
    intent: str = ""
    description: str = ""

    @field_validator("id", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        return value.strip().lstrip("#") if isinstance(value, str) else value

    @field_validator("intent", "description", mode="before")
    @classmethod
    def _missing(cls, value: object) -> object:
        return value if isinstance(value, str) else ""


class Groups(BaseModel):
    """What is asked for. One bad group must not spoil the others: each is read by itself."""

    groups: list[Any] = Field(
        json_schema_extra={
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "integer"},
                    "name": {"type": "string", "maxLength": MAX_NAME},
                    "intent": {"type": "string", "enum": list(INTENTS)},
                    "description": {"type": "string", "maxLength": MAX_DESCRIPTION},
                },
                "required": ["id", "name", "intent", "description"],
            }
        }
    )


def readable(items: Sequence[Any]) -> tuple[list[Group], set[int]]:
    """The groups that can be read, cleaned, and the numbers of those that cannot."""
    groups, unreadable = [], set()
    for item in items:
        try:
            group = Group.model_validate(item)
        except ValidationError:
            number = item.get("id") if isinstance(item, dict) else None
            if isinstance(number, int):
                unreadable.add(number)
            continue
        groups.append(
            group.model_copy(
                update={
                    "name": _line(group.name).strip(_AROUND),
                    "intent": _intent(group.intent),
                    "description": shorten(_line(group.description), MAX_DESCRIPTION),
                }
            )
        )
    return groups, unreadable


def _line(text: str) -> str:
    """`text` in one line, without what cannot be seen or encoded."""
    seen = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in text)
    hidden = {"Cf", "Cs", "Co", "Cn"}
    return " ".join("".join(c for c in seen if unicodedata.category(c) not in hidden).split())


def _intent(text: str) -> str:
    """The one intent that is named in `text`, or nothing."""
    named = [intent for intent in INTENTS if intent in text.lower()]
    return named[0] if len(named) == 1 else ""


def problem(group: Group) -> str:
    """Why a name cannot be used; empty if it can."""
    if not any(c.isalnum() for c in group.name) or _PLACEHOLDER.fullmatch(group.name):
        return "got no name"
    if len(group.name) > MAX_NAME:
        return f"got a name of over {MAX_NAME} characters"
    return "got a name with code in it" if _NO_NAME.search(group.name) else ""


class Vocabulary:
    """The words of some clusters, to tell whether a text has to do with one of them.

    Args:
        clusters: the keywords of each.
    """

    def __init__(self, clusters: Sequence[Sequence[str]]) -> None:
        self._words = [{word for keyword in one for word in _words(keyword)} for one in clusters]
        counts = Counter(word for words in self._words for word in words)
        # What many clusters have in common ("how", "the", "best") is about none of them.
        most = max(_COMMON_AT_LEAST, _COMMON_SHARE * len(clusters))
        self._common = {word for word, count in counts.items() if count > most}

    def fits(self, cluster: int, texts: Iterable[str]) -> bool:
        """Whether a word of `texts` is one of the cluster's own (`cluster` counts from 0)."""
        own = self._words[cluster] - self._common
        return not own or any(word in own for text in texts for word in _words(text))


def _words(text: str) -> set[str]:
    """Beginnings of words, without accents; pairs of signs in scripts without spaces."""
    if text.isascii():
        return {word[:_BEGINNING] for word in _WORD.findall(text.lower())}
    bare = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in bare if not unicodedata.combining(c) or _UNSPACED.match(c))
    words = set()
    for run in _UNSPACED.findall(bare):
        words |= {run[at : at + 2] for at in range(max(1, len(run) - 1))}
    for word in _WORD.findall(_UNSPACED.sub(" ", bare)):
        words.add(word[:_BEGINNING])
    return words


def folded(name: str) -> str:
    """The same for names that people would take for the same."""
    return unicodedata.normalize("NFKC", name).casefold()
