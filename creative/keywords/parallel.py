"""Arithmetic on both cores of a small server.

numpy lets go of Python's lock while it computes, so threads suffice. Results do not depend on
which thread computes what: every part writes to its own place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

THREADS = min(2, os.cpu_count() or 1)
"""More than the usual small server has to spare would slow everything else down."""


def each[Part](work: Callable[[Part], object], parts: Iterable[Part]) -> Iterator[None]:
    """Do `work` for every part, two at a time; yields after each one, in their order.

    Raises:
        Exception: whatever `work` raises first.
    """
    listed = list(parts)
    if len(listed) < 2:
        for part in listed:
            work(part)
            yield
        return
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(work, listed):
            yield


def run[Part](work: Callable[[Part], object], parts: Iterable[Part]) -> None:
    """Do `work` for every part, two at a time."""
    for _ in each(work, parts):
        pass
