"""Words of some languages for what can be seen, with their English: glossary.yaml, and
glossary_unspaced.yaml for Japanese and Chinese.

An exact word goes before the embedded model's guess. Plurals are known by rule; so are German
compounds by their end ("Holztreppe" is a kind of "Treppe"), with what they are made of before it
if the table has that too ("wooden stairs"). Without spaces, the longest word at a place counts.
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

UNSPACED = ("ja", "zh")
PLACE_ENDS = frozenset({"stein", "steins", "brücken", "kirchen"})
"""Ends of compounds that are names of places and firms, unless their begin is known, too."""

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_GERMAN_ENDINGS = ("", "e", "en", "n", "er", "ern", "es", "s", "nen")
_JOINTS = ("", "s", "es", "n", "en", "er", "e")
_MATERIALS = {"wood": "wooden"}
_PORTUGUESE = (("ões", "ão"), ("ães", "ão"), ("ãos", "ão"), ("ais", "al"), ("éis", "el"),
               ("óis", "ol"), ("eis", "el"), ("ns", "m"), ("res", "r"), ("zes", "z"), ("ses", "s"),
               ("s", ""))  # fmt: skip


_HAN = re.compile(r"[\u4e00-\u9fff々]")
_KATAKANA = re.compile(r"[ァ-ヶー]")
# What stands beside a Chinese word of one sign: grammar, numbers, measures, places, usual verbs.
_BESIDE_ZH = frozenset(
    "的了着在把被用和与及或跟是有到从向往给对过里上中下内外边旁前后也都就又再才还很最这那每各另"
    "一二两三四五六七八九十几半个只张碗杯盘瓶条座棵株朵块片台辆间扇盏件双支根颗粒匹头群口艘幅碟壶"
    "放加入撒倒切洗吃喝买看拿带穿戴种养煮炒烧洒淋挂铺盖摆烤蒸泡等并靠沿过成"
)


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


class _Unspaced(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    checked: str
    source: str
    ja: dict[str, str]
    zh: dict[str, str]


@lru_cache(maxsize=1)
def tables() -> dict[str, dict[str, str]]:
    """By language: words in small letters to English."""
    import yaml

    def read(name: str) -> dict[str, object]:
        text = Path(__file__).with_name(name).read_text(encoding="utf-8")
        found: dict[str, object] = yaml.safe_load(text)
        return found

    spaced = _Table.model_validate(read("glossary.yaml"))
    unspaced = _Unspaced.model_validate(read("glossary_unspaced.yaml"))
    every = {"de": spaced.de, "pt": spaced.pt, "ja": unspaced.ja, "zh": unspaced.zh}
    return {
        language: {word.casefold(): say for word, say in words.items()}
        for language, words in every.items()
    }


def known(language: str) -> bool:
    """Whether there are words for a language."""
    return language in tables()


def find(sentence: str, language: str) -> list[Entry]:
    """The words of `sentence` that the table has, in order; none overlaps another."""
    table = tables().get(language)
    if table is None:
        return []
    if language in UNSPACED:
        return _find_unspaced(sentence, language, table)
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


def _find_unspaced(sentence: str, language: str, table: dict[str, str]) -> list[Entry]:
    found: list[Entry] = []
    longest, at = _longest(language), 0
    while at < len(sentence):
        for length in range(min(longest, len(sentence) - at), 0, -1):
            written = sentence[at : at + length]
            if written in table and _stands_alone(sentence, at, at + length, language):
                found.append(Entry(table[written], written, at))
                at += length
                break
        else:
            at += 1
    return found


@lru_cache(maxsize=4)
def _longest(language: str) -> int:
    return max(map(len, tables()[language]))


def _stands_alone(sentence: str, start: int, end: int, language: str) -> bool:
    """Whether a word is one there, and no piece of another."""
    before, after = sentence[start - 1 : start], sentence[end : end + 1]
    if _KATAKANA.match(sentence[end - 1]) and _KATAKANA.match(after):
        return False
    # The end of a longer run is what a compound is: テーブルランプ is a kind of ランプ.
    if _KATAKANA.match(sentence[start]) and _KATAKANA.match(before):
        return end - start >= SHORTEST_BEGIN
    if end - start > 1:
        return True
    clear = [
        not _HAN.match(sign) or (language == "zh" and sign in _BESIDE_ZH)
        for sign in (before, after)
        if sign
    ]
    return all(clear)


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
            joined = _joined(folded[:start], table[noun], table)
            if folded[start:] in PLACE_ENDS and joined == table[noun]:
                return None
            return joined
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
