"""Pictures of ads: real type on a picture or a generated ground, in exactly the asked size.

    pictures = draw(jobs, deadline, step)
    sheet = contact_sheet(pictures, {"meta_feed-1": "0.82  benefit"}, deadline)

All pixels are made in a child process (`creative.worker`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from creative.ads.draw.jobs import BackgroundKind, DrawJob, LeftOut, Ruled
from creative.ads.model import Drawn
from creative.deadline import Deadline
from creative.steps import Step
from creative.worker import Worker

__all__ = ["BackgroundKind", "DrawJob", "LeftOut", "Ruled", "contact_sheet", "draw"]

artist = Worker("ad pictures")


def draw(
    jobs: Sequence[DrawJob],
    deadline: Deadline,
    step: Step,
    left_out: list[LeftOut] | None = None,
) -> list[Drawn]:
    """The pictures of `jobs`, in their order.

    A picture whose headline no font can write, or that cannot be brought under its kilobytes,
    is left out: a `LeftOut` is appended to `left_out`. A supporting text that has no room or no
    glyphs is left out of its picture, and the picture's notes say so.

    Raises:
        InvalidInput: the logo or a background is no picture, or a colour is none; or every
            picture had to be left out.
        TooLarge: a logo or background of too many pixels.
        DeadlineExceeded: out of time.
    """
    raise NotImplementedError


def contact_sheet(drawn: Sequence[Drawn], labels: Mapping[str, str], deadline: Deadline) -> bytes:
    """All pictures of a campaign on one PNG, at most 2,400 pixels wide, grouped by variant.

    Args:
        drawn: the pictures.
        labels: what to write beside a variant's id (its score, its angle), by that id.
        deadline: of the call.
    """
    raise NotImplementedError
