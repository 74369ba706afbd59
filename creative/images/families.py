"""What each kind of model draws well (families.yaml), and the rule that follows on a server."""

from __future__ import annotations

import math
import re
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from creative.errors import InvalidInput
from creative.images.size import MAX_SIDE, MIN_SIDE

UNKNOWN = "other"
"""The family of a model whose name tells nothing."""
LATENT_GRID = 8
"""Pixels per latent in each direction (AUTOMATIC1111, modules/processing.py, opt_f)."""


class Rule(BaseModel):
    """What a model, on its server, can be asked to draw."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="whose rule it is, for notes")
    multiple: int = Field(8, ge=1, description="both sides are multiples of it, pixels")
    grid: int = Field(8, ge=1, description="steps of what it takes at all, good or not, pixels")
    native: int = Field(description="area it draws best, pixels")
    min_area: int = Field(description="pixels")
    max_area: int = Field(description="pixels")
    max_ratio: float = Field(ge=1, description="long side / short side")
    min_side: int = Field(MIN_SIDE, description="pixels")
    max_side: int = Field(MAX_SIDE, description="pixels")
    max_second_pass: int = Field(0, description="largest area of a second pass, pixels; 0: none")
    sizes: tuple[tuple[int, int], ...] = Field((), description="the only sizes, if not empty")

    @property
    def longest_ratio(self) -> float:
        """The longest ratio that fits its sides as well: long side / short side."""
        shortest = math.ceil(self.min_side / self.multiple) * self.multiple
        longest = self.max_side // self.multiple * self.multiple
        return min(self.max_ratio, longest / shortest)

    def on_grid(self, width: int, height: int) -> bool:
        """Whether the engine takes this size, good or not."""
        if self.sizes:
            return (width, height) in self.sizes
        return (
            width % self.grid == 0
            and height % self.grid == 0
            and self.min_side <= min(width, height)
            and max(width, height) <= self.max_side
        )

    def allows(self, width: int, height: int) -> bool:
        """Whether it may be asked for this size."""
        if self.sizes:
            return (width, height) in self.sizes
        return (
            width % self.multiple == 0
            and height % self.multiple == 0
            and self.min_area <= width * height <= self.max_area
            and max(width, height) <= self.max_ratio * min(width, height)
            and self.min_side <= min(width, height)
            and max(width, height) <= self.max_side
        )


class Family(BaseModel):
    """A row of families.yaml; see the head of that file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    names: tuple[str, ...]
    multiple: int
    native: int
    min_area: int
    max_area: int
    max_ratio: float
    max_second_pass: int
    source: str
    date: str


@cache
def families() -> dict[str, Family]:
    """The rows of families.yaml by name, in their order."""
    path = Path(__file__).with_name("families.yaml")
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {name: Family(**row) for name, row in rows.items()}


def family_of(model: str, default: str = UNKNOWN) -> str:
    """The family that a model's name tells, or `default`.

    >>> family_of("juggernautXL_v9.safetensors"), family_of("flux1-dev-fp8"), family_of("abc")
    ('sdxl', 'flux', 'other')
    """
    for name, family in families().items():
        if any(re.search(pattern, model, re.IGNORECASE) for pattern in family.names):
            return name
    return default


def rule_of(
    family: str, multiple: int = 1, min_side: int = MIN_SIDE, max_side: int = MAX_SIDE
) -> Rule:
    """A family's rule on a server whose own grid is `multiple`.

    Raises:
        InvalidInput: there is no such family.
    """
    row = families().get(family)
    if row is None:
        raise InvalidInput("model_family", family, "auto or one of " + ", ".join(families()))
    return Rule(
        name=family,
        multiple=math.lcm(row.multiple, multiple),
        # An unknown model's coarser grid is only a precaution.
        grid=math.lcm(LATENT_GRID if family == UNKNOWN else row.multiple, multiple),
        native=row.native,
        min_area=row.min_area,
        max_area=row.max_area,
        max_ratio=row.max_ratio,
        min_side=min_side,
        max_side=max_side,
        max_second_pass=row.max_second_pass,
    )
