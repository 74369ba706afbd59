"""A workflow's file and its start inputs: what is taken, and what is refused in which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import StudioError, UsageError, WorkflowInvalid
from runtime.host.messages import OutputFile
from runtime.workflow.check import check
from runtime.workflow.dsl import parse, read
from runtime.workflow.inputs import InputFile, Inputs, check_inputs
from tests.workflow_helpers import EchoHost, Flow, ScriptedHost, node, tool_node


def checked(variables: list[dict[str, Any]], given: dict[str, Any]) -> dict[str, Any]:
    return check_inputs(parse(Flow(variables).end({}).text()), given).variables


def one(type: str, value: Any, **more: Any) -> Any:
    return checked([{"variable": "x", "type": type, **more}], {"x": value})["x"]


# --- start inputs: Dify's _validate_inputs ------------------------------------------------


@pytest.mark.parametrize(
    ("type", "value", "more", "taken"),
    [
        ("text-input", "abc", {"max_length": 3}, "abc"),
        ("text-input", "a\x00b", {}, "ab"),
        ("text-input", "", {"required": True}, ""),
        ("text-input", None, {"default": "d"}, "d"),
        ("text-input", None, {}, None),
        ("paragraph", "a\nb", {"max_length": None}, "a\nb"),
        ("select", "b", {"options": ["a", "b"]}, "b"),
        ("number", "3", {}, 3),
        ("number", "3.5", {}, 3.5),
        ("number", " ", {}, None),
        ("number", 4, {}, 4),
        ("checkbox", "yes", {}, True),
        ("checkbox", "off", {}, False),
        ("checkbox", 0, {}, False),
        ("checkbox", True, {}, True),
        ("json_object", '{"a": 1}', {}, {"a": 1}),
        ("json_object", {"a": 1}, {"json_schema": '{"required": ["a"]}'}, {"a": 1}),
        ("json_object", {}, {}, {}),
    ],
)
def test_inputs_that_are_taken(type: str, value: Any, more: dict[str, Any], taken: Any) -> None:
    got = one(type, value, **more)
    assert got == taken
    assert got.__class__ is taken.__class__


@pytest.mark.parametrize(
    ("type", "value", "more", "says"),
    [
        ("text-input", "abcd", {"max_length": 3}, "has 4 characters; the start node allows 3"),
        ("paragraph", 3, {}, "must be text, not int"),
        ("select", "c", {"options": ["a", "b"]}, "must be one of a, b; got 'c'"),
        ("select", 1, {"options": ["1"]}, "must be text, not int"),
        ("number", "three", {}, "must be a number; got 'three'"),
        ("number", [1], {}, "must be a number"),
        ("checkbox", "maybe", {}, "must be true or false; got 'maybe'"),
        ("json_object", "[1]", {}, "must be a JSON object, not list"),
        ("json_object", "{a", {}, "is no JSON"),
        (
            "json_object",
            {"b": 1},
            {"json_schema": {"required": ["a"]}},
            "does not match its schema",
        ),
        ("json_object", {"b": 1}, {"json_schema": "{"}, "json_schema that is no JSON"),
        ("file", "nowhere.png", {}, "names the file nowhere.png, which cannot be read"),
        ("file", 3, {}, "must be a file"),
        ("external_data_tool", "x", {}, "of a type that no run can be given"),
    ],
)
def test_inputs_that_are_refused(type: str, value: Any, more: dict[str, Any], says: str) -> None:
    with pytest.raises(WorkflowInvalid) as caught:
        one(type, value, **more)
    assert says in caught.value.message
    assert "x" in caught.value.message
    assert caught.value.hint


def test_every_missing_input_is_named() -> None:
    declared = [{"variable": name, "type": "text-input", "required": name != "b"} for name in "abc"]
    with pytest.raises(WorkflowInvalid) as caught:
        checked(declared, {"b": "x"})
    assert caught.value.message == "The workflow needs the inputs a, c."
    assert caught.value.hint == "Add a=… c=…."


def test_an_unknown_input_is_named_with_those_that_exist() -> None:
    declared = [{"variable": "keywords", "type": "paragraph", "required": True}]
    with pytest.raises(UsageError) as caught:
        checked(declared, {"keyword": "x"})
    assert "no input 'keyword'" in caught.value.message
    assert "Did you mean keywords?" in caught.value.hint
    assert "keywords (paragraph, required)" in caught.value.hint


def test_files_come_as_paths_urls_mappings_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"PNG")
    local = InputFile("a.png", "image/png", "image", b"PNG")
    assert one("file", str(path)) == local
    assert one("file", f"@{path}") == local
    assert one("file", path) == local
    assert one("file", OutputFile(b"PNG", "image/png", "a.png")) == local
    url = "https://example.com/x/b%20c.pdf?y=1"
    remote = InputFile("b c.pdf", "application/pdf", "document", url=url)
    assert one("file", url) == remote
    assert one("file", {"transfer_method": "remote_url", "url": url}) == remote
    assert one("file-list", f"{path}\n{url}\n") == [local, remote]
    assert one("file-list", [path]) == [local]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"allowed_file_types": ["document"]}, "takes files of type document; a.png is image"),
        (
            {"allowed_file_types": ["custom"], "allowed_file_extensions": [".JPG"]},
            "takes .jpg only",
        ),
        ({"allowed_file_upload_methods": ["remote_url"]}, "may come by remote_url only"),
    ],
)
def test_files_that_the_start_node_does_not_allow(
    tmp_path: Path, more: dict[str, Any], says: str
) -> None:
    (tmp_path / "a.png").write_bytes(b"PNG")
    with pytest.raises(WorkflowInvalid, match=says):
        one("file", tmp_path / "a.png", **more)


def test_custom_extensions_are_compared_without_case(tmp_path: Path) -> None:
    (tmp_path / "a.PNG").write_bytes(b"PNG")
    allowed = {"allowed_file_types": ["custom"], "allowed_file_extensions": ["png"]}
    assert one("file", tmp_path / "a.PNG", **allowed).kind == "custom"


def test_too_many_files(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"PNG")
    two = [tmp_path / "a.png"] * 2
    with pytest.raises(WorkflowInvalid, match="must be one file; got 2"):
        one("file", two)
    with pytest.raises(WorkflowInvalid, match="has 2 files; the start node allows 1"):
        one("file-list", two, max_length=1)


def test_a_chatflow_needs_its_query() -> None:
    flow = parse(Flow(mode="advanced-chat").then(node("a", "answer", answer="x")).text())
    assert check_inputs(flow, {"query": "hi"}) == Inputs({}, query="hi")
    with pytest.raises(WorkflowInvalid, match="needs the input query"):
        check_inputs(flow, {})
    with pytest.raises(UsageError, match="no input 'qery'"):
        check_inputs(flow, {"qery": "hi"})


# --- the file ------------------------------------------------------------------------------


def document(**changes: Any) -> dict[str, Any]:
    return {**Flow().end({}).document(), **changes}


def test_consoles_json_and_plain_json_are_read_like_yaml() -> None:
    text = Flow().end({}).text()
    assert parse(json.dumps({"data": text})) == parse(text)
    assert parse(json.dumps(Flow().end({}).document())) == parse(text)
    assert parse(text.replace("version: 0.6.0", "")).version == "0.1.0"


def test_notes_repeated_edges_and_islands_are_left_out() -> None:
    flow = Flow().end({})
    flow.edges = flow.edges * 2
    flow.add({"id": "n", "type": "custom-note", "data": {"type": ""}}, node("l", "llm"))
    workflow = parse(flow.text())
    assert list(workflow.nodes) == ["s", "e"]
    assert len(workflow.graph["edges"]) == 1
    check(workflow, [])


def without_start() -> dict[str, Any]:
    flow = Flow().end({})
    flow.nodes, flow.edges = flow.nodes[1:], []
    return flow.document()


def triggered() -> dict[str, Any]:
    flow = Flow().end({})
    flow.nodes[0]["data"]["type"] = "trigger-webhook"
    return flow.document()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [\n", "not valid YAML"),
        ("- a\n- b\n", "is a list, not a mapping"),
        ("\n\n", "is empty"),
        (json.dumps(document(kind="rag_pipeline")), "of kind 'rag_pipeline'"),
        (json.dumps(document(version=0.6)), "version is 0.6, which YAML reads as a number"),
        (json.dumps(document(app={"mode": "chat"})), "an app of mode 'chat'"),
        (json.dumps(document(app={})), "app.mode None"),
        (json.dumps(document(app=None)), "app is missing"),
        (json.dumps(document(workflow={})), "workflow.graph is missing"),
        (json.dumps(document(workflow={"graph": {"nodes": []}})), "has no nodes"),
        (json.dumps(without_start()), "has no start node"),
        (json.dumps(triggered()), "'S' (trigger-webhook), which only Dify can fire"),
        (Flow().add(node("s2", "start")).text(), "has 2 start nodes"),
        (Flow().add(node("s", "end")).text(), "two nodes with the id 's'"),
        (Flow().edge("s", "x").text(), "there is no node 'x'"),
        (Flow().add({"id": "x", "type": "end", "data": {}}).text(), "(x) has no data.type"),
        (Flow().add({**node("x", "end"), "id": 17}).text(), "id is 17, which YAML reads"),
    ],
)
def test_files_that_are_refused(text: str, says: str) -> None:
    with pytest.raises(WorkflowInvalid) as caught:
        parse(text)
    assert says in caught.value.message
    assert caught.value.hint


def test_a_device_that_never_ends_is_no_workflow_and_no_file() -> None:
    with pytest.raises(UsageError, match="it is larger than 10 MB, and Dify imports none"):
        read(Path("/dev/zero"))
    variable = {"variable": "f", "type": "file", "allowed_file_types": ["custom"]}
    workflow = read(Flow([variable]).end({}).text())
    with pytest.raises(WorkflowInvalid, match="/dev/zero, which is larger than 100 MB"):
        check_inputs(workflow, {"f": "/dev/zero"})


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"nowhere\.yml cannot be read: it does not exist"):
        read("nowhere.yml")


# --- nodes that cannot run here -------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "says", "hints"),
    [
        (node("x", "llm", title="Writer"), "'Writer' (llm) asks a language model", "STUDIO_LLM_"),
        (node("x", "knowledge-retrieval"), "searches a knowledge base", "--knowledge"),
        (node("x", "agent"), "needs an agent strategy", "Dify"),
        (node("x", "human-input"), "waits for a person", "terminal"),
        (node("x", "code", code_language="jinja2"), "python3 and javascript", "rewrite"),
        (node("x", "if-esle"), "does not know", "Did you mean if-else?"),
        (tool_node("x", provider="a/b/c"), "'a/b/c', which is not hosted", "me/plug:0.0.1"),
        (tool_node("x", tool="ecko"), "'ecko', which me/plug:0.0.1 does not have", "mean echo?"),
    ],
)
def test_nodes_that_cannot_run_here_are_refused(
    entry: dict[str, Any], says: str, hints: str
) -> None:
    workflow = parse(Flow().then(entry).text())
    with pytest.raises(WorkflowInvalid) as caught:
        check(workflow, [EchoHost([])])
    assert says in caught.value.message
    assert caught.value.message.startswith("The node '")
    assert hints in caught.value.hint


def test_an_api_tool_is_refused_by_its_kind() -> None:
    entry = tool_node("x")
    entry["data"]["provider_type"] = "api"
    with pytest.raises(WorkflowInvalid, match="custom API tool"):
        check(parse(Flow().then(entry).text()), [EchoHost([])])


def test_all_refused_nodes_are_named_at_once() -> None:
    flow = Flow().then(node("a", "llm")).then(node("b", "agent")).end({})
    with pytest.raises(WorkflowInvalid, match=r"'A' \(llm\).*Neither can 'B' \(agent\)\."):
        check(parse(flow.text()), [])


@pytest.mark.parametrize("provider", ["me/plug/prov", "prov", "plug", "me/plug"])
def test_a_tool_is_found_by_full_and_by_old_names(provider: str) -> None:
    other = ScriptedHost({"echo": lambda _p: iter([])}, name="you/other/thing")
    check(parse(Flow().then(tool_node("x", provider=provider)).text()), [other, EchoHost([])])


def test_what_the_engine_refuses_is_one_sentence() -> None:
    from runtime.answers.files import FileServer
    from runtime.workflow.run import run

    flows = [
        Flow().then(node("x", "end")),
        Flow().then(node("x", "end", outputs=[])).edge("x", "s"),
    ]
    for flow, says in zip(flows, ("'X' (end) cannot be used: outputs", "CYCLE"), strict=True):
        with FileServer() as files, pytest.raises(StudioError) as caught:
            run(flow.text(), {}, [], files=files)
        assert isinstance(caught.value, WorkflowInvalid)
        assert says in caught.value.message
