"""Pictures of ads: real type on a picture or a generated ground, in exactly the asked size.

    pictures = draw(jobs, deadline, step)
    sheet = contact_sheet(pictures, {"meta_feed-1": "0.82  benefit"}, deadline)

All pixels are made in a child process (`creative.worker`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from creative.ads.draw.jobs import BackgroundKind, DrawJob, LeftOut, Ruled
from creative.ads.model import Drawn
from creative.deadline import Deadline
from creative.errors import InvalidInput
from creative.images.decode import Said
from creative.images.result import slug
from creative.steps import Step
from creative.worker import Worker

__all__ = ["BackgroundKind", "DrawJob", "LeftOut", "Ruled", "contact_sheet", "draw"]

artist = Worker("ad pictures")
_BATCH = 25


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
    lost: list[LeftOut] = []
    answers: dict[int, Drawn] = {}
    done = 0
    for numbers in _batches(jobs):
        share = (done / len(jobs), len(numbers) / len(jobs))

        def progress(fraction: float, label: str, share: tuple[float, float] = share) -> None:
            step.progress(share[0] + fraction * share[1], f"Drawing {label}")

        batch = _batch([jobs[number] for number in numbers])
        painted = artist.call("creative.ads.draw.process:paint_all", batch, deadline, progress)
        done += len(numbers)
        for number, result in zip(numbers, painted, strict=True):
            job = jobs[number]
            if isinstance(result, str):
                size = (job.picture.width, job.picture.height)
                lost.append(LeftOut(job.copy_id, job.platform, *size, result))
            else:
                answers[number] = _drawn(job, result)
    if left_out is not None:
        left_out += lost
    if lost and not answers:
        raise InvalidInput(
            "pictures",
            Said("; ".join(dict.fromkeys(one.reason for one in lost))),
            "at least one picture that can be drawn",
            "Shorten the headline, or set make_pictures to false.",
        )
    return [answers[number] for number in sorted(answers)]


def _batches(jobs: Sequence[DrawJob]) -> list[list[int]]:
    """Numbers of the jobs that share a ground and a logo: those are decoded once."""
    found: dict[tuple[bytes, bytes, str], list[int]] = {}
    for number, job in enumerate(jobs):
        found.setdefault((job.background, job.logo, job.background_kind), []).append(number)
    # Others wait for the worker: a large batch lets them in between.
    return [
        numbers[start : start + _BATCH]
        for numbers in found.values()
        for start in range(0, len(numbers), _BATCH)
    ]


def _batch(jobs: Sequence[DrawJob]) -> tuple[tuple[tuple[Any, ...], ...], bytes, str, bytes]:
    """What `process.paint_all` takes, in plain values: numpy and Pillow stay out of here."""
    tasks = tuple(
        (
            job.copy_id,
            job.platform,
            job.variant_number,
            job.brand,
            job.headline,
            job.text,
            job.cta,
            job.language,
            job.colours,
            job.seed,
            job.picture.width,
            job.picture.height,
            job.picture.max_kb,
            job.picture.formats,
            job.picture.safe_area,
        )
        for job in jobs
    )
    return tasks, jobs[0].background, jobs[0].background_kind, jobs[0].logo


def _drawn(job: DrawJob, painted: tuple[Any, ...]) -> Drawn:
    data, mime_type, contrast, clutter, pictured, branded, notes = painted
    size = f"{job.picture.width}x{job.picture.height}"
    number = job.copy_id.rpartition("-")[2]
    ending = "png" if mime_type == "image/png" else "jpg"
    return Drawn(
        filename=f"{slug(job.brand or 'ad')}_{job.platform}_{number}_{size}.{ending}",
        platform=job.platform,
        variant=job.copy_id,
        width=job.picture.width,
        height=job.picture.height,
        mime_type=mime_type,
        data=data,
        contrast=contrast,
        clutter=clutter,
        background=job.background_kind if pictured else "layout",
        branded=branded,
        notes=notes,
    )


def contact_sheet(drawn: Sequence[Drawn], labels: Mapping[str, str], deadline: Deadline) -> bytes:
    """All pictures of a campaign on one PNG, at most 2,400 pixels wide, grouped by variant.

    Args:
        drawn: the pictures.
        labels: what to write beside a variant's id (its score, its angle), by that id.
        deadline: of the call.
    """
    pictures = [(one.variant, one.width, one.height, one.data) for one in drawn]
    sheet: bytes = artist.call(
        "creative.ads.draw.sheet:contact_sheet", (pictures, dict(labels)), deadline
    )
    return sheet
