"""Requests of the images API, built: pure functions, no network."""

from __future__ import annotations

import json
from typing import Any

from creative.errors import InvalidInput
from creative.images.engines.base import Raw, Task
from creative.images.engines.openai_tables import ImageModel
from creative.images.request import DrawRequest


def body(
    task: Task,
    model: str,
    row: ImageModel | None,
    fields: dict[str, Any],
    count: int,
    mask: bytes | None,
) -> dict[str, Any]:
    """What `requests` sends: JSON to draw, a multipart form to edit.

    Args:
        task: the job.
        model: empty: none is sent, the server takes its own.
        row: what is known about the model.
        fields: further fields, as checked.
        count: pictures to ask for.
        mask: PNG whose transparent parts are repainted.
    """
    values: dict[str, Any] = {"prompt": task.request.prompt, "n": count}
    values["size"] = f"{task.plan.draw_width}x{task.plan.draw_height}"
    if model:
        values["model"] = model
    if row is None or row.response_format:
        values["response_format"] = "b64_json"
    values.update(fields)
    if task.init is None:
        return {"json": values}
    files = [("image", ("image.png", task.init, "image/png"))]
    if mask is not None:
        files.append(("mask", ("mask.png", mask, "image/png")))
    form = {name: value if isinstance(value, str) else json.dumps(value)
            for name, value in values.items()}  # fmt: skip
    return {"data": form, "files": files}


def to_alpha(mask: bytes, progress: object) -> bytes:
    """Worker job: a grey mask, white repainted, as one for the images API: transparent repainted.

    The colours stay those of the grey mask: stable-diffusion.cpp's server reads them and knows
    no transparency.
    """
    from io import BytesIO

    from PIL import Image, ImageChops

    with Image.open(BytesIO(mask)) as opened:
        grey = opened.convert("L")
    both = Image.merge("RGBA", (grey, grey, grey, ImageChops.invert(grey)))
    out = BytesIO()
    both.save(out, "PNG")
    return out.getvalue()


def refuse_what_changes_the_model(request: DrawRequest) -> None:
    """LoRAs and styles would change what is drawn: they are never left out silently.

    Raises:
        InvalidInput: there are some.
    """
    if request.loras:
        raise InvalidInput(
            "loras",
            ", ".join(lora.name for lora in request.loras),
            "no LoRAs with openai: its models cannot be changed",
            "Use the engine automatic1111, comfyui or runware.",
        )
    if request.styles:
        raise InvalidInput(
            "styles",
            ", ".join(request.styles),
            "no styles with openai: they are saved on an automatic1111 server",
            "Write the style into the prompt.",
        )


def unused(request: DrawRequest, row: ImageModel | None) -> list[str]:
    """Parameters that somebody gave and that this API has not."""
    given = {
        "negative_prompt": request.negative_prompt.strip(),
        "steps": request.steps is not None,
        "cfg_scale": request.cfg_scale is not None,
        "sampler": request.sampler,
        "scheduler": request.scheduler,
        "seed": request.seed is not None,
        "strength": request.strength is not None,
        "upscaler": request.upscaler,
        "model_family": row is not None and request.family != "auto",
        "previews": request.previews,
    }
    return [name for name, value in given.items() if value]


def raw(data: bytes, task: Task, model: str) -> Raw:
    """A picture with its generation parameters: the server's own where it wrote some.

    stable-diffusion.cpp's server does, with the seed that this API cannot choose.
    """
    from creative.images.infotext import Infotext, compose, parse
    from creative.images.picture import read_infotext

    written = read_infotext(data)
    if written:
        return Raw(data=data, seed=parse(written).seed, infotext=written)
    fields = {"Size": f"{task.plan.draw_width}x{task.plan.draw_height}", "Engine": "openai"}
    if model:
        fields["Model"] = model
    fields["Version"] = "creative_studio"
    own = Infotext(prompt=task.request.prompt, fields=fields)
    return Raw(data=data, infotext=compose(own))
