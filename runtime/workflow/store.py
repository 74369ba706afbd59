"""The files of a run: what tools return, what the user gives, what HTTP requests bring.

graphon keeps references; the bytes are here. A plugin gets a URL of the `FileServer`.
"""

from __future__ import annotations

import mimetypes
import threading
import uuid
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

import httpx
from graphon.file.enums import FileTransferMethod, FileType
from graphon.file.models import File
from graphon.http.response import HttpResponse, HttpStatusError
from graphon.variables.segments import Segment
from pydantic import BaseModel

from creative.http import redact
from runtime.answers.files import DEFAULT_MIME_TYPE, FileServer, extension_of, kind_of
from runtime.errors import StudioError
from runtime.host.messages import OutputFile

DOWNLOAD_SECONDS = 30.0
MAX_DOWNLOAD_BYTES = 100 * 1024 * 1024
"""Dify's UPLOAD_VIDEO_FILE_SIZE_LIMIT, the largest of its limits for files."""


@dataclass(frozen=True)
class Stored:
    """A stored file's reference, as graphon's tool node wants it."""

    id: str


class FileNotFetched(StudioError):
    """A file that lies elsewhere cannot be fetched."""


class FileStore:
    """The bytes behind graphon's files; its file runtime and its tool file manager at once.

    Args:
        server: serves the files to plugins.
    """

    def __init__(self, server: FileServer) -> None:
        self._server = server
        self._files: dict[str, OutputFile] = {}
        self._mappings: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    # --- for our own parts ---------------------------------------------------------------

    def put(self, data: bytes, mime_type: str, filename: str | None) -> str:
        """Keep a file; returns its id.

        A name without an extension gets one, and a file without a name gets one, as in Dify
        (api/core/tools/tool_file_manager.py).
        """
        mime = mime_type or mimetypes.guess_type(filename or "")[0] or DEFAULT_MIME_TYPE
        id = uuid.uuid4().hex
        name = PurePosixPath((filename or "").replace("\\", "/")).name or id
        if not PurePosixPath(name).suffix:
            name += extension_of(name, mime)
        with self._lock:
            self._files[id] = OutputFile(data, mime, name)
        return id

    def file(
        self, id: str, method: FileTransferMethod = FileTransferMethod.TOOL_FILE, kind: str = ""
    ) -> File:
        """graphon's reference to a stored file; `kind` if it is not what the name says."""
        stored = self._stored(id)
        return File(
            file_type=FileType(kind or kind_of(stored.filename, stored.mime_type)),
            transfer_method=method,
            reference=id,
            filename=stored.filename,
            extension=extension_of(stored.filename, stored.mime_type),
            mime_type=stored.mime_type,
            size=len(stored.data),
        )

    def output(self, file: File) -> OutputFile:
        """A file of graphon's with its bytes.

        Raises:
            FileNotFetched: it lies elsewhere and does not come.
        """
        if file.transfer_method != FileTransferMethod.REMOTE_URL:
            return self._stored(str(file.related_id))
        name = file.filename or PurePosixPath(str(file.remote_url)).name or "file"
        try:
            data = self.load_file_bytes(file=file)
        except (httpx.HTTPError, httpx.InvalidURL, HttpStatusError) as error:
            raise FileNotFetched(
                f"The file at {redact(str(file.remote_url))} among the outputs cannot be fetched: "
                f"{redact(str(error)) or type(error).__name__}.",
                "The other outputs stand. Look at the address.",
            ) from None
        return OutputFile(data, file.mime_type or DEFAULT_MIME_TYPE, name)

    def parameter(self, file: File) -> dict[str, Any]:
        """A file as a plugin gets it."""
        mapping = {**file.to_plugin_parameter(), "url": self.resolve_file_url(file=file)}
        return {**mapping, "type": str(file.type)}

    def download(self, file: File, /) -> bytes:
        """graphon's file manager for HTTP requests: the bytes of a file."""
        return self.load_file_bytes(file=file)

    # --- graphon's tool file manager and file references ---------------------------------

    def create_file_by_raw(
        self, *, file_binary: bytes, mimetype: str, filename: str | None = None
    ) -> Stored:
        """Keep a file that a node made."""
        return Stored(self.put(file_binary, mimetype, filename))

    def get_file_generator_by_tool_file_id(
        self, tool_file_id: str
    ) -> tuple[Generator[bytes, None, None] | None, File | None]:
        """A kept file's bytes and its reference, or two None."""
        stored = self._files.get(tool_file_id)
        if stored is None:
            return None, None
        return (part for part in (stored.data,)), self.file(tool_file_id)

    def build_from_mapping(self, *, mapping: Mapping[str, Any]) -> File:
        """A reference from a mapping with a tool_file_id, or one that graphon wrote."""
        id = mapping.get("tool_file_id") or mapping.get("reference") or mapping.get("related_id")
        return self.file(str(id))

    # --- graphon's file runtime ----------------------------------------------------------

    @property
    def multimodal_send_format(self) -> str:
        """How pictures go to a model."""
        return "base64"

    def http_get(self, url: str, *, follow_redirects: bool = True) -> HttpResponse:
        """Fetch a remote file.

        Raises:
            httpx.RequestError: it cannot be fetched, or is too large.
        """
        content = bytearray()
        with httpx.stream(
            "GET", url, follow_redirects=follow_redirects, timeout=DOWNLOAD_SECONDS
        ) as answer:
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > MAX_DOWNLOAD_BYTES:
                    raise httpx.RequestError(
                        f"it is larger than {MAX_DOWNLOAD_BYTES // 2**20} MB",
                        request=answer.request,
                    )
        headers = [(k, v) for k, v in answer.headers.items() if k.lower() != "content-encoding"]
        whole = httpx.Response(
            answer.status_code, headers=headers, content=bytes(content), request=answer.request
        )
        return HttpResponse.from_httpx(whole)

    def storage_load(self, path: str, *, stream: bool = False) -> bytes:
        """Dify's storage, which is not here."""
        raise StudioError(
            f"The file {path} lies in Dify's storage, which this runtime does not have.",
            "Give the file as an input of the workflow.",
        )

    def load_file_bytes(self, *, file: File) -> bytes:
        """The bytes of a file, fetched if it is remote."""
        if file.transfer_method == FileTransferMethod.REMOTE_URL:
            response = self.http_get(str(file.remote_url))
            response.raise_for_status()
            return response.content
        return self._stored(str(file.related_id)).data

    def resolve_file_url(self, *, file: File, for_external: bool = True) -> str | None:
        """Where a plugin, or a template, can fetch the file."""
        if file.transfer_method == FileTransferMethod.REMOTE_URL:
            return file.remote_url
        return self._url(str(file.related_id))

    def resolve_upload_file_url(
        self, *, upload_file_id: str, as_attachment: bool = False, for_external: bool = True
    ) -> str:
        """Where an input file can be fetched."""
        return self._url(upload_file_id)

    def resolve_tool_file_url(
        self, *, tool_file_id: str, extension: str, for_external: bool = True
    ) -> str:
        """Where a tool's file can be fetched."""
        return self._url(tool_file_id)

    def verify_preview_signature(
        self,
        *,
        preview_kind: Literal["image", "file"],
        file_id: str,
        timestamp: str,
        nonce: str,
        sign: str,
    ) -> bool:
        """No URL here carries a signature."""
        return False

    def _url(self, id: str) -> str:
        stored = self._stored(id)
        with self._lock:
            if id not in self._mappings:
                self._mappings[id] = self._server.put(
                    stored.data, stored.filename, stored.mime_type
                )
            return str(self._mappings[id]["url"])

    def _stored(self, id: str) -> OutputFile:
        try:
            return self._files[id]
        except KeyError:
            raise StudioError(
                f"The file {id} does not belong to this run.",
                "Files cannot be carried over from another run or from Dify; give it as an input.",
            ) from None


def plain_files(value: Any) -> Any:
    """`value` with every file of graphon's as a mapping, for code and templates.

    The mapping has filename, extension, mime_type, size, type, transfer_method, url, ….
    """
    if isinstance(value, File):
        return dict(value.to_dict())
    if isinstance(value, Segment):
        return plain_files(value.to_object())
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: plain_files(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_files(item) for item in value]
    return value
