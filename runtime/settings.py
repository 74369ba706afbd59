"""Settings of the local runtime: the environment and `.env`.

A credential `sd_base_url` of the hosted plugin is read from STUDIO_SD_BASE_URL; the
environment wins over the file.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from runtime.declaration import Plugin
from runtime.errors import UsageError

PREFIX = "STUDIO_"
_OF_THE_MACHINE = ("CHROMIUM", "CHROMIUM_MEMORY_MB", "BLOCK_LIST", "CACHE_DIR", "DATA_DIR")


_OURS = re.compile(r"\s*(?:export\s+)?(?P<name>(?:STUDIO|REMOTE_INSTALL)_\w+)")


def env_values(env_file: Path | None) -> dict[str, str | None]:
    """The NAME=value lines of a file.

    Args:
        env_file: None means `.env` in the working directory, if there is one.

    Raises:
        UsageError: `env_file` was given and is no file; the file is no UTF-8 text; or a line that
            names a setting of ours is no NAME=value. Other people's odd lines are no matter.
    """
    path = env_file or Path(".env")
    if env_file is not None and not env_file.is_file():
        what = "is a folder" if env_file.is_dir() else "does not exist"
        raise UsageError(f"{env_file} {what}.", "Give --env a file of NAME=value lines.")
    try:
        text = path.read_text("utf-8-sig") if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} cannot be read: {error}.", "Save it as UTF-8 text of NAME=value lines."
        ) from None
    readable = []
    for binding in parse_stream(io.StringIO(text)):
        if not binding.error:
            readable.append(binding.original.string)
        elif found := _OURS.match(binding.original.string):
            line = binding.original.line + found.string.count("\n", 0, found.start("name"))
            # The rest of the line may be a secret.
            raise UsageError(
                f"{path}, line {line}: {found['name']} is not followed by "
                "'=' and a value, or a quotation mark is not closed.",
                f"Write {found['name']}=value.",
            )
    return dotenv_values(stream=io.StringIO("".join(readable)))


class Settings:
    """All STUDIO_… values that are not empty.

    Args:
        env_file: a file of NAME=value lines; None means `.env` in the working directory, if
            there is one.

    Raises:
        UsageError: see `env_values`.
    """

    def __init__(self, env_file: Path | None = None) -> None:
        from_file = env_values(env_file)
        self._values = {
            name: value.strip()
            for name, value in {**from_file, **os.environ}.items()
            if name.startswith(PREFIX) and value and value.strip()
        }

    def get(self, name: str) -> str | None:
        """The value of STUDIO_<name>, or None."""
        return self._values.get(PREFIX + name.upper())

    def items(self) -> Iterator[tuple[str, str]]:
        """All settings, as (name with its prefix, value)."""
        yield from self._values.items()

    def export(self) -> None:
        """Hand on what is read from the environment only: by us, and by the plugin's process."""
        for name in _OF_THE_MACHINE:
            if value := self.get(name):
                os.environ[PREFIX + name] = value

    def credentials(self, plugin: Plugin) -> dict[str, str]:
        """The credentials of a plugin that are set, by the names in its form."""
        names = [
            declared.name for provider in plugin.providers for declared in provider.credentials
        ]
        found = {name: self.get(name) for name in names}
        return {name: value for name, value in found.items() if value is not None}
