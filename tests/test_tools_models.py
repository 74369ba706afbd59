"""tools.models in a plugin's process: what Dify's reverse calls bring, through our host, from
scripted (and, where there is one, real) servers."""

from __future__ import annotations

import base64
import io
import json
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from runtime.answers.models import Endpoint, answerers
from runtime.answers.reverse import Answers
from runtime.errors import ToolFailed
from runtime.host import Host
from runtime.host.messages import Message as Heard
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


@pytest.mark.parametrize(
    "selected",
    [
        MODEL,
        json.dumps(MODEL),
        "langgenius/openai/openai/gpt-9",
        "openai/gpt-9",
    ],
)
def test_a_model_is_named_in_several_ways(scene: Scene, selected: Any) -> None:
    models, host = scene
    models.say = lambda request, _: stream(request, "Hel", "lo")
    done = call(host, "complete", model=selected)
    assert (done["name"], done["text"], done["cut"]) == ("gpt-9", "Hello", False)
    assert (done["prompt_tokens"], done["completion_tokens"]) == (20, 5)
    # The endpoint tells no prices, and 0 would be a lie.
    assert done["price"] is None
    assert models.bodies[0]["model"] == "gpt-9"
    assert [m["role"] for m in models.bodies[0]["messages"]] == ["system", "user"]


def test_a_models_name_may_have_slashes(scene: Scene) -> None:
    models, host = scene
    models.say = lambda request, _: stream(request, "Hi")
    call(host, "complete", model="langgenius/openrouter/openrouter/meta/llama")
    assert models.bodies[0]["model"] == "meta/llama"


@pytest.mark.parametrize("selected", [None, "", {}, []])
def test_no_model_is_no_model(scene: Scene, selected: Any) -> None:
    assert call(scene[1], "complete", model=selected)["none"] is True


@pytest.mark.parametrize("selected", ["gpt-9", {"model": "gpt-9"}, [1], "{}x", {"provider": 1}])
def test_what_selects_nothing_is_refused(scene: Scene, selected: Any) -> None:
    with pytest.raises(ToolFailed, match=r"model: got .*provider/model"):
        call(scene[1], "complete", model=selected)
    assert scene[0].bodies == []


def test_a_schema_goes_along_where_the_user_chose_that_format(scene: Scene) -> None:
    models, host = scene
    models.say = lambda request, _: stream(request, "{}")
    params = {"temperature": 0.5, "response_format": "json_object"}
    # A setting that the model does not have fails the call in Dify.
    assert call(host, "complete", model={**MODEL, "completion_params": params})["sent"] == params
    chosen = {"response_format": "json_schema", "temperature": 0.5}
    call(host, "complete", model={**MODEL, "completion_params": chosen})
    plain, held = models.bodies
    assert plain["response_format"] == {"type": "json_object"}
    assert held["response_format"]["json_schema"] == {
        "name": "answer", "schema": {"type": "object"}
    }  # fmt: skip
    assert plain["temperature"] == held["temperature"] == 0.5


def refusing(status: int, said: str) -> Callable[[BaseHTTPRequestHandler, Any], None]:
    body = json.dumps({"error": {"message": said}})
    return lambda request, _: answer(request, body, status)


@pytest.mark.parametrize(
    ("status", "said", "kind", "shown"),
    [
        (401, "Incorrect API key provided: sk-abcdef123", "ModelRefused", "Incorrect model cred"),
        (404, "The model `gpt-9` does not exist", "ModelRefused", "does not exist"),
        (429, "slow down", "RateLimited", "slow down"),
        (400, "maximum context length is 9 tokens", "EngineRejected", "context length"),
        (500, "oops", "EngineUnavailable", "oops"),
    ],
)
def test_refusals_are_told_apart(
    scene: Scene, status: int, said: str, kind: str, shown: str
) -> None:
    models, host = scene
    models.say = refusing(status, said)
    with pytest.raises(ToolFailed, match=shown) as caught:
        call(host, "complete", model=MODEL)
    assert caught.value.error_type == kind
    assert caught.value.message.startswith("gpt-9 ")
    assert caught.value.hint
    assert "abcdef" not in str(caught.value)
    assert len(models.bodies) == 1


def test_a_stream_cut_in_the_middle_is_no_answer(scene: Scene) -> None:
    models, host = scene

    def half(request: BaseHTTPRequestHandler, _: Any) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        request.wfile.write(b'data: {"choices": [{"delta": {"content": "{\\"groups\\": ["}}]}\n\n')

    models.say = half
    with pytest.raises(ToolFailed, match="stopped in the middle") as caught:
        call(host, "complete", model=MODEL)
    assert caught.value.error_type == "HalfAnswer"
    assert len(models.bodies) == 1


def test_the_limit_of_tokens_is_noticed(scene: Scene) -> None:
    models, host = scene
    models.say = lambda request, _: stream(request, "Half an", reason="length")
    assert call(host, "complete", model=MODEL)["cut"] is True


def test_an_answer_without_end_is_left(scene: Scene) -> None:
    models, host = scene
    gone = threading.Event()

    def flood(request: BaseHTTPRequestHandler, _: Any) -> None:
        try:
            numbers = (
                " ".join(map(str, range(n, n + 3000))) for n in range(9999, 400 * 3000, 3000)
            )
            stream(request, *numbers, pause=0.005)
        except OSError:
            gone.set()

    models.say = flood
    with pytest.raises(ToolFailed, match="longer than 400000 characters"):
        call(host, "complete", model=MODEL)
    assert gone.wait(3)


def test_an_answer_in_circles_is_left_and_asked_for_again(scene: Scene) -> None:
    models, host = scene
    gone = threading.Event()

    def circling(request: BaseHTTPRequestHandler, _: Any) -> None:
        try:
            stream(request, "I think: ", *["The user wants pets. "] * 20_000, pause=0.0005)
        except OSError:
            gone.set()

    models.say = in_turn(circling, GOOD)
    assert call(host, "ask", model=MODEL)["pets"] == ["cat"]
    assert "cut off" in models.bodies[1]["messages"][-1]["content"]
    assert gone.wait(5)


def test_silence_ends_with_the_deadline(scene: Scene) -> None:
    models, host = scene
    models.say = lambda request, _: time.sleep(4)
    began = time.monotonic()
    with pytest.raises(ToolFailed, match=r"timeout_seconds.*waiting for gpt-9") as caught:
        call(host, "complete", model=MODEL, timeout_seconds=1)
    assert caught.value.error_type == "DeadlineExceeded"
    assert time.monotonic() - began < 3


def test_a_drip_ends_with_the_deadline(scene: Scene) -> None:
    models, host = scene
    models.say = lambda request, _: stream(request, *["x"] * 60, pause=0.05)
    with pytest.raises(ToolFailed, match="timeout_seconds"):
        call(host, "complete", model=MODEL, timeout_seconds=1)


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


def formats(models: Models) -> list[bool]:
    """Whether each question was held to a schema."""
    return ["response_format" in body for body in models.bodies]


def test_a_good_answer_is_asked_for_once_in_the_plain_way(scene: Scene) -> None:
    models, host = scene
    models.say = in_turn(GOOD)
    assert call(host, "ask", model=MODEL)["pets"] == ["cat"]
    assert formats(models) == [False]


def test_the_second_answer_is_held_to_the_schema(scene: Scene) -> None:
    models, host = scene
    models.say = in_turn("A cat, I think.", GOOD)
    done = call(host, "ask", model=MODEL)
    assert (done["pets"], done["in"], done["out"]) == (["cat"], 40, 10)
    assert formats(models) == [False, True]
    schema = models.bodies[1]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["pets"]["type"] == "array"
    assert "no JSON object" in models.bodies[1]["messages"][-1]["content"]


def test_a_server_without_formats_answers_the_second_time_too(scene: Scene) -> None:
    models, host = scene
    models.say = in_turn("A cat.", refusing(400, "response_format is not supported"), GOOD)
    assert call(host, "ask", model=MODEL)["pets"] == ["cat"]
    assert formats(models) == [False, True, False]


def test_a_format_that_the_user_chose_and_the_model_lacks_is_left_out(scene: Scene) -> None:
    models, host = scene
    models.say = in_turn(refusing(400, "response_format json_schema is not supported"), GOOD)
    params = {"response_format": "json_schema"}
    done = call(host, "ask", model={**MODEL, "completion_params": params})
    assert done["pets"] == ["cat"]
    assert formats(models) == [True, False]


def test_repairs_of_the_host_are_paid_and_used(scene: Scene) -> None:
    models, host = scene
    # The second answer is given back by the host, the third one is its repair.
    models.say = in_turn("A cat.", '{"pets": "cat"}', _whole(GOOD))
    done = call(host, "ask", model=MODEL)
    assert done["pets"] == ["cat"]
    assert (done["in"], done["out"]) == (60, 15)


def _whole(text: str) -> Callable[[BaseHTTPRequestHandler, Any], None]:
    usage = {"prompt_tokens": 20, "completion_tokens": 5}
    choice = {"message": {"content": text}, "finish_reason": "stop"}
    body = json.dumps({"choices": [choice], "usage": usage})
    return lambda request, _: answer(request, body)


def test_an_answer_that_stays_useless_is_an_error(scene: Scene) -> None:
    models, host = scene
    models.say = in_turn("A cat.", "A dog.", _whole("A cow."))
    heard: list[Heard] = []
    with pytest.raises(ToolFailed, match=r"twice it was not.*no JSON.*A dog") as caught:
        heard.extend(host.invoke("echo", {"act": "ask", "model": MODEL}))
    assert caught.value.error_type == "AnswerInvalid"
    assert len(models.bodies) == 3
    told = [one.content.get("metadata") for one in heard if one.type == "log"]
    # The host's repair was of no use and is paid for, too.
    assert [spent["total_tokens"] for spent in told if spent] == [75]


def png(size: tuple[int, int], noise: bool = False) -> str:
    image = Pillow.effect_noise(size, 90) if noise else Pillow.new("RGB", size, "red")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


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
