"""Jobs of the pictures' child process: decode, bring to size, encode.

Run them through `creative.worker.Worker("pictures")` as "creative.images.finish:fit_picture"
and so on: decoding and encoding would stop the plugin's loop. Payloads and answers are plain
dicts, their keys below.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, NotRequired, TypedDict

from creative.errors import InvalidInput
from creative.images import picture
from creative.images.decode import (
    DEFAULT_MAX_PIXELS,
    ENGINE_MAX_PIXELS,
    Said,
    Source,
    as_mask,
    decode,
)
from creative.images.encode import WHITE, encode, flattened, png
from creative.images.frame import Frame, frame

if TYPE_CHECKING:
    from PIL import Image

Progress = Callable[[float, str], None]
Background = str | tuple[int, int, int]

DEFAULT_MAX_BYTES = 30 * 1024 * 1024
"""Dify refuses larger files."""
THUMBNAIL_BYTES = 40_000
THUMBNAIL_SIDE = 256

_BACKDROP_SIDE = 96
_BACKDROP_BLUR = 4


class FitPayload(TypedDict):
    """What `fit_picture` takes.

    Attributes:
        data: the picture's file.
        width, height: of the result, in pixels.
        fit: "cover", "contain" or "stretch", see `creative.images.frame`.
        focus: point (x, y) from 0 (left, top) to 1 that stays when cropping.
        background: around a contained picture: "blur" (a blurred copy of it), "transparent",
            or (red, green, blue) from 0 to 255, which also fills its transparent parts.
        format: "auto" (as it came, PNG for GIF), "png", "jpeg" or "webp".
        quality: 1 to 100, or None for the highest that fits `max_bytes`.
        infotext: generation parameters to write; None for a file without metadata.
        max_bytes: most bytes of the file.
        parameter: set if the picture is the user's: the parameter that errors name.
        engine: who made the picture, for errors.
        max_pixels: most pixels that are decoded.
    """

    data: bytes
    width: int
    height: int
    fit: str
    focus: NotRequired[tuple[float, float]]
    background: NotRequired[Background]
    format: NotRequired[str]
    quality: NotRequired[int | None]
    infotext: NotRequired[str | None]
    max_bytes: NotRequired[int]
    parameter: NotRequired[str]
    engine: NotRequired[str]
    max_pixels: NotRequired[int]


class FitAnswer(TypedDict):
    """What `fit_picture` gives; `note` says what nobody asked for, "" if nothing."""

    data: bytes
    format: str
    width: int
    height: int
    note: str


class PreparePayload(TypedDict):
    """What `prepare_picture` takes; see `FitPayload`.

    Attributes:
        what: the picture's parameter, for errors and notes.
        mask: the mask's file, if there is one.
        mask_what: the mask's parameter.
        max_pixels: of either picture, as it came.
    """

    data: bytes
    what: str
    width: int
    height: int
    fit: str
    focus: NotRequired[tuple[float, float]]
    background: NotRequired[Background]
    mask: NotRequired[bytes | None]
    mask_what: NotRequired[str]
    max_pixels: NotRequired[int]


class PrepareAnswer(TypedDict):
    """What `prepare_picture` gives: PNG files, the mask's in greys (white is repainted)."""

    data: bytes
    width: int
    height: int
    mask: bytes | None
    notes: list[str]


class ThumbnailPayload(TypedDict):
    """What `thumbnail` takes: a picture's file, and the longest side in pixels."""

    data: bytes
    side: NotRequired[int]


def ready(payload: object, progress: Progress) -> bool:
    """Import what the other jobs need, so that the first one does not wait for it."""
    import numpy  # noqa: F401
    from PIL import Image, ImageCms, ImageFilter  # noqa: F401

    Image.init()
    return True


def fit_picture(payload: FitPayload, progress: Progress) -> FitAnswer:
    """Bring a picture to exactly `width` x `height` pixels.

    A picture that has that size and format already is not decoded: only its metadata changes.

    Raises:
        AnswerInvalid: an engine's picture cannot be decoded.
        InvalidInput: a user's cannot, or fit, format or background are unknown.
        TooLarge: too many pixels to decode, or the file does not fit `max_bytes`.
    """
    parameter = payload.get("parameter", "")
    most = payload.get("max_pixels") or (DEFAULT_MAX_PIXELS if parameter else ENGINE_MAX_PIXELS)
    engine = payload.get("engine", "the image server")
    source = Source(payload["data"], parameter, engine, most)
    asked = _one_of("format", payload.get("format", "auto"), ("auto", "png", "jpeg", "webp"))
    background = _background(payload.get("background", "blur"))
    infotext = payload.get("infotext")
    max_bytes = payload.get("max_bytes") or DEFAULT_MAX_BYTES
    width, height = payload["width"], payload["height"]

    header = source.header()
    own = "png" if header.format == "gif" else header.format
    wanted = own if asked == "auto" else asked
    contained = _fit(payload) == "contain"
    if _is_done(payload, header, wanted, background):
        same = picture.with_infotext(source.data, infotext)
        if len(same) <= max_bytes:
            return FitAnswer(data=same, format=wanted, width=width, height=height, note="")

    image, notes = decode(source, at_least=(width, height))
    made = _frame(payload, image.size)
    image = _placed(image, made, (width, height), background if contained else None)
    if asked == "auto" and wanted == "jpeg" and image.mode == "RGBA":
        wanted = "png"
        notes.append("saved as PNG, since JPEG has no transparency")
    done = encode(
        image,
        wanted,
        payload.get("quality"),
        infotext,
        source.data,
        max_bytes,
        may_change=asked == "auto",
    )
    notes += [done.note] if done.note else []
    return FitAnswer(
        data=done.data, format=done.format, width=width, height=height, note="; ".join(notes)
    )


def prepare_picture(payload: PreparePayload, progress: Progress) -> PrepareAnswer:
    """A user's picture, and its mask, as an image-to-image engine takes them.

    The picture becomes RGB; what is transparent in the end becomes white.

    A mask is greys in which white is repainted, black stays and grey is in between, as
    AUTOMATIC1111 has it. A mask with real transparency and only one colour is its alpha
    channel (opaque is repainted); with several colours, what is transparent counts as black.
    A mask of another size is first scaled to the picture's, then both are fitted alike; what
    `contain` adds around the picture is not repainted.

    Raises:
        InvalidInput: a file that is no whole picture (the parameter is named), a mask without
            any white inside the picture, unknown fit or background.
        TooLarge: more than `max_pixels`.
    """
    from PIL import Image

    most = payload.get("max_pixels") or DEFAULT_MAX_PIXELS
    target = (payload["width"], payload["height"])
    what, mask_what = payload["what"], payload.get("mask_what", "mask")
    mask_data = payload.get("mask")
    background = _background(payload.get("background", "blur"))
    source = Source(payload["data"], what, "", most)
    mask_source = Source(mask_data, mask_what, "", most) if mask_data is not None else None
    source.header()
    if mask_source is not None:
        mask_source.header()

    image, notes = decode(source)
    size = image.size
    notes = [f"{what}: {note}" for note in notes]
    made = _frame(payload, size)
    image = _placed(image, made, target, background if payload["fit"] == "contain" else None)
    if image.mode == "RGBA":
        image = flattened(image, WHITE)
        notes.append(f"{what}: transparent parts became white")
    mask_file = None
    if mask_source is not None:
        progress(0.5, f"{what} is prepared")
        mask = as_mask(decode(mask_source)[0])
        if mask.size != size:
            came, wanted = (f"{w}x{h}" for w, h in (mask.size, size))
            notes.append(f"{mask_what}: {came} was scaled to the {wanted} of {what}")
            mask = mask.resize(size, _lanczos())
        ground = Image.new("L", target)
        ground.paste(_drawn(mask, made), made.at)
        if ground.getextrema() == (0, 0):
            raise InvalidInput(
                mask_what,
                Said("a mask that is black all over the picture"),
                "a picture in which white marks what is to be repainted",
            )
        mask_file = png(ground)
    return PrepareAnswer(
        data=png(image), width=target[0], height=target[1], mask=mask_file, notes=notes
    )


def thumbnail(payload: ThumbnailPayload, progress: Progress) -> bytes:
    """A preview: JPEG of at most `side` pixels per side and 40 KB.

    Raises:
        AnswerInvalid: the picture cannot be decoded.
    """
    side = payload.get("side") or THUMBNAIL_SIDE
    source = Source(payload["data"], "", "the image server", ENGINE_MAX_PIXELS)
    image, _ = decode(source, at_least=(side, side))
    if image.mode == "RGBA":
        image = flattened(image, WHITE)
    while True:
        image.thumbnail((side, side), _lanczos())
        for quality in (80, 60, 40):
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=quality)
            if buffer.tell() <= THUMBNAIL_BYTES:
                return buffer.getvalue()
        side = max(image.size) * 3 // 4


def _one_of(parameter: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise InvalidInput(parameter, value, " or ".join(allowed))
    return value


def _background(value: Background) -> Background:
    return (
        value if isinstance(value, tuple) else _one_of("background", value, ("blur", "transparent"))
    )


def _fit(payload: FitPayload | PreparePayload) -> str:
    return _one_of("fit", payload["fit"], ("cover", "contain", "stretch"))


def _frame(payload: FitPayload | PreparePayload, size: tuple[int, int]) -> Frame:
    target = (payload["width"], payload["height"])
    return frame(size, target, _fit(payload), payload.get("focus") or (0.5, 0.5))


def _lanczos() -> Image.Resampling:
    from PIL import Image

    return Image.Resampling.LANCZOS


def _is_done(
    payload: FitPayload, header: picture.Header, wanted: str, background: Background
) -> bool:
    """Whether the file itself is what is asked for, apart from its metadata."""
    filled = payload["fit"] == "contain" and header.has_alpha and isinstance(background, tuple)
    return (
        (header.width, header.height) == (payload["width"], payload["height"])
        and header.format == wanted
        and (payload.get("quality") is None or wanted == "png")
        and not filled
        and picture.orientation(payload["data"]) == 1
    )


def _drawn(image: Image.Image, made: Frame) -> Image.Image:
    """The used part of `image` in the size of its frame."""
    left, top, right, bottom = made.box
    if (right - left, bottom - top) == made.size:
        # Half a pixel at both ends may round to different sides: the size must not depend on it.
        x, y = round(left), round(top)
        return image.crop((x, y, x + made.size[0], y + made.size[1]))
    # Pillow multiplies by alpha before it scales: nothing shines out of transparent parts.
    return image.resize(made.size, _lanczos(), box=made.box, reducing_gap=3.0)


def _placed(
    image: Image.Image, made: Frame, target: tuple[int, int], background: Background | None
) -> Image.Image:
    """`image` in its frame, on the background; None where the frame leaves nothing open.

    A colour also fills what is transparent inside the picture; a blurred copy does not.
    """
    from PIL import Image

    drawn = _drawn(image, made)
    if isinstance(background, tuple):
        ground = Image.new("RGB", target, background)
        ground.paste(drawn, made.at, drawn if drawn.mode == "RGBA" else None)
        return ground
    if background is None or made.size == target:
        return drawn
    clear = background == "transparent"
    ground = Image.new("RGBA", target) if clear else _backdrop(image, target)
    ground.paste(drawn, made.at)
    return ground


def _backdrop(image: Image.Image, target: tuple[int, int]) -> Image.Image:
    """A blurred copy of `image` that fills `target`; made small, since blur hides that."""
    from PIL import Image, ImageFilter

    scale = min(1.0, _BACKDROP_SIDE / max(target))
    width, height = (max(1, round(side * scale)) for side in target)
    small = _drawn(image, frame(image.size, (width, height), "cover", (0.5, 0.5)))
    working = "RGBa" if image.mode == "RGBA" else image.mode
    soft = small.convert(working).filter(ImageFilter.GaussianBlur(_BACKDROP_BLUR))
    return soft.resize(target, Image.Resampling.BICUBIC).convert(image.mode)
