"""Reverse calls: permission first, then an answer.

The daemon checks a plugin's manifest before it answers (internal/core/io_tunnel/
backwards_invocation/task.go); so does `refusal`. `Answers` maps a kind of call to the
function that answers it; a kind without one gets an error that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from runtime.declaration import Permissions, Plugin

Answer = tuple[str, Mapping[str, Any]]
"""("stream" | "struct", data): one response to a reverse call."""

OnUsage = Callable[[str, str, int, int, float | None, str], None]
"""Called as (kind, model, tokens in, tokens out, price, currency); a price of None is unknown."""


def _not_counted(
    kind: str, model: str, tokens_in: int, tokens_out: int, price: float | None, currency: str
) -> None:
    """Usage that nobody counts."""


@dataclass(frozen=True)
class Caller:
    """The call in which a plugin asks something back.

    Attributes:
        plugin: what the asking plugin declares.
        tool: the tool that asks; empty outside a tool call.
        session: the id of its session.
        on_usage: told what models were used for it.
    """

    plugin: Plugin
    tool: str = ""
    session: str = ""
    on_usage: OnUsage = _not_counted


Answerer = Callable[[Mapping[str, Any], Caller], Iterator[Answer]]
"""Takes the request's `request` object and who asks; raises to answer with an error."""

# kind of call -> (group of the manifest's resource.permission, entry in it)
_NEEDED: dict[str, tuple[str, str]] = {
    "tool": ("tool", "enabled"),
    "llm": ("model", "llm"),
    "llm_structured_output": ("model", "llm"),
    "system_summary": ("model", "llm"),
    "text_embedding": ("model", "text_embedding"),
    "multimodal_embedding": ("model", "text_embedding"),
    "rerank": ("model", "rerank"),
    "multimodal_rerank": ("model", "rerank"),
    "tts": ("model", "tts"),
    "speech2text": ("model", "speech2text"),
    "moderation": ("model", "moderation"),
    "node_parameter_extractor": ("node", "enabled"),
    "node_question_classifier": ("node", "enabled"),
    "app": ("app", "enabled"),
    "fetch_app": ("app", "enabled"),
    "storage": ("storage", "enabled"),
}
_ALWAYS = frozenset({"upload_file"})
REFUSABLE = tuple(_NEEDED)
"""Kinds of calls that need a permission."""


def refusal(kind: str, permissions: Permissions) -> str | None:
    """Why the manifest does not permit this call, in the daemon's words; None if it does."""
    if kind in _ALWAYS:
        return None
    needed = _NEEDED.get(kind)
    if needed is None:
        return f"unsupported invoke type: {kind}"
    group, entry = needed
    permission = getattr(permissions, group)
    if permission.enabled and getattr(permission, entry):
        return None
    access = group if entry == "enabled" else entry.replace("_", "-")
    return f"permission denied, you need to enable {access} access in plugin manifest"


@dataclass
class Answers:
    """Who answers what.

    Attributes:
        by_kind: kind of call to its answerer.
        on_usage: told what models were used, for every call of every plugin.
        closing: called by `close`, the last one first.
    """

    by_kind: dict[str, Answerer] = field(default_factory=dict)
    on_usage: OnUsage = _not_counted
    closing: list[Callable[[], None]] = field(default_factory=list)

    def answer(self, kind: str, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
        """The answers to one reverse call.

        Raises:
            LookupError: nobody answers this kind here.
        """
        answerer = self.by_kind.get(kind)
        if answerer is None:
            raise LookupError(
                f"this local runtime does not answer '{kind}' calls; "
                "run the tool inside Dify for that"
            )

        def count(*used: Any) -> None:
            self.on_usage(*used)
            caller.on_usage(*used)

        return answerer(request, replace(caller, on_usage=count))

    def close(self) -> None:
        """End what answering has started: file servers, worker processes."""
        for end in reversed(self.closing):
            end()
