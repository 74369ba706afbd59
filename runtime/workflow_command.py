"""`studio workflow run` and `chat`: inputs from a command line, progress, files on disk."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.answers.files import FileServer
from runtime.console import StepView
from runtime.errors import StudioError, ToolFailed, UsageError
from runtime.host import Host
from runtime.ledger import NO_LEDGER, Ledger, Recorder
from runtime.node import text_of
from runtime.output import check_writable, save
from runtime.settings import Settings
from runtime.workflow import result as workflow_result
from runtime.workflow.conversation import Conversation
from runtime.workflow.dsl import read
from runtime.workflow.inputs import variables_of
from runtime.workflow.means import Means
from runtime.workflow.result import STOPPED_BY_PERSON, NodeEvent, OnText, WorkflowResult
from runtime.workflow.run import MAX_SECONDS, ready
from runtime.workflow.run import run as run_workflow
from runtime.workflow_events import Events

_FILE_TYPES = frozenset({"file", "file-list"})


@dataclass
class WorkflowRun:
    """What became of a run.

    Attributes:
        result: as the engine gave it.
        shown: the same as plain data, with the paths of its files.
        error: why it failed, or None.
    """

    result: WorkflowResult
    shown: dict[str, Any]
    error: StudioError | None

    def document(self) -> dict[str, Any]:
        """The document of `studio workflow run --json`."""
        return self.shown


@dataclass(frozen=True)
class Extras:
    """What a run may be given beside its inputs.

    Attributes:
        timeout: longest run, in seconds; None: Dify's.
        environment: values for the workflow's environment variables.
        means: models, knowledge, a sandbox, a person.
        conversation: of a chatflow; brought up to date by a run that succeeds.
        events: told everything as it happens.
        on_text: told what an answer says, while it is being said.
    """

    timeout: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    means: Means | None = None
    conversation: Conversation | None = None
    events: Events | None = None
    on_text: OnText | None = None


def run(
    file: Path,
    given: Mapping[str, str],
    hosts: Sequence[Host],
    out: Path,
    view: StepView | None,
    timeout: float | None = None,
    ledger: Ledger = NO_LEDGER,
    extras: Extras | None = None,
) -> WorkflowRun:
    """Run a workflow file and save the files among its outputs into `out`.

    Args:
        file: the workflow.
        given: its inputs as text; `@path` reads a text from a file, and names a file where the
            start node wants one.
        hosts: the plugins whose tools it may call; a process starts when it is first needed.
        out: where files go.
        view: shows the nodes while they run.
        timeout: longest run, in seconds; default: Dify's.
        ledger: keeps the run.
        extras: what else it is given.

    Raises:
        UsageError, WorkflowInvalid: it cannot be run as asked; nothing has run.
    """
    extras = extras or Extras(timeout)
    check_writable(out)
    inputs = _inputs(file, given)
    # Looked at here too: what cannot be run as asked is no run that failed.
    ready(file, inputs, hosts, extras.means or Means(), extras.environment)
    plugins = ", ".join(host.declaration.id for host in hosts)
    with ledger.run("workflow", file.name, plugins, given) as record:
        for host in hosts:
            host.answers.on_usage = record.usage
        result = execute(file, inputs, hosts, view, timeout, record, extras)
        saved = {id(f): save([f], out)[0] for f in result.files}
        shown = result.to_json(lambda f: saved[id(f)]["path"])
        error = failure(result)
        record.result("", shown["outputs"], result.status)
        record.files(saved.values())
        if error is not None:
            record.failed(error)
        if result.error is not None and result.error.type == STOPPED_BY_PERSON:
            record.stopped()
    return WorkflowRun(result, shown, error)


def execute(
    file: Path,
    inputs: Mapping[str, Any],
    hosts: Sequence[Host],
    view: StepView | None,
    timeout: float | None = None,
    record: Recorder | None = None,
    extras: Extras | None = None,
) -> WorkflowResult:
    """Run a workflow file, showing and recording its nodes; see `runtime.workflow.run.run`."""
    extras = extras or Extras()
    listeners: list[Callable[[NodeEvent], None]] = [_teller(view)] if view else []
    listeners += [record.node] if record else []
    events = extras.events
    if events is not None:
        listeners.append(events.node)
        events.started(file.name, inputs)

    def tell(event: NodeEvent) -> None:
        for listener in listeners:
            listener(event)

    with FileServer() as files:
        return run_workflow(
            file,
            inputs,
            hosts,
            files=files,
            on_event=tell,
            timeout=MAX_SECONDS if timeout is None else timeout,
            environment=extras.environment,
            means=extras.means,
            conversation=extras.conversation,
            on_text=events.text if events is not None else extras.on_text,
        )


@contextlib.contextmanager
def stoppable(means: Means, hosts: Sequence[Host]) -> Iterator[None]:
    """Ctrl-C inside stops the run: its nodes, the calls to plugins, code; a second one is raised.

    A run that was stopped so ends with the status stopped and is recorded as that.
    """

    def stop(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        means.stop.set()
        # Calls in flight end when their plugin does. Not here: this interrupts anything.
        threading.Thread(target=end, daemon=True).start()

    def end() -> None:
        for host in hosts:
            host.stop()

    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def environment(file: Path, settings: Settings, given: Sequence[str]) -> dict[str, str]:
    """Values for the workflow's environment variables: STUDIO_ENV_<NAME>, then `given`.

    Args:
        file: the workflow.
        settings: where STUDIO_ENV_… are read.
        given: NAME=value each.

    Raises:
        UsageError: an entry of `given` has no =.
    """
    values = {}
    for variable in read(file).environment:
        value = settings.get(f"env_{variable['name']}")
        if value is not None:
            values[str(variable["name"])] = value
    for entry in given:
        name, equals, value = entry.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{entry!r} is not NAME=value.", "Write --env-var NAME=value.")
        values[name.strip()] = text_of(name, value)
    return values


def _inputs(file: Path, given: Mapping[str, str]) -> dict[str, Any]:
    kinds = {variable.name: variable.type for variable in variables_of(read(file))}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if kinds.get(name) in _FILE_TYPES:
            values[name] = "\n".join(part.removeprefix("@") for part in value.split(",@"))
        else:
            values[name] = text_of(name, value)
    return values


def _teller(view: StepView) -> Callable[[NodeEvent], None]:
    def tell(event: NodeEvent) -> None:
        name = event.title or event.type
        match event.status:
            case workflow_result.STARTED:
                view.started(name)
            case workflow_result.RUNNING if event.log is not None:
                view.log(name, event.log)
            case workflow_result.SUCCEEDED:
                view.finished(name, ok=True, note=f"{event.elapsed:.1f} s")
            case workflow_result.FAILED:
                view.finished(name, ok=False, note=event.error)
            case workflow_result.RETRIED:
                view.log(name, {"label": f"Trying again: {event.error}"})
            case _:
                pass  # a skipped node has nothing to show

    return tell


def failure(result: WorkflowResult) -> StudioError | None:
    """Why the run failed, as an error that can be shown or raised; None if it did not."""
    if result.error is None:
        return None
    error = result.error
    return ToolFailed(error.type, error.message, error.hint, error.traceback)
