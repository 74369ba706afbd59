"""The words of the built-in writer (angles.yaml), and what they say about a phrase."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from creative import languages
from creative.ads.terms import contains

Angle = Literal["keyword", "benefit", "proof", "offer", "cta", "brand", "question"]
ANGLES: tuple[Angle, ...] = ("benefit", "offer", "keyword", "proof", "question", "cta", "brand")

_TRADITIONAL = {"Hant", "TW", "HK", "MO"}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Actions(_Frozen):
    """Calls to action, the first one first."""

    buy: tuple[str, ...]
    learn: tuple[str, ...]


class Words(_Frozen):
    """Words that show what a phrase is; see the head of angles.yaml."""

    offer: tuple[str, ...]
    proof: tuple[str, ...]
    skip: tuple[str, ...]
    not_price: tuple[str, ...]
    lead_in: tuple[str, ...]
    audience: tuple[str, ...]
    sentence: tuple[str, ...]
    imperative: tuple[str, ...]
    buy: tuple[str, ...]
    cart: tuple[str, ...]
    joins: tuple[str, ...]
    loose: tuple[str, ...]
    is_a: tuple[str, ...]
    articles: tuple[str, ...]
    cut: tuple[str, ...]
    lead_out: tuple[str, ...] = ()


class Phrases(_Frozen):
    """One language's words."""

    tag: str = Field("", description="BCP 47; empty: those of every other language")
    stop: str = Field(description="ends a sentence before another")
    colon: str
    comma: str = ", "
    ctas: Actions
    headline: dict[Angle, tuple[str, ...]]
    words: Words

    @property
    def spaced(self) -> bool:
        """Whether words have spaces between them."""
        return not self.stop.startswith("。")


class _Table(_Frozen):
    checked: str
    languages: dict[str, Phrases]
    any: Phrases


@cache
def _table() -> _Table:
    import yaml

    text = (Path(__file__).parent / "angles.yaml").read_text(encoding="utf-8")
    return _Table.model_validate(yaml.safe_load(text))


def written_languages() -> tuple[str, ...]:
    """Languages that the built-in writer has words of its own for."""
    return tuple(_table().languages)


def phrases(language: str) -> Phrases:
    """The words of a language; facts alone where there are none."""
    base = languages.base(language)
    if base == "zh" and _TRADITIONAL & set(language.split("-")[1:]):
        base = "zh-Hant"
    found = _table().languages.get(base)
    if found is None:
        return _table().any
    # French sets a space before a colon that no line may break at.
    colon = found.colon.replace(" :", "\u00a0:")
    return found.model_copy(update={"tag": base, "colon": colon})


def any_of(text: str, words: tuple[str, ...]) -> bool:
    """Whether one of `words` stands in `text`."""
    return any(contains(text, word) for word in words)


def begins(text: str, words: tuple[str, ...]) -> str:
    """Which of `words` the text begins with; "" if none."""
    folded = text.casefold()
    for word in sorted(words, key=len, reverse=True):
        end = folded[len(word) : len(word) + 1]
        if folded.startswith(word) and not (word[-1].isascii() and end.isalnum()):
            return word
    return ""
