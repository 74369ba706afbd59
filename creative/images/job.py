"""The job id of a submitted job: everything a later call needs, in one string.

The plugin keeps nothing between calls (it may be restarted, or run in several processes), so
the id carries the job: base64url of zlib of JSON behind the mark "csj1.". It names the server
by fingerprint, never by address, so that an id cannot send the plugin to a place that is not
configured, and it holds no secret.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from creative.errors import InvalidInput
from creative.images.engines.base import Ticket
from creative.images.plan import Plan
from creative.images.request import MAX_COUNT, Placement
from creative.images.size import MAX_SIDE, MIN_SIDE

MARK = "csj1."
MAX_ID_CHARACTERS = 100_000
MAX_JOB_BYTES = 1_000_000
_REMOTE_ID = re.compile(r"(?!\.+$)[\w.:-]{1,200}")
"""A path's last part: "..", too, would be one."""


class Job(BaseModel):
    """A submitted job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ticket: Ticket
    plan: Plan | None = Field(None, description="None: a workflow's files, given as they are")
    placement: Placement = Field(default_factory=Placement)
    upscaler: str = ""
    title: str = Field("", description="what the files are named after")
    notes: tuple[str, ...] = ()
    submitted: float = Field(description="when, in seconds since 1970")


def encode(job: Job) -> str:
    """The job id."""
    packed = zlib.compress(job.model_dump_json(exclude_defaults=True).encode(), 9)
    return MARK + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode(job_id: str) -> Job:
    """The job of an id.

    Raises:
        InvalidInput: it is no job id, or a damaged one.
    """
    text = "".join(job_id.split())
    wrong = InvalidInput(
        "job_id",
        job_id,
        "the job_id that a node gave in mode submit",
        "Connect the output job_id of that node; it begins with csj1. and must be whole.",
    )
    if not text.startswith(MARK) or len(text) > MAX_ID_CHARACTERS:
        raise wrong
    body = text.removeprefix(MARK)
    try:
        packed = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        stream = zlib.decompressobj()
        data = stream.decompress(packed, MAX_JOB_BYTES)
        if not stream.eof:
            raise wrong
        job = Job.model_validate_json(data)
    except (binascii.Error, zlib.error, ValidationError, ValueError):
        raise wrong from None
    if not _believable(job):
        raise wrong
    return job


def _believable(job: Job) -> bool:
    """Whether `submit` can have made it: nothing in it may cost memory or reach elsewhere."""
    parts = job.ticket.ids
    sides = () if job.plan is None else (job.plan.width, job.plan.height)
    return (
        len(parts) <= MAX_COUNT
        and all(_REMOTE_ID.fullmatch(part) for part in parts)
        and all(MIN_SIDE <= side <= MAX_SIDE for side in sides)
    )
