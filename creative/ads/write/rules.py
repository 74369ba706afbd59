"""A platform's rules in words, and what a writer that is no program is held to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from creative import languages
from creative.ads.limits import UNIT_NAMES, check
from creative.ads.model import AdsRequest, Copy, Look
from creative.ads.platforms import FieldRule, Mark, Platform
from creative.capture.facts import prices_in

_ALIKE = ({"da", "nb", "sv"}, {"cs", "pl"})
"""Languages that a short text of one is often taken for the other."""
_WIDE = {"zh", "ja", "ko"}
_MARKS: dict[Mark, str] = {
    "exclamation": "exclamation marks",
    "second_exclamation": "more than one exclamation mark in all of them",
    "repeated_punctuation": "repeated punctuation",
    "all_capitals": "words in capitals",
    "emoji": "emoji",
    "symbols": "symbols such as * … ★",
    "phone_number": "phone numbers",
    "halfwidth_katakana": "halfwidth katakana",
    "braces": "braces",
    "hash": "#",
    "path": "spaces, slashes and punctuation but hyphens",
}
_CURRENCIES = (
    ("R$", "BRL"), ("BRL", "BRL"), ("$", "$"), ("USD", "$"), ("€", "EUR"), ("EUR", "EUR"),
    ("£", "GBP"), ("GBP", "GBP"), ("¥", "¥"), ("￥", "¥"), ("円", "¥"), ("元", "¥"), ("JPY", "¥"),
    ("CNY", "¥"), ("RMB", "¥"), ("₹", "INR"), ("INR", "INR"),
)  # fmt: skip
"""Ways to write a currency: one sign is of several countries, and one name has several signs."""
_FREE = ("headline", "long_headline", "description", "text")


def wanted(rule: FieldRule) -> int:
    """How many texts to ask for: all that the platform mixes, few where one is shown alone."""
    return rule.most if rule.least > 1 else min(rule.most, 2)


def described(platform: Platform, count: int) -> str:
    """What a writer is told of a platform."""
    lines = [f"{platform.id} ({platform.label}): {count} variants, each with"]
    for rule in platform.fields:
        parts = [f"{rule.limit} {UNIT_NAMES[rule.unit]} at most"]
        if rule.visible:
            parts.append(f"aim at {rule.visible}")
        if rule.short_limit:
            parts.append(f"at least {rule.short_least} of them within {rule.short_limit}")
        if rule.options:
            parts = [f"one of: {' | '.join(rule.options)}"]
        if rule.forbids and not rule.options:
            parts.append("without " + ", ".join(_MARKS[mark] for mark in rule.forbids))
        number = wanted(rule)
        texts = f"{number} texts" if number > 1 else "1 text"
        need = f"at least {rule.least}" if rule.required else "optional"
        lines.append(
            f"- {rule.name} ({rule.role.replace('_', ' ')}): {texts}, {need}; " + "; ".join(parts)
        )
    return "\n".join(lines)


def answer_tokens(platform: Platform, language: str) -> int:
    """Tokens of one variant in an answer, about: texts at their aim, names and brackets."""
    per_token = 2.0 if languages.base(language) in _WIDE else 3.0
    texts = sum(wanted(rule) * (min(rule.aim, 150) / per_token + 4) for rule in platform.fields)
    return int(texts) + 80


class House:
    """What every text of a call is held to, beside its platform's limits."""

    def __init__(self, request: AdsRequest, look: Look) -> None:
        self.language = look.language
        self.brand = look.brand or request.brand
        self.must_include = request.must_include
        self.must_avoid = request.must_avoid
        said = [look.title, look.description, *look.headings, *look.prices, look.text]
        said += [request.brief, *request.must_include]
        self._amounts = {_worth(price) for text in said for price in prices_in(text)}

    def breaches(self, copy: Copy, platform: Platform) -> list[dict[str, object]]:
        """What is wrong with a variant, for its writer: id, field, index, text and problem."""
        found = check(platform, copy.fields, self.must_include, self.must_avoid, self.brand)
        told: list[dict[str, object]] = [
            {"id": copy.id, "field": one.field, "index": one.index, "problem": one.message}
            for one in found
            if not one.advice
        ]
        for name, texts in copy.fields.items():
            for index, text in enumerate(texts):
                for price in self.invented(text):
                    told.append(
                        {
                            "id": copy.id,
                            "field": name,
                            "index": index,
                            "problem": f"{name}[{index}] names the price {price}, which neither "
                            f'brief nor page has: "{text}".',
                        }
                    )
        return told

    def invented(self, text: str) -> list[str]:
        """Prices in `text` that nobody named."""
        return [price for price in prices_in(text) if _worth(price) not in self._amounts]

    def honest(self, copy: Copy) -> Copy:
        """`copy` without texts that name a price that nobody named, each a note."""
        fields, notes = {}, list(copy.notes)
        for name, texts in copy.fields.items():
            kept = tuple(text for text in texts if not self.invented(text))
            notes += [
                f'{name}: "{text}" was left out: it names a price that neither brief nor page has'
                for text in texts
                if text not in kept
            ]
            fields[name] = kept
        return copy.model_copy(update={"fields": fields, "notes": tuple(notes)})

    def foreign(self, copies: Iterable[Copy], platforms: Sequence[Platform]) -> str:
        """The language that texts are surely in instead of the wanted one; "" if none."""
        free = {
            (platform.id, rule.name)
            for platform in platforms
            for rule in platform.fields
            if rule.role in _FREE
        }
        texts = [
            text
            for copy in copies
            for name, of_field in copy.fields.items()
            if (copy.platform, name) in free
            for text in of_field
        ]
        guess = languages.guess(". ".join(texts))
        right = languages.base(self.language)
        alike = any({guess.tag, right} <= group for group in _ALIKE)
        return guess.tag if guess.sure and guess.tag != right and not alike else ""


def _worth(price: str) -> tuple[str, str]:
    """Amount and currency: "£89" and "89.00 GBP" are the same, "$89" is another price."""
    digits = re.sub(r"[.,](?:00|0)?(?=\D*$)", "", price)
    signs = re.sub(r"[\d.,'\s]", "", price).upper()
    return re.sub(r"\D", "", digits), next((c for s, c in _CURRENCIES if s in signs), signs)
