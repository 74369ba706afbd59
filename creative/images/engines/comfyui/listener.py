"""The WebSocket side of a ComfyUI server: what happens while a prompt runs.

It only brings news sooner and in more detail. Whether a prompt ended, and how, is asked over
HTTP: a connection that never comes about or breaks costs nothing but the details.
"""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import struct
import threading
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from creative.http import CONNECT_SECONDS
from creative.images.engines.comfyui.server import Server

RECONNECTS = 5
RECONNECT_PAUSE_SECONDS = 5.0
JOIN_SECONDS = 2.0

_PREVIEW, _PREVIEW_WITH_METADATA = 1, 4
"""Binary events of ComfyUI's protocol.py."""

Message = dict[str, Any] | bytes
"""An event {type, data}, or the bytes of a preview picture."""


OVER: Message = {"type": "", "data": {}}
"""Put among the news when the connection ended, so that nobody waits for more."""


class Listener:
    """News of the prompts that were sent with one client id. Use it as a context.

    Args:
        server: whose news.
        client_id: as given to /prompt.
    """

    def __init__(self, server: Server, client_id: str) -> None:
        parts = urlsplit(server.base)
        scheme = "wss" if parts.scheme.lower() == "https" else "ws"
        self._address = urlunsplit(
            (scheme, parts.netloc, f"{parts.path}/ws", f"clientId={client_id}", "")
        )
        self._headers = [f"{name}: {value}" for name, value in server.headers.items()]
        self._deadline = server.deadline
        self._news: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._connected = threading.Event()
        self._tried = threading.Event()
        self._closing = threading.Event()
        self._socket: Any = None
        self._thread = threading.Thread(target=self._listen, name="comfyui-events", daemon=True)

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._shut()
        self._thread.join(JOIN_SECONDS)

    @property
    def alive(self) -> bool:
        """Whether news would come."""
        return self._connected.is_set()

    def ready(self, seconds: float) -> bool:
        """Wait up to `seconds` until there is a connection, or none."""
        return self._tried.wait(seconds) and self.alive

    def next(self, seconds: float) -> Message | None:
        """The next message, or None if there is none within `seconds`."""
        try:
            return self._news.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            return None

    def _shut(self) -> None:
        """Wake the thread, wherever it waits; it closes the socket itself."""
        opened = getattr(self._socket, "sock", None)
        if opened is not None:
            with contextlib.suppress(OSError, ValueError):  # already closed
                opened.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        import websocket

        for _ in range(1 + RECONNECTS):
            self._socket = websocket.WebSocket()
            try:
                self._connect()
                while not self._closing.is_set():
                    self._take(*self._socket.recv_data())
            except (websocket.WebSocketException, OSError, ValueError, AttributeError):
                # Nobody has to know why: the polling judges. (AttributeError: websocket-client's
                # answer to a socket that goes away during the handshake.)
                self._connected.clear()
            finally:
                self._connected.clear()
                self._tried.set()
                self._socket.shutdown()
                self._news.put(OVER)
            if self._closing.wait(RECONNECT_PAUSE_SECONDS) or self._deadline.expired:
                return

    def _connect(self) -> None:
        left = self._deadline.remaining()
        if left <= 0 or self._closing.is_set():
            raise OSError("too late")
        self._socket.connect(
            self._address,
            timeout=min(left, CONNECT_SECONDS),
            header=self._headers,
            suppress_origin=True,  # ComfyUI refuses an origin that is not its own host
            redirect_limit=0,
        )
        # Previews then come with the prompt they belong to (ComfyUI from 0.3.44 on).
        flags = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}
        self._socket.send(json.dumps(flags))
        self._socket.settimeout(None)
        self._connected.set()
        self._tried.set()

    def _take(self, opcode: int, data: bytes) -> None:
        import websocket

        if opcode == websocket.ABNF.OPCODE_CLOSE:
            raise OSError("the server closed the connection")
        if opcode == websocket.ABNF.OPCODE_BINARY:
            picture = preview_of(data)
            if picture:
                self._news.put(picture)
            return
        message = json.loads(data)
        if isinstance(message, dict) and isinstance(message.get("data"), dict):
            self._news.put(message)


def preview_of(frame: bytes) -> bytes | None:
    """The picture in a binary frame; None: it holds none.

    A frame is a big-endian event number, then for 1 a format number and the picture, for 4
    the length of a JSON text, that text and the picture.
    """
    if len(frame) < 8:
        return None
    event, second = struct.unpack_from(">II", frame)
    if event == _PREVIEW:
        return frame[8:] or None
    if event == _PREVIEW_WITH_METADATA:
        return frame[8 + second :] or None
    return None
