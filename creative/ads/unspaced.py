"""Where phrases end in Chinese and Japanese, which set no spaces between words.

No dictionary of the language: scripts, particles and a table of common Chinese words (words.yaml).

- Japanese: a phrase ends where hiragana are followed by another script ("今すぐ|届く|コーヒー"),
  and before the polite お and ご; runs of katakana, Latin letters and digits are whole.
- Chinese: at the ends of the table's words and of numbers, before and after function words ("的",
  "和", "在" …) and other scripts; else two signs at a time from the last such border, since most
  Chinese words have two.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from functools import cache

from creative.ads.counting import graphemes
from creative.ads.marks import words

LANGUAGES = ("zh", "ja")

# Frequent characters that only one of the two ways to write Chinese has.
_TRADITIONAL = frozenset(
    "們這個來時國會學對說為過開長東車馬書見貝門間問聞買賣單雙體點當與業產麼沒灣禮選擇優價錢質"
    "線網購運動達還邊後從應該經給結綠紅級紙組細終維樣讓員團隊實驗創設計專親溫飯廳鐵錶髮製臺萬"
    "億認識"
)
_SIMPLIFIED = frozenset(
    "们这个来时国会学对说为过开长东车马书见贝门间问闻买卖单双体点当与业产么没湾礼选择优价钱质"
    "线网购运动达还边后从应该经给结绿红级纸组细终维样让员团队实验创设计专亲温饭厅铁表发制台万"
    "亿认识"
)


_HAN = r"\u3400-\u9fff\uf900-\ufaff々"
# "おいしい|コーヒー", "便利な|机": the noun must follow.
_ATTRIBUTE = re.compile(rf"(?:しい|[{_HAN}]い|な|くて)$")
# "初月無料で|お試し", but not "もっと|おいしく".
_POLITE = re.compile(rf"[おご](?=[{_HAN}])")
_LONG_PARTICLE = re.compile("から|まで|だけ|など|より")
_PARTICLES = "はがをにでとものへや"
_DIGITS = "[零〇一二三四五六七八九十百千万亿两半兩億萬]"
# "满三百减五十" says nothing without its second half.
_NUMERAL = re.compile(rf"[满滿]{_DIGITS}+[减減]{_DIGITS}+|{_DIGITS}{{2,}}")
_ARGUMENT = re.compile(r"(?<=.)(?:が|を|に|で|へ|は|から|まで|より)(?!も?$)")
# "楽しめる週末": what is said of a noun is complete before it.
_SAID_OF_NOUN = re.compile(rf"[るたいすくむぶぐう](?=[{_HAN}\u30a1-\u30fa])")
_PREDICATE = re.compile(r"[るたていすくむぶぐつう]$|(?:です|ます)$")


def without_spaces(text: str, base: str) -> bool:
    """Whether a text is written without spaces: by its language, or by most of its letters."""
    if base in LANGUAGES:
        return True
    letters = [sign for sign in text if sign.isalpha()]
    wide = sum(
        unicodedata.east_asian_width(sign) in "WF" and not "가" <= sign <= "힣" for sign in letters
    )
    return wide * 2 > len(letters)


def phrase_ends(text: str, base: str) -> list[int]:
    """The places in `text` where a phrase ends.

    Args:
        text: any; "ja" rules where `base` says so, else the Chinese ones.
        base: language without its region.
    """
    return _japanese(text) if base == "ja" else _chinese(text)


def _japanese(text: str) -> list[int]:
    ends, at = [], 0
    for before, after in itertools.pairwise(graphemes(text)):
        at += len(before)
        one, other = script(before[0]), script(after[0])
        if "mark" in (one, other):
            border = other != "mark"
        elif _POLITE.match(text, at):
            border = one != "hiragana" or text[at - 1] in _PARTICLES
        elif one != "hiragana" and _LONG_PARTICLE.match(text, at):
            border = True
        else:
            border = one != other and (one == "hiragana" or "hiragana" not in (one, other))
            border = border and not (_ATTRIBUTE.search(text[:at]) or _POLITE.match(text, at - 1))
        if border:
            ends.append(at)
    return ends


def _chinese(text: str) -> list[int]:
    particles = dangling_words("zh")
    wholes = whole_words(text)
    inside = {at for start, end in wholes for at in range(start + 1, end)}
    edges = {at for whole in wholes for at in whole}
    in_whole = {at for start, end in wholes for at in range(start, end)}
    ends, at, since = [], 0, 0
    for before, after in itertools.pairwise(graphemes(text)):
        start, at, since = at, at + len(before), since + 1
        one, other = script(before[0]), script(after[0])
        if "mark" in (one, other):
            border = other != "mark"
        elif one == other == "han":
            function = (before in particles and start not in in_whole) or (
                after in particles and at not in in_whole
            )
            border = at not in inside and (function or at in edges or since >= 2)
        else:
            border = one != other
        if border:
            ends.append(at)
            since = 0
    return ends


def polite_prefixes(text: str) -> set[int]:
    """Where お and ご begin a polite Japanese word: "旅館を|お探し"."""
    return {
        at
        for match in _POLITE.finditer(text)
        if (at := match.start()) == 0
        or script(text[at - 1]) != "hiragana"
        or text[at - 1] in _PARTICLES
    }


def whole_words(text: str) -> list[tuple[int, int]]:
    """Where the table's words and numbers stand in a text, from the left, the longest first."""
    known = _whole_words()
    longest = max(map(len, known))
    found, at = [], 0
    while at < len(text):
        number = _NUMERAL.match(text, at)
        ends = [at + size for size in range(longest, 1, -1) if text[at : at + size] in known]
        if number:
            ends.insert(0, number.end())
        if ends:
            found.append((at, ends[0]))
        at = ends[0] if ends else at + 1
    return found


def without_particle(text: str, base: str) -> str:
    """`text` without a particle at its end that asks for more: "送料は", "手工制作的"."""
    for ending in sorted(dangling_words(base), key=len, reverse=True):
        if text.endswith(ending) and len(text) > len(ending):
            before = text[-len(ending) - 1]
            if base == "ja":
                # One only after another script ("送料は"), not in a word ("おはよう").
                if script(before) != "hiragana" or len(ending) > 1:
                    return text[: -len(ending)]
            elif not any(text.endswith(one) and len(one) > len(ending) for one in _whole_words()):
                return text[: -len(ending)]
    return text


def complete(text: str, base: str) -> bool:
    """Whether a Japanese text has the verb that its particles wait for; others always have.

    "家族みんなで楽しめる週末" has it, "在庫管理から請求書" has none.
    """
    if base != "ja" or _PREDICATE.search(text):
        return True
    behind = [one.end() for one in _SAID_OF_NOUN.finditer(text)]
    return not _ARGUMENT.search(text[behind[-1] :] if behind else text)


def traditional(text: str) -> bool:
    """Whether a Chinese text is written in traditional characters."""
    more = sum(sign in _TRADITIONAL for sign in text)
    return more > sum(sign in _SIMPLIFIED for sign in text)


def script(sign: str) -> str:
    """Which script a sign is of: hiragana, katakana, han, other (letters, digits), or mark."""
    if "\u3041" <= sign <= "\u309f":
        return "hiragana"
    if "\u30a0" <= sign <= "\u30ff" or "\uff66" <= sign <= "\uff9f":
        return "katakana"
    if (
        "\u3400" <= sign <= "\u9fff"
        or "\uf900" <= sign <= "\ufaff"
        or sign >= "\U00020000"
        or sign == "々"
    ):
        return "han"
    if sign.isalnum() or sign in ".,'’&%-+/$€£¥" or unicodedata.category(sign)[0] == "M":
        return "other"
    return "mark"


@cache
def dangling_words(base: str) -> frozenset[str]:
    """Words of a language that no text may end with (words.yaml)."""
    return frozenset(words().dangling.languages.get(base, "").split())


@cache
def _whole_words() -> frozenset[str]:
    return frozenset(words().whole.words.split())
