"""How many tokens a text has, about, and long texts in pieces.

Nobody here knows the tokenizer of the model that will be asked. `count` adds up a weight for each
character and errs on the high side, so that a text that fits by it fits in fact; tests/test_tokens
compares it with what tokenizers of 32,000 to 152,000 tokens said about texts in nine languages.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import NamedTuple

LEAST_TOKENS = 16
"""Smallest piece that can be asked for."""


class Piece(NamedTuple):
    """A part of a text.

    Attributes:
        text: the part.
        start: where it starts, in characters of the whole.
    """

    text: str
    start: int


# Thousandths of a token per character, by kind; the first that fits counts.
_LETTER, _SPACE, _OTHER = 350, 150, 1000
_WEIGHTS: tuple[tuple[str, int], ...] = (
    (r"[A-Za-z]", _LETTER),
    (r"\s", _SPACE),
    (r"[\u00aa-\u024f]", 900),  # accents: two bytes, often a token of their own
    (r"[\u0370-\u03ff\u1f00-\u1fff]", 1300),  # Greek
    (r"[\u0400-\u052f]", 600),  # Cyrillic
    (r"[\u0590-\u06ff\u0750-\u077f]", 1100),  # Hebrew, Arabic
    (r"[\u0900-\u0fff\u1000-\u139f]", 2000),  # India, Thailand, Georgia, Ethiopia
    (r"[\u3040-\u30ff\u31f0-\u31ff]", 1200),  # kana
    (r"[\u3000-\u303f\uff00-\uffef]", 1200),  # full-width signs
    (r"[\u3400-\u9fff\uf900-\ufaff]", 1700),  # Chinese characters
    (r"[\uac00-\ud7af]", 1700),  # Hangul
    (r"[\x00-\x7f]", _OTHER),  # digits and signs
    (r"[\u2010-\u2fff]", 2000),  # dashes, quotes, arrows
)
_RAREST = 4000
"""Emoji and whatever else is spelt out byte by byte."""


class _Weights(dict[str, int]):
    """The weight of every character that was met."""

    def __missing__(self, character: str) -> int:
        fits = (weight for pattern, weight in _WEIGHTS if re.match(pattern, character))
        self[character] = weight = next(fits, _RAREST)
        return weight


_WEIGHT_OF = _Weights()

# How good a place is for a cut, best first. Nothing is cut after a heading if it can be helped.
_BEFORE_HEADING, _PARAGRAPH, _LINE, _SENTENCE, _WORD, _CHARACTER, _AFTER_HEADING = range(6, -1, -1)

# Every pattern is linear: it starts at one place of a run and gives nothing back (possessive).
_HEADING = re.compile(
    r"(?:^[ ]{0,3}#{1,6}[ \t]++\S[^\n]*+|<h[1-6]\b[^\n]{0,300}?</h[1-6]>"
    r"|^[ \t]*+\S[^\n]*+\n[ ]{0,3}(?:={2,}+|-{2,}+)[ \t]*+$)\s*+",
    re.IGNORECASE | re.MULTILINE,
)
_CLOSING = r"[\"'“”’»)\]」』）】〉》*_]*+"
_BORDERS: tuple[tuple[re.Pattern[str], int], ...] = (
    (re.compile(r"\n(?:[ \t]*+\r?\n)++"), _PARAGRAPH),
    (re.compile(r"</(?:p|li|[uo]l|d[dlt]|div|section|table|blockquote)>\s*+", re.I), _PARAGRAPH),
    (re.compile(r"\n(?:[ \t]*+\r?\n)*+|<br ?/?>", re.I), _LINE),
    (re.compile(rf"(?<![.!?…])[.!?…]++{_CLOSING}\s++|[。！？｡؟।]++{_CLOSING}\s*+"), _SENTENCE),
)
_ABBREVIATED = re.compile(
    r"(?:^|[\s(\[\"'«„“])(?:[A-Za-zÀ-ÿ]|Mrs?|Ms|Dr|Prof|Sr|Sra|Srta|St|Jr|vs|etc|approx|Inc|Ltd|No|"
    r"Nr|Abb|bzw|ca|evtl|ggf|inkl|usw|vgl|zzgl|cf|fig|vol|pp|ed|Av|núm|pág|p\.?\s?ex|e\.?\s?g|i\.?\s?e|"
    r"z\.?\s?B|d\.?\s?h|u\.?\s?a|o\.?\s?ä|a\.?\s?m|p\.?\s?m|\d{1,3})\.$",
    re.IGNORECASE,
)
_ABBREVIATION_CHARACTERS = 12


def count(text: str) -> int:
    """About how many tokens `text` has: rather too many than too few."""
    return math.ceil(sum(map(_WEIGHT_OF.__getitem__, text)) / 1000)


def sentences(text: str) -> list[Piece]:
    """The sentences of a text in any script, headings and lines as sentences of their own.

    White space belongs to the sentence before it: put together they are the text again.
    """
    ends = [end for end, _ in _sentence_ends(text)]
    return [Piece(text[start:end], start) for start, end in pairwise([0, *ends])]


def split(text: str, most_tokens: int) -> list[Piece]:
    """`text` in pieces of at most `most_tokens` each, as `count` counts.

    A piece ends before a heading, else after a paragraph, a line or a sentence, whichever of them
    is the best place in its second half. Headings stay with what follows them. A sentence that is
    longer than a piece is cut between words, a word between characters as people see them; only a
    character of more than `most_tokens` (a hundred accents on one letter) is taken apart.

    Returns:
        The pieces, none of them empty; put together they are `text`.

    Raises:
        ValueError: `most_tokens` is below LEAST_TOKENS.
    """
    if most_tokens < LEAST_TOKENS:
        raise ValueError(f"most_tokens is {most_tokens}; the least is {LEAST_TOKENS}")
    most = most_tokens * 1000
    until = [0, *accumulate(map(_WEIGHT_OF.__getitem__, text))]  # weight of all before a character
    cuts = list(_cuts(text, until, most))
    weights = [0, *(until[at] for at, _ in cuts)]
    pieces, first, start = [], 0, 0
    while first < len(cuts):
        # Cuts `first` to `last - 1` are within reach of this piece.
        last = bisect_right(weights, weights[first] + most) - 1
        chosen = last - 1 if last == len(cuts) else _best(cuts, weights, first, last, most)
        end = cuts[chosen][0]
        pieces.append(Piece(text[start:end], start))
        first, start = chosen + 1, end
    return pieces


def _best(cuts: list[tuple[int, int]], weights: list[int], first: int, last: int, most: int) -> int:
    """The best of the cuts `first` to `last - 1`, the furthest of equals."""
    half = weights[first] + most // 2
    late = [i for i in range(first, last) if weights[i + 1] >= half]
    chosen = max(late, key=lambda i: (cuts[i][1], i), default=last - 1)
    if cuts[chosen][1] > _AFTER_HEADING:
        return chosen
    return max(range(first, last), key=lambda i: (cuts[i][1] > _AFTER_HEADING, i))


def _cuts(text: str, until: list[int], most: int) -> Iterator[tuple[int, int]]:
    """Where `text` may be cut, and how good that is; at most `most` lies between two of them."""
    start = held = 0
    for end, kind in _sentence_ends(text):
        if until[end] - until[held] > most:  # counted with the headings that stay with it
            yield from _inside(text, until, start, end, most)
        yield end, kind
        start, held = end, held if kind == _AFTER_HEADING else end


def _inside(
    text: str, until: list[int], start: int, end: int, most: int
) -> Iterator[tuple[int, int]]:
    """Cuts inside a sentence that is too long: between words, else between characters."""
    words = (found.end() for found in re.compile(r"\S*\s*").finditer(text, start, end))
    for before, after in pairwise([start, *(at for at in words if start < at)]):
        if before > start:
            yield before, _WORD
        if until[after] - until[before] <= most:
            continue
        for a, b in pairwise([before, *_graphemes(text, before, after)]):
            if a > before:
                yield a, _CHARACTER
            if until[b] - until[a] > most:
                yield from ((at, _CHARACTER) for at in range(a + 1, b))


def _graphemes(text: str, start: int, end: int) -> Iterator[int]:
    """Ends of the characters as people see them; halves of a surrogate pair stay together."""
    import regex  # type: ignore[import-untyped]

    for found in regex.finditer(r"[\ud800-\udbff][\udc00-\udfff]|\X", text, pos=start, endpos=end):
        yield found.end()


def _sentence_ends(text: str) -> list[tuple[int, int]]:
    """Ends of sentences in order, the last one is the text's, and what kind of border each is."""
    if not text:
        return []
    ends: dict[int, int] = {}
    for pattern, kind in _BORDERS:
        for found in pattern.finditer(text):
            if kind != _SENTENCE or not _goes_on(text, found):
                ends[found.end()] = max(ends.get(found.end(), kind), kind)
    headings = [found.span() for found in _HEADING.finditer(text)]
    starts = [start for start, _ in headings]

    def inside(at: int) -> bool:
        number = bisect_left(starts, at) - 1
        return number >= 0 and at < headings[number][1]

    ends = {at: kind for at, kind in ends.items() if not inside(at)}
    ends |= dict.fromkeys(starts, _BEFORE_HEADING)
    ends |= dict.fromkeys((end for _, end in headings), _AFTER_HEADING)
    ends.pop(0, None)
    ends[len(text)] = _PARAGRAPH
    return sorted(ends.items())


def _goes_on(text: str, found: re.Match[str]) -> bool:
    """Whether a full stop ends no sentence: an abbreviation, or a small letter follows."""
    if text[found.start()] not in ".!?…":
        return False
    if text[found.end() : found.end() + 1].islower():
        return True
    before = text[max(0, found.start() - _ABBREVIATION_CHARACTERS) : found.start() + 1]
    return _ABBREVIATED.search(before) is not None
