"""Generation parameters: A1111's grammar, what it cannot hold, and texts made to hurt.

STUDIO_TEST_A1111_URL=http://host:port compares with a real AUTOMATIC1111 or Forge.
"""

from __future__ import annotations

import base64
import os
import random
import time
from typing import Any

import pytest
import requests
from pydantic import ValidationError

from creative.images.infotext import Infotext, SecondPass, compose, parse
from creative.images.picture import with_infotext
from tests.pictures import photo, saved

# As the docstring of A1111's parse_generation_parameters has it, shortened.
FROM_A1111 = """girl with an artist's beret, ((eyeshadow)), (coquettish:1.2), detailed
by the sea
Negative prompt: ugly, fat, [blurry], bad anatomy
(poorly drawn hands)
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 965400086, \
Size: 512x768, Model hash: 45dee52b, Model: v1-5-pruned, Denoising strength: 0.7, Clip skip: 2, \
Hires upscale: 1.5, Hires steps: 9, Hires upscaler: R-ESRGAN 4x+, \
Lora hashes: "fur: 0123abcd, sea: 4567ef", Version: v1.10.1"""

NASTY = [
    *'ab: ,"\\\n\r\t-/_1é漢\0\x1c\x85\u2028😀\ud800',
    "Negative prompt:",
    "\nNegative prompt: ",
    "Steps: 1, Seed: 2, Size: 3x4",
    "\nSteps: 1, Seed: 2, Size: 3x4",
    '\\"',
    "Exact prompt: x",
]
LABELS = ["Seed", "Steps", "Size", "CFG scale", "a-b/c d", "Ends with space ", "漢字", "_x"]


def test_reads_what_a1111_writes() -> None:
    text = parse(FROM_A1111)
    assert text.prompt == (
        "girl with an artist's beret, ((eyeshadow)), (coquettish:1.2), detailed\nby the sea"
    )
    assert text.negative_prompt == "ugly, fat, [blurry], bad anatomy\n(poorly drawn hands)"
    assert (text.seed, text.steps, text.sampler) == (965400086, 20, "DPM++ 2M")
    assert (text.scheduler, text.cfg_scale) == ("Karras", 7.0)
    assert (text.width, text.height, text.model) == (512, 768, "v1-5-pruned")
    assert (text.strength, text.clip_skip) == (0.7, 2)
    assert text.highres == SecondPass(scale=1.5, steps=9, upscaler="R-ESRGAN 4x+")
    assert text.fields["Lora hashes"] == "fur: 0123abcd, sea: 4567ef"
    assert compose(text) == FROM_A1111


@pytest.mark.parametrize(
    ("text", "prompt", "negative"),
    [
        ("", "", ""),
        ("a cat", "a cat", ""),
        # Two fields are no fields: the line is part of the prompt.
        ("a cat\nSteps: 1, Seed: 2", "a cat\nSteps: 1, Seed: 2", ""),
        ("Negative prompt: dog", "", "dog"),
        ("Steps: 1, Seed: 2, Size: 8x8", "", ""),
        ("\n\n  a \n\n b\nNegative prompt:\n\nc\nSteps: 1, Seed: 2, Size: 8x8", "a\n\nb", "c"),
        ("a\r\nNegative prompt: b\r\nSteps: 1, Seed: 2, Size: 8x8\r\n", "a", "b"),
        ("a\nNegative prompt: b\nNegative prompt: c", "a", "b\nc"),
        ("size 4x4: big\nSteps: 1, Seed: 2, Size: 8x8", "size 4x4: big", ""),
    ],
)
def test_what_is_prompt_and_what_is_not(text: str, prompt: str, negative: str) -> None:
    found = parse(text)
    assert (found.prompt, found.negative_prompt) == (prompt, negative)


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ('Aa: "x, y", Bb: z, Cc:', {"Aa": "x, y", "Bb": "z", "Cc": ""}),
        # Unquoted JSON, as some extensions write it: what looks like no label is skipped.
        (
            'Aa: 1, Hashes: {"vae": "7", "model": "8"}, Bb: 2',
            {"Aa": "1", "Hashes": '{"vae": "7"', "Bb": "2"},
        ),
        ('Aa: "open, Bb: 2, Cc: 3', {"Aa": '"open', "Bb": "2", "Cc": "3"}),
        ('Aa: "x" y, Bb: 2, Cc: 3', {"Aa": '"x" y', "Bb": "2", "Cc": "3"}),
        ('Aa: "\\q", Bb: 2, Cc: 3', {"Aa": '"\\q"', "Bb": "2", "Cc": "3"}),
        ("Aa: 1, Aa: 2, Bb: x:y, Cc: 3", {"Aa": "2", "Bb": "x:y", "Cc": "3"}),
        ("x: 1, Aa: 2, Bb: 3, Cc: 4", {"Aa": "2", "Bb": "3", "Cc": "4"}),
    ],
)
def test_fields_by_a1111s_expression(line: str, fields: dict[str, str]) -> None:
    assert parse("p\n" + line).fields == fields


@pytest.mark.parametrize(
    ("label", "value", "name"),
    [
        ("Seed", "abc", "seed"),
        ("Seed", "-1", "seed"),
        ("Seed", "9" * 5000, "seed"),
        ("Steps", "2.5", "steps"),
        ("Steps", "", "steps"),
        ("CFG scale", "nan", "cfg_scale"),
        ("CFG scale", "1e999", "cfg_scale"),
        ("CFG scale", "seven", "cfg_scale"),
        ("Size", "512", "width"),
        ("Size", "0x512", "height"),
        ("Size", "512x", "height"),
        ("Clip skip", "two", "clip_skip"),
        ("Denoising strength", "", "strength"),
        ("Hires upscale", "twice", "highres"),
        ("Output size", "big", "output_size"),
        ("Sampler", "", "sampler"),
    ],
)
def test_values_that_make_no_sense_are_none(label: str, value: str, name: str) -> None:
    assert getattr(Infotext(fields={label: value}), name) is None


def test_numbers_as_servers_write_them() -> None:
    fields = {"CFG scale": "7", "Denoising strength": ".5", "Hires upscale": "1e0", "Seed": "0"}
    text = Infotext(fields=fields)
    assert (text.cfg_scale, text.strength, text.seed) == (7.0, 0.5, 0)
    assert text.highres == SecondPass(scale=1.0)
    assert Infotext(fields={"Hires resize": "970x250"}).highres == SecondPass(size=(970, 250))


def test_our_own_fields() -> None:
    text = parse(FROM_A1111).with_fields({"Output size": "970x250", "Output fit": "cover"})
    again = parse(compose(text))
    assert (again.output_size, again.output_fit) == ((970, 250), "cover")
    assert again.with_fields({"Output size": None, "Output fit": None}) == parse(FROM_A1111)


def test_any_prompts_and_fields_come_back() -> None:
    chance = random.Random(3)

    def nasty(most: int) -> str:
        return "".join(chance.choice(NASTY) for _ in range(chance.randrange(most)))

    for _ in range(4000):
        labels = chance.sample(LABELS, chance.randrange(len(LABELS)))
        fields = {label: nasty(6) for label in labels}
        text = Infotext(prompt=nasty(10), negative_prompt=nasty(10), fields=fields)
        written = compose(text)
        assert parse(written) == text
        assert "\0" not in written
        assert written == written.encode().decode()  # no half surrogate pairs


def test_an_ordinary_prompt_is_written_without_extras() -> None:
    fields = {"Steps": "1", "Seed": "2", "Size": "8x8"}
    text = Infotext(prompt="a\nb", negative_prompt="c", fields=fields)
    assert compose(text) == "a\nb\nNegative prompt: c\nSteps: 1, Seed: 2, Size: 8x8"
    assert compose(Infotext(prompt="a cat")) == "a cat"


def test_what_a1111_would_lose_is_there_for_it_as_far_as_it_can_read() -> None:
    fields = {"Steps": "1", "Seed": "2", "Size": "8x8"}
    written = compose(Infotext(prompt="  a cat ", fields=fields))
    first, fields_line = written.split("\n")
    assert first.strip() == "a cat"
    assert fields_line.startswith('Steps: 1, Seed: 2, Size: 8x8, Exact prompt: "  a cat ", ')
    assert parse(written).prompt == "  a cat "


def test_labels_outside_the_grammar_are_refused() -> None:
    for label in ("", "a", "a:b", " lead", "a,b", "a\nb", "Exact prompt"):
        with pytest.raises(ValidationError):
            Infotext(fields={label: "1"})


@pytest.mark.parametrize(
    "evil",
    [
        "a " * 300_000,
        'aa:"\\"' * 100_000,
        " " * 500_000,
        'aa: "' * 100_000,
        "aa:" + " " * 300_000 + '"' + "\\" * 299_999,
    ],
    ids=["words", "escapes", "spaces", "quotes", "backslashes"],
)
def test_long_lines_take_no_longer_than_their_length(evil: str) -> None:
    began = time.process_time()
    parse("x" + evil + "x")
    assert time.process_time() - began < 2  # quadratic would be minutes


A1111 = os.environ.get("STUDIO_TEST_A1111_URL", "")
needs_a1111 = pytest.mark.skipif(not A1111, reason="set STUDIO_TEST_A1111_URL to a real server")


def told_by_a1111(picture: bytes) -> Any:
    """What a real server reads out of a picture (this route generates nothing)."""
    body = {"image": base64.b64encode(picture).decode()}
    answer = requests.post(f"{A1111}/sdapi/v1/png-info", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()


@needs_a1111
@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_real_a1111_reads_our_files(image_format: str) -> None:
    fields = {"Seed": "5", "Steps": "4", "Lora hashes": 'a: 1, "b": 2', "Output size": "970x250"}
    text = Infotext(prompt="ein Kätzchen,\n猫 😀", negative_prompt="a\nb", fields=fields)
    told = told_by_a1111(with_infotext(saved(photo(31, 17), image_format), compose(text)))
    assert told["info"] == compose(text)
    assert told["parameters"]["Prompt"] == text.prompt
    assert told["parameters"]["Negative prompt"] == text.negative_prompt
    assert told["parameters"]["Lora hashes"] == 'a: 1, "b": 2'
    assert told["parameters"]["Output size-2"] == "250"


@needs_a1111
def test_a_real_a1111_reads_nasty_texts_as_we_do() -> None:
    chance = random.Random(8)
    plain = saved(photo(4, 4))
    ours_alone = ("\0", "\ud800", "Exact prompt: x")
    pieces = [piece for piece in NASTY if piece not in ours_alone]
    for _ in range(100):
        text = "x" + "".join(chance.choice(pieces) for _ in range(chance.randrange(25)))
        told, ours = told_by_a1111(with_infotext(plain, text)), parse(text)
        theirs = told["parameters"]
        assert told["info"] == text
        assert theirs["Prompt"] == ours.prompt
        assert theirs["Negative prompt"] == ours.negative_prompt
        for label in ("Steps", "Seed"):
            assert theirs.get(label) == ours.fields.get(label)
