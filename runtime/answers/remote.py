"""A file that is somewhere in the web, as Dify hands it to a plugin: by its own address.

Dify asks the server by HEAD what the file is and passes the address on (api/factories/
file_factory.py, `_build_from_remote_url` and `get_remote_file_info`); the plugin fetches it.
"""

from __future__ import annotations

import mimetypes
import re
import uuid
from email.message import Message
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from runtime.answers.files import DEFAULT_MIME_TYPE, kind_of
from runtime.errors import UsageError
from runtime.host.parameters import FILE_IDENTITY

HEAD_SECONDS = 20.0
_ADDRESS = re.compile(r"^https?://", re.IGNORECASE)


def is_address(text: str) -> bool:
    """Whether a text is an http(s) address."""
    return bool(_ADDRESS.match(text))


def remote_file(name: str, url: str) -> dict[str, Any]:
    """The object that Dify hands to a plugin for a file at an address; see `FileServer.put`.

    `size` is -1 where the server does not tell it. A server that refuses HEAD is no failure: Dify
    goes by the address then.

    Args:
        name: the parameter, for errors.
        url: http(s).

    Raises:
        UsageError: no answer comes from there.
    """
    import httpx

    from creative.http import redact

    try:
        reply = httpx.head(url, follow_redirects=True, timeout=HEAD_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise UsageError(
            f"{name}: {redact(url)} does not answer: {error or type(error).__name__}.",
            "Dify asks there by HEAD what the file is. Correct the address.",
        ) from None
    filename = PurePosixPath(unquote(urlsplit(url).path)).name
    mime, size = mimetypes.guess_type(filename)[0] or "", -1
    if reply.status_code == httpx.codes.OK:
        filename = _named(reply.headers.get("content-disposition")) or filename
        mime = mime or reply.headers.get("content-type", "").partition(";")[0].strip()
        length = reply.headers.get("content-length", "")
        size = int(length) if length.isdecimal() else -1
    mime = mime or DEFAULT_MIME_TYPE
    if not filename:
        filename = f"{uuid.uuid4().hex}{mimetypes.guess_extension(mime) or '.bin'}"
    extension = mimetypes.guess_extension(mime) or PurePosixPath(filename).suffix or ".bin"
    return {
        "dify_model_identity": FILE_IDENTITY,
        "mime_type": mime,
        "filename": filename,
        "extension": extension,
        "size": size,
        "type": kind_of(f"file{extension}", mime),
        "url": url,
    }


def _named(disposition: str | None) -> str:
    """The filename in a Content-Disposition, without folders; empty if there is none."""
    if not disposition:
        return ""
    message = Message()
    message["content-disposition"] = disposition
    return PurePosixPath(unquote(message.get_filename() or "").replace("\\", "/")).name
