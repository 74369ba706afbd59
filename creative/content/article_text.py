"""The text of a section brought into the form that the article needs."""

from __future__ import annotations

import re

from creative.content.given import line

_HEADING = re.compile(r"^[ \t]{0,3}(#{1,6})[ \t]*(.+?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"^```[a-zA-Z]*\n(.*)\n```$", re.DOTALL)
_BOLD_LINE = re.compile(r"^\*\*([^*\n]+)\*\*:?$")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b\u2028\u2029\ufeff]")


def tidy(text: str, heading: str, title: str) -> str:
    """A section without its own heading, with headings inside it from the third level on.

    Args:
        text: as the model wrote it.
        heading: of the section, which the program writes.
        title: of the article.
    """
    text = _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if "\\n" in text and "\n" not in text:
        text = text.replace("\\n", "\n")  # escaped twice, as small models do
    fenced = _FENCE.match(text)
    rows = (fenced[1] if fenced else text).strip().split("\n")
    while rows and (_same(rows[0], heading) or _same(rows[0], title) or not rows[0].strip()):
        rows.pop(0)
    kept: list[str] = []
    code = False
    for row in rows:
        if row.lstrip().startswith("```"):
            code = not code
        found = None if code else _HEADING.match(row)
        kept.append(f"{'#' * max(3, len(found[1]))} {found[2]}" if found else row.rstrip())
    while kept and _HEADING.match(kept[-1]):
        kept.pop()  # a heading of which nothing came
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def escaped(heading: str) -> str:
    """A heading or title as one line that is nothing else in Markdown."""
    return re.sub(r"([\\`*_\[\]<>])", r"\\\1", line(heading).strip("# "))


def _same(row: str, heading: str) -> bool:
    found = _HEADING.match(row) or _BOLD_LINE.match(row.strip())
    text = found[found.lastindex or 0] if found else row
    return bool(heading) and _letters(text) == _letters(heading)


def _letters(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def tidy_heading(text: str) -> str:
    """A heading without marks and numbers of its own."""
    return re.sub(r"^(?:#+|[-*•]|\d{1,2}[.)、])\s*", "", text.strip()).strip(" *_:：")
