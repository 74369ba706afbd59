"""Do the configured servers answer? Asked when the credentials form is saved, and by `doctor`.

Only what is filled in is checked, everything at the same time, with requests that change and
cost nothing. Where a server answers and is not what its setting names, it is looked for nearby
(a path too much or too little, another kind of server), so that the hint can say what to write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import import_module
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
    InvalidInput,
    NotConfigured,
)
from creative.settings import SCREENSHOT_SERVICES, Settings

CHECK_SECONDS = 15.0
OPENAI_URL = "https://api.openai.com/v1"
DIFY_URL = "https://api.dify.ai/v1"
RUNWARE_URL = "https://api.runware.ai/v1"

# host, host:port, [IPv6] or [IPv6]:port
_HOST = re.compile(r"^(\[[0-9a-fA-F:.]+\]|[^\s/:@\[\]]+)(:\d{1,5})?$")
_THIS_MACHINE = re.compile(r"^(localhost|.+\.localhost|127\.[\d.]+|::1|0\.0\.0\.0)$", re.IGNORECASE)
_NO_SUCH_ROUTE = frozenset({404, 405, 501})


@dataclass(frozen=True)
class Problem:
    """A credential that does not work.

    Attributes:
        credential: its name in the form.
        error: says at which address, and what answered.
    """

    credential: str
    error: CreativeError

    def __str__(self) -> str:
        return f"{self.credential}: {self.error}"


Check = tuple[str, Callable[[Deadline], object]]


@dataclass(frozen=True)
class _Kind:
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
_STABLE_DIFFUSION = _Kind(
    "Stable Diffusion",
    "sd_base_url",
    "sd_auth",
    "/sdapi/v1/sd-models",
    lambda found: isinstance(found, list),
)
_COMFYUI = _Kind(
    "ComfyUI",
    "comfyui_base_url",
    "comfyui_api_key",
    "/system_stats",
    lambda found: isinstance(found, dict) and "system" in found,
)
_OPENAI = _Kind(
    "Images API",
    "openai_base_url",
    "openai_api_key",
    "/models",
    # A list of names alone is what ComfyUI has at /models.
    lambda found: (
        isinstance(found, dict)
        or (isinstance(found, list) and isinstance((found or [{}])[0], dict))
    ),
)
_DIFY = _Kind(
    "Dify",
    "dify_base_url",
    "dify_api_key",
    "/info",
    lambda found: isinstance(found, dict) and "name" in found,
)
_DRAWING = (_STABLE_DIFFUSION, _COMFYUI)

_IMPORTED_LATER = (
    "creative.capture",
    "creative.images.engines.automatic1111",
    "creative.images.engines.comfyui",
    "creative.images.engines.replies",
    "creative.images.engines.runware_tasks",
)
"""What the checks import inside their functions, so that the plugin is ready in time."""


def check(settings: Settings, deadline: Deadline | None = None) -> list[Problem]:
    """Check everything that is set, in parallel.

    Args:
        settings: what the user filled in.
        deadline: for all checks together; default 15 s.

    Returns:
        One problem per credential that does not work, in the order of the form.
    """
    clock = deadline or Deadline(
        CHECK_SECONDS,
        "the credential check's limit",
        "Check the address, and that no firewall is between; a server that is loading a model "
        "may need a minute: then try again.",
    )
    checks = list(_checks(settings))
    if not checks:
        return []

    # Here, one after the other: threads that import parts of one package at the same time can
    # lock each other out (importlib's _ModuleLock).
    for module in _IMPORTED_LATER:
        import_module(module)

    def attempt(one: Check) -> Problem | None:
        credential, ask = one
        try:
            ask(clock)
        except CreativeError as error:
            return Problem(credential, error.without(settings.secrets()))
        return None

    with ThreadPoolExecutor(max_workers=len(checks)) as pool:
        return [problem for problem in pool.map(attempt, checks) if problem is not None]


def _worded(error: CreativeError, message: str, hint: str) -> CreativeError:
    error.message, error.hint = message, hint
    error.args = (f"{message}{HINT_MARK}{hint}" if hint else message,)
    return error


def _checks(settings: Settings) -> Iterator[Check]:
    s = settings
    if s.sd_auth:
        yield "sd_auth", lambda _: _pair(s.sd_auth)
    for base in s.sd_base_url:
        yield "sd_base_url", partial(_stable_diffusion, base, s.sd_auth)
    if s.comfyui_base_url:
        yield "comfyui_base_url", partial(_comfyui, s)
    if s.openai_base_url or s.openai_api_key:
        yield (
            "openai_base_url" if s.openai_base_url else "openai_api_key",
            partial(_openai, s.openai_base_url or OPENAI_URL, s.openai_api_key),
        )
    if s.runware_api_key:
        yield "runware_api_key", partial(_runware, s.runware_api_key)
    if s.browser_url:
        yield "browser_url", partial(_browser, s.browser_url)
    if s.screenshot_service or s.screenshot_service_key:
        yield "screenshot_service", lambda _: _screenshot_service(s)
    if s.dify_base_url and not s.dify_api_key:
        yield "dify_base_url", lambda _: _missing_key()
    for key in s.dify_api_key:
        yield "dify_api_key", partial(_dify, s.dify_base_url or DIFY_URL, key)
    if s.allowed_private_hosts:
        yield "allowed_private_hosts", lambda _: _hosts(s.allowed_private_hosts)


def _stable_diffusion(address: str, login: str, clock: Deadline) -> None:
    from creative.images.engines.automatic1111.server import Server

    # A login of another form is a problem of its own.
    with Server(address, login if ":" in login else "", clock) as server:
        reply = _asked(address, lambda: server.get(_STABLE_DIFFUSION.path), listens=True)
        _accept(_STABLE_DIFFUSION, reply, server.base, bool(login), clock)


def _comfyui(settings: Settings, clock: Deadline) -> None:
    from creative.images.engines.comfyui.server import Server

    with Server(settings, clock) as server:
        reply = _asked(server.base, lambda: server.get(_COMFYUI.path), listens=True)
        _accept(_COMFYUI, reply, server.base, bool(server.headers), clock)


def _openai(base: str, key: str, clock: Deadline) -> None:
    base = base.rstrip("/")
    reply = _get(_OPENAI, base, key, clock)
    official = (urlsplit(base).hostname or "").endswith(".openai.com")
    # A key of OpenAI may be allowed to draw and not to list models.
    if official and reply.status == 403 and "scope" in reply.text().lower():
        return
    lists_nothing = reply.status in _NO_SUCH_ROUTE and not official
    if lists_nothing and not _hint(_OPENAI, base, clock):
        return  # a server without this route draws all the same
    _accept(_OPENAI, reply, base, bool(key), clock)


def _dify(base: str, key: str, clock: Deadline) -> None:
    base = base.rstrip("/")
    _accept(_DIFY, _get(_DIFY, base, key, clock), base, bool(key), clock)


def _get(kind: _Kind, base: str, key: str, clock: Deadline) -> http.Reply:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with http.client(kind.title, clock) as client:
        return _asked(
            base, lambda: client.get(base + kind.path, headers=headers, allow_redirects=False)
        )


def _asked[Answer](address: str, ask: Callable[[], Answer], listens: bool = False) -> Answer:
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


def _accept(kind: _Kind, reply: http.Reply, base: str, secret: bool, clock: Deadline) -> None:
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
            raise _worded(error, error.message, _hint(kind, base, clock) or error.hint) from error
        if kind.known(found):
            return
        raise AnswerInvalid(
            f"{reply.engine} at {reply.address}",
            "it is not what such a server answers",
            _hint(kind, base, clock) or f"Check the address in '{kind.setting}'.",
        )
    try:
        replies.check(reply, kind.secret, kind.setting)
    except EngineRejected as error:
        hint = error.hint
        if reply.status in (401, 403):
            hint = _login(kind, secret)
        elif reply.status in _NO_SUCH_ROUTE:
            hint = _hint(kind, base, clock) or _no_route(kind)
        raise _worded(error, error.message, hint) from error


def _login(kind: _Kind, given: bool) -> str:
    first = f"Check '{kind.secret}'" if given else f"Set '{kind.secret}'"
    if kind is _STABLE_DIFFUSION:
        return f"{first}: user:password, as given to --api-auth."
    if kind is _COMFYUI:
        return f"{first}, or write http://user:password@… if a proxy asks for these."
    return f"{first}."


def _no_route(kind: _Kind) -> str:
    hint = f"The server answers, but not at this path: check the end of '{kind.setting}'."
    if kind is _STABLE_DIFFUSION:
        hint += " AUTOMATIC1111 and Forge have their API only when started with --api."
    return hint


def _hint(kind: _Kind, base: str, clock: Deadline) -> str:
    """What to write instead, if the wanted or another known server is found nearby."""
    for nearby in _nearby(kind, base):
        if _is(kind, nearby, clock):
            return f"Write {http.redact(nearby)} in '{kind.setting}'."
    for other in _DRAWING:
        places = (base, *_nearby(other, base))
        if other is not kind and any(_is(other, place, clock) for place in places):
            what = "a ComfyUI" if other is _COMFYUI else "a Stable Diffusion"
            return f"This is {what} server: its address belongs in '{other.setting}'."
    return ""


def _nearby(kind: _Kind, base: str) -> Iterator[str]:
    """The addresses above this one; for APIs that live under /v1, that one below it."""
    parts = urlsplit(base)
    if kind in (_OPENAI, _DIFY) and not parts.path.endswith("/v1"):
        yield f"{base}/v1"
    path = parts.path.rstrip("/")
    while path:
        path = path.rpartition("/")[0]
        yield urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _is(kind: _Kind, base: str, clock: Deadline) -> bool:
    """Whether such a server is at this address; asked without any credential."""
    try:
        with http.client(kind.title, clock) as client:
            reply = client.get(base + kind.path, allow_redirects=False)
        # Only asked where the configured path is no login: then a login here is the API's.
        return reply.status == 401 or (reply.ok and kind.known(reply.json()))
    except CreativeError:
        return False  # the question was only meant to improve a hint


def _runware(key: str, clock: Deadline) -> None:
    from creative.images.engines import runware_tasks

    with http.client("Runware", clock) as client:
        # Authentication alone runs no task and costs nothing.
        reply = client.post(
            RUNWARE_URL,
            json=[
                {"taskType": "authentication", "apiKey": key},
                {"taskType": "ping", "ping": True},
            ],
        )
    answer = runware_tasks.read(reply, "", key)
    if answer.errors:
        raise runware_tasks.refusal(answer.errors, key, reply.status)


def _browser(address: str, clock: Deadline) -> None:
    from creative.capture import check_browser

    _asked(address, lambda: check_browser(address, clock))


def _screenshot_service(settings: Settings) -> None:
    # What is there, not whether it answers: these services bill the one question they take.
    if not settings.screenshot_service:
        raise InvalidInput(
            "screenshot_service", None, f"{' or '.join(SCREENSHOT_SERVICES)} when its key is set"
        )
    if not settings.screenshot_service_key:
        raise NotConfigured("screenshot_service_key", f"The service {settings.screenshot_service}")
    address = settings.screenshot_service_url
    if address and urlsplit(address).scheme not in ("http", "https"):
        raise InvalidInput(
            "screenshot_service_url", http.redact(address), "an http or https address, or nothing"
        )


def _pair(login: str) -> None:
    user, colon, password = login.partition(":")
    if not (user and colon and password):
        raise InvalidInput(
            "sd_auth", "a text of another form", "user:password", "Write it as user:password."
        )


def _missing_key() -> None:
    raise InvalidInput("dify_api_key", None, "at least one app key when dify_base_url is set")


def _hosts(hosts: tuple[str, ...]) -> None:
    for host in hosts:
        if not _HOST.match(host):
            raise InvalidInput(
                "allowed_private_hosts",
                host,
                "host names or addresses, each with an optional port, such as 192.168.1.5:8080",
                "Leave out http:// and the path.",
            )
