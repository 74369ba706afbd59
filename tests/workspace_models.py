"""A plugin whose node asks the workspace's models, and the scripted endpoint behind our host."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from runtime.answers.models import Endpoint, answerers
from runtime.answers.reverse import Answers
from runtime.host import Host
from runtime.host.messages import Result
from tests.plugins import write_plugin
from tests.servers import Server, answer

ROOT = Path(__file__).resolve().parent.parent

_TOOL = """\
import base64
from types import SimpleNamespace
from typing import Any

from dify_plugin import Tool

from pydantic import BaseModel

from creative.language import Image, Message, ask
from creative.steps import Phase
from tools import models
from tools.adapter import Call, Parameters

SCHEMA = {"type": "object"}


class Pets(BaseModel):
    pets: list[str]


class AskTool(Tool):
    def _invoke(self, tool_parameters: dict[str, Any]):
        parameters = Parameters(tool_parameters)
        call = Call(self, parameters, default_seconds=30)

        def work():
            with call.steps.step(Phase.AI_CALL, "Asking", 100) as step:
                done = getattr(self, "_" + tool_parameters["act"])(tool_parameters, call, step)
            return {**done, "cost": call.steps.cost, "tokens": call.steps.tokens}

        done = yield from call.run(work)
        yield self.create_json_message(done)

    def _complete(self, given, call, step):
        model = models.language_model(self, Parameters(given), "model")
        if model is None:
            return {"none": True}
        question = [Message(role="system", text="Brief."), Message(role="user", text="Hi?")]
        done = model.complete(question, call.deadline, SCHEMA)
        sent = model._config(SCHEMA).completion_params
        return {"name": model.name, "sent": sent, **done.model_dump()}

    def _ask(self, given, call, step):
        images = [
            Image(data=base64.b64decode(one), mime_type="image/png")
            for one in given.get("pictures", [])
        ]
        question = [
            Message(role="system", text="Brief."),
            Message(role="user", text=given.get("text") or "Which pets?", images=images),
        ]
        model = models.language_model(self, Parameters(given), "model")
        answer = ask(model, question, Pets, call.deadline, step)
        usage = step.usage
        return {"pets": answer.value.pets, "in": usage.tokens_in, "out": usage.tokens_out}

    def _describe(self, given, call, step):
        naming = models.describer(self, Parameters(given), call)
        described = naming(
            [
                SimpleNamespace(
                    name=name,
                    intent="informational",
                    members=[SimpleNamespace(keyword=keyword) for keyword in keywords],
                )
                for name, keywords in given["clusters"].items()
            ],
            step,
        )
        return {"described": [one.model_dump() for one in described], "notes": naming.notes}

    def _embed(self, given, call, step):
        make = models.embedder(self, Parameters(given), call)
        packed = make(given["texts"], step)
        data = base64.b64encode(packed["data"]).decode()
        return {"data": data, "dimensions": packed["dimensions"]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plugin with our craft in it."""

    def permit(data: dict[str, Any]) -> None:
        model = {"enabled": True, "llm": True, "text_embedding": True}
        data["resource"]["permission"]["model"] = model

    made = write_plugin(
        tmp_path_factory.mktemp("models") / "plugin",
        {
            "tools/echo.py": _TOOL,
            "tools/echo.yaml": lambda data: data.update(parameters=[]),
            "tools/__init__.py": "",
            "manifest.yaml": permit,
        },
    )
    for name in ("creative", "tools/models.py", "tools/adapter.py"):
        (made / name).symlink_to(ROOT / name)
    return made


class Models:
    """A scripted endpoint that a test tells what to say."""

    def __init__(self) -> None:
        self.say: Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]
        self.bodies: list[dict[str, Any]] = []

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = json.loads(request.rfile.read(int(request.headers.get("Content-Length") or 0)))
        self.bodies.append(body)
        self.say(request, body)


Scene = tuple[Models, Host]


@pytest.fixture(scope="module")
def stage(folder: Path, make_probe: Callable[..., Host]) -> Iterator[Scene]:
    models = Models()
    with Server(models.handle) as server:
        endpoint = Endpoint(f"{server.url}/v1")
        yield models, make_probe(folder, answers=Answers(answerers(endpoint, endpoint)))


@pytest.fixture
def scene(stage: Scene) -> Scene:
    stage[0].bodies.clear()
    return stage


def call(host: Host, act: str, **parameters: Any) -> Any:
    return Result.collect(host.invoke("echo", {"act": act, **parameters})).json[0]


def stream(
    request: BaseHTTPRequestHandler, *texts: str, reason: str = "stop", pause: float = 0.0
) -> None:
    request.send_response(200)
    request.send_header("Content-Type", "text/event-stream")
    request.end_headers()
    for text in texts:
        event = {"choices": [{"delta": {"content": text}}]}
        request.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        request.wfile.flush()
        time.sleep(pause)
    usage = {"prompt_tokens": 20, "completion_tokens": 5}
    last = {"choices": [{"delta": {}, "finish_reason": reason}], "usage": usage}
    request.wfile.write(b"data: " + json.dumps(last).encode() + b"\n\ndata: [DONE]\n\n")


MODEL = {"provider": "langgenius/openai/openai", "model": "gpt-9", "mode": "chat"}


def refusing(status: int, said: str) -> Callable[[BaseHTTPRequestHandler, Any], None]:
    body = json.dumps({"error": {"message": said}})
    return lambda request, _: answer(request, body, status)


GOOD = '{"pets": ["cat"]}'


def in_turn(*says: Any) -> Callable[[BaseHTTPRequestHandler, Any], None]:
    left = list(says)

    def say(request: BaseHTTPRequestHandler, body: Any) -> None:
        said = left.pop(0)
        if callable(said):
            said(request, body)
        else:
            stream(request, said)

    return say


def whole(text: str) -> Callable[[BaseHTTPRequestHandler, Any], None]:
    usage = {"prompt_tokens": 20, "completion_tokens": 5}
    choice = {"message": {"content": text}, "finish_reason": "stop"}
    body = json.dumps({"choices": [choice], "usage": usage})
    return lambda request, _: answer(request, body)


def png(size: tuple[int, int], noise: bool = False) -> str:
    image = Pillow.effect_noise(size, 90) if noise else Pillow.new("RGB", size, "red")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
