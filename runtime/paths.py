"""Where things live on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from runtime.errors import UsageError

PROJECT = Path(__file__).resolve().parent.parent
"""The folder of our own plugin: the default of every command."""


def cache() -> Path:
    """The folder for extracted packages and their environments; safe to delete.

    STUDIO_CACHE_DIR, else XDG_CACHE_HOME/creative-studio, else ~/.cache/creative-studio.

    Raises:
        UsageError: there is no home folder, and one is needed.
    """
    return _folder("STUDIO_CACHE_DIR", "XDG_CACHE_HOME", "~/.cache")


def cache_room(name: str) -> Path:
    """A folder in the cache, made if it is not there.

    Raises:
        UsageError: it cannot be made.
    """
    room = cache() / name
    try:
        room.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The cache folder {room} cannot be made: {error.strerror or error}.",
            "Set STUDIO_CACHE_DIR to a folder that can be written.",
        ) from None
    return room


def data() -> Path:
    """The folder for what must not be lost: the ledger of runs, plugins' storage.

    STUDIO_DATA_DIR, else XDG_DATA_HOME/creative-studio, else ~/.local/share/creative-studio.

    Raises:
        UsageError: there is no home folder, and one is needed.
    """
    return _folder("STUDIO_DATA_DIR", "XDG_DATA_HOME", "~/.local/share")


def _folder(setting: str, base: str, fallback: str) -> Path:
    own = os.environ.get(setting)
    try:
        if own:
            return Path(own).expanduser()
        return Path(os.environ.get(base) or fallback).expanduser() / "creative-studio"
    except RuntimeError:  # a container's user that has no name
        raise UsageError(
            f"{own or fallback}: this user has no home folder.",
            f"Set HOME, or {setting} to a folder that can be written.",
        ) from None
