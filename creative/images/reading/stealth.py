"""Texts hidden in the lowest bits of the pixels, where uploads do not strip them.

Columns from the left, each from the top; one bit per pixel of the alpha channel ("stealth_png…")
or three of red, green, blue ("stealth_rgb…"): 15 letters of signature, 32 bits of length in bits,
the text, with "comp" packed by gzip. Sources: ashen-sensored/sd_webui_stealth_pnginfo
(scripts/stealth_pnginfo.py) and NovelAI/novelai-image-metadata (nai_meta.py).

For the child process of `creative.worker` only: it decodes pixels.
"""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, Any

from creative.images.decode import DECODING_ERRORS
from creative.images.reading.texts import MAX_TEXT_BYTES

if TYPE_CHECKING:
    import numpy
    from PIL import Image

MAX_PIXELS = 50_000_000
_SIGNATURES = {
    b"stealth_pnginfo": ("A", False), b"stealth_pngcomp": ("A", True),
    b"stealth_rgbinfo": ("RGB", False), b"stealth_rgbcomp": ("RGB", True),
}  # fmt: skip
_SIGNATURE_BYTES = 15
_HEAD_BYTES = _SIGNATURE_BYTES + 4
_GZIP = 16 + zlib.MAX_WBITS


def read(data: bytes) -> str:
    """The hidden text of a PNG or WebP; "" if there is none, or it cannot be decoded."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=("PNG", "WEBP"))
        if image.width * image.height > MAX_PIXELS or image.mode not in ("RGB", "RGBA"):
            return ""
        image.load()
    except (*DECODING_ERRORS, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return ""
    for bands in ("A", "RGB"):
        if bands == "RGB" or image.mode == "RGBA":
            text = _hidden(image, bands)
            if text:
                return text
    return ""


def _hidden(image: Image.Image, bands: str) -> str:
    head = _bytes(image, bands, 0, _HEAD_BYTES)
    signature, length = head[:_SIGNATURE_BYTES], int.from_bytes(head[_SIGNATURE_BYTES:])
    if _SIGNATURES.get(signature, ("", False))[0] != bands or len(head) < _HEAD_BYTES:
        return ""
    count = length // 8
    if not 0 < count <= MAX_TEXT_BYTES:
        return ""
    content = _bytes(image, bands, _HEAD_BYTES, count)
    if len(content) < count:
        return ""
    if _SIGNATURES[signature][1]:
        unpacker = zlib.decompressobj(_GZIP)
        try:
            content = unpacker.decompress(content, MAX_TEXT_BYTES)
        except zlib.error:
            return ""
        if unpacker.unconsumed_tail:  # a bomb
            return ""
    return content.decode(errors="replace")


def _bytes(image: Image.Image, bands: str, start: int, count: int) -> bytes:
    """`count` bytes from byte `start` of the hidden stream, fewer where the picture ends."""
    import numpy

    per_pixel = len(bands)
    last = min(-(-(start + count) * 8 // per_pixel), image.width * image.height)
    columns = min(-(-last // image.height), image.width)
    strip = image.crop((0, 0, columns, image.height))
    pixels: numpy.ndarray[Any, Any] = numpy.asarray(strip)
    chosen = pixels[:, :, 3:4] if bands == "A" else pixels[:, :, :3]
    bits = (chosen.transpose(1, 0, 2) & 1).reshape(-1)
    stream = numpy.packbits(bits[start * 8 : (start + count) * 8])
    return stream.tobytes()[: len(bits[start * 8 : (start + count) * 8]) // 8]
