"""Files for plugins: a loopback HTTP server that stands in for Dify's file service.

Dify never sends a file's bytes to a plugin; it sends an object with a signed URL, and the
plugin fetches that when it needs the bytes. Here the URL leads to this process, and what
Dify's signature does is done by a path that cannot be guessed. The URL has the parts of a
signed one, so that a plugin which knows Dify's links by their form knows these.

What a plugin uploads (`session.file.upload`) comes here too, to an address that is signed for
one file and expires.
"""

from __future__ import annotations

import json
import mimetypes
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import Any, Self
from urllib.parse import quote, urlsplit

from runtime.answers.reverse import Answer, Caller
from runtime.answers.uploads import (
    MAX_UPLOAD_BYTES,
    UPLOAD_PATH,
    Signer,
    UploadRefused,
    described,
    file_in,
)
from runtime.host.faults import FileFault
from runtime.host.parameters import FILE_IDENTITY

DEFAULT_MIME_TYPE = "application/octet-stream"
_SLOW_PIECES = 20

# Dify's kinds of files (graphon 0.8.0: graphon/file/constants.py and file_factory.py).
_KINDS = {
    "image": "jpg jpeg png webp gif svg",
    "video": "mp4 mov mpeg webm",
    "audio": "mp3 m4a wav amr mpga",
    "document": "txt markdown md mdx pdf html htm xlsx xls vtt properties doc docx csv eml msg "
    "ppt pptx xml epub odt",
}
_KIND_OF_EXTENSION = {
    extension: kind for kind, extensions in _KINDS.items() for extension in extensions.split()
}
_DOCUMENT_MIME_TYPES = (
    "text/",
    "application/epub+zip",
    "application/msword",
    "application/pdf",
    "application/vnd.ms-excel",
    "application/vnd.ms-outlook",
    "application/vnd.ms-powerpoint",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.openxmlformats-officedocument",
    "message/rfc822",
)


def kind_of(filename: str, mime_type: str) -> str:
    """Dify's kind of a file: image, video, audio, document or custom; the extension decides
    first, then the MIME type."""
    kind = _KIND_OF_EXTENSION.get(PurePosixPath(filename).suffix.lstrip(".").lower())
    if kind is not None:
        return kind
    mime = mime_type.partition(";")[0].strip().lower()
    major = mime.partition("/")[0]
    if major in {"image", "video", "audio"}:
        return major
    return "document" if mime.startswith(_DOCUMENT_MIME_TYPES) else "custom"


def extension_of(filename: str, mime_type: str) -> str:
    """The extension of a file with its dot, from its name or else its MIME type."""
    suffix = PurePosixPath(filename).suffix
    return suffix or mimetypes.guess_extension(mime_type.partition(";")[0].strip()) or ".bin"


@dataclass(frozen=True)
class _Stored:
    data: bytes
    mime_type: str


class FileServer:
    """Serves the files of a run on loopback; a context manager that stops with the run.

    The server starts with the first `put`, on a free port. Reading works from any process of
    this machine that knows the URL, and from nowhere else.

    Args:
        fault: how to misbehave; default: not at all.
    """

    def __init__(self, fault: FileFault | None = None) -> None:
        self._fault = fault
        self._closed = threading.Event()
        self._files: dict[str, _Stored] = {}
        self._signer = Signer()
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put(self, data: bytes, filename: str, mime_type: str = "") -> dict[str, Any]:
        """Serve a file.

        Args:
            data: its bytes.
            filename: its name; a folder in front of it is dropped.
            mime_type: its MIME type; guessed from the name if empty.

        Returns:
            The object that Dify hands to a plugin for a file: dify_model_identity, mime_type,
            filename, extension (with its dot), size (bytes), type (image, document, audio,
            video, custom), url.
        """
        name = PurePosixPath(filename.replace("\\", "/")).name or "file"
        mime = mime_type or mimetypes.guess_type(name)[0] or DEFAULT_MIME_TYPE
        path = f"/files/{secrets.token_urlsafe(24)}/{quote(name)}"
        query = f"timestamp={int(time.time())}&nonce={secrets.token_hex(16)}&sign=by-path"
        with self._lock:
            port = self._started()
            self._files[path] = _Stored(data, mime)
        return {
            "dify_model_identity": FILE_IDENTITY,
            "mime_type": mime,
            "filename": name,
            "extension": extension_of(name, mime).lower(),
            "size": len(data),
            "type": kind_of(name, mime),
            "url": f"http://127.0.0.1:{port}{path}?{query}",
        }

    def upload_url(self, filename: str, mime_type: str) -> str:
        """An address that takes this one file by POST, for FILES_ACCESS_TIMEOUT seconds."""
        with self._lock:
            port = self._started()
        return f"http://127.0.0.1:{port}{UPLOAD_PATH}?{self._signer.query(filename, mime_type)}"

    def answer(self, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
        """An `upload_file` call: {"url"}.

        Raises:
            ValueError: the request cannot be understood.
        """
        filename, mime_type = request.get("filename"), request.get("mimetype")
        if not isinstance(filename, str) or not isinstance(mime_type, str):
            raise ValueError(
                "unmarshal backwards invoke request failed: 'filename' and 'mimetype' are required"
            )
        if not filename or not mime_type:
            raise ValueError("upload file failed: a filename and a MIME type are required")
        yield "struct", {"url": self.upload_url(filename, mime_type)}

    def close(self) -> None:
        """Stop serving and forget the files."""
        self._closed.set()  # files that hang on purpose
        with self._lock:
            server, thread = self._server, self._thread
            self._server = self._thread = None
            self._files.clear()
        if server is not None and thread is not None:
            server.shutdown()
            thread.join()
            server.server_close()

    def _take(self, query: str, content_type: str, body: bytes) -> Mapping[str, Any]:
        """Keep an upload and describe it as Dify does."""
        filename, mime_type, data = file_in(content_type, body)
        self._signer.check(query, filename, mime_type)
        put = self.put(data, filename, mime_type)
        return described(secrets.token_hex(16), put["filename"], mime_type, len(data), put["url"])

    def _started(self) -> int:
        if self._server is None:
            handler = type(
                "Handler",
                (_Handler,),
                {
                    "files": self._files,
                    "fault": self._fault,
                    "closed": self._closed,
                    "take": staticmethod(self._take),
                },
            )
            self._closed.clear()
            self._server = _Server(("127.0.0.1", 0), handler)
            self._thread = threading.Thread(
                # A short poll, so that closing does not wait for half a second.
                target=self._server.serve_forever,
                args=(0.05,),
                name="file-server",
                daemon=True,
            )
            self._thread.start()
        return int(self._server.server_address[1])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # server_close would otherwise wait for a client that keeps its connection open.
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A plugin that reads half a file and goes has done nothing wrong."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    files: dict[str, _Stored]
    take: Callable[[str, str, bytes], Mapping[str, Any]]
    fault: FileFault | None
    closed: threading.Event
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        """Answer with the file."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer with the file's headers."""
        self._answer(body=False)

    def do_POST(self) -> None:
        """Take an upload; 201 and its description, or Dify's error."""
        parts = urlsplit(self.path)
        try:
            if parts.path != UPLOAD_PATH:
                raise UploadRefused(404, "not_found", "There is nothing here.")
            told = self.headers.get("Content-Length", "")
            if not told.isdecimal():
                raise UploadRefused(411, "length_required", "The body must tell its length.")
            length = int(told)
            if length > MAX_UPLOAD_BYTES:
                raise UploadRefused(413, "file_too_large", "File size exceeded.")
            content_type = self.headers.get("Content-Type", "")
            self._say(201, self.take(parts.query, content_type, self.rfile.read(length)))
        except UploadRefused as error:
            # What was not read would be taken for the next request.
            self.close_connection = True
            said = {"code": error.code, "message": str(error), "status": error.status}
            self._say(error.status, said)

    def _say(self, status: int, content: Mapping[str, Any]) -> None:
        data = json.dumps(content, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _answer(self, *, body: bool) -> None:
        stored = self.files.get(urlsplit(self.path).path)
        if stored is None or (self.fault is not None and self.fault.kind == "404"):
            self.send_response(HTTPStatus.NOT_FOUND)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", stored.mime_type)
        self.send_header("Content-Length", str(len(stored.data)))
        self.end_headers()
        if body and self.fault is not None:
            self._write_badly(stored.data, self.fault)
        elif body:
            self.wfile.write(stored.data)

    def _write_badly(self, data: bytes, fault: FileFault) -> None:
        if fault.kind == "hangs":
            self.wfile.write(data[: len(data) // 2])
            self.closed.wait()
            self.close_connection = True
            return
        piece = max(1, len(data) // _SLOW_PIECES)
        for start in range(0, len(data), piece):
            self.wfile.write(data[start : start + piece])
            if self.closed.wait(fault.seconds / _SLOW_PIECES):
                self.close_connection = True
                return

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: standard error belongs to the user."""
