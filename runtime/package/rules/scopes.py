"""The `scope` of selectors, as the daemon's config.go checks it for remote debugging."""

from __future__ import annotations

from runtime.package.findings import Source
from runtime.package.rules.fields import Fields, one_of

SCOPES: dict[str, tuple[str, ...]] = {
    "app-selector": ("all", "chat", "workflow", "completion"),
    "model-selector": (
        "llm",
        "text-embedding",
        "rerank",
        "tts",
        "speech2text",
        "moderation",
        "vision",
        "document",
        "tool-call",
    ),
    "any": (
        "string",
        "number",
        "object",
        "array[number]",
        "array[string]",
        "array[object]",
        "array[file]",
    ),
}
"""Type to the parts that its scope may have, joined with '&'."""


def check_scope(fields: Fields, kind: str | None) -> None:
    """Check the scope of a parameter or credential of type `kind`."""
    scope = fields.text("scope", required=False, empty=True, most=1024)
    if scope is None or kind is None:
        return
    known = SCOPES.get(kind)
    if known is None:
        fields.error(
            Source.REMOTE,
            "scope",
            "scope",
            f"is given for type {kind!r}; allowed is a scope for {one_of(tuple(SCOPES))} only.",
            "Remove it.",
        )
        return
    parts = [part.strip() for part in scope.split("&")]
    unknown = [part for part in parts if part not in known]
    if not unknown:
        return
    problem = f"is {scope!r}; allowed is {one_of(known)}, joined with '&'."
    # The daemon is content with one known part, wherever it is.
    if len(unknown) == len(parts):
        fields.error(Source.REMOTE, "scope", "scope", problem)
    else:
        fields.warning(Source.REMOTE, "scope", "scope", problem)
