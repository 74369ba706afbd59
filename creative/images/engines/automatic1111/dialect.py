"""Which server it is, found by GETs alone, and what dialects.yaml says about it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from creative.errors import AnswerInvalid, EngineRejected
from creative.images.engines.automatic1111.server import Server

KEEP_SECONDS = 600.0
"""How long what was found about an address is believed: a restart may bring another server."""

OPENAPI = "/openapi.json"
MODELS = "/sdapi/v1/sd-models"
TXT2IMG = "/sdapi/v1/txt2img"
IMG2IMG = "/sdapi/v1/img2img"
OWN_PROGRESS = "/internal/progress"
WEBUI_PING = "/internal/ping"
SAVED_FILE = "/file={path_or_url}"
SCHEDULER_QUEUE = "/agent-scheduler/v1/queue/txt2img"

_OF_SCRIPTS = frozenset({"alwayson_scripts", "script_name", "script_args"})
_ABSENT = frozenset({404, 405, 501})


class Dialect(BaseModel):
    """A row of dialects.yaml; see the head of that file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    marks: tuple[str, ...]
    api: Literal["sdapi", "sdcpp"]
    grid: int
    max_side: int = 0
    max_steps: int = 0
    max_pictures: int = 0
    lora: Literal["tag", "structured"]
    lora_key: str = "name"
    model_setting: str
    settings: dict[str, Any] = {}
    inpaint: dict[str, Any] = {}
    scheduler: bool
    second_pass: bool
    second_pass_fields: dict[str, Any] = {}
    second_pass_cfg: str = ""
    second_pass_strength: str = "denoising_strength"  # noqa: S105 - a field, no password
    progress: bool
    own_task: bool
    interrupt: bool
    enlarge: bool
    saved: bool
    agent_scheduler: bool
    scripts: bool
    shares_common: bool = False
    fields: tuple[str, ...]
    source: str
    date: str


@dataclass(frozen=True)
class Found:
    """A server's dialect and what this very server shows of it.

    Attributes:
        dialect: its row.
        fields: names that a txt2img and an img2img request may have.
        cfg_default: guidance that the server uses when none is sent.
        own_task: our job can be told from others.
        saved: the web UI's route to saved files is there.
        agent_scheduler: the extension's routes are there.
    """

    dialect: Dialect
    fields: dict[str, frozenset[str]]
    cfg_default: float = 7.0
    own_task: bool = False
    saved: bool = False
    agent_scheduler: bool = False


@cache
def dialects() -> dict[str, Dialect]:
    """The rows of dialects.yaml by name, in their order, `common` fields included."""
    path = Path(__file__).with_name("dialects.yaml")
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    rows = {}
    for name, row in table["dialects"].items():
        shared = table["common"] if row.get("shares_common") else []
        fields = [f for f in (*shared, *row["fields"]) if row["scripts"] or f not in _OF_SCRIPTS]
        rows[name] = Dialect(**{**row, "fields": tuple(fields)})
    return rows


@dataclass
class _Kept:
    found: dict[str, tuple[float, Found]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


_kept = _Kept()


def forget() -> None:
    """Forget every server, so that each is asked again."""
    with _kept.lock:
        _kept.found.clear()


def find(server: Server) -> Found:
    """What this server is; kept per address for KEEP_SECONDS. A failure is not kept.

    Raises:
        EngineRejected: it answers, and not with this API (or not to us).
        AnswerInvalid: it answers with something else than JSON.
        EngineUnavailable, DeadlineExceeded
    """
    with _kept.lock:
        known = _kept.found.get(server.base)
    if known is not None and time.monotonic() - known[0] < KEEP_SECONDS:
        return known[1]
    found = _ask(server)
    with _kept.lock:
        _kept.found[server.base] = (time.monotonic(), found)
    return found


def _ask(server: Server) -> Found:
    # Every dialect has this one: its errors are the clearest (401, --api missing, a login page).
    if not isinstance(server.read(MODELS), list):
        raise AnswerInvalid(
            server.who, f"GET {MODELS} gave no list", "Check that it is a Stable Diffusion server."
        )
    api = _openapi(server)
    routes = set(api["paths"]) if api is not None else None
    for dialect in dialects().values():
        if all(_has(server, mark, routes) for mark in dialect.marks):
            return _found(server, dialect, api)
    raise EngineRejected(
        server.who,
        f"it has {MODELS} and none of the other routes of a Stable Diffusion server",
        hint="Check the address.",
    )


def _openapi(server: Server) -> dict[str, Any] | None:
    """The server's own description, or None where it keeps it to itself."""
    reply = server.get(OPENAPI)
    if not reply.ok:
        return None
    try:
        api = reply.json()
    except AnswerInvalid:
        return None  # a start page for every unknown path
    listed = isinstance(api, dict) and isinstance(api.get("paths"), dict)
    return api if listed and TXT2IMG in api["paths"] else None


def _has(server: Server, route: str, routes: set[str] | None) -> bool:
    if routes is not None:
        return route in routes
    reply = server.get(route)
    if reply.status in _ABSENT:
        return False
    server.check(reply)
    try:
        reply.json()
    except AnswerInvalid:
        return False
    return True


def _found(server: Server, dialect: Dialect, api: dict[str, Any] | None) -> Found:
    table = frozenset(dialect.fields)
    if api is None:
        webui = dialect.own_task and _has(server, WEBUI_PING, None)
        scheduler = dialect.agent_scheduler and _has(
            server, SCHEDULER_QUEUE.replace("queue/txt2img", "queue?limit=1"), None
        )
        return Found(
            dialect,
            {TXT2IMG: table, IMG2IMG: table},
            own_task=webui and "force_task_id" in table,
            saved=webui and dialect.saved,
            agent_scheduler=scheduler,
        )
    fields = {route: _fields(api, route) for route in (TXT2IMG, IMG2IMG)}
    default = fields[TXT2IMG].get("cfg_scale")
    known = {route: frozenset(names) or table for route, names in fields.items()}
    return Found(
        dialect,
        known,
        cfg_default=float(default) if isinstance(default, int | float) else 7.0,
        own_task=dialect.own_task
        and OWN_PROGRESS in api["paths"]
        and "force_task_id" in known[TXT2IMG],
        saved=dialect.saved and SAVED_FILE in api["paths"],
        agent_scheduler=dialect.agent_scheduler and SCHEDULER_QUEUE in api["paths"],
    )


def _fields(api: dict[str, Any], route: str) -> dict[str, Any]:
    """The fields of a route's body and their defaults; {} where the description is odd."""
    try:
        body = api["paths"][route]["post"]["requestBody"]["content"]["application/json"]["schema"]
        if "$ref" in body:
            body = api["components"]["schemas"][body["$ref"].rpartition("/")[2]]
        properties = body["properties"]
        return {name: about.get("default") for name, about in properties.items()}
    except (KeyError, TypeError, AttributeError):
        return {}
