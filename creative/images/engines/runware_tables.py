"""What is known about Runware beforehand: runware.yaml."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from creative.images.families import Rule, family_of, rule_of


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KnownModel(_Row):
    """A model that needs no look-up; `family` is a row of families.yaml."""

    label: str
    family: str


class Upscaler(_Row):
    """An upscaler and the factors by which it enlarges."""

    label: str
    factors: tuple[int, ...]


class Limits(_Row):
    """Of every task: pixels, characters, steps."""

    multiple: int
    min_side: int
    max_side: int
    min_prompt: int
    max_prompt: int
    max_steps: int
    max_upscaled_side: int
    source: str
    date: str


class Tables(_Row):
    """The whole file; see its head."""

    models: dict[str, KnownModel]
    architectures: dict[str, str]
    upscalers: dict[str, Upscaler]
    limits: Limits
    schedulers: tuple[str, ...]
    sources: dict[str, tuple[str, str]]


@cache
def tables() -> Tables:
    """runware.yaml; `sources` holds source and date of each section."""
    path = Path(__file__).with_name("runware.yaml")
    file: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    sources = {name: (rows["source"], rows["date"]) for name, rows in file.items()}
    for name, rows in file.items():
        if name != "limits":
            del rows["source"], rows["date"]
    names = file.pop("schedulers")["names"]
    return Tables(**file, schedulers=names, sources=sources)


def default_model() -> str:
    """The model that draws when nobody chose one."""
    return next(iter(tables().models))


def default_upscaler() -> str:
    """The upscaler that enlarges when nobody chose one."""
    return next(iter(tables().upscalers))


def family_for(architecture: str, name: str) -> str:
    """The family of a model, by the architecture that modelSearch tells, else by its name."""
    for pattern, family in tables().architectures.items():
        if re.search(pattern, architecture, re.IGNORECASE):
            return family
    return family_of(architecture, family_of(name))


def rule_for(family: str) -> Rule:
    """What Runware may be asked for with a model of this family.

    Raises:
        InvalidInput: there is no such family.
    """
    limits = tables().limits
    return rule_of(family, limits.multiple, limits.min_side, limits.max_side)
