"""Pictures of ads: every size, four languages, measured from the finished files."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from PIL import Image, ImageFilter

from creative.ads.draw import compose, given, typography
from creative.ads.draw.canvas import Canvas
from creative.ads.draw.compose import NotDrawn
from tests.drawing import TEXTS, drawn_on, ground, rule_of, rules, task, wcag
from tests.pictures import opened, photo, saved


@pytest.fixture
def canvases(monkeypatch: pytest.MonkeyPatch) -> list[Canvas]:
    """Every canvas that is drawn on, the last one at the end."""
    return drawn_on(monkeypatch)


def measured(image: Image.Image, mask: Image.Image, at: tuple[int, int]) -> float:
    """Contrast between the inside of letters and what surrounds them, worst 5 percent apart."""
    light = wcag(image.crop((*at, at[0] + mask.width, at[1] + mask.height)))
    letters = numpy.asarray(mask)
    inside = light[letters >= max(200, int(letters.max()) - 10)]
    # As near as three pixels: whatever a button's or panel's edge is, it is farther. Three times
    # the next pixel is what MaxFilter(7) gives, in a third of the time.
    once = ImageFilter.MaxFilter(3)
    touching = mask.filter(once)
    near = touching.filter(once).filter(once)
    around = light[(numpy.asarray(near) > 128) & (numpy.asarray(touching) == 0)]
    ink = float(numpy.median(inside))
    ratios = (numpy.maximum(around, ink) + 0.05) / (numpy.minimum(around, ink) + 0.05)
    return float(numpy.percentile(ratios, 5))


@pytest.mark.parametrize("language", list(TEXTS))
def test_every_size_of_every_platform(language: str, canvases: list[Canvas], tofu: Any) -> None:
    for number, rule in enumerate(rules(), list(TEXTS).index(language)):
        kind = "photo" if number % 2 else "plain"
        wanted = task(language, rule, variant=1 + number // 2 % 4)
        made = compose.paint(wanted, ground(kind))
        image = opened(made.data).convert("RGB")
        name = f"{rule.width}x{rule.height} variant {wanted.variant}"
        assert image.size == (rule.width, rule.height), name
        assert len(made.data) <= rule.max_kb * 1000, name
        inks = canvases[-1].inks
        assert inks, name
        top, right, bottom, left = rule.safe_area
        boxes = []
        for ink in inks:
            assert measured(image, ink.mask, ink.at) >= 4.5, name
            box = ink.mask.getbbox()
            assert box, name
            x, y = ink.at
            boxes.append((box[0] + x, box[1] + y, box[2] + x, box[3] + y))
            assert min(box[:2]) > 0, f"{name}: letters end at the edge of their mask"
            assert box[2] < ink.mask.width, name
            assert box[3] < ink.mask.height, name
            assert boxes[-1][0] >= max(left, 1), name
            assert boxes[-1][1] >= max(top, 1), name
            assert boxes[-1][2] <= rule.width - max(right, 1), name
            assert boxes[-1][3] <= rule.height - max(bottom, 1), name
        for number_of_box, one in enumerate(boxes):
            for other in boxes[number_of_box + 1 :]:
                apart = one[2] <= other[0] or other[2] <= one[0]
                assert apart or one[3] <= other[1] or other[3] <= one[1], f"{name}: texts overlap"
        assert made.contrast >= 4.5
        assert 0 <= made.clutter < 0.5
    assert tofu() == []


@pytest.fixture
def tofu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What was written with a font's box for what it lacks."""
    found: list[str] = []
    begin = typography.Text.mask

    def noted(self: typography.Text, block: Any, align: str) -> Any:
        font = self.font(40)
        box = bytes(font.getmask("\U0010fffe"))
        for line in block.lines:
            found.extend(
                sign for sign in line.text if sign.strip() and bytes(font.getmask(sign)) == box
            )
        return begin(self, block, align)

    monkeypatch.setattr(typography.Text, "mask", noted)
    return lambda: found


def test_the_same_seed_gives_the_same_bytes_and_another_variant_another_picture() -> None:
    square = rule_of(300, 250)
    for kind in ("photo", "plain"):
        first = compose.paint(task("pt", square), ground(kind))
        assert compose.paint(task("pt", square), ground(kind)).data == first.data
        others = [compose.paint(task("pt", square, variant), ground(kind)) for variant in (2, 3, 4)]
        assert len({first.data, *(other.data for other in others)}) == 4


def test_brand_colours_are_on_the_picture() -> None:
    made = compose.paint(task("de", rule_of(1080, 1080)), ground("plain"))
    counted = opened(made.data).convert("RGB").getcolors(2**20)
    assert counted
    assert max(counted)[1] in {(11, 61, 145), (0, 42, 127)} or (11, 61, 145) in [
        colour for number, colour in sorted(counted)[-2:]
    ]


def test_nothing_is_in_a_safe_area_but_ground(canvases: list[Canvas]) -> None:
    areas = (500, 200, 500, 200)
    narrow = rule_of(1080, 1920, safe_area=areas)
    compose.paint(task("ja", narrow), ground("photo"))
    for ink in canvases[-1].inks:
        box = ink.mask.getbbox()
        assert box
        assert ink.at[1] + box[1] >= 500
        assert ink.at[1] + box[3] <= 1920 - 500
        assert ink.at[0] + box[0] >= 200
        assert ink.at[0] + box[2] <= 1080 - 200


# Kilobytes and formats


def noise(width: int, height: int) -> given.Given:
    chance = numpy.random.default_rng(1)
    pixels = chance.integers(0, 256, (height, width, 3), numpy.uint8)
    return given.read(saved(Image.fromarray(pixels)), "engine", b"", (width, height))


def test_the_best_quality_that_fits_the_kilobytes_is_taken() -> None:
    roomy = compose.paint(task("pt", rule_of(300, 250, max_kb=500)), noise(300, 250))
    tight = compose.paint(task("pt", rule_of(300, 250, max_kb=30)), noise(300, 250))
    assert len(tight.data) <= 30_000 < len(roomy.data)
    assert len(tight.data) > 24_000, "much smaller than it has to be"
    assert any("to fit its kilobytes" in note for note in tight.notes)
    with pytest.raises(NotDrawn, match="1 kB"):
        compose.paint(task("pt", rule_of(300, 250, max_kb=1)), noise(300, 250))


def test_a_png_that_is_too_large_gets_a_palette() -> None:
    made = compose.paint(
        task("pt", rule_of(300, 250, max_kb=60, formats=("png",))), noise(300, 250)
    )
    assert made.mime_type == "image/png"
    assert len(made.data) <= 60_000
    assert opened(made.data).mode == "P"


def test_files_carry_no_metadata() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    data = saved(photo(800, 600), "JPEG", exif=exif, comment=b"secret place")
    source = given.read(data, "source", b"", (300, 250))
    png = compose.paint(task("pt", rule_of(300, 250, formats=("png",))), source)
    jpeg = compose.paint(task("pt", rule_of(300, 250, formats=("jpeg",))), source)
    assert (png.mime_type, jpeg.mime_type) == ("image/png", "image/jpeg")
    for made in (png, jpeg):
        assert b"secret" not in made.data
        assert not set(opened(made.data).info) & {"exif", "comment", "icc_profile", "parameters"}
