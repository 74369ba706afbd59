"""A run as JSON lines: `--events`. The names are those of Dify's stream of a workflow."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from runtime.workflow import result as workflow_result
from runtime.workflow.result import NodeEvent

_NAMES = {
    workflow_result.STARTED: "node_started",
    workflow_result.RUNNING: "node_log",
    workflow_result.RETRIED: "node_retry",
    workflow_result.SUCCEEDED: "node_finished",
    workflow_result.FAILED: "node_finished",
    workflow_result.SKIPPED: "node_finished",
}
_MASK = "***"
_SHORTEST = 4
"""Letters of a secret that is looked for in names, too; a shorter one is found in ours."""


class Events:
    """Writes one JSON object a line: workflow_started, node_started, node_log, node_retry,
    node_finished, text_chunk, and at the end workflow_finished, whatever happens.

    Args:
        write: writes a line.
        secrets: texts that are never written.
    """

    def __init__(self, write: Callable[[str], None], secrets: Iterable[str] = ()) -> None:
        self._write = write
        # The longest first: a secret may be a part of another one.
        self._secrets = sorted({s for s in secrets if s}, key=len, reverse=True)
        self._lock = threading.Lock()
        self._over = False

    def started(self, workflow: str, inputs: Mapping[str, Any]) -> None:
        """The run begins."""
        self._tell("workflow_started", {"workflow": workflow, "inputs": dict(inputs)})

    def node(self, event: NodeEvent) -> None:
        """Something happens to a node."""
        data: dict[str, Any] = {
            "node_id": event.node_id,
            "node_type": event.type,
            "title": event.title,
        }
        if event.status == workflow_result.RUNNING:
            data["log"] = event.log
        elif event.status != workflow_result.STARTED:
            data |= {
                "status": event.status,
                "elapsed_time": round(event.elapsed, 3),
                "error": event.error or None,
                "outputs": event.outputs,
            }
        self._tell(_NAMES[event.status], data)

    def text(self, node_id: str, selector: Sequence[str], text: str) -> None:
        """A piece of what an answer says."""
        data = {"node_id": node_id, "text": text, "from_variable_selector": list(selector)}
        self._tell("text_chunk", data)

    def finished(self, document: Mapping[str, Any]) -> None:
        """The run has ended; `document` is what --json shows."""
        self._tell("workflow_finished", dict(document))
        self._over = True

    def failed(self, document: Mapping[str, Any]) -> None:
        """It could not run, or broke off; nothing is said twice."""
        if not self._over:
            self.finished(document)

    def _tell(self, name: str, data: Mapping[str, Any]) -> None:
        entry = {"event": name, "created_at": round(time.time(), 3), "data": self._masked(data)}
        line = json.dumps(entry, ensure_ascii=False, default=lambda odd: self._masked(str(odd)))
        with self._lock:
            self._write(line)

    def _masked(self, value: Any, least: int = 1) -> Any:
        """Plain data without secrets of at least so many letters. Only texts are looked at: in
        the line itself, a secret of a letter or two would be found in the JSON around them."""
        if isinstance(value, str):
            for secret in self._secrets:
                if len(secret) >= least:
                    value = value.replace(secret, _MASK)
            return value
        if isinstance(value, Mapping):
            return {
                self._masked(str(name), _SHORTEST): self._masked(item)
                for name, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._masked(item) for item in value]
        return value
