"""Reverse calls to models: a real plugin asks, scripted (and, where there is one, real)
OpenAI-compatible servers answer."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from runtime.answers.models import Endpoint, answerers, model_answers
from runtime.answers.reverse import Answers
from runtime.errors import PluginDied, ToolFailed
from runtime.host import Host
from runtime.settings import Settings
from tests.models_server import DONE, END, Models, call, event, saying, streaming, whole
from tests.plugins import write_plugin
from tests.servers import Server, answer, free_port

_TOOL = """\
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.model.llm import LLMModelConfig
from dify_plugin.entities.model.message import SystemPromptMessage, UserPromptMessage
from dify_plugin.entities.model.text_embedding import TextEmbeddingModelConfig


class AskTool(Tool):
    def _invoke(self, tool_parameters: dict[str, Any]):
        yield self.create_json_message(getattr(self, "_" + tool_parameters["act"])(tool_parameters))

    def _llm(self, given):
        config = LLMModelConfig(
            provider="p", model="asked-for", mode="chat",
            completion_params=given.get("params") or {},
        )
        prompt = [SystemPromptMessage(content="Be brief."), UserPromptMessage(content="Say hi.")]
        invoke = self.session.model.llm.invoke
        if given.get("stream"):
            chunks = list(invoke(config, prompt, stop=given.get("stop"), stream=True))
            return {"chunks": [chunk.model_dump(mode="json") for chunk in chunks]}
        whole = invoke(config, prompt, stop=given.get("stop"), stream=False)
        return whole.model_dump(mode="json")

    def _embed_badly(self, given):
        config = TextEmbeddingModelConfig(provider="p", model="asked-for")
        self.session.model.text_embedding.invoke(config, "one text")

    def _embed(self, given):
        config = TextEmbeddingModelConfig(provider="p", model="asked-for")
        made = self.session.model.text_embedding.invoke(config, given["texts"])
        return made.model_dump(mode="json")
"""


def _asking(data: dict[str, Any]) -> None:
    data["parameters"] = []


def _all_models(data: dict[str, Any]) -> None:
    model = {"enabled": True, "llm": True, "text_embedding": True}
    data["resource"]["permission"]["model"] = model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plugin that asks for models."""
    return write_plugin(
        tmp_path_factory.mktemp("asking") / "plugin",
        {"tools/echo.py": _TOOL, "tools/echo.yaml": _asking, "manifest.yaml": _all_models},
    )


Scene = tuple[Models, Server, Host]


@pytest.fixture(scope="module")
def stage(folder: Path, make_probe: Callable[..., Host]) -> Iterator[Scene]:
    models = Models()
    with Server(models.handle) as server:
        endpoint = Endpoint(f"{server.url}/v1", "sk-very-secret", "")
        host = make_probe(folder, answers=Answers(answerers(endpoint, endpoint)))
        yield models, server, host


@pytest.fixture
def scene(stage: Scene) -> Scene:
    models, server, _ = stage
    models.bodies.clear()
    models.keys.clear()
    server.requests.clear()
    return stage


HELLO = (event("He"), b": a comment", event("llo\u2028!"), event(reason="stop"), END, DONE)


def test_a_stream_arrives_in_pieces_with_usage_at_its_end(scene: Scene) -> None:
    models, server, host = scene
    models.say = streaming(*HELLO)
    chunks = call(host, "llm", stream=True)["chunks"]
    texts = [chunk["delta"]["message"]["content"] for chunk in chunks]
    assert texts == ["He", "llo\u2028!", ""]
    assert [chunk["delta"]["usage"] is None for chunk in chunks] == [True, True, False]
    usage = chunks[-1]["delta"]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (7, 3, 10)
    assert usage["total_price"] == "0"
    assert chunks[-1]["delta"]["finish_reason"] == "stop"
    assert {chunk["model"] for chunk in chunks} == {"asked-for"}
    assert server.requests == ["POST /v1/chat/completions"]
    assert models.keys == ["Bearer sk-very-secret"]


def test_parameters_stop_and_messages_reach_the_endpoint(scene: Scene) -> None:
    models, _, host = scene
    models.say = streaming(*HELLO)
    call(host, "llm", stream=True, params={"temperature": 0.25, "max_tokens": 9}, stop=["\n"])
    (body,) = models.bodies
    assert body["temperature"] == 0.25
    assert body["max_tokens"] == 9
    assert body["stop"] == ["\n"]
    assert body["stream"] is True
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Say hi."},
    ]


@pytest.mark.parametrize(
    "schema", [{"type": "object"}, {"name": "mine", "schema": {"type": "object"}}]
)
def test_a_schema_is_passed_through_as_openai_has_it(scene: Scene, schema: Any) -> None:
    models, _, host = scene
    models.say = saying(whole("{}"))
    params = {"response_format": "json_schema", "json_schema": json.dumps(schema)}
    call(host, "llm", params=params)
    (body,) = models.bodies
    assert body["response_format"]["type"] == "json_schema"
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert "json_schema" not in body


def test_without_streaming_the_answer_is_whole(scene: Scene) -> None:
    models, _, host = scene
    models.say = saying(whole("Hello"))
    answered = call(host, "llm")
    assert answered["message"]["content"] == "Hello"
    assert answered["usage"]["total_tokens"] == 10
    assert "stream" not in models.bodies[0]


def test_thoughts_come_in_tags_as_difys_model_plugins_send_them(scene: Scene) -> None:
    models, _, host = scene
    thinking = (event(delta={"reasoning_content": part}) for part in ("Hm", ", yes"))
    models.say = streaming(*thinking, event("Hi"), event(reason="stop"), DONE)
    chunks = call(host, "llm", stream=True)["chunks"]
    text = "".join(chunk["delta"]["message"]["content"] for chunk in chunks)
    assert text == "<think>\nHm, yes\n</think>Hi"


def test_calls_of_tools_are_put_together(scene: Scene) -> None:
    models, _, host = scene
    pieces = [
        {"index": 0, "id": "a", "function": {"name": "look", "arguments": '{"x"'}},
        {"index": 0, "function": {"arguments": ": 1}"}},
        {"index": 1, "id": "b", "function": {"name": "see", "arguments": "{}"}},
    ]
    events = (event(delta={"tool_calls": [piece]}) for piece in pieces)
    models.say = streaming(*events, event(reason="tool_calls"), DONE)
    made = call(host, "llm", stream=True)["chunks"][-1]["delta"]["message"]["tool_calls"]
    assert [(one["id"], one["function"]) for one in made] == [
        ("a", {"name": "look", "arguments": '{"x": 1}'}),
        ("b", {"name": "see", "arguments": "{}"}),
    ]


def test_an_endpoint_that_knows_no_stream_options_is_asked_without(scene: Scene) -> None:
    models, _, host = scene

    def say(request: BaseHTTPRequestHandler) -> None:
        if "stream_options" in models.bodies[-1]:
            answer(request, '{"error": {"message": "stream_options is not permitted"}}', 400)
        else:
            streaming(event("Hi"), event(reason="stop"))(request)

    models.say = say
    chunks = call(host, "llm", stream=True)["chunks"]
    assert chunks[0]["delta"]["message"]["content"] == "Hi"
    assert len(models.bodies) == 2


@pytest.mark.parametrize(
    ("say", "said"),
    [
        (saying({"error": {"message": "Bad key sk-very-secret"}}, 401), "Incorrect model cred"),
        (saying({"error": {"message": "slow down"}}, 429), "Rate Limit Error, 429: slow down"),
        (saying("<html>oops</html>", 500), "Server Unavailable Error, 500: <html>oops"),
        (saying({"detail": "no such model"}, 404), "Bad Request Error, 404: no such model"),
        (saying("no JSON"), "no JSON object: no JSON"),
        (streaming(event("Hal")), "the answer stopped in the middle"),
        (
            streaming(event("Hal"), b'data: {"error": {"message": "out of memory"}}'),
            "out of memory",
        ),
        (streaming(event("Hal"), b"data: {broken"), "no JSON object: {broken"),
    ],
)
def test_failures_are_told_in_difys_words(
    scene: Scene, say: Callable[[BaseHTTPRequestHandler], None], said: str
) -> None:
    models, _, host = scene
    models.say = say
    with pytest.raises(ToolFailed) as caught:
        call(host, "llm", stream=True)
    assert caught.value.message.startswith("read llm model failed: request failed: [asked-for] ")
    assert said in caught.value.message
    assert "very-secret" not in caught.value.message
    assert len(models.bodies) == 1


def test_a_stream_that_never_ends_is_ended(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    models, _, host = scene
    monkeypatch.setattr("runtime.answers.endpoint.READ_SECONDS", 0.3)
    models.say = streaming(*[event("x")] * 20_000, pause=0.05)
    with pytest.raises(ToolFailed, match="DIFY_BACKWARDS_INVOCATION_READ_TIMEOUT"):
        call(host, "llm", stream=True)


def test_nobody_goes_on_reading_for_a_call_that_is_over(scene: Scene) -> None:
    models, _, host = scene
    asked, gone = threading.Event(), threading.Event()

    def say(request: BaseHTTPRequestHandler) -> None:
        asked.set()
        try:
            streaming(*[event("x" * 50_000)] * 20_000, pause=0.05)(request)
        except OSError:
            gone.set()

    models.say = say
    link = host._calls.link
    threading.Thread(
        target=lambda: (asked.wait(60), link.cut(PluginDied("It is over."))), daemon=True
    ).start()
    with pytest.raises(PluginDied, match="It is over"):
        list(host.invoke("echo", {"act": "llm", "stream": True}))
    assert gone.wait(60)


def test_vectors_come_in_the_order_of_the_texts(scene: Scene) -> None:
    models, server, host = scene
    rows = [{"index": 1, "embedding": [0.5, 1]}, {"index": 0, "embedding": [1, 2]}]
    models.say = saying({"data": rows, "usage": {"prompt_tokens": 4, "total_tokens": 4}})
    made = call(host, "embed", texts=["a", "b"])
    assert made["embeddings"] == [[1.0, 2.0], [0.5, 1.0]]
    assert made["usage"]["total_tokens"] == 4
    assert models.bodies == [{"model": "asked-for", "input": ["a", "b"]}]
    assert server.requests == ["POST /v1/embeddings"]


@pytest.mark.parametrize(
    ("say", "said"),
    [
        (saying({"data": [{"index": 0}]}), "has no embeddings"),
        (saying({"error": {"message": "start it with --embeddings"}}, 501), "501: start it with"),
    ],
)
def test_failures_of_embeddings(
    scene: Scene, say: Callable[[BaseHTTPRequestHandler], None], said: str
) -> None:
    models, _, host = scene
    models.say = say
    with pytest.raises(ToolFailed, match=said) as caught:
        call(host, "embed", texts=["a"])
    assert caught.value.message.startswith("invoke text-embedding model failed: request failed: ")


def test_an_endpoint_that_is_not_there(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, host = scene
    nowhere = Endpoint(f"http://127.0.0.1:{free_port()}/v1")
    monkeypatch.setattr(host, "answers", Answers(answerers(nowhere, Endpoint())))
    with pytest.raises(ToolFailed, match="Connection Error"):
        call(host, "llm")
    monkeypatch.setattr(host, "answers", Answers(answerers(Endpoint(), nowhere)))
    with pytest.raises(ToolFailed, match="Connection Error"):
        call(host, "embed", texts=["a"])
    with pytest.raises(ToolFailed, match="not initialized") as caught:
        call(host, "llm")
    for name in ("STUDIO_LLM_BASE_URL", "STUDIO_LLM_API_KEY", "STUDIO_LLM_MODEL"):
        assert name in caught.value.message


def test_without_an_endpoint_the_embedded_model_makes_vectors_and_says_so(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, host = scene
    said: list[str] = []
    answers = Answers()
    answers.by_kind = answerers(
        Endpoint(), Endpoint(), say=lambda kind, text: said.append(text), closing=answers.closing
    )
    monkeypatch.setattr(host, "answers", answers)
    try:
        made = call(host, "embed", texts=["red shoes", "rote Schuhe", "tax return"])
        call(host, "embed", texts=[""])
        with pytest.raises(ToolFailed, match="expected a slice"):
            call(host, "embed_badly")
    finally:
        answers.close()
    shoes, schuhe, tax = made["embeddings"]
    assert len(shoes) == 512
    alike = sum(a * b for a, b in zip(shoes, schuhe, strict=True))
    unlike = sum(a * b for a, b in zip(shoes, tax, strict=True))
    assert alike > unlike + 0.2
    assert made["model"] == "asked-for"
    assert made["usage"]["total_price"] == "0"
    (notice,) = said
    assert "STUDIO_EMBEDDING_BASE_URL" in notice


def test_settings_name_the_endpoints(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, host = scene
    models = Models()
    for name in [name for name in os.environ if name.startswith("STUDIO_")]:
        monkeypatch.delenv(name)
    with Server(models.handle) as server:
        env = tmp_path / "env"
        env.write_text(
            f"STUDIO_LLM_BASE_URL={server.url}/a/v1/\nSTUDIO_LLM_MODEL=mine\nSTUDIO_LLM_API_KEY=k1\n"
            f"STUDIO_EMBEDDING_BASE_URL={server.url}/b/v1\nSTUDIO_EMBEDDING_MODEL=vectors\n"
        )
        monkeypatch.setattr(host, "answers", Answers(model_answers(Settings(env))))
        models.say = streaming(event("Hi"), event(reason="stop"))
        call(host, "llm", stream=True)
        models.say = saying({"data": [{"embedding": [1]}]})
        call(host, "embed", texts=["a"])
    assert server.requests == ["POST /a/v1/chat/completions", "POST /b/v1/embeddings"]
    assert [body["model"] for body in models.bodies] == ["mine", "vectors"]
    # A key is for the address that it was given with.
    assert models.keys == ["Bearer k1", None]


@pytest.mark.skipif(
    not os.environ.get("STUDIO_TEST_LLM_URL"),
    reason="STUDIO_TEST_LLM_URL names no OpenAI-compatible server (with /v1)",
)
def test_a_real_server(folder: Path, make_probe: Callable[..., Host]) -> None:
    llm = Endpoint(os.environ["STUDIO_TEST_LLM_URL"])
    other = Endpoint(os.environ.get("STUDIO_TEST_EMBEDDING_URL", ""))
    host = make_probe(folder, answers=Answers(answerers(llm, other)))
    chunks = call(host, "llm", stream=True, params={"max_tokens": 12})["chunks"]
    assert len(chunks) > 2
    assert chunks[-1]["delta"]["usage"]["completion_tokens"] > 2
    assert chunks[-1]["delta"]["finish_reason"]
    whole = call(host, "llm", params={"max_tokens": 12})
    assert whole["message"]["content"].strip()
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    params = {"response_format": "json_schema", "json_schema": json.dumps(schema)}
    held = call(host, "llm", params={**params, "max_tokens": 40})
    assert isinstance(json.loads(held["message"]["content"])["n"], int)
    if other.base_url:
        made = call(host, "embed", texts=["tea pot", "red shoes", "tea pot"])
        assert len(made["embeddings"]) == 3
        assert made["usage"]["total_tokens"] > 0
