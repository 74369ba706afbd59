"""Values from plugins, which may be anything."""

from __future__ import annotations

import math


def number(value: object) -> float | None:
    """`value` as a number, or None: what a plugin logs may be anything."""
    try:
        found = float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None
    return found if found is not None and math.isfinite(found) else None


def size_text(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1024:.0f} KB" if size >= 1024 else f"{size} bytes"
