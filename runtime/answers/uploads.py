"""Files that a plugin uploads: the request for an address, and the multipart body that follows.

Dify signs the address over the file's name and MIME type and lets it live for
FILES_ACCESS_TIMEOUT (api/core/tools/signature.py, api/controllers/files/upload.py); so is it here.
"""

from __future__ import annotations

import hashlib
import hmac
import mimetypes
import secrets
import time
from collections.abc import Iterator, Mapping
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, urlencode

UPLOAD_PATH = "/files/upload/for-plugin"
FILES_ACCESS_TIMEOUT = 300
"""Seconds for which an address may be used: Dify's default."""
MAX_UPLOAD_BYTES = 30 * 1024 * 1024


class UploadRefused(Exception):
    """Why an upload is not taken.

    Args:
        status: the HTTP status.
        code: Dify's word for it.
        message: for people.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(message)


class Signer:
    """Signs the query of an upload, with a key of its own that nobody else has."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def query(self, filename: str, mime_type: str) -> str:
        """The query of an address for one file."""
        stamp, nonce = str(int(time.time())), secrets.token_hex(16)
        sign = self._sign(filename, mime_type, stamp, nonce)
        return urlencode({"timestamp": stamp, "nonce": nonce, "sign": sign})

    def check(self, query: str, filename: str, mime_type: str) -> None:
        """Whether the query was signed for this file, and lately.

        Raises:
            UploadRefused: it was not.
        """
        given = {name: values[0] for name, values in parse_qs(query).items()}
        stamp, nonce = given.get("timestamp", ""), given.get("nonce", "")
        wanted = self._sign(filename, mime_type, stamp, nonce)
        if not hmac.compare_digest(wanted.encode(), given.get("sign", "").encode()):
            raise UploadRefused(403, "forbidden", "Invalid request.")
        if time.time() - int(stamp) > FILES_ACCESS_TIMEOUT:
            raise UploadRefused(
                403, "forbidden", "Invalid request: the address is too old (FILES_ACCESS_TIMEOUT)."
            )

    def _sign(self, filename: str, mime_type: str, stamp: str, nonce: str) -> str:
        text = f"upload|{filename}|{mime_type}|{stamp}|{nonce}"
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def file_in(content_type: str, body: bytes) -> tuple[str, str, bytes]:
    """(filename, MIME type, bytes) of the part `file` of a multipart body.

    Raises:
        UploadRefused: there is none, or it has no name or no MIME type.
    """
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise UploadRefused(400, "no_file_uploaded", "Please upload your file.")
    for head, data in _parts(body, boundary.encode("latin-1", errors="replace")):
        if head.get_param("name", header="content-disposition") != "file":
            continue
        filename = head.get_filename()
        if not filename or not head.get("content-type"):
            raise UploadRefused(403, "forbidden", "Invalid request.")
        return filename, head.get_content_type(), data
    raise UploadRefused(400, "no_file_uploaded", "Please upload your file.")


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[Message, bytes]]:
    for piece in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]:
        if piece.startswith(b"--"):
            return
        head, _, data = piece.partition(b"\r\n\r\n")
        message = Message()
        for line in head.decode("utf-8", errors="replace").splitlines():
            name, colon, value = line.partition(":")
            if colon:
                message[name.strip()] = value.strip()
        yield message, data


def described(id: str, filename: str, mime_type: str, size: int, url: str) -> Mapping[str, Any]:
    """What Dify answers to an upload (HTTP 201)."""
    return {
        "id": id,
        "name": filename,
        "size": size,
        "extension": mimetypes.guess_extension(mime_type) or ".bin",
        "mime_type": mime_type,
        "preview_url": url,
    }
