"""Plain text in headings and paragraphs."""

from __future__ import annotations

import re

from creative.content.parts import Found, Part

LONGEST_HEADING = 80
"""Characters; one that is written without spaces has half of them."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
# What ends a sentence, or shows that the line goes on.
_ENDS_SENTENCE = re.compile(r"[.!。！…;；,，、:：][\"'”’»」』)）]*$|[?？][\"'”’»」』)）]+$")
_NUMBERED = re.compile(
    r"^(?:\d{1,2}(?:\.\d{1,2})*[.)、．:]|[IVX]{1,5}[.)]|[一二三四五六七八九十]{1,3}[、．.]"
    r"|第[一二三四五六七八九十\d]{1,3}[章节節部]|[■●◆◇□▼▶★【])\s*\S"
)
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")


def read(text: str) -> Found:
    """Headings and paragraphs of `text`.

    Paragraphs are set apart by empty lines; where there are none, each line is one. A single line
    is a heading if it is short, does not end like a sentence and stands alone, or is numbered, in
    capitals or marked (■). The first one is the title.
    """
    lines = [found for found in _LINE.finditer(text) if found.group()]
    apart = any(
        not line.group().strip() and 0 < number < len(lines) - 1
        for number, line in enumerate(lines)
    )
    parts: list[Part] = []
    group: list[re.Match[str]] = []

    def close() -> None:
        if not group:
            return
        first = group[0].group().strip()
        marked = _is_heading(first, strong=True)
        alone = len(group) == 1 and _is_heading(first, strong=False)
        if alone or (marked and len(group) > 1):
            parts.append(_part(group[:1], level=2 if parts else 1))
            del group[0]
        if group:
            parts.append(_part(group, level=0))
        group.clear()

    for line in lines:
        if not line.group().strip():
            close()
            continue
        if not apart or (group and _is_heading(line.group().strip(), strong=True)):
            close()
        group.append(line)
    close()
    parts = _without_lonely(parts)
    title = parts[0].text if parts and parts[0].level else ""
    return Found(parts=tuple(parts), title=title, end=len(text))


def _part(group: list[re.Match[str]], level: int) -> Part:
    whole = "\n".join(line.group().strip() for line in group)
    start = group[0].start() + len(group[0].group()) - len(group[0].group().lstrip())
    text = whole.lstrip("■●◆◇□▼▶★ ") if level else whole
    return Part(text=text, start=start, end=group[-1].end(), level=level)


def _is_heading(line: str, strong: bool) -> bool:
    """Whether a line reads like a heading; `strong`: even with a paragraph right below it."""
    most = LONGEST_HEADING // 2 if _UNSPACED.search(line) else LONGEST_HEADING
    if len(line) > most or _ENDS_SENTENCE.search(line) or not re.search(r"\w", line):
        return False
    if not strong:
        return True
    letters = [sign for sign in line if sign.isalpha()]
    capitals = len(letters) > 3 and all(sign.isupper() for sign in letters)
    return capitals or bool(_NUMBERED.match(line))


def _without_lonely(parts: list[Part]) -> list[Part]:
    """Several headings in a row, with nothing between them, are a list: only the last is one.

    The very first one stays: a title with a subtitle below.
    """
    if all(part.level for part in parts):
        # Nothing but short lines: they are the text.
        return [part.model_copy(update={"level": 0}) for part in parts]
    kept: list[Part] = []
    for number, part in enumerate(parts):
        after = parts[number + 1] if number + 1 < len(parts) else None
        lonely = part.level and (after is None or after.level) and number > 0
        kept.append(part.model_copy(update={"level": 0}) if lonely else part)
    return kept
