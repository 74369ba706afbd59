"""A plugin's Python: the interpreter that has its dependencies.

A plugin with a `.venv` of its own, and our own plugin, run as they are. For others an
environment is built with uv as the daemon builds it (internal/core/local_runtime/
setup_python_environment.go): from pyproject.toml if there is one, else from
requirements.txt; kept in the cache under a hash of those files.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import PluginStartFailed
from runtime.paths import PROJECT, cache_room

_FILES = ("pyproject.toml", "uv.lock", "requirements.txt")
_DONE = "complete"
INSTALL_SECONDS = 600.0
"""The daemon's cap for one run of uv."""


def python_for(folder: Path, name: str, say: Callable[[str], None] | None = None) -> Path:
    """The interpreter for the plugin in `folder`; builds an environment if it must.

    Args:
        folder: the plugin's folder.
        name: what to call it.
        say: told what is going on when it takes long.

    Raises:
        PluginStartFailed: there is nothing to install from, no uv, or uv failed.
        UsageError: the cache folder cannot be written.
    """
    own = _interpreter(folder / ".venv")
    if own.exists():
        return own
    if folder.resolve() == PROJECT:
        return Path(sys.executable)
    present = [file for file in _FILES if (folder / file).is_file()]
    if not {"pyproject.toml", "requirements.txt"} & set(present):
        raise PluginStartFailed(
            f"{name} has neither requirements.txt nor pyproject.toml; the daemon refuses it too.",
            "Add requirements.txt with at least dify_plugin.",
        )
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(version.encode())
    for file in present:
        digest.update(file.encode() + b"\0" + (folder / file).read_bytes() + b"\0")
    environment = cache_room("environments") / digest.hexdigest()[:32]
    if not (environment / _DONE).exists():
        if say is not None:
            say(f"Installing the dependencies of {name} (once)…")
        with _alone(environment):
            # Another studio may have built it while we waited.
            if not (environment / _DONE).exists():
                _build(_Installation(name, folder, environment), present)
    return _interpreter(environment)


@contextlib.contextmanager
def _alone(environment: Path) -> Iterator[None]:
    """One process at a time in the block: a second one would delete what the first builds."""
    with environment.with_suffix(".lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing the file lets the lock go


def _interpreter(environment: Path) -> Path:
    return environment / "bin" / "python"


@dataclass(frozen=True)
class _Installation:
    """What is installed from where to where."""

    name: str
    folder: Path
    environment: Path

    def uv(self, program: str, arguments: list[str]) -> None:
        """Run uv for it.

        Raises:
            PluginStartFailed: it failed or took too long.
        """
        target = str(self.environment)
        try:
            done = subprocess.run(
                [program, *arguments],
                cwd=self.folder,
                env=os.environ | {"VIRTUAL_ENV": target, "UV_PROJECT_ENVIRONMENT": target},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=INSTALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise PluginStartFailed(
                f"Installing the dependencies of {self.name} took over {INSTALL_SECONDS:g} s; "
                "the daemon gives up then.",
                "Ask for fewer or lighter packages.",
            ) from None
        if done.returncode:
            said = " ".join(done.stderr.split())[-600:]
            raise PluginStartFailed(
                f"The dependencies of {self.name} cannot be installed: {said}",
                "Correct its requirements, or check the network and the package index.",
            )


def find_uv() -> str | None:
    """Path of uv, or None. What `make setup` installed is there because no other uv worked."""
    return shutil.which("uv", path=str(PROJECT / ".uv" / "bin")) or shutil.which("uv")


def _build(installation: _Installation, present: list[str]) -> None:
    uv = find_uv()
    if uv is None:
        raise PluginStartFailed(
            f"{installation.name} needs its dependencies installed, and uv was not found.",
            "Install uv (pip install uv), or make a .venv in the plugin's folder yourself.",
        )
    environment = installation.environment
    # A half-built environment of an interrupted run must not be taken for a whole one.
    shutil.rmtree(environment, ignore_errors=True)
    installation.uv(uv, ["venv", "--quiet", "--python", sys.executable, str(environment)])
    if "pyproject.toml" in present:
        frozen = ["--frozen"] if "uv.lock" in present else []
        install = ["sync", "--quiet", "--no-dev", "--no-install-project", *frozen]
    else:
        install = ["pip", "install", "--quiet", "-r", "requirements.txt"]
    installation.uv(uv, install)
    (environment / _DONE).touch()
