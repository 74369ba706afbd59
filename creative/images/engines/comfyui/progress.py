"""How far one prompt is, from the events of the WebSocket."""

from __future__ import annotations

import time
from typing import Any

from creative.images.engines.comfyui.graph import short_title_of
from creative.images.engines.comfyui.server import Graph

SAMPLER_WEIGHT = 20
"""A sampler takes about so many times as long as any other node."""

STARTED = "started"
"""What a prompt is at before its first node tells."""


class Progress:
    """One prompt. `fraction` is 0 to 1, `words` says what is going on; "" before it starts."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.words = ""
        self.blocked: dict[str, Any] | None = None
        """An `execution_error` that did not end the prompt (a node that blocks others)."""
        self._done: set[str] = set()
        self._node = ""
        self._share = 0.0
        self._began = time.monotonic()

    @property
    def started(self) -> bool:
        """Whether the server works on it."""
        return bool(self.words)

    @property
    def fraction(self) -> float:
        """How far it is, 0 to 1; never quite 1, since the server's history says when it ends."""
        total = sum(map(self._weight, self.graph)) or 1
        done = float(sum(self._weight(node) for node in self._done if node in self.graph))
        if self._node in self.graph and self._node not in self._done:
            done += self._share * self._weight(self._node)
        return min(done / total, 0.99)

    def running(self) -> None:
        """It is known to run, by whatever way."""
        self.words = self.words or STARTED

    def take(self, event: str, data: dict[str, Any]) -> None:
        """Hear one event of this prompt."""
        self.running()
        if event == "execution_cached":
            nodes = data.get("nodes")
            self._done.update(map(str, nodes if isinstance(nodes, list) else []))
        elif event == "executing" and data.get("node") is not None:
            self._enter(str(data["node"]))
        elif event == "progress":
            value, most = data.get("value"), data.get("max")
            if not isinstance(value, int | float) or not isinstance(most, int | float) or most <= 0:
                return
            node = str(data.get("node") or self._node)
            if node != self._node:
                self._enter(node)
            self._share = min(value / most, 1.0)
            self.words = f"{self._title()}, step {value:g} of {most:g}{self._left()}"
        elif event == "executed":
            self._done.add(str(data.get("node")))
        elif event == "execution_error":
            self.blocked = data

    def _enter(self, node: str) -> None:
        if self._node:
            self._done.add(self._node)
        self._done.discard(node)  # a node in a loop runs again
        self._node, self._share, self._began = node, 0.0, time.monotonic()
        self.words = self._title()

    def _title(self) -> str:
        return short_title_of(self.graph, self._node)

    def _left(self) -> str:
        passed = time.monotonic() - self._began
        if self._share <= 0 or self._share >= 1 or passed < 1:
            return ""
        return f", about {passed / self._share * (1 - self._share):.0f} s left"

    def _weight(self, node: str) -> int:
        kind = str(self.graph[node].get("class_type", "")).lower() if node in self.graph else ""
        return SAMPLER_WEIGHT if "sampler" in kind or "upscalewithmodel" in kind else 1
