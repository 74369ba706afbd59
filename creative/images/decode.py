"""Files to pixels. For the child process of `creative.worker` only: it computes."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from creative.errors import AnswerInvalid, CreativeError, InvalidInput, TooLarge
from creative.images import picture

if TYPE_CHECKING:
    from PIL import Image

DEFAULT_MAX_PIXELS = 50_000_000
"""Of a user's picture: decoding takes up to a few hundred megabytes for it."""
ENGINE_MAX_PIXELS = 140_000_000
"""Of a server's picture: twice the largest that anyone asks for, 8192x8192."""

_ALLOWED = "a whole PNG, JPEG, WebP or GIF picture"
_DRAFT_FACTOR = 2


class Said(str):
    """Text that an error shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Source(NamedTuple):
    """A picture's file, and whose it is, for errors.

    Attributes:
        data: the file.
        parameter: the user's parameter that holds it; "" for an engine's picture.
        engine: who made it.
        max_pixels: most pixels that are decoded.
    """

    data: bytes
    parameter: str
    engine: str
    max_pixels: int

    def unusable(self, reason: str) -> CreativeError:
        """The error for a file that cannot be used (not raised)."""
        if self.parameter:
            came = Said(f"a file that cannot be used: {reason}")
            return InvalidInput(self.parameter, came, _ALLOWED)
        return AnswerInvalid(self.engine, f"of its picture, {reason}")

    def header(self) -> picture.Header:
        """The header of a whole picture, checked before any memory is taken for its pixels.

        Raises:
            InvalidInput, AnswerInvalid: it is no whole picture.
            TooLarge: it has more than `max_pixels`.
        """
        what = self.parameter or f"The picture of {self.engine}"
        try:
            header = picture.inspect(self.data, what)
        except picture.NotAPicture as error:
            raise self.unusable(error.reason) from None
        pixels = header.width * header.height
        if pixels > self.max_pixels:
            raise TooLarge(
                what,
                f"{header.width}x{header.height} pixels ({pixels / 1e6:.1f} megapixels)",
                f"{self.max_pixels / 1e6:g} megapixels",
                "Use a smaller picture.",
            )
        return header


def decode(
    source: Source, at_least: tuple[int, int] | None = None
) -> tuple[Image.Image, list[str]]:
    """The pixels, upright and in sRGB: RGBA if any is transparent, else RGB; and notes.

    Args:
        source: the file.
        at_least: a JPEG that is much larger may be decoded smaller, never under twice this.

    Raises:
        InvalidInput, AnswerInvalid, TooLarge: as `Source.header`, or undecodable data.
    """
    import warnings

    from PIL import Image, ImageFile

    source.header()
    turned = picture.orientation(source.data)
    # Without metadata: an oversized or broken text must not spoil good pixels.
    clean = picture.with_infotext(source.data, None)
    # Pillow's own guards stay, as the second line.
    Image.MAX_IMAGE_PIXELS = source.max_pixels
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    notes = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(
                io.BytesIO(clean), formats=("PNG", "JPEG", "WEBP", "GIF")
            )
            if at_least is not None:
                most = _DRAFT_FACTOR * max(at_least)
                image.draft(None, (most, most))
            if getattr(image, "is_animated", False):
                notes.append("only the first picture of an animation is used")
            image.load()
    except (*DECODING_ERRORS, Image.DecompressionBombError) as error:
        raise source.unusable(f"it cannot be decoded ({error})") from None
    profile = image.info.get("icc_profile")
    flat, alpha = _eight_bit(image)
    colour, used = _srgb(flat, profile)
    if not used:
        notes.append("an unusable colour profile was ignored")
    if alpha is not None and alpha.getextrema() != (255, 255):
        colour.putalpha(alpha)
    if turned != 1:
        colour = colour.transpose(getattr(Image.Transpose, _TURNS[turned]))
    colour.info = {}
    return colour, notes


def as_mask(image: Image.Image) -> Image.Image:
    """A decoded mask as greys in which white is repainted (see `finish.prepare_picture`)."""
    from PIL import Image

    if image.mode != "RGBA":
        return image.convert("L")
    alpha = image.getchannel("A")
    visible = alpha.point([255 * (level >= 128) for level in range(256)])
    spreads = [_spread(band.histogram(visible)) for band in image.split()[:3]]
    if max(spreads) <= _ONE_COLOUR_SPREAD:
        return alpha
    black = Image.new("RGB", image.size)
    black.paste(image, mask=alpha)
    return black.convert("L")


def _eight_bit(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """L, RGB or CMYK with 8 bits per channel, and the alpha channel if there is one."""
    import numpy
    from PIL import Image

    clear = image.info.get("transparency")
    if image.mode.startswith("I"):  # 16-bit greys; Pillow would clip instead of scaling
        values = numpy.asarray(image)
        greys = Image.fromarray((values.clip(0, 0xFFFF) >> 8).astype(numpy.uint8))
        if not isinstance(clear, int):
            return greys, None
        return greys, Image.fromarray(numpy.where(values == clear, 0, 255).astype(numpy.uint8))
    if image.mode in ("L", "RGB", "CMYK"):
        if clear is None:
            return image, None
        image = image.convert("RGBA")
    elif image.mode not in ("RGBA", "LA"):
        image = image.convert("RGBA" if clear is not None or image.mode == "PA" else "RGB")
    if image.mode == "RGB":
        return image, None
    bands = image.split()
    colour = Image.merge("RGB", bands[:3]) if len(bands) == 4 else bands[0]
    return colour, bands[-1]


def _srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bool]:
    """`image` as RGB in sRGB, and whether its profile, if any, could be used."""
    if not profile:
        return image.convert("RGB"), True
    from PIL import ImageCms

    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "RGB" and "srgb" in ImageCms.getProfileDescription(own).lower():
            return image, True
        standard = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, own, standard, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image.convert("RGB"), False
    return converted or image.convert("RGB"), True


def _spread(histogram: list[int]) -> int:
    """How far apart the darkest and the lightest level are that occur."""
    levels = [level for level, count in enumerate(histogram) if count]
    return levels[-1] - levels[0] if levels else 0


_ONE_COLOUR_SPREAD = 16
"""Levels by which one colour may vary: saving as WebP does that."""
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
# What Pillow's readers raise on damaged data.
DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    OverflowError,
    RuntimeError,
    RuntimeWarning,
    struct.error,
    zlib.error,
)
