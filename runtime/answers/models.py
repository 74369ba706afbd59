"""Reverse calls to models: a plugin's `llm` and `text_embedding` calls, answered by any
OpenAI-compatible endpoint.

The shapes are those that the daemon 0.6.10 hands on (pkg/entities/model_entities), and failures
are worded as Dify's API and its model plugins word them, so that a plugin sees what it would see
there. Completion parameters go to the endpoint as they are, except `response_format` and
`json_schema`, which Dify keeps as two texts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runtime.answers.chat import Collector, ModelCallFailed, body_of
from runtime.answers.reverse import Answer, Answerer

if TYPE_CHECKING:
    from runtime.settings import Settings

CONNECT_SECONDS = 10.0
READ_SECONDS = 240.0
"""The daemon's DIFY_BACKWARDS_INVOCATION_READ_TIMEOUT: absolute, also while an answer comes."""
MAX_LINE_BYTES = 5 * 1024 * 1024
_MAX_DETAIL = 500


@dataclass(frozen=True)
class Endpoint:
    """Where a kind of models is.

    Attributes:
        base_url: with its /v1, as OpenAI's clients take it; empty: there is none.
        api_key: sent as a bearer token; may be empty.
        model: stands in for every model that is asked for; empty: the one that is asked for.
        setting: the name of the setting that holds `base_url`.
    """

    base_url: str = ""
    api_key: str = ""
    model: str = ""
    setting: str = "STUDIO_LLM_BASE_URL"


def model_answers(settings: Settings) -> dict[str, Answerer]:
    """Who answers `llm` and `text_embedding` calls, as the settings say.

    STUDIO_LLM_BASE_URL, STUDIO_LLM_API_KEY and STUDIO_LLM_MODEL name the endpoint of language
    models; embeddings come from there too, with STUDIO_EMBEDDING_MODEL, unless
    STUDIO_EMBEDDING_BASE_URL (and STUDIO_EMBEDDING_API_KEY) name another one.
    """
    return answerers(*endpoints(settings))


def endpoints(settings: Settings) -> tuple[Endpoint, Endpoint]:
    """Where language models are, and where embedding models are; see `model_answers`."""
    base, key = settings.get("llm_base_url") or "", settings.get("llm_api_key") or ""
    other = settings.get("embedding_base_url")
    return (
        Endpoint(base, key, settings.get("llm_model") or ""),
        Endpoint(
            other or base,
            (settings.get("embedding_api_key") or "") if other else key,
            settings.get("embedding_model") or "",
            "STUDIO_EMBEDDING_BASE_URL" if other else "STUDIO_LLM_BASE_URL",
        ),
    )


def answerers(llm: Endpoint, embedding: Endpoint) -> dict[str, Answerer]:
    """Who answers `llm` and `text_embedding` calls with these endpoints."""
    return {
        "llm": lambda request, caller: _llm(llm, request),
        "text_embedding": lambda request, caller: _embedding(embedding, request),
    }


def _llm(endpoint: Endpoint, request: Mapping[str, Any]) -> Iterator[Answer]:
    """Chunks as the daemon sends them; the last one has the usage."""
    failed = "read llm model failed: request failed: "
    model, began = _model(endpoint, request, failed), time.monotonic()
    body = body_of(request, model)
    collector = Collector(str(request.get("model") or model))
    try:
        with _opened(endpoint, "chat/completions", body) as reply:
            if _is_stream(reply):
                for event in _events(reply, began):
                    yield from (("stream", chunk) for chunk in collector.add(event))
            else:
                yield from (("stream", chunk) for chunk in collector.whole(_json(reply)))
        yield "stream", collector.last(time.monotonic() - began)
    except ModelCallFailed as error:
        raise ModelCallFailed(f"{failed}{without_key(f'[{model}] {error}', endpoint)}") from None


def _embedding(endpoint: Endpoint, request: Mapping[str, Any]) -> Iterator[Answer]:
    """One struct with all vectors."""
    failed = "invoke text-embedding model failed: request failed: "
    model, began = _model(endpoint, request, failed), time.monotonic()
    texts = request.get("texts")
    try:
        with _opened(endpoint, "embeddings", {"model": model, "input": texts}) as reply:
            content = _json(reply)
        vectors = vectors_in(content)
    except ModelCallFailed as error:
        raise ModelCallFailed(f"{failed}{without_key(f'[{model}] {error}', endpoint)}") from None
    tokens = _count(content.get("usage"), "total_tokens", "prompt_tokens")
    usage = {
        "tokens": tokens,
        "total_tokens": tokens,
        "unit_price": "0",
        "price_unit": "0",
        "total_price": "0",
        "currency": "USD",
        "latency": time.monotonic() - began,
    }
    yield "struct", {
        "model": str(request.get("model") or model), "embeddings": vectors, "usage": usage
    }  # fmt: skip


def _model(endpoint: Endpoint, request: Mapping[str, Any], failed: str) -> str:
    name = endpoint.model or str(request.get("model") or "")
    if not endpoint.base_url:
        raise ModelCallFailed(
            f"{failed}Model {request.get('model')} credentials is not initialized. "
            f"The local runtime answers model calls with {endpoint.setting} (any "
            "OpenAI-compatible address, with /v1)."
        )
    return name


def _opened(endpoint: Endpoint, path: str, body: Mapping[str, Any]) -> _Reply:
    """POST once; a refusal of `stream_options` alone is answered by leaving that out."""
    reply = _Reply(endpoint, path, body)
    if reply.status in {400, 422} and "stream_options" in body and "stream_options" in reply.text():
        reply.close()
        reply = _Reply(endpoint, path, {k: v for k, v in body.items() if k != "stream_options"})
    if reply.status >= 400:
        said = _refusal(reply.status, detail_of(reply.text()))
        reply.close()
        raise ModelCallFailed(said)
    return reply


class _Reply:
    """An answer that is read while it comes; a context manager that ends it."""

    def __init__(self, endpoint: Endpoint, path: str, body: Mapping[str, Any]) -> None:
        import httpx

        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        self._client = httpx.Client(timeout=timeout)
        self._whole: bytes | None = None
        try:
            address = f"{endpoint.base_url.rstrip('/')}/{path}"
            asked = self._client.build_request("POST", address, json=dict(body), headers=headers)
            self.response = self._client.send(asked, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            self._client.close()
            raise ModelCallFailed(f"Connection Error, {error or type(error).__name__}") from None

    def __enter__(self) -> _Reply:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self.response.close()
        self._client.close()

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response.status_code

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes."""
        import httpx

        try:
            yield from self.response.iter_bytes()
        except httpx.HTTPError as error:
            raise ModelCallFailed(
                f"Connection Error, the answer stopped in the middle ({error})"
            ) from None

    def text(self) -> str:
        """The whole body, as text."""
        return self.body().decode("utf-8", errors="replace")

    def body(self) -> bytes:
        """The whole body; it is read once."""
        if self._whole is None:
            self._whole = b"".join(self.pieces())
        return self._whole


def _is_stream(reply: _Reply) -> bool:
    return "text/event-stream" in reply.response.headers.get("content-type", "")


def _events(reply: _Reply, began: float) -> Iterator[dict[str, Any]]:
    """The JSON of each event; raises if the stream ends before it says so."""
    for line in _lines(reply.pieces()):
        if time.monotonic() - began > READ_SECONDS:
            raise ModelCallFailed(
                f"http: read on closed response body (DIFY_BACKWARDS_INVOCATION_READ_TIMEOUT, "
                f"{READ_SECONDS:g} s)"
            )
        name, _, content = line.partition(b":")
        if name != b"data":
            continue
        if content.strip() == b"[DONE]":
            return
        event = _parsed(content)
        if event.get("error"):
            raise ModelCallFailed(f"Server Unavailable Error, {detail_of(content.decode())}")
        yield event


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Split at line feeds only: U+2028 and others may stand in a text."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from (line.rstrip(b"\r") for line in lines)
        if len(rest) > MAX_LINE_BYTES:
            raise ModelCallFailed("Bad Request Error, a line of the answer is over 5 MB")
    yield rest


def _json(reply: _Reply) -> dict[str, Any]:
    return _parsed(reply.body())


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        begins = " ".join(content.decode("utf-8", errors="replace").split())[:80]
        raise ModelCallFailed(f"Error: the endpoint's answer is no JSON object: {begins}")
    return value


def vectors_in(content: Mapping[str, Any]) -> list[list[float]]:
    """The vectors of an answer to `embeddings`, in the order of the texts.

    Raises:
        ModelCallFailed: it has none.
    """
    rows = content.get("data")
    fine = isinstance(rows, list) and all(
        isinstance(row, dict) and isinstance(row.get("embedding"), list) for row in rows
    )
    if not fine:
        raise ModelCallFailed("Error: the endpoint's answer has no embeddings")
    ordered = sorted(rows or [], key=lambda row: int(row.get("index") or 0))
    return [row["embedding"] for row in ordered]


def _count(usage: Any, *names: str) -> int:
    found = (usage.get(name) for name in names) if isinstance(usage, dict) else iter(())
    return next((int(n) for n in found if isinstance(n, int | float)), 0)


def _refusal(status: int, detail: str) -> str:
    """As dify_plugin words the failures of models (errors/model.py)."""
    if status in {401, 403}:
        kind = "Incorrect model credentials provided, please check and try again. "
    elif status == 429:
        kind = "Rate Limit Error, "
    elif status >= 500 and status != 501:
        kind = "Server Unavailable Error, "
    else:
        kind = "Bad Request Error, "
    return f"{kind}{status}: {detail}"


def detail_of(body: str) -> str:
    """What an endpoint says about an error, wherever it says it."""
    try:
        said: Any = json.loads(body)
    except ValueError:
        said = body
    for name in ("error", "message", "detail"):
        if isinstance(said, dict) and said.get(name):
            said = said[name]
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return " ".join(text.split())[:_MAX_DETAIL] or "(no reason given)"


def without_key(text: str, endpoint: Endpoint) -> str:
    """`text` as it may be shown: some endpoints repeat the key that they refuse."""
    return text.replace(endpoint.api_key, "…") if endpoint.api_key else text
