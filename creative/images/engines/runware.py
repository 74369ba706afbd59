"""Runware: thousands of models behind one address, billed per picture, with the real cost.

Every task is handed over with `deliveryMethod: async` and fetched with `getResponse`: so no
proxy's time limit loses a paid picture, the number of finished pictures is known meanwhile, and
a job can be fetched in a later call. Runware has no way to cancel a task. A task is sent once;
asking for it again costs nothing and is repeated through short outages.

Source: Runware's documentation (image inference, upscale, task polling, model search, errors).
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Self

from creative.deadline import Deadline
from creative.errors import (
    InvalidInput,
    NotConfigured,
)
from creative.http import client, redact
from creative.images.engines import runware_tasks
from creative.images.engines.base import (
    Choice,
    ChoiceKind,
    Drawn,
    Enlarged,
    Survey,
    Task,
    Ticket,
    fingerprint,
)
from creative.images.engines.runware_jobs import Jobs
from creative.images.engines.runware_tables import (
    default_model,
    default_upscaler,
    family_for,
    rule_for,
    tables,
)
from creative.images.engines.runware_tasks import Answer
from creative.images.infotext import Infotext, compose
from creative.images.names import resolve
from creative.images.picture import NotAPicture, inspect
from creative.images.request import MAX_COUNT, DrawRequest
from creative.settings import RUNWARE_URL, Settings
from creative.steps import Step

# Source, model and version: civitai:305149@392545, runware:101@1, bytedance:seedream@4.0
_AIR = re.compile(r"^[\w.-]+:[\w.-]+@[\w.-]+$")
# As lists and errors show a model: Juggernaut XL (civitai:1@2)
_IN_LABEL = re.compile(r"\(([\w.-]+:[\w.-]+@[\w.-]+)\)$")


@dataclass(frozen=True)
class _Chosen:
    model: str
    family: str
    loras: dict[str, float]
    scheduler: str
    upscaler: str
    notes: tuple[str, ...]


class Runware:
    """The engine; see `creative.images.engines.base.Engine`."""

    name: ClassVar[str] = "runware"
    address: ClassVar[str] = RUNWARE_URL

    def __init__(self, settings: Settings, deadline: Deadline, server: str = "") -> None:
        self._key = settings.runware_api_key
        if not self._key:
            raise NotConfigured("runware_api_key", "Drawing with Runware")
        if server and server != fingerprint(self.address):
            raise InvalidInput("job_id", "a job of another server", "a job of Runware")
        self._client = client("Runware", deadline)
        self._jobs = Jobs(self._client, self.address, self._key)
        self._chosen: _Chosen | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.__exit__(kind, error, trace)

    def survey(self, request: DrawRequest) -> Survey:
        """Check the request and find model and LoRAs by id or by name.

        Raises:
            InvalidInput: a name Runware does not have, with the closest ones; see
                `runware_tasks.check_request`.
        """
        chosen = self._choose(request)
        return Survey(
            server=redact(self.address),
            model=chosen.model,
            rule=rule_for(chosen.family if request.family == "auto" else request.family),
            upscaler=chosen.upscaler,
            notes=chosen.notes,
        )

    def draw(self, task: Task, step: Step) -> Drawn:
        """Draw and wait.

        Raises:
            DeadlineExceeded: with the task's id; Runware goes on and bills it.
            EngineUnavailable, EngineRejected, AnswerInvalid
        """
        chosen = self._choose(task.request)
        uid, first = self._send(task, chosen)
        answer = self._jobs.wait(uid, task.request.count, step, first)
        infotext = self._infotext(task, chosen)
        return self._jobs.drawn(answer, task.request.count, chosen.model, infotext)

    def submit(self, task: Task, step: Step) -> Ticket:
        """Hand the job over."""
        chosen = self._choose(task.request)
        uid, _ = self._send(task, chosen)
        return Ticket(
            engine=self.name,
            server=fingerprint(self.address),
            ids=(uid,),
            model=chosen.model,
            seeds=(task.seed or 1,),
            infotexts=(self._infotext(task, chosen),),
            data={"count": task.request.count},
        )

    def collect(self, ticket: Ticket, step: Step) -> Drawn:
        """Wait for a submitted job.

        Raises:
            Unfinished: the deadline passed and the job goes on.
            EngineRejected: the job failed or is not known any more.
        """
        count = ticket.data.get("count")
        if not isinstance(count, int) or not 1 <= count <= MAX_COUNT or len(ticket.ids) != 1:
            raise InvalidInput("job_id", "a changed job", "the job_id as it was given")
        answer = self._jobs.wait(ticket.ids[0], count, step)
        infotext = ticket.infotexts[0] if ticket.infotexts else ""
        return self._jobs.drawn(answer, count, ticket.model, infotext)

    def enlarge(self, data: bytes, width: int, height: int, upscaler: str, step: Step) -> Enlarged:
        """A larger version, 2 or 4 times, at most 4096 pixels a side.

        Raises:
            InvalidInput: no such upscaler, or a picture that is too large for it.
            DeadlineExceeded, EngineUnavailable, EngineRejected, AnswerInvalid
        """
        name = _upscaler(upscaler)
        try:
            header = inspect(data, "image")
        except NotAPicture as error:
            raise InvalidInput("image", str(error), "a whole PNG, JPEG or WebP") from None
        most = tables().limits.max_upscaled_side / max(header.width, header.height)
        possible = [factor for factor in tables().upscalers[name].factors if factor <= most]
        if not possible:
            raise InvalidInput(
                "image",
                f"{header.width}x{header.height}",
                f"at most {tables().limits.max_upscaled_side // 2} pixels a side with Runware's "
                "upscalers",
                'Use another engine, or upscaler "lanczos", which needs none.',
            )
        wanted = max(width / header.width, height / header.height)
        factor = next((factor for factor in sorted(possible) if factor >= wanted), max(possible))
        uid = str(uuid.uuid4())
        task = runware_tasks.upscale(data, header.mime_type, uid, name, factor)
        answer = self._jobs.wait(uid, 1, step, self._jobs.start(task, 1))
        drawn = self._jobs.drawn(answer, 1, name, "")
        return Enlarged(
            data=drawn.pictures[0].data, upscaler=name, cost=drawn.cost, notes=drawn.notes
        )

    def choices(self, kind: ChoiceKind) -> list[Choice]:
        """Names to choose from; of Runware's thousands of models, its own and known ones."""
        if kind == "upscaler":
            rows = tables().upscalers.items()
            return [Choice(value=air, label=f"{row.label} ({air})") for air, row in rows]
        if kind in ("sampler", "scheduler"):
            return [Choice(value=name, label=name) for name in tables().schedulers]
        if kind == "lora":
            return [_choice(row) for row in self._jobs.search("lora", "civitai:")]
        known = {air: row.label for air, row in tables().models.items()}
        found = [Choice(value=air, label=f"{label} ({air})") for air, label in known.items()]
        more = self._jobs.search("checkpoint", "runware:")
        return found + [_choice(row) for row in more if row["air"] not in known]

    def _choose(self, request: DrawRequest) -> _Chosen:
        if self._chosen is None:
            self._chosen = self._decide(request)
        return self._chosen

    def _decide(self, request: DrawRequest) -> _Chosen:
        runware_tasks.check_request(request)
        if not request.prompt.strip() and request.image is None:
            raise InvalidInput("prompt", None, "a text that says what to draw")
        notes: list[str] = []
        model, family = self._model(request.model.strip(), notes)
        loras: dict[str, float] = {}
        for lora in request.loras:
            loras[self._find("loras", "lora", lora.name, notes)[0]] = lora.weight
        asked = " ".join(filter(None, (request.sampler.strip(), request.scheduler.strip())))
        scheduler = ""
        if asked:
            name = "sampler" if request.sampler.strip() else "scheduler"
            scheduler = resolve(name, asked, tables().schedulers, "Runware")
        if request.strength is not None and request.image is None:
            notes.append("not used by runware without an image: strength")
        return _Chosen(model, family, loras, scheduler, _upscaler(request.upscaler), tuple(notes))

    def _model(self, wanted: str, notes: list[str]) -> tuple[str, str]:
        name = wanted or default_model()
        known = tables().models.get(name)
        if known is not None:
            return name, known.family
        air, row = self._find("model", "checkpoint", name, notes)
        return air, family_for(str(row.get("architecture") or ""), str(row.get("name") or air))

    def _find(
        self, parameter: str, category: str, wanted: str, notes: list[str]
    ) -> tuple[str, dict[str, Any]]:
        """AIR id and description of a model by its id or its name.

        Raises:
            InvalidInput: no model, or several, have this name.
        """
        labelled = _IN_LABEL.search(wanted)
        wanted = labelled[1] if labelled else wanted
        rows = self._jobs.search(category, wanted)
        by_air = {row["air"]: row for row in rows}
        if wanted in by_air:
            return wanted, by_air[wanted]
        if _AIR.match(wanted):
            # Models of other providers work and are not all in the search.
            notes.append(f"{parameter}: {wanted} is not in Runware's search and was sent as it is")
            return wanted, {}
        if not rows:
            raise InvalidInput(
                parameter,
                wanted,
                "an AIR id such as runware:101@1, or a name that Runware's search finds",
                "Runware's Model Explorer lists all of them.",
            )
        names = {_label(row): row["air"] for row in rows}
        same = [row["air"] for row in rows if str(row.get("name", "")).lower() == wanted.lower()]
        air = same[0] if len(same) == 1 else names[resolve(parameter, wanted, names, "Runware")]
        return air, by_air[air]

    def _send(self, task: Task, chosen: _Chosen) -> tuple[str, Answer]:
        uid = str(uuid.uuid4())
        body = runware_tasks.inference(
            task, uid, chosen.model, chosen.loras, chosen.scheduler, blank_seed=1
        )
        return uid, self._jobs.start(body, task.request.count)

    def _infotext(self, task: Task, chosen: _Chosen) -> str:
        request = task.request
        fields = {
            "Steps": request.steps,
            "Sampler": chosen.scheduler,
            "CFG scale": request.cfg_scale,
            "Seed": task.seed or 1,
            "Size": f"{task.plan.draw_width}x{task.plan.draw_height}",
            "Model": chosen.model,
            "Denoising strength": request.strength if task.init is not None else None,
            "Lora": ", ".join(f"{air}:{weight:g}" for air, weight in chosen.loras.items()),
            "Engine": self.name,
            "Version": "creative_studio",
        }
        given = {name: f"{value}" for name, value in fields.items() if value not in (None, "")}
        return compose(
            Infotext(prompt=request.prompt, negative_prompt=request.negative_prompt, fields=given)
        )


def _upscaler(wanted: str) -> str:
    """AIR id of an upscaler by its id or name; empty: the default."""
    if not wanted.strip():
        return default_upscaler()
    rows = tables().upscalers
    by_name = {row.label: air for air, row in rows.items()} | {air: air for air in rows}
    return by_name[resolve("upscaler", wanted, by_name, "Runware")]


def _label(row: dict[str, Any]) -> str:
    parts = (str(row.get("name") or ""), str(row.get("version") or ""))
    return f"{' '.join(filter(None, parts))} ({row['air']})".strip()


def _choice(row: dict[str, Any]) -> Choice:
    return Choice(value=row["air"], label=_label(row))
