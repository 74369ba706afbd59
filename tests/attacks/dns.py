"""A name server (RFC 1035, A records over UDP) whose answers change, and one question to it."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import Self


class NameServer:
    """Answers each name with its list of addresses, one after the other; the last one stays."""

    def __init__(self, table: dict[str, list[str]]) -> None:
        self.asked: list[str] = []
        self._table = {name: list(addresses) for name, addresses in table.items()}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))  # wakes the thread
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            question, asker = self._socket.recvfrom(512)
            if not question:
                return
            name, end = _name(question)
            self.asked.append(name)
            addresses = self._table.get(name, [])
            address = addresses.pop(0) if len(addresses) > 1 else "".join(addresses)
            head = question[:2] + struct.pack(">HHHHH", 0x8180, 1, bool(address), 0, 0)
            answer = b""
            if address:
                # A pointer to the name, type A, class IN, no second to live.
                answer = struct.pack(">HHHLH", 0xC00C, 1, 1, 0, 4) + socket.inet_aton(address)
            self._socket.sendto(head + question[12 : end + 4] + answer, asker)

    def resolve(self, name: str) -> list[str]:
        """Ask it, as a guard's `resolve`."""
        labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
        question = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(5)
            asking.sendto(question, ("127.0.0.1", self.port))
            answer = asking.recv(512)
        if not struct.unpack(">H", answer[6:8])[0]:
            raise OSError("no such name")
        return [socket.inet_ntoa(answer[-4:])]


def _name(question: bytes) -> tuple[str, int]:
    parts, place = [], 12
    while length := question[place]:
        parts.append(question[place + 1 : place + 1 + length].decode("ascii").lower())
        place += 1 + length
    return ".".join(parts), place + 1
