"""The parts of a prompt without a language model: subject, setting, light, framing, style."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from creative.content.scenes import Scene, scenes
from creative.errors import shorten
from creative.keywords.embed import Vectors

WORDS_OF_SUBJECT = 26
NOUNS_OF_SUBJECT = 4
ALT_CHARACTERS = 125
"""Screen readers pause there (WCAG techniques G94 and common practice)."""
_SETTING_WEIGHTS = (0.35, 0.3, 0.35)
_SETTING_NAMED = 0.08
_SETTING_LEAST = 0.14
_LIGHT_LEAST, _LIGHT_OWN = 0.28, 0.2
"""Of passage and subject together, and of the passage alone: a bottle of water is no rain."""

_CLAUSE = re.compile(r"[,;:–—]|\s-\s|\s(?:and|but|while|because|which|so)\s")
_QUOTES = re.compile(r"[\"“”„«»「」『』]")


@dataclass(frozen=True)
class About:
    """What a picture is about, in unit vectors.

    Attributes:
        article: of all of it.
        passage: of the picture's own place.
        subject: of what the prompt shows; in English, as the table is.
    """

    article: Vectors
    passage: Vectors
    subject: Vectors


class Composer:
    """Puts prompts together.

    Args:
        settings: vectors of the table's settings.
        lights: of its lights.
        style: empty: the table's.
    """

    def __init__(self, settings: Vectors, lights: Vectors, style: str) -> None:
        self._table = scenes()
        self._settings = settings
        self._lights = lights
        self._style = style or self._table.style

    def prompt(self, subject: str, about: About, framing: str) -> str:
        """Subject, setting, light, framing, style."""
        setting = self._setting(subject, about)
        say = setting.say if setting else self._table.plain_setting
        light = (setting.light if setting else "") or self._light(about)
        return ", ".join([subject, say, light, framing, self._style])

    def _setting(self, subject: str, about: About) -> Scene | None:
        """The nearest one to article, passage and subject; None if none is near.

        One whose place the subject names is nearer: "a kitchen" is in a kitchen.
        """
        parts = zip(_SETTING_WEIGHTS, (about.article, about.passage, about.subject), strict=True)
        near = np.array([0.0 for _ in self._table.settings], np.float32)
        for weight, vector in parts:
            near += weight * (self._settings @ vector)
        words = frozenset(re.findall(r"\w+", subject.lower()))
        named = [one.say.rsplit(maxsplit=1)[-1] in words for one in self._table.settings]
        near += _SETTING_NAMED * np.array(named, np.float32)
        best = int(np.argmax(near))
        return self._table.settings[best] if near[best] >= _SETTING_LEAST else None

    def _light(self, about: About) -> str:
        """One that the passage itself speaks of; else the first."""
        said = (self._lights @ (about.passage + about.subject)) / np.sqrt(2)
        own = self._lights @ about.passage
        near = np.where(own >= _LIGHT_OWN, said, -1.0)
        near[0] = _LIGHT_LEAST
        return self._table.lights[int(np.argmax(near))].say


def specific(nouns: Iterable[str]) -> list[str]:
    """Each noun once, and none of which there is a kind: no "water" beside "filtered water"."""
    every = list(dict.fromkeys(nouns))
    return [one for one in every if not any(other.endswith(f" {one}") for other in every)]


def clause(sentence: str, spaced: bool) -> str:
    """The sentence, or its beginning up to a border between clauses, without its full stop."""
    text = _QUOTES.sub("", sentence).strip().rstrip(".。!！?？…:：;；,，、")
    if not spaced:
        if len(text) <= 2 * WORDS_OF_SUBJECT:
            return text
        cut = max(text.rfind(sign, 0, 2 * WORDS_OF_SUBJECT) for sign in "、，。；")
        return text[: cut if cut > 0 else 2 * WORDS_OF_SUBJECT]
    words = text.split()
    if len(words) <= WORDS_OF_SUBJECT:
        return text
    start = " ".join(words[:WORDS_OF_SUBJECT])
    borders = [found.start() for found in _CLAUSE.finditer(start)]
    late = [at for at in borders if at > len(start) // 3]
    return start[: late[-1]] if late else start


def alt(sentence: str) -> str:
    """An alternative text of a sentence."""
    return shorten(_QUOTES.sub("", sentence).strip(), ALT_CHARACTERS)
