"""Whether texts keep a platform's rules.

    check(platform("google_search"), {"headlines": ("…",), …}) -> list[Breach]

`counting.py` says how lengths are counted, `marks.py` what forbidden marks are, `terms.py` when a
wanted or unwanted term is in a text.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from creative.ads.counting import graphemes, is_emoji, measure
from creative.ads.marks import exclamations, forbidden
from creative.ads.platforms import FieldRule, Platform
from creative.ads.terms import contains, same_text
from creative.errors import shorten

__all__ = ["Breach", "check", "measure"]

RuleName = Literal[
    "limit",  # longer than the platform takes
    "visible",  # longer than readers see (advice)
    "least",  # too few texts
    "most",  # too many texts
    "short",  # too few short texts among them
    "empty",
    "duplicate",
    "option",  # not one of the platform's own
    "most_emoji",
    "forbidden",  # a mark that the platform refuses
    "must_include",
    "must_avoid",
    "unknown_field",
]
UNIT_NAMES = {
    "characters": "characters",
    "display_width": "columns (full-width signs count 2)",
    "bytes": "bytes",
    "weighted": "weighted characters (as X counts)",
}
"""Units as messages name them."""


class Breach(BaseModel):
    """One rule that one text breaks."""

    model_config = ConfigDict(frozen=True)

    field: str = Field(description="name of the field; empty: the variant as a whole")
    index: int = Field(description="place of the text in the field from 0; -1: the field itself")
    text: str
    rule: RuleName
    value: int | str = Field(description="what was found: a length, a number of texts, a mark")
    limit: int | str = Field(description="what is allowed")
    message: str = Field(description="one sentence for people and for the writer")
    advice: bool = Field(False, description="allowed, but not wise")


def check(
    platform: Platform,
    fields: Mapping[str, Sequence[str]],
    must_include: Sequence[str] = (),
    must_avoid: Sequence[str] = (),
    brand: str = "",
) -> list[Breach]:
    """Everything that `fields` break, in the platform's order; empty if all is well.

    Args:
        platform: whose rules.
        fields: the texts by the platform's field names.
        must_include: each must stand in at least one text.
        must_avoid: none may stand in any text.
        brand: a name that may be in capitals.
    """
    rules = {rule.name: rule for rule in platform.fields}
    keep = [brand, *must_include]
    for rule in platform.fields:
        if rule.role == "brand":
            keep += fields.get(rule.name, ())
    breaches: list[Breach] = []
    for name in fields:
        if name not in rules and any(fields[name]):
            known = ", ".join(rules)
            breaches.append(
                Breach(
                    field=name, index=-1, text="", rule="unknown_field", value=name, limit=known,
                    message=f"{platform.id} has no field {name}; it has {known}.",
                )
            )  # fmt: skip
    for rule in platform.fields:
        breaches += _of_field(rule, tuple(fields.get(rule.name, ())), keep, must_avoid)
    paths = [rule.name for rule in platform.fields if rule.role == "path"]
    for first, second in itertools.pairwise(paths):
        if any(fields.get(second, ())) and not any(fields.get(first, ())):
            breaches.append(
                Breach(
                    field=first, index=-1, text="", rule="least", value=0, limit=1,
                    message=f"{first} is empty, and {second} is taken only after it.",
                )
            )  # fmt: skip
    texts = [text for name in rules for text in fields.get(name, ())]
    for term in must_include:
        if not any(contains(text, term) for text in texts):
            breaches.append(
                Breach(
                    field="", index=-1, text="", rule="must_include", value="", limit=term,
                    message=f'"{shorten(term, 60)}" must stand in a text and is in none.',
                )
            )  # fmt: skip
    return breaches


def says_something(text: str) -> bool:
    """Whether there is a letter or a digit in it: signs and pictures alone say nothing."""
    return any(sign.isalnum() for sign in text)


def fits(
    rule: FieldRule, text: str, keep: Sequence[str] = (), must_avoid: Sequence[str] = ()
) -> bool:
    """Whether one text alone breaks nothing that cannot be waved through."""
    return not any(not one.advice for one in _of_text(rule, 0, text, keep, must_avoid))


def _of_field(
    rule: FieldRule, texts: tuple[str, ...], keep: Sequence[str], must_avoid: Sequence[str]
) -> list[Breach]:
    breaches: list[Breach] = []

    def add(kind: RuleName, index: int, value: int | str, limit: int | str, message: str) -> None:
        breaches.append(
            Breach(
                field=rule.name, index=index, text=texts[index] if index >= 0 else "", rule=kind,
                value=value, limit=limit, message=message,
            )
        )  # fmt: skip

    filled = [text for text in texts if says_something(text)]
    if len(filled) < rule.least:
        add("least", -1, len(filled), rule.least,
            f"{rule.name} has {len(filled)} texts; at least {rule.least} are needed.")  # fmt: skip
    if len(texts) > rule.most:
        add("most", -1, len(texts), rule.most,
            f"{rule.name} has {len(texts)} texts; at most {rule.most} are taken.")  # fmt: skip
    if rule.short_limit and filled:
        short = sum(measure(text, rule.unit) <= rule.short_limit for text in filled)
        if short < rule.short_least:
            add("short", -1, short, rule.short_least,
                f"{rule.name} needs at least {rule.short_least} text of at most "
                f"{rule.short_limit} {UNIT_NAMES[rule.unit]}; it has {short}.")  # fmt: skip
    excited = 0
    for index, text in enumerate(texts):
        breaches += _of_text(rule, index, text, keep, must_avoid)
        earlier = next((at for at in range(index) if same_text(texts[at], text)), None)
        if earlier is not None and text.strip():
            add("duplicate", index, text, f"{rule.name}[{earlier}]",
                f"{rule.name}[{index}] says the same as {rule.name}[{earlier}].")  # fmt: skip
        if "second_exclamation" in rule.forbids:
            marks = exclamations(text)
            # Two in one text are found there; here two texts with one each.
            if marks == 1 and excited:
                add("forbidden", index, "!", "second_exclamation",
                    f"{rule.name}[{index}] has the second exclamation mark of the ad; "
                    "one is allowed.")  # fmt: skip
            excited += marks
    return breaches


def _of_text(
    rule: FieldRule, index: int, text: str, keep: Sequence[str], must_avoid: Sequence[str]
) -> list[Breach]:
    breaches: list[Breach] = []
    where = f"{rule.name}[{index}]"

    def add(
        kind: RuleName, value: int | str, limit: int | str, message: str, advice: bool = False
    ) -> None:
        breaches.append(
            Breach(
                field=rule.name, index=index, text=text, rule=kind, value=value, limit=limit,
                message=message, advice=advice,
            )
        )  # fmt: skip

    if not says_something(text):
        add("empty", 0, 1, f"{where} has no letter and no digit.")
    if not text.strip():
        return breaches
    size, unit = measure(text, rule.unit), UNIT_NAMES[rule.unit]
    quoted = f'"{shorten(text, 80)}"'
    if size > rule.limit:
        add("limit", size, rule.limit,
            f"{where} has {size} {unit}; the limit is {rule.limit}, {size - rule.limit} too many: "
            f"{quoted}.")  # fmt: skip
    elif size > rule.aim:
        add("visible", size, rule.aim,
            f"{where} has {size} {unit}; readers see about {rule.aim}: {quoted}.",
            advice=True)  # fmt: skip
    if rule.options and text not in rule.options:
        add("option", text, ", ".join(rule.options),
            f"{where} is {quoted}; the platform takes: {', '.join(rule.options)}.")  # fmt: skip
    if rule.most_emoji is not None:
        emoji = sum(map(is_emoji, graphemes(text)))
        if emoji > rule.most_emoji:
            add("most_emoji", emoji, rule.most_emoji,
                f"{where} has {emoji} emoji; at most {rule.most_emoji} are taken.")  # fmt: skip
    for mark, places in forbidden(rule, text, keep):
        what = " ".join(dict.fromkeys(places))
        add("forbidden", what, mark,
            f"{where} breaks the rule {mark.replace('_', ' ')} with {shorten(what, 40)!r}: "
            f"{quoted}.")  # fmt: skip
    for term in must_avoid:
        if contains(text, term):
            add("must_avoid", term, "", f'{where} has "{shorten(term, 60)}", which must not be '
                f"in it: {quoted}.")  # fmt: skip
    return breaches
