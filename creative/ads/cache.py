"""Looks and answers of earlier calls, for calls that say how old one may be (`cache_seconds`).

Two things are kept: what is known of a page, and the texts that a model or a Dify app wrote. What
is built in costs nothing and is made again. How they lie on the disk, and who can read them
there: `creative.shelf`.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from creative.ads.model import AdsRequest, Look
from creative.ads.write import Written
from creative.settings import Settings
from creative.shelf import Shelf, lifetime

MAX_BYTES = 128 * 1024 * 1024
"""Of the looks, and of the answers; the oldest go first."""

_LOOKED_AT = (
    "source_url",
    "source_html",
    "source_image",
    "brief",
    "brand",
    "language",
    "colours",
    "logo",
)
_PICTURES_OF_A_LOOK = ("screenshot", "logo", "image")
_NOT_FOR_WRITERS = frozenset({"make_pictures", "backgrounds", "sizes", "logo", "cache_seconds"})


class Cache:
    """See the module.

    Args:
        folder: where `looks` and `answers` lie; None: in the folder of all caches.
    """

    def __init__(self, folder: Path | None = None) -> None:
        looks, answers = (folder and folder / name for name in ("looks", "answers"))
        self._looks = Shelf("looks", ".look", looks, MAX_BYTES)
        self._answers = Shelf("answers", ".answer", answers, MAX_BYTES)

    def look(self, request: AdsRequest, settings: Settings) -> Look | None:
        """What an earlier call saw at the same source with the same wishes, or None.

        Raises:
            InvalidInput: `cache_seconds` is out of range.
        """
        told = _looked(request, settings)
        kept = self._looks.get(told, lifetime(request.cache_seconds))
        if kept is None:
            return None
        try:
            pictures = dict(zip(_PICTURES_OF_A_LOOK, kept.blobs, strict=True))
            found = Look(**kept.value, **pictures)
        except (TypeError, ValueError, ValidationError):
            self._looks.drop(told)  # another version of this program wrote it
            return None
        note = f"Seen {kept.age:.0f} s ago by an earlier call (cache_seconds)."
        return found.model_copy(update={"notes": (*found.notes, note)})

    def keep_look(self, request: AdsRequest, settings: Settings, look: Look) -> None:
        """Keep what was just seen, if the request has `cache_seconds`."""
        if not lifetime(request.cache_seconds):
            return
        value = look.model_dump(mode="json", exclude=set(_PICTURES_OF_A_LOOK))
        blobs = [getattr(look, name) for name in _PICTURES_OF_A_LOOK]
        self._looks.put(_looked(request, settings), value, blobs)

    def written(self, request: AdsRequest, look: Look, writer: Any) -> Written | None:
        """What the same writer wrote for the same request about the same page, or None.

        Args:
            request: what is wanted.
            look: what the writer saw.
            writer: everything else that changes its answer, as plain data: which model with
                which settings, in whose workspace; which app.

        Raises:
            InvalidInput: `cache_seconds` is out of range.
        """
        told = _asked(request, look, writer)
        kept = self._answers.get(told, lifetime(request.cache_seconds))
        if kept is None:
            return None
        try:
            found = Written(**kept.value)
        except (TypeError, ValidationError):
            self._answers.drop(told)  # another version of this program wrote it
            return None
        note = f"The texts were written {kept.age:.0f} s ago by an earlier call (cache_seconds)."
        return found.model_copy(update={"notes": (*found.notes, note)})

    def keep_written(self, request: AdsRequest, look: Look, writer: Any, written: Written) -> None:
        """Keep what was just written, if the request has `cache_seconds`."""
        if lifetime(request.cache_seconds):
            told = _asked(request, look, writer)
            self._answers.put(told, written.model_dump(mode="json"))

    def clear(self) -> None:
        """Remove everything."""
        self._looks.clear()
        self._answers.clear()


def _looked(request: AdsRequest, settings: Settings) -> list[Any]:
    """Everything that changes a look."""
    from creative.capture import find_browser

    where = settings.model_dump(
        mode="json",
        include={
            "browser_url",
            "screenshot_service",
            "screenshot_service_url",
            "screenshot_service_key",
            "allowed_private_hosts",
        },
    )
    wishes = {name: _plain(getattr(request, name)) for name in _LOOKED_AT}
    return ["look", wishes, where, find_browser() or ""]


def _asked(request: AdsRequest, look: Look, writer: Any) -> list[Any]:
    """Everything that changes an answer."""
    wishes = {
        name: _plain(value)
        for name, value in request.model_dump().items()
        if name not in _NOT_FOR_WRITERS
    }
    seen = {name: _plain(value) for name, value in look.model_dump(exclude={"notes"}).items()}
    return ["answer", wishes, seen, writer, _limits()]


@cache
def _limits() -> str:
    """The platforms' rules: texts that were fitted to others are not taken."""
    table = Path(__file__).with_name("platforms.yaml")
    return hashlib.sha256(table.read_bytes()).hexdigest()


def _plain(value: Any) -> Any:
    """Bytes as their checksum."""
    return hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value
