"""Which rows are the same keyword, and what is known about it then."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from creative.keywords.intent import given_intent, intent_of
from creative.keywords.row import Row
from creative.keywords.spelling import Spellings, fold
from creative.worker import Progress

NOBODY = -1
"""Owner of a keyword that is in no existing cluster."""


class Keyword(NamedTuple):
    """A keyword with all its variants: case, width, accents, plural, order of words, words that
    say nothing, spaces and hyphens, traditional and simplified Chinese.

    Attributes:
        key: folded form.
        keyword: the spelling shown: most searched, then most often given.
        spellings: all, the shown one first.
        volumes: searches per month of each spelling.
        volume: their sum; None if none is known.
        difficulty: mean weighted by volume, 0 to 100.
        cpc: mean weighted by volume.
        intent: given or read from its words; may be empty.
        url: of its most searched row that has one.
        serp: addresses of results of all its rows, without repetition.
        rows: how many lines of the list it comes from; 0: of none.
        owner: number of the existing cluster that it is in, or NOBODY.
    """

    key: str
    keyword: str
    spellings: tuple[str, ...]
    volumes: tuple[float | None, ...]
    volume: float | None
    difficulty: float | None
    cpc: float | None
    intent: str
    url: str
    serp: tuple[str, ...]
    rows: int
    owner: int


Entry = tuple[Row, int, bool]
"""A row, the number of its existing cluster, whether it is of the list."""


def fold_rows(rows: Sequence[Row], old: Sequence[tuple[Row, int]] = ()) -> list[Keyword]:
    """The different keywords of a list, sorted: the order of the rows does not matter.

    Args:
        rows: the list, repeated keywords too.
        old: rows of an earlier result with the number of the cluster that each is in (NOBODY: of
            none). Two clusters are never joined by a variant that both have. Where a keyword is
            in the list too, the list's figures count.
    """
    every = [(row, NOBODY, True) for row in rows]
    every += [(row, owner, False) for row, owner in old]
    spellings = Spellings(row.keyword for row, _, _ in every)
    found = [_keyword(group, spellings) for group in _joined(every, spellings)]
    return sorted(found, key=lambda k: (k.key, k.keyword))


def _joined(every: Sequence[Entry], spellings: Spellings) -> list[list[Entry]]:
    """The rows that are the same keyword, together."""
    by_text: dict[str, list[Entry]] = {}
    owners: dict[str, int] = {}
    for entry in every:
        text = fold(entry[0].keyword) or entry[0].keyword
        by_text.setdefault(text, []).append(entry)
        owners[text] = max(owners.get(text, NOBODY), entry[1])
    root = {text: text for text in by_text}

    def find(text: str) -> str:
        while root[text] != text:
            root[text] = root[root[text]]
            text = root[text]
        return text

    first: dict[str, list[str]] = {}
    # Owned ones first, so that a new variant joins a cluster before it joins another new one.
    for text in sorted(by_text, key=lambda t: (owners[t] == NOBODY, t)):
        for key in sorted({k for entry in by_text[text] for k in spellings.keys(entry[0].keyword)}):
            for other in first.setdefault(key, []):
                one, two = find(text), find(other)
                apart = {owners[one], owners[two]} - {NOBODY}
                if one != two and len(apart) < 2:
                    root[one] = two
                    owners[two] = max(owners[one], owners[two])
            # One of each cluster, and one that is in none, can be joined under a key.
            if all(owners[find(text)] != owners[find(other)] for other in first[key]):
                first[key].append(text)
    joined: dict[str, list[Entry]] = {}
    for text, entries in by_text.items():
        joined.setdefault(find(text), []).extend(entries)
    return list(joined.values())


def _keyword(entries: Sequence[Entry], spellings: Spellings) -> Keyword:
    if len(entries) == 1:
        [(row, owner, new)] = entries
        return Keyword(
            key=spellings.keys(row.keyword)[0],
            spellings=(row.keyword,),
            volumes=(row.volume,),
            rows=int(new),
            owner=owner,
            **row._asdict(),
        )
    given = [row for row, _, new in entries if new]
    old = [row for row, _, new in entries if not new]
    everyone = sorted(given, key=content_order) + sorted(old, key=content_order)

    def newest(has: Callable[[Row], bool]) -> list[Row]:
        """Rows of the list that know it, else those of the earlier result."""
        known = [row for row in given if has(row)] or [row for row in old if has(row)]
        return sorted(known, key=content_order)

    counted = newest(lambda row: row.volume is not None)
    volumes: dict[str, list[float]] = {}
    for row in counted:
        volumes.setdefault(row.keyword, []).append(row.volume or 0.0)
    times = Counter(row.keyword for row in everyone)

    def rank(spelling: str) -> tuple[object, ...]:
        """The most searched, most often given, plainest, shortest one first."""
        searched = math.fsum(volumes.get(spelling, []))
        return -searched, -times[spelling], spelling != fold(spelling), len(spelling), spelling

    ranked = sorted(times, key=rank)
    shown = ranked[0]
    return Keyword(
        key=min(spellings.keys(spelling)[0] for spelling in ranked),
        keyword=shown,
        spellings=tuple(ranked),
        volumes=tuple(math.fsum(volumes[s]) if s in volumes else None for s in ranked),
        volume=math.fsum(row.volume or 0.0 for row in counted) if counted else None,
        difficulty=_mean(newest(lambda r: r.difficulty is not None), lambda r: r.difficulty),
        cpc=_mean(newest(lambda r: r.cpc is not None), lambda r: r.cpc),
        intent=next((row.intent for row in newest(lambda r: bool(r.intent))), ""),
        url=next((row.url for row in newest(lambda r: bool(r.url))), ""),
        serp=tuple(dict.fromkeys(url for row in everyone for url in row.serp)),
        rows=len(given),
        owner=max(owner for _, owner, _ in entries),
    )


def content_order(row: Row) -> tuple[object, ...]:
    """A key to sort rows by that does not depend on where they stood: the most searched first."""
    return (-(row.volume or 0.0), row.keyword, row.url, row.intent, row.serp,
            row.difficulty or 0.0, row.cpc or 0.0)  # fmt: skip


def _mean(rows: Iterable[Row], value: Callable[[Row], float | None]) -> float | None:
    """The mean weighted by volume; plain where no volume is known."""
    pairs = [(amount, row.volume or 0.0) for row in rows if (amount := value(row)) is not None]
    if not pairs:
        return None
    total = math.fsum(weight for _, weight in pairs)
    if total <= 0:
        return math.fsum(amount for amount, _ in pairs) / len(pairs)
    return math.fsum(amount * weight for amount, weight in pairs) / total


def fold_job(payload: dict[str, Any], progress: Progress) -> list[Keyword]:
    """`fold_rows` as a job of the worker, with intents read where none is given.

    Args:
        payload: `rows`, `old` rows, and `owners`: the number of the existing cluster of each old
            row.
        progress: told when it is half done.
    """
    old = list(zip(payload["old"], payload["owners"], strict=True))
    keywords = fold_rows(payload["rows"], old)
    progress(0.6, "Reading search intents")
    return [
        keyword._replace(intent=given_intent(keyword.intent) or intent_of(keyword.keyword))
        for keyword in keywords
    ]
