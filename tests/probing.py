"""What tests of `check_connections` share: one probe, one connection of it, a server of paths."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any

from creative import connections
from creative.connections import Connection, Report
from creative.deadline import Deadline
from creative.settings import Settings
from creative.steps import Steps
from tests.servers import Server, answer


def probe(
    credentials: Mapping[str, str], seconds: float = 30, steps: Steps | None = None, **wanted: Any
) -> Report:
    settings = Settings.from_credentials(credentials)
    return connections.probe(settings, Deadline(seconds), steps or Steps(), **wanted)


def the(report: Report, setting: str) -> Connection:
    [found] = [one for one in report.connections if one.setting == setting]
    return found


def answering(routes: Mapping[str, tuple[int, Any]]) -> Server:
    """A server with these paths: their status and JSON."""

    def handler(request: BaseHTTPRequestHandler) -> None:
        status, body = routes.get(request.path.partition("?")[0], (404, {"detail": "Not Found"}))
        answer(request, json.dumps(body), status)

    return Server(handler)
