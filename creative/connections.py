"""Do the configured servers answer? Asked when the credentials form is saved, and by `doctor`.

Only what is filled in is checked, everything at the same time, with requests that change and
cost nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from creative import http
from creative.deadline import Deadline
from creative.errors import HINT_MARK, CreativeError, EngineRejected, InvalidInput
from creative.settings import Settings

CHECK_SECONDS = 15.0
OPENAI_URL = "https://api.openai.com/v1"
DIFY_URL = "https://api.dify.ai/v1"
RUNWARE_URL = "https://api.runware.ai/v1"

# host, host:port, [IPv6] or [IPv6]:port
_HOST = re.compile(r"^(\[[0-9a-fA-F:.]+\]|[^\s/:@\[\]]+)(:\d{1,5})?$")


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


def check(settings: Settings, deadline: Deadline | None = None) -> list[Problem]:
    """Check everything that is set, in parallel.

    Args:
        settings: what the user filled in.
        deadline: for all checks together; default 15 s.

    Returns:
        One problem per credential that does not work, in the order of the form.
    """
    clock = deadline or Deadline(CHECK_SECONDS, "the credential check's limit", "Try again.")
    checks = list(_checks(settings))
    if not checks:
        return []

    def attempt(one: Check) -> Problem | None:
        credential, ask = one
        try:
            ask(clock)
        except CreativeError as error:
            return Problem(credential, _masked(error, settings))
        return None

    with ThreadPoolExecutor(max_workers=len(checks)) as pool:
        return [problem for problem in pool.map(attempt, checks) if problem is not None]


def _masked(error: CreativeError, settings: Settings) -> CreativeError:
    """The error without any secret that a server repeated in its answer."""
    message = error.message
    for secret in settings.secrets():
        message = message.replace(secret, "•••")
    error.message = message
    error.args = (f"{message}{HINT_MARK}{error.hint}" if error.hint else message,)
    return error


def _checks(settings: Settings) -> Iterator[Check]:
    s = settings
    login = tuple(s.sd_auth.split(":", 1)) if ":" in s.sd_auth else None
    if s.sd_auth:
        yield "sd_auth", lambda _: _pair(s.sd_auth)
    for base in s.sd_base_url:
        yield (
            "sd_base_url",
            _get(
                "Stable Diffusion", f"{base.rstrip('/')}/sdapi/v1/samplers", "sd_auth", auth=login
            ),
        )
    if s.comfyui_base_url:
        yield (
            "comfyui_base_url",
            _get(
                "ComfyUI",
                f"{s.comfyui_base_url.rstrip('/')}/system_stats",
                "comfyui_api_key",
                headers=_bearer(s.comfyui_api_key),
            ),
        )
    if s.openai_base_url or s.openai_api_key:
        yield (
            "openai_base_url" if s.openai_base_url else "openai_api_key",
            _get(
                "The images API",
                f"{(s.openai_base_url or OPENAI_URL).rstrip('/')}/models",
                "openai_api_key",
                headers=_bearer(s.openai_api_key),
            ),
        )
    if s.runware_api_key:
        yield "runware_api_key", lambda clock: _runware(s.runware_api_key, clock)
    if s.browser_url:
        yield "browser_url", lambda clock: _browser(s.browser_url, clock)
    if s.dify_base_url and not s.dify_api_key:
        yield "dify_base_url", lambda _: _missing_key()
    for key in s.dify_api_key:
        yield (
            "dify_api_key",
            _get(
                "Dify",
                f"{(s.dify_base_url or DIFY_URL).rstrip('/')}/info",
                "dify_api_key",
                headers=_bearer(key),
            ),
        )
    if s.allowed_private_hosts:
        yield "allowed_private_hosts", lambda _: _hosts(s.allowed_private_hosts)


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


def _get(engine: str, address: str, secret: str, **options: Any) -> Callable[[Deadline], object]:
    def ask(clock: Deadline) -> object:
        with http.client(engine, clock) as client:
            reply = client.get(address, **options)
        return _accepted(reply, secret)

    return ask


def _accepted(reply: http.Reply, secret: str) -> object:
    """The JSON of a 2xx answer; otherwise an error that says what to look at."""
    if reply.ok:
        return reply.json()
    if reply.status in (401, 403):
        hint = f"Check '{secret}'."
    elif reply.status == 404:
        hint = "The server answers, but not at this path: check the end of the address."
    else:
        hint = "Look at the server's own log."
    raise EngineRejected(
        f"{reply.engine} at {reply.address}", reply.text() or "(empty body)", reply.status, hint
    )


def _runware(key: str, clock: Deadline) -> None:
    with http.client("Runware", clock) as client:
        # Authentication alone runs no task and costs nothing.
        reply = client.post(
            RUNWARE_URL,
            json=[
                {"taskType": "authentication", "apiKey": key},
                {"taskType": "ping", "ping": True},
            ],
        )
    _accepted(reply, "runware_api_key")


def _browser(address: str, clock: Deadline) -> None:
    from creative.capture import check_browser

    check_browser(address, clock)


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
