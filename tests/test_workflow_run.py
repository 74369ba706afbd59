"""Workflows run to their end: outputs, files, failures."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from runtime.errors import LimitExceeded, ToolFailed
from runtime.host.messages import Message, OutputFile
from runtime.workflow import store
from runtime.workflow.means import Means
from runtime.workflow.result import NodeEvent
from tests.servers import Server, answer
from tests.workflow_helpers import (
    Answer,
    Flow,
    Q,
    ScriptedHost,
    blob,
    code,
    go,
    node,
    text,
    tool_node,
    variable,
)


def raising(error: Exception, times: int = 99) -> Answer:
    """A tool that raises `error` the first `times` times."""
    left = [times]

    def answer(_parameters: Mapping[str, Any]) -> Iterator[Message]:
        if left[0] > 0:
            left[0] -= 1
            raise error
        yield text("done")

    return answer


KAPUT = ToolFailed("EngineRejected", "The server said no.", "Ask again.", "Traceback …")


# --- outputs and files -------------------------------------------------------------------


def test_text_json_variables_and_files_come_out() -> None:
    def answer(_p: Mapping[str, Any]) -> Iterator[Message]:
        yield text("Hello ")
        yield Message("json", {"json_object": {"a": 1}})
        yield variable("rows", [{"id": 1}])
        yield variable("none", None)
        yield text("world")
        yield Message("link", {"text": "https://example.com"})
        yield blob(b"\x89PNG1", "image/png", "a.png")
        yield blob(b"a,b", "text/csv", "table")

    flow = Flow().then(tool_node("t")).end({n: ("t", n) for n in ("text", "json", "rows", "files")})
    result = go(flow, {}, ScriptedHost({"echo": answer}))
    assert result.ok
    assert result.outputs == {
        "text": "Hello worldLink: https://example.com\n",
        "json": [{"a": 1}],
        "rows": [{"id": 1}],
        "files": [
            OutputFile(b"\x89PNG1", "image/png", "a.png"),
            OutputFile(b"a,b", "text/csv", "table.csv"),
        ],
    }
    shown = result.to_json(lambda file: f"out/{file.filename}")
    assert shown["outputs"]["files"][1] == {
        "path": "out/table.csv",
        "filename": "table.csv",
        "mime_type": "text/csv",
        "size": 3,
    }
    assert "path" not in result.to_json()["outputs"]["files"][0]
    json.dumps(shown)


def test_a_file_in_two_outputs_is_saved_once() -> None:
    host = ScriptedHost({"echo": lambda _p: iter([blob(b"PNG", "image/png", "a.png")])})
    flow = Flow().then(tool_node("t")).end({"one": ("t", "files"), "two": ("t", "files")})
    saved: list[OutputFile] = []

    def save(file: OutputFile) -> str:
        saved.append(file)
        return "a.png"

    shown = go(flow, {}, host).to_json(save)
    assert len(saved) == 1
    assert shown["outputs"]["one"] == shown["outputs"]["two"]


def test_a_file_reaches_a_later_tool_with_an_address_to_fetch_it() -> None:
    fetched = []

    def consume(parameters: Mapping[str, Any]) -> Iterator[Message]:
        for mapping in (parameters["one"], *parameters["all"]):
            with urllib.request.urlopen(mapping["url"]) as answer:
                fetched.append((answer.read(), answer.headers["Content-Type"]))
        yield text(parameters["one"]["filename"])

    host = ScriptedHost(
        {
            "make": lambda _p: iter([blob(b"PNG", "image/png", "a.png")]),
            "use": consume,
        },
        {"use": [{"name": "one", "type": "file"}, {"name": "all", "type": "files"}]},
    )
    selector = {"type": "variable", "value": ["m", "files"]}
    flow = Flow().then(tool_node("m", tool="make"))
    flow.then(tool_node("u", {"one": selector, "all": selector}, tool="use"))
    result = go(flow.end({"name": ("u", "text")}), {}, host)
    assert result.outputs == {"name": "a.png"}
    assert fetched == [(b"PNG", "image/png")] * 2
    mapping = host.calls[1]["one"]
    assert {k: v for k, v in mapping.items() if k != "url"} == {
        "dify_model_identity": "__dify__file__",
        "mime_type": "image/png",
        "filename": "a.png",
        "extension": ".png",
        "size": 3,
        "type": "image",
    }
    json.dumps(mapping)


def test_an_input_file_reaches_a_tool_a_list_operator_and_the_outputs(tmp_path: Any) -> None:
    (tmp_path / "b.txt").write_text("hello")
    host = ScriptedHost(
        {"echo": lambda p: iter([text(urllib.request.urlopen(p["f"]["url"]).read().decode())])},
        {"echo": [{"name": "f", "type": "file", "required": True}]},
    )
    flow = Flow([{"variable": "doc", "type": "file", "required": True}])
    flow.then(tool_node("t", {"f": {"type": "variable", "value": ["s", "doc"]}}))
    result = go(
        flow.end({"text": ("t", "text"), "doc": ("s", "doc")}),
        {"doc": f"@{tmp_path / 'b.txt'}"},
        host,
    )
    assert result.outputs == {
        "text": "hello",
        "doc": OutputFile(b"hello", "text/plain", "b.txt"),
    }


@pytest.fixture
def pictures() -> Iterator[str]:
    def say(request: BaseHTTPRequestHandler) -> None:
        if request.path == "/a.gif":
            answer(request, b"GIF", content_type="image/gif")
        elif request.path == "/endless.gif":
            request.send_response(200)
            request.end_headers()
            while True:
                request.wfile.write(bytes(10_000))
        else:
            answer(request, b"", 404)

    with Server(say) as server:
        yield server.url


def test_pictures_by_address_are_fetched_and_a_failure_is_told(pictures: str) -> None:
    urls = [f"{pictures}/a.gif", f"{pictures}/none.gif"]
    host = ScriptedHost({"echo": lambda _p: (Message("image", {"text": url}) for url in urls)})
    flow = Flow().then(tool_node("t")).end({"files": ("t", "files"), "text": ("t", "text")})
    result = go(flow, {}, host)
    (file,) = result.outputs["files"]
    assert (file.data, file.mime_type) == (b"GIF", "image/gif")
    assert result.outputs["text"].startswith(f"Failed to download image: {urls[1]}")


def test_a_picture_without_end_is_not_fetched(
    pictures: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_DOWNLOAD_BYTES", 2**20)
    url = f"{pictures}/endless.gif"
    host = ScriptedHost({"echo": lambda _p: iter([Message("image", {"text": url})])})
    flow = Flow().then(tool_node("t")).end({"text": ("t", "text")})
    said = go(flow, {}, host).outputs["text"]
    assert said.startswith(f"Failed to download image: {url}")
    assert "larger than 1 MB" in said


@pytest.mark.parametrize("name", ["none.png", "a.gif"])
def test_an_output_that_lies_elsewhere_is_fetched_or_fails_the_run(
    pictures: str, name: str
) -> None:
    file = {
        "variable": "f",
        "type": "file",
        "allowed_file_types": ["image"],
        "allowed_file_upload_methods": ["remote_url"],
    }
    flow = Flow([file, *Q]).end({"f": ("s", "f"), "q": ("s", "q")})
    result = go(flow, {"f": f"{pictures}/{name}", "q": "kept"})
    assert result.outputs["q"] == "kept"
    if name == "a.gif":
        assert (result.ok, result.outputs["f"].data) == (True, b"GIF")
        return
    assert (result.status, result.outputs["f"]) == ("failed", f"{pictures}/{name}")
    assert result.error is not None
    assert result.error.type == "FileNotFetched"
    assert f"{pictures}/{name} among the outputs cannot be fetched: " in result.error.message
    assert "404" in result.error.message


def test_http_request_nodes_bring_text_and_files(pictures: str) -> None:
    request = {
        "method": "get",
        "authorization": {"type": "no-auth", "config": None},
        "headers": "",
        "params": "",
        "body": {"type": "none", "data": []},
    }
    flow = Flow().then(node("h", "http-request", url=f"{pictures}/a.gif", **request))
    flow.end({"files": ("h", "files"), "status": ("h", "status_code")})
    result = go(flow, means=Means(private_hosts=("127.0.0.1",)))
    assert result.outputs["status"] == 200
    assert [file.data for file in result.files] == [b"GIF"]


# --- failures ------------------------------------------------------------------------------


def test_a_failing_tool_fails_the_run_in_its_own_words() -> None:
    result = go(Flow().then(tool_node("t")).end({}), {}, ScriptedHost({"echo": raising(KAPUT)}))
    assert not result.ok
    assert result.status == "failed"
    assert result.error is not None
    assert result.error.type == "ToolFailed"
    assert result.error.message == "The node 'T' (tool) failed: The server said no."
    assert result.error.hint == "Ask again."
    assert result.error.traceback == "Traceback …"
    assert [(n.node_id, n.status) for n in result.nodes] == [
        ("s", "succeeded"),
        ("t", "failed"),
        ("e", "skipped"),
    ]


def test_a_limit_of_the_host_keeps_its_name() -> None:
    error = LimitExceeded("PLUGIN_MAX_EXECUTION_TIMEOUT", "It took too long")
    result = go(Flow().then(tool_node("t")).end({}), {}, ScriptedHost({"echo": raising(error)}))
    assert result.error is not None
    assert result.error.type == "LimitExceeded"
    assert "PLUGIN_MAX_EXECUTION_TIMEOUT" in result.error.message


def test_a_message_that_dify_would_not_understand_fails_the_node() -> None:
    host = ScriptedHost({"echo": lambda _p: iter([Message("json", {"json_object": "no object"})])})
    result = go(Flow().then(tool_node("t")).end({}), {}, host)
    assert not result.ok


def test_a_fail_branch_runs_with_difys_error_message() -> None:
    flow = Flow().then(tool_node("t", error_strategy="fail-branch"))
    flow.end({"text": ("t", "text")}, "good")
    flow.edges[-1]["sourceHandle"] = "success-branch"
    outputs = [
        {"variable": "why", "value_selector": ["t", "error_message"]},
        {"variable": "kind", "value_selector": ["t", "error_type"]},
    ]
    flow.add(node("bad", "end", outputs=outputs)).edge("t", "bad", "fail-branch")
    result = go(flow, {}, ScriptedHost({"echo": raising(KAPUT)}))
    assert result.ok
    assert result.status == "partial-succeeded"
    assert result.error is None
    assert result.outputs == {
        "why": "An error occurred in the me/plug/prov, please contact the author of me/plug/prov "
        "for help, error type: EngineRejected, error details: The server said no.\n"
        "What to do: Ask again.",
        "kind": "ToolRuntimeInvocationError",
    }
    assert {n.node_id: n.status for n in result.nodes} == {
        "s": "succeeded",
        "t": "failed",
        "bad": "succeeded",
        "good": "skipped",
    }


def test_a_default_value_stands_in() -> None:
    default = [{"key": "text", "type": "string", "value": "DEFAULT"}]
    flow = Flow().then(tool_node("t", error_strategy="default-value", default_value=default))
    result = go(flow.end({"out": ("t", "text")}), {}, ScriptedHost({"echo": raising(KAPUT)}))
    assert result.ok
    assert result.status == "partial-succeeded"
    assert result.outputs == {"out": "DEFAULT"}


def test_retries_are_counted_and_end_well() -> None:
    events: list[NodeEvent] = []
    retry = {"retry_enabled": True, "max_retries": 3, "retry_interval": 1}
    host = ScriptedHost({"echo": raising(KAPUT, times=2)})
    flow = Flow().then(tool_node("t", retry_config=retry)).end({"out": ("t", "text")})
    result = go(flow, {}, host, on_event=events.append)
    assert result.outputs == {"out": "done"}
    assert result.ok
    # Dify's engine counts every failed attempt.
    assert result.status == "partial-succeeded"
    assert len(host.calls) == 3
    (tried,) = [n for n in result.nodes if n.node_id == "t"]
    assert tried.retries == 2
    assert [e.error for e in events if e.status == "retried"] == ["The server said no."] * 2


def test_retries_end_with_the_failure() -> None:
    retry = {"retry_enabled": True, "max_retries": 2, "retry_interval": 1}
    host = ScriptedHost({"echo": raising(KAPUT)})
    result = go(Flow().then(tool_node("t", retry_config=retry)).end({}), {}, host)
    assert not result.ok
    assert len(host.calls) == 3


def iteration(mode: str) -> Flow:
    flow = Flow(Q).then(
        code("c", "def main():\n    return {'xs': [1, 2]}", {"xs": "array[number]"})
    )
    flow.then(
        node(
            "it",
            "iteration",
            start_node_id="its",
            iterator_selector=["c", "xs"],
            output_selector=["t", "text"],
            error_handle_mode=mode,
        )
    )
    flow.add(node("its", "iteration-start", "it", isInIteration=True))
    item = {"type": "variable", "value": ["it", "item"]}
    flow.add({**tool_node("t", {"n": item}, isInIteration=True), "parentId": "it"})
    flow.edge("its", "t")
    return flow.end({"out": ("it", "output")})


def only_two(parameters: Mapping[str, Any]) -> Iterator[Message]:
    if parameters["n"] == 1:
        raise KAPUT
    yield text(f"got {parameters['n']}")


@pytest.mark.parametrize(
    ("mode", "out"),
    [
        ("continue-on-error", [None, "got 2"]),
        ("remove-abnormal-output", ["got 2"]),
        ("terminated", None),
    ],
)
def test_a_failed_round_of_an_iteration(mode: str, out: list[Any] | None) -> None:
    host = ScriptedHost({"echo": only_two}, {"echo": [{"name": "n", "type": "number"}]})
    result = go(iteration(mode), {}, host)
    assert result.ok is (out is not None)
    if out is None:
        assert result.error is not None
        assert "'T' (tool) failed: The server said no." in result.error.message
    else:
        assert result.outputs == {"out": out}
        assert result.error is None
