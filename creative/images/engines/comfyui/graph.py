"""The built-in graphs, as pure functions: what is drawn in, a workflow in API format out.

Node ids are words, so that `extra` can name them: model, positive, negative, sampler,
sampler_2 … Sources of the shapes: the templates that ComfyUI's own menu offers
(text to image, image to image, inpaint, 2 pass, flux, sd3.5, qwen image) and the nodes'
declarations in /object_info of 0.3.75.
"""

from __future__ import annotations

import copy
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from creative.images.engines.comfyui.server import FOLDER, Graph
from creative.images.request import Lora

SECOND_PASS_STRENGTH = 0.5
"""ComfyUI's own example of a second pass ("Hires fix") uses 0.5."""
IMAGE_STRENGTH = 0.75
"""A1111's default for image to image."""

Link = list[Any]


class Parts(BaseModel):
    """Files that make up a model that does not come as one checkpoint."""

    model_config = ConfigDict(frozen=True)

    loader: str = Field("UNETLoader", description="class that loads the diffusion model")
    encoder_loader: str = Field(description="CLIPLoader, DualCLIPLoader or TripleCLIPLoader")
    encoder_type: str = Field("", description="`type` of that loader; empty: it has none")
    encoders: tuple[str, ...]
    vae: str


class Drawing(BaseModel):
    """Everything a built-in graph is made of. Sizes in pixels."""

    model_config = ConfigDict(frozen=True)

    model: str = Field(description="file name as the server has it")
    parts: Parts | None = Field(None, description="None: the model is a whole checkpoint")
    latent: str = Field("EmptyLatentImage", description="class of the empty latent")
    shift: float | None = Field(None, description="of ModelSamplingAuraFlow; None: the model's")
    loras: tuple[Lora, ...] = ()
    prompt: str
    negative_prompt: str = ""
    guidance: float | None = Field(None, description="of FluxGuidance; None: no such node")
    width: int
    height: int
    steps: int
    cfg: float
    sampler: str
    scheduler: str
    seed: int
    image: str = Field("", description="uploaded picture to start from")
    mask: str = Field("", description="uploaded mask; white is repainted")
    inpainting_model: bool = Field(False, description="the model was trained to fill masks")
    strength: float = 1.0
    second_pass: tuple[int, int] | None = None
    second_strength: float = SECOND_PASS_STRENGTH
    upscaler: str = Field("", description="model that enlarges for the second pass")


class _Builder:
    def __init__(self) -> None:
        self.graph: Graph = {}

    def add(self, name: str, kind: str, title: str, **inputs: Any) -> str:
        self.graph[name] = {"class_type": kind, "inputs": inputs, "_meta": {"title": title}}
        return name


def drawing(job: Drawing, prefix: str) -> Graph:
    """The graph of one picture.

    Args:
        job: what is drawn.
        prefix: of the file's name, never used before: a server that finds everything in its
            cache would else make no file.
    """
    build = _Builder()
    model, clip, vae = _model(build, job)
    build.add("positive", "CLIPTextEncode", "Prompt", clip=clip, text=job.prompt)
    build.add("negative", "CLIPTextEncode", "Negative prompt", clip=clip, text=job.negative_prompt)
    positive: Link = ["positive", 0]
    negative: Link = ["negative", 0]
    if job.guidance is not None:
        build.add(
            "guidance",
            "FluxGuidance",
            "Guidance",
            conditioning=positive,
            guidance=job.guidance,
        )
        positive = ["guidance", 0]
    latent: Link = ["latent", 0]
    if not job.image:
        build.add("latent", job.latent, "Size", width=job.width, height=job.height, batch_size=1)
    elif job.mask and job.inpainting_model:
        _images(build, job)
        build.add(
            "latent",
            "InpaintModelConditioning",
            "Image and mask",
            positive=positive,
            negative=negative,
            vae=vae,
            pixels=["image", 0],
            mask=["mask", 0],
            noise_mask=True,
        )
        positive, negative, latent = ["latent", 0], ["latent", 1], ["latent", 2]
    else:
        _images(build, job)
        build.add("latent", "VAEEncode", "Image to latent", pixels=["image", 0], vae=vae)
        if job.mask:
            build.add(
                "masked", "SetLatentNoiseMask", "Mask", samples=["latent", 0], mask=["mask", 0]
            )
            latent = ["masked", 0]
    common = {
        "model": model,
        "positive": positive,
        "negative": negative,
        "seed": job.seed,
        "steps": job.steps,
        "cfg": job.cfg,
        "sampler_name": job.sampler,
        "scheduler": job.scheduler,
    }
    build.add("sampler", "KSampler", "Sampler", **common, latent_image=latent, denoise=job.strength)
    last = "sampler"
    if job.second_pass is not None:
        larger = _larger(build, job, vae)
        build.add(
            "sampler_2",
            "KSampler",
            "Second pass",
            **common,
            latent_image=larger,
            denoise=job.second_strength,
        )
        last = "sampler_2"
    build.add("picture", "VAEDecode", "Latent to image", samples=[last, 0], vae=vae)
    result: Link = ["picture", 0]
    if job.mask:
        # What is not painted comes back to the last bit, not through the VAE.
        build.add(
            "unmasked",
            "ImageCompositeMasked",
            "Keep what is outside the mask",
            destination=["image", 0],
            source=result,
            x=0,
            y=0,
            resize_source=False,
            mask=["mask", 0],
        )
        result = ["unmasked", 0]
    build.add("save", "SaveImage", "Save", images=result, filename_prefix=f"{FOLDER}/{prefix}")
    return build.graph


def _model(build: _Builder, job: Drawing) -> tuple[Link, Link, Link]:
    """The nodes that load model, text encoders, VAE and LoRAs."""
    if job.parts is None:
        build.add("model", "CheckpointLoaderSimple", "Model", ckpt_name=job.model)
        model, clip, vae = ["model", 0], ["model", 1], ["model", 2]
    else:
        build.add("model", job.parts.loader, "Model", unet_name=job.model, weight_dtype="default")
        names = [f"clip_name{number}" for number in range(1, 1 + len(job.parts.encoders))]
        if len(names) == 1:
            names = ["clip_name"]
        files = dict(zip(names, job.parts.encoders, strict=True))
        if job.parts.encoder_type:
            files["type"] = job.parts.encoder_type
        build.add("encoder", job.parts.encoder_loader, "Text encoders", **files)
        build.add("vae", "VAELoader", "VAE", vae_name=job.parts.vae)
        model, clip, vae = ["model", 0], ["encoder", 0], ["vae", 0]
    for number, lora in enumerate(job.loras, start=1):
        name = build.add(
            f"lora_{number}",
            "LoraLoader",
            f"LoRA {number}",
            model=model,
            clip=clip,
            lora_name=lora.name,
            strength_model=lora.weight,
            strength_clip=lora.weight,
        )
        model, clip = [name, 0], [name, 1]
    if job.shift is not None:
        build.add("shift", "ModelSamplingAuraFlow", "Shift", model=model, shift=job.shift)
        model = ["shift", 0]
    return model, clip, vae


def _images(build: _Builder, job: Drawing) -> None:
    build.add("image", "LoadImage", "Image", image=job.image)
    if job.mask:
        build.add("mask", "LoadImageMask", "Mask of what changes", image=job.mask, channel="red")


def _larger(build: _Builder, job: Drawing, vae: Link) -> Link:
    """The nodes between first and second pass."""
    if job.second_pass is None:
        raise AssertionError("only called with a second pass")
    size = {"width": job.second_pass[0], "height": job.second_pass[1], "crop": "disabled"}
    if not job.upscaler:
        build.add(
            "larger",
            "LatentUpscale",
            "Enlarge",
            samples=["sampler", 0],
            upscale_method="nearest-exact",
            **size,
        )
        return ["larger", 0]
    build.add("picture_1", "VAEDecode", "First pass", samples=["sampler", 0], vae=vae)
    enlarged = _enlarge(build, job.upscaler, ["picture_1", 0])
    build.add("larger", "ImageScale", "Size", image=enlarged, upscale_method="lanczos", **size)
    build.add("latent_2", "VAEEncode", "Second pass's latent", pixels=["larger", 0], vae=vae)
    return ["latent_2", 0]


def _enlarge(build: _Builder, upscaler: str, image: Link) -> Link:
    build.add("upscaler", "UpscaleModelLoader", "Upscaler", model_name=upscaler)
    build.add(
        "enlarged", "ImageUpscaleWithModel", "Enlarge", upscale_model=["upscaler", 0], image=image
    )
    return ["enlarged", 0]


def enlargement(
    image: str, upscaler: str, prefix: str, before: tuple[int, int] | None = None
) -> Graph:
    """The graph that makes a picture larger.

    Args:
        image: name of the uploaded picture.
        upscaler: file name as the server has it.
        prefix: as for `drawing`.
        before: size in pixels to which the picture is brought first.
    """
    build = _Builder()
    build.add("image", "LoadImage", "Image", image=image)
    source: Link = ["image", 0]
    if before is not None:
        build.add(
            "smaller",
            "ImageScale",
            "Size",
            image=source,
            upscale_method="lanczos",
            width=before[0],
            height=before[1],
            crop="disabled",
        )
        source = ["smaller", 0]
    result = _enlarge(build, upscaler, source)
    build.add("save", "SaveImage", "Save", images=result, filename_prefix=f"{FOLDER}/{prefix}")
    return build.graph


def title_of(graph: Graph, node_id: str) -> str:
    """A node for people: its title, class and id."""
    node = graph.get(node_id) or {}
    kind = str(node.get("class_type") or "")
    title = str((node.get("_meta") or {}).get("title") or "")
    if not kind:
        return f"node #{node_id}"
    named = f'"{title}" ({kind})' if title and title != kind else kind
    return f"{named} #{node_id}"


def short_title_of(graph: Graph, node_id: str) -> str:
    """A node in one or two words: its title, else its class, else its id."""
    node = graph.get(node_id) or {}
    title = (node.get("_meta") or {}).get("title") or node.get("class_type")
    return str(title or f"node {node_id}")


def find(graph: Graph, name: str) -> list[str]:
    """Ids of the nodes with this id, class or title; an id goes first and alone."""
    if name in graph:
        return [name]
    wanted = name.strip().lower()
    return [
        node_id
        for node_id, node in graph.items()
        if wanted
        in (
            node_id.lower(),
            str(node.get("class_type", "")).lower(),
            str((node.get("_meta") or {}).get("title", "")).lower(),
        )
    ]


def patched(graph: Graph, changes: dict[tuple[str, str], Any]) -> Graph:
    """A copy with these inputs set: (node id, input) -> value."""
    result = copy.deepcopy(graph)
    for (node_id, name), value in changes.items():
        result[node_id]["inputs"][name] = value
    return result
