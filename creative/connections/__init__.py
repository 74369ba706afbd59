"""Do the configured servers answer? Asked by the credentials form, the node check_connections
and `studio doctor`.

    check(settings, deadline) -> list[Problem]                    for the form: quick, only problems
    probe(settings, deadline, steps, …) -> Report                 everything about every connection

How it fits together: `servers` asks each kind of server with requests that change and cost
nothing; `finding` knows a server by its answer and finds out what to write where another one
answers; `checks` runs all of it at the same time; `trial` draws pictures of 64 x 64 if asked to;
`model` is what comes out.
"""

from __future__ import annotations

from creative.connections.checks import CHECK_SECONDS, check
from creative.connections.model import Connection, Problem, Report
from creative.connections.report import probe

__all__ = [
    "CHECK_SECONDS",
    "Connection",
    "Problem",
    "Report",
    "check",
    "probe",
]
