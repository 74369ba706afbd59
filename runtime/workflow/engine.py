"""The loop around graphon's engine: state in, events out, one result at the end."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from graphon.engine import Engine
from graphon.engine.layer.builtin.execution_limits import ExecutionLimitsLayer
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
from graphon.file.models import File
from graphon.file.runtime import use_workflow_file_runtime
from graphon.graph.graph import Graph
from graphon.runtime.init_params import InitParams
from graphon.runtime.runtime_state import RuntimeState
from graphon.variables.segments import Segment
from pydantic import BaseModel

from runtime.answers.files import FileServer
from runtime.errors import StudioError, ToolFailed, WorkflowInvalid
from runtime.usage import of_node
from runtime.workflow.code import DifySandbox, LocalSandbox, Sandbox
from runtime.workflow.conversation import Conversation
from runtime.workflow.dsl import CHATFLOW, Workflow
from runtime.workflow.factory import Factory, Parts, explain
from runtime.workflow.inputs import Inputs
from runtime.workflow.means import Means
from runtime.workflow.pool import build_pool
from runtime.workflow.result import (
    FAILED,
    RETRIED,
    RUNNING,
    SKIPPED,
    STARTED,
    STOPPED_BY_PERSON,
    SUCCEEDED,
    NodeEvent,
    NodeResult,
    OnEvent,
    OnText,
    RunError,
    ToolHost,
    WorkflowResult,
)
from runtime.workflow.store import FileStore, plain_files
from runtime.workflow.tools import ToolRuntime, deadline

MAX_STEPS = 500
"""Dify's WORKFLOW_MAX_EXECUTION_STEPS."""
PARTIAL = "partial-succeeded"
STOPPED = "stopped"
ASKED = "it was asked to"
CUT_OFF = "The run ended before this node did."

# graphon logs each failing node with a traceback; the result says it in one sentence.
logging.getLogger("graphon").addHandler(logging.NullHandler())


class Run:
    """One run of a workflow; see `runtime.workflow.run.run` for the arguments."""

    def __init__(
        self,
        workflow: Workflow,
        inputs: Inputs,
        hosts: Sequence[ToolHost],
        files: FileServer,
        on_event: OnEvent,
        timeout: float,
        environment: Mapping[str, str],
        means: Means,
        conversation: Conversation | None,
        on_text: OnText,
    ) -> None:
        self._workflow = workflow
        self._inputs = inputs
        self._timeout = timeout
        self._environment = environment
        self._listener = on_event
        self._lock = threading.RLock()
        self._means = means
        self._conversation = conversation
        self._on_text = on_text
        self._store = FileStore(files)
        self._remaining = deadline(timeout)
        self._tools = ToolRuntime(workflow, hosts, self._store, self._log, self._remaining)
        self._sandbox: Sandbox = (
            DifySandbox(means.sandbox_url, means.sandbox_key)
            if means.sandbox_url
            else LocalSandbox(self._remaining)
        )
        self._began: dict[str, float] = {}
        self._open: dict[str, str] = {}
        self._reached: set[str] = set()
        self._over = False
        self._retries: dict[str, int] = {}
        self._results: list[NodeResult] = []
        self._status = SUCCEEDED
        self._error: RunError | None = None

    def execute(self) -> WorkflowResult:
        """Run to the end.

        Raises:
            WorkflowInvalid: the engine refuses the graph; nothing has run.
            UsageError: an environment variable that the workflow does not have.
        """
        began = time.monotonic()
        engine = self._engine()
        # The limits layer looks only when a node ends; this one also sees a node that hangs.
        clock = threading.Timer(
            self._timeout,
            engine.request_abort,
            (f"Maximum execution time exceeded: more than {self._timeout:g}s",),
        )
        clock.daemon = True
        clock.start()
        over = threading.Event()
        watch = threading.Thread(target=self._watch, args=(engine, over), daemon=True)
        watch.start()
        try:
            for event in engine.run():
                self._see(event)
        except StudioError:
            raise
        except Exception as error:
            # graphon raises a failed run's error again after the event that told of it.
            if self._error is None:
                raise StudioError(
                    f"Dify's engine stopped: {type(error).__name__}: {error}",
                    "This is a fault of the runtime: please report it with the workflow.",
                ) from error
        finally:
            clock.cancel()
            over.set()
            self._sandbox.close()
        if self._means.stop.is_set() and self._error is not None:
            # What the stop itself broke is no failure of a node.
            self._status = STOPPED
            self._error = RunError(STOPPED_BY_PERSON, "The workflow was stopped.")
        self._see_skipped()
        with use_workflow_file_runtime(self._store):
            outputs = {k: self._plain(v) for k, v in engine.runtime_state.outputs.items()}
            if self._error is None:
                self._remember(engine, outputs)
        return WorkflowResult(
            ok=self._error is None,
            outputs=outputs,
            nodes=self._results,
            error=self._error,
            status=self._status,
            elapsed=time.monotonic() - began,
        )

    # --- before --------------------------------------------------------------------------

    def _engine(self) -> Engine:
        workflow = self._workflow
        run_id = str(uuid.uuid4())
        state = RuntimeState(
            variable_pool=build_pool(
                workflow,
                self._inputs,
                self._environment,
                self._store,
                run_id,
                self._conversation,
            ),
            start_at=time.time(),
            workflow_id=run_id,
        )
        factory = Factory(
            InitParams(
                workflow_id=run_id, graph_config=workflow.graph, run_context={}, call_depth=0
            ),
            state,
            self._parts(),
        )
        try:
            graph = Graph.init(
                graph_config=workflow.graph, node_factory=factory, root_node_id=workflow.start.id
            )
        except (ValueError, TypeError) as error:
            raise WorkflowInvalid(
                f"Dify's engine refuses the workflow: {explain(error)}.",
                "Correct it in Dify and export it again.",
            ) from error
        engine = Engine(graph=graph, runtime_state=state, file_runtime=self._store)
        engine.add_layer(ExecutionLimitsLayer(max_steps=MAX_STEPS, max_time=int(self._timeout) + 1))
        return engine

    def _parts(self) -> Parts:
        means, talk = self._means, self._conversation
        knowledge = None
        if means.knowledge is not None:
            from runtime.workflow.knowledge import Knowledge
            from runtime.workflow.retrieval import embedder

            knowledge = Knowledge(means.knowledge, embedder(means.embedding or means.answers))
        return Parts(
            tools=self._tools,
            store=self._store,
            code=self._sandbox,
            means=means,
            remaining=self._remaining,
            knowledge=knowledge,
            turns=tuple(talk.turns) if talk else (),
            nodes=self._workflow.nodes,
            chat=self._workflow.mode == CHATFLOW,
        )

    # --- while it runs -------------------------------------------------------------------

    def _watch(self, engine: Engine, over: threading.Event) -> None:
        """End the engine, and code that runs, when the run is to be stopped."""
        while not over.is_set():
            if self._means.stop.wait(0.1):
                engine.request_abort(ASKED)
                self._sandbox.close()
                return

    def _see(self, event: EngineEvent) -> None:
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
                self._error = self._why(event)
        elif isinstance(event, NodeRunExceptionEvent):
            self._finish(event, FAILED, self._words(event))
        else:
            self._see_end(event)

    def _see_end(self, event: EngineEvent) -> None:
        if isinstance(event, GraphRunPartialSucceededEvent):
            # The failures were handled: by a branch, a default, a retry, or an iteration that
            # goes on without the round.
            self._status, self._error = PARTIAL, None
        elif isinstance(event, GraphRunFailedEvent):
            self._status = FAILED
            self._error = self._error or RunError("EngineFailed", event.error)
        elif isinstance(event, GraphRunAbortedEvent):
            self._status = STOPPED
            reason = event.reason or ASKED
            limit = (
                "WORKFLOW_MAX_EXECUTION_STEPS"
                if "steps" in reason
                else ("WORKFLOW_MAX_EXECUTION_TIME")
            )
            self._error = RunError(
                "LimitExceeded",
                f"The workflow was stopped: {reason} ({limit}).",
                "Shorten the workflow, or give it more time with --timeout."
                if limit.endswith("TIME")
                else "Dify stops it at the same point: look for a loop that does not end.",
            )
        elif isinstance(event, GraphRunPausedEvent):
            self._status = STOPPED
            self._error = RunError(
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
        self._results.append(
            NodeResult(node.id, node.title, node.type, status, elapsed, retries, error, used)
        )
        self._emit(node.id, status, elapsed, error, outputs=outputs)

    def _see_skipped(self) -> None:
        """Account for the nodes that the end of the run cut off, and those it never reached."""
        with self._lock:
            # A tool that is still at work talks to nobody from here on.
            self._over = True
        for execution_id, node_id in self._open.items():
            node = self._workflow.nodes[node_id]
            elapsed = time.monotonic() - self._began[execution_id]
            self._results.append(
                NodeResult(node.id, node.title, node.type, SKIPPED, elapsed, error=CUT_OFF)
            )
            self._emit(node.id, SKIPPED, elapsed, CUT_OFF)
        for node in self._workflow.nodes.values():
            # The engine does not tell of the entries of iterations and loops.
            if node.id not in self._reached and node.type not in ("iteration-start", "loop-start"):
                self._results.append(NodeResult(node.id, node.title, node.type, SKIPPED))
                self._emit(node.id, SKIPPED)

    def _announce(self, node_id: str, execution_id: str) -> None:
        # A tool's first log line may overtake the engine's event that its node has started.
        with self._lock:
            if execution_id not in self._began:
                self._began[execution_id] = time.monotonic()
                self._open[execution_id] = node_id
                self._reached.add(node_id)
                self._emit(node_id, STARTED)

    def _log(self, node_id: str, execution_id: str, log: dict[str, Any]) -> None:
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
            self._listener(event)

    def _since(self, event: GraphonNodeEvent) -> float:
        began = self._began.get(event.id)
        return 0.0 if began is None else time.monotonic() - began

    def _inside(self, node_id: str) -> bool:
        """Whether the error is already known from a node inside this iteration or loop."""
        known = self._workflow.nodes.get(self._error.node_id) if self._error else None
        return known is not None and known.parent == node_id

    def _words(self, event: NodeRunRetryEvent | NodeRunFailedEvent | NodeRunExceptionEvent) -> str:
        """What the tool said, rather than what Dify makes of it for error_message."""
        failure = self._tools.failures.get(event.id)
        return failure.message if failure is not None else event.error

    def _why(self, event: NodeRunFailedEvent) -> RunError:
        node = self._workflow.nodes[event.node_id]
        failure = self._tools.failures.get(event.id)
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

    # --- after ---------------------------------------------------------------------------

    def _remember(self, engine: Engine, outputs: Mapping[str, Any]) -> None:
        """Bring the conversation up to date; files do not outlive their run."""
        talk = self._conversation
        if talk is None:
            return
        pool = engine.runtime_state.variable_pool
        for variable in self._workflow.conversation:
            found = pool.get(("conversation", variable["name"]))
            if found is not None:
                talk.variables[variable["name"]] = plain_files(found.to_object())
        talk.turns.append((self._inputs.query, str(outputs.get("answer") or "")))

    def _plain(self, value: Any) -> Any:
        if isinstance(value, File):
            return self._store.output(value)
        if isinstance(value, Segment):
            return self._plain(value.to_object())
        if isinstance(value, BaseModel):
            return value.model_dump(mode="json")
        if isinstance(value, Mapping):
            return {str(key): self._plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._plain(item) for item in value]
        return value
