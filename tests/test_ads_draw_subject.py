"""Type and what is on the picture: no text across a busy subject, no card that hides it."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from PIL import Image

from creative.ads.draw import compose, given
from creative.ads.draw.canvas import Canvas
from creative.ads.draw.colour import WHITE, scheme
from creative.ads.draw.given import Logo
from creative.ads.draw.layouts import Box, Layout, layouts
from creative.ads.draw.measure import MOST_BEHIND, behind, clutter, contrast
from creative.ads.draw.place import Item
from creative.ads.draw.typography import Text
from tests.drawing import ground, rule_of, task
from tests.pictures import opened, saved

SIZES = ((1200, 628), (1080, 1080), (1080, 1350), (1080, 1920), (300, 250), (970, 250))


def busy() -> given.Given:
    """A market, as far as edges go: patches of colour on patches of colour."""
    chance = numpy.random.default_rng(3)
    pixels = chance.integers(0, 256, (120, 160, 3), numpy.uint8)
    large = Image.fromarray(pixels).resize((1600, 1200), Image.Resampling.BICUBIC)
    return given.read(saved(large, "JPEG"), "source", b"", (1080, 1920))


@pytest.fixture
def behind_texts(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How restless it is behind the texts of each picture."""
    seen: list[float] = []

    def noted(image: Image.Image, texts: Any, zoom: float) -> float:
        seen.append(behind(image, texts))
        return clutter(image, texts, zoom)

    monkeypatch.setattr(compose, "clutter", noted)
    return seen


def night() -> given.Given:
    """Stars: few pixels of a dark sky, which a look at most of it does not see."""
    chance = numpy.random.default_rng(4)
    sky = Image.new("RGB", (1600, 1200), (8, 9, 14))
    for x, y, size in zip(*chance.integers(0, (1600, 1200, 14), (1300, 3)).T, strict=True):
        sky.paste((235, 235, 225), (x, y, x + size, y + size))
    return given.read(saved(sky, "JPEG"), "source", b"", (1080, 1920))


def test_stars_are_not_to_write_on_either(behind_texts: list[float]) -> None:
    assert compose.paint(task("pt", rule_of(1080, 1080), 2), night()).contrast >= 4.5
    assert behind_texts == [0.0]


@pytest.mark.parametrize("variant", [1, 2, 3, 4])
def test_no_text_crosses_a_busy_subject(variant: int, behind_texts: list[float]) -> None:
    market = busy()
    for size in SIZES:
        made = compose.paint(task("pt", rule_of(*size), variant), market)
        assert behind_texts[-1] <= MOST_BEHIND, size
        assert made.pictured, "it stands beside the picture then"
        assert made.clutter > 0.1, "and the picture is still a busy one"


def test_type_stands_on_a_calm_picture(behind_texts: list[float]) -> None:
    made = compose.paint(task("pt", rule_of(1080, 1080), 2), ground("photo"))
    pixels = numpy.asarray(opened(made.data).convert("RGB"))
    assert len(numpy.unique(pixels[-20:].reshape(-1, 3), axis=0)) > 50, (
        "no plain ground at its foot"
    )
    assert made.clutter < 0.05


@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.name)
def test_a_card_leaves_the_picture_to_be_seen(layout: Layout) -> None:
    for one in layout.pictures:
        if one.ground != "card":
            continue
        (left, top, right, foot), (a, b, c, d) = one.picture, one.text
        hidden = max(0.0, min(right, c) - max(left, a)) * max(0.0, min(foot, d) - max(top, b))
        assert 0 < hidden < 0.3 * (right - left) * (foot - top)


def test_a_name_beside_another_tone_gets_a_chip() -> None:
    """White under its letters and black just beside them: around them is what readers see."""
    text = Text("Allerhafen", "logo", "de")
    block = text.block(45, 1000)
    image = Image.new("RGB", (600, 300), WHITE)
    box = Box(60, 60, 60 + block.width, 60 + block.height)
    image.paste((0, 0, 0), (0, 0, 600, box.top - 5))
    canvas = Canvas(image, scheme(("#0b3d91",), 3, 0), 5.2)
    canvas.name(Item("logo", box, block, "left"))
    assert contrast(canvas.image, canvas.inks) >= 4.5


def test_what_cannot_be_read_on_a_picture_stands_beside_it_or_on_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = len(compose._TRIES)
    for failing, pictured in ((tries, True), (2 * tries, False)):
        left = [failing]

        def measured(image: Image.Image, inks: Any, left: list[int] = left) -> float:
            left[0] -= 1
            return 1.0 if left[0] >= 0 else contrast(image, inks)

        monkeypatch.setattr(compose, "contrast", measured)
        made = compose.paint(task("pt", rule_of(1080, 1080), 3), ground("photo"))
        assert made.pictured is pictured
        assert made.contrast >= 4.5


def test_a_logo_that_would_be_lost_stands_on_the_brands_own_colour() -> None:
    mark = Image.new("RGBA", (200, 100), (255, 255, 255, 255))
    colours = scheme(("#0b3d91",), 2, 0)
    canvas = Canvas(Image.new("RGB", (600, 300), colours.ground), colours, 5.2)
    canvas.logo(Item("logo", Box(40, 40, 240, 140), None, "left"), Logo(mark, None))
    assert canvas.image.getpixel((48, 90)) == colours.buttons[0]
