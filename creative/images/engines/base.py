"""What every engine is: a way to have a picture drawn, behind one request.

survey   looks before anything is drawn: which server, which model, what it can draw;
         every name the request uses is checked here
draw     draws and waits; at the deadline its own job is cancelled
submit   hands the job over and returns at once
collect  waits for a submitted job, in any later call, and never cancels it
enlarge  makes a finished picture larger with an upscaler
choices  names that a user can choose from
"""

from __future__ import annotations

import hashlib
from types import TracebackType
from typing import Any, ClassVar, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field

from creative.deadline import Deadline
from creative.errors import DeadlineExceeded
from creative.images.families import Rule
from creative.images.plan import Plan
from creative.images.request import DrawRequest
from creative.settings import Settings
from creative.steps import Step

ChoiceKind = Literal["model", "sampler", "scheduler", "upscaler", "lora"]

ENGINES = ("automatic1111", "comfyui", "openai", "runware")
"""Every engine, in the order in which `auto` looks for a configured one."""


class Survey(BaseModel):
    """What an engine can do for one request."""

    model_config = ConfigDict(frozen=True)

    server: str = Field(description="redacted address, for people")
    model: str = Field(description="the model that will draw, as the server calls it; may be empty")
    rule: Rule = Field(description="sizes that may be drawn")
    second_pass: bool = Field(False, description="a highres pass is possible")
    upscaler: str = Field("", description="what `enlarge` would use; empty: it cannot")
    notes: tuple[str, ...] = ()


class Task(BaseModel):
    """One job, everything decided."""

    model_config = ConfigDict(frozen=True)

    request: DrawRequest
    plan: Plan
    seed: int = Field(description="of the first picture, 0 to 2^32 - 1")
    init: bytes | None = Field(None, description="PNG of exactly the drawn size", repr=False)
    mask: bytes | None = Field(
        None, description="PNG (grey) of exactly the drawn size; white is repainted", repr=False
    )


class Raw(BaseModel):
    """A picture as an engine handed it over."""

    model_config = ConfigDict(frozen=True)

    data: bytes = Field(description="a PNG, JPEG or WebP file", repr=False)
    seed: int | None = Field(None, description="None: the engine has no seeds")
    infotext: str = Field("", description="generation parameters as AUTOMATIC1111 writes them")


class Drawn(BaseModel):
    """What came back."""

    model_config = ConfigDict(frozen=True)

    pictures: tuple[Raw, ...] = Field(min_length=1)
    model: str = Field("", description="the model that drew, as the server calls it")
    cost: float | None = Field(None, description="US dollars; None: unknown")
    notes: tuple[str, ...] = ()


class Enlarged(BaseModel):
    """A picture made larger."""

    model_config = ConfigDict(frozen=True)

    data: bytes = Field(description="a PNG, JPEG or WebP file", repr=False)
    upscaler: str = Field(description="the upscaler that was used, as the server calls it")
    cost: float | None = Field(None, description="US dollars; None: unknown")
    notes: tuple[str, ...] = ()


class Ticket(BaseModel):
    """A submitted job, as it is found again. Holds no address and no secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: str
    server: str = Field(description="`fingerprint` of the server's address")
    ids: tuple[str, ...] = Field(description="the server's own ids of the job's parts")
    model: str = ""
    seeds: tuple[int, ...] = ()
    infotexts: tuple[str, ...] = ()
    data: dict[str, Any] = Field(default_factory=dict, description="what the engine needs besides")


class Choice(BaseModel):
    """A name to choose."""

    model_config = ConfigDict(frozen=True)

    value: str
    label: str


class Unfinished(DeadlineExceeded):
    """The time of this call is up, and the submitted job goes on.

    Args:
        deadline: the clock that ran out.
        reached: how far the job is, in words.
        percent: how far the job is, 0 to 100.
    """

    def __init__(self, deadline: Deadline, reached: str, percent: float) -> None:
        super().__init__(
            f"waiting for the job ({reached})",
            deadline.seconds,
            deadline.limit,
            "The job goes on: call fetch_image with the same job_id again. " + deadline.who,
        )
        self.percent = percent


class Engine(Protocol):
    """One engine within one call. Made by `creative.images.engines.open_engine`."""

    name: ClassVar[str]

    def __init__(self, settings: Settings, deadline: Deadline, server: str = "") -> None:
        """`server` is the `fingerprint` of the address to use; empty: any that is configured.

        Raises:
            NotConfigured: no address or key for this engine.
            InvalidInput: no configured address has this fingerprint (parameter job_id).
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close what was opened; give back the place in a pool."""

    def survey(self, request: DrawRequest) -> Survey:
        """See the module.

        Raises:
            InvalidInput: a name that the server does not have (with the closest ones), or
                something this engine cannot do.
            EngineUnavailable, EngineRejected, AnswerInvalid, DeadlineExceeded
        """
        ...

    def draw(self, task: Task, step: Step) -> Drawn:
        """Draw and wait. At the deadline, cancel what is provably ours, then raise.

        Raises:
            DeadlineExceeded: names the limit, what was reached, and what became of the job.
            EngineUnavailable, EngineRejected, AnswerInvalid
        """
        ...

    def submit(self, task: Task, step: Step) -> Ticket:
        """Hand the job over.

        Raises:
            InvalidInput: this server cannot keep a job (parameter mode, with the reason).
        """
        ...

    def collect(self, ticket: Ticket, step: Step) -> Drawn:
        """Wait for a submitted job.

        Raises:
            Unfinished: the deadline passed and the job goes on.
            EngineRejected: the job failed or is not known any more.
        """
        ...

    def enlarge(self, data: bytes, width: int, height: int, upscaler: str, step: Step) -> Enlarged:
        """A larger version, at least width x height where the upscaler can (else its most).
        May be called without `survey` or `draw` before.

        Args:
            data: a PNG, JPEG or WebP file.
            width: pixels wanted.
            height: pixels wanted.
            upscaler: a name from `choices("upscaler")`; empty: the one `survey` would name.
            step: told how far it is.
        """
        ...

    def choices(self, kind: ChoiceKind) -> list[Choice]:
        """The server's names, in its order; empty where it has none of this kind."""
        ...


def fingerprint(address: str) -> str:
    """A short name of an address that tells nothing about it (16 hex digits of SHA-256).

    A user and password in the address, and a slash at its end, do not count.
    """
    scheme, mark, rest = address.strip().rstrip("/").partition("://")
    host, slash, path = rest.partition("/")
    bare = f"{scheme.lower()}{mark}{host.rpartition('@')[2].lower()}{slash}{path}"
    return hashlib.sha256(bare.encode()).hexdigest()[:16]
