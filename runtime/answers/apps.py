"""Calls of a plugin to apps: chat, completion and workflow, through a Dify's service API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runtime.answers.chat import ModelCallFailed
from runtime.answers.endpoint import (
    CONNECT_SECONDS,
    READ_SECONDS,
    Endpoint,
    Refused,
    detail_of,
    events,
    is_stream,
    json_of,
    opened,
    without_key,
)
from runtime.answers.reverse import Answer, Caller

if TYPE_CHECKING:
    from runtime.settings import Settings

FAILED = "invoke app failed: "
FETCH_FAILED = "fetch app failed: "
_PATHS = {
    "chat": "chat-messages",
    "agent-chat": "chat-messages",
    "advanced-chat": "chat-messages",
    "completion": "completion-messages",
    "workflow": "workflows/run",
}


class AppCallFailed(Exception):
    """Why an app did not answer."""


@dataclass(frozen=True)
class Keys:
    """Which key opens which app; a service API key belongs to one app.

    Attributes:
        base_url: of the service API, with its /v1.
        by_app: an app's id to its key.
        any: the key of the app that stands in for all others; may be empty.
    """

    base_url: str = ""
    by_app: Mapping[str, str] | None = None
    any: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Keys:
        """STUDIO_DIFY_BASE_URL and STUDIO_DIFY_API_KEY; several apps by STUDIO_DIFY_APP_KEYS, as
        APP_ID=KEY with commas between them."""
        by_app = {}
        for part in _split(settings.get("dify_app_keys")):
            id, _, key = part.partition("=")
            by_app[id.strip()] = key.strip()
        alone = next(iter(_split(settings.get("dify_api_key"))), "")
        return cls(settings.get("dify_base_url") or "", by_app, alone)

    def endpoint(self, app: str, failed: str) -> Endpoint:
        """Where an app is, with its key.

        Raises:
            AppCallFailed: nothing is configured for it.
        """
        key = (self.by_app or {}).get(app) or self.any
        if self.base_url and key:
            return Endpoint(self.base_url, key, setting="STUDIO_DIFY_BASE_URL")
        raise AppCallFailed(
            f"{failed}app not found: {app}. The local runtime calls apps through a Dify's service "
            "API: set STUDIO_DIFY_BASE_URL (with /v1) and STUDIO_DIFY_API_KEY (the app's key), or "
            "STUDIO_DIFY_APP_KEYS (APP_ID=KEY, several with commas between them)."
        )


class Apps:
    """Calls apps.

    Args:
        keys: of the apps.
        user: who calls, as the service API wants to know.
    """

    def __init__(self, keys: Keys, user: str = "studio") -> None:
        self._keys = keys
        self._user = user

    def fetch(self, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
        """{"data": the app's parameters: user_input_form, file_upload, …}.

        Raises:
            AppCallFailed: in the words of Dify.
        """
        app = _id(request)
        endpoint = self._keys.endpoint(app, FETCH_FAILED)
        yield "struct", {"data": _get(endpoint, "parameters", FETCH_FAILED)}

    def invoke(self, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
        """The app's events; without streaming, its one answer.

        Raises:
            AppCallFailed: in the words of Dify.
            ValueError: the request cannot be understood.
        """
        app = _id(request)
        endpoint = self._keys.endpoint(app, FAILED)
        mode = str(_get(endpoint, "info", FAILED).get("mode"))
        path = _PATHS.get(mode)
        if path is None:
            raise AppCallFailed(f"{FAILED}unexpected app type: {mode}")
        streaming = request.get("response_mode") != "blocking"
        inputs = request.get("inputs")
        body: dict[str, Any] = {
            "inputs": inputs if isinstance(inputs, dict) else {},
            "response_mode": "streaming" if streaming else "blocking",
            "user": request.get("user") or self._user,
        }
        if path == "chat-messages":
            if not request.get("query"):
                raise AppCallFailed(f"{FAILED}missing query")
            body["query"] = request["query"]
            body["conversation_id"] = request.get("conversation_id") or ""
        try:
            with opened(endpoint, path, body) as reply:
                if is_stream(reply):
                    for event in events(reply, errors=False):
                        yield "stream", event
                else:
                    yield "stream", json_of(reply)
        except Refused as refused:
            raise AppCallFailed(
                f"{FAILED}{refused.status}: {without_key(refused.detail, endpoint)}"
            ) from None
        except ModelCallFailed as error:
            raise AppCallFailed(f"read app failed: {without_key(str(error), endpoint)}") from None


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").replace("\n", ",").split(",") if part.strip()]


def _id(request: Mapping[str, Any]) -> str:
    app = request.get("app_id")
    if not isinstance(app, str) or not app:
        raise ValueError("unmarshal backwards invoke request failed: 'app_id' is required")
    return app


def _get(endpoint: Endpoint, path: str, failed: str) -> dict[str, Any]:
    import httpx

    headers = {"Authorization": f"Bearer {endpoint.api_key}"}
    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    try:
        address = f"{endpoint.base_url.rstrip('/')}/{path}"
        reply = httpx.get(address, headers=headers, timeout=timeout)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise AppCallFailed(f"{failed}{without_key(str(error), endpoint)}") from None
    if reply.status_code >= 400:
        said = without_key(detail_of(reply.text), endpoint)
        raise AppCallFailed(f"{failed}{reply.status_code}: {said}")
    try:
        content = json.loads(reply.content)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise AppCallFailed(
            f"{failed}{path} answered no JSON object; is STUDIO_DIFY_BASE_URL a Dify's service "
            "API, with /v1?"
        )
    return content
