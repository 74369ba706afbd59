"""Prompts without a language model: places, sentences and nouns chosen by the embedded model.

Runs in the worker process only: the job `drafts_job`. The same article gives the same prompts.

1. Every block of text is a place for a picture. Its sentence is the one that is nearest to what
   block and article are about and that names most that can be seen (`nouns`); sentences with
   names in them come last.
2. Places are chosen by how well they speak for the article and how little they repeat those
   already chosen (maximal marginal relevance, Carbonell and Goldstein 1998); a new section comes
   before a second picture for one.
3. A prompt is subject, setting, light, framing, style. The subject of an English article is the
   sentence; that of another one the English nouns of `glossary` and those its words are nearest
   to, or, where they are too few, the article's own words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from creative import tokens
from creative.content import glossary, names, nouns
from creative.content.document import Document
from creative.content.nouns import Noun
from creative.content.request import Draft, Drafts
from creative.content.scenes import Scene, scenes
from creative.errors import shorten
from creative.keywords import embed
from creative.keywords.embed import Vectors

if TYPE_CHECKING:
    from creative.worker import Progress

MOST_SENTENCES = 800
"""Read of an article; of longer ones the beginnings of all blocks."""
LONGEST_SENTENCE = 400
WORDS_OF_SUBJECT = 26
NOUNS_OF_SUBJECT = 4
ALT_CHARACTERS = 125
"""Screen readers pause there (WCAG techniques G94 and common practice)."""
_LOOKED_AT = 2
"""Sentences of a block whose words are read."""
MOST_PLACES = 60
_SHORT_SENTENCE = 12
_LEAST_FIT = 0.05
_PLAIN = 0.8
"""So near to a noun that it needs no context."""
_FEW = 2
"""Nouns below which a subject needs the article's own words too."""
_RELEVANCE = 0.65
_LIGHT_LEAST = 0.3

_CLAUSE = re.compile(r"[,;:–—]|\s-\s|\s(?:and|but|while|because|which|so)\s")
_QUOTES = re.compile(r"[\"“”„«»「」『』]")


class Wanted(TypedDict):
    """What the job is given."""

    document: Document
    title: str
    count: int
    english: bool
    style: str
    names: names.Names


@dataclass
class _Place:
    """A block with its sentences."""

    section: int
    end: int
    sentences: list[str]
    rows: list[int]
    near: list[float] = field(default_factory=list)
    best: str = ""
    nouns: list[Noun] = field(default_factory=list)
    salience: float = 0.0


def drafts_job(wanted: Wanted, progress: Progress) -> Drafts:
    """The drafts of an article's pictures, in its order."""
    return _Work(wanted, progress).drafts()


class _Work:
    def __init__(self, wanted: Wanted, progress: Progress) -> None:
        self.wanted = wanted
        self.document = wanted["document"]
        self.language = self.document.language.partition("-")[0]
        self.names = wanted["names"]
        self.table = scenes()
        self.dropped: list[str] = []
        self.notes: list[str] = []
        self._progress = progress

    def drafts(self) -> Drafts:
        places, sentences = self._places()
        self.vectors = self._encode(sentences, 0.0, 0.4)
        self.middle = embed.unit(self.vectors.mean(axis=0, keepdims=True))[0]
        title = self.wanted["title"]
        self.about = self.middle
        if title:
            both = self.middle + self._encode([title], 0.4, 0.42)[0]
            self.about = embed.unit(both[None, :])[0]
        self._settings = self._encode([one.near for one in self.table.settings], 0.42, 0.46)
        self._lights = self._encode([one.near or "." for one in self.table.lights], 0.46, 0.48)
        places = self._choose_sentences(places)
        chosen = self._chosen(places)
        pictures: list[Draft] = []
        taken: set[str] = set()
        for place in sorted(chosen, key=lambda one: one.end):
            draft = self._draft(place, len(pictures))
            if draft.prompt in taken:
                self.dropped.append(
                    f"a second picture for '{shorten(draft.caption, 60)}': it would be the same"
                )
                continue
            taken.add(draft.prompt)
            pictures.append(draft)
        count = self.wanted["count"]
        if len(pictures) < count:
            self.notes.append(
                f"The article has places for {len(pictures)} different pictures, not for {count}."
            )
        self._say_how()
        return Drafts(
            featured=self._featured(places),
            pictures=tuple(pictures),
            dropped=tuple(dict.fromkeys(self.dropped)),
            notes=tuple(self.notes),
        )

    def _encode(self, texts: Sequence[str], start: float, end: float) -> Vectors:
        def told(done: float, _: str) -> None:
            self._progress(start + done * (end - start), "Reading the article")

        return np.asarray(embed.encode(texts, told), np.float32)

    def _places(self) -> tuple[list[_Place], list[str]]:
        places: list[_Place] = []
        sentences: list[str] = []
        blocks = sum(len(section.blocks) for section in self.document.sections)
        most = max(1, MOST_SENTENCES // max(1, blocks))
        # Of thousands of blocks, some spread over the whole article.
        step = max(1, -(-blocks // MOST_SENTENCES))
        number = 0
        for index, section in enumerate(self.document.sections):
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
                    places.append(_Place(index, block.end, said, rows))
                    sentences += said
        if not places:
            # Only signs and numbers: what there is has to do.
            index, section = next((i, s) for i, s in enumerate(self.document.sections) if s.text)
            said = [shorten(section.text, LONGEST_SENTENCE)]
            places.append(_Place(index, section.blocks[-1].end, said, [0]))
            sentences = said
        return places, sentences

    def _choose_sentences(self, places: list[_Place]) -> list[_Place]:
        """The places worth a look, each with its best sentence and what can be seen there."""
        for place in places:
            own = self._vector(place)
            near = self.vectors[place.rows] @ (own + self.about) / 2
            order = np.argsort(-near, kind="stable")[:_LOOKED_AT]
            keep = sorted(int(one) for one in order)
            place.near = [float(near[one]) for one in keep]
            place.sentences = [place.sentences[one] for one in keep]
            place.rows = [place.rows[one] for one in keep]
            place.salience = max(place.near)
        if len(places) > MOST_PLACES:
            places = self._most_salient(places)
        clean = [[self._clean(one) for one in place.sentences] for place in places]

        def told(done: float, _: str) -> None:
            self._progress(0.48 + done * 0.4, "Looking for what can be seen")

        flat = nouns.seen([one for each in clean for one in each], self.language, told)
        owners = [
            self._vector(place) for place, texts in zip(places, clean, strict=True) for _ in texts
        ]
        title = nouns.seen([self._clean(self.wanted["title"])], self.language, told)
        self.in_title = self._allowed(title, [self.about], told)[0]
        seen = iter(self._allowed(flat, owners, told))
        for place, texts in zip(places, clean, strict=True):
            found = [next(seen) for _ in texts]
            scores = []
            for number, text in enumerate(texts):
                concrete = min(len(found[number]), NOUNS_OF_SUBJECT) / NOUNS_OF_SUBJECT
                named = 0.5 if text != place.sentences[number] else 0.0
                short = 0.2 if len(text) < _SHORT_SENTENCE else 0.0
                scores.append(place.near[number] + concrete - named - short)
            best = int(np.argmax(scores))
            place.best, place.nouns, place.salience = texts[best], found[best], scores[best]
            # A sentence alone may show little: another one of its block helps.
            if len(place.nouns) < _FEW:
                others = [noun for n, each in enumerate(found) if n != best for noun in each]
                place.nouns = [*place.nouns, *others]
        return places

    def _vector(self, place: _Place) -> Vectors:
        return embed.unit(self.vectors[place.rows].mean(axis=0, keepdims=True))[0]

    def _most_salient(self, places: Sequence[_Place]) -> list[_Place]:
        """The best place of each section first, then the others, up to a number."""
        best: dict[int, _Place] = {}
        for place in places:
            if place.section not in best or place.salience > best[place.section].salience:
                best[place.section] = place
        first = {id(place) for place in best.values()}
        ranked = sorted(places, key=lambda one: (id(one) not in first, -one.salience, one.end))
        return sorted(ranked[:MOST_PLACES], key=lambda one: one.end)

    def _allowed(
        self, found: list[list[Noun]], owners: Sequence[Vectors], told: Progress
    ) -> list[list[Noun]]:
        """Without nouns that are names here, or that nothing in the article is about.

        A noun that is only guessed has to fit its own part of the article (`owners`), too.
        """
        every = list(dict.fromkeys(noun.english for each in found for noun in each))
        fits = nouns.fit(every, self.about, told)
        guessed = {
            n: nouns.fit([noun.english for noun in each if noun.like < _PLAIN], owner, told)
            for n, (each, owner) in enumerate(zip(found, owners, strict=True))
        }
        banned = {noun for noun in every if names.leftovers(noun, self.names)}
        kept = [
            [
                noun
                for noun in each
                if noun.english not in banned
                and (
                    noun.like >= _PLAIN
                    or min(fits[noun.english], guessed[n][noun.english]) >= _LEAST_FIT
                )
            ]
            for n, each in enumerate(found)
        ]
        self.written = {noun.english: noun.written for each in kept for noun in each}
        count = Counter(noun.english for each in kept for noun in each)
        self.ranked = sorted(count, key=lambda noun: (-fits[noun] - 0.1 * count[noun], noun))
        return kept

    def _chosen(self, places: Sequence[_Place]) -> list[_Place]:
        """Maximal marginal relevance over the places, sections first."""
        rows = [self._vector(place) for place in places]
        left, chosen = list(range(len(places))), list[int]()
        while left and len(chosen) < self.wanted["count"]:

            def worth(index: int) -> float:
                place = places[index]
                like = max((float(rows[index] @ rows[other]) for other in chosen), default=0.0)
                return _RELEVANCE * place.salience - (1 - _RELEVANCE) * like

            taken = {places[index].section for index in chosen}
            new = [index for index in left if places[index].section not in taken]
            best = max(new or left, key=lambda index: (worth(index), -index))
            chosen.append(best)
            # What is said twice is shown once.
            left = [index for index in left if places[index].best != places[best].best]
        return [places[index] for index in chosen]

    def _draft(self, place: _Place, number: int) -> Draft:
        section = self.document.sections[place.section]
        vector = embed.unit((self._vector(place) + self.about / 2)[None, :])[0]
        framing = self.table.framings[number % len(self.table.framings)].say
        heading = self._clean(section.heading or self.wanted["title"])
        found = [noun.english for noun in place.nouns]
        prompt = self._composed(self._subject(place.best, found, heading), vector, framing)
        return Draft(
            section=place.section,
            offset=place.end,
            prompt=prompt,
            alt_text=_alt(place.best) or heading,
            caption=heading or _alt(place.best),
        )

    def _featured(self, places: Sequence[_Place]) -> Draft:
        title = self._clean(self.wanted["title"])
        subject = title if self.wanted["english"] and self.language == "en" else ""
        if self.wanted["english"]:
            ranked = [noun for noun in self.ranked if noun not in subject.lower()]
            if not subject:
                # What the title names is what the article is about.
                ranked = list(dict.fromkeys([*(noun.english for noun in self.in_title), *ranked]))
            things = [self._thing(noun) for noun in ranked[: 3 if subject else NOUNS_OF_SUBJECT]]
            subject = ", with ".join(filter(None, [subject, ", ".join(things)]))
        subject = subject or title or _alt(places[0].best)
        prompt = self._composed(subject, self.about, self.table.featured_framing)
        start = self.document.sections[0]
        offset = start.body if start.level == 1 else start.start
        return Draft(
            section=-1,
            offset=offset,
            prompt=prompt,
            alt_text=_alt(title or places[0].best),
            caption=title or _alt(places[0].best),
        )

    def _thing(self, noun: str) -> str:
        """A noun in a list; in an English article as it is written there."""
        written = self.written.get(noun, noun).lower() if self.language == "en" else noun
        written = re.sub(r"['’]s?$", "", written)
        return self.table.counted(noun) if written == noun else written

    def _clean(self, text: str) -> str:
        return names.without(text, self.names, self.document.language).text

    def _subject(self, sentence: str, found: Sequence[str], heading: str) -> str:
        if not self.wanted["english"] or self.language == "en":
            return _clause(sentence, spaced=self.language not in ("ja", "zh"))
        things = list(dict.fromkeys(found))[:NOUNS_OF_SUBJECT]
        if len(things) >= _FEW:
            return ", ".join(map(self.table.counted, things))
        # Rather the article's own words than wrong English ones.
        own = glossary.noun_phrases(sentence, self.language)[:NOUNS_OF_SUBJECT]
        if things and not own and glossary.known(self.language):
            return self.table.counted(things[0])
        self.poor = True
        if not own:
            own = [_clause(sentence or heading, spaced=self.language not in ("ja", "zh"))]
        return ", ".join([*map(self.table.counted, things), *own])

    poor = False

    def _composed(self, subject: str, vector: Vectors, framing: str) -> str:
        setting = _nearest(self.table.settings, self._settings, vector)
        light = _nearest(self.table.lights[1:], self._lights[1:], vector, _LIGHT_LEAST)
        light = light or self.table.lights[0].say
        style = self.wanted["style"] or self.table.style
        return ", ".join([subject, setting, light, framing, style])

    def _say_how(self) -> None:
        self.notes.append(
            "No model was given: places, sentences and nouns were chosen by the embedded model. "
            "Read the prompts before you pay for pictures."
        )
        if self.wanted["english"] and self.language not in ("en", ""):
            source = (
                "what a small dictionary says of the article's nouns"
                if glossary.known(self.language)
                else "English nouns that the article's words are nearest to in the embedded model"
            )
            self.notes.append(f"The subjects are {source}; that is no translation.")
        if self.poor:
            self.notes.append(
                "Some prompts keep words of the article, since too few nouns were recognised; "
                "Stable Diffusion reads other languages than English poorly."
            )


def _nearest(rows: Sequence[Scene], vectors: Vectors, to: Vectors, least: float = -1.0) -> str:
    likeness = vectors @ to
    best = int(np.argmax(likeness))
    return rows[best].say if likeness[best] >= least else ""


def _clause(sentence: str, spaced: bool) -> str:
    """The sentence, or its beginning up to a border between clauses, without its full stop."""
    text = _QUOTES.sub("", sentence).strip().rstrip(".。!！?？…:：;；,，、")
    if not spaced:
        if len(text) <= 2 * WORDS_OF_SUBJECT:
            return text
        cut = max(text.rfind(sign, 0, 2 * WORDS_OF_SUBJECT) for sign in "、，。；")
        return text[: cut if cut > 0 else 2 * WORDS_OF_SUBJECT]
    words = text.split()
    if len(words) <= WORDS_OF_SUBJECT:
        return text
    start = " ".join(words[:WORDS_OF_SUBJECT])
    borders = [found.start() for found in _CLAUSE.finditer(start)]
    late = [at for at in borders if at > len(start) // 3]
    return start[: late[-1]] if late else start


def _alt(sentence: str) -> str:
    return shorten(_QUOTES.sub("", sentence).strip(), ALT_CHARACTERS)
