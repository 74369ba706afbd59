"""The extension sd-webui-agent-scheduler: a queue with an API, for servers without a web UI.

Read in agent_scheduler/api.py of ArtVentureX/sd-webui-agent-scheduler; it is not maintained
since 2024 and trips over some versions of the web UI, so `saved` is tried first.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from creative.errors import AnswerInvalid, EngineRejected
from creative.images.engines import replies
from creative.images.engines.automatic1111.answer import decode
from creative.images.engines.automatic1111.dialect import TXT2IMG
from creative.images.engines.automatic1111.payload import Request
from creative.images.engines.automatic1111.server import Server
from creative.images.engines.automatic1111.watch import Reached
from creative.images.engines.base import Raw
from creative.images.picture import read_infotext
from creative.steps import Step

_BASE = "/agent-scheduler/v1"
_POLL_SECONDS = 1.0
_ENDED = ("failed", "interrupted", "saved")


def submit(server: Server, request: Request, model: str) -> str:
    """Queue it; the extension's id of the task.

    Raises:
        EngineRejected, AnswerInvalid
    """
    kind = "txt2img" if request.path == TXT2IMG else "img2img"
    left = ("send_images", "save_images", "do_not_save_samples", "do_not_save_grid")
    body = {key: value for key, value in request.body.items() if key not in left}
    body.pop("force_task_id", None)
    if model:
        body["checkpoint"] = model
    answer = server.json(server.post(f"{_BASE}/queue/{kind}", body))
    task = answer.get("task_id") if isinstance(answer, dict) else None
    if not isinstance(task, str) or not task:
        raise AnswerInvalid(server.who, "its scheduler took the job and gave no task_id")
    return task


def fetch(
    server: Server, task: str, seeds: tuple[int, ...], step: Step, reached: Reached
) -> list[Raw]:
    """Wait for the task and read its pictures; arguments as in `saved.fetch`.

    Raises:
        DeadlineExceeded: the job goes on.
        EngineRejected: it failed, or is not known.
    """
    path = f"{_BASE}/task/{quote(task, safe='')}"
    while True:
        data = _data(server, server.read(path))
        status = str(data.get("status") or "")
        if status == "done":
            break
        if status in _ENDED:
            raise EngineRejected(
                server.who, f"the scheduled job ended as {status}: {data.get('result') or ''}",
                hint="Look at the server's own log.",
            )  # fmt: skip
        place = data.get("position")
        running = status == "running"
        reached.words = "drawing" if running else f"waiting, place {place} in the scheduler's queue"
        step.progress(0.0, reached.words.capitalize())
        server.deadline.sleep(_POLL_SECONDS, f"waiting for {server.who}")
    results = server.read(f"{path}/results")
    rows = results.get("data") if isinstance(results, dict) else None
    if not isinstance(rows, list) or not rows:
        raise replies.pictures_missing(server.who)
    if len(rows) < len(seeds):
        raise EngineRejected(server.who, f"it gave {len(rows)} of {len(seeds)} pictures")
    pictures = []
    # A grid comes first where one is saved; the pictures are the last ones.
    for row, seed in zip(rows[len(rows) - len(seeds) :], seeds, strict=True):
        picture = decode(server.who, row.get("image") if isinstance(row, dict) else None)
        said = str(row.get("infotext") or "")
        pictures.append(Raw(data=picture, seed=seed, infotext=said or read_infotext(picture)))
    return pictures


def _data(server: Server, answer: Any) -> dict[str, Any]:
    if isinstance(answer, dict) and answer.get("success") and isinstance(answer.get("data"), dict):
        return dict(answer["data"])
    said = answer.get("message") if isinstance(answer, dict) else answer
    raise EngineRejected(
        server.who, f"its scheduler says: {said}", hint="The task was removed there: submit again."
    )
