"""Words that recur beside many things ("best", "vergleich", 观光) and must not group keywords.

"kfz-versicherung vergleich" belongs to motor insurance and not to a group of ten things
compared. Which words are so is known from two tables, the words of intents and `modifiers.yaml`;
that they recur, from the list. What all keywords with such a word have in common in a view is
taken off them, as the middle of the whole list is.

Only for keyword lists: in sentences the same words carry what is meant ("how much does it cost
to …"), and labelled sets of questions lose by it.

Runs in the worker process only: it imports numpy.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from creative.keywords import intent
from creative.keywords.embed import Vectors, unit
from creative.keywords.spelling import fold
from creative.keywords.wording import Wording

MOST_WORDS = 4.0
"""A list of which half of the entries have more words is one of sentences."""
CHARACTERS_PER_WORD = 3.0
"""Of text without spaces."""
RECURS = 3
"""Keywords that have a word which is to be weakened."""
MOST_OF_THE_LIST = 0.6
"""A word that a larger share has is taken off with the middle of the list."""
TRUST = 2.0
"""The middle of this many keywords is half believed."""
NOTHING_LEFT = 0.25
"""A keyword of which less is left (as length of its unit vector) was only such words: it stays."""
SHORTEST_LIST = 32
"""Keywords; a handful says too little about what recurs."""
LONGEST_LIST = 10_000
"""Keywords; in longer lists a thing has enough kin of its own, and time counts."""

Block = Callable[[int, int], Vectors]
Rows = list[NDArray[np.int64]]
"""For each word that recurs, the rows that have it."""

_WHERE = frozenset({"local", "navigational"})
"""Intents that are about other things: a shop near me is no shop of tools, a login no product."""
_YEAR = re.compile(r"(?<!\d)20\d\d(?!\d)")
_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Modifiers(_Strict):
    """Words of a language (a row of modifiers.yaml)."""

    language: str
    words: tuple[str, ...]
    source: str
    date: str


class _Table(_Strict):
    modifiers: tuple[Modifiers, ...]


@functools.cache
def _wordings() -> tuple[Wording, Wording]:
    """Words that group nothing, and words that name nothing: those and where a thing is."""
    import yaml

    path = Path(__file__).with_name("modifiers.yaml")
    table = _Table.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    words = [word for row in table.modifiers for word in row.words]
    where: list[str] = []
    for row in intent.table().rules:
        if not row.names_thing:
            (where if row.intent in _WHERE else words).extend(row.words)
    return Wording(words), Wording([*words, *where])


def said(term: str) -> list[str]:
    """The words of `term` that are said of many things, folded; a year is one."""
    words = _wordings()[1].found(term)
    return [fold(word.lstrip("*")) for word in words] + _YEAR.findall(term)


def find(texts: Sequence[str], places: bool = False) -> Rows:
    """The rows of each modifier that recurs in a list of keywords; [] for a list of sentences.

    Args:
        texts: the keywords.
        places: whether "near me" and "login" are such words too.
    """
    if not are_keywords(texts):
        return []
    held: dict[str, list[int]] = {}
    wording = _wordings()[int(places)]
    for row, text in enumerate(texts):
        for word in {*wording.found(text), *(["year"] if _YEAR.search(text) else [])}:
            held.setdefault(word, []).append(row)
    most = MOST_OF_THE_LIST * len(texts)
    return [np.array(rows) for _, rows in sorted(held.items()) if RECURS <= len(rows) < most]


def are_keywords(texts: Sequence[str]) -> bool:
    """Whether a list is one of keywords, not of sentences, and neither a handful nor huge."""
    return SHORTEST_LIST <= len(texts) <= LONGEST_LIST and _usual_length(texts) <= MOST_WORDS


def _usual_length(texts: Sequence[str]) -> float:
    lengths = []
    for text in texts:
        apart = _UNSPACED.sub(" ", text)
        unspaced = len(_UNSPACED.findall(text)) / CHARACTERS_PER_WORD
        lengths.append(len(_WORD.findall(apart)) + unspaced)
    return float(np.median(lengths))


def weakened(view: Block, count: int, modifiers: Rows) -> Block:
    """The view with what the rows of each modifier share taken off them.

    Args:
        view: gives the unit vectors of the rows from one number to another.
        count: rows of the list.
        modifiers: of `find`.
    """
    if not modifiers:
        return view
    rows = view(0, count)
    shared = np.zeros_like(rows)
    for having in modifiers:
        shared[having] += rows[having].sum(axis=0) / (len(having) + TRUST)
    left = rows - shared
    nothing = np.linalg.norm(left, axis=1) < NOTHING_LEFT
    left[nothing] = rows[nothing]
    made = unit(left)
    return lambda start, stop: made[start:stop]
