"""`studio doctor`."""

from __future__ import annotations

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
            checks = examination.examine(host, Settings(env))
        if as_json:
            console.show_json({"ok": examination.well(checks), "checks": examination.rows(checks)})
        else:
            console.show(examination.text(checks))
        if not examination.well(checks):
            raise Failed
