"""The workflows that ship with the project fit its tools, and run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtime.answers.files import FileServer
from runtime.host.messages import Message
from runtime.workflow.dsl import Node, Workflow, read
from runtime.workflow.run import run
from tests.workflow_helpers import ScriptedHost, blob, text, variable

ROOT = Path(__file__).parents[1]
PAGE_AND_KEYWORDS = ROOT / "workflows" / "page_and_keywords.yml"
SHIPPED = sorted((ROOT / "workflows").glob("*.yml"))
PROVIDER = "creative-studio/creative_studio/creative_studio"


def declared(tool: str) -> dict[str, Any]:
    path = ROOT / "tools" / f"{tool}.yaml"
    assert path.exists(), f"a shipped workflow calls {tool}, which has no {path.name}"
    loaded: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return loaded


def tool_nodes(workflow: Workflow) -> list[Node]:
    return [node for node in workflow.nodes.values() if node.type == "tool"]


def selectors(value: Any) -> Iterator[list[str]]:
    """Every variable that some part of a node refers to."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "value_selector" or (key == "value" and value.get("type") == "variable"):
                yield list(item)
            else:
                yield from selectors(item)
    elif isinstance(value, list):
        for item in value:
            yield from selectors(item)
    elif isinstance(value, str):
        for found in re.findall(r"\{\{#([\w.]+)#\}\}", value):
            yield found.split(".")


OUTPUTS = {
    "template-transform": {"output"},
    "iteration": {"output", "item", "index"},
    "llm": {"text", "usage"},
}


def outputs_of(node: Node) -> set[str]:
    if node.type == "start":
        return {entry["variable"] for entry in node.data["variables"]}
    if node.type == "code":
        return set(node.data["outputs"])
    if node.type == "tool":
        schema = declared(node.data["tool_name"])["output_schema"]["properties"]
        return {"text", "json", "files", *schema}
    return OUTPUTS.get(node.type, set())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_workflow_fits_the_tools_it_calls(path: Path) -> None:
    workflow = read(path)
    assert workflow.version == "0.6.0"
    for node in tool_nodes(workflow):
        assert node.data["provider_id"] == node.data["provider_name"] == PROVIDER
        assert node.data["tool_node_version"] == "2"
        tool = declared(node.data["tool_name"])
        assert node.data["tool_label"] == tool["identity"]["label"]["en_US"]
        names = {parameter["name"] for parameter in tool["parameters"]}
        given = {**node.data["tool_parameters"], **node.data["tool_configurations"]}
        assert set(given) <= names
        assert all(set(value) == {"type", "value"} for value in given.values())
        required = {p["name"] for p in tool["parameters"] if p.get("required")}
        assert required <= set(given)
    for node in workflow.nodes.values():
        assert re.fullmatch(r"\d{13}", node.id)
        for id, name, *_ in selectors(node.data):
            assert name in outputs_of(workflow.nodes[id]), f"{node.title} refers to {id}.{name}"


def test_page_and_keywords_reports_both() -> None:
    def capture(_parameters: Mapping[str, Any]) -> Iterator[Message]:
        yield text("A screenshot.")
        outputs = {"title": "Cups", "final_url": "https://cups.example/", "status": 200}
        for name, value in {**outputs, "image_width": 1280, "image_height": 800}.items():
            yield variable(name, value)
        yield blob(b"PNG", "image/png", "cups.png")

    def cluster(_parameters: Mapping[str, Any]) -> Iterator[Message]:
        words = ["tea cup", "big tea cup", "tea mug", "tea pot", "pot", "tea can"]
        entries = [{"keyword": word, "volume": None, "similarity": 0.9} for word in words]
        found = {"id": 1, "name": "tea", "head": "tea cup", "keywords": entries, "size": 6}
        yield text("One cluster.")
        yield variable("clusters", [found])
        yield variable("unclustered", [{"keyword": "shoe", "nearest": "tea"}])
        yield variable("summary", {"cluster_count": 1, "unique_count": 7})
        yield blob(b"cluster\n", "text/csv", "clusters.csv")

    tools = {"capture_screenshot": capture, "cluster_keywords": cluster}
    numbers = [{"name": n, "type": "number"} for n in ("width", "height")]
    parameters = {
        "capture_screenshot": [
            {"name": "url", "type": "string"},
            *numbers,
            {"name": "full_page", "type": "boolean"},
        ],
        "cluster_keywords": [{"name": "keywords", "type": "string"}],
    }
    host = ScriptedHost(tools, parameters, PROVIDER)
    with FileServer() as files:
        result = run(
            PAGE_AND_KEYWORDS,
            {"url": "https://cups.example", "keywords": "tea cup\nshoe"},
            [host],
            files=files,
        )
    assert result.ok, result.error
    assert result.status == "succeeded"
    calls = {frozenset(call): call for call in host.calls}
    assert list(calls[frozenset({"keywords"})].values()) == ["tea cup\nshoe"]
    assert calls[frozenset({"url", "width", "height", "full_page"})] == {
        "url": "https://cups.example",
        "width": 1280,
        "height": 800,
        "full_page": False,
    }
    assert result.outputs["report"] == (
        "# Cups\n\n"
        "https://cups.example/ answered 200; the screenshot is 1280 x 800 pixels.\n\n"
        "## 1 clusters of 7 keywords\n\n"
        "- **tea** (6): tea cup, big tea cup, tea mug, tea pot, pot, …\n\n"
        "Without a cluster: shoe\n"
    )
    assert result.outputs["screenshot"][0].data == b"PNG"
    assert result.outputs["csv"][0].filename == "clusters.csv"
    assert result.outputs["clusters"][0]["name"] == "tea"


def test_screenshots_reports_each_page_and_what_failed() -> None:
    def capture(parameters: Mapping[str, Any]) -> Iterator[Message]:
        phone = "device" in parameters
        done = {"ok": True, "final_url": "https://cups.example/", "status": 200, "notes": []}
        size = {"width": 1179, "height": 4000} if phone else {"width": 1280, "height": 800}
        page = {} if phone else {"title": "Cups", "description": "For tea.", "palette": ["#fff"]}
        filename = "phone.jpg" if phone else "computer.png"
        good = {**done, **size, "title": "Cups", "filename": filename, "page": page}
        bad = {"ok": False, "error": "It answered 404.", "url": "https://gone.example", "page": {}}
        yield text("Done.")
        yield variable("results", [good, {**bad, "notes": []}])
        yield blob(b"JPG" if phone else b"PNG", "image/png", filename)

    tool = declared("capture_screenshot")
    kinds = [{"name": p["name"], "type": p["type"]} for p in tool["parameters"]]
    host = ScriptedHost({"capture_screenshot": capture}, {"capture_screenshot": kinds}, PROVIDER)
    urls = "https://cups.example\nhttps://gone.example"
    with FileServer() as files:
        result = run(
            ROOT / "workflows" / "screenshots.yml",
            {"urls": urls, "language": "pt-BR"},
            [host],
            files=files,
        )
    assert result.ok, result.error
    assert {call["url"] for call in host.calls} == {urls}
    assert {call["language"] for call in host.calls} == {"pt-BR"}
    assert sorted(call.get("device", "") for call in host.calls) == ["", "iPhone 15"]
    assert result.outputs["report"].split("\n\n") == [
        "## Cups",
        "https://cups.example/ answered 200: computer.png (1280 x 800 pixels)\n"
        "As on a phone: phone.jpg (1179 x 4000 pixels)\nFor tea.\nColours: #fff",
        "## https://gone.example",
        "https://gone.example as on a computer: It answered 404.\nAs on a phone: It answered 404.",
        "",
    ]
    assert [file.data for file in result.outputs["computer"]] == [b"PNG"]
    assert [file.data for file in result.outputs["phone"]] == [b"JPG"]
