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


def data() -> Path:
    """The folder for what must not be lost: the ledger of runs, plugins' storage.

    STUDIO_DATA_DIR, else XDG_DATA_HOME/creative-studio, else ~/.local/share/creative-studio.
    """
    own = os.environ.get("STUDIO_DATA_DIR")
    if own:
        return Path(own).expanduser()
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "creative-studio"
