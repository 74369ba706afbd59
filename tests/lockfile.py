"""Does requirements.lock fit what requirements.txt and pyproject.toml ask for?

`python -m tests.lockfile` exits with 1 and says what does not; offline.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)")


def wanted() -> list[Requirement]:
    """What the plugin, the runtime and the developers ask for."""
    lines = [
        line.split("#", maxsplit=1)[0].strip()
        for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    ]
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "dependency-groups"
    ]
    lines += [entry for group in groups.values() for entry in group if isinstance(entry, str)]
    return [Requirement(line) for line in lines if line]


def pinned() -> dict[str, list[Version]]:
    """Every pin; a package may be pinned differently for different Pythons."""
    pins: dict[str, list[Version]] = {}
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if found := PIN.match(line):
            pins.setdefault(canonicalize_name(found["name"]), []).append(Version(found["version"]))
    return pins


def problems() -> list[str]:
    """One sentence per requirement that the lock does not meet."""
    pins = pinned()
    found = []
    for requirement in wanted():
        versions = pins.get(canonicalize_name(requirement.name), [])
        if not versions:
            found.append(f"{requirement.name} is not in requirements.lock")
        elif not all(requirement.specifier.contains(version) for version in versions):
            locked = ", ".join(map(str, versions))
            found.append(f"{requirement} is asked for, requirements.lock has {locked}")
    return found


if __name__ == "__main__":
    if said := problems():
        sys.exit("\n".join(said) + "\nRun 'make lock'.")
