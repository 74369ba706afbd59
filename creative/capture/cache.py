"""Screenshots that an earlier call took, on disk, for calls that say how old one may be.

Off unless a request has `cache_seconds`. The name of an entry is a keyed hash (HMAC) of
everything that changes the picture: the request's fields, its secrets among them, so that
nobody gets what another's password opened; the browser or service that takes it; the hosts
that are allowed. Neither names nor files show any of that: addresses, titles and text of a
page are encrypted with a key that only the same request gives. Pictures lie there as they
are, in a folder that only this user of the machine can enter.

Entries are written whole or not at all, checked by a checksum when read, and removed when
they are broken, old, or too many.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import hmac
import json
import math
import os
import secrets
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from creative.capture.request import Picture, Screenshot, ScreenshotRequest
from creative.errors import InvalidInput

VARIABLE = "STUDIO_CACHE_DIR"
MAX_SECONDS = 7 * 24 * 3600.0
"""Longest `cache_seconds`; what is older is removed."""
MAX_BYTES = 256 * 1024 * 1024
"""Of all entries together; the oldest go first."""

_MARK = b"creative-studio screenshot 1\n"
_KEY_FILE = "key"
_ENDING = ".shot"
_DIGEST = 32


class Cache:
    """See the module.

    Args:
        folder: created for this user alone; None: `default_folder()`.
        max_bytes: of all entries together.
    """

    def __init__(self, folder: Path | None = None, max_bytes: int = MAX_BYTES) -> None:
        self._given = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._secret = b""
        self._folder: Path | None = None

    def get(self, request: ScreenshotRequest, where: Mapping[str, Any]) -> Screenshot | None:
        """What was taken within the request's `cache_seconds`, or None.

        Args:
            request: what to photograph.
            where: what else changes the picture: the engine and its version, allowed hosts.

        Raises:
            InvalidInput: `cache_seconds` is negative or over MAX_SECONDS.
        """
        if not _lifetime(request):
            return None
        path, key = self._place(request, where)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        found = _read(data, key)
        if found is None:
            path.unlink(missing_ok=True)
            return None
        made, shot = found
        age = time.time() - made
        # From the future: the clock was set back, and nobody knows how old it is.
        if not 0 <= age <= request.cache_seconds:
            return None
        note = f"Taken {age:.0f} s ago by an earlier call (cache_seconds)."
        return shot.model_copy(update={"cached": True, "notes": (*shot.notes, note)})

    def put(self, request: ScreenshotRequest, where: Mapping[str, Any], shot: Screenshot) -> None:
        """Keep a picture that was just taken, if the request has `cache_seconds`.

        One from which something was kept away, or of which facts are missing, is not worth it:
        the next try may be whole. A disk that is full or read-only keeps nothing; the picture is
        there all the same.
        """
        missing = request.with_facts and shot.page is None and shot.engine == "browser"
        if not _lifetime(request) or shot.cached or shot.blocked_count or missing:
            return
        path, key = self._place(request, where)
        data = _written(shot, key)
        if len(data) > self._max_bytes:
            return
        with self._lock, contextlib.suppress(OSError):
            self._make_room(path.parent, len(data))
            self._write(path, data)

    def clear(self) -> None:
        """Remove all entries."""
        for path in self._home().glob(f"*{_ENDING}"):
            path.unlink(missing_ok=True)

    def _place(self, request: ScreenshotRequest, where: Mapping[str, Any]) -> tuple[Path, bytes]:
        """Where an entry lies, and the key of its text."""
        folder = self._home()
        fields = request.model_dump(mode="json", exclude={"cache_seconds"})
        told = json.dumps([fields, dict(where)], sort_keys=True, default=list).encode()
        name = hmac.new(self._secret, b"name" + told, hashlib.sha256).hexdigest()
        key = hmac.new(self._secret, b"text" + told, hashlib.sha256).digest()
        return folder / f"{name}{_ENDING}", key

    def _home(self) -> Path:
        with self._lock:
            if self._folder is None or not self._folder.is_dir():
                self._folder = _private(self._given or default_folder())
                self._secret = _secret(self._folder / _KEY_FILE)
            return self._folder

    def _make_room(self, folder: Path, size: int) -> None:
        entries = []
        for path in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                about = path.stat()
                if path.name != _KEY_FILE:
                    entries.append((about.st_mtime, about.st_size, path))
        left = self._max_bytes - size - sum(entry[1] for entry in entries)
        oldest = time.time() - MAX_SECONDS
        for when, bytes_, path in sorted(entries, key=lambda entry: entry[0]):
            if left >= 0 and when >= oldest:
                break
            path.unlink(missing_ok=True)
            left += bytes_

    def _write(self, path: Path, data: bytes) -> None:
        number, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(number, "wb") as file:
                file.write(data)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def default_folder() -> Path:
    """`screenshots` in STUDIO_CACHE_DIR, or a folder of this user in the temporary one."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given).expanduser() / "screenshots"
    return Path(tempfile.gettempdir()) / f"creative-studio-screenshots-{os.geteuid()}"


def _lifetime(request: ScreenshotRequest) -> float:
    seconds = request.cache_seconds
    if not (math.isfinite(seconds) and 0 <= seconds <= MAX_SECONDS):
        raise InvalidInput(
            "cache_seconds", seconds, f"0 (off) to {MAX_SECONDS:.0f} seconds (a week)"
        )
    return seconds


def _private(folder: Path) -> Path:
    """The folder, if nobody else can look into it; else a new one for this process alone."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.lstat()
        ours = stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid()
        if ours and not about.st_mode & 0o077:
            return folder
    except OSError:
        pass  # a file in its place, or no right to write there: the new one serves
    made = tempfile.mkdtemp(prefix="creative-studio-cache-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


def _secret(path: Path) -> bytes:
    """The folder's key; made by whoever comes first."""
    with contextlib.suppress(FileExistsError):
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "wb") as file:
            file.write(secrets.token_bytes(_DIGEST))
    found = path.read_bytes()
    if len(found) == _DIGEST:
        return found
    # Half a key (a full disk, or another process is just writing it): one for now.
    return secrets.token_bytes(_DIGEST)


def _written(shot: Screenshot, key: bytes) -> bytes:
    """An entry: mark, checksum, nonce, length of the text, the text encrypted, the pictures."""
    told = shot.model_dump(mode="json", exclude={"pictures"})
    told["pictures"] = [
        {**picture.model_dump(mode="json", exclude={"data"}), "bytes": len(picture.data)}
        for picture in shot.pictures
    ]
    text = json.dumps({"made": time.time(), "shot": told}).encode()
    nonce = secrets.token_bytes(_DIGEST)
    body = b"".join(
        [nonce, len(text).to_bytes(4, "big"), _mixed(text, key, nonce)]
        + [picture.data for picture in shot.pictures]
    )
    return _MARK + hmac.new(key, body, hashlib.sha256).digest() + body


def _read(data: bytes, key: bytes) -> tuple[float, Screenshot] | None:
    """When an entry was made and what it holds; None if it is broken."""
    start = len(_MARK) + _DIGEST
    body = memoryview(data)[start:]
    right = hmac.new(key, body, hashlib.sha256).digest()
    if not data.startswith(_MARK) or not hmac.compare_digest(data[len(_MARK) : start], right):
        return None
    try:
        nonce, size = bytes(body[:_DIGEST]), int.from_bytes(body[_DIGEST : _DIGEST + 4], "big")
        at = _DIGEST + 4 + size
        told = json.loads(_mixed(bytes(body[_DIGEST + 4 : at]), key, nonce))
        pictures = []
        for described in told["shot"]["pictures"]:
            size = described.pop("bytes")
            pictures.append(Picture(data=bytes(body[at : at + size]), **described))
            at += size
        return float(told["made"]), Screenshot(**{**told["shot"], "pictures": tuple(pictures)})
    except (KeyError, TypeError, ValueError, ValidationError):
        return None  # another version of this program wrote it


def _mixed(text: bytes, key: bytes, nonce: bytes) -> bytes:
    """`text` encrypted or decrypted: XOR with SHAKE-256 of the key and a nonce used once."""
    stream = hashlib.shake_256(key + nonce).digest(len(text))
    mixed = int.from_bytes(text, "big") ^ int.from_bytes(stream, "big")
    return mixed.to_bytes(len(text), "big")
