"""The advertising platforms: which texts and pictures each takes. Loaded from platforms.yaml."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from creative.errors import InvalidInput

Unit = Literal["characters", "display_width", "bytes", "weighted"]
"""How a platform counts a text; `limits.measure` says exactly how."""
Role = Literal["headline", "long_headline", "description", "text", "cta", "path", "brand"]
"""What a field does in an ad, whatever the platform calls it."""
Mark = Literal[
    "exclamation",  # no exclamation mark at all
    "second_exclamation",  # at most one in all texts of the field
    "repeated_punctuation",  # "!!", "?!", "...."
    "all_capitals",  # "BUY NOW"; acronyms and brand names pass
    "emoji",
    "symbols",  # ornaments, bullets, ellipses and what repeats a letter's place ("*", "★", "…")
    "phone_number",
    "halfwidth_katakana",
    "braces",
    "hash",
    "path",  # white space, slashes and punctuation in a display path; letters, digits, hyphens pass
]
"""What a platform refuses in a text."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Frozen):
    """Where a rule was read, and when."""

    title: str
    url: str
    checked: str = Field(pattern=r"^20\d\d-\d\d$", description="year and month")


class FieldRule(_Frozen):
    """One text field of a platform."""

    name: str = Field(description="key in Copy.fields")
    role: Role
    limit: int = Field(gt=0, description="hard limit of each text, in `unit`")
    visible: int | None = Field(
        None, description="what readers see before the platform cuts; writers aim at it"
    )
    unit: Unit
    least: int = Field(ge=0, description="how many texts the platform wants at least")
    most: int = Field(ge=1, description="how many it takes")
    short_limit: int | None = Field(None, description="`short_least` texts must be this short")
    short_least: int = 0
    most_emoji: int | None = Field(None, description="emoji per text; None: any number")
    forbids: tuple[Mark, ...] = ()
    options: tuple[str, ...] = Field((), description="the only texts it takes; empty: any text")
    source: Source

    @property
    def required(self) -> bool:
        """Whether an ad without this field is refused."""
        return self.least > 0

    @property
    def aim(self) -> int:
        """The length that a writer should stay within, in `unit`."""
        return self.visible or self.limit


class PictureRule(_Frozen):
    """One picture of a platform, in pixels."""

    name: str
    width: int = Field(ge=16, le=4096)
    height: int = Field(ge=16, le=4096)
    max_kb: int = Field(gt=0, description="kilobytes of 1,000 bytes: the smaller reading")
    formats: tuple[Literal["jpeg", "png"], ...] = ("jpeg", "png")
    safe_area: tuple[int, int, int, int] = Field(
        (0, 0, 0, 0), description="top, right, bottom, left pixels that the platform covers"
    )
    required: bool = Field(
        False,
        description="drawn unless sizes are given: the platform wants it or most placements do",
    )
    source: Source

    @property
    def ratio(self) -> str:
        """Width to height in smallest numbers, such as "1:1" or "300:157"."""
        common = math.gcd(self.width, self.height)
        return f"{self.width // common}:{self.height // common}"


class Platform(_Frozen):
    """A platform, or one of its placements."""

    id: str
    label: str
    fields: tuple[FieldRule, ...] = Field(min_length=1)
    pictures: tuple[PictureRule, ...]

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        names = [rule.name for rule in self.fields]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.id}: a field is there twice")
        for rule in self.fields:
            if rule.least > rule.most or rule.aim > rule.limit:
                raise ValueError(f"{self.id}.{rule.name}: least over most or visible over limit")
        return self

    @property
    def sources(self) -> tuple[Source, ...]:
        """Everything that its rules were read from, each once."""
        rows: tuple[FieldRule | PictureRule, ...] = (*self.fields, *self.pictures)
        return tuple(dict.fromkeys(row.source for row in rows))

    @property
    def roles(self) -> dict[str, str]:
        """Field names and their roles, as `Copy.text` takes them."""
        return {rule.name: rule.role for rule in self.fields}

    def field(self, name: str) -> FieldRule:
        """The rule of a field.

        Raises:
            InvalidInput: the platform has no such field; names those it has.
        """
        for rule in self.fields:
            if rule.name == name:
                return rule
        raise InvalidInput(f"fields of {self.id}", name, ", ".join(self.roles))

    def by_role(self, role: Role) -> FieldRule | None:
        """The first field that plays `role`, if there is one."""
        return next((rule for rule in self.fields if rule.role == role), None)


class _Table(_Frozen):
    sources: dict[str, Source]
    platforms: dict[str, Platform]


@cache
def _table() -> dict[str, Platform]:
    import yaml

    path = Path(__file__).with_name("platforms.yaml")
    raw: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, platform in raw["platforms"].items():
        platform["id"] = name
        for row in (*platform["fields"], *platform["pictures"]):
            row["source"] = raw["sources"][row["source"]]
    return _Table.model_validate(raw).platforms


def ids() -> tuple[str, ...]:
    """The ids of all platforms, in the table's order."""
    return tuple(_table())


def platform(name: str) -> Platform:
    """A platform by its id.

    Raises:
        InvalidInput: no platform has this id; the message names those that exist.
    """
    found = _table().get(name.strip().lower().replace("-", "_").replace(" ", "_"))
    if found is None:
        raise InvalidInput("platforms", name, ", ".join(ids()))
    return found
