"""What a thing is called: a short name that page or brief give it, never one of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from creative.ads.counting import measure
from creative.ads.terms import contains, same_text
from creative.ads.write.phrases import Phrases, begins
from creative.capture.facts import prices_in

MOST_PRODUCT = 40
"""Columns of a name: a longer one is a sentence."""

_JAPANESE_SENTENCE = re.compile(r"(?:ます|です|ました|ません|ください|よう|しよう|る|た|ない|う)$")
# "南部鉄瓶は、岩手の職人が…": what a sentence is about stands before は.
_JAPANESE_TOPIC = re.compile(r"^([^はがをにで、。！？\s]{3,20})は、?(?=.{4})")
# "Café especial torrado toda semana": what was done with it stands behind it.
_PARTICIPLE = re.compile(r"[ai]d[ao]s?$")
_LIST = re.compile(r",\s+|[、，]")


class Said(NamedTuple):
    """What "Nomad is a travel backpack for …" says.

    Attributes:
        name: Nomad; "" if it is a pronoun or the brand.
        kind: travel backpack; "" if that is no short name.
    """

    name: str = ""
    kind: str = ""


class Found(NamedTuple):
    """The name of the thing.

    Attributes:
        several: it is the first of a list, as of a shop's title ("machines, beans, advice"):
            what is said of the shop is not said of it.
        proper: it is a proper name: "Nomad is a backpack".
    """

    name: str = ""
    several: bool = False
    proper: bool = False


def shorter(phrase: str, said: Phrases) -> Iterator[str]:
    """`phrase`, then what stands before its first comma, dash or colon, if that says something.

    "For people, who …" is one thing: what only goes on with it is not taken off.
    """
    yield phrase
    # Not at 、: what stands before it in Japanese mostly ends in a particle.
    first, *rest = re.split(r",\s|[，：]|:\s|\s[–—-]\s|\s\(", phrase, maxsplit=1)
    if not rest or begins(rest[0].strip(), (*said.words.loose, *said.words.articles)):
        return
    first = first.strip()
    if len(first.split()) < 3 and begins(first, said.words.sentence):
        return  # "Your bike, fixed at your door": of the bike alone nothing is said
    if len(first.split()) > 1 or measure(first, "display_width") >= 8:
        yield first


def cores(name: str, said: Phrases) -> Iterator[str]:
    """`name` without what is said of it behind, the longest first: "Handmade soap" for "Handmade
    soap from Hamburg". Two words at least: one alone is often another thing.
    """
    words = name.casefold().split()
    for end in range(len(words) - 1, 1, -1):
        made = said.tag in ("pt", "es") and _PARTICIPLE.search(words[end])
        if words[end] in said.words.cut or (made and words[end - 1] not in said.words.cut):
            yield " ".join(name.split()[:end]).rstrip(",")


def product(titles: Iterable[str], wishes: Iterable[str], said: Phrases, brand: str) -> Found:
    """The first that is a name, not a sentence, and not the brand's.

    Args:
        titles: of a page, the likest first.
        wishes: what a brief says; of a sentence "X is a Y" X is the name, else Y.
        said: the language's words.
        brand: as it is written.
    """
    said_first = list(wishes)[:1]
    candidates = [*titles, *said_first]
    for candidate in candidates:
        for name in shorter(candidate, said):
            if _is_name(name, said) and not same_text(name, brand):
                return Found(name, name != candidate and len(_LIST.split(candidate)) > 2)
    for candidate in candidates:
        for name in cores(next(reversed([*shorter(candidate, said)])), said):
            if _is_name(name, said) and not same_text(name, brand):
                return Found(name)
    for sentence in said_first:
        found = what_is_said(sentence, said, brand)
        if found.name or found.kind:
            return Found(found.name or found.kind, proper=bool(found.name))
    return Found()


def what_is_said(sentence: str, said: Phrases, brand: str) -> Said:
    """Name and kind in a sentence that says what something is; empty if it does not."""
    if said.tag == "ja":
        topic = _JAPANESE_TOPIC.match(sentence)
        return Said(topic[1]) if topic and _usable(topic[1], said, brand) else Said()
    copulas = sorted(said.words.is_a, key=len, reverse=True)
    border = r"\s" if said.spaced else ""
    for copula in copulas:
        parts = re.split(rf"{border}{re.escape(copula)}{border}", sentence, maxsplit=1)
        if len(parts) == 2:
            break
    else:
        return Said()
    name, kind = parts[0].strip(), re.split(r"[,，;:：]", parts[1])[0].strip()
    article = begins(name, said.words.articles)
    name = name[len(article) :].strip()
    kind = [kind, *cores(kind, said)][-1]
    return Said(
        name if _usable(name, said, brand) else "",
        kind[:1].upper() + kind[1:] if _usable(kind, said, brand) else "",
    )


def _usable(name: str, said: Phrases, brand: str) -> bool:
    return _is_name(name, said) and not same_text(name, brand) and len(name.split()) <= 5


def _is_name(phrase: str, said: Phrases) -> bool:
    width = measure(phrase, "display_width")
    if (
        not 3 <= width <= MOST_PRODUCT
        or re.search(r"[?!？！:：.,，、]", phrase)
        or prices_in(phrase)
    ):
        return False
    if said.spaced:
        words = re.findall(r"[^\W_]+(?:['’][^\W_]+)*", phrase.casefold())
        sentence = any(word in said.words.sentence for word in words)
        return bool(words) and not sentence and words[0] not in said.words.imperative
    ends = said.tag == "ja" and bool(_JAPANESE_SENTENCE.search(phrase))
    return not ends and not any(contains(phrase, word) for word in said.words.sentence)
