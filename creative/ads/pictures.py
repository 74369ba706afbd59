"""Which pictures a variant gets, and what is on them."""

from __future__ import annotations

from collections.abc import Sequence

from creative.ads.backgrounds import Background
from creative.ads.ctas import label
from creative.ads.cutting import pieces
from creative.ads.draw import DrawJob, LeftOut, draw
from creative.ads.model import AdsRequest, Copy, Drawn, Look, Size
from creative.ads.platforms import PictureRule, Platform, platform
from creative.ads.states import VariantLost
from creative.ads.terms import contains, same_text
from creative.ads.write.phrases import phrases
from creative.deadline import Deadline
from creative.errors import InvalidInput
from creative.steps import Step

SAME_SHAPE = 0.02
"""Ratios that differ by less are one shape: a platform covers the same share of both."""
MAX_PICTURES = 200
"""Of a call: about what a minute draws, and what fits on a contact sheet."""


def rules(place: Platform, request: AdsRequest) -> tuple[PictureRule, ...]:
    """The pictures to draw for a platform: those it wants, or the asked sizes."""
    if not request.make_pictures:
        return ()
    if not request.sizes:
        return tuple(rule for rule in place.pictures if rule.required)
    return tuple(_rule(place, size) for size in dict.fromkeys(request.sizes))


def _rule(place: Platform, size: Size) -> PictureRule:
    """The platform's own rule for this size, or one like its rule of the nearest shape."""
    known = place.pictures or platform("custom").pictures
    for rule in known:
        if (rule.width, rule.height) == (size.width, size.height):
            return rule
    shape = size.width / size.height
    nearest = min(known, key=lambda rule: abs(rule.width / rule.height - shape))
    area = (0, 0, 0, 0)
    if abs(nearest.width / nearest.height / shape - 1.0) < SAME_SHAPE:
        top, right, bottom, left = nearest.safe_area
        across, down = size.width / nearest.width, size.height / nearest.height
        area = (
            round(top * down),
            round(right * across),
            round(bottom * down),
            round(left * across),
        )
    return nearest.model_copy(
        update={
            "name": str(size),
            "width": size.width,
            "height": size.height,
            "safe_area": area,
        }
    )


def check_count(request: AdsRequest) -> None:
    """See that not too many pictures are asked for.

    Raises:
        InvalidInput: more than MAX_PICTURES.
    """
    count = request.count * sum(len(rules(platform(name), request)) for name in request.platforms)
    if count > MAX_PICTURES:
        raise InvalidInput(
            "count",
            f"{request.count} variants with {count} pictures in all",
            f"{MAX_PICTURES} pictures in one call",
            "Ask for fewer variants, platforms or sizes, or turn make_pictures off.",
        )


def draw_variant(
    copy: Copy,
    wanted: Sequence[PictureRule],
    background: Background,
    request: AdsRequest,
    look: Look,
    deadline: Deadline,
    step: Step,
) -> tuple[list[Drawn], list[LeftOut]]:
    """The pictures of one variant, and those that could not be drawn.

    Raises:
        VariantLost: none of them could be drawn.
        InvalidInput: the logo or the background is no picture.
        DeadlineExceeded: out of time.
    """
    left_out: list[LeftOut] = []
    jobs = [_job(copy, rule, background, request, look) for rule in wanted]
    try:
        drawn = draw(jobs, deadline, step, left_out)
    except InvalidInput:
        if not left_out:
            raise
        drawn = []
    if not drawn:
        reasons = dict.fromkeys(one.reason for one in left_out)
        raise VariantLost(f"none of its pictures could be drawn: {'; '.join(reasons)}")
    return drawn, left_out


def _job(
    copy: Copy, rule: PictureRule, background: Background, request: AdsRequest, look: Look
) -> DrawJob:
    roles = platform(copy.platform).roles

    def first(*wanted: str) -> str:
        return next((text for role in wanted if (text := copy.text(role, roles))), "")

    headline = first("headline", "long_headline", "text", "description")
    # Of all texts that may stand under the headline, one that does not say it again.
    texts = [
        text
        for role in ("description", "text", "long_headline")
        for name, of_field in copy.fields.items()
        if roles.get(name) == role
        for text in of_field
    ]
    texts = [text for text in texts if not same_text(text, headline)]
    supporting = next((one for one in texts if not contains(one, headline)), next(iter(texts), ""))
    # The platform's own name of the button is English; readers see theirs.
    cta = label(first("cta"), look.language)
    return DrawJob(
        copy_id=copy.id,
        platform=copy.platform,
        variant_number=int(copy.id.rpartition("-")[2]),
        # A name that must be avoided is on no picture either.
        brand="" if any(contains(look.brand, one) for one in request.must_avoid) else look.brand,
        headline=headline,
        text=_without_call(supporting, cta, look),
        cta=cta,
        language=look.language,
        colours=look.colours,
        logo=look.logo,
        background=background.data,
        background_kind=background.kind,
        picture=rule,
        seed=request.seed,
    )


def _without_call(text: str, cta: str, look: Look) -> str:
    """`text` without a call to action at its end, if the picture has a button that says so."""
    sentences = pieces(text, "sentences")
    if len(sentences) < 2 or not cta:
        return text
    own = phrases(look.language).ctas
    calls = (cta, *look.buttons, *own.buy, *own.learn)
    if not any(same_text(sentences[-1], call) for call in calls):
        return text
    return "".join(sentences[:-1]).rstrip()
