"""Everything that the built-in writer can say: templates of angles.yaml with facts in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from creative.ads.counting import measure
from creative.ads.terms import contains, repeats
from creative.ads.write.facts import Facts
from creative.ads.write.names import cores, shorter
from creative.ads.write.phrases import Angle, Phrases, any_of
from creative.capture.facts import prices_in

SHORT_WORD = 8
"""Columns of a fact that is too little to stand alone."""

_SLOT = re.compile(r"\{(\w+)\}")
_COLONS = re.compile(r":\s|：")


@dataclass(frozen=True)
class Line:
    """A phrase made of a template.

    Attributes:
        facts: what of page and brief it says, besides names.
    """

    text: str
    facts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Lines:
    """The lines that facts and phrases make together."""

    facts: Facts
    said: Phrases
    _known: dict[Angle, tuple[Line, ...]] = field(default_factory=dict)

    def of(self, angle: Angle) -> tuple[Line, ...]:
        """Everything that an angle has to say, as headlines."""
        if angle not in self._known:
            self._known[angle] = tuple(self.filled(self.said.headline.get(angle, ())))
        return self._known[angle]

    def priced(self) -> tuple[str, ...]:
        """Lines with a name and a price."""
        named = self.facts.product or self.facts.brand
        prices = [price for price in (self.facts.price, self.facts.lowest) if price]
        lines = [line.text for line in self.of("offer")] if named else []
        return tuple(one for one in lines if any(price in one for price in prices))

    def filled(self, templates: Sequence[str]) -> Iterator[Line]:
        facts = self.facts
        many: dict[str, Sequence[str]] = {
            # What page or brief say largest is what they think is best.
            "benefit": (
                *((facts.headline,) if facts.headline else ()),
                *facts.benefits,
                *self._beside(),
            ),
            "offer": facts.offers,
            "proof": facts.proofs,
            "cta": self.ctas(),
        }
        one = {
            "product": facts.product,
            "things": facts.things,
            "headline": facts.headline,
            "price": facts.price,
            "lowest": facts.lowest,
            "brand": facts.brand,
        }
        seen: set[str] = set()
        most = max((len(v) for v in many.values()), default=0)
        for at in range(max(1, most)):
            for template in templates:
                slots = [name.removesuffix("_in") for name in _SLOT.findall(template)]
                listed = next((name for name in slots if name in many), "")
                if at >= (len(many[listed]) if listed else 1):
                    continue
                if any(name not in many and not one[name] for name in slots):
                    continue
                # "Fleetfoot by Fleetfoot" says nothing.
                names = [one[name] for name in slots if name in one]
                if len(names) > 1 and any(repeats(names[0], n) for n in names[1:]):
                    continue
                if facts.several and "product" in slots and listed in many and listed != "cta":
                    continue
                if template == "{product}":
                    yield from self._shortened(seen)
                alone = listed in ("benefit", "offer", "proof") and template == f"{{{listed}}}"
                for value in shorter(many[listed][at], self.said) if listed else ("",):
                    if listed == "offer" and not self._offers(value):
                        continue
                    if alone and " " not in value and measure(value, "display_width") < SHORT_WORD:
                        continue
                    text = self._fill(template, {**one, **({listed: value} if listed else {})})
                    if len(_COLONS.findall(text)) > 1:
                        continue
                    doubled = any(n and value and contains(value, n) for n in names)
                    if text not in seen and not doubled:
                        seen.add(text)
                        fact = {many[listed][at]} if listed not in ("", "cta") else set()
                        yield Line(text, frozenset(fact))

    def _offers(self, phrase: str) -> bool:
        return any_of(phrase, self.said.words.offer) or bool(prices_in(phrase))

    def _beside(self) -> Iterator[str]:
        """What stands before an offer and is none: "Vegan leather, 10 years of guarantee"."""
        for offer in self.facts.offers:
            yield from (one for one in shorter(offer, self.said) if not self._offers(one))

    def _shortened(self, seen: set[str]) -> Iterator[Line]:
        """The product's name, and what it is called where there is less room."""
        for name in (self.facts.product, *cores(self.facts.product, self.said)):
            if (text := capital(name)) not in seen:
                seen.add(text)
                yield Line(text)

    def _fill(self, template: str, values: dict[str, str]) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1]
            text = values[name.removesuffix("_in")]
            if name == "cta_in" and text[1:2].islower():
                return text[:1].lower() + text[1:]
            return self.facts.inside(text) if name.endswith("_in") else text

        text = _SLOT.sub(value, template)
        # French sets a space before these that no line may break at.
        text = re.sub(r" ([?:])(?=\s|$)", "\u00a0\\1", text) if self.said.tag == "fr" else text
        return capital(text)

    def ctas(self) -> tuple[str, ...]:
        own = self.said.ctas.buy if self.facts.sells else self.said.ctas.learn
        return tuple(dict.fromkeys((*self.facts.buttons, *own)))


def capital(phrase: str) -> str:
    """`phrase` with a capital at its beginning."""
    return phrase[:1].upper() + phrase[1:]
