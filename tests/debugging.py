"""A debug server in a thread, and clients that say what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runtime.host import Host, open_link
from runtime.host.debug_server import DebugLimits, DebugServer
from runtime.host.remote import Address, connect
from tests.conftest import PROBE
from tests.processes import wait_until

KEY = "6f1f3c0e-1111-4222-8333-000000000000"
RECORDED = (Path(__file__).parent / "recordings" / "daemon.txt").read_bytes().splitlines()
FRAMES: list[dict[str, Any]] = [
    json.loads(line[2:]) for line in RECORDED if line.startswith(b'> {"type":')
]
HELLO, MANIFEST, TOOLS, ICON, END = FRAMES
HELLO["data"]["key"] = KEY
Frame = dict[str, Any] | bytes


class Running:
    """A debug server in a thread."""

    def __init__(self, limits: DebugLimits | None = None) -> None:
        self.said: list[str] = []
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._server = DebugServer(KEY, self.said.append, limits)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        self._task = self._loop.create_task(self._server.serve("127.0.0.1", 0, self._listening))
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        if left := asyncio.all_tasks(self._loop):  # connections that are being closed
            self._loop.run_until_complete(asyncio.wait(left, timeout=30))
        self._loop.close()

    def _listening(self, port: int) -> None:
        self.port = port
        self._ready.set()

    def __enter__(self) -> Running:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(60)
        assert not self._thread.is_alive()

    def heard(self, text: str) -> bool:
        """Whether its terminal says this, soon."""
        return wait_until(lambda: any(text in line for line in self.said))

    def host(self, plugin: str = "", **options: Any) -> Host:
        link = connect(Address("127.0.0.1", self.port, plugin), KEY)
        return open_link(link, {}, **options)


class Client:
    """A connection that says what a test wants."""

    def __init__(self, server: Running, *frames: Frame) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), 60)
        self._file = self.socket.makefile("rb")
        self.say(*frames)

    def say(self, *frames: Frame) -> None:
        for frame in frames:
            line = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
            with contextlib.suppress(OSError):  # refused before it had said everything
                self.socket.sendall(line + b"\n")

    def answer(self) -> str:
        """All that comes until the server closes the connection."""
        with contextlib.suppress(ConnectionResetError):
            return self._file.read().decode().rstrip("\n")
        return ""

    def line(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(self._file.readline())
        return frame

    def closed(self, seconds: float = 60) -> bool:
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@contextlib.contextmanager
def remote_probe(port: int, key: str = KEY) -> Iterator[subprocess.Popen[bytes]]:
    """The probe plugin, started by somebody else."""
    environment = os.environ | {
        "INSTALL_METHOD": "remote",
        "REMOTE_INSTALL_URL": f"127.0.0.1:{port}",
        "REMOTE_INSTALL_KEY": key,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "main"],
        cwd=PROBE,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def changed(frame: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    """A frame with another value at a place of its data."""
    twin = copy.deepcopy(frame)
    place = twin["data"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return twin


def asset(text: Any, name: Any = "x") -> dict[str, Any]:
    return {"type": "asset_chunk", "data": {"filename": name, "data": text, "end": True}}
