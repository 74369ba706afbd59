"""What is told about connections."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from creative.errors import CreativeError, EngineUnavailable, NotConfigured

MAX_MODELS = 20
"""Names of models that are told of a connection."""
_SENTENCE = re.compile(r"(?<=\.)\s+")
Status = Literal["ok", "problem", "not tested", "not set"]


@dataclass(frozen=True)
class Problem:
    """A credential that does not work.

    Attributes:
        credential: its name in the form.
        error: says at which address, and what answered.
    """

    credential: str
    error: CreativeError

    def __str__(self) -> str:
        return f"{self.credential}: {self.error}"


@dataclass(frozen=True)
class About:
    """What a server says about itself.

    Attributes:
        version: what it is, and which one; "" where it does not say.
        models: names as its requests take them.
        note: what else is worth telling.
        proven: whether its answer shows that it is such a server and lets us in.
    """

    version: str = ""
    models: tuple[str, ...] = ()
    note: str = ""
    proven: bool = True


class Connection(BaseModel):
    """One server, and whether it can be worked with."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="what it is, for people")
    setting: str = Field(description="the credential that names it")
    address: str = Field("", description="without user, password and query")
    configured: bool = Field(True, description="there is something to ask")
    reachable: bool | None = Field(None, description="something answers; None: not known")
    authorised: bool | None = Field(
        None, description="it takes our login, or wants none; None: not known"
    )
    version: str = Field("", description="empty where the server does not say")
    models: tuple[str, ...] = Field((), description="at most 20 of them")
    model_count: int = Field(0, description="how many it has in all")
    latency_ms: int | None = Field(
        None, description="milliseconds of the question that it is known by, connecting included"
    )
    status: Status
    message: str = Field("", description="what was found")
    hint: str = Field("", description="what to do about it; empty where nothing is wrong")
    picture: str = Field("", description="file name of the test picture")


@dataclass(frozen=True)
class TestPicture:
    """The picture that a connection drew."""

    data: bytes
    mime_type: str
    filename: str


@dataclass(frozen=True)
class Report:
    """All connections.

    Attributes:
        connections: those that are set up first.
        pictures: what was drawn as a test.
    """

    connections: tuple[Connection, ...]
    pictures: tuple[TestPicture, ...] = ()

    @property
    def problems(self) -> list[Connection]:
        """What is set up and does not work."""
        return [one for one in self.connections if one.status == "problem"]

    @property
    def ok(self) -> bool:
        """Something is set up, and all of it that was tested works."""
        return any(one.status == "ok" for one in self.connections) and not self.problems

    def data(self) -> list[dict[str, Any]]:
        """The connections as plain data."""
        return [one.model_dump(mode="json") for one in self.connections]

    def check(self) -> None:
        """Raise what is wrong.

        Raises:
            EngineUnavailable: names everything that is set up and does not work; or nothing
                that is set up was tested.
            NotConfigured: nothing is set up.
        """
        wrong = self.problems
        if wrong:
            asked = sum(one.configured for one in self.connections)
            said = "; ".join(
                f"{one.name} ({one.setting}): {one.message.rstrip('.')}" for one in wrong
            )
            # Hints of several servers mostly begin alike.
            hints = dict.fromkeys(part for one in wrong for part in _SENTENCE.split(one.hint))
            error = EngineUnavailable("a connection", said, " ".join(hints).strip())
            error.message = f"{len(wrong)} of {asked} connections do not work: {said}."
            raise error.without(())
        if self.ok:
            return
        untested = [one for one in self.connections if one.status == "not tested"]
        if untested:
            said = "; ".join(f"{one.name} ({one.setting}): {one.message}" for one in untested)
            raise EngineUnavailable(
                "Every connection",
                f"none could be tested without paying for it: {said}".rstrip("."),
                "Switch on test_picture, or ask_model for a language model.",
            )
        raise NotConfigured("sd_base_url", "Everything that draws on a server")

    def text(self) -> str:
        """A Markdown table of what is set up, then what is wrong and what could be set up."""
        configured = [one for one in self.connections if one.configured]
        lines = [self._headline(len(configured))]
        if configured:
            lines += ["", "| Connection | Address | State | Version | Latency | Models |"]
            lines += ["|---|---|---|---|---|---|"]
            lines += [_row(one) for one in configured]
        told = [_told(one) for one in configured if one.message]
        lines += ["", *told] if told else []
        absent = [one for one in self.connections if not one.configured]
        if absent:
            lines += ["", "Not set up:"]
            lines += [f"- {one.name}: {one.hint}" for one in absent]
        return "\n".join(lines).strip()

    def _headline(self, configured: int) -> str:
        if not configured:
            return "Nothing is set up yet, so there is nothing to test."
        untested = [one.name for one in self.connections if one.status == "not tested"]
        if self.problems:
            wrong = len(self.problems)
            verb = "does" if wrong == 1 else "do"
            of = f"{configured} connection{'s' if configured > 1 else ''}"
            said = f"{wrong} of {of} {verb} not work."
        elif configured == len(untested):
            said = "None of the connections was tested."
        elif configured - len(untested) == 1:
            said = "The tested connection works."
        else:
            said = f"All {configured - len(untested)} tested connections work."
        return said + (f" Not tested: {', '.join(untested)}." if untested else "")


def _told(one: Connection) -> str:
    """A connection's message in a line, with what to do where something is wrong."""
    if one.status == "ok":
        return f"- {one.name}: {one.message}"
    # What a server said ends as it likes.
    stop = "" if not one.hint or one.message.endswith((".", "!", "?", "…")) else "."
    return f"- **{one.name}**, `{one.setting}`: {one.message}{stop} {one.hint}".rstrip()


def _row(one: Connection) -> str:
    shown = ", ".join(one.models[:3]) + (
        f", … ({one.model_count})" if one.model_count > len(one.models[:3]) else ""
    )
    latency = "" if one.latency_ms is None else f"{one.latency_ms} ms"
    marks = {"ok": "✓ works", "problem": "✗ problem"}
    cells = (one.name, one.address, marks.get(one.status, one.status), one.version, latency, shown)
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
