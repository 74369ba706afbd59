"""What real engines wrote, and what they draw again from what was read.

tests/made holds pictures of 64x64 pixels that AUTOMATIC1111 1.10.1, Forge f2.0.1 (dfdcbab6),
ComfyUI 0.3.75 and stable-diffusion.cpp's sd-server drew here, with models of random weights.
Drawing again needs STUDIO_TEST_A1111_URL or STUDIO_TEST_COMFYUI_URL.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from creative.deadline import Deadline
from creative.images import Given, generate
from creative.images.given import PlacementGiven
from creative.settings import Settings
from creative.steps import Steps
from tests.pictures import opened
from tests.test_images_reading import read

MADE = Path(__file__).with_name("made")
MILL = {"prompt": "a mill, (storm:1.2)", "negative_prompt": "fog", "steps": 2, "cfg_scale": 5.0,
        "sampler": "Euler a", "seed": 123, "width": 64, "height": 64, "highres": "off"}  # fmt: skip
ACCENT = {"prompt": "a mill, été", "negative_prompt": "fog", "steps": 1, "cfg_scale": 7.0,
          "sampler": "Euler a", "scheduler": "Automatic", "seed": 5, "width": 64}  # fmt: skip
BOTTLE = {"prompt": "a glass bottle", "negative_prompt": "text, watermark", "steps": 2,
          "cfg_scale": 8.0, "sampler": "Euler a", "scheduler": "normal", "model": "tinyA",
          "loras": "tinyLora:0.7", "width": 64}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "generator", "wanted"),
    [
        ("a1111.png", "AUTOMATIC1111", {**MILL, "scheduler": "Karras", "model": "tinyA"}),
        ("a1111.jpg", "AUTOMATIC1111", ACCENT),
        ("forge.jpg", "Forge", ACCENT),
        ("sdcpp.png", "stable-diffusion.cpp", {**MILL, "scheduler": "karras", "model": "tinyFull"}),
        ("comfyui.png", "ComfyUI", BOTTLE),
        ("comfyui.webp", "ComfyUI", BOTTLE),
    ],
)
def test_files_of_real_engines(name: str, generator: str, wanted: dict[str, Any]) -> None:
    found = read((MADE / name).read_bytes())
    told = {
        "prompt": found.prompt,
        "negative_prompt": found.negative_prompt,
        **found.settings,
    }
    assert (found.source, found.generator) == ("exact", generator)
    assert {key: told.get(key) for key in wanted} == wanted


ENGINES = {
    "automatic1111": ("STUDIO_TEST_A1111_URL", "sd_base_url"),
    "comfyui": ("STUDIO_TEST_COMFYUI_URL", "comfyui_base_url"),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
def test_what_was_read_draws_the_same_picture(engine: str, image_format: str) -> None:
    variable, credential = ENGINES[engine]
    address = os.environ.get(variable, "")
    if not address:
        pytest.skip(f"{variable} is not set: no server to draw with")
    settings = Settings.from_credentials({credential: address})

    def drawn(infotext: str) -> bytes:
        request = Given(
            infotext=infotext, engine=engine, placement=PlacementGiven(image_format=image_format)
        ).read()
        return generate(request, settings, Deadline(120), Steps()).pictures[0].data

    # By an infotext, because only then 64 pixels are drawn and not shrunk from 512.
    fields = "Steps: 2, Sampler: Euler a, CFG scale: 5, Seed: 77, Size: 64x64"
    first = drawn(f"a mill\nNegative prompt: fog\n{fields}")
    found = read(first)
    assert (found.source, found.settings["seed"]) == ("exact", 77)
    assert opened(drawn(found.infotext)).tobytes() == opened(first).tobytes()
