"""Attacks on the guard, as data, and what is needed to try them."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from tests.attacks.canary import Canary
from tests.pages import Site

HERE = Path(__file__).parent


class Row(BaseModel):
    """A row of a table: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Vector(Row):
    """A page of pages.yaml; see the words at its top."""

    name: str
    page: str = ""
    files: dict[str, tuple[int, dict[str, str], str]] = Field(default_factory=dict)
    alone: bool = False
    leads: bool = False
    reaches: bool | None = True
    why: str = ""

    @property
    def folder(self) -> str:
        """Where its pages lie on a server."""
        return "/v/" + self.name.replace(" ", "-")

    def lay_out(self, site: Site, other: Site, canary: Canary) -> None:
        """Put its pages on both servers."""

        def filled(text: str) -> str:
            for name, part in _parts().items():
                text = text.replace("{" + name + "}", part)
            for name, value in (
                ("worker64", base64.b64encode(filled_worker.encode()).decode()),
                ("canary", canary.url),
                ("name", canary.name),
                ("port", str(canary.port)),
                ("here", self.folder),
                ("other", other.url + self.folder),
            ):
                text = text.replace("{" + name + "}", value)
            return text

        filled_worker = ""
        filled_worker = filled("{worker}")
        pages = {"page": (200, {}, self.page), **self.files}
        for name, (status, headers, body) in pages.items():
            answer = (status, {key: filled(value) for key, value in headers.items()}, filled(body))
            site.pages[f"{self.folder}/{name}"] = answer
            other.pages[f"{self.folder}/{name}"] = answer


class Target(Row):
    """An address of addresses.yaml; see the words at its top."""

    url: str
    reaches: bool = False
    unreadable: bool = False


class Group(Row):
    """Addresses of one kind, with where they come from."""

    kind: str
    source: str
    urls: list[str] = Field(default_factory=list)
    reaches: list[str] = Field(default_factory=list)
    unreadable: list[str] = Field(default_factory=list)


class Shape(Row):
    """A page of ordinary.yaml; see the words at its top."""

    name: str
    page: str = ""
    files: dict[str, tuple[int, dict[str, str], str]] = Field(default_factory=dict)
    start: str = ""
    title: str = ""


@cache
def _read(name: str) -> dict[str, Any]:
    table = yaml.safe_load((HERE / name).read_text("utf-8"))
    assert table["date"]
    return dict(table)


def _parts() -> dict[str, str]:
    return dict(_read("pages.yaml")["parts"])


def vectors() -> list[Vector]:
    """All of pages.yaml."""
    return [Vector.model_validate(row) for row in _read("pages.yaml")["vectors"]]


def targets() -> list[Target]:
    """All of addresses.yaml."""
    found = []
    for row in _read("addresses.yaml")["groups"]:
        group = Group.model_validate(row)
        found += [Target(url=url, reaches=True) for url in group.reaches]
        found += [Target(url=url) for url in group.urls]
        found += [Target(url=url, unreadable=True) for url in group.unreadable]
    return found


def names() -> dict[str, list[str]]:
    """What the names in addresses.yaml resolve to."""
    return dict(_read("addresses.yaml")["names"])


def shapes() -> list[Shape]:
    """All of ordinary.yaml."""
    return [Shape.model_validate(row) for row in _read("ordinary.yaml")["shapes"]]
