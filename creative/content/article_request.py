"""What an article is to be, and how an idea becomes that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from creative import languages
from creative.content import given, words
from creative.errors import InvalidInput

LEAST_WORDS, MOST_WORDS = 150, 8000
DEFAULT_WORDS = 1200
MOST_HEADINGS, MOST_KEYWORDS, MOST_SOURCES = 30, 20, 20
MOST_FAQ, DEFAULT_FAQ = 12, 4
SOURCE_CHARACTERS = 2000
"""Of what a source says."""


_WEB = re.compile(r"https?://[^\s/]", re.IGNORECASE)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Frozen):
    """A source that the user names."""

    url: str = ""
    title: str = ""
    text: str = Field("", description="what it says; may be empty")


class ArticleRequest(_Frozen):
    """An article to write."""

    title: str
    angle: str = ""
    outline: tuple[str, ...] = Field((), description="headings; empty: the model plans them")
    keywords: tuple[str, ...] = Field((), description="the primary one first")
    words: int = Field(DEFAULT_WORDS, description="words; characters in Chinese and Japanese")
    language: str = Field(description="BCP 47")
    tone: str = ""
    audience: str = ""
    faq: int = Field(0, ge=0, le=MOST_FAQ, description="questions and answers at the end")
    internal_links: bool = Field(False, description="[[link: topic]] where a link would help")
    sources: tuple[Source, ...] = ()
    instructions: str = ""


def read_idea(text: str) -> dict[str, Any]:
    """Fields of a request that an idea gives.

    Args:
        text: an idea of content_ideas, as JSON or as Python writes it; a list of one will do.

    Raises:
        InvalidInput: it is none, or has no title.
    """
    found = given.structure(text, "idea")
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    allowed = "one idea of content_ideas: an object with title, outline and target_keywords"
    if not isinstance(found, dict):
        hint = "In an iteration over ideas, connect its item; or give title and outline instead."
        raise InvalidInput("idea", text, allowed, hint)
    title = given.line(found.get("title"))
    if not title:
        raise InvalidInput("idea", text, f"{allowed}; this one has no title")
    keywords = [found.get("primary_keyword"), *_listed(found.get("target_keywords"))]
    length = found.get("estimated_words")
    return {
        "title": title,
        "angle": given.line(found.get("angle")),
        "outline": [given.entry(one) for one in _listed(found.get("outline"))],
        "keywords": [given.entry(one) for one in keywords],
        "words": length if isinstance(length, int | float) and length else None,
    }


def read_sources(text: str) -> tuple[Source, ...]:
    """Sources: an array of addresses or of objects with url, title and text, or one per line.

    A line is an address, "title | address", or any reference.

    Raises:
        InvalidInput: there are more than MOST_SOURCES, or an address is none of the web's.
    """
    found = given.structure(text, "sources")
    items = found if isinstance(found, list) else [found] if isinstance(found, dict) else None
    sources = []
    for item in text.splitlines() if items is None else items:
        source = _source(item)
        if source.url or source.title:
            sources.append(source)
    for source in sources:
        # A link that runs a script would stand in the article as a source.
        if source.url and not _WEB.match(source.url):
            raise InvalidInput("sources", source.url, "addresses with http:// or https://")
    if len(sources) > MOST_SOURCES:
        raise InvalidInput("sources", f"{len(sources)} sources", f"up to {MOST_SOURCES}")
    return tuple(sources)


def _source(item: Any) -> Source:
    if isinstance(item, Mapping):
        text = item.get("text") or item.get("content") or item.get("snippet")
        return Source(
            url=given.line(item.get("url") or item.get("link"), 2000),
            title=given.line(item.get("title")),
            text=given.line(text, SOURCE_CHARACTERS),
        )
    line = given.line(item, 2000)
    title, _, last = line.rpartition("|")
    url = last.strip() if "://" in last else ""
    return Source(url=url, title=(title if url else line).strip()[:300])


def request(
    *,
    idea: str = "",
    title: str = "",
    outline: str = "",
    keywords: str = "",
    sources: str = "",
    length: float | None = None,
    language: str = "",
    tone: str = "",
    audience: str = "",
    faq: int = 0,
    internal_links: bool = False,
    instructions: str = "",
) -> ArticleRequest:
    """A request of what people and workflows give; what is typed goes before the idea's.

    Args:
        idea: see `read_idea`.
        title: of the article, instead of an idea.
        outline: headings, one per line, short ones in one line with commas, or an array.
        keywords: one per line, with commas, or an array; the most important first.
        sources: see `read_sources`.
        length: words; characters in Chinese and Japanese. None: as the idea says, else
            DEFAULT_WORDS.
        language: as `languages.check` reads it; empty: that of the title.
        tone: such as "friendly".
        audience: for whom.
        faq: how many questions.
        internal_links: see `ArticleRequest`.
        instructions: wishes for the model.

    Raises:
        InvalidInput: names the parameter.
    """
    planned = read_idea(idea) if idea.strip() else {}
    headings = _headings(outline) or planned.get("outline", [])
    wanted = given.lines(keywords, "keywords", commas=True) or planned.get("keywords", [])
    named = given.line(title) or planned.get("title", "")
    if not named:
        raise InvalidInput("title", None, "a title, or an idea of content_ideas in idea")
    if len(headings) > MOST_HEADINGS:
        raise InvalidInput("outline", f"{len(headings)} headings", f"up to {MOST_HEADINGS}")
    if not 0 <= faq <= MOST_FAQ:
        raise InvalidInput("faq", faq, f"true, false, or a number from 0 to {MOST_FAQ}")
    told = " ".join([named, *headings, *wanted])
    tag = languages.check(language) if language.strip() else languages.detect(told) or "en"
    if length is not None and not LEAST_WORDS <= length <= MOST_WORDS:
        raise InvalidInput("words", length, f"{LEAST_WORDS} to {MOST_WORDS}")
    usual = planned.get("words") or words.scaled(DEFAULT_WORDS, tag)
    return ArticleRequest(
        title=named,
        angle=planned.get("angle", ""),
        outline=tuple(dict.fromkeys(one for one in headings if one)),
        keywords=tuple(dict.fromkeys(one[:120] for one in wanted if one))[:MOST_KEYWORDS],
        words=round(length or min(MOST_WORDS, max(LEAST_WORDS, usual))),
        language=tag,
        tone=tone.strip()[:300],
        audience=audience.strip()[:500],
        faq=faq,
        internal_links=internal_links,
        sources=read_sources(sources),
        instructions=instructions,
    )


def _headings(outline: str) -> list[str]:
    """One per line; a single line of three or more short pieces with commas is a list, too."""
    lines = given.lines(outline, "outline")
    found = given.pieces(outline) if given.structure(outline, "outline") is None else []
    return found if len(found) > 2 else lines


def read_faq(typed: str) -> int:
    """How many questions: "true" is DEFAULT_FAQ, "false" and nothing 0.

    Raises:
        InvalidInput: it is neither yes or no nor a whole number in range.
    """
    text = typed.strip().lower()
    known = {"": 0, "false": 0, "no": 0, "off": 0, "true": DEFAULT_FAQ, "yes": DEFAULT_FAQ,
             "on": DEFAULT_FAQ}  # fmt: skip
    if text in known:
        return known[text]
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if number.is_integer() and 0 <= number <= MOST_FAQ:
        return int(number)
    raise InvalidInput("faq", typed, f"true, false, or a number from 0 to {MOST_FAQ}")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
