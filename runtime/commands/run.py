"""`studio run`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from runtime import console
from runtime.commands.common import (
    DebugOption,
    EnvOption,
    Failed,
    JsonOption,
    NoLedgerOption,
    OutOption,
    PluginsOption,
    Values,
    VerboseOption,
    app,
    open_hosts,
    open_ledger,
    reporting,
)
from runtime.outcome import show_run


def _explain(faults: list[str] | None) -> list[str] | None:
    if "list" in (faults or []):
        from runtime.host.faults import listing

        console.show(listing())
        raise typer.Exit
    return faults


@app.command()
def run(
    tool: Annotated[str, typer.Argument(help="Name of the node; see `studio tools`.")],
    values: Values = None,
    plugin: PluginsOption = None,
    env: EnvOption = None,
    as_json: JsonOption = False,
    out: OutOption = Path("out"),
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=0.1, help="Longest call in seconds, at most 600."),
    ] = None,
    debug: DebugOption = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            help="Misbehave as a daemon can; `--fault list` explains how.",
            callback=_explain,
            is_eager=True,  # before TOOL is missed
        ),
    ] = None,
    no_ledger: NoLedgerOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run one node through the protocol of Dify's plugin daemon.

    Examples:

    `studio run cluster_keywords keywords='tea pot, tea cup, red shoes'`

    `studio run cluster_keywords keywords=@workflows/demo/keywords.txt --out out`

    `studio run capture_screenshot url=https://example.com width=801 height=333 --json`

    `studio run upscale_image image=@picture.png` or `image=@https://example.com/picture.png`
    """
    with reporting(as_json, verbose):
        from runtime import node
        from runtime.host import Faults

        given = node.pairs(values or [])
        faults = Faults.parse(fault or [])
        hosts = open_hosts(plugin, env, verbose, debug=debug, faults=faults)
        host = next((one for one in hosts if one.declaration.find(tool)), hosts[0])
        with contextlib.ExitStack() as stack:
            ledger = stack.enter_context(open_ledger(hosts, env, verbose, no_ledger))
            for one in hosts:
                stack.enter_context(one)
            view = stack.enter_context(console.StepView())
            done = node.run(
                host,
                tool,
                given,
                out,
                timeout=timeout,
                on_log=lambda content: view.log(tool, content),
                ledger=ledger,
            )
        if as_json:
            console.show_json(done.document())
        else:
            show_run(done)
        if done.error is not None:
            console.show_error(done.error, verbose)
            raise Failed
