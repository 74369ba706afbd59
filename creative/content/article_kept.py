"""Parts of articles whose call broke off, for a call that asks for the same again.

On the disk for half an hour, because the plugin may have been restarted in between (`studio run`
starts it for each command). How they lie there, and that nobody reads them without asking for the
same article as the same user with the same model: `creative.shelf`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from creative.content.article_request import ArticleRequest
from creative.content.article_writer import Draft
from creative.shelf import Shelf

SECONDS = 1800.0
MAX_BYTES = 16 * 1024 * 1024
"""Of all articles together; the oldest go first."""


@dataclass
class Begun:
    """An article under way."""

    outline: list[str] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)


class Unfinished:
    """Articles that are not finished.

    Args:
        folder: where they lie; None: in the folder of all caches.
        seconds: how long.
    """

    def __init__(self, folder: Path | None = None, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._shelf = Shelf("articles", ".article", folder, MAX_BYTES, max_seconds=seconds)

    def take(self, told: Any) -> Begun:
        """What there is of an article; it is taken off.

        Args:
            told: what it is known by, see `known_by`.
        """
        try:
            self._shelf.tidy()
            kept = self._shelf.get(told, self._seconds)
            if kept is None:
                return Begun()
            self._shelf.drop(told)
            return TypeAdapter(Begun).validate_python(kept.value)
        except (OSError, ValidationError):
            # No folder at all can be written, which keeps nobody from writing an article; or
            # another version of this program wrote the entry.
            return Begun()

    def put(self, told: Any, begun: Begun) -> bool:
        """Keep an article that broke off, if there is anything of it.

        Returns:
            Whether it is kept: a disk that is full or cannot be written keeps nothing.
        """
        if not begun.drafts and not begun.outline:
            return False
        try:
            return self._shelf.put(told, asdict(begun))
        except OSError:
            return False


@cache
def unfinished() -> Unfinished:
    """Those of this plugin."""
    return Unfinished()


def known_by(request: ArticleRequest, model: str, override: str, owner: str) -> Any:
    """Everything that makes an article another one, as plain data."""
    return [request.model_dump(mode="json"), model, override, owner]
