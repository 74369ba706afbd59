"""Strips of a picture, one below the other, to one file. For the child process "pictures".

PNG is joined without decoding it: the lines of all strips are packed again as they are. Only
the first line of a strip may not refer to the line above, which was none and now is the last one
of the strip before (PNG specification, 9.2: filter types). So 64 million pixels need a few
megabytes of memory, not 256.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypedDict

from creative.errors import AnswerInvalid
from creative.images.containers import PNG_SIGNATURE, png_chunk, png_chunks

if TYPE_CHECKING:
    from PIL import Image

Progress = Callable[[float, str], None]

_NONE, _SUB, _UP, _AVERAGE, _PAETH = range(5)
_CHANNELS = {2: 3, 6: 4}
"""Bytes per pixel by colour type, at eight bits."""
_QUICK, _THOROUGH = 3, 6
"""zlib's levels. Measured (2026-11, 61 million pixels of gradients, one core): 3.9 s and 34 MB;
8.8 s and 23 MB, of strips with 56 MB."""
_PIECE = 1 << 14
"""Bytes unpacked at a time: at most a thousand times as many come out."""


class StitchPayload(TypedDict):
    """What `stitch` takes: PNG files of one width, from top to bottom, and what is wanted.

    Attributes:
        strips: the files.
        format: "png", "jpeg" or "webp".
        quality: of jpeg and webp, 1 to 100.
        max_bytes: most bytes of the file.
    """

    strips: list[bytes]
    format: str
    quality: int
    max_bytes: int


def stitch(payload: StitchPayload, progress: Progress) -> bytes:
    """One file of all strips.

    Raises:
        AnswerInvalid: a strip is no PNG.
        TooLarge: the file does not fit `max_bytes`.
    """
    if payload["format"] == "png":
        joined = joined_png(payload["strips"], payload["max_bytes"])
        if joined is not None:
            return joined
    from creative.images.encode import encode

    whole = _pasted(payload["strips"])
    quality = None if payload["format"] == "png" else payload["quality"]
    done = encode(whole, payload["format"], quality, None, None, payload["max_bytes"], False)
    return done.data


def joined_png(strips: list[bytes], max_bytes: int) -> bytes | None:
    """One PNG of all strips; None if they differ in more than their height.

    It is packed better, and slower, if the strips together have more than `max_bytes`.
    """
    heads = []
    for strip in strips:
        head = strip[16:29]
        if strip[:8] != PNG_SIGNATURE or len(head) < 13:
            raise AnswerInvalid("The browser", "a part of its picture is no PNG", "Try again.")
        heads.append(struct.unpack(">IIBBBBB", head))
    width, _, depth, colour, *rest = heads[0]
    alike = all((head[0], *head[2:]) == (width, depth, colour, *rest) for head in heads)
    if not alike or depth != 8 or colour not in _CHANNELS or rest[2] != 0:
        return None
    packer = zlib.compressobj(_QUICK if sum(map(len, strips)) <= max_bytes else _THOROUGH)
    packed = bytearray()
    step = _CHANNELS[colour]
    for strip in strips:
        first = True
        for part in _lines(strip, 1 + width * step):
            packed += packer.compress(_on_its_own(part, width * step, step) if first else part)
            first = False
    packed += packer.flush()
    height = sum(head[1] for head in heads)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, *rest)
    return b"".join(
        (
            PNG_SIGNATURE,
            png_chunk(b"IHDR", header),
            png_chunk(b"IDAT", bytes(packed)),
            png_chunk(b"IEND", b""),
        )
    )


def _lines(strip: bytes, length: int) -> Iterator[bytes]:
    """The filtered lines of a PNG, in parts of at least `length` bytes, which is one line."""
    packed = b"".join(
        # Between length and type, 8 bytes, and the checksum, 4.
        strip[part.start + 8 : part.end - 4]
        for part in png_chunks(strip)
        if part.kind == b"IDAT"
    )
    opener = zlib.decompressobj()
    start = b""
    for at in range(0, len(packed), _PIECE):
        part = start + opener.decompress(packed[at : at + _PIECE])
        if len(part) < length:
            start = part
            continue
        start = b""
        yield part
    if start:
        yield start


def _on_its_own(part: bytes, stride: int, step: int) -> bytes:
    """`part` with a first line that does not refer to the line above.

    Above was nothing, which counts as zeros: Up is then None, and Paeth is Sub.
    """
    kind = part[0]
    if kind == _UP:
        return bytes([_NONE]) + part[1:]
    if kind == _PAETH:
        return bytes([_SUB]) + part[1:]
    if kind != _AVERAGE:
        return part
    line = bytearray(part[1 : 1 + stride])
    for at in range(step, stride):
        line[at] = (line[at] + line[at - step] // 2) & 0xFF
    return bytes([_NONE]) + bytes(line) + part[1 + stride :]


def _pasted(strips: list[bytes]) -> Image.Image:
    import io

    from PIL import Image

    opened = [Image.open(io.BytesIO(strip)) for strip in strips]
    mode = "RGBA" if any("A" in image.mode for image in opened) else "RGB"
    whole = Image.new(mode, (opened[0].width, sum(image.height for image in opened)))
    top = 0
    for image in opened:
        whole.paste(image.convert(mode), (0, top))
        top += image.height
        image.close()
    return whole
