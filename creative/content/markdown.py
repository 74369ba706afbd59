"""Markdown in headings and blocks, by the lines that markdown-it gives for them."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING

from creative.content import markup
from creative.content.parts import Found, Part

if TYPE_CHECKING:
    from markdown_it.token import Token

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n|$)")
# Between three dashes at the very beginning: what static site generators call front matter.
_FRONT = re.compile(r"\ufeff?---[ \t]*\r?\n(.{0,20000}?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|$)", re.S)
_TITLE = re.compile(r"^title[ \t]*:[ \t]*(.+?)[ \t]*$", re.M)
_INLINE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"!\[[^\[\]\n]{0,500}\](?:\([^()\n]{0,2000}\)|\[[^\[\]\n]{0,200}\])"), ""),
    (re.compile(r"\[([^\[\]\n]{1,500})\](?:\([^()\n]{0,2000}\)|\[[^\[\]\n]{0,200}\])"), r"\1"),
    (re.compile(r"<((?:https?|mailto):[^<>\s]{1,2000})>"), ""),
    (re.compile(r"<(?:!--[^<>]{0,2000}--|/?[A-Za-z][^<>]{0,2000})>"), ""),
    (re.compile(r"(?<!\\)`{1,3}([^`\n]{1,500})`{1,3}"), r"\1"),
    (re.compile(r"(?<![\\*])(\*{1,3})(?=\S)([^*\n]{1,500}?)(?<=\S)\1(?!\*)"), r"\2"),
    (re.compile(r"(?<![\\\w])(_{1,3})(?=\S)([^_\n]{1,500}?)(?<=\S)\1(?!\w)"), r"\2"),
    (re.compile(r"~~(?=\S)([^~\n]{1,500}?)~~"), r"\1"),
    (re.compile(r"\\([!-/:-@\[-`{-~])"), r"\1"),
)
_SILENT = frozenset({"fence", "code_block", "hr"})


def read(text: str) -> Found:
    """Headings and top-level blocks of Markdown; code has no text, HTML in it is stripped."""
    import html

    from markdown_it import MarkdownIt

    front = _FRONT.match(text)
    skipped = front.end() if front else 0
    body = text[skipped:]
    lines = [found.group() for found in _LINE.finditer(body) if found.group()]
    starts = [skipped, *(skipped + at for at in accumulate(len(line) for line in lines))]
    parser = MarkdownIt("commonmark").enable("table")
    # Only blocks have places; what is inside them is read below, in linear time.
    parser.core.ruler.enableOnly(["normalize", "block"])
    parts: list[Part] = []
    open_block: list[Token] = []
    texts: list[str] = []

    def place(token: Token) -> tuple[int, int]:
        first, last = token.map or (0, 0)
        return starts[min(first, len(lines))], starts[min(last, len(lines))]

    for token in parser.parse(body):
        if token.type == "inline":
            texts.append(html.unescape(_plain(token.content)))
        elif token.type == "html_block":
            texts.append(_stripped(token.content))
        if token.level == 0 and token.nesting == 1:
            open_block = [token]
            continue
        if token.level == 0 and token.nesting == -1 and open_block:
            level = int(open_block[0].tag[1]) if token.type == "heading_close" else 0
            start, end = place(open_block[0])
            parts.append(_part(text, texts, start, end, level))
            open_block, texts = [], []
        elif token.level == 0 and token.nesting == 0:
            start, end = place(token)
            said = [] if token.type in _SILENT else texts
            parts.append(_part(text, said, start, end, 0))
            texts = []
    title = ""
    if front and (named := _TITLE.search(front[1])):
        title = named[1].strip("\"'")
    return Found(parts=tuple(parts), title=title, end=len(text))


def _part(text: str, said: list[str], start: int, end: int, level: int) -> Part:
    joined = (" " if level else "\n").join(piece.strip() for piece in said if piece.strip())
    # A block's lines may include the empty ones below it.
    filled = len(text[start:end].rstrip())
    line = re.compile(r"[ \t]*(?:\r\n?|\n|$)").match(text, start + filled)
    end = min(end, line.end()) if line else end
    return Part(text=joined, start=start, end=max(start, end), level=level)


def _plain(content: str) -> str:
    for pattern, shown in _INLINE:
        content = pattern.sub(shown, content)
    return content


def _stripped(content: str) -> str:
    return "\n".join(part.text for part in markup.read(content).parts if part.text)
