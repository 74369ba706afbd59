"""Run a Dify workflow file on Dify's engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runtime.answers.files import FileServer
from runtime.workflow.check import check, check_environment
from runtime.workflow.conversation import Conversation
from runtime.workflow.dsl import Workflow, read
from runtime.workflow.inputs import Inputs, check_inputs
from runtime.workflow.means import Means
from runtime.workflow.result import OnEvent, OnText, ToolHost, WorkflowResult

MAX_SECONDS = 1200.0
"""Dify's WORKFLOW_MAX_EXECUTION_TIME, in seconds."""


def ready(
    source: Path | str,
    inputs: Mapping[str, Any],
    hosts: Sequence[ToolHost],
    means: Means,
    environment: Mapping[str, str],
) -> tuple[Workflow, Inputs]:
    """A workflow that can be run as asked, and its inputs; the arguments are those of `run`.

    Raises:
        UsageError: no such file; an unknown input or environment variable.
        WorkflowInvalid: the file, an input or a node cannot be used.
    """
    workflow = read(source)
    check(workflow, hosts, means)
    check_environment(workflow, environment)
    return workflow, check_inputs(workflow, inputs)


def run(
    source: Path | str,
    inputs: Mapping[str, Any],
    hosts: Sequence[ToolHost],
    *,
    files: FileServer,
    on_event: OnEvent | None = None,
    timeout: float = MAX_SECONDS,
    environment: Mapping[str, str] | None = None,
    means: Means | None = None,
    conversation: Conversation | None = None,
    on_text: OnText | None = None,
) -> WorkflowResult:
    """Run a workflow to its end.

    Args:
        source: the path of a workflow file, or its text.
        inputs: the start node's inputs (see `runtime.workflow.inputs.check_inputs`); values
            may be text, as on a command line.
        hosts: the plugins whose tools its nodes may call.
        files: serves the run's files to the plugins; must stay open during the run.
        on_event: told about every node (see `NodeEvent`), while it runs.
        timeout: limit for the whole run, in seconds.
        environment: values for the workflow's environment variables; an export has no
            secrets in it.
        means: what it may use beside the plugins; without them, no models, no private hosts.
        conversation: of a chatflow; its variables and turns are brought up to date when the run
            succeeds.
        on_text: told what an answer or end node says, while it is being said.

    Returns:
        What came of it. A node that fails gives a result with `ok` False, not an exception.

    Raises:
        UsageError: no such file; an unknown input or environment variable.
        WorkflowInvalid: the file, an input or a node cannot be used; nothing has run.
    """
    means = means or Means()
    workflow, given = ready(source, inputs, hosts, means, environment or {})
    # The engine takes a third of a second to import; `studio --help` must not pay for it.
    from runtime.workflow.engine import Run

    return Run(
        workflow,
        given,
        hosts,
        files,
        on_event or _nobody,
        timeout,
        environment or {},
        means,
        conversation,
        on_text or _nobody,
    ).execute()


def _nobody(*_: object) -> None:
    """Nobody listens."""
