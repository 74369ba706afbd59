"""`studio stats`."""

from __future__ import annotations

from runtime import console
from runtime.commands.common import EnvOption, JsonOption, VerboseOption, app, reporting
from runtime.commands.runs import SinceOption, ToolOption


@app.command()
def stats(
    since: SinceOption = None,
    tool: ToolOption = "",
    env: EnvOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """What runs come to: success rate, durations, tokens and cost per tool and model.

    The success rate and the durations count runs that succeeded or failed by themselves, not
    those that were stopped or cut off.

    Example: `studio stats --since 1w`
    """
    with reporting(as_json, verbose):
        from runtime.ledger import history, listing
        from runtime.settings import Settings

        settings = Settings(env)
        settings.export()
        wanted = history.Wanted(since=history.moment(since) if since else None, name=tool)
        with history.history(settings) as past:
            found = past.stats(wanted)
        if as_json:
            console.show_json(found)
        else:
            console.show(listing.stats_text(found, chosen=bool(since or tool)))
