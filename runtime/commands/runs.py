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
        # Also for --help: the options are those of `show`, whose help names the others.
        if not args or args[0] not in self.commands:
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

    `studio runs feedback --help`: what you think of a variant of an ad
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
            chosen = failed or bool(since or tool)
            text = listing.run_text(found) if id else listing.runs_text(found, chosen=chosen)
            console.show(text)


@runs_app.command("feedback")
def feedback(
    id: Annotated[
        str | None, typer.Argument(metavar="ID", help="The run; the first digits do.")
    ] = None,
    variant: Annotated[
        str | None, typer.Argument(metavar="VARIANT", help="Id of the variant, as meta_feed-2.")
    ] = None,
    approve: Annotated[bool, typer.Option("--approve", help="More like this.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Nothing like this.")] = False,
    rate: Annotated[
        int | None, typer.Option("--rate", min=1, max=5, help="1 (bad) to 5 (good).")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="Why, in a sentence.")] = "",
    brand: Annotated[
        str,
        typer.Option(
            "--brand", help="With ID: whose ad it is, if not the run's. Alone: list what is known."
        ),
    ] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="The newest N of a brand.")] = 20,
    env: EnvOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """What you think of a variant of an ad; the next one for the brand learns from it on request.

    Examples:

    `studio runs feedback 3f2a meta_feed-2 --approve --rate 5 --note 'the price up front'`

    `studio runs feedback --brand Acme`

    `studio runs feedback --brand Acme --json > acme.json`, then
    `studio run ad_variants brand=Acme brief='…' feedback=@acme.json`
    """
    with reporting(as_json, verbose):
        from runtime.ledger import history, listing
        from runtime.ledger.opinions import Opinion
        from runtime.settings import Settings

        settings = Settings(env)
        settings.export()
        with history.history(settings) as past:
            if id is None:
                found = past.opinions.of_brand(brand, limit)
            else:
                opinion = Opinion.checked(variant, approve, reject, rate, note, brand)
                found = [past.opinions.store(past.run(id), opinion)]
        if as_json:
            console.show_json(found)
        else:
            console.show("\n".join(map(listing.opinion_text, found)) or "No feedback yet.")
