"""`studio doctor`: what is there and what answers."""

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from runtime.errors import StudioError
from runtime.host import Host
from runtime.host.environment import find_uv

if TYPE_CHECKING:
    from runtime.answers.check import Finding
    from runtime.settings import Settings

OK, PROBLEM, ABSENT = "ok", "problem", "not set"


@dataclass(frozen=True)
class Check:
    """One line of the report.

    Attributes:
        name: what was looked at.
        state: ok, problem, or "not set" for optional things that are not there.
        note: what was found.
        hint: what to do about a problem.
    """

    name: str
    state: str
    note: str
    hint: str = ""


def examine(host: Host, settings: Settings) -> list[Check]:
    """Look at the machine and at the models that answer reverse calls, start the plugin, let it
    check its credentials one by one."""
    checks = [_python(), _uv(), _browser(), *_models(settings)]
    began = time.monotonic()
    try:
        host.wait_ready()
    except StudioError as error:
        return [*checks, Check(host.declaration.id, PROBLEM, error.message, error.hint)]
    ready = time.monotonic() - began
    checks.append(Check(host.declaration.id, OK, f"ready after {ready:.1f} s"))
    return checks + _credentials(host)


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


def well(checks: list[Check]) -> bool:
    """Whether nothing has a problem."""
    return all(check.state != PROBLEM for check in checks)


def rows(checks: list[Check]) -> list[dict[str, Any]]:
    """The checks as plain data."""
    return [asdict(check) for check in checks]


def text(checks: list[Check]) -> str:
    """The checks for people."""
    marks = {OK: "✓", PROBLEM: "✗", ABSENT: "·"}
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{marks[check.state]} {check.name:{width}}  {check.note}")
        if check.hint:
            lines.append(f"  {'':{width}}  {check.hint}")
    return "\n".join(lines)
