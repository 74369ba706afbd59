"""Names for groups of keywords, without a language model or a tokenizer.

A name is what many keywords of the group share and few outside: a phrase, or a part of words
(`terms`). Where one word is shared and is no title by itself, the phrase around it that most of
the group has. Where two halves share two things, both. Where nothing is shared, the keyword that
the others resemble most.

Pure functions on strings; they run in the worker process, since large lists take a while.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from creative.keywords import modifiers
from creative.keywords.terms import Terms, content, is_run, phrases, whole_runs, words

SHARED = 0.3
"""A term that a smaller share of the group has does not name it."""
DISTINCT = 2.0
"""A term names a group only if it is so many times as frequent in it as in the whole list."""
MOST = 0.5
"""A word that this share of the group has may stand in its name beside the shared one."""
RIVAL = 0.25
"""So large a part of the group with another word in its place ("cat food" beside "dog food")
keeps the word out of the name."""
ALL = 0.8
"""A word that says nothing by itself ("vergleich") names a group that it is the topic of."""
NEARLY = 0.8
SEEN = 200
"""Keywords of a group, the most typical ones, that its name is made from."""
SHORT_NAME = 32
"""Characters of a keyword that is half of a name."""

__all__ = ["name_groups", "name_topics", "phrases", "words"]


@dataclass(frozen=True)
class _Group:
    """A group's keywords and, for each term, which of them have it.

    Attributes:
        keywords: the most typical one first.
        having: rows of `keywords` by term, folded.
        written: each term as it is most often written.
    """

    keywords: Sequence[str]
    having: dict[str, set[int]]
    written: dict[str, str]

    def share(self, term: str) -> float:
        """Of the keywords that have the term, or all words of a phrase in any place."""
        return len(self.rows(term)) / len(self.keywords)

    def rows(self, term: str) -> set[int]:
        """Which keywords have the term, or all words of a phrase in any place."""
        if " " not in term:
            return self.having.get(term, set())
        parts = [self.having.get(word, set()) for word in content(term)]
        return set.intersection(*parts) if parts else set()


def name_groups(groups: Sequence[Sequence[str]]) -> list[str]:
    """A name for each group; no two are the same, whatever their case.

    Args:
        groups: the keywords of each group, the most typical one first.
    """
    held, everywhere, total = _read(groups)
    taken: set[str] = set()
    return [
        _first_free(_candidates(group, _ranked(group, everywhere, total), everywhere), taken)
        for group in held
    ]


def name_topics(topics: Sequence[Sequence[tuple[str, Sequence[str]]]]) -> list[str]:
    """A name for each topic; no two are the same, whatever their case.

    A topic of one group is called as the group is; another one by what most of its groups share,
    or by its two largest groups.

    Args:
        topics: for each topic its groups, the largest first: name and keywords.
    """
    topics = [[(title, keywords[:SEEN]) for title, keywords in groups] for groups in topics]
    held, everywhere, total = _read([[k for _, ks in groups for k in ks] for groups in topics])
    taken: set[str] = set()
    names = []
    for groups, every in zip(topics, held, strict=True):
        titles = [title for title, _ in groups]
        ends: list[int] = []
        for _, keywords in groups:
            ends.append((ends[-1] if ends else 0) + len(keywords))
        common = [
            term
            for term in _ranked(every, everywhere, total)
            if 2 * len({sum(row >= end for end in ends) for row in every.rows(term)}) > len(ends)
        ]
        # Of a name that is two names already the first is enough.
        short = list(dict.fromkeys(title.split(" / ")[0] for title in titles))
        fallback = " / ".join(short[:2])
        candidates = [
            *([every.written[common[0]]] if common and len(groups) > 1 else []),
            *(titles if len(groups) == 1 else []),
            fallback,
            " / ".join(short[:3]),
            *(f"{fallback} ({number})" for number in range(2, len(topics) + 2)),
        ]
        names.append(_first_free(candidates, taken))
    return names


def _read(groups: Sequence[Sequence[str]]) -> tuple[list[_Group], Counter[str], int]:
    """The groups with their terms, how many keywords have each term, and how many there are."""
    terms = Terms(keyword for group in groups for keyword in group)
    everywhere: Counter[str] = Counter()
    held = []
    for keywords in groups:
        found = [terms.of(keyword) for keyword in keywords]
        listed: dict[str, list[int]] = {}
        for row, forms in enumerate(found):
            for term in forms:
                listed.setdefault(term, []).append(row)
        everywhere.update({term: len(rows) for term, rows in listed.items()})
        own = {keyword.casefold() for keyword in keywords}
        whole = whole_runs(keywords[:SEEN])
        kept = {
            term: set(rows)
            for term, rows in listed.items()
            if (len(rows) > 1 or term in own) and (not is_run(term) or term in whole)
        }
        written_as = {term: _usual(found[row][term] for row in kept[term]) for term in kept}
        held.append(_Group(keywords, kept, written_as))
    return held, everywhere, sum(len(group) for group in groups)


def _usual(forms: Iterable[str]) -> str:
    """The form that is most often written, of equals the first in order."""
    return min(Counter(forms).items(), key=lambda item: (-item[1], item[0]))[0]


def _ranked(group: _Group, everywhere: Counter[str], total: int) -> list[str]:
    """The group's shared terms, best first; words that say nothing by themselves come last."""
    scored: list[tuple[bool, float, str]] = []
    size = len(group.keywords)
    for term, rows in group.having.items():
        share = len(rows) / size
        if share < SHARED or (len(rows) < 2 and size > 1):
            continue
        lift = share * total / everywhere[term]
        # A group that is most of the list cannot have a term much more often than the list.
        if lift < min(DISTINCT, 0.8 * total / size):
            continue
        empty = says_nothing(term)
        if empty and share < ALL:
            continue
        length = 1 + 0.25 * term.count(" ")
        if is_run(term):
            length += 0.1 * (min(len(term), 6) - 2)
        scored.append((empty, -share * math.log(1 + lift) * length, term))
    scored.sort()
    return [term for _, _, term in scored]


@functools.lru_cache(maxsize=50_000)
def says_nothing(term: str) -> bool:
    """Whether a term has only words that are said of many things ("vergleich", 管理软件)."""
    left = f" {term} "
    for word in sorted(modifiers.said(term), key=len, reverse=True):
        left = left.replace(word, "" if is_run(word) else " ")
    left = left.strip()
    # One character of a word that was cut: 图 of 图软件.
    return not content(left) or (is_run(left) and len(left) < 2 and left != term)


def _candidates(group: _Group, ranked: Sequence[str], everywhere: Counter[str]) -> list[str]:
    """Names for the group, the wanted one first, the last ones sure to be free."""
    head = _speaker(group, ranked)
    names: list[str] = []
    if ranked:
        names.append(_title(group, ranked, everywhere))
        names.append(group.written[ranked[0]])
        names += [
            f"{group.written[ranked[0]]} / {group.written[other]}"
            for other in ranked[1:]
            if not _overlap(ranked[0], other)
        ]
    elif len(group.keywords) > 2:
        names += _two(group, head)
    names.append(head)
    names += [f"{group.written[ranked[0]]} ({head})"] if ranked else []
    return names + [f"{head} ({number})" for number in range(2, len(group.keywords) + 3)]


def _title(group: _Group, ranked: Sequence[str], everywhere: Counter[str]) -> str:
    """The best term as a title."""
    best = _whole(group, ranked[0])
    longer = _extended(group, best)
    if longer:
        return longer
    rival = [other for other in group.having if " " in best and _rivals(group, best, other)]
    if rival:
        other = min(rival, key=lambda term: (-len(group.having[term]), term))
        return f"{group.written[best]} / {group.written[other]}"
    inside = len(group.having[best])
    around = sorted(
        (term for term in group.having if best in content(term) and term != best),
        key=lambda term: (-len(group.having[term]), len(term), term),
    )
    two = _pair(group, around)
    # A word of which most keywords are elsewhere ("cat") says less than two things with it.
    if two and (everywhere[best] > 2 * inside or _rivals(group, *two)):
        return f"{group.written[two[0]]} / {group.written[two[1]]}"
    return group.written[best]


def _whole(group: _Group, best: str) -> str:
    """The word that `best` is nearly always a part of ("haftpflicht" for "pflicht"), or `best`."""
    rows = group.having[best]
    longer = [
        (len(having), len(term), term)
        for term, having in group.having.items()
        if best in term and term != best and " " not in term and len(having) >= NEARLY * len(rows)
    ]
    return max(longer)[-1] if longer else best


def _extended(group: _Group, best: str) -> str:
    """The longest phrase with `best` in it of which most of the group has every word; or ""."""
    fitting = []
    # What people search by itself is a title even if few of the others say it in one piece.
    own = {keyword.casefold() for keyword in group.keywords}
    around = {
        term: rows
        for term, rows in group.having.items()
        if len(content(term)) == term.count(" ") + 1 <= 3 and content(best) < content(term)
    }
    extras = {term: _without(term, best) for term in around}
    hollow = [term for term, extra in extras.items() if says_nothing(" ".join(extra))]
    for term, rows in around.items():
        shares = [group.share(term)] if term not in own else [group.share(w) for w in extras[term]]
        if min(shares) < MOST or term in hollow:
            continue
        # Half of a phrase that says nothing: "crm small" of "crm small business".
        if any(
            content(term) < content(longer) and group.share(longer) >= NEARLY * group.share(term)
            for longer in hollow
        ):
            continue
        if any(_rivals(group, term, other) for other in group.having if other != term):
            continue
        fitting.append((-group.share(term), -len(content(term)), -len(rows), term))
    return group.written[min(fitting)[-1]] if fitting else ""


def _without(term: str, best: str) -> list[str]:
    """The words of a phrase that `best` has not, in their order."""
    return [word for word in term.split() if word not in content(best)]


def _rivals(group: _Group, one: str, other: str) -> bool:
    """Whether two phrases differ in one word at the same place, and many have the other one."""
    first, second = one.split(), other.split()
    if len(first) != len(second) or sum(a != b for a, b in zip(first, second, strict=True)) != 1:
        return False
    return len(group.rows(other) - group.rows(one)) >= RIVAL * len(group.keywords)


def _pair(group: _Group, around: Sequence[str]) -> tuple[str, str] | None:
    """The two phrases that together most of the group has; None if there are none."""
    for number, one in enumerate(around[:6]):
        for other in around[number + 1 : 12]:
            if content(one) < content(other) or content(other) < content(one):
                continue
            together = group.having[one] | group.having[other]
            if len(together) >= MOST * len(group.keywords):
                return one, other
    return None


def _speaker(group: _Group, ranked: Sequence[str]) -> str:
    """The keyword that stands for the group: one that has the best term, the shortest of the
    typical ones."""
    typical = group.keywords[: max(1, len(group.keywords) // 2)]
    if not ranked:
        return group.keywords[0]
    having = group.rows(ranked[0])
    named = [keyword for row, keyword in enumerate(group.keywords) if row in having]
    return min(
        named, key=lambda keyword: (keyword not in typical, len(keyword)), default=typical[0]
    )


def _two(group: _Group, head: str) -> list[str]:
    """Two typical keywords as a name for a group that shares no term."""
    typical = group.keywords[: max(3, len(group.keywords) // 2)]
    short = [keyword for keyword in typical if not _overlap(head.casefold(), keyword.casefold())]
    short = [keyword for keyword in short if len(keyword) <= SHORT_NAME]
    return [f"{head} / {short[0]}"] if short and len(head) <= SHORT_NAME else []


def _overlap(one: str, other: str) -> bool:
    return bool(content(one) & content(other)) or one in other or other in one


def _first_free(candidates: Sequence[str], taken: set[str]) -> str:
    for name in candidates:
        if name.casefold() not in taken:
            taken.add(name.casefold())
            return name
    # Every candidate is some other group's name: count until one is free.
    number = 2
    while f"{candidates[0]} ({number})".casefold() in taken:
        number += 1
    name = f"{candidates[0]} ({number})"
    taken.add(name.casefold())
    return name
