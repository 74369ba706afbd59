"""Parts of articles whose call broke off, for a call that asks for the same again.

In memory only, for half an hour, a few articles: nothing of it is stored. Whoever asks with
another user, model or wish gets none of it.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from dataclasses import dataclass, field

from creative.content.article_request import ArticleRequest
from creative.content.article_writer import Draft

SECONDS = 1800.0
MOST_ARTICLES = 16


@dataclass
class Begun:
    """An article under way."""

    outline: list[str] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    touched: float = field(default_factory=time.monotonic)


class Shelf:
    """Articles that are not finished."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._begun: dict[str, Begun] = {}

    def take(self, key: str) -> Begun:
        """What there is of an article; it is taken off, so that no two calls share it."""
        with self._lock:
            now = time.monotonic()
            for old in [k for k, one in self._begun.items() if now - one.touched > self._seconds]:
                del self._begun[old]
            return self._begun.pop(key, None) or Begun()

    def put(self, key: str, begun: Begun) -> None:
        """Keep an article that broke off, if there is anything of it."""
        if not begun.drafts and not begun.outline:
            return
        with self._lock:
            begun.touched = time.monotonic()
            self._begun[key] = begun
            while len(self._begun) > MOST_ARTICLES:
                del self._begun[min(self._begun, key=lambda k: self._begun[k].touched)]

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._begun.clear()


SHELF = Shelf()


def key_of(request: ArticleRequest, model: str, override: str, owner: str) -> str:
    """What an article is known by."""
    told = json.dumps([request.model_dump(mode="json"), model, override, owner], sort_keys=True)
    return hashlib.sha256(told.encode(errors="replace")).hexdigest()
