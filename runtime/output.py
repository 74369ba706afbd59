"""What `studio` leaves behind: files on disk and one JSON document."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runtime.errors import StudioError, ToolFailed, UsageError
from runtime.files import write_whole
from runtime.host.messages import OutputFile, Result
from runtime.usage import of_run

_UNSAFE = re.compile(r"[^\w.()+ -]+")
MAX_NAME_BYTES = 200
"""File systems take 255; a number may be added."""
MAX_SUFFIX_BYTES = 20


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        UsageError: the place cannot be written to.
    """
    with _reported(path):
        write_whole(path, data)


def clear(folder: Path, names: Iterable[str]) -> None:
    """Make `folder`, without these files of an earlier run in it.

    Raises:
        UsageError: the place cannot be written to.
    """
    with _reported(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / name).unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """Look, before a tool costs time and money, whether its files can be written.

    Raises:
        UsageError: `folder` is no folder that can be written, nor can it be made.
    """
    place = folder
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    with _reported(folder):
        if not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{place} is no folder")
        if not os.access(place, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"no permission to write into {place}")


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}.", "Give another --out."
        ) from None


def save(files: Sequence[OutputFile], folder: Path) -> list[dict[str, Any]]:
    """Write files into `folder`, never over one that is there.

    Returns:
        {path, filename, mime_type, size} each.
    """
    saved = []
    for file in files:
        path = _free(folder / safe_name(file.filename))
        write(path, file.data)
        saved.append(
            {
                "path": str(path),
                "filename": path.name,
                "mime_type": file.mime_type,
                "size": len(file.data),
            }
        )
    return saved


def safe_name(name: str) -> str:
    """A file name from whatever a tool called its file: no folders, nothing hidden."""
    base = _UNSAFE.sub("_", Path(name.replace("\\", "/")).name).strip(" .")
    suffix = Path(base).suffix
    if len(suffix.encode()) > MAX_SUFFIX_BYTES:
        suffix = ""
    stem = base.removesuffix(suffix).encode()[: MAX_NAME_BYTES - len(suffix.encode())]
    return (stem.decode(errors="ignore") + suffix) or "file"


def _free(path: Path) -> Path:
    number = 1
    candidate = path
    # Not Path.exists: it raises where it may not look, and `write` says that better.
    while os.path.lexists(candidate):
        number += 1
        candidate = path.with_name(f"{path.stem}_{number}{path.suffix}")
    return candidate


def document(
    result: Result,
    files: Sequence[Mapping[str, Any]],
    error: StudioError | None,
    seconds: float,
    models: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The document of `studio run --json`."""
    return {
        "ok": error is None,
        "text": result.text,
        "json": result.json,
        "variables": result.variables,
        "files": list(files),
        "steps": steps(result),
        "usage": of_run(result, seconds, models),
        "error": described(error),
    }


def steps(result: Result) -> list[dict[str, Any]]:
    """The finished steps that a tool logged: {label, status, …what it said of them}."""
    return [
        {
            **(log.get("data") or {}),
            "label": log.get("label"),
            "status": log.get("status"),
            **({"error": log["error"]} if log.get("error") else {}),
        }
        for log in result.logs
        if log.get("status") != "start"
    ]


def described(error: StudioError | None) -> dict[str, str] | None:
    """An error as {type, message, hint}."""
    if error is None:
        return None
    kind = error.error_type if isinstance(error, ToolFailed) else type(error).__name__
    return {"type": kind, "message": error.message, "hint": error.hint}
