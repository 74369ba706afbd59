"""Our own plugin, through its process and the daemon's protocol: one example call per node.

Every node must have an example here; the test sees that its outputs are exactly the declared
ones, that its result is usable by people and by workflows, and that it logs its steps.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from creative.capture import find_browser
from runtime.answers.files import FileServer
from runtime.answers.models import Endpoint, answerers
from runtime.answers.reverse import Answers
from runtime.errors import ToolFailed
from runtime.host import Host, open_plugin
from runtime.host.messages import Result
from runtime.host.parameters import prepare
from runtime.paths import PROJECT
from tests import declarations
from tests.authors import author
from tests.comfy_server import Comfy
from tests.sd_server import SdServer, png
from tests.servers import Server

browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium or Chrome here")

WORKFLOW = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "{{image}}"}},
    "2": {
        "class_type": "SaveImage",
        "inputs": {"images": ["1", 0], "filename_prefix": "{{prompt}}"},
    },
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "text_to_image": {"prompt": "a lighthouse", "size": "970x250", "count": 2, "seed": 7},
    "image_to_image": {"prompt": "in snow", "image": "@", "width": 640, "strength": 0.4},
    "upscale_image": {"image": "@", "scale": 1.5, "upscaler": "lanczos"},
    "run_comfyui_workflow": {"workflow": json.dumps(WORKFLOW), "prompt": "x", "images": ["@"]},
    "fetch_image": {"job_id": "@job"},
    "read_image_prompt": {"image": "@made"},
    "cluster_keywords": {
        "keywords": "espresso machine\nespresso maker\ncheap espresso machine\ncoffee beans\n"
        "fresh coffee beans\nwhole coffee beans\nparking in Lisbon\nLisbon car park"
    },
    "content_ideas": {"text": "espresso machines\ncoffee grinders", "ideas_per_cluster": 2},
    "write_article": {
        "title": "Espresso at home",
        "words": 300,
        "faq": 2,
        "model": "studio/author",
    },
    "extract_image_prompts": {
        "content": "# Bread\n\nFlour and water.\n\n## Baking\n\nThe loaf goes into a hot oven.\n",
        "max_images": 2,
        "aspect_ratio": "4:3",
    },
    "check_connections": {"test_picture": True},
    "ad_variants": {
        "brief": "Fresh coffee beans, roasted on Tuesday, at your door on Thursday.",
        "brand": "Kettle & Crema",
        "platforms": "iab_display",
        "count": 2,
        "sizes": "300x250, 728x90",
        "engine": "builtin",
        "backgrounds": "layout",
    },
    "capture_screenshot": {
        "html": "<title>Box</title><body style='margin:0;background:#0a0'>"
        "<div style='width:100px;height:50px;background:#c00'>",
        "width": 801,
        "height": 333,
    },
}

FILES = {
    "cluster_keywords": {"text/csv", "application/json", "image/png"},
    "read_image_prompt": set(),
    "ad_variants": {"image/png", "text/csv"},
    "content_ideas": {"text/csv"},
    "extract_image_prompts": set(),
    "write_article": {"text/markdown", "text/html"},
}
"""What kinds of files a node gives; a node that is not here gives pictures."""

UNKNOWN_SOMETIMES = {"cost"}
"""Outputs that are left out where nobody knows them."""


@pytest.fixture(scope="module")
def store() -> Iterator[FileServer]:
    with FileServer() as files:
        yield files


@pytest.fixture(scope="module")
def studio() -> Iterator[Host]:
    with SdServer("sdcpp", seconds=0.1) as sd, Comfy() as comfy, Server(author) as models:
        servers = {"sd_base_url": sd.url, "comfyui_base_url": comfy.url}
        endpoint = Endpoint(f"{models.url}/v1")
        answers = Answers(answerers(endpoint, endpoint))
        with open_plugin(PROJECT, credentials=servers, answers=answers) as host:
            yield host


def call(host: Host, name: str, **parameters: Any) -> Result:
    _, tool = host.find(name)
    return Result.collect(host.invoke(name, prepare(tool, parameters)))


def example(host: Host, name: str, store: FileServer) -> dict[str, Any]:
    """The example of a node, with files where it says "@" and a job where it says "@job"."""

    def filled(value: Any) -> Any:
        if value == "@":
            return store.put(png(320, 200, seed=3), "photo.png", "image/png")
        if value == "@made":
            text = "a mill\nSteps: 4, Sampler: Euler, Seed: 3, Size: 320x200"
            return store.put(png(320, 200, 3, text), "made.png", "image/png")
        if value == "@job":
            submitted = call(host, "text_to_image", prompt="a mill", size="100x60", mode="submit")
            assert submitted.variables["status"] == "running"
            assert not submitted.files
            return submitted.variables["job_id"]
        return [filled(item) for item in value] if isinstance(value, list) else value

    return {key: filled(value) for key, value in EXAMPLES[name].items()}


def test_every_node_has_an_example() -> None:
    assert {Path(path).stem for path in declarations.tools()} == set(EXAMPLES)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[browser] if n.startswith("capture") else []) for n in EXAMPLES],
)
def test_an_example_gives_what_is_declared(studio: Host, name: str, store: FileServer) -> None:
    result = call(studio, name, **example(studio, name, store))
    _, tool = studio.find(name)
    assert set(result.variables) <= set(tool.outputs)
    assert set(tool.outputs) - set(result.variables) <= UNKNOWN_SOMETIMES
    kinds = {"string": str, "number": int | float, "integer": int, "boolean": bool,
             "array": list, "object": dict}  # fmt: skip
    for output, value in result.variables.items():
        assert isinstance(value, kinds[tool.outputs[output]["type"]]), output
    assert result.text.strip()
    assert len(result.json) == 1
    assert len(json.dumps(result.json[0])) < 200_000
    assert {file.mime_type for file in result.files} == FILES.get(name, {"image/png"})
    for file in result.files:
        assert file.data
        assert Path(file.filename).name == file.filename
    finished = [log for log in result.logs if log["status"] == "success"]
    assert finished
    percents = [log["data"]["percent"] for log in result.logs]
    assert percents == sorted(percents)
    assert percents[-1] == 100


@browser
def test_a_screenshot_has_exactly_the_asked_pixels(studio: Host) -> None:
    from PIL import Image

    [file] = call(studio, "capture_screenshot", **EXAMPLES["capture_screenshot"]).files
    picture = Image.open(io.BytesIO(file.data)).convert("RGB")
    assert (picture.format, picture.size, file.mime_type) == (None, (801, 333), "image/png")
    assert picture.getpixel((50, 25)) == (204, 0, 0)
    assert picture.getpixel((400, 200)) == (0, 170, 0)


def test_a_drawn_picture_has_exactly_the_asked_pixels(studio: Host) -> None:
    from PIL import Image

    result = call(studio, "text_to_image", **EXAMPLES["text_to_image"])
    assert [file.filename for file in result.files] == [
        "a-lighthouse_7_970x250_1.png",
        "a-lighthouse_8_970x250_2.png",
    ]
    for file in result.files:
        picture = Image.open(io.BytesIO(file.data))
        picture.load()
        assert (picture.format, picture.size) == ("PNG", (970, 250))
        assert "Output size: 970x250" in picture.text["parameters"]  # type: ignore[attr-defined]
    variables = result.variables
    assert (variables["width"], variables["height"], variables["seeds"]) == (970, 250, [7, 8])
    plan = variables["plan"]
    assert plan["draw_width"] % 64 == plan["draw_height"] % 64 == 0


def test_an_enlargement_says_from_what_to_what(studio: Host, store: FileServer) -> None:
    photo = store.put(png(320, 200, seed=3), "photo.png", "image/png")
    made = call(studio, "upscale_image", image=photo, size="480x400", upscaler="lanczos")
    assert made.text.startswith("1 file of 480 x 400 pixels in ")
    assert made.text.endswith(" (from 320x200 to 480x400 with lanczos, cover).")
    made = call(studio, "upscale_image", image=photo, scale=1.5, upscaler="lanczos")
    assert made.text.endswith(" (from 320x200 to 480x300 with lanczos).")
    assert made.variables["engine"] == "none"


def test_a_workflow_that_shows_text_tells_it_now_and_later(store: FileServer) -> None:
    photo = store.put(png(8, 8, seed=1), "photo.png", "image/png")

    def works(server: Comfy, prompt_id: str) -> None:
        server.end(prompt_id, {"2": {"text": ["a red fox"]}})

    asked = {"workflow": json.dumps(WORKFLOW), "prompt": "x", "images": [photo]}
    with (
        Comfy(works) as comfy,
        open_plugin(PROJECT, credentials={"comfyui_base_url": comfy.url}) as host,
    ):
        shown = call(host, "run_comfyui_workflow", **asked)
        submitted = call(host, "run_comfyui_workflow", **asked, mode="submit")
        later = call(host, "fetch_image", job_id=submitted.variables["job_id"])
    for made in (shown, later):
        assert made.variables["texts"] == ["a red fox"]
        assert "\nText: a red fox" in made.text


def test_the_names_of_the_server_are_offered(studio: Host) -> None:
    def offered(parameter: str) -> list[str]:
        return [option["value"] for option in studio.options("text_to_image", parameter)]

    models = {name.split(" ")[0] for name in offered("model_choice")}
    assert {"tinyA.safetensors", "one.safetensors"} <= models
    assert "karras" in {name.lower() for name in offered("scheduler_choice")}
    labels = [
        option["label"]["en_US"] for option in studio.options("upscale_image", "upscaler_choice")
    ]
    assert any(label.endswith("(comfyui)") for label in labels)


def test_a_job_that_is_not_done_fails_or_is_reported(studio: Host) -> None:
    with SdServer("sdcpp", seconds=3) as slow:
        credentials = {"sd_base_url": slow.url}

        def run(name: str, **parameters: Any) -> Result:
            _, tool = studio.find(name)
            given = prepare(tool, parameters)
            return Result.collect(studio.invoke(name, given, credentials=credentials))

        job = run("text_to_image", prompt="x", size="64x64", mode="submit").variables["job_id"]
        with pytest.raises(ToolFailed, match="Out of time after 1 s") as caught:
            run("fetch_image", job_id=job, timeout_seconds=1)
        assert "call fetch_image with the same job_id again" in caught.value.hint
        waiting = run("fetch_image", job_id=job, timeout_seconds=1, if_unfinished="report")
        assert (waiting.variables["status"], waiting.files) == ("running", [])
        assert waiting.variables["progress"] < 100
        done = run("fetch_image", job_id=job, timeout_seconds=30)
        assert (done.variables["status"], len(done.files)) == ("done", 1)
        assert slow.interrupts == 0
        assert len(slow.posts) == 1


def test_every_keyword_comes_back_once(studio: Host) -> None:
    result = call(studio, "cluster_keywords", **EXAMPLES["cluster_keywords"])
    found = [k["keyword"] for one in result.variables["clusters"] for k in one["keywords"]]
    found += [one["keyword"] for one in result.variables["unclustered"]]
    assert sorted(found) == sorted(EXAMPLES["cluster_keywords"]["keywords"].split("\n"))


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("cluster_keywords", {}, "keywords: got nothing"),
        ("cluster_keywords", {"keywords": "a\nb", "timeout_seconds": -1}, "timeout_seconds"),
        ("capture_screenshot", {}, "url"),
        ("capture_screenshot", {"url": "http://127.0.0.1:9/"}, "127.0.0.1"),
        ("capture_screenshot", {"url": "file:///etc/passwd"}, "file:///etc/passwd"),
        ("capture_screenshot", {"html": "<p>", "width": 0}, "width"),
        *(
            (
                "text_to_image",
                {"prompt": "x", "width": width, "height": 64},
                f"width: got .?{width}",
            )
            for width in ("abc", -1, 0, 7, 100000)
        ),
        ("text_to_image", {}, "prompt: got nothing"),
        ("text_to_image", {"prompt": "x", "size": "16:0"}, "size: got '16:0'"),
        ("text_to_image", {"prompt": "x", "size": "instagram_stroy"}, "instagram_story"),
        ("text_to_image", {"prompt": "x", "model": "tinyX"}, "model: got 'tinyX'"),
        ("text_to_image", {"prompt": "x", "engine": "dall-e"}, "engine: got 'dall-e'"),
        ("text_to_image", {"prompt": "x", "mode": "later"}, "mode: got 'later'"),
        ("text_to_image", {"prompt": "x", "extra": "{"}, "extra: got '{'"),
        ("image_to_image", {"prompt": "x"}, "image: got nothing"),
        ("image_to_image", {"prompt": "x", "image": "a.png"}, "image: got 'a.png'"),
        ("upscale_image", {"scale": 2}, "image: got nothing"),
        ("run_comfyui_workflow", {}, "workflow: got nothing"),
        ("run_comfyui_workflow", {"workflow": '{"nodes": [], "links": []}'}, "API"),
        ("run_comfyui_workflow", {"workflow": "{}", "size": "16:9"}, "size: got '16:9'"),
        ("ad_variants", {}, "brief: got nothing"),
        ("ad_variants", {"brief": "x", "platforms": "myspace"}, "platforms: got 'myspace'"),
        ("ad_variants", {"brief": "x", "count": 99}, "count: got 99"),
        ("ad_variants", {"brief": "x", "engine": "gpt"}, "engine: got 'gpt'"),
        ("ad_variants", {"brief": "x", "backgrounds": "red"}, "backgrounds: got 'red'"),
        ("ad_variants", {"brief": "x", "sizes": "16:9"}, "sizes: got '16:9'"),
        ("ad_variants", {"brief": "x", "sizes": '["5000x20"]'}, "sizes: got '5000x20'"),
        ("ad_variants", {"brief": "x", "colours": "reddish"}, "colours: got 'reddish'"),
        ("ad_variants", {"brief": "x", "seed": -1}, "seed: got -1"),
        ("ad_variants", {"brief": "x", "feedback": '[{"rating": 9}]'}, "feedback: got"),
        ("ad_variants", {"brief": "x", "feedback": "good"}, "feedback: got 'good'"),
        ("ad_variants", {"brief": "x", "must_include": '[{"a": 1}]'}, "must_include: got"),
        ("ad_variants", {"brief": "x", "dify_inputs": "[1]"}, "dify_inputs: got"),
        ("ad_variants", {"brief": "x", "cache_seconds": -1}, "cache_seconds: got -1"),
        ("ad_variants", {"brief": "x", "source_image": "a.png"}, "source_image: got 'a.png'"),
        ("ad_variants", {"brief": "x", "language": "klingon"}, "language: got 'klingon'"),
        ("fetch_image", {}, "job_id: got nothing"),
        ("fetch_image", {"job_id": "csj1.abc"}, "job_id: got 'csj1.abc'"),
    ],
)
def test_bad_input_fails_the_node(
    studio: Host, name: str, parameters: dict[str, Any], said: str
) -> None:
    # As a workflow sends it: nothing in front of the node checks its input.
    with pytest.raises(ToolFailed, match=said) as caught:
        Result.collect(studio.invoke(name, parameters))
    assert caught.value.error_type in {"InvalidInput", "BlockedAddress"}


def test_values_that_mean_nothing_are_as_if_missing(studio: Host) -> None:
    given = {"keywords": "a cat\na dog", "keywords_file": None, "timeout_seconds": ""}
    result = Result.collect(studio.invoke("cluster_keywords", given))
    assert result.variables["summary"]["keyword_count"] == 2


def test_the_loop_stays_free_during_a_long_computation(studio: Host) -> None:
    """A second call is answered while 1,600 keywords are clustered."""
    import threading

    colours, things = ("red", "blue", "old", "new"), ("shoe", "lamp", "car", "tea", "bed")
    words = "\n".join(f"{c} {t} number {n}" for c in colours for t in things for n in range(80))
    done: list[Result] = []
    work = threading.Thread(
        target=lambda: done.append(call(studio, "cluster_keywords", keywords=words))
    )
    work.start()
    answered = 0
    while work.is_alive():
        with pytest.raises(ToolFailed):
            call(studio, "cluster_keywords")
        answered += work.is_alive()
        time.sleep(0.05)
    assert done[0].variables["summary"]["unique_count"] == 1600
    assert answered >= 3


def test_credentials_are_checked_in_the_plugin(studio: Host) -> None:
    studio.validate_credentials({})
    with pytest.raises(ToolFailed) as caught:
        studio.validate_credentials({"max_seconds": "soon"})
    assert caught.value.message.startswith("max_seconds: got 'soon'")
    assert caught.value.error_type == "ToolProviderCredentialValidationError"


def test_a_keyword_file_from_dify(studio: Host) -> None:
    from runtime.answers.files import FileServer

    with FileServer() as files:
        sent = files.put("grün\nblau\nGRÜN\n".encode("utf-16"), "words.txt", "text/plain")
        result = call(studio, "cluster_keywords", keywords_file=sent)
    assert result.variables["summary"]["keyword_count"] == 3
    assert result.variables["summary"]["unique_count"] == 2
