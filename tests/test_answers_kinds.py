"""Reverse calls to models of every kind but plain language: the SDK asks, a scripted endpoint
answers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from runtime import declaration
from runtime.answers.endpoint import Endpoint
from runtime.answers.models import answerers
from runtime.answers.reverse import Answers, Caller
from runtime.errors import ToolFailed
from runtime.host import Host
from tests.asking import asking_plugin
from tests.conftest import PROBE
from tests.models_server import DONE, Models, call, event, saying, streaming, whole
from tests.servers import Server, answer

Scene = tuple[Models, Server, Host]
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
USED: list[tuple[Any, ...]] = []


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, make_probe: Callable[..., Host]
) -> Iterator[Scene]:
    models = Models()
    with Server(models.handle) as server:
        endpoint = Endpoint(f"{server.url}/v1", "sk-very-secret", "")
        kinds = ("rerank", "moderation", "tts", "speech2text")
        by_kind = answerers(endpoint, endpoint, dict.fromkeys(kinds, endpoint))
        answers = Answers(by_kind, on_usage=lambda *used: USED.append(used))
        folder = asking_plugin(tmp_path_factory.mktemp("kinds") / "plugin")
        yield models, server, make_probe(folder, answers=answers)


@pytest.fixture
def scene(stage: Scene) -> Scene:
    models, server, _ = stage
    models.bodies.clear()
    server.requests.clear()
    USED.clear()
    return stage


def in_turn(*says: Callable[[BaseHTTPRequestHandler], None]) -> Callable[..., None]:
    left = iter(says)

    def say(request: BaseHTTPRequestHandler) -> None:
        next(left)(request)

    return say


# --- structured output -----------------------------------------------------------------------


def test_an_endpoint_is_held_to_the_schema(scene: Scene) -> None:
    models, _, host = scene
    models.say = streaming(event('{"n"'), event(": 3}"), event(reason="stop"), DONE)
    chunks = call(host, "structured", schema=SCHEMA, stream=True)["chunks"]
    assert [chunk.get("structured_output") for chunk in chunks] == [None, None, None, {"n": 3}]
    assert "".join(chunk["delta"]["message"]["content"] for chunk in chunks) == '{"n": 3}'
    (body,) = models.bodies
    assert body["response_format"]["type"] == "json_schema"
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA


def test_an_endpoint_that_takes_no_schema_is_told_it_in_words(scene: Scene) -> None:
    models, _, host = scene
    refused = saying({"error": {"message": "response_format json_schema is not supported"}}, 400)
    models.say = in_turn(refused, saying(whole('Sure!\n```json\n{"n": 4}\n```')))
    made = call(host, "structured", schema=SCHEMA, params={"response_format": "text"})
    assert made["structured_output"] == {"n": 4}
    first, second = models.bodies
    assert "response_format" not in second
    told = second["messages"][0]["content"].partition("\n")[2]
    assert json.loads(told) == SCHEMA
    assert first["messages"] == second["messages"][1:]


def test_an_answer_off_the_schema_is_given_back_once(scene: Scene) -> None:
    models, _, host = scene
    models.say = in_turn(saying(whole('{"n": "three"}')), saying(whole('{"n": 3}')))
    made = call(host, "structured", schema=SCHEMA)
    assert made["structured_output"] == {"n": 3}
    assert made["usage"]["total_tokens"] == 20  # both calls
    said = models.bodies[1]["messages"]
    assert said[-2] == {"role": "assistant", "content": '{"n": "three"}'}
    assert "'three' is not of type 'integer'" in said[-1]["content"]
    assert [used[0] for used in USED] == ["llm", "llm"]


def test_an_answer_that_cannot_be_mended_is_a_failure(scene: Scene) -> None:
    models, _, host = scene
    models.say = saying(whole("I would rather talk."))
    with pytest.raises(ToolFailed, match="Failed to parse structured output: it holds no JSON"):
        call(host, "structured", schema=SCHEMA)
    assert len(models.bodies) == 2


@pytest.mark.parametrize(
    ("status", "said"), [(400, "context too long"), (429, "too many with response_format")]
)
def test_an_error_that_is_not_about_the_schema_is_not_asked_again(
    scene: Scene, status: int, said: str
) -> None:
    models, _, host = scene
    models.say = saying({"error": {"message": f"{said}; sk-very-secret"}}, status)
    with pytest.raises(ToolFailed, match="read llm with structured output model failed") as caught:
        call(host, "structured", schema=SCHEMA)
    assert said in caught.value.message
    assert "very-secret" not in caught.value.message
    assert len(models.bodies) == 1


def test_thoughts_are_not_the_answer(scene: Scene) -> None:
    models, _, host = scene
    thinking = event(delta={"reasoning_content": 'Perhaps {"n": 1}?'})
    models.say = streaming(thinking, event('{"n": 2}'), event(reason="stop"), DONE)
    made = call(host, "structured", schema=SCHEMA, stream=True)["chunks"][-1]
    assert made["structured_output"] == {"n": 2}


# --- parts of messages, tools ----------------------------------------------------------------


def test_pictures_sounds_documents_and_tools_reach_the_endpoint(scene: Scene) -> None:
    models, server, host = scene

    def say(request: BaseHTTPRequestHandler) -> None:
        if request.command == "GET":
            answer(request, b"\x89PNG", content_type="image/png")
        else:
            saying(whole("I see."))(request)

    models.say = say
    far = "https://example.com/a.png"
    image = {"kind": "image", "format": "png", "mime_type": "image/png"}
    parts = [
        {**image, "base64_data": "QUJD", "detail": "high"},
        {**image, "url": far},
        {**image, "url": f"{server.url}/files/a.png"},
        {"kind": "audio", "format": "wav", "mime_type": "audio/wav", "base64_data": "QUJD"},
        {
            "kind": "document",
            "format": "pdf",
            "mime_type": "application/pdf",
            "base64_data": "QUJD",
            "filename": "a.pdf",
        },
    ]
    call(host, "parts", parts=parts)
    body = models.bodies[-1]
    text, small, remote, ours, sound, paper = body["messages"][0]["content"]
    assert text == {"type": "text", "text": "Look."}
    url = "data:image/png;base64,QUJD"
    assert small == {"type": "image_url", "image_url": {"url": url, "detail": "high"}}
    assert remote["image_url"]["url"] == far
    # What only this machine can fetch goes along: a provider elsewhere could not read it.
    assert ours["image_url"]["url"] == "data:image/png;base64,iVBORw=="
    assert sound == {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}
    data = "data:application/pdf;base64,QUJD"
    assert paper == {"type": "file", "file": {"filename": "a.pdf", "file_data": data}}
    tool = {"name": "see", "description": "Sees.", "parameters": {"type": "object"}}
    assert body["tools"] == [{"type": "function", "function": tool}]


def test_what_is_spent_goes_to_the_call_that_asked(scene: Scene) -> None:
    models, _, host = scene
    models.say = saying(whole("I see."))
    one: list[Any] = []
    list(host.invoke("echo", {"act": "parts", "parts": []}, on_usage=lambda *u: one.append(u)))
    call(host, "parts", parts=[])
    assert one == [("llm", "asked-for", 7, 3, 0.0, "USD")]
    assert len(USED) == 2


# --- embeddings, rerank, moderation, speech --------------------------------------------------


def test_many_texts_go_in_batches(scene: Scene) -> None:
    models, _, host = scene

    def say(request: BaseHTTPRequestHandler) -> None:
        texts = models.bodies[-1]["input"]
        rows = [{"index": i, "embedding": [float(text)]} for i, text in enumerate(texts)]
        saying({"data": rows[::-1], "usage": {"total_tokens": len(texts)}})(request)

    models.say = say
    made = call(host, "embed", texts=[str(number) for number in range(150)])
    assert made["embeddings"] == [[float(number)] for number in range(150)]
    assert made["usage"]["total_tokens"] == 150
    assert [len(body["input"]) for body in models.bodies] == [64, 64, 22]
    assert USED == [("text_embedding", "asked-for", 150, 0, 0.0, "USD")]


def test_vectors_that_are_missing_do_not_shift_the_others(scene: Scene) -> None:
    models, _, host = scene
    models.say = saying({"data": [{"index": 0, "embedding": [1.0]}]})
    with pytest.raises(ToolFailed, match="1 embeddings of 64 texts"):
        call(host, "embed", texts=["a"] * 65)


def test_a_server_without_embeddings_is_told_apart(scene: Scene) -> None:
    models, _, host = scene
    models.say = saying({"error": {"message": "start it with --embeddings"}}, 501)
    with pytest.raises(ToolFailed, match=r"501: start it .*STUDIO_EMBEDDING_MODEL=embedded"):
        call(host, "embed", texts=["a"])


@pytest.mark.parametrize("names", [("results", "relevance_score"), ("data", "score")])
def test_rerank_orders_cuts_and_counts(scene: Scene, names: tuple[str, str]) -> None:
    models, server, host = scene
    scores = enumerate([0.2, 0.9, 0.5, 0.7])
    rows = [{"index": index, names[1]: score} for index, score in scores]
    models.say = saying({names[0]: rows, "usage": {"total_tokens": 12}})
    made = call(host, "rerank", docs=["a", "b", "c", "d"], least=0.6, most=3)
    assert made["docs"] == [
        {"index": 1, "text": "b", "score": 0.9},
        {"index": 3, "text": "d", "score": 0.7},
    ]
    first = call(host, "rerank", docs=["a", "b", "c", "d"], least=0.6, most=1)
    assert [doc["text"] for doc in first["docs"]] == ["b"]
    assert server.requests == ["POST /v1/rerank"] * 2
    assert models.bodies[0]["documents"] == ["a", "b", "c", "d"]
    assert models.bodies[0]["query"] == "tea"
    assert USED == [("rerank", "asked-for", 12, 0, 0.0, "USD")] * 2


def test_logits_become_scores_between_0_and_1(scene: Scene) -> None:
    models, _, host = scene
    rows = [{"index": i, "relevance_score": s} for i, s in enumerate([-0.94, 2.2, -9000.0])]
    models.say = saying({"results": rows})
    made = call(host, "rerank", docs=["a", "b", "c"], least=0.2, most=3)
    assert [(doc["text"], round(doc["score"], 2)) for doc in made["docs"]] == [
        ("b", 0.9),
        ("a", 0.28),
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"results": []}, "has no results"),
        ({"results": [{"index": 7, "relevance_score": 1}]}, "ranks a document 7"),
        ({"results": [{"index": 0}]}, "without index or score"),
    ],
)
def test_useless_rankings(scene: Scene, body: Any, said: str) -> None:
    models, _, host = scene
    models.say = saying(body)
    with pytest.raises(ToolFailed, match=said) as caught:
        call(host, "rerank", docs=["a"], least=0, most=1)
    assert caught.value.message.startswith("invoke rerank model failed: request failed: ")


@pytest.mark.parametrize("flagged", [True, False])
def test_moderation(scene: Scene, flagged: bool) -> None:
    models, server, host = scene
    models.say = saying({"results": [{"flagged": flagged}]})
    assert call(host, "moderate") == {"flagged": flagged}
    assert server.requests == ["POST /v1/moderations"]
    assert models.bodies == [{"model": "asked-for", "input": "some text"}]


def test_moderation_without_a_verdict_does_not_say_that_all_is_fine(scene: Scene) -> None:
    models, _, host = scene
    models.say = saying({"results": []})
    with pytest.raises(ToolFailed, match=r"invoke moderation model failed.*has no results"):
        call(host, "moderate")


def test_speech_in_both_directions(scene: Scene) -> None:
    models, server, host = scene
    sound = b"RIFF" + bytes(range(256)) * 4000
    models.say = lambda request: answer(request, sound, content_type="audio/wav")
    assert bytes.fromhex(call(host, "speak")["sound"]) == sound
    models.say = saying({"text": "Hello"})
    assert call(host, "listen", sound=sound[:2000].hex()) == {"text": "Hello"}
    spoken, heard = models.bodies
    assert spoken == {"model": "asked-for", "input": "Hello", "voice": "alloy"}
    assert sound[:2000] in heard
    assert b'filename="sound.wav"' in heard
    assert server.requests == ["POST /v1/audio/speech", "POST /v1/audio/transcriptions"]


def test_a_page_is_no_sound(scene: Scene) -> None:
    models, _, host = scene
    models.say = lambda request: answer(request, "<html>", content_type="text/html")
    with pytest.raises(ToolFailed, match=r"read tts model failed.*text/html, no sound"):
        call(host, "speak")


@pytest.mark.parametrize("kind", ["multimodal_embedding", "multimodal_rerank"])
def test_what_endpoints_have_not_in_common_is_refused(kind: str) -> None:
    answers = Answers(answerers(Endpoint(), Endpoint()))
    caller = Caller(declaration.from_folder(PROBE))
    with pytest.raises(LookupError, match=r"multimodal .* run the tool inside Dify"):
        answers.answer(kind, {}, caller)


@pytest.mark.skipif(
    not os.environ.get("STUDIO_TEST_RERANK_URL"),
    reason="STUDIO_TEST_RERANK_URL names no server with a rerank API (with /v1)",
)
def test_a_real_ranking(
    tmp_path_factory: pytest.TempPathFactory, make_probe: Callable[..., Host]
) -> None:
    real = Endpoint(os.environ["STUDIO_TEST_RERANK_URL"], model="any")
    folder = asking_plugin(tmp_path_factory.mktemp("ranking") / "plugin")
    host = make_probe(folder, answers=Answers(answerers(real, real, {"rerank": real})))
    docs = ["tea pot", "tax return", "green tea"]
    ranked = call(host, "rerank", docs=docs, least=0.0, most=9)["docs"]
    assert sorted(doc["index"] for doc in ranked) == [0, 1, 2]
    assert all(docs[doc["index"]] == doc["text"] for doc in ranked)
    assert 1 >= ranked[0]["score"] >= ranked[-1]["score"] >= 0
