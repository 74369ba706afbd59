"""The pipeline: from a request to a campaign, with what happens when something fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from creative import prompts
from creative.ads import export, platforms, score
from creative.ads.backgrounds import Background, backgrounds
from creative.ads.cache import Cache
from creative.ads.draw import contact_sheet
from creative.ads.look import look as look_at
from creative.ads.model import (
    AdsRequest,
    Campaign,
    Copy,
    Drawn,
    Look,
    Size,
    Table,
    Variant,
    WriterName,
    counted,
)
from creative.ads.patience import patiently, share
from creative.ads.pictures import check_count, draw_variant, rules
from creative.ads.states import States
from creative.ads.write import DifyMapping, Written, chosen, write
from creative.capture import find_browser
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, DeadlineExceeded, EngineUnavailable
from creative.language import LanguageModel
from creative.settings import Settings
from creative.shelf import lifetime
from creative.steps import Phase, Steps

HAND_OVER_SECONDS = 5.0
"""Kept for scores, tables and the contact sheet, whatever comes before them."""
PICTURE_SECONDS = 0.5
"""Kept for each picture while backgrounds are drawn: four times what it takes on a free machine."""
LIKENESS_SECONDS = 60.0
"""Comparing texts takes a second, and a few more where the model has to be loaded first."""
_PROMPTS = ("ads_write", "ads_correct", "ads_rewrite", "ads_app")
DRAWN_PERCENT = 96
"""Where the call is when all variants have their pictures."""

_cache = Cache()


def variants(
    request: AdsRequest,
    settings: Settings,
    deadline: Deadline,
    steps: Steps,
    model: LanguageModel | None = None,
    dify: DifyMapping | None = None,
    model_key: str = "",
) -> Campaign:
    """Look, write, draw, score, hand over.

    Args:
        request: what is wanted.
        settings: browser, image engines, Dify app.
        deadline: the call's clock.
        steps: told what happens, and how far each variant is.
        model: the language model, if there is one.
        dify: how the Dify app is called.
        model_key: what tells this model, its settings and whose it is from others, for
            `cache_seconds`; empty: its answers are not kept.

    Raises:
        InvalidInput: an unknown platform or language, a brief or picture that cannot be used, too
            many pictures, must_include that a limit has no room for.
        NotConfigured: an engine is named that is not set up.
        AnswerInvalid: a page with nothing on it, or no variant can be used.
        CreativeError: whatever kept the page from being loaded or the writer from answering.
    """
    with steps.step(Phase.INIT, "Checking what is wanted", 3) as step:
        names = dict.fromkeys(platforms.platform(name).id for name in request.platforms)
        request = request.model_copy(update={"platforms": tuple(names)})
        writer = chosen(request, settings, model)
        check_count(request)
        lifetime(request.cache_seconds)
        step.progress(0.9, f"{counted(len(names) * request.count, 'variant')}: pending")
        states = States(f"{name}-{n}" for name in names for n in range(1, request.count + 1))
    seen = _looked(request, settings, deadline, steps)
    key = _writer_key(writer, settings, dify, model_key)
    written = _written(request, seen, settings, deadline, steps, model, dify, key)
    for id in set(states.now()) - {copy.id for copy in written.copies}:
        reason = next((said for said in written.dropped if said.startswith(f"{id}:")), "")
        states.fail(id, reason or f"{written.engine} wrote fewer variants than were asked for")
    drawn, notes = _drawn(request, seen, written.copies, settings, deadline, steps, states)
    pictures = [picture for one in drawn.values() for picture in one]
    copies = [copy for copy in written.copies if states.now()[copy.id] == "completed"]
    if not copies:
        raise AnswerInvalid(
            "the writer",
            f"no variant is left: {states.dropped[0].reason}",
            "Change what that names; with make_pictures off there are texts alone.",
        )
    finished, told = _scored(request, seen, copies, pictures, deadline, steps)
    notes = [*seen.notes, *written.notes, *notes, *told]
    with steps.step(Phase.SAVE, "Writing tables and the contact sheet"):
        tables = [Table(filename=n, data=d) for n, d in export.tables(finished, request, seen)]
        labels = {one.id: f"{one.score:.2f}  {one.angle}".strip() for one in finished}
        sheet = contact_sheet(pictures, labels, deadline) if pictures else b""
    with steps.step(Phase.DONE, counted(len(finished), "variant")):
        return Campaign(
            variants=tuple(finished),
            dropped=tuple(sorted(states.dropped, key=lambda one: list(states.now()).index(one.id))),
            pictures=tuple(pictures),
            tables=tuple(tables),
            contact_sheet=sheet,
            look=seen,
            states=states.now(),
            engine=written.engine,
            notes=tuple(dict.fromkeys(notes)),
        )


def _looked(request: AdsRequest, settings: Settings, deadline: Deadline, steps: Steps) -> Look:
    if not (request.source_url or request.source_html):
        return look_at(request, settings, deadline, steps)
    kept = _cache.look(request, settings)
    if kept is not None:
        with steps.step(Phase.PREP, "An earlier call looked at this page"):
            return kept

    def once() -> Look:
        return look_at(request, settings, deadline, steps)

    def told(reason: str) -> None:
        with steps.step(Phase.PREP, reason, steps.percent):
            """Only told."""

    # Without any browser another attempt finds none either.
    able = settings.browser_url or settings.screenshot_service or find_browser()
    seen = patiently(once, deadline, "looking at the page", told) if able else once()
    _cache.keep_look(request, settings, seen)
    return seen


def _writer_key(
    writer: WriterName, settings: Settings, dify: DifyMapping | None, model_key: str
) -> list[Any]:
    """What tells a writer from others that would answer otherwise; [] if nobody can tell, or if
    its answers cost nothing.
    """
    if writer == "builtin" or (writer == "model" and not model_key):
        return []
    versions = [prompts.load(name).version for name in _PROMPTS]
    asked = [writer, settings.prompts, versions]
    if writer == "model":
        return [*asked, model_key]
    mapping = (dify or DifyMapping()).model_dump(mode="json")
    return [*asked, settings.dify_base_url, settings.dify_api_key, mapping]


def _written(
    request: AdsRequest,
    seen: Look,
    settings: Settings,
    deadline: Deadline,
    steps: Steps,
    model: LanguageModel | None,
    dify: DifyMapping | None,
    key: list[Any],
) -> Written:
    kept = _cache.written(request, seen, key) if key else None
    if kept is not None:
        with steps.step(Phase.AI_CALL, "An earlier call wrote these texts"):
            return kept
    written = write(request, seen, settings, deadline, steps, model, dify)
    if key and not written.broken:
        _cache.keep_written(request, seen, key, written)
    return written


def _drawn(
    request: AdsRequest,
    seen: Look,
    copies: Sequence[Copy],
    settings: Settings,
    deadline: Deadline,
    steps: Steps,
    states: States,
) -> tuple[dict[str, list[Drawn]], list[str]]:
    """The pictures of each variant, and what could not be drawn."""
    wanted = {copy.id: rules(platforms.platform(copy.platform), request) for copy in copies}
    sizes = {
        id: [Size(width=rule.width, height=rule.height) for rule in chosen_rules]
        for id, chosen_rules in wanted.items()
    }
    keep = HAND_OVER_SECONDS + PICTURE_SECONDS * sum(map(len, wanted.values()))
    grounds, notes = backgrounds(copies, sizes, request, seen, settings, deadline, keep, steps)
    found: dict[str, list[Drawn]] = {}
    first, late = max(steps.percent, Phase.SAVE.first), []
    for number, copy in enumerate(copies, 1):
        until = first + (DRAWN_PERCENT - first) * number // len(copies)
        with states.processing(copy.id, steps, until) as step:
            clock = share(deadline, HAND_OVER_SECONDS)
            if not wanted[copy.id]:
                continue
            if clock is None:
                late.append(copy.id)
                continue
            ground = grounds.get(copy.id, Background())
            try:
                drawn, left_out = draw_variant(
                    copy, wanted[copy.id], ground, request, seen, clock, step
                )
            except DeadlineExceeded:
                late.append(copy.id)
                continue
            found[copy.id] = drawn
            notes += map(str, left_out)
    if late:
        notes.append(f"No time was left for the pictures of {', '.join(late)}. {deadline.who}")
    return found, notes


def _scored(
    request: AdsRequest,
    seen: Look,
    copies: Sequence[Copy],
    pictures: Sequence[Drawn],
    deadline: Deadline,
    steps: Steps,
) -> tuple[list[Variant], list[str]]:
    notes = []
    likeness: Mapping[str, Any] = {}
    with steps.step(Phase.SAVE, "Scoring", DRAWN_PERCENT + 1, function="ads.score") as step:
        clock = share(deadline, HAND_OVER_SECONDS / 2, LIKENESS_SECONDS)
        try:
            if clock is not None:
                likeness = score.compared(copies, request, seen, clock, step)
        except (DeadlineExceeded, EngineUnavailable) as error:
            notes.append(f"Novelty and the brief's coverage were not measured: {error.message}")
        parts = score.scores(copies, pictures, request, seen, likeness)
        finished = [
            Variant(
                id=copy.id,
                platform=copy.platform,
                fields=_shaped(copy),
                angle=copy.angle,
                image_prompt=copy.image_prompt,
                score=score.total(measured),
                score_parts=measured,
                engine=copy.engine,
                notes=(*copy.notes, *_picture_notes(copy, pictures)),
                files=tuple(one.filename for one in pictures if one.variant == copy.id),
            )
            for copy, measured in zip(copies, parts, strict=True)
        ]
    return finished, notes


def _shaped(copy: Copy) -> dict[str, Any]:
    """Texts by field: a list where the platform takes several, else one text."""
    place = platforms.platform(copy.platform)
    return {
        name: list(texts) if place.field(name).most > 1 else "".join(texts[:1])
        for name, texts in copy.fields.items()
    }


def _picture_notes(copy: Copy, pictures: Sequence[Drawn]) -> list[str]:
    own = [one for one in pictures if one.variant == copy.id]
    return list(
        dict.fromkeys(f"{one.width}x{one.height}: {note}" for one in own for note in one.notes)
    )
