"""A real HTTP server on loopback whose answers a test writes; for faults mostly."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Handler = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Runs until its context ends; `requests` lists "METHOD path" of all that came."""

    def __init__(self, handler: Handler) -> None:
        self.requests: list[str] = []
        seen = self.requests

        class Answering(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                seen.append(f"{self.command} {self.path}")
                with contextlib.suppress(OSError):  # the client may be gone: that is the test
                    handler(self)

            do_GET = do_POST = do_HEAD = _answer  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def answer(
    request: BaseHTTPRequestHandler,
    body: bytes | str,
    status: int = 200,
    content_type: str = "application/json",
    **headers: str,
) -> None:
    """A whole answer."""
    data = body.encode() if isinstance(body, str) else body
    request.send_response(status)
    request.send_header("Content-Type", content_type)
    request.send_header("Content-Length", str(len(data)))
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(data)


_held: list[socket.socket] = []


def free_port() -> int:
    """A port of loopback on which nothing listens, nor ever will while this process runs."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    _held.append(holder)  # bound and not listening: nobody else gets it
    return int(holder.getsockname()[1])


@contextlib.contextmanager
def silent_listener() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield int(listener.getsockname()[1])
