"""Speech models, answered by an endpoint: POST audio/speech and audio/transcriptions."""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from runtime.answers.chat import ModelCallFailed
from runtime.answers.endpoint import Endpoint, json_of, named, opened, told
from runtime.answers.reverse import Answer, Caller

SPEECH_FAILED = "read tts model failed: request failed: "
TEXT_FAILED = "invoke speech2text model failed: request failed: "
PIECE_BYTES = 512 * 1024
_MAGIC = {b"RIFF": "wav", b"OggS": "ogg", b"fLaC": "flac", b"\x1aE\xdf\xa3": "webm"}


def speak(endpoint: Endpoint, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
    """The sound of a text, in pieces: {"result": hexadecimal bytes, "mime_type"}.

    Raises:
        ModelCallFailed: in Dify's words.
    """
    model = named(endpoint, request.get("model"), SPEECH_FAILED)
    body = {"model": model, "input": request.get("content_text"), "voice": request.get("voice")}
    with told(endpoint, model, SPEECH_FAILED), opened(endpoint, "audio/speech", body) as reply:
        mime = reply.response.headers.get("content-type", "audio/mpeg").partition(";")[0]
        if not mime.startswith(("audio/", "application/octet-stream")):
            raise ModelCallFailed(f"Error: the endpoint's answer is {mime}, no sound")
        empty = True
        for piece in reply.pieces():
            for start in range(0, len(piece), PIECE_BYTES):
                empty = False
                part = piece[start : start + PIECE_BYTES].hex()
                yield "stream", {"result": part, "mime_type": mime}
        if empty:
            raise ModelCallFailed("Error: the endpoint's answer is empty")
    caller.on_usage("tts", model, 0, 0, None, "USD")


def listen(endpoint: Endpoint, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
    """{"result": the text that is spoken in a sound}.

    Raises:
        ModelCallFailed: in Dify's words.
        ValueError: `file` is no hexadecimal text.
    """
    model = named(endpoint, request.get("model"), TEXT_FAILED)
    try:
        sound = bytes.fromhex(str(request.get("file") or ""))
    except (ValueError, binascii.Error) as error:
        raise ValueError(f"unmarshal backwards invoke request failed: 'file': {error}") from None
    if not sound:
        raise ValueError("unmarshal backwards invoke request failed: 'file' is required")
    body, files = {"model": model}, {"file": (f"sound.{_kind(sound)}", sound)}
    with told(endpoint, model, TEXT_FAILED):
        with opened(endpoint, "audio/transcriptions", body, files) as reply:
            text = json_of(reply).get("text")
        if not isinstance(text, str):
            raise ModelCallFailed("Error: the endpoint's answer has no text")
    caller.on_usage("speech2text", model, 0, 0, None, "USD")
    yield "struct", {"result": text}


def _kind(sound: bytes) -> str:
    """The extension of a sound: servers go by it."""
    if sound[4:8] == b"ftyp":
        return "m4a"
    return _MAGIC.get(sound[:4], "mp3")
