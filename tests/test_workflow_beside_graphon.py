"""The same file in graphon alone, with its own factory: the same outputs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import yaml
from graphon.dsl import loads

from runtime.answers.files import FileServer
from runtime.workflow.run import run
from tests.servers import Server, answer

FOLDER = Path(__file__).parent / "workflows"
PURE = ("start", "end", "if-else", "variable-aggregator", "template-transform", "loop", "loop-end")


@pytest.mark.parametrize("name", PURE)
def test_same_outputs_as_graphon_alone(name: str) -> None:
    text = (FOLDER / f"{name}.yml").read_text("utf-8")
    inputs = yaml.safe_load(text)["expect"]["inputs"]
    engine = loads(text, start_inputs=dict(inputs))
    list(engine.run())
    alone = {key: plain(value) for key, value in engine.runtime_state.outputs.items()}
    with FileServer() as files:
        ours = run(text, inputs, [], files=files)
    assert ours.outputs == alone
    assert alone


def test_same_failure_as_graphon_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    text = (FOLDER / "template-transform.fails.yml").read_text("utf-8")
    engine = loads(text, start_inputs={"q": "a"})
    with pytest.raises(RuntimeError) as caught:
        list(engine.run())
    with FileServer() as files:
        ours = run(text, {"q": "a"}, [], files=files)
    assert ours.error is not None
    assert "No filter named 'shout'" in str(caught.value)
    assert "No filter named 'shout'" in ours.error.message


def test_code_is_asked_of_a_dify_sandbox_as_graphon_asks_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from runtime.workflow.means import Means

    asked: list[bytes] = []

    def sandbox(request: Any) -> None:
        asked.append(request.rfile.read(int(request.headers["Content-Length"])))
        answer(request, '{"code": 0, "data": {"stdout": "<<RESULT>>{\\"o\\": 42}<<RESULT>>"}}')

    text = (FOLDER / "code.yml").read_text("utf-8")
    with Server(sandbox) as server, FileServer() as files:
        monkeypatch.setenv("CODE_EXECUTION_ENDPOINT", server.url)
        engine = loads(text, start_inputs={"n": 21})
        list(engine.run())
        ours = run(text, {"n": 21}, [], files=files, means=Means(sandbox_url=server.url))
    assert ours.outputs == {"o": 42}
    assert plain(engine.runtime_state.outputs["o"]) == 42
    assert asked[0] == asked[1]


def plain(value: Any) -> Any:
    return value.to_object() if hasattr(value, "to_object") else value
