"""The host: a plugin's process and everything said to it.

`open_plugin` is the front door: a folder or a package in, a `Host` out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runtime import declaration
from runtime.answers.reverse import Answers
from runtime.errors import UsageError
from runtime.host.faults import Faults
from runtime.host.host import Host
from runtime.host.limits import Limits
from runtime.host.remote import RemoteLink
from runtime.paths import cache_room

__all__ = ["Faults", "Host", "Limits", "open_link", "open_plugin", "plugin_folder"]


def open_plugin(
    source: Path,
    *,
    credentials: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    answers: Answers | None = None,
    on_notice: Callable[[str, str], None] | None = None,
    faults: Faults | None = None,
) -> Host:
    """A host for the plugin in a folder or a .difypkg; not started yet.

    Args:
        source: the folder or the package.
        credentials: given to every call.
        limits: what to enforce; default: Dify's.
        answers: who answers reverse calls.
        on_notice: told about stray lines, logs, standard error and installations.
        faults: how to misbehave.

    Raises:
        UsageError: there is no such folder or file.
        PackageInvalid: it is no tool plugin, or an unsafe package.
        PluginStartFailed: its dependencies cannot be installed.
    """
    from runtime.host.environment import python_for

    folder = plugin_folder(source)
    declared = declaration.from_folder(folder)
    say = (lambda text: on_notice("install", text)) if on_notice else None
    python = python_for(folder, declared.id, say)
    return Host(
        declared,
        folder,
        python,
        credentials=credentials,
        limits=limits,
        answers=answers,
        on_notice=on_notice,
        faults=faults,
    )


def open_link(
    link: RemoteLink,
    credentials: Mapping[str, Any],
    *,
    limits: Limits | None = None,
    answers: Answers | None = None,
    on_notice: Callable[[str, str], None] | None = None,
    faults: Faults | None = None,
) -> Host:
    """A host for a plugin that somebody else started; the arguments are those of `open_plugin`.

    Raises:
        UsageError: a fault that only a process of our own can have.
    """
    if faults is not None and faults.kill:
        link.stop()
        raise UsageError(
            "--fault kill ends a plugin's process, and one that debugs remotely is not ours.",
            "Use --fault cut, or kill the process yourself.",
        )
    return Host(
        link.plugin,
        Path(),
        "",
        credentials=credentials,
        limits=limits,
        answers=answers,
        on_notice=on_notice,
        link=link.attach,
        faults=faults,
    )


def plugin_folder(source: Path) -> Path:
    """The plugin's folder; a package is extracted into the cache first.

    Raises:
        UsageError: there is no such folder or file, or the cache folder cannot be written.
        PackageInvalid: the package is broken or unsafe.
    """
    if source.is_dir():
        return source.resolve()
    if not source.is_file():
        raise UsageError(
            f"There is no {source}.", "Give the folder of a Dify plugin, or a .difypkg file."
        )
    import hashlib
    import tempfile

    from runtime.package import extract

    try:
        with source.open("rb") as package:  # whatever it is, it may be larger than memory
            digest = hashlib.file_digest(package, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(
            f"{source} cannot be read: {error.strerror or error}.", "Make it readable."
        ) from None
    folder = cache_room("plugins") / digest[:32]
    if not folder.is_dir():
        # Extracted beside its place and renamed: an interrupted run leaves no half plugin.
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            fresh = Path(scratch) / "plugin"
            extract(source, fresh)
            try:
                fresh.replace(folder)
            except OSError:
                if not folder.is_dir():  # else another studio was faster
                    raise
    return folder
