"""What cannot run here is refused before anything runs.

A workflow that stops in the middle has spent time and money; so every node that could be
reached is looked at first.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runtime.declaration import Provider, Tool
from runtime.errors import WorkflowInvalid
from runtime.host.parameters import closest
from runtime.workflow.dsl import Node, Workflow
from runtime.workflow.result import ToolHost

_RUN_BY_GRAPHON = frozenset(
    {
        "start",
        "end",
        "answer",
        "if-else",
        "iteration",
        "iteration-start",
        "loop",
        "loop-start",
        "loop-end",
        "template-transform",
        "code",
        "tool",
        "http-request",
        "variable-aggregator",
        "assigner",
        "list-operator",
        "document-extractor",
    }
)
_NEEDS_MODEL = frozenset({"llm", "question-classifier", "parameter-extractor"})
_ONLY_IN_DIFY = {
    "knowledge-retrieval": "searches a knowledge base, which exists only inside Dify",
    "knowledge-index": "writes a knowledge base, which exists only inside Dify",
    "agent": "needs an agent strategy and a model, which only Dify can give it",
    "agent-v2": "needs an agent and a model, which only Dify can give it",
    "datasource": "reads a data source, which only Dify can connect",
    "human-input": "waits for a person to fill a form in Dify",
    "trigger-schedule": "is fired by Dify's scheduler",
    "trigger-webhook": "is fired by a webhook of Dify",
    "trigger-plugin": "is fired by Dify",
}
_TOOL_KINDS = {
    "api": "is a custom API tool, whose definition is stored in Dify and not in the file",
    "workflow": "is another workflow published as a tool, which exists only inside Dify",
    "mcp": "is a tool of an MCP server that is connected to Dify",
    "app": "is a Dify app used as a tool, which exists only inside Dify",
    "dataset-retrieval": "searches a knowledge base, which exists only inside Dify",
}
_CONTAINER_START = {"iteration": "iteration-start", "loop": "loop-start"}


@dataclass(frozen=True)
class FoundTool:
    """A tool of a hosted plugin that a node calls."""

    host: ToolHost
    provider: Provider
    tool: Tool


def check(workflow: Workflow, hosts: Sequence[ToolHost]) -> None:
    """Refuse a workflow with a node that cannot run here.

    Raises:
        WorkflowInvalid: naming the first such node, its type and why, and how many more.
    """
    refused = []
    for node in workflow.nodes.values():
        try:
            _check_node(node, workflow, hosts)
        except WorkflowInvalid as error:
            refused.append((node, error))
    if not refused:
        return
    _, first = refused[0]
    others = ", ".join(f"{node.title!r} ({node.type})" for node, _ in refused[1:6])
    if not others:
        raise first
    more = "" if len(refused) <= 6 else f" and {len(refused) - 6} more"
    raise WorkflowInvalid(f"{first.message} Neither can {others}{more}.", first.hint)


def find_tool(node: Node, hosts: Sequence[ToolHost]) -> FoundTool:
    """The hosted tool that a tool node names.

    `provider_id` is author/plugin/provider, or in old files the bare name of a provider or
    plugin.

    Raises:
        WorkflowInvalid: no hosted plugin has it; lists what is hosted.
    """
    wanted = str(node.data.get("provider_id") or node.data.get("provider_name") or "")
    name = str(node.data.get("tool_name") or "")
    providers = [
        (host, provider)
        for host in hosts
        for provider in host.declaration.providers
        if _names(host, provider, wanted)
    ]
    for host, provider in providers:
        for tool in provider.tools:
            if tool.name == name:
                return FoundTool(host, provider, tool)
    if providers:
        tools = [tool.name for _, provider in providers for tool in provider.tools]
        plugin = providers[0][0].declaration.id
        raise _refusal(
            node,
            f"calls the tool {name!r}, which {plugin} does not have",
            f"{closest(name, tools)}Its tools: {', '.join(tools)}.",
        )
    hosted = ", ".join(sorted(host.declaration.id for host in hosts)) or "none"
    raise _refusal(
        node,
        f"calls the tool {name!r} of {wanted!r}, which is not hosted here",
        f"Hosted plugins: {hosted}. Add the one that is missing with --plugin "
        "(its folder or .difypkg file).",
    )


def _names(host: ToolHost, provider: Provider, wanted: str) -> bool:
    plugin = host.declaration
    full = f"{plugin.author}/{plugin.name}/{provider.identity.name}"
    short = (provider.identity.name, plugin.name, f"{plugin.author}/{plugin.name}")
    return wanted == full or wanted in short


def _refusal(node: Node, reason: str, hint: str) -> WorkflowInvalid:
    return WorkflowInvalid(f"The node {node.title!r} ({node.type}) {reason}.", hint)


def _check_node(node: Node, workflow: Workflow, hosts: Sequence[ToolHost]) -> None:
    if node.type in _NEEDS_MODEL:
        raise _refusal(
            node,
            "needs a language model, and this runtime has none to give it",
            "Run this workflow in Dify, or take the node out.",
        )
    if node.type in _ONLY_IN_DIFY:
        raise _refusal(
            node, _ONLY_IN_DIFY[node.type], "Run this workflow in Dify, or replace the node."
        )
    if node.type not in _RUN_BY_GRAPHON:
        raise _refusal(
            node,
            "is of a type that Dify's engine does not know",
            f"{closest(node.type, sorted(_RUN_BY_GRAPHON))}Correct data.type.",
        )
    special = _SPECIAL.get(node.type)
    if special is not None:
        special(node, workflow, hosts)


def _check_tool(node: Node, _workflow: Workflow, hosts: Sequence[ToolHost]) -> None:
    kind = str(node.data.get("provider_type") or "builtin")
    if kind in _TOOL_KINDS:
        raise _refusal(node, _TOOL_KINDS[kind], "Run this workflow in Dify, or replace the node.")
    find_tool(node, hosts)
    configurations = node.data.get("tool_configurations")
    if isinstance(configurations, dict):
        empty = [name for name, value in configurations.items() if value is None]
        if empty:
            # graphon (and so Dify) refuses null there, in the middle of the run.
            raise _refusal(
                node,
                f"has null for the setting {', '.join(empty)}, where Dify's engine stops",
                "Remove the line from tool_configurations, or set a value: "
                "{type: constant, value: …}.",
            )


def _check_code(node: Node, _workflow: Workflow, _hosts: Sequence[ToolHost]) -> None:
    language = node.data.get("code_language")
    if language != "python3":
        raise _refusal(
            node,
            f"is written in {language}, and only python3 code runs here",
            "Run this workflow in Dify, or rewrite the code in Python.",
        )


def _check_container(node: Node, workflow: Workflow, _hosts: Sequence[ToolHost]) -> None:
    first = workflow.nodes.get(str(node.data.get("start_node_id")))
    wanted = _CONTAINER_START[node.type]
    if first is None or first.type != wanted:
        raise _refusal(
            node,
            f"was made by an old Dify: it does not begin with a node of type {wanted}, "
            "and today's engine stops there",
            "Open the workflow in Dify, rebuild this node and export it again.",
        )


def _check_documents(node: Node, _workflow: Workflow, _hosts: Sequence[ToolHost]) -> None:
    try:
        importlib.import_module("graphon.nodes.document_extractor.node")
    except ImportError as error:
        raise _refusal(
            node,
            f"needs libraries that are not installed ({error.name})",
            "Install the extra 'documents': VIRTUAL_ENV=.venv uv pip install -e '.[documents]'",
        ) from None


_SPECIAL: dict[str, Callable[[Node, Workflow, Sequence[ToolHost]], None]] = {
    "tool": _check_tool,
    "code": _check_code,
    "iteration": _check_container,
    "loop": _check_container,
    "document-extractor": _check_documents,
}
