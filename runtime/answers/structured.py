"""Answers held to a JSON schema: `llm_structured_output`, and what stands on it.

An endpoint that takes `response_format: json_schema` is asked so. One that refuses it is told the
schema in words, as Dify tells models without that feature. An answer that is not of the schema is
given back once with what is wrong; what is wrong then is an error, never a half result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from runtime.answers.chat import ModelCallFailed
from runtime.answers.endpoint import Refused, named, told
from runtime.answers.llm import Llm
from runtime.answers.reverse import Answer, Caller

FAILED = "read llm with structured output model failed: request failed: "
_WORDS = ("response_format", "json_schema", "grammar", "structured")
"""What an endpoint says when it refuses the format and not the call."""
_SHOWN = 300


class _Unmended(ModelCallFailed):
    """An answer that is not of the schema, after its repair.

    Attributes:
        usage: what the repair used; None without one.
    """

    def __init__(self, said: str, usage: dict[str, Any] | None) -> None:
        self.usage = usage
        super().__init__(said)


class Structured:
    """Asks for objects.

    Args:
        llm: asks for text.
    """

    def __init__(self, llm: Llm) -> None:
        self._llm = llm

    def answer(self, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
        """Chunks as they come, then an empty one with `structured_output`.

        Raises:
            ModelCallFailed: in Dify's words.
            ValueError: there is no schema, or it is none.
        """
        schema = request.get("structured_output_schema")
        if not isinstance(schema, dict) or not schema:
            raise ValueError(
                "unmarshal backwards invoke request failed: 'structured_output_schema' is required"
            )
        model = named(self._llm.endpoint, request.get("model"), FAILED)
        with told(self._llm.endpoint, model, FAILED):
            chunk: dict[str, Any] = {}
            text = ""
            for chunk in self._first(request, model, schema, caller):
                text += chunk["delta"]["message"]["content"]
                yield "stream", chunk
            if chunk["delta"]["message"]["tool_calls"]:
                return  # the model wants a tool first: there is no object yet
            try:
                found, usage = self._settled(request, model, schema, text, caller)
            except _Unmended as failed:
                # The repair was of no use and is paid for all the same: the plugin counts it.
                yield "stream", _last(chunk, None, failed.usage)
                raise
            yield "stream", _last(chunk, found, usage)

    def object_for(
        self, request: Mapping[str, Any], model: str, schema: Mapping[str, Any], caller: Caller
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """An object of `schema`, and Dify's usage of the call (without that of a repair).

        Raises:
            ModelCallFailed: none came.
        """
        chunks = list(self._first(request, model, schema, caller))
        text = "".join(chunk["delta"]["message"]["content"] for chunk in chunks)
        found, _ = self._settled(request, model, schema, text, caller)
        if not isinstance(found, dict):
            raise _useless(text, "it is no JSON object")
        return found, chunks[-1]["delta"]["usage"]

    def _first(
        self, request: Mapping[str, Any], model: str, schema: Mapping[str, Any], caller: Caller
    ) -> Iterator[dict[str, Any]]:
        native = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        plain = _without_format(request)
        try:
            yield from self._llm.chunks(plain, model, caller, {"response_format": native})
        except Refused as refused:
            said = refused.detail.lower()
            if refused.status not in {400, 404, 422, 501} or not any(w in said for w in _WORDS):
                raise
        else:
            return
        yield from self._llm.chunks(_in_words(plain, schema), model, caller)

    def _settled(
        self,
        request: Mapping[str, Any],
        model: str,
        schema: Mapping[str, Any],
        text: str,
        caller: Caller,
    ) -> tuple[Any, dict[str, Any] | None]:
        """What `text` says, or what its repair says, with the usage of a repair."""
        problem, found = _judged(text, schema)
        if not problem:
            return found, None
        again = [
            *(request.get("prompt_messages") or []),
            {"role": "assistant", "content": text or "(nothing)"},
            {
                "role": "user",
                "content": f"That answer cannot be used: {problem}. Answer again with nothing but "
                "one JSON value that fits the schema.",
            },
        ]
        repair = _in_words({**_without_format(request), "prompt_messages": again}, schema)
        chunks = list(self._llm.chunks({**repair, "tools": None, "stream": False}, model, caller))
        mended = "".join(chunk["delta"]["message"]["content"] for chunk in chunks)
        problem, found = _judged(mended, schema)
        if problem:
            raise _useless(mended, problem, chunks[-1]["delta"]["usage"])
        return found, chunks[-1]["delta"]["usage"]


def _without_format(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request without a format of its own: the schema is what counts."""
    given = request.get("completion_params") or {}
    own = {k: v for k, v in given.items() if k not in {"response_format", "json_schema"}}
    return {**request, "completion_params": own}


def _in_words(request: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The request with the schema in its system message."""
    words = (
        "Answer with nothing but one JSON value that fits this JSON schema, without Markdown:\n"
        + json.dumps(schema, ensure_ascii=False)
    )
    messages = list(request.get("prompt_messages") or [])
    first = messages[0] if messages else None
    if isinstance(first, dict) and first.get("role") == "system" and _is_text(first):
        messages[0] = {**first, "content": f"{first['content']}\n\n{words}"}
    else:
        messages.insert(0, {"role": "system", "content": words})
    return {**request, "prompt_messages": messages}


def _is_text(message: Mapping[str, Any]) -> bool:
    return isinstance(message.get("content"), str)


def _judged(text: str, schema: Mapping[str, Any]) -> tuple[str, Any]:
    """(what is wrong with `text`, the value in it): one of both is empty."""
    from jsonschema import exceptions, validators  # type: ignore[import-untyped]
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        found = _value_in(text)
    except ValueError:
        return "it holds no JSON", None
    kind = validators.validator_for(schema)
    try:
        kind.check_schema(schema)
    except exceptions.SchemaError as error:
        raise ValueError(f"structured_output_schema is no JSON schema: {error.message}") from None
    try:
        # With a registry of its own nothing is fetched for a $ref.
        wrong = exceptions.best_match(kind(schema, registry=Registry()).iter_errors(found))
    except Unresolvable as error:
        raise ValueError(
            f"structured_output_schema refers to {error.ref}, which is not in it"
        ) from None
    if wrong is None:
        return "", found
    return f"at {wrong.json_path}: {wrong.message}"[:_SHOWN], None


def _value_in(text: str) -> Any:
    """The JSON value in a model's answer; thoughts, fences and talk around it do not count."""
    said = text.rpartition("</think>")[2].strip()
    try:
        return json.loads(said)
    except ValueError:
        starts = [at for at in (said.find("{"), said.find("[")) if at >= 0]
        if not starts:
            raise
        return json.JSONDecoder().raw_decode(said[min(starts) :])[0]


def _last(before: Mapping[str, Any], found: Any, usage: dict[str, Any] | None) -> dict[str, Any]:
    """The chunk with the object, after the chunk `before`."""
    delta = before["delta"]
    message = {**delta["message"], "content": ""}
    return {
        **before,
        "delta": {
            **delta, "index": delta["index"] + 1, "message": message, "usage": usage,
        },
        "structured_output": found,
    }  # fmt: skip


def _useless(text: str, problem: str, usage: dict[str, Any] | None = None) -> _Unmended:
    begins = " ".join(text.split())[:_SHOWN]
    return _Unmended(f"Failed to parse structured output: {problem}. It says: {begins}", usage)
