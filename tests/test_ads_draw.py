"""Pictures of ads: every size, four languages, measured from the finished files."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy
import pytest
from PIL import Image, ImageFilter

from creative.ads import draw as drawing
from creative.ads.draw import (
    DrawJob,
    LeftOut,
    compose,
    contact_sheet,
    draw,
    given,
    process,
    typography,
)
from creative.ads.draw.canvas import Canvas
from creative.ads.draw.compose import NotDrawn, Painted, Task
from creative.ads.platforms import PictureRule, ids, platform
from creative.deadline import Deadline
from creative.errors import DeadlineExceeded, InvalidInput, TooLarge
from creative.fonts import Fonts
from creative.steps import Phase, Status, Step, Steps
from tests.pictures import opened, photo, saved

TEXTS = {
    "de": (
        "Haftpflichtversicherung vergleichen und bis zu 480 € im Jahr sparen",
        "In zwei Minuten zum passenden Tarif, unverbindlich und kostenlos.",
        "Jetzt vergleichen",
        "Allerhafen",
    ),
    "zh-Hans": (
        "10 分钟完成关键词分析，让每一分广告预算都花在刀刃上",
        "无需编程，直接在工作流里生成可上传的广告素材。",
        "免费试用",
        "创意工坊",
    ),
    "ja": (
        "もう迷わない。東京のホテルを最安値で予約するならここ",
        "会員登録なしで、今すぐ空室を確認できます。",
        "空室を見る",
        "旅の窓",
    ),
    "pt": (
        "Economize até 40 % na sua próxima viagem de férias em família",
        "Parcele em 10x sem juros e cancele grátis até 48 h antes.",
        "Reservar agora",
        "Viaja Já",
    ),
}
COLOURS = {"de": ("#0b3d91",), "zh-Hans": ("#e4572e",), "ja": ("#0f766e", "#fde68a"), "pt": ()}


@cache
def rules() -> tuple[PictureRule, ...]:
    """Every picture that a platform takes; of those that are the same but for their name, one."""
    found = {}
    for name in ids():
        for rule in platform(name).pictures:
            found[rule.width, rule.height, rule.max_kb, rule.safe_area] = rule
    return tuple(found.values())


def task(language: str, rule: PictureRule, variant: int = 1, **changes: Any) -> Task:
    """A picture to draw with the texts of a language."""
    headline, text, cta, brand = TEXTS[language]
    changed: dict[str, Any] = {
        "copy_id": f"meta_feed-{variant}",
        "platform": "meta_feed",
        "variant": variant,
        "brand": brand,
        "headline": headline,
        "text": text,
        "cta": cta,
        "language": language,
        "colours": COLOURS[language],
        "seed": 0,
    } | changes
    sizes = ("width", "height", "max_kb", "formats", "safe_area")
    return Task(**changed, **{name: getattr(rule, name) for name in sizes})


@cache
def ground(kind: str) -> given.Given:
    """A photograph as ground, or none."""
    data = saved(photo(1400, 1000), "JPEG") if kind == "photo" else b""
    return given.read(data, "source" if data else "layout", b"", (1080, 1920))


@pytest.fixture
def canvases(monkeypatch: pytest.MonkeyPatch) -> list[Canvas]:
    """Every canvas that is drawn on, the last one at the end."""
    seen: list[Canvas] = []
    begin = Canvas.__init__

    def noted(self: Canvas, *given: Any) -> None:
        begin(self, *given)
        seen.append(self)

    monkeypatch.setattr(Canvas, "__init__", noted)
    return seen


def wcag(pixels: Any) -> Any:
    """Relative luminance, written down here once more from WCAG 2.2."""
    part = numpy.asarray(pixels, float) / 255
    linear = numpy.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return linear @ numpy.array([0.2126, 0.7152, 0.0722])


def measured(image: Image.Image, mask: Image.Image, at: tuple[int, int]) -> float:
    """Contrast between the inside of letters and what surrounds them, worst 5 percent apart."""
    light = wcag(image.crop((*at, at[0] + mask.width, at[1] + mask.height)))
    letters = numpy.asarray(mask)
    inside = light[letters >= max(200, int(letters.max()) - 10)]
    # As near as three pixels: whatever a button's or panel's edge is, it is farther.
    near = numpy.asarray(mask.filter(ImageFilter.MaxFilter(7)))
    touching = numpy.asarray(mask.filter(ImageFilter.MaxFilter(3)))
    around = light[(near > 128) & (touching == 0)]
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


def rule_of(width: int, height: int, **changes: Any) -> PictureRule:
    """The rule of a size, or one that is made up."""
    return rules()[0].model_copy(
        update={
            "width": width,
            "height": height,
            "max_kb": 500,
            "safe_area": (0, 0, 0, 0),
            **changes,
        }
    )


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


# Given files


@pytest.mark.parametrize(
    "data",
    [
        saved(photo(400, 300).convert("CMYK"), "JPEG"),
        saved(photo(400, 300, "RGBA")),
        saved(Image.fromarray(numpy.full((300, 400), 40_000, numpy.uint16))),
        saved(photo(400, 300).convert("P")),
        saved(photo(40, 30)),
        saved(photo(400, 300), "WEBP"),
    ],
    ids=["cmyk", "alpha", "16bit", "palette", "tiny", "webp"],
)
def test_grounds_of_every_kind_are_read(data: bytes) -> None:
    made = compose.paint(
        task("de", rule_of(1200, 628)), given.read(data, "source", b"", (1200, 628))
    )
    assert opened(made.data).size == (1200, 628)
    assert made.pictured


@pytest.mark.parametrize("variant", [1, 2, 3])
def test_a_picture_is_never_covered_to_grey(variant: int) -> None:
    """Black beside white: type on it would need so much of a scrim that little would be left."""
    stark = Image.effect_noise((40, 40), 400).point([0] * 128 + [255] * 128).convert("RGB")
    stark = stark.resize((1200, 1200), Image.Resampling.NEAREST)
    background = given.read(saved(stark, "PNG"), "source", b"", (1200, 1200))
    rule = rule_of(300, 250)
    made = opened(compose.paint(task("de", rule, variant), background).data).convert("L")
    above = numpy.asarray(made)[:100]
    as_it_was = ((above < 16) | (above > 239)).mean()
    assert as_it_was > 0.8


def test_a_turned_photograph_is_put_upright() -> None:
    upright = Image.new("RGB", (300, 600), (0, 0, 255))
    upright.paste((255, 0, 0), (0, 0, 300, 300))
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = saved(upright.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
    found = given.read(lying, "source", b"", (300, 600)).picture
    assert found is not None
    assert found.size == (300, 600)
    red, _, blue = found.getpixel((150, 50))  # type: ignore[misc]
    assert red > 200
    assert blue < 50


def bomb() -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_bad_files_are_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="source_image"):
        given.read(b"<html>no picture</html>", "source", b"", (300, 250))
    with pytest.raises(InvalidInput, match="logo"):
        given.read(b"", "layout", saved(photo(300, 200))[:700], (300, 250))
    with pytest.raises(TooLarge, match="source_image"):
        given.read(bomb(), "source", b"", (300, 250))
    with pytest.raises(InvalidInput, match="colours"):
        compose.paint(task("de", rule_of(300, 250), colours=("blue!",)), ground("plain"))


def test_a_logo_is_visible_on_every_ground(monkeypatch: pytest.MonkeyPatch) -> None:
    places = []
    put = Canvas.logo

    def noted(self: Canvas, item: Any, logo: Any) -> None:
        places.append(item.box)
        put(self, item, logo)

    monkeypatch.setattr(Canvas, "logo", noted)
    for ink in ((255, 255, 255), (10, 10, 10)):
        mark = Image.new("RGBA", (400, 200))
        mark.paste((*ink, 255), (100, 50, 300, 150))
        source = given.read(saved(photo(900, 900)), "source", saved(mark), (1080, 1080))
        assert source.logo is not None
        assert source.logo.image.size == (200, 100), "empty edges are cut off"
        for variant in (1, 2, 3, 4):
            made = compose.paint(task("de", rule_of(1080, 1080), variant), source)
            box = places[-1]
            light = wcag(opened(made.data).convert("RGB").crop(box))
            middle = light[box.height // 3 : -box.height // 3, box.width // 3 : -box.width // 3]
            inside = float(numpy.median(middle))
            assert inside == pytest.approx(float(wcag(ink)), abs=0.03)
            # Just around the logo: on its chip if it has one, else on the ground.
            around = wcag(opened(made.data).convert("RGB").crop(box.grown(3)))
            if abs(float(numpy.median(light[3])) - inside) < 0.03:
                edge = numpy.concatenate([around[0], around[-1], around[:, 0], around[:, -1]])
            else:
                edge = light[3]
            ratios = (numpy.maximum(edge, inside) + 0.05) / (numpy.minimum(edge, inside) + 0.05)
            assert numpy.percentile(ratios, 25) > 1.7, (ink, variant)


# What cannot be drawn


def test_letters_that_no_font_has_are_never_drawn_as_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typography, "_fonts", lambda weight: Fonts([]))
    with pytest.raises(NotDrawn, match="no font has all letters of the headline"):
        compose.paint(task("zh-Hans", rule_of(300, 250)), ground("plain"))
    mixed = task("zh-Hans", rule_of(300, 250), headline="Plain words")
    made = compose.paint(mixed, ground("plain"))
    assert any("no font has all letters of the button" in note for note in made.notes)


def test_emoji_without_a_font_are_left_out_with_a_note() -> None:
    made = compose.paint(task("de", rule_of(300, 250), headline="Kuchen 🍰 heute"), ground("plain"))
    assert any("left out of the headline" in note for note in made.notes)


def test_what_has_no_room_goes_before_type_becomes_unreadable(canvases: list[Canvas]) -> None:
    long = task("de", rule_of(320, 50), headline=" ".join(["Versicherungen vergleichen"] * 8))
    made = compose.paint(long, ground("plain"))
    assert any("headline shortened to “Versicherungen vergleichen" in note for note in made.notes)
    with pytest.raises(NotDrawn, match="not even the beginning"):
        compose.paint(task("de", rule_of(120, 60), headline="x" * 60), ground("plain"))


def test_a_post_of_2000_characters_gives_its_first_sentence_and_no_wait() -> None:
    post = "Primeira frase que diz tudo sobre a viagem dos seus sonhos. " + "mais palavras " * 150
    began = time.process_time()
    made = compose.paint(task("pt", rule_of(1080, 1080), text=post), ground("plain"))
    assert time.process_time() - began < 1.5
    assert "supporting text shortened to its first 58 characters" in made.notes


def test_a_text_that_repeats_the_headline_is_not_drawn(canvases: list[Canvas]) -> None:
    headline = TEXTS["pt"][0]
    compose.paint(task("pt", rule_of(300, 250), text=f"{headline.upper()}!"), ground("plain"))
    with_it = len(canvases[-1].inks)
    compose.paint(task("pt", rule_of(300, 250), text=""), ground("plain"))
    assert with_it == len(canvases[-1].inks)


# Through the worker


def job(language: str, rule: PictureRule, number: int = 1, **changes: Any) -> DrawJob:
    """A job as the pipeline makes it."""
    headline, text, cta, brand = TEXTS[language]
    values: dict[str, Any] = {
        "copy_id": f"iab_display-{number}",
        "platform": "iab_display",
        "variant_number": number,
        "brand": brand,
        "headline": headline,
        "text": text,
        "cta": cta,
        "language": language,
        "colours": COLOURS[language],
        "logo": b"",
        "background": b"",
        "background_kind": "layout",
        "picture": rule,
        "seed": 0,
    }
    return DrawJob(**{**values, **changes})


@pytest.fixture
def step() -> Iterator[Step]:
    with Steps().step(Phase.SAVE, "Drawing", until=98) as opened_step:
        yield opened_step


def test_draw_gives_the_pictures_in_their_order_and_says_what_is_missing(step: Step) -> None:
    sizes = [rule_of(300, 250), rule_of(320, 50), rule_of(120, 60)]
    photograph = saved(photo(600, 400), "JPEG")
    jobs = [job("pt", rule) for rule in sizes]
    jobs[1] = job("de", sizes[1], 2, background=photograph, background_kind="source")
    jobs.append(job("pt", sizes[2], 3, headline="x" * 60))
    left_out: list[LeftOut] = []
    made = draw(jobs, Deadline(60), step, left_out)
    assert [(one.width, one.height) for one in made] == [(300, 250), (320, 50), (120, 60)]
    assert made[0].filename == "viaja-já_iab_display_1_300x250.png"
    assert made[1].background == "layout", "a strip has no room for a picture"
    assert [one.copy_id for one in left_out] == ["iab_display-3"]
    assert "120x60" in str(left_out[0])
    assert "headline" in left_out[0].reason
    said = [event.label for event in step._steps.events if event.status is Status.PROGRESS]
    assert "Drawing iab_display-2 320x50" in said
    in_here = process.paint_all(drawing._batch([jobs[0]]), lambda *_: None)[0]
    assert isinstance(in_here, Painted)
    assert in_here.data == made[0].data


def test_if_nothing_can_be_drawn_that_is_an_error(step: Step) -> None:
    with pytest.raises(InvalidInput, match="not even the beginning"):
        draw([job("de", rule_of(120, 60), headline="x" * 60)], Deadline(60), step)
    broken = job("de", rule_of(300, 250), background=b"no", background_kind="source")
    with pytest.raises(InvalidInput, match="source_image"):
        draw([broken], Deadline(60), step)
    with pytest.raises(DeadlineExceeded):
        draw([job("de", rule_of(300, 250))], Deadline(0.000001), step)


def test_the_contact_sheet_shows_every_picture(step: Step) -> None:
    jobs = [
        job("ja", rule_of(*size), number) for number in (1, 2) for size in ((300, 250), (970, 250))
    ]
    made = draw(jobs, Deadline(60), step)
    sheet = opened(contact_sheet(made, {"iab_display-1": "0.82"}, Deadline(60))).convert("RGB")
    assert sheet.width <= 2400
    pixels = numpy.asarray(sheet)
    for one in made:
        small = numpy.asarray(opened(one.data).convert("RGB"))[100:108, 40:120]
        windows = numpy.lib.stride_tricks.sliding_window_view(pixels[:, :, 0], small.shape[:2])
        rows = (windows[:, :, 0, 0] == small[0, 0, 0]).nonzero()
        assert any(
            numpy.array_equal(pixels[y : y + 8, x : x + 80], small)
            for y, x in zip(*rows, strict=True)
        ), f"{one.filename} is not on the sheet as it is"
