"""Each kind of server, asked with requests that change and cost nothing.

Functions that raise say what the form's check needs; those called `about_…` ask more, for
people who want to see it.
"""

from __future__ import annotations

import subprocess
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from creative import http
from creative.connections.finding import (
    COMFYUI,
    DIFY,
    IMAGES_API,
    NO_SUCH_ROUTE,
    STABLE_DIFFUSION,
    Kind,
    accept,
    asked,
    hint_for,
)
from creative.connections.model import About
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    EngineRejected,
    EngineUnavailable,
    InvalidInput,
    NotConfigured,
)
from creative.settings import RUNWARE_URL, SCREENSHOT_SERVICES, Settings

VERSION_SECONDS = 10.0
"""For `chromium --version`: a first start from a slow disk."""
_DRAWS = ("image", "dall-e", "flux", "diffusion", "sdxl", "imagen")
"""Parts of the names of models that draw: an images API lists all others, too."""


def stable_diffusion(address: str, login: str, clock: Deadline) -> None:
    """A server with AUTOMATIC1111's API."""
    from creative.images.engines.automatic1111.server import Server

    # A login of another form is a problem of its own.
    with Server(address, login if ":" in login else "", clock) as server:
        reply = asked(address, lambda: server.get(STABLE_DIFFUSION.path), listens=True)
        accept(STABLE_DIFFUSION, reply, server.base, bool(login), clock)


def about_stable_diffusion(address: str, login: str, clock: Deadline) -> About:
    """Which of these servers it is, and its checkpoints."""
    from creative.images.engines.automatic1111.dialect import find
    from creative.images.engines.automatic1111.lists import Lists
    from creative.images.engines.automatic1111.server import Server

    with Server(address, login, clock) as server:
        found = find(server)
        names = tuple(choice.value for choice in Lists(server, found).choices("model"))
    note = "" if names else "It has no checkpoint yet: put one into its models folder."
    return About(found.dialect.title, names, note)


def comfyui(settings: Settings, clock: Deadline) -> About:
    """A ComfyUI server; it tells its version at once."""
    from creative.images.engines.comfyui.server import Server

    with Server(settings, clock) as server:
        reply = asked(server.base, lambda: server.get(COMFYUI.path), listens=True)
        accept(COMFYUI, reply, server.base, bool(server.headers), clock)
    system = reply.json()["system"]
    version = system.get("comfyui_version") if isinstance(system, dict) else None
    return About(f"ComfyUI {version}" if version else "ComfyUI")


def about_comfyui(settings: Settings, clock: Deadline) -> About:
    """Its checkpoints and diffusion models."""
    from creative.images.engines import open_engine

    with open_engine("comfyui", settings, clock) as engine:
        names = tuple(choice.value for choice in engine.choices("model"))
    return About("", names, "" if names else "It has no model yet: put one into its models folder.")


def images_api(base: str, key: str, clock: Deadline) -> About:
    """An OpenAI-compatible API, known by its list of models."""
    base = base.rstrip("/")
    reply = get(IMAGES_API, base, key, clock)
    official = (urlsplit(base).hostname or "").endswith(".openai.com")
    # A key of OpenAI may be allowed to draw and not to list models.
    if official and reply.status == 403 and "scope" in reply.text().lower():
        note = "This key may not list models; whether it may draw, a picture tells."
        return About(note=note, proven=False)
    lists_nothing = reply.status in NO_SUCH_ROUTE and not official
    if lists_nothing and not hint_for(IMAGES_API, base, clock):
        # A server without this route draws all the same.
        note = "This server lists no models; whether it draws, a picture tells."
        return About(note=note, proven=False)
    accept(IMAGES_API, reply, base, bool(key), clock)
    names = _names(reply.json())
    drawing = [name for name in names if any(part in name.lower() for part in _DRAWS)]
    return About("", (*drawing, *(name for name in names if name not in drawing)))


def _names(found: Any) -> list[str]:
    """The ids in a list of models, in the shapes that servers give it."""
    rows = found.get("data", found.get("models")) if isinstance(found, dict) else found
    listed = rows if isinstance(rows, list) else []
    ids = [row.get("id") or row.get("name") for row in listed if isinstance(row, dict)]
    return [str(name) for name in ids if name]


def dify(base: str, key: str, clock: Deadline) -> About:
    """A Dify app: its name and kind; older versions of Dify tell its parameters only."""
    base = base.rstrip("/")
    reply = get(DIFY, base, key, clock)
    if reply.status == 404:
        older = get(DIFY, base, key, clock, path="/parameters")
        if older.ok and isinstance(_json(older), dict) and "user_input_form" in older.json():
            return About(note="An app; this version of Dify does not tell its name.")
        if older.status in (401, 403):
            reply = older
    accept(DIFY, reply, base, bool(key), clock)
    app = reply.json()
    mode = f" ({app['mode']})" if app.get("mode") else ""
    return About(note=f"The app '{app['name']}'{mode}.")


def _json(reply: http.Reply) -> Any:
    try:
        return reply.json()
    except AnswerInvalid:
        return None


def get(kind: Kind, base: str, key: str, clock: Deadline, path: str = "") -> http.Reply:
    """What a GET of the path by which a kind is known answers (or of another path)."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = base + (path or kind.path)
    with http.client(kind.title, clock) as client:
        return asked(base, lambda: client.get(url, headers=headers, allow_redirects=False))


def runware(key: str, clock: Deadline) -> None:
    """Whether Runware knows the key."""
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


def browser(address: str, clock: Deadline) -> About:
    """The browser at an address, and its version."""
    from creative.capture import check_browser

    return About(asked(address, lambda: check_browser(address, clock)))


def browser_here(program: str, clock: Deadline) -> About:
    """The browser on this machine, which is started to say its version.

    Raises:
        EngineUnavailable: it does not start, or says nothing.
    """
    seconds = clock.timeout("asking the browser for its version", most=VERSION_SECONDS)
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineUnavailable(program, f"it does not start ({error})", _REINSTALL) from error
    version = done.stdout.decode(errors="replace").strip()
    if done.returncode or not version:
        said = done.stderr.decode(errors="replace").strip()[:300] or f"it ended: {done.returncode}"
        raise EngineUnavailable(program, said, _REINSTALL)
    return About(version.splitlines()[-1].strip())


_REINSTALL = "Install Chromium again, or name another one in STUDIO_CHROMIUM."


def screenshot_service(settings: Settings) -> None:
    """What is filled in, not whether it answers: these services bill the one question they take.

    Raises:
        InvalidInput, NotConfigured: half of it is missing, or an address of another kind.
    """
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


def about_screenshotone(settings: Settings, clock: Deadline) -> About:
    """What is left of the plan: a question that ScreenshotOne does not bill.

    Source: https://screenshotone.com/docs/get-usage/ (read 2026-11).

    Raises:
        EngineRejected: it does not take the key.
        EngineUnavailable, AnswerInvalid, DeadlineExceeded
    """
    from creative.capture.services.screenshotone import ADDRESS, NAME

    parts = urlsplit(settings.screenshot_service_url or ADDRESS)
    base = urlunsplit(parts._replace(path=parts.path.removesuffix("/take").rstrip("/"), query=""))
    with http.client(NAME, clock) as client:
        reply = asked(
            base,
            lambda: client.get(
                f"{base}/usage",
                params={"access_key": settings.screenshot_service_key},
                allow_redirects=False,
            ),
        )
    if not reply.ok:
        said = _json(reply)
        text = said.get("error_message") if isinstance(said, dict) else ""
        hint = "Check 'screenshot_service_url'."
        if reply.status in (400, 401, 403):
            hint = "Check 'screenshot_service_key'."
        raise EngineRejected(NAME, str(text or reply.text())[:300], reply.status, hint)
    left = reply.json()
    if not isinstance(left, dict) or "available" not in left:
        raise AnswerInvalid(NAME, "GET /usage does not tell the plan", "Check its address.")
    return About(note=f"{left['available']} of {left.get('total', '?')} screenshots are left.")
