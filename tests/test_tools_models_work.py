"""What nodes do with the workspace's models: pictures, names for clusters, vectors."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from runtime.answers.models import Endpoint, answerers
from runtime.answers.reverse import Answers
from runtime.errors import ToolFailed
from runtime.host import Host
from tests import workspace_models
from tests.servers import answer
from tests.workspace_models import GOOD, MODEL, Scene, call, in_turn, png, refusing, stream

folder = workspace_models.folder
stage = workspace_models.stage
scene = workspace_models.scene


def test_models_get_pictures_as_data(scene: Scene) -> None:
    models, host = scene
    models.say = in_turn(GOOD)
    given = png((8, 6))
    call(host, "ask", model=MODEL, text="Look.", pictures=[given])
    text, picture = models.bodies[0]["messages"][1]["content"]
    assert text == {"type": "text", "text": "Look."}
    assert picture["image_url"]["url"] == f"data:image/png;base64,{given}"


def test_heavy_pictures_fit_into_a_line(scene: Scene) -> None:
    models, host = scene
    models.say = in_turn(GOOD)
    call(host, "ask", model=MODEL, pictures=[png((1100, 1100), noise=True)] * 3)
    sent = [part["image_url"]["url"] for part in models.bodies[0]["messages"][1]["content"][1:]]
    assert len(sent) == 3
    assert sum(map(len, sent)) < 4_200_000


def test_a_model_that_takes_no_pictures_is_told_apart(scene: Scene) -> None:
    models, host = scene
    models.say = in_turn(refusing(400, "image input is not supported by this model"))
    with pytest.raises(ToolFailed, match="image input is not supported") as caught:
        call(host, "ask", model=MODEL, pictures=[png((8, 6))])
    assert caught.value.error_type == "PicturesRefused"
    assert len(models.bodies) == 1


def test_a_question_that_would_kill_the_plugin_is_not_sent(scene: Scene) -> None:
    models, host = scene
    with pytest.raises(ToolFailed, match=r"the question for gpt-9 is .* MB; the limit"):
        call(host, "ask", model=MODEL, text="茶" * 900_000)
    assert models.bodies == []


def groups_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    text = body["messages"][1]["content"]
    return json.JSONDecoder().raw_decode(text[text.index("{") :])[0]["groups"]


def test_what_a_broken_stream_brought_counts_and_the_rest_is_asked_for(scene: Scene) -> None:
    models, host = scene

    def breaking(request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        groups = groups_of(body)
        said = [{"id": g["id"], "name": f"About {g['keywords'][0]}"} for g in groups]
        text = json.dumps({"groups": said})
        if len(groups) < 3:
            stream(request, text)
            return
        half = {"choices": [{"delta": {"content": text[: text.index('"id": 2') + 30]}}]}
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        request.wfile.write(b"data: " + json.dumps(half).encode() + b"\n\n")

    models.say = breaking
    clusters = {"a": ["tea pot"], "b": ["red shoes"], "c": ["garden hose"]}
    done = call(host, "describe", model=MODEL, clusters=clusters)
    names = [one["name"] for one in done["described"]]
    assert names == ["About tea pot", "About red shoes", "About garden hose"]
    assert done["notes"] == []


# The daemon hands an object's members over in the order of their names.
CLUSTERS = {f"offline {n}": [f"word {n} {k}" for k in range(3)] for n in range(11, 71)}


def test_clusters_are_named_and_the_cost_is_counted(scene: Scene) -> None:
    models, host = scene

    def name(request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        groups = groups_of(body)
        said = [
            {"id": g["id"], "name": f"About {g['keywords'][0]}", "intent": "local"} for g in groups
        ]
        stream(request, "```json\n" + json.dumps({"groups": said}) + "\n```")

    models.say = name
    done = call(host, "describe", model=MODEL, clusters=CLUSTERS)
    assert [one["name"] for one in done["described"]] == [
        f"About word {n} 0" for n in range(11, 71)
    ]
    assert done["notes"] == []
    assert (done["tokens"], done["cost"]) == (50, None)
    assert len(models.bodies) == 2


def test_garbage_leaves_offline_names(scene: Scene) -> None:
    models, host = scene
    models.say = lambda request, _: stream(request, '{"groups": [{"id": "one", "na')
    done = call(host, "describe", model=MODEL, clusters={"red": ["red"], "tea": ["tea"]})
    assert [one["name"] for one in done["described"]] == ["red", "tea"]
    assert "2 of 2 clusters keep" in done["notes"][0]


def vectors_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"index": n, "embedding": [float(len(text)), 1.0, 0.0]}
        for n, text in enumerate(body["input"])
    ]


def embedding(request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    usage = {"total_tokens": len(body["input"])}
    answer(request, json.dumps({"data": vectors_of(body), "usage": usage}))


def unpacked(done: dict[str, Any]) -> list[tuple[float, ...]]:
    import base64

    data, width = base64.b64decode(done["data"]), done["dimensions"]
    return list(struct.iter_unpack(f"<{width}e", data))


def test_texts_are_embedded_in_batches_once_each_and_remembered(scene: Scene) -> None:
    models, host = scene
    models.say = embedding
    texts = [f"{'x' * (n % 9 + 1)} {n}" for n in range(70)]
    done = call(host, "embed", embedding_model="p/batches", texts=[*texts, texts[0]])
    rows = unpacked(done)
    assert len(rows) == 71
    for text, row in zip([*texts, texts[0]], rows, strict=True):
        assert row[0] / row[1] == pytest.approx(len(text), rel=0.01)
        assert sum(number * number for number in row) == pytest.approx(1, abs=0.01)
    assert sorted(len(body["input"]) for body in models.bodies) == [6, 32, 32]
    assert done["tokens"] == 70
    again = call(host, "embed", embedding_model="p/batches", texts=["new", *texts])
    assert models.bodies[-1]["input"] == ["new"]
    assert len(models.bodies) == 4
    assert unpacked(again)[1:] == rows[:70]
    assert again["tokens"] == 1
    # Another model knows nothing of them.
    call(host, "embed", embedding_model="p/other", texts=["new"])
    assert len(models.bodies) == 5


def test_a_server_that_takes_fewer_texts_gets_fewer(scene: Scene) -> None:
    models, host = scene

    def small(request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        if len(body["input"]) > 10:
            refusing(400, "batch size is invalid, it should not be larger than 10")(request, body)
        else:
            embedding(request, body)

    models.say = small
    done = call(host, "embed", embedding_model="p/small", texts=[f"t{'x' * n}" for n in range(32)])
    assert [round(row[0] / row[1]) for row in unpacked(done)] == list(range(1, 33))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"embedding": [1.0]}], "1 vectors came for 2 texts"),
        ([{"embedding": [1.0]}, {"embedding": [1.0, 2.0]}], "different lengths"),
        ([{"embedding": [0.0]}, {"embedding": [1.0]}], "all zeros"),
        ([{"embedding": []}, {"embedding": []}], "a vector is empty"),
    ],
)
def test_useless_vectors_are_an_error(scene: Scene, rows: list[Any], said: str) -> None:
    models, host = scene
    models.say = lambda request, _: answer(request, json.dumps({"data": rows, "usage": {}}))
    with pytest.raises(ToolFailed, match=said) as caught:
        call(host, "embed", embedding_model=f"p/{said[:3]}", texts=["a", "b"])
    assert caught.value.error_type == "AnswerInvalid"


def test_a_failed_batch_is_not_sent_again_and_ends_the_rest(scene: Scene) -> None:
    models, host = scene
    models.say = refusing(500, "oops")
    with pytest.raises(ToolFailed) as caught:
        call(host, "embed", embedding_model="p/failing", texts=[f"f{n}" for n in range(3200)])
    assert caught.value.error_type == "EngineUnavailable"
    assert len(models.bodies) <= 6
    firsts = [body["input"][0] for body in models.bodies]
    assert len(firsts) == len(set(firsts))


@pytest.mark.skipif(
    not os.environ.get("STUDIO_TEST_LLM_URL"),
    reason="STUDIO_TEST_LLM_URL names no OpenAI-compatible server (with /v1)",
)
def test_a_real_model_names_clusters(folder: Path, make_probe: Callable[..., Host]) -> None:
    llm = Endpoint(os.environ["STUDIO_TEST_LLM_URL"])
    host = make_probe(folder, answers=Answers(answerers(llm, Endpoint())))
    clusters = {
        "running shoes": ["running shoes", "trail running shoes", "cheap running shoes"],
        "tea pot": ["tea pot", "glass tea pot", "cast iron tea pot"],
        "best laptop": ["best laptop 2026", "best laptop for students", "laptop comparison"],
    }
    model = {**MODEL, "completion_params": {"response_format": "json_schema", "max_tokens": 300}}
    done = call(host, "describe", model=model, clusters=clusters, timeout_seconds=60)
    names = [one["name"] for one in done["described"]]
    assert len(names) == len({name.casefold() for name in names}) == 3
    assert done["tokens"] > 0
