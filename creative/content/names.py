"""People and trademarks in a text, so that no prompt carries them.

Rules, no model: titles, roles and verbs of speech beside capitalised words, common given names,
Chinese surnames after a role, Japanese honorifics (people.yaml), and a table of trademarks
(trademarks.yaml). They err on the side of dropping: a place that is called like a person goes too.
A name that no rule knows stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from creative.content import firms
from creative.content.scenes import scenes

_FOLDER = Path(__file__).parent
_CAPITAL = r"[A-ZÀ-ÖØ-ÞĀ-Ž][a-zß-öø-ÿā-ž'’\-]+(?:-[A-Z][a-zß-öø-ÿ]+)?"
_LINK = r"(?:d[aeio]s?|von|van|der|den|del|di|la|le|e|y)\s+"
_SURNAME = rf"(?:[A-Z]\.\s+)?(?:{_LINK}){{0,2}}{_CAPITAL}(?:\s+(?:{_LINK})?{_CAPITAL})?"
_KATAKANA = r"[ァ-ヶー]"
_LEAST_PART = 3
_LINE = 200
"""Characters of a line that are looked at, to either side."""
_TITLES_ZH = 10
"""The first ones of `after_zh` are titles, the others verbs of speech."""
_TWO_WORDS = rf"{_CAPITAL}\s+(?:[A-Z]\.\s+)?(?:{_LINK}){{0,2}}{_CAPITAL}"


class _People(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    checked: str
    source: str
    person: dict[str, str]
    titles: str
    weak_titles: str
    saints: str
    roles: str
    speech: str
    given: str
    given_beside_surname: str
    surnames_zh: str
    roles_zh: tuple[str, ...]
    after_zh: tuple[str, ...]
    short_surnames_ja: str
    after_ja: tuple[str, ...]
    surnames_ja: tuple[str, ...]
    not_names_ja: tuple[str, ...]


class _Trademarks(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    checked: str
    kinds: dict[str, tuple[str, ...]]
    exact: tuple[str, ...]
    only_with: dict[str, tuple[str, ...]]
    not_before: dict[str, tuple[str, ...]]


class Names(NamedTuple):
    """What was found.

    Attributes:
        people: names as they are written, the longest first.
        trademarks: names as they are written to what they stand for.
    """

    people: tuple[str, ...]
    trademarks: Mapping[str, str]

    def __bool__(self) -> bool:
        return bool(self.people or self.trademarks)


class Cleaned(NamedTuple):
    """A text without names, and what was taken out of it."""

    text: str
    dropped: tuple[str, ...]


@lru_cache(maxsize=1)
def _people() -> _People:
    import yaml

    text = (_FOLDER / "people.yaml").read_text(encoding="utf-8")
    return _People.model_validate(yaml.safe_load(text))


@lru_cache(maxsize=1)
def _trademarks() -> _Trademarks:
    import yaml

    text = (_FOLDER / "trademarks.yaml").read_text(encoding="utf-8")
    return _Trademarks.model_validate(yaml.safe_load(text))


@lru_cache(maxsize=1)
def _kinds() -> Mapping[str, str]:
    """Trademarks in small letters to what they stand for."""
    table = _trademarks().kinds
    return {name.casefold(): kind for kind, names in table.items() for name in names}


def _named(folded: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The trademarks whose words are all in a text, those of any spelling and those of one.

    Looking for words is fast, patterns of hundreds of names are slow.
    """
    table = _trademarks()
    exact, companions = set(table.exact), table.only_with
    free: list[str] = []
    held: list[str] = []
    for names in table.kinds.values():
        for name in names:
            if not all(word in folded for word in name.casefold().split()):
                continue
            others = companions.get(name)
            if others and not re.search(rf"(?:{_alternatives(others)})(?!\w)", folded):
                continue
            (held if name in exact else free).append(name)
    return tuple(free), tuple(held)


@lru_cache(maxsize=64)
def _any_of(names: tuple[str, ...], flags: int) -> re.Pattern[str]:
    parts = []
    unlike = _trademarks().not_before
    for name in sorted(names, key=len, reverse=True):
        quoted = re.escape(name).replace(r"\ ", r"\s+").replace("'", "['’]")
        if name.isascii() or re.search(r"[A-Za-zÀ-ÿ]$", name):
            quoted = rf"(?<!\w){quoted}(?!\w)"
        elif re.fullmatch(rf"{_KATAKANA}+", name):
            quoted = rf"(?<!{_KATAKANA}){quoted}(?!{_KATAKANA})"
        if name in unlike:
            quoted += rf"(?!\s*(?:{_alternatives(unlike[name])}))"
        parts.append(quoted)
    return re.compile("|".join(parts), flags)


class _Pattern(NamedTuple):
    """Finds people; the group `name` is what is theirs. In a heading in Title Case, where every
    word looks like a name, `weak` ones find nothing."""

    finds: re.Pattern[str]
    weak: bool = False


@lru_cache(maxsize=1)
def _patterns() -> tuple[_Pattern, ...]:
    table = _people()
    strong, weak = table.titles.split(), table.weak_titles.split()
    titles, either = _alternatives(strong), _alternatives([*strong, *weak])
    given = _alternatives(table.given.split())
    beside = _alternatives([*table.given.split(), *table.given_beside_surname.split()])
    no_saint = "".join(rf"(?<!\b{re.escape(saint)}\s)" for saint in table.saints.split())
    roles, speech = _alternatives(table.roles.split()), _alternatives(table.speech.split())
    han, kana = "[\u4e00-\u9fff]", _KATAKANA
    not_part = "说是在把也就和的了不表认告介建解教一这那有要会能都还很被让给到从"
    return (
        _Pattern(
            re.compile(rf"\b(?:{titles})\b\.?\s+(?:(?:{either})\b\.?\s+)*(?P<name>{_SURNAME})")
        ),
        _Pattern(
            re.compile(rf"\b(?:{_alternatives(weak)})\b\.?\s+(?P<name>{_SURNAME})"), weak=True
        ),
        _Pattern(
            re.compile(rf"(?i:\b[\w\-]{{0,30}}(?:{roles})),?\s+(?P<name>{_TWO_WORDS})"), weak=True
        ),
        _Pattern(re.compile(rf"\b{no_saint}(?P<name>(?:{beside})\s+{_SURNAME})")),
        _Pattern(re.compile(rf"\b{no_saint}(?P<name>(?:{given}))\b(?!-)")),
        _Pattern(re.compile(rf"\b(?P<name>{_TWO_WORDS}),?\s+(?:{speech})\b")),
        _Pattern(re.compile(rf"\b(?:{speech})\s+(?P<name>{_TWO_WORDS})"), weak=True),
        _Pattern(
            re.compile(
                rf"(?:{_alternatives(table.roles_zh)})"
                rf"(?P<name>[{table.surnames_zh}](?:(?![{not_part}]){han}){{1,2}})"
            )
        ),
        _Pattern(
            re.compile(
                rf"(?P<name>[{table.surnames_zh}](?:(?![{not_part}]){han}){{0,2}})"
                rf"(?={_alternatives(table.after_zh[:_TITLES_ZH])})"
            )
        ),
        _Pattern(
            re.compile(
                rf"(?P<name>[\u4e00-\u9fff々]{{2,4}}|(?<!{han})[{table.short_surnames_ja}]"
                rf"|{kana}{{2,8}})(?={_alternatives(table.after_ja)})"
            )
        ),
        _Pattern(
            re.compile(
                rf"(?P<name>(?:{_alternatives(table.surnames_ja)})"
                rf"(?:{kana}{{2,4}}|{han}{{0,2}}[子美郎夫雄介太男香奈恵]))"
            )
        ),
    )


def _alternatives(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(set(words), key=len, reverse=True))


def find(text: str) -> Names:
    """The people and trademarks that `text` names."""
    folded = text.replace("’", "'").casefold()
    free, exact = _named(folded)
    patterns = [
        _any_of(names, flags) for names, flags in ((free, re.IGNORECASE), (exact, 0)) if names
    ]
    kinds = _kinds()
    marks = {
        found.group(): kinds[re.sub(r"\s+", " ", found.group().replace("’", "'")).casefold()]
        for pattern in patterns
        for found in pattern.finditer(text)
    }
    marks |= dict.fromkeys(firms.find(text), firms.KIND)
    generic = set(_people().not_names_ja)
    people = _people_in(text) - generic
    people = {name for name in people if not name.endswith(_NOT_NAMES_JA)}
    small = set(_SMALL.findall(text))
    parts = {part for name in people for part in _parts(name) if part.lower() not in small}
    people = (people | parts) - set(marks)
    return Names(tuple(sorted(people, key=lambda name: (-len(name), name))), marks)


def _people_in(text: str) -> set[str]:
    found = set()
    for pattern in _patterns():
        for match in pattern.finds.finditer(text):
            name = match["name"]
            if name.split()[0].casefold() in firms.function_words():
                continue  # "Miss Out"
            if pattern.weak and _title_case(text, match.start(), match.end()):
                continue
            found.add(name)
    return found


def _title_case(text: str, start: int, end: int) -> bool:
    """Whether the line around a place has no longer word in small letters: a heading."""
    before = text[max(0, start - _LINE) : start].rpartition("\n")[2]
    after = text[end : end + _LINE].partition("\n")[0]
    line = before + text[start:end] + after
    return not _LONGER_SMALL.search(line)


_LONGER_SMALL = re.compile(r"(?<![\w'’])[a-zß-öø-ÿ]{4,}")

_NOT_NAMES_JA = tuple("屋員者客師長主仕模同多異社役副")
"""職人さん is somebody by trade, not by name; 仕様 is no Mr. 仕, 同社社長 no Mr. 同社."""
_SMALL = re.compile(r"(?<!\w)[a-zß-öø-ÿ][\w\-]*")


def _parts(name: str) -> list[str]:
    """The words of a name that can stand for it alone: "Hollis" for "Margaret Hollis"."""
    return [word for word in name.split() if word[0].isupper() and len(word) >= _LEAST_PART]


def without(text: str, found: Names, language: str = "en") -> Cleaned:
    """`text` with no name of `found` in it, as good a sentence as can be had by rule.

    A person who is the subject becomes "a person" in `language`; beside a role ("neighbour …")
    the name just goes. A trademark goes, or what it stands for takes its place in English.
    """
    dropped: list[str] = []
    made = text
    generic = _people().person.get(language.partition("-")[0], "")
    folded = text.casefold()
    for name in found.people:
        if name.casefold() not in folded:
            continue
        made, gone = _replaced(made, _as_person(name), partial(_instead, generic=generic))
        dropped += [name] if gone else []
    for name, kind in sorted(found.trademarks.items(), key=lambda item: -len(item[0])):
        if name.casefold() not in folded:
            continue
        stand_in = kind if language.partition("-")[0] == "en" else ""
        instead = partial(_kind, kind=stand_in)
        if kind == firms.KIND:
            instead = partial(firms.instead, language=language)
        before = "" if kind == firms.KIND else _BEFORE.get(language.partition("-")[0], "")
        made, alone = _replaced(made, _as_phrase(name, before), lambda whole, match: "")
        made, gone = _replaced(made, _as_word(name), instead)
        gone = gone or alone
        dropped += [name] if gone else []
    if not dropped:
        return Cleaned(text, ())
    return Cleaned(tidy(made), tuple(dropped))


def _replaced(
    text: str, pattern: re.Pattern[str], instead: Callable[[str, re.Match[str]], str]
) -> tuple[str, bool]:
    """`text` with what `instead` says for every match, and whether there was one."""
    pieces, at = [], 0
    for match in pattern.finditer(text):
        pieces += [text[at : match.start()], instead(text, match)]
        at = match.end()
    return "".join([*pieces, text[at:]]), bool(pieces)


def leftovers(text: str, found: Names) -> list[str]:
    """The names of `found` that are in `text`."""
    folded = text.casefold()
    every = [name for name in (*found.people, *found.trademarks) if name.casefold() in folded]
    return [name for name in every if _as_word(name).search(text)]


@lru_cache(maxsize=4096)
def _as_word(name: str) -> re.Pattern[str]:
    quoted = re.escape(name)
    if re.match(r"[A-Za-zÀ-ž]", name):
        return re.compile(rf"(?<!\w){quoted}(?:['’]s)?(?!\w)", re.IGNORECASE)
    # The particle goes with what it belongs to.
    return re.compile(rf"{quoted}(?:の(?=\w))?")


_BEFORE = {
    "de": r"(?:\b(?:bei|von|mit|auf|in|für|über|durch|an)\s+)?"
    r"\b(?:der|die|das|dem|den|des|eine[mnrs]?|ein|bei|von|mit|auf|für|beim|vom|im|am|zum|zur)\s+",
    "pt": r"\b(?:d[aeo]s?|n[ao]s?|pel[ao]s?|em|com|por|[ao]s?)\s+",
}
"""What belongs to a trademark and goes with it, where no other noun follows."""


@lru_cache(maxsize=4096)
def _as_phrase(name: str, before: str) -> re.Pattern[str]:
    """The name with the words of `before`; never, if there are none."""
    if not before:
        return re.compile(r"(?!)")
    return re.compile(rf"(?i:{before}){re.escape(name)}(?=\s+[a-zà-ÿ]|\s*[.,;:!?)]|\s*$)")


@lru_cache(maxsize=4096)
def _as_person(name: str) -> re.Pattern[str]:
    """The name with the titles that stand before or after it."""
    if not re.match(r"[A-Za-zÀ-ž]", name):
        return re.compile(rf"{re.escape(name)}(?:さん|氏|様|くん|ちゃん)?")
    titles = _alternatives([*_people().titles.split(), *_people().weak_titles.split()])
    quoted = re.escape(name)
    return re.compile(rf"(?<!\w)(?:(?i:{titles})\.?\s+)*(?i:{quoted})(?:['’]s)?(?!\w)")


def _instead(whole: str, match: re.Match[str], generic: str) -> str:
    before = whole[: match.start()].rstrip()
    last = re.split(r"[\s,]+", before)[-1].lower() if before else ""
    roles = _people().roles.split()
    if any(last.endswith(role) for role in roles) or before.endswith(_people().roles_zh):
        return ""
    if generic == "a person" and last in ("a", "an", "the"):
        return "person"
    after = whole[match.end() :]
    beside = (*_people().after_ja, *_people().after_zh[:_TITLES_ZH])
    return "" if after.startswith(beside) else generic


def _kind(whole: str, match: re.Match[str], kind: str) -> str:
    """What a trademark stands for, unless that word is beside it anyway ("Le Creuset pot")."""
    after = whole[match.end() :].split()
    noun = kind.rsplit(maxsplit=1)[-1] if kind else ""
    beside = bool(after) and re.match(r"[a-z]", after[0]) is not None
    follows = beside and not _FUNCTION.match(after[0])
    if not noun or follows:
        return ""
    # "on Amazon" is in an online shop, "my Toyota" is a car that has its word already.
    bare = _PREPOSITION.search(whole[: match.start()])
    return scenes().counted(kind) if bare else kind


_PREPOSITION = re.compile(
    r"\b(?:about|at|between|by|from|in(?:to)?|like|of|on(?:to)?|or|than|to|via|with(?:out)?)\s+$",
    re.IGNORECASE,
)
_FUNCTION = re.compile(
    r"(?:an?|and|are|as|at|be|by|can|did|do(?:es)?|for|from|ha[ds]|have|in(?:to)?|is|it|may|of|on|or"
    r"|over|that|the|this|to|under|was|were|when|which|while|who|will|with)[.,;:!?]*$"
)


def tidy(text: str) -> str:
    """Spaces and signs in order after something was taken out."""
    text = re.sub(r"\(\s*\)|「\s*」|\"\s*\"", "", text)
    text = re.sub(r"\s+([,.;:!?])", r"\1", text)
    text = re.sub(r"(?:,\s*){2,}", ", ", text)
    text = re.sub(r"[ \t]{2,}", " ", text)
    return text.strip(" ,;:、，")
