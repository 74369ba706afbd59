"""Which server answers at an address, and what to write where it is not the wanted one.

Where a server answers and is not what its setting names, it is looked for nearby (a path too
much or too little, another kind of server), so that the hint can say what to write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from creative import http
from creative.deadline import Deadline
from creative.errors import (
    HINT_MARK,
    AnswerInvalid,
    CreativeError,
    EngineRejected,
    EngineUnavailable,
)

_THIS_MACHINE = re.compile(r"^(localhost|.+\.localhost|127\.[\d.]+|::1|0\.0\.0\.0)$", re.IGNORECASE)
_UNKNOWN_NAME = (
    "Check the spelling. The name must be known where the plugin runs: in Docker that is its "
    "container, which does not know the names of your own machine."
)
_DOCKER_NAME = (
    " Docker on Linux knows host.docker.internal only where the container has the line "
    "extra_hosts: host.docker.internal:host-gateway; your machine's address in the network works "
    "without it."
)
NO_SUCH_ROUTE = frozenset({404, 405, 501})


@dataclass(frozen=True)
class Kind:
    """A kind of server, and the GET by which it is known.

    Attributes:
        title: what it is, for people.
        setting: the credential that holds its address.
        secret: the credential that proves who we are.
        path: what is asked; behind the server's login, free, and quick.
        known: whether this JSON is its answer.
    """

    title: str
    setting: str
    secret: str
    path: str
    known: Callable[[Any], bool]


# What a drawing asks first as well; with --api-auth other routes stay open, this one does not.
STABLE_DIFFUSION = Kind(
    "Stable Diffusion",
    "sd_base_url",
    "sd_auth",
    "/sdapi/v1/sd-models",
    lambda found: isinstance(found, list),
)
COMFYUI = Kind(
    "ComfyUI",
    "comfyui_base_url",
    "comfyui_api_key",
    "/system_stats",
    lambda found: isinstance(found, dict) and "system" in found,
)
IMAGES_API = Kind(
    "Images API",
    "openai_base_url",
    "openai_api_key",
    "/models",
    # LM Studio answers 200 with {"error": …} where it has nothing, and a list of names alone is
    # what ComfyUI has at /models.
    lambda found: (
        (isinstance(found, dict) and bool({"data", "models"} & found.keys()))
        or (isinstance(found, list) and isinstance((found or [{}])[0], dict))
    ),
)
DIFY = Kind(
    "Dify",
    "dify_base_url",
    "dify_api_key",
    "/info",
    lambda found: isinstance(found, dict) and "name" in found,
)
_DRAWING = (STABLE_DIFFUSION, COMFYUI)


def _worded(error: CreativeError, message: str, hint: str) -> CreativeError:
    error.message, error.hint = message, hint
    error.args = (f"{message}{HINT_MARK}{hint}" if hint else message,)
    return error


def asked[Answer](address: str, ask: Callable[[], Answer], listens: bool = False) -> Answer:
    """The answer; no connection is explained by what is usual for such an address.

    Args:
        address: as configured.
        ask: asks the server.
        listens: it takes connections from elsewhere only with --listen.
    """
    try:
        return ask()
    except EngineUnavailable as error:
        hint = _unreachable(address, error.message, listens)
        raise _worded(error, error.message, hint or error.hint) from error


def _unreachable(address: str, message: str, listens: bool) -> str:
    if "://" not in address:
        return f"Write http:// before it: http://{http.redact(f'http://{address}')[7:]}"
    parts = urlsplit(address)
    if "does not speak TLS" in message:
        return "Write http:// instead of https://, if the server has no certificate."
    if "without an answer" in message and parts.scheme == "http":
        return "If the server has a certificate, write https:// instead of http://."
    if "cannot be resolved" in message:
        return _UNKNOWN_NAME + (_DOCKER_NAME if parts.hostname == "host.docker.internal" else "")
    if "refused" not in message:
        return ""
    hint = "Check the port and that the server is running."
    if _THIS_MACHINE.match(parts.hostname or ""):
        hint += (
            f" If Dify runs in Docker, {parts.hostname} is the container itself: write "
            "host.docker.internal, or your machine's address in the network, instead."
        )
    if listens:
        hint += " Other machines and containers reach it only when it was started with --listen."
    return hint


def accept(kind: Kind, reply: http.Reply, base: str, secret: bool, clock: Deadline) -> None:
    """Return if this is the answer of such a server.

    Raises:
        EngineRejected: a refusal, or a path that the server does not have.
        AnswerInvalid: something else answers.
        EngineUnavailable: a proxy on the way gave up.
    """
    from creative.images.engines import replies

    if reply.ok:
        try:
            found: Any = reply.json()
        except AnswerInvalid as error:
            raise _worded(
                error, error.message, hint_for(kind, base, clock) or error.hint
            ) from error
        if kind.known(found):
            return
        raise AnswerInvalid(
            f"{reply.engine} at {reply.address}",
            "it is not what such a server answers",
            hint_for(kind, base, clock) or f"Check the address in '{kind.setting}'.",
        )
    if reply.status in replies.GATEWAY:
        raise EngineUnavailable(
            f"{reply.engine} at {reply.address}",
            f"a proxy in front of it answered {reply.status}: nothing behind the proxy answers",
            "Check that the server itself is running, and that the proxy passes requests on to "
            "its port.",
        )
    try:
        replies.check(reply, kind.secret, kind.setting)
    except EngineRejected as error:
        hint = error.hint
        if reply.status in (401, 403):
            hint = _login(kind, secret)
        elif reply.status == 503:
            hint = (
                "It may be starting, or loading a model: try again in a minute; its log says more."
            )
        elif reply.status in NO_SUCH_ROUTE:
            hint = hint_for(kind, base, clock) or _no_route(kind)
        raise _worded(error, error.message, hint) from error


def _login(kind: Kind, given: bool) -> str:
    first = f"Check '{kind.secret}'" if given else f"Set '{kind.secret}'"
    if kind is STABLE_DIFFUSION:
        return f"{first}: user:password, as given to --api-auth."
    if kind is COMFYUI:
        return f"{first}, or write http://user:password@… if a proxy asks for these."
    return f"{first}."


def _no_route(kind: Kind) -> str:
    hint = f"The server answers, but not at this path: check the end of '{kind.setting}'."
    if kind is STABLE_DIFFUSION:
        hint += " AUTOMATIC1111 and Forge have their API only when started with --api."
    return hint


def hint_for(kind: Kind, base: str, clock: Deadline) -> str:
    """What to write instead, if the wanted or another known server is found nearby."""
    for nearby in _nearby(kind, base):
        if _is(kind, nearby, clock):
            return f"Write {http.redact(nearby)} in '{kind.setting}'."
    for other in _DRAWING:
        places = (base, *_nearby(other, base))
        if other is not kind and any(_is(other, place, clock) for place in places):
            what = "a ComfyUI" if other is COMFYUI else "a Stable Diffusion"
            return f"This is {what} server: its address belongs in '{other.setting}'."
    return ""


def _nearby(kind: Kind, base: str) -> Iterator[str]:
    """The addresses above this one; for APIs that live under /v1, that one below it."""
    parts = urlsplit(base)
    if kind in (IMAGES_API, DIFY) and not parts.path.endswith("/v1"):
        yield f"{base}/v1"
    path = parts.path.rstrip("/")
    while path:
        path = path.rpartition("/")[0]
        yield urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _is(kind: Kind, base: str, clock: Deadline) -> bool:
    """Whether such a server is at this address; asked without any credential."""
    try:
        with http.client(kind.title, clock) as client:
            reply = client.get(base + kind.path, allow_redirects=False)
        # Only asked where the configured path is no login: then a login here is the API's.
        return reply.status == 401 or (reply.ok and kind.known(reply.json()))
    except CreativeError:
        return False  # the question was only meant to improve a hint
