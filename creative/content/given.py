"""Lists and objects as workflows hand them to a text field: JSON, what Python writes, or lines."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from creative.content import words
from creative.errors import InvalidInput, TooLarge

MOST_CHARACTERS = 2_000_000
"""Of one parameter: the largest result of cluster_keywords has a tenth of it."""

PIECE_WORDS = 4
PIECE_SIGNS = 15
"""Of Chinese or Japanese; a longer piece between commas belongs to a sentence."""

_COMMAS = re.compile(r"(?<!\d)[,;]|[,;](?!\d)|[，、；]")
"""Not those of numbers: 2,5 mm; 1,000 calories."""
_SENTENCE_END = re.compile(r"[.!?。！？…][\"'”’」』)）]*$")
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
    return [one for one in (line(_BULLET.sub("", row.strip())) for row in rows) if one]


def pieces(text: str) -> list[str]:
    """What stands between the commas of a single line; nothing if it may be a sentence."""
    rows = [row.strip() for row in text.splitlines() if row.strip()]
    if len(rows) != 1 or _SENTENCE_END.search(rows[0]):
        return []
    bare = _BULLET.sub("", rows[0])
    found = [one for one in (_unquoted(piece) for piece in _COMMAS.split(bare)) if one]
    return found if len(found) > 1 and all(map(_is_short, found)) else []


def _unquoted(piece: str) -> str:
    return line(piece).strip("\"'“”„«»").strip()


def _is_short(piece: str) -> bool:
    return words.count(piece) <= (PIECE_SIGNS if words.has_signs(piece) else PIECE_WORDS)


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
