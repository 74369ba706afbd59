"""What happens in a run, as its engine tells it: every node's state, and why it all ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from graphon.engine_events import (
    EngineEvent,
    GraphRunAbortedEvent,
    GraphRunFailedEvent,
    GraphRunPartialSucceededEvent,
    GraphRunPausedEvent,
    NodeRunExceptionEvent,
    NodeRunFailedEvent,
    NodeRunRetryEvent,
    NodeRunStartedEvent,
    NodeRunStreamChunkEvent,
    NodeRunSucceededEvent,
)
from graphon.engine_events.base import NodeEvent as GraphonNodeEvent
from graphon.file.runtime import use_workflow_file_runtime

from runtime.errors import StudioError, ToolFailed
from runtime.usage import of_node
from runtime.workflow.dsl import Workflow
from runtime.workflow.result import (
    FAILED,
    RETRIED,
    RUNNING,
    SKIPPED,
    STARTED,
    SUCCEEDED,
    NodeEvent,
    NodeResult,
    OnEvent,
    OnText,
    RunError,
)
from runtime.workflow.store import FileStore, plain_files

PARTIAL = "partial-succeeded"
STOPPED = "stopped"
ASKED = "it was asked to"
CUT_OFF = "The run ended before this node did."


class Progress:
    """Keeps what has become of the nodes of one run, and tells it on.

    Args:
        workflow: what is run.
        store: the run's files.
        on_event: told about every node.
        on_text: told what an answer or end node says, while it is being said.

    Attributes:
        failures: execution id to the error of its tool; of the run's `ToolRuntime`.
        results: what has become of the nodes so far.
        status: of the run.
        error: why it ended, if it was not by itself.
    """

    def __init__(
        self, workflow: Workflow, store: FileStore, on_event: OnEvent, on_text: OnText
    ) -> None:
        self._workflow = workflow
        self._store = store
        self._on_event = on_event
        self._on_text = on_text
        self._lock = threading.RLock()
        self._began: dict[str, float] = {}
        self._open: dict[str, str] = {}
        self._reached: set[str] = set()
        self._over = False
        self._retries: dict[str, int] = {}
        self.failures: Mapping[str, StudioError] = {}
        self.results: list[NodeResult] = []
        self.status = SUCCEEDED
        self.error: RunError | None = None

    def see(self, event: EngineEvent) -> None:
        """Take an event of the engine."""
        if isinstance(event, NodeRunRetryEvent):
            self._retries[event.node_id] = event.retry_index
            self._open.pop(event.id, None)
            self._emit(event.node_id, RETRIED, self._since(event), self._words(event))
        elif isinstance(event, NodeRunStartedEvent):
            self._announce(event.node_id, event.id)
        elif isinstance(event, NodeRunStreamChunkEvent):
            if event.chunk:
                self._on_text(event.node_id, list(event.selector), event.chunk)
        elif isinstance(event, NodeRunSucceededEvent):
            self._finish(event, SUCCEEDED)
        elif isinstance(event, NodeRunFailedEvent):
            self._finish(event, FAILED, self._words(event))
            if not self._inside(event.node_id):
                self.error = self._why(event)
        elif isinstance(event, NodeRunExceptionEvent):
            self._finish(event, FAILED, self._words(event))
        else:
            self._see_end(event)

    def _see_end(self, event: EngineEvent) -> None:
        if isinstance(event, GraphRunPartialSucceededEvent):
            # The failures were handled: by a branch, a default, a retry, or an iteration that
            # goes on without the round.
            self.status, self.error = PARTIAL, None
        elif isinstance(event, GraphRunFailedEvent):
            self.status = FAILED
            self.error = self.error or RunError("EngineFailed", event.error)
        elif isinstance(event, GraphRunAbortedEvent):
            self.status = STOPPED
            reason = event.reason or ASKED
            limit = (
                "WORKFLOW_MAX_EXECUTION_STEPS"
                if "steps" in reason
                else ("WORKFLOW_MAX_EXECUTION_TIME")
            )
            self.error = RunError(
                "LimitExceeded",
                f"The workflow was stopped: {reason} ({limit}).",
                "Shorten the workflow, or give it more time with --timeout."
                if limit.endswith("TIME")
                else "Dify stops it at the same point: look for a loop that does not end.",
            )
        elif isinstance(event, GraphRunPausedEvent):
            self.status = STOPPED
            self.error = RunError(
                "Paused", "The workflow waits for a person, which only Dify can ask.", ""
            )

    def _finish(self, event: GraphonNodeEvent, status: str, error: str = "") -> None:
        node = self._workflow.nodes[event.node_id]
        elapsed = self._since(event)
        self._open.pop(event.id, None)
        outputs = None
        if status == SUCCEEDED:
            with use_workflow_file_runtime(self._store):
                outputs = plain_files(event.node_run_result.outputs)
        retries = self._retries.pop(event.node_id, 0)
        used = of_node(node.type, outputs)
        self.results.append(
            NodeResult(node.id, node.title, node.type, status, elapsed, retries, error, used)
        )
        self._emit(node.id, status, elapsed, error, outputs=outputs)

    def fail(self, error: RunError) -> None:
        """The run has failed after its nodes; an earlier error stands."""
        if self.error is None:
            self.status, self.error = FAILED, error

    def end(self) -> None:
        """Account for the nodes that the end of the run cut off, and those it never reached."""
        with self._lock:
            # A tool that is still at work talks to nobody from here on.
            self._over = True
        for execution_id, node_id in self._open.items():
            node = self._workflow.nodes[node_id]
            elapsed = time.monotonic() - self._began[execution_id]
            self.results.append(
                NodeResult(node.id, node.title, node.type, SKIPPED, elapsed, error=CUT_OFF)
            )
            self._emit(node.id, SKIPPED, elapsed, CUT_OFF)
        for node in self._workflow.nodes.values():
            # The engine does not tell of the entries of iterations and loops.
            if node.id not in self._reached and node.type not in ("iteration-start", "loop-start"):
                self.results.append(NodeResult(node.id, node.title, node.type, SKIPPED))
                self._emit(node.id, SKIPPED)

    def _announce(self, node_id: str, execution_id: str) -> None:
        # A tool's first log line may overtake the engine's event that its node has started.
        with self._lock:
            if execution_id not in self._began:
                self._began[execution_id] = time.monotonic()
                self._open[execution_id] = node_id
                self._reached.add(node_id)
                self._emit(node_id, STARTED)

    def log(self, node_id: str, execution_id: str, log: dict[str, Any]) -> None:
        """Take what a tool says while it works; see `tools.OnLog`."""
        with self._lock:
            if self._over:
                return
            self._announce(node_id, execution_id)
            elapsed = time.monotonic() - self._began[execution_id]
            self._emit(node_id, RUNNING, elapsed, log=log)

    def _emit(
        self,
        node_id: str,
        status: str,
        elapsed: float = 0.0,
        error: str = "",
        log: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        node = self._workflow.nodes[node_id]
        event = NodeEvent(node.id, node.title, node.type, status, elapsed, error, log, outputs)
        with self._lock:
            self._on_event(event)

    def _since(self, event: GraphonNodeEvent) -> float:
        began = self._began.get(event.id)
        return 0.0 if began is None else time.monotonic() - began

    def _inside(self, node_id: str) -> bool:
        """Whether the error is already known from a node inside this iteration or loop."""
        known = self._workflow.nodes.get(self.error.node_id) if self.error else None
        return known is not None and known.parent == node_id

    def _words(self, event: NodeRunRetryEvent | NodeRunFailedEvent | NodeRunExceptionEvent) -> str:
        """What the tool said, rather than what Dify makes of it for error_message."""
        failure = self.failures.get(event.id)
        return failure.message if failure is not None else event.error

    def _why(self, event: NodeRunFailedEvent) -> RunError:
        node = self._workflow.nodes[event.node_id]
        failure = self.failures.get(event.id)
        if failure is None:
            return RunError(
                "NodeFailed",
                f"The node {node.title!r} ({node.type}) failed: {event.error}",
                node_id=node.id,
            )
        return RunError(
            type(failure).__name__,
            f"The node {node.title!r} ({node.type}) failed: {failure.message}",
            failure.hint,
            node.id,
            failure.traceback if isinstance(failure, ToolFailed) else "",
        )
