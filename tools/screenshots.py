"""What the screenshot node reads and tells.

Not a node itself: it has no YAML. `tests.declarations` follows the functions here that are
handed the node's `Parameters`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from creative import capture
from creative.capture.given import Given
from creative.errors import CreativeError, TooLarge
from creative.http import redact
from tools.adapter import MAX_FILE_BYTES, Call, Messages, OutputFile, Parameters

DEFAULT_SECONDS = 60.0
MAX_RESULTS_BYTES = 150_000
"""Of the output `results`, also a part of the JSON, of which Dify takes 200,000."""

Outcome = capture.Screenshot | CreativeError


def given(parameters: Parameters) -> Given:
    """The parameters of the node, as they came."""
    return Given(
        url=parameters.raw("url"),
        html=parameters.text("html"),
        markdown=parameters.text("markdown"),
        width=parameters.integer("width"),
        height=parameters.integer("height"),
        full_page=parameters.boolean("full_page", False),
        max_height=parameters.integer("max_height"),
        selector=parameters.text("selector"),
        every_match=parameters.boolean("every_match", False),
        padding=parameters.integer("padding"),
        clip=parameters.raw("clip"),
        device=parameters.text("device"),
        landscape=parameters.boolean("landscape", False),
        scale=parameters.number("scale"),
        mobile=_perhaps(parameters, "mobile"),
        touch=_perhaps(parameters, "touch"),
        wait_for=parameters.text("wait_for"),
        delay_seconds=parameters.number("delay_seconds"),
        freeze_animations=parameters.boolean("freeze_animations", False),
        dark_mode=parameters.boolean("dark_mode", False),
        reduced_motion=parameters.boolean("reduced_motion", False),
        print_media=parameters.boolean("print_media", False),
        language=parameters.text("language"),
        time_zone=parameters.text("time_zone"),
        geolocation=parameters.raw("geolocation"),
        hide=parameters.raw("hide"),
        css=parameters.text("css"),
        block_banners=parameters.boolean("block_banners", False),
        block_ads=parameters.boolean("block_ads", False),
        transparent=parameters.boolean("transparent", False),
        headers=parameters.raw("headers"),
        cookies=parameters.raw("cookies"),
        basic_auth=parameters.text("basic_auth"),
        user_agent=parameters.text("user_agent"),
        proxy=parameters.text("proxy"),
        format=parameters.text("format"),
        quality=parameters.integer("quality"),
        resize=parameters.raw("resize"),
        paper=parameters.text("paper"),
        margins=parameters.text("margins"),
        fail_on_status=parameters.integer("fail_on_status"),
        with_facts=parameters.boolean("with_facts", True),
        engine=parameters.text("engine"),
        cache_seconds=parameters.number("cache_seconds"),
    )


def _perhaps(parameters: Parameters, name: str) -> bool | None:
    """A yes or no, or None if it is left to the device."""
    return None if parameters.raw(name) is None else parameters.boolean(name, False)


def taken(
    requests: Sequence[capture.ScreenshotRequest], at_once: int | None, call: Call
) -> list[Outcome]:
    """Photograph the pages, `at_once` at a time.

    Raises:
        CreativeError: a single page could not be photographed, or `at_once` is out of range.
    """
    if len(requests) == 1:
        return [capture.screenshot(requests[0], call.settings, call.deadline, call.steps)]
    several = capture.MANY_AT_ONCE if at_once is None else at_once
    return capture.screenshots(requests, call.settings, call.deadline, call.steps, at_once=several)


def told(
    requests: Sequence[capture.ScreenshotRequest],
    outcomes: Sequence[Outcome],
    notes: Sequence[str],
    call: Call,
) -> Messages:
    """The messages of a result: text, JSON, the variables, the files.

    Args:
        requests: one for each page.
        outcomes: in the same order.
        notes: on the call as a whole.
        call: the call.

    Raises:
        CreativeError: no page could be photographed; the error of the first.
    """
    outcomes = [_deliverable(outcome, call) for outcome in outcomes]
    shots = [one for one in outcomes if isinstance(one, capture.Screenshot)]
    if not shots:
        raise _all_failed([one for one in outcomes if isinstance(one, CreativeError)])
    first = shots[0]
    files = [file for shot in shots for file in _files(shot)]
    names = _distinct([file.filename for file in files])
    files = [replace(file, filename=name) for file, name in zip(files, names, strict=True)]
    left = iter(files)
    results = [
        _failed(request, outcome)
        if isinstance(outcome, CreativeError)
        else _done(
            request, outcome, [file.filename for file in islice(left, len(outcome.pictures))]
        )
        for request, outcome in zip(requests, outcomes, strict=True)
    ]
    every = [*notes, *(note for result in results for note in result["notes"]), *_fit(results)]
    variables: dict[str, Any] = {
        "final_url": first.final_url,
        "title": first.title,
        "status": first.status,
        "image_width": first.picture.width,
        "image_height": first.picture.height,
        "image_count": len(files),
        "failed_count": len(outcomes) - len(shots),
        "page": {} if first.page is None else first.page.model_dump(mode="json"),
        "results": results,
        "notes": list(dict.fromkeys(every)),
    }
    data = {name: value for name, value in variables.items() if name != "page"}
    yield from call.messages(
        text=_text(requests, outcomes) + "".join(f"\nNote: {note}" for note in notes),
        data={**data, "browser": first.browser},
        variables=variables,
        files=files,
    )


def _all_failed(errors: Sequence[CreativeError]) -> CreativeError:
    """The first error; it says so if it stands for others."""
    first = errors[0]
    if len(errors) > 1:
        first.message = f"None of the {len(errors)} pages could be captured. {first.message}"
    return first.without(())


def _deliverable(outcome: Outcome, call: Call) -> Outcome:
    """The outcome, without secrets; an error if Dify would not take its files."""
    if isinstance(outcome, CreativeError):
        return outcome.without(call.secrets)
    for picture in outcome.pictures:
        if len(picture.data) > MAX_FILE_BYTES:
            return TooLarge(
                f"The file {picture.filename}",
                f"{len(picture.data) / 2**20:.1f} MB",
                "30 MB (Dify accepts no larger file)",
                "Choose jpeg or webp as format, a smaller scale, or a max_height.",
            )
    return outcome


def _files(shot: capture.Screenshot) -> list[OutputFile]:
    return [OutputFile(one.data, one.media_type, one.filename) for one in shot.pictures]


def _distinct(names: Sequence[str]) -> list[str]:
    """`names`, numbered where two pages of one site would give the same."""
    found: list[str] = []
    for name in names:
        stem, dot, ending = name.rpartition(".")
        number, wanted = 1, name
        while wanted in found:
            number += 1
            wanted = f"{stem}_{number}{dot}{ending}"
        found.append(wanted)
    return found


def _failed(request: capture.ScreenshotRequest, error: CreativeError) -> dict[str, Any]:
    nothing = {"final_url": "", "status": 0, "title": "", "width": 0, "height": 0}
    files = {"filename": "", "filenames": [], "engine": "", "cached": False, "notes": []}
    rest = {"blocked_count": 0, "blocked": [], "page": {}}
    return {"url": _shown(request), "ok": False, "error": str(error), **nothing, **files, **rest}


def _done(
    request: capture.ScreenshotRequest, shot: capture.Screenshot, names: list[str]
) -> dict[str, Any]:
    return {
        "url": _shown(request),
        "ok": True,
        "error": "",
        "final_url": shot.final_url,
        "status": shot.status,
        "title": shot.title,
        "width": shot.picture.width,
        "height": shot.picture.height,
        "filename": names[0],
        "filenames": names,
        "engine": shot.engine,
        "cached": shot.cached,
        "notes": list(shot.notes),
        "blocked_count": shot.blocked_count,
        "blocked": [refused.model_dump() for refused in shot.blocked],
        "page": {} if shot.page is None else shot.page.model_dump(mode="json"),
    }


def _shown(request: capture.ScreenshotRequest) -> str:
    return redact(request.url) if request.url else ""


def _fit(results: list[dict[str, Any]]) -> list[str]:
    """Leave out what is longest until Dify takes the rest; what was left out, as notes."""

    def fits() -> bool:
        return len(json.dumps(results, ensure_ascii=False).encode()) <= MAX_RESULTS_BYTES

    notes: list[str] = []
    for part, name in (("page", "text"), ("page", "headings"), ("page", "buttons")):
        if fits():
            return notes
        for result in results:
            result[part].pop(name, None)
        notes.append(f"results: too long for Dify, so that {part}.{name} was left out.")
    for name, nothing in (("page", {}), ("blocked", [])):
        if fits():
            return notes
        for result in results:
            result[name] = nothing
        notes = ["results: too long for Dify, so that the pages' own words were left out."]
    return notes


def _text(requests: Sequence[capture.ScreenshotRequest], outcomes: Sequence[Outcome]) -> str:
    said = [_sentence(*pair) for pair in zip(requests, outcomes, strict=True)]
    if len(said) == 1:
        return said[0]
    good = sum(isinstance(one, capture.Screenshot) for one in outcomes)
    lines = "\n".join(f"{number}. {line}" for number, line in enumerate(said, 1))
    return f"{good} of {len(said)} pages captured.\n{lines}"


def _sentence(request: capture.ScreenshotRequest, outcome: Outcome) -> str:
    if isinstance(outcome, CreativeError):
        return f"{_shown(request)} failed: {outcome}"
    given_as = "the given HTML" if request.html else "the given Markdown"
    kind = outcome.picture.media_type.partition("/")[2].upper()
    what, unit = ("PDF", "points") if kind == "PDF" else ("Screenshot", "pixels")
    count = len(outcome.pictures)
    several = f"{count} pictures, the first " if count > 1 else ""
    size = round(sum(len(picture.data) for picture in outcome.pictures) / 1024, 1)
    text = f"{what} of {redact(outcome.final_url) if outcome.final_url else given_as}: {several}"
    text += f"{outcome.picture.width} x {outcome.picture.height} {unit}, {kind}, {size:g} kB."
    if outcome.blocked_count:
        text += f" Requests of the page that were refused: {outcome.blocked_count}."
    return text + "".join(f"\nNote: {note}" for note in outcome.notes)
