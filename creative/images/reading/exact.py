"""What a picture's file says of its making. For the child process of `creative.worker` only.

The rooms are asked in turn, those with the surest marks first; a graph of ComfyUI comes after
AUTOMATIC1111's text, because a node that writes both knows its prompt better than a trace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

from creative.errors import InvalidInput
from creative.images.containers import NotAPicture
from creative.images.decode import Said
from creative.images.finishing import read_input
from creative.images.reading import (
    automatic1111,
    comfyui,
    drawthings,
    fooocus,
    invokeai,
    novelai,
    stealth,
    texts,
)
from creative.images.reading.loose import as_object
from creative.images.reading.recipe import Recipe
from creative.worker import Progress

ROOMS: tuple[Callable[[texts.Texts], Recipe | None], ...] = (
    fooocus.read,
    invokeai.read,
    novelai.read,
    automatic1111.read,
    comfyui.read,
    drawthings.read,
)


class Found(TypedDict):
    """What the file says.

    Attributes:
        recipe: None if it says nothing.
        width: of the file, in pixels, as it is shown.
        height: of the file, in pixels, as it is shown.
        notes: what was not read.
        seen: names of texts that were found and say nothing about a prompt.
    """

    recipe: Recipe | None
    width: int
    height: int
    notes: list[str]
    seen: list[str]


def read(payload: tuple[bytes, str], progress: Progress) -> Found:
    """The job: the file and its parameter's name in, what it says out.

    Raises:
        InvalidInput: it is no whole picture.
        TooLarge: it has too many pixels.
    """
    data, parameter = payload
    # Also this much belongs here: a file of hundreds of thousands of parts takes a second.
    shape = read_input(data, parameter)
    progress(0.1, "Reading the texts in the file")
    try:
        found = texts.read(data)
    except NotAPicture as error:
        raise InvalidInput(
            parameter,
            Said(f"a file of {len(data)} bytes that cannot be used: {error.reason}"),
            "a whole PNG, JPEG, WebP or GIF picture",
        ) from None
    recipe = said(found)
    if recipe is None and found.format in ("png", "webp"):
        progress(0.5, "Looking for a text in the pixels")
        recipe = hidden(stealth.read(data))
    return Found(
        recipe=recipe,
        width=shape.width,
        height=shape.height,
        notes=found.notes,
        seen=sorted(found.by_name)[:20],
    )


def said(found: texts.Texts) -> Recipe | None:
    """What the first room that knows the texts makes of them; a prompt must be among it.

    Why there is none becomes one of the notes.
    """
    reasons: list[str] = []
    for room in ROOMS:
        recipe = room(found)
        if recipe is None:
            continue
        if _says_something(recipe):
            return recipe
        reasons += recipe.notes or [
            f"The file has settings of {recipe.generator} and an empty prompt."
        ]
    found.notes += reasons
    return None


def _says_something(recipe: Recipe) -> bool:
    # A NUL is taken out of every answer: a prompt of these alone would arrive empty.
    return bool(recipe.text.prompt.replace("\0", "").strip())


def hidden(text: str) -> Recipe | None:
    """What a text from the pixels says: AUTOMATIC1111's, or JSON of NovelAI, ComfyUI, SwarmUI."""
    if not text.strip():
        return None
    found = as_object(text)
    if not found:
        recipe: Recipe | None = automatic1111.from_text(text)
    else:
        carried = texts.Texts("png", 0, 0)
        carried.by_name.update({k: v for k, v in found.items() if isinstance(v, str)})
        for name in ("prompt", "workflow"):
            if isinstance(found.get(name), dict):
                carried.by_name[texts.USER_COMMENT] = text
        carried.by_name.setdefault("parameters", text)  # SwarmUI hides what it writes there
        recipe = novelai.from_object(found) or said(carried)
    if recipe is None or not _says_something(recipe):
        return None
    note = "The text was hidden in the pixels (stealth metadata)."
    return recipe.model_copy(update={"notes": (*recipe.notes, note)})
