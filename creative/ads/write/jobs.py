"""Writing by rule and fitting into limits: a job for the worker process, since it computes."""

from __future__ import annotations

from typing import TypedDict

from creative.ads.model import AdsRequest, Copy, Look
from creative.ads.platforms import platform
from creative.ads.shorten import fit
from creative.ads.write import builtin
from creative.ads.write.drafts import Drafts
from creative.ads.write.rules import House
from creative.errors import AnswerInvalid
from creative.worker import Progress


class Payload(TypedDict):
    """What `finish` needs; pictures are left out of request and look."""

    request: AdsRequest
    look: Look
    drafts: Drafts | None


def finish(payload: Payload, progress: Progress) -> Drafts:
    """Drafts within their platforms' limits; written first, if there are none yet.

    What cannot be brought within them, or says the same as another one, is dropped.

    Args:
        payload: `drafts` is None for the built-in writer.
        progress: not used; every job of a worker takes it.

    Raises:
        InvalidInput: nothing to write from, must_include that a limit has no room for, or a
            platform that demands a brand where there is none.
    """
    request, look = payload["request"], payload["look"]
    drafts = payload["drafts"]
    drafts = builtin.write(request, look) if drafts is None else drafts
    house = House(request, look)
    kept: list[Copy] = []
    for draft in drafts.copies:
        try:
            copy = fit(
                house.honest(draft),
                platform(draft.platform),
                look.language,
                request.must_include,
                request.must_avoid,
                look.brand or request.brand,
            )
        except AnswerInvalid as error:
            drafts.dropped.append(f"{draft.id}: {error.message}")
            continue
        same = [k for k in kept if (k.platform, k.fields) == (copy.platform, copy.fields)]
        if same:
            drafts.dropped.append(f"{copy.id}: it says the same as {same[0].id}")
        else:
            kept.append(copy)
    return Drafts(kept, drafts.dropped, drafts.notes, drafts.broken)
