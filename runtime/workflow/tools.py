"""Tool nodes: parameters as Dify casts them, messages and files back as Dify hands them on.

What happens to a parameter in Dify, and so here (api/core/workflow/node_runtime.py,
api/core/tools/tool_manager.py, api/core/tools/__base/tool.py):

1. graphon fills `tool_parameters`: a variable keeps its type, `mixed` and `constant` become
   text (an object becomes Python's repr), an unknown name becomes None.
2. Parameters of `form: form` come from `tool_configurations`, overlaid by `tool_parameters`,
   and overwrite what 1 said. In a node with `tool_node_version` only {type, value} counts and
   a bare value is dropped; in an old node a bare value counts, with default, required and
   options checked.
3. Everything declared is cast by `cast_value`; what is not declared passes as it is.
4. Files become the objects of `FileServer`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from graphon.file.models import File
from graphon.http.response import HttpStatusError
from graphon.model_runtime.entities.llm_entities import LLMUsage
from graphon.nodes.runtime import ToolNodeRuntimeProtocol
from graphon.nodes.tool.entities import ToolInputType, ToolNodeData
from graphon.nodes.tool.exc import (
    ToolNodeError,
    ToolParameterError,
    ToolRuntimeInvocationError,
    ToolRuntimeResolutionError,
)
from graphon.nodes.tool_runtime_entities import (
    ToolRuntimeHandle,
    ToolRuntimeMessage,
    ToolRuntimeParameter,
)
from graphon.runtime.variable_pool import VariablePool
from graphon.variables.template_resolution import convert_template

from runtime.declaration import Parameter
from runtime.errors import StudioError, ToolFailed
from runtime.host.messages import Message
from runtime.host.parameters import cast_value, initial_value
from runtime.workflow.check import FoundTool, find_tool
from runtime.workflow.dsl import Workflow
from runtime.workflow.result import ToolHost
from runtime.workflow.store import FileStore

OnLog = Callable[[str, str, dict[str, Any]], None]
"""Called with a node's id, the id of this run of it, and what it is doing (`NodeEvent.log`)."""

_SELECTORS = {
    "model-selector": ("provider", "model", "model_type"),
    "app-selector": ("app_id",),
}
_STRUCTURES = ("object", "array")


@dataclass(frozen=True)
class _Call:
    """What a handle of graphon's stands for."""

    node_id: str
    execution_id: str
    found: FoundTool
    settings: dict[str, Any]


class ToolRuntime(ToolNodeRuntimeProtocol):
    """Stands where Dify's tool layer stands under graphon's tool nodes.

    Args:
        workflow: whose nodes are run.
        hosts: the plugins that answer.
        store: the run's files.
        on_log: told what the tools say while they work.
        remaining: seconds left for the whole run.

    Attributes:
        failures: execution id (of one run of one node) to the error of its tool, with type,
            hint and traceback.
    """

    def __init__(
        self,
        workflow: Workflow,
        hosts: Sequence[ToolHost],
        store: FileStore,
        on_log: OnLog,
        remaining: Callable[[], float],
    ) -> None:
        self._workflow = workflow
        self._hosts = hosts
        self._store = store
        self._log = on_log
        self._remaining = remaining
        self._lock = threading.Lock()
        self.failures: dict[str, StudioError] = {}

    # --- graphon's protocol --------------------------------------------------------------

    def get_runtime(
        self,
        *,
        node_id: str,
        node_data: ToolNodeData,
        variable_pool: VariablePool | None,
        node_execution_id: str | None = None,
    ) -> ToolRuntimeHandle:
        """Find the tool and work out its settings.

        Raises:
            ToolRuntimeResolutionError: a setting cannot be used.
        """
        found = find_tool(self._workflow.nodes[node_id], self._hosts)
        given = dict(node_data.tool_configurations)
        given.update({k: v.model_dump(mode="python") for k, v in node_data.tool_parameters.items()})
        settings = {}
        try:
            for parameter in found.tool.parameters:
                if parameter.form != "form":
                    continue
                if variable_pool is None:
                    settings[parameter.name] = initial_value(parameter, given.get(parameter.name))
                else:
                    settings.update(_setting(parameter, given.get(parameter.name), variable_pool))
        except ToolNodeError:
            raise
        except ValueError as error:
            raise ToolRuntimeResolutionError(str(error)) from error
        call = _Call(node_id, node_execution_id or node_id, found, settings)
        self._warn(call, node_data)
        return ToolRuntimeHandle(raw=call)

    def get_runtime_parameters(
        self, *, tool_runtime: ToolRuntimeHandle
    ) -> list[ToolRuntimeParameter]:
        """The tool's parameters, as graphon wants to know them."""
        return [
            ToolRuntimeParameter(name=p.name, required=bool(p.required))
            for p in _call(tool_runtime).found.tool.parameters
        ]

    def invoke(
        self,
        *,
        tool_runtime: ToolRuntimeHandle,
        tool_parameters: Mapping[str, Any],
        workflow_call_depth: int,
        provider_name: str,
    ) -> Generator[ToolRuntimeMessage, None, None]:
        """Call the tool; every failure comes out as graphon's ToolRuntimeInvocationError."""
        call = _call(tool_runtime)
        try:
            parameters = self._cast(call, tool_parameters)
            name = call.found.tool.name
            for message in call.found.host.invoke(name, parameters, timeout=self._remaining()):
                yield from self._convert(call, message)
        except ToolNodeError:
            raise
        except StudioError as error:
            with self._lock:
                self.failures[call.execution_id] = error
            raise ToolRuntimeInvocationError(_as_dify_says(error, provider_name)) from error
        except (ValueError, TypeError) as error:
            raise ToolRuntimeInvocationError(str(error)) from error

    def get_usage(self, *, tool_runtime: ToolRuntimeHandle) -> LLMUsage:
        """Plugins do not tell."""
        return LLMUsage.empty_usage()

    def build_file_reference(self, *, mapping: Mapping[str, Any]) -> File:
        """The reference of a file that the tool returned."""
        return self._store.build_from_mapping(mapping=mapping)

    # --- parameters ----------------------------------------------------------------------

    def _cast(self, call: _Call, given: Mapping[str, Any]) -> dict[str, Any]:
        values = {**given, **call.settings}
        for parameter in call.found.tool.parameters:
            if parameter.name in values:
                values[parameter.name] = cast_value(parameter.type, values[parameter.name])
        return {name: self._with_urls(value) for name, value in values.items()}

    def _with_urls(self, value: Any) -> Any:
        if isinstance(value, File):
            return self._store.parameter(value)
        if isinstance(value, list | tuple) and value and all(isinstance(v, File) for v in value):
            return [self._store.parameter(item) for item in value]
        return value

    def _warn(self, call: _Call, data: ToolNodeData) -> None:
        tool = call.found.tool
        for name, given in data.tool_parameters.items():
            parameter = tool.parameter(name)
            if parameter is None:
                self._tell(call, _warning(f"{tool.name} has no parameter {name!r}"))
            elif (
                given.type == ToolInputType.CONSTANT
                and parameter.form != "form"
                and parameter.type in _STRUCTURES
                and isinstance(given.value, dict | list)
            ):
                self._tell(
                    call,
                    _warning(
                        f"Dify loses the constant of {name!r}; write it as "
                        "{type: mixed, value: '<JSON text>'}"
                    ),
                )

    def _tell(self, call: _Call, log: dict[str, Any]) -> None:
        self._log(call.node_id, call.execution_id, log)

    # --- messages ------------------------------------------------------------------------

    def _convert(self, call: _Call, message: Message) -> Generator[ToolRuntimeMessage, None, None]:
        content = message.content
        match message.type:
            case "log":
                self._tell(call, _log_line(content))
            case "blob":
                yield _blob(message)
            case "image" | "image_link":
                yield self._picture(str(content.get("text", "")))
            case "text" | "link" | "binary_link":
                payload = ToolRuntimeMessage.TextMessage(text=str(content.get("text", "")))
                yield _message(message.type, payload, message.meta)
            case "json":
                yield _message(
                    "json", ToolRuntimeMessage.JsonMessage(json_object=content["json_object"])
                )
            case "variable":
                yield _message(
                    "variable",
                    ToolRuntimeMessage.VariableMessage(
                        variable_name=content["variable_name"],
                        variable_value=content.get("variable_value"),
                        stream=bool(content.get("stream")),
                    ),
                )
            case "retriever_resources":
                pass  # graphon drops them from a tool's answer, too
            case other:
                raise ToolRuntimeInvocationError(f"The tool sent a message of type {other!r}.")

    def _picture(self, url: str) -> ToolRuntimeMessage:
        """A picture by its address: Dify fetches it, and says so in the text if it cannot."""
        try:
            response = self._store.http_get(url)
            response.raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL, HttpStatusError) as error:
            text = f"Failed to download image: {url}, you can try to download it yourself."
            return _message("text", ToolRuntimeMessage.TextMessage(text=f"{text} ({error})"))
        mime = response.headers.get("content-type", "").partition(";")[0].strip() or "image/png"
        id = self._store.put(response.content, mime, None)
        payload = ToolRuntimeMessage.TextMessage(text=url)
        return _message("image_link", payload, {"tool_file_id": id})


def _call(handle: ToolRuntimeHandle) -> _Call:
    if not isinstance(handle.raw, _Call):
        raise ToolRuntimeResolutionError("This handle belongs to another runtime.")
    return handle.raw


def _setting(parameter: Parameter, config: Any, pool: VariablePool) -> dict[str, Any]:
    """A `form: form` parameter of a node with tool_node_version: {name: value}, or nothing."""
    if not isinstance(config, dict):
        return {}
    selector = _selector(parameter, config)
    if selector is not None:
        return {parameter.name: selector}
    if config.get("value") is None:
        return {}
    given = ToolNodeData.ToolInput.model_validate(config)
    if given.type == ToolInputType.CONSTANT:
        return {parameter.name: given.value}
    if given.type == ToolInputType.MIXED:
        return {parameter.name: convert_template(pool, str(given.value)).text}
    variable = pool.get(given.value) if isinstance(given.value, list) else None
    if variable is None:
        raise ToolParameterError(f"Variable {given.value} does not exist")
    return {parameter.name: variable.value}


def _selector(parameter: Parameter, config: dict[str, Any]) -> dict[str, Any] | None:
    """A model or an app, which is a mapping of its own, with or without a wrapping."""
    needed = _SELECTORS.get(parameter.type)
    if needed is None:
        return None
    inner = config.get("value")
    for found in (inner, {k: v for k, v in config.items() if k not in ("type", "value")}):
        if isinstance(found, dict) and all(isinstance(found.get(key), str) for key in needed):
            return found
    return None


def _as_dify_says(error: StudioError, provider: str) -> str:
    """The text that a fail branch gets as error_message (Dify's `PluginInvokeError`)."""
    if not isinstance(error, ToolFailed):
        return f"Failed to invoke tool, error: {error.message}"
    details = f"{error.message}\nWhat to do: {error.hint}" if error.hint else error.message
    return (
        f"An error occurred in the {provider}, please contact the author of {provider} for help, "
        f"error type: {error.error_type}, error details: {details}"
    )


def _blob(message: Message) -> ToolRuntimeMessage:
    return _message(
        "blob",
        ToolRuntimeMessage.BlobMessage(blob=message.blob),
        {key: message.meta.get(key) for key in ("mime_type", "filename")},
    )


def _message(kind: str, payload: Any, meta: dict[str, Any] | None = None) -> ToolRuntimeMessage:
    return ToolRuntimeMessage(
        type=ToolRuntimeMessage.MessageType(kind), message=payload, meta=dict(meta or {})
    )


def _log_line(content: Mapping[str, Any]) -> dict[str, Any]:
    data = content.get("data")
    data = dict(data) if isinstance(data, Mapping) else {}
    percent = data.get("percent")
    return {
        "label": str(content.get("label") or ""),
        "status": str(content.get("status") or "start"),
        "percent": percent if isinstance(percent, int | float) else None,
        "error": str(content.get("error") or ""),
        "data": data,
    }


def _warning(text: str) -> dict[str, Any]:
    return {"label": text, "status": "warning", "percent": None, "error": "", "data": {}}


def deadline(seconds: float) -> Callable[[], float]:
    """How many seconds are left of `seconds` from now; 1 at least, so that a call can fail."""
    end = time.monotonic() + seconds
    return lambda: max(1.0, end - time.monotonic())
