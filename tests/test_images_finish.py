"""creative.images.finish: exact pixels for every fit, and files that nobody can use."""

from __future__ import annotations

import random
import resource
import struct
import time
import zlib
from typing import Any

import numpy
import pytest
from PIL import Image, ImageCms

from creative.deadline import Deadline
from creative.errors import AnswerInvalid, CreativeError, InvalidInput, TooLarge
from creative.images import finish
from creative.images.containers import PNG_SIGNATURE, png_chunk, png_chunks
from creative.images.encode import png
from creative.images.frame import frame
from creative.images.picture import inspect, read_infotext
from creative.worker import Worker
from tests.pictures import opened, photo, saved
from tests.test_images_picture import FILES, INFOTEXT, exif_with, gif_without_tail, pixel_data

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)


def quiet(fraction: float, label: str) -> None:
    """Progress for nobody."""


def fitted(data: bytes, width: int, height: int, fit: str = "cover", **more: Any) -> Any:
    payload: Any = {"data": data, "width": width, "height": height, "fit": fit, **more}
    return finish.fit_picture(payload, quiet)


def prepared(data: bytes, width: int, height: int, fit: str = "cover", **more: Any) -> Any:
    payload: Any = {"data": data, "what": "image", "width": width, "height": height, "fit": fit}
    return finish.prepare_picture({**payload, **more}, quiet)


def halves(left: Any = RED, right: Any = BLUE, size: tuple[int, int] = (200, 100)) -> Image.Image:
    """A picture of two colours."""
    image = Image.new("RGBA" if len(left) == 4 else "RGB", size, right)
    image.paste(left, (0, 0, size[0] // 2, size[1]))
    return image


def close(image: Image.Image, at: tuple[int, int], colour: tuple[int, ...], far: int = 6) -> bool:
    found: Any = image.getpixel(at)
    return max(abs(a - b) for a, b in zip(found, colour, strict=True)) <= far


@pytest.mark.parametrize("fit", ["cover", "contain", "stretch"])
def test_every_size_comes_out_exactly(fit: str) -> None:
    chance = random.Random(fit)
    for _ in range(40):
        size = tuple(
            chance.choice((chance.randrange(1, 40), chance.randrange(1, 500))) for _ in "xy"
        )
        target = tuple(chance.choice((16, 17, chance.randrange(16, 600))) for _ in "xy")
        mode = chance.choice(("RGB", "RGBA"))
        background = chance.choice(("blur", "transparent", RED))
        asked = chance.choice(("auto", "png", "jpeg", "webp"))
        data = saved(photo(*size, mode))
        focus = (chance.random(), chance.random())
        answer = fitted(data, *target, fit, background=background, format=asked, focus=focus)
        image = opened(answer["data"])
        assert image.size == target == (answer["width"], answer["height"])
        assert image.format.lower() == answer["format"] == ("png" if asked == "auto" else asked)
        ready = prepared(data, *target, fit, background=background, focus=focus, mask=data)
        assert (opened(ready["data"]).size, opened(ready["data"]).mode) == (target, "RGB")
        assert (opened(ready["mask"]).size, opened(ready["mask"]).mode) == (target, "L")


@pytest.mark.parametrize("target", [(16, 8192), (8192, 16)])
@pytest.mark.parametrize("fit", ["cover", "contain", "stretch"])
def test_the_most_extreme_ratios(target: tuple[int, int], fit: str) -> None:
    for size in ((64, 64), (16, 1024), (1, 1)):
        answer = fitted(saved(photo(*size)), *target, fit)
        assert opened(answer["data"]).size == target


@pytest.mark.parametrize("side", range(1, 40))
def test_a_cut_out_of_the_middle_has_no_pixel_less(side: int) -> None:
    """Same height, far wider, odd and even sides: the cut begins at a half pixel or a whole one."""
    for width in (400, 401):
        picture = saved(photo(width, 60))
        assert opened(fitted(picture, side, 60)["data"]).size == (side, 60)
        assert opened(fitted(picture, side, 60, focus=(0.3, 0.7))["data"]).size == (side, 60)


def test_frames_stay_inside_and_keep_the_ratio() -> None:
    chance = random.Random(11)
    for _ in range(20_000):
        size, target = (
            (
                chance.choice((1, 16, 1024, 8192, chance.randrange(1, 9000))),
                chance.randrange(1, 9000),
            )
            for _ in range(2)
        )
        focus = (chance.random(), chance.random())
        made = frame(size, target, "cover", focus)
        left, top, right, bottom = made.box
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
        assert made.size == target
        assert (right - left) / (bottom - top) == pytest.approx(target[0] / target[1])
        inside = frame(size, target, "contain", focus)
        assert inside.box == (0, 0, *size)
        for axis in (0, 1):
            assert 1 <= inside.size[axis] <= target[axis]
            assert 0 <= inside.at[axis] <= target[axis] - inside.size[axis]
        assert inside.size[0] == target[0] or inside.size[1] == target[1]


def test_cover_follows_the_focus() -> None:
    data = saved(halves())
    for focus, left, right in (
        ((0.0, 0.5), RED, RED),
        ((1.0, 0.5), BLUE, BLUE),
        ((0.5, 0.5), RED, BLUE),
        ((0.25, 0.0), RED, RED),  # its middle is the middle of the result
        ((0.5, 9.0), RED, BLUE),
    ):
        image = opened(fitted(data, 50, 50, focus=focus)["data"])
        assert close(image, (2, 25), left)
        assert close(image, (47, 25), right)


def test_a_little_too_much_is_cut_not_scaled() -> None:
    image = photo(1024, 256)
    answer = fitted(saved(image), 970, 250, focus=(0.5, 0.5))
    assert opened(answer["data"]).tobytes() == image.crop((27, 3, 997, 253)).tobytes()
    corner = fitted(saved(image), 970, 250, focus=(1.0, 0.0))
    assert opened(corner["data"]).tobytes() == image.crop((54, 0, 1024, 250)).tobytes()


def test_cutting_does_not_change_transparent_pixels() -> None:
    image = photo(1024, 256, "RGBA")
    result = opened(fitted(saved(image), 970, 250)["data"])
    assert result.tobytes() == image.crop((27, 3, 997, 253)).tobytes()


def test_a_small_target_is_scaled_although_few_pixels_are_too_many() -> None:
    image = Image.new("RGB", (64, 64), BLUE)
    image.paste(RED, (0, 0, 16, 16))
    result = opened(fitted(saved(image), 16, 16)["data"])
    assert close(result, (1, 1), RED)
    assert close(result, (8, 8), BLUE)


def test_cover_shows_the_whole_height_or_width() -> None:
    image = Image.new("RGB", (400, 400), BLUE)
    image.paste(RED, (0, 0, 400, 40))
    image.paste(RED, (0, 360, 400, 400))
    result = opened(fitted(saved(image), 50, 100)["data"])
    assert close(result, (25, 2), RED)
    assert close(result, (25, 97), RED)
    assert close(result, (25, 50), BLUE)


def test_stretch_is_one_resampling_of_the_whole() -> None:
    image = photo(120, 80)
    result = opened(fitted(saved(image), 77, 211, "stretch")["data"])
    assert result.tobytes() == image.resize((77, 211), Image.Resampling.LANCZOS).tobytes()


@pytest.mark.parametrize(
    ("background", "outside"), [(GREEN, GREEN), ("transparent", (0, 0, 0, 0)), ("blur", None)]
)
def test_contain_shows_everything_on_its_background(background: Any, outside: Any) -> None:
    image = photo(100, 100)
    answer = fitted(saved(image), 300, 100, "contain", background=background)
    result = opened(answer["data"])
    inside = result.crop((100, 0, 200, 100)).convert("RGB")
    assert inside.tobytes() == image.tobytes()
    for x in (0, 99, 200, 299):
        if outside is not None:
            assert result.getpixel((x, 50)) == outside
    if background == "blur":
        sides = numpy.asarray(result)[:, :99].astype(int)
        assert numpy.abs(numpy.diff(sides, axis=1)).max() <= 6  # soft
        assert sides.std() > 5  # and no plain colour
        assert result.mode == "RGB"


def test_a_colour_also_fills_what_is_transparent_inside() -> None:
    data = saved(halves((0, 0, 0, 0), (*BLUE, 255)))
    answer = fitted(data, 200, 100, "contain", background=GREEN)  # same size, and yet
    result = opened(answer["data"])
    assert (result.mode, result.getpixel((10, 50))) == ("RGB", GREEN)
    blurred = opened(fitted(data, 200, 300, "contain", background="blur")["data"])
    assert blurred.getpixel((10, 150))[3] == 0


def test_transparent_parts_do_not_shine_out() -> None:
    image = halves((*RED, 255), (*GREEN, 0), size=(201, 101))
    result = numpy.asarray(opened(fitted(saved(image), 60, 30)["data"])).astype(int)
    visible = result[result[..., 3] > 20]
    assert visible[:, 1].max() < 40


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (halves().convert("P", palette=Image.Palette.ADAPTIVE), {}),
        (halves().convert("CMYK"), {"image_format": "JPEG", "quality": 100, "subsampling": 0}),
        (halves((*RED, 255), (*BLUE, 255)), {}),
        (halves(), {"image_format": "WEBP", "lossless": True}),
        (halves(), {"image_format": "GIF"}),
    ],
    ids=["palette", "cmyk", "opaque-alpha", "webp", "gif"],
)
def test_kinds_of_colour(image: Image.Image, options: dict[str, Any]) -> None:
    answer = fitted(saved(image, **options), 100, 50, format="png")
    result = opened(answer["data"])
    assert result.mode == "RGB"
    assert close(result, (10, 25), RED)
    assert close(result, (90, 25), BLUE)


def test_greys_of_all_depths() -> None:
    ramp = numpy.linspace(0, 65535, 256).astype(numpy.uint16)
    deep = Image.fromarray(numpy.tile(ramp, (64, 1)))
    assert deep.mode == "I;16"
    flat = Image.fromarray((numpy.asarray(deep) // 256).astype(numpy.uint8))
    for image in (deep, flat):
        result = opened(fitted(saved(image), 256, 32)["data"])
        assert result.mode == "RGB"
        for x in (0, 64, 128, 255):
            assert close(result, (x, 16), (x, x, x), far=2)
    bilevel = fitted(saved(Image.new("1", (64, 64), 1)), 32, 16)
    assert opened(bilevel["data"]).getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "I;16"])
def test_a_transparent_colour_becomes_alpha(mode: str) -> None:
    if mode == "I;16":
        values = numpy.full((64, 64), 40_000, numpy.uint16)
        values[:, :32] = 40_001  # the same once it has eight bits
        data = saved(Image.fromarray(values), transparency=40_001)
    else:
        image = Image.new(mode, (64, 64), 9 if mode != "RGB" else (9, 9, 9))
        image.paste(20 if mode != "RGB" else (20, 20, 20), (0, 0, 32, 64))
        if mode == "P":
            image.putpalette([level for level in range(256) for _ in "rgb"])
        data = saved(image, transparency=20 if mode != "RGB" else (20, 20, 20))
    result = opened(fitted(data, 32, 32)["data"])
    assert result.mode == "RGBA"
    assert result.getpixel((2, 16))[3] == 0
    assert result.getpixel((30, 16))[3] == 255


def test_pictures_come_out_upright() -> None:
    arrow = Image.new("RGB", (80, 48), BLUE)
    arrow.paste(RED, (0, 0, 20, 12))  # top left
    places = {1: "tl", 2: "tr", 3: "br", 4: "bl", 5: "tl", 6: "tr", 7: "br", 8: "bl"}
    for turned, place in places.items():
        size = (80, 48) if turned < 5 else (48, 80)
        data = saved(arrow, exif=exif_with(b"", turned=turned))
        result = opened(fitted(data, *size, infotext=INFOTEXT)["data"])
        assert result.size == size
        assert not result.getexif().get(0x0112)
        x, y = (2 if place[1] == "l" else size[0] - 3), (2 if place[0] == "t" else size[1] - 3)
        assert result.getpixel((x, y)) == RED
        assert result.getpixel((size[0] - 1 - x, size[1] - 1 - y)) == BLUE


def swapped_profile() -> bytes:
    """A colour profile in which red is blue."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    table = 132 + 12 * struct.unpack_from(">I", profile, 128)[0]
    head = profile[:table].replace(b"rXYZ", b"----").replace(b"bXYZ", b"rXYZ")
    body = profile[table:].replace("sRGB".encode("utf-16-be"), "ODD!".encode("utf-16-be"))
    return head.replace(b"----", b"bXYZ") + body


def test_colour_profiles_are_applied_or_said_to_be_unusable() -> None:
    answer = fitted(saved(halves(), icc_profile=swapped_profile()), 100, 50)
    result = opened(answer["data"])
    assert close(result, (10, 25), BLUE)
    assert close(result, (90, 25), RED)
    assert "icc_profile" not in result.info
    assert answer["note"] == ""
    broken = fitted(saved(halves(), icc_profile=b"nonsense" * 40), 100, 50)
    assert close(opened(broken["data"]), (10, 25), RED)
    assert "colour profile" in broken["note"]
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for image in (halves(), halves((*RED, 255), (*BLUE, 0))):
        plain = fitted(saved(image, icc_profile=own), 100, 50)
        assert close(opened(plain["data"]).convert("RGB"), (10, 25), RED)
        assert plain["note"] == ""
    alpha = saved(halves((*RED, 255), (*BLUE, 128)), icc_profile=swapped_profile())
    assert close(opened(fitted(alpha, 100, 50)["data"]), (90, 25), (*RED, 128))


@pytest.mark.parametrize("name", ["png", "png-alpha", "jpeg", "webp-alpha"])
@pytest.mark.parametrize("fit", ["cover", "contain", "stretch"])
def test_what_is_right_already_is_not_encoded_again(name: str, fit: str) -> None:
    answer = fitted(FILES[name], 31, 17, fit, infotext=INFOTEXT)
    assert pixel_data(answer["data"]) == pixel_data(FILES[name])
    assert read_infotext(answer["data"]) == INFOTEXT
    assert (answer["format"], answer["note"]) == (name.partition("-")[0], "")


def test_texts_of_a_fitted_png() -> None:
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "{}")
    info.add_text("parameters", "old")
    data = saved(photo(100, 100), pnginfo=info)
    assert opened(fitted(data, 50, 40, infotext="new")["data"]).text == {
        "workflow": "{}",
        "parameters": "new",
    }
    assert opened(fitted(data, 50, 40)["data"]).text == {}
    assert read_infotext(fitted(data, 50, 40, format="jpeg", infotext="new")["data"]) == "new"


@pytest.mark.parametrize(
    ("mode", "became", "said"), [("RGB", "jpeg", "JPEG of quality"), ("RGBA", "webp", "WebP of")]
)
def test_a_png_that_is_too_large_becomes_something_smaller(
    mode: str, became: str, said: str
) -> None:
    data = saved(photo(400, 400, mode))
    for size in ((300, 300), (400, 400)):  # also where nothing has to be resized
        whole = len(fitted(data, *size)["data"])
        best = fitted(data, *size, max_bytes=whole - 1)
        assert (best["format"], opened(best["data"]).size) == (became, size)
        assert f"saved as {said}" in best["note"].replace("quality 95", "quality")
        assert "quality 95" in best["note"]
        smaller = fitted(data, *size, max_bytes=len(best["data"]) - 1, infotext=INFOTEXT)
        assert len(smaller["data"]) < len(best["data"])
        assert "quality 95" not in smaller["note"]
        assert read_infotext(smaller["data"]) == INFOTEXT
        with pytest.raises(TooLarge, match="quality 40"):
            fitted(data, *size, max_bytes=500)


def test_limits_for_formats_that_were_asked_for() -> None:
    data = saved(photo(300, 300))
    with pytest.raises(TooLarge, match=r"The picture as PNG is .* KB; the limit is 30\.0 KB"):
        fitted(data, 200, 200, format="png", max_bytes=30_000)
    for asked in ("jpeg", "webp"):
        full = fitted(data, 200, 200, format=asked)
        assert full["note"] == ""
        less = fitted(data, 200, 200, format=asked, max_bytes=len(full["data"]) // 2)
        assert len(less["data"]) <= len(full["data"]) // 2
        assert "of quality" in less["note"]
        with pytest.raises(TooLarge, match="quality 95"):
            fitted(data, 200, 200, format=asked, quality=95, max_bytes=len(less["data"]))
        rough = fitted(data, 200, 200, format=asked, quality=10)
        assert len(rough["data"]) < len(less["data"])
    same = saved(photo(200, 200), "JPEG", quality=95)
    assert len(fitted(same, 200, 200, quality=10)["data"]) < len(same)


def test_transparency_in_formats_without_it() -> None:
    clear = saved(halves((*RED, 255), (0, 0, 0, 0)))
    jpeg = fitted(clear, 100, 50, format="jpeg")
    assert close(opened(jpeg["data"]), (90, 25), (255, 255, 255))
    assert "white" in jpeg["note"]
    solid = saved(halves(), "JPEG")
    around = fitted(solid, 200, 200, "contain", background="transparent")
    assert (around["format"], opened(around["data"]).getpixel((5, 5))[3]) == ("png", 0)
    assert "PNG" in around["note"]


def test_unknown_words_are_refused() -> None:
    for name, value in (("fit", "zoom"), ("format", "bmp"), ("background", "red")):
        with pytest.raises(InvalidInput, match=f"{name}: got '{value}'"):
            fitted(FILES["png"], **{"width": 8, "height": 8, name: value})


def test_animations_are_reduced_to_one_picture_and_that_is_said() -> None:
    for name in ("gif-animated", "webp-animated"):
        assert "animation" in fitted(FILES[name], 20, 20)["note"]
    assert fitted(FILES["gif"], 20, 20)["format"] == "png"


@pytest.mark.parametrize("name", FILES)
def test_cut_files_have_one_clear_error(name: str) -> None:
    data = FILES[name]
    lengths = {0, 1, 5, 12, 40, *range(0, len(data), max(1, len(data) // 25)), len(data) - 1}
    tolerated = gif_without_tail(data) if name.startswith("gif") else set()
    for length in lengths - tolerated:
        cut = data[:length]
        with pytest.raises(InvalidInput, match=r"^image: got a file that cannot be used: it "):
            prepared(cut, 20, 20)
        with pytest.raises(InvalidInput, match=r"^mask: got a file that cannot be used: it "):
            prepared(data, 20, 20, mask=cut)
        with pytest.raises(AnswerInvalid, match="The answer of Forge cannot be used: of its pic"):
            fitted(cut, 20, 20, engine="Forge")
        with pytest.raises(InvalidInput, match=r"^image: "):
            fitted(cut, 20, 20, parameter="image")
        with pytest.raises(AnswerInvalid):
            finish.thumbnail({"data": cut}, quiet)


@pytest.mark.parametrize("name", FILES)
def test_damaged_pixels_are_decoded_or_refused(name: str) -> None:
    chance = random.Random(2)
    for _ in range(60):
        data = bytearray(FILES[name])
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            answer = prepared(bytes(data), 20, 20, max_pixels=1_000_000)
        except InvalidInput as error:
            assert str(error).startswith("image")  # noqa: PT017 - either is right
        else:
            assert opened(answer["data"]).size == (20, 20)


def png_of(width: int, height: int, pixels: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
    return PNG_SIGNATURE + b"".join(png_chunk(kind, body) for kind, body in chunks)


def test_a_whole_file_with_half_the_pixels() -> None:
    with pytest.raises(InvalidInput, match="image: got a file that cannot be used: it cannot be"):
        prepared(png_of(64, 64, bytes(64 * 97)), 20, 20)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = png_of(20_000, 10_000, bytes(100_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    said = "is 20000x10000 pixels .200.0 megapixels.; the limit is 50 megapixels"
    with pytest.raises(TooLarge, match=f"image {said}"):
        prepared(bomb, 512, 512)
    with pytest.raises(TooLarge, match=f"mask {said}"):
        prepared(FILES["png"], 512, 512, mask=bomb)
    with pytest.raises(TooLarge, match="The picture of Forge is 20000x10000"):
        fitted(bomb, 512, 512, engine="Forge")
    with pytest.raises(TooLarge, match=r"the limit is 0\.0005 megapixels"):
        prepared(FILES["png"], 512, 512, max_pixels=500)
    assert time.process_time() - began < 0.5
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 20_000  # KB; unpacked it would be 600 MB


def spot(size: tuple[int, int], box: tuple[int, int, int, int], mode: str = "L") -> Image.Image:
    image = Image.new(mode, size)
    image.paste(255 if mode == "L" else (255, 255, 255), box)
    return image


@pytest.mark.parametrize("fit", ["cover", "contain", "stretch"])
@pytest.mark.parametrize("turned", [1, 6])
def test_a_mask_gets_the_crop_of_its_picture(fit: str, turned: int) -> None:
    marked = spot((400, 200), (300, 20, 360, 80), "RGB")
    upright = marked if turned == 1 else marked.transpose(Image.Transpose.ROTATE_270)
    mask = upright.convert("L")
    answer = prepared(
        saved(marked, exif=exif_with(b"", turned=turned)),
        256,
        256,
        fit,
        focus=(0.8, 0.3) if turned == 1 else (0.3, 0.8),
        mask=saved(mask),
        background=(0, 0, 0),
    )
    image, greys = opened(answer["data"]).convert("L"), opened(answer["mask"])
    assert answer["notes"] == []
    assert image.getextrema() == greys.getextrema() == (0, 255)
    far = numpy.asarray(image).astype(int) - numpy.asarray(greys).astype(int)
    assert numpy.abs(far).max() <= 1


def test_a_mask_of_another_size_is_scaled_and_that_is_said() -> None:
    image = spot((1024, 768), (512, 0, 1024, 384), "RGB")
    mask = spot((512, 512), (256, 0, 512, 256))
    answer = prepared(saved(image), 512, 512, mask=saved(mask), mask_what="mask_image")
    assert answer["notes"] == ["mask_image: 512x512 was scaled to the 1024x768 of image"]
    far = numpy.asarray(opened(answer["data"]).convert("L")).astype(int)
    assert numpy.abs(far - numpy.asarray(opened(answer["mask"]))).mean() < 1


def test_what_contain_adds_is_not_repainted() -> None:
    white = Image.new("L", (100, 100), 255)
    answer = prepared(saved(photo(100, 100)), 300, 100, "contain", mask=saved(white))
    mask = opened(answer["mask"])
    assert [mask.getpixel((x, 50)) for x in (5, 150, 295)] == [0, 255, 0]


@pytest.mark.parametrize(
    ("left", "right", "repainted"),
    [
        ((255, 255, 255, 255), (0, 0, 0, 255), (255, 0)),  # no transparency: white is repainted
        ((128, 128, 128, 255), (0, 0, 0, 255), (128, 0)),
        ((255, 255, 255, 255), (0, 0, 0, 0), (255, 0)),  # one colour: what is opaque
        ((0, 0, 0, 255), (0, 0, 0, 0), (255, 0)),
        ((255, 0, 0, 255), (255, 255, 255, 0), (255, 0)),
    ],
)
def test_masks_with_an_alpha_channel(left: Any, right: Any, repainted: tuple[int, int]) -> None:
    mask = saved(halves(left, right))
    result = opened(prepared(saved(photo(200, 100)), 200, 100, mask=mask)["mask"])
    assert (result.getpixel((20, 50)), result.getpixel((180, 50))) == repainted


def test_a_mask_of_several_colours_and_transparency() -> None:
    mask = halves((255, 255, 255, 255), (0, 0, 0, 255))
    mask.paste((255, 255, 255, 0), (0, 0, 50, 100))
    result = opened(prepared(saved(photo(200, 100)), 200, 100, mask=saved(mask))["mask"])
    assert [result.getpixel((x, 50)) for x in (20, 80, 180)] == [0, 255, 0]


def test_a_mask_that_marks_nothing_is_refused() -> None:
    picture = saved(photo(200, 100))
    for mask in (Image.new("L", (200, 100)), spot((200, 100), (0, 0, 40, 100))):
        with pytest.raises(InvalidInput, match="mask: got a mask that is black all over"):
            prepared(picture, 100, 100, mask=saved(mask), focus=(1.0, 0.5))


def test_a_transparent_picture_is_prepared_on_white() -> None:
    answer = prepared(saved(halves((*RED, 255), (0, 0, 0, 0))), 200, 100)
    assert opened(answer["data"]).getpixel((180, 50)) == (255, 255, 255)
    assert answer["notes"] == ["image: transparent parts became white"]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (65, 64), (130, 129)])
@pytest.mark.parametrize("flat", [True, False])
def test_our_png_is_lossless(mode: str, size: tuple[int, int], flat: bool) -> None:
    image = Image.new(mode, size, 7) if flat else photo(*size, mode)
    data = png(image)
    assert inspect(data, "picture").width == size[0]
    assert (opened(data).mode, opened(data).tobytes()) == (mode, image.tobytes())


@pytest.mark.parametrize(
    ("mode", "size"), [("RGB", (601, 1200)), ("RGBA", (900, 1100)), ("L", (3000, 701))]
)
@pytest.mark.parametrize("flat", [True, False])
def test_a_png_packed_in_stripes_is_one_whole_stream(
    mode: str, size: tuple[int, int], flat: bool
) -> None:
    image = Image.new(mode, size, 7) if flat else photo(*size, mode)
    assert len(image.tobytes()) > 1 << 20, "too small to be packed in stripes"
    data = png(image)
    assert png(image) == data, "the file depends on the picture alone"
    [body] = [data[c.start + 8 : c.end - 4] for c in png_chunks(data) if c.kind == b"IDAT"]
    stream = zlib.decompressobj()
    assert len(stream.decompress(body)) == len(image.tobytes()) + image.height
    assert stream.eof, "the stream ends, and its checksum is that of the whole"
    assert stream.unused_data == b""
    assert opened(data).tobytes() == image.tobytes()


def test_our_png_is_about_as_small_as_pillows() -> None:
    drawing = Image.new("RGB", (600, 400), "white")
    for x in range(0, 600, 50):
        drawing.paste((x % 256, 90, 10), (x, x // 2, x + 30, x // 2 + 60))
    for image in (photo(600, 400), drawing):
        assert len(png(image)) < 1.25 * len(saved(image, compress_level=1)) + 500


def test_thumbnails_are_small() -> None:
    noise = numpy.random.default_rng(1).integers(0, 255, (900, 1500, 4), numpy.uint8)
    for data in (saved(Image.fromarray(noise)), saved(photo(900, 1500), "JPEG")):
        small = finish.thumbnail({"data": data}, quiet)
        assert len(small) <= finish.THUMBNAIL_BYTES
        image = opened(small)
        assert (image.format, max(image.size)) == ("JPEG", 256)
        assert len(finish.thumbnail({"data": data, "side": 2000}, quiet)) <= 40_000
    assert opened(finish.thumbnail({"data": FILES["png"]}, quiet)).size == (31, 17)


def test_through_a_real_worker() -> None:
    worker = Worker("pictures")
    clock = Deadline(30)
    job = "creative.images.finish:"
    data = saved(photo(300, 200))
    try:
        assert worker.call(f"{job}ready", None, clock) is True
        payload: dict[str, Any] = {"data": data, "width": 97, "height": 250, "fit": "cover"}
        assert worker.call(f"{job}fit_picture", payload, clock) == fitted(data, 97, 250)
        labels: list[str] = []
        both = {**payload, "what": "image", "mask": data}
        answer = worker.call(
            f"{job}prepare_picture", both, clock, lambda _, label: labels.append(label)
        )
        assert answer == prepared(data, 97, 250, mask=data)
        assert labels == ["image is prepared"]
        assert opened(worker.call(f"{job}thumbnail", {"data": data}, clock)).size == (256, 171)
        bomb = {**both, "mask": png_of(20_000, 10_000, b"")}
        with pytest.raises(TooLarge, match="mask is 20000x10000"):
            worker.call(f"{job}prepare_picture", bomb, clock)
        with pytest.raises(CreativeError, match="it is HTML"):
            worker.call(f"{job}fit_picture", {**payload, "data": b"<html>"}, clock)
    finally:
        worker.stop()
