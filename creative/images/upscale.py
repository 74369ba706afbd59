"""The verb behind upscale_image: a picture made larger, exactly to the asked size."""

from __future__ import annotations

import time

from pydantic import BaseModel, ConfigDict, Field

from creative.deadline import Deadline
from creative.errors import InvalidInput
from creative.images import picture as container
from creative.images.engines import choose, open_engine
from creative.images.engines.base import Drawn, Raw
from creative.images.finishing import (
    Finishing,
    check_sides,
    covering,
    finish,
    finish_here,
    read_input,
    warm_up,
)
from creative.images.given import PlacementGiven
from creative.images.plan import Plan
from creative.images.request import Placement
from creative.images.result import Generated
from creative.images.size import Size, read_size
from creative.settings import Settings
from creative.steps import Phase, Steps

UPSCALERS = ("automatic1111", "comfyui", "runware")
"""Engines that have upscalers, in the order in which `auto` looks for a configured one."""
MAX_SCALE = 8.0
DEFAULT_SCALE = 2.0
LANCZOS = "lanczos"
"""The upscaler that needs no server: plain resampling in this plugin."""
NO_ENGINE = "none"
"""The engine of a picture that this plugin enlarged by itself."""


class UpscaleRequest(BaseModel):
    """A picture and the size it should have."""

    model_config = ConfigDict(frozen=True)

    image: bytes = Field(repr=False)
    scale: float | None = Field(None, description="factor, 1 to 8; None: the size, else 2")
    size: Size = Field(default_factory=Size)
    upscaler: str = Field("", description='name on the server, or "lanczos"; empty: its default')
    engine: str = "auto"
    placement: Placement = Field(default_factory=Placement)
    title: str = Field("", description="what the file is named after")


class UpscaleGiven(BaseModel):
    """The parameters of upscale_image; "" and None mean: not given."""

    model_config = ConfigDict(frozen=True)

    scale: float | None = None
    size: str = ""
    width: int | None = None
    height: int | None = None
    upscaler: str = ""
    engine: str = ""
    placement: PlacementGiven = Field(default_factory=PlacementGiven)
    title: str = ""

    def read(self, image: bytes) -> UpscaleRequest:
        """The request for this picture.

        Raises:
            InvalidInput: naming the parameter, what came and what is allowed.
        """
        source = read_input(image, "image")
        of_image = (source.width, source.height)
        return UpscaleRequest(
            image=image,
            scale=self.scale,
            size=read_size(self.size, self.width, self.height, of_image),
            upscaler=self.upscaler.strip(),
            engine=self.engine or "auto",
            placement=self.placement.read(),
            title=self.title,
        )


def way_of(made: Generated) -> str:
    """How an enlarged picture came about, in words.

    >>> plan = Plan(draw_width=64, draw_height=64, width=128, height=100)
    >>> way_of(Generated(engine="none", upscaler="lanczos", width=128, height=100, plan=plan))
    'from 64x64 to 128x100 with lanczos, cover'
    """
    plan = made.plan
    if plan is None:
        return ""
    way = f"from {plan.draw_width}x{plan.draw_height} to {plan.width}x{plan.height}"
    way += f" with {made.upscaler}" if made.upscaler else ""
    same_ratio = abs(plan.draw_width / plan.width - plan.draw_height / plan.height) < 0.01
    return way if same_ratio else f"{way}, {plan.fit.value}"


def scale_of(made: Generated) -> float:
    """How many times larger the picture became, by its longer way."""
    if made.plan is None:
        return 1.0
    return round(made.plan.enlargement, 3)


def upscale(
    request: UpscaleRequest, settings: Settings, deadline: Deadline, steps: Steps
) -> Generated:
    """Enlarge with an upscaler, then bring to exactly the asked size.

    Raises:
        InvalidInput: scale and size both given, a size out of range, an unknown upscaler.
        NotConfigured: an upscaler is wanted and no server is configured.
        CreativeError: any other of the tree.
    """
    began = time.monotonic()
    with steps.step(Phase.INIT, "Looking at the picture"):
        source = read_input(request.image, "image")
        width, height = _target(request, source.width, source.height)
    fit = request.placement.fit
    plan = Plan(
        draw_width=source.width, draw_height=source.height, width=width, height=height, fit=fit
    )
    plan.check_file(request.placement)
    how = Finishing(
        plan=plan, placement=request.placement, title=request.title or "upscaled", began=began
    )
    infotext = container.read_infotext(request.image)
    if request.upscaler.strip().lower() == LANCZOS:
        drawn = Drawn(pictures=(Raw(data=request.image, infotext=infotext),), cost=0.0)
        here = how.model_copy(update={"parameter": "image"})
        made = finish_here(drawn, here, NO_ENGINE, "", deadline, steps)
        return made.model_copy(update={"upscaler": LANCZOS})
    name = choose(
        request.engine,
        settings,
        UPSCALERS,
        "Enlarging with an upscaler",
        f' Or give upscaler "{LANCZOS}", which needs no server.',
    )
    with open_engine(name, settings, deadline) as engine:
        warm_up()
        wanted = covering(source.width, source.height, plan)
        label = f"Enlarging to {wanted[0]}x{wanted[1]} with {request.upscaler or 'an upscaler'}"
        with steps.step(Phase.AI_CALL, label) as step:
            enlarged = engine.enlarge(request.image, *wanted, request.upscaler, step)
            step.spent(enlarged.cost, model=enlarged.upscaler, pictures=1)
        drawn = Drawn(
            pictures=(Raw(data=enlarged.data, infotext=infotext),),
            cost=enlarged.cost,
            notes=enlarged.notes,
        )
        made = finish(drawn, how, engine, "", deadline, steps)
        return made.model_copy(update={"upscaler": enlarged.upscaler})


def _target(request: UpscaleRequest, width: int, height: int) -> tuple[int, int]:
    scale = request.scale
    if scale is not None and not 1 <= scale <= MAX_SCALE:
        raise InvalidInput("scale", scale, f"1 to {MAX_SCALE:g}")
    if request.size.exact is not None:
        if scale is not None:
            raise InvalidInput(
                "scale",
                f"{scale:g} beside a size",
                "either scale, or a size",
                "Leave scale empty, or leave size, width and height empty.",
            )
        return request.size.exact
    factor = DEFAULT_SCALE if scale is None else scale
    if request.size.ratio is not None:
        # The ratio of the picture is cut, not stretched: the longer way keeps its length.
        if request.size.ratio >= width / height:
            height = round(width / request.size.ratio)
        else:
            width = round(height * request.size.ratio)
    target = (round(width * factor), round(height * factor))
    check_sides(*target, "scale" if scale is not None else "image")
    return target
