"""An article in sections: what is text in it, and where that stands in the original.

Three kinds: plain text (a line that stands alone and ends like no sentence is a heading), Markdown
(CommonMark with tables, read by markdown-it) and HTML (scripts, styles, navigation, hidden parts
and what surrounds the article are left out). Every offset counts characters of the original as
Python does, so that `original[:offset] + picture + original[offset:]` is the article with a
picture: ends of blocks are never inside a paragraph, a list, a table or a tag.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from creative import languages
from creative.content import markdown, markup, plain
from creative.content.parts import Found, Part
from creative.errors import InvalidInput, TooLarge

Kind = Literal["text", "markdown", "html"]

MAX_BYTES = 1_000_000
"""Of an article, in UTF-8 or as the file has it: five novels' chapters."""
MAX_HEADING = 200
"""Characters of a heading that are kept."""

_KINDS: dict[str, Kind] = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdx": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
}
_HTML = re.compile(
    r"<(?:!doctype\s+html|html|head|body|article|section|main|div|p|h[1-6]|ul|ol|table|br)"
    r"(?:\s[^<>]{0,500})?/?>",
    re.IGNORECASE,
)
_MARKDOWN = re.compile(
    r"^(?:[ ]{0,3}#{1,6}[ \t]+\S|[ ]{0,3}(?:```|~~~)|[ ]{0,3}>[ ]\S|\|.+\|[ \t]*$"
    r"|[ ]{0,3}[-*+][ ]+\S)|\*\*\S[^*\n]{0,200}\*\*|\]\([^()\s]{1,500}\)"
    r"|^[^\n]{1,200}\n[ ]{0,3}={3,}[ \t]*$",
    re.MULTILINE,
)


class Block(BaseModel):
    """A paragraph, a list, a quotation, a table, or code (which has no text for readers).

    Attributes:
        text: without markup; lines of a list are lines.
        start: where it starts in the original, in characters.
        end: where it ends: something may be put in there.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    start: int
    end: int


class Section(BaseModel):
    """A heading and what follows it, up to the next heading of any level.

    Attributes:
        heading: without markup; empty for what stands before the first heading.
        level: 1 to 6; 0 without a heading.
        start: where it starts in the original: at its heading.
        end: where the next one starts, or the article ends.
        text: of its blocks, without the heading and without markup.
        body: where its heading ends: something may be put in there.
        blocks: what it is made of.
    """

    model_config = ConfigDict(frozen=True)

    heading: str
    level: int
    start: int
    end: int
    text: str
    body: int
    blocks: tuple[Block, ...] = ()


class Document(BaseModel):
    """An article.

    Attributes:
        kind: how it was read.
        text: the original.
        title: as the document says; empty if it does not.
        language: BCP 47; empty if nothing can be told.
        sections: in order, none without either a heading or text.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    text: str = Field(repr=False)
    title: str
    language: str
    sections: tuple[Section, ...]


def read_document(
    content: str | bytes, filename: str = "", kind: Kind | None = None, parameter: str = "content"
) -> Document:
    """An article, read.

    Args:
        content: its text, or the bytes of a file in any of the usual encodings.
        filename: the file's name; its ending tells the kind.
        kind: how to read it; None: as the name or the text itself tells.
        parameter: where it came from, for errors.

    Raises:
        InvalidInput: nothing in it can be read: empty, binary, in an unknown encoding, or markup
            without a text.
        TooLarge: over MAX_BYTES.
    """
    size = len(content) if isinstance(content, bytes) else len(content.encode(errors="replace"))
    if size > MAX_BYTES:
        raise TooLarge(
            parameter,
            f"{size} bytes",
            f"{MAX_BYTES} bytes",
            "Give the chapters one by one.",
        )
    if isinstance(content, bytes):
        from creative.content.encodings import decode

        text = decode(content, filename, parameter)
    else:
        text = content
    if not text.strip():
        raise InvalidInput(parameter, None, "an article: text, Markdown or HTML")
    if "\x00" in text:
        raise InvalidInput(parameter, "binary data", "an article: text, Markdown or HTML")
    found_kind = kind or kind_of(text, filename)
    found = _reader(found_kind, text)
    sections = _sections(found)
    if not any(section.text for section in sections):
        raise InvalidInput(
            parameter,
            text,
            "an article: text, Markdown or HTML with at least a sentence in it",
        )
    prose = "\n".join(f"{section.heading}\n{section.text}" for section in sections)
    # A page whose first words are a heading of any level means it as its title.
    first = sections[0].heading if sections else ""
    title = found.title or next((s.heading for s in sections if s.level == 1), first)
    return Document(
        kind=found_kind,
        text=text,
        title=title[:MAX_HEADING],
        language=languages.detect(prose),
        sections=sections,
    )


def kind_of(text: str, filename: str = "") -> Kind:
    """How to read `text`: by its file's name, else by what is in it."""
    named = _KINDS.get(PurePosixPath(filename).suffix.lower())
    # Plain text is also what people call everything else.
    if named is not None and named != "text":
        return named
    if len(_HTML.findall(text, 0, 20_000)) >= 2 or _HTML.match(text.lstrip()[:600]):
        return "html"
    if named is None and _MARKDOWN.search(text):
        return "markdown"
    return "text"


def _reader(kind: Kind, text: str) -> Found:
    if kind == "html":
        return markup.read(text)
    if kind == "markdown":
        return markdown.read(text)
    return plain.read(text)


def _sections(found: Found) -> tuple[Section, ...]:
    """Headings with the blocks that follow them."""
    sections: list[Section] = []
    heading: Part | None = None
    blocks: list[Part] = []

    def close(end: int) -> None:
        if heading is None and not any(block.text for block in blocks):
            return
        start = heading.start if heading else blocks[0].start
        sections.append(
            Section(
                heading=heading.text[:MAX_HEADING] if heading else "",
                level=heading.level if heading else 0,
                start=start,
                end=end,
                text="\n\n".join(block.text for block in blocks if block.text),
                body=heading.end if heading else start,
                blocks=_blocks(blocks),
            )
        )

    for part in found.parts:
        if part.level:
            close(part.start)
            heading, blocks = part, []
        else:
            blocks.append(part)
    close(found.end)
    return tuple(sections)


def _blocks(parts: Sequence[Part]) -> tuple[Block, ...]:
    return tuple(Block(text=part.text, start=part.start, end=part.end) for part in parts)
