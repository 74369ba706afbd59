"""OpenAI's images API, and every server that speaks it.

POST /images/generations and /images/edits, sizes by each model's rule (openai_models.yaml).
There is no progress, no seed, no job to fetch later and nothing to cancel: one request, one
answer. A request may be billed, so none is ever sent again; pictures that came are kept when a
later request of the same call fails.

Source: OpenAI's API reference (Create image, Create image edit) and openai-python; compatible
servers by stable-diffusion.cpp's examples/server/routes_openai.cpp.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from creative.deadline import Deadline
from creative.errors import (
    CreativeError,
    DeadlineExceeded,
    InvalidInput,
    NotConfigured,
    shorten,
)
from creative.http import Reply, client, redact
from creative.images.engines import openai_answers, openai_request, openai_tables
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
from creative.images.engines.openai_tables import ImageModel, row_of
from creative.images.engines.pictures_in import MAX_ENCODED_BYTES, Origin
from creative.images.engines.replies import check, pictures_missing
from creative.images.engines.waiting import patiently
from creative.images.names import resolve
from creative.images.request import DrawRequest
from creative.settings import OPENAI_URL, Settings
from creative.steps import Step

MAX_CALL_AREA = 16_000_000
"""Pixels that one request may ask for: more make one answer too long to wait for and to hold."""
UNKNOWN_MAX_N = 10

_IMAGE_NAMES = re.compile(
    r"image|dall-?e|flux|diffusion|\bsd|schnell|kontext|imagen|dream|recraft|ideogram|kolors|pixart",
    re.IGNORECASE,
)
_NO_MODEL_LIST = frozenset({404, 405, 501})


@dataclass(frozen=True)
class _Chosen:
    """What a request means here."""

    model: str
    row: ImageModel | None
    fields: dict[str, Any]
    notes: tuple[str, ...]
    listed: tuple[str, ...] = ()


@dataclass
class _Made:
    """What came so far."""

    pictures: list[bytes] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    costs: list[float | None] = field(default_factory=list)
    slowest: float = 0.0


class OpenAI:
    """The engine; see `creative.images.engines.base.Engine`."""

    name: ClassVar[str] = "openai"

    def __init__(self, settings: Settings, deadline: Deadline, server: str = "") -> None:
        self._base = (settings.openai_base_url or OPENAI_URL).rstrip("/")
        try:
            self._official = urlsplit(self._base).netloc == urlsplit(OPENAI_URL).netloc
        except ValueError:
            raise InvalidInput(
                "openai_base_url", redact(self._base), "an address such as https://example.com/v1"
            ) from None
        self._key = settings.openai_api_key
        if not self._key and (self._official or not settings.openai_base_url):
            raise NotConfigured("openai_api_key", "Drawing with OpenAI")
        if server and server != fingerprint(self._base):
            raise InvalidInput(
                "job_id", "a job of another server", "a job of the server in 'openai_base_url'"
            )
        self._settings = settings
        self._deadline = deadline
        self._client = client("OpenAI" if self._official else "The images API", deadline)
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
        """Choose the model and check everything that the request says.

        Raises:
            InvalidInput: a model OpenAI does not have, a field a model does not have, or what
                this API cannot do (LoRAs, styles, an edit with a model that only draws).
        """
        chosen = self._choose(request)
        return Survey(
            server=redact(self._base),
            model=chosen.model,
            rule=openai_tables.rule_for(chosen.model, request.family),
            notes=chosen.notes,
        )

    def draw(self, task: Task, step: Step) -> Drawn:
        """Draw and wait, in as few requests as the model allows.

        Raises:
            DeadlineExceeded, EngineUnavailable, EngineRejected, AnswerInvalid: no picture came.
        """
        chosen = self._choose(task.request)
        count = task.request.count
        area = task.plan.draw_width * task.plan.draw_height
        most = chosen.row.max_n if chosen.row else UNKNOWN_MAX_N
        each = max(1, min(most, MAX_CALL_AREA // area))
        mask = None
        if task.mask is not None:
            from creative.images.finishing import pictures

            mask = pictures.call(f"{openai_request.__name__}:to_alpha", task.mask, self._deadline)
        made = _Made()
        while len(made.pictures) < count:
            wanted = min(each, count - len(made.pictures))
            problem = self._request(task, chosen, mask, wanted, made, step)
            if problem:
                missing = count - len(made.pictures)
                made.notes.append(f"count: {missing} of {count} pictures are missing: {problem}")
                break
            # A server that gives one picture whatever `n` says is asked for one at a time.
            each = min(each, len(made.pictures))
        known = [cost for cost in made.costs if cost is not None]
        if len(set(made.pictures)) < len(made.pictures):
            made.notes.append("count: some pictures are identical; this server has a fixed seed")
        return Drawn(
            pictures=tuple(openai_request.raw(data, task, chosen.model) for data in made.pictures),
            model=chosen.model,
            cost=sum(known) if known and len(known) == len(made.costs) else None,
            notes=tuple(made.notes),
        )

    def submit(self, task: Task, step: Step) -> Ticket:
        """Refused: the images API keeps no job.

        Raises:
            InvalidInput: always.
        """
        raise InvalidInput(
            "mode",
            "submit",
            "wait with this engine: the images API hands its pictures over once, in the answer to "
            "the request, and keeps no job to fetch later",
            "Use mode wait with a larger timeout_seconds, or an engine that keeps jobs: comfyui "
            "or runware.",
        )

    def collect(self, ticket: Ticket, step: Step) -> Drawn:
        """Refused: no job can have been submitted.

        Raises:
            InvalidInput: always.
        """
        raise InvalidInput("job_id", "a job of openai", "a job of an engine that keeps jobs")

    def enlarge(self, data: bytes, width: int, height: int, upscaler: str, step: Step) -> Enlarged:
        """Refused: the images API has no upscaler.

        Raises:
            InvalidInput: always.
        """
        raise InvalidInput(
            "engine", "openai", "an engine with upscalers: automatic1111, comfyui or runware"
        )

    def choices(self, kind: ChoiceKind) -> list[Choice]:
        """The server's image models; nothing else has names here."""
        if kind != "model":
            return []
        return [Choice(value=name, label=name) for name in _drawing(self._models() or ())]

    def _choose(self, request: DrawRequest) -> _Chosen:
        if self._chosen is None:
            self._chosen = self._decide(request)
        return self._chosen

    def _decide(self, request: DrawRequest) -> _Chosen:
        openai_request.refuse_what_changes_the_model(request)
        notes: list[str] = []
        model, listed = self._model(request.model.strip(), notes)
        row = row_of(model) if model else None
        limit = row.max_prompt if row else None
        if not request.prompt.strip():
            raise InvalidInput("prompt", None, "a text; this API edits no picture without one")
        if limit and len(request.prompt) > limit:
            raise InvalidInput(
                "prompt",
                f"{len(request.prompt)} characters",
                f"at most {limit} characters ({model})",
            )
        if request.image is not None and row and not row.edits:
            raise InvalidInput("image", "a picture", f"no picture with {model}: it only draws")
        if request.mask is not None and row and not row.mask:
            raise InvalidInput("mask", "a mask", f"no mask with {model}")
        unused = openai_request.unused(request, row)
        if unused:
            notes.append(f"not used by openai: {', '.join(unused)}")
        fields = self._fields(request, row, model, notes)
        return _Chosen(model, row, fields, tuple(notes), listed)

    def _model(self, wanted: str, notes: list[str]) -> tuple[str, tuple[str, ...]]:
        """The name to send, and the server's names where they were asked for."""
        if self._official and (not wanted or wanted.lower() in openai_tables.known_ids()):
            return wanted.lower() or openai_tables.default_model(), ()
        names = self._models()
        if names is None:
            return wanted, ()
        drawing = _drawing(names)
        if self._official:
            return resolve("model", wanted, drawing, "OpenAI"), drawing
        if not wanted:
            first = drawing[0] if drawing else ""
            if first and len(drawing) > 1:
                notes.append(f"model: none was given; {first} is the first the server lists")
            return first, drawing
        try:
            return resolve("model", wanted, names, "the server"), drawing
        except InvalidInput:
            # Gateways take names that they do not list (deployments, aliases).
            notes.append(f"model: {wanted} is not in the server's list and was sent as it is")
            return wanted, drawing

    def _models(self) -> tuple[str, ...] | None:
        """Every model that the server lists, or None if it lists none to us."""
        reply = self._client.get(
            f"{self._base}/models", headers=self._headers(), allow_redirects=False
        )
        # A key of OpenAI may be allowed to draw and not to list models.
        if reply.status in _NO_MODEL_LIST or (self._official and reply.status == 403):
            return None
        if not reply.ok:
            raise openai_answers.refusal(reply, self._key, (), None)
        answer = reply.json()
        rows = answer.get("data") if isinstance(answer, dict) else answer
        if not isinstance(rows, list):
            return None
        names = (row.get("id") if isinstance(row, dict) else row for row in rows)
        return tuple(name for name in names if isinstance(name, str) and name)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def _fields(
        self, request: DrawRequest, row: ImageModel | None, model: str, notes: list[str]
    ) -> dict[str, Any]:
        edit = request.image is not None
        unchecked = []
        for name, value in request.extra.items():
            if openai_tables.check_field(name, value, row, model, edit):
                continue
            if self._official and row is not None:
                raise openai_tables.unknown_field(name, row, model, edit)
            unchecked.append(name)
        if unchecked:
            notes.append(f"extra: passed on unchecked: {', '.join(unchecked)}")
        return dict(request.extra)

    def _request(
        self, task: Task, chosen: _Chosen, mask: bytes | None, wanted: int, made: _Made, step: Step
    ) -> str:
        """One request; why nothing more should be asked for, or "".

        Raises:
            CreativeError: it failed, and there is no picture yet that could be kept.
        """
        if made.pictures and self._deadline.remaining() < made.slowest:
            return f"there was no time for another {made.slowest:.0f} s"
        began = time.monotonic()
        before = len(made.pictures)
        try:
            answer = self._post(task, chosen, mask, wanted, before / task.request.count, step)
            self._take(answer, wanted, task.init is None, chosen.model, made)
        except CreativeError as error:
            if not made.pictures:
                raise
            return shorten(error.message, 300)
        made.slowest = max(made.slowest, time.monotonic() - began)
        came = len(made.pictures) - before
        if came < wanted and (self._official or not came):
            return f"the server gave {came} where {wanted} were asked for"
        return ""

    def _post(
        self,
        task: Task,
        chosen: _Chosen,
        mask: bytes | None,
        wanted: int,
        fraction: float,
        step: Step,
    ) -> dict[str, Any]:
        address = f"{self._base}/images/{'generations' if task.init is None else 'edits'}"
        options = openai_request.body(task, chosen.model, chosen.row, chosen.fields, wanted, mask)

        def post() -> Reply:
            return self._client.post(
                address,
                headers=self._headers(),
                max_bytes=wanted * MAX_ENCODED_BYTES,
                allow_redirects=False,
                **options,
            )

        label = f"Waiting for {chosen.model or 'the model'} at {redact(self._base)}"
        try:
            reply = patiently(post, step, label, self._client, fraction)
        except DeadlineExceeded:
            raise self._deadline.error(
                f"waiting for {self._client.engine} at {redact(address)}; the connection was "
                "closed, and what the server still draws may be billed"
            ) from None
        if not reply.ok:
            raise openai_answers.refusal(reply, self._key, chosen.listed, chosen.row)
        check(reply, "openai_api_key", "openai_base_url")
        answer = reply.json()
        if not isinstance(answer, dict):
            raise pictures_missing(self._client.engine)
        return answer

    def _take(
        self, answer: dict[str, Any], wanted: int, text_only: bool, model: str, made: _Made
    ) -> None:
        """Keep the whole pictures of an answer and what it cost."""
        price = openai_tables.price_of(model) if self._official else None
        usage = answer.get("usage")
        known = price is not None and isinstance(usage, dict)
        made.costs.append(price.cost(usage, text_only) if price and known and usage else None)
        rows = answer.get("data")
        if not isinstance(rows, list) or not rows:
            raise pictures_missing(self._client.engine)
        broken = []
        for row in rows[:wanted]:
            try:
                made.pictures.append(openai_answers.picture_of(row, self._client, self._origin()))
            except CreativeError as error:
                broken.append(error)
        if len(broken) == len(rows[:wanted]):
            raise broken[0]
        made.notes += [f"a picture could not be used: {shorten(e.message, 200)}" for e in broken]
        revised = [row["revised_prompt"] for row in rows if _has_text(row, "revised_prompt")]
        if revised:
            made.notes.append(f"prompt: the model rewrote it: {shorten(revised[0], 300)}")

    def _origin(self) -> Origin:
        return Origin(
            self._base,
            self._headers(),
            self._settings.allowed_private_hosts,
            self._deadline,
            "openai_api_key",
            "openai_base_url",
        )


def _drawing(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names that look like models that draw; all, if none does."""
    found = tuple(name for name in names if row_of(name) or _IMAGE_NAMES.search(name))
    return found or names


def _has_text(row: object, name: str) -> bool:
    return isinstance(row, dict) and isinstance(row.get(name), str) and bool(row[name])
