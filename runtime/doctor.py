"""`studio doctor`: what is there and what answers.

Our plugin's servers are asked by its own node `check_connections`, in its own process: what works
there works in a workflow. Of another plugin only what its check of the credentials says is known.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from runtime.errors import StudioError
from runtime.host import Host
from runtime.host.environment import find_uv
from runtime.node import collect

if TYPE_CHECKING:
    from runtime.answers.check import Finding
    from runtime.settings import Settings

OK, PROBLEM, ABSENT, UNTESTED = "ok", "problem", "not set", "not tested"
NODE = "check_connections"
"""The node of a plugin that tells of its connections, as its output `connections`."""


@dataclass(frozen=True)
class Check:
    """One line of the report.

    Attributes:
        name: what was looked at.
        state: ok, problem, "not set" for optional things that are not there, or "not tested"
            where a test would cost money.
        note: what was found.
        hint: what to do about a problem.
    """

    name: str
    state: str
    note: str
    hint: str = ""


@dataclass(frozen=True)
class Examination:
    """Everything that was found.

    Attributes:
        checks: a line each.
        connections: as the plugin's node told them: {name, setting, address, configured,
            reachable, authorised, version, models, latency_ms, status, message, hint, …} each;
            empty for a plugin without that node.
    """

    checks: list[Check]
    connections: list[dict[str, Any]] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether nothing has a problem."""
        return all(check.state != PROBLEM for check in self.checks)

    def document(self) -> dict[str, Any]:
        """The document of `studio doctor --json`."""
        checks = [asdict(check) for check in self.checks]
        return {"ok": self.well, "checks": checks, "connections": self.connections}

    def text(self) -> str:
        """The checks for people."""
        marks = {OK: "✓", PROBLEM: "✗", ABSENT: "·", UNTESTED: "?"}
        width = max(len(check.name) for check in self.checks)
        lines = []
        for check in self.checks:
            lines.append(f"{marks[check.state]} {check.name:{width}}  {check.note}")
            if check.hint:
                lines.append(f"  {'':{width}}  {check.hint}")
        return "\n".join(lines)


def examine(host: Host, settings: Settings, test_picture: bool = False) -> Examination:
    """Look at the machine and at the models that answer reverse calls, start the plugin, let it
    ask its servers or check its credentials.

    Args:
        host: the plugin.
        settings: of this runtime.
        test_picture: let each server that draws draw a small picture, which may cost money.
    """
    asks = host.declaration.find(NODE) is not None
    checks = [_python(), _uv(), *([] if asks else [_browser()]), *_models(settings)]
    began = time.monotonic()
    try:
        host.wait_ready()
    except StudioError as error:
        failed = Check(host.declaration.id, PROBLEM, error.message, error.hint)
        return Examination([*checks, failed])
    ready = time.monotonic() - began
    checks.append(Check(host.declaration.id, OK, f"ready after {ready:.1f} s"))
    if not asks:
        return Examination(checks + _credentials(host))
    try:
        told = collect(host, NODE, {"test_picture": test_picture}).variables
    except StudioError as error:
        return Examination([*checks, Check("credentials", PROBLEM, error.message, error.hint)])
    connections = [one for one in told.get("connections") or [] if isinstance(one, dict)]
    return Examination(checks + _connected(host, connections), connections)


def _connected(host: Host, connections: list[dict[str, Any]]) -> list[Check]:
    """A line for each connection, then for each credential that belongs to none."""
    found = [
        Check(
            str(one["setting"]),
            str(one["status"]) if one["status"] in (OK, PROBLEM, UNTESTED) else ABSENT,
            _note(one),
            str(one["hint"]) if one["configured"] else "",
        )
        for one in connections
    ]
    named = {check.name for check in found}
    rest = [c.name for p in host.declaration.providers for c in p.credentials]
    for name in rest:
        if name not in named and host.credentials.get(name):
            found.append(Check(name, OK, "set"))
        elif name not in named:
            found.append(Check(name, ABSENT, f"not set (STUDIO_{name.upper()})"))
    return found


def _note(one: dict[str, Any]) -> str:
    """What a connection told of itself, in a line."""
    models = one.get("model_count") or 0
    latency = one.get("latency_ms")
    facts = [
        f"{one['name']}{f' at {one["address"]}' if one.get('address') else ''}",
        str(one.get("version") or ""),
        f"{models} model{'s' if models > 1 else ''}" if models else "",
        f"{latency} ms" if latency is not None else "",
    ]
    if one["status"] in (PROBLEM, UNTESTED):
        return str(one["message"])
    if not one["configured"]:
        return f"{one['name']}: not set (STUDIO_{str(one['setting']).upper()})"
    return ", ".join(fact for fact in facts if fact) + (
        f". {one['message']}" if one.get("message") else ""
    )


def _python() -> Check:
    version = platform.python_version()
    if (3, 12) <= sys.version_info < (3, 14):
        return Check("python", OK, version)
    return Check("python", PROBLEM, version, "Use Python 3.12 or 3.13.")


def _uv() -> Check:
    path = find_uv()
    if path is None:
        return Check("uv", ABSENT, "not found; needed only to host other people's plugins")
    return Check("uv", OK, path)


def _browser() -> Check:
    from creative.capture import find_browser

    path = find_browser()
    if path is not None:
        return Check("browser", OK, path)
    if named := os.environ.get("STUDIO_CHROMIUM"):
        note = f"STUDIO_CHROMIUM names {named}, which is no program"
        return Check("browser", PROBLEM, note, "Correct or remove STUDIO_CHROMIUM.")
    return Check(
        "browser",
        ABSENT,
        "no Chromium or Chrome on this machine",
        "Install one (Debian: apt install chromium), or set STUDIO_BROWSER_URL or a "
        "STUDIO_SCREENSHOT_SERVICE.",
    )


def _models(settings: Settings) -> list[Check]:
    """The endpoints of models, each with a small call; one line if there are none."""
    from runtime.answers import embedded
    from runtime.answers.check import look
    from runtime.answers.models import endpoints

    llm, embedding = endpoints(settings)
    checks = []
    if llm.base_url:
        checks.append(_found("language model", look(llm, "llm")))
    if embedding.model == embedded.NAME:
        checks.append(Check("embedding model", OK, f"the embedded one: {embedded.SHOWN}"))
    elif embedding.base_url and (embedding.model or embedding.base_url != llm.base_url):
        checks.append(_found("embedding model", look(embedding, "embedding")))
    elif llm.base_url:
        checks.append(Check("embedding model", ABSENT, "not set (STUDIO_EMBEDDING_MODEL)"))
    return checks or [
        Check(
            "models",
            ABSENT,
            "not set (STUDIO_LLM_BASE_URL, _API_KEY and _MODEL; STUDIO_EMBEDDING_MODEL)",
        )
    ]


def _found(name: str, finding: Finding) -> Check:
    return Check(name, OK if finding.fine else PROBLEM, finding.note, finding.hint)


def _credentials(host: Host) -> list[Check]:
    """Every credential that is set, checked in the plugin's own process.

    The plugin checks all of them in one call and names each problem on a line of its own, as
    "credential: what happened"; a plugin that does it otherwise is shown as a whole.
    """
    names = [c.name for p in host.declaration.providers for c in p.credentials]
    given = [name for name in names if host.credentials.get(name)]
    absent = [
        Check(name, ABSENT, f"not set (STUDIO_{name.upper()})")
        for name in names
        if name not in given
    ]
    if not given:
        return absent
    try:
        host.validate_credentials()
    except StudioError as error:
        problems = _by_name(f"{error.message}\nWhat to do: {error.hint}", given)
        if not problems:
            return [Check("credentials", PROBLEM, error.message, error.hint), *absent]
    else:
        problems = {}
    return [
        problems.get(name, Check(name, OK, "passed the plugin's check")) for name in given
    ] + absent


def _by_name(text: str, given: list[str]) -> dict[str, Check]:
    """The problems by credential; several addresses of one credential are told together."""
    notes: dict[str, list[str]] = {}
    hints: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        head, colon, rest = line.partition(":")
        if colon and head in given:
            name = head
            notes.setdefault(name, []).append(rest.strip())
        elif name and head == "What to do":
            hints.setdefault(name, []).append(rest.strip())
    return {
        name: Check(name, PROBLEM, " ".join(told), " ".join(dict.fromkeys(hints.get(name, ()))))
        for name, told in notes.items()
    }
