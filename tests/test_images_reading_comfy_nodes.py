"""Graphs of ComfyUI with nodes that choose or change a text, and the editor's own form."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from creative.images.reading.comfy_editor import from_editor
from creative.images.reading.comfy_graph import from_api
from creative.images.reading.comfyui import from_graph
from creative.images.reading.recipe import Recipe
from tests import reading_files as files
from tests.test_images_reading import read
from tests.test_images_reading_comfyui import graph, traced


def text(value: str) -> tuple[str, dict[str, Any]]:
    return "PrimitiveStringMultiline", {"value": value}


def written_by(kind: str, inputs: dict[str, Any]) -> Recipe:
    """The default graph, its prompt from such a node; 61 says one, 62 says two."""
    return traced(
        graph(
            n6=("", {"text": ["60", 0]}), n60=(kind, inputs), n61=text("one"), n62=text("two"),
            n63=("PrimitiveBoolean", {"value": False}), n64=("PrimitiveInt", {"value": 2}),
        )
    )  # fmt: skip


ONE, TWO = ["61", 0], ["62", 0]


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("ComfySwitchNode", {"switch": False, "on_true": ONE, "on_false": TWO}),
        ("ComfySwitchNode", {"switch": ["63", 0], "on_true": ONE, "on_false": TWO}),
        # Where one is missing, the other one is taken whatever the switch says.
        ("ComfySwitchNode", {"switch": False, "on_true": TWO}),
        ("ImpactSwitch", {"select": 2, "sel_mode": False, "input1": ONE, "input2": TWO}),
        ("ImpactSwitch", {"select": ["64", 0], "input1": ONE, "input2": TWO}),
        ("ImpactConditionalBranch", {"cond": False, "tt_value": ONE, "ff_value": TWO}),
        ("CR Text Input Switch", {"Input": 2, "text1": ONE, "text2": TWO}),
        ("Switch any [Crystools]", {"boolean": False, "on_true": ONE, "on_false": TWO}),
        ("Any Switch (rgthree)", {"any_02": TWO, "any_03": ONE}),
        ("easy anythingIndexSwitch", {"index": 1, "value0": ONE, "value1": TWO}),
        ("ComfySwitchNode", {"switch": False, "on_true": "one", "on_false": "two"}),
        ("Odd Switch", {"mystery": 7, "input1": TWO, "input2": "two"}),
    ],
)
def test_a_switch_hands_on_what_it_was_set_to(kind: str, inputs: dict[str, Any]) -> None:
    found = written_by(kind, inputs)
    assert found.text.prompt == "two"
    assert found.text.negative_prompt == "text, watermark"


@pytest.mark.parametrize(
    "inputs",
    [
        {"mystery": 7, "input1": ONE, "input2": TWO},
        {"select": 9, "input1": ONE, "input2": TWO},
        {"select": ["99", 0], "input1": ONE, "input2": TWO},
    ],
)
def test_a_switch_that_does_not_tell_gives_no_prompt(inputs: dict[str, Any]) -> None:
    """The first of two texts would be a guess, sold as the original."""
    found = written_by("Odd Switch", inputs)
    assert found.text.prompt == ""
    assert any("came through Odd Switch" in note for note in found.notes)


def test_switches_of_models_and_conditionings() -> None:
    two = ("CLIPTextEncode", {"text": "second", "clip": ["4", 1]})
    other = ("CheckpointLoaderSimple", {"ckpt_name": "other.safetensors"})
    found = traced(
        graph(
            n3=("", {"positive": ["60", 0], "model": ["70", 0]}),
            n60=("ImpactSwitch", {"select": 2, "input1": ["6", 0], "input2": ["61", 0]}),
            n61=two,
            n70=("ComfySwitchNode", {"switch": False, "on_true": ["10", 0], "on_false": ["71", 0]}),
            n71=other,
        )
    )
    assert found.text.prompt == "second"
    assert found.text.model == "other"
    assert found.loras == ()  # that of the branch that was not taken


@pytest.mark.parametrize(
    ("kind", "inputs", "prompt"),
    [
        ("StringReplace", {"string": ONE, "find": "n", "replace": "v"}, "ove"),
        ("StringReplace", {"string": ONE, "find": ONE, "replace": TWO}, "two"),
        ("Text Find and Replace", {"text": ONE, "find": "x", "replace": "y"}, "one"),
        ("StringTrim", {"string": "  a  ", "mode": "Left"}, "a  "),
        ("CaseConverter", {"string": ONE, "mode": "UPPERCASE"}, "ONE"),
        ("StringSubstring", {"string": ONE, "start": 0, "end": ["64", 0]}, "on"),
        ("StringFunction|pysssss", {"action": "append", "tidy_tags": "yes", "text_a": ONE,
                                    "text_b": TWO, "text_c": ""}, "one, two"),
        ("StringFunction|pysssss", {"action": "replace", "tidy_tags": "no", "text_a": ONE,
                                    "text_b": "ne", "text_c": TWO}, "otwo"),
        ("Text Concatenate (JPS)", {"delimiter": "newline", "text1": ONE, "text2": TWO},
         "one\ntwo"),
    ],
)  # fmt: skip
def test_what_changes_a_text_is_computed(kind: str, inputs: dict[str, Any], prompt: str) -> None:
    assert written_by(kind, inputs).text.prompt == prompt


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("RegexReplace", {"string": ONE, "regex_pattern": "(a+)+$", "replace": "v"}),
        ("StringFunction|pysssss", {"action": "replace", "text_a": ONE, "text_b": "/o/"}),
        ("StringReplace", {"string": "a" * 1000, "find": "a", "replace": "b" * 1000}),
        ("String Format", {"f_string": "{a}", "a": ONE}),
    ],
)
def test_what_is_not_computed_is_told(kind: str, inputs: dict[str, Any]) -> None:
    found = written_by(kind, inputs)
    assert found.text.prompt == ""
    assert any(kind in note and "while it was drawn" in note for note in found.notes)


def test_the_guidance_of_fluxs_own_encoder() -> None:
    flux = {"clip_l": "fox", "t5xxl": "a fox in fog", "guidance": 2.5, "clip": ["4", 1]}
    found = traced(graph(n6=("CLIPTextEncodeFlux", flux)))
    assert found.settings()[0]["cfg_scale"] == 2.5
    nearer = ("FluxGuidance", {"guidance": 4.0, "conditioning": ["6", 0]})
    changed = graph(n6=("CLIPTextEncodeFlux", flux), n3=("", {"positive": ["60", 0]}), n60=nearer)
    assert traced(changed).settings()[0]["cfg_scale"] == 4.0


def test_rings_of_switches_end() -> None:
    ring: dict[str, Any] = {
        str(n): {"class_type": "ImpactSwitch",
                 "inputs": {"select": 1, "input1": [str((n + 1) % 3000), 0],
                            "input2": [str((n * 7) % 3000), 0]}}
        for n in range(3000)
    }  # fmt: skip
    ring["s"] = {"class_type": "KSampler", "inputs": {"positive": ["0", 0], "seed": ["1", 0]}}
    for select in (1, 9):
        for node in ring.values():
            node["inputs"]["select"] = select
        began = time.process_time()
        nodes = from_api(ring)
        assert nodes is not None
        assert from_graph(nodes).text.prompt == ""
        assert time.process_time() - began < 10


def node(number: Any, kind: str, values: list[Any], *links: Any, **more: Any) -> dict[str, Any]:
    """A node of the editor; a link is (input's name, its type, number)."""
    inputs = [{"name": name, "type": type_, "link": link} for name, type_, link in links]
    return {"id": number, "type": kind, "widgets_values": values, "inputs": inputs, **more}


SAMPLED = [77, "randomize", 20, 8, "euler", "normal", 1]


def test_a_bypassed_node_hands_on_its_input() -> None:
    model = {"outputs": [{"type": "MODEL"}, {"type": "CLIP"}]}
    found = from_editor(
        {
            "nodes": [
                node(1, "CheckpointLoaderSimple", ["m.safetensors"]),
                node(2, "LoraLoader", ["off.safetensors", 1, 1], ("clip", "CLIP", 2),
                     ("model", "MODEL", 1), mode=4, **model),
                node(3, "CLIPTextEncode", ["a tree"], ("clip", "CLIP", 4)),
                node(4, "KSampler", SAMPLED, ("model", "MODEL", 3),
                     ("positive", "CONDITIONING", 5)),
                node(5, "SaveImage", ["x"], ("images", "IMAGE", 6)),
            ],
            "links": [[1, 1, 0, 2, 1, "MODEL"], [2, 1, 1, 2, 0, "CLIP"], [3, 2, 0, 4, 0, "MODEL"],
                      [4, 2, 1, 3, 0, "CLIP"], [5, 3, 0, 4, 1, "CONDITIONING"],
                      [6, 4, 0, 5, 0, "IMAGE"]],
        }
    )  # fmt: skip
    assert found is not None
    recipe = from_graph(found)
    assert (recipe.text.prompt, recipe.text.model, recipe.loras) == ("a tree", "m", ())


def link(number: int, origin: Any, slot: int, target: Any, place: int) -> dict[str, Any]:
    """A link as subgraphs have them."""
    return {"id": number, "origin_id": origin, "origin_slot": slot, "target_id": target,
            "target_slot": place, "type": "*"}  # fmt: skip


WITH_SUBGRAPHS: dict[str, Any] = {
    "nodes": [
        node(1, "CheckpointLoaderSimple", ["m.safetensors"]),
        node(2, "SetNode", ["MODEL_1"], ("MODEL", "MODEL", 1)),
        node(3, "GetNode", ["MODEL_1"]),
        node(4, "PrimitiveStringMultiline", ["a tree"]),
        {"id": 9, "type": "aaaa-draw", "widgets_values": [33], "inputs": [
            {"name": "model", "type": "MODEL", "link": 2},
            {"name": "prompt", "type": "STRING", "link": 3},
            {"name": "seed", "type": "INT", "link": None, "widget": {"name": "seed"}}]},
        node(10, "SaveImage", ["x"], ("images", "IMAGE", 4)),
    ],
    "links": [[1, 1, 0, 2, 0, "MODEL"], [2, 3, 0, 9, 0, "MODEL"], [3, 4, 0, 9, 1, "STRING"],
              [4, 9, 0, 10, 0, "IMAGE"]],
    "definitions": {"subgraphs": [
        {"id": "aaaa-draw", "nodes": [
            {"id": 5, "type": "bbbb-encode", "inputs": [{"name": "text", "link": 12}]},
            {"id": 6, "type": "KSampler", "widgets_values": SAMPLED, "inputs": [
                {"name": "model", "link": 11}, {"name": "positive", "link": 13},
                {"name": "seed", "link": 14}]}],
         "links": [link(11, -10, 0, 6, 0), link(12, -10, 1, 5, 0), link(13, 5, 0, 6, 1),
                   link(14, -10, 2, 6, 2), link(15, 6, 0, -20, 0)]},
        {"id": "bbbb-encode", "nodes": [
            {"id": 7, "type": "CLIPTextEncode", "widgets_values": ["not this"],
             "inputs": [{"name": "text", "link": 21}]}],
         "links": [link(21, -10, 0, 7, 0), link(22, 7, 0, -20, 0)]},
    ]},
}  # fmt: skip


def test_subgraphs_are_opened_and_set_nodes_found() -> None:
    found = read(files.texts_png({"workflow": json.dumps(WITH_SUBGRAPHS)}))
    assert found.prompt == "a tree"
    assert (found.settings["model"], found.settings["seed"]) == ("m", 33)
    assert found.settings["steps"] == 20


def test_subgraphs_in_themselves_and_in_each_other_end() -> None:
    again = json.loads(json.dumps(WITH_SUBGRAPHS))
    for one in again["definitions"]["subgraphs"]:
        one["nodes"] += [
            {"id": number, "type": inner, "inputs": [{"name": "text", "link": 12}]}
            for number in range(100, 140)
            for inner in ("aaaa-draw", "bbbb-encode")
        ]
    # Nothing but subgraphs in each other, and nothing at all in the last: 20 ** 12 of them.
    inside = [
        {"id": "aaaa-draw" if level == 0 else f"level-{level}", "links": [],
         "nodes": [{"id": n, "type": f"level-{level + 1}"} for n in range(20 if level < 12 else 0)]}
        for level in range(13)
    ]  # fmt: skip
    empty = {**again, "definitions": {"subgraphs": inside}}
    for editor in (again, empty):
        began = time.process_time()
        nodes = from_editor(editor)
        assert nodes is not None
        from_graph(nodes)
        assert time.process_time() - began < 20
