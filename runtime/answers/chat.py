"""Chat calls between two languages: Dify's reverse calls and OpenAI's chat completions."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from runtime.answers.prices import FREE, PER, Price, text_of
from runtime.values import number


class ModelCallFailed(Exception):
    """Why a model did not answer, in Dify's words."""


FETCH_SECONDS = 30.0
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_DIFYS_OWN = frozenset({"response_format", "json_schema"})
_ROLES = frozenset({"system", "user", "assistant", "tool", "developer"})


def body_of(request: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The body of a chat completion for the `request` of an `llm` reverse call.

    Raises:
        ValueError: the request cannot be understood, in the daemon's words.
    """
    completion = request.get("completion_params") or {}
    messages = request.get("prompt_messages") or []
    if not isinstance(completion, dict) or not isinstance(messages, list):
        raise _malformed("'completion_params' expected a map, 'prompt_messages' a slice")
    body: dict[str, Any] = {
        **{name: value for name, value in completion.items() if name not in _DIFYS_OWN},
        "model": model,
        "messages": [_message(message) for message in messages],
        **_response_format(completion),
    }
    if request.get("stop"):
        body["stop"] = request["stop"]
    if request.get("tools"):
        body["tools"] = [{"type": "function", "function": tool} for tool in request["tools"]]
    if request.get("stream", True):
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def _response_format(completion: Mapping[str, Any]) -> dict[str, Any]:
    """`response_format` as OpenAI has it; Dify keeps its type and its schema as two texts."""
    wanted = completion.get("response_format")
    if not wanted:
        return {}
    if wanted != "json_schema":
        kind = wanted if isinstance(wanted, dict) else {"type": wanted}
        return {"response_format": kind}
    given = completion.get("json_schema")
    try:
        schema = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        raise ValueError(f"not correct json_schema format: {given}") from None
    if not isinstance(schema, dict):
        raise ValueError("Must define JSON Schema when the response format is json_schema")
    named = schema if "schema" in schema else {"name": "answer", "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _message(message: Any) -> dict[str, Any]:
    if not isinstance(message, dict) or message.get("role") not in _ROLES:
        raise _malformed("'prompt_messages' has an entry without a known role")
    content = message.get("content")
    told: dict[str, Any] = {
        "role": message["role"],
        "content": [_part(part) for part in content] if isinstance(content, list) else content,
    }
    for name in ("name", "tool_calls", "tool_call_id"):
        if message.get(name):
            told[name] = message[name]
    return told


def _part(part: Any) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text":
        return {"type": "text", "text": part.get("data", "")}
    kind, data = str(kind), f"data:{part.get('mime_type')};base64,{part.get('base64_data')}"
    # Sound and documents have no address in OpenAI's API.
    address = _inlined(part.get("url"), always=kind in {"audio", "document"}) or data
    match kind:
        case "image":
            shown = {"url": address, "detail": part.get("detail") or "low"}
            return {"type": "image_url", "image_url": shown}
        case "video":
            return {"type": "video_url", "video_url": {"url": address}}
        case "audio":
            sound = {"data": address.partition(",")[2], "format": part.get("format")}
            return {"type": "input_audio", "input_audio": sound}
        case "document":
            name = part.get("filename") or f"document.{part.get('format')}"
            return {"type": "file", "file": {"filename": name, "file_data": address}}
    raise _malformed(f"'prompt_messages' has a part of the unknown type {kind!r}")


def _inlined(url: Any, *, always: bool) -> str:
    """`url`, or its content as a data: URL, `always` or where only this machine can fetch it: our
    own files are such.

    Raises:
        ModelCallFailed: it cannot be fetched.
    """
    if not isinstance(url, str) or not url:
        return ""
    if not always and urlsplit(url).hostname not in _HERE:
        return url
    import httpx

    try:
        reply = httpx.get(url, timeout=FETCH_SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        raise ModelCallFailed(f"Bad Request Error, a file cannot be read: {error}") from None
    mime = reply.headers.get("content-type", "application/octet-stream").partition(";")[0]
    return f"data:{mime};base64,{base64.b64encode(reply.content).decode()}"


def _malformed(why: str) -> ValueError:
    return ValueError(f"unmarshal backwards invoke request failed: {why}")


def _object(value: Any, where: str) -> Mapping[str, Any]:
    """`value`; an empty object where there is none.

    Raises:
        ModelCallFailed: it is something else.
    """
    if isinstance(value, Mapping):
        return value
    if value in (None, "", []):
        return {}
    raise ModelCallFailed(
        f"Error: the endpoint's answer is not as OpenAI's are: {where} is no object"
    )


class Collector:
    """Turns what an endpoint says into the chunks that the daemon would send.

    Args:
        model: the model's name in the chunks: the one that was asked for.
        price: what it costs.
    """

    def __init__(self, model: str, price: Price = FREE) -> None:
        self._model = model
        self._price = price
        self._count = 0
        self._thinking = False
        self._fingerprint = ""
        self._reason: str | None = None
        self._usage: Mapping[str, Any] = {}
        self._calls: dict[int, dict[str, Any]] = {}

    def add(self, event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The chunks for one event of a stream."""
        yield from self._said(event, "delta")

    def whole(self, answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The chunks for an answer that came in one piece."""
        yield from self._said(answer, "message")
        self._reason = self._reason or "stop"

    def last(self, seconds: float) -> dict[str, Any]:
        """The chunk that ends it, with usage, calls of tools and the reason.

        Raises:
            ModelCallFailed: nothing said that the answer is complete.
        """
        if self._reason is None:
            raise ModelCallFailed("Connection Error, the answer stopped in the middle")
        calls = [self._calls[index] for index in sorted(self._calls)]
        text = "\n</think>" if self._thinking else ""
        return self._chunk(text, calls, self._usage_of(seconds), self._reason)

    def _said(self, content: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
        self._fingerprint = str(content.get("system_fingerprint") or self._fingerprint)
        if isinstance(content.get("usage"), dict):
            self._usage = content["usage"]
        choices = content.get("choices")
        first = _object(choices[0] if isinstance(choices, list) and choices else {}, "choices[0]")
        said = _object(first.get(where), where)
        reason = first.get("finish_reason") or self._reason
        self._reason = None if reason is None else str(reason)
        calls = said.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            self._call(_object(call, "tool_calls"))
        # Dify's model plugins put a model's thoughts into its answer, in <think> tags.
        thought = said.get("reasoning_content") or said.get("reasoning")
        text = said.get("content")
        if isinstance(thought, str) and thought:
            yield self._chunk(thought if self._thinking else f"<think>\n{thought}")
            self._thinking = True
        if isinstance(text, str) and text:
            yield self._chunk(f"\n</think>{text}" if self._thinking else text)
            self._thinking = False

    def _call(self, piece: Mapping[str, Any]) -> None:
        index = piece.get("index")
        call = self._calls.setdefault(
            index if isinstance(index, int) else len(self._calls),
            {"id": "", "type": "function", "function": {"name": "", "arguments": ""}},
        )
        call["id"] = str(piece.get("id") or call["id"])
        function = _object(piece.get("function"), "function")
        for name in ("name", "arguments"):
            said = function.get(name)
            if said is not None:  # Ollama, among others, gives the arguments as an object
                text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
                call["function"][name] += text

    def _chunk(
        self,
        text: str,
        calls: list[dict[str, Any]] | None = None,
        usage: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> dict[str, Any]:
        self._count += 1
        return {
            "model": self._model,
            "system_fingerprint": self._fingerprint,
            "delta": {
                "index": self._count - 1,
                "message": {
                    "role": "assistant",
                    "content": text,
                    "name": "",
                    "tool_calls": calls or [],
                    "tool_call_id": "",
                },
                "usage": usage,
                "finish_reason": reason,
            },
            "prompt_messages": [],
        }

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens put in and got out, as far as the endpoint has told them."""
        return self._told("prompt_tokens"), self._told("completion_tokens")

    def _told(self, name: str) -> int:
        return int(number(self._usage.get(name)) or 0)

    def _usage_of(self, seconds: float) -> dict[str, Any]:
        """Dify's twelve numbers; amounts of money are texts, as the daemon writes them."""
        put, got = self.tokens
        paid_in, paid_out = self._price.of(put, got)
        return {
            "prompt_tokens": put,
            "prompt_unit_price": text_of(self._price.input),
            "prompt_price_unit": text_of(PER),
            "prompt_price": text_of(paid_in),
            "completion_tokens": got,
            "completion_unit_price": text_of(self._price.output),
            "completion_price_unit": text_of(PER),
            "completion_price": text_of(paid_out),
            "total_tokens": self._told("total_tokens") or put + got,
            "total_price": text_of(paid_in + paid_out),
            "currency": self._price.currency,
            "latency": seconds,
        }
