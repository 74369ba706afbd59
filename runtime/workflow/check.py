"""What cannot run here is refused before anything runs.

A workflow that stops in the middle has spent time and money; so every node that could be
reached is looked at first.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from runtime.declaration import Provider, Tool
from runtime.errors import UsageError, WorkflowInvalid
from runtime.host.parameters import closest
from runtime.workflow.dsl import Node, Workflow
from runtime.workflow.means import Means
from runtime.workflow.result import ToolHost

RUNS = frozenset(
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
        "human-input",
        "knowledge-retrieval",
        "llm",
        "question-classifier",
        "parameter-extractor",
    }
)
_ONLY_IN_DIFY = {
    "knowledge-index": "writes a knowledge base, which exists only inside Dify",
    "agent": "needs an agent strategy and a model, which only Dify can give it",
    "agent-v2": "needs an agent and a model, which only Dify can give it",
    "datasource": "reads a data source, which only Dify can connect",
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
Hosts = Sequence[ToolHost]
_CONTAINER_START = {"iteration": "iteration-start", "loop": "loop-start"}


class NotHere(WorkflowInvalid):
    """A node that runs elsewhere, or here with another setting."""


@dataclass(frozen=True)
class FoundTool:
    """A tool of a hosted plugin that a node calls."""

    host: ToolHost
    provider: Provider
    tool: Tool


def refusals(
    workflow: Workflow, hosts: Sequence[ToolHost], means: Means | None = None
) -> list[tuple[Node, WorkflowInvalid]]:
    """The nodes that cannot run here, and why."""
    refused = []
    means = means or Means()
    for node in workflow.nodes.values():
        try:
            _check_node(node, workflow, hosts, means)
        except WorkflowInvalid as error:
            refused.append((node, error))
    return refused


def check(workflow: Workflow, hosts: Sequence[ToolHost], means: Means | None = None) -> None:
    """Refuse a workflow with a node that cannot run here.

    Raises:
        WorkflowInvalid: naming the first such node, its type and why, and how many more.
    """
    refused = refusals(workflow, hosts, means)
    if not refused:
        return
    _, first = refused[0]
    others = ", ".join(f"{node.title!r} ({node.type})" for node, _ in refused[1:6])
    if not others:
        raise first
    more = "" if len(refused) <= 6 else f" and {len(refused) - 6} more"
    raise WorkflowInvalid(f"{first.message} Neither can {others}{more}.", first.hint)


def check_environment(workflow: Workflow, given: Mapping[str, str]) -> None:
    """Refuse a run that would go on with an empty secret: an export has none in it.

    Raises:
        UsageError: `given` has a variable that the workflow does not have.
        WorkflowInvalid: naming the first secret that a node uses and nobody gives.
    """
    names = [variable["name"] for variable in workflow.environment]
    for name in given:
        if name not in names:
            raise UsageError(
                f"The workflow has no environment variable {name!r}.",
                f"{closest(name, names)}Its variables: {', '.join(names) or 'none'}.",
            )
    graph = json.dumps(workflow.graph, ensure_ascii=False, default=str)
    for variable in workflow.environment:
        name = variable["name"]
        empty = not (given.get(name) or variable.get("value"))
        used = f"#env.{name}#" in graph or f'"env", "{name}"' in graph
        if variable.get("value_type") == "secret" and empty and used:
            raise WorkflowInvalid(
                f"The workflow uses the secret {name}, which is not in the file.",
                f"Set STUDIO_ENV_{name.upper()} in .env, or give --env-var {name}=….",
            )


def find_tool(node: Node, hosts: Sequence[ToolHost]) -> FoundTool:
    """The hosted tool that a tool node names.

    `provider_id` is author/plugin/provider, or in old files the bare name of a provider or
    plugin.

    Raises:
        WorkflowInvalid: no hosted plugin has it; lists what is hosted.
    """
    wanted, name = _provider_of(node), str(node.data.get("tool_name") or "")
    providers = providers_of(node, hosts)
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
    raise _not_here(
        node,
        f"calls the tool {name!r} of {wanted!r}, which is not hosted here",
        f"Hosted plugins: {hosted}. Add the one that is missing with --plugin "
        "(its folder or .difypkg file).",
    )


def providers_of(node: Node, hosts: Sequence[ToolHost]) -> list[tuple[ToolHost, Provider]]:
    """The hosted providers that a tool node may mean; see `find_tool`."""
    return [
        (host, provider)
        for host in hosts
        for provider in host.declaration.providers
        if _names(host, provider, _provider_of(node))
    ]


def _provider_of(node: Node) -> str:
    return str(node.data.get("provider_id") or node.data.get("provider_name") or "")


def _names(host: ToolHost, provider: Provider, wanted: str) -> bool:
    plugin = host.declaration
    full = f"{plugin.author}/{plugin.name}/{provider.identity.name}"
    short = (provider.identity.name, plugin.name, f"{plugin.author}/{plugin.name}")
    return wanted == full or wanted in short


def _refusal(
    node: Node, reason: str, hint: str, kind: type[WorkflowInvalid] = WorkflowInvalid
) -> WorkflowInvalid:
    return kind(f"The node {node.title!r} ({node.type}) {reason}.", hint)


def _not_here(node: Node, reason: str, hint: str) -> WorkflowInvalid:
    return _refusal(node, reason, hint, NotHere)


def _check_node(node: Node, workflow: Workflow, hosts: Sequence[ToolHost], means: Means) -> None:
    if node.type in _ONLY_IN_DIFY:
        raise _not_here(
            node, _ONLY_IN_DIFY[node.type], "Run this workflow in Dify, or replace the node."
        )
    if node.type not in RUNS:
        raise _refusal(
            node,
            "is of a type that Dify's engine does not know",
            f"{closest(node.type, sorted(RUNS))}Correct data.type.",
        )
    special = _SPECIAL.get(node.type)
    if special is not None:
        special(node, workflow, hosts, means)


def _check_model(node: Node, _workflow: Workflow, _hosts: Hosts, means: Means) -> None:
    if not means.models or means.answers is None:
        raise _not_here(
            node,
            "asks a language model, and no endpoint is configured",
            "Set STUDIO_LLM_BASE_URL (any OpenAI-compatible address, with /v1), "
            "STUDIO_LLM_API_KEY (if it wants one) and STUDIO_LLM_MODEL in .env.",
        )


def _check_person(node: Node, _workflow: Workflow, _hosts: Hosts, means: Means) -> None:
    if means.ask is None:
        raise _not_here(
            node,
            "waits for a person, and nobody can be asked: this is no terminal",
            "Run it in a terminal, without --json or --events, or run it in Dify.",
        )


def _check_knowledge(node: Node, _workflow: Workflow, _hosts: Hosts, means: Means) -> None:
    if means.knowledge is None:
        raise _not_here(
            node,
            "searches a knowledge base, which is in Dify and not in the file",
            "Give a folder of .md or .txt files in its place: --knowledge DIR or "
            "STUDIO_KNOWLEDGE_DIR.",
        )
    if not means.knowledge.is_dir():
        raise _not_here(
            node,
            f"searches the knowledge folder {means.knowledge}, which is no folder",
            "Correct --knowledge or STUDIO_KNOWLEDGE_DIR.",
        )


def _check_tool(node: Node, _workflow: Workflow, hosts: Hosts, _means: Means) -> None:
    kind = str(node.data.get("provider_type") or "builtin")
    if kind in _TOOL_KINDS:
        raise _not_here(node, _TOOL_KINDS[kind], "Run this workflow in Dify, or replace the node.")
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


def _check_code(node: Node, _workflow: Workflow, _hosts: Hosts, means: Means) -> None:
    language = node.data.get("code_language")
    if language not in ("python3", "javascript"):
        raise _refusal(
            node,
            f"is written in {language}; python3 and javascript code runs here",
            "Run this workflow in Dify, or rewrite the code.",
        )
    if means.sandbox_url:
        return
    if language == "javascript" and shutil.which("node") is None:
        raise _not_here(
            node,
            "is written in javascript, which needs Node.js (the program node)",
            "Install Node.js, or set STUDIO_SANDBOX_URL to a dify-sandbox.",
        )
    if sys.platform != "linux":
        raise _not_here(
            node,
            f"runs code, which can be shut in on Linux only, and this is {sys.platform}",
            "Set STUDIO_SANDBOX_URL to a dify-sandbox.",
        )


def _check_container(node: Node, workflow: Workflow, _hosts: Hosts, _means: Means) -> None:
    first = workflow.nodes.get(str(node.data.get("start_node_id")))
    wanted = _CONTAINER_START[node.type]
    if first is None or first.type != wanted:
        raise _refusal(
            node,
            f"was made by an old Dify: it does not begin with a node of type {wanted}, "
            "and today's engine stops there",
            "Open the workflow in Dify, rebuild this node and export it again.",
        )


def _check_documents(node: Node, _workflow: Workflow, _hosts: Hosts, _means: Means) -> None:
    try:
        importlib.import_module("graphon.nodes.document_extractor.node")
    except ImportError as error:
        raise _not_here(
            node,
            f"needs libraries that are not installed ({error.name})",
            "Install the extra 'documents': VIRTUAL_ENV=.venv uv pip install -e '.[documents]'",
        ) from None


_SPECIAL: dict[str, Callable[[Node, Workflow, Hosts, Means], None]] = {
    "llm": _check_model,
    "question-classifier": _check_model,
    "parameter-extractor": _check_model,
    "human-input": _check_person,
    "knowledge-retrieval": _check_knowledge,
    "tool": _check_tool,
    "code": _check_code,
    "iteration": _check_container,
    "loop": _check_container,
    "document-extractor": _check_documents,
}
