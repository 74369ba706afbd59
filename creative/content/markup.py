"""HTML in headings and blocks, with their places in the source."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import accumulate

from creative.content.parts import Found, Part

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
# Nothing of these is read.
_DROPPED = frozenset(
    {
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "math",
        "iframe",
        "object",
        "canvas",
        "nav",
        "aside",
        "footer",
        "form",
        "button",
        "select",
        "textarea",
        "dialog",
        "audio",
        "video",
        "head",
        "menu",
    }
)
# Their ends are places where something can stand; what is inside of one belongs to it.
_BLOCKS = frozenset(
    {"p", "ul", "ol", "dl", "table", "blockquote", "pre", "figure", "address", "details"}
)
# They only hold others; text that stands in them directly is a block of its own.
_HOLDERS = frozenset(
    {
        "html",
        "body",
        "main",
        "article",
        "section",
        "div",
        "header",
        "center",
        "li",
        "dd",
        "dt",
        "td",
        "th",
        "tr",
    }
)
_BREAKS = frozenset(
    {"br", "li", "dd", "dt", "tr", "p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "figcaption"}
)
_VOID = frozenset(
    {
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    }
)
# Where they have nothing but links in them, they are a menu.
_MENUS = frozenset({"", "ul", "ol"})
_MAIN = frozenset({"main", "article"})
_MAIN_SHARE = 0.3
"""Of the text that has to be in <main> or <article> for the rest to be left out."""


def read(text: str) -> Found:
    """Headings and blocks of an HTML page or a piece of HTML."""
    reader = _Reader(text)
    reader.feed(_ended(text))
    reader.close()
    reader.finish()
    parts = reader.parts
    inside = [part for part, main in zip(parts, reader.main, strict=True) if main]
    length = sum(len(part.text) for part in parts)
    if inside and sum(len(part.text) for part in inside) >= length * _MAIN_SHARE:
        parts = inside
    end = parts[-1].end if parts else len(text)
    return Found(parts=tuple(parts), title=reader.title.strip(), end=end)


_LONE = "\x00"
"""A "<" that begins no tag, for the parser; no article has this sign of its own."""


def _ended(text: str) -> str:
    """`text` without a comment or tags that never end: the parser looks for the end of each.

    As browsers do: such a comment is all of the rest. Places stay the same.
    """
    lower = text.lower() if len(text.lower()) == len(text) else text
    comment = text.find("<!--", text.rfind("-->") + 1)
    while comment >= 0:
        # In a script it is no comment.
        if lower.rfind("<script", 0, comment) <= lower.rfind("</script", 0, comment):
            text = text[:comment]
            break
        over = lower.find("</script", comment)
        comment = text.find("<!--", over) if over >= 0 else -1
    last = text.rfind(">") + 1
    return text[:last] + text[last:].replace("<", _LONE)


@dataclass
class _Open:
    """A heading or block that has begun."""

    tag: str
    start: int
    level: int
    texts: list[str] = field(default_factory=list)
    unlinked: bool = False


class _Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[Part] = []
        self.main: list[bool] = []
        self.title = ""
        self._text = text
        self._lines = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
        self._dropped: list[str] = []
        self._mains = 0
        self._in_title = False
        self._links = 0
        self._open: _Open | None = None

    def _at(self) -> int:
        line, column = self.getpos()
        return min(self._lines[line - 1] + column, len(self._text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title" and not self.title:
            self._in_title = True
        if self._dropped:
            if tag not in _VOID:
                self._dropped.append(tag)
            return
        if (tag in _DROPPED and tag != "head") or _hidden(attrs):
            if tag not in _VOID:
                self._dropped.append(tag)
            return
        if tag in _MAIN:
            self._mains += 1
        if tag == "a":
            self._links += 1
        opened = self._open
        if (
            opened is not None
            and opened.tag in ("p", "")
            and (tag in _BLOCKS or tag in _HEADINGS or tag in _HOLDERS)
        ):
            self._close(self._at())  # a paragraph ends where the next block begins
            opened = None
        if opened is None and (tag in _BLOCKS or tag in _HEADINGS):
            self._open = _Open(tag, self._at(), _HEADINGS.get(tag, 0))
        elif opened is not None and tag in _BREAKS:
            opened.texts.append("\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            self.handle_starttag(tag, attrs)
        elif self._open is not None and tag in _BREAKS:
            self._open.texts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if self._dropped:
            # A tag that was left open inside ends with what surrounds it.
            if tag in self._dropped:
                while self._dropped.pop() != tag:
                    pass
            return
        if tag in _MAIN and self._mains:
            self._mains -= 1
        if tag == "a" and self._links:
            self._links -= 1
        if self._open is None:
            return
        if tag == self._open.tag:
            self._close(self._at_end(tag))
        elif self._open.tag == "" and tag in _HOLDERS:
            self._close(self._at())

    def _at_end(self, tag: str) -> int:
        at = self._at()
        end = self._text.find(">", at)
        return len(self._text) if end < 0 else end + 1

    def handle_data(self, data: str) -> None:
        data = data.replace(_LONE, "<")
        if self._in_title:
            self.title += data
            return
        if self._dropped:
            return
        if self._open is None:
            if not data.strip():
                return
            self._open = _Open("", self._at() + len(data) - len(data.lstrip()), 0)
        self._open.texts.append(data)
        if not self._links and data.strip():
            self._open.unlinked = True

    def finish(self) -> None:
        """Close what was left open."""
        if self._open is not None:
            self._close(len(self._text))

    def _close(self, end: int) -> None:
        opened, self._open = self._open, None
        if opened is None:
            return
        lines = (" ".join(line.split()) for line in "".join(opened.texts).split("\n"))
        separator = " " if opened.level else "\n"
        said = separator.join(line for line in lines if line)
        menu = not opened.unlinked and opened.tag in _MENUS
        if opened.tag == "pre" or menu:
            said = ""
        if said or not opened.level:
            self.parts.append(Part(text=said, start=opened.start, end=end, level=opened.level))
            self.main.append(self._mains > 0)


def _hidden(attrs: list[tuple[str, str | None]]) -> bool:
    for name, value in attrs:
        style = (value or "").replace(" ", "").lower()
        if name == "hidden" or (name == "aria-hidden" and style == "true"):
            return True
        if name == "style" and ("display:none" in style or "visibility:hidden" in style):
            return True
    return False
