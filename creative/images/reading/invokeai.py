"""Pictures of InvokeAI.

- Since 3: PNG text chunk `invokeai_metadata`, JSON of `CoreMetadataInvocation`
  (invokeai/app/invocations/metadata.py; read at 8e71a8a5, 6.14), with what the graphs
  of its interface add (nodes/util/graph/generation: guidance of Flux).
- 1.15 to 2: `sd-metadata`, JSON with the request in `image` (ldm/invoke/server_legacy and
  backend/invoke_ai_web_server.py), and `Dream`, the request as a command line
  (ldm/invoke/args.py, `dream_prompt_str`). The negative prompt stands there in [brackets]
  (docs/features/PROMPTS.md).
"""

from __future__ import annotations

import re
import shlex
from typing import Any

from creative.images.infotext import Infotext
from creative.images.reading.loose import as_object, inner
from creative.images.reading.recipe import (
    Recipe,
    as_number,
    as_text,
    bare,
    fields_of,
    leftover,
    lora_of,
    sampler_of,
    size_of,
)
from creative.images.reading.texts import Texts

MOST_CLIP_LAYERS = 24
"""The largest text encoder has so many."""
_NEGATIVE = re.compile(r"\[([^\[\]]*)\]")
_READ = {
    "positive_prompt", "negative_prompt", "seed", "steps", "cfg_scale", "scheduler", "width",
    "height", "model", "loras", "strength", "guidance",
}  # fmt: skip
_DREAM_FLAGS = {
    "s": "steps", "S": "seed", "W": "width", "H": "height", "C": "cfg_scale", "A": "sampler",
    "f": "strength",
}  # fmt: skip


def read(texts: Texts) -> Recipe | None:
    """What InvokeAI says of the picture; None if it is none of its."""
    for name in ("invokeai_metadata", "invokeai", "core_metadata"):
        found = as_object(texts.get(name))
        if found:
            return _modern(found)
    found = as_object(texts.get("sd-metadata"))
    if found:
        return _older(found)
    return _dream(texts.get("Dream")) if texts.get("Dream") else None


def _modern(found: dict[str, Any]) -> Recipe:
    loras = []
    rows = found.get("loras")
    for row in rows[:200] if isinstance(rows, list) else ():
        one = row if isinstance(row, dict) else {}
        # Before 4 the model of a LoRA was called lora.
        model = one.get("model") or one.get("lora")
        name = inner(one, "model", "name") or inner(one, "lora", "model_name")
        loras.append(lora_of(name or as_text(model), one.get("weight")))
    prompt, negative = as_text(found.get("positive_prompt")), as_text(found.get("negative_prompt"))
    notes = []
    if as_text(found.get("positive_style_prompt")):
        notes.append("The picture has a second prompt for its style; it is in `other`.")
    model = inner(found, "model", "name") or inner(found, "model", "model_name")
    refiner = inner(found, "refiner_model", "name") or inner(found, "refiner_model", "model_name")
    vae = inner(found, "vae", "name") or inner(found, "vae", "model_name")
    skipped = as_number(found.get("clip_skip")) or 0
    fields = {
        "Steps": found.get("steps"),
        **sampler_of("InvokeAI", as_text(found.get("scheduler"))),
        # Flux has a guidance in its place, which is what our graphs of ComfyUI call so, too.
        "CFG scale": found.get("cfg_scale", found.get("guidance")),
        "Distilled CFG Scale": found.get("guidance"),
        "Seed": found.get("seed"),
        "Size": size_of(found.get("width"), found.get("height")),
        "Model": bare(model),
        "Denoising strength": found.get("strength"),
        # Layers left out here; AUTOMATIC1111 counts the one that is used.
        "Clip skip": int(skipped) + 1 if 1 <= skipped <= MOST_CLIP_LAYERS else None,
        "Refiner": bare(refiner),
        "VAE": bare(vae),
    }
    return Recipe(
        generator="InvokeAI",
        text=Infotext(prompt=prompt, negative_prompt=negative, fields=fields_of(fields)),
        loras=tuple(lora for lora in loras if lora),
        other=leftover(found, _READ),
        notes=tuple(notes),
    )


def _older(found: dict[str, Any]) -> Recipe:
    image = found.get("image")
    image = image[0] if isinstance(image, list) and image else image
    request = image if isinstance(image, dict) else {}
    prompt = request.get("prompt")
    parts = prompt if isinstance(prompt, list) else [{"prompt": prompt}]
    texts = [as_text(inner(part, "prompt")) for part in parts if isinstance(part, dict)]
    return _recipe(", ".join(filter(None, texts)), request, as_text(found.get("model_weights")))


def _dream(line: str) -> Recipe:
    try:
        words = shlex.split(line[:100_000])
    except ValueError:
        words = line[:100_000].split()
    request: dict[str, Any] = {}
    prompt: list[str] = []
    position = 0
    while position < len(words):
        word = words[position]
        flag = _DREAM_FLAGS.get(word[1:2]) if re.match(r"-[A-Za-z]", word) else None
        if flag is None:
            if not word.startswith("-"):
                prompt.append(word)
        elif len(word) > 2:
            request[flag] = word[2:]
        elif position + 1 < len(words):
            position += 1
            request[flag] = words[position]
        position += 1
    return _recipe(" ".join(prompt), request, "")


def _recipe(prompt: str, request: dict[str, Any], weights: str) -> Recipe:
    negative = ", ".join(filter(None, (found.strip() for found in _NEGATIVE.findall(prompt))))
    sampler = as_text(request.get("sampler") or request.get("sampler_name"))
    fields = {
        "Steps": request.get("steps"),
        **sampler_of("InvokeAI", sampler),
        "CFG scale": request.get("cfg_scale"),
        "Seed": request.get("seed"),
        "Size": size_of(request.get("width"), request.get("height")),
        "Model": bare(weights),
        "Denoising strength": request.get("strength"),
    }
    known = {"prompt", "steps", "sampler", "sampler_name", "cfg_scale", "seed", "width", "height"}
    return Recipe(
        generator="InvokeAI",
        text=Infotext(
            prompt=_NEGATIVE.sub("", prompt).strip(" ,") if negative else prompt,
            negative_prompt=negative,
            fields=fields_of(fields),
        ),
        other=leftover(request, known | {"strength"}),
    )
