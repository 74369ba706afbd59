"""Waiting for an engine that says nothing until it is done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from creative.http import Client
from creative.steps import Step

TELL_SECONDS = 10.0
"""How often it is said that the call still waits."""
GRACE_SECONDS = 3.0
"""The work ends by itself at the deadline; this much later it is not waited for any more."""


def patiently[T](
    work: Callable[[], T], step: Step, label: str, client: Client, fraction: float = 0.0
) -> T:
    """Do `work` (a request of `client`) and say meanwhile how long it takes.

    How far the engine is, nobody knows: the percentage stays at `fraction` of the step.

    Args:
        work: blocks in the client's sockets, and ends at its deadline.
        step: told every `TELL_SECONDS`.
        label: what is waited for, in words a user understands.
        client: hangs up if the caller is interrupted.
        fraction: how much of the step was done before, 0 to 1.

    Raises:
        DeadlineExceeded: the work does not even end at the deadline (a resolver that hangs).
        BaseException: whatever `work` raised.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failure.append(error)

    deadline = client.deadline
    began = time.monotonic()
    thread = threading.Thread(target=run, name="waiting", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(min(TELL_SECONDS, deadline.remaining() + GRACE_SECONDS))
            if not thread.is_alive():
                break
            if deadline.expired:
                raise deadline.error(label)
            step.progress(fraction, f"{label}, {time.monotonic() - began:.0f} s")
    finally:
        if thread.is_alive():
            client.abort()
    if failure:
        raise failure[0]
    return outcome[0]
