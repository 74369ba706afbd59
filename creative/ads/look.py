"""Look: what is known of the thing to advertise."""

from __future__ import annotations

from creative.ads.model import AdsRequest, Look
from creative.deadline import Deadline
from creative.settings import Settings
from creative.steps import Steps


def look(request: AdsRequest, settings: Settings, deadline: Deadline, steps: Steps) -> Look:
    """Look at the page, the picture and the brief.

    Args:
        request: what is wanted.
        settings: browser and `allowed_private_hosts`.
        deadline: the call's clock.
        steps: told what happens (PREP to 25 percent).

    Raises:
        InvalidInput: nothing to look at, an unknown language, no picture, a brief that is too
            long (TooLarge), or a source that cannot be used.
        AnswerInvalid: a page with nothing on it.
        CreativeError: what kept the page from being loaded (see creative.capture.screenshot).
    """
    raise NotImplementedError
