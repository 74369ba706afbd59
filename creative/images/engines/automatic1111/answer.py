"""A server's answer to a generation: which of its pictures are ours, and what drew them."""

from __future__ import annotations

import base64
import binascii
import json
import time
from dataclasses import dataclass
from typing import Any

from creative.errors import AnswerInvalid, EngineRejected, shorten
from creative.images.engines import replies
from creative.images.engines.base import Raw
from creative.images.names import plain
from creative.images.picture import NotAPicture, inspect, read_infotext


@dataclass(frozen=True)
class Answer:
    """What came back of one POST.

    Attributes:
        pictures: in the order of the seeds.
        model: that drew, as the server calls it; "" where it does not say.
        sampler: likewise.
        timestamp: the server's own mark of the job.
        others: pictures left out, which no seed belongs to.
    """

    pictures: tuple[Raw, ...]
    model: str = ""
    sampler: str = ""
    timestamp: str = ""
    others: int = 0


def decode(who: str, text: Any) -> bytes:
    """The file in a base64 text, with or without a `data:` prefix.

    Raises:
        AnswerInvalid: it is no base64, or no whole picture.
    """
    hint = "Look at the server's own log."
    if not isinstance(text, str) or not text:
        raise AnswerInvalid(who, "a picture is missing from its list", hint)
    # Line breaks are rare and legal; only then is a copy of the text worth its memory.
    start = text.find(",") + 1 if text.startswith("data:") else 0
    body = text[start:] if start else text
    try:
        data = base64.b64decode("".join(body.split()) if "\n" in body else body, validate=True)
    except (binascii.Error, ValueError):
        begins = shorten(text, 40)
        raise AnswerInvalid(
            who, f"a picture is no base64 text; it begins: {begins}", hint
        ) from None
    return whole(who, data)


def whole(who: str, data: bytes) -> bytes:
    """`data` itself, if it is a whole picture.

    Raises:
        AnswerInvalid: it is not.
    """
    try:
        inspect(data, "its picture")
    except NotAPicture as error:
        raise AnswerInvalid(who, str(error), "Look at the server's own log.") from None
    return data


def _info(answer: dict[str, Any]) -> dict[str, Any]:
    """`info`: JSON text, an object, or nothing at all (stable-diffusion.cpp)."""
    info = answer.get("info")
    if isinstance(info, str) and info:
        try:
            info = json.loads(info)
        except ValueError:
            return {}
    return info if isinstance(info, dict) else {}


def read(who: str, answer: Any, seeds: tuple[int, ...]) -> Answer:
    """The pictures that belong to `seeds`, out of an answer that may hold grids and maps too.

    The answer's own list is emptied on the way, so that each text goes as soon as it is bytes.

    Args:
        who: for errors.
        answer: JSON of txt2img or img2img.
        seeds: what was asked.

    Raises:
        AnswerInvalid: no picture, or something that is none.
        EngineRejected: fewer pictures than were asked.
    """
    if not isinstance(answer, dict):
        raise AnswerInvalid(who, f"JSON that is no object: {shorten(json.dumps(answer), 60)}")
    texts = answer.get("images")
    if not isinstance(texts, list) or not texts:
        raise replies.pictures_missing(who)
    info = _info(answer)
    first = info.get("index_of_first_image")
    first = first if isinstance(first, int) and 0 <= first < len(texts) else 0
    drawn = info.get("all_seeds")
    drawn = drawn if isinstance(drawn, list) and drawn else list(seeds)
    mine = len(drawn) if len(drawn) > len(seeds) else len(seeds)
    infotexts = info.get("infotexts")
    infotexts = infotexts if isinstance(infotexts, list) else []
    available = min(mine, len(texts) - first)
    if available < len(seeds):
        raise EngineRejected(
            who,
            f"it gave {available} of {len(seeds)} pictures: the job was interrupted there",
            hint="Somebody else stopped it, or the server did; try again.",
        )
    pictures = []
    for index in range(available):
        at = first + index
        data = decode(who, texts[at])
        texts[at] = None
        seed = drawn[index] if index < len(drawn) else seeds[index]
        said = infotexts[at] if at < len(infotexts) else ""
        infotext = said if isinstance(said, str) and said else read_infotext(data)
        pictures.append(
            Raw(data=data, seed=seed if isinstance(seed, int) else None, infotext=infotext)
        )
        time.sleep(0)  # other calls of the plugin get their turn
    return Answer(
        tuple(pictures),
        model=str(info.get("sd_model_name") or ""),
        sampler=str(info.get("sampler_name") or ""),
        timestamp=str(info.get("job_timestamp") or ""),
        others=len(texts) - available,
    )


def compare(who: str, answer: Answer, model: str, sampler: str) -> list[str]:
    """Notes on what drew instead of what was asked.

    A wrong sampler makes another picture of the same thing: a note. A wrong model makes another
    thing: an error, since Forge and SD.Next take the loaded model for one they cannot load.

    Args:
        who: for the error.
        answer: what came.
        model: what was asked, as the server calls it; "" is any.
        sampler: likewise.

    Raises:
        EngineRejected: another model drew.
    """
    if model and answer.model and plain(model) != plain(answer.model):
        raise EngineRejected(
            who,
            f"it was asked for the model {model} and drew with {answer.model}",
            hint="The server could not load it: look at its own log.",
        )
    notes = []
    if sampler and answer.sampler and plain(sampler) != plain(answer.sampler):
        notes.append(f"sampler: the server took {answer.sampler} instead of {sampler}")
    if answer.others:
        notes.append(
            f"{answer.others} more pictures of the server were left out: no seed belongs to "
            "them (a grid, a mask, or what ControlNet made of the image)"
        )
    return notes
