"""One picture from a service: sent, understood, brought to its exact size."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from creative.capture import access
from creative.capture.frame import check_pixels, pixels, viewport
from creative.capture.output import resized_size
from creative.capture.request import Picture, Screenshot, ScreenshotRequest, filename
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    EngineRejected,
    InvalidInput,
    NotConfigured,
)
from creative.http import MAX_BODY_BYTES, Reply, client, redact_text
from creative.settings import Settings

if TYPE_CHECKING:
    from creative.capture.services.base import Service

_HINT = (
    "Check the address, and screenshot_service_key and screenshot_service_secret in the "
    "plugin's authorization form; the service's own site shows the account's credits."
)
_PAPER = re.compile(rb"/MediaBox\s*\[\s*0\s+0\s+([\d.]+)\s+([\d.]+)\s*\]")


def photograph(
    service: Service,
    request: ScreenshotRequest,
    url: str,
    settings: Settings,
    deadline: Deadline,
) -> Screenshot:
    """Have a picture taken.

    Args:
        service: one of SERVICES.
        request: what to photograph.
        url: its checked address; empty for html and markdown.
        settings: address, key and secret of the service.
        deadline: of the call.

    Raises:
        NotConfigured: there is no key.
        InvalidInput: a wish that the service cannot fulfil (NotOffered), or a value it refuses.
        EngineRejected: the service says no, in its words; or the page's status is too high.
        EngineUnavailable, DeadlineExceeded: as `creative.http`.
        AnswerInvalid: what came is no picture, or has another shape than was asked for.
    """
    if not settings.screenshot_service_key:
        raise NotConfigured("screenshot_service_key", f"A screenshot by {service.name}")
    _check_address(settings.screenshot_service_url)
    doing = f"waiting for {service.name}"
    asked = service.ask(request, url, settings, deadline.timeout(doing))
    secrets = _secrets(request, settings)
    try:
        with client(service.name, deadline) as http:
            reply = http.request(
                asked.method, asked.address, allow_redirects=False, json=asked.body
            )
        _check(service, request, reply)
        return _screenshot(service, request, url, reply, deadline)
    except CreativeError as error:
        raise error.without(secrets) from None


def _check_address(address: str) -> None:
    if not address:
        return
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise InvalidInput("screenshot_service_url", "an address", "an http or https address")


def _secrets(request: ScreenshotRequest, settings: Settings) -> list[str]:
    own = [settings.screenshot_service_key, settings.screenshot_service_secret]
    given = {*filter(None, own), *access.secrets(request)}
    return sorted(given, key=len, reverse=True)


def _check(service: Service, request: ScreenshotRequest, reply: Reply) -> None:
    """Refuse an answer that is an error, whatever it looks like."""
    refused = service.refusal(reply)
    if refused is not None:
        said, status = refused
        raise EngineRejected(service.name, redact_text(said), status, _HINT)
    if not reply.body:
        raise AnswerInvalid(service.name, "it is empty", "Try again.")
    status = service.status(reply)
    if request.fail_on_status and status >= request.fail_on_status:
        raise EngineRejected(
            "The page",
            f"it answered {status}, as {service.name} tells.",
            status,
            "Check the address, or raise fail_on_status (0: no status fails).",
        )


def _screenshot(
    service: Service, request: ScreenshotRequest, url: str, reply: Reply, deadline: Deadline
) -> Screenshot:
    notes = [] if request.engine else [f"Taken by {service.name}: there is no browser here."]
    if service.status(reply) == 0 and url and request.fail_on_status:
        notes.append(f"{service.name} does not tell the page's HTTP status.")
    if request.format == "pdf":
        picture = _pdf(service, url, reply.body)
    else:
        picture, said = _picture(service, request, url, reply.body, deadline)
        notes += said
    return Screenshot(
        pictures=(picture,),
        notes=tuple(notes),
        engine=service.key,
        page=None,
        final_url=url,
        title="",
        status=service.status(reply),
        browser=service.name,
    )


def _pdf(service: Service, url: str, data: bytes) -> Picture:
    if not data.startswith(b"%PDF-"):
        raise AnswerInvalid(service.name, "it is no PDF")
    found = _PAPER.search(data)
    if found is None:
        raise AnswerInvalid(service.name, "its PDF names no size of a page")
    width, height = (round(float(points)) for points in found.groups())
    name = filename(url, "", width, height, "pdf")
    return Picture(
        data=data, media_type="application/pdf", width=width, height=height, filename=name
    )


def _picture(
    service: Service, request: ScreenshotRequest, url: str, data: bytes, deadline: Deadline
) -> tuple[Picture, list[str]]:
    from creative.images import picture as container

    try:
        header = container.inspect(data, service.name)
    except container.NotAPicture as error:
        raise AnswerInvalid(service.name, str(error), "Try again.") from None
    came = (header.width, header.height)
    expected, made = sizes(request, came)
    notes = []
    if came != expected:
        if not alike(came, expected):
            raise AnswerInvalid(
                service.name,
                f"its picture has {came[0]}x{came[1]} pixels instead of "
                f"{expected[0]}x{expected[1]}",
                "Choose a size that the service offers, or set engine to browser.",
            )
        notes.append(
            f"{service.name} gave {came[0]}x{came[1]} pixels; they were brought to "
            f"{expected[0]}x{expected[1]}."
        )
    if came != made or header.format != request.format:
        data = _fitted(service, request, data, made, deadline)
    kind = container.inspect(data, service.name)
    size = (kind.width, kind.height)
    name = filename(url, "", *size, kind.extension.lstrip("."))
    return Picture(
        data=data, media_type=kind.mime_type, width=size[0], height=size[1], filename=name
    ), notes


def sizes(
    request: ScreenshotRequest, came: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """What a service's picture should measure, and what the file is to measure, pixels.

    The height of a full page and the size of an element are the page's own: what came is
    right then, except for a full page's width.
    """
    view = viewport(request)
    width, height = pixels(view.width, view.scale), pixels(view.height, view.scale)
    if request.selector:
        expected = came
    elif request.clip is not None:
        expected = (pixels(request.clip[2], view.scale), pixels(request.clip[3], view.scale))
    elif request.full_page:
        expected = (width, round(came[1] * width / came[0]))
    else:
        expected = (width, height)
    wide, high = request.resize_width, request.resize_height
    if wide is None and high is None:
        return expected, expected
    return expected, resized_size(expected, wide, high)


def alike(came: tuple[int, int], expected: tuple[int, int]) -> bool:
    """Whether a picture shows what was asked for, only larger or smaller: the same shape, to
    two pixels in a thousand."""
    return abs(came[0] * expected[1] - came[1] * expected[0]) <= max(
        came[0] * expected[1] * 0.002, came[0], came[1]
    )


def _fitted(
    service: Service,
    request: ScreenshotRequest,
    data: bytes,
    made: tuple[int, int],
    deadline: Deadline,
) -> bytes:
    from creative.images.finishing import pictures

    check_pixels(*made)
    answer: dict[str, Any] = pictures.call(
        "creative.images.finish:fit_picture",
        {
            "data": data,
            "width": made[0],
            "height": made[1],
            "fit": "cover",
            "format": request.format,
            "quality": request.quality,
            "infotext": None,
            "max_bytes": MAX_BODY_BYTES,
            "engine": service.name,
        },
        deadline,
    )
    fitted: bytes = answer["data"]
    return fitted
