"""What every room of the built-in writer has at hand while it writes for one platform."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from creative.ads.counting import measure
from creative.ads.limits import fits
from creative.ads.model import AdsRequest, Look
from creative.ads.platforms import FieldRule, Platform
from creative.ads.terms import same_text
from creative.ads.write.facts import Facts
from creative.ads.write.lines import Line, Lines
from creative.ads.write.phrases import Phrases


@dataclass
class Desk:
    """Facts, phrases, the platform, and what the variants before this one said.

    Attributes:
        first: by field, what earlier variants began with.
        told: by field, how often earlier variants said a text.
    """

    request: AdsRequest
    facts: Facts
    said: Phrases
    platform: Platform
    look: Look
    first: dict[str, list[str]] = field(default_factory=dict)
    told: dict[str, Counter[str]] = field(default_factory=dict)
    _known: dict[tuple[str, str], bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lines = Lines(self.facts, self.said)

    def remember(self, fields: dict[str, list[str]]) -> None:
        """A variant is written: the next ones say other things first."""
        for name, texts in fields.items():
            self.first.setdefault(name, []).append(texts[0])
            self.told.setdefault(name, Counter()).update(texts)

    def before(self, rule: FieldRule, text: str) -> int:
        """How many earlier variants have a text in a field."""
        return self.told.get(rule.name, Counter())[text]

    def fits(self, rule: FieldRule, text: str) -> bool:
        """Whether a text breaks none of the field's rules."""
        # The same phrases come again in every variant.
        known = self._known.get((rule.name, text))
        if known is None:
            keep = (self.facts.brand, *self.request.must_include)
            known = fits(rule, text, keep, self.request.must_avoid)
            self._known[rule.name, text] = known
        return known

    def end(self, sentence: str) -> str:
        """A sentence with a stop, unless it has one."""
        return sentence if sentence[-1:] in "?!？！。." else sentence + self.said.stop.strip()

    def with_short(self, rule: FieldRule, chosen: list[str], others: Sequence[Line]) -> list[str]:
        """`chosen`, with so many short texts as the platform wants, if there are any."""
        most = rule.short_limit
        if most is None:
            return chosen
        lacking = rule.short_least - sum(measure(one, rule.unit) <= most for one in chosen)
        for line in others:
            if lacking <= 0:
                break
            short = measure(line.text, rule.unit) <= most and self.fits(rule, line.text)
            if short and not any(same_text(line.text, one) for one in chosen):
                at = len(chosen) - 1 if len(chosen) == rule.most else len(chosen)
                chosen[at:] = [line.text]
                lacking -= 1
        return chosen
