"""Names as a server has them, from names as people write them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable

from creative.errors import InvalidInput

_FILE_ENDING = re.compile(r"\.(safetensors|ckpt|pth?|gguf|sft|bin|onnx)$", re.IGNORECASE)
_HASH = re.compile(r"\s*\[[0-9a-f]{6,64}\]$", re.IGNORECASE)


def plain(name: str) -> str:
    """A name without folder, file ending, hash and case.

    >>> plain("SDXL/juggernautXL_v9.safetensors [1234567890]")
    'juggernautxl_v9'
    """
    bare = _HASH.sub("", name.strip()).replace("\\", "/").rpartition("/")[2]
    return _FILE_ENDING.sub("", bare).lower()


def _letters(name: str) -> str:
    """Only what counts when people are careless: letters, digits and +."""
    return re.sub(r"[\s_\-.]+", "", name).lower()


def resolve(parameter: str, wanted: str, known: Iterable[str], whose: str) -> str:
    """The one of `known` that `wanted` means: exactly, else without case, folder, ending, hash.

    Args:
        parameter: name of the parameter, for the error.
        wanted: what the user wrote.
        known: the names that exist.
        whose: who has them, for the error.

    Raises:
        InvalidInput: none, or several; the error names the closest ones.
    """
    names = list(dict.fromkeys(known))
    if wanted in names:
        return wanted
    forms: tuple[Callable[[str], str], ...] = (str.lower, plain, lambda n: _letters(plain(n)))
    for form in forms:
        same = [name for name in names if form(name) == form(wanted)]
        if len(same) == 1:
            return same[0]
        if same:
            raise InvalidInput(
                parameter, wanted, f"one name; {whose} has several: " + ", ".join(same[:8])
            )
    raise InvalidInput(parameter, wanted, f"a name that {whose} has", closest(wanted, names))


def closest(wanted: str, known: Iterable[str], count: int = 5) -> str:
    """A hint that lists the names most like `wanted`, or the first ones if none is alike."""
    names = list(dict.fromkeys(known))
    if not names:
        return "It has none at all."
    by_form = {plain(name): name for name in reversed(names)}
    alike = difflib.get_close_matches(plain(wanted), by_form, n=count, cutoff=0.45)
    inside = [name for name in names if plain(wanted) and plain(wanted) in plain(name)]
    found = list(dict.fromkeys([*(by_form[form] for form in alike), *inside]))[:count]
    if found:
        return f"The closest: {', '.join(found)}."
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return f"It has: {', '.join(names[:count])}{more}."
