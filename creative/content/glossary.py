"""Words of some languages for what can be seen, with their English: the table glossary.yaml.

An exact word goes before the embedded model's guess. Plurals are known by rule; so are German
compounds by their end ("Holztreppe" is a kind of "Treppe"), with what they are made of before it
if the table has that too ("wooden stairs").
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

SHORTEST_END = 5
"""Letters of the end of a compound: "Aufwand" is no wall ("Wand")."""
SHORTEST_BEGIN = 3
LONGEST_ENTRY = 4
"""Words."""

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_GERMAN_ENDINGS = ("", "e", "en", "n", "er", "ern", "es", "s", "nen")
_JOINTS = ("", "s", "es", "n", "en", "er", "e")
_MATERIALS = {"wood": "wooden"}
_PORTUGUESE = (("ões", "ão"), ("ães", "ão"), ("ãos", "ão"), ("ais", "al"), ("éis", "el"),
               ("óis", "ol"), ("eis", "el"), ("ns", "m"), ("res", "r"), ("zes", "z"), ("ses", "s"),
               ("s", ""))  # fmt: skip


class Entry(NamedTuple):
    """A word of a sentence that is in the table.

    Attributes:
        english: what a prompt says; empty: nothing that can be seen.
        written: as in the sentence.
        at: where it starts there.
    """

    english: str
    written: str
    at: int


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    checked: str
    source: str
    de: dict[str, str]
    pt: dict[str, str]


@lru_cache(maxsize=1)
def tables() -> dict[str, dict[str, str]]:
    """By language: words in small letters to English."""
    import yaml

    text = Path(__file__).with_name("glossary.yaml").read_text(encoding="utf-8")
    read = _Table.model_validate(yaml.safe_load(text))
    return {
        language: {word.casefold(): say for word, say in getattr(read, language).items()}
        for language in ("de", "pt")
    }


def known(language: str) -> bool:
    """Whether there are words for a language."""
    return language in tables()


def find(sentence: str, language: str) -> list[Entry]:
    """The words of `sentence` that the table has, in order; none overlaps another."""
    table = tables().get(language)
    if table is None:
        return []
    words = [
        found
        for found in _WORD.finditer(unicodedata.normalize("NFC", sentence))
        # German nouns are written with a capital: "weiden" is no tree.
        if language != "de" or found.group()[0].isupper()
    ]
    found: list[Entry] = []
    end = -1
    for number, word in enumerate(words):
        if word.start() < end:
            continue
        for last in reversed(words[number : number + LONGEST_ENTRY]):
            written = sentence[word.start() : last.end()]
            english = _look_up(written, language, table)
            if english is not None:
                found.append(Entry(english, written, word.start()))
                end = last.end()
                break
    return found


def _look_up(written: str, language: str, table: dict[str, str]) -> str | None:
    folded = " ".join(written.casefold().split())
    if folded in table:
        return table[folded]
    return _portuguese(folded, table) if language == "pt" else _german(folded, table)


def _portuguese(folded: str, table: dict[str, str]) -> str | None:
    """A plural; of several words the first one or all are in it."""
    first, _, rest = folded.partition(" ")
    for many, one in _PORTUGUESE:
        if first.endswith(many):
            single = " ".join(filter(None, [first.removesuffix(many) + one, rest]))
            if single in table:
                return table[single]
    return None


def _german(folded: str, table: dict[str, str]) -> str | None:
    if " " in folded or "-" in folded:
        return None
    exact = _forms().get(folded)
    if exact is not None:
        return table[exact]
    for start in range(SHORTEST_BEGIN, len(folded) - SHORTEST_END + 1):
        noun = _forms().get(folded[start:])
        if noun is not None and len(noun) >= SHORTEST_END:
            return _joined(folded[:start], table[noun], table)
    return None


def _joined(begin: str, english: str, table: dict[str, str]) -> str:
    """The English of a compound: its end, after what it begins with if that is known."""
    for joint in _JOINTS:
        first = table.get(begin.removesuffix(joint)) if begin.endswith(joint) else None
        if first and english and not (set(first.split()) & set(english.split())):
            return f"{_MATERIALS.get(first, first)} {english}"
    return english


@lru_cache(maxsize=1)
def _forms() -> dict[str, str]:
    """Every form of the German words: "häuser" to "haus"."""
    forms: dict[str, str] = {}
    table = tables()["de"]
    for word in table:
        if len(word) < SHORTEST_BEGIN:
            continue  # "ein" is no form of "Ei"
        stems = [word, *([word[:-1]] if word.endswith("e") else [])]
        stems += [stem for one in stems for stem in _umlauts(one)]
        for stem in stems:
            for ending in _GERMAN_ENDINGS:
                form = stem + ending
                if form not in table and len(form) >= len(word):
                    forms.setdefault(form, word)
    return {**forms, **{word: word for word in table}}


def _umlauts(word: str) -> list[str]:
    """The word with its last vowel changed, as plurals have it: "topf" to "töpf"."""
    found = list(re.finditer(r"au|[aou]", word))
    if not found:
        return []
    last = found[-1]
    changed = {"au": "äu", "a": "ä", "o": "ö", "u": "ü"}[last.group()]
    return [word[: last.start()] + changed + word[last.end() :]]


def noun_phrases(sentence: str, language: str) -> list[str]:
    """The nouns of a German sentence that the table does not have, as they are written.

    The adjective before them is theirs. Other languages do not write nouns in a way that can be
    told from other words.
    """
    if language != "de":
        return []
    words = list(_WORD.finditer(sentence))
    found = []
    for before, word in pairwise(words):
        folded = word.group().casefold()
        if not word.group()[0].isupper() or len(folded) <= SHORTEST_BEGIN:
            continue
        if _german(folded, tables()["de"]) is not None:
            continue
        beside = sentence[before.end() : word.start()] == " "
        first = before if beside and _ADJECTIVE.match(before.group()) else word
        found.append(sentence[first.start() : word.end()])
    return list(dict.fromkeys(found))


# Those in -en are left out: they look like verbs ("fallen Felsen").
_ADJECTIVE = re.compile(
    r"(?!(?:[dmsk]?ein|ihr|unser|euer|dies|jed|all|d|manch|welch|solch|jen|ein|über|unter|hinter"
    r"|ab|od|ohn|desto|gegenüb)(?:e|er|es|em)?\b|eine)[a-zäöüß]{3,}(?:e|er|es|em)\b"
)
