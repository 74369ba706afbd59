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
   to. A passage that names too few borrows things of its section and of the article, and a note
   says so; only where there are none at all, the article's own words stay.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from creative.content import glossary, names, nouns
from creative.content.composing import (
    NOUNS_OF_SUBJECT,
    About,
    Composer,
    alt,
    clause,
    specific,
)
from creative.content.document import Document
from creative.content.nouns import Noun
from creative.content.places import Place, most_salient, read_places
from creative.content.request import Draft, Drafts
from creative.content.scenes import scenes
from creative.errors import shorten
from creative.keywords import embed
from creative.keywords.embed import Vectors

if TYPE_CHECKING:
    from creative.worker import Progress

_LOOKED_AT = 2
"""Sentences of a block whose words are read."""
_SHORT_SENTENCE = 12
_LEAST_FIT = 0.05
_PLAIN = 0.8
"""So near to a noun that it needs no context."""
_FEW = 2
"""Nouns below which a subject borrows others."""
_RELEVANCE = 0.65
_BORROWED = 3
"""Things of a picture whose own passage names too few."""
_RANKED = 12
"""Of all things of an article, those that others may borrow."""
_RANK = 0.02
"""What a place further down costs, against the likeness to the title."""


# A picture of what there is not shows it all the same.
_NOT = re.compile(
    r"\b(?:no|not|never|without|nothing|kein\w{0,2}|nicht|nie|ohne|não|nunca|sem)\b|n['’]t\b"
    r"|ない|ません|ずに|不|没|别|無|无",
    re.IGNORECASE,
)

# Nobody who sees only the prompt knows what "it" is.
_SAID_BEFORE = re.compile(r"(?:it|they|this|these|those|he|she)\b", re.IGNORECASE)


class Wanted(TypedDict):
    """What the job is given."""

    document: Document
    title: str
    count: int
    english: bool
    style: str
    names: names.Names


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
        self.borrowed: list[str] = []
        self.lenders: list[str] = []
        self.kept: list[str] = []
        self._progress = progress

    def drafts(self) -> Drafts:
        places, sentences = read_places(self.document)
        self.vectors = self._encode(sentences, 0.0, 0.4)
        self.middle = embed.unit(self.vectors.mean(axis=0, keepdims=True))[0]
        title = self.wanted["title"]
        self.about = self.about_title = self.middle
        if title:
            self.about_title = self._encode([title], 0.4, 0.42)[0]
            self.about = embed.unit((self.middle + self.about_title)[None, :])[0]
        settings = self._encode([one.near for one in self.table.settings], 0.42, 0.46)
        lights = self._encode([one.near or "." for one in self.table.lights], 0.46, 0.48)
        self.composer = Composer(settings, lights, self.wanted["style"])
        self.places = places = self._choose_sentences(places)
        chosen = sorted(self._chosen(places), key=lambda one: one.end)
        featured = self._featured_subject()
        subjects = [self._subject(place) for place in chosen]
        listed = ", ".join(self.ranked[:_RANKED]) or featured
        things, *said = self._encode([listed, featured, *subjects], 0.88, 0.95)
        # In English, as the settings are.
        self.scene = embed.unit((self.about + things)[None, :])[0]
        pictures: list[Draft] = []
        taken: set[str] = set()
        for place, subject, vector in zip(chosen, subjects, said[1:], strict=True):
            draft = self._draft(place, subject, vector, len(pictures))
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
            featured=self._featured(featured, said[0]),
            pictures=tuple(pictures),
            dropped=tuple(dict.fromkeys(self.dropped)),
            notes=tuple(self.notes),
        )

    def _encode(self, texts: Sequence[str], start: float, end: float) -> Vectors:
        def told(done: float, _: str) -> None:
            self._progress(start + done * (end - start), "Reading the article")

        return np.asarray(embed.encode(texts, told), np.float32)

    def _choose_sentences(self, places: list[Place]) -> list[Place]:
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
        places = most_salient(places)
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
                without = 0.3 if _NOT.search(text) else 0.0
                scores.append(place.near[number] + concrete - named - short - without)
            best = int(np.argmax(scores))
            place.best, place.nouns, place.salience = texts[best], found[best], scores[best]
            # A sentence alone may show little: another one of its block helps.
            if len(place.nouns) < _FEW:
                others = [noun for n, each in enumerate(found) if n != best for noun in each]
                place.nouns = [*place.nouns, *others]
        return places

    def _vector(self, place: Place) -> Vectors:
        return embed.unit(self.vectors[place.rows].mean(axis=0, keepdims=True))[0]

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

    def _chosen(self, places: Sequence[Place]) -> list[Place]:
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

    def _draft(self, place: Place, subject: str, said: Vectors, number: int) -> Draft:
        section = self.document.sections[place.section]
        heading = self._heading(place)
        about = About(self.scene, self._vector(place), said)
        framing = self.table.framings[number % len(self.table.framings)].say
        return Draft(
            section=place.section,
            offset=place.end,
            prompt=self.composer.prompt(subject, about, framing),
            alt_text=alt(place.best) or heading,
            caption=heading or alt(section.text),
        )

    def _featured(self, subject: str, said: Vectors) -> Draft:
        start = self.document.sections[0]
        title = self._clean(self.wanted["title"])
        about = About(self.scene, self.about, said)
        return Draft(
            section=-1,
            offset=start.body if start.level == 1 else start.start,
            prompt=self.composer.prompt(subject, about, self.table.featured_framing),
            alt_text=alt(title or self.places[0].best),
            caption=title or alt(self.places[0].best),
        )

    def _heading(self, place: Place) -> str:
        section = self.document.sections[place.section]
        return self._clean(section.heading or self.wanted["title"])

    def _featured_subject(self) -> str:
        title = self._clean(self.wanted["title"])
        best = max(self.places, key=lambda place: (bool(place.nouns), place.salience))
        if not self.wanted["english"]:
            return title or alt(best.best)
        ranked = self.ranked
        if self.language != "en":
            # What the title names is what the article is about.
            things = specific([*(noun.english for noun in self.in_title), *ranked])
            listed = self._listed(things[:NOUNS_OF_SUBJECT])
            return listed or title or alt(best.best)
        if title and self.in_title:
            fits = nouns.fit(ranked[:_RANKED], self.about_title, lambda share, label: None)
            place = {noun: number for number, noun in enumerate(ranked)}
            ranked = sorted(fits, key=lambda noun: -fits[noun] + _RANK * place[noun])
        # A title that names nothing to be seen gives way to the most telling sentence.
        subject = title if title and (self.in_title or not best.nouns) else self._clause(best.best)
        things = [noun for noun in specific(ranked) if noun not in subject.lower()]
        return ", with ".join(filter(None, [subject, self._listed(things[:_BORROWED])]))

    def _listed(self, things: Sequence[str]) -> str:
        return ", ".join(map(self._thing, things))

    def _thing(self, noun: str) -> str:
        """A noun in a list; in an English article as it is written there."""
        written = self.written.get(noun, noun).lower() if self.language == "en" else noun
        written = re.sub(r"['’]s?$", "", written)
        return self.table.counted(noun) if written == noun else written

    def _clean(self, text: str) -> str:
        return names.without(text, self.names, self.document.language).text

    def _clause(self, sentence: str) -> str:
        return clause(sentence, spaced=self.language not in ("ja", "zh"))

    def _subject(self, place: Place) -> str:
        if not self.wanted["english"]:
            return self._clause(place.best)
        found = specific(noun.english for noun in place.nouns)[:NOUNS_OF_SUBJECT]
        if self.language == "en":
            if len(found) >= _FEW and _SAID_BEFORE.match(place.best):
                return self._listed(found)
            said = self._clause(place.best)
            others = [] if found else self._elsewhere(place, found)
            return ", with ".join(filter(None, [said, self._listed(others)]))
        things = found if len(found) >= _FEW else found + self._elsewhere(place, found)
        if things:
            return self._listed(things)
        own = glossary.noun_phrases(place.best, self.language)[:NOUNS_OF_SUBJECT]
        own = own or [self._clause(place.best or self._heading(place))]
        self.kept += own
        return ", ".join(own)

    def _elsewhere(self, place: Place, found: Sequence[str]) -> list[str]:
        """Things of its section, then of the article, for a passage that names too few."""
        most = _BORROWED - len(found)
        near = [
            noun.english
            for other in self.places
            if other.section == place.section and other is not place
            for noun in other.nouns
        ]
        own = [noun for noun in specific([*found, *near]) if noun not in found]
        if len(found) + len(own) >= _FEW:
            return own[:most]
        fits = nouns.fit(self.ranked[:_RANKED], self._vector(place), lambda share, label: None)
        # What another picture has borrowed already comes last.
        far = sorted(fits, key=lambda noun: (noun in self.borrowed, -fits[noun]))
        far = [noun for noun in specific([*found, *own, *far]) if noun not in (*found, *own)]
        chosen = [*own, *far][:most]
        if set(chosen) - set(own):
            self.borrowed += chosen
            self.lenders.append(self._heading(place) or "the beginning")
        return chosen

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
        if self.lenders:
            where = ", ".join(f"'{shorten(one, 60)}'" for one in dict.fromkeys(self.lenders))
            self.notes.append(
                f"What is said in {where} names too little that can be seen: things of the rest of "
                "the article stand in."
            )
        if self.kept:
            said = ", ".join(f"'{shorten(one, 60)}'" for one in dict.fromkeys(self.kept))
            self.notes.append(
                f"These words stayed in the article's language: {said}. Stable Diffusion reads "
                "other languages than English poorly."
            )
