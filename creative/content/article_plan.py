"""How long each part of an article is to be; pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from creative import languages
from creative.content import words
from creative.content.article_request import ArticleRequest

SECTION_WORDS = 250
"""Of a section that the model plans, in English words."""
LEAST_SECTION_WORDS = 45
"""A shorter one says nothing."""
MOST_TOKENS_AT_ONCE = 1350
"""Of one answer, about: at 10 tokens a second a slow model needs 135 s for them, and Dify ends a
model's call after 240 s."""
LATIN_TOKENS, OTHER_TOKENS, SIGN_TOKENS = 1.5, 3.0, 1.1
"""Of a word in Latin letters or in others, and of a sign of Chinese or Japanese; rounded up from
what cl100k and o200k make of news texts."""
MOST_SECTIONS = 16
OPENING_SHARE, LEAST_OPENING, MOST_OPENING = 0.09, 30, 150
FAQ_WORDS, FAQ_SHARE = 50, 0.3
TOLERANCE = 0.1


@dataclass(frozen=True)
class Part:
    """What one answer is to be.

    Attributes:
        heading: of its section; "" for the opening.
        target: words (or signs), without the heading.
        number: which part of its section, from 1.
        of: how many parts its section has.
    """

    heading: str
    target: int
    number: int = 1
    of: int = 1


@dataclass(frozen=True)
class Plan:
    """The parts of an article in order.

    Attributes:
        parts: the opening, then the sections.
        faq_target: words of all questions and answers.
        left_out: headings that there was no room for.
    """

    parts: tuple[Part, ...]
    faq_target: int
    left_out: tuple[str, ...] = ()


def most_at_once(language: str) -> int:
    """Words (or signs) of one answer, at most: 900 in English, 450 in Russian, 1227 signs."""
    if words.counts_signs(language):
        return round(MOST_TOKENS_AT_ONCE / SIGN_TOKENS)
    known = languages.known().get(languages.base(language))
    latin = known is None or "latin" in known.scripts
    return round(MOST_TOKENS_AT_ONCE / (LATIN_TOKENS if latin else OTHER_TOKENS))


def section_count(request: ArticleRequest) -> int:
    """How many sections the model should plan."""
    body = request.words - _faq_target(request)
    return min(MOST_SECTIONS, max(2, round(body / words.scaled(SECTION_WORDS, request.language))))


def plan(request: ArticleRequest, outline: Sequence[str]) -> Plan:
    """Share the words out among the headings of `outline`."""
    language, faq = request.language, _faq_target(request)
    titles = words.count(request.title)
    opening = min(
        words.scaled(MOST_OPENING, language),
        max(words.scaled(LEAST_OPENING, language), round(request.words * OPENING_SHARE)),
    )
    room = request.words - faq - titles - opening
    most = max(1, room // words.scaled(LEAST_SECTION_WORDS, language))
    headings, left_out = outline[:most], tuple(outline[most:])
    room -= sum(map(words.count, headings))
    each = max(words.scaled(LEAST_SECTION_WORDS, language) // 2, room // max(1, len(headings)))
    parts = [Part("", opening)]
    for heading in headings:
        pieces = -(-each // most_at_once(language))
        for number in range(1, pieces + 1):
            parts.append(Part(heading, each // pieces, number, pieces))
    return Plan(tuple(parts), faq, left_out)


def _faq_target(request: ArticleRequest) -> int:
    wanted = request.faq * words.scaled(FAQ_WORDS, request.language)
    return min(wanted, round(request.words * FAQ_SHARE))


def rebalanced(target: int, ahead: int, owed: int, language: str) -> int:
    """The target of the next part, after what came before was too short or too long.

    Args:
        target: as planned.
        ahead: planned words of this and all later parts.
        owed: words that the earlier parts are short of; negative: over.
        language: BCP 47.
    """
    share = owed * target / max(1, ahead)
    most = most_at_once(language)
    return max(target // 2, min(round(target + share), target * 2, most))
