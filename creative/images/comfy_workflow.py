"""The verb behind run_comfyui_workflow: a user's own workflow, filled in and run as it is."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from pydantic import Field

from creative.deadline import Deadline
from creative.errors import AnswerInvalid, CreativeError, EngineRejected, InvalidInput, TooLarge
from creative.images.engines.base import Ticket
from creative.images.engines.comfyui.filling import Filling, WorkflowRequest, mime_type_of
from creative.images.engines.comfyui.graph import title_of
from creative.images.engines.comfyui.outputs import File, files_of
from creative.images.engines.comfyui.run import Run
from creative.images.engines.comfyui.server import Graph, Server
from creative.images.engines.comfyui.template import read_workflow
from creative.images.job import Job, encode
from creative.images.picture import NotAPicture, inspect
from creative.images.plan import MAX_FILE_BYTES
from creative.images.result import Generated, Picture
from creative.settings import Settings
from creative.steps import Phase, Step, Steps

ENGINE = "comfyui"
KIND = "workflow"

__all__ = ["WorkflowRequest", "WorkflowResult", "collect_workflow", "run_workflow"]

MAX_TEXT_BYTES = 100_000
"""Of all texts of a workflow: a result's JSON may have 200 KB, and pictures are worth more."""
ASK_FOR_ALL_FROM = 16
"""From so many classes on, one large answer costs less than one question for each."""


class WorkflowResult(Generated):
    """What the workflow made. `pictures` holds every file, also those that are no picture."""

    engine: str = ENGINE
    width: int = Field(0, description="of the first picture, pixels; 0: there is none")
    height: int = Field(0, description="of the first picture, pixels; 0: there is none")


def run_workflow(
    request: WorkflowRequest, settings: Settings, deadline: Deadline, steps: Steps
) -> WorkflowResult:
    """Fill a workflow in, run it, and return every file that it made.

    Args:
        request: what to run.
        settings: `comfyui_base_url` and `comfyui_api_key`.
        deadline: the call's clock; the workflow is stopped when it passes.
        steps: told what happens.

    Raises:
        InvalidInput: no workflow in API format, a placeholder without a value, a value that a
            node does not take, nodes that the server does not have.
        NotConfigured: no server.
        EngineRejected: the server refuses the workflow, or a node failed.
        EngineUnavailable, AnswerInvalid, DeadlineExceeded, TooLarge
    """
    began = time.monotonic()
    with steps.step(Phase.INIT, "Reading the workflow"):
        graph = read_workflow(request.workflow)
        filling = Filling(request, graph)
    with Server(settings, deadline) as server:
        with steps.step(Phase.PREP, f"Asking {server.who}", until=20):
            _check_nodes(graph, server)
        with steps.step(Phase.PREP, "Filling the workflow in"):
            graph, named, notes = filling.result(server)
        if request.mode == "submit":
            with steps.step(Phase.AI_CALL, f"Submitting to {server.shown}"):
                return _submitted(graph, named, filling.seed, notes, server, began)
        with (
            steps.step(Phase.AI_CALL, f"Running the workflow on {server.shown}") as step,
            Run(server, step, what="workflow", previews=request.previews) as run,
        ):
            run.send(graph, named)
            outputs = run.wait()[0]
        made = _collected(run, outputs, filling.seed, server, steps)
    return made.model_copy(
        update={
            "notes": (*notes, *made.notes),
            "elapsed_seconds": time.monotonic() - began,
        }
    )


def collect_workflow(
    job: Job, settings: Settings, deadline: Deadline, steps: Steps
) -> WorkflowResult:
    """Wait for a workflow that an earlier call submitted, and return its files.

    Raises:
        InvalidInput: the job's server is not configured any more.
        Unfinished: the deadline passed and the workflow goes on.
        EngineRejected: it failed, or the server does not know it any more.
    """
    began = time.monotonic()
    ticket = job.ticket
    with Server(settings, deadline, ticket.server) as server:
        client = str(ticket.data.get("client") or "")
        with steps.step(Phase.AI_CALL, f"Waiting for {server.shown}") as step:
            outputs, run = _waited(ticket, server, step, client)
        seed = ticket.seeds[0] if ticket.seeds else None
        made = _collected(run, outputs, seed, server, steps)
    return made.model_copy(
        update={
            "notes": (*job.notes, *made.notes),
            "elapsed_seconds": time.monotonic() - began,
        }
    )


def _waited(ticket: Ticket, server: Server, step: Step, client: str) -> tuple[dict[str, Any], Run]:
    with Run(server, step, client_id=client, keep=True, what="workflow") as run:
        run.expect(ticket.ids[0])
        return run.wait()[0], run


def _submitted(
    graph: Graph,
    named: Mapping[tuple[str, str], str],
    seed: int | None,
    notes: list[str],
    server: Server,
    began: float,
) -> WorkflowResult:
    with Run(server, None, what="workflow") as run:
        run.send(graph, named)
    seeds = () if seed is None else (seed,)
    notes = [*notes, *_left_out(run)]
    job = Job(
        ticket=Ticket(
            engine=ENGINE,
            server=server.fingerprint,
            ids=tuple(run.ids),
            seeds=seeds,
            data={"kind": KIND, "client": run.client_id},
        ),
        plan=None,
        title=KIND,
        notes=tuple(notes),
        submitted=time.time(),
    )
    return WorkflowResult(
        status="running",
        progress=0.0,
        job_id=encode(job),
        seeds=seeds,
        notes=tuple(notes),
        elapsed_seconds=time.monotonic() - began,
    )


def _check_nodes(graph: Graph, server: Server) -> None:
    """Refuse a workflow whose nodes are not installed, before anything is queued."""
    kinds = sorted({node["class_type"] for node in graph.values()})
    missing = kinds
    if len(kinds) < ASK_FOR_ALL_FROM:
        missing = [kind for kind in kinds if server.node(kind) is None]
    if missing:
        known = server.nodes()
        missing = [kind for kind in missing if kind not in known]
        if missing:
            alike = difflib.get_close_matches(missing[0], known, cutoff=0.75)
            raise InvalidInput(
                "workflow",
                f"nodes that are not installed on the server: {', '.join(missing)}",
                f"nodes that {server.who} has",
                "Install them there (ComfyUI-Manager: Install Missing Custom Nodes) and restart "
                "it." + (f" Names like {missing[0]}: {', '.join(alike)}." if alike else ""),
            )


def _collected(
    run: Run, outputs: Mapping[str, Any], seed: int | None, server: Server, steps: Steps
) -> WorkflowResult:
    files, texts = files_of(outputs)
    if not files and (run.left_out or not texts):
        raise _nothing(run, server)
    with steps.step(Phase.SAVE, f"Fetching {len(files)} files"):
        pictures: list[Picture] = []
        for file in files:
            pictures.append(_picture(file, seed, server, {one.filename for one in pictures}))
    shown, cut = _shortened(text for node in texts.values() for text in node)
    first = next((picture for picture in pictures if picture.width), None)
    return WorkflowResult(
        pictures=tuple(pictures),
        texts=shown,
        seeds=() if seed is None else (seed,),
        width=first.width if first else 0,
        height=first.height if first else 0,
        cost=0.0,
        notes=(*_left_out(run), *cut),
    )


def _shortened(texts: Iterable[str]) -> tuple[tuple[str, ...], list[str]]:
    """The texts as far as Dify takes them, and a note if that is not all of them."""
    kept: list[str] = []
    left = MAX_TEXT_BYTES
    for text in texts:
        data = text.encode(errors="replace")
        kept.append(data[:left].decode(errors="ignore"))
        left -= len(data)
        if left < 0:
            return tuple(kept), [f"texts: cut after {MAX_TEXT_BYTES // 1000} KB"]
    return tuple(kept), []


def _left_out(run: Run) -> list[str]:
    return [f"workflow: the server left a part of it out: {words}" for words in run.left_out]


def _nothing(run: Run, server: Server) -> CreativeError:
    prompt_id = run.ids[0]
    if run.left_out:
        return EngineRejected(
            server.who,
            f"it left out what makes the file: {'; '.join(run.left_out)}",
            hint="Check these inputs of the workflow.",
        )
    blocked = run.blocked(prompt_id)
    if blocked:
        node = title_of(run.graph(prompt_id), str(blocked.get("node_id")))
        problem = f"{node} stopped the rest: {blocked.get('exception_message')}"
    else:
        problem = "the workflow ended without an error, without a file and without a text"
    return AnswerInvalid(
        server.who,
        problem,
        "Its last node must make a file, such as Save Image. If it ran before with the same "
        "values, the server may have found everything in its cache: give another seed.",
    )


def _picture(file: File, seed: int | None, server: Server, taken: set[str]) -> Picture:
    name = str(file["filename"])
    try:
        data = server.view(file, max_bytes=MAX_FILE_BYTES) or b""
    except TooLarge:
        place = "/".join(filter(None, [str(file.get("subfolder") or ""), name]))
        raise TooLarge(
            f"The file {name} of the workflow",
            "over 30 MB",
            "30 MB (Dify accepts no larger file)",
            f"It stays on the server as {place}. Make it smaller: JPEG or WebP instead of PNG, "
            "a smaller size, a shorter video.",
        ) from None
    mime_type = mime_type_of(name)
    width = height = 0
    if mime_type in ("image/png", "image/jpeg", "image/webp", "image/gif"):
        try:
            header = inspect(data, name)
        except NotAPicture as error:
            raise AnswerInvalid(server.who, f"the file {error}") from error
        width, height, mime_type = header.width, header.height, header.mime_type
    path = PurePosixPath(name.replace("\\", "/"))
    filename, number = path.name, 2
    while filename in taken:
        filename, number = f"{path.stem}_{number}{path.suffix}", number + 1
    return Picture(
        data=data,
        filename=filename,
        mime_type=mime_type,
        width=width,
        height=height,
        seed=seed,
    )
