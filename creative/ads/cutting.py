"""One text made shorter by rule: no model, the same text always gives the same.

    cut("Fresh coffee at your door, roasted on the same day", 30, "display_width", "en")
    -> "Fresh coffee at your door"

Where a text may end, best first: after a sentence, before a comma, dash or bracket, between words.
The end of a sentence or clause is taken if at least half of the room is used by then; else
the last word border in the room. Words are not cut; where they end in Chinese and Japanese,
`unspaced.py` tells.

What ends in a word that asks for the next one (words.yaml: "and", "für", "の", "和"), in a number
without its unit, or in an open bracket or quotation goes back to where it does not.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from creative.ads import unspaced
from creative.ads.counting import graphemes, measure
from creative.ads.marks import tidy
from creative.ads.platforms import Unit
from creative.ads.terms import contains
from creative.ads.unspaced import dangling_words, phrase_ends, without_particle, without_spaces

_SENTENCE = re.compile(r"[.!?…]+[\"”’»)\]]*(?=\s)|[。！？]+[」』”）]*|\n+")
_CLAUSE = re.compile(
    r"\s*[,;:](?=\s)|\s+[–—|/+·•-]+(?=\s)|[–—](?=\S)|\s*[(\[](?=\S)|[、，；：・｜（【「『]|\s+(?=[&])"
)
_ASIDE = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\]|（[^（）]*）|【[^【】]*】)")
_HANGING = " \t\n,;:–—-|/&+·・、，；：｜（([{「『【“„«‹¿¡=<>~〜"
_PAIRS = {
    ")": "(",
    "]": "[",
    "}": "{",
    "）": "（",
    "」": "「",
    "』": "『",
    "】": "【",
    "»": "«",
    "”": "“",
}
_LAST_WORD = re.compile(r"(?:^|(?<=[\s\-–—/(]))[^\s\-–—/(]+$")
_NUMBER = re.compile(r"[+\-±~≈]?\d[\d.,:/]*$")
_ENDED = re.compile(r"[.!?。！？…][\"”’»)\]」』）]*$")
_WORTH_WHILE = 0.5
"""Share of the room that the end of a sentence or clause must use to be better than more words."""
_COMPLETE = 0.4
"""The same for an end at a word that leaves nothing open, where a later one would."""
_TOO_LITTLE = 0.2
"""Share of the room below which what is left says nothing."""


def cut(text: str, limit: int, unit: Unit, language: str, keep: Sequence[str] = ()) -> str:
    """`text` in at most `limit` of `unit`; "" if no part of it can stand alone.

    Args:
        text: what is to be shortened; tidied on the way.
        limit: the most it may have.
        unit: how that is counted.
        language: BCP 47 tag of the text; decides which words cannot be the last.
        keep: terms that stay if they are in the text and any shortening has room for them.
    """
    text = tidy(text)
    if measure(text, unit) <= limit:
        return text
    base = language.partition("-")[0].lower()
    held = [term for term in keep if contains(text, term)]
    best = ""
    for candidate in _candidates(text, limit, unit, base):
        kept = sum(contains(candidate, term) for term in held)
        if not best or kept > sum(contains(best, term) for term in held):
            best = candidate
            if kept == len(held):
                break
    return best


def _candidates(text: str, limit: int, unit: Unit, base: str) -> Iterator[str]:
    """Shorter texts that fit, the best first."""
    plain = tidy(_ASIDE.sub("", text))
    if plain and plain != text:
        if measure(plain, unit) <= limit:
            yield plain
        yield from _beginnings(plain, limit, unit, base)
    yield from _beginnings(text, limit, unit, base)
    # What was wanted may stand further back: later sentences and clauses on their own.
    starts = sorted(
        {one.end() for pattern in (_SENTENCE, _CLAUSE) for one in pattern.finditer(text)}
    )
    for start in starts:
        rest = tidy(text[start:])
        if rest and measure(rest, unit) <= limit:
            yield rest
        elif rest:
            yield from _beginnings(rest, limit, unit, base)


def _beginnings(text: str, limit: int, unit: Unit, base: str) -> Iterator[str]:
    """Beginnings of `text` that fit and can stand alone, the best first."""
    room = _room(text, limit, unit)
    ends = [
        [one.end() for one in _SENTENCE.finditer(text)],
        [one.start() for one in _CLAUSE.finditer(text)],
        _word_ends(text, base),
    ]
    later: list[str] = []
    for worth, places in zip((_WORTH_WHILE, _WORTH_WHILE, _TOO_LITTLE), ends, strict=True):
        waiting: list[str] = []
        for end in sorted((end for end in places if 0 < end <= room), reverse=True):
            made = _finished(text[:end], base, text)
            if not made or measure(made, unit) > limit:
                continue
            if measure(made, unit) < worth * limit:
                later.append(made)
            elif unspaced.complete(made, base) and (
                not waiting or measure(made, unit) >= _COMPLETE * limit
            ):
                yield made
            elif measure(made, unit) >= _WORTH_WHILE * limit:
                waiting.append(made)
            else:
                later.append(made)
        yield from waiting
    # A short first sentence still says more than nothing; a word or two of a long one does not.
    for made in later:
        if measure(made, unit) >= _TOO_LITTLE * limit:
            yield made


def _room(text: str, limit: int, unit: Unit) -> int:
    """How many characters of `text` can be within the limit, at most (a bound, found by halves)."""
    clusters = graphemes(text)
    low, high = 0, len(clusters)
    while low < high:
        middle = (low + high + 1) // 2
        if measure("".join(clusters[:middle]).rstrip(), unit) <= limit:
            low = middle
        else:
            high = middle - 1
    # A sign of punctuation that is cut off may stand just behind.
    return len("".join(clusters[:low])) + 1


def _word_ends(text: str, base: str) -> list[int]:
    ends = [one.start() for one in re.finditer(r"\s+", text)]
    if without_spaces(text, base):
        ends += phrase_ends(text, base)
    return ends


def _finished(beginning: str, base: str, whole: str) -> str:
    """`beginning` without what cannot be the last of a text; "" if nothing is left."""
    made, previous = tidy(beginning), ""
    while made != previous:
        previous = made
        made = _closed(made).rstrip(_HANGING)
        if _ENDED.search(made):
            break
        last = _LAST_WORD.search(made)
        if last is None:
            continue
        number = _NUMBER.fullmatch(last.group()) and _goes_on(whole, made)
        if number or dangles(last.group(), base) or _lacks_noun(made, last, base):
            made = made[: last.start()]
        elif base in unspaced.LANGUAGES:
            made = without_particle(made, base)
    return made if any(sign.isalnum() for sign in made) else ""


def dangles(word: str, language: str) -> bool:
    """Whether a word asks for the next one, by itself or by what its apostrophe joins to it.

    Args:
        word: with or without an apostrophe in it, in capitals or not.
        language: BCP 47 tag; in one that words.yaml does not have no word does.
    """
    base = language.partition("-")[0].lower()
    word = word.lower().replace("’", "'").strip('"“”„«»')
    tail = word.rpartition("'")[-1]
    return (
        word in dangling_words(base)
        or ("'" in word and tail in ("", "s", "re", "ll", "ve", "t", "d", "m"))
        or ("'" in word and tail in dangling_words(base))
    )


def _lacks_noun(made: str, last: re.Match[str], base: str) -> bool:
    """Whether a German text ends within "für die ganze …": its noun would have a capital."""
    before = _LAST_WORD.search(made[: last.start()].rstrip())
    return (
        base == "de"
        and last.group()[0].islower()
        and before is not None
        and dangles(before.group(), base)
    )


def _goes_on(whole: str, made: str) -> bool:
    """Whether a word or unit follows `made` in the whole text: a number would have lost it."""
    at = whole.find(made)
    behind = whole[at + len(made) :] if at >= 0 else ""
    return bool(re.match(r"\s*[^\W_]|\s*[%‰€$£¥°]", behind))


def _closed(text: str) -> str:
    """`text` up to the first bracket or quotation that is opened and not closed again."""
    opened: list[tuple[str, int]] = []
    for at, sign in enumerate(text):
        if sign in _PAIRS.values():
            opened.append((sign, at))
        elif sign in _PAIRS and opened and opened[-1][0] == _PAIRS[sign]:
            opened.pop()
    if opened:
        return text[: opened[0][1]]
    if text.count('"') % 2:
        return text[: text.rindex('"')]
    return text


def pieces(text: str, kind: str) -> list[str]:
    """The "sentences" or "clauses" of `text`, with their punctuation; together they are `text`."""
    borders = [one.end() for one in _SENTENCE.finditer(text)]
    if kind == "clauses":
        borders += [one.end() for one in _CLAUSE.finditer(text)]
    edges = [0, *sorted(set(borders)), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(edges) if text[start:end].strip()]
