"""The verbs of `creative.images` from the request to the finished files.

In this process, with the real worker, against scripted servers that speak HTTP. What each part
does alone is tested beside it; here it is what a user gets.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import settings as rules
from hypothesis import strategies as st

from creative import breaker, http, images
from creative.deadline import Deadline
from creative.errors import (
    CreativeError,
    DeadlineExceeded,
    EngineRejected,
    InvalidInput,
    NotConfigured,
)
from creative.images import finishing
from creative.images.engines.automatic1111 import watch
from creative.images.engines.automatic1111.dialect import IMG2IMG, TXT2IMG, forget
from creative.images.engines.base import Unfinished
from creative.images.picture import read_infotext
from creative.images.result import Generated
from creative.settings import Settings
from creative.steps import Status, StepEvent, Steps
from tests import sd_server
from tests.pictures import opened, photo, saved
from tests.processes import wait_until
from tests.sd_server import MODELS, SdServer, png
from tests.servers import answer, free_port

ENLARGE = "/sdapi/v1/extra-single-image"
NATIVE = "/sdcpp/v1/img_gen"
FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
ENDINGS = {"png": "png", "jpeg": "jpg", "webp": "webp"}
SD15 = ("v1-5-pruned.safetensors [1234567890]",)
"""Its name tells the family, so that small sizes are drawn."""


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No server is remembered, nobody waits long, and after a call no thread of it runs."""
    monkeypatch.setattr(http, "RETRY_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.1)
    monkeypatch.setattr("creative.images.engines.automatic1111.saved._POLL_SECONDS", 0.1)
    forget()
    breaker._breakers.clear()
    yield
    left = [thread.name for thread in threading.enumerate()]
    assert [name for name in left if name in ("sd-post", "pool-look")] == []


class Truthful(SdServer):
    """Writes everything into its infotexts that AUTOMATIC1111 and Forge write.

    Order and labels: stable-diffusion-webui 1.10.1, modules/processing.py (`create_infotext`,
    `calculate_target_resolution`); "Size" is that of the first pass.
    """

    def _generate(self, request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        self.info = {"infotexts": [self._said(body, seed) for seed in _seeds(body)]}
        super()._generate(request, body)

    def _said(self, body: dict[str, Any], seed: int) -> str:
        model = (body.get("override_settings") or {}).get("sd_model_checkpoint", self.loaded)
        fields = {
            "Steps": body.get("steps", 20),
            "Sampler": body.get("sampler_name", "DPM++ 2M"),
            "Schedule type": body.get("scheduler", "Automatic"),
            "CFG scale": float(body.get("cfg_scale", 7)),
            "Seed": seed,
            "Size": f"{body['width']}x{body['height']}",
            "Model hash": "124658232f",
            "Model": model.partition(".")[0],
        }
        if body.get("enable_hr") or body.get("init_images"):
            fields["Denoising strength"] = body.get("denoising_strength", 0.75)
        if body.get("enable_hr"):
            fields["Hires resize"] = f"{body['hr_resize_x']}x{body['hr_resize_y']}"
            fields["Hires upscaler"] = body["hr_upscaler"]
        fields["Version"] = "v1.10.1"
        line = ", ".join(f"{label}: {value}" for label, value in fields.items())
        negative = body.get("negative_prompt", "")
        return "\n".join(
            [body["prompt"], *([f"Negative prompt: {negative}"] if negative else []), line]
        )


def _seeds(body: dict[str, Any]) -> list[int]:
    return [body["seed"] + n for n in range(body.get("n_iter", 1) * body.get("batch_size", 1))]


@pytest.fixture(scope="module")
def forge() -> Iterator[SdServer]:
    with Truthful("forge", models=SD15) as server:
        yield server


@pytest.fixture(scope="module")
def sdcpp() -> Iterator[SdServer]:
    with SdServer("sdcpp", models=SD15) as server:
        yield server


def to(*servers: SdServer | str) -> Settings:
    return Settings(sd_base_url=tuple(s if isinstance(s, str) else s.url for s in servers))


def generate(
    where: SdServer | Settings, seconds: float = 20, told: Steps | None = None, **given: Any
) -> Generated:
    settings = where if isinstance(where, Settings) else to(where)
    wanted = read(**given)
    return images.generate(wanted, settings, Deadline(seconds), told or Steps())


def read(**given: Any) -> images.DrawRequest:
    names = set(images.PlacementGiven.model_fields)
    placed = {name: given.pop(name) for name in list(given) if name in names}
    return images.Given(
        **{"prompt": "a cat", **given}, placement=images.PlacementGiven(**placed)
    ).read()


def upscale(where: SdServer, image: bytes, seconds: float = 20, **given: Any) -> Generated:
    names = set(images.PlacementGiven.model_fields)
    placed = {name: given.pop(name) for name in list(given) if name in names}
    asked = images.UpscaleGiven(**given, placement=images.PlacementGiven(**placed)).read(image)
    return images.upscale(asked, to(where), Deadline(seconds), Steps())


def check(made: Generated, size: tuple[int, int], image_format: str, count: int = 1) -> None:
    """Files as promised: pixels, format and name, by Pillow's word."""
    assert len(made.pictures) == count
    assert len({file.filename for file in made.pictures}) == count
    for number, file in enumerate(made.pictures, 1):
        image = opened(file.data)
        assert image.size == size == (file.width, file.height) == (made.width, made.height)
        assert image.format == FORMATS[image_format]
        assert file.mime_type == f"image/{image_format}"
        middle = "" if file.seed is None else f"_{file.seed}"
        ending = ENDINGS[image_format]
        assert re.fullmatch(
            rf"[\w.-]+{middle}_{size[0]}x{size[1]}_{number}\.{ending}", file.filename
        )


def drawing(server: SdServer) -> list[dict[str, Any]]:
    """Bodies of all drawing POSTs so far, without what is new for each job."""
    return [
        {key: value for key, value in body.items() if key != "force_task_id"}
        for path, body in server.posts
        if path in (TXT2IMG, IMG2IMG, NATIVE)
    ]


def previews(events: list[StepEvent]) -> list[bytes]:
    return [event.preview for event in events if event.preview]


def refuses(said: str, status: int = 500) -> Any:
    """An answer as Forge gives it when something fails there."""
    text = f'{{"error": "OutOfMemoryError", "detail": "", "message": "{said}"}}'
    return lambda request: answer(request, text, status)


# --- exactly the asked size ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "size", "fit", "image_format"),
    [
        ("forge", (16, 16), "cover", "png"),
        ("forge", (97, 1031), "contain", "webp"),
        ("forge", (970, 250), "cover", "auto"),
        ("forge", (512, 512), "stretch", "jpeg"),
        ("forge", (1001, 999), "contain", "jpeg"),
        ("forge", (1920, 1080), "cover", "webp"),
        ("forge", (2560, 100), "contain", "auto"),
        ("forge", (3000, 16), "cover", "jpeg"),
        ("sdcpp", (16, 333), "stretch", "webp"),
        ("sdcpp", (640, 641), "cover", "jpeg"),
        ("sdcpp", (1080, 1920), "contain", "auto"),
        ("sdcpp", (729, 91), "cover", "png"),
    ],
)
def test_the_asked_size_comes_out(
    request: pytest.FixtureRequest,
    dialect: str,
    size: tuple[int, int],
    fit: str,
    image_format: str,
) -> None:
    server: SdServer = request.getfixturevalue(dialect)
    made = generate(
        server, width=size[0], height=size[1], fit=fit, image_format=image_format, count=2
    )
    check(made, size, "png" if image_format == "auto" else image_format, 2)
    assert made.plan is not None
    assert (made.plan.width, made.plan.height, made.plan.fit.value) == (*size, fit)
    assert made.cost == 0, "an own server costs nothing"


sides = st.integers(16, 1200)


@examples(
    width=sides,
    height=sides,
    fit=st.sampled_from(("cover", "contain", "stretch")),
    image_format=st.sampled_from(tuple(FORMATS)),
    background=st.sampled_from(("blur", "transparent", "#123456")),
    dialect=st.sampled_from(("forge", "sdcpp")),
)
@rules(max_examples=80, derandomize=True, deadline=None, database=None)
def test_any_size_comes_out(
    forge: SdServer,
    sdcpp: SdServer,
    width: int,
    height: int,
    fit: str,
    image_format: str,
    background: str,
    dialect: str,
) -> None:
    server = forge if dialect == "forge" else sdcpp
    made = generate(
        server,
        width=width,
        height=height,
        fit=fit,
        image_format=image_format,
        background=background,
    )
    check(made, (width, height), image_format)
    plan = made.plan
    assert plan is not None
    grid = 64 if server is sdcpp else 8
    assert plan.draw_width % grid == plan.draw_height % grid == 0
    sent = drawing(server)[-1]
    assert (sent["width"], sent["height"]) == (plan.draw_width, plan.draw_height)


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ({"size": "instagram_story"}, (1080, 1920)),
        ({"size": "3:1@900"}, (900, 300)),
        ({"size": "16:9", "height": 90}, (160, 90)),
        ({}, (512, 512)),
    ],
)
def test_sizes_in_words(forge: SdServer, given: dict[str, Any], size: tuple[int, int]) -> None:
    check(generate(forge, **given), size, "png")


def test_a_file_that_may_be_too_large_is_refused_before_anything_is_drawn() -> None:
    with SdServer("forge", models=SD15) as server:
        with pytest.raises(InvalidInput, match="image_format: got 'png at 4000x3000'") as caught:
            generate(server, width=4000, height=3000, image_format="png")
        assert "auto, jpeg or webp" in caught.value.message
        with pytest.raises(InvalidInput, match="image_format"):
            upscale(server, png(1000, 900, 1), size="4000x3600", image_format="png")
        assert server.posts == []


def test_a_png_over_the_limit_becomes_a_jpeg_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finishing, "MAX_FILE_BYTES", 400_000)
    with SdServer("forge", models=SD15, noise=True) as server:
        # 512 x 512 x 3 bytes of noise cannot be packed; untouched or not makes no difference.
        for width in (512, 509):
            made = generate(server, width=width, height=512)
            check(made, (width, 512), "jpeg")
            assert len(made.pictures[0].data) <= 400_000
            [note] = made.notes
            assert "as PNG it has" in note
            assert "saved as JPEG of quality" in note
            assert read_infotext(made.pictures[0].data) == made.infotext


# --- what is written into the files -------------------------------------------------------


def test_bytes_stay_as_the_server_made_them(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    def recorded(*values: Any) -> bytes:
        sent.append(png(*values))
        return sent[-1]

    monkeypatch.setattr(sd_server, "png", recorded)
    with SdServer("forge", models=SD15) as server:
        made = generate(server, width=512, height=448, count=2, seed=9)
    assert [file.data for file in made.pictures] == sent
    assert made.plan is not None
    assert made.plan.untouched
    assert [file.filename for file in made.pictures] == [
        "a-cat_9_512x448_1.png",
        "a-cat_10_512x448_2.png",
    ]


@pytest.mark.parametrize("image_format", FORMATS)
@pytest.mark.parametrize("width", [512, 500])
def test_metadata_is_written_or_left_out(forge: SdServer, width: int, image_format: str) -> None:
    # What the server's own PNG says is less than its answer says: the answer's counts.
    asked = {"width": width, "height": 512, "image_format": image_format, "negative_prompt": "dög"}
    made = generate(forge, **asked)
    [file] = made.pictures
    assert made.infotext == file.infotext == read_infotext(file.data)
    assert "Negative prompt: dög\nSteps: 20, Sampler: DPM++ 2M" in made.infotext
    assert ("Output size: 500x512" in made.infotext) == (width == 500)
    bare = generate(forge, **asked, metadata=False)
    [clean] = bare.pictures
    assert bare.infotext, "the output tells it all the same"
    assert read_infotext(clean.data) == ""
    assert b"Sampler" not in clean.data
    assert opened(clean.data).size == (width, 512)


def test_without_metadata_the_pixels_are_the_servers(forge: SdServer) -> None:
    asked = {"width": 512, "height": 512, "seed": 3}
    shown, hidden = (generate(forge, **asked, metadata=kept) for kept in (True, False))
    [one], [other] = shown.pictures, hidden.pictures
    assert len(other.data) < len(one.data)
    assert opened(one.data).tobytes() == opened(other.data).tobytes()


# --- seeds, and the same once more --------------------------------------------------------


def test_seeds(forge: SdServer) -> None:
    made = generate(forge, seed=40, count=3, width=64, height=64)
    assert made.seeds == tuple(file.seed for file in made.pictures) == (40, 41, 42)
    assert [f"Seed: {seed}," in file.infotext for seed, file in zip(
        made.seeds, made.pictures, strict=True)] == [True] * 3  # fmt: skip
    drawn = {generate(forge, width=64, height=64, seed=seed).seeds[0] for seed in (None, -1, None)}
    assert len(drawn) == 3
    assert all(0 <= seed < 2**32 for seed in drawn)
    assert [body["seed"] for body in drawing(forge)[-3:]] != [-1] * 3
    posts = len(forge.posts)
    with pytest.raises(InvalidInput, match="seed: got 4294967295; allowed is at most 4294967294"):
        generate(forge, seed=2**32 - 1, count=2)
    assert len(forge.posts) == posts


@pytest.mark.parametrize(
    "asked",
    [
        {"width": 512, "height": 512},
        {"width": 970, "height": 250, "fit": "contain"},
        {"width": 501, "height": 333, "fit": "stretch"},
        {"size": "1024x1024", "highres": "on"},
        {"size": "1500x1000", "highres": "on", "upscaler": "4x-Ultra"},
        {"size": "1800x1800", "highres": "off"},
        {"size": "16:9"},
    ],
    ids=lambda asked: "-".join(map(str, asked.values())),
)
def test_an_infotext_fed_back_makes_the_same_request(asked: dict[str, Any]) -> None:
    everything = {
        "prompt": "a cat, (fluffy:1.2)\non a sofa",
        "negative_prompt": "dog: wet, rain",
        "loras": "ink:0.6",
        "model": "tinyB",
        "sampler": "Euler a",
        "scheduler": "karras",
        "steps": 12,
        "cfg_scale": 5.5,
        "seed": 1234,
        "model_family": "sd15",
    }
    with Truthful("forge") as server:
        first = generate(server, **everything, **asked)
        assert first.model == MODELS[1].partition(".")[0]
        # As Dify sends it: an empty prompt and the default of every select.
        again = {"prompt": "", "fit": "cover", "highres": "auto", "image_format": "auto"}
        second = generate(server, **again, infotext=first.infotext, model_family="sd15")
        one, other = drawing(server)
        assert one.pop("scheduler").lower() == other.pop("scheduler").lower()
        assert one == other
        assert second.infotext == first.infotext
        assert opened(second.pictures[0].data).tobytes() == opened(first.pictures[0].data).tobytes()
        assert len(server.posts_to(ENLARGE)) in (0, 2)


def test_what_the_server_chose_is_repeated_as_well() -> None:
    with Truthful("forge", models=SD15) as server:
        text = generate(server, width=300, height=200).infotext
        for _ in range(2):
            text = generate(server, prompt="", infotext=text).infotext
        first, second, third = drawing(server)
        assert second == third
        assert second["steps"] == 20
        assert second["sampler_name"] == "DPM++ 2M"
        assert second["cfg_scale"] == 7
        assert {key: second[key] for key in first if key != "override_settings"} == {
            key: value for key, value in first.items() if key != "override_settings"
        }


# --- enlarging ----------------------------------------------------------------------------


def test_an_upscaler_enlarges_each_picture_once() -> None:
    with SdServer("forge", models=SD15) as server:
        made = generate(server, width=1600, height=1200, highres="off", count=3)
        check(made, (1600, 1200), "png", 3)
        assert made.plan is not None
        assert made.plan.upscale
        assert made.upscaler == "4x-Ultra"
        sent = server.posts_to(ENLARGE)
        assert [body["upscaler_1"] for body in sent] == ["4x-Ultra"] * 3
        assert len({body["image"] for body in sent}) == 3
        for body in sent:
            source = opened(base64.b64decode(body["image"]))
            assert source.size == (made.plan.draw_width, made.plan.draw_height)
            assert body["upscaling_resize_w"] >= 1600
            assert body["upscaling_resize_h"] >= 1200
        assert made.seeds == tuple(file.seed for file in made.pictures)


def test_a_second_pass_needs_no_upscaler() -> None:
    with SdServer("forge", models=SD15) as server:
        made = generate(server, width=1024, height=1024)
        check(made, (1024, 1024), "png")
        assert made.upscaler == ""
        [body] = server.posts_to(TXT2IMG)
        assert body["enable_hr"] is True
        assert (body["hr_resize_x"], body["hr_resize_y"]) == (1024, 1024)
        assert not server.posts_to(ENLARGE)


@pytest.mark.parametrize("good", [0, 1])
def test_a_picture_outlives_a_failed_upscaler(good: int) -> None:
    with SdServer("forge", models=SD15) as server:

        def fails(request: BaseHTTPRequestHandler) -> None:
            body = server.posts[-1][1]
            if len(server.posts_to(ENLARGE)) > good:
                refuses("CUDA out of memory")(request)
            else:
                server._enlarge(request, body)

        server.broken[ENLARGE] = fails
        made = generate(server, width=1600, height=1200, highres="off", count=3)
        check(made, (1600, 1200), "png", 3)
        assert len(server.posts_to(ENLARGE)) == good + 1, "it is not asked again and again"
        [note] = [note for note in made.notes if note.startswith("upscaler: ")]
        assert "4x-Ultra failed" in note
        assert "CUDA out of memory" in note
        assert made.upscaler == ("4x-Ultra" if good else "")
        assert made.plan is not None
        assert made.plan.upscale is bool(good)


def test_upscale() -> None:
    source = png(200, 120, 5, "a cat\nSteps: 4, Sampler: Euler, CFG scale: 7, Seed: 5")
    with SdServer("forge", models=SD15) as server:
        made = upscale(server, source, scale=2.5)
        check(made, (500, 300), "png")
        assert (made.upscaler, made.cost, images.scale_of(made)) == ("4x-Ultra", 0, 2.5)
        assert "Seed: 5" in read_infotext(made.pictures[0].data)
        made = upscale(server, source, size="9:16@320", title="My Cat!", upscaler="4x-ultra")
        check(made, (180, 320), "png")
        assert made.pictures[0].filename == "my-cat_180x320_1.png"
        assert len(server.posts) == 2
        plain = upscale(server, source, width=333, upscaler="lanczos", image_format="webp")
        check(plain, (333, 200), "webp")
        assert plain.engine == "none"
        assert len(server.posts) == 2
        with pytest.raises(InvalidInput, match="4x-Ultra"):
            upscale(server, source, upscaler="5x-Ultra")
        server.broken[ENLARGE] = refuses("CUDA out of memory")
        with pytest.raises(EngineRejected, match="CUDA out of memory"):
            upscale(server, source)


# --- from a picture -----------------------------------------------------------------------


def test_a_picture_keeps_its_size() -> None:
    with SdServer("forge", models=SD15) as server:
        made = generate(server, image=saved(photo(333, 257)), strength=0.3)
        check(made, (333, 257), "png")
        [body] = server.posts_to(IMG2IMG)
        assert body["denoising_strength"] == 0.3
        [text] = body["init_images"]
        sent = opened(base64.b64decode(text))
        assert made.plan is not None
        assert sent.size == (made.plan.draw_width, made.plan.draw_height)
        assert (body["width"], body["height"]) == sent.size
        assert "mask" not in body


def test_a_turned_photo_is_set_upright() -> None:
    picture = photo(600, 300).copy()
    picture.paste((255, 0, 0), (0, 0, 600, 100))  # a red edge on top …
    exif = picture.getexif()
    exif[0x0112] = 6  # … which is to be shown turned clockwise: on the right
    with SdServer("forge", models=SD15) as server:
        made = generate(server, image=saved(picture, "JPEG", exif=exif, quality=95))
        check(made, (300, 600), "png")
        sent = opened(base64.b64decode(server.posts_to(IMG2IMG)[0]["init_images"][0]))
        assert sent.width < sent.height
        red, green, _ = sent.getpixel((sent.width - 20, sent.height // 2))  # type: ignore[misc]
        assert red > 200
        assert green < 60
        left = sent.getpixel((20, sent.height // 2))
        assert isinstance(left, tuple)
        assert not (left[0] > 200 and left[1] < 60)


def test_a_mask_of_another_size_is_scaled_and_that_is_said() -> None:
    from PIL import Image

    mask = Image.new("L", (100, 50))
    mask.paste(255, (50, 0, 100, 50))
    with SdServer("forge", models=SD15) as server:
        made = generate(server, image=saved(photo(512, 512)), mask=saved(mask))
        assert any("mask: 100x50 was scaled to the 512x512 of image" in n for n in made.notes)
        body = server.posts_to(IMG2IMG)[0]
        sent = opened(base64.b64decode(body["mask"])).convert("L")
        assert sent.size == (512, 512)
        assert (sent.getpixel((100, 300)), sent.getpixel((400, 300))) == (0, 255)
        with pytest.raises(InvalidInput, match=r"mask: got .*black"):
            generate(server, image=saved(photo(64, 64)), mask=saved(Image.new("L", (64, 64))))
        assert len(server.posts_to(IMG2IMG)) == 1


@pytest.mark.parametrize(
    ("parameter", "data"),
    [("image", b"<html>"), ("image", saved(photo(300, 300))[:-200]), ("mask", b"")],
)
def test_a_broken_file_is_refused_before_anything_is_asked(parameter: str, data: bytes) -> None:
    files = {"image": saved(photo(64, 64)), parameter: data}
    with SdServer("forge", models=SD15) as server:
        with pytest.raises(InvalidInput, match=f"^{parameter}: "):
            generate(server, **files)
        assert server.requests == []


# --- while it draws -----------------------------------------------------------------------


def test_previews_are_small_jpegs_on_request() -> None:
    with SdServer("forge", models=SD15, seconds=0.8) as server:
        steps = Steps()
        generate(server, told=steps, width=512, height=512, previews=True)
        [small, *_] = previews(steps.events)
        image = opened(small)
        assert image.format == "JPEG"
        assert max(image.size) <= 256
        assert len(small) <= 40_000
        quiet = Steps()
        generate(server, told=quiet, width=512, height=512)
        assert not previews(quiet.events)


def test_the_steps_tell_what_happens_and_end_with_saving() -> None:
    with SdServer("forge", models=SD15, seconds=0.5) as server:
        steps = Steps()
        generate(server, told=steps, width=500, height=500)
    percents = [event.percent for event in steps.events]
    assert percents == sorted(percents)
    assert percents[-1] == 98
    labels = [event.label for event in steps.events]
    assert any(label.startswith("Drawing 504x504 with v1-5-pruned") for label in labels)
    assert any(re.match(r"Drawing: step \d+ of 10", label) for label in labels)
    assert steps.events[-1].status is Status.DONE
    assert steps.cost == 0


def test_time_that_runs_out_after_drawing_is_said(forge: SdServer) -> None:
    began = time.monotonic()
    # Somebody else's work keeps the only worker busy.
    with finishing.pictures._turn, pytest.raises(DeadlineExceeded) as caught:
        generate(forge, seconds=1.5, width=500, height=500, count=2)
    assert 1.4 < time.monotonic() - began < 20
    assert "Out of time after 1.5 s (timeout_seconds)" in caught.value.message
    assert "finishing the pictures (0 of 2 finished)" in caught.value.message
    assert caught.value.hint == "Raise timeout_seconds."


def test_time_that_runs_out_while_enlarging_is_an_error() -> None:
    with SdServer("forge", models=SD15) as server:
        stop = threading.Event()
        server.broken[ENLARGE] = lambda _: stop.wait(60) and None
        try:
            with pytest.raises(DeadlineExceeded, match=r"after 1\.5 s"):
                generate(server, seconds=1.5, width=1600, height=1600, highres="off")
        finally:
            stop.set()


# --- several servers ----------------------------------------------------------------------


def test_one_of_two_servers_is_off(forge: SdServer) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    made = generate(to(dead, forge), width=300, height=200)
    check(made, (300, 200), "png")
    [note] = [note for note in made.notes if "left out" in note]
    assert dead in note
    listed = images.choices("model", to(dead, forge), Deadline(5))
    assert [choice.value for choice in listed] == list(SD15)


def test_two_calls_go_to_two_servers() -> None:
    with (
        SdServer("forge", models=SD15, seconds=60) as one,
        SdServer("sdcpp", models=SD15, seconds=60) as other,
    ):
        done: list[Generated] = []
        calls = [
            threading.Thread(
                target=lambda: done.append(generate(to(one, other), width=300, height=200))
            )
            for _ in range(2)
        ]
        for call in calls:
            call.start()
        assert wait_until(lambda: bool(drawing(one) and drawing(other)), 20)
        one.finish()
        other.finish()
        for call in calls:
            call.join()
        for made in done:
            check(made, (300, 200), "png")
        assert (len(drawing(one)), len(drawing(other))) == (1, 1)


def test_without_any_server_the_settings_are_named() -> None:
    with pytest.raises(NotConfigured, match="sd_base_url"):
        generate(Settings())
    with pytest.raises(NotConfigured, match="sd_base_url"):
        images.choices("model", Settings(), Deadline(5))
    with pytest.raises(CreativeError, match="connection was refused"):
        generate(to(f"http://127.0.0.1:{free_port()}"))


# --- submitted jobs -----------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["forge", "sdcpp"])
def test_a_submitted_job_is_finished_by_a_later_call(dialect: str) -> None:
    with SdServer(dialect, models=SD15, seconds=60) as server:
        wanted = read(width=970, height=250, count=2, seed=11, image_format="webp", fit="contain")
        job = images.submit(wanted, to(server), Deadline(10), Steps())
        assert (job.status, job.pictures, job.seeds) == ("running", (), (11, 12))
        assert (job.width, job.height) == (970, 250)
        assert server.url.rpartition(":")[2] not in job.job_id
        with pytest.raises(Unfinished, match="call fetch_image with the same job_id again"):
            images.collect(job.job_id, to(server), Deadline(0.3), Steps())
        state = images.collect(job.job_id, to(server), Deadline(0.3), Steps(), report=True)
        assert (state.status, state.pictures) == ("running", ())
        assert state.job_id == job.job_id
        steps = Steps()
        server.finish()
        made = images.collect(f" {job.job_id}\n", to(server), Deadline(20), steps)
        check(made, (970, 250), "webp", 2)
        assert made.seeds == (11, 12)
        assert made.pictures[1].filename == "a-cat_12_970x250_2.webp"
        assert made.cost == 0
        assert steps.events[-1].percent == 98
        assert len(drawing(server)) == 1
        assert server.interrupts == 0


def test_a_submitted_picture_is_enlarged_when_it_is_collected() -> None:
    with SdServer("forge", models=SD15) as server:
        wanted = read(width=1600, height=1200, highres="off")
        job = images.submit(wanted, to(server), Deadline(10), Steps())
        made = images.collect(job.job_id, to(server), Deadline(20), Steps())
        check(made, (1600, 1200), "png")
        assert made.upscaler == "4x-Ultra"
        assert len(server.posts_to(ENLARGE)) == 1


def test_a_job_of_a_server_that_is_not_configured_any_more(forge: SdServer) -> None:
    with SdServer("sdcpp", models=SD15) as server:
        job = images.submit(read(width=64, height=64), to(server), Deadline(10), Steps())
    with pytest.raises(InvalidInput, match="job_id: got 'a job of another server'"):
        images.collect(job.job_id, to(forge), Deadline(5), Steps())
    with pytest.raises(InvalidInput, match="job_id: got 'csj1"):
        images.collect(job.job_id[:-9], to(forge), Deadline(5), Steps())
