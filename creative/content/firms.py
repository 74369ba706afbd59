"""Firms in a text by their legal form, which is the only thing that shows one."""

from __future__ import annotations

import re
from functools import lru_cache

from creative import languages

KIND = "company"
_SAID = {
    "en": "a company",
    "de": "eine Firma",
    "pt": "uma empresa",
    "es": "una empresa",
    "fr": "une entreprise",
    "nl": "een bedrijf",
    "ja": "会社",
    "zh": "公司",
}
_ARTICLE = re.compile(
    r"(?:^|\s)(?:an?|the|its|our|die|der|das|eine[rn]?|[ao]|d[ao]|n[ao]|uma|la|una|une|de|het)\s+$",
    re.IGNORECASE,
)
_FIRMS = (
    re.compile(
        r"(?P<name>(?:[A-ZÄÖÜ][\w&.\-]{0,30}\s+){1,3})"
        r"(?:Inc|Ltd|LLC|LLP|GmbH|AG|KG|Corp|PLC|plc|Ltda|S\.A|SARL|S\.r\.l|B\.V)\b\.?"
    ),
    re.compile(
        r"(?P<name>(?:(?![的在是于和与由位])[\u4e00-\u9fff]){2,8})(?:股份)?(?:有限公司|集团公司)"
    ),
    re.compile(r"株式会社(?P<name>[\u30a1-\u30ff\u4e00-\u9fffA-Za-z]{1,12})"),
    re.compile(r"(?P<name>[\u30a1-\u30ff\u4e00-\u9fff]{2,8})株式会社"),
)


@lru_cache(maxsize=1)
def function_words() -> frozenset[str]:
    """Words of grammar of all languages: with a capital, no names."""
    return frozenset(word for row in languages.known().values() for word in row.words.split())


def find(text: str) -> set[str]:
    """Firms as they are written, with and without their form."""
    found = set()
    for pattern in _FIRMS:
        for match in pattern.finditer(text):
            words = match["name"].split()
            while words and words[0].casefold() in function_words():
                words.pop(0)  # "The Harbour Lane Ltd."
            if words:
                found |= {" ".join(words), match[0][match[0].index(words[0]) :].strip()}
                # 株式会社 stands before the name.
                found |= {match[0]} if match[0].startswith("株式会社") else set()
    return found


def instead(whole: str, match: re.Match[str], language: str) -> str:
    """What stands in for a firm in `whole`; after an article only the noun of it."""
    said = _SAID.get(languages.base(language), "")
    if said and match[0].endswith("の"):
        return f"{said}の"
    bare = said.rpartition(" ")[2]
    return bare if _ARTICLE.search(whole[: match.start()]) else said
