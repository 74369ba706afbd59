"""Picture files as containers: walked part by part, checked for being whole, never decoded.

Sources: PNG (W3C, third edition, section 5), JPEG (ITU T.81, annex B), WebP (RFC 9649),
GIF89a. The walkers give positions, not copies, so that megabytes cost milliseconds.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import NamedTuple

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SOS, EOI = 0xDA, 0xD9
MAX_PARTS = 200_000
"""More parts than any real picture has: millions of empty ones would stop the caller's loop."""

# Entropy-coded data holds FF 00 and restart marks; anything else after FF is a new segment.
_JPEG_MARK = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_GIF_SIGNATURES = (b"GIF87a", b"GIF89a")


class NotAPicture(ValueError):
    """Bytes that are no whole PNG, JPEG, WebP or GIF picture.

    Args:
        reason: why, in plain words that follow the picture's name ("it is HTML").
        what: the picture's name, for the message.
    """

    def __init__(self, reason: str, what: str = "") -> None:
        self.reason = reason
        self.what = what
        super().__init__(f"{what}: {reason}" if what else reason)


class Part(NamedTuple):
    """A piece of a container, with everything that belongs to it.

    Attributes:
        kind: PNG chunk type, JPEG marker code as one byte, WebP FourCC; for GIF b"head",
            b"image", b"tail" or the extension's label as one byte.
        start: first byte in the file.
        end: first byte after it.
    """

    kind: bytes
    start: int
    end: int


def format_of(data: bytes) -> str:
    """ "png", "jpeg", "webp" or "gif", by the first bytes alone.

    Raises:
        NotAPicture: none of them; the reason says what it is instead.
    """
    if data.startswith(PNG_SIGNATURE):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:6] in _GIF_SIGNATURES:
        return "gif"
    raise NotAPicture(_instead(data))


def png_chunks(data: bytes) -> list[Part]:
    """The chunks of a PNG from IHDR to IEND, every checksum checked.

    Raises:
        NotAPicture: cut off, damaged, no IHDR in front, no IDAT.
    """
    chunks: list[Part] = []
    view = memoryview(data)
    start = len(PNG_SIGNATURE)
    while not chunks or chunks[-1].kind != b"IEND":
        _more(chunks)
        _reaches(data, start + 8)
        length = int.from_bytes(data[start : start + 4])
        kind = data[start + 4 : start + 8]
        if not kind.isalpha() or (not chunks and (kind != b"IHDR" or length != 13)):
            raise NotAPicture(f"it is damaged: no PNG chunk at byte {start}")
        end = start + 12 + length
        _reaches(data, end)
        if zlib.crc32(view[start + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
            name = kind.decode("ascii")
            raise NotAPicture(f"it is damaged: the checksum of its {name} chunk is wrong")
        chunks.append(Part(kind, start, end))
        start = end
    if not any(chunk.kind == b"IDAT" for chunk in chunks):
        raise NotAPicture("it is a PNG without picture data")
    return chunks


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A whole PNG chunk with length and checksum."""
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def jpeg_segments(data: bytes) -> list[Part]:
    """The segments of a JPEG from after SOI to EOI; SOS includes the data that follows it.

    Bytes that belong to no segment are skipped, as decoders do.

    Raises:
        NotAPicture: cut off or damaged.
    """
    segments: list[Part] = []
    found = _JPEG_MARK.search(data, 2)
    while found is not None:
        _more(segments)
        kind, start = found[1], found.start()
        if kind[0] == EOI:
            segments.append(Part(kind, start, start + 2))
            return segments
        if kind[0] in (0x01, 0xD8):  # marks without content
            found = _JPEG_MARK.search(data, start + 2)
            continue
        _reaches(data, start + 4)
        length = int.from_bytes(data[start + 2 : start + 4])
        if length < 2:
            raise NotAPicture(f"it is damaged: an empty JPEG segment at byte {start}")
        end = start + 2 + length
        _reaches(data, end)
        found = _JPEG_MARK.search(data, end)
        if kind[0] == SOS:
            end = found.start() if found else len(data)
        segments.append(Part(kind, start, end))
    raise NotAPicture(f"it stops after {len(data)} bytes: the end mark of a JPEG is missing")


def webp_chunks(data: bytes) -> list[Part]:
    """The chunks of a WebP, padding included.

    Raises:
        NotAPicture: cut off, damaged, without picture data.
    """
    total = 8 + int.from_bytes(data[4:8], "little")
    _reaches(data, total, exact=True)
    chunks: list[Part] = []
    start = 12
    while start + 8 <= total:
        _more(chunks)
        length = int.from_bytes(data[start + 4 : start + 8], "little")
        end = start + 8 + length
        if end > total:
            raise NotAPicture(f"it is damaged: a WebP chunk at byte {start} is too long")
        end = min(end + (length & 1), total)
        chunks.append(Part(data[start : start + 4], start, end))
        start = end
    if not any(chunk.kind in (b"VP8 ", b"VP8L", b"ANMF") for chunk in chunks):
        raise NotAPicture("it is a WebP without picture data")
    return chunks


def gif_blocks(data: bytes) -> list[Part]:
    """The blocks of a GIF, from its head with the colour table to its tail, if it has one.

    Raises:
        NotAPicture: cut off, damaged, without picture data.
    """
    _reaches(data, 13)
    position = 13 + _gif_table(data[10])
    _reaches(data, position)
    blocks = [Part(b"head", 0, position)]
    while True:
        _more(blocks)
        if position == len(data) and blocks[-1].kind == b"image":
            break  # some programs leave the tail out
        _reaches(data, position + 1)
        start, mark = position, data[position]
        if mark == 0x3B:
            blocks.append(Part(b"tail", start, start + 1))
            break
        if mark == 0x2C:
            _reaches(data, start + 10)
            kind, position = b"image", start + 11 + _gif_table(data[start + 9])
        elif mark == 0x21:
            kind, position = data[start + 1 : start + 2], start + 2
        else:
            raise NotAPicture(f"it is damaged: no GIF block at byte {start}")
        for _ in range(MAX_PARTS):
            _reaches(data, position + 1)
            length = data[position]
            position += 1 + length
            if not length:
                break
        else:
            raise NotAPicture("it is damaged: a GIF block without end")
        blocks.append(Part(kind, start, position))
    if not any(block.kind == b"image" for block in blocks):
        raise NotAPicture("it is a GIF without picture data")
    return blocks


def _gif_table(flags: int) -> int:
    """Bytes of the colour table that `flags` announces."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _more(parts: list[Part]) -> None:
    if len(parts) >= MAX_PARTS:
        raise NotAPicture(f"it is damaged: it has more than {MAX_PARTS} parts")


def _reaches(data: bytes, end: int, *, exact: bool = False) -> None:
    if end > len(data):
        least = "" if exact else "at least "
        raise NotAPicture(f"it stops after {len(data)} of {least}{end} bytes")


def _instead(data: bytes) -> str:
    """What bytes are that are no picture of ours."""
    begun = any(signature.startswith(data) for signature in _SIGNATURES)
    if data and (begun or (data[:4] == b"RIFF" and len(data) < 12)):
        return f"it stops after {len(data)} bytes"
    text = data[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for start, name in _TEXTS:
        if text.startswith(start):
            return f"it is {name}"
    for signature, position, name in _OTHERS:
        if data[position : position + len(signature)] == signature:
            return f"it is {name}; only PNG, JPEG, WebP and GIF can be used"
    if not text:
        return "it is empty"
    return f"it is no PNG, JPEG, WebP or GIF picture: begins with {data[:16]!r}"


_SIGNATURES = (PNG_SIGNATURE, b"\xff\xd8\xff", *_GIF_SIGNATURES)
_TEXTS = (
    (b"<!doctype html", "HTML"),
    (b"<html", "HTML"),
    (b"<!--", "HTML"),
    (b"<svg", "SVG; only PNG, JPEG, WebP and GIF can be used"),
    (b"<?xml", "XML; only PNG, JPEG, WebP and GIF can be used"),
    (b"{", "JSON"),
    (b"[", "JSON"),
    (b"data:", "a data URI, not the picture itself"),
)
_OTHERS = (
    (b"BM", 0, "BMP"),
    (b"II*\0", 0, "TIFF"),
    (b"MM\0*", 0, "TIFF"),
    (b"ftypavi", 4, "AVIF"),
    (b"ftyphei", 4, "HEIC"),
    (b"ftypmif1", 4, "HEIC"),
    (b"\0\0\1\0", 0, "an icon"),
    (b"%PDF", 0, "a PDF"),
    (b"PK\3\4", 0, "a ZIP archive"),
    (b"\x1f\x8b", 0, "gzip data"),
    (b"8BPS", 0, "a Photoshop file"),
)
