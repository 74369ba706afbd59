"""Listeners that nobody may touch: each counts every TCP connection and every UDP packet."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import closing, suppress
from typing import Self

BODY = b"<body style='background:#f00'>secret"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: *\r\n"
    b"Access-Control-Allow-Methods: *\r\nConnection: close\r\nContent-Type: text/html\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
SILENCE_SECONDS = 2.0


class Canary:
    """One listener: the same port for TCP and UDP, on each of its hosts."""

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self.touched: list[str] = []
        self.sockets: list[socket.socket] = []
        for _ in range(20):
            with suppress(OSError):
                self._bind(hosts)
                break
            self.close()
        self.port = int(self.sockets[0].getsockname()[1])
        self.name = f"{hosts[0]}:{self.port}"
        self.url = f"http://{self.name}"

    def _bind(self, hosts: tuple[str, ...]) -> None:
        port = 0
        for host in hosts:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                made = socket.socket(family, kind)
                self.sockets.append(made)
                if kind == socket.SOCK_STREAM:
                    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.bind((host, port))
                port = int(made.getsockname()[1])

    def close(self) -> None:
        """Listen no more."""
        for made in self.sockets:
            made.close()
        self.sockets = []

    async def heard(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Count a connection before anything is said, then answer like a secret page."""
        place = len(self.touched)
        self.touched.append("(a connection)")
        with closing(writer), suppress(OSError, TimeoutError):
            said = await asyncio.wait_for(reader.read(2000), SILENCE_SECONDS)
            line = said.partition(b"\r\n")[0].decode("latin-1")[:200]
            self.touched[place] = line if line.isprintable() and line else "(a connection)"
            writer.write(ANSWER)
            await writer.drain()


class _Packets(asyncio.DatagramProtocol):
    def __init__(self, canary: Canary) -> None:
        self._canary = canary

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._canary.touched.append(f"(a packet of {len(data)} bytes)")


class Cage:
    """Canaries, all served by one thread. Use as a context."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._canaries: list[Canary] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
        for canary in self._canaries:
            canary.close()

    def canary(self, *hosts: str) -> Canary:
        """One more, on 127.0.0.1 if no host is named."""
        made = Canary(hosts or ("127.0.0.1",))
        self._canaries.append(made)
        asyncio.run_coroutine_threadsafe(self._listen(made), self._loop).result(5)
        return made

    async def _listen(self, canary: Canary) -> None:
        for made in canary.sockets:
            if made.type == socket.SOCK_STREAM:
                await asyncio.start_server(canary.heard, sock=made, backlog=64)
            else:
                made.setblocking(False)
                await self._loop.create_datagram_endpoint(lambda: _Packets(canary), sock=made)

    async def _end(self) -> None:
        talking = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in talking:
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)
