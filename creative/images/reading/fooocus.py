"""Pictures of Fooocus in its own scheme, and of SwarmUI: JSON where others write a text.

Fooocus: PNG text chunk `parameters`; in JPEG and WebP the EXIF UserComment, with the scheme as
MakerNote (modules/meta_parser.py, `FooocusMetadataParser` and `get_exif`; read at 045d03dd). Its
other scheme, a1111, is read in `automatic1111`. SwarmUI: the same places, the settings inside
`sui_image_params` (docs/Image Metadata Format.md).
"""

from __future__ import annotations

import ast
import re
from typing import Any

from creative.images.infotext import Infotext
from creative.images.reading.loose import as_object, inner
from creative.images.reading.recipe import (
    Recipe,
    as_text,
    bare,
    fields_of,
    leftover,
    lora_of,
    sampler_of,
    size_of,
)
from creative.images.reading.texts import USER_COMMENT, Texts
from creative.images.request import Lora

_READ = {
    "prompt", "negative_prompt", "steps", "guidance_scale", "seed", "resolution", "base_model",
    "sampler", "scheduler", "loras", "refiner_model", "vae",
}  # fmt: skip
_SWARM_READ = {
    "prompt", "negativeprompt", "model", "seed", "steps", "cfgscale", "width", "height",
    "sampler", "scheduler", "loras", "loraweights", "vae", "fluxguidancescale",
}  # fmt: skip
_RESOLUTION = re.compile(r"\(?\s*(\d{1,6})\s*[,x×]\s*(\d{1,6})\s*\)?")
_MOST_LORAS = 50


def read(texts: Texts) -> Recipe | None:
    """What Fooocus or SwarmUI says of the picture; None if it is neither's."""
    for place in ("parameters", USER_COMMENT):
        found = as_object(texts.get(place))
        swarm = inner(found, "sui_image_params")
        if isinstance(swarm, dict):
            return _swarm(swarm)
        if "prompt" in found and {"guidance_scale", "base_model", "performance"} & found.keys():
            return _fooocus(found)
    return None


def _fooocus(found: dict[str, Any]) -> Recipe:
    size = _RESOLUTION.fullmatch(as_text(found.get("resolution")))
    notes = []
    styles = found.get("styles")
    if styles and styles != "[]":
        notes.append(
            "Fooocus added its styles to this prompt; the prompt with them is in `other` as "
            "full_prompt."
        )
    values = dict(found)
    for name in ("full_prompt", "full_negative_prompt"):  # lists of texts
        if isinstance(values.get(name), list):
            values[name] = ", ".join(as_text(part) for part in values[name][:100])
    fields = {
        "Steps": found.get("steps"),
        **sampler_of("ComfyUI", as_text(found.get("sampler")), as_text(found.get("scheduler"))),
        "CFG scale": found.get("guidance_scale"),
        "Seed": found.get("seed"),
        "Size": size_of(size[1], size[2]) if size else None,
        "Model": bare(found.get("base_model")),
        "Refiner": _unless_none(found.get("refiner_model")),
        "VAE": _unless_none(found.get("vae")),
    }
    return Recipe(
        generator="Fooocus",
        text=Infotext(
            prompt=as_text(found.get("prompt")),
            negative_prompt=as_text(found.get("negative_prompt")),
            fields=fields_of(fields),
        ),
        loras=_loras(found),
        other=leftover(values, _READ),
        notes=tuple(notes),
    )


def _loras(found: dict[str, Any]) -> tuple[Lora, ...]:
    rows = found.get("loras")
    if isinstance(rows, str):
        try:
            rows = ast.literal_eval(rows[:20_000])
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            rows = None
    pairs = [row for row in rows if isinstance(row, list | tuple)] if isinstance(rows, list) else []
    if not pairs:
        combined = [as_text(v) for k, v in found.items() if str(k).startswith("lora_combined_")]
        pairs = [text.rsplit(" : ", 1) for text in combined]
    made = (lora_of(pair[0], pair[1]) for pair in pairs[:_MOST_LORAS] if len(pair) >= 2)
    return tuple(lora for lora in made if lora)


def _unless_none(name: Any) -> str:
    plain = bare(name)
    return "" if plain.lower() in ("none", "default (model)") else plain


def _swarm(found: dict[str, Any]) -> Recipe:
    names, weights = _list(found.get("loras")), _list(found.get("loraweights"))
    weights += [1.0] * (len(names) - len(weights))
    made = (lora_of(n, w) for n, w in zip(names[:_MOST_LORAS], weights, strict=False))
    fields = {
        "Steps": found.get("steps"),
        **sampler_of("ComfyUI", as_text(found.get("sampler")), as_text(found.get("scheduler"))),
        # As in our own graphs, the scale of a distilled model is its guidance.
        "CFG scale": found.get("fluxguidancescale", found.get("cfgscale")),
        "Distilled CFG Scale": found.get("fluxguidancescale"),
        "Seed": found.get("seed"),
        "Size": size_of(found.get("width"), found.get("height")),
        "Model": bare(found.get("model")),
        "VAE": _unless_none(found.get("vae")),
    }
    return Recipe(
        generator="SwarmUI",
        text=Infotext(
            prompt=as_text(found.get("prompt")),
            negative_prompt=as_text(found.get("negativeprompt")),
            fields=fields_of(fields),
        ),
        loras=tuple(lora for lora in made if lora),
        other=leftover(found, _SWARM_READ),
    )


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return list(value)
    return [part for part in as_text(value).split(",") if part.strip()]
