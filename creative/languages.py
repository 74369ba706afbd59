"""Which language a text is in, and how languages are called.

    detect(text) -> "de"           name("de") -> "German"
    guess(text) -> Guess           check("pt_BR", "language") -> "pt-BR"

No model and no network: the script first, then frequent words, letters and endings of words
(languages.yaml). The same text always gives the same answer. A text of a few words can be of
several languages, so `Guess.sure` says whether the answer may be held against somebody.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from creative.errors import InvalidInput

_READ = 20_000
"""Characters of a text that are looked at: more do not change the answer."""
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_NOT_PROSE = re.compile(
    r"https?://\S+|\bwww\.\S+|[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,255}|<[^<>]{1,400}>|[#@]\w+"
)
_TAG = re.compile(r"([a-z]{2,3})(?:-([A-Z][a-z]{3}))?(?:-([A-Z]{2}|\d{3}))?$")
_SCRIPTS: tuple[tuple[str, str], ...] = (
    ("kana", r"[\u3041-\u309f\u30a0-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f]"),
    ("hangul", r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]"),
    ("han", r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"),
    ("cyrillic", r"[\u0400-\u052f]"),
    ("greek", r"[\u0370-\u03ff\u1f00-\u1fff]"),
    ("hebrew", r"[\u0590-\u05ff]"),
    ("arabic", r"[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff]"),
    ("devanagari", r"[\u0900-\u097f]"),
    ("thai", r"[\u0e00-\u0e7f]"),
    ("latin", r"[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]"),
)
_COUNTED = {script: re.compile(pattern) for script, pattern in _SCRIPTS}
# What a sign of these says weighs as much as several Latin letters: a word is shorter.
_DENSE = {"han": 3.0, "kana": 2.0, "hangul": 2.0}


class Language(BaseModel):
    """A row of languages.yaml; `words` are separated by white space there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tag: str
    name: str
    own: str
    scripts: tuple[str, ...]
    letters: str = ""
    endings: tuple[str, ...] = ()
    words: str = ""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    checked: str
    languages: tuple[Language, ...]


@dataclass(frozen=True)
class Guess:
    """What a text seems to be written in.

    Attributes:
        tag: BCP 47; "" for a text without letters, or of which nothing can be told.
        sure: whether hardly anything else is possible.
    """

    tag: str
    sure: bool


@lru_cache(maxsize=1)
def known() -> Mapping[str, Language]:
    """The languages of languages.yaml, by tag."""
    import yaml

    text = (Path(__file__).parent / "languages.yaml").read_text(encoding="utf-8")
    return {one.tag: one for one in _Table.model_validate(yaml.safe_load(text)).languages}


def detect(text: str) -> str:
    """The language of `text` as a BCP 47 tag such as "en" or "zh"; "" if nothing can be told."""
    return guess(text).tag


def guess(text: str) -> Guess:
    """The language of `text`, and whether that is sure."""
    prose = _NOT_PROSE.sub(" ", text[:_READ])
    weights = {
        script: len(pattern.findall(prose)) * _DENSE.get(script, 1.0)
        for script, pattern in _COUNTED.items()
    }
    total = sum(weights.values())
    if not total:
        return Guess("", sure=False)
    # Brands and units in Latin letters stand in texts of every script.
    other = {script: weight for script, weight in weights.items() if script != "latin"}
    if sum(other.values()) * 2 < total:
        return _by_words(prose, "latin")
    east = weights["kana"] + weights["hangul"] + weights["han"]
    if east * 2 >= sum(other.values()):
        enough = total >= 8
        if weights["hangul"] > weights["kana"] + weights["han"]:
            return Guess("ko", sure=enough)
        # A Chinese text has no kana but in a foreign name; a Japanese one is full of them.
        if weights["kana"] * 10 >= weights["han"] or not weights["han"]:
            return Guess("ja", sure=enough)
        return _han(prose, weights["han"])
    return _by_words(prose, max(other, key=lambda script: other[script]))


def name(tag: str) -> str:
    """A language's English name: "Japanese" for "ja", "Portuguese (BR)" for "pt-BR"."""
    base, _, rest = tag.partition("-")
    found = known().get(base)
    if found is None:
        return tag
    return f"{found.name} ({rest})" if rest else found.name


def base(tag: str) -> str:
    """The language of a tag, without script and region: "zh" for "zh-Hant-TW"."""
    return tag.partition("-")[0]


def check(typed: str, parameter: str = "language") -> str:
    """A language that somebody typed, as a BCP 47 tag.

    Args:
        typed: a tag ("pt", "pt-BR", "zh_Hans", "ja_JP") or a name ("German", "Deutsch").
        parameter: where it was typed, for the error.

    Raises:
        InvalidInput: it is none of the known languages, which the error lists.
    """
    wanted = " ".join(typed.split())
    for language in known().values():
        if wanted.casefold() in (language.name.casefold(), language.own.casefold()):
            return language.tag
    first, *rest = re.split(r"[-_]", wanted)
    parts = [first.lower()]
    for part in rest:
        parts.append(part.title() if len(part) == 4 else part.upper())
    parts[0] = _ALIASES.get(parts[0], parts[0])
    tag = "-".join(parts)
    if not _TAG.fullmatch(tag) or parts[0] not in known():
        listed = ", ".join(f"{one.tag} ({one.name})" for one in known().values())
        raise InvalidInput(parameter, typed, f"one of {listed}")
    return tag


_ALIASES = {"no": "nb", "nn": "nb", "iw": "he", "in": "id", "cmn": "zh", "jp": "ja", "cn": "zh"}
"""Tags that mean one of ours: old ones of ISO 639, and countries typed instead of languages."""


@lru_cache(maxsize=1)
def _evidence() -> tuple[
    Mapping[str, dict[str, float]], Mapping[str, dict[str, float]], Mapping[str, dict[str, float]]
]:
    """What each word, letter and ending says for each language.

    One that many languages share says little: its weight is parted among them, twice.
    """

    def parted(rows: dict[str, set[str]], weight: float) -> dict[str, dict[str, float]]:
        return {
            sign: dict.fromkeys(sorted(tags), weight / len(tags) ** 1.5)
            for sign, tags in rows.items()
        }

    words: dict[str, set[str]] = {}
    letters: dict[str, set[str]] = {}
    endings: dict[str, set[str]] = {}
    for tag, language in known().items():
        for word in language.words.split():
            words.setdefault(_folded(word), set()).add(tag)
        for letter in language.letters:
            letters.setdefault(letter.lower(), set()).add(tag)
        for ending in language.endings:
            endings.setdefault(ending, set()).add(tag)
    return parted(words, 1.0), parted(letters, 1.0), parted(endings, 0.35)


def _folded(word: str) -> str:
    return unicodedata.normalize("NFC", word.lower()).replace("’", "'")


def _han(text: str, weight: float) -> Guess:
    """Chinese, or a short Japanese line without kana ("送料無料"), as ads have them."""
    speaks = {tag: sum(text.count(sign) for sign in known()[tag].letters) for tag in ("zh", "ja")}
    if speaks["ja"] > speaks["zh"]:
        # Traditional Chinese writes some of these too, but longer texts than this.
        return Guess("ja" if weight <= 36 else "zh", sure=False)
    return Guess("zh", sure=weight >= 36 or speaks["zh"] > speaks["ja"] + 1)


def _by_words(text: str, script: str) -> Guess:
    """The language of a text in a script that several are written in."""
    possible = [one.tag for one in known().values() if script in one.scripts]
    if len(possible) == 1:
        return Guess(possible[0], sure=True)
    by_word, by_letter, by_ending = _evidence()
    scores: Counter[str] = Counter()
    tokens = [
        _folded(found.group()) for found in _WORD.finditer(unicodedata.normalize("NFC", text))
    ]
    for token in tokens:
        scores.update(by_word.get(token, {}))
        for letter in set(token):
            scores.update(by_letter.get(letter, {}))
        # The longest ending says the most.
        for length in range(min(5, len(token) - 2), 1, -1):
            if found := by_ending.get(token[-length:]):
                scores.update(found)
                break
    for sign in "¿¡":
        if sign in text:
            scores.update({"es": 1.0})
    ranked = sorted(
        ((scores[tag], -order, tag) for order, tag in enumerate(possible)), reverse=True
    )
    (best, _, tag), (second, _, _) = ranked[0], ranked[1]
    if best <= 0:
        # Words that no row has: the first language of the script, unless it is a guess at all.
        return Guess("" if script == "latin" else possible[0], sure=False)
    return Guess(tag, sure=len(tokens) >= 4 and best >= 2.0 and best >= 1.8 * second)
