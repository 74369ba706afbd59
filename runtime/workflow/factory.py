"""graphon's nodes, built with our parts in them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphon.entities.base_node_data import BaseNodeData
from graphon.entities.graph_config import NodeConfigDict
from graphon.enums import NodeExecutionType
from graphon.nodes.base.node import Node
from graphon.nodes.http_request.config import build_http_request_config
from graphon.nodes.http_request.node import HttpRequestNodeDependencies
from graphon.nodes.tool.tool_node import ToolNode
from graphon.runtime.init_params import InitParams
from graphon.runtime.runtime_state import RuntimeState
from graphon.template_rendering import Jinja2TemplateRenderer, TemplateRenderError
from pydantic import ValidationError

from runtime.errors import StudioError, WorkflowInvalid
from runtime.workflow.code import LIMITS, PythonRunner
from runtime.workflow.store import FileStore, plain_files
from runtime.workflow.tools import ToolRuntime

# A node class registers itself with graphon when its module is imported.
_MODULES = {
    "start": "start",
    "end": "end.end_node",
    "answer": "answer.answer_node",
    "if-else": "if_else.if_else_node",
    "iteration": "iteration.iteration_node",
    "iteration-start": "iteration.iteration_start_node",
    "loop": "loop.loop_node",
    "loop-start": "loop.loop_start_node",
    "loop-end": "loop.loop_end_node",
    "template-transform": "template_transform.template_transform_node",
    "code": "code.code_node",
    "tool": "tool.tool_node",
    "http-request": "http_request.node",
    "variable-aggregator": "variable_aggregator.variable_aggregator_node",
    "list-operator": "list_operator.node",
    "document-extractor": "document_extractor.node",
}
_ASSIGNERS = ("variable_assigner.v1.node", "variable_assigner.v2.node")


@dataclass(frozen=True)
class Parts:
    """What the nodes of one run work with."""

    tools: ToolRuntime
    store: FileStore
    code: PythonRunner


class JinjaRenderer(Jinja2TemplateRenderer):
    """Templates as Dify renders them: plain Jinja2, where an unknown name is empty text.

    In Dify this happens in its code sandbox; here it happens in this process, so attributes
    that lead out of the template are refused.

    Raises:
        StudioError: Jinja2 is not installed. (graphon would go on and put braces into the
            result.)
    """

    def __init__(self) -> None:
        try:
            from jinja2 import sandbox
        except ImportError:
            raise StudioError(
                "Templates need Jinja2, which is not installed.", "Run make setup."
            ) from None
        self._environment = sandbox.SandboxedEnvironment()

    def render_template(self, template: str, variables: Mapping[str, Any]) -> str:
        """The text of `template` with `variables` in it."""
        try:
            return self._environment.from_string(template).render(**plain_files(variables))
        except Exception as error:
            # Templates are programs: they raise whatever Python raises, and fail their node.
            raise TemplateRenderError(f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class Factory:
    """Builds the nodes of one execution frame; graphon's `NodeFactory`."""

    init_params: InitParams
    runtime_state: RuntimeState
    parts: Parts

    def with_runtime_state(self, runtime_state: RuntimeState) -> Factory:
        """The same for a frame with its own state (an iteration's round)."""
        return replace(self, runtime_state=runtime_state)

    def with_graph_config(self, graph_config: Mapping[str, Any]) -> Factory:
        """The same for a part of the graph."""
        return replace(
            self, init_params=self.init_params.model_copy(update={"graph_config": graph_config})
        )

    def validate_node(self, node_config: NodeConfigDict) -> NodeExecutionType:
        """Check a node's settings without building it.

        Raises:
            WorkflowInvalid: a setting is missing or of the wrong type.
        """
        data = node_config["data"]
        node_class = _class_of(data)
        try:
            node_class.validate_node_data(data)
        except (ValidationError, ValueError, TypeError) as error:
            title = data.title or str(node_config["id"])
            raise WorkflowInvalid(
                f"The node {title!r} ({data.type}) cannot be used: {explain(error)}.",
                "Correct it in Dify and export the workflow again.",
            ) from None
        return node_class.execution_type

    def create_node(self, node_config: NodeConfigDict) -> Node[Any]:
        """Build a node."""
        data = node_config["data"]
        node_class: Any = _class_of(data)
        extras = _EXTRAS.get(str(data.type))
        node: Node[Any] = node_class(
            node_id=str(node_config["id"]),
            data=node_class.validate_node_data(data),
            init_params=self.init_params,
            runtime_state=self.runtime_state,
            **(extras(self.parts) if extras is not None else {}),
        )
        return node


def explain(error: Exception) -> str:
    """A validation error in one line: where, and what."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}" if place else str(first["msg"])
    return " ".join(str(error).split()).rstrip(".")


def _class_of(data: BaseNodeData) -> type[Node[Any]]:
    kind = str(data.type)
    if kind == "assigner":
        for module in _ASSIGNERS:
            importlib.import_module(f"graphon.nodes.{module}")
        # Files of some versions lack `version`; the shapes tell the two apart.
        version = "2" if data.get("items") is not None else "1"
    else:
        importlib.import_module(f"graphon.nodes.{_MODULES[kind]}")
        version = str(data.version)
    classes = Node.get_node_type_classes_mapping()[kind]
    # Dify falls back to its latest class for a version that it does not know.
    return classes.get(version) or classes["latest"]


def _http(parts: Parts) -> dict[str, Any]:
    return {
        "http_request_config": build_http_request_config(),
        "dependencies": HttpRequestNodeDependencies(
            tool_file_manager_factory=lambda: parts.store,
            file_manager=parts.store,
            file_reference_factory=parts.store,
        ),
    }


_EXTRAS: dict[str, Callable[[Parts], dict[str, Any]]] = {
    str(ToolNode.node_type): lambda parts: {
        "tool_file_manager": parts.store,
        "runtime": parts.tools,
    },
    "code": lambda parts: {"code_executor": parts.code, "code_limits": LIMITS},
    "template-transform": lambda _parts: {"jinja2_template_renderer": JinjaRenderer()},
    "http-request": _http,
}
