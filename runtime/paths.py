"""Where things live on this machine."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
"""The folder of our own plugin: the default of every command."""


def cache() -> Path:
    """The folder for extracted packages and their environments; safe to delete.

    STUDIO_CACHE_DIR, else XDG_CACHE_HOME/creative-studio, else ~/.cache/creative-studio.
    """
    own = os.environ.get("STUDIO_CACHE_DIR")
    if own:
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "creative-studio"
