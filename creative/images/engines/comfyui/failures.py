"""What a ComfyUI server says when it refuses or fails, as errors that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from creative.errors import CreativeError, EngineRejected, InvalidInput, shorten
from creative.http import Reply, redact_text
from creative.images.engines.comfyui.graph import title_of
from creative.images.engines.comfyui.server import ADDRESS, KEY, Graph
from creative.images.engines.replies import check

Named = Mapping[tuple[str, str], str]
"""(node id, input) -> the node's parameter that filled it."""

_OUT_OF_MEMORY = ("OutOfMemory", "out of memory", "Allocation on device", "not enough memory")


def refused(reply: Reply, who: str, graph: Graph, named: Named) -> CreativeError:
    """The error for a prompt that was not queued (not raised, unless it is no 400).

    Returns:
        InvalidInput if exactly one parameter is at fault, else EngineRejected with all nodes.

    Raises:
        see `creative.images.engines.replies.check`, for any other status.
    """
    if reply.status != 400:
        check(reply, KEY, ADDRESS)
    try:
        answer = reply.json()
    except CreativeError:
        answer = None
    if not isinstance(answer, dict):
        check(reply, KEY, ADDRESS)
    problems = node_errors(answer, graph)
    at_fault = {named.get((node, name), "") for node, name, _, _ in problems}
    if len(at_fault) == 1 and (parameter := next(iter(at_fault))):
        _, _, words, came = problems[0]
        return InvalidInput(parameter, came, f"what the server takes ({words})")
    error = answer.get("error")
    head = error if isinstance(error, str) else _words(error)
    said = "; ".join(words for _, _, words, _ in problems) or head
    hint = "Check these inputs of the workflow." if problems else _hint(error)
    return EngineRejected(who, redact_text(said) or "(no reason given)", reply.status, hint)


def node_errors(answer: Mapping[str, Any], graph: Graph) -> list[tuple[str, str, str, object]]:
    """The faults of single nodes: node id, input, words, what came."""
    found: list[tuple[str, str, str, object]] = []
    nodes = answer.get("node_errors")
    for node_id, fault in (nodes if isinstance(nodes, dict) else {}).items():
        for error in (fault or {}).get("errors") or []:
            extra = error.get("extra_info") or {}
            name = str(extra.get("input_name") or "")
            words = f"{title_of(graph, str(node_id))}: {_words(error)}"
            found.append((str(node_id), name, words, extra.get("received_value")))
    return found


def _words(error: Any) -> str:
    if not isinstance(error, dict):
        return ""
    message = str(error.get("message") or "")
    details = shorten(str(error.get("details") or ""), 200)
    return f"{message}: {details}" if details else message


def _hint(error: Any) -> str:
    kind = error.get("type") if isinstance(error, dict) else ""
    if kind == "prompt_no_outputs":
        return "Add a node that makes a file, such as Save Image, and export the workflow again."
    return "Open the workflow in ComfyUI and run it there once; then export it again."


def ended(entry: Mapping[str, Any], who: str, graph: Graph) -> dict[str, Any]:
    """The outputs of a prompt that ended: node id -> what the node shows.

    Args:
        entry: what /history/{id} says.
        who: the server, for errors.
        graph: the prompt, for the nodes' titles.

    Raises:
        EngineRejected: it failed or was interrupted.
    """
    status = entry.get("status") or {}
    messages: dict[str, Any] = {}
    for message in status.get("messages") or []:
        if isinstance(message, list) and len(message) == 2 and isinstance(message[1], dict):
            messages[str(message[0])] = message[1]
    if "execution_error" in messages:
        raise failed(messages["execution_error"], who, graph)
    if "execution_interrupted" in messages:
        node = title_of(graph, str(messages["execution_interrupted"].get("node_id")))
        raise EngineRejected(
            who,
            f"the job was interrupted while it was at {node}",
            hint="Somebody stopped it, in ComfyUI's page or through its API. Start it again.",
        )
    if status.get("status_str") == "error":
        raise EngineRejected(
            who, "the job failed, and it does not say why", hint="Look at the server's own log."
        )
    outputs = entry.get("outputs")
    return outputs if isinstance(outputs, dict) else {}


def failed(message: Mapping[str, Any], who: str, graph: Graph) -> EngineRejected:
    """The error for `execution_error` (not raised)."""
    node = title_of(graph, str(message.get("node_id")))
    kind = str(message.get("exception_type") or "").rpartition(".")[2]
    words = shorten(redact_text(str(message.get("exception_message") or "")), 300)
    hint = "Look at the server's own log for the whole story."
    if any(sign in f"{kind} {words}" for sign in _OUT_OF_MEMORY):
        hint = "The server's memory is too small: use a smaller size or model."
    return EngineRejected(who, f"{node} failed: {words or '(no message)'} ({kind})", hint=hint)
