"""`studio doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from runtime import console
from runtime.commands.common import (
    DebugOption,
    EnvOption,
    Failed,
    JsonOption,
    PluginOption,
    VerboseOption,
    app,
    open_host,
    reporting,
)
from runtime.paths import PROJECT


@app.command()
def doctor(
    plugin: PluginOption = PROJECT,
    env: EnvOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = None,
    test_picture: Annotated[
        bool,
        typer.Option(
            "--test-picture",
            help="Let each server draw a picture of 64 x 64. Paid services charge for it.",
        ),
    ] = False,
    verbose: VerboseOption = False,
) -> None:
    """Check which programs are there and which credentials work.

    Example: `studio doctor`
    """
    with reporting(as_json, verbose):
        from runtime import doctor as examination
        from runtime.settings import Settings

        host = open_host(plugin, env, verbose, debug=debug)
        with host:
            found = examination.examine(host, Settings(env), test_picture)
        if as_json:
            console.show_json(found.document())
        else:
            console.show(found.text())
        if not found.well:
            raise Failed
