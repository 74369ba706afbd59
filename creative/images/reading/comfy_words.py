"""Nodes of ComfyUI that change a text, and what comes out of them.

ComfyUI's own (comfy_extras/nodes_string.py): StringReplace, StringTrim, StringSubstring,
CaseConverter; pythongosssss' StringFunction (py/string_function.py). Find and replace is the same
in other people's nodes that have both inputs.
Regular expressions are not run: whoever wrote the file could choose one that never ends.
"""

from __future__ import annotations

import re
from typing import Any

MOST_CHARACTERS = 200_000
CHANGES = re.compile(
    r"regex|substring|truncate|format|template|replace|trim|case_?conv|string_?function", re.I
)
"""Nodes whose text is not what goes into them."""
_FUNCTION = "StringFunction|pysssss"
_TIDIED = (("  ", " "), (" ,", ","), (",,", ","), (",,", ","))
_TRIM = {"Both": str.strip, "Left": str.lstrip, "Right": str.rstrip}
_CASE = {
    "UPPERCASE": str.upper, "lowercase": str.lower, "Capitalize": str.capitalize,
    "Title Case": str.title,
}  # fmt: skip


def changed(kind: str, text: str, values: dict[str, Any]) -> str | None:
    """What such a node makes of `text`; None where that is not known.

    Args:
        kind: its class.
        text: what goes in.
        values: its other inputs, links followed as far as they hold something.
    """
    find, replace, mode = values.get("find"), values.get("replace"), values.get("mode")
    if kind == _FUNCTION:
        return _function(text, values)
    after = None
    if "regex" in kind.lower():
        return None
    if isinstance(find, str) and isinstance(replace, str):
        longest = len(text) + (len(text) + 1) * len(replace)
        if find and longest <= MOST_CHARACTERS:
            after = text.replace(find, replace)
    elif kind == "StringTrim" and mode in _TRIM:
        after = _TRIM[mode](text)
    elif kind == "CaseConverter" and mode in _CASE:
        after = _CASE[mode](text)
    elif kind == "StringSubstring":
        start, end = values.get("start"), values.get("end")
        after = text[start:end] if isinstance(start, int) and isinstance(end, int) else None
    return after


def _function(text: str, values: dict[str, Any]) -> str | None:
    second, third = (str(values.get(name) or "") for name in ("text_b", "text_c"))
    tidy = values.get("tidy_tags") == "yes"
    if values.get("action") == "append":
        after = (", " if tidy else "").join(filter(None, (text, second, third)))
    elif second.startswith("/") and second.endswith("/"):  # a regular expression
        return None
    else:
        after = changed("", text, {"find": second, "replace": third}) or ""
    for before, instead in _TIDIED if tidy else ():
        after = after.replace(before, instead)
    return after
