"""How a picture was made, in the one form that every room of this package gives.

Rooms translate their generator's words into AUTOMATIC1111's labels (`Infotext`), because
text_to_image reads these back; from them come the settings and the text that repeats a picture.
"""

from __future__ import annotations

import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from creative.errors import InvalidInput, shorten
from creative.images.given import second_pass_of
from creative.images.infotext import Infotext, compose
from creative.images.request import MAX_LORA_WEIGHT, MAX_SEED, Lora, read_loras
from creative.images.size import MAX_SIDE, MIN_SIDE

MAX_OTHER = 60
MAX_OTHER_CHARACTERS = 1000
"""Of one value; longer ones are prompts, graphs or pictures."""
MAX_ALL_OTHER_CHARACTERS = 12_000
MAX_NAME_CHARACTERS = 300
MAX_LORAS = 100
MOST_STEPS = 150
MOST_CFG = 30.0
BIG_SEED = "Noise seed"
"""Label of a seed that text_to_image cannot take (ComfyUI's have 64 bits)."""

_LONGEST = 4000
_LORA_TAG = re.compile(r"<(?:lora|lyco):([^<>:]+)(?::(-?[\d.]{1,12}))?[^<>]{0,80}>", re.IGNORECASE)
_FOLDER_OR_ENDING = re.compile(r"^.*[/\\]|\.(?:safetensors|ckpt|gguf|sft|pth?|bin)$", re.IGNORECASE)


class _Names(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    date: str
    names: dict[str, Any]


class Tables(BaseModel):
    """tables.yaml: what generators call things, and what AUTOMATIC1111 calls the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: dict[str, _Names] = Field(description="labels of AUTOMATIC1111's relatives")
    samplers: dict[str, _Names] = Field(description='by generator: name -> "sampler|scheduler"')
    extra: _Names = Field(description="label -> path in AUTOMATIC1111's API")
    widgets: _Names = Field(description="ComfyUI class -> its widgets in order; - is skipped")


class Recipe(BaseModel):
    """What a file says about its making.

    Attributes:
        text: prompts and settings by AUTOMATIC1111's labels; `Model` without folder.
        loras: those that do not stand in the prompt as <lora:…>.
        raw: AUTOMATIC1111's text as the file has it, where it is one.
        other: what has no label, by the generator's own names.
        a1111: the generator has AUTOMATIC1111's API, so that `extra` makes sense.
    """

    model_config = ConfigDict(frozen=True)

    generator: str
    text: Infotext
    loras: tuple[Lora, ...] = ()
    models: tuple[str, ...] = ()
    raw: str = ""
    other: dict[str, Any] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    a1111: bool = False

    def all_loras(self) -> list[dict[str, Any]]:
        """Name and weight of every LoRA, those in the prompt included."""
        found = {lora.name: lora.weight for lora in self.loras}
        for name, weight in _LORA_TAG.findall(self.text.prompt):
            found.setdefault(name.strip(), as_number(weight) or 0.0 if weight else 1.0)
        rows = [{"name": name, "weight": weight} for name, weight in found.items()]
        return [row for row in rows if len(str(row["name"])) <= MAX_NAME_CHARACTERS][:MAX_LORAS]

    def all_models(self) -> list[str]:
        """The checkpoint first, then refiners, VAEs and the like."""
        names = [self.text.model or "", *self.models]
        names += [self.text.fields.get(label, "") for label in ("Refiner", "VAE")]
        short = (name for name in dict.fromkeys(names) if len(name) <= MAX_NAME_CHARACTERS)
        return [name for name in short if name and name not in ("None", "Automatic")][:MAX_LORAS]

    def infotext(self) -> str:
        """A text by which text_to_image repeats the picture."""
        if self.raw:
            return self.raw
        tags = "".join(
            f" <lora:{lora.name}:{lora.weight:g}>"
            for lora in self.loras
            if not re.search(r"[<>:]", lora.name) and _sane(lora)
        )
        prompt = (self.text.prompt + tags).strip() if tags else self.text.prompt
        return compose(
            Infotext(
                prompt=prompt,
                negative_prompt=self.text.negative_prompt,
                fields=self.text.fields,
            )
        )

    def settings(self) -> tuple[dict[str, Any], list[str]]:
        """The parameters of text_to_image that repeat the picture, and notes on what cannot."""
        text, notes = self.text, []
        found: dict[str, Any] = {}
        second = second_pass_of(text)
        first = (text.width, text.height) if text.width and text.height else None
        size = text.output_size or second or first
        if size and all(MIN_SIDE <= side <= MAX_SIDE for side in size):
            found["width"], found["height"] = size
            found["highres"] = "on" if second else "off"
        found |= {"model": text.model, "sampler": text.sampler, "scheduler": text.scheduler}
        for name, value, least, most in (
            ("steps", text.steps, 1, MOST_STEPS),
            ("cfg_scale", text.cfg_scale, 0, MOST_CFG),
            ("seed", text.seed, 0, MAX_SEED),
        ):
            if value is not None and least <= value <= most:
                found[name] = value
            elif value is not None:
                notes.append(f"{name} {value} is none that text_to_image can draw with: left out.")
        if BIG_SEED in text.fields:
            notes.append(
                f"The seed {text.fields[BIG_SEED]} has more than 32 bits: text_to_image cannot "
                "draw with it."
            )
        if second:
            found["upscaler"] = text.highres and text.highres.upscaler
        found |= {"fit": text.output_fit, "focus": text.output_focus}
        found["background"] = text.output_background
        fine = [lora for lora in self.loras if _typed_again(lora)]
        found["loras"] = ", ".join(f"{lora.name}:{lora.weight:g}" for lora in fine)
        if lost := [shorten(lora.name, 60) for lora in self.loras if lora not in fine]:
            notes.append(f"These LoRAs are none that text_to_image can be told: {', '.join(lost)}")
        found = {name: value for name, value in found.items() if value not in (None, "")}
        for name in [n for n, v in found.items() if isinstance(v, str) and len(v) > _LONGEST]:
            notes.append(f"{name} has {len(found.pop(name))} characters: left out.")
        extra = _extra(text.fields, second is not None) if self.a1111 else {}
        if extra:
            found["extra"] = extra
        return found, notes


@cache
def tables() -> Tables:
    """The tables of this package."""
    path = Path(__file__).with_name("tables.yaml")
    return Tables(**yaml.safe_load(path.read_text(encoding="utf-8")))


def sampler_of(generator: str, sampler: str, scheduler: str = "") -> dict[str, str]:
    """The fields Sampler and Schedule type for a generator's own names of them."""
    row = str(tables().samplers[generator].names.get(sampler.strip().lower(), ""))
    known, _, plan = row.partition("|")
    fields = {"Sampler": known or sampler.strip(), "Schedule type": scheduler.strip() or plan}
    return {label: value for label, value in fields.items() if value}


def fields_of(values: dict[str, Any]) -> dict[str, str]:
    """Fields of an infotext from plain values; what is None, "" or no scalar is left out."""
    fields = {}
    for label, value in values.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
            continue
        if isinstance(value, float) and not math.isfinite(value):
            continue
        text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        fields[label] = text[:MAX_OTHER_CHARACTERS]
    seed = fields.get("Seed", "")
    if seed.isdecimal() and len(seed) <= 40 and int(seed) > MAX_SEED:
        fields[BIG_SEED] = fields.pop("Seed")
    return fields


def size_of(width: Any, height: Any) -> str | None:
    """The value of the field Size."""
    sides = (as_number(width), as_number(height))
    if any(side is None or not 1 <= side <= 10**6 for side in sides):
        return None
    return "x".join(str(int(side)) for side in sides if side is not None)


def bare(name: Any) -> str:
    """A model's name without folder and file ending; "" for what is no name."""
    return _FOLDER_OR_ENDING.sub("", str(name).strip()) if isinstance(name, str) else ""


def lora_of(name: Any, weight: Any) -> Lora | None:
    """A LoRA, if there is one of that name with a weight."""
    plain, strength = bare(name), as_number(weight)
    if not plain or plain.lower() == "none" or strength is None:
        return None
    return Lora(name=plain, weight=strength)


def as_number(value: Any) -> float | None:
    """A finite number, also from text; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value) if not isinstance(value, str) or len(value) < 60 else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def as_text(value: Any) -> str:
    """Text as it is; "" for everything else."""
    return value if isinstance(value, str) else ""


def leftover(values: dict[Any, Any], known: set[str]) -> dict[str, Any]:
    """What of a generator's own settings nobody read, small enough to hand on."""
    other: dict[str, Any] = {}
    left = MAX_ALL_OTHER_CHARACTERS
    for name, given in values.items():
        if len(str(name)) > MAX_NAME_CHARACTERS or name in known or given in (None, "", [], {}):
            continue
        number = isinstance(given, int | float)
        # Other numbers are none to JSON's other readers.
        value = given if not number or abs(given) < 2**53 else str(given)
        if isinstance(value, bool | int | float):
            other[str(name)] = value
        elif isinstance(value, str) and len(value) <= min(left, MAX_OTHER_CHARACTERS):
            other[str(name)] = value
            left -= len(value)
        if len(other) >= MAX_OTHER:
            break
    return other


def _sane(lora: Lora) -> bool:
    plain = lora.name.isprintable() and len(lora.name) <= MAX_NAME_CHARACTERS
    return plain and abs(lora.weight) <= MAX_LORA_WEIGHT


def _typed_again(lora: Lora) -> bool:
    """Whether text_to_image understands the LoRA as its parameter has it."""
    if not _sane(lora) or lora.name.startswith("<"):
        return False
    try:
        read = read_loras(f"{lora.name}:{lora.weight:g}")
    except InvalidInput:
        return False
    return [one.name for one in read] == [lora.name]


def _extra(fields: dict[str, str], second_pass: bool) -> dict[str, Any]:
    """What text_to_image sends beside its own parameters, by AUTOMATIC1111's names."""
    found: dict[str, Any] = {}
    for label, path in tables().extra.names.items():
        only_second, _, place = str(path).rpartition("? ")
        if label not in fields or (only_second and not second_pass):
            continue
        raw = fields[label]
        number = as_number(raw)
        value: Any = raw if number is None else int(number) if number.is_integer() else number
        if raw in ("True", "False"):
            value = raw == "True"
        group, dot, name = place.partition(".")
        if dot:
            found.setdefault(group, {})[name] = value
        else:
            found[place] = value
    return found
