"""creative.images.picture: real files, cut files, and texts written and read back."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import time
import tracemalloc
import zlib

import pytest
from PIL import Image, PngImagePlugin

from creative.images.containers import (
    MAX_PARTS,
    PNG_SIGNATURE,
    gif_blocks,
    jpeg_segments,
    png_chunk,
    png_chunks,
    webp_chunks,
)
from creative.images.picture import (
    MAX_TEXT_BYTES,
    NotAPicture,
    inspect,
    orientation,
    read_infotext,
    with_infotext,
)
from tests.pictures import opened, photo, saved

INFOTEXT = "a cat, 猫 😀\nNegative prompt: dog\nSteps: 1, Seed: 2, Size: 31x17"
LATIN = "ein Kätzchen\nSteps: 1, Seed: 2, Size: 31x17"
USER_COMMENT, EXIF_IFD = 0x9286, 0x8769

FILES = {
    "png": saved(photo(31, 17)),
    "png-alpha": saved(photo(31, 17, "RGBA")),
    "png-palette": saved(photo(31, 17).convert("P")),
    "jpeg": saved(photo(31, 17), "JPEG"),
    "jpeg-progressive": saved(photo(31, 17), "JPEG", progressive=True, quality=100),
    "jpeg-restarts": saved(photo(31, 17), "JPEG", restart_marker_blocks=1),
    "jpeg-grey": saved(photo(31, 17, "L"), "JPEG"),
    "jpeg-cmyk": saved(photo(31, 17, "CMYK"), "JPEG"),
    "webp": saved(photo(31, 17), "WEBP"),
    "webp-lossless": saved(photo(31, 17), "WEBP", lossless=True),
    "webp-lossless-alpha": saved(photo(31, 17, "RGBA"), "WEBP", lossless=True),
    "webp-alpha": saved(photo(31, 17, "RGBA"), "WEBP"),
    "webp-animated": saved(
        photo(31, 17), "WEBP", save_all=True, append_images=[photo(31, 17).rotate(90)]
    ),
    "gif": saved(photo(31, 17).convert("P"), "GIF"),
    "gif-animated": saved(
        photo(31, 17), "GIF", save_all=True, append_images=[photo(31, 17).rotate(180)]
    ),
}
EVERY_FILE = pytest.mark.parametrize("name", FILES)


def pixel_data(data: bytes) -> list[bytes]:
    """The parts of a file that hold the compressed pixels, and what decoding needs."""
    if data.startswith(PNG_SIGNATURE):
        parts = [c for c in png_chunks(data) if c.kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT")]
    elif data[:4] == b"RIFF":
        kinds = (b"VP8 ", b"VP8L", b"ALPH", b"ANMF", b"ICCP")
        parts = [c for c in webp_chunks(data) if c.kind in kinds]
    else:
        parts = [s for s in jpeg_segments(data) if not 0xE1 <= s.kind[0] <= 0xEF]
    return [data[part.start : part.end] for part in parts]


def user_comment(data: bytes) -> bytes:
    """The comment as Pillow finds it."""
    return opened(data).getexif().get_ifd(EXIF_IFD).get(USER_COMMENT, b"")


@EVERY_FILE
def test_header_agrees_with_pillow(name: str) -> None:
    header = inspect(FILES[name], "image")
    image = opened(FILES[name])
    assert header.format == name.partition("-")[0]
    assert (header.width, header.height) == image.size == (31, 17)
    assert header.mime_type == image.get_format_mimetype()
    assert header.extension == {"jpeg": ".jpg"}.get(header.format, f".{header.format}")
    if name != "gif-animated":  # Pillow makes unchanged pixels of later frames transparent
        assert header.has_alpha == ("alpha" in name)


def test_large_sizes_of_every_webp_kind() -> None:
    for size in ((16383, 1), (1, 16383)):
        for options in ({}, {"lossless": True}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}):
            data = saved(Image.new("RGB", size), "WEBP", **options)
            header = inspect(data, "image")
            assert (header.width, header.height) == size


def test_a_transparent_colour_is_transparency() -> None:
    data = saved(photo(31, 17).convert("P"), transparency=3)
    assert inspect(data, "image").has_alpha
    half = Image.new("RGBA", (8, 8))
    half.paste((0, 0, 255, 255), (0, 0, 4, 8))
    assert inspect(saved(half, "GIF"), "image").has_alpha


@EVERY_FILE
def test_a_file_cut_anywhere_is_never_whole(name: str) -> None:
    data = FILES[name]
    tolerated = gif_without_tail(data) if name.startswith("gif") else set()
    for length in set(range(len(data))) - tolerated:
        for function in (lambda cut: inspect(cut, "image"), read_infotext, orientation):
            with pytest.raises(NotAPicture):
                function(data[:length])
        with pytest.raises(NotAPicture):
            with_infotext(data[:length], INFOTEXT)


@pytest.mark.parametrize("name", ["gif", "gif-animated"])
def test_a_gif_may_end_after_any_of_its_pictures(name: str) -> None:
    for length in gif_without_tail(FILES[name]):
        data = FILES[name][:length]
        assert inspect(data, "image").width == opened(data).width == 31
        assert read_infotext(with_infotext(data, INFOTEXT)) == INFOTEXT


def gif_without_tail(data: bytes) -> set[int]:
    """The lengths at which a cut GIF ends with a whole picture: programs leave the tail out."""
    return {block.end for block in gif_blocks(data) if block.kind == b"image"}


@EVERY_FILE
def test_damaged_files_raise_nothing_else(name: str) -> None:
    chance = random.Random(5)
    for _ in range(300):
        data = bytearray(with_infotext(FILES[name], INFOTEXT))
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with contextlib.suppress(NotAPicture):
            inspect(bytes(data), "image")
            read_infotext(with_infotext(bytes(data), LATIN))
            with_infotext(bytes(data), None)


def test_a_flipped_bit_in_a_png_is_noticed() -> None:
    data = bytearray(FILES["png"])
    data[len(data) // 2] ^= 1
    with pytest.raises(NotAPicture, match="image: it is damaged: the checksum of its IDAT"):
        inspect(bytes(data), "image")


@pytest.mark.parametrize("name", ["png", "jpeg", "gif"])
def test_bytes_after_the_end_are_tolerated(name: str) -> None:
    data = FILES[name] + b"\xff\xd8 something else"
    assert inspect(data, "image").width == 31
    assert with_infotext(data, INFOTEXT).endswith(b"something else") == (name != "gif")
    assert b"something" not in with_infotext(data, None)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b"<!DOCTYPE html><p>", "it is HTML"),
        (b"\xef\xbb\xbf  <html>", "it is HTML"),
        (b'{"detail": "no"}', "it is JSON"),
        (b"data:image/png;base64,iVBOR", "it is a data URI"),
        (b"<?xml version='1.0'?><svg>", "it is XML; only PNG"),
        (b"BM" + bytes(60), "it is BMP; only PNG"),
        (b"\0\0\0\x1cftypavif", "it is AVIF; only PNG"),
        (b"hello, I am text", "it is no PNG, JPEG, WebP or GIF picture: begins with b'hello"),
        (b"\x89PNG", "it stops after 4 bytes"),
        (b"RIFF\0\0", "it stops after 6 bytes"),
        (FILES["png"][:100], "it stops after 100 of at least"),
        (FILES["webp"][:100], f"it stops after 100 of {len(FILES['webp'])} bytes"),
        (FILES["jpeg"][:-1], "the end mark of a JPEG is missing"),
    ],
)
def test_the_reason_says_what_it_is_instead(data: bytes, reason: str) -> None:
    with pytest.raises(NotAPicture) as caught:
        inspect(data, "mask")
    assert reason in caught.value.reason
    assert str(caught.value) == f"mask: {caught.value.reason}"


def test_headers_without_pixels() -> None:
    empty = struct.pack(">IIBBBBB", 0, 5, 8, 2, 0, 0, 0)
    parts = [png_chunk(b"IHDR", empty), png_chunk(b"IDAT", b"x"), png_chunk(b"IEND", b"")]
    with pytest.raises(NotAPicture, match="its header says 0x5 pixels"):
        inspect(PNG_SIGNATURE + b"".join(parts), "image")
    with pytest.raises(NotAPicture, match="without picture data"):
        inspect(PNG_SIGNATURE + parts[0] + parts[2], "image")
    with pytest.raises(NotAPicture, match="without a frame header"):
        inspect(b"\xff\xd8\xff\xe0\0\x04ab\xff\xd9", "image")


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif"])
def test_millions_of_empty_parts_are_refused_soon(kind: str) -> None:
    many = MAX_PARTS * 5
    header = FILES["png"][8:33]
    data = {
        "png": PNG_SIGNATURE + header + png_chunk(b"teSt", b"") * many,
        "jpeg": b"\xff\xd8" + b"\xff\xe0\0\x02" * many,
        "gif": FILES["gif"][:13].replace(FILES["gif"][10:11], b"\0") + b"!\xfe\0" * many,
    }[kind]
    began = time.process_time()
    with pytest.raises(NotAPicture, match="more than"):
        inspect(data, "image")
    assert time.process_time() - began < 2


@EVERY_FILE
@pytest.mark.parametrize("infotext", [INFOTEXT, LATIN, "plain", "Ã¤ twice", "\ud800\0x"])
def test_texts_come_back_and_pixels_stay(name: str, infotext: str) -> None:
    data = with_infotext(FILES[name], "an earlier one, 1")
    written = with_infotext(data, infotext)
    assert read_infotext(written) == infotext.replace("\ud800", "?").replace("\0", "")
    assert opened(written).tobytes() == opened(FILES[name]).tobytes()
    if not name.startswith("gif"):
        assert pixel_data(written) == pixel_data(FILES[name])
    without = with_infotext(written, None)
    assert read_infotext(without) == ""
    assert opened(without).tobytes() == opened(FILES[name]).tobytes()
    assert inspect(without, "image") == inspect(FILES[name], "image")
    assert with_infotext(without, None) == without


def test_exif_of_a_jpeg_comes_after_the_jfif_header() -> None:
    kinds = [s.kind for s in jpeg_segments(with_infotext(FILES["jpeg"], INFOTEXT))]
    assert kinds[:3] == [b"\xe0", b"\xe1", b"\xdb"]


def test_a_webp_whose_last_chunk_is_not_padded() -> None:
    data = next(
        data
        for size in range(1, 60)
        for data in [saved(photo(size, 3), "WEBP", lossless=True)]
        if int.from_bytes(data[16:20], "little") % 2
    )
    bare = data[:4] + struct.pack("<I", len(data) - 9) + data[8:-1]
    assert inspect(bare, "image") == inspect(data, "image")
    written = with_infotext(bare, INFOTEXT)
    assert opened(written).tobytes() == opened(data).tobytes()
    assert read_infotext(written) == INFOTEXT


def test_animations_stay_whole() -> None:
    for name in ("webp-animated", "gif-animated"):
        image = Image.open(io.BytesIO(with_infotext(FILES[name], INFOTEXT)))
        assert image.n_frames == 2


@pytest.mark.parametrize("infotext", [INFOTEXT, LATIN])
def test_pillow_reads_it_where_a1111_has_it(infotext: str) -> None:
    png = opened(with_infotext(FILES["png"], infotext))
    assert png.text == {"parameters": infotext}
    kinds = [c.kind for c in png_chunks(with_infotext(FILES["png"], infotext))]
    assert (b"tEXt" in kinds) == (infotext == LATIN)
    comment = b"UNICODE\0" + infotext.encode("utf-16-be")
    assert user_comment(with_infotext(FILES["jpeg"], infotext)) == comment
    for name in ("webp", "webp-lossless", "webp-alpha", "webp-animated"):
        assert user_comment(with_infotext(FILES[name], infotext)) == comment
    gif = opened(with_infotext(FILES["gif"], infotext))
    assert gif.info["comment"].decode() == infotext


def test_other_texts_of_a_png_stay_until_all_must_go() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", '{"3": {}}')
    info.add_itxt("workflow", "{}", zip=True)
    info.add_text("parameters", "old", zip=True)
    info.add_itxt("parameters", "older")
    data = saved(photo(31, 17), pnginfo=info, exif=exif_with("dog".encode("utf-16-be")))
    assert read_infotext(data) == "old"
    changed = with_infotext(data, "new")
    assert opened(changed).text == {"prompt": '{"3": {}}', "workflow": "{}", "parameters": "new"}
    assert opened(with_infotext(data, "")).text == {"prompt": '{"3": {}}', "workflow": "{}"}
    bare = with_infotext(data, None)
    assert opened(bare).text == {}
    assert not opened(bare).getexif()
    assert [c.kind for c in png_chunks(bare)] == [c.kind for c in png_chunks(FILES["png"])]
    copied = with_infotext(FILES["png"], "new", keep_from=data)
    assert opened(copied).text == opened(changed).text
    assert with_infotext(FILES["png"], None, keep_from=data) == FILES["png"]
    assert with_infotext(FILES["png"], "new", keep_from=FILES["jpeg"]) == with_infotext(
        FILES["png"], "new"
    )


def exif_with(content: bytes, code: bytes = b"UNICODE\0", turned: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "maker"
    if turned != 1:
        exif[0x0112] = turned
    exif.get_ifd(EXIF_IFD)[USER_COMMENT] = code + content
    return exif


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("code", "content", "text"),
    [
        (b"UNICODE\0", "猫 a, b".encode("utf-16-be"), "猫 a, b"),
        (b"UNICODE\0", "猫 a, b".encode("utf-16-le"), "猫 a, b"),
        (b"UNICODE\0", "\ufeff猫猫".encode("utf-16-le"), "猫猫"),
        (b"ASCII\0\0\0", b"plain\0", "plain"),
        (b"\0" * 8, "ä, b".encode(), "ä, b"),
        (b"", b"no code at all", "no code at all"),
        (b"UNICODE\0", b"", ""),
        (b"ASCII\0\0\0", b"     ", ""),
        (b"", b"ab", "ab"),
    ],
)
def test_comments_of_other_programs(
    image_format: str, code: bytes, content: bytes, text: str
) -> None:
    data = saved(photo(31, 17), image_format, exif=exif_with(content, code))
    assert read_infotext(data) == text


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("infotext", [None, "", "new"])
def test_the_orientation_survives_and_the_rest_of_exif_does_not(
    image_format: str, infotext: str | None
) -> None:
    data = saved(photo(31, 17), image_format, exif=exif_with(b"", turned=6), xmp=b"<x:xmp/>")
    written = with_infotext(data, infotext)
    assert orientation(data) == orientation(written) == 6
    assert opened(written).getexif()[0x0112] == 6
    if infotext is None or image_format != "PNG":
        assert 0x010F not in opened(written).getexif()
    if image_format == "WEBP":
        flags = written[webp_chunks(written)[0].start + 8]
        assert flags == (0x08 if infotext is None else 0x0C)  # EXIF, XMP
    assert read_infotext(written) == (infotext or "")
    if image_format != "PNG":  # there, XMP is one of the texts
        assert ("xmp" in opened(written).info) == (infotext is not None)
    assert with_infotext(written, infotext) == written


def test_a_jpeg_without_metadata_keeps_its_colours() -> None:
    profile = b"no real profile, but kept" * 4000  # more than one segment
    data = saved(photo(31, 17, "CMYK"), "JPEG", icc_profile=profile, comment=b"secret", xmp=b"<x/>")
    bare = with_infotext(data, None)
    assert opened(bare).info["icc_profile"] == profile
    assert b"secret" not in bare
    assert b"<x/>" not in bare
    assert opened(bare).tobytes() == opened(data).tobytes()


@pytest.mark.parametrize("sign", ["a", "猫", "😀"])
def test_a_text_too_long_for_a_jpeg_loses_its_middle(sign: str) -> None:
    fields = "Steps: 1, Seed: 2, Size: 8x8"
    written = with_infotext(FILES["jpeg"], sign * 70_000 + "\n" + fields)
    text = read_infotext(written)
    start, _, end = text.partition(" [… cut off]\n")
    assert end == fields
    assert set(start) == {sign}
    assert 65_000 < len(text.encode("utf-16-be")) < 65_536
    assert opened(written).size == (31, 17)
    assert read_infotext(with_infotext(FILES["jpeg"], "x" * 70_000)).endswith("[… cut off]")


@pytest.mark.parametrize("name", ["png", "webp"])
def test_other_formats_hold_long_texts(name: str) -> None:
    text = "猫" * 100_000
    assert read_infotext(with_infotext(FILES[name], text)) == text


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_a_text_that_unpacks_to_gigabytes_is_not_read(kind: bytes) -> None:
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
    between = b"\0" if kind == b"zTXt" else b"\1\0\0\0"
    data = with_chunk(png_chunk(kind, b"parameters\0" + between + bomb))
    tracemalloc.start()
    assert read_infotext(data) == ""
    assert tracemalloc.get_traced_memory()[1] < 5 * MAX_TEXT_BYTES
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"zTXt", b"parameters\0\0no zlib"),
        (b"iTXt", b"parameters\0\1\0\0\0no zlib"),
        *((kind, b"parameters\0") for kind in (b"zTXt", b"tEXt", b"iTXt")),
        *((kind, b"parameters") for kind in (b"zTXt", b"tEXt", b"iTXt")),
        (b"tEXt", b"Parameters\0x"),
        (b"tEXt", b""),
    ],
)
def test_broken_text_chunks_are_no_text(kind: bytes, body: bytes) -> None:
    assert read_infotext(with_chunk(png_chunk(kind, body))) == ""


def test_text_in_utf8_where_the_standard_says_latin1() -> None:
    """stable-diffusion.cpp writes its prompt as it came."""
    assert read_infotext(with_chunk(png_chunk(b"tEXt", b"parameters\0" + "猫".encode()))) == "猫"
    assert read_infotext(with_chunk(png_chunk(b"tEXt", b"parameters\0K\xe4tzchen"))) == "Kätzchen"


def with_chunk(chunk: bytes) -> bytes:
    """A PNG with one more chunk before its pixels."""
    at = FILES["png"].index(b"IDAT") - 4
    return FILES["png"][:at] + chunk + FILES["png"][at:]
