"""Asks whoever sits at the terminal: the forms of human-input nodes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping

from rich.markup import escape

from runtime.console import StepView, err
from runtime.workflow.means import Field, Form

Read = Callable[[], str]


def at_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and err.is_terminal


class Terminal:
    """Shows forms, one at a time.

    Args:
        view: shows progress; it pauses meanwhile.
        read: reads a line.
    """

    def __init__(self, view: StepView, read: Read = input) -> None:
        self._view = view
        self._read = read
        self._lock = threading.Lock()

    def ask(self, form: Form) -> tuple[str, Mapping[str, str]] | None:
        """Ask for the fields, then for the action; None where the input has ended."""
        with self._lock, self._view.paused():
            try:
                return self._ask(form)
            except EOFError:
                err.print(
                    "\n[yellow]The input has ended: the workflow goes on as where nobody answers "
                    "in time.[/]"
                )
                return None

    def _ask(self, form: Form) -> tuple[str, Mapping[str, str]]:
        err.print(f"\n[bold]{escape(form.title)}[/] waits for you:")
        err.print(form.text, markup=False)
        values = {field.name: self._field(field) for field in form.fields}
        if not form.actions:
            return "", values
        for number, (_, title) in enumerate(form.actions, 1):
            err.print(f"  {number}  {escape(title)}")
        while True:
            err.print("Number or name: ", end="")
            said = self._read().strip()
            for number, (id, title) in enumerate(form.actions, 1):
                if said in (str(number), id) or said.casefold() == title.casefold():
                    return id, values
            err.print(f"[yellow]There is no {escape(repr(said))}.[/]")

    def _field(self, field: Field) -> str:
        shown = f" [{field.default}]" if field.default else ""
        how = " (end with an empty line)" if field.several_lines else ""
        err.print(f"{field.name}{how}{shown}: ", end="", markup=False)
        if not field.several_lines:
            return self._read() or field.default
        lines: list[str] = []
        while line := self._read():
            lines.append(line)
        return "\n".join(lines) or field.default
