"""A connection to the debug server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field

from runtime.host.lines import Lines

FIRST_LINE_BYTES = 4096
"""So long the line may be that brings the key: whoever connects may send anything."""
UNREAD_BYTES = 64 * 1024 * 1024
"""A client that leaves so much unread is let go."""
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux only


@dataclass(eq=False)
class Peer:
    """A connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    lines: Lines = field(default_factory=lambda: Lines(FIRST_LINE_BYTES))
    why: str = ""

    @property
    def name(self) -> str:
        """Its address, for people."""
        address = self.writer.get_extra_info("peername")
        return f"{address[0]}:{address[1]}" if address else "somebody"

    def send(self, line: bytes) -> None:
        """Write a line without waiting; who does not read is let go."""
        transport = self.writer.transport
        if transport.is_closing():
            return
        self.writer.write(line + b"\n")
        if transport.get_write_buffer_size() > UNREAD_BYTES:
            transport.abort()

    def acknowledge(self) -> None:
        """Acknowledge at once: the SDK's next small write waits for it (Nagle), up to 40 ms."""
        if _QUICK_ACK is not None:
            with contextlib.suppress(OSError):  # it is closed
                known = self.writer.get_extra_info("socket")
                known.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    def let_go(self, why: str) -> None:
        """End the connection; `why` is for people."""
        self.why = why
        self.writer.transport.abort()
