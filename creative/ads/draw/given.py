"""The files that a picture is made with, safely read: a ground and a logo."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy
from PIL import Image

from creative.ads.draw.colour import Rgb
from creative.ads.draw.crop import focus
from creative.images.decode import DEFAULT_MAX_PIXELS, Source, decode
from creative.images.encode import WHITE, flattened

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FINER = 1.5
"""A ground is kept so many times larger than the largest picture: room for cutting."""
_LOGO_SIDE = 900
_SAME = 12
"""Levels by which the edge of a logo on a plain ground may vary."""


class Logo(NamedTuple):
    """A logo without empty edges.

    Attributes:
        image: mode RGBA.
        ground: the plain colour that it stands on; None if it is transparent.
    """

    image: Image.Image
    ground: Rgb | None


class Given(NamedTuple):
    """What one or several pictures are made with.

    Attributes:
        picture: the ground, mode RGB; None for a generated one.
        seen: see `crop.focus`; empty without a picture.
        logo: None without one.
    """

    picture: Image.Image | None
    seen: NDArray[numpy.float32]
    logo: Logo | None

    @property
    def logo_ratio(self) -> float:
        """Width by height of the logo; 0 without one."""
        return self.logo.image.width / self.logo.image.height if self.logo else 0.0


def read(background: bytes, kind: str, logo: bytes, largest: tuple[int, int]) -> Given:
    """Decode what is given.

    Args:
        background: a picture file, or nothing.
        kind: "engine", "source" or "layout": whose it is, for errors.
        logo: a picture file, or nothing.
        largest: width and height of the largest picture, pixels.

    Raises:
        InvalidInput: a user's file is no whole picture.
        AnswerInvalid: an engine's is none.
        TooLarge: more pixels than are decoded.
    """
    picture, seen = None, numpy.zeros((1, 1), numpy.float32)
    if background:
        own = "" if kind == "engine" else "source_image"
        source = Source(background, own, "the image server", DEFAULT_MAX_PIXELS)
        decoded, _notes = decode(source, at_least=largest)
        picture = flattened(decoded, WHITE) if decoded.mode == "RGBA" else decoded
        scale = _FINER * max(largest[0] / picture.width, largest[1] / picture.height)
        if scale < 1:
            size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
            picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
        seen = focus(picture)
    return Given(picture, seen, _logo(logo) if logo else None)


def _logo(data: bytes) -> Logo | None:
    """The logo without empty edges; None if it is nothing but empty."""
    image, _notes = decode(Source(data, "logo", "", DEFAULT_MAX_PIXELS), (_LOGO_SIDE, _LOGO_SIDE))
    image.thumbnail((_LOGO_SIDE, _LOGO_SIDE), Image.Resampling.LANCZOS)
    if image.mode == "RGBA":
        box = image.getchannel("A").point([255 * (level > 8) for level in range(256)]).getbbox()
        return Logo(image.crop(box), None) if box else None
    pixels = numpy.asarray(image, numpy.int16)
    edge = numpy.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    plain = numpy.median(edge, axis=0)
    if float(numpy.percentile(numpy.abs(edge - plain).max(1), 95)) > _SAME:
        return Logo(image.convert("RGBA"), None)
    differs = numpy.abs(pixels - plain).max(2) > _SAME
    rows, columns = numpy.flatnonzero(differs.any(1)), numpy.flatnonzero(differs.any(0))
    if not rows.size:
        return None
    inner = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    colour = (int(plain[0]), int(plain[1]), int(plain[2]))
    return Logo(image.crop(inner).convert("RGBA"), colour)
