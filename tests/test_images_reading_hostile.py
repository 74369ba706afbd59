"""Metadata made to hurt: harmless, and bounded in time and memory."""

from __future__ import annotations

import json
import random
import struct
import time
import zlib
from typing import Any

import pytest

from creative.errors import CreativeError, InvalidInput, TooLarge
from creative.images.containers import NotAPicture, png_chunk
from creative.images.given import Given
from creative.images.reading import automatic1111, exact, texts
from creative.images.reading.comfy_graph import from_api
from creative.images.reading.comfyui import from_graph
from creative.images.reading.recipe import Recipe
from creative.worker import Progress
from tests import reading_files as files
from tests.pictures import saved
from tests.test_images_reading import read

SECONDS = 8.0
"""Of this process, for one file; what is measured takes under one."""


def silent(fraction: float, label: str) -> None:
    """Progress for nobody."""


def job(data: bytes, progress: Progress = silent) -> Recipe | None:
    """The job, in this process."""
    return exact.read((data, "image"), progress)["recipe"]


def quick(data: bytes) -> Recipe | None:
    began = time.process_time()
    found = job(data)
    assert time.process_time() - began < SECONDS
    return found


BIG = 10 * 1024 * 1024


@pytest.mark.parametrize("name", ["parameters", "prompt", "Comment", "invokeai_metadata"])
def test_ten_megabytes(name: str) -> None:
    data = files.texts_png({name: "a, " * (BIG // 3)})
    assert quick(data) is None
    found = texts.read(data)
    assert "10.0 MB" in found.notes[0]


def test_bombs() -> None:
    packed = zlib.compress(b"a" * (500 * 1024 * 1024), 9)
    for kind, middle in ((b"zTXt", b"\0\0"), (b"iTXt", b"\0\1\0\0\0")):
        data = files.png(png_chunk(kind, b"parameters" + middle + packed))
        assert quick(data) is None
        assert "compressed" in texts.read(data).notes[0]
    assert quick(files.png(png_chunk(b"zTXt", b"parameters\0\0not packed"))) is None


def test_texts_share_a_limit_however_they_are_packed() -> None:
    fits = zlib.compress(b"a" * (texts.MAX_TEXT_BYTES - 9), 9)
    bomb = zlib.compress(b"a" * (texts.MAX_TEXT_BYTES + 9), 9)
    for packed in (fits, bomb):
        chunks = [png_chunk(b"zTXt", b"name%d\0\0" % n + packed) for n in range(60)]
        found = texts.read(files.png(*chunks))
        most = texts.MAX_ALL_BYTES + texts.MAX_TEXT_BYTES  # the last one may go over it
        assert sum(map(len, found.by_name.values())) <= most
        assert f"Only the first {texts.MAX_ALL_BYTES // 2**20} MB" in found.notes[-1]
        assert len(found.notes) < 10


def test_entries_of_exif_that_share_one_place() -> None:
    size, many = 2 * 1024 * 1024, 100
    head = b"MM\0*\0\0\0\x08" + struct.pack(">H", many)
    at = len(head) + 12 * many + 4
    rows = (struct.pack(">HHII", 0x9300 + n, 2, size, at) for n in range(many))
    data = head + b"".join(rows) + bytes(4) + b"a" * size
    found = texts.read(files.png(png_chunk(b"eXIf", data)))
    assert 0 < sum(map(len, found.by_name.values())) <= texts.MAX_ALL_BYTES


def test_hidden_bomb_and_hidden_lies() -> None:
    assert quick(files.stealth("x" * (12 * 1024 * 1024))) is None
    fits = quick(files.stealth("x" * 100_000))
    assert fits is not None
    honest = files.stealth(files.A1111)
    for length in (0, 7, 2**32 - 1):
        assert _relabelled(honest, length) is None


def _relabelled(data: bytes, length: int) -> Recipe | None:
    from tests.pictures import opened

    image = opened(data)
    bits = [length >> (31 - place) & 1 for place in range(32)]
    for place, bit in enumerate(bits, 15 * 8):
        x, y = divmod(place, image.height)
        pixel: Any = image.getpixel((x, y))
        image.putpixel((x, y), (*pixel[:3], pixel[3] & 0xFE | bit))
    return quick(saved(image))


def test_nested_json() -> None:
    deep = '{"prompt":' * 100_000 + "1" + "}" * 100_000
    lists = '{"1": {"class_type": "KSampler", "inputs": {"positive": ' + "[" * 100_000
    for name in ("prompt", "parameters", "invokeai_metadata", "sd-metadata", "Comment", "workflow"):
        assert quick(files.texts_png({name: deep})) is None
        assert quick(files.texts_png({name: lists})) is None
    halfway = '{"uc": "x", "steps": ' + "[" * 400 + "]" * 400 + ', "prompt": "a cat"}'
    found = quick(files.texts_png({"Comment": halfway, "Software": "NovelAI"}))
    assert found is not None
    assert found.text.prompt == "a cat"


def test_graphs_without_end() -> None:
    ring = {
        str(n): {"class_type": "Reroute", "inputs": {"": [str((n + 1) % 50), 0]}} for n in range(50)
    }
    sampler = {"class_type": "KSampler", "inputs": {"positive": ["0", 0], "negative": ["s", 0],
               "latent_image": ["s", 0], "seed": ["1", 0], "steps": ["s", 0],
               "model": ["s", 0]}}  # fmt: skip
    assert quick(files.texts_png({"prompt": json.dumps({**ring, "s": sampler})})) is None


def test_a_hundred_thousand_nodes() -> None:
    chain: dict[str, Any] = {
        str(n): {"class_type": "Reroute", "inputs": {"": [str(n + 1), 0]}} for n in range(100_000)
    }
    chain["s"] = {"class_type": "KSampler", "inputs": {"positive": ["0", 0], "model": ["0", 0]}}
    text = json.dumps(chain)
    assert len(text) < texts.MAX_TEXT_BYTES
    assert quick(files.texts_png({"prompt": text})) is None


def test_every_node_leads_to_every_other() -> None:
    """Without a limit the number of ways through it would be astronomical."""
    names = [str(n) for n in range(60)]
    nodes: dict[str, Any] = {
        name: {"class_type": "ConditioningCombine",
               "inputs": {"conditioning_1": [names[n + 1 - 60], 0],
                          "conditioning_2": [names[n + 2 - 60], 0]}}
        for n, name in enumerate(names)
    }  # fmt: skip
    nodes["s"] = {"class_type": "KSampler", "inputs": {"positive": ["0", 0], "negative": ["1", 0]}}
    began = time.process_time()
    graph = from_api(nodes)
    assert graph is not None
    from_graph(graph)
    assert time.process_time() - began < SECONDS


def test_exif_that_points_into_itself() -> None:
    loop = b"MM\0*\0\0\0\x08" + struct.pack(">H", 2)
    loop += struct.pack(">HHII", 0x8769, 4, 1, 8)  # the nested directory is the root
    loop += struct.pack(">HHII", 0x9286, 7, 2**32 - 1, 0) + b"\0\0\0\x08"
    for data in (files.jpeg(loop), files.webp(loop)):
        assert quick(data) is None
    many = b"MM\0*\0\0\0\x08\xff\xff" + struct.pack(">HHII", 0x010E, 2, 60_000, 8) * 5000
    assert quick(files.jpeg(many)) is None


def test_xml_with_entities() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    comment = files.xmp(files.DRAW_THINGS).replace("a red cube", "&b;")
    assert quick(files.texts_png({"XML:com.adobe.xmp": bomb + comment})) is None
    deep = "<a>" * 200_000 + "</a>" * 200_000
    assert quick(files.texts_png({"XML:com.adobe.xmp": deep})) is None


def test_thousands_of_texts_and_invalid_utf8() -> None:
    chunks = [files.text_chunk(f"name{n}", "x") for n in range(5000)]
    data = files.png(*chunks)
    assert quick(data) is None
    assert len(texts.read(data).by_name) == texts.MAX_TEXTS
    raw = b"parameters\0a \xff\xfe\x80 cat\nSteps: 1, Seed: 2, Size: 64x64"
    for kind, middle in ((b"tEXt", b""), (b"iTXt", b"\0\0\0\0")):
        body = raw.replace(b"\0", b"\0" + middle, 1)
        found = quick(files.png(png_chunk(kind, body)))
        assert found is not None
        assert found.text.seed == 2


def test_half_surrogates_and_zeros_never_leave() -> None:
    graph = json.dumps(files.COMFY).replace("a glass bottle", "a \\ud800 bottle \\u0000 x")
    found = read(files.texts_png({"prompt": graph}))
    found.model_dump_json().encode()
    assert found.prompt == "a ? bottle  x"


def test_a_prompt_of_a_hundred_thousand_characters_is_refused() -> None:
    text = "a, " * 40_000 + "\nSteps: 1, Seed: 2, Size: 64x64"
    with pytest.raises(TooLarge, match="119999 characters"):
        read(files.texts_png({"parameters": text}))


def test_a_file_of_a_million_parts_is_judged_by_the_worker() -> None:
    data = files.png(png_chunk(b"tEXt", b"a\0b") * 2_000_000)
    own = time.process_time()
    with pytest.raises(InvalidInput, match="parts"):
        read(data)
    assert time.process_time() - own < 0.15


def test_what_leaves_is_small() -> None:
    fields = ", ".join(f"Label {n}a: {'v' * 900}" for n in range(3000))
    loras = "".join(f"<lora:l{n}:1>" for n in range(3000))
    text = f"a cat {loras}\nSteps: 1, Seed: 2, Size: 64x64, {fields}"
    found = read(files.texts_png({"parameters": text}))
    assert found.infotext == ""
    assert len(found.loras) == 100
    assert len(found.model_dump_json()) < 120_000


@pytest.mark.parametrize("label", ["VAE", "Refiner", "Hires prompt", "Version"])
def test_a_long_value_does_not_leave(label: str) -> None:
    text = f"a cat\nSteps: 1, Seed: 2, Sampler: Euler, Version: v1.10.1, {label}: {'v' * 300_000}"
    found = read(files.texts_png({"parameters": text}))
    assert found.settings["seed"] == 2
    assert len(found.model_dump_json()) < 5000
    assert any("left out" in note for note in found.notes)


def test_many_fields_leave_the_worker_as_few() -> None:
    """What is left of them is written again in the plugin's own process."""
    fields = ", ".join(f"aa{n}: 1" for n in range(100_000))
    recipe = quick(files.texts_png({"parameters": f"a cat\nVersion: Fooocus 2, {fields}"}))
    assert recipe is not None
    assert len(recipe.text.fields) <= 300
    large = f"a cat\nSteps: 1, Seed: 2, Size: 64x64, Version: {'v' * 4_000_000}"
    found = texts.read(files.texts_png({"parameters": large}))
    assert automatic1111.read(found) is None
    assert "too many for a prompt" in found.notes[0]


@pytest.mark.parametrize(
    "text",
    [
        "a\nSteps: 1, Seed: 2, Size: 64x64\nTemplate: x" + "\nx" * 1_000_000,
        "a\nSteps: 1, Seed: 2, Size: 64x64" + ", Civitai metadata: {}" * 130_000,
        "a\nSteps: 1, Seed: 2, Size: 64x64, Civitai metadata: " + "[" * 1_000_000,
        "a\nNegative prompt:" + "\nTemplate: x" * 200_000 + "\nSteps: 1, Seed: 2, App: SD.Next",
    ],
    ids=["template", "civitai", "nested", "templates"],
)
def test_long_additions_take_no_longer_than_their_length(text: str) -> None:
    began = time.process_time()
    automatic1111.from_text(text)
    assert time.process_time() - began < 8


HUGE = "9" * 4300
"""The longest number that Python's JSON reads; one more digit cannot be written."""


@pytest.mark.parametrize("number", [HUGE, "1e999", "-Infinity", "NaN", "1e308", '"1e999"', "true"])
def test_numbers_that_are_none(number: str) -> None:
    names = ("clip_skip", "seed", "width", "height", "steps", "cfg_scale", "strength")
    lora = f'"loras": [{{"model": {{"name": "n"}}, "weight": {number}}}]'
    rest = ", ".join(f'"{name}": {number}' for name in (*names, *(f"k{n}" for n in range(100))))
    invoke = f'{{"positive_prompt": "a cat", {lora}, {rest}}}'
    comfy = json.dumps(files.COMFY)
    for plain in ("156680208700286", '"steps": 20', '"width": 512', "0.7", "-2"):
        name, colon, _ = plain.rpartition(" ")
        comfy = comfy.replace(plain, f"{name}{colon}{number}")
    for data in ({"invokeai_metadata": invoke}, {"prompt": comfy}):
        found = read(files.texts_png(data))
        assert found.settings.keys() <= {"model", "sampler", "scheduler", "loras", "cfg_scale"}
        assert found.settings.get("loras", "ink:1") == "ink:1"
        told = json.dumps(found.model_dump(), allow_nan=False)
        assert len(told) < 30_000


@pytest.mark.parametrize("name", ["a:b", "a,b", "<b>", "a\nb", "\0", "lora:x", "a>b", "x" * 5000])
def test_names_of_loras_that_are_none(name: str) -> None:
    loras = [{"model": {"name": one}, "weight": 0.5} for one in (name, "fine")]
    found = read(
        files.texts_png(
            {"invokeai_metadata": json.dumps({"positive_prompt": "a cat", "loras": loras})}
        )
    )
    drawn = Given(prompt=found.prompt, **found.settings).read()
    assert drawn.loras[-1].name == "fine"
    again = Given(infotext=found.infotext).read()
    assert again.prompt.endswith("<lora:fine:0.5>")
    assert again.prompt.count("<") <= 2


def test_a_prompt_of_zeros_is_none() -> None:
    zeros = json.dumps({"positive_prompt": "\0 \0", "seed": 1})
    assert job(files.texts_png({"invokeai_metadata": zeros})) is None


SAMPLES = [
    files.texts_png({"parameters": files.A1111}),
    files.webp(files.exif({0x0110: b"prompt:" + json.dumps(files.COMFY).encode() + b"\0"})),
    files.jpeg(files.exif({}, b"UNICODE\0" + files.A1111.encode("utf-16-be"))),
    files.stealth(files.A1111),
]


def test_cut_off_files_are_refused_in_words() -> None:
    for data in SAMPLES:
        for end in (0, 1, 7, 30, len(data) // 3, len(data) // 2, len(data) - 1):
            with pytest.raises((InvalidInput, NotAPicture)):
                read(data[:end])


def test_damaged_files_raise_nothing_but_our_errors() -> None:
    chance = random.Random(11)
    for data in SAMPLES[1:3]:
        for _ in range(150):
            broken = bytearray(data)
            for _ in range(chance.randrange(1, 12)):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            try:
                job(bytes(broken))
            except CreativeError:
                continue
