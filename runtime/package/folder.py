"""Which files of a folder belong in its package.

As `dify plugin package` has it (decoder/fs.go): .difyignore, or else .gitignore, both at the
top only. The first pattern that matches leaves a file out; `!` brings nothing back; nothing is
left out without a pattern; the ignore file itself is packaged. Patterns mean what they mean to
git; the CLI's reader differs in rare ones ("[!a]", and "**" as a last part or inside a name).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pathspec import PathSpec

from runtime.package.archive import MAX_PACKAGE_BYTES, unsafe_name
from runtime.package.findings import Findings, Source

_IGNORE_FILES = (".difyignore", ".gitignore")
_ENOUGH_BYTES = 4 * MAX_PACKAGE_BYTES


def read_folder(folder: Path, findings: Findings) -> dict[str, bytes]:
    """The files of a plugin's folder that would be packaged, by name with '/'.

    What cannot be packaged goes into `findings`.

    Raises:
        PackageInvalid: the ignore file has a pattern that means nothing.
    """
    files: dict[str, bytes] = {}
    total = 0
    for name, path in _walk(folder, _ignored(folder), findings):
        try:
            total += path.stat().st_size
        except OSError as error:  # it has gone since its folder was read
            _unreadable(findings, name, error)
            continue
        if total > _ENOUGH_BYTES:
            findings.error(
                Source.CLI,
                "unpacked-size",
                name,
                "",
                f"The folder has more than {_ENOUGH_BYTES} bytes to package; allowed are "
                f"{MAX_PACKAGE_BYTES}.",
                "Leave out what is not needed at run time, such as .venv/ and .git/, with "
                ".difyignore.",
            )
            break
        try:
            files[name] = path.read_bytes()
        except OSError as error:
            _unreadable(findings, name, error)
    return files


def _unreadable(findings: Findings, name: str, error: OSError) -> None:
    findings.error(
        Source.CLI,
        "unreadable",
        name,
        "",
        f"{name} cannot be read: {error.strerror}.",
        "Make it readable, or leave it out with .difyignore.",
    )


def _ignored(folder: Path) -> PathSpec:
    text = ""
    for name in _IGNORE_FILES:
        if (folder / name).is_file():
            text = (folder / name).read_text(encoding="utf-8", errors="replace")
            break
    lines = (line.strip() for line in text.split("\n"))
    return PathSpec.from_lines(
        "gitignore", [line for line in lines if line and not line.startswith(("#", "!"))]
    )


def _walk(folder: Path, ignored: PathSpec, findings: Findings) -> Iterator[tuple[str, Path]]:
    waiting = [(folder, "")]
    while waiting:
        parent, prefix = waiting.pop()
        try:
            with os.scandir(parent) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            _unreadable(findings, prefix or ".", error)
            continue
        for entry in found:
            name = prefix + entry.name
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                if not ignored.match_file(f"{name}/"):
                    waiting.append((path, f"{name}/"))
                continue
            if ignored.match_file(name):
                continue
            problem = _unpackable(name, path, folder)
            if problem:
                findings.error(
                    Source.CLI,
                    "unpackable",
                    name.encode(errors="replace").decode(),
                    "",
                    f"{name!r} {problem}.",
                    "Replace it with the file itself, or leave it out with .difyignore.",
                )
            else:
                yield name, path


def _unpackable(name: str, path: Path, folder: Path) -> str:
    """Why a file cannot be packaged, as the end of a sentence, or ''."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "has a name that is not UTF-8"
    if path.is_dir():
        return "is a link to a folder; a package holds files only"
    if path.is_symlink() and not path.exists():
        return "is a link to nothing"
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        return "is a link to a file outside the folder, which should not be published by accident"
    if not path.is_file():
        return "is no regular file"
    return unsafe_name(name)
