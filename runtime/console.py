"""What a person sees: progress and errors on standard error, results on standard output."""

from __future__ import annotations

import builtins
import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from runtime.errors import StudioError, ToolFailed
from runtime.values import number

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class OutputLost(Exception):
    """Standard output is closed, or its disk is full; the reason is the message."""


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    if sys.stdout is None:
        raise OutputLost("it is closed")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputLost(error.strerror or str(error)) from None


def show(text: str) -> None:
    """A line of a result, as it is."""
    with _writing():
        out.print(text, markup=False)


def show_line(text: str) -> None:
    """A line for programs, as it is, at once."""
    with _writing():
        sys.stdout.write(text + "\n")


def show_json(value: Any) -> None:
    """One JSON document; nothing else goes to standard output."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    with _writing():
        sys.stdout.write(text + "\n")


def show_error(error: StudioError, verbose: bool) -> None:
    """What happened, and what to do."""
    message = error.message
    if isinstance(error, ToolFailed) and hasattr(builtins, error.error_type):
        # KeyError('x') says just 'x': without its type nobody knows what that means.
        message = f"{error.error_type}: {message}"
    err.print(f"[bold red]Error:[/] {escape(message)}")
    if error.hint:
        err.print(f"  [dim]{escape(error.hint)}[/]")
    if verbose and isinstance(error, ToolFailed) and error.traceback:
        err.print(error.traceback, markup=False)


class Notices:
    """What the host noticed: what loses something always, the rest with --verbose."""

    def __init__(self, verbose: bool) -> None:
        self._verbose = verbose
        self._stray = 0

    def __call__(self, kind: str, text: str) -> None:
        if kind == "install":
            err.print(f"[dim]{escape(text)}[/]")
        elif kind == "warning":
            err.print(f"[yellow]{escape(text)}[/]")
        elif kind == "stray":
            self._stray += 1
            if self._stray <= 3 or self._verbose:
                # print(…, end="") glues its text to the message that follows.
                lost = " Dify loses the message in it." if '{"event"' in text else ""
                err.print(
                    "[yellow]The plugin wrote a line that is no message[/] "
                    f"(print() in a tool?).{lost} It begins: {escape(text[:120])}"
                )
        elif kind == "reverse" or self._verbose:
            err.print(f"[dim]plugin {kind}: {escape(text)}[/]")


class StepView:
    """Progress of one or several nodes: live bars in a terminal, lines elsewhere."""

    def __init__(self) -> None:
        self._live = err.is_terminal
        self._progress = Progress(
            TextColumn("{task.fields[mark]} [bold]{task.fields[name]}[/]"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=err,
            disable=not self._live,
        )
        self._tasks: dict[str, TaskID] = {}
        self._said: dict[str, str] = {}
        self._done: set[str] = set()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal to somebody else for a while."""
        self._progress.stop()
        try:
            yield
        finally:
            # What is done stands there already; it would be drawn again.
            for name in self._done & self._tasks.keys():
                self._progress.remove_task(self._tasks.pop(name))
            self._done.clear()
            self._progress.start()

    def log(self, name: str, content: dict[str, Any]) -> None:
        """A log message of the node called `name`."""
        data = content.get("data") or {}
        percent = number(data.get("percent"))
        label = str(content.get("label") or "")
        self._update(name, "•", label, percent)
        finished = content.get("status") == "success"
        if not self._live and not finished and self._said.get(name) != label:
            self._said[name] = label
            amount = f"{percent:3.0f} % " if percent is not None else ""
            err.print(f"  {amount}{name}: {label}", markup=False)

    def started(self, name: str) -> None:
        """The node begins, for the first time or again."""
        self._done.discard(name)
        self._update(name, "•", "", 0.0)

    def finished(self, name: str, ok: bool, note: str = "") -> None:
        """The node is done."""
        self._done.add(name)
        self._update(name, "[green]✓[/]" if ok else "[red]✗[/]", note, 100.0 if ok else None)
        if not self._live:
            err.print(f"  {'done ' if ok else 'FAILED '}{name} {note}".rstrip(), markup=False)

    def _update(self, name: str, mark: str, note: str, percent: float | None) -> None:
        task = self._tasks.get(name)
        if task is None:
            task = self._progress.add_task("", total=100.0, name=escape(name), mark=mark)
            self._tasks[name] = task
        self._progress.update(task, completed=percent, mark=mark, description=escape(note[:60]))
