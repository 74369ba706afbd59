"""Every type of node: a tiny workflow that runs, and one that fails as it should.

Each file of tests/workflows/ says under `expect` what it is given and what comes of it: outputs,
an error of the run, or a refusal before anything runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtime.answers.endpoint import Endpoint
from runtime.answers.files import FileServer
from runtime.answers.models import answerers
from runtime.answers.reverse import Answers
from runtime.errors import StudioError, ToolFailed
from runtime.host.messages import Message
from runtime.workflow.check import RUNS
from runtime.workflow.code import node_program
from runtime.workflow.means import Form, Means
from runtime.workflow.run import run
from tests.servers import Server, answer
from tests.workflow_helpers import ScriptedHost, text

FILES = sorted((Path(__file__).parent / "workflows").glob("*.yml"))


def said_by_model(body: Mapping[str, Any]) -> str:
    """What a model that understands these workflows says."""
    asked = json.dumps(body["messages"], ensure_ascii=False)
    if "word" in json.dumps(body.get("response_format") or {}):
        return '{"word": "hi"}'
    if "category_id" in asked:
        return '```json\n{"category_id": "2", "category_name": "complaint"}\n```'
    if "Oslo" in asked:
        return '{"city": "Oslo"}'
    return f"model heard: {body['messages'][-1]['content']}"


def web(request: Any) -> None:
    """A page, and a model behind an OpenAI-compatible endpoint."""
    if request.command == "GET":
        answer(request, f"page for {request.headers['X-Q']}", content_type="text/plain")
        return
    body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
    if "please refuse" in json.dumps(body["messages"]):
        answer(request, '{"error": {"message": "no such model"}}', 404)
        return
    message = {"role": "assistant", "content": said_by_model(body)}
    choice = {"message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    answer(request, json.dumps({"choices": [choice], "usage": usage}))


def tool(parameters: Mapping[str, Any]) -> Iterator[Message]:
    if parameters["text"] == "boom":
        raise ToolFailed("ValueError", "the tool failed")
    yield text(f"{parameters['text']}, said the tool")


HOST = ScriptedHost({"echo": tool}, {"echo": [{"name": "text", "type": "string", "form": "llm"}]})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_node(path: Path, tmp_path: Path) -> None:
    document = yaml.safe_load(path.read_text("utf-8"))
    expect = document["expect"]
    if expect.get("needs") == "node" and node_program() is None:
        pytest.skip("Node.js is not installed")
    if expect.get("needs") == "docx":
        pytest.importorskip("docx", reason="the extra 'documents' is not installed")
    knowledge = tmp_path / "knowledge"
    knowledge.mkdir()
    (knowledge / "tea.md").write_text("Green tea brews two minutes.")
    (knowledge / "coffee.md").write_text("Coffee is ground before it is made.")
    inputs = dict(expect.get("inputs") or {})
    for name, (filename, content) in (expect.get("files") or {}).items():
        (tmp_path / filename).write_text(content)
        inputs[name] = tmp_path / filename

    def ask(form: Form) -> tuple[str, Mapping[str, str]]:
        action, values = expect["answers"]
        assert action in dict(form.actions)
        return action, values

    with Server(web) as server, FileServer() as files:
        source = path.read_text("utf-8").replace("SERVER", server.url)
        llm = Endpoint(f"{server.url}/v1", "key", "model")
        answers = Answers(answerers(llm, Endpoint(model="embedded")))
        answers.by_kind.pop("text_embedding")  # its model takes seconds to load
        means = Means(
            answers=answers,
            models=True,
            knowledge=knowledge,
            private_hosts=(f"127.0.0.1:{server.port}",),
            ask=ask if "answers" in expect else None,
        )
        if "refused" in expect:
            with pytest.raises(StudioError) as caught:
                run(source, inputs, [HOST], files=files, means=means)
            assert expect["refused"] in caught.value.message
            return
        result = run(source, inputs, [HOST], files=files, means=means)
    if "error" in expect:
        assert result.error is not None
        assert not result.ok
        assert expect["error"] in result.error.message
    else:
        assert result.error is None
        shown = result.to_json()["outputs"]
        assert {name: shown.get(name) for name in expect["outputs"]} == expect["outputs"]


def test_every_type_has_a_file_that_runs_and_one_that_fails() -> None:
    names = {path.stem for path in FILES}
    inside = {"iteration-start", "loop-start", "loop-end", "end"}
    assert RUNS - inside <= names
    assert {f"{kind}.fails" for kind in RUNS - inside} <= names
