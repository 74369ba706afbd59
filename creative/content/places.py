"""Places for pictures in an article: its blocks, with their sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from creative import tokens
from creative.content.document import Document
from creative.content.nouns import Noun
from creative.errors import shorten

MOST_SENTENCES = 800
"""Read of an article; of longer ones the beginnings of all blocks."""
LONGEST_SENTENCE = 400
MOST_PLACES = 60


@dataclass
class Place:
    """A block with its sentences."""

    section: int
    end: int
    sentences: list[str]
    rows: list[int]
    near: list[float] = field(default_factory=list)
    best: str = ""
    nouns: list[Noun] = field(default_factory=list)
    salience: float = 0.0


def read_places(document: Document) -> tuple[list[Place], list[str]]:
    """The places of an article, and all their sentences."""
    places: list[Place] = []
    sentences: list[str] = []
    blocks = sum(len(section.blocks) for section in document.sections)
    most = max(1, MOST_SENTENCES // max(1, blocks))
    # Of thousands of blocks, some spread over the whole article.
    step = max(1, -(-blocks // MOST_SENTENCES))
    number = 0
    for index, section in enumerate(document.sections):
        for block in section.blocks:
            number += 1
            if not block.text or number % step:
                continue
            said = [
                " ".join(piece.text.split())[:LONGEST_SENTENCE]
                for piece in tokens.sentences(block.text[: LONGEST_SENTENCE * most * 2])
            ]
            said = [one for one in said if sum(sign.isalpha() for sign in one) > 2][:most]
            if said:
                rows = list(range(len(sentences), len(sentences) + len(said)))
                places.append(Place(index, block.end, said, rows))
                sentences += said
    if not places:
        # Only signs and numbers: what there is has to do.
        index, section = next((i, s) for i, s in enumerate(document.sections) if s.text)
        said = [shorten(section.text, LONGEST_SENTENCE)]
        places.append(Place(index, section.blocks[-1].end, said, [0]))
        sentences = said
    return places, sentences


def most_salient(places: Sequence[Place]) -> list[Place]:
    """The best place of each section first, then the others, up to MOST_PLACES; in order."""
    if len(places) <= MOST_PLACES:
        return list(places)
    best: dict[int, Place] = {}
    for place in places:
        if place.section not in best or place.salience > best[place.section].salience:
            best[place.section] = place
    first = {id(place) for place in best.values()}
    ranked = sorted(places, key=lambda one: (id(one) not in first, -one.salience, one.end))
    return sorted(ranked[:MOST_PLACES], key=lambda one: one.end)
