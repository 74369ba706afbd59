"""Several servers for one kind of work: the least busy healthy one takes the job.

Counts of jobs in this process and what each server says of itself are put together; a server
that fails is left out (and rests by `creative.http`'s breaker). Whether a job may go to another
server is not decided here: before anything was sent it may, afterwards never.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from creative.deadline import Deadline
from creative.errors import CreativeError, DeadlineExceeded, EngineUnavailable

LOOK_SECONDS = 5.0
"""What a server may take to say how busy it is, while others could take the job."""

_busy: Counter[str] = Counter()
_lock = threading.Lock()


class Place:
    """One job's place on a server; give it back with `release` or as a context."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._held = True

    def release(self) -> None:
        """The job has left the server; a second call does nothing."""
        with _lock:
            if self._held:
                self._held = False
                _busy[self.address] -= 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


@dataclass
class Looked:
    """What the servers said.

    Attributes:
        loads: jobs on each healthy server, running and waiting, in the order of the addresses.
        slow: servers that did not answer in time; they may be busy loading a model.
        failed: what is wrong with each of the others.
    """

    loads: dict[str, int] = field(default_factory=dict)
    slow: list[str] = field(default_factory=list)
    failed: dict[str, CreativeError] = field(default_factory=dict)


def look(
    addresses: Sequence[str], load: Callable[[str, Deadline], int], deadline: Deadline
) -> Looked:
    """Ask all servers at once how busy they are.

    Args:
        addresses: of the servers.
        load: asks one by GET, within the deadline it is handed.
        deadline: the call's clock; LOOK_SECONDS are the most that is waited.

    Raises:
        DeadlineExceeded: the call's own time is up.
    """
    seconds = deadline.timeout("looking for the least busy server", LOOK_SECONDS)
    short = Deadline(seconds, "the look at all servers", "")
    answers: dict[str, int | Exception] = {}

    def ask(address: str) -> None:
        try:
            answers[address] = load(address, short)
        except Exception as error:  # noqa: BLE001 - sorted out below, in the caller's thread
            answers[address] = error

    threads = [
        threading.Thread(target=ask, args=(address,), name="pool-look", daemon=True)
        for address in addresses
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()  # ends by itself: everything in it is bound to `short`
    deadline.check("looking for the least busy server")
    looked = Looked()
    for address in addresses:
        answer = answers[address]
        if isinstance(answer, int):
            looked.loads[address] = answer
        elif isinstance(answer, DeadlineExceeded):
            looked.slow.append(address)
        elif isinstance(answer, CreativeError):
            looked.failed[address] = answer
        else:
            raise answer
    return looked


def take(looked: Looked, tried: Sequence[str] = ()) -> Place | None:
    """A place on the least busy server that was not `tried`; None if there is none left.

    Slow servers come last. Choosing and taking is one act, so that two calls at the same time
    do not choose the same server.
    """
    with _lock:
        fresh = {a: max(n, _busy[a]) for a, n in looked.loads.items() if a not in tried}
        address = min(fresh, key=lambda a: fresh[a], default="")
        address = address or next((a for a in looked.slow if a not in tried), "")
        if not address:
            return None
        _busy[address] += 1
    return Place(address)


def none_left(engine: str, failed: dict[str, CreativeError]) -> EngineUnavailable:
    """The error for a pool of which no server can be used (not raised)."""
    # Each message names its server.
    reasons = "; ".join(error.message.rstrip(".") for error in failed.values())
    return EngineUnavailable(
        f"{engine} (all {len(failed)} servers)",
        reasons or "none is configured",
        "Check that one of them is running and reachable from here.",
    )
