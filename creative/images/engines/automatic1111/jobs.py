"""The ways in which a job outlives its call: chosen when it is submitted, followed later."""

from __future__ import annotations

from creative.errors import InvalidInput
from creative.images.engines.automatic1111 import native, saved, scheduler
from creative.images.engines.automatic1111.dialect import Found, find
from creative.images.engines.automatic1111.lists import Lists
from creative.images.engines.automatic1111.payload import Request
from creative.images.engines.automatic1111.server import Server
from creative.images.engines.automatic1111.watch import Reached
from creative.images.engines.base import Raw, Ticket
from creative.steps import Step

NATIVE, SAVED, SCHEDULER = "native", "saved", "agent-scheduler"


def hand_over(
    server: Server, found: Found, requests: list[Request], image: bool, model: str, step: Step
) -> tuple[str, list[str]]:
    """Hand the job over in the best way this server has.

    Args:
        server: who draws.
        found: its dialect.
        requests: the parts of the job.
        image: whether it starts from a picture.
        model: what was asked, as the server calls it.
        step: told when the server has it.

    Returns:
        the way, and the server's ids of the parts.

    Raises:
        InvalidInput: it has none (parameter mode, with the reason).
        EngineRejected, EngineUnavailable, AnswerInvalid, DeadlineExceeded
    """
    dialect = found.dialect
    if dialect.api == "sdcpp":
        return NATIVE, native.start(server, requests)
    lists = Lists(server, found)
    settings = lists.settings()
    if not dialect.saved:
        reason = f"{dialect.title} has no jobs that could be found again"
    elif not (found.saved and found.own_task):
        reason = "it runs without its web UI, which would hand out the saved picture"
    else:
        reason = saved.refusal(server, settings, lists.restorable(), image)
    if not reason:
        (request,) = requests
        saved.submit(server, saved.saving(request, settings), step)
        return SAVED, [request.job_id]
    if found.agent_scheduler:
        return SCHEDULER, [scheduler.submit(server, part, model) for part in requests]
    raise InvalidInput(
        "mode",
        "submit",
        f"wait for {server.who}: {reason}",
        "Use mode wait with a larger timeout_seconds; or install the extension "
        "sd-webui-agent-scheduler (AUTOMATIC1111, Forge); or use ComfyUI or "
        "stable-diffusion.cpp's server.",
    )


def fetch(server: Server, ticket: Ticket, step: Step, reached: Reached) -> list[Raw]:
    """Wait for a submitted job and read its pictures.

    Args:
        server: who draws.
        ticket: the job; nothing in it is believed that could point elsewhere.
        step: told how far it is.
        reached: kept up to date, for the error of a deadline.

    Raises:
        InvalidInput: the ticket is none of ours.
        DeadlineExceeded: the job goes on.
        EngineRejected: it failed, or is not known any more.
    """
    way, seeds = ticket.data.get("way"), ticket.seeds
    if ticket.ids and seeds:
        if way == NATIVE:
            return native.fetch(server, list(ticket.ids), seeds, step, reached)
        if way == SAVED:
            settings = Lists(server, find(server)).settings()
            image = bool(ticket.data.get("image"))
            return saved.fetch(server, settings, ticket.ids[0], image, seeds, step, reached)
        if way == SCHEDULER:
            return scheduler.fetch(server, ticket.ids[0], seeds, step, reached)
    raise InvalidInput("job_id", "a job of another kind", "the job_id of a submitted job")
