"""Trying again, and shares of a call's time.

Only what nothing runs twice of is tried again: capturing a page, fetching a picture. A question
to a model, a run of a Dify app and a paid drawing are sent once.
"""

from __future__ import annotations

from collections.abc import Callable

from creative.deadline import Deadline
from creative.errors import EngineUnavailable

ATTEMPTS = 3
PAUSES = (1.0, 3.0)
"""Seconds before the second and the third attempt."""
KEEP_SECONDS = 10.0
KEEP_SHARE = 0.1
"""What stays of a call's time when somebody is paid to write: the share, at most the seconds."""


def patiently[T](
    work: Callable[[], T], deadline: Deadline, doing: str, told: Callable[[str], None]
) -> T:
    """What `work` returns; after EngineUnavailable it is tried again, three times in all.

    Any other error means that another attempt would end the same way.

    Args:
        work: may run several times.
        deadline: the call's clock; a pause that it has no time for is not begun.
        doing: what is going on, for the error if time runs out.
        told: hears why there is another attempt.

    Raises:
        CreativeError: of the last attempt.
    """
    for number, pause in enumerate(PAUSES, 2):
        try:
            return work()
        except EngineUnavailable as error:
            if deadline.remaining() <= pause:
                raise
            told(f"Attempt {number} of {ATTEMPTS} in {pause:g} s, since: {error.message}")
        deadline.sleep(pause, doing)
    return work()


def share(deadline: Deadline, keep: float, most: float | None = None) -> Deadline | None:
    """A part of the time that is left, or None if there is none.

    Args:
        deadline: the call's clock.
        keep: seconds that must be left afterwards.
        most: seconds that the part has at most.
    """
    left = deadline.remaining() - keep
    if left <= 0:
        return None
    return Deadline(left if most is None else min(left, most), deadline.limit, deadline.who)


def for_writing(deadline: Deadline, doing: str) -> Deadline:
    """The time for somebody who is paid to write; what stays is for bringing the texts into their
    limits and handing them over.

    Raises:
        DeadlineExceeded: there is no time.
    """
    clock = share(deadline, min(KEEP_SECONDS, KEEP_SHARE * deadline.remaining()))
    if clock is None:
        raise deadline.error(doing)
    return clock
