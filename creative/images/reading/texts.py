"""Every text that a picture's container carries, by name, bounded in number and size.

Names: a PNG text chunk has its keyword ("parameters", "prompt"), EXIF entries have "exif:" and
their tag in hexadecimal ("exif:9286" is the UserComment), XMP is "xmp" in every container, the
comment of a JPEG or GIF is "comment".

Sources: PNG (W3C, third edition, section 11.3.3), EXIF (CIPA DC-008), XMP part 3 (Adobe; where
each container holds it).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from creative.images import exif
from creative.images.containers import (
    Part,
    format_of,
    gif_blocks,
    jpeg_segments,
    png_chunks,
    webp_chunks,
)
from creative.images.picture import inspect

MAX_TEXT_BYTES = 8 * 1024 * 1024
"""Longest text that is read: a large ComfyUI graph has half a megabyte, one with pictures in it
a few; a compressed one can be a bomb."""
MAX_ALL_BYTES = 4 * MAX_TEXT_BYTES
"""Of all texts together, those that were unpacked for nothing included: thousands of bombs fit
into one file, and all entries of an EXIF may point at the same eight megabytes."""
MAX_TEXTS = 200
USER_COMMENT = "exif:9286"

_XMP_KEYWORD = "XML:com.adobe.xmp"
_EXIF_MARK = b"Exif\0\0"
_XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"


@dataclass
class Texts:
    """What a file says.

    Attributes:
        format: "png", "jpeg", "webp" or "gif".
        width: of the file, in pixels, as stored.
        height: of the file, in pixels, as stored.
        by_name: the texts; of several with one name the first.
        notes: what was not read.
        left: bytes that may still be read.
    """

    format: str
    width: int
    height: int
    by_name: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    left: int = MAX_ALL_BYTES

    def get(self, name: str) -> str:
        """The text of this name; "" if there is none."""
        return self.by_name.get(name, "")

    def add(self, name: str, text: str) -> None:
        """Keep a text that says something."""
        self.left -= len(text)
        if text.strip("\0 \r\n\t"):
            self.by_name.setdefault(name, text)

    def skip(self, name: str, size: str) -> None:
        """Note that a text is too long."""
        limit = MAX_TEXT_BYTES // 2**20
        self.notes.append(f"The text {name!r} ({size}) is longer than {limit} MB: not read.")


def read(data: bytes) -> Texts:
    """All texts of a whole picture.

    Raises:
        NotAPicture: it is something else, damaged or cut off.
    """
    header = inspect(data, "the picture")
    texts = Texts(header.format, header.width, header.height)
    kind, walk = _WALKERS[format_of(data)]
    for part in walk(data):
        if len(texts.by_name) >= MAX_TEXTS:
            texts.notes.append(f"Only the first {MAX_TEXTS} texts of the picture were read.")
            break
        if texts.left <= 0:
            limit = MAX_ALL_BYTES // 2**20
            texts.notes.append(f"Only the first {limit} MB of the picture's texts were read.")
            break
        kind(texts, data, part)
    return texts


def _png(texts: Texts, data: bytes, chunk: Part) -> None:
    if chunk.kind == b"eXIf":
        _exif(texts, data[chunk.start + 8 : chunk.end - 4])
    if chunk.kind not in (b"tEXt", b"zTXt", b"iTXt"):
        return
    raw_name, _, _ = data[chunk.start + 8 : chunk.start + 8 + 80].partition(b"\0")
    name = raw_name.decode("latin-1")
    length = chunk.end - chunk.start - 12
    if length > MAX_TEXT_BYTES:
        texts.skip(name, f"{length / 2**20:.1f} MB")
        return
    content = data[chunk.start + 8 + len(raw_name) + 1 : chunk.end - 4]
    packed = chunk.kind == b"zTXt"
    if packed:
        content = content[1:]
    elif chunk.kind == b"iTXt":
        packed = content[:1] == b"\1"
        content = content[2:].split(b"\0", 2)[-1]
    if packed:
        unpacked = _unpacked(content)
        if unpacked is None:
            texts.left -= MAX_TEXT_BYTES
            texts.skip(name, "compressed")
            return
        content = unpacked
    texts.add("xmp" if name == _XMP_KEYWORD else name, _loose(content))


def _jpeg(texts: Texts, data: bytes, segment: Part) -> None:
    content = data[segment.start + 4 : segment.end] if segment.kind in (b"\xe1", b"\xfe") else b""
    if segment.kind == b"\xfe":
        texts.add("comment", _loose(content))
    elif content.startswith(_EXIF_MARK):
        _exif(texts, content[len(_EXIF_MARK) :])
    elif content.startswith(_XMP_MARK):
        texts.add("xmp", _loose(content[len(_XMP_MARK) :]))


def _webp(texts: Texts, data: bytes, chunk: Part) -> None:
    if chunk.kind not in (b"EXIF", b"XMP "):
        return
    if chunk.end - chunk.start > MAX_TEXT_BYTES:
        texts.skip(chunk.kind.decode(), f"{(chunk.end - chunk.start) / 2**20:.1f} MB")
        return
    length = int.from_bytes(data[chunk.start + 4 : chunk.start + 8], "little")
    content = data[chunk.start + 8 : chunk.start + 8 + length]
    if chunk.kind == b"EXIF":
        _exif(texts, content.removeprefix(_EXIF_MARK))
    else:
        texts.add("xmp", _loose(content))


def _gif(texts: Texts, data: bytes, block: Part) -> None:
    if block.kind != b"\xfe":
        return
    if block.end - block.start > MAX_TEXT_BYTES:
        texts.skip("comment", f"{(block.end - block.start) / 2**20:.1f} MB")
        return
    parts, at = [], block.start + 2
    while length := data[at]:
        parts.append(data[at + 1 : at + 1 + length])
        at += 1 + length
    texts.add("comment", _loose(b"".join(parts)))


def _exif(texts: Texts, content: bytes) -> None:
    for tag, text in exif.texts(content, MAX_TEXT_BYTES, max(0, texts.left)).items():
        texts.add(f"exif:{tag:04x}", text)
    comment = exif.comment(content[: MAX_TEXT_BYTES + 65536])
    texts.add(USER_COMMENT, comment)


_Reader = Callable[[Texts, bytes, Part], None]
_WALKERS: dict[str, tuple[_Reader, Callable[[bytes], list[Part]]]] = {
    "png": (_png, png_chunks),
    "jpeg": (_jpeg, jpeg_segments),
    "webp": (_webp, webp_chunks),
    "gif": (_gif, gif_blocks),
}


def _unpacked(content: bytes) -> bytes | None:
    """`content` unpacked; b"" if it is damaged, None if it is longer than MAX_TEXT_BYTES."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(content, MAX_TEXT_BYTES)
    except zlib.error:
        return b""
    return None if unpacker.unconsumed_tail else text


def _loose(content: bytes) -> str:
    """Text that should be Latin-1 by the standard and is UTF-8 with some programs."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")
