"""Grounds and logos that users give: every kind of file, and what is no picture."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy
import pytest
from PIL import Image

from creative.ads.draw import compose, given
from creative.ads.draw.canvas import Canvas
from creative.errors import InvalidInput, TooLarge
from tests.drawing import ground, rule_of, task, wcag
from tests.pictures import opened, photo, saved


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
