"""The command line: `studio …`. Each command reads its options and calls one function."""

from __future__ import annotations

import io
import os
import signal
import sys
from typing import NoReturn

import typer

# In the order in which --help lists them.
from runtime.commands import tools, run, workflow, runs, stats, debug_server  # isort: skip
from runtime.commands import package, demo, doctor  # isort: skip
from runtime.commands.common import app, show_failure
from runtime.errors import UsageError

__all__ = [
    "app",
    "debug_server",
    "demo",
    "doctor",
    "main",
    "package",
    "run",
    "runs",
    "stats",
    "tools",
    "workflow",
]


def main() -> NoReturn:
    """The entry point of the `studio` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that is not UTF-8 gets "?" for "✓"
            stream.reconfigure(errors="replace")
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP, and so do we then
            signal.signal(number, _end)
    as_json = "--json" in sys.argv
    try:
        raise SystemExit(app(standalone_mode=not as_json))
    except typer.TyperException as error:
        # With --json even a wrong option is a document; otherwise Typer has shown it.
        show_failure(UsageError(error.format_message(), "See --help."), True, False)
        raise SystemExit(UsageError.exit_code) from None
    except typer.Abort:
        raise SystemExit(130) from None
    finally:
        # What is left is tidying up; who presses Ctrl-C again wants out, not a traceback.
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))


def _end(number: int, _frame: object) -> NoReturn:
    """Unwind as Ctrl-C does, so that plugins are stopped and half-written files removed."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)
