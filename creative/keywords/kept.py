"""Vectors stay in the worker process: 50,000 of them are 50 MB, which the plugin need not hold.

One job makes them under a name, later ones use them by that name. The worker may have ended in
between, or other calls may have pushed them out: then they are made again.
"""

from __future__ import annotations

import pickle
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from creative.deadline import Deadline
from creative.errors import EngineUnavailable
from creative.keywords.process import WORKER
from creative.worker import Progress

if TYPE_CHECKING:
    from creative.keywords.jobs import Packed

KEPT_BYTES = 64 * 1024 * 1024
"""Room for the vectors of several calls at a time; those of the last one always stay."""
_ATTEMPTS = 3

_kept: OrderedDict[str, Packed] = OrderedDict()


def embed_job(payload: dict[str, Any], progress: Progress) -> None:
    """Make vectors of `texts` and keep them as `name`."""
    from creative.keywords import jobs

    _kept.pop(payload["name"], None)
    packed = jobs.embed_job(payload["texts"], progress)
    _kept[payload["name"]] = packed
    while len(_kept) > 1 and sum(len(one["data"]) for one in _kept.values()) > KEPT_BYTES:
        _kept.popitem(last=False)


def run_job(payload: dict[str, Any], progress: Progress) -> tuple[bool, Any]:
    """Run a job of `creative.keywords.jobs` on vectors kept as `name`.

    Args:
        payload: `name`, `job` (the function's name) and its `payload` without `vectors`.
        progress: handed on.

    Returns:
        Whether the vectors were still there, and the job's answer.
    """
    from creative.keywords import jobs

    packed = _kept.get(payload["name"])
    if packed is None:
        return False, None
    _kept.move_to_end(payload["name"])
    return True, getattr(jobs, payload["job"])({**payload["payload"], "vectors": packed}, progress)


class Vectors(Protocol):
    """Vectors of some texts, wherever they are."""

    def run(self, job: str, payload: dict[str, Any], deadline: Deadline, progress: Progress) -> Any:
        """The answer of a job of `creative.keywords.jobs` on them, called with `payload` and
        `vectors`."""


class Carried:
    """Vectors from elsewhere: the plugin has them and sends them along."""

    def __init__(self, packed: Packed) -> None:
        self._packed = packed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Carried) and self._packed == other._packed

    __hash__ = None  # type: ignore[assignment]

    def run(self, job: str, payload: dict[str, Any], deadline: Deadline, progress: Progress) -> Any:
        """See `Vectors`."""
        # There may be 80 MB of them: a copy on the way would double that.
        data = pickle.PickleBuffer(self._packed["data"])
        whole = {**payload, "vectors": {**self._packed, "data": data}}
        return WORKER.call(f"creative.keywords.jobs:{job}", whole, deadline, progress)


class Kept:
    """Vectors of some texts in the worker.

    Args:
        texts: folded keywords.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = list(texts)
        self._name = uuid.uuid4().hex

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kept) and self._texts == other._texts

    __hash__ = None  # type: ignore[assignment]

    def make(self, deadline: Deadline, progress: Progress) -> None:
        """Make them."""
        payload = {"name": self._name, "texts": self._texts}
        WORKER.call("creative.keywords.kept:embed_job", payload, deadline, progress)

    def run(self, job: str, payload: dict[str, Any], deadline: Deadline, progress: Progress) -> Any:
        """The answer of a job of `creative.keywords.jobs` on them.

        Raises:
            CreativeError: as `creative.worker`.
        """
        whole = {"name": self._name, "job": job, "payload": payload}
        for _ in range(_ATTEMPTS):
            there, answer = WORKER.call("creative.keywords.kept:run_job", whole, deadline, progress)
            if there:
                return answer
            self.make(deadline, progress)
        raise EngineUnavailable(
            "The helper process for keyword clustering",
            f"it lost the vectors of {len(self._texts)} keywords {_ATTEMPTS} times",
            "Other calls need its memory, or it ends too early: try again later.",
        )
