"""Write: from what is known to the texts of variants.

    write(request, look, settings, deadline, steps, model, dify) -> Written

Three writers, and what they write is held to the platforms' limits in the same way:

- `model`: a language model, told the page, the brief and the rules of every field;
- `dify_app`: a workflow of the user's own on a Dify server;
- `builtin`: no model and no network; facts of page and brief in the phrases of angles.yaml.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from creative.ads.model import AdsRequest, Copy, Look, WriterName
from creative.ads.platforms import Platform, platform
from creative.ads.shorten import check_terms
from creative.ads.write import dify_app
from creative.ads.write import model as by_model
from creative.ads.write.drafts import Drafts
from creative.ads.write.jobs import Payload
from creative.capture.markdown import worker
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, NotConfigured, shorten
from creative.language import LanguageModel
from creative.settings import Settings
from creative.steps import Phase, Steps

__all__ = ["DifyMapping", "Written", "chosen", "write"]


class DifyMapping(BaseModel):
    """How a Dify workflow app is told what is wanted, and where its answer is.

    The defaults are those of the system this node grew from: inputs `url` and `prompt`, outputs
    `text` and `json`, a list of objects with `result`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: dict[str, str] = Field(
        {"url": "url", "prompt": "prompt"},
        description="name of the app's input -> which value: prompt, url, brief, brand, platform, "
        "platforms, count, language, tone, must_include, must_avoid, title, text",
    )
    output: str = Field("", description="name of the output with the texts; empty: json, else text")


class Written(BaseModel):
    """What came of it."""

    model_config = ConfigDict(frozen=True)

    copies: tuple[Copy, ...] = Field(description="at least one; within the platforms' limits")
    engine: WriterName
    dropped: tuple[str, ...] = Field((), description='missing variants: "meta_feed-2: reason"')
    notes: tuple[str, ...] = Field((), description="what people should know, a sentence each")
    broken: bool = Field(False, description="whether the same question may bring more next time")


def chosen(request: AdsRequest, settings: Settings, model: LanguageModel | None) -> WriterName:
    """Who writes: who is named, else the model, else the Dify app, else the built-in one.

    Raises:
        NotConfigured: the named one is not set up.
    """
    if request.engine == "model" and model is None:
        raise NotConfigured(
            "model", "engine 'model'", "Choose a language model in the field 'model'."
        )
    if request.engine == "dify_app" and not settings.dify_api_key:
        raise NotConfigured("dify_api_key", "engine 'dify_app'")
    if request.engine != "auto":
        return request.engine
    if model is not None:
        return "model"
    return "dify_app" if settings.dify_api_key else "builtin"


def write(
    request: AdsRequest,
    look: Look,
    settings: Settings,
    deadline: Deadline,
    steps: Steps,
    model: LanguageModel | None = None,
    dify: DifyMapping | None = None,
) -> Written:
    """Write `request.count` variants for each platform.

    Args:
        request: what is wanted.
        look: what is known; its `language` is that of the variants.
        settings: `dify_base_url` and `dify_api_key` choose the Dify app.
        deadline: the call's clock.
        steps: told what happens (AI_CALL to 70, PARSE to 85 percent).
        model: the language model, if there is one.
        dify: how the Dify app is called.

    Raises:
        InvalidInput: nothing to write from; a language the writer has no words for; or
            must_include that a limit has no room for.
        NotConfigured: `request.engine` is not set up.
        AnswerInvalid: nothing of what came back can be used.
        CreativeError: whatever kept the model or the app from answering.
    """
    writer = chosen(request, settings, model)
    platforms = [platform(name) for name in request.platforms]
    for one in platforms:
        # What no text can ever keep is told before anything is billed.
        check_terms(one, request.must_include, request.must_avoid)
    drafts = _drafts(writer, request, look, platforms, settings, deadline, steps, model, dify)
    label = "Fitting the texts into the platforms' limits"
    if drafts is None:
        label = "Writing from the facts of page and brief"
    with steps.step(Phase.PARSE, label):
        payload: Payload = {
            "request": request.model_copy(update={"source_image": b"", "logo": b""}),
            "look": look.model_copy(update={"screenshot": b"", "logo": b"", "image": b""}),
            "drafts": drafts,
        }
        done: Drafts = worker.call("creative.ads.write.jobs:finish", payload, deadline)
        if not done.copies:
            reasons = "; ".join(done.dropped[:3]) or "it wrote nothing"
            raise AnswerInvalid(
                f"the writer ({writer})",
                f"no variant can be used: {shorten(reasons, 400)}",
                "Say more in the brief, loosen must_include and must_avoid, or use another engine.",
            )
        return Written(
            copies=tuple(done.copies),
            engine=writer,
            dropped=tuple(done.dropped),
            notes=tuple(dict.fromkeys(done.notes)),
            broken=done.broken,
        )


def _drafts(
    writer: WriterName,
    request: AdsRequest,
    look: Look,
    platforms: list[Platform],
    settings: Settings,
    deadline: Deadline,
    steps: Steps,
    model: LanguageModel | None,
    dify: DifyMapping | None,
) -> Drafts | None:
    """What a writer that is asked hands in; None for the built-in one."""
    if writer == "model" and model is not None:
        with steps.step(Phase.AI_CALL, f"Asking {model.name}") as step:
            return by_model.write(request, look, platforms, model, settings, deadline, step)
    if writer == "dify_app":
        mapping = dify or DifyMapping()
        with steps.step(Phase.AI_CALL, "Running the Dify app") as step:
            return dify_app.write(
                request,
                look,
                platforms,
                mapping.inputs,
                mapping.output,
                settings,
                deadline,
                step,
            )
    return None
