"""The command line: `studio …`. Each command reads its options and calls one function."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from runtime import console
from runtime.errors import StudioError, UsageError
from runtime.paths import PROJECT

app = typer.Typer(
    name="studio",
    help="Run Dify plugins and workflows on your own machine, without Dify.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
workflow_app = typer.Typer(help="Dify workflow files on Dify's own engine.", no_args_is_help=True)
package_app = typer.Typer(help="Packages that Dify installs (.difypkg).", no_args_is_help=True)
app.add_typer(workflow_app, name="workflow")
app.add_typer(package_app, name="package")

# Options that several commands share, each defined once.
PluginOption = Annotated[
    Path,
    typer.Option(
        "--plugin",
        help="Folder of a Dify tool plugin, or a .difypkg.",
        show_default="Creative Studio",
    ),
]
EnvOption = Annotated[
    Path | None, typer.Option("--env", help="File of STUDIO_… settings. Default: .env, if any.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder for the files that come out.")]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Also the plugin's own log and tracebacks.")
]
Values = Annotated[
    list[str] | None,
    typer.Argument(
        help="name=value; name=@file reads the value from a file, name=@@x is the text @x."
    ),
]


class _Failed(Exception):
    """Ends a command whose outcome has been shown."""


@contextlib.contextmanager
def _reporting(as_json: bool, verbose: bool) -> Iterator[None]:
    """Turn every failure into one clear message and an exit code."""
    try:
        yield
    except _Failed:
        raise typer.Exit(1) from None
    except StudioError as error:
        _show_failure(error, as_json, verbose)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        console.err.print("Stopped.")
        raise typer.Exit(130) from None
    except BrokenPipeError:
        _drop_output()  # the reader of our output (head, less) has gone; not worth a message
        raise typer.Exit(1) from None
    except console.OutputLost as error:
        _drop_output()
        lost = StudioError(f"Standard output cannot be written: {error}.", "Send it elsewhere.")
        console.show_error(lost, verbose)
        raise typer.Exit(1) from None
    except Exception as error:
        if verbose:
            raise
        unexpected = StudioError(
            f"Unexpected {type(error).__name__}: {error}",
            "This is a fault of studio; --verbose shows where it happened.",
        )
        _show_failure(unexpected, as_json, verbose)
        raise typer.Exit(1) from None


def _drop_output() -> None:
    """Let Python's own flush at the end not fail as well."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_failure(error: StudioError, as_json: bool, verbose: bool) -> None:
    if as_json:
        from runtime.output import described

        console.show_json({"ok": False, "error": described(error)})
    console.show_error(error, verbose)


def _host(plugin: Path, env: Path | None, verbose: bool) -> Any:
    from runtime import declaration
    from runtime.answers.models import model_answers
    from runtime.answers.reverse import Answers
    from runtime.host import open_plugin, plugin_folder
    from runtime.settings import Settings

    settings = Settings(env)
    settings.export()
    folder = plugin_folder(plugin)
    return open_plugin(
        folder,
        credentials=settings.credentials(declaration.from_folder(folder)),
        answers=Answers(model_answers(settings)),
        on_notice=console.Notices(verbose),
    )


@app.command()
def tools(
    plugin: PluginOption = PROJECT, as_json: JsonOption = False, verbose: VerboseOption = False
) -> None:
    """List the nodes of a plugin with their parameters and outputs.

    Example: `studio tools --json`
    """
    with _reporting(as_json, verbose):
        from runtime import declaration, listing
        from runtime.host import plugin_folder

        declared = declaration.from_folder(plugin_folder(plugin))
        if as_json:
            console.show_json(listing.document(declared))
        else:
            console.show(listing.text(declared))


@app.command()
def run(
    tool: Annotated[str, typer.Argument(help="Name of the node; see `studio tools`.")],
    values: Values = None,
    plugin: PluginOption = PROJECT,
    env: EnvOption = None,
    as_json: JsonOption = False,
    out: OutOption = Path("out"),
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=0.1, help="Longest call in seconds, at most 600."),
    ] = None,
    verbose: VerboseOption = False,
) -> None:
    """Run one node through the protocol of Dify's plugin daemon.

    Examples:

    `studio run cluster_keywords keywords='tea pot, tea cup, red shoes'`

    `studio run cluster_keywords keywords=@workflows/demo/keywords.txt --out out`

    `studio run capture_screenshot url=https://example.com width=801 height=333 --json`
    """
    with _reporting(as_json, verbose):
        from runtime import node

        given = node.pairs(values or [])
        host = _host(plugin, env, verbose)
        with host, console.StepView() as view:
            done = node.run(
                host,
                tool,
                given,
                out,
                timeout=timeout,
                on_log=lambda content: view.log(tool, content),
            )
        if as_json:
            console.show_json(done.document())
        else:
            console.show_run(done)
        if done.error is not None:
            console.show_error(done.error, verbose)
            raise _Failed


@workflow_app.command("run")
def workflow_run(
    file: Annotated[Path, typer.Argument(help="A workflow exported from Dify (.yml).")],
    values: Values = None,
    plugin: Annotated[
        list[Path] | None,
        typer.Option(
            "--plugin",
            help="Folder or .difypkg; repeat it for several plugins.",
            show_default="Creative Studio",
        ),
    ] = None,
    env: EnvOption = None,
    as_json: JsonOption = False,
    out: OutOption = Path("out"),
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=0.1, help="Longest run in seconds.", show_default="1200"),
    ] = None,
    verbose: VerboseOption = False,
) -> None:
    """Run a Dify workflow file on Dify's own engine.

    Example: `studio workflow run workflows/page_and_keywords.yml url=https://example.com
    keywords=@workflows/demo/keywords.txt`
    """
    with _reporting(as_json, verbose):
        from runtime import node, workflow_command

        given = node.pairs(values or [])
        with contextlib.ExitStack() as stack:
            hosts = [_host(path, env, verbose) for path in plugin or [PROJECT]]
            for host in hosts:
                stack.enter_context(host)
            view = stack.enter_context(console.StepView())
            outcome = workflow_command.run(file, given, hosts, out, view, timeout)
        if as_json:
            console.show_json(outcome.document())
        else:
            console.show_workflow(outcome)
        if outcome.error is not None:
            console.show_error(outcome.error, verbose)
            raise _Failed


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
    with _reporting(as_json, verbose):
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
    with _reporting(as_json, verbose):
        from runtime import listing, package

        report = package.verify(file)
        if as_json:
            console.show_json(listing.report(report))
        else:
            console.show(listing.report_text(report))
        if not report.accepted_by_dify:
            raise _Failed


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the result.")] = Path("out/demo"),
    env: EnvOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Run a workflow with two of our nodes on a page and a keyword list that ship with us.

    Example: `studio demo --out out/my-demo`
    """
    with _reporting(False, verbose):
        from runtime import demo as demonstration

        demonstration.run(out, lambda credentials: _demo_host(credentials, env, verbose))


def _demo_host(credentials: dict[str, str], env: Path | None, verbose: bool) -> Any:
    host = _host(PROJECT, env, verbose)
    host.credentials.update(credentials)
    return host


@app.command()
def doctor(
    plugin: PluginOption = PROJECT,
    env: EnvOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Check which programs are there and which credentials work.

    Example: `studio doctor`
    """
    with _reporting(as_json, verbose):
        from runtime import doctor as examination

        host = _host(plugin, env, verbose)
        with host:
            checks = examination.examine(host)
        if as_json:
            console.show_json({"ok": examination.well(checks), "checks": examination.rows(checks)})
        else:
            console.show(examination.text(checks))
        if not examination.well(checks):
            raise _Failed


def main() -> NoReturn:
    """The entry point of the `studio` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that is not UTF-8 gets "?" for "✓"
            stream.reconfigure(errors="replace")
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP, and so do we then
            signal.signal(number, _end)
    as_json = "--json" in sys.argv
    try:
        raise SystemExit(app(standalone_mode=not as_json))
    except typer.TyperException as error:
        # With --json even a wrong option is a document; otherwise Typer has shown it.
        _show_failure(UsageError(error.format_message(), "See --help."), True, False)
        raise SystemExit(UsageError.exit_code) from None
    except typer.Abort:
        raise SystemExit(130) from None
    finally:
        # What is left is tidying up; who presses Ctrl-C again wants out, not a traceback.
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))


def _end(number: int, _frame: object) -> NoReturn:
    """Unwind as Ctrl-C does, so that plugins are stopped and half-written files removed."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)
