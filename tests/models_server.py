"""A scripted OpenAI-compatible endpoint, and a call of a plugin that asks it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from runtime.host import Host
from runtime.host.messages import Result
from tests.servers import answer


class Models:
    """A scripted endpoint that a test tells what to say."""

    def __init__(self) -> None:
        self.say: Callable[[BaseHTTPRequestHandler], None] = lambda _: None
        self.bodies: list[Any] = []
        self.keys: list[str | None] = []

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length)
        is_json = "json" in request.headers.get("Content-Type", "")
        self.bodies.append(json.loads(body) if is_json else body)
        self.keys.append(request.headers.get("Authorization"))
        self.say(request)


def call(host: Host, act: str, **parameters: Any) -> Any:
    result = Result.collect(host.invoke("echo", {"act": act, **parameters}))
    return result.json[0]


def event(content: str | None = None, **more: Any) -> bytes:
    delta = {**({"content": content} if content is not None else {}), **more.pop("delta", {})}
    choice = {"index": 0, "delta": delta, "finish_reason": more.pop("reason", None)}
    return b"data: " + json.dumps({"choices": [choice], **more}, ensure_ascii=False).encode()


USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
END = b'data: {"choices": [], "usage": ' + json.dumps(USAGE).encode() + b"}"
DONE = b"data: [DONE]"


def streaming(*lines: bytes, pause: float = 0.0) -> Callable[[BaseHTTPRequestHandler], None]:
    def say(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        for line in lines:
            request.wfile.write(line + b"\n\n")
            request.wfile.flush()
            time.sleep(pause)

    return say


def whole(content: str) -> dict[str, Any]:
    return {"choices": [{"message": {"content": content}}], "usage": USAGE}


def saying(body: Any, status: int = 200) -> Callable[[BaseHTTPRequestHandler], None]:
    text = body if isinstance(body, str) else json.dumps(body)
    return lambda request: answer(request, text, status)
