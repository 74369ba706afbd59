"""An engine's answer, read: JSON of a success, or the error that says what to do about it."""

from __future__ import annotations

import json
from typing import Any

from creative.errors import AnswerInvalid, EngineRejected, EngineUnavailable
from creative.http import Reply, redact, redact_text

GATEWAY = frozenset({502, 504, 522, 524})
"""A proxy speaks: 502, 504 (RFC 9110), 522 and 524 (Cloudflare's)."""


def read(reply: Reply, secret: str, address: str) -> Any:
    """The JSON of a 2xx answer.

    Args:
        reply: the answer.
        secret: name of the credential that would be wrong on 401.
        address: name of the setting that holds the server's address.

    Raises:
        EngineRejected: any other status, with the server's own words and what to do.
        EngineUnavailable: a proxy on the way gave up.
        AnswerInvalid: it is not JSON.
    """
    check(reply, secret, address)
    return reply.json()


def check(reply: Reply, secret: str, address: str) -> None:
    """Raise unless the status is 2xx; see `read`."""
    if reply.ok:
        return
    who = f"{reply.engine} at {reply.address}"
    if 300 <= reply.status < 400:
        target = redact(reply.headers.get("location", "")) or "another address"
        raise EngineRejected(
            who,
            f"it redirects to {target}",
            reply.status,
            f"Put the address it redirects to, without the path of the API, in '{address}'; "
            "if that is a login page, the server is behind one.",
        )
    if reply.status in GATEWAY:
        raise EngineUnavailable(
            who,
            f"a proxy in front of it answered {reply.status}: it waits no longer than its own "
            "limit (100 s at Cloudflare, 60 s at nginx and gradio.live) and drops the picture",
            "Use an address of the server without the proxy, or mode submit and fetch_image.",
        )
    hints = {
        401: f"Check '{secret}'.",
        402: "The account has no credit left.",
        403: f"Check '{secret}' and what it is allowed to do.",
        404: f"The server answers, but not at this path: check the end of '{address}' and that "
        "its API is switched on (AUTOMATIC1111 and Forge: --api).",
        413: "The request is too large for the server or a proxy: use a smaller picture.",
        422: "A field has a value that this server does not take.",
        429: "The server allows no more requests for now: try again later.",
    }
    hint = hints.get(reply.status, "Look at the server's own log.")
    raise EngineRejected(who, said(reply), reply.status, hint)


def said(reply: Reply) -> str:
    """The server's own words, out of whichever JSON shape it uses, or of its HTML's title."""
    try:
        words = _words(json.loads(reply.body))
    except (ValueError, RecursionError):  # the latter: nested thousands deep
        text = reply.text()
        if "<html" in text[:2000].lower():
            title = text.partition("<title>")[2].partition("</title>")[0].strip()
            words = f"an HTML page instead of JSON{f' ({title})' if title else ''}"
        else:
            words = text
    return redact_text(words.strip()) or "(empty body)"


def _words(data: Any) -> str:
    if isinstance(data, str):
        return data
    if isinstance(data, list):
        return "; ".join(filter(None, map(_words, data[:5])))
    if not isinstance(data, dict):
        return str(data)
    if "loc" in data and "msg" in data:  # FastAPI
        place = ".".join(str(part) for part in data["loc"] if part != "body")
        return f"{place}: {data['msg']}" if place else str(data["msg"])
    parts = []
    for key in ("error", "errors", "detail", "message", "details"):
        value = data.get(key)
        if value:
            words = _words(value)
            if words and words not in parts:
                parts.append(words)
    return ": ".join(parts) or json.dumps(data, ensure_ascii=False)


def pictures_missing(who: str) -> AnswerInvalid:
    """The error for a success without a picture (not raised)."""
    return AnswerInvalid(
        who,
        "it reports success and holds no picture",
        "Look at the server's own log; a safety filter or a full disk can be the reason.",
    )
