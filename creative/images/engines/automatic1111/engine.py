"""The engine automatic1111: four servers, one class; what differs is asked of dialects.yaml."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from types import TracebackType
from typing import ClassVar, Self, TypeVar

from creative.deadline import Deadline
from creative.errors import (
    CreativeError,
    DeadlineExceeded,
    InvalidInput,
    NotConfigured,
)
from creative.images import pool
from creative.images.engines.automatic1111 import answer, jobs, native, watch
from creative.images.engines.automatic1111.dialect import find
from creative.images.engines.automatic1111.lists import Lists, named
from creative.images.engines.automatic1111.payload import Names, Request, build, to_text
from creative.images.engines.automatic1111.server import ENGINE, Server, sending
from creative.images.engines.base import (
    Choice,
    ChoiceKind,
    Drawn,
    Enlarged,
    Raw,
    Survey,
    Task,
    Ticket,
    Unfinished,
    fingerprint,
)
from creative.images.engines.replies import pictures_missing
from creative.images.families import family_of, rule_of
from creative.images.request import DrawRequest
from creative.images.size import MAX_SIDE
from creative.settings import Settings
from creative.steps import Step

T = TypeVar("T")

ENLARGE = "/sdapi/v1/extra-single-image"
PENDING = "/internal/pending-tasks"
_GRID = 8
"""Servers cut an enlarged picture's sides down to a multiple of it (modules/upscaler.py)."""


class Automatic1111:
    """See `Engine`; several addresses in `sd_base_url` are a pool."""

    name: ClassVar[str] = "automatic1111"

    def __init__(self, settings: Settings, deadline: Deadline, server: str = "") -> None:
        if not settings.sd_base_url:
            raise NotConfigured("sd_base_url", "The engine automatic1111")
        self._login = settings.sd_auth
        self._deadline = deadline
        self._addresses = list(dict.fromkeys(settings.sd_base_url))
        if server:
            self._addresses = [a for a in self._addresses if fingerprint(a) == server]
        if not self._addresses:
            raise InvalidInput(
                "job_id",
                "a job of another server",
                "a job of a server in sd_base_url",
                "Put the server that the job was submitted to back into sd_base_url.",
            )
        self._open: list[Server] = []
        self._place: pool.Place | None = None
        self._at: _At | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()
        for server in self._open:
            server.__exit__(kind, error, trace)
        self._open.clear()

    def survey(self, request: DrawRequest) -> Survey:
        """See `Engine.survey`; takes a place on the server that it names."""
        return self._somewhere(lambda address, notes: self._survey(address, request, notes))

    def _somewhere(self, act: Callable[[str, list[str]], T]) -> T:
        """What `act` gives on the least busy server on which it does not fail.

        Nothing that `act` does may start a job: it is tried on one server after the other.
        """
        looked = self._look()
        failed = dict(looked.failed)
        refused: InvalidInput | None = None
        tried: list[str] = []
        while place := pool.take(looked, tried):
            self._leave()
            self._place = place
            tried.append(place.address)
            try:
                notes = [f"a server was left out: {error.message}" for error in failed.values()]
                return act(place.address, notes)
            except InvalidInput as error:
                refused = refused or error  # another server may have the name
            except DeadlineExceeded:
                raise
            except CreativeError as error:
                failed[place.address] = error
        if refused is not None:
            raise refused
        if len(self._addresses) == 1:
            raise failed[self._addresses[0]]
        raise pool.none_left(ENGINE, failed)

    def _look(self) -> pool.Looked:
        if len(self._addresses) == 1:
            # Nothing to choose: the survey itself tells what is wrong with it.
            return pool.Looked(loads={self._addresses[0]: 0})
        return pool.look(self._addresses, self._load, self._deadline)

    def _load(self, address: str, deadline: Deadline) -> int:
        """Jobs on a server, running and waiting, as far as it tells."""
        with Server(address, self._login, deadline) as server:
            found = find(server)
            if not found.dialect.progress:
                return 0
            if not watch.running(watch.overall(server)):
                return 0  # what waits on an idle server are ghosts of jobs that failed early
            reply = server.get(PENDING) if found.own_task else None
            waiting = reply.json() if reply is not None and reply.ok else None
            size = waiting.get("size") if isinstance(waiting, dict) else None
            return 1 + (size if isinstance(size, int) else 0)

    def _survey(self, address: str, request: DrawRequest, notes: list[str]) -> Survey:
        server = self._server(address)
        found = find(server)
        lists = Lists(server, found)
        names, enlarger = named(request, lists)
        dialect = found.dialect
        model = names.model or (lists.model(request.model) if request.model else lists.loaded())
        family = request.family.strip().lower() or "auto"
        if family == "auto":
            family = family_of(f"{model} {lists.family_hint(model)}".strip())
            if family == "other" and model:
                notes.append(
                    f"model: the name {model} does not tell its family, so sizes follow the rule "
                    "for unknown models; model_family can tell it"
                )
        self._at = _At(server, lists, names, model)
        return Survey(
            server=server.shown,
            model=model,
            rule=rule_of(family, dialect.grid, max_side=dialect.max_side or MAX_SIDE),
            second_pass=dialect.second_pass,
            upscaler=enlarger,
            notes=tuple(dict.fromkeys([*notes, *lists.notes])),
        )

    def _server(self, address: str) -> Server:
        server = Server(address, self._login, self._deadline)
        self._open.append(server)
        return server

    def _leave(self) -> None:
        if self._place is not None:
            self._place.release()
            self._place = None

    def _surveyed(self, request: DrawRequest) -> _At:
        if self._at is None:
            self.survey(request)
        if self._at is None:
            raise AssertionError("a survey that does not raise has chosen a server")
        return self._at

    def draw(self, task: Task, step: Step) -> Drawn:
        """See `Engine.draw`."""
        at = self._surveyed(task.request)
        requests = build(task, at.found, at.names, _job_id() if at.found.own_task else "")
        if at.found.dialect.api == "sdcpp":
            return self._draw_native(at, requests, step)
        pictures: list[Raw] = []
        notes: list[str] = []
        model = ""
        for part, request in enumerate(requests):
            came, more = self._blocking(at, task, request, step, part / len(requests), requests)
            pictures += came.pictures
            model = came.model or model
            notes += more
        return Drawn(
            pictures=tuple(pictures),
            model=model or at.model,
            cost=0.0,
            notes=tuple(dict.fromkeys(notes)),
        )

    def _blocking(
        self,
        at: _At,
        task: Task,
        request: Request,
        step: Step,
        done: float,
        requests: list[Request],
    ) -> tuple[answer.Answer, list[str]]:
        """One POST that lasts as long as the drawing, watched meanwhile."""
        looker = watch.Watch(at.server, at.found, request.job_id, task.request.previews)
        with sending(at.server, request.path, request.body) as post:
            try:
                while not post.wait(watch.POLL_SECONDS):
                    looker.look(step, done, 1 / len(requests))
                reply = post.take()
            except DeadlineExceeded:
                post.stop()
                reached = looker.state.words or "how far it was is not known"
                became = looker.cancel()
                raise self._deadline.error(
                    f"drawing at {at.server.shown} ({reached}); {became}"
                ) from None
        data = at.server.json(reply)
        del reply  # its text is as long as the JSON's
        came = answer.read(at.server.who, data, request.seeds)
        if looker.broken_after(came.timestamp):
            raise watch.interrupted(at.server.who)
        asked = at.names.model if at.found.dialect.model_setting else ""
        notes = answer.compare(at.server.who, came, asked, at.names.sampler)
        return came, [*notes, *looker.notes()]

    def _draw_native(self, at: _At, requests: list[Request], step: Step) -> Drawn:
        ids = native.start(at.server, requests)
        seeds = tuple(seed for request in requests for seed in request.seeds)
        reached = watch.Reached()
        try:
            pictures = native.fetch(at.server, ids, seeds, step, reached)
        except DeadlineExceeded:
            became = native.cancel(at.server, ids)
            raise self._deadline.error(
                f"drawing at {at.server.shown} ({reached.words}); {became}"
            ) from None
        return Drawn(pictures=tuple(pictures), model=at.model, cost=0.0)

    def submit(self, task: Task, step: Step) -> Ticket:
        """See `Engine.submit`: own jobs (stable-diffusion.cpp), a saved picture under our name
        (AUTOMATIC1111 and Forge with their web UI), or the extension agent-scheduler."""
        at = self._surveyed(task.request)
        requests = build(task, at.found, at.names, _job_id() if at.found.own_task else "")
        image = task.init is not None
        way, ids = jobs.hand_over(at.server, at.found, requests, image, at.names.model, step)
        return Ticket(
            engine=self.name,
            server=fingerprint(at.server.base),
            ids=tuple(ids),
            model=at.model,
            seeds=tuple(seed for request in requests for seed in request.seeds),
            data={"way": way, "image": image},
        )

    def collect(self, ticket: Ticket, step: Step) -> Drawn:
        """See `Engine.collect`."""
        reached = watch.Reached()
        try:
            pictures = jobs.fetch(self._server(self._addresses[0]), ticket, step, reached)
        except DeadlineExceeded:
            raise Unfinished(self._deadline, reached.words, 100 * reached.fraction) from None
        return Drawn(pictures=tuple(pictures), model=ticket.model, cost=0.0)

    def enlarge(self, data: bytes, width: int, height: int, upscaler: str, step: Step) -> Enlarged:
        """See `Engine.enlarge`.

        Raises:
            InvalidInput: the server cannot, or has no such upscaler (parameter upscaler).
        """
        if self._at is not None:
            server, name = self._at.server, self._upscaler(self._at.lists, upscaler)
        else:
            server, name = self._somewhere(lambda at, _: self._enlarger(at, upscaler))
        step.progress(0.0, f"Enlarging with {name}")
        body = {
            "resize_mode": 1,
            # One more than a multiple of the grid: what is cut off is then never wanted.
            "upscaling_resize_w": -(-width // _GRID) * _GRID + 1,
            "upscaling_resize_h": -(-height // _GRID) * _GRID + 1,
            "upscaling_crop": False,
            "upscaler_1": name,
            "image": to_text(data),
        }
        result = server.json(server.post(ENLARGE, body))
        text = result.get("image") if isinstance(result, dict) else None
        if not text:
            raise pictures_missing(server.who)
        return Enlarged(data=answer.decode(server.who, text), upscaler=name, cost=0.0)

    def _enlarger(self, address: str, upscaler: str) -> tuple[Server, str]:
        server = self._server(address)
        return server, self._upscaler(Lists(server, find(server)), upscaler)

    def _upscaler(self, lists: Lists, wanted: str) -> str:
        """The upscaler that enlarges.

        Raises:
            InvalidInput: see `enlarge`.
        """
        title = lists.found.dialect.title
        if not lists.found.dialect.enlarge:
            raise InvalidInput(
                "upscaler",
                wanted,
                f"lanczos with {title}, which cannot enlarge a finished picture",
            )
        if wanted:
            return lists.enlarger(wanted)
        name = lists.good_upscaler()
        if not name:
            raise InvalidInput(
                "upscaler",
                None,
                f"a name that {title} has (none of its upscalers is a model that lies there)",
                "It has: " + ", ".join(lists.enlargers()[:8]) + ".",
            )
        return name

    def choices(self, kind: ChoiceKind) -> list[Choice]:
        """The names of all servers that answer, each once.

        Raises:
            EngineUnavailable: none answers.
        """
        found: dict[str, Choice] = {}
        failed: dict[str, CreativeError] = {}
        for address in self._addresses:
            server = self._server(address)
            try:
                for choice in Lists(server, find(server)).choices(kind):
                    found.setdefault(choice.value, choice)
            except DeadlineExceeded:
                raise
            except CreativeError as error:
                failed[address] = error
        if failed and len(self._addresses) == 1:
            raise failed[self._addresses[0]]
        if len(failed) == len(self._addresses):
            raise pool.none_left(ENGINE, failed)
        return list(found.values())


class _At:
    """The server that was chosen, and what the request is called there."""

    def __init__(self, server: Server, lists: Lists, names: Names, model: str) -> None:
        self.server, self.lists, self.names, self.model = server, lists, names, model
        self.found = lists.found


def _job_id() -> str:
    return f"cs-{secrets.token_hex(8)}"
