"""What comes out of the picture verbs."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from creative.images.plan import Plan

MAX_SLUG_CHARACTERS = 40


class Picture(BaseModel):
    """A finished file."""

    model_config = ConfigDict(frozen=True)

    data: bytes = Field(repr=False)
    filename: str
    mime_type: str
    width: int = Field(description="pixels; 0 where the file is no picture")
    height: int = Field(description="pixels; 0 where the file is no picture")
    seed: int | None = Field(None, description="None: the engine has no seeds")
    infotext: str = Field("", description="generation parameters as AUTOMATIC1111 writes them")


class Generated(BaseModel):
    """Finished pictures, or a job that goes on."""

    model_config = ConfigDict(frozen=True)

    pictures: tuple[Picture, ...] = ()
    status: Literal["done", "running"] = "done"
    progress: float = Field(100.0, description="percent")
    job_id: str = Field("", description="of a submitted job; empty: nothing was submitted")
    engine: str
    model: str = ""
    upscaler: str = Field("", description="the upscaler that was used, if any")
    seeds: tuple[int, ...] = ()
    infotext: str = ""
    width: int = Field(description="of the pictures, pixels")
    height: int = Field(description="of the pictures, pixels")
    cost: float | None = Field(None, description="US dollars; None: unknown")
    plan: Plan | None = None
    texts: tuple[str, ...] = Field((), description="what nodes of a workflow that show text said")
    notes: tuple[str, ...] = ()
    elapsed_seconds: float = 0.0


def slug(text: str) -> str:
    """A short, safe part of a file name; letters of any script stay.

    >>> slug("A cat, (masterpiece:1.2) <lora:x:1>"), slug("一只猫！"), slug("../..")
    ('a-cat-masterpiece-1.2', '一只猫', 'picture')
    """
    text = re.sub(r"<[^<>]*>", " ", unicodedata.normalize("NFC", text)).lower()
    kept = re.sub(r"[^\w.]+", "-", text)[:MAX_SLUG_CHARACTERS]
    return kept.strip("-._") or "picture"


def picture_name(
    title: str, seed: int | None, width: int, height: int, number: int, extension: str
) -> str:
    """`prompt-slug_seed_WxH_n.ext`; without a seed that part is left out.

    >>> picture_name("A cat", 7, 970, 250, 1, "png")
    'a-cat_7_970x250_1.png'
    """
    middle = "" if seed is None else f"_{seed}"
    return f"{slug(title)}{middle}_{width}x{height}_{number}.{extension}"
