"""Answers of the images API, read: pictures, and errors that say what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from creative.errors import CreativeError, EngineRejected
from creative.http import Client, Reply
from creative.images.engines.openai_tables import ImageModel, default_model
from creative.images.engines.pictures_in import Origin, decoded, fetched
from creative.images.engines.replies import check, pictures_missing, said
from creative.images.names import closest

_SAFETY = (
    "The provider's safety filter stopped it: say it differently. OpenAI's models filter less "
    'with the extra field {"moderation": "low"}.'
)
_MONEY = "Add credit or raise the limit in the provider's billing settings; nothing was drawn."
_HINTS = {
    "moderation_blocked": _SAFETY,
    "content_policy_violation": _SAFETY,
    "content_filter": _SAFETY,
    "image_generation_user_error": "Change the prompt or the image; the same request fails again.",
    "billing_hard_limit_reached": _MONEY,
    "billing_not_active": _MONEY,
    "insufficient_quota": _MONEY,
    "rate_limit_exceeded": "The account's limit of pictures per minute is reached: try again in a "
    "minute, or ask for fewer pictures at a time.",
    "invalid_api_key": "Check 'openai_api_key'.",
}
"""By `error.code` of OpenAI's error bodies (openai-python's error reference and GitHub issues)."""


def picture_of(row: object, client: Client, origin: Origin) -> bytes:
    """The picture of one row of `data`: base64, or fetched from its address.

    Raises:
        AnswerInvalid: there is no whole picture.
        CreativeError: it could not be fetched; see `pictures_in.fetched`.
    """
    values: Mapping[str, Any] = row if isinstance(row, dict) else {}
    encoded, address = values.get("b64_json"), values.get("url")
    if isinstance(encoded, str) and encoded:
        return decoded(encoded, client.engine)
    if isinstance(address, str) and address:
        return fetched(address, client, origin)
    raise pictures_missing(client.engine)


def refusal(
    reply: Reply, key: str, listed: tuple[str, ...], row: ImageModel | None
) -> CreativeError:
    """The error for an answer that is not 2xx (not raised).

    Args:
        reply: the answer.
        key: the credential, which some servers repeat in their errors.
        listed: the models that the server has, if known.
        row: what is known about the model that was asked for.
    """
    try:
        check(reply, "openai_api_key", "openai_base_url")
    except CreativeError as error:
        if not isinstance(error, EngineRejected) or 300 <= reply.status < 400:
            return error
        general = error.hint
    else:
        raise AssertionError("unreachable: check raises for every other status")
    words = said(reply)
    if key:
        words = words.replace(key, "•••")
    code, parameter = _code(reply)
    request_id = reply.headers.get("x-request-id", "")
    if request_id and reply.status >= 500:
        words = f"{words} (request {request_id})"
    hint = _HINTS.get(code) or _hint(reply, code, parameter, listed, row) or general
    return EngineRejected(f"{reply.engine} at {reply.address}", words, reply.status, hint)


def _code(reply: Reply) -> tuple[str, str]:
    """`error.code` (or `error.type`) and `error.param` of an error body."""
    try:
        error = json.loads(reply.body).get("error")
    except (ValueError, AttributeError):
        return "", ""
    if not isinstance(error, dict):
        return "", ""
    code = error.get("code") or error.get("type") or ""
    return str(code), str(error.get("param") or "")


def _hint(
    reply: Reply, code: str, parameter: str, listed: tuple[str, ...], row: ImageModel | None
) -> str:
    if code == "model_not_found" or parameter == "model":
        gone = ""
        if row is not None and row.retired is not None and row.retired <= date.today():
            gone = f"OpenAI retired this model on {row.retired}. "
        return f"{gone}Choose another model, for example {default_model()}. " + (
            closest("", listed) if listed else ""
        )
    if parameter:
        return f"The server does not take '{parameter}' this way: change it, or leave it out."
    by_status = {
        404: "The server answers, but not at this path: 'openai_base_url' usually ends in /v1."
    }
    if b"verified" in reply.body:
        by_status[403] = (
            "OpenAI wants the organization verified for this model: do that in its settings."
        )
    return by_status.get(reply.status, "")
