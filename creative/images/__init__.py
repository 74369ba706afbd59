"""Pictures of exactly the asked size, on whichever engine the user has.

    generate(request, settings, deadline, steps)           draws and waits
    submit(request, settings, deadline, steps)             hands over, returns a job id
    collect(job_id, settings, deadline, steps, report)     waits for such a job, in any later call
    upscale(request, settings, deadline, steps)            makes a picture larger
    run_workflow(request, settings, deadline, steps)       runs a user's own ComfyUI workflow
    choices(kind, settings, deadline)                      names that the user's servers have
    read_prompt(request, settings, deadline, steps, model) the prompt that a picture was made from

How it fits together: `given` reads what people type into a `request`; `size` and `plan` decide
what is drawn and how it becomes exactly the asked picture; `engines` draw; `finishing` makes
files of it, with the arithmetic of `finish` in a child process; `job` is a submitted job in one
string.
"""

from __future__ import annotations

from creative.images.choices import choices
from creative.images.collect import collect
from creative.images.comfy_workflow import WorkflowRequest, WorkflowResult, run_workflow
from creative.images.generate import generate, submit
from creative.images.given import Given, PlacementGiven, read_object
from creative.images.reading import Reading, ReadRequest, read_prompt
from creative.images.request import DrawRequest
from creative.images.result import Generated, Picture
from creative.images.size import read_pixels
from creative.images.upscale import (
    NO_ENGINE,
    UpscaleGiven,
    UpscaleRequest,
    scale_of,
    upscale,
    way_of,
)

__all__ = [
    "NO_ENGINE",
    "DrawRequest",
    "Generated",
    "Given",
    "Picture",
    "PlacementGiven",
    "ReadRequest",
    "Reading",
    "UpscaleGiven",
    "UpscaleRequest",
    "WorkflowRequest",
    "WorkflowResult",
    "choices",
    "collect",
    "generate",
    "read_object",
    "read_pixels",
    "read_prompt",
    "run_workflow",
    "scale_of",
    "submit",
    "upscale",
    "way_of",
]
