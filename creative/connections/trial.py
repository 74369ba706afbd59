"""A picture of 64 x 64 from a connection: the only proof that it draws. It may cost money."""

from __future__ import annotations

from creative.connections.checks import Check
from creative.connections.model import TestPicture
from creative.deadline import Deadline
from creative.settings import Settings
from creative.steps import Steps

SIDE = 64
"""Pixels. An API that draws larger pictures only is asked for its smallest, which is reduced."""
_STEPS = 4
_OWN_SERVERS = frozenset({"automatic1111", "comfyui"})
_PAGE = (
    "<body style='margin:0;background:#0a7'>"
    "<div style='width:32px;height:32px;margin:16px;background:#fff'></div>"
)


def draw(check: Check, number: int, deadline: Deadline, steps: Steps) -> TestPicture:
    """The picture, in its own steps, which are told what it cost.

    Args:
        check: whose server draws.
        number: its number among the connections, for the name of the file.
        deadline: the call's clock.
        steps: told what happens.

    Raises:
        CreativeError: whatever kept it from drawing.
    """
    if check.engine in ("browser", "service"):
        return _photographed(check, number, deadline, steps)
    from creative.images import DrawRequest, generate
    from creative.images.request import Placement
    from creative.images.size import Size

    request = DrawRequest(
        prompt="a red circle on white",
        size=Size(width=SIDE, height=SIDE),
        # The asked size itself is drawn, whatever the model: what it shows does not matter.
        family="any" if check.engine in _OWN_SERVERS else "auto",
        steps=_STEPS if check.engine in _OWN_SERVERS else None,
        placement=Placement(image_format="png"),
        engine=check.engine,
    )
    picture = generate(request, check.alone, deadline, steps).pictures[0]
    return TestPicture(picture.data, picture.mime_type, _name(check, number, picture.filename))


def _photographed(check: Check, number: int, deadline: Deadline, steps: Steps) -> TestPicture:
    from creative.capture import ScreenshotRequest, screenshot

    engine = "browser" if check.engine == "browser" else check.alone.screenshot_service
    request = ScreenshotRequest.model_validate(
        {"html": _PAGE, "width": SIDE, "height": SIDE, "format": "png", "engine": engine}
    )
    picture = screenshot(request, check.alone, deadline, steps).pictures[0]
    return TestPicture(picture.data, picture.media_type, _name(check, number, picture.filename))


def _name(check: Check, number: int, filename: str) -> str:
    extension = filename.rpartition(".")[2]
    return f"test_{number}_{check.engine}.{extension}"


def here(settings: Settings) -> Settings:
    """Settings that let the browser on this machine take the picture."""
    return settings.model_copy(update={"browser_url": ""})
