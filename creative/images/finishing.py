"""From what an engine drew to finished files, and from a user's file to what an engine takes.

Bytes pass through untouched where nothing has to change. Everything that decodes pixels runs
in the worker process "pictures" (jobs in `creative.images.finish`).
"""

from __future__ import annotations

import math
import threading
import time
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    DeadlineExceeded,
    InvalidInput,
    TooLarge,
)
from creative.images import infotext as infotexts
from creative.images import picture as container
from creative.images.decode import Said
from creative.images.engines.base import Drawn, Engine, Raw
from creative.images.plan import MAX_FILE_BYTES, Plan
from creative.images.request import DrawRequest, Placement
from creative.images.result import Generated, Picture, picture_name
from creative.images.size import MAX_SIDE, MIN_SIDE
from creative.steps import Phase, Steps
from creative.worker import Worker

MAX_INPUT_PIXELS = 50_000_000
"""Largest picture that is taken in: decoded it needs four bytes per pixel, more than once."""
WARM_UP_SECONDS = 30.0
PREVIEW_SECONDS = 5.0

pictures = Worker("pictures")


class InputPicture(BaseModel):
    """What the first bytes of a user's picture tell."""

    model_config = ConfigDict(frozen=True)

    width: int = Field(description="pixels, as it is shown (EXIF orientation applied)")
    height: int = Field(description="pixels, as it is shown")


class Prepared(BaseModel):
    """A user's picture and mask, exactly as large as what will be drawn."""

    model_config = ConfigDict(frozen=True)

    init: bytes
    mask: bytes | None
    notes: tuple[str, ...]


class Finishing(BaseModel):
    """How drawn pictures become files."""

    model_config = ConfigDict(frozen=True)

    plan: Plan
    placement: Placement
    title: str = Field(description="what the files are named after")
    upscaler: str = Field("", description="enlarges before the last step; empty: none")
    parameter: str = Field("", description="set where the picture is a user's own")
    notes: tuple[str, ...] = ()
    began: float = Field(description="time.monotonic() at the start of the call")


def warm_up() -> None:
    """Start the worker while the engine draws, so that nobody waits for it afterwards."""

    def ready() -> None:
        clock = Deadline(WARM_UP_SECONDS, "the worker's start", "Try again.")
        try:
            pictures.call("creative.images.finish:ready", None, clock)
        except CreativeError:
            # The call that needs it meets the same fault and reports it.
            return

    threading.Thread(target=ready, name="warm-up", daemon=True).start()


def thumbnail(picture: bytes) -> bytes:
    """A small JPEG of a preview, or nothing: a preview is never worth a failed call."""
    clock = Deadline(PREVIEW_SECONDS, "a preview's limit", "Switch previews off.")
    try:
        small: bytes = pictures.call(
            "creative.images.finish:thumbnail", {"data": picture, "side": 256}, clock
        )
    except CreativeError:
        return b""
    return small


def read_input(data: bytes, parameter: str) -> InputPicture:
    """Look at a user's picture without decoding it.

    Raises:
        InvalidInput: it is no picture, or a broken one.
        TooLarge: over MAX_INPUT_PIXELS.
    """
    try:
        header = container.inspect(data, parameter)
    except container.NotAPicture as error:
        raise InvalidInput(
            parameter,
            Said(f"a file of {len(data)} bytes that cannot be used: {error.reason}"),
            "a whole PNG, JPEG, WebP or GIF picture",
        ) from None
    if header.width * header.height > MAX_INPUT_PIXELS:
        raise TooLarge(
            f"{parameter}: the picture",
            f"{header.width}x{header.height} pixels",
            f"{MAX_INPUT_PIXELS // 1_000_000} million pixels",
            "Give a smaller picture.",
        )
    # Orientations 5 to 8 lie on their side (EXIF 2.32, tag 0x0112).
    if container.orientation(data) >= 5:
        return InputPicture(width=header.height, height=header.width)
    return InputPicture(width=header.width, height=header.height)


def prepare(request: DrawRequest, plan: Plan, deadline: Deadline) -> Prepared:
    """The request's image and mask at exactly the size that is drawn."""
    answer: dict[str, Any] = pictures.call(
        "creative.images.finish:prepare_picture",
        {
            "data": request.image,
            "what": "image",
            "mask": request.mask,
            "max_pixels": MAX_INPUT_PIXELS,
            "width": plan.draw_width,
            "height": plan.draw_height,
            "fit": request.placement.fit.value,
            "focus": request.placement.focus,
            "background": request.placement.background,
        },
        deadline,
    )
    return Prepared(init=answer["data"], mask=answer["mask"], notes=tuple(answer["notes"]))


def finish(
    drawn: Drawn, how: Finishing, engine: Engine, model: str, deadline: Deadline, steps: Steps
) -> Generated:
    """Files of exactly the planned size; an upscaler that fails is replaced, and that is noted.

    Raises:
        AnswerInvalid: what the engine gave is no picture.
        TooLarge: no format brings a picture under Dify's limit.
        DeadlineExceeded: says how many were finished.
    """
    if not how.upscaler:
        return finish_here(drawn, how, engine.name, model, deadline, steps)
    larger: list[Raw] = []
    cost, notes = drawn.cost, list(drawn.notes)
    with steps.step(Phase.AI_CALL, f"Enlarging with {how.upscaler}") as step:
        for raw in drawn.pictures:
            header = _header(raw.data, engine.name)
            wanted = covering(header.width, header.height, how.plan)
            try:
                enlarged = engine.enlarge(raw.data, *wanted, how.upscaler, step)
            except DeadlineExceeded:
                raise
            except CreativeError as error:
                # What was drawn has cost minutes or money: it is worth more than its detail.
                notes.append(_not_enlarged(how.upscaler, len(larger), error))
                break
            step.spent(enlarged.cost, model=enlarged.upscaler, pictures=1)
            larger.append(raw.model_copy(update={"data": enlarged.data}))
            cost = None if cost is None or enlarged.cost is None else cost + enlarged.cost
            notes += enlarged.notes
    if not larger:
        plan = how.plan.model_copy(update={"upscale": False})
        how = how.model_copy(update={"upscaler": "", "plan": plan})
    pictures = (*larger, *drawn.pictures[len(larger) :])
    grown = Drawn(pictures=pictures, model=drawn.model, cost=cost, notes=tuple(notes))
    return finish_here(grown, how, engine.name, model, deadline, steps)


def off_plan(drawn: Drawn, plan: Plan) -> list[str]:
    """A note if an engine drew another size than the plan asked for."""
    for raw in drawn.pictures:
        try:
            header = container.inspect(raw.data, "its picture")
        except container.NotAPicture:
            return []  # `finish` reports it
        if (header.width, header.height) != plan.drawn:
            return [
                f"size: the server drew {header.width}x{header.height} instead of the "
                "{}x{} it was asked for".format(*plan.drawn)
            ]
    return []


def _not_enlarged(upscaler: str, done: int, error: CreativeError) -> str:
    which = f"all pictures after the first {done} were" if done else "what was drawn was"
    return (
        f"upscaler: {upscaler} failed, so {which} enlarged by plain resampling instead "
        f"({error.message.rstrip('.')})"
    )


def finish_here(
    drawn: Drawn, how: Finishing, engine: str, model: str, deadline: Deadline, steps: Steps
) -> Generated:
    """As `finish`, without an engine: nothing is enlarged by one."""
    raws = [(raw, _header(raw.data, engine)) for raw in drawn.pictures]
    notes = [*how.notes, *how.plan.notes, *drawn.notes]
    files = []
    with steps.step(Phase.SAVE, f"Finishing {len(raws)} picture(s)") as step:
        for number, (raw, header) in enumerate(raws, 1):
            try:
                files.append(_file(raw, header, how, number, engine, deadline, notes))
            except DeadlineExceeded:
                reached = f"{len(files)} of {len(raws)} finished"
                raise deadline.error(f"finishing the pictures ({reached})") from None
            step.progress(number / len(raws))
    return Generated(
        pictures=tuple(files),
        engine=engine,
        model=model,
        upscaler=how.upscaler,
        seeds=tuple(file.seed for file in files if file.seed is not None),
        infotext=files[0].infotext,
        width=files[0].width,
        height=files[0].height,
        cost=drawn.cost,
        plan=how.plan,
        notes=tuple(dict.fromkeys(notes)),
        elapsed_seconds=time.monotonic() - how.began,
    )


def covering(width: int, height: int, plan: Plan) -> tuple[int, int]:
    """The size to which a drawn picture must grow so that only cutting is left."""
    across, down = plan.width / width, plan.height / height
    factor = min(across, down) if plan.fit.value == "contain" else max(across, down)
    return math.ceil(width * factor - 1e-6), math.ceil(height * factor - 1e-6)


def _header(data: bytes, engine: str) -> container.Header:
    try:
        return container.inspect(data, engine)
    except container.NotAPicture as error:
        raise AnswerInvalid(
            f"the engine {engine}",
            f"one of its pictures is none: {error}",
            "Look at the server's own log; a proxy on the way may have changed the answer.",
        ) from None


def _file(
    raw: Raw,
    header: container.Header,
    how: Finishing,
    number: int,
    engine: str,
    deadline: Deadline,
    notes: list[str],
) -> Picture:
    wanted = (how.plan.width, how.plan.height)
    infotext = raw.infotext
    # An upscaler may have given exactly the wanted size: it was not drawn like that either.
    drawn_so = how.plan.untouched and (header.width, header.height) == wanted
    # A placement also says how the picture to start from was prepared.
    if infotext and not (drawn_so and how.placement.fields() == Placement().fields()):
        finished = {"Output size": f"{wanted[0]}x{wanted[1]}", **how.placement.fields()}
        infotext = infotexts.compose(infotexts.parse(infotext).with_fields(finished))
    written = infotext if how.placement.metadata else None
    asked = how.placement.image_format
    same = (header.width, header.height) == wanted and asked in ("auto", header.format)
    if same and how.placement.quality is None and len(raw.data) <= MAX_FILE_BYTES:
        data = raw.data
        # Written already: the bytes stay as the server made them.
        if written is None or (written and container.read_infotext(data) != written):
            data = container.with_infotext(data, written)
        kind = header
    else:
        answer: dict[str, Any] = pictures.call(
            "creative.images.finish:fit_picture",
            {
                "data": raw.data,
                "width": wanted[0],
                "height": wanted[1],
                "fit": how.plan.fit.value,
                "focus": how.placement.focus,
                "background": how.placement.background,
                "format": asked,
                "quality": how.placement.quality,
                "infotext": written,
                "max_bytes": MAX_FILE_BYTES,
                "engine": engine,
                "parameter": how.parameter,
            },
            deadline,
        )
        data = answer["data"]
        if answer["note"]:
            notes.append(answer["note"])
        kind = _header(data, "of this plugin")
    return Picture(
        data=data,
        filename=picture_name(how.title, raw.seed, *wanted, number, kind.extension.lstrip(".")),
        mime_type=kind.mime_type,
        width=kind.width,
        height=kind.height,
        seed=raw.seed,
        infotext=infotext,
    )


def check_sides(width: int, height: int, parameter: str) -> None:
    """Refuse a size that is computed from a picture and out of range.

    Raises:
        InvalidInput: a side is below 16 or above 8192 pixels.
    """
    if not (min(width, height) >= MIN_SIDE and max(width, height) <= MAX_SIDE):
        raise InvalidInput(
            parameter,
            f"{width}x{height}",
            f"{MIN_SIDE} to {MAX_SIDE} pixels a side",
            "Give the wanted size in width and height, or in size.",
        )
