"""graphon's nodes, built with our parts in them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from runtime.workflow.code import LIMITS, Sandbox
from runtime.workflow.dsl import Node as WorkflowNode
from runtime.workflow.knowledge import Knowledge
from runtime.workflow.means import Means
from runtime.workflow.people import People
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
    "human-input": "human_input.human_input_node",
    "llm": "llm.node",
    "question-classifier": "question_classifier.question_classifier_node",
    "parameter-extractor": "parameter_extractor.parameter_extractor_node",
}
_ASSIGNERS = ("variable_assigner.v1.node", "variable_assigner.v2.node")


@dataclass(frozen=True)
class Parts:
    """What the nodes of one run work with."""

    tools: ToolRuntime
    store: FileStore
    code: Sandbox
    means: Means
    remaining: Callable[[], float]
    knowledge: Knowledge | None = None
    turns: Sequence[tuple[str, str]] = ()
    nodes: Mapping[str, WorkflowNode] = field(default_factory=dict)
    chat: bool = False


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
        node_class = class_of(data)
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
        node_class: Any = class_of(data)
        extras = _EXTRAS.get(str(data.type))
        id, checked = str(node_config["id"]), node_class.validate_node_data(data)
        node: Node[Any] = node_class(
            node_id=id,
            data=checked,
            init_params=self.init_params,
            runtime_state=self.runtime_state,
            **(extras(self.parts, id, checked) if extras is not None else {}),
        )
        return node


def explain(error: Exception) -> str:
    """A validation error in one line: where, and what."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}" if place else str(first["msg"])
    return " ".join(str(error).split()).rstrip(".")


def class_of(data: BaseNodeData) -> type[Node[Any]]:
    """The class of a node, of the version that its settings are of."""
    kind = str(data.type)
    if kind == "assigner":
        for module in _ASSIGNERS:
            importlib.import_module(f"graphon.nodes.{module}")
        # Files of some versions lack `version`; the shapes tell the two apart.
        version = "2" if data.get("items") is not None else "1"
    elif kind == "knowledge-retrieval":
        importlib.import_module("runtime.workflow.retrieval")
        version = "1"
    else:
        importlib.import_module(f"graphon.nodes.{_MODULES[kind]}")
        version = str(data.version)
    classes = Node.get_node_type_classes_mapping()[kind]
    # Dify falls back to its latest class for a version that it does not know.
    return classes.get(version) or classes["latest"]


def _http(parts: Parts, _id: str, _data: Any) -> dict[str, Any]:
    from runtime.workflow.web import Web

    return {
        "http_request_config": build_http_request_config(),
        "dependencies": HttpRequestNodeDependencies(
            tool_file_manager_factory=lambda: parts.store,
            file_manager=parts.store,
            file_reference_factory=parts.store,
            http_client=Web(parts.means.private_hosts, parts.remaining, parts.means.stop.is_set),
        ),
    }


def _model(parts: Parts, _id: str, data: Any) -> dict[str, Any]:
    from runtime.workflow.models import History, Model, Serializer

    if parts.means.answers is None:
        raise StudioError("There is nobody to ask models here.")
    return {
        "model_instance": Model(parts.means.answers, data.model, parts.means.stop.is_set),
        "memory": History(parts.turns) if parts.chat and data.memory is not None else None,
        "prompt_message_serializer": Serializer(),
    }


def _llm(parts: Parts, id: str, data: Any) -> dict[str, Any]:
    from runtime.workflow.models import Saver

    return {
        **_model(parts, id, data),
        "llm_file_saver": Saver(parts.store),
        "jinja2_template_renderer": JinjaRenderer(),
        "default_query_selector": ("sys", "query"),
    }


def _classifier(parts: Parts, id: str, data: Any) -> dict[str, Any]:
    from runtime.workflow.models import Saver

    return {
        **_model(parts, id, data),
        "llm_file_saver": Saver(parts.store),
        "template_renderer": JinjaRenderer(),
    }


_EXTRAS: dict[str, Callable[[Parts, str, Any], dict[str, Any]]] = {
    str(ToolNode.node_type): lambda parts, _id, _data: {
        "tool_file_manager": parts.store,
        "runtime": parts.tools,
    },
    "code": lambda parts, _id, _data: {"code_executor": parts.code, "code_limits": LIMITS},
    "template-transform": lambda _parts, _id, _data: {"jinja2_template_renderer": JinjaRenderer()},
    "http-request": _http,
    "llm": _llm,
    "question-classifier": _classifier,
    "parameter-extractor": _model,
    "human-input": lambda parts, id, _data: {
        "hitl_callback": People(parts.nodes[id].data, parts.means.ask)
    },
    "knowledge-retrieval": lambda parts, _id, _data: {"knowledge": parts.knowledge},
}
