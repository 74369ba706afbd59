"""Where a workflow on this runtime must do what it does in Dify: the nine traps of the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runtime.answers.files import FileServer
from runtime.errors import WorkflowInvalid
from runtime.workflow.result import NodeEvent
from runtime.workflow.run import run
from tests.workflow_helpers import EchoHost, Flow, node, tool_node

PARAMETERS = [
    {"name": "text", "type": "string", "required": True},
    {"name": "count", "type": "number"},
    {"name": "flag", "type": "boolean"},
    {"name": "obj", "type": "object"},
    {"name": "arr", "type": "array"},
    {"name": "v", "type": "number"},
    {"name": "suffix", "type": "string", "form": "form"},
    {"name": "times", "type": "number", "form": "form", "default": 9},
    {"name": "must", "type": "select", "form": "form", "options": [{"value": "a"}]},
]


def sent(
    parameters: dict[str, Any], configurations: dict[str, Any] | None = None, **data: Any
) -> dict[str, Any]:
    """What the plugin gets for a tool node with these settings."""
    host = EchoHost(PARAMETERS)
    flow = Flow([{"variable": "q", "type": "text-input"}, {"variable": "n", "type": "number"}])
    flow.then(tool_node("t", parameters, configurations, **data)).end({"out": ("t", "text")})
    with FileServer() as files:
        result = run(flow.text(), {"q": "hi", "n": "7"}, [host], files=files)
    assert result.ok, result.error
    return host.calls[0]


def constant(value: Any) -> dict[str, Any]:
    return {"type": "constant", "value": value}


def mixed(value: str) -> dict[str, Any]:
    return {"type": "mixed", "value": value}


def variable(*selector: str) -> dict[str, Any]:
    return {"type": "variable", "value": list(selector)}


TEXT = {"text": mixed("x")}


def test_1_constants_become_text_and_are_cast_back() -> None:
    assert sent(
        {**TEXT, "count": constant(3), "flag": constant(True), "v": variable("s", "n")}
    ) == {"text": "x", "count": 3, "flag": True, "v": 7}


def test_1_constant_objects_and_arrays_are_lost_as_in_dify() -> None:
    got = sent({**TEXT, "obj": constant({"a": 1}), "arr": constant(["x"])})
    assert got["obj"] == {}
    assert got["arr"] == ["['x']"]


def test_1_a_lost_constant_is_told() -> None:
    events: list[NodeEvent] = []
    flow = Flow().then(tool_node("t", {**TEXT, "obj": constant({"a": 1})}))
    with FileServer() as files:
        text = flow.end({}).text()
        run(text, {}, [EchoHost(PARAMETERS)], files=files, on_event=events.append)
    (told,) = [e.log for e in events if e.log and e.log["status"] == "warning"]
    assert "'obj'" in told["label"]


def test_1_mixed_json_text_arrives_as_an_object() -> None:
    got = sent({**TEXT, "obj": mixed('{"a": "{{#s.q#}}"}'), "arr": mixed("[1, 2]")})
    assert got["obj"] == {"a": "hi"}
    assert got["arr"] == [1, 2]


def test_2_settings_count_only_wrapped_with_tool_node_version() -> None:
    configurations = {"suffix": mixed("-{{#s.q#}}"), "times": 3, "must": constant("a")}
    assert sent(TEXT, {"suffix": constant(None)}) == {"text": "x"}
    assert sent(TEXT, configurations) == {"text": "x", "suffix": "-hi", "must": "a"}


def test_2_old_nodes_take_bare_settings_defaults_and_options() -> None:
    got = sent(TEXT, {"suffix": "!", "must": "a"}, tool_node_version=None)
    assert got == {"text": "x", "suffix": "!", "times": 9, "must": "a"}


def test_2_old_nodes_refuse_what_is_no_option() -> None:
    with pytest.raises(AssertionError, match="value z not in options"):
        sent(TEXT, {"must": "z"}, tool_node_version=None)


def test_2_a_setting_overwrites_and_may_stand_among_the_parameters() -> None:
    got = sent({**TEXT, "times": constant(4)}, {"times": constant(2)})
    assert got == {"text": "x", "times": 4}


def test_2_a_setting_of_a_missing_variable_fails_the_node() -> None:
    with pytest.raises(AssertionError, match="does not exist"):
        sent(TEXT, {"suffix": variable("s", "nope")})


def test_3_null_settings_are_refused_before_the_run_and_null_parameters_are_dropped() -> None:
    assert sent({**TEXT, "count": None, "flag": constant(None)}) == {"text": "x"}
    with pytest.raises(WorkflowInvalid, match=r"'T' .tool. has null for the setting suffix"):
        sent(TEXT, {"suffix": None})


def test_4_a_missing_variable_fails_if_required_and_is_left_out_if_not() -> None:
    assert sent({**TEXT, "count": variable("s", "nope")}) == {"text": "x"}
    with pytest.raises(AssertionError, match="does not exist"):
        sent({"text": variable("s", "nope")})


def test_4_and_5_unresolved_references_stay_in_the_text() -> None:
    got = sent({"text": mixed("A{{#nope.x#}}B{{#a-b.c#}}")})
    # Dify: the selector's text without braces, and what its pattern does not match unchanged.
    assert got == {"text": "Anope.xB{{#a-b.c#}}"}


def test_5_long_names_are_no_references() -> None:
    name = "a" * 31
    assert sent({"text": mixed(f"{{{{#s.{name}#}}}}")}) == {"text": f"{{{{#s.{name}#}}}}"}


def test_6_unknown_parameters_arrive_as_none() -> None:
    assert sent({**TEXT, "zzz": mixed("y")}) == {"text": "x", "zzz": None}


def test_7_a_tool_node_of_version_2_runs() -> None:
    assert sent(TEXT, version="2") == {"text": "x"}


def test_8_start_inputs_are_checked() -> None:
    flow = Flow([{"variable": "q", "type": "text-input", "required": True}]).end({})
    with FileServer() as files, pytest.raises(WorkflowInvalid, match="needs the input q"):
        run(flow.text(), {}, [], files=files)


def test_9_an_old_iteration_is_refused_before_the_run() -> None:
    flow = Flow().then(
        node(
            "it",
            "iteration",
            start_node_id="x",
            iterator_selector=["s", "q"],
            output_selector=["x", "text"],
        )
    )
    host = EchoHost(PARAMETERS)
    with FileServer() as files, pytest.raises(WorkflowInvalid, match="made by an old Dify"):
        run(flow.end({}).text(), {}, [host], files=files)
    assert host.calls == []


def test_a_path_works_like_its_text(tmp_path: Path) -> None:
    path = tmp_path / "flow.yml"
    path.write_text(Flow([{"variable": "q", "type": "text-input"}]).end({"o": ("s", "q")}).text())
    with FileServer() as files:
        assert run(path, {"q": "x"}, [], files=files).outputs == {"o": "x"}
        assert run(str(path), {"q": "x"}, [], files=files).outputs == {"o": "x"}
