"""Generation parameters as AUTOMATIC1111 writes them under a picture.

    a cat, <lora:fur:0.8>
    on a sofa
    Negative prompt: dog
    Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 965400086, Size: 512x512, Model: "a, b"

The grammar is that of stable-diffusion-webui, modules/infotext_utils.py
(`parse_generation_parameters`, `quote`, `unquote`; read at 036500223de0 and v1.10.1) and
modules/processing.py (`create_infotext`): the last line holds the fields if it has at least
three; a line that starts with "Negative prompt:" starts the negative prompt; every line is
stripped; values with a comma, a colon or a line break are quoted as in JSON.

That grammar cannot hold every prompt: surrounding spaces, empty first lines or a line that
starts with "Negative prompt:" are lost. Where a prompt would not come back as it went in,
`compose` adds it once more as a quoted field, which other programs ignore.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, field_validator

NEGATIVE = "Negative prompt:"
_LEAST_FIELDS = 3
_EXACT = "Exact prompt"
_EXACT_NEGATIVE = "Exact negative prompt"
_EXACT_BY = "Exact prompt by"
_RESERVED = (_EXACT, _EXACT_NEGATIVE, _EXACT_BY)

_KEY = re.compile(r"\w[\w \-/]+")
_QUOTED = re.compile(r'\s*("(?:\\.|[^\\"])+")(?:,|$)')
_PLAIN = re.compile(r"\s*([^,]*)(?:,|$)")
_SIZE = re.compile(r"([0-9]{1,6})x([0-9]{1,6})")
_WHOLE = re.compile(r"[0-9]{1,20}")
_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,2})?|\.[0-9]+")


class SecondPass(BaseModel):
    """The second pass. None where the text does not say, or says what is no number."""

    model_config = ConfigDict(frozen=True)

    scale: float | None = Field(None, description="how many times larger each side becomes")
    size: tuple[int, int] | None = Field(None, description="width and height in pixels")
    upscaler: str | None = Field(None, description="its name on the server")
    steps: int | None = Field(None, description="steps of the second pass")


class Infotext(BaseModel):
    """Prompts and fields; the properties read fields that several parts of us use.

    A property is None where the field is missing or its value makes no sense.
    """

    model_config = ConfigDict(frozen=True)

    prompt: str = ""
    negative_prompt: str = ""
    fields: dict[str, str] = Field(
        default_factory=dict, description='by A1111\'s label, for example "CFG scale"'
    )

    @field_validator("fields")
    @classmethod
    def _labels(cls, fields: dict[str, str]) -> dict[str, str]:
        for label in fields:
            if not _KEY.fullmatch(label) or label in _RESERVED:
                raise ValueError(f"{label!r} cannot be the label of a field")
        return fields

    def with_fields(self, changes: Mapping[str, str | None]) -> Infotext:
        """A copy with these fields set; None removes one."""
        merged: dict[str, str | None] = {**self.fields, **changes}
        fields = {label: value for label, value in merged.items() if value is not None}
        return Infotext(prompt=self.prompt, negative_prompt=self.negative_prompt, fields=fields)

    @property
    def seed(self) -> int | None:
        """The seed; None also for -1, which is none."""
        return _whole(self.fields.get("Seed"))

    @property
    def steps(self) -> int | None:
        """Sampling steps."""
        return _whole(self.fields.get("Steps"))

    @property
    def sampler(self) -> str | None:
        """The sampler; texts from before A1111 1.9 have the scheduler in the same name."""
        return self.fields.get("Sampler") or None

    @property
    def scheduler(self) -> str | None:
        """The noise schedule, A1111's "Schedule type"."""
        return self.fields.get("Schedule type") or None

    @property
    def cfg_scale(self) -> float | None:
        """How strictly the prompt was followed."""
        return _number(self.fields.get("CFG scale"))

    @property
    def width(self) -> int | None:
        """Width in pixels that the model drew, before a second pass and before fitting."""
        size = _size(self.fields.get("Size"))
        return size[0] if size else None

    @property
    def height(self) -> int | None:
        """Height in pixels that the model drew, before a second pass and before fitting."""
        size = _size(self.fields.get("Size"))
        return size[1] if size else None

    @property
    def model(self) -> str | None:
        """The checkpoint's name."""
        return self.fields.get("Model") or None

    @property
    def strength(self) -> float | None:
        """How much of an input picture (or of the first pass) was replaced, 0 to 1."""
        return _number(self.fields.get("Denoising strength"))

    @property
    def clip_skip(self) -> int | None:
        """Which of CLIP's last layers was used; 1 is the last."""
        return _whole(self.fields.get("Clip skip"))

    @property
    def highres(self) -> SecondPass | None:
        """The second pass; None without one."""
        found = SecondPass(
            scale=_number(self.fields.get("Hires upscale")),
            size=_size(self.fields.get("Hires resize")),
            upscaler=self.fields.get("Hires upscaler") or None,
            steps=_whole(self.fields.get("Hires steps")),
        )
        return None if found == SecondPass() else found

    @property
    def output_size(self) -> tuple[int, int] | None:
        """Ours: width and height in pixels of the finished picture."""
        return _size(self.fields.get("Output size"))

    @property
    def output_fit(self) -> str | None:
        """Ours: how the drawn picture was brought to the output size."""
        return self.fields.get("Output fit") or None

    @property
    def output_focus(self) -> str | None:
        """Ours: the point that stayed when cropping, if it was not the middle."""
        return self.fields.get("Output focus") or None

    @property
    def output_background(self) -> str | None:
        """Ours: what surrounds a contained picture, if it was not blur."""
        return self.fields.get("Output background") or None


def parse(text: str) -> Infotext:
    """Read generation parameters. Never raises: what is no field belongs to a prompt."""
    *lines, last = text.strip().split("\n")
    fields = _fields(last)
    if len(fields) < _LEAST_FIELDS:
        lines.append(last)
        fields = []
    parts: tuple[list[str], list[str]] = ([], [])
    negative = False
    for line in map(str.strip, lines):
        rest = line
        if line.startswith(NEGATIVE):
            negative, rest = True, line.removeprefix(NEGATIVE).strip()
        # An empty first line is no line: A1111 joins only to what is already there.
        if rest or parts[negative]:
            parts[negative].append(rest)
    values = dict(fields)
    prompt = values.pop(_EXACT, "\n".join(parts[False]))
    negative_prompt = values.pop(_EXACT_NEGATIVE, "\n".join(parts[True]))
    values.pop(_EXACT_BY, None)
    return Infotext(prompt=prompt, negative_prompt=negative_prompt, fields=values)


def compose(infotext: Infotext) -> str:
    """Write generation parameters, so that `parse` gives `infotext` back.

    The text holds no NUL and no half surrogate pair, so every container can carry it. (The
    one thing that changes: two halves side by side come back as the character they mean.)
    """
    text = _composed(infotext, {})
    if parse(text) == infotext:
        return text
    exact = {
        _EXACT: infotext.prompt,
        _EXACT_NEGATIVE: infotext.negative_prompt,
        _EXACT_BY: "creative_studio",
    }
    return _composed(infotext, exact)


def _composed(infotext: Infotext, exact: dict[str, str]) -> str:
    parts = [_clean(infotext.prompt)]
    if infotext.negative_prompt:
        parts.append(f"{NEGATIVE} {_clean(infotext.negative_prompt)}")
    fields = {**infotext.fields, **exact}
    parts.append(", ".join(f"{label}: {_quote(value)}" for label, value in fields.items()))
    return "\n".join(parts).strip()


def _clean(text: str) -> str:
    return text.replace("\0", "").encode(errors="replace").decode()


def _fields(line: str) -> list[tuple[str, str]]:
    """The pairs of "Key: value" in a line, in its order.

    The same pairs as A1111's one regular expression, but in time that grows with the length:
    a key runs as far as it can, so where no colon follows, none of its shorter tails has one.
    """
    found: list[tuple[str, str]] = []
    position = 0
    while key := _KEY.search(line, position):
        position = key.end()
        if not line.startswith(":", position):
            continue
        value = _QUOTED.match(line, position + 1) or _PLAIN.match(line, position + 1)
        if value is None:
            raise AssertionError("a plain value may be empty")
        found.append((key[0], _unquote(value[1])))
        position = value.end()
    return found


def _quote(value: str) -> str:
    """`value` as A1111 quotes it, and also where its reader would change it."""
    if value == "" or (value == _clean(value).strip() and not re.search(r'[,:\n]|^"', value)):
        return value
    return json.dumps(value, ensure_ascii=value != _clean(value))


def _unquote(value: str) -> str:
    if not (value.startswith('"') and value.endswith('"')):
        return value
    try:
        plain = json.loads(value)
    except ValueError:
        return value
    return plain if isinstance(plain, str) else value


def _whole(text: str | None) -> int | None:
    return int(text) if text and _WHOLE.fullmatch(text) else None


def _number(text: str | None) -> float | None:
    number = float(text) if text and _NUMBER.fullmatch(text) else None
    return number if number is not None and math.isfinite(number) else None


def _size(text: str | None) -> tuple[int, int] | None:
    found = _SIZE.fullmatch(text or "")
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    return size if min(size) > 0 else None
