"""The verb behind fetch_image: the pictures of a job that an earlier call submitted."""

from __future__ import annotations

import time

from creative.deadline import Deadline
from creative.images.engines import open_engine
from creative.images.engines.base import Unfinished
from creative.images.finishing import Finishing, finish, off_plan, warm_up
from creative.images.job import Job, decode
from creative.images.result import Generated
from creative.settings import Settings
from creative.steps import Phase, Steps


def collect(
    job_id: str, settings: Settings, deadline: Deadline, steps: Steps, report: bool = False
) -> Generated:
    """Wait for a submitted job; its server never loses it because a call's time is up.

    Args:
        job_id: as `submit` gave it.
        settings: must still name the job's server.
        deadline: the call's clock.
        steps: told what happens.
        report: at the deadline, return the state instead of raising.

    Raises:
        InvalidInput: job_id is none, or its server is not configured any more.
        Unfinished: the deadline passed and the job goes on (not with `report`).
        EngineRejected: the job failed, or its server has forgotten it.
    """
    began = time.monotonic()
    job = decode(job_id)
    try:
        return _collected(job, settings, deadline, steps, began)
    except Unfinished as unfinished:
        if not report:
            raise
        return Generated(
            status="running",
            progress=unfinished.percent,
            job_id=job_id.strip(),
            engine=job.ticket.engine,
            model=job.ticket.model,
            seeds=job.ticket.seeds,
            infotext=job.ticket.infotexts[0] if job.ticket.infotexts else "",
            width=job.plan.width if job.plan else 0,
            height=job.plan.height if job.plan else 0,
            plan=job.plan,
            notes=job.notes,
            elapsed_seconds=time.monotonic() - began,
        )


def _collected(
    job: Job, settings: Settings, deadline: Deadline, steps: Steps, began: float
) -> Generated:
    if job.plan is None:
        from creative.images.comfy_workflow import collect_workflow

        return collect_workflow(job, settings, deadline, steps)
    ticket = job.ticket
    with open_engine(ticket.engine, settings, deadline, ticket.server) as engine:
        with steps.step(Phase.AI_CALL, "Waiting for the job") as step:
            drawn = engine.collect(ticket, step)
            step.spent(drawn.cost, model=drawn.model or ticket.model, pictures=len(drawn.pictures))
            if not job.plan.untouched:
                warm_up()
        finishing = Finishing(
            plan=job.plan,
            placement=job.placement,
            title=job.title,
            upscaler=job.upscaler,
            notes=(*job.notes, *off_plan(drawn, job.plan)),
            began=began,
        )
        return finish(drawn, finishing, engine, drawn.model or ticket.model, deadline, steps)
