"""tools.models in a plugin's process: what Dify's reverse calls bring, through our host, from
scripted (and, where there is one, real) servers."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from runtime.errors import ToolFailed
from runtime.host.messages import Message as Heard
from tests import workspace_models
from tests.workspace_models import (
    GOOD,
    MODEL,
    Models,
    Scene,
    call,
    in_turn,
    refusing,
    stream,
    whole,
)

folder = workspace_models.folder
stage = workspace_models.stage
scene = workspace_models.scene


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
    assert gone.wait(30)


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
    assert gone.wait(30)


def test_silence_ends_with_the_deadline(scene: Scene) -> None:
    models, host = scene
    ended = threading.Event()

    def silent(request: BaseHTTPRequestHandler, _: Any) -> None:
        ended.wait(60)

    models.say = silent
    began = time.monotonic()
    with pytest.raises(ToolFailed, match=r"timeout_seconds.*waiting for gpt-9") as caught:
        call(host, "complete", model=MODEL, timeout_seconds=1)
    assert caught.value.error_type == "DeadlineExceeded"
    assert time.monotonic() - began < 30
    ended.set()


def test_a_drip_ends_with_the_deadline(scene: Scene) -> None:
    models, host = scene
    models.say = lambda request, _: stream(request, *["x"] * 60, pause=0.05)
    with pytest.raises(ToolFailed, match="timeout_seconds"):
        call(host, "complete", model=MODEL, timeout_seconds=1)


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
    models.say = in_turn("A cat.", '{"pets": "cat"}', whole(GOOD))
    done = call(host, "ask", model=MODEL)
    assert done["pets"] == ["cat"]
    assert (done["in"], done["out"]) == (60, 15)


def test_an_answer_that_stays_useless_is_an_error(scene: Scene) -> None:
    models, host = scene
    models.say = in_turn("A cat.", "A dog.", whole("A cow."))
    heard: list[Heard] = []
    with pytest.raises(ToolFailed, match=r"twice it was not.*no JSON.*A dog") as caught:
        heard.extend(host.invoke("echo", {"act": "ask", "model": MODEL}))
    assert caught.value.error_type == "AnswerInvalid"
    assert len(models.bodies) == 3
    told = [one.content.get("metadata") for one in heard if one.type == "log"]
    # The host's repair was of no use and is paid for, too.
    assert [spent["total_tokens"] for spent in told if spent] == [75]


def test_an_answer_with_nothing_in_it_is_no_refusal_of_the_format(scene: Scene) -> None:
    """The same was asked a fourth time, and what came before was not counted."""
    models, host = scene
    models.say = in_turn("", "", whole(""), "")
    heard: list[Heard] = []
    with pytest.raises(ToolFailed, match=r"no JSON object in it\); it begins: \(empty\)"):
        heard.extend(host.invoke("echo", {"act": "ask", "model": MODEL}))
    assert len(models.bodies) == 3
    told = [one.content.get("metadata") for one in heard if one.type == "log"]
    assert [spent["total_tokens"] for spent in told if spent] == [75]
