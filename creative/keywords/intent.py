"""What searchers want, from the words of a keyword: a rule table in four languages and German."""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from creative.keywords.wording import Wording, bare

INTENTS = ("informational", "commercial", "transactional", "navigational", "local")
BUYING = ("commercial", "transactional")
MUCH = 2
"""So many times as often a list must speak of buying as of knowing to be one of goods."""
SHARE = 1 / 3
"""Of the votes; one keyword with "login" among four says nothing about them."""

IntentName = Literal["informational", "commercial", "transactional", "navigational", "local"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """Words that show an intent (a row of intents.yaml)."""

    intent: IntentName
    language: str
    words: tuple[str, ...]
    names_thing: bool = False
    source: str
    date: str


class Intents(_Strict):
    """intents.yaml."""

    rules: tuple[Rule, ...]
    given: dict[IntentName, tuple[str, ...]]
    given_source: str
    given_date: str


class _Read(NamedTuple):
    wording: Wording
    intents: Mapping[str, tuple[int, str]]
    given: Mapping[str, str]


@functools.cache
def table() -> Intents:
    """The table of intents."""
    import yaml

    path = Path(__file__).with_name("intents.yaml")
    return Intents.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@functools.cache
def _read() -> _Read:
    intents: dict[str, tuple[int, str]] = {}
    for rank, rule in enumerate(table().rules):
        for word in rule.words:
            intents.setdefault(word, (rank, rule.intent))
    given: dict[str, str] = {
        bare(name): intent for intent, names in table().given.items() for name in names
    }
    return _Read(Wording(intents), intents, given)


def intent_of(keyword: str) -> str:
    """The intent that the keyword's words show, one of INTENTS; "" if they show none.

    >>> intent_of("how to descale an espresso machine"), intent_of("espresso machine")
    ('informational', '')
    """
    read = _read()
    return min((read.intents[word] for word in read.wording.found(keyword)), default=(0, ""))[1]


def given_intent(text: str) -> str:
    """The intent that a list's own column names, the first of several; "" for an unknown word.

    >>> given_intent("Commercial, Informational"), given_intent("T"), given_intent("TOFU")
    ('commercial', 'transactional', '')
    """
    known = _read().given
    names = (bare(part) for part in re.split(r"[,;/|、，&]", text))
    return next((known[name] for name in names if name in known), "")


def usual_intent(intents: Iterable[str]) -> str:
    """What searchers want who only name a thing, in a list whose other keywords say what.

    In a shop's list, where people also look for prices and tests, "dog crate" is about buying;
    among recipes and questions "feijoada" is about knowing.

    Args:
        intents: of all keywords of the list, "" if unknown.
    """
    counted = Counter(intents)
    buying = counted["commercial"] + counted["transactional"]
    return "commercial" if buying > MUCH * counted["informational"] else "informational"


def shared_intent(intents: Iterable[tuple[str, float | None]], usual: str = "informational") -> str:
    """The intent of some keywords together.

    Every keyword votes, with the square root of its searches, so that neither one large keyword
    nor many that nobody searches decide alone. Who says nothing leaves it open: an intent needs
    SHARE of all votes. Comparing and buying are near each other: where they reach it only
    together, the larger one of them counts.

    Args:
        intents: the intent of each keyword, "" if unknown, and its searches per month. Where no
            volume is known all keywords count the same.
        usual: what keywords want that say nothing (see `usual_intent`).

    Returns:
        One of INTENTS; of equals the one first in it.
    """
    pairs = [(intent, volume or 0.0) for intent, volume in intents]
    weight = dict.fromkeys(INTENTS, 0.0)
    total = 0.0
    for intent, volume in pairs:
        vote = math.sqrt(volume + 1.0)
        total += vote
        if intent:
            weight[intent] += vote
    best = max(INTENTS, key=lambda name: weight[name])
    if weight[best] > 0 and weight[best] >= SHARE * total:
        return best
    buying = max(BUYING, key=lambda name: weight[name])
    return buying if sum(weight[name] for name in BUYING) >= SHARE * total > 0 else usual
