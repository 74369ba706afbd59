"""The engine `comfyui`; see `creative.images.engines.base`."""

from __future__ import annotations

import math
import uuid
from types import TracebackType
from typing import Any, ClassVar, Self

from creative.deadline import Deadline
from creative.errors import AnswerInvalid, InvalidInput
from creative.images.engines.base import (
    Choice,
    ChoiceKind,
    Drawn,
    Enlarged,
    Raw,
    Survey,
    Task,
    Ticket,
)
from creative.images.engines.comfyui.graph import drawing, enlargement, patched
from creative.images.engines.comfyui.outputs import files_of
from creative.images.engines.comfyui.record import infotext_of
from creative.images.engines.comfyui.run import Forgotten, Run
from creative.images.engines.comfyui.server import FOLDER, Graph, Server
from creative.images.engines.comfyui.setup import (
    CHECKPOINTS,
    DIFFUSION_MODELS,
    LORAS,
    PARAMETERS,
    UPSCALERS,
    changes_of,
    set_up,
    upscaler_of,
)
from creative.images.engines.replies import pictures_missing
from creative.images.families import rule_of
from creative.images.picture import Header, NotAPicture, inspect
from creative.images.plan import Plan
from creative.images.request import DrawRequest
from creative.settings import Settings
from creative.steps import Step

GRID = 8
"""ComfyUI's latents have 8 pixels a side; the families' rules know who needs 16."""
ENLARGEMENTS = 3
"""An upscaler runs at most so many times over one picture."""

_CHOICES: dict[ChoiceKind, tuple[tuple[str, str], ...]] = {
    "model": (CHECKPOINTS, DIFFUSION_MODELS),
    "sampler": (("KSampler", "sampler_name"),),
    "scheduler": (("KSampler", "scheduler"),),
    "upscaler": (UPSCALERS,),
    "lora": (LORAS,),
}


class ComfyUI:
    """A ComfyUI server within one call; made by `open_engine`."""

    name: ClassVar[str] = "comfyui"

    def __init__(self, settings: Settings, deadline: Deadline, server: str = "") -> None:
        """See `Engine.__init__`."""
        self._server = Server(settings, deadline, server)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.__exit__()

    def survey(self, request: DrawRequest) -> Survey:
        """See `Engine.survey`."""
        setup = set_up(request, self._server)
        rule = rule_of(setup.family, GRID)
        upscalers = self._server.options(*UPSCALERS)
        if request.extra:
            # Names in `extra` are wrong before anything is drawn, or never.
            both = Plan(
                draw_width=64, draw_height=64, second_pass=(128, 128), width=128, height=128
            )
            image, mask = request.image is not None, request.mask is not None
            sketch = setup.drawing(request, both, 0, "image" * image, "mask" * mask)
            changes_of(request.extra, drawing(sketch, ""), self._server)
        return Survey(
            server=self._server.shown,
            model=setup.model,
            rule=rule,
            second_pass=request.image is None,
            upscaler=setup.upscaler or (upscalers[0] if upscalers else ""),
            notes=setup.notes,
        )

    def draw(self, task: Task, step: Step) -> Drawn:
        """See `Engine.draw`."""
        with Run(self._server, step, previews=task.request.previews) as run:
            model, graphs, prefix = self._queue(run, task)
            outputs = run.wait()
            seeds = [task.seed + number for number in range(len(graphs))]
            infotexts = _infotexts(graphs, task.plan)
            pictures = self._pictures(outputs, seeds, infotexts, prefix)
        return Drawn(pictures=pictures, model=model, cost=0.0)

    def submit(self, task: Task, step: Step) -> Ticket:
        """See `Engine.submit`."""
        with Run(self._server, None) as run:
            model, graphs, prefix = self._queue(run, task)
        return Ticket(
            engine=self.name,
            server=self._server.fingerprint,
            ids=tuple(run.ids),
            model=model,
            seeds=tuple(task.seed + number for number in range(len(graphs))),
            infotexts=tuple(_infotexts(graphs, task.plan)),
            data={"client": run.client_id, "prefix": prefix},
        )

    def collect(self, ticket: Ticket, step: Step) -> Drawn:
        """See `Engine.collect`."""
        prefix = str(ticket.data.get("prefix") or "")
        client = str(ticket.data.get("client") or "")
        outputs: list[dict[str, Any]]
        with Run(self._server, step, client_id=client, keep=True) as run:
            for prompt_id in ticket.ids:
                run.expect(prompt_id)
            try:
                outputs = run.wait()
            except Forgotten:
                # Its history is gone; the pictures may be where they were saved.
                outputs = [{} for _ in ticket.ids]
                if self._saved(prefix, len(ticket.ids) - 1) is None:
                    raise
            pictures = self._pictures(outputs, ticket.seeds, ticket.infotexts, prefix)
        return Drawn(pictures=pictures, model=ticket.model, cost=0.0)

    def enlarge(self, data: bytes, width: int, height: int, upscaler: str, step: Step) -> Enlarged:
        """See `Engine.enlarge`."""
        known = self._server.options(*UPSCALERS)
        name = upscaler_of(upscaler, self._server) or (known[0] if known else "")
        if not name:
            raise InvalidInput(
                "upscaler",
                upscaler,
                'a model in the folder upscale_models of that ComfyUI (it has none), or "lanczos"',
            )
        before: tuple[int, int] | None = None
        header = self._inspect(data)
        for _ in range(ENLARGEMENTS):
            data = self._enlarged(data, header, name, before, step)
            larger = self._inspect(data)
            scale = larger.width / (before[0] if before else header.width)
            header = larger
            if scale <= 1 or (header.width >= width and header.height >= height):
                break
            # Once more, from just as large as the upscaler needs it.
            share = max(width / header.width, height / header.height) / scale
            before = None
            if share < 1:
                before = (math.ceil(header.width * share), math.ceil(header.height * share))
        return Enlarged(data=data, upscaler=name, cost=0.0)

    def choices(self, kind: ChoiceKind) -> list[Choice]:
        """See `Engine.choices`."""
        names = [name for place in _CHOICES[kind] for name in self._server.options(*place)]
        return [Choice(value=name, label=name) for name in dict.fromkeys(names)]

    # Inside

    def _queue(self, run: Run, task: Task) -> tuple[str, list[Graph], str]:
        """Queue all pictures of a task: the model, the graphs, and the files' common prefix."""
        request, server = task.request, self._server
        setup = set_up(request, server)
        image = mask = ""
        if task.init is not None:
            image = server.upload(task.init, "image.png", "image/png")
            if task.mask is not None:
                mask = server.upload(task.mask, "mask.png", "image/png")
        prefix = uuid.uuid4().hex
        graphs = []
        named = dict(PARAMETERS)
        for number in range(request.count):
            job = setup.drawing(request, task.plan, task.seed + number, image, mask)
            graph = drawing(job, f"{prefix}_{number}")
            changes = changes_of(request.extra, graph, server)
            named.update(dict.fromkeys(changes, "extra"))
            graphs.append(patched(graph, changes))
        for graph in graphs:
            run.send(graph, named)
        return setup.model, graphs, prefix

    def _pictures(
        self,
        outputs: list[dict[str, Any]],
        seeds: list[int] | tuple[int, ...],
        infotexts: list[str] | tuple[str, ...],
        prefix: str,
    ) -> tuple[Raw, ...]:
        pictures = []
        for number, output in enumerate(outputs):
            files, _ = files_of(output)
            data = self._server.view(files[0]) if files else self._saved(prefix, number)
            if data is None:
                raise pictures_missing(self._server.who)
            self._inspect(data)
            pictures.append(Raw(data=data, seed=seeds[number], infotext=infotexts[number]))
        return tuple(pictures)

    def _saved(self, prefix: str, number: int) -> bytes | None:
        """A picture by the name that SaveImage gives the first file of a prefix."""
        if not prefix:
            return None
        file = {
            "filename": f"{prefix}_{number}_00001_.png",
            "subfolder": FOLDER,
            "type": "output",
        }
        return self._server.view(file, must=False)

    def _enlarged(
        self,
        data: bytes,
        header: Header,
        upscaler: str,
        before: tuple[int, int] | None,
        step: Step,
    ) -> bytes:
        name = self._server.upload(data, f"image{header.extension}", header.mime_type)
        prefix = uuid.uuid4().hex
        with Run(self._server, step, what="enlargement") as run:
            graph = enlargement(name, upscaler, prefix, before)
            run.send(graph, {("upscaler", "model_name"): "upscaler", ("image", "image"): "image"})
            files, _ = files_of(run.wait()[0])
            found = self._server.view(files[0]) if files else self._saved(prefix, 0)
        if found is None:
            raise pictures_missing(self._server.who)
        return found

    def _inspect(self, data: bytes) -> Header:
        try:
            return inspect(data, "the picture")
        except NotAPicture as error:
            raise AnswerInvalid(
                self._server.who, f"what it gives as its picture is none: {error}"
            ) from error


def _infotexts(graphs: list[Graph], plan: Plan) -> list[str]:
    return [infotext_of(graph, (plan.draw_width, plan.draw_height)) for graph in graphs]
