"""A web of two servers on loopback: one that is allowed, and a canary that nobody may touch."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

Answer = str | tuple[int, dict[str, str], str] | Callable[[BaseHTTPRequestHandler], None]


class Site:
    """An HTTP server: path to page, (status, headers, body), or a function that answers."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.pages: dict[str, Answer] = {}
        self.seen: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                site.seen.append(path)
                answer = site.pages.get(path, (404, {}, "nothing here"))
                if callable(answer):
                    answer(self)
                    return
                status, headers, body = (200, {}, answer) if isinstance(answer, str) else answer
                data = body.encode()
                self.send_response(status)
                for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A browser that hangs up is no error here."""

        self._server = Server((host, 0), Handler)
        self.port = self._server.server_port
        self.name = f"{host}:{self.port}"
        self.url = f"http://{self.name}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Canary:
    """Counts every TCP connection, whatever is said over it."""

    def __init__(self) -> None:
        self.touched: list[bytes] = []
        canary = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(2)
                try:
                    heard = self.request.recv(200)
                except OSError:
                    heard = b"(silence)"
                canary.touched.append(heard)
                body = b"<body style='background:#f00'>secret"
                self.request.sendall(
                    b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n"
                    b"Content-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
                )

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self.name = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.name}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def never_ends(handler: BaseHTTPRequestHandler) -> None:
    """Headers, a beginning, and then nothing more."""
    handler.send_response(200)
    kind = "image/png" if handler.path.endswith(".png") else "text/html"
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    if kind == "text/html":
        handler.wfile.write(b"<h1>wait for it</h1>")
    handler.wfile.flush()
    time.sleep(20)


def closed_port() -> int:
    """A port on which nothing listens, nor will: it stays taken until the process ends."""
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    _CLOSED.append(probe)
    return int(probe.getsockname()[1])


_CLOSED: list[socket.socket] = []
