"""A variant on its way into its platform's limits: mended, filled up, with every wanted term."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from creative.ads import ctas
from creative.ads.counting import graphemes, is_emoji, measure
from creative.ads.cutting import cut, dangles, pieces
from creative.ads.limits import UNIT_NAMES, check, fits, says_something
from creative.ads.marks import calmer, exclamations, mended, tidy
from creative.ads.model import Copy
from creative.ads.platforms import FieldRule, Platform, Role
from creative.ads.terms import contains, same_text
from creative.errors import AnswerInvalid, InvalidInput
from creative.errors import shorten as one_line

_SHOWN = 70
"""Characters of a text in a note."""
FREE: tuple[Role, ...] = ("description", "text", "long_headline", "headline")
"""Roles whose texts say what the advertiser likes, those with the most room first."""
_SOURCES: dict[Role, tuple[Role, ...]] = {
    "headline": ("headline", "long_headline", "description", "text"),
    "long_headline": ("long_headline", "description", "text", "headline"),
    "description": ("description", "text", "long_headline", "headline"),
    "text": ("text", "description", "long_headline", "headline"),
}
"""Where texts that a field lacks are taken from, the likest first."""
_LOOSE = " \n,;:–—|-、，；：｜(（「"
"""What a clause ends with that stands alone now."""
_USUAL = "Learn more"
"""The call to action of an ad that has none; every platform with a list has it but X."""
_MOST_TEXT = 20_000
"""Characters of one text that are looked at: an ad has a tenth of that at most."""


def _short(rule: FieldRule, text: str) -> bool:
    return measure(text, rule.unit) <= rule.limit


def mended_for(rule: FieldRule, text: str, keep: Sequence[str]) -> str:
    """`text` without what the field refuses, and with no more emoji than it takes."""
    text = mended(text[:_MOST_TEXT], rule.forbids, keep)
    if rule.most_emoji is not None:
        left, kept = rule.most_emoji, []
        for one in graphemes(text):
            left -= is_emoji(one)
            if left >= 0 or not is_emoji(one):
                kept.append(one)
        text = tidy("".join(kept))
    return text


@dataclass
class Draft:
    """A variant on its way into the limits."""

    copy: Copy
    platform: Platform
    language: str
    wanted: tuple[str, ...]
    avoided: tuple[str, ...]
    brand: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def keep(self) -> list[str]:
        """Terms that may be in capitals, and that shortening spares."""
        named = [
            text
            for rule in self.platform.fields
            if rule.role == "brand"
            for text in self.fields.get(rule.name, ())
        ]
        return [term for term in (*self.wanted, self.brand, *named) if term]

    def mend(self, rule: FieldRule, texts: Iterable[str]) -> list[str]:
        """Those of `texts` that can be mended, each once, no more than the field takes."""
        made: list[str] = []
        for index, text in enumerate(texts):
            where = f"{rule.name}[{index}]"
            new, reason = self._of_text(rule, text)
            if not new:
                if text.strip():
                    self.notes.append(f'{where} "{one_line(text, _SHOWN)}" was left out: {reason}')
                continue
            if any(same_text(new, other) for other in made):
                self.notes.append(f'{where} was left out: it says the same as another: "{new}"')
                continue
            excited = "second_exclamation" in rule.forbids and any(map(exclamations, made))
            if excited and exclamations(new):
                new, _ = self._of_text(rule, calmer(new))
                reason = "has the second exclamation mark of the ad"
            if new != text and tidy(text) != new:
                self.notes.append(
                    f'{where} {reason}: "{one_line(text, _SHOWN)}" -> "{one_line(new, _SHOWN)}"'
                )
            made.append(new)
        if len(made) > rule.most:
            made = self._chosen(rule, made)
        return made

    def _of_text(self, rule: FieldRule, text: str) -> tuple[str, str]:
        """The text that keeps the rule, and what was done to it; "" and why, if there is none."""
        new, done = tidy(text[:_MOST_TEXT]), ""
        if rule.options:
            meant = ctas.option(new, rule.options)
            if any(contains(meant, term) for term in self.avoided):
                return "", "it has what must be avoided"
            return meant, "became the platform's own" if meant else "the platform has none like it"
        for _ in range(3):
            before = new
            new = mended_for(rule, new, self.keep)
            if new != before:
                done = done or "lost what the platform refuses"
            without = self._without_avoided(new)
            if without != new:
                new, done = without, "lost what must be avoided"
            if new and rule.role == "path":
                new = self._cut(rule, new, rule.limit)
            elif new and not _short(rule, new):
                size, long = measure(new, rule.unit), new
                new = self._cut(rule, new, rule.limit)
                if not new:
                    return "", (
                        f"it has {size} {UNIT_NAMES[rule.unit]} of {rule.limit} and no place where "
                        f'it could end ("{one_line(long, _SHOWN)}")'
                    )
                done = f"was shortened from {size} to {measure(new, rule.unit)}"
            if new == before:
                break
        if not new:
            return "", done or "nothing is left of it"
        if fits(rule, new, self.keep, self.avoided):
            return new, done or "ends where it can"
        return "", f"what is left of it ({one_line(new, _SHOWN)}) still breaks a rule"

    def order_paths(self) -> None:
        """No second part of a display path without a first one, which Google refuses."""
        names = [rule.name for rule in self.platform.fields if rule.role == "path"]
        filled = [self.fields[name] for name in names if self.fields[name]]
        ordered = [*filled, *([] for _ in range(len(names) - len(filled)))]
        for name, texts in zip(names, ordered, strict=True):
            if texts and not self.fields[name]:
                self.notes.append(f'"{texts[0]}" became {name}, which was empty')
        self.fields |= dict(zip(names, ordered, strict=True))

    def _calmed(self, rule: FieldRule, text: str) -> str:
        return calmer(text) if "second_exclamation" in rule.forbids else text

    def _cut(self, rule: FieldRule, text: str, limit: int) -> str:
        if rule.role == "path":
            parts = text.split("-")
            while parts and (
                measure("-".join(parts), rule.unit) > limit or dangles(parts[-1], self.language)
            ):
                parts.pop()
            return "-".join(parts) or cut(text, limit, rule.unit, self.language)
        return cut(text, limit, rule.unit, self.language, self.keep)

    def _without_avoided(self, text: str) -> str:
        """`text` without the sentences, else the clauses, that have an avoided term."""
        if not any(contains(text, term) for term in self.avoided):
            return text
        for kind in ("sentences", "clauses"):
            good = [
                one
                for one in pieces(text, kind)
                if not any(contains(one, term) for term in self.avoided)
            ]
            left = tidy("".join(good)).rstrip(_LOOSE)
            if says_something(left) and not any(contains(left, term) for term in self.avoided):
                return left
        return ""

    def _chosen(self, rule: FieldRule, texts: list[str]) -> list[str]:
        """As many as the field takes: the first ones, but with every wanted term."""
        chosen, rest = texts[: rule.most], texts[rule.most :]
        for term in self.wanted:
            if any(contains(text, term) for text in chosen):
                continue
            bearer = next((text for text in rest if contains(text, term)), None)
            if bearer is not None:
                spare = [
                    at
                    for at, text in enumerate(chosen)
                    if not any(contains(text, other) for other in self.wanted)
                ]
                if spare:
                    chosen[spare[-1]] = bearer
        left = len(texts) - len(chosen)
        self.notes.append(f"{rule.name}: {left} were left out; at most {rule.most} are taken")
        return chosen

    def fill(self, rule: FieldRule) -> None:
        """Texts for a field that has too few, from what there is."""
        texts = self.fields[rule.name]
        if len(texts) >= rule.least:
            return
        for origin, spare in self._spares(rule):
            new, _ = self._of_text(rule, self._calmed(rule, spare))
            if new and not any(same_text(new, other) for other in texts):
                texts.append(new)
                self.notes.append(f'{rule.name} "{one_line(new, _SHOWN)}" was taken from {origin}')
            if len(texts) >= rule.least:
                return
        if rule.role == "brand":
            for term in self.avoided:
                if contains(self.brand, term):
                    raise InvalidInput(
                        "must_avoid", term,
                        f'terms without the brand "{self.brand}", whose name {self.platform.id} '
                        "demands",
                        "Take it out of must_avoid, or leave this platform out.",
                    )  # fmt: skip
            raise InvalidInput(
                "brand", self.brand,
                f"a name of at most {rule.limit} {UNIT_NAMES[rule.unit]}: {self.platform.id} "
                "demands one",
                "Give the name as it is to be written, or leave this platform out.",
            )  # fmt: skip
        left = "; ".join(note for note in self.notes if note.startswith(rule.name))
        raise AnswerInvalid(
            f"the writer ({self.copy.engine})",
            f"{self.copy.id} has {len(texts)} usable {rule.name}, and {self.platform.id} demands "
            f"{rule.least}" + (f" ({one_line(left, 400)})" if left else ""),
            "Give a longer brief or a page with more text, or leave this platform out.",
        )

    def _spares(self, rule: FieldRule) -> Iterator[tuple[str, str]]:
        """Texts that could fill `rule`, with where they come from."""
        if rule.role == "brand":
            yield "the brand", self.brand
        if rule.role == "cta":
            usual = (_USUAL, *rule.options) if rule.options else (_USUAL, "Visit site", "Read more")
            for one in usual:
                yield "the usual ones", one if rule.options else ctas.label(one, self.language)
        roles = self.platform.roles
        for role in _SOURCES.get(rule.role, ()):
            for name, texts in [*self.fields.items(), *self.copy.fields.items()]:
                if roles.get(name) != role:
                    continue
                yield from ((name, text) for text in texts if name != rule.name)
                for kind in ("sentences", "clauses"):
                    parts = (one for text in texts for one in pieces(text, kind))
                    yield from ((name, one.rstrip(_LOOSE)) for one in parts)

    def shorten_one(self, rule: FieldRule) -> None:
        """As many short texts as the platform wants among those of a field."""
        limit, texts = rule.short_limit, self.fields[rule.name]
        if not limit or not texts:
            return
        spares = [text for _, text in self._spares(rule)]
        known = [self.brand] if rule.role == "headline" else []
        for text in [*known, *sorted(texts, key=len), self.brand, *spares]:
            if sum(measure(one, rule.unit) <= limit for one in texts) >= rule.short_least:
                return
            new = self._cut(rule, self._of_text(rule, self._calmed(rule, text))[0], limit)
            new, _ = self._of_text(rule, new)
            if not new or measure(new, rule.unit) > limit:
                continue
            if any(same_text(new, other) for other in texts):
                continue
            if len(texts) < rule.most:
                texts.append(new)
            else:
                bearers = [any(contains(one, term) for term in self.wanted) for one in texts]
                spare = max((at for at, held in enumerate(bearers) if not held), default=-1)
                texts[spare] = new
            self.notes.append(
                f'{rule.name} "{new}" was added: one must have at most {limit} '
                f"{UNIT_NAMES[rule.unit]}"
            )
        if sum(measure(one, rule.unit) <= limit for one in texts) < rule.short_least:
            raise AnswerInvalid(
                f"the writer ({self.copy.engine})",
                f"{self.copy.id}: {self.platform.id} demands {rule.short_least} of the {rule.name} "
                f"with at most {limit} {UNIT_NAMES[rule.unit]}, and none can be shortened to that",
                "Give a short brand, or a brief with short phrases.",
            )

    def include(self, term: str) -> None:
        """`term` in one of the texts, if it is in none."""
        if self._has(term):
            return
        for name, texts in self._with(term):
            before, self.fields[name] = self.fields[name], texts
            kept = all(self._has(one) for one in self.wanted if _among(before, one) or one == term)
            if kept and not self._broken(name):
                self.notes.append(f'{name}: "{term}" was added, which must be included')
                return
            self.fields[name] = before
        raise InvalidInput(
            "must_include", ", ".join(self.wanted),
            f"what has room in the texts of {self.platform.id} ("
            + ", ".join(
                f"{rule.name}: {rule.most} of {rule.limit}"
                for rule in self.platform.fields
                if rule.role in FREE
            )
            + f'); "{one_line(term, 60)}" has none',
            "Give fewer or shorter terms, or leave this platform out.",
        )  # fmt: skip

    def _with(self, term: str) -> Iterator[tuple[str, list[str]]]:
        """Fields changed so that they have `term`: appended, as a text of its own, instead."""
        rules = [r for role in FREE for r in self.platform.fields if r.role == role]
        joint = "。" if self.language.startswith(("zh", "ja")) else " – "
        alone = term[:1].upper() + term[1:]
        for rule in rules:
            texts = self.fields[rule.name]
            for at, text in enumerate(texts):
                yield rule.name, [*texts[:at], _joined(text, joint, term), *texts[at + 1 :]]
        for rule in rules:
            texts = self.fields[rule.name]
            if len(texts) < rule.most:
                yield rule.name, [*texts, alone]
        for rule in rules:
            texts = self.fields[rule.name]
            for at in reversed(range(len(texts))):
                room = rule.limit - measure(f"{joint}{term}", rule.unit)
                less = self._cut(rule, texts[at], room) if room > 0 else ""
                new = _joined(less, joint, term) if less else alone
                yield rule.name, [*texts[:at], new, *texts[at + 1 :]]

    def _has(self, term: str) -> bool:
        return any(_among(texts, term) for texts in self.fields.values())

    def _broken(self, name: str) -> bool:
        found = check(self.platform, self.fields, self.wanted, self.avoided, self.brand)
        return any(one.field == name and not one.advice for one in found)

    def finished(self) -> Copy:
        """The variant, seen to keep every rule."""
        order = [rule.name for rule in self.platform.fields]
        fields = {name: tuple(self.fields[name]) for name in order if self.fields[name]}
        found = check(self.platform, fields, self.wanted, self.avoided, self.brand)
        broken = [one.message for one in found if not one.advice]
        if broken:
            raise AnswerInvalid(
                f"the writer ({self.copy.engine})",
                f"{self.copy.id} cannot be brought within the limits: {' '.join(broken[:3])}",
            )
        notes = tuple(dict.fromkeys((*self.copy.notes, *self.notes)))
        return self.copy.model_copy(update={"fields": fields, "notes": notes})


def _among(texts: Iterable[str], term: str) -> bool:
    return any(contains(text, term) for text in texts)


def _joined(text: str, joint: str, term: str) -> str:
    """`term` behind `text`, as a sentence of its own if that ended one."""
    text = text.rstrip(_LOOSE)
    if text.endswith(("。", "！", "？")):
        return f"{text}{term}" + ("。" if text.endswith("。") else "")
    if text.endswith((".", "!", "?")):
        return f"{text} {term[:1].upper()}{term[1:]}" + ("." if text.endswith(".") else "")
    return f"{text}{joint}{term}"
