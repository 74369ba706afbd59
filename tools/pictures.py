"""What the picture nodes share: reading their parameters, and telling what was made.

Not a node itself: it has no YAML. `tests.declarations` follows the functions here that are
handed the node's `Parameters`.
"""

from __future__ import annotations

from typing import Any, get_args

from dify_plugin import Tool
from dify_plugin.entities import I18nObject, ParameterOption
from dify_plugin.file.file import File

from creative import images
from creative.deadline import Deadline
from creative.errors import InvalidInput
from creative.images.engines.base import ChoiceKind
from creative.settings import Settings
from tools.adapter import MAX_FILE_BYTES, Call, Messages, OutputFile, Parameters

DEFAULT_SECONDS = 300.0
CHOICES_SECONDS = 20.0
MAX_INFOTEXT_CHARACTERS = 8000
"""In the JSON; the variable `infotext` has it whole."""
MAX_FILES_TOLD = 300
"""In the JSON: a workflow can save thousands of frames."""


def placement(parameters: Parameters) -> images.PlacementGiven:
    """How the files should be."""
    return images.PlacementGiven(
        fit=parameters.text("fit"),
        focus=parameters.text("focus"),
        background=parameters.text("background"),
        image_format=parameters.text("image_format"),
        quality=parameters.integer("quality"),
        metadata=parameters.boolean("metadata", True),
    )


def drawing(parameters: Parameters) -> images.Given:
    """The parameters that both drawing nodes have."""
    return images.Given(
        prompt=parameters.text("prompt"),
        negative_prompt=parameters.text("negative_prompt"),
        size=parameters.text("size"),
        width=parameters.integer("width"),
        height=parameters.integer("height"),
        count=parameters.integer("count"),
        model=parameters.text("model") or parameters.text("model_choice"),
        model_family=parameters.text("model_family"),
        loras=parameters.text("loras"),
        lora_choice=parameters.text("lora_choice"),
        styles=parameters.text("styles"),
        steps=parameters.integer("steps"),
        cfg_scale=parameters.number("cfg_scale"),
        sampler=parameters.text("sampler") or parameters.text("sampler_choice"),
        scheduler=parameters.text("scheduler") or parameters.text("scheduler_choice"),
        seed=parameters.integer("seed"),
        upscaler=parameters.text("upscaler") or parameters.text("upscaler_choice"),
        infotext=parameters.text("infotext"),
        extra=parameters.raw("extra"),
        engine=parameters.text("engine"),
        previews=parameters.boolean("previews", False),
        placement=placement(parameters),
    )


def word(parameters: Parameters, name: str, allowed: tuple[str, ...]) -> str:
    """One of a few words; the first one if it is not given.

    Raises:
        InvalidInput: another word.
    """
    given = parameters.text(name, allowed[0]).strip().lower()
    if given not in allowed:
        raise InvalidInput(name, given, " or ".join(allowed))
    return given


def fetched(file: File, parameter: str, call: Call) -> bytes:
    """The bytes of a file that Dify hands over; before any long wait, since its link expires."""
    from creative.files import fetch

    allowed = call.settings.allowed_private_hosts
    return fetch(
        file.url, file.filename or "", parameter, call.deadline, MAX_FILE_BYTES, allowed
    ).data


def drawn(given: images.Given, mode: str, call: Call) -> images.Generated:
    """Draw, or submit, as `mode` says."""
    verb = images.submit if mode == "submit" else images.generate
    return verb(given.read(), call.settings, call.deadline, call.steps)


def outputs(made: images.Generated) -> dict[str, Any]:
    """The variables that the drawing nodes and fetch_image declare."""
    seeds = list(made.seeds)
    found: dict[str, Any] = {
        "job_id": made.job_id,
        "status": made.status,
        "seed": seeds[0] if seeds else -1,
        "seeds": seeds,
        "infotext": made.infotext,
        "width": made.width,
        "height": made.height,
        "image_count": len(made.pictures),
        "model": made.model,
        "engine": made.engine,
        "elapsed_seconds": round(made.elapsed_seconds, 2),
        "plan": {} if made.plan is None else made.plan.model_dump(mode="json", exclude={"notes"}),
        "notes": list(made.notes),
    }
    if made.cost is not None:
        found["cost"] = round(made.cost, 6)
    return found


def told(made: images.Generated, call: Call, variables: dict[str, Any], way: str = "") -> Messages:
    """The messages of a result: text, JSON, the variables, the files.

    Args:
        made: the result.
        call: the call.
        variables: the declared outputs.
        way: how the files came about, in words; empty: as the plan says.
    """
    sizes = "" if made.width == 0 else f" of {made.width} x {made.height} pixels"
    with_model = f", {made.model}" if made.model else ""
    if made.status == "running":
        text = f"The job of {made.engine}{with_model} is under way; it will give pictures{sizes}. "
        text += "Collect them with Fetch Image and this job_id:\n" + made.job_id
    else:
        some = "1 file" if len(made.pictures) == 1 else f"{len(made.pictures)} files"
        by = "" if made.engine == images.NO_ENGINE else f" by {made.engine}{with_model}"
        if not way and made.plan and made.plan.draw_width:
            way = made.plan.summary()
        text = f"{some}{sizes}{by} in {made.elapsed_seconds:.1f} s{f' ({way})' if way else ''}."
        if made.seeds:
            text += f" Seed: {', '.join(map(str, made.seeds))}."
        if made.cost:
            text += f" Cost: ${made.cost:.4f}."
    text += "".join(f"\nText: {shown}" for shown in made.texts)
    text += "".join(f"\nNote: {note}" for note in made.notes)
    data = {
        **variables,
        "infotext": made.infotext[:MAX_INFOTEXT_CHARACTERS],
        "files": [
            {
                "filename": picture.filename,
                "width": picture.width,
                "height": picture.height,
                "seed": picture.seed,
                "size_kb": round(len(picture.data) / 1024, 1),
            }
            for picture in made.pictures[:MAX_FILES_TOLD]
        ],
    }
    files = [OutputFile(p.data, p.mime_type, p.filename) for p in made.pictures]
    yield from call.messages(text=text, data=data, variables=variables, files=files)


def options(tool: Tool, parameter: str) -> list[ParameterOption]:
    """What the editor offers for a *_choice parameter: the names that the servers have.

    Raises:
        InvalidInput: the parameter has no list.
        CreativeError: no server answers.
    """
    settings = Settings.from_credentials(tool.runtime.credentials)
    clock = Deadline(CHOICES_SECONDS, "the limit for a list of names", "Try again.")
    for kind in get_args(ChoiceKind):
        if parameter == f"{kind}_choice":
            found = images.choices(kind, settings, clock)
            return [
                ParameterOption(value=one.value, label=I18nObject(en_US=one.label)) for one in found
            ]
    raise InvalidInput("parameter", parameter, "one with a list of names")
