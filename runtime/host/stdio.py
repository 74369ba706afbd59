"""The wire: newline-delimited JSON between a host and a plugin's process.

Pure functions from bytes to values and back; `process` moves the bytes. The same frames are
spoken over TCP by a plugin that debugs remotely.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPED_IN_GO = {sign: f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
_EXACT_DIGITS = 15
"""Integers of so many digits survive a float64."""


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
    """One line of a plugin's standard output; None for a blank one. Never raises.

    It is read as the daemon, which is written in Go, reads it and writes it on to Dify: numbers
    pass through a float64 (2**53 + 1 becomes 2**53, 1.0 becomes 1), half a surrogate pair becomes
    U+FFFD, and a line with NaN in it is no JSON.
    """
    text = line.decode("utf-8", errors="replace").strip()
    if not text:
        return None
    try:
        frame = _json(text)
    except (ValueError, RecursionError):
        return Stray(text)
    if not isinstance(frame, dict):
        return Stray(text)
    return _event(frame) or Stray(text)


def _json(text: str) -> Any:
    frame = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_refuse)
    if _HALF_PAIR.search(text):
        frame = json.loads(_in_pairs(json.dumps(frame, ensure_ascii=False)))
    return frame


def _in_pairs(text: str) -> str:
    return text.encode("utf-16-le", errors="surrogatepass").decode("utf-16-le", errors="replace")


def _number(digits: str) -> int | float:
    if len(digits) <= _EXACT_DIGITS and digits.lstrip("-").isdigit():
        return int(digits)
    number = float(digits)
    if abs(number) == float("inf"):
        _refuse(digits)
    # From 1e21 on, Go writes an exponent, and with it a number is no integer in Python.
    whole = number.is_integer() and abs(number) < 1e21
    return int(Decimal(repr(number))) if whole else number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number that the daemon takes")


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
        # Without data the daemon drops it.
        case "session" if (
            isinstance(session, str) and isinstance(content.get("type"), str) and "data" in content
        ):
            inner = content["data"]
            return SessionEvent(session, content["type"], inner if isinstance(inner, dict) else {})
    return None


def request(session: str, data: Mapping[str, Any]) -> bytes:
    """The line that starts a call, byte for byte the daemon's: its keys are sorted, and its
    numbers have been through the daemon, too (see `parse`).

    Raises:
        ValueError: there is something in `data` that JSON cannot say.
    """
    try:
        through = _json(json.dumps(data, ensure_ascii=False, sort_keys=True))
        return _line(session, "request", through)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None


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
    text = json.dumps(frame, ensure_ascii=False, separators=(",", ":"))
    text = _in_pairs(text)
    for sign, escaped in _ESCAPED_IN_GO.items():
        text = text.replace(sign, escaped)
    return text.encode() + b"\n"
