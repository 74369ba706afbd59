"""What the host is measured against: slim's process per call, the tool in process, graphon alone.

    python bench/host_peers.py FOLDER CALLS      the calls of `in_process`, as milliseconds

That mode runs beside the plugin's own files; so nothing else of this project is imported above.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphon.engine import Engine

PARAMETERS = {"act": "echo", "amount": 3}
"""The call that is measured: text, JSON, a variable, a link and two log messages come back."""


# --- the tool in process --------------------------------------------------------------------


def in_process(folder: Path, calls: int) -> list[float]:
    """Milliseconds of each of `calls` calls of the tool `probe`, without a host: the SDK's own
    session and executor, in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), str(folder), str(calls)],
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _in_process(folder: Path, calls: int) -> list[float]:
    os.chdir(folder)
    sys.path[0] = str(folder)
    os.environ["INSTALL_METHOD"] = "local"
    from dify_plugin import DifyPluginEnv, Plugin
    from dify_plugin.core.entities.plugin.request import ToolInvokeRequest
    from dify_plugin.core.runtime import Session

    plugin: Any = Plugin(DifyPluginEnv())
    executor = plugin.plugin_executer
    times = []
    for number in range(calls):
        began = time.perf_counter()
        session = Session(
            session_id=str(number),
            executor=plugin.executer,
            reader=plugin.request_reader,
            writer=plugin.default_writer,
            install_method=plugin.config.INSTALL_METHOD,
        )
        request = ToolInvokeRequest(
            user_id="u", provider="probe", tool="probe", credentials={}, tool_parameters=PARAMETERS
        )
        messages = list(executor.invoke_tool(session, request))
        times.append((time.perf_counter() - began) * 1000)
        if len(messages) < 6:
            raise RuntimeError(f"only {len(messages)} messages came")
    return times


# --- slim: a process per call ---------------------------------------------------------------


class Slim:
    """Dify's slim (dify-plugin-daemon, cmd/slim) in its local mode.

    Args:
        program: its path.
        plugin: the plugin's folder; a copy is made.
        scratch: an empty folder.
        uv: path of uv, with which it installs the plugin's dependencies in its first call.
    """

    def __init__(self, program: Path, plugin: Path, scratch: Path, uv: str) -> None:
        import shutil

        self._program = program
        # The name ends with a checksum, which its local mode does not look at.
        self._id = f"probe/probe:0.0.1@{'0' * 64}"
        shutil.copytree(plugin, scratch / self._id.replace(":", "-"))
        python = Path(sys.executable).resolve()
        self._environment = os.environ | {
            "PATH": f"{python.parent}:{os.environ['PATH']}",  # uv looks there
            "SLIM_MODE": "local",
            "SLIM_FOLDER": str(scratch),
            "SLIM_PYTHON_PATH": str(python),
            "SLIM_UV_PATH": uv,
        }

    def call(self) -> float:
        """Seconds of a call.

        Raises:
            RuntimeError: it did not answer as it should.
        """
        data = {
            "provider": "probe",
            "tool": "probe",
            "tool_parameters": PARAMETERS,
            "credentials": {},
            "credential_type": "api-key",
        }
        arguments = json.dumps({"user_id": "u", "data": data})
        began = time.perf_counter()
        done = subprocess.run(
            [self._program, "-id", self._id, "-action", "invoke_tool", "-args", arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        if "got 3" not in done.stdout:
            raise RuntimeError(f"slim answered: {(done.stdout + done.stderr)[-500:]}")
        return seconds


# --- graphon alone --------------------------------------------------------------------------


def graphon_alone(graph: Mapping[str, Any]) -> float:
    """Seconds to build and run a graph of start, tool and end nodes on graphon, with tools that
    do nothing: no plugin, no host, nobody who listens.

    Raises:
        RuntimeError: it did not run to its end.
    """
    from graphon.engine_events import GraphRunSucceededEvent

    began = time.perf_counter()
    events = list(_engine(graph).run())
    seconds = time.perf_counter() - began
    if not any(isinstance(event, GraphRunSucceededEvent) for event in events):
        raise RuntimeError("graphon alone did not run to its end")
    return seconds


def _engine(graph: Mapping[str, Any]) -> Engine:
    from graphon.engine import Engine
    from graphon.graph.graph import Graph
    from graphon.nodes.end.end_node import EndNode
    from graphon.nodes.start import StartNode
    from graphon.nodes.tool.tool_node import ToolNode
    from graphon.runtime.init_params import InitParams
    from graphon.runtime.runtime_state import RuntimeState
    from graphon.runtime.variable_pool import VariablePool

    state = RuntimeState(variable_pool=VariablePool(), start_at=time.time(), workflow_id="w")
    params = InitParams(workflow_id="w", graph_config=graph, run_context={}, call_depth=0)
    classes: dict[str, Any] = {"start": StartNode, "tool": ToolNode, "end": EndNode}
    tools = {"tool_file_manager": None, "runtime": _Nothing()}

    class Nodes:
        def with_runtime_state(self, _state: Any) -> Nodes:
            return self

        def with_graph_config(self, _config: Any) -> Nodes:
            return self

        def validate_node(self, config: Any) -> Any:
            return classes[str(config["data"].type)].execution_type

        def create_node(self, config: Any) -> Any:
            kind = str(config["data"].type)
            made = classes[kind]
            return made(
                node_id=str(config["id"]),
                data=made.validate_node_data(config["data"]),
                init_params=params,
                runtime_state=state,
                **(tools if kind == "tool" else {}),
            )

    nodes: Any = Nodes()
    built = Graph.init(graph_config=graph, node_factory=nodes, root_node_id="s")
    return Engine(graph=built, runtime_state=state)


class _Nothing:
    """A tool runtime whose tools say the same as the probe, at once."""

    def get_runtime(self, **_: Any) -> Any:
        from graphon.nodes.tool_runtime_entities import ToolRuntimeHandle

        return ToolRuntimeHandle(raw=None)

    def get_runtime_parameters(self, **_: Any) -> list[Any]:
        return []

    def invoke(self, **_: Any) -> Any:
        from graphon.nodes.tool_runtime_entities import ToolRuntimeMessage

        kind, text = ToolRuntimeMessage.MessageType.TEXT, ToolRuntimeMessage.TextMessage
        for said in ("first ", "second"):
            yield ToolRuntimeMessage(type=kind, message=text(text=said), meta={})

    def get_usage(self, **_: Any) -> Any:
        from graphon.model_runtime.entities.llm_entities import LLMUsage

        return LLMUsage.empty_usage()

    def build_file_reference(self, **_: Any) -> Any:
        raise RuntimeError("a file came, and the tools of graphon alone return none")


if __name__ == "__main__":
    print(json.dumps(_in_process(Path(sys.argv[1]).resolve(), int(sys.argv[2]))))
