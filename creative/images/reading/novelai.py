"""Pictures of NovelAI.

PNG text chunks `Description` (the prompt), `Software`, `Source` (the model) and `Comment`, JSON of
what was drawn; in a WebP the same as one JSON object in the EXIF UserComment; and the same once
more in the lowest bit of the alpha channel (see `stealth`). Sources: NovelAI's own reader,
NovelAI/novelai-image-metadata (nai_meta.py), and pictures of V3 to V4.5.
"""

from __future__ import annotations

from typing import Any

from creative.images.infotext import Infotext
from creative.images.reading.loose import as_object, inner
from creative.images.reading.recipe import (
    Recipe,
    as_text,
    fields_of,
    leftover,
    sampler_of,
    size_of,
)
from creative.images.reading.texts import USER_COMMENT, Texts

_READ = {
    "prompt", "uc", "steps", "scale", "seed", "width", "height", "sampler", "noise_schedule",
    "strength", "signed_hash", "v4_prompt", "v4_negative_prompt",
}  # fmt: skip
MOST_CHARACTERS_IN_A_PICTURE = 50


def read(texts: Texts) -> Recipe | None:
    """What NovelAI says of the picture; None if it is none of its."""
    outside: dict[str, Any] = dict(texts.by_name)
    if "Comment" not in outside:
        outside = as_object(texts.get(USER_COMMENT))
    return from_object(outside)


def from_object(outside: dict[str, Any]) -> Recipe | None:
    """A recipe from the object that holds Comment, Source and Software."""
    comment = as_object(outside.get("Comment"))
    software, source = as_text(outside.get("Software")), as_text(outside.get("Source"))
    told = "NovelAI" in software or "NovelAI" in source
    if not comment or not (told or {"uc", "v4_prompt", "scale"} & comment.keys()):
        return None
    prompt = as_text(comment.get("prompt")) or as_text(outside.get("Description"))
    base, people = _caption(comment.get("v4_prompt"))
    negative_base, negative_people = _caption(comment.get("v4_negative_prompt"))
    negative = as_text(comment.get("uc")) or negative_base
    notes = []
    if people or negative_people:
        notes.append("Prompts for single characters are appended, with | between them.")
    prompt = " | ".join([prompt or base, *people])
    negative = " | ".join(filter(None, [negative, *negative_people]))
    if "{" in prompt or "::" in prompt:
        notes.append(
            "The emphasis is written as NovelAI has it ({…}, 1.2::…::); other servers read it "
            "as plain signs."
        )
    schedule = as_text(comment.get("noise_schedule"))
    fields = {
        "Steps": comment.get("steps"),
        **sampler_of("NovelAI", as_text(comment.get("sampler")), schedule.replace("native", "")),
        "CFG scale": comment.get("scale"),
        "Seed": comment.get("seed"),
        "Size": size_of(comment.get("width"), comment.get("height")),
        "Model": source,
        "Denoising strength": comment.get("strength") if "Img2Img" in _kind(comment) else None,
    }
    return Recipe(
        generator="NovelAI",
        text=Infotext(prompt=prompt, negative_prompt=negative, fields=fields_of(fields)),
        other=leftover(comment, _READ),
        notes=tuple(notes),
    )


def _kind(comment: dict[str, Any]) -> str:
    return as_text(comment.get("request_type"))


def _caption(value: Any) -> tuple[str, list[str]]:
    """The base caption of V4 and later, and those of the characters."""
    caption = inner(value, "caption") if isinstance(value, dict) else None
    if not isinstance(caption, dict):
        return "", []
    rows = caption.get("char_captions")
    people = [
        as_text(row.get("char_caption"))
        for row in (rows if isinstance(rows, list) else [])[:MOST_CHARACTERS_IN_A_PICTURE]
        if isinstance(row, dict)
    ]
    return as_text(caption.get("base_caption")), [text for text in people if text]
