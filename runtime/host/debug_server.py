"""The other end of `INSTALL_METHOD=remote`: plugins connect here instead of to a Dify.

One port, two protocols, told apart by the first line. A plugin says `{"type": "handshake", …}`
and goes through `registration`. Another `studio` process says

    {"type": "studio", "data": {"key": KEY, "plugin": "author/name" or ""}}

and gets `{"type": "plugin", "data": {"manifest": {…}, "providers": […]}}`, or
`{"type": "error", "data": {"message": …, "hint": …}}` and the end. From then on this server is a
switch: a line of the client goes to the plugin, a line of the plugin to the client whose session
it belongs to. `{"type": "cut"}` of a client cuts the plugin's connection, which comes back by
itself; `{"type": "gone", "data": {"message": …}}` tells the client that it is cut. Limits, reverse
calls and files are the business of the client, whose `Host` does them as for its own process.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from runtime.errors import UsageError
from runtime.host import stdio
from runtime.host.lines import TooLong
from runtime.host.peer import Peer
from runtime.host.registration import Refused, Registered, Registration

LONGEST_LINE_BYTES = 256 * 1024 * 1024
"""The daemon has no limit for plugins that debug remotely; memory has."""
LINGER_SECONDS = 1.0
"""So long a refused plugin is listened to, so that it reads why before its writing fails."""
_READ_BYTES = 1024 * 1024

Say = Callable[[str], None]


@dataclass(frozen=True)
class DebugLimits:
    """What the server enforces. The defaults are the daemon's (debugging_runtime/hooks.go,
    lifetime.go, runtime_intialization_handlers.go; its numbers have no names there).

    Attributes:
        HANDSHAKE_SECONDS: a connection has to bring its key within.
        HEARTBEAT_SECONDS: a plugin that is silent for so long is let go.
        PLUGIN_REMOTE_INSTALLING_MAX_CONN: plugins at the same time.
    """

    HANDSHAKE_SECONDS: float = 10.0
    HEARTBEAT_SECONDS: float = 60.0
    PLUGIN_REMOTE_INSTALLING_MAX_CONN: int = 256


@dataclass(eq=False)
class _Client:
    """Another studio process and the calls that it has open."""

    peer: Peer
    plugin: _Plugin
    sessions: set[str] = field(default_factory=set)


@dataclass(eq=False)
class _Plugin:
    """A registered plugin."""

    peer: Peer
    registered: Registered
    last_sign: float = field(default_factory=time.monotonic)
    owners: dict[str, _Client] = field(default_factory=dict)
    clients: set[_Client] = field(default_factory=set)

    @property
    def id(self) -> str:
        """author/name."""
        return self.registered.plugin.id.partition(":")[0]


class DebugServer:
    """Serves plugins and studio processes until `serve` is cancelled.

    Args:
        key: what both have to bring.
        say: told what happens, a line at a time.
        limits: what to enforce; default: the daemon's.
    """

    def __init__(self, key: str, say: Say, limits: DebugLimits | None = None) -> None:
        self._key = key
        self._say = say
        self._limits = limits or DebugLimits()
        self._plugins: dict[str, _Plugin] = {}
        self._peers: set[Peer] = set()
        self.port = 0

    async def serve(self, host: str, port: int, on_ready: Callable[[int], None]) -> None:
        """Listen until cancelled; then every connection is closed.

        Args:
            host: the address to listen on.
            port: 0 takes a free one.
            on_ready: told the port when connections are accepted.

        Raises:
            UsageError: the address cannot be listened on.
        """
        try:
            server = await asyncio.start_server(self._meet, host, port, limit=_READ_BYTES)
        except OSError as error:
            raise UsageError(
                f"{host}:{port} cannot be listened on: {_reason(error)}.",
                "Choose another --host or --port, or end the program that uses it.",
            ) from None
        self.port = server.sockets[0].getsockname()[1]
        on_ready(self.port)
        try:
            await asyncio.get_running_loop().create_future()  # until it is cancelled
        finally:
            server.close()
            for peer in list(self._peers):
                peer.let_go("the server ends")

    # --- a connection ------------------------------------------------------------------

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self._peers.add(peer)
        try:
            await self._introduce(peer)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            pass  # it is gone, or the server is; who cares has been told
        except TooLong as problem:
            self._say(f"{peer.name} was let go: it sent {problem}.")
        finally:
            self._peers.discard(peer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _introduce(self, peer: Peer) -> None:
        registration = Registration(self._key)
        end = time.monotonic() + self._limits.HANDSHAKE_SECONDS
        last_word = time.monotonic()
        while True:
            if registration.shaken:
                end = last_word + self._limits.HEARTBEAT_SECONDS
            try:
                lines = await self._read(peer, end)
            except TimeoutError:
                missing = "its introduction" if registration.shaken else "its key"
                self._say(f"{peer.name} was let go: it connected and did not end {missing}.")
                return
            if not lines:
                return  # it went away again
            last_word = time.monotonic()
            for number, line in enumerate(lines):
                hello = None if registration.shaken else _hello(line)
                if hello is not None:
                    await self._serve_client(peer, hello, lines[number + 1 :])
                    return
                try:
                    registered = registration.feed(line)
                except Refused as refused:
                    await self._refuse(peer, refused)
                    return
                if registration.shaken:
                    peer.lines.longest = LONGEST_LINE_BYTES
                if registered is not None:
                    await self._serve_plugin(peer, registered, lines[number + 1 :])
                    return

    async def _read(self, peer: Peer, end: float) -> list[bytes]:
        """The next whole lines; an empty list at the end of the connection.

        Raises:
            TimeoutError: none came before `end` (time.monotonic).
            TooLong: one does not end.
        """
        while True:
            async with asyncio.timeout(max(0.0, end - time.monotonic())):
                # Little before the key has come: whoever connects may send anything.
                data = await peer.reader.read(min(_READ_BYTES, peer.lines.longest))
            if not data:
                return []
            peer.acknowledge()
            if lines := peer.lines.feed(data):
                return lines

    async def _refuse(self, peer: Peer, refused: Refused) -> None:
        shown = " ".join(refused.answer.split())
        self._say(
            f"{peer.name} was refused: {shown}" + (f"\n  {refused.hint}" * bool(refused.hint))
        )
        peer.writer.write(refused.answer.encode(errors="replace") + b"\n")
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await peer.writer.drain()
                if peer.writer.can_write_eof():
                    peer.writer.write_eof()
                while await peer.reader.read(_READ_BYTES):
                    pass

    # --- a plugin ----------------------------------------------------------------------

    async def _serve_plugin(self, peer: Peer, registered: Registered, rest: list[bytes]) -> None:
        if len(self._plugins) >= self._limits.PLUGIN_REMOTE_INSTALLING_MAX_CONN:
            await self._refuse(peer, Refused("server is busy now, please try again later"))
            return
        plugin = _Plugin(peer, registered)
        before = self._plugins.get(plugin.id)
        if before is not None:
            before.peer.let_go("it connected anew")
        self._plugins[plugin.id] = plugin
        tools = ", ".join(tool.name for _, tool in registered.plugin.tools)
        self._say(f"{registered.plugin.id} is connected from {peer.name}; tools: {tools or 'none'}")
        for warning in registered.warnings:
            self._say(f"  {warning}")
        try:
            await self._listen(plugin, rest)
        finally:
            if self._plugins.get(plugin.id) is plugin:
                del self._plugins[plugin.id]
            self._say(f"{registered.plugin.id} is gone: {peer.why or 'it closed the connection'}.")
            gone = _frame("gone", message=peer.why or "it closed the connection")
            for client in list(plugin.clients):
                client.peer.send(gone)

    async def _listen(self, plugin: _Plugin, lines: list[bytes]) -> None:
        peer = plugin.peer
        while True:
            for line in lines:
                self._hear(plugin, line)
            try:
                lines = await self._read(peer, plugin.last_sign + self._limits.HEARTBEAT_SECONDS)
            except TimeoutError:
                peer.why = f"no heartbeat came for {self._limits.HEARTBEAT_SECONDS:g} s"
                return
            except OSError:
                peer.why = peer.why or "the connection was reset"
                return
            if not lines:
                return

    def _hear(self, plugin: _Plugin, line: bytes) -> None:
        """Something that a plugin says: to the client whose call it belongs to."""
        match stdio.parse(line):
            case stdio.Heartbeat():  # nothing else counts, unlike for a process of our own
                plugin.last_sign = time.monotonic()
            case stdio.SessionEvent(session, kind, _):
                client = plugin.owners.get(session)
                if client is not None:
                    client.peer.send(line)
                    if kind == "end":
                        plugin.owners.pop(session, None)
                        client.sessions.discard(session)
            case stdio.Complaint(session, text):
                client = plugin.owners.get(session or "")
                if client is not None:
                    client.peer.send(line)
                else:
                    self._say(f"{plugin.id} complains: {text[:500]}")
            case _:
                pass  # logs of a plugin that debugs remotely stay on its side

    # --- another studio process --------------------------------------------------------

    async def _serve_client(self, peer: Peer, hello: dict[str, Any], rest: list[bytes]) -> None:
        key = hello.get("key")
        if not isinstance(key, str) or not hmac.compare_digest(
            key.encode(errors="replace"), self._key.encode()
        ):
            self._say(f"{peer.name} was refused: a studio process with a wrong key.")
            peer.send(_frame("error", message="The debug server has another key.", hint=_KEY))
            await peer.writer.drain()
            return
        peer.lines.longest = LONGEST_LINE_BYTES
        plugin = self._choose(hello.get("plugin"))
        if isinstance(plugin, bytes):
            peer.send(plugin)
            await peer.writer.drain()
            return
        client = _Client(peer, plugin)
        plugin.clients.add(client)
        known = plugin.registered
        peer.send(_frame("plugin", manifest=known.manifest, providers=known.providers))
        lines = rest
        try:
            while True:
                for line in lines:
                    self._forward(client, line)
                # A plugin that does not read makes only its clients wait.
                await plugin.peer.writer.drain()
                data = await peer.reader.read(_READ_BYTES)
                if not data:
                    return
                lines = peer.lines.feed(data)
        finally:
            plugin.clients.discard(client)
            for session in client.sessions:
                plugin.owners.pop(session, None)

    def _choose(self, wanted: object) -> _Plugin | bytes:
        """The plugin that a client wants, or the line that says why it cannot have it."""
        names = ", ".join(self._plugins) or "none"
        if isinstance(wanted, str) and wanted:
            found = self._plugins.get(wanted)
            if found is not None:
                return found
            return _frame(
                "error",
                message=f"no available node, plugin runtime not found: {wanted} is not connected.",
                hint=f"Start it with INSTALL_METHOD=remote. Connected: {names}.",
                wait=True,
            )
        if len(self._plugins) == 1:
            return next(iter(self._plugins.values()))
        if not self._plugins:
            return _frame(
                "error",
                message="no available node, plugin runtime not found: no plugin is connected.",
                hint="Paste the lines that the server printed into the plugin's .env and start "
                "`python -m main` in its folder.",
                wait=True,
            )
        return _frame(
            "error",
            message=f"Several plugins are connected: {names}.",
            hint="Name one: --debug HOST:PORT/AUTHOR/NAME.",
        )

    def _forward(self, client: _Client, line: bytes) -> None:
        """Something that a client says: to its plugin, if it belongs to a call of its own."""
        frame = _loaded(line)
        if frame.get("type") == "cut":
            client.plugin.peer.let_go("it was cut on purpose (--fault cut)")
            return
        session, owners = frame.get("session_id"), client.plugin.owners
        if not isinstance(session, str):
            return
        if frame.get("event") == "request" and owners.setdefault(session, client) is client:
            client.sessions.add(session)
        if owners.get(session) is client:
            client.plugin.peer.send(line)


_KEY = (
    "It prints its key when it starts. Give it as REMOTE_INSTALL_KEY in the environment or in .env."
)


def _hello(line: bytes) -> dict[str, Any] | None:
    frame = _loaded(line)
    data = frame.get("data")
    return data if frame.get("type") == "studio" and isinstance(data, dict) else None


def _loaded(line: bytes) -> dict[str, Any]:
    try:
        frame = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return frame if isinstance(frame, dict) else {}


def _frame(kind: str, **data: Any) -> bytes:
    return json.dumps({"type": kind, "data": data}).encode()


def _reason(error: OSError) -> str:
    # asyncio puts a sentence with the address of its own into strerror.
    # A name that is not known has a negative number and a sentence.
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror or str(error)
