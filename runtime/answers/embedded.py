"""The embedded embedding model, where no endpoint is configured.

The vectors are made in a child process: numpy and the model stay out of studio's own.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from creative.worker import Progress

NAME = "embedded"
"""As STUDIO_EMBEDDING_MODEL: the embedded model, also where there is an endpoint."""
SHOWN = "Universal Sentence Encoder, multilingual, 512 dimensions"


class Embedded:
    """Makes vectors without a server."""

    def __init__(self) -> None:
        self._worker: Any = None
        self._lock = threading.Lock()

    def vectors(self, texts: list[str], seconds: float) -> list[list[float]]:
        """Unit vectors of `texts`.

        Args:
            texts: in any language.
            seconds: longest work, the loading of the model included.

        Raises:
            CreativeError: out of time, or the model cannot be loaded.
        """
        from creative.deadline import Deadline
        from creative.worker import Worker

        with self._lock:  # two calls that come at once share the child process
            if self._worker is None:
                self._worker = Worker("embedding texts")
        deadline = Deadline(
            seconds, "DIFY_BACKWARDS_INVOCATION_READ_TIMEOUT", "Ask for fewer texts at a time."
        )
        made: list[list[float]] = self._worker.call("runtime.answers.embedded:job", texts, deadline)
        return made

    def close(self) -> None:
        """End the child process."""
        if self._worker is not None:
            self._worker.stop()


def job(texts: list[str], progress: Progress) -> list[list[float]]:
    """In the child process: the vectors, as plain numbers."""
    import numpy as np

    from creative.keywords import embed

    rows = embed.encode(texts, progress).astype(np.float32)
    return [[float(number) for number in row] for row in rows]
