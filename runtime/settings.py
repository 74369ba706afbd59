"""Settings of the local runtime: the environment and `.env`.

A credential `sd_base_url` of the hosted plugin is read from STUDIO_SD_BASE_URL; the
environment wins over the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dotenv import dotenv_values

from runtime.declaration import Plugin
from runtime.errors import UsageError

PREFIX = "STUDIO_"
_OF_THE_MACHINE = ("CHROMIUM", "CHROMIUM_MEMORY_MB", "BLOCK_LIST", "CACHE_DIR", "DATA_DIR")


class Settings:
    """All STUDIO_… values that are not empty.

    Args:
        env_file: a file of NAME=value lines; None means `.env` in the working directory, if
            there is one.

    Raises:
        UsageError: `env_file` was given and does not exist, or the file is no UTF-8 text.
    """

    def __init__(self, env_file: Path | None = None) -> None:
        path = env_file or Path(".env")
        if env_file is not None and not env_file.is_file():
            raise UsageError(f"There is no {env_file}.", "Give --env a file of NAME=value lines.")
        try:
            from_file = dotenv_values(path) if path.is_file() else {}
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"{path} cannot be read: {error}.", "Save it as UTF-8 text of NAME=value lines."
            ) from None
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
