"""What platforms refuse in a text: found, and mended where it can be.

    found("BUY NOW!!!", "exclamation", keep=()) -> ["!!!"]
    mended("BUY NOW!!!", rule.forbids, keep=()) -> "Buy now."

A mark is looked for by form, not by meaning: "all_capitals" passes acronyms of words.yaml, words
with a digit, and the brand and wanted terms (`keep`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from creative.ads.counting import graphemes, is_emoji
from creative.ads.platforms import FieldRule, Mark

_EXCLAMATION = re.compile(r"[!！﹗¡‼⁉❗❕]+")
_CLOSING = re.compile(r"[!！﹗‼⁉❗❕]+")
_REPEATED = re.compile(
    r"[!?！？‼⁉⁇⁈](?:\s*[!?！？‼⁉⁇⁈])+|([.,;:、。，；：·・~～\-–—*+=#$%&@_|/\\])\s?\1+|…{2,}"
)
_SYMBOLS = re.compile(
    "[•●○◎◦▪▫■□▶▷►◀◁◄▲△▼▽★☆✦✧✪✓✔✗✘☑→←↑↓⇒⇐➜➔➤※❤♥♡♦♠♣♪♫…⋯^~_{}\\\\™®©¹²³⁴⁵⁶⁷⁸⁹⁰]|(?<!\\d)[*＊]|[*＊](?=\\w)"
)
_SYMBOLS_THAT_NAME = re.compile(r"(?<=\w)[™®©²³¹*]")
_PHONE = re.compile(r"(?<![\w.,])(?:\+|00)?\(?\d[\d()\s./\-]{5,}\d(?![\w%€$£¥])")
_NO_PHONE = re.compile(
    r"(?:19|20)\d\d\s?[-–/.]\s?(?:19|20)\d\d"
    r"|\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{2,4}"
    r"|\d{1,3}(?:[ .]\d{3})+|\d{1,2}\s?[-/]\s?\d{1,2}"
)
_HALFWIDTH = re.compile(r"[\uff65-\uff9f]+")
_BRACES = re.compile(r"[{}｛｝]")
_HASH = re.compile(r"[#＃]")
_WORD = re.compile(r"[^\W_]+(?:['’&][^\W_]+)*")
_SHOUT = 5
"""Letters from which a word in capitals is shouting unless it is a known acronym."""


class Listed(BaseModel):
    """A list of words in words.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: str
    source: str
    checked: str


class Dangling(BaseModel):
    """What a text must not end with, by language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    languages: dict[str, str]
    source: str
    checked: str


class Words(BaseModel):
    """words.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    acronyms: Listed
    shouted: Listed
    dangling: Dangling
    whole: Listed


@cache
def words() -> Words:
    """words.yaml, read once."""
    import yaml

    path = Path(__file__).with_name("words.yaml")
    return Words.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@cache
def _acronyms() -> frozenset[str]:
    return frozenset(words().acronyms.words.split())


@cache
def _shouted() -> frozenset[str]:
    return frozenset(words().shouted.words.split())


def found(text: str, mark: Mark, keep: Iterable[str] = ()) -> list[str]:
    """The places of `text` that `mark` forbids, as they stand there.

    Args:
        text: the text.
        mark: what is forbidden.
        keep: brand and terms whose capitals are theirs.
    """
    return _FINDERS[mark](text, tuple(keep))


def _in_path(sign: str) -> bool:
    return sign == "-" or unicodedata.category(sign)[0] in "LMN"


def _phones(text: str) -> list[re.Match[str]]:
    """Digits in groups that can be dialled: no dates, years, thousands or short numbers."""
    numbers = []
    for one in _PHONE.finditer(text):
        digits = sum(sign.isdigit() for sign in one.group())
        grouped = re.search(r"\D", one.group().strip()) or one.group().startswith("0")
        if digits >= (7 if grouped else 9) and not _NO_PHONE.fullmatch(one.group().strip()):
            numbers.append(one)
    return numbers


def _shouts(text: str, keep: Iterable[str]) -> list[tuple[int, int]]:
    """Words in capitals that are no acronyms: long ones, advertising cries, and their runs."""
    kept = {word.upper() for term in keep for word in _WORD.findall(term)}
    found_words = list(_WORD.finditer(text))
    capital = [_is_capital(one.group()) for one in found_words]
    loud = []
    for place, one in enumerate(found_words):
        word = one.group()
        if not capital[place] or word in kept or word in _acronyms():
            continue
        letters = sum(sign.isalpha() for sign in word)
        beside = any(
            0 <= near < len(found_words)
            and capital[near]
            and found_words[near].group() not in kept
            and _adjoin(text, one, found_words[near])
            for near in (place - 1, place + 1)
        )
        if letters >= _SHOUT or word in _shouted() or beside:
            loud.append(one.span())
    return loud


def _adjoin(text: str, one: re.Match[str], other: re.Match[str]) -> bool:
    first, second = sorted((one.span(), other.span()))
    return not text[first[1] : second[0]].strip()


def _is_capital(word: str) -> bool:
    letters = [sign for sign in word if sign.isalpha()]
    return len(letters) > 1 and word.isupper() and not any(sign.isdigit() for sign in word)


def exclamations(text: str) -> int:
    """Exclamation marks of `text`; several beside each other, and "¡" with its "!", are one."""
    return len(_CLOSING.findall(text))


def mended(text: str, forbids: Sequence[Mark], keep: Iterable[str] = ()) -> str:
    """`text` without what `forbids` names; may be empty, and never longer in any unit.

    "!!!" becomes "." where sentences end so, and one mark where one is allowed; capitals become
    small letters with a capital first one; emoji, symbols and telephone numbers are dropped;
    half-width katakana become full-width ones (a text may become wider by that, since the two
    have no common width; shortening comes afterwards).
    """
    kept = tuple(keep)
    for _ in range(4):
        before = text
        for mark in forbids:
            text = _MENDERS[mark](text, kept)
        text = tidy(text)
        if text == before:
            break
    return text


def _without_shouts(text: str, keep: Sequence[str]) -> str:
    for start, end in reversed(_shouts(text, keep)):
        text = text[:start] + _lowered(text, start, end) + text[end:]
    return text


def _without_phones(text: str) -> str:
    for one in reversed(_phones(text)):
        text = text[: one.start()] + " " + text[one.end() :]
    return text


def _as_path(text: str) -> str:
    joined = re.sub(r"[\s/_.,]+", "-", text)
    return re.sub("-{2,}", "-", "".join(filter(_in_path, joined))).strip("-")


def _symbols(text: str) -> list[re.Match[str]]:
    named = {one.start() for one in _SYMBOLS_THAT_NAME.finditer(text)}
    return [one for one in _SYMBOLS.finditer(text) if one.start() not in named]


def _without_symbols(text: str) -> str:
    for one in reversed(_symbols(text)):
        text = text[: one.start()] + " " + text[one.end() :]
    return text


def _calm(text: str) -> str:
    """Without exclamation marks: gone at the end, a full stop between sentences."""

    def instead(one: re.Match[str]) -> str:
        rest = text[one.end() :].strip()
        if not rest or not text[: one.start()].strip() or rest[0] in '.。?？,，;；:：)）」』"”':
            return ""
        return "。" if one.group()[0] == "！" or _wide(rest[0]) else "."

    return _EXCLAMATION.sub(instead, text)


def calmer(text: str) -> str:
    """`text` with a full stop for every exclamation mark (a second one in an ad is refused)."""
    return tidy(_REPEATED.sub(_one_of, _full_stops(text.replace("¡", ""))))


def _wide(sign: str) -> bool:
    return unicodedata.east_asian_width(sign) in "WF"


def _one_of(one: re.Match[str]) -> str:
    """The one sign that stands for several."""
    signs = one.group()
    if signs[0] in "!！‼⁉?？⁇⁈":
        wide = "！" in signs or "？" in signs
        asks = any(sign in "?？⁇⁈⁉" for sign in signs)
        if asks:
            return "？" if wide else "?"
        return "！" if wide else "!"
    if signs[0] == "." and len(signs) > 2:
        return "…"
    return signs[0]


def _lowered(text: str, start: int, end: int) -> str:
    """A shouted word in small letters; the first one large at the start of a sentence."""
    word = text[start:end].lower()
    before = text[:start].rstrip()
    first = not before or before[-1] in '.!?:。！？：–—|("“„«»'
    return word[:1].upper() + word[1:] if first else word


_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\s*\n\s*\n\s*|\s*\n\s*")
# Control signs, soft hyphens, zero-width spaces, byte order marks, changes of direction.
_UNWANTED = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\ud800-\\udfff"
    "\\u00ad\\u200b\\u2060\\ufeff\\u202a-\\u202e\\u2066-\\u2069]"
)
_AT_THE_START = re.compile(r"^(?:[\s,;:、，；：。！!）」』)\]}»”]+|[.|/·・\-–—•*+=]+\s+)+")


def tidy(text: str) -> str:
    """Composed (NFC), without control signs, doubled spaces and spaces before punctuation."""
    text = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
    text = _UNWANTED.sub("", text)
    text = _SPACES.sub(" ", text.replace("\t", " "))
    text = _LINES.sub(lambda one: "\n\n" if one.group().count("\n") > 1 else "\n", text)
    # French sets a space before ":", "!" and "?": only doubled or stray ones are removed there.
    text = re.sub(r"\s+([,.。、，；：！？）」』])", r"\1", text)
    text = _AT_THE_START.sub("", text).strip()
    # "-20 %" with a real minus: what begins with a hyphen is a formula to a spreadsheet.
    return re.sub(r"^-(?=\d)", "\u2212", text)


def forbidden(rule: FieldRule, text: str, keep: Iterable[str] = ()) -> list[tuple[Mark, list[str]]]:
    """Every mark of `rule` that `text` breaks, with the places; one text alone."""
    kept = tuple(keep)
    broken: list[tuple[Mark, list[str]]] = []
    for mark in rule.forbids:
        places = found(text, mark, kept)
        if places:
            broken.append((mark, places))
    return broken


def _all(pattern: re.Pattern[str], text: str) -> list[str]:
    return [one.group() for one in pattern.finditer(text)]


type _Finder = Callable[[str, Sequence[str]], list[str]]
type _Mender = Callable[[str, Sequence[str]], str]
_FINDERS: dict[Mark, _Finder] = {
    "exclamation": lambda text, _: _all(_EXCLAMATION, text),
    "second_exclamation": lambda text, _: _all(_CLOSING, text)[1:],
    "repeated_punctuation": lambda text, _: _all(_REPEATED, text),
    "all_capitals": lambda text, keep: [text[start:end] for start, end in _shouts(text, keep)],
    "emoji": lambda text, _: [one for one in graphemes(text) if is_emoji(one)],
    "symbols": lambda text, _: [one.group() for one in _symbols(text)],
    "phone_number": lambda text, _: [one.group() for one in _phones(text)],
    "halfwidth_katakana": lambda text, _: _all(_HALFWIDTH, text),
    "braces": lambda text, _: _all(_BRACES, text),
    "hash": lambda text, _: _all(_HASH, text),
    "path": lambda text, _: [sign for sign in text if not _in_path(sign)],
}
_MENDERS: dict[Mark, _Mender] = {
    "exclamation": lambda text, _: _calm(text.replace("¡", "")),
    "second_exclamation": lambda text, _: _after_first(text),
    "repeated_punctuation": lambda text, _: _REPEATED.sub(_one_of, text),
    "all_capitals": _without_shouts,
    "emoji": lambda text, _: "".join(one for one in graphemes(text) if not is_emoji(one)),
    "symbols": lambda text, _: _without_symbols(text),
    "phone_number": lambda text, _: _without_phones(text),
    "halfwidth_katakana": lambda text, _: _HALFWIDTH.sub(_full_width, text),
    "braces": lambda text, _: _BRACES.sub("", text),
    "hash": lambda text, _: _HASH.sub("", text),
    "path": lambda text, _: _as_path(text),
}


def _full_width(one: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", one.group())


def _after_first(text: str) -> str:
    """Only the first exclamation mark stays one."""
    first = _CLOSING.search(text)
    if first is None:
        return text
    return text[: first.end()] + _full_stops(text[first.end() :].replace("¡", ""))


def _full_stops(text: str) -> str:
    return _CLOSING.sub(lambda one: "。" if one.group()[0] == "！" else ".", text)
