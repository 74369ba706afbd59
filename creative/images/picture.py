"""A picture file without decoding it: size, wholeness, and the text that came with it.

Cheap enough for the plugin's process: nothing here touches pixels. `inspect` checks what a
user or a server gave; `with_infotext` and `read_infotext` write and read generation
parameters where AUTOMATIC1111 has them (modules/images.py, `save_image_with_geninfo` and
`read_info_from_image`): PNG text chunk `parameters`, EXIF UserComment in JPEG and WebP, the
comment of a GIF.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from creative.images import exif
from creative.images.containers import (
    PNG_SIGNATURE,
    NotAPicture,
    Part,
    format_of,
    gif_blocks,
    jpeg_segments,
    png_chunk,
    png_chunks,
    webp_chunks,
)

__all__ = ["Header", "NotAPicture", "inspect", "orientation", "read_infotext", "with_infotext"]

MIME_TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
}
EXTENSIONS = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "gif": ".gif"}
MAX_TEXT_BYTES = 1024 * 1024
"""Longest infotext that is read; a longer one is none, and a compressed one can be a bomb."""

_KEYWORD = b"parameters"
_PNG_TEXT = (b"tEXt", b"zTXt", b"iTXt")
_PNG_METADATA = (*_PNG_TEXT, b"eXIf", b"tIME", b"caBX")
_JPEG_SEGMENT_LIMIT = 0xFFFF - 2
_EXIF_MARK = b"Exif\0\0"
_WEBP_ALPHA, _WEBP_EXIF, _WEBP_XMP = 0x10, 0x08, 0x04


@dataclass(frozen=True)
class Header:
    """What a picture file says about itself.

    Attributes:
        format: "png", "jpeg", "webp" or "gif".
        width: in pixels, as stored (an EXIF orientation is not applied).
        height: in pixels, as stored.
        mime_type: for example "image/png".
        extension: with its dot, for example ".png".
        has_alpha: whether transparency is possible; None where only decoding would tell.
    """

    format: str
    width: int
    height: int
    mime_type: str
    extension: str
    has_alpha: bool | None


def inspect(data: bytes, what: str) -> Header:
    """Read the header of a picture and check that its container is whole.

    Args:
        data: the file.
        what: whose picture it is, for the error ("image", "the server's picture").

    Raises:
        NotAPicture: it is something else, damaged, cut off, or has no size.
    """
    try:
        kind = format_of(data)
        width, height, has_alpha = _HEADERS[kind](data)
        if width < 1 or height < 1:
            raise NotAPicture(f"its header says {width}x{height} pixels")
    except NotAPicture as error:
        raise NotAPicture(error.reason, what) from None
    return Header(kind, width, height, MIME_TYPES[kind], EXTENSIONS[kind], has_alpha)


def orientation(data: bytes) -> int:
    """The EXIF orientation, 1 (upright) to 8, of a whole picture; 1 where there is none.

    Raises:
        NotAPicture: as `inspect`.
    """
    return exif.orientation(_exif_of(data, _parts(data)))


def with_infotext(data: bytes, infotext: str | None, keep_from: bytes | None = None) -> bytes:
    """The same picture with other generation parameters; picture data is not touched.

    Args:
        data: a whole PNG, JPEG, WebP or GIF.
        infotext: replaces what was there. PNG keeps its other texts (ComfyUI's `prompt` and
            `workflow`); JPEG and WebP get new EXIF with this as UserComment. A JPEG holds
            about 32000 characters: of a longer text the middle is left out. "" removes the
            generation parameters; None removes all metadata (texts, EXIF, XMP, comments,
            times; of EXIF an orientation stays, because it is part of the picture).
        keep_from: a PNG whose other texts are copied into `data`, if that is a PNG too.

    Raises:
        NotAPicture: as `inspect`.
    """
    # A text that no encoding can hold (half a surrogate pair) must not stop a paid picture.
    text = None if infotext is None else infotext.replace("\0", "").encode(errors="replace")
    clean = None if text is None else text.decode()
    return _WRITERS[format_of(data)](data, clean, keep_from)


def read_infotext(data: bytes) -> str:
    """The generation parameters that a picture carries; "" if none can be read.

    Raises:
        NotAPicture: as `inspect`.
    """
    kind, parts = format_of(data), _parts(data)
    readable = [part for part in parts if part.end - part.start <= MAX_TEXT_BYTES]
    if kind == "gif":
        comments = (_gif_content(data, block) for block in readable if block.kind == b"\xfe")
        return _loose(next(comments, b""))
    if kind == "png":
        for chunk in readable:
            text = _png_text(chunk.kind, data[chunk.start + 8 : chunk.end - 4])
            if text:
                return text
    return exif.comment(_exif_of(data, readable))


def _png_header(data: bytes) -> tuple[int, int, bool | None]:
    chunks = png_chunks(data)
    width, height, _depth, colour = struct.unpack_from(">IIBB", data, chunks[0].start + 8)
    has_alpha = colour in (4, 6) or any(chunk.kind == b"tRNS" for chunk in chunks)
    return width, height, has_alpha


def _jpeg_header(data: bytes) -> tuple[int, int, bool | None]:
    for segment in jpeg_segments(data):
        mark = segment.kind[0]
        if 0xC0 <= mark <= 0xCF and mark not in (0xC4, 0xC8, 0xCC):
            if segment.end - segment.start < 9:
                break
            height, width = struct.unpack_from(">HH", data, segment.start + 5)
            return width, height, False
    raise NotAPicture("it is a JPEG without a frame header")


def _webp_header(data: bytes) -> tuple[int, int, bool | None]:
    first = webp_chunks(data)[0]
    body = data[first.start + 8 : first.end]
    if first.kind == b"VP8X" and len(body) >= 10:
        width, height = (1 + int.from_bytes(body[at : at + 3], "little") for at in (4, 7))
        return width, height, bool(body[0] & _WEBP_ALPHA)
    if first.kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a" and len(body) >= 10:
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF, False
    if first.kind == b"VP8L" and body[:1] == b"\x2f" and len(body) >= 5:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1)
    raise NotAPicture("it is a WebP without a frame header")


def _gif_header(data: bytes) -> tuple[int, int, bool | None]:
    blocks = gif_blocks(data)
    width, height = struct.unpack_from("<HH", data, 6)
    controls = (block for block in blocks if block.kind == b"\xf9")
    return width, height, any(data[block.start + 3] & 1 for block in controls)


_HEADERS = {"png": _png_header, "jpeg": _jpeg_header, "webp": _webp_header, "gif": _gif_header}


def _png_with(data: bytes, infotext: str | None, keep_from: bytes | None) -> bytes:
    new: list[bytes] = []
    if infotext is not None and keep_from is not None and format_of(keep_from) == "png":
        others = (c for c in png_chunks(keep_from) if c.kind in _PNG_TEXT)
        texts = (keep_from[c.start : c.end] for c in others)
        new += [text for text in texts if _keyword(text[8:]) != _KEYWORD]
    if infotext:
        new.append(_png_parameters(infotext))
    chunks = png_chunks(data)
    turned = exif.build(orientation=exif.orientation(_exif_of(data, chunks)))
    if infotext is None and turned:
        new.append(png_chunk(b"eXIf", turned))
    parts: list[bytes | memoryview] = [PNG_SIGNATURE]
    view = memoryview(data)
    end = 0
    for chunk in chunks:
        end = chunk.end
        if infotext is None and chunk.kind in _PNG_METADATA:
            continue
        if chunk.kind in _PNG_TEXT and _keyword(data[chunk.start + 8 : end - 4]) == _KEYWORD:
            continue
        if chunk.kind == b"IDAT" and new:
            parts += new
            new = []
        parts.append(view[chunk.start : end])
    if infotext is not None:
        parts.append(view[end:])
    return b"".join(parts)


def _png_parameters(infotext: str) -> bytes:
    try:
        latin = infotext.encode("latin-1")
    except UnicodeEncodeError:
        latin = b""
    # Some programs write UTF-8 into tEXt, and readers guess; what reads both ways is iTXt.
    if latin and _loose(latin) == infotext:
        return png_chunk(b"tEXt", _KEYWORD + b"\0" + latin)
    # No compression, no language tag, no translated keyword.
    return png_chunk(b"iTXt", _KEYWORD + b"\0\0\0\0\0" + infotext.encode())


def _keyword(body: bytes) -> bytes:
    return body[:80].partition(b"\0")[0]


def _png_text(kind: bytes, body: bytes) -> str:
    """The text of a chunk if it holds generation parameters, else ""."""
    if kind not in _PNG_TEXT or _keyword(body) != _KEYWORD:
        return ""
    content = body[len(_KEYWORD) + 1 :]
    if kind == b"tEXt":
        return _loose(content)
    if kind == b"zTXt":
        return _loose(_unpacked(content[1:]))
    packed = content[:1] == b"\1"
    text = content[2:].split(b"\0", 2)[-1]
    return (_unpacked(text) if packed else text).decode(errors="replace")


def _unpacked(content: bytes) -> bytes:
    """`content` unpacked; b"" if it is damaged or longer than MAX_TEXT_BYTES."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(content, MAX_TEXT_BYTES)
    except zlib.error:
        return b""
    return b"" if unpacker.unconsumed_tail else text


def _loose(content: bytes) -> str:
    """Text that should be Latin-1 by the standard and is UTF-8 with some programs."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _jpeg_with(data: bytes, infotext: str | None, _keep_from: bytes | None) -> bytes:
    segments = jpeg_segments(data)
    turned = exif.orientation(_exif_of(data, segments))
    new = exif.build(infotext or "", turned, _JPEG_SEGMENT_LIMIT - len(_EXIF_MARK))
    parts: list[bytes | memoryview] = [b"\xff\xd8"]
    view = memoryview(data)
    for segment in segments:
        content = data[segment.start + 4 : min(segment.start + 64, segment.end)]
        drop = content.startswith(_EXIF_MARK) and segment.kind == b"\xe1"
        if infotext is None:
            drop = drop or _is_metadata(segment, content)
        if new and segment.kind != b"\xe0":  # JFIF comes first
            body = _EXIF_MARK + new
            parts.append(b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body)
            new = b""
        if not drop:
            parts.append(view[segment.start : segment.end])
    if infotext is not None:
        parts.append(view[segments[-1].end :])
    return b"".join(parts)


def _is_metadata(segment: Part, content: bytes) -> bool:
    """Whether a JPEG can be drawn the same without this segment: comments and most APPn."""
    mark = segment.kind[0]
    if mark == 0xE2:
        return not content.startswith(b"ICC_PROFILE\0")
    # APP0 says which colours and density, APP14 (Adobe) how the colours are stored.
    return mark == 0xFE or (0xE1 <= mark <= 0xEF and mark != 0xEE)


def _webp_with(data: bytes, infotext: str | None, _keep_from: bytes | None) -> bytes:
    chunks = webp_chunks(data)
    width, height, has_alpha = _webp_header(data)
    new = exif.build(infotext or "", exif.orientation(_exif_of(data, chunks)))
    extended = chunks[0].kind == b"VP8X"
    if not new and not extended:
        return data[: chunks[-1].end] if infotext is None else data
    flags = data[chunks[0].start + 8] if extended else _WEBP_ALPHA * bool(has_alpha)
    flags = flags & ~_WEBP_EXIF | _WEBP_EXIF * bool(new)
    dropped = {b"VP8X", b"EXIF"}
    if infotext is None:
        flags &= ~_WEBP_XMP
        dropped.add(b"XMP ")
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    parts = [_riff_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size)]
    parts += [data[c.start : c.end] for c in chunks if c.kind not in dropped | {b"XMP "}]
    if new:
        parts.append(_riff_chunk(b"EXIF", new))
    if b"XMP " not in dropped:  # its place is after EXIF
        parts += [data[c.start : c.end] for c in chunks if c.kind == b"XMP "]
    body = b"WEBP" + b"".join(part + b"\0" * (len(part) & 1) for part in parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body


def _gif_with(data: bytes, infotext: str | None, _keep_from: bytes | None) -> bytes:
    head, *blocks = gif_blocks(data)
    # Comments need the newer version's name.
    parts = [b"GIF89a" + data[6 : head.end]]
    if infotext:  # in front: Pillow does not look behind the first picture
        text = infotext.encode()
        pieces = (text[at : at + 255] for at in range(0, len(text), 255))
        parts.append(b"\x21\xfe" + b"".join(bytes([len(p)]) + p for p in pieces) + b"\0")
    parts += [data[block.start : block.end] for block in blocks if block.kind != b"\xfe"]
    return b"".join(parts)


def _gif_content(data: bytes, block: Part) -> bytes:
    parts = []
    position = block.start + 2
    while length := data[position]:
        parts.append(data[position + 1 : position + 1 + length])
        position += 1 + length
    return b"".join(parts)


_WRITERS = {"png": _png_with, "jpeg": _jpeg_with, "webp": _webp_with, "gif": _gif_with}
_WALKERS = {
    "png": png_chunks,
    "jpeg": jpeg_segments,
    "webp": webp_chunks,
    "gif": gif_blocks,
}


def _parts(data: bytes) -> list[Part]:
    return _WALKERS[format_of(data)](data)


def _exif_of(data: bytes, parts: list[Part]) -> bytes:
    """The EXIF of a picture from its byte-order mark on; b"" where there is none."""
    for part in parts:
        if part.kind in (b"eXIf", b"EXIF"):
            checksum = 4 if part.kind == b"eXIf" else 0
            return data[part.start + 8 : part.end - checksum].removeprefix(_EXIF_MARK)
        if part.kind == b"\xe1" and data.startswith(_EXIF_MARK, part.start + 4):
            return data[part.start + 4 + len(_EXIF_MARK) : part.end]
    return b""
