"""Clusters or topics, as a workflow hands them over, become groups to find ideas for."""

from __future__ import annotations

from typing import Any

from creative import languages
from creative.content import alike, given
from creative.content.idea import Group, known_intent
from creative.errors import InvalidInput
from creative.keywords.existing import Existing

MOST_KEYWORDS = 60
"""Of a group: the most typical ones come first, and more say nothing new."""
MOST_GROUPS = 1000
KEYWORD_CHARACTERS = 120
_COMMON = frozenset({"de", "en", "es", "fr", "it", "ja", "ko", "pt", "ru", "zh", "zh-Hant"})
_ALLOWED = (
    "the variable clusters of cluster_keywords, its clusters.json, or an array of objects with "
    "name and keywords"
)


def read_clusters(text: str) -> tuple[list[Group], list[str]]:
    """Groups, and notes on what was not read.

    Args:
        text: an array of clusters, or an object with one in `clusters`, as JSON or as Python
            writes it. One that was shortened for a workflow variable will do.

    Raises:
        InvalidInput: it is neither, or no cluster has keywords.
        TooLarge: see `given.limited`.
    """
    found = given.structure(text, "clusters")
    listed = found.get("clusters") if isinstance(found, dict) else found
    if not isinstance(listed, list):
        raise InvalidInput("clusters", text, _ALLOWED, "Give topics in the parameter text instead.")
    groups, empty = [], 0
    for number, entry in enumerate(listed, 1):
        group = _group(entry, number)
        if group is None:
            empty += 1
        else:
            groups.append(group)
    if not groups:
        raise InvalidInput("clusters", text, f"{_ALLOWED}; none of these has keywords")
    notes = [f"{empty} entries of clusters have no keywords and were passed over."] if empty else []
    return _within(groups, notes)


def read_text(text: str) -> tuple[list[Group], list[str]]:
    """A group for each topic, and notes: an array of texts, or one topic per line.

    A single line is several topics, as `cluster_keywords` reads it, if all pieces between its
    commas are short; any other line with commas may be a sentence.

    Raises:
        InvalidInput: there is no topic in it.
    """
    listed = given.lines(text, "text")
    pieces = [] if given.structure(text, "text") is not None else given.pieces(text)
    typed: dict[str, str] = {}
    for one in pieces or listed:
        typed.setdefault(alike.folded(one), one[:KEYWORD_CHARACTERS])
    topics = list(typed.values())
    notes = []
    if pieces and len(topics) > 1:
        notes = [
            f"The only line of text was read as {len(topics)} topics, divided at its commas. For "
            'one topic with commas in it, write ["the topic, as it is"].'
        ]
    if not topics:
        raise InvalidInput("text", text, "topics, one per line")
    return _within([Group(name=topic, keywords=(topic,)) for topic in topics], notes)


def from_existing(existing: Existing) -> tuple[list[Group], list[str]]:
    """The groups of a result's file."""
    groups = []
    for one in existing.clusters:
        rows = sorted(one.rows, key=lambda row: -(row.volume or 0.0))
        keywords = tuple(dict.fromkeys(_keyword(row.keyword) for row in rows))
        intent = known_intent(one.intent)
        groups.append(
            Group(
                name=given.line(one.name),
                keywords=keywords[:MOST_KEYWORDS],
                intent=intent,
                description=given.line(one.description),
            )
        )
    return _within(groups, list(existing.notes))


def language_of(typed: str, groups: list[Group]) -> str:
    """The language to write in: as typed, else that of the keywords, else English.

    A few short keywords tell little: a guess that is not sure counts only for a language that
    many write in ("green tea, espresso" may be Finnish, but hardly ever is).

    Raises:
        InvalidInput: what was typed is no language.
    """
    if typed.strip():
        return languages.check(typed)
    told = "\n".join(one for group in groups[:50] for one in group.keywords[:20])
    guess = languages.guess(told)
    return guess.tag if guess.tag and (guess.sure or guess.tag in _COMMON) else "en"


def _within(groups: list[Group], notes: list[str]) -> tuple[list[Group], list[str]]:
    if len(groups) > MOST_GROUPS:
        left = len(groups) - MOST_GROUPS
        notes = [*notes, f"Only the first {MOST_GROUPS} clusters were read; {left} were not."]
    return groups[:MOST_GROUPS], notes


def _group(entry: Any, number: int) -> Group | None:
    if not isinstance(entry, dict):
        alone = _keyword(given.entry(entry))
        return Group(name=alone, keywords=(alone,)) if alone else None
    listed = entry.get("keywords")
    listed = listed if isinstance(listed, list) else [listed]
    words = [_keyword(given.entry(one)) for one in listed]
    head = _keyword(given.line(entry.get("head")))
    every = tuple(dict.fromkeys(one for one in [head, *words] if one))
    if not every:
        return None
    return Group(
        name=given.line(entry.get("name"), KEYWORD_CHARACTERS) or every[0],
        keywords=every[:MOST_KEYWORDS],
        intent=known_intent(str(entry.get("intent") or "")),
        description=given.line(entry.get("description")),
    )


def _keyword(text: str) -> str:
    return text[:KEYWORD_CHARACTERS].strip()
