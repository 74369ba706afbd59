"""A prompt for a picture whose file says none: what somebody who looks at it would write.

First the user's own server: POST /sdapi/v1/interrogate {image, model: clip} of AUTOMATIC1111,
Forge and SD.Next (modules/api/api.py, `interrogateapi`): BLIP and CLIP, which the server loads,
and downloads at the first time. It is sent once. Then a language model that sees.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field, field_validator

from creative import prompts
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    DeadlineExceeded,
    EngineRejected,
    EngineUnavailable,
    shorten,
)
from creative.images.engines.automatic1111.server import LOOK_SECONDS, Server
from creative.language import Image, LanguageModel, ask
from creative.settings import Settings
from creative.steps import Phase, Step, Steps

INTERROGATE = "/sdapi/v1/interrogate"
OPENAPI = "/openapi.json"
PROMPT = "read_image_prompt"
MAX_CAPTION_CHARACTERS = 4000
_FAILED_CAPTION = "<error>"
"""What AUTOMATIC1111 puts into a caption when it failed (modules/interrogate.py)."""
_REFUSAL = re.compile(
    r"\W*(i['’]?m sorry|sorry,|i (can['’]?t|cannot|am unable|am not able|apologi[sz]e)|as an ai)\b",
    re.IGNORECASE,
)
"""How models begin that will not, or cannot, describe a picture."""
_ABSENT = frozenset({404, 405, 501})


class Guess(BaseModel):
    """A guessed prompt."""

    model_config = ConfigDict(frozen=True)

    prompt: str
    source: str = Field(description="tagger or vision")
    by: str = Field(description="who guessed, for people")
    notes: tuple[str, ...] = ()


class Seen(BaseModel):
    """What a vision model answers."""

    prompt: str = Field(
        min_length=3,
        max_length=MAX_CAPTION_CHARACTERS,
        description="a prompt from which an image generator would draw this picture",
    )

    @field_validator("prompt")
    @classmethod
    def _says_something(cls, prompt: str) -> str:
        # Blanks are many characters and no prompt, and a NUL is taken out of every answer.
        plain = prompt.replace("\0", "").strip()
        if not re.search(r"\w", plain):
            raise ValueError("there are no words in it")
        if plain == cls.model_fields["prompt"].description:
            raise ValueError("that is the description of the field, not of the picture")
        if _REFUSAL.match(plain):
            raise ValueError("it speaks about you instead of the picture")
        return plain


def guess(
    picture: Callable[[], bytes],
    settings: Settings,
    deadline: Deadline,
    steps: Steps,
    model: LanguageModel | None = None,
    instructions: str = "",
) -> Guess:
    """Ask the server in `sd_base_url`, then `model`; one of them must be there.

    Args:
        picture: gives the JPEG that is shown; called only if somebody can be asked.
        settings: the credentials.
        deadline: the call's clock.
        steps: told what is going on and what it costs.
        model: a language model that sees; None: there is none.
        instructions: the user's wishes for the model's prompt.

    Raises:
        EngineUnavailable: everybody who was asked failed; the error says how.
        DeadlineExceeded: out of time.
    """
    with steps.step(Phase.PREP, "Making the picture small"):
        data = picture()
    tried: list[str] = []
    with steps.step(Phase.AI_CALL, "Asking for a description of the picture") as step:
        if settings.sd_base_url:
            found = _interrogated(data, settings, deadline, step, tried)
            if found is not None:
                return found
        if model is not None:
            try:
                return _seen(data, settings, deadline, step, model, instructions, tried)
            except DeadlineExceeded:
                raise
            except CreativeError as error:
                tried.append(f"{model.name}: {error.message}")
    raise EngineUnavailable(
        "A guess at the prompt",
        "the file does not say how the picture was made, and " + "; ".join(tried),
        "Choose a model that sees pictures (parameter model), or check the server in sd_base_url.",
    )


def _interrogated(
    data: bytes, settings: Settings, deadline: Deadline, step: Step, tried: list[str]
) -> Guess | None:
    """The caption of the first server that can; None with the reasons in `tried`."""
    for address in settings.sd_base_url:
        with Server(address, settings.sd_auth, deadline) as server:
            try:
                if not _can(server):
                    tried.append(f"{server.who} has no interrogation")
                    continue
            except EngineUnavailable as error:
                tried.append(error.message)
                continue
            step.progress(0.1, f"{server.who} looks at the picture")
            body = {"image": base64.b64encode(data).decode(), "model": "clip"}
            try:
                reply = server.post(INTERROGATE, body)
                if reply.status in _ABSENT:
                    tried.append(f"{server.who} has no interrogation")
                    continue
                caption = _caption(server, server.json(reply))
            except (EngineUnavailable, EngineRejected, AnswerInvalid) as error:
                tried.append(error.message)
                return None  # it may be at work: nobody else is sent the same
            note = f"The prompt is a guess by the interrogation of {server.who} (BLIP and CLIP)."
            return Guess(prompt=caption, source="tagger", by=server.who, notes=(note,))
    return None


def _can(server: Server) -> bool:
    """Whether its API has the route; yes where it does not tell."""
    reply = server.get(OPENAPI, read_seconds=LOOK_SECONDS)
    if not reply.ok:
        return True
    try:
        described = reply.json()
    except AnswerInvalid:
        return True
    paths = described.get("paths") if isinstance(described, dict) else None
    return not isinstance(paths, dict) or INTERROGATE in paths


def _caption(server: Server, answer: object) -> str:
    caption = answer.get("caption") if isinstance(answer, dict) else None
    text = " ".join(caption.replace("\0", "").split()) if isinstance(caption, str) else ""
    if _FAILED_CAPTION in text or not text:
        raise AnswerInvalid(
            server.who,
            "its interrogation failed (the caption is "
            f"{shorten(text, 60) or 'empty'}); its log says why",
            "It needs its BLIP and CLIP models, which it downloads when it is first used.",
        )
    return text[:MAX_CAPTION_CHARACTERS]


def _seen(
    data: bytes,
    settings: Settings,
    deadline: Deadline,
    step: Step,
    model: LanguageModel,
    instructions: str,
    tried: list[str],
) -> Guess:
    step.progress(0.5, f"{model.name} looks at the picture")
    prompt = prompts.load(PROMPT, settings.prompts, instructions=instructions)
    messages = prompt.messages({}, images=(Image(data=data, mime_type="image/jpeg"),))
    answer = ask(model, messages, Seen, deadline, step).value
    notes = [f"The prompt is a guess by {model.name}, which saw the picture."]
    notes += [f"Before that: {reason}." for reason in tried]
    return Guess(prompt=answer.prompt, source="vision", by=model.name, notes=tuple(notes))
