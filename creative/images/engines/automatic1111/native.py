"""stable-diffusion.cpp's own jobs: handed over with an id, then polled.

The id makes a job ours beyond doubt; a waiting job can be cancelled, a running one cannot
(the server answers 409). A finished job is kept for 10 minutes (async_jobs.h).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from creative.deadline import Deadline
from creative.errors import AnswerInvalid, CreativeError, EngineRejected, shorten
from creative.images.engines import replies
from creative.images.engines.automatic1111.answer import decode
from creative.images.engines.automatic1111.payload import Request
from creative.images.engines.automatic1111.server import Server
from creative.images.engines.automatic1111.watch import GRACE_SECONDS, Reached
from creative.images.engines.base import Raw
from creative.images.picture import read_infotext
from creative.steps import Step

JOBS = "/sdcpp/v1/jobs/"
FIRST_POLL_SECONDS = 0.1
LONGEST_POLL_SECONDS = 1.0


def start(server: Server, requests: list[Request]) -> list[str]:
    """Hand over every part; what was handed over is taken back if a later one is refused.

    Returns:
        the server's ids, in order.

    Raises:
        EngineRejected: the server does not take it.
    """
    ids: list[str] = []
    try:
        for request in requests:
            job = server.json(server.post(request.path, request.body))
            job_id = job.get("id") if isinstance(job, dict) else None
            if not isinstance(job_id, str) or not job_id:
                raise AnswerInvalid(server.who, "it took the job and gave no id for it")
            ids.append(job_id)
    except CreativeError:
        cancel(server, ids)
        raise
    return ids


def status(server: Server, job_id: str) -> dict[str, Any]:
    """The job as the server has it.

    Raises:
        EngineRejected: it failed, was cancelled, or is not known (any more).
    """
    reply = server.get(JOBS + quote(job_id, safe=""))
    if reply.status in (404, 410):
        raise EngineRejected(
            server.who,
            replies.said(reply),
            reply.status,
            "It keeps a finished job for 10 minutes and forgets all when it restarts: fetch "
            "sooner, or submit again.",
        )
    job = server.json(reply)
    if not isinstance(job, dict):
        raise AnswerInvalid(server.who, "its job is no JSON object")
    if job.get("status") in ("failed", "cancelled"):
        error = job.get("error")
        words = error.get("message") if isinstance(error, dict) else error
        raise EngineRejected(
            server.who, f"the job {job['status']}: {words or 'no reason given'}",
            hint="Look at the server's own log.",
        )  # fmt: skip
    return job


def words(job: dict[str, Any]) -> str:
    """How far a job is, for people."""
    if job.get("status") == "queued":
        return f"waiting, {job.get('queue_position') or '?'} in the server's queue"
    return "drawing (this server does not tell the step)"


def fetch(
    server: Server, ids: list[str], seeds: tuple[int, ...], step: Step, reached: Reached
) -> list[Raw]:
    """The pictures of all parts, as soon as they are finished.

    Args:
        server: who has the jobs.
        ids: of the parts, in order.
        seeds: of all pictures, in order.
        step: told how far it is.
        reached: kept up to date, for the error of a deadline.

    Raises:
        DeadlineExceeded: the jobs go on.
        EngineRejected: see `status`; fewer pictures than seeds.
    """
    pictures: list[Raw] = []
    for number, job_id in enumerate(ids):
        done = number / len(ids)
        pause = FIRST_POLL_SECONDS
        while True:
            job = status(server, job_id)
            if job.get("status") == "completed":
                break
            part = f", part {number + 1} of {len(ids)}" if len(ids) > 1 else ""
            now = words(job) + part
            if now != reached.words:
                step.progress(done, now[:1].upper() + now[1:])
            reached.words, reached.fraction = now, done
            server.deadline.sleep(pause, f"waiting for {server.who}")
            pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
        pictures += _pictures(server.who, job, seeds[len(pictures) :])
    if len(pictures) < len(seeds):
        raise EngineRejected(server.who, f"it gave {len(pictures)} of {len(seeds)} pictures")
    return pictures


def _pictures(who: str, job: dict[str, Any], seeds: tuple[int, ...]) -> list[Raw]:
    result = job.get("result")
    images = result.get("images") if isinstance(result, dict) else None
    if not isinstance(images, list) or not images:
        raise replies.pictures_missing(who)
    found = []
    for image, seed in zip(images, seeds, strict=False):
        data = decode(who, image.pop("b64_json", None) if isinstance(image, dict) else image)
        found.append(Raw(data=data, seed=seed, infotext=read_infotext(data)))
    return found


def cancel(server: Server, ids: list[str]) -> str:
    """Take back what is ours and still waits; says what became of the jobs."""
    if not ids:
        return "nothing of it is left there"
    grace = Deadline(GRACE_SECONDS, "the grace for a cancel", "")
    outcomes = []
    try:
        with server.within(grace) as again:
            for job_id in ids:
                reply = again.post(JOBS + quote(job_id, safe="") + "/cancel", {})
                if reply.status == 409:
                    outcomes.append("it goes on there: this server cannot stop a running job")
                elif reply.status in (404, 410):
                    outcomes.append("the server does not know it any more")
                else:
                    again.check(reply)
                    job = again.json(reply)
                    ended = isinstance(job, dict) and job.get("status") == "completed"
                    outcomes.append(
                        "the server had just finished it" if ended else "it was taken back there"
                    )
    except CreativeError as error:
        return f"whether it goes on there is not known ({shorten(error.message, 160)})"
    return "; ".join(dict.fromkeys(outcomes))
