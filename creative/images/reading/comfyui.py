"""Pictures of ComfyUI: the graph that drew them, read back from the picture to its prompt.

Where the graph is: PNG text chunks `prompt` (API form) and `workflow` (the editor's); in WebP the
EXIF entry 0x0110 "prompt:{…}" and 0x010f downwards "workflow:{…}" (ComfyUI,
comfy_extras/nodes_images.py and comfy_api/latest/_ui.py); other saving nodes use other entries of
EXIF and the UserComment in the same form, which the editor reads as well (its
scripts/metadata/exif). What is read: the sampler nearest to the saved picture; where its latent
comes from another sampler, that one drew first and this one is a second pass or a refiner.
"""

from __future__ import annotations

import re
from typing import Any

from creative.images.infotext import Infotext
from creative.images.reading.comfy_editor import from_editor
from creative.images.reading.comfy_graph import Graph, Node, from_api, link_of
from creative.images.reading.comfy_text import Tracer
from creative.images.reading.loose import as_object
from creative.images.reading.recipe import (
    Recipe,
    bare,
    fields_of,
    leftover,
    lora_of,
    sampler_of,
    size_of,
)
from creative.images.reading.texts import USER_COMMENT, Texts
from creative.images.request import Lora

LATENT_UPSCALER = "Latent (nearest-exact)"
_NAMED = re.compile(r"\s*(prompt|workflow)\s*:\s*(?=\{)", re.IGNORECASE)
_SAVES = re.compile(r"save.*image|image.*save|preview.*image|saveanimated|savewebp", re.IGNORECASE)
_SAMPLES = re.compile(r"sampler", re.IGNORECASE)
_FROM_LATENT = ("latent_image", "latent", "samples", "optional_latent", "latents")
_MOST_SAMPLERS = 8
_MOST_LORAS = 50


def read(texts: Texts) -> Recipe | None:
    """What the graph in the picture says; None if there is none."""
    graph, of_editor = _graph(texts)
    if graph is None:
        return None
    recipe = from_graph(graph)
    if of_editor:
        note = "The file has only the editor's form of the graph; widgets are read by position."
        recipe = recipe.model_copy(update={"notes": (*recipe.notes, note)})
    return recipe


def _graph(texts: Texts) -> tuple[Graph | None, bool]:
    found = {"prompt": texts.get("prompt"), "workflow": texts.get("workflow")}
    for name, text in texts.by_name.items():
        named = _NAMED.match(text) if name.startswith("exif:") else None
        if named and not found[named[1].lower()]:
            found[named[1].lower()] = text[named.end() :]
    comment = texts.get(USER_COMMENT)
    both = as_object(comment)
    graph = from_api(as_object(found["prompt"]) or as_object(both.get("prompt")) or both)
    if graph is not None:
        return graph, False
    editor = as_object(found["workflow"]) or as_object(both.get("workflow"))
    return from_editor(editor), True


def from_graph(graph: Graph) -> Recipe:
    """A recipe from a graph."""
    saves = [node for node in graph.nodes.values() if _SAVES.search(node.kind)]
    used = {
        link[0]
        for node in graph.nodes.values()
        for link in map(link_of, node.inputs.values())
        if link is not None
    }
    ends = saves or [node for name, node in graph.nodes.items() if name not in used]
    final = next((n for n in graph.upstream(ends) if _is_sampler(n)), None)
    if final is None:
        final = next((n for n in graph.nodes.values() if _is_sampler(n)), None)
    if final is None:
        return _without_sampler(graph)
    chain = _chain(graph, final)
    first = chain[-1]
    tracer = Tracer(graph)
    pair = _conditionings(graph, first)
    prompt = tracer.prompt(pair[0], "positive")
    guidance = tracer.guidance
    negative = tracer.prompt(pair[1], "negative")
    values = _values(graph, first)
    cfg = values["cfg"]
    fields: dict[str, Any] = {
        "Steps": values["steps"],
        **sampler_of("ComfyUI", str(values["sampler"]), str(values["scheduler"])),
        # What drew: for a guidance-distilled model that is the guidance, as our own graphs say.
        "CFG scale": cfg if guidance is None else guidance,
        "Seed": values["seed"],
        "Size": _size(graph, first),
        "Distilled CFG Scale": guidance,
    }
    notes = _second(graph, chain, fields)
    loras, model, clip_skip, others = _models(graph, first)
    fields["Model"] = model
    fields["Clip skip"] = clip_skip
    if len(chain) == 1 and values["denoise"] not in (None, 1, 1.0):
        fields["Denoising strength"] = values["denoise"]
        notes.append("It was drawn from another picture, which the file does not hold.")
    if tracer.guessed:
        classes = ", ".join(sorted(tracer.guessed)[:8])
        notes.append(
            f"Nodes from outside ComfyUI were read by the names of their inputs: {classes}"
        )
    if tracer.made:
        which = "Parts of the prompt were" if prompt else "The prompt was"
        classes = ", ".join(sorted(tracer.made)[:8])
        notes.append(f"{which} written by {classes} while it was drawn; the file does not say how.")
    if tracer.parted:
        notes.append(
            "The model's text encoders were given different texts; they stand one below the other."
        )
    if tracer.unclear:
        which = "Parts of the prompt" if prompt else "The prompt"
        classes = ", ".join(sorted(tracer.unclear)[:8])
        notes.append(f"{which} came through {classes}; which of its inputs that was is not known.")
    if not (prompt or tracer.made or tracer.unclear):
        notes.append("The prompt could not be followed through the graph.")
    return Recipe(
        generator="ComfyUI",
        text=Infotext(prompt=prompt, negative_prompt=negative, fields=fields_of(fields)),
        loras=loras,
        models=others,
        other=leftover({"seed": values["seed"]}, set()) if _big(values["seed"]) else {},
        notes=tuple(notes),
    )


def _big(seed: Any) -> bool:
    return isinstance(seed, int) and seed >= 2**32


def _without_sampler(graph: Graph) -> Recipe:
    """Nodes of a service, or an upscale: the texts that encoders hold, if there is one."""
    tracer = Tracer(graph)
    for node in graph.nodes.values():
        for role in ("positive", "prompt"):
            if isinstance(node.inputs.get(role), str | list):
                text = tracer.prompt([node.name, 0], "positive")
                if text:
                    note = f"No sampler was found; the prompt is that of the node {node.kind[:80]}."
                    return Recipe(generator="ComfyUI", text=Infotext(prompt=text), notes=(note,))
    note = "The graph has no sampler and no prompt."
    return Recipe(generator="ComfyUI", text=Infotext(), notes=(note,))


def _is_sampler(node: Node) -> bool:
    linked = any(link_of(node.inputs.get(n)) is not None for n in ("positive", "guider"))
    return linked and (bool(_SAMPLES.search(node.kind)) or "latent_image" in node.inputs)


def _chain(graph: Graph, final: Node) -> list[Node]:
    """The samplers that worked on the picture, the last first."""
    chain = [final]
    while len(chain) < _MOST_SAMPLERS:
        links = [graph.at(chain[-1].inputs.get(name)) for name in _FROM_LATENT]
        starts = [node for node in links if node is not None]
        known = {node.name for node in chain}
        before = next(
            (n for n in graph.upstream(starts) if _is_sampler(n) and n.name not in known), None
        )
        if before is None:
            break
        chain.append(before)
    return chain


def _conditionings(graph: Graph, sampler: Node) -> tuple[Any, Any]:
    """What stands for positive and negative at a sampler, or at its guider."""
    guider = graph.at(sampler.inputs.get("guider"))
    if guider is None:
        return sampler.inputs.get("positive"), sampler.inputs.get("negative")
    inputs = guider.inputs
    positive = inputs.get("positive", inputs.get("cond1", inputs.get("conditioning")))
    return positive, inputs.get("negative")


def _values(graph: Graph, sampler: Node) -> dict[str, Any]:
    """Seed, steps and the like of a sampler, or of the nodes that a custom one is made of."""
    parts = [sampler]
    for name in ("guider", "noise", "sampler", "sigmas"):
        part = graph.at(sampler.inputs.get(name))
        if part is not None:
            parts += list(graph.upstream([part]))[:6] if name == "sigmas" else [part]
    found: dict[str, Any] = {
        "seed": None, "steps": None, "cfg": None, "denoise": None, "sampler": "", "scheduler": "",
    }  # fmt: skip
    for part in parts:
        numbers = {
            "seed": ("seed", "noise_seed"), "steps": ("steps",), "denoise": ("denoise",),
            "cfg": ("cfg", "cfg_conds", "guidance"),
        }  # fmt: skip
        for key, names in numbers.items():
            if found[key] is None:
                found[key] = graph.number(part, *names)
        for key, name in (("sampler", "sampler_name"), ("scheduler", "scheduler")):
            found[key] = found[key] or graph.word(part, name)
    return found


def _size(graph: Graph, sampler: Node) -> str | None:
    """Width and height of the latent that a sampler begins with."""
    links = [graph.at(sampler.inputs.get(name)) for name in _FROM_LATENT]
    for node in graph.upstream([node for node in links if node is not None]):
        width, height = graph.number(node, "width"), graph.number(node, "height")
        if width is not None and height is not None:
            return size_of(width, height)
    return None


def _second(graph: Graph, chain: list[Node], fields: dict[str, Any]) -> list[str]:
    """Add the second pass, if there is one, to the fields; notes on what else was done."""
    if len(chain) < 2:
        return []
    final, first = chain[0], chain[-1]
    notes = []
    if len(chain) > 2:
        notes.append(f"{len(chain)} samplers worked on it; the first and the last are told.")
    start = graph.number(final, "start_at_step")
    between: list[Node] = []
    links = [graph.at(final.inputs.get(name)) for name in _FROM_LATENT]
    for node in graph.upstream([node for node in links if node is not None]):
        if node.name == first.name or _is_sampler(node):
            break
        between.append(node)
    larger = next((n for n in between if re.search(r"upscale|resize|scale", n.kind, re.I)), None)
    if larger is None:
        if start:
            _loras, model, _skip, _others = _models(graph, final)
            fields["Refiner"] = model
            notes.append("The last steps were drawn by a second sampler (a refiner).")
        else:
            notes.append("A second sampler went over the picture at the same size.")
        return notes
    values = _values(graph, final)
    fields["Denoising strength"] = values["denoise"]
    fields["Hires steps"] = values["steps"]
    fields["Hires resize"] = size_of(graph.number(larger, "width"), graph.number(larger, "height"))
    factor = graph.number(larger, "scale_by", "scale", "upscale_by")
    if not fields["Hires resize"] and factor is not None and 1 < factor <= 8:
        fields["Hires upscale"] = factor
    model = next((graph.word(n, "model_name", "upscale_model") for n in graph.upstream([larger])
                  if re.search(r"upscale.*model", n.kind, re.I)), "")  # fmt: skip
    fields["Hires upscaler"] = bare(model) or LATENT_UPSCALER
    return notes


def _models(
    graph: Graph, sampler: Node
) -> tuple[tuple[Lora, ...], str, int | None, tuple[str, ...]]:
    """LoRAs, checkpoint, clip skip and other model files that a sampler drew with."""
    guider = graph.at(sampler.inputs.get("guider"))
    start = graph.at(
        sampler.inputs.get("model") or (guider.inputs.get("model") if guider else None)
    )
    names: list[str] = []
    loras: list[Lora] = []
    for node in graph.upstream([start]) if start else ():
        if _is_sampler(node):
            break
        loras += _loras(graph, node)
        name = graph.word(
            node, "ckpt_name", "unet_name", "base_ckpt_name", "model_name", "gguf_name"
        )
        if name and "lora" not in node.kind.lower():
            names.append(bare(name))
    # LoRAs are met from the sampler back; they were applied in the other order.
    unique = {lora.name: lora for lora in reversed(loras[:_MOST_LORAS])}
    skip, others = None, []
    for node in graph.upstream([sampler]):
        if node.kind == "CLIPSetLastLayer" and skip is None:
            layer = graph.number(node, "stop_at_clip_layer")
            skip = -int(layer) if layer is not None and -24 <= layer < -1 else None
        if node.kind in ("VAELoader", "ControlNetLoader", "CLIPVisionLoader", "StyleModelLoader"):
            others.append(bare(graph.word(node, *node.values())))
    return tuple(unique.values()), names[0] if names else "", skip, tuple(filter(None, others))


def _loras(graph: Graph, node: Node) -> list[Lora]:
    """The LoRAs that one node applies: ComfyUI's loaders, and stacks in other people's forms."""
    if "lora" not in node.kind.lower():
        return []
    found = []
    name = graph.word(node, "lora_name")
    if name:
        weight = graph.number(node, "strength_model", "lora_model_strength", "strength", "weight")
        found.append(lora_of(name, 1.0 if weight is None else weight))
    for key, value in list(node.inputs.items())[:100]:
        # rgthree's Power Lora Loader: {"on": true, "lora": …, "strength": …}
        if isinstance(value, dict) and value.get("on") is not False and "lora" in value:
            found.append(lora_of(value.get("lora"), value.get("strength", 1.0)))
        numbered = re.fullmatch(r"lora_(?:name_)?(\d{1,2})", key)
        if numbered and isinstance(value, str):
            at = numbered[1]
            weight = graph.number(node, f"strength_{at}", f"model_str_{at}", f"lora_wt_{at}",
                                  f"model_weight_{at}", f"lora_weight_{at}")  # fmt: skip
            found.append(lora_of(value, 1.0 if weight is None else weight))
    return [lora for lora in found if lora is not None]
