"""Jobs of the child process that draws: run through `creative.worker`."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from creative.ads.draw.compose import NotDrawn, Painted, Task, paint
from creative.ads.draw.given import Given, read

Progress = Callable[[float, str], None]

_KEPT = 2
"""Grounds that stay decoded: a campaign's variants often share one."""
_recent: OrderedDict[bytes, Given] = OrderedDict()


Batch = tuple[tuple[tuple[Any, ...], ...], bytes, str, bytes]
"""Pictures that share a ground and a logo: the fields of each `Task`; the ground and whose it is,
see `given.read`; the logo."""


def paint_all(payload: Batch, progress: Progress) -> list[Painted | str]:
    """Each task's picture, or why it could not be drawn.

    Raises:
        InvalidInput, AnswerInvalid, TooLarge: the ground or logo cannot be used; see `given.read`.
        InvalidInput: a colour is none.
    """
    fields, background, kind, logo = payload
    tasks = [Task(*values) for values in fields]
    largest = max(task.width for task in tasks), max(task.height for task in tasks)
    given = _given(background, kind, logo, largest)
    done: list[Painted | str] = []
    for number, task in enumerate(tasks, 1):
        try:
            done.append(paint(task, given))
        except NotDrawn as reason:
            done.append(str(reason))
        progress(number / len(tasks), f"{task.copy_id} {task.width}x{task.height}")
    return done


def _given(background: bytes, kind: str, logo: bytes, largest: tuple[int, int]) -> Given:
    key = hashlib.blake2b(digest_size=16)
    for part in (background, kind.encode(), logo, repr(largest).encode()):
        key.update(len(part).to_bytes(8) + part)
    found = _recent.pop(key.digest(), None)
    if found is None:
        found = read(background, kind, logo, largest)
    _recent[key.digest()] = found
    while len(_recent) > _KEPT:
        _recent.popitem(last=False)
    return found
