"""Workflows in a few lines, and hosts in this process, for the tests of runtime.workflow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from runtime.answers.files import FileServer
from runtime.declaration import Plugin
from runtime.host.messages import Message
from runtime.workflow.result import WorkflowResult
from runtime.workflow.run import run

Answer = Callable[[Mapping[str, Any]], Iterator[Message]]


def text(value: str) -> Message:
    return Message("text", {"text": value})


def variable(name: str, value: Any) -> Message:
    return Message("variable", {"variable_name": name, "variable_value": value, "stream": False})


def blob(data: bytes, mime_type: str, filename: str) -> Message:
    return Message("blob", {}, {"mime_type": mime_type, "filename": filename}, data)


class ScriptedHost:
    """A host whose tools are functions."""

    def __init__(
        self,
        tools: Mapping[str, Answer],
        parameters: Mapping[str, list[dict[str, Any]]] | None = None,
        name: str = "me/plug/prov",
    ) -> None:
        author, plugin, provider = name.split("/")
        self._tools = tools
        self._lock = threading.Lock()
        self.calls: list[dict[str, Any]] = []
        self.timeouts: list[float | None] = []
        self.declaration = Plugin.model_validate(
            {
                "author": author,
                "name": plugin,
                "version": "0.0.1",
                "providers": [
                    {
                        "identity": {"name": provider},
                        "tools": [
                            {
                                "identity": {"name": tool},
                                "parameters": (parameters or {}).get(tool, []),
                            }
                            for tool in tools
                        ],
                    }
                ],
            }
        )

    def invoke(
        self, tool: str, parameters: Mapping[str, Any], *, timeout: float | None = None
    ) -> Iterator[Message]:
        with self._lock:
            self.calls.append(dict(parameters))
            self.timeouts.append(timeout)
        yield from self._tools[tool](parameters)


class EchoHost(ScriptedHost):
    """One tool, `echo`, that answers with a word."""

    def __init__(self, parameters: list[dict[str, Any]]) -> None:
        super().__init__({"echo": lambda _p: iter([text("done")])}, {"echo": parameters})


def node(id: str, type: str, parent: str = "", **data: Any) -> dict[str, Any]:
    """A node as in an export; its title is its id in capitals unless given."""
    entry: dict[str, Any] = {
        "id": id,
        "type": "custom",
        "position": {"x": 0, "y": 0},
        "data": {"type": type, "title": id.upper(), **data},
    }
    return {**entry, "parentId": parent} if parent else entry


def tool_node(
    id: str,
    parameters: dict[str, Any] | None = None,
    configurations: dict[str, Any] | None = None,
    *,
    tool: str = "echo",
    provider: str = "me/plug/prov",
    tool_node_version: str | None = "2",
    **data: Any,
) -> dict[str, Any]:
    version = {} if tool_node_version is None else {"tool_node_version": tool_node_version}
    return node(
        id,
        "tool",
        provider_id=provider,
        provider_name=provider,
        provider_type="builtin",
        tool_name=tool,
        tool_label=tool,
        tool_parameters=parameters or {},
        tool_configurations=configurations or {},
        **version,
        **data,
    )


class Flow:
    """A workflow that grows from its start node `s`."""

    def __init__(
        self,
        variables: list[dict[str, Any]] | None = None,
        mode: str = "workflow",
        **workflow: Any,
    ) -> None:
        declared = [{"label": v["variable"], **v} for v in variables or []]
        self.nodes = [node("s", "start", variables=declared)]
        self.edges: list[dict[str, Any]] = []
        self.mode = mode
        self.workflow = workflow
        self._last = "s"

    def then(self, entry: dict[str, Any], handle: str = "source") -> Flow:
        """A node after the last one."""
        self.add(entry)
        self.edge(self._last, entry["id"], handle)
        self._last = entry["id"]
        return self

    def add(self, *entries: dict[str, Any]) -> Flow:
        """Nodes without an edge."""
        self.nodes += entries
        return self

    def edge(self, source: str, target: str, handle: str = "source") -> Flow:
        self.edges.append(
            {
                "id": f"{source}-{handle}-{target}",
                "source": source,
                "target": target,
                "sourceHandle": handle,
                "targetHandle": "target",
                "type": "custom",
                "data": {},
            }
        )
        return self

    def end(self, outputs: Mapping[str, tuple[str, ...]], id: str = "e") -> Flow:
        """An end node after the last one."""
        listed = [{"variable": k, "value_selector": list(v)} for k, v in outputs.items()]
        return self.then(node(id, "end", outputs=listed))

    def document(self) -> dict[str, Any]:
        return {
            "version": "0.6.0",
            "kind": "app",
            "app": {"name": "t", "mode": self.mode, "icon": "x"},
            "dependencies": [],
            "workflow": {
                "environment_variables": [],
                "conversation_variables": [],
                "features": {},
                **self.workflow,
                "graph": {"nodes": self.nodes, "edges": self.edges},
            },
        }

    def text(self) -> str:
        return yaml.safe_dump(self.document(), allow_unicode=True)


Q = [{"variable": "q", "type": "text-input"}]


def go(
    flow: Flow, inputs: Mapping[str, Any] | None = None, *hosts: ScriptedHost, **options: Any
) -> WorkflowResult:
    with FileServer() as files:
        return run(flow.text(), inputs or {}, hosts, files=files, **options)


def template(id: str, body: str, **variables: tuple[str, ...]) -> dict[str, Any]:
    listed = [{"variable": k, "value_selector": list(v)} for k, v in variables.items()]
    return node(id, "template-transform", template=body, variables=listed)


def code(id: str, source: str, outputs: Mapping[str, str], **variables: tuple[str, ...]) -> Any:
    return node(
        id,
        "code",
        code_language="python3",
        code=source,
        variables=[{"variable": k, "value_selector": list(v)} for k, v in variables.items()],
        outputs={k: {"type": v, "children": None} for k, v in outputs.items()},
    )
