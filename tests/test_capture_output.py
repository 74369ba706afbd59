"""The file that a picture becomes: format, size, paper, transparency."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image, ImageChops

from creative import capture
from creative.capture import output, paper, stitch
from creative.capture.request import ScreenshotRequest
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, InvalidInput, TooLarge
from creative.images.containers import PNG_SIGNATURE, png_chunk
from creative.settings import Settings
from creative.steps import Steps
from tests.pictures import opened, photo, saved

needs_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(capture.find_browser() is None, reason="no Chromium on this machine"),
]
BLUE, WHITE = (12, 140, 250), (255, 255, 255)
BOX = (
    "<!doctype html><title>Box</title><style>html,body{margin:0}</style><div style='position:"
    "absolute;left:120px;top:40px;width:100px;height:60px;background:rgb(12,140,250)'></div>"
)
ON_WHITE = BOX.replace("{margin:0}", "{margin:0;background:#fff}")


@pytest.fixture(scope="module", autouse=True)
def _no_browser_stays() -> Iterator[None]:
    yield
    capture.close()


def shoot(html: str = ON_WHITE, **asked: Any) -> capture.Screenshot:
    return capture.screenshot(
        ScreenshotRequest(html=html, with_facts=False, **asked), Settings(), Deadline(60), Steps()
    )


def near(image: Image.Image, at: tuple[int, int], colour: tuple[int, ...], most: int = 4) -> bool:
    found = image.convert("RGB").getpixel(at)
    return all(abs(a - b) <= most for a, b in zip(found, colour, strict=True))  # type: ignore[arg-type]


class TestFormats:
    pytestmark = needs_browser

    @pytest.mark.parametrize(
        ("image_format", "media_type", "name"),
        [
            ("png", "image/png", "box_450x225.png"),
            ("jpeg", "image/jpeg", "box_450x225.jpg"),
            (" JPG", "image/jpeg", "box_450x225.jpg"),
            ("webp", "image/webp", "box_450x225.webp"),
        ],
    )
    def test_the_box_is_where_it_was(self, image_format: str, media_type: str, name: str) -> None:
        picture = shoot(width=300, height=150, scale=1.5, format=image_format).picture
        image = opened(picture.data)
        assert (image.size, picture.media_type, picture.filename) == ((450, 225), media_type, name)
        assert Image.MIME[image.format or ""] == media_type
        for at, colour in (((200, 80), BLUE), ((310, 130), BLUE), ((155, 80), WHITE),
                           ((355, 130), WHITE)):  # fmt: skip
            assert near(image, at, colour), at

    @pytest.mark.parametrize("image_format", ["jpeg", "webp"])
    def test_quality_counts(self, image_format: str) -> None:
        page = ON_WHITE + "<p style='font-size:30px'>Many small letters " * 20
        sizes = [
            len(
                shoot(
                    page, width=400, height=400, format=image_format, quality=quality
                ).picture.data
            )
            for quality in (10, 90)
        ]
        assert sizes[0] * 1.5 < sizes[1]

    @pytest.mark.parametrize("image_format", ["png", "webp"])
    def test_transparent(self, image_format: str) -> None:
        shot = shoot(BOX, width=300, height=150, transparent=True, format=image_format)
        image = opened(shot.picture.data)
        assert image.mode == "RGBA"
        assert image.getchannel("A").getpixel((5, 5)) == 0
        assert image.getchannel("A").getpixel((150, 60)) == 255
        assert near(image, (150, 60), BLUE)
        assert shot.notes == ()

    def test_transparent_jpeg_is_white_and_says_so(self) -> None:
        shot = shoot(BOX, width=300, height=150, transparent=True, format="jpeg")
        assert near(opened(shot.picture.data), (5, 5), WHITE)
        assert shot.notes == (
            "transparent: a JPEG has no transparency: it is white behind the page",
        )

    def test_transparent_and_stitched(self) -> None:
        page = BOX + "<div style='height:17000px'></div>"
        shot = shoot(page, width=300, height=4000, full_page=True, transparent=True)
        image = opened(shot.picture.data)
        assert image.size == (300, 17_000)
        assert image.getchannel("A").getpixel((5, 16_990)) == 0
        assert near(image, (150, 60), BLUE)

    def test_without_a_background_the_ground_is_white(self) -> None:
        image = opened(shoot(BOX, width=300, height=150).picture.data)
        assert near(image, (5, 5), WHITE, 0)


class TestResized:
    pytestmark = needs_browser

    @pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
    @pytest.mark.parametrize(
        ("asked", "size", "inside"),
        [
            ({"resize_width": 150}, (150, 75), (80, 35)),
            ({"resize_height": 300}, (600, 300), (340, 140)),
            ({"resize_width": 75, "resize_height": 75}, (75, 75), (45, 35)),
        ],
    )
    def test_exact(
        self, asked: dict[str, Any], size: tuple[int, int], inside: tuple[int, int],
        image_format: str,
    ) -> None:  # fmt: skip
        picture = shoot(width=300, height=150, format=image_format, **asked).picture
        image = opened(picture.data)
        assert image.size == (picture.width, picture.height) == size
        assert picture.media_type == f"image/{image_format}"
        assert near(image, inside, BLUE)
        assert near(image, (2, size[1] - 3), WHITE)

    def test_a_high_page_keeps_its_top(self) -> None:
        page = ON_WHITE + "<div style='height:2000px'></div>"
        shot = shoot(page, width=300, height=150, full_page=True, resize_width=100,
                     resize_height=50)  # fmt: skip
        assert near(opened(shot.picture.data), (56, 23), BLUE)

    @pytest.mark.parametrize(
        ("width", "height", "size"),
        [(640, None, (640, 400)), (None, 1, (2, 1)), (3, 7, (3, 7)), (1, None, (1, 1))],
    )
    def test_size(self, width: int | None, height: int | None, size: tuple[int, int]) -> None:
        assert output.resized_size((1280, 800), width, height) == size


class Pdf:
    """As much of a PDF as Chromium writes: sizes of its pages, texts, coloured rectangles."""

    def __init__(self, data: bytes) -> None:
        assert data.startswith(b"%PDF-")
        boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", data)
        self.pages = [tuple(round(float(side)) for side in box) for box in boxes]
        streams = []
        for start in re.finditer(rb"stream\r?\n", data):
            try:
                streams.append(
                    zlib.decompressobj().decompress(data[start.end() :]).decode("latin-1")
                )
            except zlib.error:
                continue
        letters: dict[str, str] = {}
        for text in streams:
            for code, letter in re.findall(r"^<(\w{4})> <(\w{4})>$", text, re.MULTILINE):
                letters[code] = chr(int(letter, 16))
            for first, last, letter in re.findall(r"<(\w{4})> <(\w{4})> <(\w{4})>", text):
                for step in range(int(last, 16) - int(first, 16) + 1):
                    letters[f"{int(first, 16) + step:04X}"] = chr(int(letter, 16) + step)
        self.drawn = "\n".join(text for text in streams if "re\n" in text)
        self.text = " ".join(
            "".join(letters.get(codes[at : at + 4], "?") for at in range(0, len(codes), 4))
            for codes in re.findall(r"<(\w+)> Tj", self.drawn)
        )


class TestPdf:
    pytestmark = needs_browser
    PAGE = "<!doctype html><title>Paper</title><style>body{margin:0}</style>" + (
        "<div style='width:100px;height:60px;background:rgb(12,140,250)'></div>"
        "<p>Readable words on paper"
    )

    @pytest.mark.parametrize(
        ("asked", "size"),
        [
            ({}, (595, 842)),
            ({"paper": "letter", "landscape": True}, (792, 612)),
            ({"paper": "100 x 150 mm", "margins": "5mm 0"}, (283, 425)),
            ({"paper": "4in x 480px"}, (288, 360)),
        ],
    )
    def test_paper_text_and_background(self, asked: dict[str, Any], size: tuple[int, int]) -> None:
        picture = shoot(self.PAGE, format="pdf", **asked).picture
        found = Pdf(picture.data)
        assert len(found.pages) == 1
        assert all(abs(a - b) <= 1 for a, b in zip(found.pages[0], size, strict=True))
        assert (picture.width, picture.height) == size
        assert picture.media_type == "application/pdf"
        assert picture.filename == f"paper_{size[0]}x{size[1]}.pdf"
        assert found.text == "Readable words on paper"
        # 12, 140, 250 of 255, and the box itself in CSS pixels.
        assert re.search(r"\.047\d* \.549\d* \.98\d* rg", found.drawn)
        assert re.search(r"^0 0 100 60 re$", found.drawn, re.MULTILINE)

    def test_margins_move_the_page(self) -> None:
        first, second = (
            re.findall(r"^([\d.]+) ([\d.]+) [\d.]+ [\d.]+ re$", Pdf(
                shoot(self.PAGE, format="pdf", margins=margins).picture.data
            ).drawn, re.MULTILINE)[0]
            for margins in ("0", "20mm 40mm")
        )  # fmt: skip
        # The printer's units are .24 points.
        assert [float(value) * 0.24 / 72 * 25.4 for value in first] == pytest.approx([0, 0], abs=1)
        assert [float(value) * 0.24 / 72 * 25.4 for value in second] == pytest.approx(
            [40, 20], abs=1
        )

    def test_a_fixed_head_is_on_one_page_only(self) -> None:
        page = self.PAGE.replace("<p>", "<p style='position:fixed;top:5px'>")
        shot = shoot(page + "</p><div style='height:3000px'></div>end", format="pdf")
        found = Pdf(shot.picture.data)
        assert len(found.pages) >= 3
        assert found.text.count("Readable words") == 1

    def test_over_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(output, "MAX_FILE_BYTES", 2000)
        with pytest.raises(TooLarge, match="The PDF"):
            shoot(self.PAGE, format="pdf")


class TestTooLarge:
    pytestmark = needs_browser

    @pytest.mark.parametrize(("image_format", "hint"), [("png", "jpeg or webp"),
                                                        ("jpeg", "lower quality")])  # fmt: skip
    def test_a_file_over_the_limit(
        self, image_format: str, hint: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(output, "MAX_FILE_BYTES", 500)
        with pytest.raises(TooLarge) as caught:
            shoot(width=300, height=150, format=image_format)
        assert hint in caught.value.hint

    def test_a_png_is_packed_tighter_before_it_is_too_large(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = ON_WHITE + "<div style='height:300px;background:linear-gradient(90deg,#123,#fe8)'>"
        quick = len(shoot(page, width=600, height=300).picture.data)
        monkeypatch.setattr(output, "MAX_FILE_BYTES", quick - 1)
        assert len(shoot(page, width=600, height=300).picture.data) < quick

    def test_another_size_than_asked_is_no_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        other = saved(photo(300, 151))
        monkeypatch.setattr(output, "_shoot", lambda *given, **more: other)
        with pytest.raises(AnswerInvalid, match="300 x 151 pixels instead of a png of 300 x 150"):
            shoot(width=300, height=150)


def filtered(image: Image.Image, kind: int) -> bytes:
    """A PNG whose every line has filter `kind` (PNG specification, 9.2), by the letter."""
    step = len(image.getbands())
    rows = [image.crop((0, y, image.width, y + 1)).tobytes() for y in range(image.height)]
    lines = bytearray()
    for y, row in enumerate(rows):
        above = rows[y - 1] if y else bytes(len(row))
        lines.append(kind)
        for at, value in enumerate(row):
            left = row[at - step] if at >= step else 0
            corner = above[at - step] if at >= step else 0
            up = above[at]
            guess = left + up - corner
            paeth = min((abs(guess - left), 0, left), (abs(guess - up), 1, up),
                        (abs(guess - corner), 2, corner))[2]  # fmt: skip
            lines.append((value - (0, left, up, (left + up) // 2, paeth)[kind]) & 0xFF)
    head = struct.pack(">IIBBBBB", *image.size, 8, 2 if step == 3 else 6, 0, 0, 0)
    packed = zlib.compress(bytes(lines))
    # In two parts, as large files have it.
    parts = (("IHDR", head), ("IDAT", packed[:7]), ("IDAT", packed[7:]), ("IEND", b""))
    return PNG_SIGNATURE + b"".join(png_chunk(name.encode(), data) for name, data in parts)


class TestStitching:
    @pytest.mark.parametrize("mode", ["RGB", "RGBA"])
    @pytest.mark.parametrize("kind", range(5))
    def test_every_filter(self, kind: int, mode: str) -> None:
        whole = photo(23, 40, mode)
        assert opened(filtered(whole, kind)).tobytes() == whole.tobytes()
        strips = [filtered(whole.crop((0, y, 23, min(40, y + 9))), kind) for y in range(0, 40, 9)]
        joined = stitch.joined_png(strips, 1 << 20)
        assert joined is not None
        assert opened(joined).tobytes() == whole.tobytes()

    def test_strips_that_differ_are_decoded(self) -> None:
        strips = [saved(photo(20, 10)), saved(photo(20, 10, "RGBA"))]
        assert stitch.joined_png(strips, 1 << 20) is None
        payload = stitch.StitchPayload(strips=strips, format="png", quality=90, max_bytes=1 << 20)
        image = opened(stitch.stitch(payload, lambda fraction, label: None))
        assert image.size == (20, 20)
        below = image.crop((0, 10, 20, 20)).convert("RGBA")
        assert ImageChops.difference(below, photo(20, 10, "RGBA")).getbbox(alpha_only=False) is None

    def test_what_is_no_png(self) -> None:
        with pytest.raises(AnswerInvalid):
            stitch.joined_png([b"GIF89a"], 100)

    def test_lines_longer_than_a_piece(self) -> None:
        whole = photo(30_000, 4)
        strips = [saved(whole.crop((0, y, 30_000, y + 2))) for y in (0, 2)]
        joined = stitch.joined_png(strips, 1 << 20)
        assert joined is not None
        assert ImageChops.difference(Image.open(io.BytesIO(joined)), whole).getbbox() is None


@pytest.mark.parametrize(
    ("given", "inches"),
    [
        ("A4", (8.268, 11.693)),
        (" a3 ", (11.693, 16.535)),
        ("Legal", (8.5, 14)),
        ("210x297mm", (8.268, 11.693)),
        ("21cm × 29.7cm", (8.268, 11.693)),
        ("10in x 720pt", (10, 10)),
        ("960X480px", (10, 5)),
    ],
)
def test_paper(given: str, inches: tuple[float, float]) -> None:
    sheet = paper.sheet(given, "", landscape=False)
    assert (sheet.width, sheet.height) == pytest.approx(inches, abs=0.001)


@pytest.mark.parametrize(
    ("given", "millimetres"),
    [
        ("", (10, 10, 10, 10)),
        ("0", (0, 0, 0, 0)),
        ("1cm", (10, 10, 10, 10)),
        ("5mm 1 cm", (5, 10, 5, 10)),
        ("1mm 2mm 3mm", (1, 2, 3, 2)),
        ("1mm 2mm .3cm 4mm", (1, 2, 3, 4)),
        ("72pt 96px 1in", (25.4, 25.4, 25.4, 25.4)),
    ],
)
def test_margins(given: str, millimetres: tuple[float, ...]) -> None:
    sheet = paper.sheet("A4", given, landscape=False)
    assert [side * 25.4 for side in sheet.margins] == pytest.approx(millimetres)


@pytest.mark.parametrize(
    ("asked", "parameter"),
    [
        ({"format": "gif"}, "format"),
        ({"format": "jpeg", "quality": 0}, "quality"),
        ({"format": "jpeg", "quality": 101}, "quality"),
        ({"resize_width": 0}, "resize_width"),
        ({"resize_height": 9000}, "resize_height"),
        ({"format": "pdf", "resize_width": 100}, "resize_width"),
        ({"format": "pdf", "selector": "p"}, "selector"),
        ({"format": "pdf", "clip": (0, 0, 5, 5)}, "clip"),
        ({"format": "pdf", "scale": 3}, "scale"),
        ({"format": "pdf", "paper": "B9"}, "paper"),
        ({"format": "pdf", "paper": "1x1mm"}, "paper"),
        ({"format": "pdf", "paper": "210x297"}, "paper"),
        ({"format": "pdf", "margins": "10"}, "margins"),
        ({"format": "pdf", "margins": "1mm 1mm 1mm 1mm 1mm"}, "margins"),
        ({"format": "pdf", "margins": "-1mm"}, "margins"),
        ({"format": "pdf", "margins": "150mm"}, "margins"),
    ],
)
def test_outputs_that_cannot_be(asked: dict[str, Any], parameter: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ScreenshotRequest(html="<p>", **asked)
    assert caught.value.message.startswith(f"{parameter}: got ")
