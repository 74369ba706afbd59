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
from graphon.file.models import File
from graphon.file.runtime import use_workflow_file_runtime
from graphon.graph.graph import Graph
from graphon.runtime.init_params import InitParams
from graphon.runtime.runtime_state import RuntimeState
from graphon.variables.segments import Segment
from pydantic import BaseModel

from runtime.answers.files import FileServer
from runtime.errors import StudioError, WorkflowInvalid
from runtime.workflow.code import DifySandbox, LocalSandbox, Sandbox
from runtime.workflow.conversation import Conversation
from runtime.workflow.dsl import CHATFLOW, Workflow
from runtime.workflow.factory import Factory, Parts, explain
from runtime.workflow.inputs import Inputs
from runtime.workflow.means import Means
from runtime.workflow.pool import build_pool
from runtime.workflow.progress import ASKED, STOPPED, Progress
from runtime.workflow.result import (
    STOPPED_BY_PERSON,
    OnEvent,
    OnText,
    RunError,
    ToolHost,
    WorkflowResult,
)
from runtime.workflow.store import FileNotFetched, FileStore, plain_files
from runtime.workflow.tools import ToolRuntime, deadline

MAX_STEPS = 500
"""Dify's WORKFLOW_MAX_EXECUTION_STEPS."""
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
        self._means = means
        self._conversation = conversation
        self._store = FileStore(files)
        self._remaining = deadline(timeout)
        self._progress = Progress(workflow, self._store, on_event, on_text)
        self._tools = ToolRuntime(workflow, hosts, self._store, self._progress.log, self._remaining)
        self._progress.failures = self._tools.failures
        self._sandbox: Sandbox = (
            DifySandbox(means.sandbox_url, means.sandbox_key)
            if means.sandbox_url
            else LocalSandbox(self._remaining)
        )

    def execute(self) -> WorkflowResult:
        """Run to the end.

        Raises:
            WorkflowInvalid: the engine refuses the graph; nothing has run.
            UsageError: an environment variable that the workflow does not have.
        """
        began, progress = time.monotonic(), self._progress
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
                progress.see(event)
        except StudioError:
            raise
        except Exception as error:
            # graphon raises a failed run's error again after the event that told of it.
            if progress.error is None:
                raise StudioError(
                    f"Dify's engine stopped: {type(error).__name__}: {error}",
                    "This is a fault of the runtime: please report it with the workflow.",
                ) from error
        finally:
            clock.cancel()
            over.set()
            self._sandbox.close()
        if self._means.stop.is_set() and progress.error is not None:
            # What the stop itself broke is no failure of a node.
            progress.status = STOPPED
            progress.error = RunError(STOPPED_BY_PERSON, "The workflow was stopped.")
        progress.end()
        with use_workflow_file_runtime(self._store):
            outputs = {k: self._plain(v) for k, v in engine.runtime_state.outputs.items()}
            if progress.error is None:
                self._remember(engine, outputs)
        return WorkflowResult(
            ok=progress.error is None,
            outputs=outputs,
            nodes=progress.results,
            error=progress.error,
            status=progress.status,
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
            return self._output(value)
        if isinstance(value, Segment):
            return self._plain(value.to_object())
        if isinstance(value, BaseModel):
            return value.model_dump(mode="json")
        if isinstance(value, Mapping):
            return {str(key): self._plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._plain(item) for item in value]
        return value

    def _output(self, file: File) -> Any:
        try:
            return self._store.output(file)
        except FileNotFetched as error:
            # What the run has cost is not lost with it: the address stands in its place.
            self._progress.fail(RunError("FileNotFetched", error.message, error.hint))
            return str(file.remote_url)
