"""Runware's tasks, built, and its answers, read: no network."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from creative.errors import EngineRejected, InvalidInput
from creative.http import Reply, redact_text
from creative.images.engines.base import Task
from creative.images.engines.replies import check
from creative.images.engines.runware_tables import tables
from creative.images.request import DrawRequest

BLANK = "__BLANK__"
"""Runware's word for "no prompt"."""
OWN_FIELDS = {
    "positivePrompt": "prompt",
    "model": "model",
    "width": "width",
    "height": "height",
    "seed": "seed",
    "numberResults": "count",
    "seedImage": "image",
    "maskImage": "mask",
}
"""Fields of a task that parameters of the node fill."""
CLOSED_FIELDS = frozenset(
    {"taskType", "taskUUID", "apiKey", "outputType", "outputFormat", "deliveryMethod",
     "includeCost", "webhookURL", "uploadEndpoint", "ttl"}
)  # fmt: skip
"""Fields that decide how the pictures come back."""

_HINTS = {
    "invalidApiKey": "Check 'runware_api_key'.",
    "insufficientCredits": "Add credit to the account at Runware.",
    "timeoutProvider": "The model's provider did not answer Runware in time: try again later.",
}
_PARAMETERS = {
    "positivePrompt": "prompt",
    "negativePrompt": "negative_prompt",
    "numberResults": "count",
    "CFGScale": "cfg_scale",
    "lora": "loras",
    "width": "width or size",
    "height": "height or size",
    "inputs.seedImage": "image",
    "inputs.maskImage": "mask",
}


@dataclass
class Answer:
    """What Runware said about one task.

    Attributes:
        done: rows with a result.
        working: rows of generations that still run.
        errors: rows of generations that failed.
    """

    done: list[dict[str, Any]] = field(default_factory=list)
    working: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)


def inference(task: Task, uuid: str, model: str, loras: dict[str, float], scheduler: str,
              blank_seed: int) -> dict[str, Any]:  # fmt: skip
    """The task that draws, to be fetched with getResponse.

    Args:
        task: the job.
        uuid: the task's id, a random UUID v4.
        model: AIR id.
        loras: weights by AIR id.
        scheduler: a name of Runware's; empty: the model's own.
        blank_seed: sent instead of 0, which Runware does not take.
    """
    request = task.request
    optional = {
        "negativePrompt": request.negative_prompt.strip() or None,
        "steps": request.steps,
        "CFGScale": request.cfg_scale,
        "scheduler": scheduler or None,
        "lora": [{"model": air, "weight": weight} for air, weight in loras.items()] or None,
        "strength": request.strength if task.init is not None else None,
    }
    inputs = request.extra.get("inputs")
    pictures = dict(inputs) if isinstance(inputs, dict) else {}
    if task.init is not None:
        pictures["seedImage"] = data_uri(task.init)
    if task.mask is not None:
        pictures["maskImage"] = data_uri(task.mask)
    body = {
        **{name: value for name, value in optional.items() if value is not None},
        **request.extra,
        "taskType": "imageInference",
        "taskUUID": uuid,
        "positivePrompt": request.prompt if request.prompt.strip() else BLANK,
        "model": model,
        "width": task.plan.draw_width,
        "height": task.plan.draw_height,
        "seed": task.seed or blank_seed,
        "numberResults": request.count,
        **DELIVERY,
    }
    return {**body, "inputs": pictures} if pictures else body


DELIVERY = {
    "outputType": "base64Data",
    "outputFormat": "PNG",
    "includeCost": True,
    "deliveryMethod": "async",
}


def upscale(data: bytes, mime_type: str, uuid: str, model: str, factor: int) -> dict[str, Any]:
    """The task that enlarges a picture `factor` times."""
    return {
        "taskType": "upscale",
        "taskUUID": uuid,
        "model": model,
        "upscaleFactor": factor,
        "inputs": {"image": data_uri(data, mime_type)},
        **DELIVERY,
    }


def data_uri(data: bytes, mime_type: str = "image/png") -> str:
    """The picture inside an address."""
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"


def check_request(request: DrawRequest) -> None:
    """Refuse what Runware would refuse, before it is asked.

    Raises:
        InvalidInput: a prompt too short or too long, too many steps, seed 0, styles, a field of
            `extra` that a parameter fills or that decides how pictures come back.
    """
    limits = tables().limits
    for name, text in (("prompt", request.prompt), ("negative_prompt", request.negative_prompt)):
        length = len(text.strip())
        if text.strip() and not limits.min_prompt <= length <= limits.max_prompt:
            raise InvalidInput(
                name,
                f"{length} characters",
                f"{limits.min_prompt} to {limits.max_prompt} characters with runware",
            )
    if request.steps is not None and request.steps > limits.max_steps:
        raise InvalidInput("steps", request.steps, f"1 to {limits.max_steps} with runware")
    if request.seed == 0:
        raise InvalidInput("seed", 0, "1 or more with runware")
    if request.styles:
        raise InvalidInput(
            "styles",
            ", ".join(request.styles),
            "no styles with runware: they are saved on an automatic1111 server",
            "Write the style into the prompt.",
        )
    inputs = request.extra.get("inputs", {})
    if not isinstance(inputs, dict):
        raise InvalidInput("extra.inputs", inputs, "an object")
    for name in (*request.extra, *inputs):
        if name in OWN_FIELDS:
            raise InvalidInput(
                "extra",
                name,
                "fields that are no parameters of the node",
                f"Use the parameter '{OWN_FIELDS[name]}' instead.",
            )
        if name in CLOSED_FIELDS:
            raise InvalidInput("extra", name, "fields that do not decide how pictures come back")


def read(reply: Reply, uuid: str, key: str) -> Answer:
    """What an answer says about the task `uuid`.

    Raises:
        EngineRejected: Runware refuses the whole request, in its own words.
        EngineUnavailable: a proxy on the way gave up.
        AnswerInvalid: it is no JSON.
    """
    errors: list[dict[str, Any]] = []
    try:
        body = json.loads(reply.body)
    except ValueError:
        body = None
    if isinstance(body, dict):
        raw = body.get("errors") or body.get("error") or []
        rows = raw if isinstance(raw, list) else [raw]
        errors = [row if isinstance(row, dict) else {"message": str(row)} for row in rows]
    if not reply.ok:
        if errors:
            raise refusal(errors, key, reply.status)
        check(reply, "runware_api_key", "runware_api_key")
    if body is None:
        body = reply.json()
    answer = Answer(errors=[row for row in errors if row.get("taskUUID", uuid) == uuid])
    data = body.get("data") if isinstance(body, dict) else None
    for row in data if isinstance(data, list) else []:
        if not isinstance(row, dict) or row.get("taskUUID", uuid) != uuid:
            continue
        if picture_text(row) or "results" in row:
            answer.done.append(row)
        elif row.get("status") == "error":
            answer.errors.append(row)
        else:
            answer.working.append(row)
    return answer


def picture_text(row: dict[str, Any]) -> str:
    """The picture of a row: base64 or a data URI; "" if there is none."""
    for name in ("imageBase64Data", "imageDataURI"):
        if isinstance(row.get(name), str) and row[name]:
            return str(row[name])
    return ""


def refusal(errors: list[dict[str, Any]], key: str, status: int | None = None) -> EngineRejected:
    """The error for errors of Runware's (not raised)."""
    first = errors[0]
    code, parameter = str(first.get("code") or ""), first.get("parameter") or ""
    if isinstance(parameter, list):
        parameter = ", ".join(map(str, parameter))
    if code in _HINTS:
        hint = _HINTS[code]
    elif status == 402:
        hint = _HINTS["insufficientCredits"]
    elif parameter:
        ours = _PARAMETERS.get(str(parameter), f"{parameter} (in extra)")
        hint = f"Change the parameter {ours}."
    else:
        hint = "Look at the account at Runware, which lists every task."
    return EngineRejected("Runware", words(errors, key), status, hint)


def words(errors: list[dict[str, Any]], key: str) -> str:
    """Runware's own words, each once."""
    said = []
    for error in errors:
        code, message = error.get("code"), error.get("message") or error.get("error")
        said.append(": ".join(str(part) for part in (code, message) if part) or json.dumps(error))
    text = redact_text("; ".join(dict.fromkeys(said)))
    return text.replace(key, "•••") if key else text
