"""The headlines of a variant: one leads, the others say something else.

Where a platform mixes many headlines, the variants of a call share out what there is to say: each
takes first what the others have not said, and leaves to them what they lead with.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

from creative.ads.counting import measure
from creative.ads.platforms import FieldRule
from creative.ads.terms import contains, repeats, same_text
from creative.ads.write.desk import Desk
from creative.ads.write.lines import Line
from creative.ads.write.names import cores
from creative.ads.write.phrases import ANGLES, Angle
from creative.ads.write.prices import named_prices

MOST_OF_A_NAME = 4
"""How often product and brand may come in the headlines of a variant, each."""
SHARES = 2
"""How many of several variants have a headline, on average."""


def headlines(desk: Desk, rule: FieldRule, angles: Sequence[Angle], number: int) -> list[str]:
    """The headlines of a variant, the leading one first; [] if there are none.

    Args:
        desk: what there is.
        rule: of the field.
        angles: those with something to say, the variant's own first.
        number: of the variant, from 0.
    """
    queues = [list(_fitting(desk, rule, angle, number)) for angle in angles]
    lead = _lead(desk, rule, queues)
    if lead is None:
        return []
    chosen = [lead]
    share = _share(desk, rule, len({one.text for queue in queues for one in queue}))
    awaited = _awaited(desk, queues)
    taken = [0] * len(queues)
    lines = [
        _Candidate(at, place, one)
        for at, queue in enumerate(queues)
        for place, one in enumerate(queue)
    ]
    left = _without(desk, lines, chosen, lead, again=False)
    named = _names_it(desk, lead.text)
    while len(chosen) < rule.most:
        if not left and len(chosen) < rule.least:
            # A fact twice only where the platform's least number asks for it.
            left = _without(desk, lines, chosen, None, again=True)
        if not left:
            break
        worth = [_Worth.of(desk, rule, one, named, awaited, taken) for one in left]
        best = left[worth.index(min(worth))]
        if len(chosen) >= share and min(worth).worn:
            break
        chosen.append(best.line)
        taken[best.at] += 1
        named = named or _names_it(desk, best.line.text)
        left = _without(desk, left, chosen, best.line, again=False)
    others = [one for angle in ANGLES for one in desk.lines.of(angle)]
    return desk.with_short(rule, [one.text for one in chosen], others)


def _lead(desk: Desk, rule: FieldRule, queues: Sequence[Sequence[Line]]) -> Line | None:
    """The first line: it carries the angle and differs from those of earlier variants, else it is
    for another field to differ."""
    used = desk.first.get(rule.name, ())
    own = (one for one in queues[0] if one.text not in used)
    return next(own, None) or next((one for queue in queues for one in queue), None)


class _Candidate(NamedTuple):
    """A line that may come next: the place of its angle, its place among that angle's lines."""

    at: int
    place: int
    line: Line


class _Worth(NamedTuple):
    """What is taken first: the least in each, one after the other.

    Attributes:
        nameless: whether the thing is still to be named, and is not here.
        worn: how many variants say it or will lead with it, and one more if it says nothing.
        taken: how many lines of its angle the variant has.
        at, place: of the candidate.
    """

    nameless: bool
    worn: int
    taken: int
    at: int
    place: int

    @classmethod
    def of(
        cls,
        desk: Desk,
        rule: FieldRule,
        one: _Candidate,
        named: bool,
        awaited: Container[str],
        taken: Sequence[int],
    ) -> _Worth:
        """Of a candidate beside what a variant has."""
        text = one.line.text
        worn = desk.before(rule, text) + (text in awaited) + _is_empty(desk, one.line)
        nameless = not named and not _names_it(desk, text)
        return cls(nameless, worn, taken[one.at], one.at, one.place)


def _without(
    desk: Desk, lines: Sequence[_Candidate], chosen: Sequence[Line], last: Line | None, again: bool
) -> list[_Candidate]:
    """Those of `lines` that say something new.

    Args:
        desk: names of brand and product, which may come a few times.
        lines: new beside all of `chosen` but `last`.
        chosen: the headlines so far.
        last: the newest of them; None: `lines` may clash with any.
        again: whether a fact may come a second time.
    """
    against = chosen if last is None else [last]
    full = [
        name
        for name in (desk.facts.product, desk.facts.brand)
        if name and sum(contains(one.text, name) for one in chosen) >= MOST_OF_A_NAME
    ]
    return [
        one
        for one in lines
        if not any(_clash(one.line, other, again) for other in against)
        and not any(contains(one.line.text, name) for name in full)
    ]


def _clash(line: Line, other: Line, again: bool) -> bool:
    """Whether a line says what another one says."""
    if same_text(line.text, other.text):
        return True
    if again:
        return False
    if any(repeats(fact, one) for fact in line.facts for one in other.facts):
        return True
    return not named_prices(line.text).isdisjoint(named_prices(other.text))


def _names_it(desk: Desk, text: str) -> bool:
    """Whether a text says what the thing is."""
    name = desk.facts.product
    return bool(name) and any(contains(text, one) for one in (name, *cores(name, desk.said)))


def _is_empty(desk: Desk, line: Line) -> bool:
    """Whether it says nothing but the brand: "Take a closer look"."""
    return not (line.facts or named_prices(line.text) or _names_it(desk, line.text))


def _share(desk: Desk, rule: FieldRule, lines: int) -> int:
    """How many headlines a variant has at least, even if others have them too."""
    count = desk.request.count
    if count == 1 or rule.most == 1:
        return rule.most
    return max(rule.least + SHARES, math.ceil(SHARES * lines / (count + 1)))


def _awaited(desk: Desk, queues: Sequence[Sequence[Line]]) -> set[str]:
    """What the other variants will lead with, most likely."""
    return {queue[0].text for queue in queues[1 : desk.request.count] if queue}


def _fitting(desk: Desk, rule: FieldRule, angle: Angle, number: int) -> Iterator[Line]:
    """Lines of an angle that a field takes: those that readers see whole first."""
    lines = [one for one in desk.lines.of(angle) if desk.fits(rule, one.text)]
    turn = (number // len(ANGLES) + desk.request.seed) % len(lines) if lines else 0
    lines = lines[turn:] + lines[:turn]
    yield from (one for one in lines if measure(one.text, rule.unit) <= rule.aim)
    if rule.aim == rule.limit or any(measure(o.text, rule.unit) <= rule.aim for o in lines):
        return
    yield from lines
