"""What searchers want, from the words of a keyword: a rule table in four languages and German."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from creative.keywords.columns import plain
from creative.keywords.spelling import HAN, KANA, fold

INTENTS = ("informational", "commercial", "transactional", "navigational", "local")
UNKNOWN = "informational"
"""The intent of a cluster whose keywords say nothing: who names a thing wants to know about it."""

IntentName = Literal["informational", "commercial", "transactional", "navigational", "local"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """Words that show an intent (a row of intents.yaml)."""

    intent: IntentName
    language: str
    words: tuple[str, ...]
    source: str
    date: str


class Intents(_Strict):
    """intents.yaml."""

    rules: tuple[Rule, ...]
    given: dict[IntentName, tuple[str, ...]]
    given_source: str
    given_date: str


class _Compiled(BaseModel):
    phrases: dict[str, tuple[int, str]]
    lengths: dict[str, set[int]]
    endings: dict[str, tuple[int, str]]
    parts: list[tuple[str, int, str]]
    given: dict[str, str]


def _plain(text: str) -> str:
    """Case, width and accents folded, umlauts too: the table is written without any."""
    return plain(fold(text))


@functools.cache
def _table() -> _Compiled:
    import yaml

    path = Path(__file__).with_name("intents.yaml")
    table = Intents.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    made = _Compiled(phrases={}, lengths={}, endings={}, parts=[], given={})
    for rank, rule in enumerate(table.rules):
        for word in rule.words:
            if HAN.search(word) or KANA.search(word):
                made.parts.append((fold(word), rank, rule.intent))
            elif word.startswith("*"):
                made.endings.setdefault(_plain(word), (rank, rule.intent))
            else:
                phrase = _plain(word)
                first, *more = phrase.split()
                made.phrases.setdefault(phrase, (rank, rule.intent))
                made.lengths.setdefault(first, set()).add(1 + len(more))
    for intent, names in table.given.items():
        for name in names:
            made.given[_plain(name)] = intent
    return made


def intent_of(keyword: str) -> str:
    """The intent that the keyword's words show, one of INTENTS; "" if they show none.

    >>> intent_of("how to descale an espresso machine"), intent_of("espresso machine")
    ('informational', '')
    """
    table = _table()
    text = fold(keyword)
    found: list[tuple[int, str]] = []
    words = _plain(keyword).split()
    for start, word in enumerate(words):
        for length in table.lengths.get(word, ()):
            hit = table.phrases.get(" ".join(words[start : start + length]))
            if hit is not None:
                found.append(hit)
        if word.endswith(tuple(table.endings)):
            found += [hit for end, hit in table.endings.items() if word.endswith(end)]
    if not text.isascii() and (HAN.search(text) or KANA.search(text)):
        found += [(rank, intent) for part, rank, intent in table.parts if part in text]
    return min(found)[1] if found else ""


def given_intent(text: str) -> str:
    """The intent that a list's own column names, the first of several; "" for an unknown word.

    >>> given_intent("Commercial, Informational"), given_intent("T"), given_intent("TOFU")
    ('commercial', 'transactional', '')
    """
    names = (_plain(part) for part in re.split(r"[,;/|、，&]", text))
    return next((_table().given[name] for name in names if name in _table().given), "")


def shared_intent(intents: Iterable[tuple[str, float | None]]) -> str:
    """The intent that most searches behind some keywords have.

    Args:
        intents: the intent of each keyword, "" if unknown, and its searches per month. Where no
            volume is known all keywords count the same.

    Returns:
        One of INTENTS; UNKNOWN if no keyword shows any. Of equals the one first in INTENTS.
    """
    pairs = [(intent, volume) for intent, volume in intents if intent]
    counted = any(volume for _, volume in pairs)
    weight = {
        name: math.fsum((volume or 0.0) if counted else 1.0 for i, volume in pairs if i == name)
        for name in INTENTS
    }
    best = max(INTENTS, key=lambda name: weight[name])
    return best if weight[best] > 0 else UNKNOWN
