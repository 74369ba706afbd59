"""Generation parameters of a picture, read from the graph that draws it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from creative.images.engines.comfyui.server import Graph
from creative.images.infotext import Infotext, compose

LATENT_UPSCALER = "Latent (nearest-exact)"
"""A1111's name of what LatentUpscale does."""


def infotext_of(graph: Graph, drawn: tuple[int, int]) -> str:
    """What a built graph draws, as AUTOMATIC1111 writes it.

    `drawn` is the size of the picture it starts from, if it starts from one.

    Read from the graph, so that what `extra` set is told as well. LoRAs stand in the prompt,
    as A1111 has them; `CFG scale` is the value that drew, given back as cfg_scale.
    """
    sampler = _inputs(graph, "sampler")
    guidance = _inputs(graph, "guidance").get("guidance")
    size = _inputs(graph, "latent")
    second = _inputs(graph, "sampler_2")
    larger = _inputs(graph, "larger")
    fields: dict[str, Any] = {
        "Steps": sampler.get("steps"),
        "Sampler": sampler.get("sampler_name"),
        "Schedule type": sampler.get("scheduler"),
        "CFG scale": sampler.get("cfg") if guidance is None else guidance,
        "Seed": sampler.get("seed"),
        "Size": _size(size.get("width", drawn[0]), size.get("height", drawn[1])),
        "Model": _model(graph),
        "Distilled CFG Scale": guidance,
    }
    if second:
        fields["Denoising strength"] = second.get("denoise")
        fields["Hires resize"] = _size(larger.get("width"), larger.get("height"))
        fields["Hires steps"] = second.get("steps")
        upscaler = _inputs(graph, "upscaler").get("model_name")
        fields["Hires upscaler"] = _stem(str(upscaler)) if upscaler else LATENT_UPSCALER
    elif "image" in graph:
        fields["Denoising strength"] = sampler.get("denoise")
    prompt = str(_inputs(graph, "positive").get("text", ""))
    tags = "".join(
        f" <lora:{_stem(str(inputs['lora_name']))}:{_plain(inputs['strength_model'])}>"
        for node, inputs in ((name, _inputs(graph, name)) for name in graph)
        if node.startswith("lora_")
    )
    return compose(
        Infotext(
            prompt=prompt + tags,
            negative_prompt=str(_inputs(graph, "negative").get("text", "")),
            fields={name: _plain(value) for name, value in fields.items() if value is not None},
        )
    )


def _inputs(graph: Graph, node: str) -> dict[str, Any]:
    return (graph.get(node) or {}).get("inputs") or {}


def _model(graph: Graph) -> str | None:
    inputs = _inputs(graph, "model")
    name = inputs.get("ckpt_name") or inputs.get("unet_name")
    return None if name is None else _stem(str(name))


def _stem(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).stem


def _size(width: Any, height: Any) -> str | None:
    return None if width is None or height is None else f"{width}x{height}"


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
