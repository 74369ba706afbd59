"""Circuit breakers: servers that do not answer are left alone for a while."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

FAILURES_TO_OPEN = 3
"""Connection failures in a row until an address rests."""
REST_SECONDS = 30.0


@dataclass
class Breaker:
    """Counts failures in a row of one address (scheme, host and port)."""

    failures: int = 0
    rests_until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def resting(self) -> float:
        """Seconds that it still rests, or 0."""
        return max(0.0, self.rests_until - time.monotonic())

    def failed(self) -> None:
        """One more."""
        with self.lock:
            self.failures += 1
            if self.failures >= FAILURES_TO_OPEN:
                self.rests_until = time.monotonic() + REST_SECONDS

    def answered(self) -> None:
        """It is there again."""
        with self.lock:
            self.failures = 0
            self.rests_until = 0.0


_breakers: dict[str, Breaker] = {}
_breakers_lock = threading.Lock()


def breaker_of(address: str) -> Breaker:
    """That of the server at `address`."""
    parts = urlsplit(address)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    with _breakers_lock:
        return _breakers.setdefault(origin, Breaker())


def resting(address: str) -> float:
    """Seconds for which the server at `address` still rests after failures; 0: it does not."""
    return breaker_of(address).resting()
