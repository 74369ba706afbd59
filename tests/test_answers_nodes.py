"""Reverse calls to nodes of a workflow and to the summary: the SDK asks, a scripted endpoint
answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from runtime.answers.endpoint import Endpoint
from runtime.answers.models import answerers
from runtime.answers.nodes import SUMMARY_CHARACTERS
from runtime.answers.reverse import Answers
from runtime.errors import ToolFailed
from runtime.host import Host
from tests.asking import asking_plugin
from tests.models_server import Models, call, saying, whole
from tests.servers import Server

Scene = tuple[Models, Server, Host]
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, make_probe: Callable[..., Host]
) -> Iterator[Scene]:
    models = Models()
    with Server(models.handle) as server:
        answers = Answers(answerers(Endpoint(f"{server.url}/v1"), Endpoint()))
        folder = asking_plugin(tmp_path_factory.mktemp("nodes") / "plugin")
        yield models, server, make_probe(folder, answers=answers)


@pytest.fixture
def scene(stage: Scene) -> Scene:
    models, server, _ = stage
    models.bodies.clear()
    server.requests.clear()
    return stage


PARAMETERS = [
    {"name": "city", "type": "string", "description": "Where", "required": True},
    {"name": "days", "type": "number", "description": "How long", "required": False},
    {
        "name": "mood",
        "type": "select",
        "options": ["good", "bad"],
        "description": "",
        "required": 0,
    },
]


def test_parameters_are_extracted(scene: Scene) -> None:
    models, _, host = scene
    models.say = saying(whole('{"city": "Riga", "days": null, "mood": "good"}'))
    made = call(host, "extract", parameters=PARAMETERS, query="A good week in Riga")
    assert made["outputs"] == {
        "city": "Riga", "days": 0, "mood": "good", "__is_success": 1, "__reason": None
    }  # fmt: skip
    assert made["inputs"]["query"] == "A good week in Riga"
    schema = models.bodies[0]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["mood"]["anyOf"][0] == {"enum": ["good", "bad"]}


def test_a_required_parameter_that_is_not_there_is_no_success(scene: Scene) -> None:
    models, _, host = scene
    models.say = saying(whole('{"city": null, "days": 7, "mood": null}'))
    made = call(host, "extract", parameters=PARAMETERS, query="A week")
    assert made["outputs"]["__is_success"] == 0
    assert "city" in made["outputs"]["__reason"]


def test_questions_are_classified(scene: Scene) -> None:
    models, _, host = scene
    models.say = saying(whole('{"class_id": "2"}'))
    made = call(host, "classify", query="When is it due?")
    assert made["outputs"] == {"class_id": "2", "class_name": "tax"}
    models.say = saying(whole('{"class_id": "9"}'))
    with pytest.raises(ToolFailed, match=r"invoke question classifier failed.*Failed to parse"):
        call(host, "classify", query="When is it due?")


def test_a_long_text_is_summed_up_in_pieces(
    scene: Scene, tmp_path_factory: pytest.TempPathFactory, make_probe: Callable[..., Host]
) -> None:
    models, _, host = scene
    with pytest.raises(ToolFailed, match="no model is named: set STUDIO_LLM_MODEL"):
        call(host, "summarise", text="x" * 2000)
    host.answers.by_kind["system_summary"] = answerers(
        Endpoint(_base(scene), "", "mine"), Endpoint()
    )["system_summary"]
    models.say = saying(whole("Short."))
    text = ("word " * 200 + "\n") * (2 * SUMMARY_CHARACTERS // 1001)
    assert call(host, "summarise", text=text) == {"summary": "Short."}
    asked = [body["messages"][-1]["content"] for body in models.bodies]
    assert "".join(asked[:-1]) == text  # nothing is lost between the pieces
    assert asked[-1] == "\n".join(["Short."] * (len(asked) - 1))
    assert {body["model"] for body in models.bodies} == {"mine"}


def _base(scene: Scene) -> str:
    return f"{scene[1].url}/v1"


@pytest.mark.skipif(
    not os.environ.get("STUDIO_TEST_LLM_URL"),
    reason="STUDIO_TEST_LLM_URL names no OpenAI-compatible server (with /v1)",
)
def test_a_real_server(
    tmp_path_factory: pytest.TempPathFactory, make_probe: Callable[..., Host]
) -> None:
    real = Endpoint(os.environ["STUDIO_TEST_LLM_URL"], model="any")
    folder = asking_plugin(tmp_path_factory.mktemp("real") / "plugin")
    host = make_probe(folder, answers=Answers(answerers(real, real)))
    short = {"max_tokens": 60, "temperature": 0}
    chunks = call(host, "structured", schema=SCHEMA, stream=True, params=short)["chunks"]
    assert isinstance(chunks[-1]["structured_output"]["n"], int)
    assert chunks[-2]["delta"]["usage"]["completion_tokens"] > 2
    made = call(host, "extract", parameters=PARAMETERS, query="A good week in Riga")
    assert made["outputs"]["mood"] in {"good", "bad", ""}
    assert call(host, "classify", query="tea")["outputs"]["class_name"] in {"tea", "tax"}
