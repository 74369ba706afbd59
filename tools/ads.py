"""What the node ad_variants reads and tells.

Not a node itself: it has no YAML. `tests.declarations` follows the functions here that are
handed the node's `Parameters`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from dify_plugin import Tool
from dify_plugin.file.file import File
from pydantic import ValidationError

from creative import ads
from creative.errors import InvalidInput
from creative.images.size import read_size
from tools.adapter import MAX_FILE_BYTES, Call, Messages, OutputFile, Parameters

DEFAULT_SECONDS = 300.0
MAX_VARIANTS_BYTES = 150_000
"""Of the output `variants`, also a part of the JSON, of which Dify takes 200,000 bytes."""
_ENGINES = ("auto", "model", "dify_app", "builtin")
_GROUNDS = ("auto", "engine", "source", "layout")
_VERDICTS = {"approved": "approve", "rejected": "reject", "": "", None: ""}


def request(parameters: Parameters, call: Call) -> ads.AdsRequest:
    """The parameters of the node as a request; files are fetched, since their links expire.

    Raises:
        InvalidInput: a parameter that cannot be used.
    """
    return ads.AdsRequest(
        source_url=parameters.text("source_url").strip(),
        source_html=parameters.text("source_html"),
        source_image=_fetched(parameters.file("source_image"), "source_image", call),
        brief=parameters.text("brief").strip(),
        brand=parameters.text("brand").strip(),
        platforms=tuple(_listed(parameters, "platforms")) or ("google_search",),
        count=_count(parameters),
        language=parameters.text("language").strip(),
        tone=parameters.text("tone").strip(),
        must_include=tuple(_listed(parameters, "must_include")),
        must_avoid=tuple(_listed(parameters, "must_avoid")),
        sizes=tuple(_sizes(parameters)),
        make_pictures=parameters.boolean("make_pictures", True),
        backgrounds=_word("backgrounds", parameters.text("backgrounds"), _GROUNDS),
        engine=_word("engine", parameters.text("engine"), _ENGINES),
        logo=_fetched(parameters.file("logo"), "logo", call),
        colours=tuple(_listed(parameters, "colours")),
        seed=_seed(parameters),
        feedback=tuple(_feedback(parameters)),
        cache_seconds=parameters.number("cache_seconds") or 0.0,
    )


def mapping(parameters: Parameters) -> ads.DifyMapping:
    """How the Dify app is called.

    Raises:
        InvalidInput: dify_inputs is no JSON object of texts.
    """
    output = parameters.text("dify_output").strip()
    given = parameters.raw("dify_inputs")
    if given is None:
        return ads.DifyMapping(output=output)
    wanted = 'a JSON object such as {"page": "url", "task": "prompt"}'
    found = _json(given)
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise InvalidInput("dify_inputs", given, wanted)
    return ads.DifyMapping(inputs=found, output=output)


def model_key(tool: Tool, parameters: Parameters) -> str:
    """What tells the chosen model from others, in other workspaces too; "" without one."""
    selected = parameters.raw("model")
    user = tool.runtime.user_id
    if selected is None or not user:
        # Without a user nobody can tell whose workspace's model of this name it is.
        return ""
    return json.dumps([user, selected], sort_keys=True, default=str)


def told(campaign: ads.Campaign, call: Call) -> Messages:
    """The messages of a result: text, JSON, the variables, the files."""
    variants = [variant.model_dump(mode="json") for variant in campaign.variants]
    notes = [*campaign.notes, *_fit(variants)]
    best = next(one for one in variants if one["id"] == campaign.best.id)
    variables: dict[str, Any] = {
        "variants": variants,
        "best": best,
        "count": len(variants),
        "dropped": [one.model_dump(mode="json") for one in campaign.dropped],
        "states": campaign.states,
        "picture_count": len(campaign.pictures),
        "csv_files": [table.filename for table in campaign.tables],
        "contact_sheet": CONTACT_SHEET if campaign.contact_sheet else "",
        "language": campaign.look.language,
        "brand": campaign.look.brand,
        "engine": campaign.engine,
        "report": campaign.report(),
        "notes": notes,
    }
    files = [OutputFile(one.data, one.mime_type, one.filename) for one in campaign.pictures]
    if campaign.contact_sheet:
        files.append(OutputFile(campaign.contact_sheet, "image/png", CONTACT_SHEET))
    files += [OutputFile(table.data, "text/csv", table.filename) for table in campaign.tables]
    data = {name: value for name, value in variables.items() if name not in ("report", "best")}
    yield from call.messages(
        text=campaign.report() + "".join(f"\nNote: {note}" for note in notes),
        data={**data, "best": best["id"]},
        variables=variables,
        files=files,
    )


CONTACT_SHEET = "contact_sheet.png"


def _fit(variants: list[dict[str, Any]]) -> list[str]:
    """Leave out what is least needed until Dify takes the rest; what that was, as notes."""
    left_out = []
    for part in ("image_prompt", "notes", "all but the first texts of each field"):
        if len(json.dumps(variants, ensure_ascii=False).encode()) <= MAX_VARIANTS_BYTES:
            break
        for variant in variants:
            if part in variant:
                variant.pop(part)
            else:
                variant["fields"] = {
                    name: texts[:1] if isinstance(texts, list) else texts
                    for name, texts in variant["fields"].items()
                }
        left_out.append(part)
    if not left_out:
        return []
    return [
        f"variants: too long for Dify, so that {' and '.join(left_out)} were left out; the CSV "
        "files have all texts."
    ]


def _fetched(file: File | None, parameter: str, call: Call) -> bytes:
    if file is None:
        return b""
    from creative.files import fetch

    allowed = call.settings.allowed_private_hosts
    name = file.filename or ""
    return fetch(file.url, name, parameter, call.deadline, MAX_FILE_BYTES, allowed).data


def _json(given: Any) -> Any:
    """What a JSON text says; anything else as it is."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError:
        return given


def _listed(parameters: Parameters, name: str) -> list[str]:
    """A list from JSON, or from a text with commas, semicolons or lines."""
    given = parameters.raw(name)
    found = _json(given) if isinstance(given, str) and given.strip()[:1] == "[" else given
    if found is None:
        return []
    if isinstance(found, str):
        found = re.split(r"[,;\n，、；]+", found)
    if not isinstance(found, list) or not all(isinstance(one, str | int) for one in found):
        raise InvalidInput(name, given, 'a list such as "a, b", or a JSON array of texts')
    return _distinct(str(one).strip() for one in found)


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))


def _word(name: str, given: str, allowed: tuple[str, ...]) -> Any:
    word = given.strip().lower() or allowed[0]
    if word not in allowed:
        raise InvalidInput(name, given, ", ".join(allowed))
    return word


def _count(parameters: Parameters) -> int:
    count = parameters.integer("count")
    if count is not None and not 1 <= count <= ads.MAX_COUNT:
        raise InvalidInput("count", count, f"1 to {ads.MAX_COUNT}")
    return count or 3


def _seed(parameters: Parameters) -> int:
    seed = parameters.integer("seed")
    if seed is not None and not 0 <= seed <= ads.MAX_SEED:
        raise InvalidInput("seed", seed, f"0 to {ads.MAX_SEED}")
    return seed or 0


def _sizes(parameters: Parameters) -> list[ads.Size]:
    found = []
    for given in _listed(parameters, "sizes"):
        try:
            width, height = read_size(given).exact or (0, 0)
            found.append(ads.Size(width=width, height=height))
        except (InvalidInput, ValidationError):
            raise InvalidInput(
                "sizes",
                given,
                'pixels such as "300x250", 16 to 4096 a side, or a preset such as instagram_story',
            ) from None
    return found


def _feedback(parameters: Parameters) -> list[ads.Feedback]:
    given = parameters.raw("feedback")
    if given is None:
        return []
    found = _json(given)
    found = [found] if isinstance(found, dict) else found
    wanted = (
        'a JSON array of {"verdict": "approve" or "reject", "rating": 1 to 5, "note": …, '
        '"fields": {…}}'
    )
    if not isinstance(found, list):
        raise InvalidInput("feedback", given, wanted)
    try:
        return [_opinion(one) for one in found]
    except (AttributeError, TypeError, ValidationError):
        raise InvalidInput(
            "feedback", given, wanted, "`studio runs feedback --brand NAME --json` prints some."
        ) from None


def _opinion(one: Any) -> ads.Feedback:
    fields = {
        name: (texts,) if isinstance(texts, str) else tuple(texts)
        for name, texts in (one.get("fields") or {}).items()
    }
    verdict = one.get("verdict")
    return ads.Feedback(
        verdict=_VERDICTS.get(verdict, verdict),
        rating=one.get("rating"),
        note=one.get("note") or "",
        fields=fields,
    )
