"""Calls of a plugin to tools of other plugins: those that are hosted beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runtime.answers.files import FileServer
from runtime.answers.reverse import Answer, Caller
from runtime.errors import StudioError
from runtime.host.messages import Message
from runtime.host.parameters import cast_value, closest

if TYPE_CHECKING:
    from runtime.declaration import Tool
    from runtime.host import Host

FAILED = "invoke tool failed: "


class ToolCallFailed(Exception):
    """Why a tool of another plugin did not answer."""


class Tools:
    """Calls tools of hosted plugins.

    Args:
        hosts: all that run; may grow.
        files: serves the files that a tool returns.
    """

    def __init__(self, hosts: Sequence[Host], files: FileServer) -> None:
        self._hosts = hosts
        self._files = files

    def answer(self, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
        """The tool's messages; its files become links to them, as Dify makes them.

        Raises:
            ToolCallFailed: there is no such tool, or it failed.
        """
        host, tool = self._found(request)
        given = request.get("tool_parameters")
        parameters = _cast(tool, given if isinstance(given, dict) else {})
        try:
            for message in host.invoke(tool.name, parameters, on_usage=caller.on_usage):
                yield "stream", self._passed_on(message)
        except StudioError as error:
            raise ToolCallFailed(f"{FAILED}{tool.name}: {error}") from None

    def _found(self, request: Mapping[str, Any]) -> tuple[Host, Tool]:
        kind, provider = str(request.get("tool_type")), str(request.get("provider"))
        name = str(request.get("tool"))
        if kind not in {"builtin", "plugin"}:
            raise ToolCallFailed(
                f"{FAILED}this local runtime has tools of plugins, no {kind} tools; run the tool "
                "inside Dify for that"
            )
        known = []
        # Dify names a provider "author/plugin/provider"; plugins often write its last part only.
        for host in self._hosts:
            declared = host.declaration
            for one, tool in declared.tools:
                full = f"{declared.author}/{declared.name}/{one.identity.name}"
                if provider in {full, one.identity.name} and tool.name == name:
                    return host, tool
                known.append(f"{full} {tool.name}")
        near = closest(f"{provider} {name}", known)
        raise ToolCallFailed(
            f"{FAILED}no hosted plugin has the tool {name} of the provider {provider}. {near}"
            "Name its plugin with a further --plugin."
        )

    def _passed_on(self, message: Message) -> Mapping[str, Any]:
        if message.type != "blob":
            return {"type": message.type, "message": message.content, "meta": message.meta}
        put = self._files.put(
            message.blob,
            message.meta.get("filename") or "file",
            message.meta.get("mime_type") or "",
        )
        kind = "image_link" if put["type"] == "image" else "binary_link"
        meta = {"mime_type": put["mime_type"], "filename": put["filename"]}
        return {"type": kind, "message": {"text": put["url"]}, "meta": meta}


def _cast(tool: Tool, given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as Dify sends them: declared ones cast, with defaults; others as they are."""
    values = dict(given)
    for parameter in tool.parameters:
        value = given.get(parameter.name)
        value = parameter.default if value is None else value
        if value is None:
            continue
        try:
            values[parameter.name] = cast_value(parameter.type, value)
        except ValueError as error:
            raise ToolCallFailed(f"{FAILED}{tool.name}: {parameter.name}: {error}") from None
    return values
