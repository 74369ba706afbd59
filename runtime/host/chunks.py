"""Files arrive in pieces; this puts them together as Dify's API does (chunk_merger.py)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from runtime.errors import LimitExceeded, ProtocolViolation
from runtime.host.limits import Limits
from runtime.host.messages import Message


class ChunkMerger:
    """The open files of one call."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[str, bytearray] = {}

    def add(self, content: Mapping[str, Any], meta: Mapping[str, Any]) -> Message | None:
        """Take one blob_chunk; returns the whole file when it was the last piece.

        Raises:
            LimitExceeded: the file or the piece is too large.
            ProtocolViolation: the piece is not base64.
        """
        name = content["id"]
        piece = _decode(content["blob"])
        data = self._open.setdefault(name, bytearray())
        if len(data) + len(piece) > self._limits.MAX_FILE_SIZE:
            del self._open[name]
            raise LimitExceeded(
                "MAX_FILE_SIZE",
                f"The tool returned a file over {self._limits.MAX_FILE_SIZE / 2**20:g} MB; "
                "Dify refuses it.",
                "Return a smaller file, or a link.",
            )
        if len(piece) > self._limits.MAX_CHUNK_SIZE:
            raise LimitExceeded(
                "MAX_CHUNK_SIZE",
                f"The tool sent a piece of {len(piece)} bytes of a file; "
                f"Dify takes {self._limits.MAX_CHUNK_SIZE} at most.",
                "Send files with create_blob_message; the SDK cuts them up.",
            )
        data += piece
        if not content["end"]:
            return None
        return Message("blob", meta=dict(meta), blob=bytes(self._open.pop(name)))

    @property
    def unfinished(self) -> int:
        """How many files never got their last piece."""
        return len(self._open)


def whole_blob(content: Mapping[str, Any], meta: Mapping[str, Any]) -> Message:
    """A file that came in one `blob` message."""
    return Message("blob", meta=dict(meta), blob=_decode(content["blob"]))


def _decode(text: str) -> bytes:
    try:
        # Dify takes line breaks, and makes a broken file of what is no base64 at all.
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise ProtocolViolation(
            "The tool sent a piece of a file that is not base64.",
            "Send files with create_blob_message.",
        ) from None
