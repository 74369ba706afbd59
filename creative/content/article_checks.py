"""What is wrong with a text that a model wrote, in words that tell it so."""

from __future__ import annotations

import re
from collections.abc import Sequence

from creative import languages
from creative.content import words

_REFUSALS = re.compile(
    r"^\W*(?:i['’]?m (?:sorry|afraid)|i apologi[sz]e|sorry,|i can(?:no|['’])t"
    r"|i am (?:unable|not able)|as an ai\b"
    r"|es tut mir leid|tut mir leid|ich kann (?:leider )?(?:nicht|diese)|als ki\b"
    r"|lo siento|como (?:un )?(?:modelo de|ia\b)|sinto muito|desculpe|não posso|no puedo"
    r"|je suis désolé|désolé|je ne (?:peux|suis) pas"
    r"|对不起|抱歉|很抱歉|作为一个?(?:ai|人工智能)|我无法|我不能"
    r"|申し訳(?:ありません|ございません)|すみません|ごめんなさい)",
    re.IGNORECASE,
)
_REFUSAL_WORDS = 90
"""A longer text is an article that begins with these words."""
_MARKS = re.compile(
    r"<data name=|</data [0-9a-f]|\{\{[a-z_]+\}\}|JSON schema|\"summary\"\s*:", re.I
)
# What `ask` says of an answer that does not fit, and models then take for the text.
_COMPLAINTS = re.compile(
    r"^\W*(?:field required|value error|input should be|string should have)\b", re.I
)
_ECHO_CHARACTERS = 60
# Words; signs of Chinese and Japanese one by one.
_WORD = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]|[^\W\u3041-\u30ff\u3400-\u9fff]+")
LEAST_SHARE = 0.15
"""Of the asked length: what is shorter is no draft to work on."""
MOST_TIMES = 3.0
RUN_WORDS, RUN_SIGNS = 4, 8
"""Words, or signs of languages without spaces, that two texts rarely share by chance."""
LEAST_RUNS = 12
MOST_AGAIN, MOST_AGAIN_TWICE = 0.5, 0.85
"""Of a section's runs: those that earlier sections or it itself have had already. A second answer
that is little better is kept, and told: it costs less than the article."""
SHORT_WORDS = 25
"""A shorter part may be as much too long as one of this length."""


def problem(text: str, language: str, target: int, prompt: str) -> str:
    """What is wrong with a section; "" if nothing is.

    Args:
        text: in Markdown.
        language: BCP 47, of the article.
        target: how long it was to be.
        prompt: our own instructions as they ship, to know an echo of them.
    """
    plain = words.plain(text).strip()
    count = words.count(text)
    if _REFUSALS.match(plain) and count < _REFUSAL_WORDS:
        return "it is a refusal or an apology, not the text of the section"
    if _MARKS.search(text) or _COMPLAINTS.match(plain) or _echoes(plain, prompt):
        return "it repeats the instructions instead of following them"
    if found := wrong_language(plain, language):
        return f"it is written in {found}, and not in {languages.name(language)}"
    if text.count("```") % 2:
        return "it ends inside a block of code"
    least = max(1.0, target * LEAST_SHARE)
    if not least <= count <= max(target, SHORT_WORDS) * MOST_TIMES:
        return f"it has {count} {words.unit(language)} instead of about {target}"
    return ""


def repeats(text: str, before: Sequence[str], most: float = MOST_AGAIN) -> str:
    """What is wrong if most of a section stands in an earlier one already, or if it says the same
    again and again; "" if neither.

    Compared are runs of words, so that a sentence with another word in it is the same one.

    Args:
        text: in Markdown.
        before: the texts of the sections before it.
        most: share of its runs of words that may stand elsewhere.
    """
    own = _runs(text)
    if len(own) < LEAST_RUNS:
        return ""
    if len(own) - len(set(own)) > most * len(own):
        return "it says the same again and again; say each thing once"
    said = {run for earlier in before for run in _runs(earlier)}
    if sum(run in said for run in own) > most * len(own):
        return "most of it stands in an earlier section already; say something new"
    return ""


def _runs(text: str) -> list[tuple[str, ...]]:
    """Every run of RUN_WORDS words, or of as many pairs of signs."""
    words_of = _WORD.findall(words.plain(text).casefold())
    length = RUN_SIGNS if sum(map(_is_sign, words_of)) * 2 > len(words_of) else RUN_WORDS
    return [tuple(words_of[at : at + length]) for at in range(len(words_of) - length + 1)]


def _is_sign(word: str) -> bool:
    return len(word) == 1 and not word.isascii()


def wrong_language(plain: str, language: str) -> str:
    """The name of the language that a text is surely in, if that is not `language`; else ""."""
    told = languages.guess(plain)
    if not told.sure or not told.tag or told.tag == languages.base(language):
        return ""
    return languages.name(told.tag)


def _echoes(plain: str, prompt: str) -> bool:
    """Whether a long line of our instructions stands in the text."""
    flat = " ".join(plain.split()).casefold()
    lines = (" ".join(one.split()).casefold() for one in prompt.splitlines())
    return any(len(one) >= _ECHO_CHARACTERS and one in flat for one in lines)
