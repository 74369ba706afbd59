"""The words of a keyword in the form in which its variants are the same."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from creative.keywords.row import clean

Endings = tuple[tuple[str, str], ...]

# Signs that part words or say nothing; + # % & $ € and emoji belong to what is meant.
_BREAKS = re.compile(
    r"[\s\"“”„«»()\[\]{}|/\\;:!?¿¡_…–—*&、。，；：！？「」『』（）·・‐-]+|(?<!\d),|,(?!\d)"
)
_POSSESSIVE = re.compile(r"(?<=\w)'s(?!\w)")
_APOSTROPHES = re.compile(r"[’‘`´ʼ]")
# "u.s." and "node.js" lose their dots, ".net" and "1.5" keep them.
_INNER_DOT = re.compile(r"(?<=[^\W\d_])\.(?=\w)|(?<=\d)\.(?=[^\W\d_])")
_MARKED = re.compile(r"([A-Za-z])([\u0300-\u036f]+)")
_LETTER_MARKS = frozenset("\u0308\u030a")
"""Diaeresis and ring make other letters (ä, å); so does a tilde on n."""
_VIETNAMESE = re.compile(r"[\u0309\u0323\u031b]")
HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa]")
_TO_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_LONG_END = re.compile(r"([\u30a1-\u30fa][\u30a1-\u30fc]{2,})ー(?![\u30a1-\u30fc])")
_NO = re.compile(r"(?<=[\u3400-\u9fff\u30a1-\u30fc])[の的](?=[\u3400-\u9fff\u30a1-\u30fc])")
_BETWEEN_DIGITS = re.compile(r"(?<=\d) (?=\d)")
_SHORTEST_STEM = 3
_JAPANESE_SHARE = 0.2
"""A list is Japanese if this share of its keywords with Han characters or kana has kana."""
_MARKED_SHARE = 0.02
"""A list is in a language too if this share of its keywords has a word that marks it."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Language(_Strict):
    """What makes no other keyword in a language (a row of variants.yaml)."""

    language: str
    marks: tuple[str, ...] = ()
    mark_endings: tuple[str, ...] = ()
    mark_letters: str = ""
    dropped: tuple[str, ...]
    ordered: tuple[str, ...]
    plurals: Endings
    umlaut_plurals: Endings = ()
    irregular: Endings = ()
    irregular_endings: Endings = ()
    never: tuple[str, ...] = ()
    source: str
    date: str


class Accented(_Strict):
    """Words in which an accent counts."""

    language: str
    words: tuple[str, ...]
    source: str
    date: str


class Variants(_Strict):
    """variants.yaml."""

    languages: tuple[Language, ...]
    accented: tuple[Accented, ...]
    letter_after: frozenset[str] = Field(description="words after which a letter is a name")
    particle_inside: frozenset[str]


@functools.cache
def variants() -> Variants:
    """The table of variants."""
    import yaml

    path = Path(__file__).with_name("variants.yaml")
    return Variants.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def fold(keyword: str) -> str:
    """What two writings of the same text have in common: case, width and spaces folded.

    >>> fold("  Espresso　ＭＡＣＨＩＮＥ ")
    'espresso machine'
    """
    if keyword.isascii():
        return clean(keyword).lower()
    # Casefolding may leave a sequence that NFKC composes again, so twice.
    text = unicodedata.normalize("NFKC", clean(keyword)).casefold()
    return " ".join(unicodedata.normalize("NFKC", text).split())


def split(keyword: str, simplify: bool) -> list[str]:
    """The words of `keyword`, folded; [] if it is made of signs only.

    Args:
        keyword: as written.
        simplify: whether traditional Chinese characters become simplified ones.
    """
    text = _APOSTROPHES.sub("'", fold(keyword))
    text = _INNER_DOT.sub("", _POSSESSIVE.sub("", text)).replace("'", " ")
    return [word for part in _BREAKS.split(text) if part for word in _words(part, simplify)]


def _words(part: str, simplify: bool) -> list[str]:
    word = _without_accents(part.rstrip(".,"))
    if not word.isascii() and (KANA.search(word) or HAN.search(word)):
        if word not in variants().particle_inside:
            word = _NO.sub(" ", word)
        word = _LONG_END.sub(r"\1", word).translate(_TO_HIRAGANA)
        if simplify:
            word = word.translate(_simplified())
    return word.split()


@functools.cache
def _keeps_accent() -> frozenset[str]:
    return frozenset(fold(word) for row in variants().accented for word in row.words)


@functools.lru_cache(maxsize=200_000)
def _without_accents(word: str) -> str:
    """`word` without the accents that search engines ignore.

    >>> _without_accents("café"), _without_accents("küche"), _without_accents("año")
    ('cafe', 'küche', 'año')
    """
    if word.isascii() or word in _keeps_accent():
        return word
    apart = unicodedata.normalize("NFD", word)
    if _VIETNAMESE.search(apart):
        return word  # there, accents are tones

    def bare(found: re.Match[str]) -> str:
        letter, marks = found.groups()
        if letter == "n" and marks == "\u0303":
            return str(found[0])
        # A diaeresis on a vowel that German has no umlaut of only parts it from the next one.
        kept = [m for m in marks if m in _LETTER_MARKS and letter in "aouAOU"]
        return letter + "".join(kept)

    return unicodedata.normalize("NFC", _MARKED.sub(bare, apart)).replace("ё", "е")


@functools.cache
def _simplified() -> dict[int, str]:
    """Traditional to simplified characters, from OpenCC's table.

    Of the libraries for this, opencc-python-reimplemented is pure Python under the Apache
    licence (zhconv's table is under the GPL, opencc is compiled). One character at a time is
    enough here: nobody sees the result, and only what is the same on both sides matters.
    """
    from importlib.resources import files

    table = files("opencc").joinpath("dictionary/TSCharacters.txt").read_text(encoding="utf-8")
    pairs = (line.split("\t") for line in table.splitlines() if "\t" in line)
    return {ord(pair[0]): pair[1].split()[0] for pair in pairs if len(pair[0]) == 1}


class Spellings:
    """What makes two keywords of one list the same.

    Which endings are plurals depends on the languages of the list, and a plural is one only
    beside its singular: "news" stays what it is until somebody writes "new".

    Args:
        keywords: all keywords of the list, as written; their order does not matter.
    """

    def __init__(self, keywords: Iterable[str]) -> None:
        folded = {keyword: fold(keyword) for keyword in keywords}
        kana = sum(1 for text in folded.values() if KANA.search(text))
        eastern = sum(1 for text in folded.values() if HAN.search(text) or KANA.search(text))
        # In a Japanese list 里 and 裏 are two words; in a Chinese one they are the same.
        self.simplify = kana < _JAPANESE_SHARE * eastern
        self._split: dict[str, list[str]] = {
            keyword: split(text, self.simplify and not KANA.search(text))
            for keyword, text in folded.items()
        }
        counted = Counter(word for words in self._split.values() for word in set(words))
        self.languages = _languages(folded.values(), self._split.values())
        table = variants()
        self._dropped = frozenset(w for lang in self.languages for w in lang.dropped)
        self._ordered = frozenset(
            _without_accents(w) for lang in table.languages for w in lang.ordered
        )
        self._keys: dict[str, tuple[str, ...]] = {}
        self._singular = _singulars(counted, self.languages, self._dropped | self._ordered)

    def keys(self, keyword: str) -> tuple[str, ...]:
        """Forms of a keyword of the list; keywords that share any of them are the same.

        The first is blind to the order of words where that says nothing, the others to spaces
        and hyphens.
        """
        found = self._keys.get(keyword)
        if found is None:
            found = self._keys[keyword] = self._made(keyword)
        return found

    def _made(self, keyword: str) -> tuple[str, ...]:
        words = self._split[keyword]
        if not words:
            return (fold(keyword) or keyword,)
        written = self._meant(words)
        meant = [self._singular.get(word, word) for word in written]
        ordered = not self._ordered.isdisjoint(words)
        ordered = ordered or sum(1 for word in meant if word[0].isdigit()) > 1
        spaced = " ".join(meant if ordered else sorted(meant))
        joined = f"\x00{_closed(meant) or spaced}"
        if meant == written:
            return spaced, joined
        # "runningshoes" is one word, whose singular nobody wrote.
        return spaced, joined, f"\x00{_closed(written) or spaced}"

    def _meant(self, words: Sequence[str]) -> list[str]:
        """The words without those that say nothing; all of them where fewer than two are left."""
        if self._dropped.isdisjoint(words):
            return list(words)
        after = variants().letter_after
        last = len(words) - 1
        kept = [
            word
            for place, word in enumerate(words)
            if word not in self._dropped
            or (len(word) == 1 and (place in {0, last} or words[place - 1] in after))
        ]
        return kept if len(kept) > 1 or len(kept) == len(words) else list(words)


def _closed(words: Sequence[str]) -> str:
    """The words without spaces; "" if that is too short to mean anything."""
    # A mark between digits: "windows 7 10" is not "windows 710".
    joined = _BETWEEN_DIGITS.sub("\x00", " ".join(words)).replace(" ", "")
    return joined if len(joined) > 3 else ""


def _languages(folded: Iterable[str], lists: Iterable[Sequence[str]]) -> tuple[Language, ...]:
    """The languages that the words and letters of a list show; English always."""
    all_words = [(text, set(words)) for text, words in zip(folded, lists, strict=True)]
    found: list[Language] = []
    for language in variants().languages:
        marks = {_without_accents(mark) for mark in language.marks}
        endings = language.mark_endings
        letters = set(language.mark_letters)
        marked = sum(
            1
            for text, words in all_words
            if words & marks
            or (endings and any(w.endswith(endings) and len(w) > 5 for w in words))
            or (letters and letters & set(text))
        )
        if not language.marks or marked >= max(1.0, _MARKED_SHARE * len(all_words)):
            found.append(language)
    return tuple(found)


def _singulars(
    counted: Counter[str], languages: Sequence[Language], function_words: frozenset[str]
) -> dict[str, str]:
    """For each plural of the list the singular that is in the list too."""
    singular: dict[str, str] = {}
    never = {_without_accents(word) for language in languages for word in language.never}
    for word in sorted(counted):
        if word in function_words or word in never or not word.isalpha():
            continue
        for language in languages:
            found = next((s for s in _candidates(word, language) if s in counted), None)
            if found is not None and found not in function_words:
                singular[word] = found
                break
    return {word: _root(word, singular) for word in singular}


def _root(word: str, singular: Mapping[str, str]) -> str:
    """The end of a chain such as "karten", "karte", "kart"."""
    seen = {word}
    while word in singular and singular[word] not in seen:
        word = singular[word]
        seen.add(word)
    return word


def _candidates(word: str, language: Language) -> Iterable[str]:
    for plural, single in language.irregular:
        if word == plural:
            yield single
    for plural, single in language.irregular_endings:
        if word.endswith(plural):
            yield word.removesuffix(plural) + single
    # Words in -ss, -us and -is are singulars ("glass", "virus", "basis").
    closed = word.endswith(("ss", "us", "is"))
    for plural, single in language.plurals:
        stem = word.removesuffix(plural)
        short = len(stem) + len(single) < _SHORTEST_STEM
        if stem != word and not short and not (plural == "s" and closed):
            yield stem + single
    for plural, single in language.umlaut_plurals:
        stem = word.removesuffix(plural)
        bare = _without_last_umlaut(stem)
        if stem not in {word, bare} and len(stem) >= _SHORTEST_STEM:
            yield bare + single


def _without_last_umlaut(stem: str) -> str:
    """ "häus" to "haus", "räd" to "rad"; unchanged without an umlaut in the last syllable."""
    return re.sub(
        r"(äu|[äöü])(?=[^aeiouäöü]*$)",
        lambda found: {"äu": "au", "ä": "a", "ö": "o", "ü": "u"}[found[1]],
        stem,
    )
