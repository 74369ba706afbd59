"""An OpenAI-compatible endpoint: asked once, read while it answers, failures in Dify's words."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runtime.answers.chat import ModelCallFailed

CONNECT_SECONDS = 10.0
READ_SECONDS = 240.0
"""The daemon's DIFY_BACKWARDS_INVOCATION_READ_TIMEOUT: absolute, also while an answer comes."""
MAX_LINE_BYTES = 5 * 1024 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
_MAX_DETAIL = 500


@dataclass(frozen=True)
class Endpoint:
    """Where a kind of models is.

    Attributes:
        base_url: with its /v1, as OpenAI's clients take it; empty: there is none.
        api_key: sent as a bearer token; may be empty.
        model: stands in for every model that is asked for; empty: the one that is asked for.
        setting: the name of the setting that holds `base_url`.
        model_setting: the name of the setting that holds `model`.
    """

    base_url: str = ""
    api_key: str = ""
    model: str = ""
    setting: str = "STUDIO_LLM_BASE_URL"
    model_setting: str = "STUDIO_LLM_MODEL"


class Refused(ModelCallFailed):
    """The endpoint answered with an HTTP error.

    Args:
        status: the HTTP status.
        detail: what the endpoint said.
    """

    def __init__(self, status: int, detail: str) -> None:
        self.status = status
        self.detail = detail
        super().__init__(_refusal(status, detail))


def named(endpoint: Endpoint, asked: object, failed: str) -> str:
    """The model to ask `endpoint` for, where a plugin asks for `asked`.

    Raises:
        ModelCallFailed: there is no endpoint, or no model is named anywhere; the error begins
            with `failed` and names the settings.
    """
    of = endpoint.setting.removesuffix("_BASE_URL")
    if not endpoint.base_url:
        raise ModelCallFailed(
            f"{failed}Model {asked} credentials is not initialized. The local runtime answers "
            f"such calls with {of}_BASE_URL (any OpenAI-compatible address, with /v1), "
            f"{of}_API_KEY (if it wants one) and {endpoint.model_setting}; set them in .env."
        )
    name = endpoint.model or str(asked or "")
    if not name:
        raise ModelCallFailed(f"{failed}no model is named: set {endpoint.model_setting}.")
    return name


@contextlib.contextmanager
def told(endpoint: Endpoint, model: str, failed: str) -> Iterator[None]:
    """Failures inside begin with `failed` and the model, and do not repeat the key."""
    try:
        yield
    except ModelCallFailed as error:
        raise ModelCallFailed(f"{failed}{without_key(f'[{model}] {error}', endpoint)}") from None


def opened(
    endpoint: Endpoint,
    path: str,
    body: Mapping[str, Any],
    files: Mapping[str, tuple[str, bytes]] | None = None,
) -> Reply:
    """POST once; a refusal of `stream_options` alone is answered by leaving that out.

    Args:
        endpoint: where.
        path: below its base address.
        body: sent as JSON, or as a form if there are `files`.
        files: field of the form to (filename, bytes).

    Raises:
        Refused: an HTTP error.
        ModelCallFailed: no connection.
    """
    reply = Reply(endpoint, path, body, files)
    if reply.status in {400, 422} and "stream_options" in body and "stream_options" in reply.text():
        reply.close()
        reply = Reply(endpoint, path, {k: v for k, v in body.items() if k != "stream_options"})
    if reply.status >= 400:
        refused = Refused(reply.status, detail_of(reply.text()))
        reply.close()
        raise refused
    return reply


class Reply:
    """An answer that is read while it comes; a context manager that ends it."""

    def __init__(
        self,
        endpoint: Endpoint,
        path: str,
        body: Mapping[str, Any],
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> None:
        import httpx

        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        self._client = httpx.Client(timeout=timeout)
        self._whole: bytes | None = None
        self._began = time.monotonic()
        content = {"data": dict(body), "files": files} if files else {"json": dict(body)}
        try:
            address = f"{endpoint.base_url.rstrip('/')}/{path}"
            asked = self._client.build_request("POST", address, headers=headers, **content)
            self.response = self._client.send(asked, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            self._client.close()
            raise ModelCallFailed(f"Connection Error, {error or type(error).__name__}") from None

    def __enter__(self) -> Reply:
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
            for piece in self.response.iter_bytes():
                if time.monotonic() - self._began > READ_SECONDS:
                    raise ModelCallFailed(
                        "http: read on closed response body "
                        f"(DIFY_BACKWARDS_INVOCATION_READ_TIMEOUT, {READ_SECONDS:g} s)"
                    )
                yield piece
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
            whole = bytearray()
            for piece in self.pieces():
                whole += piece
                if len(whole) > MAX_BODY_BYTES:
                    raise ModelCallFailed("Bad Request Error, the answer is over 64 MB")
            self._whole = bytes(whole)
        return self._whole


def is_stream(reply: Reply) -> bool:
    """Whether events are coming."""
    return "text/event-stream" in reply.response.headers.get("content-type", "")


def events(reply: Reply, *, errors: bool = True) -> Iterator[dict[str, Any]]:
    """The JSON of each event.

    Args:
        reply: what is being read.
        errors: whether an event with an `error` ends it; else it is handed on.

    Raises:
        ModelCallFailed: the connection broke, or the endpoint told an error.
    """
    for line in _lines(reply.pieces()):
        name, _, content = line.partition(b":")
        if name != b"data":
            continue
        if content.strip() == b"[DONE]":
            return
        event = _parsed(content)
        if errors and event.get("error"):
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


def json_of(reply: Reply) -> dict[str, Any]:
    """The whole answer.

    Raises:
        ModelCallFailed: it is no JSON object.
    """
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


def count_of(usage: Any, *names: str) -> int:
    """The first of these numbers that `usage` has, or 0."""
    found = (usage.get(name) for name in names) if isinstance(usage, dict) else iter(())
    return next((int(n) for n in found if isinstance(n, int | float) and math.isfinite(n)), 0)


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
