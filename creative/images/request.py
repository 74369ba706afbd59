"""What is asked of a picture. Everything a node can say, typed and checked before any network."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from creative.errors import InvalidInput
from creative.images.size import Size

MAX_COUNT = 16
MAX_SEED = 2**32 - 1
MAX_LORA_WEIGHT = 10.0

_POINTS = {"left": 0.0, "top": 0.0, "center": 0.5, "centre": 0.5, "middle": 0.5,
           "right": 1.0, "bottom": 1.0}  # fmt: skip
_LORA = re.compile(r"^(?P<name>.*?)(?:\s*[:=]\s*(?P<weight>[+-]?(?:\d+\.?\d*|\.\d+)))?$")


class Fit(StrEnum):
    """How a drawn picture is brought to the exact size."""

    COVER = "cover"
    CONTAIN = "contain"
    STRETCH = "stretch"


class Highres(StrEnum):
    """Whether a second, larger pass is drawn."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class Lora(BaseModel):
    """A LoRA and how strongly it acts."""

    model_config = ConfigDict(frozen=True)

    name: str
    weight: float = 1.0


class Placement(BaseModel):
    """How the drawn picture becomes exactly the asked one, and as which file."""

    model_config = ConfigDict(frozen=True)

    fit: Fit = Field(Fit.COVER, description="how the picture is brought to the size")
    focus: tuple[float, float] = Field(
        (0.5, 0.5), description="point that stays when cropping; x, y from 0 (left, top) to 1"
    )
    background: str | tuple[int, int, int] = Field(
        "blur", description='"blur", "transparent" or red, green, blue from 0 to 255; for contain'
    )
    image_format: str = Field("auto", description="auto, png, jpeg or webp")
    quality: int | None = Field(None, description="of JPEG and WebP, 1 to 100")
    metadata: bool = Field(True, description="write the generation parameters into the file")

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.image_format not in ("auto", "png", "jpeg", "webp"):
            raise InvalidInput("image_format", self.image_format, "auto, png, jpeg or webp")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise InvalidInput("quality", self.quality, "1 to 100")
        return self

    def fields(self) -> dict[str, str]:
        """The fields of an infotext by which `PlacementGiven.read` finds the same placement."""
        told = {"Output fit": self.fit.value}
        if self.fit is Fit.COVER and self.focus != (0.5, 0.5):
            told["Output focus"] = "{} {}".format(*self.focus)
        if self.fit is Fit.CONTAIN and self.background != "blur":
            colour = self.background
            told["Output background"] = (
                colour if isinstance(colour, str) else "#{:02x}{:02x}{:02x}".format(*colour)
            )
        return told


class Redraw(BaseModel):
    """The sizes at which an earlier picture was drawn: another size is another picture."""

    model_config = ConfigDict(frozen=True)

    first_pass: tuple[int, int]
    second_pass: tuple[int, int] | None = None


class DrawRequest(BaseModel):
    """Pictures from a prompt, and from a picture where `image` is given.

    None, "" and () mean: the server, the model or the size plan decides. Values out of range
    raise InvalidInput instead of pydantic's ValidationError.
    """

    model_config = ConfigDict(frozen=True)

    prompt: str = Field(description="what to draw; emphasis syntax is passed on unchanged")
    negative_prompt: str = ""
    size: Size = Field(default_factory=Size, description="exact pixels or a ratio")
    placement: Placement = Field(default_factory=Placement)
    count: int = Field(1, description="how many pictures, 1 to 16")
    model: str = Field("", description="name of the model as the server calls it")
    family: str = Field("auto", description="kind of model, a row of families.yaml")
    loras: tuple[Lora, ...] = ()
    styles: tuple[str, ...] = Field((), description="names of styles saved on the server")
    steps: int | None = Field(None, description="sampling steps, 1 to 150")
    cfg_scale: float | None = Field(None, description="guidance, 0 to 30")
    sampler: str = ""
    scheduler: str = ""
    seed: int | None = Field(None, description="0 to 2^32 - 1; None: a random one")
    highres: Highres = Highres.AUTO
    upscaler: str = Field("", description="for the second pass or the enlargement")
    strength: float | None = Field(None, description="how much of `image` may change, 0 to 1")
    image: bytes | None = Field(None, description="file to start from", repr=False)
    mask: bytes | None = Field(None, description="file; white is repainted", repr=False)
    extra: dict[str, Any] = Field(
        default_factory=dict, description="further fields of the engine's own API"
    )
    engine: str = Field("auto", description="auto or the name of an engine")
    previews: bool = Field(False, description="show small previews while it draws")
    redraw: Redraw | None = Field(None, description="sizes of an earlier picture to repeat")
    notes: tuple[str, ...] = Field((), description="what was adjusted while reading the request")

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        if not self.prompt.strip() and self.image is None:
            raise InvalidInput("prompt", None, "a text that says what to draw")
        _within("count", self.count, 1, MAX_COUNT)
        _within("steps", self.steps, 1, 150)
        _within("cfg_scale", self.cfg_scale, 0, 30)
        _within("seed", self.seed, 0, MAX_SEED)
        _within("strength", self.strength, 0, 1)
        if self.mask is not None and self.image is None:
            raise InvalidInput("mask", "a mask without an image", "a mask together with an image")
        return self


def _within(name: str, value: float | None, least: float, most: float) -> None:
    if value is not None and not least <= value <= most:
        raise InvalidInput(name, value, f"{least} to {most}")


def read_loras(text: str) -> tuple[Lora, ...]:
    """LoRAs from "name:0.8, other:0.5"; `<lora:name:0.8>` is understood as well.

    >>> [(lora.name, lora.weight) for lora in read_loras("film grain:0.8, <lora:ink>")]
    [('film grain', 0.8), ('ink', 1.0)]

    Raises:
        InvalidInput: a part has no name or its weight is beyond -10 to 10.
    """
    found = []
    for part in re.split(r"[,;\n，、；]+", text):
        entry = part.strip()
        if entry.startswith("<") and entry.endswith(">"):
            entry = entry[1:-1].removeprefix("lora:").removeprefix("lyco:")
        if not entry:
            continue
        matched = _LORA.match(entry)
        name = matched["name"].strip(" :=") if matched else ""
        weight = float(matched["weight"]) if matched and matched["weight"] else 1.0
        if not name or abs(weight) > MAX_LORA_WEIGHT:
            raise InvalidInput(
                "loras", part, 'names with weights from -10 to 10, such as "film:0.8, ink:0.5"'
            )
        found.append(Lora(name=name, weight=weight))
    return tuple(found)


def read_focus(text: str) -> tuple[float, float]:
    """The point that stays when cropping, from "top left", "bottom" or "0.5,0.3".

    >>> read_focus("top left"), read_focus("bottom"), read_focus("0.25, 30%"), read_focus("")
    ((0.0, 0.0), (0.5, 1.0), (0.25, 0.3), (0.5, 0.5))

    Raises:
        InvalidInput: it is none of these.
    """
    words = [word for word in re.split(r"[\s,;\-_]+", text.strip().lower()) if word]
    x = y = 0.5
    if words and all(word in _POINTS for word in words) and len(words) <= 2:
        across = [_POINTS[word] for word in words if word in ("left", "right")]
        down = [_POINTS[word] for word in words if word in ("top", "bottom")]
        if len(across) <= 1 and len(down) <= 1:
            return across[0] if across else x, down[0] if down else y
    if not words:
        return x, y
    parts = [part for part in re.split(r"[\s,;]+", text.strip()) if part]
    try:
        x, y = (float(p[:-1]) / 100 if p.endswith("%") else float(p) for p in parts)
    except ValueError:
        x = -1.0
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise InvalidInput(
            "focus", text, 'center, top, "bottom left" and the like, or x,y from 0 to 1'
        )
    return x, y


def read_background(text: str) -> str | tuple[int, int, int]:
    """What surrounds a contained picture: blur, transparent, or a colour.

    >>> read_background("#ff8000"), read_background("white"), read_background("")
    ((255, 128, 0), (255, 255, 255), 'blur')

    Raises:
        InvalidInput: it is none of these.
    """
    word = text.strip().lower()
    if word in ("", "blur"):
        return "blur"
    if word in ("transparent", "none"):
        return "transparent"
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(word)[:3]
    except ValueError:
        raise InvalidInput(
            "background", text, 'blur, transparent, or a colour such as "#ffffff" or "white"'
        ) from None
    return red, green, blue
