"""Lists and objects as workflows hand them to a text field: JSON, what Python writes, or lines."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from creative.errors import InvalidInput, TooLarge

MOST_CHARACTERS = 2_000_000
"""Of one parameter: the largest result of cluster_keywords has a tenth of it."""

_BULLET = re.compile(r"^(?:[-*•·▪–]|\d{1,3}[.)、．]|#{1,6})\s*(?=\S)")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b\u2028\u2029\ufeff]")


def structure(text: str, parameter: str) -> Any:
    """What a text that begins like JSON holds; None for any other text.

    Raises:
        InvalidInput: it begins like an object or a list of them, and is none.
        TooLarge: over MOST_CHARACTERS.
    """
    limited(text, parameter)
    stripped = text.strip().removeprefix("\ufeff")
    if stripped[:1] not in ("{", "["):
        return None
    try:
        return json.loads(stripped)
    except (ValueError, RecursionError) as error:
        problem = str(error)
    try:
        return ast.literal_eval(stripped)  # Dify writes a variable in a text as Python does
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        if stripped.startswith("{") or re.match(r"\[\s*\{", stripped):
            raise InvalidInput(
                parameter,
                text,
                f"a variable of another node, or JSON; this is broken JSON ({problem})",
                "Connect the variable itself, and nothing before or after it.",
            ) from None
        return None  # lines that begin with a bracket


def lines(text: str, parameter: str, *, commas: bool = False) -> list[str]:
    """The entries of a list: an array of texts, or one per line, without bullets and numbers.

    Args:
        text: as given.
        parameter: where, for errors.
        commas: whether a single line is split at commas and semicolons.
    """
    found = structure(text, parameter)
    if isinstance(found, list):
        return [one for one in (entry(item) for item in found) if one]
    if isinstance(found, dict):
        raise InvalidInput(parameter, text, "a list, one entry per line, or an array of texts")
    rows = text.splitlines()
    if commas and len([row for row in rows if row.strip()]) == 1:
        rows = re.split(r"[,;，；、]", text)
    return [one for one in (line(unlisted(row.strip())) for row in rows) if one]


def unlisted(row: str) -> str:
    """A line without its bullet or number."""
    return _BULLET.sub("", row)


def entry(item: Any) -> str:
    """One entry of an array: a text, or an object's most telling text."""
    if isinstance(item, dict):
        names = ("heading", "title", "keyword", "name", "text", "url")
        item = next((item[name] for name in names if item.get(name)), "")
    return "" if isinstance(item, dict | list | bool) or item is None else line(str(item))


def line(text: Any, most: int = 300) -> str:
    """A text in one line of at most `most` characters, without signs that nobody sees."""
    if not isinstance(text, str | int | float) or isinstance(text, bool):
        return ""
    return " ".join(_UNSEEN.sub(" ", str(text)).split())[:most].strip()


def limited(text: str, parameter: str) -> str:
    """`text`, unless it is larger than any use.

    Raises:
        TooLarge: over MOST_CHARACTERS.
    """
    if len(text) > MOST_CHARACTERS:
        raise TooLarge(parameter, f"{len(text)} characters", f"{MOST_CHARACTERS} characters")
    return text
