"""`studio demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from runtime.commands.common import EnvOption, VerboseOption, app, open_host, reporting
from runtime.paths import PROJECT


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the result.")] = Path("out/demo"),
    env: EnvOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Take a screenshot, group keywords and make ads, of a page and a list that ship with us.

    Example: `studio demo --out out/my-demo`
    """
    with reporting(False, verbose):
        from runtime import demo as demonstration

        demonstration.run(out, lambda credentials: _demo_host(credentials, env, verbose))


def _demo_host(credentials: dict[str, str], env: Path | None, verbose: bool) -> Any:
    host = open_host(PROJECT, env, verbose)
    host.credentials.update(credentials)
    return host
