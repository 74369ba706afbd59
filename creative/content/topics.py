"""Keywords as titles and headings say them: people type them without capitals and grammar."""

from __future__ import annotations

import re

from creative import languages

UNSPACED = ("ja", "zh")
_LEAST_SHARED = 5
"""Letters that two words of a language with spaces have to share from their beginning."""

_SIGNS = r"\u3005\u3041-\u30ff\u3400-\u9fff"
_SIGN = re.compile(f"[{_SIGNS}]")
_SHORT_LATIN = re.compile(r"(?<![A-Za-z0-9])[a-z]{2,3}(?![A-Za-z0-9])")
_GERMAN_NOUN = re.compile(
    r"(?<![\w-])([a-zäöü])(\w{3,}(?:ung|ungen|heit|heiten|keit|keiten|schaft|schaften|tion|tionen"
    r"|tät|ismus|ment|nis|haus|recht|schutz|kosten|preise?|maschinen?|geräte?|mühlen?|schuhe?|tipps))"
    r"(?!\w)"
)
# What a keyword asks itself, and a title must not ask again: "网盘哪个好怎么选".
_ASKED = {
    "zh": re.compile(
        r"(?:怎么选购?|如何选择|哪个(?:牌子)?(?:更)?好用?|哪种好|哪家好|推荐|排行榜?|排名|对比|选购)+$"
    ),
    "ja": re.compile(r"[\s\u3000の]*(?:おすすめ|オススメ|比較|ランキング|選び方|人気)+$"),
}


_SAY_LITTLE = re.compile("系统|软件|工具|平台|方法|推荐|免费|下载|おすすめ|人気|ランキング")


def shown(keyword: str, tag: str) -> str:
    """A keyword as one writes it: German nouns with a capital, AI and not ai in Chinese, and two
    Japanese words with what belongs between them.

    Args:
        keyword: as people typed it.
        tag: of the language, BCP 47.
    """
    base = languages.base(tag)
    if base == "de":
        return _GERMAN_NOUN.sub(lambda found: found[1].upper() + found[2], keyword)
    if base not in UNSPACED or not _SIGN.search(keyword):
        return keyword
    text = _SHORT_LATIN.sub(lambda found: found[0].upper(), keyword)
    parts = text.split()
    if base == "ja" and len(parts) == 2 and all(map(_SIGN.search, parts)):
        return "の".join(parts)
    return text


def plain(keyword: str, tag: str) -> str:
    """What a keyword is about, to stand in a title of ours: without the question that the title
    asks anyway, and in German, where nearly all topics are nouns, with a capital."""
    if languages.base(tag) == "de":
        return keyword[:1].upper() + keyword[1:]
    asked = _ASKED.get(languages.base(tag))
    return (asked.sub("", keyword).strip() if asked else "") or keyword


def capital(text: str, tag: str) -> str:
    """A title or heading with a capital at its beginning, where the language has capitals."""
    if languages.base(tag) in UNSPACED:
        return text
    return text[:1].upper() + text[1:]


def related(question: str, topic: str) -> bool:
    """Whether a question is about a topic: they share a word, or two signs in a row."""
    one, other = question.casefold(), topic.casefold()
    if _SIGN.search(one) and _SIGN.search(other):
        # 浅草 観光 is about Asakusa, and so is not all 観光.
        signs = re.sub(rf"[^{_SIGNS}]", " ", _SAY_LITTLE.sub(" ", other.split()[0]))
        pairs = {signs[at : at + 2] for at in range(len(signs) - 1)}
        return any(len(pair.strip()) == 2 and pair in one for pair in pairs)
    mine, theirs = (
        [word.removesuffix("s") for word in re.findall(r"\w{3,}", text)] for text in (one, other)
    )
    return any(a[:n] == b[:n] for a in mine for b in theirs for n in [_shared(a, b)])


def _shared(one: str, other: str) -> int:
    return max(_LEAST_SHARED, min(len(one), len(other)) - 2)
