"""`studio runs`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from runtime import console
from runtime.commands.common import EnvOption, JsonOption, VerboseOption, app, reporting

SHOW = "show"


class _Runs(TyperGroup):
    """`studio runs …` is `studio runs show …` unless it names another command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = bool(args) and args[0] in self.commands
        # With one command, its help is the group's.
        if not named and not (args == ["--help"] and len(self.commands) > 1):
            args = [SHOW, *args]
        return super().parse_args(ctx, args)


runs_app = typer.Typer(
    cls=_Runs, no_args_is_help=False, help="The history: what ran, its steps, cost and files."
)
app.add_typer(runs_app, name="runs")

# Options that `studio stats` has as well.
SinceOption = Annotated[
    str | None,
    typer.Option("--since", help="Only runs since: 30m, 2h, 1d, 1w, or a date as 2026-11-20."),
]
ToolOption = Annotated[
    str, typer.Option("--tool", help="Only this tool or workflow; a part of the name is enough.")
]


@runs_app.command(SHOW)
def show(
    id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="One run with all its steps; the first digits do."),
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only runs that failed or were cut off.")
    ] = False,
    since: SinceOption = None,
    tool: ToolOption = "",
    limit: Annotated[int, typer.Option("--limit", min=0, help="The newest N; 0: all.")] = 20,
    env: EnvOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """The history: what ran, when, how it ended, what it cost; with an ID, one run.

    Examples:

    `studio runs --failed --since 1d`

    `studio runs 3f2a`
    """
    with reporting(as_json, verbose):
        from runtime.ledger import history, listing
        from runtime.settings import Settings

        settings = Settings(env)
        settings.export()
        wanted = history.Wanted(failed, history.moment(since) if since else None, tool, limit)
        with history.history(settings) as past:
            found: Any = past.run(id) if id else past.runs(wanted)
        if as_json:
            console.show_json(found if id else {"runs": found})
        else:
            console.show(listing.run_text(found) if id else listing.runs_text(found))
