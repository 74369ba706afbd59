"""The prompt that a picture was made from: read from its file, or guessed and called a guess.

    read_prompt(request, settings, deadline, steps, model)

| room | what it reads |
|---|---|
| `texts.py` | all texts of a PNG, JPEG, WebP or GIF, bounded |
| `automatic1111.py` | AUTOMATIC1111's text: also Forge, SD.Next, stable-diffusion.cpp, ours |
| `comfyui.py`, `comfy_graph.py`, `comfy_text.py` | a graph, from the picture back to its prompt |
| `comfy_editor.py` | the editor's form of a graph |
| `comfy_switches.py`, `comfy_words.py` | nodes that choose between inputs, and that change a text |
| `invokeai.py`, `novelai.py`, `drawthings.py` | what these write |
| `fooocus.py` | Fooocus in its own scheme, and SwarmUI |
| `stealth.py` | texts in the lowest bits of the pixels |
| `exact.py` | the rooms in turn, in the worker process |
| `loose.py` | JSON that somebody else wrote |
| `recipe.py`, `tables.yaml` | what all rooms give, and what becomes of it |
| `guess.py`, `shown.py` | a server's interrogation, a model that sees |
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from creative.deadline import Deadline
from creative.errors import InvalidInput, TooLarge
from creative.images.decode import Said
from creative.images.finishing import pictures
from creative.images.reading.recipe import Recipe
from creative.language import LanguageModel
from creative.settings import Settings
from creative.steps import Phase, Steps

MAX_PROMPT_CHARACTERS = 60_000
"""Dify's variables hold about 200 KB; a longer prompt is none."""

Source = Literal["exact", "tagger", "vision"]


class ReadRequest(BaseModel):
    """Which picture, and whether a guess is wanted."""

    model_config = ConfigDict(frozen=True)

    image: bytes = Field(description="a PNG, JPEG, WebP or GIF file", repr=False)
    parameter: str = Field("image", description="the node's parameter that holds it")
    allow_guess: bool = Field(True, description="whether a guess may stand in for the original")
    instructions: str = Field("", description="the user's wishes for a model's guess")


class Reading(BaseModel):
    """How a picture was made, or a guess at it."""

    model_config = ConfigDict(frozen=True)

    prompt: str
    negative_prompt: str = ""
    source: Source = Field(description="exact: the file says so; tagger, vision: a guess")
    generator: str = Field("", description="what made it; empty for a guess")
    model: str = Field("", description="the checkpoint's name")
    models: list[str] = Field(default_factory=list, description="it, refiners, VAEs and the like")
    loras: list[dict[str, Any]] = Field(default_factory=list, description="name and weight of each")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="parameters of text_to_image that repeat the picture"
    )
    infotext: str = Field("", description="the same as one text for text_to_image")
    other: dict[str, Any] = Field(
        default_factory=dict, description="what text_to_image has no parameter for"
    )
    width: int = Field(description="of the file, in pixels, as it is shown")
    height: int = Field(description="of the file, in pixels, as it is shown")
    notes: list[str] = Field(default_factory=list)

    def summary(self) -> str:
        """What a person wants to know, with the prompts whole."""
        lines = [f"Prompt: {self.prompt}"]
        if self.negative_prompt:
            lines.append(f"Negative prompt: {self.negative_prompt}")
        if self.source == "exact":
            lines.insert(0, f"Exact, from the file ({self.generator}).")
        else:
            lines.insert(0, "A guess: the file does not say how the picture was made.")
        told = {name: value for name, value in self.settings.items() if name != "extra"}
        if told:
            lines.append(", ".join(f"{name}: {value}" for name, value in told.items()))
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])


def read_prompt(
    request: ReadRequest,
    settings: Settings,
    deadline: Deadline,
    steps: Steps,
    model: LanguageModel | None = None,
) -> Reading:
    """The prompt of a picture.

    Args:
        request: which picture.
        settings: the credentials; `sd_base_url` may guess.
        deadline: the call's clock.
        steps: told what is going on and what it costs.
        model: a language model that sees pictures and may guess.

    Raises:
        InvalidInput: no picture; or its file says nothing, and nobody may or can guess.
        TooLarge: more than 50 megapixels, or a prompt over MAX_PROMPT_CHARACTERS.
        EngineUnavailable: everybody who was asked for a guess failed.
        DeadlineExceeded: out of time.
    """
    with steps.step(Phase.INIT, "Reading the file") as step:
        found = pictures.call(
            "creative.images.reading.exact:read",
            (request.image, request.parameter),
            deadline,
            step.progress,
        )
    notes = list(found["notes"])
    recipe: Recipe | None = found["recipe"]
    if recipe is not None:
        return _exact(recipe, found["width"], found["height"], notes)
    reasons = "".join(f" {note}" for note in notes)
    if not request.allow_guess:
        seen = ", ".join(found["seen"])
        raise InvalidInput(
            request.parameter,
            Said("a picture whose file does not say how it was made"),
            "a picture with generation parameters in it (allow_guess is off)",
            "Uploads to most sites remove them: use the original file, or switch allow_guess on."
            + (f" The file has only these texts: {seen}." if seen else "")
            + reasons,
        )
    from creative.images.reading.guess import guess

    if not settings.sd_base_url and model is None:
        raise InvalidInput(
            request.parameter,
            Said("a picture whose file does not say how it was made"),
            "a picture with generation parameters in it",
            "Uploads to most sites remove them: use the original file. For a guess at the prompt, "
            "choose a model that sees pictures, or set sd_base_url to an AUTOMATIC1111 or Forge."
            + reasons,
        )
    guessed = guess(
        lambda: _shown(request, deadline), settings, deadline, steps, model, request.instructions
    )
    return Reading(
        prompt=_clean(guessed.prompt),
        source="tagger" if guessed.source == "tagger" else "vision",
        width=found["width"],
        height=found["height"],
        notes=[*notes, *guessed.notes],
    )


def _shown(request: ReadRequest, deadline: Deadline) -> bytes:
    small: bytes = pictures.call(
        "creative.images.reading.shown:small", (request.image, request.parameter), deadline
    )
    return small


def _exact(recipe: Recipe, width: int, height: int, notes: list[str]) -> Reading:
    for name, text in (
        ("prompt", recipe.text.prompt),
        ("negative prompt", recipe.text.negative_prompt),
    ):
        if len(text) > MAX_PROMPT_CHARACTERS:
            raise TooLarge(
                f"image: the {name} in the file",
                f"{len(text)} characters",
                f"{MAX_PROMPT_CHARACTERS} characters",
                "Such a text is none that a picture was drawn from.",
            )
    settings, left = recipe.settings()
    infotext = recipe.infotext()
    if len(infotext) > MAX_PROMPT_CHARACTERS:
        left.append(f"infotext would have {len(infotext)} characters: left out.")
        infotext = ""
    return Reading(
        prompt=_clean(recipe.text.prompt),
        negative_prompt=_clean(recipe.text.negative_prompt),
        source="exact",
        generator=recipe.generator,
        model=_clean(str(settings.get("model", ""))),
        models=_clean(recipe.all_models()),
        loras=_clean(recipe.all_loras()),
        settings=_clean(settings),
        infotext=_clean(infotext),
        other=_clean(recipe.other),
        width=width,
        height=height,
        notes=[_clean(note) for note in (*notes, *recipe.notes, *left)],
    )


def _clean(value: Any) -> Any:
    """`value` without NUL and half surrogate pairs, which no answer can carry."""
    if isinstance(value, str):
        return value.replace("\0", "").encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_clean(key): _clean(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_clean(one) for one in value]
    return value
