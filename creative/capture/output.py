"""The file that the picture becomes."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from creative.capture import paper
from creative.capture.cdp import Refused
from creative.capture.frame import MAX_PIXELS, MOST_ROWS, Shot, check_pixels
from creative.capture.page import Page
from creative.capture.request import Picture, ScreenshotRequest, filename
from creative.errors import AnswerInvalid, TooLarge

if TYPE_CHECKING:
    from creative.images.picture import Header

DEFAULT_QUALITY = 90
MAX_FILE_BYTES = 30 * 1024 * 1024
"""Dify refuses larger files."""
TEXTURE_ROWS = 16_384
"""Highest picture that Chromium takes at once: the largest texture of most graphics cards, below
which it repeats or blanks what it cannot hold. Higher ones are put together from strips."""
STRIP_ROWS = 8192
"""Of a picture that is put together, pixels: 40 MB in the browser at 1280 across."""

MOST_OFF = 0.51
"""Pixels by which a side may differ from width x scale: the next whole number."""

_CHUNK = 1 << 20
"""Of a PDF, bytes read at a time."""

_WHITE = {"jpeg": "a JPEG has no transparency: it is white behind the page"}
_CLEAR = {"color": {"r": 0, "g": 0, "b": 0, "a": 0}}
_GROUND = {"color": {"r": 255, "g": 255, "b": 255, "a": 1}}


def notes(request: ScreenshotRequest) -> tuple[str, ...]:
    """What the file cannot be, though it was asked for."""
    if request.transparent and request.format in _WHITE:
        return (f"transparent: {_WHITE[request.format]}",)
    return ()


def pictures(page: Page, shots: Iterable[Shot], final_url: str, title: str) -> tuple[Picture, ...]:
    """Photograph parts of a page, or print it.

    Raises:
        AnswerInvalid: the browser's picture has another size than asked for.
        TooLarge: a file over MAX_FILE_BYTES.
    """
    request = page.request
    if request.format == "pdf":
        return (_pdf(page, final_url, title),)
    if request.transparent:
        ground = _GROUND if request.format in _WHITE else _CLEAR
        page.call("Emulation.setDefaultBackgroundColorOverride", ground, "clearing the background")
    found: list[Picture] = []
    for shot in shots:
        found.append(_picture(page, shot, final_url, title, len(found) + 1))
    return tuple(found)


def _pdf(page: Page, final_url: str, title: str) -> Picture:
    data, width, height = _printed(page, MAX_FILE_BYTES)
    return Picture(
        data=data,
        media_type="application/pdf",
        width=width,
        height=height,
        filename=filename(final_url, title, width, height, "pdf"),
    )


def _printed(page: Page, most: int) -> tuple[bytes, int, int]:
    """The page as a PDF, and the width and height of its paper in points.

    Args:
        page: loaded.
        most: most bytes.

    Raises:
        TooLarge: more than `most` bytes; no more are read.
        AnswerInvalid: what the browser gave is no PDF.
    """
    request = page.request
    sheet = paper.sheet(request.paper, request.margins, landscape=request.landscape)
    top, right, bottom, left = sheet.margins
    answer = page.call(
        "Page.printToPDF",
        {
            "paperWidth": sheet.width,
            "paperHeight": sheet.height,
            "marginTop": top,
            "marginRight": right,
            "marginBottom": bottom,
            "marginLeft": left,
            "scale": request.scale or 1.0,
            "printBackground": True,
            "transferMode": "ReturnAsStream",
        },
        "printing the page",
    )
    data = _streamed(page, str(answer["stream"]), most)
    if not data.startswith(b"%PDF-") or b"%%EOF" not in data[-1024:]:
        raise AnswerInvalid("The browser", "its PDF is not whole", "Try again.")
    return data, round(sheet.width * paper.POINTS), round(sheet.height * paper.POINTS)


def _streamed(page: Page, handle: str, most: int) -> bytes:
    data = bytearray()
    try:
        while True:
            part: dict[str, Any] = page.call(
                "IO.read", {"handle": handle, "size": _CHUNK}, "reading the PDF"
            )
            text = part.get("data", "")
            data += base64.b64decode(text) if part.get("base64Encoded") else text.encode("latin-1")
            if len(data) > most:
                raise TooLarge(
                    "The PDF",
                    f"over {most / 2**20:.0f} MB",
                    f"{most / 2**20:.0f} MB",
                    "Photograph a part of the page, or hide its large images with hide.",
                )
            if part.get("eof"):
                return bytes(data)
    finally:
        page.send("IO.close", {"handle": handle})


def _picture(page: Page, shot: Shot, final_url: str, title: str, number: int) -> Picture:
    request = page.request
    resized = request.resize_width is not None or request.resize_height is not None
    # What is resized loses quality once, not twice.
    image_format = "png" if resized else request.format
    data = _taken(page, shot, image_format)
    head = _header(data)
    wanted = (shot.columns, shot.rows)
    # Exact, but for half a pixel that floating point may round either way.
    across, down = shot.width * shot.zoom * shot.scale, shot.height * shot.zoom * shot.scale
    off = max(abs(head.width - across), abs(head.height - down))
    if head.format != image_format or off > MOST_OFF:
        raise AnswerInvalid(
            "The browser",
            f"its picture is a {head.format} of {head.width} x {head.height} pixels instead of a "
            f"{image_format} of {wanted[0]} x {wanted[1]}",
            "Try again with a smaller width or height.",
        )
    if resized:
        data = _resized(page, data, (head.width, head.height))
        head = _header(data)
    if len(data) > MAX_FILE_BYTES:
        raise _too_large(len(data), request.format)
    ending = head.extension.lstrip(".")
    name = filename(final_url, title, head.width, head.height, ending)
    if number > 1:
        name = f"{name.removesuffix(head.extension)}_{number}{head.extension}"
    return Picture(
        data=data, media_type=head.mime_type, width=head.width, height=head.height, filename=name
    )


def _taken(page: Page, shot: Shot, image_format: str) -> bytes:
    """The picture of a part of the page, as the browser makes it."""
    if shot.rows > TEXTURE_ROWS:
        return _stitched(page, shot, image_format)
    data = _shoot(page, shot, image_format, fast=True)
    if image_format == "png" and len(data) > MAX_FILE_BYTES:
        # Three times as long to pack, and a third smaller.
        data = _shoot(page, shot, image_format, fast=False)
    return data


def _shoot(page: Page, shot: Shot, image_format: str, *, fast: bool) -> bytes:
    params: dict[str, Any] = {"format": image_format}
    if image_format == "png":
        # Measured (2026-11, Chromium 156, 1280 x 800 of gradients and text): 150 instead of
        # 430 ms, 1.5 instead of 0.9 MB. Other formats are the same either way.
        params["optimizeForSpeed"] = fast
    else:
        params["quality"] = page.request.quality or DEFAULT_QUALITY
    if not shot.whole:
        params["captureBeyondViewport"] = shot.beyond
        params["clip"] = {
            "x": shot.x,
            "y": shot.y,
            "width": shot.width,
            "height": shot.height,
            "scale": shot.zoom,
        }
    try:
        answer = page.call("Page.captureScreenshot", params, "taking the picture")
    except Refused as error:
        if "Unable to capture" not in error.message:
            raise
        # On a busy machine the browser may have no frame to copy yet.
        answer = page.call("Page.captureScreenshot", params, "taking the picture")
    return base64.b64decode(answer["data"])


def _stitched(page: Page, shot: Shot, image_format: str) -> bytes:
    """A picture that is too high for the browser to take at once."""
    from creative.images.finishing import pictures as worker

    strips = [_shoot(page, part, "png", fast=True) for part in shot.parts(STRIP_ROWS)]
    done: bytes = worker.call(
        "creative.capture.stitch:stitch",
        {
            "strips": strips,
            "format": image_format,
            "quality": page.request.quality or DEFAULT_QUALITY,
            "max_bytes": MAX_FILE_BYTES,
        },
        page.deadline,
    )
    return done


def _resized(page: Page, data: bytes, size: tuple[int, int]) -> bytes:
    from creative.images.finishing import pictures as worker

    request = page.request
    width, height = resized_size(size, request.resize_width, request.resize_height)
    check_pixels(width, height, "The resized picture")
    if max(width, height) > MOST_ROWS[request.format]:
        raise TooLarge(
            "The resized picture",
            f"{width} x {height} pixels",
            f"{MOST_ROWS[request.format]} pixels a side for {request.format}",
            "Set format to png, max_height, or both resize_width and resize_height.",
        )
    answer: dict[str, Any] = worker.call(
        "creative.images.finish:fit_picture",
        {
            "data": data,
            "width": width,
            "height": height,
            "fit": "cover",
            # Of a page that is cut, the top is what people know it by.
            "focus": (0.5, 0.0),
            "format": request.format,
            "quality": None if request.format == "png" else request.quality or DEFAULT_QUALITY,
            "max_bytes": MAX_FILE_BYTES,
            "max_pixels": MAX_PIXELS,
            "engine": "the browser",
        },
        page.deadline,
    )
    return bytes(answer["data"])


def resized_size(size: tuple[int, int], width: int | None, height: int | None) -> tuple[int, int]:
    """The size of a resized picture: as asked; of one side alone, the ratio stays.

    >>> resized_size((1280, 800), 640, None), resized_size((1280, 800), None, 100)
    ((640, 400), (160, 100))
    """
    across, down = size
    return (
        width or max(1, round(across * (height or down) / down)),
        height or max(1, round(down * (width or across) / across)),
    )


def _header(data: bytes) -> Header:
    from creative.images.picture import NotAPicture, inspect

    try:
        return inspect(data, "the browser's picture")
    except NotAPicture as error:
        raise AnswerInvalid("The browser", f"its picture is none: {error}", "Try again.") from None


def _too_large(size: int, image_format: str) -> TooLarge:
    hint = (
        "Set format to jpeg or webp, or choose a smaller part or scale."
        if image_format == "png"
        else "Choose a lower quality, a smaller part or a smaller scale."
    )
    return TooLarge(
        f"The picture as {image_format}",
        f"{size / 2**20:.1f} MB",
        f"{MAX_FILE_BYTES / 2**20:.0f} MB",
        hint,
    )
