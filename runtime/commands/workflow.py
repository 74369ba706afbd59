"""`studio workflow …`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

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


@workflow_app.command("run")
def workflow_run(
    file: Annotated[Path, typer.Argument(help="A workflow exported from Dify (.yml).")],
    values: Values = None,
    plugin: PluginsOption = None,
    env: EnvOption = None,
    as_json: JsonOption = False,
    out: OutOption = Path("out"),
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=0.1, help="Longest run in seconds.", show_default="1200"),
    ] = None,
    no_ledger: NoLedgerOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run a Dify workflow file on Dify's own engine.

    Example: `studio workflow run workflows/page_and_keywords.yml url=https://example.com
    keywords=@workflows/demo/keywords.txt`
    """
    with reporting(as_json, verbose):
        from runtime import node, workflow_command

        given = node.pairs(values or [])
        with contextlib.ExitStack() as stack:
            hosts = open_hosts(plugin, env, verbose)
            for host in hosts:
                stack.enter_context(host)
            ledger = stack.enter_context(open_ledger(hosts, env, verbose, no_ledger))
            view = stack.enter_context(console.StepView())
            outcome = workflow_command.run(file, given, hosts, out, view, timeout, ledger)
        if as_json:
            console.show_json(outcome.document())
        else:
            console.show_workflow(outcome)
        if outcome.error is not None:
            console.show_error(outcome.error, verbose)
            raise Failed
