"""From what people type into a node to a request: texts become sizes, LoRAs, colours, fields."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from creative.errors import InvalidInput
from creative.images import infotext as infotexts
from creative.images.request import (
    DrawRequest,
    Fit,
    Highres,
    Placement,
    Redraw,
    read_background,
    read_focus,
    read_loras,
)
from creative.images.size import read_size

DEFAULT_STRENGTH = 0.6
MAX_FACTOR = 8.0
"""Largest enlargement of a second pass that an infotext is believed."""
_KNOWN_FIELDS = frozenset(
    {
        "Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model", "Model hash",
        "Denoising strength", "Hires upscale", "Hires resize", "Hires upscaler", 
        "Hires CFG Scale", "Version", "Output size", "Output fit", "Output focus",
        "Output background", "Batch size", "Batch pos", "RNG",
    }
)  # fmt: skip


class PlacementGiven(BaseModel):
    """How a node's texts say what the file should be like."""

    model_config = ConfigDict(frozen=True)

    fit: str = ""
    focus: str = ""
    background: str = ""
    image_format: str = ""
    quality: int | None = None
    metadata: bool = True

    def read(self, old: infotexts.Infotext | None = None) -> Placement:
        """The placement; what an infotext tells stands where nothing is given, and its `fit`
        also where the node's own is the default.

        Raises:
            InvalidInput: a word that is none of the allowed ones.
        """
        old = old or infotexts.Infotext()
        return Placement(
            fit=read_choice("fit", _besides(self.fit, old.output_fit or ""), Fit),
            focus=read_focus(self.focus.strip() or old.output_focus or ""),
            background=read_background(self.background.strip() or old.output_background or ""),
            image_format=(self.image_format or "auto").strip().lower().replace("jpg", "jpeg"),
            quality=self.quality,
            metadata=self.metadata,
        )


class Given(BaseModel):
    """The parameters of text_to_image and image_to_image; "" and None mean: not given."""

    model_config = ConfigDict(frozen=True)

    prompt: str = ""
    negative_prompt: str = ""
    size: str = ""
    width: int | None = None
    height: int | None = None
    count: int | None = None
    model: str = ""
    model_family: str = ""
    loras: str = ""
    lora_choice: str = ""
    styles: str = ""
    steps: int | None = None
    cfg_scale: float | None = None
    sampler: str = ""
    scheduler: str = ""
    seed: int | None = None
    highres: str = ""
    upscaler: str = ""
    strength: float | None = None
    infotext: str = ""
    extra: Any = None
    engine: str = ""
    previews: bool = False
    image: bytes | None = Field(None, repr=False)
    mask: bytes | None = Field(None, repr=False)
    placement: PlacementGiven = Field(default_factory=PlacementGiven)

    def read(self) -> DrawRequest:
        """The request; what is given wins over what `infotext` says.

        Raises:
            InvalidInput: naming the parameter, what came and what is allowed.
        """
        old = infotexts.parse(self.infotext) if self.infotext.strip() else None
        sized = bool(self.size.strip()) or self.width is not None or self.height is not None
        size, redraw, notes = self.size, None, []
        width, height = self.width, self.height
        if old is not None:
            notes = _unrepeated(old)
            if not sized and old.width and old.height:
                first = (old.width, old.height)
                off = self.highres.strip().lower() == "off"
                second = None if off else second_pass_of(old)
                redraw = Redraw(first_pass=first, second_pass=second)
                width, height = second or first
                width, height = old.output_size or (width, height)
        seed = None if self.seed is None or self.seed == -1 else self.seed
        if seed is None and old is not None and self.seed is None:
            seed = old.seed
        loras = [*read_loras(self.loras)]
        loras += [
            lora
            for lora in read_loras(self.lora_choice)
            if lora.name not in {known.name for known in loras}
        ]
        old_upscaler = (old.highres.upscaler or "") if old and old.highres else ""
        strength = self.strength if self.strength is not None else old and old.strength
        if strength is None and self.image is not None:
            strength = DEFAULT_STRENGTH
        return DrawRequest(
            prompt=self.prompt if self.prompt.strip() else (old.prompt if old else ""),
            negative_prompt=self.negative_prompt or (old.negative_prompt if old else ""),
            size=read_size(size, width, height, self._image_size()),
            placement=self.placement.read(None if sized else old),
            count=1 if self.count is None else self.count,
            model=self.model.strip() or (old.model or "" if old else ""),
            family=(self.model_family or "auto").strip().lower(),
            loras=tuple(loras),
            styles=tuple(s.strip() for s in re.split(r"[,，、\n]", self.styles) if s.strip()),
            steps=self.steps if self.steps is not None else old and old.steps,
            cfg_scale=self.cfg_scale if self.cfg_scale is not None else old and old.cfg_scale,
            sampler=self.sampler.strip() or (old.sampler or "" if old else ""),
            scheduler=self.scheduler.strip() or (old.scheduler or "" if old else ""),
            seed=seed,
            highres=read_choice("highres", self.highres or "auto", Highres),
            upscaler=self.upscaler.strip() or old_upscaler,
            strength=strength,
            image=self.image,
            mask=self.mask,
            extra=read_object("extra", self.extra),
            engine=self.engine or "auto",
            previews=self.previews,
            redraw=redraw,
            notes=tuple(notes),
        )

    def _image_size(self) -> tuple[int, int] | None:
        if self.image is None or (self.width is None) == (self.height is None):
            return None
        from creative.images.finishing import read_input

        source = read_input(self.image, "image")
        return source.width, source.height


def _besides(given: str, old: str) -> str:
    """Dify always sends a default, so that "cover" may not have been chosen by anybody."""
    return old if old and given.strip().lower() in ("", "cover") else given or "cover"


def read_choice[Choices: (Fit, Highres)](
    parameter: str, word: str, choices: type[Choices]
) -> Choices:
    """A member of an enumeration from its name in any case.

    Raises:
        InvalidInput: there is no such member.
    """
    try:
        return choices(word.strip().lower())
    except ValueError:
        allowed = ", ".join(member.value for member in choices)
        raise InvalidInput(parameter, word, allowed) from None


def read_object(parameter: str, value: Any) -> dict[str, Any]:
    """An object from a variable: a mapping, JSON text, or Python's way of writing one (Dify turns
    an object variable in a text field into that).

    Raises:
        InvalidInput: it is none of these.
    """
    if value is None or value == "":
        return {}
    if isinstance(value, dict):
        return _plain_json(parameter, value)
    text = str(value).strip()
    fenced = re.fullmatch(r"```(?:json)?\s*(.*?)\s*```", text, re.DOTALL)
    text = fenced[1] if fenced else text
    problem = ""
    parsed: Any = None
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        problem = f" ({_TOO_DEEP if deep else error})"
        try:
            parsed = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            parsed = None
    if not isinstance(parsed, dict):
        raise InvalidInput(parameter, text, f'a JSON object such as {{"name": "value"}}{problem}')
    return _plain_json(parameter, parsed)


_TOO_DEEP = "it is nested too deeply"


def _plain_json(parameter: str, value: dict[str, Any]) -> dict[str, Any]:
    """`value`, if it can be sent: Python's texts and readers know more than JSON."""
    try:
        json.dumps(value, allow_nan=False)
    except RecursionError:
        problem = _TOO_DEEP
    except (ValueError, TypeError):
        problem = "NaN, Infinity and the like do not exist in JSON"
    else:
        return value
    raise InvalidInput(parameter, value, f'a JSON object such as {{"name": "value"}} ({problem})')


def second_pass_of(old: infotexts.Infotext) -> tuple[int, int] | None:
    """The size of the highres pass that an infotext tells, or None.

    A factor is applied as AUTOMATIC1111 does (modules/processing.py,
    `StableDiffusionProcessingTxt2Img.calculate_target_resolution`).
    """
    pass_two = old.highres
    if pass_two is None or not old.width or not old.height:
        return None
    if pass_two.size is not None:
        return pass_two.size
    if pass_two.scale is None or not 1 < pass_two.scale <= MAX_FACTOR:
        return None
    return int(old.width * pass_two.scale), int(old.height * pass_two.scale)


def _unrepeated(old: infotexts.Infotext) -> list[str]:
    left = [key for key in old.fields if key not in _KNOWN_FIELDS]
    if not left:
        return []
    return ["infotext: these are not repeated by themselves (use extra): " + ", ".join(left[:12])]
