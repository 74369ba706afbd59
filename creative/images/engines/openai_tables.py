"""What the models of the OpenAI images API take and cost: openai_models.yaml and prices.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from creative.errors import InvalidInput
from creative.images.families import Rule, family_of, rule_of
from creative.images.names import closest

OWN_FIELDS = {
    "model": "model",
    "prompt": "prompt",
    "n": "count",
    "size": "size",
    "image": "image",
    "image[]": "image",
    "mask": "mask",
}
"""Fields of a request that parameters of the node fill."""
CLOSED_FIELDS = {
    "response_format": "the answer must hold the picture",
    "stream": "a stream cannot be read here",
    "partial_images": "a stream cannot be read here",
}
"""Fields that would change the form of the answer."""
UNKNOWN_MULTIPLE = 64
"""Grid for models without a row: stable-diffusion.cpp's server rounds up to it."""

_RANGE = re.compile(r"^(\d+)\.\.(\d+)$")


class ImageModel(BaseModel):
    """A row of openai_models.yaml; see the head of that file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    names: tuple[str, ...]
    ids: tuple[str, ...]
    default: str = ""
    retired: date | None = None
    sizes: tuple[tuple[int, int], ...] = ()
    multiple: int = 1
    native: int
    min_area: int = 1
    max_area: int = 1
    max_ratio: float = 1
    max_side: int = 1
    max_n: int
    max_prompt: int
    response_format: bool = False
    edits: bool
    mask: bool
    fields: dict[str, tuple[str, ...] | str]
    edit_fields: dict[str, tuple[str, ...] | str] = Field(default_factory=dict)
    source: str
    date: str

    def rule(self, model: str) -> Rule:
        """Its sizes as a rule; `model` is named in notes."""
        areas = [width * height for width, height in self.sizes]
        return Rule(
            name=model,
            multiple=self.multiple,
            native=self.native,
            min_area=min(areas, default=self.min_area),
            max_area=max(areas, default=self.max_area),
            max_ratio=max((max(size) / min(size) for size in self.sizes), default=self.max_ratio),
            max_side=max((max(size) for size in self.sizes), default=self.max_side),
            sizes=self.sizes,
        )


class Price(BaseModel):
    """A row of prices.yaml: US dollars per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    names: tuple[str, ...]
    text_input: float
    image_input: float
    image_output: float
    text_output: float | None = None
    source: str
    date: str

    def cost(self, usage: Mapping[str, Any], text_only: bool) -> float | None:
        """US dollars for the `usage` of an answer; None if it does not say enough.

        Args:
            usage: as in an answer of the images API, in tokens.
            text_only: no picture was sent, so that all input is text.
        """
        inputs = _count(usage, "input_tokens")
        output = _count(usage, "output_tokens")
        if inputs is None or output is None:
            return None
        details = _details(usage, "input_tokens_details")
        pictures = _count(details, "image_tokens")
        if pictures is None:
            if not text_only:
                return None
            pictures = 0
        texts = _count(_details(usage, "output_tokens_details"), "text_tokens") or 0
        if texts and self.text_output is None:
            return None
        spent = (
            (inputs - pictures) * self.text_input
            + pictures * self.image_input
            + (output - texts) * self.image_output
            + texts * (self.text_output or 0.0)
        )
        return spent / 1_000_000


def _details(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = usage.get(name)
    return value if isinstance(value, dict) else {}


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    value = usage.get(name)
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if whole else None


@cache
def models() -> dict[str, ImageModel]:
    """The rows of openai_models.yaml by name, in their order."""
    return {name: ImageModel(**row) for name, row in _rows("openai_models.yaml").items()}


@cache
def prices() -> dict[str, Price]:
    """The rows of prices.yaml by name, in their order."""
    return {name: Price(**row) for name, row in _rows("prices.yaml").items()}


def _rows(file: str) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = yaml.safe_load(
        Path(__file__).with_name(file).read_text(encoding="utf-8")
    )
    return rows


def default_model() -> str:
    """The model that OpenAI draws with when nobody chose one."""
    return next(row.default for row in models().values() if row.default)


def known_ids() -> tuple[str, ...]:
    """Every name that OpenAI itself takes, newest first."""
    return tuple(name for row in models().values() for name in row.ids)


def row_of(model: str) -> ImageModel | None:
    """The row of a model, whatever gateway's name it has; None: a model we know nothing about."""
    return next((row for row in models().values() if _fits(row.names, model)), None)


def price_of(model: str) -> Price | None:
    """What OpenAI charges for a model; None: unknown."""
    return next((row for row in prices().values() if _fits(row.names, model)), None)


def _fits(names: tuple[str, ...], model: str) -> bool:
    return any(re.search(name, model, re.IGNORECASE) for name in names)


def rule_for(model: str, family: str) -> Rule:
    """The sizes that a model may be asked for.

    Args:
        model: as the server calls it.
        family: a row of families.yaml, or auto; used for models without a row of their own.

    Raises:
        InvalidInput: there is no such family.
    """
    row = row_of(model)
    if row is not None:
        return row.rule(model)
    kind = family_of(model) if family == "auto" else family
    return rule_of(kind, multiple=UNKNOWN_MULTIPLE)


def check_field(name: str, value: object, row: ImageModel | None, model: str, edit: bool) -> bool:
    """Whether a field of `extra` is known; one that can never be sent is an error.

    Raises:
        InvalidInput: it is a parameter of the node, or its value is not one of the model's.
    """
    if name in OWN_FIELDS:
        raise InvalidInput(
            "extra", name, "fields that are no parameters of the node",
            f"Use the parameter '{OWN_FIELDS[name]}' instead.",
        )  # fmt: skip
    if name in CLOSED_FIELDS:
        raise InvalidInput("extra", name, f"other fields: {CLOSED_FIELDS[name]}")
    if row is None:
        return False
    allowed = {**row.fields, **(row.edit_fields if edit else {})}.get(name)
    if allowed is None:
        return False
    if not _allows(allowed, value):
        shown = ", ".join(allowed) if isinstance(allowed, tuple) else allowed.replace("..", " to ")
        raise InvalidInput(f"extra.{name}", value, f"{shown} ({model})")
    return True


def unknown_field(name: str, row: ImageModel, model: str, edit: bool) -> InvalidInput:
    """The error for a field that a model does not have (not raised)."""
    known = [*row.fields, *(row.edit_fields if edit else ())]
    return InvalidInput(
        "extra", name, f"fields of {model}: {', '.join(known)}", closest(name, known)
    )


def _allows(allowed: tuple[str, ...] | str, value: object) -> bool:
    if isinstance(allowed, tuple):
        return value in allowed
    span = _RANGE.match(allowed)
    if span is None:
        return isinstance(value, str)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and int(span[1]) <= value <= int(span[2])  # type: ignore[operator]
