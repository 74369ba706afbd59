"""How a picture was made, read from files as each generator writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from creative.deadline import Deadline
from creative.errors import InvalidInput
from creative.images import reading
from creative.images.given import Given
from creative.images.infotext import Infotext, compose
from creative.images.picture import with_infotext
from creative.images.reading import Reading, ReadRequest, read_prompt
from creative.settings import Settings
from creative.steps import Steps
from tests import reading_files as files
from tests.pictures import saved


def read(data: bytes, **options: Any) -> Reading:
    request = ReadRequest(image=data, allow_guess=False, **options)
    return read_prompt(request, Settings(), Deadline(60), Steps())


A1111_SETTINGS = {
    "width": 768, "height": 1152, "highres": "on", "model": "dreamshaper_8",
    "sampler": "DPM++ 2M", "scheduler": "Karras", "steps": 24, "cfg_scale": 6.5,
    "seed": 4294967295, "upscaler": "R-ESRGAN 4x+",
    "extra": {
        "override_settings": {"CLIP_stop_at_last_layers": 2, "sd_vae": "vae-ft-mse.safetensors"},
        "denoising_strength": 0.45, "hr_second_pass_steps": 9,
    },
}  # fmt: skip
UTF16 = b"UNICODE\0"


@pytest.mark.parametrize(
    "data",
    [
        files.texts_png({"parameters": files.A1111}),
        files.png(files.packed_chunk("parameters", files.A1111.encode())),
        files.png(files.packed_chunk("parameters", files.A1111.encode(), b"iTXt")),
        files.jpeg(files.exif({}, UTF16 + files.A1111.encode("utf-16-be"))),
        files.jpeg(files.exif({}, UTF16 + files.A1111.encode("utf-16-le"), "<")),
        files.jpeg(files.exif({}, UTF16 + files.A1111.encode("utf-16"), "<")),
        files.jpeg(files.exif({}, b"ASCII\0\0\0" + files.A1111.encode(), "<")),
        files.jpeg(files.exif({}, b"JIS\0\0\0\0\0" + files.A1111.encode("iso2022_jp"))),
        files.jpeg(files.exif({0x9286: files.A1111.encode() + b"\0"})),
        files.webp(files.exif({}, UTF16 + files.A1111.encode("utf-16-be"))),
        with_infotext(saved(files.small("P"), "GIF"), files.A1111),
    ],
    ids=["tEXt", "zTXt", "iTXt", "jpeg-be", "jpeg-le", "jpeg-bom", "jpeg-ascii", "jpeg-jis",
         "jpeg-root", "webp", "gif"],
)  # fmt: skip
def test_automatic1111_in_every_container(data: bytes) -> None:
    found = read(data)
    assert found.prompt == "a lighthouse, <lora:film grain:0.8> (storm:1.2)\non a cliff"
    assert found.negative_prompt == "blurry, [people]"
    assert (found.source, found.generator) == ("exact", "AUTOMATIC1111")
    assert found.settings == A1111_SETTINGS
    assert found.loras == [{"name": "film grain", "weight": 0.8}]
    assert found.models == ["dreamshaper_8", "vae-ft-mse.safetensors"]
    assert found.infotext == files.A1111
    assert found.other["Clip skip"] == "2"
    assert (found.width, found.height) == (96, 64)


def test_japanese_comment() -> None:
    text = "灯台、夕焼け\nSteps: 4, Sampler: Euler, Seed: 3, Size: 64x64"
    comment = b"JIS\0\0\0\0\0" + text.encode("iso2022_jp")
    assert read(files.jpeg(files.exif({}, comment))).prompt == "灯台、夕焼け"


def expect(found: Reading, generator: str, prompt: str, negative: str, **settings: Any) -> None:
    assert (found.source, found.generator) == ("exact", generator)
    assert (found.prompt, found.negative_prompt) == (prompt, negative)
    assert {key: found.settings.get(key) for key in settings} == settings
    # What is told is what text_to_image would draw.
    drawn = Given(prompt=found.prompt, **found.settings).read()
    assert drawn.steps == found.settings.get("steps")
    again = Given(infotext=found.infotext).read()
    assert (again.sampler, again.seed) == (drawn.sampler, drawn.seed)
    assert again.negative_prompt == negative


def test_forge_sdnext_sdcpp() -> None:
    forge = files.A1111.replace("v1.10.1", "f2.0.1v1.10.1-previous-669-gdfdcbab6")
    assert read(files.texts_png({"parameters": forge})).generator == "Forge"
    found = read(files.texts_png({"parameters": files.SDNEXT}))
    expect(found, "SD.Next", "a fox", "ugly", steps=20, sampler="Euler a", seed=99, width=1536,
           height=1152, highres="on", upscaler="Latent Nearest")  # fmt: skip
    assert found.settings["extra"]["denoising_strength"] == 0.4
    assert found.settings["extra"]["override_settings"] == {"CLIP_stop_at_last_layers": 2}
    assert "scheduler" not in found.settings
    found = read(files.texts_png({"parameters": files.SDCPP}))
    expect(found, "stable-diffusion.cpp", "a fox", "ugly", steps=4, seed=123, sampler="Euler a",
           scheduler="karras", model="tinyFull", width=64, highres="off")  # fmt: skip
    assert "extra" not in found.settings


FIELDS = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 64x64, Model: m"
TEMPLATES = {"Template": "a {man|woman},\nneon", "Negative Template": "{ugly|bad}"}


@pytest.mark.parametrize(
    "text",
    [
        # sd-dynamic-prompts until 12-2023, its issue 651; then as fields; SD.Next.
        f"a man, neon\nNegative prompt: ugly\n{FIELDS}, Version: v1.6.0\n"
        "Template: a {man|woman},\nneon\nNegative Template: {ugly|bad}",
        f"a man, neon\nNegative prompt: ugly\n{FIELDS}, "
        'Template: "a {man|woman},\\nneon", Negative Template: {ugly|bad}, Version: v1.6.0',
        "a man, neon\nNegative prompt: ugly\nTemplate: a {man|woman},\nneon\n"
        f"Negative template: {{ugly|bad}}\n{FIELDS}, App: SD.Next, Version: 058a7f0",
    ],
    ids=["below", "fields", "above"],
)
def test_templates_are_no_prompt(text: str) -> None:
    found = read(files.texts_png({"parameters": text}))
    assert (found.prompt, found.negative_prompt) == ("a man, neon", "ugly")
    assert (found.settings["seed"], found.settings["steps"]) == (42, 20)
    assert {name: found.other[name] for name in TEMPLATES} == TEMPLATES
    assert any("template" in note for note in found.notes)
    again = Given(infotext=found.infotext).read()
    assert (again.prompt, again.negative_prompt, again.seed) == ("a man, neon", "ugly", 42)


def test_lines_of_a_prompt_that_look_like_fields_or_templates_stay_in_it() -> None:
    prompt = "Steps: up, Sampler: of wool, Seed: of doubt\nTemplate: is a word"
    text = f"{prompt}\nNegative prompt: one\n\ntwo\nTemplate: three\n{FIELDS}"
    found = read(files.texts_png({"parameters": text}))
    assert found.prompt == prompt
    assert found.negative_prompt == "one\n\ntwo\nTemplate: three"
    assert found.settings["seed"] == 42


def test_what_civitai_adds_is_one_value() -> None:
    resources = '[{"type":"checkpoint","modelVersionId":290640,"modelName":"Pony, V6: x"}]'
    text = f"a cat\n{FIELDS}, Civitai resources: {resources}, Civitai metadata: {{}}"
    found = read(files.texts_png({"parameters": text}))
    assert json.loads(found.other["Civitai resources"]) == json.loads(resources)
    assert set(found.other) == {"Civitai resources", "Civitai metadata"}
    assert found.settings["seed"] == 42


def test_forges_heirs() -> None:
    for version in ("classic", "neo"):
        data = files.texts_png({"parameters": f"a cat\n{FIELDS}, Version: {version}"})
        assert read(data).generator == "Forge"


def test_fooocus_in_both_schemes_and_swarm() -> None:
    own = json.dumps(files.FOOOCUS)
    wanted = {"steps": 30, "seed": 2871424171, "width": 1152, "height": 896, "cfg_scale": 4.0,
              "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras",
              "model": "juggernautXL_v8Rundiffusion",
              "loras": "sd_xl_offset_example-lora_1.0:0.1"}  # fmt: skip
    png = files.texts_png({"parameters": own, "fooocus_scheme": "fooocus"})
    # Pillow, which Fooocus writes with, puts its three entries into the root directory.
    entries = {0x9286: own, 0x0131: "Fooocus v2.5.5", 0x927C: "fooocus"}
    exif = files.exif({tag: text.encode() + b"\0" for tag, text in entries.items()})
    for data in (png, files.jpeg(exif), files.webp(exif)):
        found = read(data)
        expect(found, "Fooocus", "a fox", "ugly", **wanted)
        assert found.other["full_prompt"] == "cinematic still of a fox"
        assert any("styles" in note for note in found.notes)
    found = read(files.texts_png({"parameters": files.FOOOCUS_A1111, "fooocus_scheme": "a1111"}))
    expect(found, "Fooocus", "a fox", "ugly", sampler="DPM++ 2M SDE", scheduler="karras",
           loras="off:0.1", model="juggernautXL_v8")  # fmt: skip
    found = read(files.texts_png({"parameters": json.dumps(files.SWARM)}))
    expect(found, "SwarmUI", "a fox", "", sampler="Euler", scheduler="simple", loras="fur:0.5",
           model="flux1-dev-fp8", cfg_scale=1.0)  # fmt: skip


def test_invokeai_of_four_ages() -> None:
    found = read(files.texts_png({"invokeai_metadata": json.dumps(files.INVOKE)}))
    expect(found, "InvokeAI", "a red barn", "cars", steps=30, cfg_scale=5.5, seed=3735928559,
           sampler="DPM++ 2M", scheduler="Karras", width=1024, height=768, loras="barns:0.75",
           model="juggernaut-xl")  # fmt: skip
    assert found.other["positive_style_prompt"] == "watercolour"
    assert any("style" in note for note in found.notes)
    assert "Clip skip: 2" in found.infotext
    flux = {
        "app_version": "6.9.0", "generation_mode": "flux_txt2img", "guidance": 4, "steps": 30,
        "width": 1024, "height": 768, "seed": 5, "positive_prompt": "a red barn",
        "scheduler": "euler", "t5_encoder": {"key": "t", "name": "t5"}, "ref_images": [],
        "model": {"key": "k", "name": "FLUX Dev", "base": "flux", "type": "main"},
    }  # fmt: skip
    found = read(files.texts_png({"invokeai_metadata": json.dumps(flux)}))
    expect(found, "InvokeAI", "a red barn", "", steps=30, cfg_scale=4.0, model="FLUX Dev",
           sampler="Euler", seed=5)  # fmt: skip
    both = {"Dream": files.DREAM, "sd-metadata": json.dumps(files.INVOKE_OLDER)}
    found = read(files.texts_png(both))
    expect(found, "InvokeAI", "a red barn", "cars, people", steps=50, seed=123, width=640,
           sampler="Euler a", model="stable-diffusion-1.5")  # fmt: skip
    found = read(files.texts_png({"Dream": files.DREAM}))
    expect(found, "InvokeAI", "a red barn", "cars", steps=50, seed=123, height=512,
           sampler="LMS", cfg_scale=7.5)  # fmt: skip


def novelai(found: Reading) -> None:
    assert found.prompt == "1girl, {lighthouse}, sea | girl, red hair"
    assert found.negative_prompt == "lowres, bad hands"
    assert found.generator == "NovelAI"
    assert found.settings == {
        "width": 832, "height": 1216, "highres": "off", "steps": 28, "cfg_scale": 5.0,
        "seed": 3468250285, "sampler": "Euler a", "scheduler": "karras",
        "model": "NovelAI Diffusion V4.5 4BDE2A90",
    }  # fmt: skip
    assert any("emphasis" in note for note in found.notes)
    assert "signed_hash" not in found.other


def test_novelai_in_texts_exif_and_pixels() -> None:
    novelai(read(files.texts_png(files.NOVELAI_OUTSIDE)))
    outside = json.dumps(files.NOVELAI_OUTSIDE)
    novelai(read(files.webp(files.exif({}, b"ASCII\0\0\0" + outside.encode()))))
    for kind in ("PNG", "WEBP"):
        found = read(files.stealth(outside, kind=kind))
        novelai(found)
        assert any("pixels" in note for note in found.notes)


def test_swarmui_in_the_pixels() -> None:
    found = read(files.stealth(json.dumps(files.SWARM)))
    assert (found.prompt, found.generator) == ("a fox", "SwarmUI")
    assert found.settings["seed"] == 123998
    guided = {"sui_image_params": {**files.SWARM["sui_image_params"], "fluxguidancescale": "2.5"}}
    found = read(files.texts_png({"parameters": json.dumps(guided)}))
    assert found.settings["cfg_scale"] == 2.5


@pytest.mark.parametrize("bands", ["A", "RGB"])
@pytest.mark.parametrize("packed", [True, False])
def test_automatic1111_in_the_pixels(bands: str, packed: bool) -> None:
    found = read(files.stealth(files.A1111, bands, packed))
    assert found.settings == A1111_SETTINGS


def test_draw_things() -> None:
    text = files.xmp(files.DRAW_THINGS)
    mark = b"http://ns.adobe.com/xap/1.0/\0" + text.encode()
    segment = b"\xff\xe1" + (len(mark) + 2).to_bytes(2) + mark
    for data in (files.texts_png({"XML:com.adobe.xmp": text}), files.jpeg(b"", segment)):
        found = read(data)
        expect(found, "Draw Things", "a red cube & <sky>", "blue", steps=8, cfg_scale=4.5,
               seed=2441935286, sampler="DPM++ 2M", scheduler="Karras", width=640, height=512,
               model="model_q6p", loras="detail:0.8")  # fmt: skip
        assert found.other["shift"] == 3


def test_settings_are_parameters_of_text_to_image() -> None:
    import yaml

    from runtime.paths import PROJECT

    text = (PROJECT / "tools" / "text_to_image.yaml").read_text(encoding="utf-8")
    known = {row["name"] for row in yaml.safe_load(text)["parameters"]}
    for data in (
        files.texts_png({"parameters": files.A1111 + ", Output size: 99x77, Output fit: cover"}),
        files.texts_png({"parameters": json.dumps(files.FOOOCUS)}),
    ):
        assert set(read(data).settings) <= known


def test_a_picture_of_ours_comes_back_as_the_same_request() -> None:
    ours = Infotext(
        prompt="a mill, <lora:fur:0.5>",
        negative_prompt="fog",
        fields={
            "Steps": "12", "Sampler": "Euler a", "Schedule type": "Karras", "CFG scale": "5",
            "Seed": "77", "Size": "960x256", "Model": "m", "Output size": "970x250",
            "Output fit": "contain", "Output background": "#ff0000",
        },
    )  # fmt: skip
    found = read(files.texts_png({"parameters": compose(ours)}))
    assert found.settings["width"] == 970
    assert found.settings["fit"] == "contain"
    placed = {"fit", "focus", "background"}
    plain = {name: value for name, value in found.settings.items() if name not in placed}
    from creative.images.given import PlacementGiven

    placement = PlacementGiven(**{n: v for n, v in found.settings.items() if n in placed})
    again = Given(
        prompt=found.prompt, negative_prompt=found.negative_prompt, placement=placement, **plain
    ).read()
    before = Given(infotext=compose(ours), highres="off").read()
    same = {"redraw": None, "notes": (), "size": again.size}
    assert again.size.exact == before.size.exact == (970, 250)
    assert again == before.model_copy(update=same)
    assert found.infotext == compose(ours)


def test_a_prompt_alone_is_exact_and_says_that_it_is_alone() -> None:
    found = read(files.texts_png({"parameters": "just a cat"}))
    assert (found.prompt, found.settings, found.source) == ("just a cat", {}, "exact")
    assert any("no settings" in note for note in found.notes)


@pytest.mark.parametrize(
    "data",
    [
        saved(files.small()),
        saved(files.small("RGBA")),
        saved(files.small(), "JPEG"),
        saved(files.small("P"), "GIF"),
        files.jpeg(files.exif({0x010F: b"Canon\0"}, b"ASCII\0\0\0a day at the sea")),
        files.texts_png({"Comment": "made with love", "Software": "GIMP"}),
        files.texts_png({"parameters": '{"unknown": "json"}'}),
        files.texts_png({"prompt": "{}", "workflow": '{"nodes": [], "links": []}'}),
    ],
)
def test_a_file_that_says_nothing_is_no_empty_success(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="does not say how it was made") as caught:
        read(data)
    assert "allow_guess" in str(caught.value)


def test_numbers_that_text_to_image_cannot_draw_with_are_told() -> None:
    text = "a cat\nSteps: 900, Sampler: Euler, CFG scale: 99, Seed: 99999999999, Size: 9x9"
    found = read(files.texts_png({"parameters": text}))
    assert found.settings == {"sampler": "Euler"}
    notes = " ".join(found.notes)
    assert "steps 900" in notes
    assert "99999999999" in notes
    assert Given(infotext=found.infotext, steps=4, cfg_scale=5, size="64x64").read().seed is None


def test_the_module_lists_its_rooms() -> None:
    from pathlib import Path

    folder = Path(reading.__file__).parent
    for path in folder.glob("*.py"):
        assert path.stem == "__init__" or f"`{path.name}`" in (reading.__doc__ or ""), path.name
