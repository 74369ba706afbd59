"""Screenshots that an earlier call took, on disk, for calls that say how old one may be.

Off unless a request has `cache_seconds`. The name of an entry covers everything that changes the
picture: the request's fields, its secrets among them; the browser or service that takes it; the
hosts that are allowed. How it lies on the disk, and who can read it there: `creative.shelf`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from creative.capture.request import Picture, Screenshot, ScreenshotRequest
from creative.shelf import MAX_SECONDS, VARIABLE, Shelf, lifetime

__all__ = ["MAX_BYTES", "MAX_SECONDS", "VARIABLE", "Cache"]

MAX_BYTES = 256 * 1024 * 1024
"""Of all entries together; the oldest go first."""


class Cache:
    """See the module.

    Args:
        folder: created for this user alone; None: `screenshots` in the folder of all caches.
        max_bytes: of all entries together.
    """

    def __init__(self, folder: Path | None = None, max_bytes: int = MAX_BYTES) -> None:
        self.shelf = Shelf("screenshots", ".shot", folder, max_bytes)

    def get(self, request: ScreenshotRequest, where: Mapping[str, Any]) -> Screenshot | None:
        """What was taken within the request's `cache_seconds`, or None.

        Args:
            request: what to photograph.
            where: what else changes the picture: the engine and its version, allowed hosts.

        Raises:
            InvalidInput: `cache_seconds` is negative or over MAX_SECONDS.
        """
        told = _told(request, where)
        kept = self.shelf.get(told, lifetime(request.cache_seconds))
        if kept is None:
            return None
        try:
            shot = _shot(kept.value, kept.blobs)
        except (KeyError, TypeError, ValueError, ValidationError):
            self.shelf.drop(told)  # another version of this program wrote it
            return None
        note = f"Taken {kept.age:.0f} s ago by an earlier call (cache_seconds)."
        return shot.model_copy(update={"cached": True, "notes": (*shot.notes, note)})

    def put(self, request: ScreenshotRequest, where: Mapping[str, Any], shot: Screenshot) -> None:
        """Keep a picture that was just taken, if the request has `cache_seconds`.

        One from which something was kept away, or of which facts are missing, is not worth it:
        the next try may be whole. A disk that is full or read-only keeps nothing; the picture is
        there all the same.
        """
        missing = request.with_facts and shot.page is None and shot.engine == "browser"
        if not lifetime(request.cache_seconds) or shot.cached or shot.blocked_count or missing:
            return
        value = shot.model_dump(mode="json", exclude={"pictures"})
        value["pictures"] = [
            picture.model_dump(mode="json", exclude={"data"}) for picture in shot.pictures
        ]
        blobs = [picture.data for picture in shot.pictures]
        self.shelf.put(_told(request, where), value, blobs)

    def clear(self) -> None:
        """Remove all entries."""
        self.shelf.clear()


def _told(request: ScreenshotRequest, where: Mapping[str, Any]) -> list[Any]:
    """Everything that changes the picture."""
    return [request.model_dump(mode="json", exclude={"cache_seconds"}), dict(where)]


def _shot(value: Mapping[str, Any], blobs: tuple[bytes, ...]) -> Screenshot:
    pictures = tuple(
        Picture(data=data, **described)
        for data, described in zip(blobs, value["pictures"], strict=True)
    )
    return Screenshot(**{**value, "pictures": pictures})
