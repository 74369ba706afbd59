"""The small fields of a variant: button, brand, display path."""

from __future__ import annotations

import re

from creative import languages
from creative.ads.cutting import dangles
from creative.ads.platforms import FieldRule
from creative.ads.write.desk import Desk
from creative.ads.write.names import cores

_BUY = ("shop now", "shop", "buy now", "order now", "order", "visit store", "visit site")
_LEARN = ("learn more", "see more", "view now", "read more", "visit site")
_THING_LAST = ("en", "de", "nl", "sv", "da", "nb")
"""Languages in which the last word of a name says what the thing is."""


def cta(desk: Desk, rule: FieldRule, number: int) -> list[str]:
    """The button: one of the platform's own where it has a list."""
    if not rule.options:
        ctas = [cta for cta in desk.lines.ctas() if desk.fits(rule, cta)]
        return [ctas[number % len(ctas)]] if ctas else []
    options = {option.casefold(): option for option in rule.options}
    for name in (*_BUY, *_LEARN) if desk.facts.sells else _LEARN:
        if name in options and desk.fits(rule, options[name]):
            return [options[name]]
    return [rule.options[0]] if rule.required else []


def brand(desk: Desk, rule: FieldRule) -> list[str]:
    """The brand; else the site's host, which is a name that people know it by."""
    host = re.sub(r"^https?://(www\.)?|[:/].*$", "", desk.look.url)
    name = desk.facts.brand or (host if re.search(r"[a-z]", host) else "")
    return [name] if name and desk.fits(rule, name) else []


def path(desk: Desk, rule: FieldRule) -> list[str]:
    """A part of a display path: what the thing is, then whose."""
    name, whose = desk.facts.product, desk.facts.brand
    thing = _part(desk, rule, name)
    if rule.name.endswith("2"):
        return _part(desk, rule, whose) if thing else []
    return thing or _part(desk, rule, whose)


def _part(desk: Desk, rule: FieldRule, name: str) -> list[str]:
    language = desk.facts.language
    # "Handmade soap" of "Handmade soap from Hamburg", without the article of "A teapot".
    words = re.findall(r"[^\W_]+", [name, *cores(name, desk.said)][-1].casefold())
    while words and dangles(words[0], language):
        words.pop(0)
    made: list[str] = []
    for word in words:
        if not desk.fits(rule, "-".join([*made, word])):
            break
        made.append(word)
    thing = words[-1] if words else ""
    if len(made) < len(words) and languages.base(language) in _THING_LAST:
        # Not "hand-thrown" of "hand-thrown coffee mugs", which says nothing.
        made = [thing] if desk.fits(rule, thing) else made
    while made and dangles(made[-1], language):
        made.pop()
    return ["-".join(made)] if made else []
