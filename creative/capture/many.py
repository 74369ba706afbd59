"""Several screenshots in one call, each its own result."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from creative.capture.pool import AT_ONCE
from creative.capture.request import Screenshot, ScreenshotRequest
from creative.deadline import Deadline
from creative.errors import CreativeError, InvalidInput, TooLarge
from creative.http import redact
from creative.steps import Phase, Steps

MAX_MANY = 50
"""Screenshots of one call: at 10 s each, 3 at once, what fits into one."""

Take = Callable[[ScreenshotRequest], Screenshot]


def take_all(
    requests: Sequence[ScreenshotRequest],
    take: Take,
    deadline: Deadline,
    steps: Steps,
    at_once: int,
) -> list[Screenshot | CreativeError]:
    """Take every one, at most `at_once` at a time; one that fails stops no other.

    Raises:
        InvalidInput: none is asked for, or `at_once` is out of range.
        TooLarge: more than MAX_MANY.
    """
    if not requests:
        raise InvalidInput("url", None, "one address or more")
    if len(requests) > MAX_MANY:
        raise TooLarge("url", f"{len(requests)} addresses", f"{MAX_MANY} in one call")
    if not 1 <= at_once <= AT_ONCE:
        raise InvalidInput("at_once", at_once, f"1 to {AT_ONCE}")
    results: list[Screenshot | CreativeError | BaseException | None] = [None] * len(requests)
    left = list(enumerate(requests))[::-1]
    lock = threading.Lock()
    with steps.step(Phase.AI_CALL, _label(0, 0, requests), until=98) as step:

        def work() -> None:
            while True:
                with lock:
                    if not left:
                        return
                    number, request = left.pop()
                try:
                    result: Screenshot | CreativeError | BaseException = _one(
                        request, take, deadline
                    )
                except BaseException as error:  # noqa: BLE001 - raised below, in the caller
                    result = error
                with lock:
                    results[number] = result
                    done = [found for found in results if found is not None]
                    failed = sum(isinstance(found, BaseException) for found in done)
                    step.progress(len(done) / len(requests), _label(len(done), failed, requests))

        threads = [
            threading.Thread(target=work, name="screenshot", daemon=True)
            for _ in range(min(at_once, len(requests)))
        ]
        for thread in threads:
            thread.start()
        # Each waits for nothing beyond the deadline, and none is left when the call ends.
        for thread in threads:
            thread.join()
    found: list[Screenshot | CreativeError] = []
    for one in results:
        if isinstance(one, Screenshot | CreativeError):
            found.append(one)
        elif one is not None:
            raise one
    return found


def _one(request: ScreenshotRequest, take: Take, deadline: Deadline) -> Screenshot | CreativeError:
    try:
        # Those that are left when time is up say so at once.
        deadline.check(f"waiting to photograph {redact(request.url) or 'the given page'}")
        return take(request)
    except CreativeError as error:
        return error


def _label(done: int, failed: int, requests: Sequence[ScreenshotRequest]) -> str:
    label = f"Taking screenshots: {done} of {len(requests)}"
    return f"{label}, {failed} failed" if failed else label
