"""What a plugin says to a host during a call, as Python values."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


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


@dataclass(frozen=True)
class OutputFile:
    """A file that a tool returned."""

    data: bytes
    mime_type: str
    filename: str


@dataclass
class Result:
    """All messages of a finished call, sorted as Dify's workflow node sorts them."""

    text: str = ""
    json: list[Any] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    files: list[OutputFile] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)

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
                self.text += content.get("text", "")
            case "json":
                self.json.append(content.get("json_object"))
            case "variable":
                name, value = content["variable_name"], content.get("variable_value")
                if content.get("stream") and isinstance(self.variables.get(name), str):
                    value = self.variables[name] + str(value)
                self.variables[name] = value
            case "blob":
                kind = message.meta.get("mime_type") or "application/octet-stream"
                unnamed = f"file_{len(self.files) + 1}{mimetypes.guess_extension(kind) or ''}"
                name = message.meta.get("filename") or unnamed
                self.files.append(OutputFile(message.blob, kind, name))
            case "link" | "image" | "image_link" | "binary_link":
                self.links.append(content.get("text", ""))
            case "log":
                self.logs.append(content)
            case _:
                pass  # files by reference and retriever resources mean nothing without Dify
