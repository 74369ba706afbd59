"""Pictures with AUTOMATIC1111's text under them: itself, Forge, SD.Next, sd.cpp, ours, Fooocus.

PNG text chunk `parameters`, EXIF UserComment in JPEG and WebP, the comment of a GIF (modules/
images.py, `save_image_with_geninfo`). Who wrote it is told by the text: Forge's version starts
with f, that of its heirs is classic or neo, SD.Next says "App: SD.Next" (modules/
processing_info.py), stable-diffusion.cpp appends a copy as JSON (examples/common/common.cpp),
ComfyUI's saving nodes write "Version: ComfyUI".

Lines that do not belong to the grammar: sd-dynamic-prompts wrote its templates below the fields
until 12-2023 (its pull request 691), SD.Next writes them above (modules/processing_info.py). What
Civitai's generator adds is JSON without quotes around it.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any

from creative.images.infotext import NEGATIVE, Infotext, parse
from creative.images.reading.recipe import (
    Recipe,
    bare,
    fields_of,
    leftover,
    lora_of,
    sampler_of,
    tables,
)
from creative.images.reading.texts import USER_COMMENT, Texts
from creative.images.request import Lora

UNKNOWN = "unknown, in the format of AUTOMATIC1111"
_PLACES = ("parameters", USER_COMMENT, "comment")
_TEMPLATE = re.compile(r"(Template|Negative Template): ?(.*)", re.IGNORECASE)
_LABELS = {"template": "Template", "negative template": "Negative Template"}
_FIELDS = re.compile(r"Steps: \d+, ")
_JSON_VALUE = re.compile(r"(?<=[ ,])Civitai (?:resources|metadata): (?=[\[{])")
_MOST_JSON_VALUES = 2
_CPP_COPY = re.compile(r", SDCPP: \{.*\Z", re.DOTALL)
MAX_CHARACTERS = 3_000_000
"""Of a text with its fields; people's prompts have a few thousand."""
MAX_FIELDS = 300
MAX_FIELD_CHARACTERS = 10_000
"""Of one value; templates of prompts are the longest."""
_OURS = ("Output size", "Output fit")
_READ = {
    "Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model",
    "Hires upscale", "Hires resize", "Hires upscaler", "Output size", "Output fit",
    "Output focus", "Output background", "VAE", "Refiner",
}  # fmt: skip


def read(texts: Texts) -> Recipe | None:
    """What the text under the picture says; None if there is none."""
    for place in _PLACES:
        text = texts.get(place)
        if len(text) > MAX_CHARACTERS:
            texts.notes.append(
                f"The text {place!r} has {len(text)} characters: too many for a prompt."
            )
        elif text and not text.lstrip().startswith(("{", "[")):
            found = from_text(text, by_comfyui="prompt" in texts.by_name)
            # A camera's comment is no prompt; under "parameters" a prompt may stand alone.
            if found.text.fields or place == "parameters":
                return found
    return None


def from_text(text: str, by_comfyui: bool = False) -> Recipe:
    """A recipe from AUTOMATIC1111's text.

    Args:
        text: the whole text.
        by_comfyui: the file has a graph of ComfyUI as well.
    """
    raw = text.strip("\0")
    cut, apart = _without_templates(_CPP_COPY.sub("", raw))
    cut = _without_json(cut, apart)
    found = parse(cut)
    found = found.model_copy(update={"fields": {**found.fields, **apart}})
    small = {k: v for k, v in found.fields.items() if len(v) <= MAX_FIELD_CHARACTERS}
    small = dict(islice(small.items(), MAX_FIELDS))
    lost = len(found.fields) - len(small)
    found = found.model_copy(update={"fields": small})
    generator = _generator(found, by_comfyui)
    fields = _normal(found.fields, generator)
    loras = _fooocus_loras(fields) if generator == "Fooocus" else ()
    prompt, negative = found.prompt, found.negative_prompt
    if generator == "Fooocus":  # its prompts with the styles in them stand in front
        prompt = fields.pop("Raw prompt", prompt)
        negative = fields.pop("Raw negative prompt", negative)
    changed = lost or fields != found.fields or cut != raw or prompt != found.prompt
    notes = []
    if lost:
        notes.append(f"{lost} settings were left out: too many, or too long.")
    if not fields:
        notes.append("The file holds a prompt and no settings.")
    if "Template" in fields:
        notes.append("The prompt is the one after wildcards; `other` has the template.")
    return Recipe(
        generator=generator,
        text=Infotext(prompt=prompt, negative_prompt=negative, fields=fields),
        loras=loras,
        raw="" if changed else raw,
        other=leftover(dict(fields), _READ),
        notes=tuple(notes),
        a1111=generator in ("AUTOMATIC1111", "Forge", "SD.Next", UNKNOWN),
    )


def _without_templates(text: str) -> tuple[str, dict[str, str]]:
    """The text without the lines of templates, and these by label."""
    lines = text.strip().split("\n")
    fields = [number for number, line in enumerate(lines) if _FIELDS.match(line)]
    last = fields[-1] if fields else len(lines)
    if last == len(lines) - 1 and "App: SD.Next" in lines[last]:
        negative = (n for n, line in enumerate(lines) if line.startswith(NEGATIVE))
        after = next(negative, last)  # it writes this line whether there is one or not
        starts = [n for n in range(after, last) if _TEMPLATE.match(lines[n])]
        begin, end, kept = (starts or [last])[0], last, lines[last:]
    elif last < len(lines) - 1 and _TEMPLATE.match(lines[last + 1]):
        begin, end, kept = last + 1, len(lines), []
    else:
        return text, {}
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines[begin:end]:
        begins = _TEMPLATE.match(line)
        if begins:
            current = found[_LABELS[begins[1].lower()]] = [begins[2]]
        else:
            current.append(line)
    told = {label: "\n".join(parts) for label, parts in found.items()}
    return "\n".join([*lines[:begin], *kept]), told


def _without_json(text: str, apart: dict[str, str]) -> str:
    """The text without values that are bare JSON, which are put into `apart`."""
    head, newline, last = text.rpartition("\n")
    for _ in range(_MOST_JSON_VALUES):
        found = _JSON_VALUE.search(last)
        if found is None:
            break
        try:
            value, end = json.JSONDecoder().raw_decode(last, found.end())
        except (ValueError, RecursionError):
            break
        apart[found.group().rstrip(": ")] = json.dumps(value, ensure_ascii=False)
        last = last[: found.start()] + last[end:].lstrip(", ")
    return f"{head}{newline}{last.rstrip(', ')}" if apart else text


def _generator(found: Infotext, by_comfyui: bool) -> str:
    fields = found.fields
    version = fields.get("Version", "").lower()
    marks = (
        ("SD.Next", fields.get("App", "").startswith("SD.Next")),
        ("Fooocus", version.startswith("fooocus")),
        ("stable-diffusion.cpp", version.startswith("stable-diffusion.cpp")),
        ("ComfyUI", by_comfyui or version.startswith("comfy")),
        ("Forge", bool(re.match(r"f[012]|neo|classic|forge", version))),
        ("AUTOMATIC1111", bool(re.match(r"v?\d+\.\d+\.\d+", version)) or "Model hash" in fields),
        ("Creative Studio", any(label in fields for label in _OURS)),
    )
    return next((name for name, fits in marks if fits), UNKNOWN)


def _normal(fields: dict[str, str], generator: str) -> dict[str, str]:
    """The fields by AUTOMATIC1111's own labels."""
    known: dict[str, Any] = {}
    table = tables().labels.get(generator)
    names = table.names if table else {}
    for label, value in fields.items():
        known[names.get(label, label)] = value
    if generator == "stable-diffusion.cpp":
        sampler, space, plan = known.get("Sampler", "").partition(" ")
        plan = plan if space else known.get("Schedule type", "")
        known |= sampler_of("stable-diffusion.cpp", sampler, plan)
        known["Model"] = bare(known.get("Model", ""))
        known = {k: v for k, v in known.items() if v not in ("", "inf", "nan")}
    if generator == "Fooocus":
        sampler = known.get("Sampler", "")
        if known.get("Schedule type") and sampler.endswith(" Karras"):
            known["Sampler"] = sampler.removesuffix(" Karras")
    big = fields_of({"Seed": known.get("Seed")})
    return {**{k: v for k, v in known.items() if k != "Seed" or "Seed" in big}, **big}


def _fooocus_loras(fields: dict[str, str]) -> tuple[Lora, ...]:
    pairs = (part.split(": ") for part in fields.get("Lora weights", "").split(", "))
    found = (lora_of(pair[0], pair[-1]) for pair in pairs if len(pair) in (2, 3))
    return tuple(lora for lora in found if lora)
