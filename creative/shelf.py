"""Things that an earlier call made, on disk, for calls that say how old one may be.

The name of an entry is a keyed hash (HMAC) of everything that changes the thing, secrets among
it, so that nobody gets what another's password opened. Neither names nor files show any of that:
the value of an entry is encrypted with a key that only the same question gives. Blobs (pictures)
lie there as they are, in a folder that only this user of the machine can enter.

Entries are written whole or not at all, checked by a checksum when read, and removed when they
are broken, old, or too many.
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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from creative.errors import InvalidInput

VARIABLE = "STUDIO_CACHE_DIR"
MAX_SECONDS = 7 * 24 * 3600.0
"""Longest `cache_seconds`; what is older is removed."""

_KEY_FILE = "key"
_DIGEST = 32


@dataclass(frozen=True)
class Kept:
    """What was put.

    Attributes:
        age: seconds since then.
        value: plain data.
        blobs: what lies beside it, in order.
    """

    age: float
    value: Any
    blobs: tuple[bytes, ...]


class Shelf:
    """See the module.

    Args:
        name: of the things, one word: "screenshots". A new shape of them is a new name.
        ending: of the files.
        folder: created for this user alone; None: `default_folder(name)`.
        max_bytes: of all entries together; the oldest go first.
        max_seconds: what is older is removed when the next one comes, and by `tidy`.
    """

    def __init__(
        self,
        name: str,
        ending: str,
        folder: Path | None,
        max_bytes: int,
        *,
        max_seconds: float = MAX_SECONDS,
    ) -> None:
        self._name = name
        self._mark = f"creative-studio {name} 2\n".encode()
        self._ending = ending
        self._given = folder
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._lock = threading.Lock()
        self._secret = b""
        self._folder: Path | None = None

    def get(self, told: Any, seconds: float) -> Kept | None:
        """What was put for `told` within the last `seconds`, or None.

        Args:
            told: everything that changes the thing, as plain data.
            seconds: checked by `lifetime`; 0: nothing is young enough.
        """
        if not seconds:
            return None
        path, key = self.place(told)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        found = self._read(data, key)
        if found is None:
            path.unlink(missing_ok=True)
            return None
        # From the future: the clock was set back, and nobody knows how old it is.
        return found if 0 <= found.age <= seconds else None

    def put(self, told: Any, value: Any, blobs: Sequence[bytes] = ()) -> bool:
        """Keep a thing. A disk that is full or read-only keeps nothing, which is no failure.

        Args:
            told: as for `get`.
            value: plain data; encrypted.
            blobs: bytes that are kept as they are.

        Returns:
            Whether it is kept.
        """
        path, key = self.place(told)
        data = self._written(value, blobs, key)
        if len(data) > self._max_bytes:
            return False
        with self._lock, contextlib.suppress(OSError):
            self._make_room(path.parent, len(data))
            self._write(path, data)
            return True
        return False

    def drop(self, told: Any) -> None:
        """Remove the entry for `told`, for whoever finds that its value is of no use."""
        self.place(told)[0].unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove what is too old."""
        folder = self.home()
        with self._lock, contextlib.suppress(OSError):
            self._make_room(folder, 0)

    def clear(self) -> None:
        """Remove all entries."""
        for path in self.home().glob(f"*{self._ending}"):
            path.unlink(missing_ok=True)

    def place(self, told: Any) -> tuple[Path, bytes]:
        """Where the entry for `told` lies, and the key of its text."""
        folder = self.home()
        asked = json.dumps(told, sort_keys=True, default=list).encode()
        name = hmac.new(self._secret, b"name" + asked, hashlib.sha256).hexdigest()
        key = hmac.new(self._secret, b"text" + asked, hashlib.sha256).digest()
        return folder / f"{name}{self._ending}", key

    def home(self) -> Path:
        """The folder, made if need be."""
        with self._lock:
            if self._folder is None or not self._folder.is_dir():
                self._folder = _private(self._given or default_folder(self._name))
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
        oldest = time.time() - self._max_seconds
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

    def _written(self, value: Any, blobs: Sequence[bytes], key: bytes) -> bytes:
        """An entry: mark, checksum, nonce, length of the text, the text encrypted, the blobs."""
        about = {"made": time.time(), "value": value, "blobs": [len(blob) for blob in blobs]}
        text = json.dumps(about).encode()
        nonce = secrets.token_bytes(_DIGEST)
        head = nonce + len(text).to_bytes(4, "big") + _mixed(text, key, nonce)
        body = b"".join([head, *blobs])
        return self._mark + hmac.new(key, body, hashlib.sha256).digest() + body

    def _read(self, data: bytes, key: bytes) -> Kept | None:
        """What an entry holds; None if it is broken."""
        start = len(self._mark) + _DIGEST
        body = memoryview(data)[start:]
        right = hmac.new(key, body, hashlib.sha256).digest()
        told = data[len(self._mark) : start]
        if not data.startswith(self._mark) or not hmac.compare_digest(told, right):
            return None
        try:
            nonce, size = bytes(body[:_DIGEST]), int.from_bytes(body[_DIGEST : _DIGEST + 4], "big")
            at = _DIGEST + 4 + size
            about = json.loads(_mixed(bytes(body[_DIGEST + 4 : at]), key, nonce))
            blobs = []
            for length in about["blobs"]:
                blobs.append(bytes(body[at : at + length]))
                at += length
            return Kept(time.time() - float(about["made"]), about["value"], tuple(blobs))
        except (KeyError, TypeError, ValueError):
            return None  # another version of this program wrote it


def lifetime(seconds: float) -> float:
    """`cache_seconds`, checked.

    Raises:
        InvalidInput: it is negative, over MAX_SECONDS or no number.
    """
    if not (math.isfinite(seconds) and 0 <= seconds <= MAX_SECONDS):
        raise InvalidInput(
            "cache_seconds", seconds, f"0 (off) to {MAX_SECONDS:.0f} seconds (a week)"
        )
    return seconds


def default_folder(name: str) -> Path:
    """`name` in STUDIO_CACHE_DIR, or a folder of this user in the temporary one."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given).expanduser() / name
    return Path(tempfile.gettempdir()) / f"creative-studio-{name}-{os.geteuid()}"


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


def _mixed(text: bytes, key: bytes, nonce: bytes) -> bytes:
    """`text` encrypted or decrypted: XOR with SHAKE-256 of the key and a nonce used once."""
    stream = hashlib.shake_256(key + nonce).digest(len(text))
    mixed = int.from_bytes(text, "big") ^ int.from_bytes(stream, "big")
    return mixed.to_bytes(len(text), "big")
