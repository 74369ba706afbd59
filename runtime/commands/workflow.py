"""`studio workflow …`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runtime import console
from runtime.commands.common import (
    EnvOption,
    Failed,
    JsonOption,
    NoLedgerOption,
    OutOption,
    PluginsOption,
    Values,
    VerboseOption,
    open_hosts,
    open_ledger,
    reporting,
    workflow_app,
)
from runtime.errors import StudioError, UsageError
from runtime.outcome import show_workflow

if TYPE_CHECKING:
    from runtime.workflow.conversation import Conversation
    from runtime.workflow_command import Extras, WorkflowRun

FileArgument = Annotated[Path, typer.Argument(help="A workflow exported from Dify (.yml).")]
TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", min=0.1, help="Longest run in seconds.", show_default="1200"),
]
EnvVarOption = Annotated[
    list[str] | None,
    typer.Option(
        "--env-var",
        help="NAME=value of an environment variable of the workflow; repeat it. "
        "A line STUDIO_ENV_NAME=value in .env does the same.",
    ),
]
KnowledgeOption = Annotated[
    Path | None,
    typer.Option(
        "--knowledge",
        help="Folder of .md and .txt files that knowledge-retrieval nodes search. "
        "Default: STUDIO_KNOWLEDGE_DIR.",
    ),
]
ConversationOption = Annotated[
    str | None,
    typer.Option(
        "--conversation",
        help="Name of a conversation with a chatflow: its variables and what was said are kept.",
    ),
]


class _Session:
    """What `run` and `chat` share: hosts, ledger, view and what a run is given."""

    def __init__(
        self,
        file: Path,
        plugin: list[Path] | None,
        env: Path | None,
        env_var: list[str] | None,
        knowledge: Path | None,
        verbose: bool,
    ) -> None:
        from runtime import workflow_command
        from runtime.settings import Settings

        self.file = file
        self.settings = Settings(env)
        self.environment = workflow_command.environment(file, self.settings, env_var or [])
        self.knowledge = knowledge
        self.hosts = open_hosts(plugin, env, verbose)
        self._env = env
        self._verbose = verbose

    @contextlib.contextmanager
    def open(self, no_ledger: bool) -> Iterator[tuple[Any, console.StepView]]:
        """The ledger and a view, for as long as it lasts."""
        with contextlib.ExitStack() as stack:
            for host in self.hosts:
                stack.enter_context(host)
            ledger = stack.enter_context(
                open_ledger(self.hosts, self._env, self._verbose, no_ledger)
            )
            yield ledger, stack.enter_context(console.StepView())

    def extras(self, view: console.StepView, *, may_ask: bool) -> Extras:
        """What a run is given."""
        from runtime.commands.asking import Terminal, at_terminal
        from runtime.workflow.means import Means
        from runtime.workflow_command import Extras

        ask = Terminal(view).ask if may_ask and at_terminal() else None
        means = Means.of(self.settings, self.hosts[0].answers, ask=ask, knowledge=self.knowledge)
        return Extras(environment=self.environment, means=means)

    def conversation(self, id: str | None) -> Conversation | None:
        """The conversation `id` with this chatflow, or None."""
        if id is None:
            return None
        from runtime.workflow import conversation
        from runtime.workflow.dsl import CHATFLOW, read

        workflow = read(self.file)
        if workflow.mode != CHATFLOW:
            raise UsageError(
                f"{self.file.name} is no chatflow; it has no conversations.",
                "Leave --conversation out.",
            )
        return conversation.load(_conversations(), id, workflow.name)


def _conversations() -> Path:
    from runtime.paths import data

    return data() / "conversations"


@workflow_app.command("run")
def workflow_run(
    file: FileArgument,
    values: Values = None,
    plugin: PluginsOption = None,
    env: EnvOption = None,
    as_json: JsonOption = False,
    as_events: Annotated[
        bool,
        typer.Option("--events", help="Everything that happens as JSON lines, while it happens."),
    ] = False,
    query: Annotated[str | None, typer.Option("--query", help="Message to a chatflow.")] = None,
    conversation: ConversationOption = None,
    env_var: EnvVarOption = None,
    knowledge: KnowledgeOption = None,
    out: OutOption = Path("out"),
    timeout: TimeoutOption = None,
    no_ledger: NoLedgerOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run a Dify workflow file on Dify's own engine.

    Example: `studio workflow run workflows/page_and_keywords.yml url=https://example.com
    keywords=@workflows/demo/keywords.txt`
    """
    with reporting(as_json and not as_events, verbose):
        from runtime import node, workflow_command
        from runtime.workflow import conversation as talks
        from runtime.workflow_events import Events

        if as_json and as_events:
            raise UsageError("--json and --events exclude each other.", "Leave one of them out.")
        given = node.pairs(values or [])
        if query is not None:
            given["query"] = f"@{query}" if query.startswith("@") else query
        session = _Session(file, plugin, env, env_var, knowledge, verbose)
        talk = session.conversation(conversation)
        events = Events(console.show_line, _secrets(session)) if as_events else None
        with _telling(events), session.open(no_ledger) as (ledger, view):
            extras = session.extras(view, may_ask=not (as_json or as_events))
            extras = replace(extras, conversation=talk, events=events)
            with workflow_command.stoppable(_means(extras), session.hosts):
                outcome = workflow_command.run(
                    file, given, session.hosts, out, view, timeout, ledger, extras
                )
            if talk is not None and outcome.error is None:
                talks.save(_conversations(), talk)
            if events is not None:
                events.finished(outcome.document())
        _show(outcome, as_json, as_events)
        if _means(extras).stop.is_set():
            raise KeyboardInterrupt
        if outcome.error is not None:
            console.show_error(outcome.error, verbose)
            raise Failed


@workflow_app.command("chat")
def workflow_chat(
    file: FileArgument,
    values: Values = None,
    plugin: PluginsOption = None,
    env: EnvOption = None,
    conversation: ConversationOption = None,
    env_var: EnvVarOption = None,
    knowledge: KnowledgeOption = None,
    out: OutOption = Path("out"),
    timeout: TimeoutOption = None,
    no_ledger: NoLedgerOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Talk with a chatflow: a line is a message, an empty line or Ctrl-D ends it.

    Conversation variables and what was said live as long as the talk, or longer with
    --conversation.
    """
    with reporting(False, verbose):
        from runtime import node, workflow_command
        from runtime.workflow import conversation as talks
        from runtime.workflow.conversation import Conversation
        from runtime.workflow.dsl import CHATFLOW, read

        workflow = read(file)
        if workflow.mode != CHATFLOW:
            raise UsageError(f"{file.name} is no chatflow.", "Use `studio workflow run`.")
        given = node.pairs(values or [])
        session = _Session(file, plugin, env, env_var, knowledge, verbose)
        talk = session.conversation(conversation) or Conversation("terminal", workflow.name)
        with session.open(no_ledger) as (ledger, view):
            extras = replace(session.extras(view, may_ask=True), conversation=talk)
            while message := _message(view):
                said = {**given, "query": f"@{message}" if message[0] == "@" else message}
                with workflow_command.stoppable(_means(extras), session.hosts):
                    outcome = workflow_command.run(
                        file, said, session.hosts, out, view, timeout, ledger, extras
                    )
                if _means(extras).stop.is_set():
                    raise KeyboardInterrupt
                with view.paused():
                    if outcome.error is not None:
                        console.show_error(outcome.error, verbose)
                        continue
                    console.show(str(outcome.shown["outputs"].get("answer", "")))
                if conversation is not None:
                    talks.save(_conversations(), talk)


@workflow_app.command("check")
def workflow_check(
    files: Annotated[list[Path], typer.Argument(help="Workflows exported from Dify (.yml).")],
    plugin: PluginsOption = None,
    env: EnvOption = None,
    as_json: JsonOption = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Put right, in the file, what has one right answer.")
    ] = False,
    knowledge: KnowledgeOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Find what is wrong with workflow files, without running them.

    Ends with 1 if a file has an error; what only this machine lacks is a warning.

    With --fix, what has exactly one right answer is put right: missing quotation marks, misspelt
    names, null settings, constants that Dify loses. The rest of the file stays as it is.
    """
    with reporting(as_json, verbose):
        from runtime.settings import Settings
        from runtime.workflow.lint import lint
        from runtime.workflow.means import Means
        from runtime.workflow.repair import repair

        with contextlib.ExitStack() as stack:
            hosts = [stack.enter_context(host) for host in open_hosts(plugin, env, verbose)]
            settings = Settings(env)
            means = Means.of(settings, hosts[0].answers, knowledge=knowledge, ask=_nobody)
            checked = [(repair if fix else lint)(file, hosts, means) for file in files]
        if as_json:
            console.show_json([one.document() for one in checked])
        else:
            _show_checked(checked)
        if not all(one.ok for one in checked):
            raise Failed


def _nobody(_form: Any) -> None:
    """Nobody is asked while a file is checked."""


def _show_checked(checked: list[Any]) -> None:
    for one in checked:
        console.show(f"{'ok     ' if one.ok else 'ERRORS '}{one.file}")
        for finding in one.findings:
            word = "fixed" if finding.fixed else finding.severity
            console.show(f"  {word}: {finding.message} [{finding.rule}]")
            if finding.hint and not finding.fixed:
                console.show(f"    {finding.hint}")


def _message(view: console.StepView) -> str:
    """What the person says next; the bars would be drawn over it."""
    with view.paused():
        console.err.print("[bold]> [/]", end="")
        try:
            return input().strip()
        except EOFError:
            console.err.print()  # what comes next does not belong behind the prompt
            return ""


def _means(extras: Extras) -> Any:
    return extras.means


def _secrets(session: _Session) -> list[str]:
    from runtime.workflow.dsl import read

    return [
        str(session.environment.get(variable["name"]) or variable.get("value") or "")
        for variable in read(session.file).environment
        if variable.get("value_type") == "secret"
    ]


@contextlib.contextmanager
def _telling(events: Any) -> Iterator[None]:
    """The last line of --events comes also where nothing could run."""
    try:
        yield
    except StudioError as error:
        if events is not None:
            from runtime.output import described

            events.failed({"ok": False, "error": described(error)})
        raise


def _show(done: WorkflowRun, as_json: bool, as_events: bool) -> None:
    if as_json:
        console.show_json(done.document())
    elif not as_events:
        show_workflow(done)
