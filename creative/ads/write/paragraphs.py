"""Descriptions, texts and long headlines of a variant: an opening, facts, a call to action."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from creative.ads.counting import measure
from creative.ads.platforms import FieldRule
from creative.ads.terms import contains, repeats, same_text
from creative.ads.write.beside import Beside
from creative.ads.write.desk import Desk
from creative.ads.write.lines import Line, capital
from creative.ads.write.names import cores
from creative.ads.write.phrases import Angle
from creative.ads.write.prices import named_prices

MOST_SENTENCES = 4
"""Of a text: where a platform takes 2,200 characters nobody reads them."""


class _Asked(NamedTuple):
    """What is asked of a text.

    Attributes:
        strict: readers see all of it, it says something, and a later text is in no earlier variant.
        apart: the first one says something else than the headline (1), and than what other
            fields begin with (2).
        fresh: the first one is in no earlier variant, in any place.
    """

    strict: bool
    apart: int
    fresh: bool


_PASSES = (
    _Asked(True, 2, True),
    _Asked(True, 1, True),
    _Asked(True, 2, False),
    _Asked(True, 1, False),
    _Asked(True, 0, False),
    _Asked(False, 0, False),
)
"""Less each time, until there are texts enough."""


@dataclass
class Paragraphs:
    """Writes the texts of one field of one variant.

    Attributes:
        angles: those with something to say, the variant's own first.
        number: of the variant, from 0.
        beside: what readers see together with the first text.
    """

    desk: Desk
    rule: FieldRule
    angles: Sequence[Angle]
    number: int
    beside: Beside

    def texts(self) -> list[str]:
        """As many as the field takes; [] if there is nothing to say."""
        made: list[str] = []
        passes = [one for one in _PASSES if not one.fresh or self.desk.first.get(self.rule.name)]
        for asked in passes:
            most = self.rule.most if asked.strict else max(self.rule.least, 1)
            if not (made or asked.apart or self.rule.least):
                break  # the same once more is worse than nothing
            for angle in (*self.angles, *self.angles):
                if len(made) < most and (text := self._next(angle, made, asked)):
                    made.append(text)
        if not made:
            return []
        lines = [one.text for angle in self.angles for one in self.desk.lines.of(angle)]
        short = [Line(self.desk.end(text)) for text in lines]
        return self.desk.with_short(self.rule, made, short)

    def _next(self, angle: Angle, made: Sequence[str], asked: _Asked) -> str:
        """A text that begins with what an angle has to say; "" if there is none left."""
        facts = self.desk.facts
        supports = [*facts.benefits, *facts.offers, *facts.proofs]
        turn = self.number + self.desk.request.seed + len(made)
        start = turn % len(supports) if supports else 0
        others = supports[start:] + supports[:start]
        apart = 0 if made or self.rule.role == "long_headline" else asked.apart
        others = [one for one in others if not (apart and self.beside.headline_says(Line(one)))]
        name = () if made else self._name()
        above = self.beside.headline.text if apart and self.beside.headline else ""
        # "Nomad: room for two" before "Room for two. Nomad."
        lines = sorted(
            self.beside.new(self._opening(angle), apart),
            key=lambda line: not all(contains(line.text, one) for one in name),
        )
        texts = (
            self._paragraph(
                line, others if _asks(line.text) else [*name, *others], asked.strict, above
            )
            for line in lines
        )
        return next((text for text in texts if text and not self._was_said(text, made, asked)), "")

    def _was_said(self, text: str, made: Sequence[str], asked: _Asked) -> bool:
        """Whether this variant says it already, or an earlier one from which it must differ."""
        if any(same_text(text, one) for one in made):
            return True
        if not made and not asked.fresh:
            return text in self.desk.first.get(self.rule.name, ())
        return asked.strict and self.desk.before(self.rule, text) > 0

    def _name(self) -> tuple[str, ...]:
        """The product, where readers see one headline and that does not name it."""
        desk, headline = self.desk, self.beside.headline
        name = desk.facts.product
        if self.rule.role == "long_headline" or not name or desk.facts.several or headline is None:
            return ()
        if any(r.role == "headline" and r.least > 1 for r in desk.platform.fields):
            return ()
        said = any(contains(headline.text, one) for one in (name, *cores(name, desk.said)))
        return () if said else (capital(name),)

    def _opening(self, angle: Angle) -> Iterator[Line]:
        """What a text begins with: whole sentences of the page where the angle is the thing."""
        if angle == "keyword" and self.rule.role != "long_headline":
            for sentence in self.desk.facts.sentences:
                yield Line(sentence, frozenset({sentence}))
        # A name alone is no sentence.
        facts = self.desk.facts
        names = (facts.brand, facts.product) if facts.proper else (facts.brand,)
        lines = [
            one
            for one in self.desk.lines.of(angle)
            if not any(same_text(one.text, name) for name in names if name)
        ]
        turn = self.number % len(lines) if lines else 0
        yield from (*lines[turn:], *lines[:turn])

    def _paragraph(self, opener: Line, supports: Sequence[str], strict: bool, above: str) -> str:
        """`opener` and as many facts as readers see, then a call to action; "" if it is too
        long, or (`strict`) if it is cut for readers or says nothing."""
        desk, rule = self.desk, self.rule
        if rule.role == "long_headline":
            return self._long_headline(opener, supports)
        sentences = [opener.text]
        must = [t for t in desk.request.must_include if not contains(opener.text, t)]
        for support in [*map(capital, must), *supports, *self._prices(above, opener)]:
            if len(sentences) >= MOST_SENTENCES:
                break
            said = support in opener.facts or any(_same(support, one) for one in sentences)
            if not said and self._room([*sentences, support]):
                sentences.append(support)
        told = len(sentences)
        asked = any(contains(opener.text, cta) for cta in desk.lines.ctas())
        for cta in () if asked else desk.lines.ctas():
            if self._room([*sentences, cta]):
                sentences.append(cta)
                break
        text = self._joined(sentences)
        empty = not opener.facts and told == 1
        poor = measure(text, rule.unit) > rule.aim or empty
        return text if desk.fits(rule, text) and not (strict and poor) else ""

    def _long_headline(self, opener: Line, supports: Sequence[str]) -> str:
        """A name and what is said of it; a question, or a line without facts, as it is."""
        desk, rule, facts = self.desk, self.rule, self.desk.facts
        name = facts.brand if facts.several else facts.product or facts.brand
        said = [*opener.facts, *(one for one in supports if one not in opener.facts)]
        plain = _asks(opener.text) or not opener.facts
        for most in (2, 1):
            listed = [one for one in said if not contains(one, name)][:most]
            if plain or not name or not listed:
                break
            if most > 1 and any(re.search(r"[,，、]", one) for one in listed):
                continue  # a list in a list
            inside = desk.said.comma.join(map(facts.inside, listed))
            text = capital(f"{name}{desk.said.colon}{inside}")
            if measure(text, rule.unit) <= rule.aim and desk.fits(rule, text):
                return text
        return opener.text if desk.fits(rule, opener.text) else ""

    def _prices(self, above: str, opener: Line) -> list[str]:
        """The price as a sentence, where it is the thing's and the headline does not say it; one
        that does not name the thing again, if there is one."""
        facts = self.desk.facts
        price = facts.price or facts.lowest
        if not price or price in above:
            return []
        named = bool(facts.product) and contains(opener.text, facts.product)
        priced = self.desk.lines.priced()
        return sorted(priced, key=lambda one: named and contains(one, facts.product))[:1]

    def _room(self, sentences: Sequence[str]) -> bool:
        text = self._joined(sentences)
        return measure(text, self.rule.unit) <= self.rule.aim and self.desk.fits(self.rule, text)

    def _joined(self, sentences: Sequence[str]) -> str:
        text = ""
        for sentence in sentences:
            gap = " " if self.desk.said.spaced and text else ""
            text += gap + self.desk.end(sentence)
        return text


def _same(one: str, other: str) -> bool:
    """Whether one of two sentences says what the other says, or both name a price."""
    return repeats(one, other) or not named_prices(one).isdisjoint(named_prices(other))


def _asks(text: str) -> bool:
    return text.endswith(("?", "？"))
