"""Devices by name (devices.yaml): how large their screen is and what they say they are."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator


class Kind(BaseModel):
    """What the browser on a kind of device says it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent: str = Field(description="User-Agent; empty: the browser's own")
    mobile: bool = Field(description="whether meta viewport counts")
    touch: bool = Field(description="whether there are touch events")
    platform: str = Field("", description="of the client hints; empty: none are sent")
    navigator: str = Field("", description="navigator.platform; empty: the browser's own")


class Device(BaseModel):
    """A row of devices.yaml; see the head of that file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(ge=16, description="CSS pixels")
    height: int = Field(ge=16, description="CSS pixels")
    scale: float = Field(gt=0, description="device pixels per CSS pixel")
    kind: str
    source: str
    date: str


class Table(BaseModel):
    """The whole of devices.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: dict[str, str]
    kinds: dict[str, Kind]
    devices: dict[str, Device]

    @model_validator(mode="after")
    def _rows_name_what_exists(self) -> Self:
        for name, device in self.devices.items():
            if device.kind not in self.kinds or device.source not in self.sources:
                raise ValueError(f"{name}: unknown kind or source")
        return self


@cache
def table() -> Table:
    """The table, read once."""
    text = (Path(__file__).parent / "devices.yaml").read_text(encoding="utf-8")
    return Table.model_validate(yaml.safe_load(text))


def find(name: str) -> tuple[Device, Kind]:
    """The device that `name` means; case, spaces, hyphens and underscores do not count.

    Raises:
        InvalidInput: none has that name; the error lists the closest ones.
    """
    from creative.images.names import resolve  # all of images comes with it

    rows = table()
    device = rows.devices[resolve("device", name, rows.devices, "the list of devices")]
    return device, rows.kinds[device.kind]


def agent_override(kind: Kind) -> dict[str, Any]:
    """Parameters of Emulation.setUserAgentOverride; empty where the browser stays itself."""
    if not kind.agent:
        return {}
    override: dict[str, Any] = {"userAgent": kind.agent, "platform": kind.navigator}
    if kind.platform:
        override["userAgentMetadata"] = {
            "platform": kind.platform,
            "platformVersion": "",
            "architecture": "",
            "model": "",
            "mobile": "Mobile" in kind.agent,
        }
    return override
