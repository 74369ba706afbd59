"""`studio tools`."""

from __future__ import annotations

from runtime import console
from runtime.commands.common import (
    DebugOption,
    EnvOption,
    JsonOption,
    PluginOption,
    VerboseOption,
    app,
    debugged,
    reporting,
)
from runtime.paths import PROJECT


@app.command()
def tools(
    plugin: PluginOption = PROJECT,
    env: EnvOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = None,
    verbose: VerboseOption = False,
) -> None:
    """List the nodes of a plugin with their parameters and outputs.

    Example: `studio tools --json`
    """
    with reporting(as_json, verbose):
        from runtime import declaration, listing
        from runtime.host import plugin_folder

        if debug is not None:
            link = debugged(debug, env)
            link.stop()
            declared = link.plugin
        else:
            declared = declaration.from_folder(plugin_folder(plugin))
        if as_json:
            console.show_json(listing.document(declared))
        else:
            console.show(listing.text(declared))
