"""Calls to action: a writer's words on the platform's list, and the list in readers' languages.

option("Jetzt kaufen!", rule.options) -> "Buy now"
label("Buy now", "ja") -> "今すぐ購入"
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from creative.ads.terms import same_text


class Labels(BaseModel):
    """ctas.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    checked: str
    labels: dict[str, dict[str, str]]


@cache
def table() -> dict[str, dict[str, str]]:
    """Every option with its texts by language tag."""
    import yaml

    path = Path(__file__).with_name("ctas.yaml")
    return Labels.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).labels


def label(option: str, language: str) -> str:
    """What a button says in `language`; `option` itself where the table has no text for it.

    Traditional Chinese is no language of the table: its readers get the English text rather than
    simplified signs.
    """
    tag = language.replace("_", "-").lower()
    if tag.startswith("zh") and any(part in tag for part in ("-hant", "-tw", "-hk", "-mo")):
        return option
    return table().get(option, {}).get(tag.partition("-")[0], option)


def option(text: str, options: Sequence[str]) -> str:
    """The option that `text` means, "" if none: the same words, in English or another language.

    Words count as they are said ("Jetzt kaufen!", "SHOP_NOW"), else the option that shares the
    first word with the text ("Shop the sale" is "Shop now").
    """
    said = text.replace("_", " ")
    for one in options:
        if same_text(said, one):
            return one
    for one in options:
        if any(same_text(said, own) for own in table().get(one, {}).values()):
            return one
    # Another platform's option ("Buy now" where there is only "Shop now") by its translations.
    others = {name for name, texts in table().items() if _means(said, name, texts)}
    for one in options:
        own = set(table().get(one, {}).values())
        if any(own & set(table()[name].values()) for name in others):
            return one
    first = _folded(said).split()[:1]
    return next((one for one in options if first and _folded(one).split()[:1] == first), "")


def _means(said: str, name: str, texts: dict[str, str]) -> bool:
    return same_text(said, name) or any(same_text(said, own) for own in texts.values())


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
