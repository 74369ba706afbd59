"""What a keyword can be called by: its phrases, and the parts of words that are words themselves.

Phrases are runs of words. Where words are not set apart, in Chinese, Japanese and Thai, any run
of characters may be one; in German a part of a compound may ("haftpflicht" in
"hundehaftpflicht").

Pure functions on strings; they run in the worker process, since large lists take a while.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

LONGEST_PHRASE = 4
"""Words."""
LONGEST_RUN = 7
"""Characters of a script without spaces, or whole words of another one inside it."""
SHORTEST_PART = 5
"""Letters of a part of a compound."""
STRANGERS = 3
"""Characters before a run that never begins a word; after fewer it may be half a word."""
SHORTEST_REST = 3
"""Letters of a compound beside a part of it; fewer are an ending."""

_WORD = re.compile(r"[^\W_]+(?:[-'’.+#][^\W_]+)*[+#]*")
# Scripts written without spaces: Thai, Lao, Khmer, kana, Han.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
# Never cut: katakana and letters of other scripts; the rest is cut anywhere.
_ATOM = re.compile(
    r"[\u30a0-\u30ff]+|[\u0e00-\u0eff\u1780-\u17ff\u3040-\u309f\u3400-\u9fff\uf900-\ufaff々]"
    r"|[^\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff々]+"
)
# Particles that a run of characters neither begins nor ends with.
_PARTICLES = frozenset("のをがはにでともへやかなるいたてっ的了和与與吗嗎是在")
# Function words that a phrase may contain and neither begin nor end with, of the model's
# languages that set words apart. Question and buying words ("how", "best") are in it too: they
# say what is wanted of a thing, not which thing.
_STOP_WORDS = frozenset(
    word
    for language in (
        "a an and are as at be best by can do does for from get how i in into is it its my near "
        "no not of on or per should than that the this to top under up use using vs versus what "
        "when where which who why will with without you your",
        "o os as à às ao aos um uma uns umas e ou de do da dos das em no na nos nas por para pra "
        "com sem que qual quais como onde quando é ser mais melhor melhores seu sua",
        "el la los las un una unos unas y de del en por para con sin que cual cuál cómo dónde "
        "mejor",
        "le la les des du et ou au aux dans par pour avec sans que quel quelle comment où meilleur",
        "der die das den dem ein eine einen einem einer und oder von vom im in am an auf für mit "
        "ohne zu zum zur was wie wo wann welche welcher ist sind beste bester bestes",
        "il lo gli i uno di del della dei delle da in su per con senza che come dove migliore "
        "migliori",
        "het een en of van voor met zonder naar hoe wat waar welke op",
        "i w z na do dla bez jak co gdzie ile",
        "и в на с для без как что где сколько",
        "ve ile için nasıl",
    )
    for word in language.split()
)


def words(keyword: str) -> list[str]:
    """The words of `keyword` as written, width folded; what stands between spaces in Chinese."""
    return _WORD.findall(unicodedata.normalize("NFKC", keyword))


def content(phrase: str) -> set[str]:
    """The words of a phrase that say something."""
    return {word for word in phrase.casefold().split() if word not in _STOP_WORDS}


def phrases(written: Sequence[str]) -> dict[str, str]:
    """Phrases that may name a group: folded form to written form, function words inside only."""
    folded = [word.casefold() for word in written]
    found: dict[str, str] = {}
    for start in range(len(folded)):
        if folded[start] in _STOP_WORDS:
            continue
        for end in range(start + 1, min(start + LONGEST_PHRASE, len(folded)) + 1):
            if folded[end - 1] in _STOP_WORDS:
                continue
            found.setdefault(" ".join(folded[start:end]), " ".join(written[start:end]))
    return found


class Terms:
    """The phrases and parts of the keywords of a list.

    Args:
        keywords: of the whole list; their order does not matter.
    """

    def __init__(self, keywords: Iterable[str]) -> None:
        unique = {word.casefold() for keyword in keywords for word in words(keyword)}
        spaced = {word for word in unique if not _UNSPACED.search(word)}
        heads = {word[:end] for word in spaced for end in _cuts(word)}
        tails = {word[-end:] for word in spaced for end in _cuts(word)}
        # A part is a word of the list, or begins one word and ends another.
        self._parts = (heads & tails) | spaced
        self._known: dict[str, list[str]] = {}

    def of(self, keyword: str) -> dict[str, str]:
        """All terms of a keyword: folded form to written form."""
        written = words(keyword)
        found = phrases(written)
        for word in written:
            folded = word.casefold()
            parts = self._known.get(folded)
            if parts is None:
                parts = self._known[folded] = self._inside(folded)
            for part in parts:
                found.setdefault(part, part)
        return found

    def _inside(self, word: str) -> list[str]:
        if _UNSPACED.search(word):
            return list(dict.fromkeys(run for run, _, _ in runs(word)))
        found: dict[str, None] = {}
        seen = {word}
        waiting = [word]
        while waiting:
            whole = waiting.pop()
            for end in _cuts(whole):
                for part, rest in ((whole[:end], whole[end:]), (whole[-end:], whole[:-end])):
                    if part in self._parts:
                        found[part] = None
                        # What is beside a part may end in another one.
                        waiting += [new for new in (part, rest) if new not in seen]
                        seen |= {part, rest}
        return list(found)


def _cuts(word: str) -> range:
    """Lengths of what may be a part of `word`, from its begin or its end."""
    return range(SHORTEST_PART, len(word) - SHORTEST_REST + 1) if word.isalpha() else range(0)


def runs(word: str) -> Iterable[tuple[str, str, str]]:
    """Runs of characters that may be words, with what stands before and after ("" : nothing)."""
    atoms = _ATOM.findall(word)
    for start, first in enumerate(atoms):
        if first in _PARTICLES:
            continue
        for end in range(start + 1, min(start + LONGEST_RUN, len(atoms)) + 1):
            run = "".join(atoms[start:end])
            if len(run) < 2 or atoms[end - 1] in _PARTICLES or run == word:
                continue
            before = atoms[start - 1] if start else ""
            yield run, before, atoms[end] if end < len(atoms) else ""


def whole_runs(group: Sequence[str]) -> set[str]:
    """The words of a group, and of the runs inside them those that are no piece of a longer one.

    "理系统" always follows 管 and is therefore no word; 系统 follows many characters.
    """
    before: dict[str, set[str]] = {}
    after: dict[str, set[str]] = {}
    pieces = {word.casefold() for keyword in group for word in words(keyword)}
    for word in pieces:
        if _UNSPACED.search(word):
            for run, left, right in runs(word):
                before.setdefault(run, set()).add(left)
                after.setdefault(run, set()).add(right)
    inside = {
        run
        for run in before
        if ("" in before[run] or len(before[run]) >= STRANGERS)
        and ("" in after[run] or len(after[run]) > 1)
    }
    return inside | pieces


def is_run(term: str) -> bool:
    """Whether a term is written without spaces between words."""
    return " " not in term and bool(_UNSPACED.search(term))
