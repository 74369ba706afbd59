"""Everything about every connection, for people."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from functools import partial

from creative.connections import servers, trial
from creative.connections.checks import Check, Outcome, checks, clock_of, outcomes
from creative.connections.model import MAX_MODELS, Connection, Report, TestPicture
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    DeadlineExceeded,
    EngineRejected,
    EngineUnavailable,
)
from creative.language import LanguageModel, Message, ModelRefused
from creative.settings import Settings
from creative.steps import Phase, Steps

_REFUSED = (401, 403)
_SETTINGS = ("sd_auth", "allowed_private_hosts")
"""What is looked at and is no connection: told only where something is wrong with it."""

_ABSENT: tuple[tuple[str, str, str], ...] = (
    ("Stable Diffusion", "sd_base_url", "the address of AUTOMATIC1111 or Forge (started with "
     "--api), SD.Next or stable-diffusion.cpp, such as http://localhost:7860"),
    ("ComfyUI", "comfyui_base_url", "its address, such as http://localhost:8188"),
    ("Images API", "openai_api_key", "a key of OpenAI; for another OpenAI-compatible API its "
     "address in 'openai_base_url', too"),
    ("Runware", "runware_api_key", "a key of runware.ai"),
    ("Browser", "browser_url", "the DevTools address of a Chromium, such as http://chrome:9222, "
     "or install Chromium beside the plugin"),
    ("Screenshot service", "screenshot_service", "a service, and its key in "
     "'screenshot_service_key'; needed only where there is no browser"),
    ("Dify app", "dify_api_key", "the key of an app, and for your own Dify its address in "
     "'dify_base_url', with /v1"),
)  # fmt: skip


def probe(
    settings: Settings,
    deadline: Deadline,
    steps: Steps,
    *,
    test_picture: bool = False,
    model: LanguageModel | None = None,
    ask_model: bool = False,
) -> Report:
    """Ask every server that is set up, and say what could be set up.

    Args:
        settings: what the user filled in.
        deadline: the call's clock; servers have 15 s of it to answer.
        steps: told what happens, and what pictures and the model's answer cost.
        test_picture: draw a picture of 64 x 64 with each one that answers; may cost money.
        model: a language model of the workspace.
        ask_model: ask it for one word; costs a few tokens.

    Returns:
        A report, also where nothing works: `Report.check` raises what is wrong.
    """
    with steps.step(Phase.INIT, "Looking at what is set up"):
        asked = _all(settings)
    all_of_them = f"{len(asked)} setting{'' if len(asked) == 1 else 's'}"
    with steps.step(Phase.PREP, f"Checking {all_of_them}") as step:
        done, lock = [0], threading.Lock()

        def told() -> None:
            with lock:
                done[0] += 1
                label = f"{done[0]} of {all_of_them} checked"
                step.progress(done[0] / len(asked), label)

        found = outcomes(asked, settings, clock_of(deadline), with_more=True, told=told)
    connections, pictures = [], []
    tries = [one for one in found if test_picture and one.error is None and one.check.engine]
    for number, outcome in enumerate(found, 1):
        one = _connection(outcome)
        if outcome in tries:
            done_then = (tries.index(outcome) + 1) / len(tries)
            until = round(25 + done_then * 40)
            part = steps.part(Phase.AI_CALL, until)
            one, picture = _tried(one, outcome.check, number, settings, deadline, part)
            pictures += [picture] if picture is not None else []
        connections.append(one)
    if model is not None:
        connections.append(_asked(model, ask_model, settings, deadline, steps))
    told_of = [one for one in connections if one.setting not in _SETTINGS or one.status != "ok"]
    names = {one.name for one in told_of}
    absent = [
        Connection(
            name=name,
            setting=setting,
            configured=False,
            status="not set",
            hint=f"Set '{setting}': {what}.",
        )
        for name, setting, what in _ABSENT
        if name not in names
    ]
    return Report((*told_of, *absent), tuple(pictures))


def _all(settings: Settings) -> list[Check]:
    """The checks of the form, with what it does not ask: the browser on this machine, and what
    is left of a plan."""
    asked = list(checks(settings))
    if settings.screenshot_service == "screenshotone" and settings.screenshot_service_key:
        more = partial(servers.about_screenshotone, settings)
        asked = [
            replace(one, ask=_after(one, more), connects=True)
            if one.setting == "screenshot_service"
            else one
            for one in asked
        ]
    if not settings.browser_url:
        from creative.capture import find_browser

        program = find_browser()
        if program is not None:
            local = partial(servers.browser_here, program)
            alone = trial.here(settings)
            asked.append(
                Check("browser_url", "Browser", local, program, engine="browser", alone=alone)
            )
    return asked


def _after(check: Check, more: partial[servers.About]) -> partial[servers.About]:
    def both(clock: Deadline) -> servers.About:
        check.ask(clock)
        return more(clock)

    return partial(both)


def _connection(outcome: Outcome) -> Connection:
    check, error, about = outcome.check, outcome.error, outcome.about
    reachable, authorised = _known(error) if check.connects else (None, None)
    authorised = authorised if about.proven else None
    untested = check.untested or not about.proven
    status = "problem" if error is not None else "not tested" if untested else "ok"
    return Connection(
        name=check.name,
        setting=check.setting,
        address=check.address,
        reachable=reachable,
        authorised=authorised,
        version=about.version,
        models=about.models[:MAX_MODELS],
        model_count=len(about.models),
        latency_ms=round(outcome.seconds * 1000) if reachable else None,
        status=status,
        message=about.note or check.untested if error is None else error.message,
        hint="" if error is None else error.hint,
    )


def _known(error: CreativeError | None) -> tuple[bool | None, bool | None]:
    """Whether a server is there and lets us in, by what it answered."""
    if error is None:
        return True, True
    if isinstance(error, EngineUnavailable | DeadlineExceeded):
        return False, None
    if isinstance(error, EngineRejected):
        # Runware says so with status 200, too.
        refused = error.status in _REFUSED or "invalidApiKey" in error.message
        if isinstance(error, ModelRefused):
            refused = refused or error.unauthorised
        return True, False if refused else None
    return (True, None) if isinstance(error, AnswerInvalid) else (None, None)


def _tried(
    one: Connection,
    check: Check,
    number: int,
    settings: Settings,
    deadline: Deadline,
    steps: Steps,
) -> tuple[Connection, TestPicture | None]:
    """The connection after its test picture, and the picture."""
    began = time.monotonic()
    try:
        picture = trial.draw(check, number, deadline, steps)
    except CreativeError as error:
        error = error.without(settings.secrets())
        message = f"It answers, but the test picture failed: {error.message}"
        return one.model_copy(
            update={"status": "problem", "message": message, "hint": error.hint}
        ), None
    said = f"Test picture in {time.monotonic() - began:.1f} s."
    message = said if one.status == "not tested" else f"{one.message} {said}".strip()
    return one.model_copy(
        update={"status": "ok", "message": message, "picture": picture.filename}
    ), picture


def _asked(
    model: LanguageModel, ask: bool, settings: Settings, deadline: Deadline, steps: Steps
) -> Connection:
    """The language model as a connection."""
    base = Connection(name="Language model", setting="model", address=model.name, status="ok")
    if not ask:
        said = "It was not asked, since each answer is billed."
        return base.model_copy(update={"status": "not tested", "message": said})
    began = time.monotonic()
    question = [Message(role="user", text="Answer with the single word: ok")]
    try:
        with steps.step(Phase.AI_CALL, f"Asking {model.name} for one word") as step:
            done = model.complete(question, deadline)
            step.spent(
                done.price,
                currency=done.currency,
                tokens_in=done.prompt_tokens,
                tokens_out=done.completion_tokens,
                model=model.name,
            )
            if not done.text.strip():
                raise AnswerInvalid(
                    model.name, "it is empty", "Raise its limit of tokens, or choose another one."
                )
    except CreativeError as error:
        error = error.without(settings.secrets())
        reachable, authorised = _known(error)
        return base.model_copy(
            update={
                "status": "problem",
                "reachable": reachable,
                "authorised": authorised,
                "message": error.message,
                "hint": error.hint,
            }
        )
    return base.model_copy(
        update={
            "reachable": True,
            "authorised": True,
            "latency_ms": round((time.monotonic() - began) * 1000),
            "models": (model.name,),
            "model_count": 1,
        }
    )
