"""What the check of a workflow file finds, and by which rules."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

RULES = {
    "file": "Dify's import refuses the file (api/services/app_dsl_service.py).",
    "node.cannot_run": "Dify's engine has no such node, tool or setting.",
    "node.not_here": "The node runs in Dify, or with another setting, but not here.",
    "node.settings": "graphon's model of the node refuses its settings when the run starts.",
    "node.unreachable": "Nothing leads to the node; it never runs.",
    "edge.crosses": "graphon: an edge must not cross the border of an iteration or loop.",
    "edge.handle": "The edge leaves by a way out that the node does not have; it is never taken.",
    "reference.unknown": "A variable of a node that is not there: empty, or an error, at run time.",
    "reference.later": "A variable of a node that does not run before this one.",
    "tool.parameter": "The tool has no such parameter; what it is given is lost.",
    "tool.constant": "Dify loses an object or a list that is a constant.",
    "end.missing": "Without an end or answer node the run gives nothing.",
    "secret.inline": "A key stands in the file itself; exports are shared.",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        rule: its id, a key of `RULES`.
        severity: error or warning.
        path: where in the file: a node's id and a key, joined by dots; may be empty.
        node: title of the node; may be empty.
        fixed: whether `repair` has put it right.
    """

    rule: str
    severity: str
    path: str
    node: str
    message: str
    hint: str
    fixed: bool = False


@dataclass(frozen=True)
class Checked:
    """A file and what is wrong with it."""

    file: str
    findings: list[Finding]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong that stops a run in Dify."""
        return all(f.fixed or f.severity != "error" for f in self.findings)

    def document(self) -> dict[str, Any]:
        """As --json shows it."""
        return {"file": self.file, "ok": self.ok, "findings": [asdict(f) for f in self.findings]}
