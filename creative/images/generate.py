"""The verb behind text_to_image and image_to_image: from a request to finished files."""

from __future__ import annotations

import secrets
import time

from creative.deadline import Deadline
from creative.errors import InvalidInput
from creative.images.engines import choose, open_engine
from creative.images.engines.base import Engine, Survey, Task
from creative.images.finishing import (
    Finishing,
    InputPicture,
    check_sides,
    finish,
    off_plan,
    prepare,
    read_input,
    thumbnail,
    warm_up,
)
from creative.images.job import Job, encode
from creative.images.plan import Plan, plan
from creative.images.request import MAX_SEED, DrawRequest
from creative.images.result import Generated
from creative.images.size import Size
from creative.settings import Settings
from creative.steps import Phase, Steps


def generate(
    request: DrawRequest, settings: Settings, deadline: Deadline, steps: Steps
) -> Generated:
    """Draw pictures of exactly the asked size.

    Args:
        request: what to draw.
        settings: which engines are configured.
        deadline: the call's clock.
        steps: told what happens.

    Raises:
        CreativeError: any of the tree; nothing is drawn when the request is at fault.
    """
    began = time.monotonic()
    if request.previews:
        steps.thumbnail = thumbnail
    with open_engine(choose(request.engine, settings), settings, deadline) as engine:
        ready = _ready(engine, request, deadline, steps)
        where = f"{_named(ready.survey.model)} on {ready.survey.server}"
        size = f"{ready.plan.draw_width}x{ready.plan.draw_height}"
        until = 55 if ready.upscaler else 70
        with steps.step(Phase.AI_CALL, f"Drawing {size} with {where}", until) as step:
            if not ready.plan.untouched:
                warm_up()
            drawn = engine.draw(ready.task, step)
            model = drawn.model or ready.survey.model
            step.spent(drawn.cost, model=model, pictures=len(drawn.pictures))
        finishing = Finishing(
            plan=ready.plan,
            placement=request.placement,
            title=request.prompt,
            upscaler=ready.upscaler,
            notes=(*ready.notes, *off_plan(drawn, ready.plan)),
            began=began,
        )
        return finish(drawn, finishing, engine, model, deadline, steps)


def submit(request: DrawRequest, settings: Settings, deadline: Deadline, steps: Steps) -> Generated:
    """Hand the job over and return at once; `collect` fetches the pictures in a later call.

    Raises:
        InvalidInput: this engine or server cannot keep a job (parameter mode).
        CreativeError: as `generate`.
    """
    began = time.monotonic()
    with open_engine(choose(request.engine, settings), settings, deadline) as engine:
        ready = _ready(engine, request, deadline, steps)
        with steps.step(Phase.AI_CALL, f"Submitting to {ready.survey.server}") as step:
            ticket = engine.submit(ready.task, step)
        job = Job(
            ticket=ticket,
            plan=ready.plan,
            placement=request.placement,
            upscaler=ready.upscaler,
            title=request.prompt[:200],
            notes=ready.notes,
            submitted=time.time(),
        )
        return Generated(
            status="running",
            job_id=encode(job),
            engine=engine.name,
            model=ticket.model or ready.survey.model,
            seeds=ticket.seeds or (ready.task.seed,),
            infotext=ticket.infotexts[0] if ticket.infotexts else "",
            width=ready.plan.width,
            height=ready.plan.height,
            plan=ready.plan,
            notes=(*ready.notes, *ready.plan.notes),
            elapsed_seconds=time.monotonic() - began,
        )


class _Ready:
    """Everything decided, nothing drawn."""

    def __init__(self, survey: Survey, plan: Plan, task: Task, notes: tuple[str, ...]) -> None:
        self.survey = survey
        self.plan = plan
        self.task = task
        self.notes = notes
        self.upscaler = survey.upscaler if plan.upscale else ""


def _ready(engine: Engine, request: DrawRequest, deadline: Deadline, steps: Steps) -> _Ready:
    source: InputPicture | None = None
    size = request.size
    with steps.step(Phase.INIT, "Looking at the request", until=4):
        if request.image is not None:
            source = read_input(request.image, "image")
            if size.exact is None:
                size = _size_from(size, source)
        if request.mask is not None:
            read_input(request.mask, "mask")
    with steps.step(Phase.INIT, f"Asking {engine.name}"):
        survey = engine.survey(request)
        planned = plan(
            size,
            survey.rule,
            request.placement.fit,
            request.highres,
            second_pass=survey.second_pass and request.image is None,
            upscaler=bool(survey.upscaler),
            redraw=request.redraw,
        )
        planned.check_file(request.placement)
    notes = [*request.notes, *survey.notes]
    init = mask = None
    if source is not None:
        with steps.step(Phase.PREP, "Preparing the image"):
            prepared = prepare(request, planned, deadline)
            init, mask = prepared.init, prepared.mask
            notes += prepared.notes
    seed = secrets.randbelow(MAX_SEED + 1) if request.seed is None else request.seed
    if seed + request.count - 1 > MAX_SEED:
        raise InvalidInput(
            "seed", seed, f"at most {MAX_SEED - request.count + 1} for {request.count} pictures"
        )
    task = Task(request=request, plan=planned, seed=seed, init=init, mask=mask)
    return _Ready(survey, planned, task, tuple(dict.fromkeys(notes)))


def _size_from(size: Size, source: InputPicture) -> Size:
    """The picture's own size, or its area in the wanted ratio."""
    if size.ratio is not None:
        return size
    check_sides(source.width, source.height, "image")
    return Size(width=source.width, height=source.height)


def _named(model: str) -> str:
    return model or "the loaded model"
