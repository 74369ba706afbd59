"""Whatever a file says, in any form: no error but ours, and what we write is read back."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creative.images.infotext import Infotext, compose
from creative.images.reading import automatic1111, exact, texts
from creative.images.reading.comfy_editor import from_editor
from creative.images.reading.comfy_graph import from_api
from creative.images.reading.comfyui import from_graph

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.tuples(st.sampled_from(["1", "2", "3", "s"]), st.integers(0, 2)).map(list),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["prompt", "class_type", "inputs", "positive", "text", "1", "2", "3", "s",
                         "model", "loras", "seed", "v4_prompt", "caption", "char_captions",
                         "image", "sui_image_params", "nodes", "links", "id", "type",
                         "widgets_values", "name", "weight", "uc", "Comment", "definitions",
                         "subgraphs", "mode", "outputs", "link"]),
        inner, max_size=6),
    max_leaves=30,
)  # fmt: skip
quiet = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@quiet
@given(value=JSON)
def test_any_json_under_any_name(value: Any) -> None:
    text = json.dumps(value)
    for name in ("parameters", "prompt", "workflow", "Comment", "invokeai_metadata", "sd-metadata",
                 texts.USER_COMMENT):  # fmt: skip
        carried = texts.Texts("png", 64, 64)
        carried.by_name = {name: text, "Software": "NovelAI"}
        recipe = exact.said(carried)
        if recipe is not None:
            recipe.settings()
            assert len(json.dumps(recipe.other)) < 100_000
            recipe.infotext()


INPUTS = st.dictionaries(
    st.sampled_from(["positive", "negative", "text", "latent_image", "model", "seed", "steps",
                     "conditioning", "", "string_a", "string_b", "delimiter", "guider", "clip",
                     "lora_name", "strength_model", "width", "height", "samples", "images"]),
    st.tuples(st.sampled_from("123456789s"), st.integers(0, 3)).map(list)
    | st.text(max_size=6) | st.integers() | st.floats() | st.none(),
    max_size=7,
)  # fmt: skip
KINDS = st.sampled_from(
    ["KSampler", "CLIPTextEncode", "ConditioningCombine", "Reroute", "LoraLoader", "SaveImage",
     "StringConcatenate", "LatentUpscale", "SamplerCustomAdvanced", "CFGGuider", "Odd Text Node"]
)  # fmt: skip


@quiet
@given(
    nodes=st.dictionaries(
        st.sampled_from("123456789s"), st.tuples(KINDS, INPUTS), min_size=1, max_size=10
    )
)
def test_any_graph(nodes: dict[str, tuple[str, dict[str, Any]]]) -> None:
    graph = from_api({n: {"class_type": k, "inputs": i} for n, (k, i) in nodes.items()})
    assert graph is not None
    recipe = from_graph(graph)
    recipe.settings()
    recipe.infotext()
    from_editor(
        {"nodes": [{"id": n, "type": k, "widgets_values": list(i.values())}
                   for n, (k, i) in nodes.items()], "links": []}
    )  # fmt: skip


WORDS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)


@quiet
@given(prompt=WORDS, negative=WORDS, seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 150))
def test_what_compose_writes_is_read_back(
    prompt: str, negative: str, seed: int, steps: int
) -> None:
    fields = {"Steps": str(steps), "Seed": str(seed), "Size": "64x64", "Version": "v1.10.1"}
    text = Infotext(prompt=prompt, negative_prompt=negative, fields=fields)
    recipe = automatic1111.from_text(compose(text))
    assert recipe.text == text
    assert recipe.infotext() == compose(text).strip("\0")
    assert recipe.settings()[0]["seed"] == seed
