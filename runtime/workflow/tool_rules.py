"""What Dify loses of what a tool node gives to its tool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from runtime.declaration import Tool
from runtime.errors import WorkflowInvalid
from runtime.host.parameters import closest
from runtime.workflow.check import find_tool
from runtime.workflow.dsl import Node, Workflow
from runtime.workflow.findings import Finding
from runtime.workflow.result import ToolHost

STRUCTURES = ("object", "array")
GIVEN = ("tool_parameters", "tool_configurations")
"""Where a node says what its tool is given."""


def tool_findings(workflow: Workflow, hosts: Sequence[ToolHost]) -> Iterator[Finding]:
    """Findings about the parameters of hosted tools."""
    for node in workflow.nodes.values():
        if node.type != "tool":
            continue
        try:
            tool = find_tool(node, hosts).tool
        except WorkflowInvalid:
            continue  # another rule tells of it
        yield from _unknown(node, tool)
        yield from _lost(node, tool)


def _unknown(node: Node, tool: Tool) -> Iterator[Finding]:
    names = [parameter.name for parameter in tool.parameters]
    for group in GIVEN:
        given = node.data.get(group)
        for name in given if isinstance(given, Mapping) else ():
            if name not in names:
                yield Finding(
                    "tool.parameter",
                    "warning",
                    f"{node.id}.{group}.{name}",
                    node.title,
                    f"The node {node.title!r} gives {name!r} to {tool.name}, which has no such "
                    "parameter.",
                    f"{closest(str(name), names)}Its parameters: {', '.join(names) or 'none'}.",
                )


def _lost(node: Node, tool: Tool) -> Iterator[Finding]:
    given = node.data.get("tool_parameters")
    for name, value in given.items() if isinstance(given, Mapping) else ():
        parameter = tool.parameter(str(name))
        if (
            parameter is not None
            and parameter.form != "form"
            and parameter.type in STRUCTURES
            and isinstance(value, Mapping)
            and value.get("type") == "constant"
            and isinstance(value.get("value"), dict | list)
        ):
            yield Finding(
                "tool.constant",
                "warning",
                f"{node.id}.tool_parameters.{name}",
                node.title,
                f"The node {node.title!r} gives a constant to {name!r} of {tool.name}; Dify loses "
                "it because it is no text.",
                "Write it as {type: mixed, value: '<JSON text>'}.",
            )
