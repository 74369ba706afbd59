"""A keyword as it came in."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field

# Zero-width space, word joiner, byte order mark, soft hyphen: pasted along, never meant.
_INVISIBLE = re.compile(r"[\u200b\u2060\ufeff\u00ad]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONE = re.compile(r"[\ud800-\udfff]")


class Row(BaseModel):
    """One line of a list."""

    model_config = ConfigDict(frozen=True)

    keyword: str = Field(description="as given, but for invisible signs and repeated spaces")
    volume: float | None = Field(None, description="searches per month")
    difficulty: float | None = Field(None, description="0 (easy) to 100")
    cpc: float | None = Field(None, description="cost per click, in the list's currency")
    intent: str = Field("", description="as given")
    url: str = Field("", description="the page that ranks or shall rank")
    serp: tuple[str, ...] = Field((), description="addresses of the search results, best first")


def clean(text: str) -> str:
    """`text` as it is shown: invisible signs and control signs gone, single spaces."""
    text = _LONE.sub("\ufffd", _INVISIBLE.sub("", text))
    return " ".join(_CONTROL.sub(" ", text).split())
