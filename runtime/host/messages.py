"""What a plugin says to a host during a call, as Python values."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from runtime.errors import ProtocolViolation


@dataclass(frozen=True)
class Message:
    """One message of a tool, blob chunks already merged.

    Attributes:
        type: text, json, variable, log, blob, link, image, image_link, binary_link, file or
            retriever_resources.
        content: the wire's `message` object (text: {"text"}, json: {"json_object"}, variable:
            {"variable_name", "variable_value", "stream"}, log: {"id", "label", …}); empty for
            blobs.
        meta: the wire's `meta` object (mime_type, filename for blobs).
        blob: the bytes of a blob.
    """

    type: str
    content: dict[str, Any] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    blob: bytes = b""


# What Dify's API takes as the content of a message (api/core/tools/entities/tool_entities.py).
# The daemon only looks at the type, and the SDK lets some of it pass.


class _Text(BaseModel):
    text: str


class _Json(BaseModel):
    json_object: dict[str, Any] | list[Any]

    @model_validator(mode="before")
    @classmethod
    def _wrapped(cls, content: dict[str, Any]) -> dict[str, Any]:
        return content if "json_object" in content else {"json_object": content}


class _Blob(BaseModel):
    blob: str


class _BlobChunk(_Blob):
    id: str
    sequence: int
    total_length: int = Field(ge=0)
    end: bool


class _Variable(BaseModel):
    variable_name: str
    variable_value: Any
    stream: bool = False

    @model_validator(mode="after")
    def _usable(self) -> _Variable:
        if self.variable_name in {"json", "text", "files"}:
            raise ValueError(f"The variable name '{self.variable_name}' is reserved")
        if self.stream and not isinstance(self.variable_value, str):
            raise ValueError("When 'stream' is true, 'variable_value' must be a string")
        return self


class _Log(BaseModel):
    id: str
    label: str
    parent_id: str | None = None
    error: str | None = None
    status: Literal["start", "error", "success"]
    data: dict[str, Any]
    metadata: dict[str, Any] | None = None


class _Resources(BaseModel):
    retriever_resources: list[dict[str, Any]]
    context: str


class _File(BaseModel):
    """Dify puts something of its own in the place of the content."""


_CONTENTS: dict[str, type[BaseModel]] = {
    "text": _Text,
    "link": _Text,
    "image": _Text,
    "image_link": _Text,
    "binary_link": _Text,
    "json": _Json,
    "variable": _Variable,
    "log": _Log,
    "blob": _Blob,
    "blob_chunk": _BlobChunk,
    "retriever_resources": _Resources,
    "file": _File,
}


def tool_message(payload: Mapping[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Type, content and meta of a stream's payload, checked as Dify checks them.

    Raises:
        ProtocolViolation: Dify would fail the call because of this message.
    """
    kind, content, meta = payload.get("type"), payload.get("message"), payload.get("meta")
    wanted = _CONTENTS.get(kind) if isinstance(kind, str) else None
    if wanted is None:
        raise ProtocolViolation(
            f"The tool sent a message of the unknown type {kind!r}; the daemon ends the call.",
            f"Allowed types: {', '.join(sorted(_CONTENTS))}.",
        )
    if not isinstance(content, dict):
        raise _refused(kind, "it has no content")
    if not isinstance(meta, dict | None):
        raise _refused(kind, "meta is no object")
    meta = dict(meta or {})
    if not isinstance(meta.get("mime_type"), str | None):
        raise _refused(kind, "meta.mime_type is no text")
    if not isinstance(meta.get("filename"), str):
        meta.pop("filename", None)  # Dify ignores it, too
    try:
        return str(kind), dict(wanted.model_validate(content)), meta
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"][:1]))
        said = first["msg"].removeprefix("Value error, ")
        raise _refused(kind, f"{where}: {said}" if where else said) from None


def _refused(kind: object, why: str) -> ProtocolViolation:
    return ProtocolViolation(
        f"The tool sent a {kind} message that Dify refuses: {why}.",
        "Use the create_…_message functions of the SDK.",
    )


@dataclass(frozen=True)
class OutputFile:
    """A file that a tool returned."""

    data: bytes
    mime_type: str
    filename: str


@dataclass
class Result:
    """All messages of a finished call, sorted as Dify's workflow node sorts them."""

    texts: list[str] = field(default_factory=list)
    json: list[Any] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    files: list[OutputFile] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text messages in a row."""
        return "".join(self.texts)

    @classmethod
    def collect(cls, messages: Iterable[Message]) -> Result:
        """Consume `messages` to their end."""
        result = cls()
        for message in messages:
            result.add(message)
        return result

    def add(self, message: Message) -> None:
        """Add one message."""
        content = message.content
        match message.type:
            case "text":
                self.texts.append(content["text"])
            case "json":
                self.json.append(content["json_object"])
            case "variable":
                name, value = content["variable_name"], content["variable_value"]
                if content["stream"] and isinstance(self.variables.get(name), str):
                    value = self.variables[name] + value
                self.variables[name] = value
            case "blob":
                kind = message.meta.get("mime_type") or "application/octet-stream"
                unnamed = f"file_{len(self.files) + 1}{mimetypes.guess_extension(kind) or ''}"
                name = message.meta.get("filename") or unnamed
                self.files.append(OutputFile(message.blob, kind, name))
            case "link" | "image" | "image_link" | "binary_link":
                self.links.append(content["text"])
            case "log":
                self.logs.append(content)
            case _:
                pass  # files by reference and retriever resources mean nothing without Dify
