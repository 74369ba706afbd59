"""The verb behind run_comfyui_workflow: the template, faults, and a real server."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    DeadlineExceeded,
    EngineRejected,
    InvalidInput,
    NotConfigured,
    TooLarge,
)
from creative.images import comfy_workflow
from creative.images.comfy_workflow import (
    WorkflowRequest,
    WorkflowResult,
    collect_workflow,
    run_workflow,
)
from creative.images.engines.base import Unfinished
from creative.images.engines.comfyui import run
from creative.images.engines.comfyui.template import fill, placeholders, read_workflow
from creative.images.job import decode
from creative.settings import Settings
from creative.steps import Steps
from tests.comfy_server import Comfy, Request, png
from tests.servers import answer

URL = os.environ.get("STUDIO_TEST_COMFYUI_URL", "").rstrip("/")
real = pytest.mark.skipif(not URL, reason="needs a ComfyUI; set STUDIO_TEST_COMFYUI_URL")

GRAPH: dict[str, Any] = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "one.safetensors"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": "{{prompt}}"}},
    "6": {
        "class_type": "KSampler",
        "inputs": {"model": ["1", 0], "positive": ["2", 0], "seed": 5, "steps": 2},
        "_meta": {"title": "Paint"},
    },
    "8": {"class_type": "SaveImage", "inputs": {"images": ["6", 0], "filename_prefix": "x"}},
}


def changed(node: str, **inputs: Any) -> dict[str, Any]:
    """GRAPH with other inputs of one node, which is made if it is new."""
    old = GRAPH.get(node, {"class_type": "LoadImage", "inputs": {}})
    return {**GRAPH, node: {**old, "inputs": {**old["inputs"], **inputs}}}


# The template


def filled(text: Any, **values: Any) -> Any:
    graph, _ = fill(read_workflow(changed("2", text=text)), values)
    return graph["2"]["inputs"]["text"]


def test_a_whole_placeholder_takes_the_values_own_type() -> None:
    assert filled("{{n}}", n=7) == 7
    assert filled("{{ N }}", n=0.5) == 0.5
    assert filled("{{on}}", on=True) is True
    assert filled("{{list}}", list=[1, 2]) == {"__value__": [1, 2]}
    assert filled("{{none}}", none=None) is None


def test_a_placeholder_inside_a_text_becomes_text() -> None:
    assert filled("a {{style}} cat, {{n}}, {{on}}", style="red", n=7, on=True) == (
        "a red cat, 7, true"
    )
    assert filled({"deep": ["{{n}}", "x {{n}}"]}, n=7) == {"deep": [7, "x 7"]}


@pytest.mark.parametrize("text", ['say "hi"\n\\ back', "{{other}}", "猫 😀", "${x} \\1 \\g<0>"])
def test_a_value_arrives_as_it_is(text: str) -> None:
    assert filled("{{prompt}}", prompt=text) == text
    assert filled("a {{prompt}}.", prompt=text) == f"a {text}."


def test_braces_that_are_no_placeholder_stay() -> None:
    for text in ("{red|blue} cat", "{{red|blue}|green}", "{{}}", "{ {x} }", "(cat:1.2)"):
        assert filled(text) == text
        assert placeholders(read_workflow(changed("2", text=text))) == {}


def test_links_and_the_users_own_object_are_left_alone() -> None:
    given = changed("2", text="{{prompt}}")
    before = json.dumps(given)
    graph, places = fill(read_workflow(given), {"prompt": "x"})
    assert json.dumps(given) == before
    assert graph["2"]["inputs"]["clip"] == ["1", 1]
    assert places == {("2", "text"): "prompt"}


@pytest.mark.parametrize(
    ("workflow", "words"),
    [
        ({"nodes": [{"id": 1}], "links": [], "version": 0.4}, "Export (API)"),
        ('{"nodes": [], "links": []}', "Save (API Format)"),
        ('{"a": ', "line 1 column"),
        ("", "JSON text"),
        ("[]", "API format"),
        ("{}", "API format"),
        ('{"1": {"inputs": {}}}', "class_type"),
        ('{"1": {"class_type": "X", "inputs": []}}', "class_type"),
        ('{"1": {"class_type": "X", "inputs": {"a": NaN}}}', "NaN"),
        ("[" * 100_000, "nested"),
        ({"1": {"class_type": "X", "inputs": {"a": ["7", 0]}}}, "node #7, which is not there"),
    ],
)
def test_what_is_no_workflow_says_how_to_get_one(workflow: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read_workflow(workflow)
    assert str(raised.value).startswith("workflow: ")
    assert words in str(raised.value)


def test_workflows_in_other_wrappings() -> None:
    text = "\ufeff" + json.dumps({"prompt": GRAPH, "client_id": "x"})
    assert read_workflow(text).keys() == GRAPH.keys()
    with pytest.raises(TooLarge):
        read_workflow(" " * 5_000_001)


# A scripted server


@pytest.fixture
def comfy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Comfy]:
    monkeypatch.setattr(run, "POLL_SECONDS", 0.2)
    monkeypatch.setattr(run, "QUEUE_SECONDS", 0.3)
    with Comfy() as server:
        yield server


def go(server: Comfy, workflow: Any = None, seconds: float = 10, **fields: Any) -> WorkflowResult:
    steps = Steps()
    fields = {"prompt": "a cat", **fields}
    asked = WorkflowRequest(workflow=GRAPH if workflow is None else workflow, **fields)
    made = run_workflow(asked, Settings(comfyui_base_url=server.url), Deadline(seconds), steps)
    assert steps.events[-1].percent == (70 if made.status == "running" else 98)
    return made


def sent(server: Comfy) -> dict[str, Any]:
    graph: dict[str, Any] = server.prompts[-1]["prompt"]
    return graph


def test_files_come_back_as_they_are(comfy: Comfy) -> None:
    def works(server: Comfy, prompt_id: str) -> None:
        server.files |= {"a.png": png(32, 16), "a.mp4": b"video", "b.bin": b"\0\1"}
        files = [
            {"filename": "a.png", "subfolder": "one", "type": "output"},
            {"filename": "a.png", "subfolder": "two", "type": "output"},
        ]
        video = [{"filename": "a.mp4", "subfolder": "", "type": "output"}]
        other = [{"filename": "b.bin", "subfolder": "", "type": "output"}]
        shown = {"8": {"images": files}, "9": {"gifs": video, "text": ["hello"]}}
        server.end(prompt_id, {**shown, "10": {"3d": other}})

    comfy.works = works
    made = go(comfy)
    assert [(file.filename, file.mime_type, file.width) for file in made.pictures] == [
        ("a.png", "image/png", 32),
        ("a_2.png", "image/png", 32),
        ("a.mp4", "video/mp4", 0),
        ("b.bin", "application/octet-stream", 0),
    ]
    assert made.pictures[2].data == b"video"
    assert (made.width, made.height, made.texts) == (32, 16, ("hello",))
    assert (made.status, made.engine, made.seeds) == ("done", "comfyui", (5,))


def test_a_seed_goes_into_the_placeholder_or_into_every_seed(comfy: Comfy) -> None:
    made = go(comfy, seed=9)
    assert sent(comfy)["6"]["inputs"]["seed"] == 9
    assert made.seeds == (9,)
    go(comfy)
    assert sent(comfy)["6"]["inputs"]["seed"] == 5, "not given: what is written stays"
    with_placeholder = changed("6", noise_seed=3, seed="{{seed}}")
    made = go(comfy, with_placeholder, seed=9)
    assert sent(comfy)["6"]["inputs"]["seed"] == 9
    assert sent(comfy)["6"]["inputs"]["noise_seed"] == 3
    seeds = {go(comfy, with_placeholder).seeds[0] for _ in range(3)}
    assert len(seeds) == 3
    assert sent(comfy)["6"]["inputs"]["seed"] in seeds
    without = {**GRAPH, "6": {**GRAPH["6"], "inputs": {"seed": ["1", 0]}}}
    made = go(comfy, without, seed=9)
    assert sent(comfy)["6"]["inputs"]["seed"] == ["1", 0]
    assert made.seeds == ()
    assert any(note.startswith("seed: ") for note in made.notes)


def test_pictures_go_where_they_are_wanted(comfy: Comfy) -> None:
    files = (("cat.png", png(1, 1)), ("dog.png", png(2, 2)), ("cow.png", png(3, 3)))
    workflow = {
        **changed("20", image="{{image}}"),
        "21": {"class_type": "LoadImage", "inputs": {"image": "{{ image_2 }}"}},
        "22": {"class_type": "LoadImage", "inputs": {"image": "dog.png"}},
        "23": {"class_type": "LoadImage", "inputs": {"image": "{{file dog.png}}"}},
        "24": {"class_type": "LoadImage", "inputs": {"image": "{{cat.png}}"}},
    }
    made = go(comfy, workflow, files=files)
    got = {node: sent(comfy)[node]["inputs"]["image"] for node in ("20", "21", "22", "23", "24")}
    cat, dog = got["20"], got["21"]
    assert got == {"20": cat, "21": dog, "22": dog, "23": dog, "24": cat}
    assert cat != dog
    assert len(comfy.uploads) == 2, "what nobody wants is not uploaded"
    assert any("cow.png was not used" in note for note in made.notes)
    assert b'name="overwrite"\r\n\r\ntrue' in comfy.uploads[0]
    assert png(1, 1) in comfy.uploads[0]


def test_the_only_picture_goes_into_the_only_loader(comfy: Comfy) -> None:
    made = go(comfy, changed("20", image="old.png"), files=(("cat.png", png()),))
    assert sent(comfy)["20"]["inputs"]["image"] == "s/upload_1.png"
    assert any("the only node that loads a picture" in note for note in made.notes)


def test_values_that_nobody_wants_are_noted(comfy: Comfy) -> None:
    workflow = changed("2", text="fixed")
    made = go(comfy, workflow, width=64, values={"style": "red"})
    told = [note.partition(":")[0] for note in made.notes]
    assert told == ["prompt", "width", "style"]


@pytest.mark.parametrize(
    ("text", "fields", "words"),
    [
        ("{{prompt}}", {"prompt": ""}, "prompt: got nothing"),
        ("{{width}}", {}, "width: got nothing"),
        ("{{image}}", {}, "images: got '0 files'"),
        ("{{image_2}}", {"files": (("a.png", b"x"),)}, "images: got '1 files'"),
        ("{{styl}}", {"values": {"style": "x"}}, "a value for styl"),
        ("{{prompt}}", {"values": {"prompt": "x"}}, "values: got 'prompt'"),
    ],
)
def test_a_placeholder_without_a_value(
    comfy: Comfy, text: str, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        go(comfy, changed("2", text=text), **fields)
    assert words in str(raised.value)
    assert comfy.requests == [], "before any server is asked"


def test_no_negative_prompt_is_an_empty_one(comfy: Comfy) -> None:
    go(comfy, changed("2", text="{{negative_prompt}}"))
    assert sent(comfy)["2"]["inputs"]["text"] == ""


@pytest.mark.parametrize("all_from", [1, 99])
def test_nodes_that_are_not_installed(
    comfy: Comfy, monkeypatch: pytest.MonkeyPatch, all_from: int
) -> None:
    monkeypatch.setattr(comfy_workflow, "ASK_FOR_ALL_FROM", all_from)
    workflow = {
        **GRAPH,
        "30": {"class_type": "KSampler/2 (x)", "inputs": {}},
        "31": {"class_type": "Zzz|y", "inputs": {}},
    }
    with pytest.raises(InvalidInput) as raised:
        go(comfy, workflow)
    text = str(raised.value)
    assert "not installed on the server: KSampler/2 (x), Zzz|y" in text
    assert "Names like" not in text
    assert comfy.prompts == []
    comfy.nodes |= {"KSampler/2 (x)": {}, "Zzz|y": {}}
    assert go(comfy, workflow).pictures


def test_a_refused_value_names_where_it_came_from(comfy: Comfy) -> None:
    def refused(request: Request) -> None:
        extra = {"input_name": "steps", "received_value": 9000}
        error = {"message": "Value bigger than max", "details": "steps", "extra_info": extra}
        answer(request, json.dumps({"error": {}, "node_errors": {"6": {"errors": [error]}}}), 400)

    comfy.faults["/prompt"] = refused
    with pytest.raises(InvalidInput, match=r"values: got 9000.*\"Paint\" \(KSampler\) #6"):
        go(comfy, changed("6", steps="{{steps}}"), values={"steps": 9000})
    with pytest.raises(EngineRejected, match=r"\"Paint\" \(KSampler\) #6: Value bigger"):
        go(comfy)


def partly(comfy: Comfy, outputs: dict[str, Any]) -> None:
    """The server takes the prompt and leaves a part of it out."""
    error = {"message": "Value not in list", "details": "sampler_name", "extra_info": {}}

    def taken(request: Request) -> None:
        comfy.end("given-by-the-server", outputs)
        body = {"prompt_id": "given-by-the-server", "node_errors": {"6": {"errors": [error]}}}
        answer(request, json.dumps(body))

    comfy.faults["/prompt"] = taken


def test_a_part_that_was_left_out_is_told(comfy: Comfy) -> None:
    comfy.files["a.png"] = png()
    file = {"filename": "a.png", "subfolder": "", "type": "output"}
    partly(comfy, {"8": {"images": [file]}})
    assert any("left a part of it out" in note for note in go(comfy).notes)
    partly(comfy, {"9": {"text": ["only a text"]}})
    with pytest.raises(EngineRejected, match="Value not in list: sampler_name"):
        go(comfy)


def test_no_file_and_no_text_is_no_success(comfy: Comfy) -> None:
    comfy.works = lambda server, prompt_id: server.end(prompt_id, {})
    with pytest.raises(AnswerInvalid, match="without a file"):
        go(comfy)


def test_a_node_that_blocks_the_rest_is_named(comfy: Comfy) -> None:
    def works(server: Comfy, prompt_id: str) -> None:
        server.connected.wait(20)
        server.say(
            "execution_error",
            prompt_id=prompt_id,
            node_id="6",
            exception_message="Execution Blocked: no face found",
        )
        time.sleep(0.3)
        server.end(prompt_id, {})

    comfy.works = works
    with pytest.raises(AnswerInvalid, match="no face found"):
        go(comfy)


def test_a_file_that_is_too_large_for_dify(comfy: Comfy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfy_workflow, "MAX_FILE_BYTES", 20)
    with pytest.raises(TooLarge, match=r"_0\.png of the workflow is over 30 MB"):
        go(comfy)


def test_a_file_that_is_no_picture(comfy: Comfy) -> None:
    comfy.faults["/view"] = lambda request: answer(request, "<html>", content_type="image/png")
    with pytest.raises(AnswerInvalid):
        go(comfy)


def test_at_the_deadline_the_workflow_is_stopped(comfy: Comfy) -> None:
    comfy.works = lambda server, prompt_id: None
    with pytest.raises(DeadlineExceeded, match="taken out of the queue"):
        go(comfy, seconds=3)
    assert comfy.deleted == [comfy.prompts[0]["prompt_id"]]


def test_submitted_and_collected(comfy: Comfy) -> None:
    settings = Settings(comfyui_base_url=comfy.url)
    comfy.works = lambda server, prompt_id: None
    made = go(comfy, mode="submit", seed=9, width=64)
    assert (made.status, made.pictures, made.seeds) == ("running", (), (9,))
    job = decode(made.job_id)
    assert job.ticket.data["kind"] == "workflow"
    with pytest.raises(Unfinished):
        collect_workflow(job, settings, Deadline(1), Steps())
    assert comfy.deleted == comfy.interrupted == []
    comfy.succeed(comfy.prompts[0]["prompt_id"], files=2)
    done = collect_workflow(job, settings, Deadline(5), Steps())
    assert (len(done.pictures), done.status, done.seeds) == (2, "done", (9,))
    assert any(note.startswith("width: ") for note in done.notes)
    comfy.history.clear()
    with pytest.raises(EngineRejected, match="does not know the workflow any more"):
        collect_workflow(job, settings, Deadline(5), Steps())


def test_no_server_is_configured() -> None:
    asked = WorkflowRequest(workflow=GRAPH, prompt="x")
    with pytest.raises(NotConfigured, match="comfyui_base_url"):
        run_workflow(asked, Settings(), Deadline(5), Steps())


# A real server


def checkpoint() -> str:
    from creative.images.engines.comfyui.server import Server

    with Server(Settings(comfyui_base_url=URL), Deadline(20)) as server:
        return server.options("CheckpointLoaderSimple", "ckpt_name")[0]


def on_real(workflow: Any, seconds: float = 60, **fields: Any) -> WorkflowResult:
    asked = WorkflowRequest(workflow=workflow, **fields)
    return run_workflow(asked, Settings(comfyui_base_url=URL), Deadline(seconds), Steps())


def real_graph() -> dict[str, Any]:
    def node(kind: str, **inputs: Any) -> dict[str, Any]:
        return {"class_type": kind, "inputs": inputs}

    return {
        "1": node("CheckpointLoaderSimple", ckpt_name=checkpoint()),
        "2": node("CLIPTextEncode", clip=["1", 1], text="a {{style}} {{prompt}}"),
        "3": node("CLIPTextEncode", clip=["1", 1], text="{{negative_prompt}}"),
        "4": node("LoadImage", image="{{image}}"),
        "5": node("ImageScale", image=["4", 0], upscale_method="area", width="{{width}}",
                  height="{{height}}", crop="disabled"),
        "6": node("VAEEncode", pixels=["5", 0], vae=["1", 2]),
        "7": node("KSampler", model=["1", 0], positive=["2", 0], negative=["3", 0],
                  latent_image=["6", 0], seed="{{seed}}", steps="{{steps}}", cfg=7,
                  sampler_name="euler", scheduler="normal", denoise=0.7),
        "8": node("VAEDecode", samples=["7", 0], vae=["1", 2]),
        "9": node("SaveImage", images=["8", 0], filename_prefix="creative_studio/test"),
        "10": node("PreviewAny", source="{{prompt}}"),
    }  # fmt: skip


def real_fields(**more: Any) -> dict[str, Any]:
    picture = io.BytesIO()
    Image.effect_noise((80, 80), 60).save(picture, "PNG")
    return {
        "prompt": 'cat "x"\nnew {line}',
        "width": 72,
        "height": 64,
        "values": {"style": "red", "steps": 2},
        "files": (("my cat.png", picture.getvalue()),),
        **more,
    }


@real
def test_a_workflow_with_everything_on_the_real_server() -> None:
    made = on_real(json.dumps(real_graph()), **real_fields())
    assert [(one.width, one.height, one.mime_type) for one in made.pictures] == [
        (72, 64, "image/png")
    ]
    assert made.texts == ('cat "x"\nnew {line}',)
    assert made.notes == ()
    assert 0 <= made.seeds[0] < 2**32


@real
def test_the_same_workflow_twice_is_never_empty() -> None:
    """The second time everything comes out of the server's cache."""
    fields = real_fields(seed=3)
    first = on_real(real_graph(), **fields)
    second = on_real(real_graph(), **fields)
    assert first.pictures[0].data == second.pictures[0].data


@real
def test_submitted_and_collected_on_the_real_server() -> None:
    made = on_real(real_graph(), mode="submit", **real_fields())
    settings = Settings(comfyui_base_url=URL)
    done = collect_workflow(decode(made.job_id), settings, Deadline(60), Steps())
    assert done.pictures[0].width == 72
    assert done.seeds == made.seeds


@real
@pytest.mark.parametrize(
    ("node", "inputs", "kind", "words"),
    [
        ("7", {"sampler_name": "eulr"}, EngineRejected, "KSampler #7: Value not in list"),
        ("7", {"cfg": "{{cfg}}"}, InvalidInput, "values: got 500"),
        ("2", {"clip": ["1", 2]}, EngineRejected, "CLIPTextEncode #2: Return type mismatch"),
        ("2", {"clip": ["1", 9]}, EngineRejected, "index out of range"),
        ("4", {"image": "nowhere.png"}, EngineRejected, "LoadImage #4"),
    ],
)
def test_what_the_real_server_refuses(
    node: str, inputs: dict[str, Any], kind: type[CreativeError], words: str
) -> None:
    graph = real_graph()
    del graph["10"]
    graph[node]["inputs"] |= inputs
    fields = real_fields()
    fields["values"]["cfg"] = 500
    if node == "4":
        fields["files"] = ()
    with pytest.raises(kind) as raised:
        on_real(graph, **fields)
    assert words in str(raised.value)


@real
def test_missing_nodes_and_no_output_on_the_real_server() -> None:
    graph = real_graph()
    graph["7"]["class_type"] = "KSamplr"
    with pytest.raises(InvalidInput, match="Names like KSamplr: KSampler"):
        on_real(graph, **real_fields())
    graph = real_graph()
    del graph["9"], graph["10"]
    with pytest.raises(EngineRejected, match="no outputs"):
        on_real(graph, **real_fields())


@real
def test_a_node_that_fails_on_the_real_server() -> None:
    fields = real_fields(files=(("broken.png", b"no picture at all"),))
    with pytest.raises(EngineRejected, match="LoadImage #4 failed: cannot identify"):
        on_real(real_graph(), **fields)
