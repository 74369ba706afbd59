"""A plugin's storage: kept on disk, per plugin, within the size that its manifest asks for.

Words and rules are the daemon's (internal/core/persistence/persistence.go, 0.6.10). One thing is
better here: a value that is too large is refused before it replaces the old one.
"""

from __future__ import annotations

import hashlib
import posixpath
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runtime.answers.reverse import Answer, Caller
from runtime.files import write_whole

PERSISTENCE_STORAGE_MAX_SIZE = 104_857_600
"""The daemon's ceiling for every plugin, in bytes."""
DEFAULT_SIZE = 1_048_576
"""Bytes where the manifest names no size (the SDK's default)."""
MAX_KEY_BYTES = 256
_OPERATIONS = ("get", "set", "del", "exist")


class StorageFailed(Exception):
    """Why the storage does not do it, in the daemon's words."""


class Storage:
    """Keeps values; those of a plugin survive its updates, since its version does not count.

    Args:
        folder: for all plugins.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def answer(self, request: Mapping[str, Any], caller: Caller) -> Iterator[Answer]:
        """set: {"data": "ok"}; get: {"data": hexadecimal}; del: {"data": "ok", "deleted_num"};
        exist: {"data": bool, "exist_num"}.

        Raises:
            StorageFailed: in the daemon's words.
            ValueError: the request cannot be understood.
        """
        operation, key = request.get("opt"), request.get("key")
        if operation not in _OPERATIONS or not isinstance(key, str) or not key:
            raise ValueError(
                "unmarshal backwards invoke request failed: 'opt' must be one of "
                f"{', '.join(_OPERATIONS)}, 'key' is required"
            )
        folder = self._folder / (caller.plugin.author or "_") / caller.plugin.name
        size = caller.plugin.permissions.storage.size
        limit = min(DEFAULT_SIZE if size is None else size, PERSISTENCE_STORAGE_MAX_SIZE)
        said: dict[str, Any]
        with self._lock:  # and not while the answer is on its way
            match operation:
                case "get":
                    said = {"data": _load(folder, key).hex()}
                case "set":
                    _save(folder, key, request.get("value"), limit)
                    said = {"data": "ok"}
                case "del":
                    _delete(folder, key)
                    said = {"data": "ok", "deleted_num": 1}
                case _:
                    found = _exists(folder, key)
                    said = {"data": found, "exist_num": int(found)}
        yield "struct", said


def _place(folder: Path, key: str) -> Path:
    """Where a key's value is: no name of a plugin's choice becomes a path."""
    clean = posixpath.normpath(key)
    if ".." in clean or "//" in clean or "\\" in clean:
        raise StorageFailed("invalid key: path traversal attempt detected")
    return folder / hashlib.sha256(key.encode("utf-8", errors="surrogatepass")).hexdigest()


def _load(folder: Path, key: str) -> bytes:
    try:
        return _place(folder, key).read_bytes()
    except (StorageFailed, OSError):
        raise StorageFailed(
            "load data failed, please check if the key is correct or you have not set it"
        ) from None


def _save(folder: Path, key: str, value: Any, limit: int) -> None:
    try:
        data = bytes.fromhex(value if isinstance(value, str) else "")
    except ValueError as error:
        raise StorageFailed(f"decode data failed: {error}") from None
    try:
        place = _place(folder, key)
        if len(key.encode("utf-8", errors="surrogatepass")) > MAX_KEY_BYTES:
            raise StorageFailed("key length must be less than 256 characters")
        if _used(folder, without=place) + len(data) > limit:
            raise StorageFailed("allocated size is greater than max storage size")
        write_whole(place, data)
    except (StorageFailed, OSError) as error:
        raise StorageFailed(f"save data failed: {error}") from None


def _used(folder: Path, without: Path) -> int:
    """Bytes of a plugin's values but one; a write that was cut off leaves a hidden file."""
    if not folder.is_dir():
        return 0
    return sum(
        file.stat().st_size
        for file in folder.iterdir()
        if file != without and not file.name.startswith(".")
    )


def _delete(folder: Path, key: str) -> None:
    try:
        _place(folder, key).unlink()
    except FileNotFoundError:
        raise StorageFailed(f"delete data failed: stat {key}: no such file or directory") from None
    except (StorageFailed, OSError) as error:
        raise StorageFailed(f"delete data failed: {error}") from None


def _exists(folder: Path, key: str) -> bool:
    try:
        return _place(folder, key).is_file()
    except StorageFailed as error:
        raise StorageFailed(f"exist data failed: {error}") from None
