"""JSON from a file that somebody else wrote: whatever it is, it ends here."""

from __future__ import annotations

import json
from typing import Any


def as_object(text: Any) -> dict[str, Any]:
    """The JSON object in `text`; {} for everything else, also for one nested too deeply."""
    if isinstance(text, dict):
        return text
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return {}
    try:
        value = json.loads(text.strip().rstrip("\0"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def inner(value: dict[str, Any], *path: str) -> Any:
    """What stands at `path`; None where it ends."""
    here: Any = value
    for name in path:
        here = here.get(name) if isinstance(here, dict) else None
    return here
