"""The headlines of a variant: one leads, the others say something else.

Where a platform mixes many headlines, the variants of a call share out what there is to say: each
takes first what the others have not said, and leaves to them what they lead with.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from creative.ads.counting import measure
from creative.ads.platforms import FieldRule
from creative.ads.terms import contains, repeats, same_text
from creative.ads.write.desk import Desk
from creative.ads.write.lines import Line
from creative.ads.write.names import cores
from creative.ads.write.phrases import ANGLES, Angle
from creative.capture.facts import prices_in

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
    # The first line carries the angle and differs from those of earlier variants.
    used = desk.first.get(rule.name, ())
    lead = next((one for one in queues[0] if one.text not in used), None)
    if lead is None:
        # It is for the field that leads to differ from what was said before.
        lead = next((one for queue in queues for one in queue), None)
    if lead is None:
        return []
    chosen = [lead]
    share = _share(desk, rule, len({one.text for queue in queues for one in queue}))
    awaited = _awaited(desk, queues)
    taken = [0] * len(queues)
    while len(chosen) < rule.most:
        # A fact twice only where the platform's least number asks for it.
        new = _new(desk, queues, chosen, False)
        if not new and len(chosen) < rule.least:
            new = _new(desk, queues, chosen, True)
        nameless = not any(_names_it(desk, one) for one in chosen)
        options = [
            (nameless and not _names_it(desk, one), told, taken[at], at, place)
            for at, place in new
            for one in (queues[at][place],)
            for told in (
                desk.before(rule, one.text) + (one.text in awaited) + _is_empty(desk, one),
            )
        ]
        if not options or (len(chosen) >= share and min(options)[1]):
            break
        *_, at, place = min(options)
        chosen.append(queues[at][place])
        taken[at] += 1
    others = [one for angle in ANGLES for one in desk.lines.of(angle)]
    return desk.with_short(rule, [one.text for one in chosen], others)


def _new(
    desk: Desk, queues: Sequence[Sequence[Line]], chosen: Sequence[Line], again: bool
) -> list[tuple[int, int]]:
    """Queue and place of the lines that `chosen` leaves to say."""
    return [
        (at, place)
        for at, queue in enumerate(queues)
        for place, one in enumerate(queue)
        if _is_new(desk, one, chosen, again)
    ]


def _names_it(desk: Desk, line: Line) -> bool:
    """Whether a line says what the thing is."""
    name = desk.facts.product
    return bool(name) and any(contains(line.text, one) for one in (name, *cores(name, desk.said)))


def _is_empty(desk: Desk, line: Line) -> bool:
    """Whether it says nothing but the brand: "Take a closer look"."""
    return not (line.facts or prices_in(line.text) or _names_it(desk, line))


def _share(desk: Desk, rule: FieldRule, lines: int) -> int:
    """How many headlines a variant has at least, even if others have them too."""
    count = desk.request.count
    if count == 1 or rule.most == 1:
        return rule.most
    return max(rule.least + SHARES, math.ceil(SHARES * lines / (count + 1)))


def _awaited(desk: Desk, queues: Sequence[Sequence[Line]]) -> set[str]:
    """What the other variants will lead with, most likely."""
    return {queue[0].text for queue in queues[1 : desk.request.count] if queue}


def _is_new(desk: Desk, line: Line, chosen: Sequence[Line], again: bool) -> bool:
    """Whether a line says what none of `chosen` says; (`again`) or a fact the second time."""
    if any(same_text(line.text, one.text) for one in chosen):
        return False
    if not again:
        said = [fact for one in chosen for fact in one.facts]
        if any(repeats(fact, one) for fact in line.facts for one in said):
            return False
        if set(prices_in(line.text)) & {p for one in chosen for p in prices_in(one.text)}:
            return False
    names = [name for name in (desk.facts.product, desk.facts.brand) if name]
    return all(
        sum(contains(one.text, name) for one in chosen) < MOST_OF_A_NAME
        for name in names
        if contains(line.text, name)
    )


def _fitting(desk: Desk, rule: FieldRule, angle: Angle, number: int) -> Iterator[Line]:
    """Lines of an angle that a field takes: those that readers see whole first."""
    lines = [one for one in desk.lines.of(angle) if desk.fits(rule, one.text)]
    turn = (number // len(ANGLES) + desk.request.seed) % len(lines) if lines else 0
    lines = lines[turn:] + lines[:turn]
    yield from (one for one in lines if measure(one.text, rule.unit) <= rule.aim)
    if rule.aim == rule.limit or any(measure(o.text, rule.unit) <= rule.aim for o in lines):
        return
    yield from lines
