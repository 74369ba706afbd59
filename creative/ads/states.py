"""How far each variant is: pending, processing, completed, failed.

Every variant is a step of the call, which tells each state, so that whoever waits sees it change;
it succeeds or fails with its variant, and so it is in the ledger of the local runtime. The states
at the end are a part of the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from creative.ads.model import Dropped, State
from creative.errors import CreativeError
from creative.steps import Phase, Step, Steps


class VariantLost(CreativeError):
    """A variant cannot be handed over; the others can."""


class States:
    """The states of a call's variants.

    Args:
        wanted: ids of all variants, such as meta_feed-1.
    """

    def __init__(self, wanted: Iterable[str]) -> None:
        self._now: dict[str, State] = dict.fromkeys(wanted, "pending")
        self.dropped: list[Dropped] = []

    def now(self) -> dict[str, State]:
        """The states by id, in the order in which they were wanted."""
        return dict(self._now)

    def fail(self, id: str, reason: str) -> None:
        """A variant is left out before anybody began to finish it."""
        self._now[id] = "failed"
        self.dropped.append(Dropped(id=id, platform=id.rpartition("-")[0], reason=reason))

    @contextmanager
    def processing(self, id: str, steps: Steps, until: int) -> Iterator[Step]:
        """The step in which a variant is finished: completed unless VariantLost is raised in it,
        which ends here; any other error fails the variant and goes on.
        """
        self._now[id] = "processing"
        try:
            with steps.step(Phase.SAVE, f"Variant {id}", until, function="ads.variants") as step:
                step.progress(0.0, f"{id}: processing")
                try:
                    yield step
                except VariantLost:
                    step.progress(1.0, f"{id}: failed")
                    raise
                step.progress(1.0, f"{id}: completed")
        except VariantLost as lost:
            self.fail(id, lost.message)
        except BaseException:
            self._now[id] = "failed"
            raise
        else:
            self._now[id] = "completed"
