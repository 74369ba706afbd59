"""What several test files share."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from creative.worker import _BLAS_LIMITS
from runtime import declaration
from runtime.host import Host

PROBE = Path(__file__).parent / "probe"

# Runs of the suite do not belong into the developer's ledger; child processes inherit this.
os.environ["STUDIO_LEDGER"] = "off"
# Nor do earlier runs belong into this one: what the plugin keeps of its calls is this run's own.
_CACHES = tempfile.TemporaryDirectory(prefix="studio-tests-")
os.environ["STUDIO_CACHE_DIR"] = _CACHES.name
# Some machines forbid to keep compiled modules (PYTHONDONTWRITEBYTECODE); there each of the
# suite's hundreds of processes would compile all that it imports anew, a second or two each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# `nohup` and a shell's "&" have signals ignored, and child processes inherit that, too: those of
# the suite are to be interrupted.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
# As in our worker process: numpy's threads, several to a core, mostly wait for each other.
os.environ |= _BLAS_LIMITS

# The same examples in every run, as many as a test says; HYPOTHESIS_PROFILE=full looks for new
# ones, with what an earlier run has found first.
settings.register_profile("quick", derandomize=True, database=None, deadline=None)
settings.register_profile("full", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

LONG = (
    "test_capture_attacks.py",
    "test_cli.py",
    "test_capture_survival.py",
    "test_host.py",
    "test_illustration.py",
    "test_capture_moment.py",
    "test_capture_look.py",
    "test_capture_frame.py",
    "test_capture.py",
    "test_demo.py",
    "test_ads_draw.py",
    "test_capture_attacks_ordinary.py",
    "test_capture_process.py",
    "test_capture_process_remote.py",
    "test_nodes.py",
    "test_nodes_process.py",
    "test_keywords_node.py",
    "test_keywords_english.py",
    "test_host_faults.py",
    "test_capture_hostile.py",
    "test_capture_facts.py",
    "test_images_verbs.py",
    "test_keywords_jobs.py",
    "test_keywords.py",
    "test_capture_output.py",
    "test_images_comfyui_faults.py",
    "test_images_automatic1111.py",
    "test_ledger_edges.py",
)
"""Files that take longest, the longest first; the others take less than ten seconds each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that workers who get a file at a time end together (see Makefile)."""
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONG)))


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
