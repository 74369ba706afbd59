"""Everything that is set, asked at the same time."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module

from creative.connections import servers
from creative.connections.model import About, Problem
from creative.deadline import Deadline
from creative.errors import CreativeError, InvalidInput, blot, shorten
from creative.http import redact
from creative.settings import DIFY_URL, OPENAI_URL, RUNWARE_URL, Settings

CHECK_SECONDS = 15.0
MAX_SAID_CHARACTERS = 300
"""Of each version, name of a model and note."""

# host, host:port, [IPv6] or [IPv6]:port
_HOST = re.compile(r"^(\[[0-9a-fA-F:.]+\]|[^\s/:@\[\]]+)(:\d{1,5})?$")

_IMPORTED_LATER = (
    "creative.capture",
    "creative.images",
    "creative.images.engines.automatic1111",
    "creative.images.engines.comfyui",
    "creative.images.engines.replies",
    "creative.images.engines.runware_tasks",
)
"""What the checks import inside their functions, so that the plugin is ready in time."""

Ask = Callable[[Deadline], About | None]


@dataclass(frozen=True)
class Check:
    """One thing to ask.

    Attributes:
        setting: the credential that it is about.
        name: what is asked, for people.
        ask: raises if it cannot be worked with.
        address: redacted.
        more: asked after a success, for its version and models.
        connects: whether `ask` talks to a server, or looks at what is filled in only.
        untested: why a success of `ask` proves nothing; "" where it does.
        engine: what draws a test picture with `alone`; "" for nothing.
        alone: settings with nothing but this server.
    """

    setting: str
    name: str
    ask: Ask
    address: str = ""
    more: Ask | None = None
    connects: bool = True
    untested: str = ""
    engine: str = ""
    alone: Settings = field(default_factory=Settings, repr=False)


@dataclass(frozen=True)
class Outcome:
    """What became of a check.

    Attributes:
        error: why it cannot be worked with, without secrets; None if it can.
        seconds: how long `ask` took.
        about: what the server says about itself.
    """

    check: Check
    error: CreativeError | None
    seconds: float
    about: About = field(default_factory=About)


def check(settings: Settings, deadline: Deadline | None = None) -> list[Problem]:
    """Check everything that is set, in parallel.

    Args:
        settings: what the user filled in.
        deadline: for all checks together; default 15 s.

    Returns:
        One problem per credential that does not work, in the order of the form.
    """
    found = outcomes(list(checks(settings)), settings, clock_of(deadline))
    return [Problem(one.check.setting, one.error) for one in found if one.error is not None]


def clock_of(deadline: Deadline | None = None) -> Deadline:
    """The clock of the checks: their own 15 s, or what is left of the call's if that is less."""
    if deadline is not None and deadline.remaining() <= CHECK_SECONDS:
        return deadline
    return Deadline(
        CHECK_SECONDS,
        "the credential check's limit",
        "Check the address, and that no firewall is between; a server that is loading a model "
        "may need a minute: then try again.",
    )


def outcomes(
    asked: list[Check],
    settings: Settings,
    clock: Deadline,
    with_more: bool = False,
    told: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """What became of the checks, in their order.

    Args:
        asked: the checks.
        settings: whose secrets are kept out of the errors.
        clock: for all of them together.
        with_more: whether versions and models are asked for, too.
        told: called when one is done, from any thread.
    """
    if not asked:
        return []

    # Here, one after the other: threads that import parts of one package at the same time can
    # lock each other out (importlib's _ModuleLock).
    for module in _IMPORTED_LATER:
        import_module(module)

    secrets = settings.secrets()

    def attempt(one: Check) -> Outcome:
        began = time.monotonic()
        try:
            about = one.ask(clock) or About()
        except CreativeError as error:
            return Outcome(one, error.without(secrets), time.monotonic() - began)
        finally:
            seconds = time.monotonic() - began
        if with_more and one.more is not None:
            about = _both(about, _more(one.more, clock, secrets))
        return Outcome(one, None, seconds, _harmless(about, secrets))

    def work(one: Check) -> Outcome:
        try:
            return attempt(one)
        finally:
            told()

    with ThreadPoolExecutor(max_workers=len(asked)) as pool:
        return list(pool.map(work, asked))


def _more(ask: Ask, clock: Deadline, secrets: list[str]) -> About:
    try:
        return ask(clock) or About()
    except CreativeError as error:
        # The server works; only what it is called and has could not be read.
        return About(note=f"It tells no more about itself: {error.without(secrets).message}")


def _harmless(about: About, secrets: list[str]) -> About:
    """What a server says of itself in short lines, without what it repeats of our secrets."""

    def line(text: str) -> str:
        return shorten(blot(text, secrets), MAX_SAID_CHARACTERS)

    models = tuple(map(line, about.models))
    return About(line(about.version), models, line(about.note), about.proven)


def _both(first: About, second: About) -> About:
    return About(
        first.version or second.version,
        first.models or second.models,
        " ".join(note for note in (first.note, second.note) if note),
        first.proven,
    )


def checks(settings: Settings) -> Iterator[Check]:
    """What is to be asked, in the order of the form."""
    s = settings
    if s.sd_auth:
        yield _form("sd_auth", "Login of Stable Diffusion", lambda: _pair(s.sd_auth))
    for base in s.sd_base_url:
        yield Check(
            "sd_base_url",
            "Stable Diffusion",
            partial(servers.stable_diffusion, base, s.sd_auth),
            redact(base),
            partial(servers.about_stable_diffusion, base, s.sd_auth),
            engine="automatic1111",
            alone=s.model_copy(update={"sd_base_url": (base,)}),
        )
    if s.comfyui_base_url:
        yield Check(
            "comfyui_base_url",
            "ComfyUI",
            partial(servers.comfyui, s),
            redact(s.comfyui_base_url),
            partial(servers.about_comfyui, s),
            engine="comfyui",
            alone=s,
        )
    if s.openai_base_url or s.openai_api_key:
        base = s.openai_base_url or OPENAI_URL
        yield Check(
            "openai_base_url" if s.openai_base_url else "openai_api_key",
            "Images API",
            lambda clock: servers.images_api(base, s.openai_api_key, clock),
            redact(base),
            engine="openai",
            alone=s,
        )
    if s.runware_api_key:
        yield Check(
            "runware_api_key",
            "Runware",
            partial(servers.runware, s.runware_api_key),
            redact(RUNWARE_URL),
            engine="runware",
            alone=s,
        )
    if s.browser_url:
        yield Check(
            "browser_url",
            "Browser",
            partial(servers.browser, s.browser_url),
            redact(s.browser_url),
            engine="browser",
            alone=s,
        )
    if s.screenshot_service or s.screenshot_service_key:
        yield _service(s)
    if s.dify_base_url and not s.dify_api_key:
        yield _form("dify_base_url", "Dify app", _missing_key)
    for key in s.dify_api_key:
        dify_base = s.dify_base_url or DIFY_URL
        yield Check(
            "dify_api_key", "Dify app", partial(servers.dify, dify_base, key), redact(dify_base)
        )
    if s.allowed_private_hosts:
        hosts = s.allowed_private_hosts
        yield _form("allowed_private_hosts", "Allowed private hosts", lambda: _hosts(hosts))


def _form(setting: str, name: str, look: Callable[[], None]) -> Check:
    """What is filled in, looked at without asking anybody."""
    return Check(setting, name, lambda _: look(), connects=False)


def _service(s: Settings) -> Check:
    one = s.screenshot_service == "screenshotone"
    return Check(
        "screenshot_service",
        "Screenshot service",
        lambda _: servers.screenshot_service(s),
        s.screenshot_service + (f" at {redact(url)}" if (url := s.screenshot_service_url) else ""),
        connects=False,
        untested=""
        if one
        else "It is set up as a whole. It was not asked: each question is billed as a screenshot.",
        engine="service",
        alone=s,
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
