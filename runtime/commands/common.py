"""What the commands of `studio` share: options, reporting, a host for a plugin."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from runtime import console
from runtime.errors import StudioError
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
DebugOption = Annotated[
    str | None,
    typer.Option(
        "--debug", help="HOST:PORT of a `studio debug-server`: the plugin connected there."
    ),
]
PluginsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        help="Folder or .difypkg; repeat it for several plugins that may call each other.",
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
NoLedgerOption = Annotated[
    bool, typer.Option("--no-ledger", help="Do not keep this run; see `studio runs`.")
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Also the plugin's own log and tracebacks.")
]
Values = Annotated[
    list[str] | None,
    typer.Argument(
        help="name=value; name=@file reads the value from a file, name=@@x is the text @x. A file "
        "may be at an address (name=@https://…), several are name=@a,@b. A model is "
        "provider/model, or just its name."
    ),
]


class Failed(Exception):
    """Ends a command whose outcome has been shown."""


@contextlib.contextmanager
def reporting(as_json: bool, verbose: bool) -> Iterator[None]:
    """Turn every failure into one clear message and an exit code."""
    try:
        yield
    except Failed:
        raise typer.Exit(1) from None
    except StudioError as error:
        show_failure(error, as_json, verbose)
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
        show_failure(unexpected, as_json, verbose)
        raise typer.Exit(1) from None


def _drop_output() -> None:
    """Let Python's own flush at the end not fail as well."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_failure(error: StudioError, as_json: bool, verbose: bool) -> None:
    if as_json:
        from runtime.output import described

        console.show_json({"ok": False, "error": described(error)})
    console.show_error(error, verbose)


def open_ledger(hosts: Sequence[Any], env: Path | None, verbose: bool, off: bool) -> Any:
    """The ledger for runs of these hosts' plugins; a context manager."""
    from runtime.ledger import Ledger
    from runtime.settings import Settings

    return Ledger.open(
        Settings(env),
        plugins=[host.declaration for host in hosts],
        on_notice=console.Notices(verbose),
        off=off,
    )


def open_host(
    plugin: Path,
    env: Path | None,
    verbose: bool,
    beside: list[Any] | None = None,
    *,
    debug: str | None = None,
    faults: Any = None,
) -> Any:
    """A host for a plugin, with answers for what it asks back.

    Args:
        plugin: its folder or package.
        env: a file of settings.
        verbose: whether to show all notices.
        beside: hosts whose tools it may call; it is added to them.
        debug: address of a debug server, whose plugin is taken instead of `plugin`.
        faults: how the host misbehaves (runtime.host.Faults).
    """
    from runtime import declaration
    from runtime.answers.everything import all_answers
    from runtime.host import open_link, open_plugin, plugin_folder
    from runtime.settings import Settings

    settings = Settings(env)
    settings.export()
    hosts, notices = [] if beside is None else beside, console.Notices(verbose)
    answers = all_answers(settings, hosts, notices)
    if debug is not None:
        link = debugged(debug, env)
        credentials = settings.credentials(link.plugin)
        host = open_link(link, credentials, answers=answers, on_notice=notices, faults=faults)
    else:
        folder = plugin_folder(plugin)
        credentials = settings.credentials(declaration.from_folder(folder))
        host = open_plugin(
            folder, credentials=credentials, answers=answers, on_notice=notices, faults=faults
        )
    hosts.append(host)
    return host


def open_hosts(
    plugins: Sequence[Path] | None,
    env: Path | None,
    verbose: bool,
    *,
    debug: str | None = None,
    faults: Any = None,
) -> list[Any]:
    """Hosts for plugins that may call each other's tools; see `open_host`.

    Args:
        plugins: their folders or packages; default: Creative Studio, if nothing is debugged.
        env: a file of settings.
        verbose: whether to show all notices.
        debug: address of a debug server, whose plugin is the first host.
        faults: how the hosts misbehave.
    """
    hosts: list[Any] = []
    if debug is not None:
        open_host(PROJECT, env, verbose, hosts, debug=debug, faults=faults)
    for plugin in plugins or ([] if hosts else [PROJECT]):
        open_host(plugin, env, verbose, hosts, faults=faults)
    return hosts


def debugged(address: str, env: Path | None) -> Any:
    """The link to the plugin that is connected to a debug server; closed by its host."""
    from runtime.host.remote import Address, connect, known_key

    place = Address.parse(address)
    return connect(place, known_key(place, env))
