"""What the tables say: how a model is drawn with, and what a sampler is called here."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from creative.images.names import resolve


class Recipe(BaseModel):
    """A row of models.yaml; see the head of that file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: str = Field("", description="empty: any")
    names: tuple[str, ...] = ()
    steps: int
    cfg: float
    sampler: str
    scheduler: str
    guidance: float | None = None
    shift: float | None = None
    latent: str = "EmptyLatentImage"
    encoder_loader: str = ""
    encoder_type: str = ""
    encoders: dict[str, str] = Field(default_factory=dict)
    vae: dict[str, str] = Field(default_factory=dict)
    source: str
    date: str

    def fits(self, model: str, family: str) -> bool:
        """Whether this row is for the model."""
        if self.family and self.family != family:
            return False
        return not self.names or any(re.search(name, model, re.IGNORECASE) for name in self.names)


class Architectures(BaseModel):
    """architectures.yaml; see the head of that file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    families: dict[str, str]
    source: str
    date: str


class _Names(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    names: dict[str, str]
    source: str
    date: str


class _Samplers(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    samplers: _Names
    schedulers: _Names


@cache
def recipes() -> dict[str, Recipe]:
    """The rows of models.yaml by name, in their order."""
    path = Path(__file__).with_name("models.yaml")
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {name: Recipe(**row) for name, row in rows.items()}


def recipe_of(model: str, family: str) -> Recipe:
    """The first row that fits; the last one fits all.

    >>> recipe_of("flux1-schnell-fp8.safetensors", "flux").steps
    4
    """
    return next(recipe for recipe in recipes().values() if recipe.fits(model, family))


@cache
def _architectures() -> Architectures:
    path = Path(__file__).with_name("architectures.yaml")
    return Architectures(**yaml.safe_load(path.read_text(encoding="utf-8")))


def family_of_architecture(architecture: str) -> str:
    """The family that a file's own `modelspec.architecture` names; "" if it tells none.

    >>> family_of_architecture("stable-diffusion-xl-v1-base"), family_of_architecture("")
    ('sdxl', '')
    """
    for pattern, family in _architectures().families.items():
        if re.search(pattern, architecture, re.IGNORECASE):
            return family
    return ""


@cache
def _samplers() -> _Samplers:
    path = Path(__file__).with_name("samplers.yaml")
    return _Samplers(**yaml.safe_load(path.read_text(encoding="utf-8")))


def schedule_of(
    sampler: str, scheduler: str, samplers: list[str], schedulers: list[str], whose: str
) -> tuple[str, str]:
    """Sampler and scheduler as the server calls them; "" stays "".

    AUTOMATIC1111's names are understood, also the old ones that hold both: "DPM++ 2M Karras".

    Raises:
        InvalidInput: the server has no such sampler or scheduler; names the closest ones.
    """
    aliases = _lower(_samplers().samplers.names)
    wanted = sampler.strip()
    head, _, tail = wanted.rpartition(" ")
    if head and tail.lower() in schedulers and wanted.lower() not in aliases:
        wanted, scheduler = head, scheduler.strip() or tail
    wanted = aliases.get(wanted.lower(), wanted)
    plan = _lower(_samplers().schedulers.names).get(scheduler.strip().lower(), scheduler.strip())
    return (
        resolve("sampler", wanted, samplers, whose) if wanted else "",
        resolve("scheduler", plan, schedulers, whose) if plan else "",
    )


def _lower(names: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in names.items()}
