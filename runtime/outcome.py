"""What a node or a workflow gave, as a person reads it; what it used, on standard error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from runtime.console import err, show
from runtime.usage import line, of_run
from runtime.values import size_text

if TYPE_CHECKING:  # neither starts the other's engine
    from runtime.node import NodeRun
    from runtime.workflow_command import WorkflowRun


def show_run(done: NodeRun) -> None:
    """What a node gave."""
    result = done.result
    if done.error is None and result.text:
        show(result.text)
    elif done.error is None:
        show(json.dumps(result.variables or result.json, ensure_ascii=False, indent=2))
    for link in result.links:
        show(f"Link: {link}")
    for file in done.files:
        show(f"{file['path']}  ({file['mime_type']}, {size_text(file['size'])})")
    _show_used(of_run(result, done.seconds, done.models))


def _show_used(used: Mapping[str, Any]) -> None:
    if told := line(used):
        err.print(f"[dim]Used: {escape(told)}[/]")


def show_workflow(done: WorkflowRun) -> None:
    """What a workflow gave."""
    for name, value in done.shown["outputs"].items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
        show(f"{name}: {text}")
    _show_used(done.shown["usage"])
