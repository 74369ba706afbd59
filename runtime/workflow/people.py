"""Human-input nodes: a form for whoever sits at the terminal."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from graphon.nodes.human_input.entities import Completed, Expired, HITLContext, HITLDecision
from graphon.variables.segments import StringSegment
from graphon.variables.template_resolution import convert_template

from runtime.errors import StudioError
from runtime.workflow.means import Ask, Field, Form

TIMEOUT = "__timeout"
"""The handle, and the edge, that Dify takes when nobody answers in time."""
_UNITS = {"hour": 3600.0, "day": 86400.0}
_PLACE = re.compile(r"\{\{#\$output\.([A-Za-z_][A-Za-z0-9_]*)#\}\}")


class People:
    """graphon's `HITLCallback` for one node.

    Args:
        data: the node's settings, as in the file (Dify: core/workflow/nodes/human_input).
        ask: shows the form.
    """

    def __init__(self, data: Mapping[str, Any], ask: Ask | None) -> None:
        self._data = data
        self._ask = ask

    def __call__(self, context: HITLContext) -> HITLDecision:
        """Ask, and go on with the answer.

        Raises:
            StudioError: nobody can be asked, or the answer is none of the form's.
        """
        form = self._form(context)
        if self._ask is None:
            raise StudioError(
                f"The node {context.node_title!r} waits for a person, and nobody can be asked here",
                "Run it in a terminal.",
            )
        began = time.monotonic()
        answer = self._ask(form)
        if answer is None or time.monotonic() - began > form.seconds:
            return Expired(TIMEOUT, {"__rendered_content": StringSegment(value=form.text)})
        action, values = answer
        if action not in dict(form.actions):
            raise StudioError(f"The form {form.title!r} has no action {action!r}.")
        rendered = _PLACE.sub(lambda found: values.get(found.group(1), ""), form.text)
        outputs = {name: StringSegment(value=value) for name, value in values.items()}
        outputs["__action_id"] = StringSegment(value=action)
        outputs["__rendered_content"] = StringSegment(value=rendered)
        return Completed(action, {}, outputs)

    def _form(self, context: HITLContext) -> Form:
        pool: Any = context.variable_pool
        fields = []
        for entry in self._data.get("inputs") or []:
            default = entry.get("default") or {}
            value = default.get("value") or ""
            if default.get("type") == "variable":
                found = pool.get(default.get("selector") or [])
                value = found.text if found is not None else ""
            name = str(entry.get("output_variable_name") or entry.get("variable") or "")
            fields.append(Field(name, str(value), entry.get("type") == "paragraph"))
        actions = [
            (str(action["id"]), str(action.get("title") or action["id"]))
            for action in self._data.get("user_actions") or []
        ]
        # The places of the form's own fields are no variables; they are filled afterwards.
        content = str(self._data.get("form_content") or "")
        shown = "".join(
            part if part.startswith("{{#$output.") else convert_template(pool, part).text
            for part in re.split(r"(\{\{#\$output\.[A-Za-z_][A-Za-z0-9_]*#\}\})", content)
        )
        unit = _UNITS.get(str(self._data.get("timeout_unit") or "hour"), 3600.0)
        seconds = float(self._data.get("timeout") or 36) * unit
        return Form(context.node_title, shown, tuple(fields), tuple(actions), seconds)
