"""`studio package …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runtime import console
from runtime.commands.common import Failed, JsonOption, VerboseOption, package_app, reporting
from runtime.paths import PROJECT


@package_app.command("build")
def package_build(
    folder: Annotated[
        Path, typer.Argument(help="The plugin's folder.", show_default="Creative Studio")
    ] = PROJECT,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="The package to write.", show_default="dist/NAME-VERSION.difypkg"
        ),
    ] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Check a plugin by Dify's rules and pack it.

    Example: `studio package build --out my.difypkg`
    """
    with reporting(as_json, verbose):
        from runtime import listing, package

        try:
            built = package.build(folder, out)
        except package.PackageRefused as error:
            if not as_json:
                console.err.print("\n".join(listing.finding_lines(error.findings)), markup=False)
            raise
        if as_json:
            console.show_json(listing.built(built))
        else:
            console.show(listing.built_text(built))


@package_app.command("verify")
def package_verify(
    file: Annotated[Path, typer.Argument(help="A .difypkg, or a plugin's folder.")],
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Check any package as Dify's CLI, daemon, SDK and marketplace would.

    Example: `studio package verify dist/creative_studio-0.1.0.difypkg`
    """
    with reporting(as_json, verbose):
        from runtime import listing, package

        report = package.verify(file)
        if as_json:
            console.show_json(listing.report(report))
        else:
            console.show(listing.report_text(report))
        if not report.accepted_by_dify:
            raise Failed
