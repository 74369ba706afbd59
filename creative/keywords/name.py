"""Names for groups of keywords, without a language model or a tokenizer.

A name is one of the group's own phrases: the words that many of its keywords share and few
keywords outside. Where words are not set apart by spaces (Chinese, Japanese, Thai) and where
no phrase is shared, the head keyword is the name.

Pure functions on strings; they run in the worker process, since large lists take a while.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

LONGEST_PHRASE = 4
"""Words."""
SHARED = 0.3
"""A phrase that a smaller share of the group has does not name it."""
DISTINCT = 2.0
"""A phrase names a group only if it is so many times as frequent in it as in the whole list."""

_WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
# Scripts written without spaces: Thai, Lao, Khmer, kana, Han.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
# Function words that a phrase may contain and neither begin nor end with, of the model's
# languages that set words apart. Question and buying words ("how", "best") are in it too: they
# say what is wanted of a thing, not which thing.
_STOP_WORDS = frozenset(
    word
    for language in (
        "a an and are as at be best by can do does for from get how i in into is it its my near "
        "no not of on or per should than that the this to top under up use using vs versus what "
        "when where which who why will with without you your",
        "o os as à às ao aos um uma uns umas e ou de do da dos das em no na nos nas por para pra "
        "com sem que qual quais como onde quando é ser mais melhor melhores seu sua",
        "el la los las un una unos unas y de del en por para con sin que cual cuál cómo dónde "
        "mejor",
        "le la les des du et ou au aux dans par pour avec sans que quel quelle comment où meilleur",
        "der die das den dem ein eine einen einem einer und oder von vom im in am an auf für mit "
        "ohne zu zum zur was wie wo wann welche welcher ist sind beste bester bestes",
        "il lo gli i uno di del della dei delle da in su per con senza che come dove migliore "
        "migliori",
        "het een en of van voor met zonder naar hoe wat waar welke op",
        "i w z na do dla bez jak co gdzie ile",
        "и в на с для без как что где сколько",
        "ve ile için nasıl",
    )
    for word in language.split()
)


def words(keyword: str) -> list[str]:
    """The words of `keyword` as written, width folded; [] where spaces do not part words."""
    text = unicodedata.normalize("NFKC", keyword)
    return [] if _UNSPACED.search(text) else _WORD.findall(text)


def phrases(written: Sequence[str]) -> dict[str, str]:
    """Phrases that may name a group: folded form to written form, function words inside only."""
    folded = [word.casefold() for word in written]
    found: dict[str, str] = {}
    for start in range(len(folded)):
        if folded[start] in _STOP_WORDS:
            continue
        for end in range(start + 1, min(start + LONGEST_PHRASE, len(folded)) + 1):
            if folded[end - 1] in _STOP_WORDS:
                continue
            found.setdefault(" ".join(folded[start:end]), " ".join(written[start:end]))
    return found


def name_groups(groups: Sequence[Sequence[str]]) -> list[str]:
    """A name for each group; no two are the same, whatever their case.

    Args:
        groups: the keywords of each group, the head keyword first.
    """
    held = [[phrases(words(keyword)) for keyword in group] for group in groups]
    everywhere = Counter(phrase for group in held for found in group for phrase in found)
    total = sum(len(group) for group in groups)
    ranked = [_ranked(group, everywhere, total) for group in held]
    taken: set[str] = set()
    return [
        _first_free(_candidates(group, found), taken)
        for group, found in zip(groups, ranked, strict=True)
    ]


def name_topics(topics: Sequence[Sequence[tuple[str, Sequence[str]]]]) -> list[str]:
    """A name for each topic; no two are the same, whatever their case.

    A topic of one group is called as the group is; another one by what most of its groups share,
    or by its two largest groups.

    Args:
        topics: for each topic its groups, the largest first: name and keywords.
    """
    held = [
        [[phrases(words(keyword)) for keyword in keywords] for _, keywords in groups]
        for groups in topics
    ]
    flat = [[found for group in topic for found in group] for topic in held]
    everywhere = Counter(phrase for topic in flat for found in topic for phrase in found)
    total = sum(len(topic) for topic in flat)
    taken: set[str] = set()
    names = []
    for groups, topic, every in zip(topics, held, flat, strict=True):
        titles = [title for title, _ in groups]
        fallback = " / ".join(titles[:2])
        common = Counter(phrase for group in topic for phrase in {p for f in group for p in f})
        ranked = [
            phrase
            for phrase in _ranked(every, everywhere, total)
            if common[phrase.casefold()] * 2 > len(groups)
        ]
        candidates = [*(ranked[:1] if len(groups) > 1 else titles), fallback]
        candidates += [" / ".join(titles[:3])]
        candidates += [f"{fallback} ({number})" for number in range(2, len(topics) + 2)]
        names.append(_first_free(candidates, taken))
    return names


def _ranked(group: Sequence[dict[str, str]], everywhere: Counter[str], total: int) -> list[str]:
    """The group's shared phrases as most often written, best first."""
    inside = Counter(phrase for found in group for phrase in found)
    scored: list[tuple[float, str]] = []
    for phrase, count in inside.items():
        share = count / len(group)
        if share < SHARED or (count < 2 and len(group) > 1):
            continue
        lift = share * total / everywhere[phrase]
        # A group that is most of the list cannot have a phrase much more often than the list.
        if lift < min(DISTINCT, 0.8 * total / len(group)):
            continue
        length = 1 + 0.25 * phrase.count(" ")
        scored.append((-share * math.log(1 + lift) * length, phrase))
    spelling: dict[str, Counter[str]] = {}
    for found in group:
        for phrase, written in found.items():
            spelling.setdefault(phrase, Counter())[written] += 1
    scored.sort()
    return [min(spelling[phrase].items(), key=lambda item: (-item[1], item[0]))[0]
            for _, phrase in scored]  # fmt: skip


def _candidates(group: Sequence[str], ranked: Sequence[str]) -> list[str]:
    """Names for the group, the wanted one first, the last ones sure to be free."""
    head = group[0]
    names = list(ranked[:1])
    names += [f"{ranked[0]} / {other}" for other in ranked[1:] if not _overlap(ranked[0], other)]
    names.append(head)
    names += [f"{ranked[0]} ({head})"] if ranked else []
    return names + [f"{head} ({number})" for number in range(2, len(group) + 3)]


def _overlap(one: str, other: str) -> bool:
    return bool(set(one.casefold().split()) & set(other.casefold().split()))


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
