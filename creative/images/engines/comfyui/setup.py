"""From a request to a drawing: every name checked against what the server has."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict

from creative.errors import EngineRejected, InvalidInput
from creative.images.engines.comfyui.graph import (
    IMAGE_STRENGTH,
    SECOND_PASS_STRENGTH,
    Drawing,
    Parts,
    find,
)
from creative.images.engines.comfyui.models import (
    Recipe,
    family_of_architecture,
    recipe_of,
    schedule_of,
)
from creative.images.engines.comfyui.server import Graph, Server
from creative.images.families import family_of
from creative.images.names import closest, resolve
from creative.images.plan import Plan
from creative.images.request import DrawRequest, Lora, read_loras

CHECKPOINTS = ("CheckpointLoaderSimple", "ckpt_name")
DIFFUSION_MODELS = ("UNETLoader", "unet_name")
UPSCALERS = ("UpscaleModelLoader", "model_name")
LORAS = ("LoraLoader", "lora_name")
VAES = ("VAELoader", "vae_name")

_LORA = re.compile(r"\s*<lora:([^<>:]+)(?::(-?[\d.]+))?(?::[^<>]*)?>", re.IGNORECASE)
_TRAINED_TO_FILL = re.compile(r"inpaint|fill", re.IGNORECASE)

PARAMETERS = {
    ("model", "ckpt_name"): "model",
    ("model", "unet_name"): "model",
    ("sampler", "steps"): "steps",
    ("sampler", "cfg"): "cfg_scale",
    ("sampler", "sampler_name"): "sampler",
    ("sampler", "scheduler"): "scheduler",
    ("sampler", "denoise"): "strength",
    ("guidance", "guidance"): "cfg_scale",
    ("latent", "width"): "size",
    ("latent", "height"): "size",
    ("image", "image"): "image",
    ("mask", "image"): "mask",
    ("upscaler", "model_name"): "upscaler",
}
"""Which of the node's parameters fills an input of the built-in graphs."""


class Setup(BaseModel):
    """A request, as this server draws it."""

    model_config = ConfigDict(frozen=True)

    model: str
    family: str
    recipe: Recipe
    parts: Parts | None
    prompt: str
    negative_prompt: str
    loras: tuple[Lora, ...]
    steps: int
    cfg: float
    guidance: float | None
    sampler: str
    scheduler: str
    upscaler: str
    notes: tuple[str, ...]

    def drawing(
        self, request: DrawRequest, plan: Plan, seed: int, image: str = "", mask: str = ""
    ) -> Drawing:
        """What the graph of one picture is made of; `image` and `mask` are uploaded."""
        strength = request.strength
        first = 1.0
        if image:
            first = IMAGE_STRENGTH if strength is None else strength
        return Drawing(
            model=self.model,
            parts=self.parts,
            latent=self.recipe.latent,
            shift=self.recipe.shift,
            loras=self.loras,
            prompt=self.prompt,
            negative_prompt=self.negative_prompt,
            guidance=self.guidance,
            width=plan.draw_width,
            height=plan.draw_height,
            steps=self.steps,
            cfg=self.cfg,
            sampler=self.sampler,
            scheduler=self.scheduler,
            seed=seed,
            image=image,
            mask=mask,
            inpainting_model=bool(_TRAINED_TO_FILL.search(self.model)),
            strength=first,
            second_pass=plan.second_pass,
            second_strength=SECOND_PASS_STRENGTH if image or strength is None else strength,
            upscaler=self.upscaler,
        )


def set_up(request: DrawRequest, server: Server) -> Setup:
    """Check every name of a request.

    Raises:
        InvalidInput: a name that the server does not have, or something that it cannot do.
        EngineRejected: it has no model, or lacks a file that the model needs.
    """
    if request.styles:
        raise InvalidInput(
            "styles", ", ".join(request.styles), "nothing with ComfyUI, which saves no styles",
            "Write the style into the prompt.",
        )  # fmt: skip
    notes: list[str] = []
    model, whole = _model(request, server, notes)
    family = _family(request, server, model, whole)
    recipe = recipe_of(model, family)
    parts = None if whole else _parts(model, recipe, server)
    prompt, loras = _loras(request, server)
    sampler, scheduler = _schedule(request, recipe, server, notes)
    guidance, cfg = recipe.guidance, recipe.cfg
    if request.cfg_scale is not None:
        if guidance is None:
            cfg = request.cfg_scale
        else:
            guidance = request.cfg_scale
    if request.negative_prompt.strip() and cfg == 1:
        notes.append(f"negative_prompt: it has no effect with {model}, which is drawn at CFG 1")
    return Setup(
        model=model,
        family=family,
        recipe=recipe,
        parts=parts,
        prompt=prompt,
        negative_prompt=request.negative_prompt,
        loras=loras,
        steps=request.steps or recipe.steps,
        cfg=cfg,
        guidance=guidance,
        sampler=sampler,
        scheduler=scheduler,
        upscaler=upscaler_of(request.upscaler, server),
        notes=tuple(notes),
    )


def upscaler_of(wanted: str, server: Server) -> str:
    """The upscaler as the server calls it; "" for none, and for A1111's "Latent …"."""
    if not wanted.strip() or wanted.strip().lower().startswith("latent"):
        return ""
    return resolve("upscaler", wanted, server.options(*UPSCALERS), server.who)


def changes_of(extra: dict[str, Any], graph: Graph, server: Server) -> dict[tuple[str, str], Any]:
    """What `extra` sets in a built graph: (node id, input) -> value.

    Raises:
        InvalidInput: an unknown node or input, with the closest ones.
    """
    changes: dict[tuple[str, str], Any] = {}
    for name, inputs in extra.items():
        nodes = find(graph, str(name))
        if not nodes or not isinstance(inputs, dict):
            raise InvalidInput(
                "extra",
                {name: inputs},
                '{"node": {"input": value}} with a node of the built-in graph, by id, class or '
                "title",
                closest(str(name), [*graph, *(node["class_type"] for node in graph.values())], 20),
            )
        for node in nodes:
            kind = graph[node]["class_type"]
            known = server.inputs(kind)
            for key, value in inputs.items():
                if key not in known:
                    raise InvalidInput(
                        "extra", f"{name}: {key}", f"an input of {kind}", closest(key, known)
                    )
                changes[node, key] = value
    return changes


def _model(request: DrawRequest, server: Server, notes: list[str]) -> tuple[str, bool]:
    """The model, and whether it is a whole checkpoint."""
    checkpoints = server.options(*CHECKPOINTS)
    others = server.options(*DIFFUSION_MODELS)
    if not checkpoints and not others:
        raise EngineRejected(
            server.who,
            "it has no model to draw with",
            hint="Put a checkpoint into models/checkpoints of that ComfyUI and reload its page.",
        )
    if request.model.strip():
        model = resolve("model", request.model, [*checkpoints, *others], server.who)
        return model, model in checkpoints
    drawable = [name for name in others if recipe_of(name, family_of(name)).encoders]
    choices = [*checkpoints, *drawable]
    if not choices:
        raise InvalidInput("model", None, "one of the server's models", closest("", others))
    if len(choices) > 1:
        notes.append(f"model: none was given; {choices[0]}, the first of {len(choices)}, was used")
    return choices[0], choices[0] in checkpoints


def _family(request: DrawRequest, server: Server, model: str, whole: bool) -> str:
    if request.family not in ("", "auto"):
        return request.family
    family = family_of(model, default="")
    if family:
        return family
    folder = "checkpoints" if whole else "diffusion_models"
    described = server.described(folder, model)
    return family_of_architecture(str(described.get("modelspec.architecture") or "")) or "other"


def _parts(model: str, recipe: Recipe, server: Server) -> Parts:
    if not recipe.encoders:
        raise InvalidInput(
            "model",
            model,
            "a whole checkpoint, or a diffusion model of FLUX.1, Chroma, Stable Diffusion 3 or "
            "Qwen-Image",
            "For any other model export its workflow from ComfyUI and run it with the node "
            "run_comfyui_workflow.",
        )
    first = "clip_name" if len(recipe.encoders) == 1 else "clip_name1"
    known = server.options(recipe.encoder_loader, first)
    encoders = [
        _file(name, pattern, known, model, "text_encoders", server)
        for name, pattern in recipe.encoders.items()
    ]
    known = server.options(*VAES)
    vaes = [
        _file(name, pattern, known, model, "vae", server) for name, pattern in recipe.vae.items()
    ]
    return Parts(
        encoder_loader=recipe.encoder_loader,
        encoder_type=recipe.encoder_type,
        encoders=tuple(encoders),
        vae=vaes[0],
    )


def _file(
    name: str, pattern: str, known: list[str], model: str, folder: str, server: Server
) -> str:
    for candidate in known:
        if re.search(pattern, candidate, re.IGNORECASE):
            return candidate
    raise EngineRejected(
        server.who,
        f"{model} needs a file such as {name}.safetensors, and there is none in {folder}",
        hint=f"Put it into models/{folder} of that ComfyUI, or name a whole checkpoint as model.",
    )


def _loras(request: DrawRequest, server: Server) -> tuple[str, tuple[Lora, ...]]:
    """The prompt without A1111's <lora:…>, and all LoRAs by the server's names."""
    tags = "\n".join(match.group(0) for match in _LORA.finditer(request.prompt))
    wanted = [*read_loras(tags), *request.loras]
    known = server.options(*LORAS) if wanted else []
    loras = tuple(
        Lora(name=resolve("loras", lora.name, known, server.who), weight=lora.weight)
        for lora in wanted
    )
    return _LORA.sub("", request.prompt), loras


def _schedule(
    request: DrawRequest, recipe: Recipe, server: Server, notes: list[str]
) -> tuple[str, str]:
    samplers = server.options("KSampler", "sampler_name")
    schedulers = server.options("KSampler", "scheduler")
    sampler, scheduler = schedule_of(
        request.sampler, request.scheduler, samplers, schedulers, server.who
    )
    defaults = []
    for parameter, default, known in (
        ("sampler", recipe.sampler, samplers),
        ("scheduler", recipe.scheduler, schedulers),
    ):
        usable = default if default in known or not known else known[0]
        if usable != default:
            notes.append(f"{parameter}: the server has no {default}; {usable} is the default")
        defaults.append(usable)
    return sampler or defaults[0], scheduler or defaults[1]
