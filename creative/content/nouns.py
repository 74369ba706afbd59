"""Which words of a sentence name something that can be seen.

Runs in the worker process only. The embedded model knows 16 languages, so a word of any of them is
near the English noun of the table that means the same ("escalera" is 0.90 from "stairs");
abstract words are near none. That is a guess at a meaning and no translation; where there is a
glossary (German, Portuguese, Japanese, Chinese), its words go first and only the surest guesses
are taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from creative import languages
from creative.content import glossary
from creative.content.scenes import scenes
from creative.keywords import embed, terms
from creative.keywords.embed import Vectors
from creative.worker import Progress

LEAST_LIKE = 0.8
"""Cosine to a noun from which a word is taken for it: below are false friends ("pendant" was a
necklace at 0.76)."""
LEAST_LIKE_ENGLISH = 0.8
"""Between words of one language: for plurals and spellings, not for neighbours in meaning."""
LEAST_LIKE_BESIDE_GLOSSARY = 0.9
"""A word that the glossary does not have is rarely a thing that the table has."""
MOST_CANDIDATES = 4000

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_JAPANESE = re.compile(r"[\u4e00-\u9fff々]{1,5}|[ァ-ヶー]{2,}")
_HAN = re.compile(r"[\u4e00-\u9fff]{2,}")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")

_ARTICLE = re.compile(
    r"\b(?:an?|the|my|your|his|her|its|our|their|this|that|these|those|each|every|one|two|of|with)\s+$",
    re.IGNORECASE,
)

_table: tuple[list[str], Vectors] | None = None


class Noun(NamedTuple):
    """Something that can be seen.

    Attributes:
        english: the noun of the table or of the glossary.
        written: the words of the sentence.
        at: where they start in the sentence.
        like: cosine of the two.
    """

    english: str
    written: str
    at: int
    like: float


def _nouns(progress: Progress) -> tuple[list[str], Vectors]:
    global _table  # noqa: PLW0603 - computed once per process
    if _table is None:
        words = scenes().words
        _table = words, np.asarray(embed.encode(words, progress), np.float32)
    return _table


def seen(sentences: Sequence[str], language: str, progress: Progress) -> list[list[Noun]]:
    """The nouns of each sentence, in its order; none overlaps another."""
    words, table = _nouns(progress)
    exact = [glossary.find(sentence, language) for sentence in sentences]
    found = [
        [one for one in _candidates(sentence, language) if not _inside(one, listed)]
        for sentence, listed in zip(sentences, exact, strict=True)
    ]
    unique = list(dict.fromkeys(word.casefold() for each in found for word, _ in each))
    unique = unique[:MOST_CANDIDATES]
    certain = [[Noun(*one, 1.0) for one in each if one.english] for each in exact]
    if not unique:
        return [_apart([], {}, 1.0, each) for each in certain]
    vectors = np.asarray(embed.encode(unique, progress), np.float32)
    likeness = vectors @ table.T
    best = likeness.argmax(axis=1)
    known = {
        word: (words[int(best[row])], float(likeness[row, best[row]]))
        for row, word in enumerate(unique)
    }
    if language == "en":
        known = {word: hit for word, hit in known.items() if _same_word(word, hit[0])}
    least = LEAST_LIKE_ENGLISH if language == "en" else LEAST_LIKE
    if glossary.known(language):
        least = LEAST_LIKE_BESIDE_GLOSSARY
    return [_apart(each, known, least, sure) for each, sure in zip(found, certain, strict=True)]


def _inside(candidate: tuple[str, int], listed: Sequence[glossary.Entry]) -> bool:
    """Whether the glossary has said what there is to say of these words."""
    word, at = candidate
    return any(at < one.at + len(one.written) and one.at < at + len(word) for one in listed)


def fit(english: Sequence[str], about: Vectors, progress: Progress) -> dict[str, float]:
    """How well each noun fits to what a text is about: cosines."""
    if not english:
        return {}
    vectors = np.asarray(embed.encode(english, progress), np.float32)
    return {noun: float(row @ about) for noun, row in zip(english, vectors, strict=True)}


def _same_word(written: str, noun: str) -> bool:
    """Whether an English word is a noun of the table, singular or plural."""
    if " " in noun:
        last = noun.rsplit(maxsplit=1)[-1]
        return " " in written and written.rsplit(maxsplit=1)[-1].startswith(last[:-1])
    return " " not in written and written.startswith(noun[: max(3, len(noun) - 1)])


def _apart(
    candidates: Sequence[tuple[str, int]],
    known: dict[str, tuple[str, float]],
    least: float,
    certain: Sequence[Noun],
) -> list[Noun]:
    """The likest candidates of which none overlaps another and no noun comes twice."""
    possible = list(certain)
    for word, at in candidates:
        noun, like = known.get(word.casefold(), ("", 0.0))
        # One character is many words; only the plainest are taken.
        floor = least + 0.1 if len(word) == 1 else least
        if like >= floor:
            possible.append(Noun(noun, word, at, like))
    kept: list[Noun] = []
    for one in sorted(possible, key=lambda noun: (-noun.like, -len(noun.written), noun.at)):
        end = one.at + len(one.written)
        clear = all(end <= other.at or other.at + len(other.written) <= one.at for other in kept)
        if clear and one.english not in {other.english for other in kept}:
            kept.append(one)
    return sorted(kept, key=lambda noun: noun.at)


def _is_thing(sentence: str, word: re.Match[str]) -> bool:
    """Whether an English word that may be a verb is a noun where it stands: "a rose"."""
    verb = word.group().casefold() in scenes().verbs
    return not verb or bool(_ARTICLE.search(sentence[: word.start()]))


def _candidates(sentence: str, language: str) -> list[tuple[str, int]]:
    """Words and pairs of words that may name something, with their places."""
    if language == "ja" or (language != "zh" and _UNSPACED.search(sentence)):
        return [(found.group(), found.start()) for found in _JAPANESE.finditer(sentence)]
    if language == "zh":
        return [
            (run.group()[start : start + length], run.start() + start)
            for run in _HAN.finditer(sentence)
            for length in (2, 3)
            for start in range(len(run.group()) - length + 1)
        ]
    row = languages.known().get(language)
    frequent = frozenset(row.words.split()) if row else frozenset()

    def says_something(word: str) -> bool:
        return bool(terms.content(word)) and word.casefold() not in frequent

    words = list(_WORD.finditer(sentence))
    found = [
        (word.group(), word.start())
        for word in words
        if len(word.group()) > 2
        and says_something(word.group())
        # German writes its nouns, and nothing else inside a sentence, with a capital.
        and (language != "de" or word.group()[0].isupper())
        and (language != "en" or _is_thing(sentence, word))
    ]
    for first, second in pairwise(words):
        between = sentence[first.end() : second.start()]
        both = says_something(first.group()) and says_something(second.group())
        if both and between == " " and language != "de":
            found.append((sentence[first.start() : second.end()], first.start()))
    return found
