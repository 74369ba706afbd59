"""A plugin that debugs remotely, seen from another `studio` process.

`connect` finds the plugin at a debug server (see `debug_server` for what is said there); its
`RemoteLink` takes the place of a process in a `Host`.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime import declaration
from runtime.errors import PluginDied, PluginStartFailed, StudioError, UsageError
from runtime.host import stdio
from runtime.host.lines import Lines, TooLong
from runtime.host.link import Ears
from runtime.paths import cache
from runtime.settings import env_values

CONNECT_SECONDS = 5.0
RETRY_SECONDS = 6.0
"""So long the daemon tries to reach a plugin that is not there (generic.go: every 300 ms)."""
_PAUSE_SECONDS = 0.3
_LINGER_SECONDS = 2.0
"""How long the server may take to read what was said last."""
_LONGEST_LINE_BYTES = 256 * 1024 * 1024
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_KEY_NAME = "REMOTE_INSTALL_KEY"


@dataclass(frozen=True)
class Address:
    """Where a debug server is, and which of its plugins is meant ("" is the only one)."""

    host: str
    port: int
    plugin: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """HOST:PORT, PORT, or either with /AUTHOR/NAME.

        Raises:
            UsageError: it is none of these.
        """
        place, _, plugin = text.strip().partition("/")
        host, _, port = place.rpartition(":")
        if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise UsageError(
                f"'{text}' is no address of a debug server.",
                "Write HOST:PORT, for example localhost:5003; with several plugins "
                "HOST:PORT/AUTHOR/NAME.",
            )
        return cls(host.strip("[]") or "localhost", int(port), plugin)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


# --- the key -------------------------------------------------------------------------------


@contextlib.contextmanager
def kept_key(port: int, key: str) -> Iterator[None]:
    """Keep a server's key while it runs, where only this user's processes find it.

    Raises:
        OSError: the cache folder cannot be written.
    """
    path = _key_file(port)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)  # its rights are those of the new file, not of an old one
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(key)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def known_key(address: Address, env: Path | None) -> str:
    """The key of a debug server: that of a server of this user on this machine, else
    REMOTE_INSTALL_KEY in the environment, else in the env file.

    Raises:
        UsageError: there is none, or the env file cannot be read.
    """
    if address.host in _LOCAL:
        with contextlib.suppress(OSError):
            return _key_file(address.port).read_text(encoding="utf-8").strip()
    key = os.environ.get(_KEY_NAME) or env_values(env).get(_KEY_NAME)
    if not key:
        raise UsageError(
            f"The key of the debug server at {address} is not known.",
            "Start it with `studio debug-server`; if it runs on another machine, give its key as "
            f"{_KEY_NAME} in the environment or in .env.",
        )
    return key


def _key_file(port: int) -> Path:
    return cache() / "debug" / f"{port}.key"


# --- the link ------------------------------------------------------------------------------


class _Absent(PluginStartFailed):
    """The server answers, and the plugin is not connected to it now."""


class RemoteLink:
    """The way to a plugin through a debug server; made by `connect`.

    Attributes:
        plugin: what the plugin declares.
    """

    def __init__(self, address: Address, key: str) -> None:
        self._address = address
        self._key = key
        self._ears: Ears | None = None
        self._wire: _Wire | None = None
        self._stopped = False
        self._lock = threading.Lock()
        self.plugin = self._patiently(RETRY_SECONDS)

    def attach(self, ears: Ears) -> RemoteLink:
        """Tell `ears` from now on; a `Linking`."""
        self._ears = ears
        return self

    def start(self) -> None:
        """Nothing: the connection is there already."""

    def wait_ready(self, seconds: float | None = None) -> None:
        """Wait for the plugin to be connected, as long as the daemon does.

        Raises:
            PluginStartFailed: it is not.
            PluginDied: the link was stopped.
        """
        self._patiently(RETRY_SECONDS if seconds is None else seconds)

    def send(self, line: bytes) -> None:
        """Queue a line for the plugin."""
        wire = self._wire
        if wire is None:
            self._tell(_lost("the connection is closed"))
        else:
            wire.send(line)

    def kill(self, reason: StudioError) -> None:
        """Its process is not ours: it is cut off."""
        self.cut(reason)

    def cut(self, reason: StudioError) -> None:
        """Have the server close the plugin's connection; the SDK connects anew after 5 s."""
        self._tell(reason)
        self.send(b'{"type":"cut"}\n')

    def stop(self) -> None:
        """Close the connection to the server; the plugin goes on."""
        self._stopped = True
        wire = self._wire
        if wire is not None:
            wire.close()
        self._tell(PluginDied("The connection to the plugin was closed.", "Open it anew."))

    def _patiently(self, seconds: float) -> declaration.Plugin:
        end = time.monotonic() + seconds
        while True:
            try:
                with self._lock:
                    return self._connected()
            except _Absent:
                if time.monotonic() > end:
                    raise
                time.sleep(_PAUSE_SECONDS)

    def _connected(self) -> declaration.Plugin:
        if self._stopped:
            raise PluginDied("The connection to the plugin was closed.", "Open it anew.")
        if self._wire is None:
            self._wire = _Wire(self._address, self._key, self._hear, self._lose)
        return self._wire.plugin

    def _hear(self, line: bytes) -> None:
        event = stdio.parse(line)
        if isinstance(event, stdio.SessionEvent | stdio.Complaint) and self._ears is not None:
            self._ears.deliver(event)

    def _lose(self, wire: _Wire, why: str) -> None:
        if self._wire is wire:
            self._wire = None
        self._tell(_lost(why))

    def _tell(self, reason: StudioError) -> None:
        if self._ears is not None:
            self._ears.tell_everyone(reason)


def connect(address: Address, key: str) -> RemoteLink:
    """The link to a plugin at a debug server.

    Raises:
        PluginStartFailed: there is no server, it has another key, or no such plugin.
    """
    return RemoteLink(address, key)


def _lost(why: str) -> PluginDied:
    return PluginDied(
        f"The plugin's connection was lost in the middle of the call: {why}.",
        "Look at the plugin's terminal. It connects anew by itself if its process still runs. "
        "(Dify tells its caller ConnectionClosedError: Connection closed unexpectedly.)",
    )


class _Wire:
    """One connection to a debug server: a thread reads, another writes."""

    def __init__(self, address: Address, key: str, hear: Any, lose: Any) -> None:
        self._hear, self._lose = hear, lose
        self._address = address
        self._lines = Lines(_LONGEST_LINE_BYTES)
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        try:
            self._socket = socket.create_connection((address.host, address.port), CONNECT_SECONDS)
        except OSError as error:
            raise PluginStartFailed(
                f"No debug server answers at {address}: {error.strerror or error}.",
                "Start one with `studio debug-server`, or correct --debug.",
            ) from None
        # A call is small: it should not wait until the one before is acknowledged.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            rest = self._introduce(key)
            self._socket.settimeout(None)
        except BaseException:
            self._socket.close()
            raise
        self._ended = threading.Event()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()
        threading.Thread(target=self._read, args=(rest,), daemon=True).start()

    def send(self, line: bytes) -> None:
        """Queue a line."""
        self._outbox.put(line)

    def close(self) -> None:
        """Close the connection, once the server has what is queued."""
        self._outbox.put(None)
        self._writer.join(2 * _LINGER_SECONDS)

    def _introduce(self, key: str) -> list[bytes]:
        hello = {"type": "studio", "data": {"key": key, "plugin": self._address.plugin}}
        try:
            self._socket.sendall(json.dumps(hello).encode() + b"\n")
            while not (lines := self._receive()):
                pass
            frame = json.loads(lines[0])
            data = frame["data"]
            if frame["type"] == "plugin":
                self.plugin = declaration.from_wire(data["manifest"], data["providers"])
                return lines[1:]
            kind = _Absent if data.get("wait") else PluginStartFailed
            raise kind(f"{self._address}: {data['message']}", data["hint"])
        except (OSError, ValueError, KeyError, TypeError, TooLong) as error:
            raise PluginStartFailed(
                f"What answers at {self._address} is no debug server of studio "
                f"({type(error).__name__}).",
                "Start one with `studio debug-server`, or correct --debug.",
            ) from None

    def _receive(self) -> list[bytes]:
        data = self._socket.recv(1024 * 1024)
        if not data:
            raise ConnectionResetError("the debug server closed the connection")
        return self._lines.feed(data)

    def _read(self, lines: list[bytes]) -> None:
        why = "the debug server has ended"
        try:
            while True:
                for line in lines:
                    if (said := _gone(line)) is not None:
                        why = said
                        return
                    self._hear(line)
                lines = self._receive()
        except (OSError, TooLong):
            pass  # told below
        finally:
            self._ended.set()
            self._outbox.put(None)
            self._lose(self, why)

    def _write(self) -> None:
        with self._socket, contextlib.suppress(OSError):  # the reader notices the end, too
            while (line := self._outbox.get()) is not None:
                self._socket.sendall(line)
            # While it writes to us, the server may not have read everything: closed at once, the
            # connection would be reset, and our last line (a cut) lost.
            self._socket.shutdown(socket.SHUT_WR)
            self._ended.wait(_LINGER_SECONDS)
            self._socket.shutdown(socket.SHUT_RDWR)


def _gone(line: bytes) -> str | None:
    """Why the plugin is gone, if the line says so."""
    if not line.startswith(b'{"type": "gone"'):
        return None
    return str(json.loads(line)["data"]["message"])
