"""What people type into the picture nodes, read into a request."""

from __future__ import annotations

import io
from typing import Any

import pytest

from creative.errors import InvalidInput
from creative.images import Given, PlacementGiven, UpscaleGiven, read_object
from creative.images.families import rule_of
from creative.images.infotext import Infotext, compose
from creative.images.plan import plan
from creative.images.request import Fit, Highres, read_background, read_focus, read_loras

OLD = Infotext(
    prompt="a lighthouse",
    negative_prompt="fog",
    fields={
        "Steps": "12",
        "Sampler": "Euler a",
        "Schedule type": "Karras",
        "CFG scale": "5.5",
        "Seed": "42",
        "Size": "384x688",
        "Model": "tiny",
        "Denoising strength": "0.4",
        "Hires upscale": "2",
        "Hires upscaler": "Latent",
        "VAE": "none.pt",
    },
)


def png(width: int, height: int) -> bytes:
    from PIL import Image

    made = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(made, "PNG")
    return made.getvalue()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("film grain:0.8, ink", [("film grain", 0.8), ("ink", 1.0)]),
        ("<lora:a b:-.5>；c=2", [("a b", -0.5), ("c", 2.0)]),
        ("folder/x.safetensors:1", [("folder/x.safetensors", 1.0)]),
    ],
)
def test_loras(text: str, found: list[tuple[str, float]]) -> None:
    assert [(lora.name, lora.weight) for lora in read_loras(text)] == found


@pytest.mark.parametrize("text", ["a:99", ":0.5", "a:0.5, :1"])
def test_loras_that_are_none(text: str) -> None:
    with pytest.raises(InvalidInput, match="loras: got"):
        read_loras(text)


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("", (0.5, 0.5)),
        ("Top-Left", (0, 0)),
        ("right", (1, 0.5)),
        ("center bottom", (0.5, 1)),
        ("0.25,0.75", (0.25, 0.75)),
        ("10% 90%", (0.1, 0.9)),
    ],
)
def test_focus(text: str, point: tuple[float, float]) -> None:
    assert read_focus(text) == point


@pytest.mark.parametrize("text", ["above", "1.5,0", "0.5", "a,b", "nan,nan", "1,1,1"])
def test_focus_that_is_none(text: str) -> None:
    with pytest.raises(InvalidInput, match="focus: got"):
        read_focus(text)


def test_background() -> None:
    assert read_background("") == "blur"
    assert read_background("Transparent") == "transparent"
    assert read_background("#F80") == (255, 136, 0)
    with pytest.raises(InvalidInput, match="background: got 'a nice one'"):
        read_background("a nice one")


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, None]},
        '{"a": [1, null]}',
        "{'a': [1, None]}",
        '```json\n{"a": [1, null]}\n```',
    ],
)
def test_an_object_in_any_form(value: Any) -> None:
    assert read_object("extra", value) == {"a": [1, None]}


@pytest.mark.parametrize("value", ["[1]", "7", "{", "{'a': open('x')}", "[" * 5000])
def test_an_object_that_is_none(value: str) -> None:
    with pytest.raises(InvalidInput, match="extra: got"):
        read_object("extra", value)


def test_nothing_given_is_the_default() -> None:
    request = Given(prompt="x").read()
    assert request.size.exact is None
    assert (request.count, request.seed, request.steps, request.strength) == (1, None, None, None)
    assert (request.highres, request.placement.fit) == (Highres.AUTO, Fit.COVER)


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x", "count": 0}, "count"),
        ({"prompt": "x", "count": 17}, "count"),
        ({"prompt": "x", "steps": 0}, "steps"),
        ({"prompt": "x", "cfg_scale": 31}, "cfg_scale"),
        ({"prompt": "x", "seed": -2}, "seed"),
        ({"prompt": "x", "seed": 2**32}, "seed"),
        ({"prompt": "x", "strength": 1.1}, "strength"),
        ({"prompt": "x", "highres": "maybe"}, "highres"),
        ({"prompt": "x", "mask": b"x"}, "mask"),
        ({"prompt": "x", "width": 7, "height": 64}, "width"),
        ({"prompt": "x", "width": 64}, "height"),
        ({"prompt": "x", "size": "16:0"}, "size"),
        ({"prompt": "x", "placement": PlacementGiven(fit="crop")}, "fit"),
        ({"prompt": "x", "placement": PlacementGiven(image_format="bmp")}, "image_format"),
        ({"prompt": "x", "placement": PlacementGiven(quality=0)}, "quality"),
    ],
)
def test_out_of_range_is_named(given: dict[str, Any], parameter: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Given(**given).read()
    assert caught.value.message.startswith(f"{parameter}: got ")
    assert "allowed is" in caught.value.message


def test_minus_one_is_a_random_seed_even_beside_an_infotext() -> None:
    assert Given(prompt="x", seed=-1).read().seed is None
    assert Given(infotext=compose(OLD), seed=-1).read().seed is None
    assert Given(infotext=compose(OLD)).read().seed == 42


def test_an_infotext_is_repeated() -> None:
    request = Given(infotext=compose(OLD)).read()
    assert (request.prompt, request.negative_prompt) == ("a lighthouse", "fog")
    assert (request.steps, request.cfg_scale, request.seed) == (12, 5.5, 42)
    assert (request.sampler, request.scheduler, request.model) == ("Euler a", "Karras", "tiny")
    assert (request.strength, request.upscaler) == (0.4, "Latent")
    assert request.notes == ("infotext: these are not repeated by themselves (use extra): VAE",)
    again = plan(request.size, rule_of("sd15"), second_pass=True, redraw=request.redraw)
    assert (again.draw_width, again.draw_height, again.second_pass) == (384, 688, (768, 1376))
    assert again.untouched


def test_an_infotext_of_ours_is_brought_to_the_same_size() -> None:
    ours = OLD.with_fields({"Output size": "760x1370", "Output fit": "contain"})
    request = Given(infotext=compose(ours), placement=PlacementGiven(fit="cover")).read()
    assert request.size.exact == (760, 1370)
    assert request.placement.fit is Fit.CONTAIN
    again = plan(request.size, rule_of("sdxl"), second_pass=True, redraw=request.redraw)
    assert (again.draw_width, again.draw_height, again.second_pass) == (384, 688, (768, 1376))


def test_what_is_given_wins_over_the_infotext() -> None:
    request = Given(
        infotext=compose(OLD), prompt="a mill", steps=3, size="512x512", sampler="DDIM"
    ).read()
    assert (request.prompt, request.steps, request.sampler) == ("a mill", 3, "DDIM")
    assert request.negative_prompt == "fog"
    assert request.size.exact == (512, 512)
    assert request.redraw is None


def test_highres_off_wins_over_the_infotext() -> None:
    request = Given(infotext=compose(OLD), highres="off").read()
    again = plan(request.size, rule_of("sd15"), second_pass=True, redraw=request.redraw)
    assert again.second_pass is None


def test_a_size_that_this_engine_cannot_draw_is_told() -> None:
    odd = compose(OLD.with_fields({"Size": "100x100", "Hires upscale": None}))
    request = Given(infotext=odd).read()
    made = plan(request.size, rule_of("sd15"), redraw=request.redraw)
    assert (made.width, made.height) == (100, 100)
    assert any("cannot be drawn here" in note for note in made.notes)


def test_a_choice_of_the_list_joins_the_typed_loras() -> None:
    request = Given(prompt="x", loras="ink:0.5", lora_choice="film").read()
    assert [(lora.name, lora.weight) for lora in request.loras] == [("ink", 0.5), ("film", 1.0)]
    twice = Given(prompt="x", loras="ink:0.5", lora_choice="ink").read()
    assert [(lora.name, lora.weight) for lora in twice.loras] == [("ink", 0.5)]


def test_one_side_keeps_the_ratio_of_the_picture() -> None:
    request = Given(prompt="x", image=png(200, 100), width=64).read()
    assert request.size.exact == (64, 32)
    assert request.strength == 0.6
    assert UpscaleGiven(width=400).read(png(200, 100)).size.exact == (400, 200)


@pytest.mark.parametrize("image", [b"", b"GIF", b"<html>", png(200, 100)[:-20]])
def test_a_file_that_is_no_picture(image: bytes) -> None:
    with pytest.raises(InvalidInput, match="image: got"):
        UpscaleGiven(width=400).read(image)
