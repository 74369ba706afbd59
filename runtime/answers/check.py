"""Whether the endpoints of models answer: asked once, with as little as possible.

The list of models (GET models) tells that something is there and what it has. Only a real call
tells that key and model are right: some servers show their list to everybody, some have none.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from runtime.answers.chat import ModelCallFailed
from runtime.answers.embedding import vectors_in
from runtime.answers.endpoint import Endpoint, detail_of, without_key

CONNECT_SECONDS = 5.0
LIST_SECONDS = 10.0
CALL_SECONDS = 60.0
"""A local server loads its model with the first call."""
_CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "llm": ("chat/completions", {"messages": [{"role": "user", "content": "Say ok."}]}),
    "embedding": ("embeddings", {"input": ["ok"]}),
}


@dataclass(frozen=True)
class Finding:
    """What was found out about an endpoint.

    Attributes:
        fine: whether calls will work, as far as can be told.
        note: what happened.
        hint: what to do about it.
    """

    fine: bool
    note: str
    hint: str = ""


def look(endpoint: Endpoint, kind: str) -> Finding:
    """Whether an endpoint answers, lets us in and has its model, and how fast.

    Args:
        endpoint: one with an address.
        kind: "llm" or "embedding".
    """
    look = _Look(endpoint, kind)
    try:
        finding = look.find()
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError) as error:
        finding = Finding(
            False,
            f"{look.shown} is no address: {error}",
            f"Write {endpoint.setting} as http://host:port/v1.",
        )
    except httpx.HTTPError as error:
        finding = Finding(
            False,
            f"{look.shown} does not answer: {str(error) or type(error).__name__}",
            f"Start the server, or correct {endpoint.setting}.",
        )
    return Finding(finding.fine, without_key(finding.note, endpoint), finding.hint)


class _Look:
    def __init__(self, endpoint: Endpoint, kind: str) -> None:
        self._endpoint, self._kind = endpoint, kind
        self._base = endpoint.base_url.rstrip("/")
        parts = urlsplit(self._base)
        self.shown = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._settings = endpoint.setting.removesuffix("_BASE_URL")
        self._headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}

    def find(self) -> Finding:
        began = time.monotonic()
        listed = self._ask("GET", "models", LIST_SECONDS)
        seconds = time.monotonic() - began
        names = _names(listed)
        refused = self._refused(listed)
        if refused is not None:
            return refused
        if not self._endpoint.model:
            if names is None:
                return self._not_found(listed)
            setting = f"STUDIO_{self._kind.upper()}_MODEL"
            return Finding(
                True,
                f"{self.shown} answers after {seconds:.1f} s and has {len(names)} models; nodes "
                f"get the model that they select, since {setting} is not set",
            )
        return self._call(names)

    def _call(self, names: list[str] | None) -> Finding:
        """One real call of the model."""
        path, body = _CALLS[self._kind]
        model = self._endpoint.model
        began = time.monotonic()
        reply = self._ask("POST", path, CALL_SECONDS, {**body, "model": model})
        seconds = time.monotonic() - began
        if reply.status_code >= 400:
            return self._refused(reply) or self._failed(reply, names)
        problem = _useless(reply, self._kind)
        if not problem:
            return Finding(True, f"{model} at {self.shown} answers after {seconds:.1f} s")
        return Finding(
            False,
            f"{self.shown} answered {path} {problem}",
            f"Correct {self._endpoint.setting}: an OpenAI-compatible address, mostly with "
            "/v1 at its end.",
        )

    def _failed(self, reply: httpx.Response, names: list[str] | None) -> Finding:
        """What a refusal of the real call means, with the right to call."""
        model = self._endpoint.model
        said = f"{self.shown} answered {reply.status_code}: {detail_of(reply.text)}"
        if reply.status_code == 429:
            return Finding(False, said, "Wait, or look at the limits and credit of the account.")
        if names is not None and model not in names and f"{model}:latest" not in names:
            near = difflib.get_close_matches(model, names, 3, 0.3) or names[:3]
            has = f"; it has {', '.join(near)}" if near else ""
            return Finding(
                False,
                f"{self.shown} has no model {model}{has} (answered {reply.status_code})",
                f"Correct STUDIO_{self._kind.upper()}_MODEL, or load the model on the server.",
            )
        if reply.status_code == 404 and names is None:
            return self._not_found(reply)
        return Finding(
            False, said, f"Choose another STUDIO_{self._kind.upper()}_MODEL, or ask its server."
        )

    def _ask(
        self, method: str, path: str, seconds: float, body: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        timeout = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
        with httpx.Client(timeout=timeout, headers=self._headers) as client:
            return client.request(method, f"{self._base}/{path}", json=body)

    def _refused(self, reply: httpx.Response) -> Finding | None:
        if reply.status_code not in {401, 403}:
            return None
        return Finding(
            False,
            f"{self.shown} answered {reply.status_code}: {detail_of(reply.text)}",
            f"{'Correct' if self._endpoint.api_key else 'Set'} {self._settings}_API_KEY.",
        )

    def _not_found(self, reply: httpx.Response) -> Finding:
        versioned = urlsplit(self._base).path.rstrip("/").endswith(("/v1", "/v2", "/v3", "/v4"))
        hint = "" if versioned else f", perhaps {self.shown}/v1"
        return Finding(
            False,
            f"{self.shown} is there but is no OpenAI-compatible address "
            f"(answered {reply.status_code})",
            f"Correct {self._endpoint.setting}{hint}.",
        )


def _names(reply: httpx.Response) -> list[str] | None:
    """The models in a list of models; None if it is none."""
    if reply.status_code >= 400:
        return None
    try:
        rows = reply.json()["data"]
        return [str(row["id"]) for row in rows]
    except (ValueError, KeyError, TypeError):
        return None


def _useless(reply: httpx.Response, kind: str) -> str:
    """What is wrong with an answer that is no refusal; "" if nothing."""
    try:
        content = reply.json()
        if kind == "llm":
            content["choices"][0]["message"]
        elif not vectors_in(content):
            return "without a vector"
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, ModelCallFailed):
        begins = " ".join(reply.text.split())[:60]
        return f"with something else: {begins}"
    return ""
