"""The wire: newline-delimited JSON between a host and a plugin's process.

Pure functions from bytes to values and back; `process` moves the bytes. The same frames are
spoken over TCP by a plugin that debugs remotely.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.errors import ProtocolViolation

MESSAGE_TYPES = frozenset(
    {
        "text", "file", "blob", "blob_chunk", "json", "link", "image", "image_link",
        "binary_link", "variable", "log", "retriever_resources",
    }
)  # fmt: skip
"""What the daemon knows (pkg/entities/tool_entities/tool.go); it ends a session for others."""


@dataclass(frozen=True)
class Stray:
    """A line that is no message: something printed."""

    text: str


@dataclass(frozen=True)
class Heartbeat:
    """The plugin lives; the first one means that it is ready."""


@dataclass(frozen=True)
class Log:
    """A line of the plugin's own log."""

    level: str
    text: str


@dataclass(frozen=True)
class Complaint:
    """The plugin could not read something that we sent."""

    session: str | None
    text: str


@dataclass(frozen=True)
class SessionEvent:
    """Part of the answer to a call: `type` is stream, end, error or invoke."""

    session: str
    type: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Declaration:
    """The manifest that a plugin prints when it starts."""

    data: dict[str, Any]


Event = Stray | Heartbeat | Log | Complaint | SessionEvent | Declaration


def parse(line: bytes) -> Event | None:
    """One line of a plugin's standard output; None for a blank one. Never raises."""
    text = line.decode("utf-8", errors="replace").strip()
    if not text:
        return None
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return Stray(text)
    if not isinstance(frame, dict):
        return Stray(text)
    return _event(frame) or Stray(text)


def _event(frame: Mapping[str, Any]) -> Event | None:
    data = frame.get("data")
    content: dict[str, Any] = data if isinstance(data, dict) else {}
    session = frame.get("session_id")
    match frame.get("event"):
        case None if "name" in frame and "plugins" in frame:
            return Declaration(dict(frame))
        case "heartbeat":
            return Heartbeat()
        case "log":
            return Log(str(content.get("level", "INFO")), str(content.get("message", "")))
        case "error":
            known = session if isinstance(session, str) else None
            return Complaint(known, str(content.get("error", content)))
        case "session" if isinstance(session, str) and isinstance(content.get("type"), str):
            inner = content.get("data")
            return SessionEvent(session, content["type"], inner if isinstance(inner, dict) else {})
    return None


def request(session: str, data: Mapping[str, Any]) -> bytes:
    """The line that starts a call."""
    return _line(session, "request", data)


def backwards_response(
    session: str, request_id: str, event: str, message: str, data: Mapping[str, Any] | None
) -> bytes:
    """A line that answers a reverse call; `event` is response, error or end."""
    return _line(
        session,
        "backwards_response",
        {"backwards_request_id": request_id, "event": event, "message": message, "data": data},
    )


def _line(session: str, event: str, data: Mapping[str, Any]) -> bytes:
    frame = {
        "session_id": session,
        "conversation_id": None,
        "message_id": None,
        "app_id": None,
        "endpoint_id": None,
        "context": None,
        "event": event,
        "data": data,
    }
    return json.dumps(frame, ensure_ascii=False).encode("utf-8", errors="surrogatepass") + b"\n"


def tool_message(data: Mapping[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Type, content and meta of a stream's payload.

    Raises:
        ProtocolViolation: a type that the daemon does not know, or no message in it.
    """
    kind, content, meta = data.get("type"), data.get("message"), data.get("meta")
    if kind not in MESSAGE_TYPES:
        raise ProtocolViolation(
            f"The tool sent a message of the unknown type {kind!r}; the daemon ends the call.",
            f"Allowed types: {', '.join(sorted(MESSAGE_TYPES))}.",
        )
    if not isinstance(content, dict):
        raise ProtocolViolation(
            f"The tool sent a {kind} message without content; the daemon ends the call.",
            "Use the create_…_message functions of the SDK.",
        )
    return str(kind), content, meta if isinstance(meta, dict) else {}
