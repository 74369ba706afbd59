"""What runs in a workflow: branches, templates, code, variables; its events and limits."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from runtime.errors import StudioError, UsageError
from runtime.host.messages import Message
from runtime.workflow.result import NodeEvent
from tests.workflow_helpers import (
    EchoHost,
    Flow,
    Q,
    ScriptedHost,
    blob,
    code,
    go,
    node,
    template,
    text,
    tool_node,
    variable,
)

# --- branches, templates, code --------------------------------------------------------------


def test_branches_run_at_the_same_time_and_join() -> None:
    # Each tool waits for the other: one after the other, this would not end.
    meeting = threading.Barrier(2, timeout=60)

    def meet(_p: Mapping[str, Any]) -> Iterator[Message]:
        meeting.wait()
        yield text("met")

    host = ScriptedHost({"echo": meet})
    flow = Flow().add(tool_node("a"), tool_node("b")).edge("s", "a").edge("s", "b")
    flow.add(template("t", "{{ a }} {{ b }}", a=("a", "text"), b=("b", "text")))
    flow.edge("a", "t").edge("b", "t")
    flow._last = "t"
    assert go(flow.end({"out": ("t", "output")}), {}, host).outputs == {"out": "met met"}


def test_if_else_takes_one_way() -> None:
    condition = {"id": "1", "variable_selector": ["s", "q"], "comparison_operator": "is"}
    cases = [
        {
            "case_id": "yes",
            "logical_operator": "and",
            "conditions": [{**condition, "value": "x", "varType": "string"}],
        }
    ]
    flow = Flow(Q).then(node("i", "if-else", cases=cases))
    for end, handle in (("one", "yes"), ("two", "false")):
        outputs = [{"variable": end, "value_selector": ["s", "q"]}]
        flow.add(node(end, "end", outputs=outputs)).edge("i", end, handle)
    assert go(flow, {"q": "x"}).outputs == {"one": "x"}
    assert go(flow, {"q": "y"}).outputs == {"two": "y"}


@pytest.mark.parametrize(
    ("body", "rendered"),
    [
        ("{{ q | upper }}", "ABC"),
        ("{% for x in rows %}{{ x.n }},{% endfor %}", "1,2,"),
        ("[{{ nobody_knows }}]", "[]"),
        ("{{ files[0].filename }} {{ files[0].size }}", "a.png 3"),
        ("{{ none }}", "None"),
    ],
)
def test_templates_are_difys_jinja(body: str, rendered: str) -> None:
    host = ScriptedHost(
        {
            "echo": lambda _p: iter(
                [variable("rows", [{"n": 1}, {"n": 2}]), blob(b"PNG", "image/png", "a.png")]
            )
        }
    )
    flow = Flow(Q).then(tool_node("t"))
    names = {"q": ("s", "q"), "rows": ("t", "rows"), "files": ("t", "files"), "none": ("t", "no")}
    flow.then(template("m", body, **names))
    assert go(flow.end({"o": ("m", "output")}), {"q": "abc"}, host).outputs == {"o": rendered}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{% for %}", "TemplateSyntaxError"),
        ("{{ q.__class__.__mro__ }}", "SecurityError"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
    ],
)
def test_a_bad_template_fails_its_node(body: str, says: str) -> None:
    result = go(Flow(Q).then(template("m", body, q=("s", "q"))).end({}), {"q": "x"})
    assert result.error is not None
    assert says in result.error.message
    assert result.error.node_id == "m"


def test_code_gets_values_and_files_and_returns_values() -> None:
    host = ScriptedHost({"echo": lambda _p: iter([blob(b"PNG", "image/png", "a.png")])})
    source = """
import os, sys
def main(q, files):
    print("noise")
    return {"n": len(q), "names": [f["filename"] for f in files], "env": sorted(os.environ),
            "small": "1e-05"}
"""
    outputs = {"n": "number", "names": "array[string]", "env": "array[string]", "small": "number"}
    flow = Flow(Q).then(tool_node("t"))
    flow.then(code("c", source, outputs, q=("s", "q"), files=("t", "files")))
    result = go(flow.end({k: ("c", k) for k in outputs}), {"q": "äöü"}, host)
    assert result.ok, result.error
    assert result.outputs["n"] == 3
    assert result.outputs["names"] == ["a.png"]
    assert result.outputs["small"] == 1e-05
    assert "STUDIO_SECRET" not in result.outputs["env"]


def test_code_does_not_see_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_SECRET", "x")
    source = "import os\ndef main():\n    return {'o': os.environ.get('STUDIO_SECRET', 'unset')}"
    result = go(Flow().then(code("c", source, {"o": "string"})).end({"o": ("c", "o")}))
    assert result.outputs == {"o": "unset"}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def main():\n    raise ValueError('bad luck')", "ValueError: bad luck (line 2"),
        ("def main(:", "SyntaxError"),
        ("def main():\n    return 3", "must return a dict, not a int"),
        ("import os\ndef main():\n    os._exit(0)", "ended the process"),
        ("def main():\n    return {'o': 3}", "o"),
    ],
)
def test_code_that_fails_fails_its_node(source: str, says: str) -> None:
    result = go(Flow().then(code("c", source, {"o": "string"})).end({}))
    assert result.error is not None
    assert says in result.error.message
    assert "'C' (code)" in result.error.message


def test_code_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    from runtime.workflow import engine
    from runtime.workflow.code import LocalSandbox

    monkeypatch.setattr(engine, "LocalSandbox", lambda remaining: LocalSandbox(remaining, 0.5))
    result = go(Flow().then(code("c", "def main():\n    while True: pass", {})).end({}))
    assert result.error is not None
    assert "SANDBOX_WORKER_TIMEOUT" in result.error.message


def test_code_that_outlasts_the_run_is_the_run_s_limit() -> None:
    source = "import time\ndef main():\n    time.sleep(60)"
    result = go(Flow().then(code("c", source, {})).end({}), timeout=1.0)
    assert result.status == "stopped"
    assert result.error is not None
    assert "more than 1s (WORKFLOW_MAX_EXECUTION_TIME)" in result.error.message


# --- chatflows and variables ----------------------------------------------------------------


def test_a_chatflow_answers_its_query() -> None:
    flow = Flow(mode="advanced-chat").then(
        node("a", "answer", answer="You said {{#sys.query#}}.", variables=[])
    )
    assert go(flow, {"query": "hello"}).outputs["answer"] == "You said hello."
    assert go(flow, {"sys.query": "hello"}).outputs["answer"] == "You said hello."


def test_environment_variables_can_be_given() -> None:
    declared = [
        {"name": "KEY", "value_type": "secret", "value": ""},
        {"name": "N", "value_type": "number", "value": "3"},
    ]
    flow = Flow(environment_variables=declared)
    flow.then(template("m", "{{ k }} {{ n + 1 }}", k=("env", "KEY"), n=("env", "N")))
    flow.end({"o": ("m", "output")})
    assert go(flow, environment={"KEY": "k3y"}).outputs == {"o": "k3y 4"}
    with pytest.raises(UsageError, match="no environment variable 'KEx'"):
        go(flow, environment={"KEx": "k"})


def test_conversation_variables_are_assigned() -> None:
    declared = [{"name": "seen", "value_type": "array[string]", "value": []}]
    items = [
        {
            "variable_selector": ["conversation", "seen"],
            "input_type": "variable",
            "operation": "append",
            "value": ["sys", "query"],
        }
    ]
    flow = Flow(mode="advanced-chat", conversation_variables=declared)
    flow.then(node("v", "assigner", version="2", items=items))
    flow.then(node("a", "answer", answer="{{#conversation.seen#}}", variables=[]))
    assert "hello" in go(flow, {"query": "hello"}).outputs["answer"]


# --- events and limits ----------------------------------------------------------------------


def test_progress_is_told_while_the_node_works() -> None:
    told = threading.Event()
    seen_early = []

    def work(_p: Mapping[str, Any]) -> Iterator[Message]:
        yield Message(
            "log",
            {"id": "1", "label": "Loading", "status": "start", "data": {"percent": 40}},
        )
        seen_early.append(told.wait(60))
        yield text("done")

    events: list[NodeEvent] = []

    def listen(event: NodeEvent) -> None:
        events.append(event)
        if event.status == "running":
            told.set()

    go(Flow().then(tool_node("t")).end({}), {}, ScriptedHost({"echo": work}), on_event=listen)
    assert seen_early == [True]
    mine = [event for event in events if event.node_id == "t"]
    assert [event.status for event in mine] == ["started", "running", "succeeded"]
    assert mine[1].log == {
        "label": "Loading",
        "status": "start",
        "percent": 40,
        "error": "",
        "data": {"percent": 40},
    }
    assert mine[2].elapsed >= mine[1].elapsed >= 0


def test_a_run_that_takes_too_long_is_stopped() -> None:
    over = threading.Event()

    def hang(_p: Mapping[str, Any]) -> Iterator[Message]:
        over.wait(60)
        yield text("late")

    host = ScriptedHost({"echo": hang})
    result = go(Flow().then(tool_node("t")).end({}), {}, host, timeout=1.5)
    over.set()
    assert not result.ok
    assert result.status == "stopped"
    assert result.error is not None
    assert "WORKFLOW_MAX_EXECUTION_TIME" in result.error.message
    assert host.timeouts[0] is not None
    assert host.timeouts[0] <= 1.5
    assert [(n.node_id, n.status, n.error) for n in result.nodes[1:]] == [
        ("t", "skipped", "The run ended before this node did."),
        ("e", "skipped", ""),
    ]


def test_too_many_steps_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    from runtime.workflow import engine

    monkeypatch.setattr(engine, "MAX_STEPS", 20)
    source = "def main():\n    return {'xs': list(range(30))}"
    flow = Flow().then(code("c", source, {"xs": "array[number]"}))
    flow.then(
        node(
            "it",
            "iteration",
            start_node_id="its",
            iterator_selector=["c", "xs"],
            output_selector=["m", "output"],
        )
    )
    flow.add(node("its", "iteration-start", "it"))
    flow.add({**template("m", "{{ i }}", i=("it", "item")), "parentId": "it"}).edge("its", "m")
    result = go(flow.end({"o": ("it", "output")}))
    assert result.error is not None
    assert "WORKFLOW_MAX_EXECUTION_STEPS" in result.error.message


def test_a_listener_that_breaks_is_not_the_workflows_failure() -> None:
    def listen(_event: NodeEvent) -> None:
        raise StudioError("no terminal")

    with pytest.raises(StudioError, match="no terminal"):
        go(Flow().then(tool_node("t")).end({}), {}, EchoHost([]), on_event=listen)
