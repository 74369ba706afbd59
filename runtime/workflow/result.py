"""What happens while a workflow runs, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from runtime.declaration import Plugin
from runtime.host.messages import Message, OutputFile
from runtime.usage import total

STARTED = "started"
RUNNING = "running"
SUCCEEDED = "succeeded"
FAILED = "failed"
RETRIED = "retried"
SKIPPED = "skipped"


class ToolHost(Protocol):
    """A plugin whose tools a workflow may call; `runtime.host.host.Host` is one."""

    @property
    def declaration(self) -> Plugin:
        """What the plugin declares."""
        ...

    def invoke(
        self, tool: str, parameters: Mapping[str, Any], *, timeout: float | None = None
    ) -> Iterator[Message]:
        """Call a tool; yields its messages as they come.

        Raises:
            StudioError: the call failed; ToolFailed if the tool itself raised.
        """
        ...


@dataclass(frozen=True)
class NodeEvent:
    """Something to show while a workflow runs.

    Attributes:
        node_id, title, type: which node.
        status: started; running (`log` says what it is doing); succeeded; failed (also when a
            fail branch or a default value follows); retried; skipped (at the end, for every
            node that was not reached, or that was cut off when the run ended).
        elapsed: seconds since the node started.
        error: why it failed or is tried again.
        log: of a running node: {"label", "status" (start, success, error or warning),
            "percent" (0 to 100, or None), "error", "data"}.
        outputs: of a node that succeeded, as plain data; files without their bytes.
    """

    node_id: str
    title: str
    type: str
    status: str
    elapsed: float = 0.0
    error: str = ""
    log: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = None


OnEvent = Callable[[NodeEvent], None]
"""Called from several threads, but never twice at once."""

OnText = Callable[[str, Sequence[str], str], None]
"""Called with a node's id, the selector of its output, and a piece of that."""


@dataclass(frozen=True)
class NodeResult:
    """What became of one run of one node; a node in an iteration has several.

    Attributes:
        status: succeeded, failed or skipped.
        elapsed: seconds.
        retries: how often it was tried again.
        error: the last error, also where a fail branch or default value handled it.
        usage: what it used, as `runtime.usage.of_node` gives it; None if it tells nothing.
    """

    node_id: str
    title: str
    type: str
    status: str
    elapsed: float = 0.0
    retries: int = 0
    error: str = ""
    usage: dict[str, Any] | None = None


STOPPED_BY_PERSON = "Stopped"
"""RunError.type of a run that somebody stopped; one that met a limit names that."""


@dataclass(frozen=True)
class RunError:
    """Why a run failed.

    Attributes:
        type: the class of the error (ToolFailed, PluginDied, …), or NodeFailed.
        message: what happened, with the node's title in it.
        hint: what to do; may be empty.
        node_id: which node; empty if the run as a whole failed.
        traceback: the plugin's traceback, for --verbose; may be empty.
    """

    type: str
    message: str
    hint: str = ""
    node_id: str = ""
    traceback: str = ""


@dataclass(frozen=True)
class WorkflowResult:
    """What came of a run.

    Attributes:
        ok: whether it reached its end; also when nodes failed whose failure the workflow
            handles (`status` is then partial-succeeded, Dify's name for it).
        outputs: the end node's outputs, or {"answer", "files"} of a chatflow. Files in it are
            `OutputFile`s, with their bytes.
        nodes: the nodes, in the order in which they finished.
        error: why it failed.
        status: succeeded, partial-succeeded, failed or stopped.
        elapsed: seconds.
    """

    ok: bool
    outputs: dict[str, Any]
    nodes: list[NodeResult] = field(default_factory=list)
    error: RunError | None = None
    status: str = SUCCEEDED
    elapsed: float = 0.0

    @property
    def files(self) -> list[OutputFile]:
        """Every file in the outputs, once, in order."""
        found: list[OutputFile] = []
        _walk(self.outputs, found)
        return found

    def to_json(self, saved: Callable[[OutputFile], str] | None = None) -> dict[str, Any]:
        """The result as plain data: {ok, outputs, nodes, usage, error, status, elapsed}.

        Args:
            saved: called once per file; returns the path it was saved under. Files become
                {path, filename, mime_type, size}; without `saved`, path is left out.
        """
        shown: dict[int, dict[str, Any]] = {}
        for file in self.files:
            entry: dict[str, Any] = {} if saved is None else {"path": saved(file)}
            shown[id(file)] = {
                **entry,
                "filename": file.filename,
                "mime_type": file.mime_type,
                "size": len(file.data),
            }
        error = self.error
        return {
            "ok": self.ok,
            "outputs": _plain(self.outputs, shown),
            "nodes": [
                {
                    "node_id": node.node_id,
                    "title": node.title,
                    "type": node.type,
                    "status": node.status,
                    "elapsed": round(node.elapsed, 3),
                    "retries": node.retries,
                    "error": node.error,
                    "usage": node.usage,
                }
                for node in self.nodes
            ],
            "usage": total(node.usage for node in self.nodes),
            "error": error
            and {
                "type": error.type,
                "message": error.message,
                "hint": error.hint,
                "node_id": error.node_id,
            },
            "status": self.status,
            "elapsed": round(self.elapsed, 3),
        }


def _walk(value: Any, found: list[OutputFile]) -> None:
    if isinstance(value, OutputFile):
        if not any(value is file for file in found):
            found.append(value)
    elif isinstance(value, dict):
        for item in value.values():
            _walk(item, found)
    elif isinstance(value, list):
        for item in value:
            _walk(item, found)


def _plain(value: Any, shown: Mapping[int, dict[str, Any]]) -> Any:
    if isinstance(value, OutputFile):
        return shown[id(value)]
    if isinstance(value, dict):
        return {key: _plain(item, shown) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, shown) for item in value]
    return value
