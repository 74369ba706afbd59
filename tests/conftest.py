"""What several test files share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime import declaration
from runtime.host import Host

PROBE = Path(__file__).parent / "probe"

# Runs of the suite do not belong into the developer's ledger; child processes inherit this.
os.environ["STUDIO_LEDGER"] = "off"
# Some machines forbid to keep compiled modules (PYTHONDONTWRITEBYTECODE); there each of the
# suite's hundreds of processes would compile all that it imports anew, a second or two each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture(scope="session")
def make_probe() -> Iterator[Callable[..., Host]]:
    """Makes hosts of the probe plugin; they are stopped at the end of the session."""
    made: list[Host] = []

    def make(folder: Path = PROBE, **options: Any) -> Host:
        host = Host(declaration.from_folder(folder), folder, sys.executable, **options)
        made.append(host)
        return host

    yield make
    for host in made:
        host.stop()


@pytest.fixture(scope="module")
def probe(make_probe: Callable[..., Host]) -> Host:
    """One warm probe for a test file."""
    return make_probe()
