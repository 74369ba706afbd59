"""A job that outlives its call on AUTOMATIC1111 and Forge: drawn, saved there, fetched later.

Neither has jobs. But a job goes on when its client hangs up (the route runs in a thread), it is
known by the task id of its POST (modules/progress.py), and the web UI hands out saved pictures
by GET /file= (gradio's routes.py: 404 "File not found" for an allowed folder, 403 "File not
allowed" else). So the picture is saved under a name that is the job's id and its seed
(modules/images.py takes `samples_filename_pattern` out of `override_settings`), and fetched
by that name. The folder is the server's own setting, read again each time: a job id never says
which file to read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

from creative.errors import AnswerInvalid, EngineRejected, InvalidInput
from creative.images.engines.automatic1111 import watch
from creative.images.engines.automatic1111.answer import whole
from creative.images.engines.automatic1111.payload import Request, changes
from creative.images.engines.automatic1111.server import Server, sending
from creative.images.engines.base import Raw
from creative.images.picture import read_infotext
from creative.steps import Step

TASK_ID = re.compile(r"^cs-[0-9a-f]{16}$")
_SAVING = {
    "samples_save": True,
    "samples_format": "png",
    "save_images_add_number": False,
    "save_to_dirs": False,
    "save_incomplete_images": False,
    "enable_pnginfo": True,
}
_PATTERN = "samples_filename_pattern"
_ACCEPTED_POLL_SECONDS = 0.2
_POLL_SECONDS = 1.0
_IDLE_LOOKS = 2
"""Between two jobs a server seems idle for a moment."""


def folder(settings: Mapping[str, Any], image: bool) -> str:
    """The folder in which the server saves; "" where it does not say."""
    own = "outdir_img2img_samples" if image else "outdir_txt2img_samples"
    # api.py takes the folder of the kind, whatever `outdir_samples` says.
    name = settings.get(own)
    return name if isinstance(name, str) else ""


def refusal(
    server: Server, settings: Mapping[str, Any], restorable: Collection[str] | None, image: bool
) -> str:
    """Why this server cannot do it; "" if it can. Asks by GET for a file that is not there.

    Args:
        server: who would draw.
        settings: its settings.
        restorable: those that it puts back after the job; None: unknown.
        image: whether the job starts from a picture.
    """
    where = folder(settings, image)
    if not where or _PATTERN not in settings:
        return "its settings do not say where it saves pictures"
    kept = sorted({_PATTERN, *changes(_SAVING, settings)} - set(restorable or ()))
    if kept:
        return (
            f"it would keep {', '.join(kept)} changed after the job, for everybody (press Apply "
            "settings once in the Settings of its web UI; then it puts them back)"
        )
    reply = server.get(_address(where, "cs-0000000000000000-0.png"))
    if reply.status == 404 and "not found" in reply.text().lower():
        return ""
    if reply.status == 403:
        return (
            "its web UI does not hand out the folder in which it saves pictures (start it with "
            "--gradio-allowed-path and that folder)"
        )
    if reply.status == 401:
        return "its web UI asks for a login of its own (--gradio-auth), which has no API"
    return f"its web UI answers {reply.status} for saved pictures"


def _address(where: str, name: str) -> str:
    between = "\\" if "\\" in where else "/"
    return "/file=" + quote(where.rstrip("/\\") + between + name, safe="/:\\")


def saving(request: Request, settings: Mapping[str, Any]) -> Request:
    """The same job, saved under its id instead of handed over.

    Raises:
        InvalidInput: its pictures would have one name (variation of one seed).
    """
    if len(request.seeds) > 1 and request.body.get("subseed_strength"):
        raise InvalidInput(
            "count", len(request.seeds), "1 with subseed_strength in mode submit",
            "All pictures would be saved under the same seed.",
        )  # fmt: skip
    body = dict(request.body)
    body["send_images"] = False
    body["save_images"] = True
    body["do_not_save_samples"] = False
    body["override_settings"] = {
        **body.get("override_settings", {}),
        **changes(_SAVING, settings),
        _PATTERN: f"{request.job_id}-[seed]",
    }
    body["override_settings_restore_afterwards"] = True
    return Request(request.path, body, request.seeds, request.job_id)


def submit(server: Server, request: Request, step: Step) -> None:
    """Send it, wait until the server has it by our id, hang up.

    Raises:
        EngineRejected: the server refused it.
        DeadlineExceeded: it did not take it in time; it may still draw it.
    """
    with sending(server, request.path, request.body) as post:
        while not post.wait(_ACCEPTED_POLL_SECONDS):
            state = watch.ask(server, request.job_id)
            if state.queued or state.active or state.completed:
                step.progress(1.0, "The server has the job")
                return
            server.deadline.check(f"waiting until {server.who} takes the job")
        server.json(post.take())  # so quick that it is done already, or refused


def fetch(
    server: Server,
    settings: Mapping[str, Any],
    job_id: str,
    image: bool,
    seeds: tuple[int, ...],
    step: Step,
    reached: watch.Reached,
) -> list[Raw]:
    """Wait for the job and read its pictures.

    Args:
        server: who draws.
        settings: its settings, now.
        job_id: ours.
        image: whether it started from a picture, which decides the folder.
        seeds: of the pictures, in order.
        step: told how far it is.
        reached: kept up to date, for the error of a deadline.

    Raises:
        DeadlineExceeded: the job goes on.
        EngineRejected: it failed, or nothing is known of it any more.
    """
    if not TASK_ID.match(job_id):
        raise InvalidInput("job_id", job_id, "the job_id of a submitted job")
    idle = 0
    while True:
        state = watch.ask(server, job_id)
        idle = idle + 1 if state.idle else 0
        if idle > _IDLE_LOOKS:
            # A failed job stays the current one until the next begins, or a waiting one for ever
            # (api.py: finish_task comes only after a success), on a server that does nothing.
            raise EngineRejected(
                server.who, "the job failed there", hint="Look at the server's own log."
            )
        if state.active:
            reached.words, reached.fraction = state.words or "drawing", state.fraction
            step.progress(state.fraction, f"Drawing: {state.words}" if state.words else "Drawing")
        elif state.queued:
            reached.words = state.words
            step.progress(0.0, f"Waiting: {state.words}")
        else:
            break
        server.deadline.sleep(_POLL_SECONDS, f"waiting for {server.who}")
    return [_file(server, folder(settings, image), job_id, seed, state) for seed in seeds]


def _file(server: Server, where: str, job_id: str, seed: int, state: watch.State) -> Raw:
    if not where:
        raise AnswerInvalid(server.who, "its settings do not say where it saves pictures")
    reply = server.get(_address(where, f"{job_id}-{seed}.png"))
    if reply.status in (403, 404):
        raise EngineRejected(
            server.who,
            "the job ended there without a saved picture"
            if state.completed
            else "the job is not known there any more, and no picture of it is saved",
            hint="It was interrupted, it failed, or the server was started again: look at its "
            "own log, then submit again.",
        )
    server.check(reply)
    data = whole(server.who, reply.body)
    return Raw(data=data, seed=seed, infotext=read_infotext(data))
