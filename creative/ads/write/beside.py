"""What stands beside a text: a reader sees the headline and one other text, so each says its own.

Used for the first text of a field, which is the one that is shown beside the first headline and
drawn under it; the texts after it are alternatives that a platform chooses from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from creative.ads.terms import repeats
from creative.ads.write.lines import Line
from creative.ads.write.prices import named_prices


@dataclass(frozen=True)
class Beside:
    """What is read together with a text.

    Attributes:
        headline: the first headline; None where there is none.
        led: what the first texts of other fields begin with.
    """

    headline: Line | None = None
    led: tuple[Line, ...] = ()

    def after(self, role: str, first: Sequence[str], known: Sequence[Line]) -> Beside:
        """This, and a field with its first text, if it has one.

        Args:
            role: the field's.
            first: its first text, or nothing.
            known: all lines that texts may begin with.
        """
        if role == "headline":
            for text in first:
                lead = next((one for one in known if one.text == text), Line(text))
                return replace(self, headline=lead)
        elif role in ("description", "text"):
            for text in first:
                lead = next((one for one in known if text.startswith(one.text)), Line(text))
                return replace(self, led=(*self.led, lead))
        return self

    def headline_says(self, line: Line) -> bool:
        """Whether the headline says what `line` says."""
        return self.headline is not None and _same(line, self.headline)

    def new(self, lines: Iterable[Line], apart: int) -> Iterator[Line]:
        """Those of `lines` that say something else: 1, than the headline; 2, than what other
        fields begin with, too; 0, all."""
        for line in lines:
            if apart and self.headline_says(line):
                continue
            if apart < 2 or not any(_same(line, one) for one in self.led):
                yield line


def _same(line: Line, other: Line) -> bool:
    if not named_prices(line.text).isdisjoint(named_prices(other.text)):
        return True
    said, known = {line.text, *line.facts}, {other.text, *other.facts}
    return any(repeats(one, two) for one in said for two in known)
