"""Sizes as people write them, and the plan that brings every one of them about exactly."""

from __future__ import annotations

import math
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creative.errors import InvalidInput
from creative.images.engines import openai_tables, runware_tables
from creative.images.families import Rule, families, rule_of
from creative.images.plan import Plan, plan
from creative.images.request import Fit, Highres
from creative.images.size import MAX_RATIO, MAX_SIDE, MIN_SIDE, Size, presets, read_size


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("970x250", (970, 250)),
        (" 970 X 250 ", (970, 250)),
        ("970×250", (970, 250)),
        ("970*250", (970, 250)),
        ("970px x 250px", (970, 250)),
        ("970 х 250", (970, 250)),  # a Cyrillic letter
        ("１０２４×７６８", (1024, 768)),
        ("１０２４ｘ７６８", (1024, 768)),
        ("１０２４　＊　７６８", (1024, 768)),
        ("1024乘768", (1024, 768)),
        ("1024像素×768像素", (1024, 768)),
        ("1024 ピクセル x 768 ピクセル", (1024, 768)),
        ("16x8192", (16, 8192)),
        ("16:9@1024", (1024, 576)),
        ("9:16@1024", (576, 1024)),
        ("16：9＠1024", (1024, 576)),
        ("1:1 @ 512", (512, 512)),
        ("2.35:1@900", (900, 383)),
        ("instagram_story", (1080, 1920)),
        ("Instagram Story", (1080, 1920)),
        ("INSTAGRAM-STORY", (1080, 1920)),
        ("ｆｕｌｌ　ｈｄ", (1920, 1080)),
    ],
)
def test_texts_that_fix_both_sides(text: str, exact: tuple[int, int]) -> None:
    assert read_size(text).exact == exact


@pytest.mark.parametrize(
    ("text", "ratio"),
    [("16:9", 16 / 9), ("16：9", 16 / 9), ("3/2", 1.5), ("16比9", 16 / 9), ("1.91:1", 1.91),
     ("1 : 3", 1 / 3), ("512:1", 512)],
)  # fmt: skip
def test_ratios_leave_the_pixels_open(text: str, ratio: float) -> None:
    size = read_size(text)
    assert size.exact is None
    assert size.ratio == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("asked", "exact"),
    [
        ({"width": 800, "height": 600}, (800, 600)),
        ({"size": "16:9", "width": 1280}, (1280, 720)),
        ({"size": "16:9", "height": 720}, (1280, 720)),
        ({"size": "16:9", "width": 1280, "height": 720}, (1280, 720)),
        ({"size": "970x250", "width": 970}, (970, 250)),
        ({"size": "hd", "width": 1280, "height": 720}, (1280, 720)),
        ({"width": 500, "of_image": (1000, 600)}, (500, 300)),
        ({"height": 300, "of_image": (1000, 600)}, (500, 300)),
    ],
)
def test_numbers_beside_a_text(asked: dict[str, object], exact: tuple[int, int]) -> None:
    assert read_size(**asked).exact == exact  # type: ignore[arg-type]


def test_nothing_asked_leaves_everything_open() -> None:
    assert read_size() == read_size("  ") == Size()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"size": "16:0"}, "size: got '16:0'; allowed is a ratio from 1:512 to 512:1"),
        ({"size": "0:0"}, "size: got '0:0'"),
        ({"size": "513:1"}, "size: got '513:1'"),
        ({"size": "abc"}, "size: got 'abc'; allowed is \"970x250\""),
        ({"size": "0x0"}, "16 to 8192 pixels a side"),
        ({"size": "7x100"}, "size: got '7x100'"),
        ({"size": "100000x10"}, "size: got '100000x10'"),
        ({"size": "-5x100"}, "size: got '-5x100'"),
        ({"size": "970x"}, "size: got '970x'"),
        ({"size": "970"}, "size: got '970'"),
        ({"size": "970x250x3"}, "size: got '970x250x3'"),
        ({"size": "1e3x1e3"}, "size: got '1e3x1e3'"),
        ({"size": "16:9@8"}, "a long side of 16 to 8192"),
        ({"size": "16:9@9000"}, "a long side of 16 to 8192"),
        ({"size": "500:1@100"}, "computed from the ratio"),
        ({"size": "instagram_storry"}, "instagram_story"),
        ({"size": "leader board"}, "leaderboard"),
        ({"size": "9" * 5000 + "x1"}, "size: got "),
        ({"size": "1" + " " * 50_000 + "y"}, "size: got "),
        ({"width": -1, "height": 5}, "width: got -1; allowed is a whole number of pixels, 16 to"),
        ({"width": 0, "height": 500}, "width: got 0"),
        ({"width": 7, "height": 500}, "width: got 7"),
        ({"width": 500, "height": 100_000}, "height: got 100000"),
        ({"width": 500}, "height: got nothing"),
        ({"height": 500}, "width: got nothing"),
        ({"size": "970x250", "width": 800}, "one way of saying it"),
        ({"size": "hd", "height": 800}, "one way of saying it"),
        ({"size": "16:9", "width": 800, "height": 800}, "a ratio that fits them"),
        ({"size": "500:1", "width": 100}, "computed from the ratio"),
    ],
)
def test_what_is_no_size_is_refused_with_what_is(asked: dict[str, object], said: str) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidInput, match=re.escape(said)):
        read_size(**asked)  # type: ignore[arg-type]
    assert time.monotonic() - began < 0.5


def test_presets_are_named_sourced_and_reachable() -> None:
    assert len(presets()) >= 60
    for name, preset in presets().items():
        assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", name)
        assert len(preset.source) > 10, name
        assert re.fullmatch(r"20\d\d-\d\d", preset.date), name
        assert read_size(name).exact == (preset.width, preset.height)
        assert read_size(name.replace("_", " ").title()).exact == (preset.width, preset.height)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.text(max_size=30) | st.from_regex(r"[\d.x:@× /-]{1,20}", fullmatch=True))
def test_any_text_is_a_size_or_refused(text: str) -> None:
    try:
        size = read_size(text)
    except InvalidInput:
        return
    if size.exact:
        assert all(MIN_SIDE <= side <= MAX_SIDE for side in size.exact)
    if size.ratio:
        assert 1 / MAX_RATIO <= size.ratio <= MAX_RATIO


def rules() -> dict[str, Rule]:
    """What every engine may be asked for: each family on each grid, each model of OpenAI's."""
    found = {f"{f} on {m}": rule_of(f, m) for f in families() for m in (1, 8, 64)}
    found |= {f"{f} at runware": runware_tables.rule_for(f) for f in families()}
    found |= {m: openai_tables.rule_for(m, "auto") for m in openai_tables.models()}
    found["small"] = rule_of("sd15", 64, 64, 1024)
    return found


RULES = rules()
# Small sides and the limits come up as often as the middle.
SIDES = st.one_of(
    st.integers(MIN_SIDE, MAX_SIDE),
    st.integers(MIN_SIDE, 512),
    st.sampled_from([16, 17, 63, 64, 250, 512, 768, 970, 1024, 1080, 1088, 1920, 8191, 8192]),
)


def ends(made: Plan, rule: Rule) -> None:
    """What holds for every plan."""
    assert rule.allows(made.draw_width, made.draw_height), made
    if made.second_pass:
        width, height = made.second_pass
        assert width % rule.multiple == height % rule.multiple == 0
        assert width * height <= rule.max_second_pass
        assert width >= made.draw_width
        assert height >= made.draw_height
        # The same picture, larger: a pass of another ratio would stretch it.
        across, down = width / made.draw_width, height / made.draw_height
        assert abs(across - down) <= 2 * rule.multiple / min(made.draw_width, made.draw_height)
    factor = made.enlargement
    across, down = made.drawn[0] * factor, made.drawn[1] * factor
    if made.fit is Fit.CONTAIN:
        assert across <= made.width + 0.01
        assert down <= made.height + 0.01
    else:
        assert across >= made.width - 0.01
        assert down >= made.height - 0.01


@settings(derandomize=True, max_examples=600, deadline=None)
@given(
    width=SIDES,
    height=SIDES,
    rule=st.sampled_from(sorted(RULES)),
    fit=st.sampled_from(Fit),
    highres=st.sampled_from(Highres),
    second_pass=st.booleans(),
    upscaler=st.booleans(),
)
def test_every_size_has_a_plan(
    width: int,
    height: int,
    rule: str,
    fit: Fit,
    highres: Highres,
    second_pass: bool,
    upscaler: bool,
) -> None:
    of = RULES[rule]
    size = Size(width=width, height=height)
    made = plan(size, of, fit, highres, second_pass=second_pass, upscaler=upscaler)
    assert (made.width, made.height) == (width, height)
    assert made == plan(size, of, fit, highres, second_pass=second_pass, upscaler=upscaler)
    ends(made, of)
    if not second_pass or highres is Highres.OFF:
        assert made.second_pass is None
    if not upscaler:
        assert not made.upscale


@settings(derandomize=True, max_examples=400, deadline=None)
@given(width=SIDES, height=SIDES, rule=st.sampled_from(sorted(RULES)), fit=st.sampled_from(Fit))
def test_what_is_drawn_is_drawn_again_untouched(
    width: int, height: int, rule: str, fit: Fit
) -> None:
    of = RULES[rule]
    first = plan(Size(width=width, height=height), of, fit)
    again = plan(Size(width=first.draw_width, height=first.draw_height), of, fit)
    assert again.untouched
    assert again.drawn == first.drawn
    assert again.notes == ()
    if of.allows(width, height):
        assert first.untouched


@settings(derandomize=True, max_examples=400, deadline=None)
@given(width=SIDES, height=SIDES, rule=st.sampled_from(sorted(RULES)))
def test_what_the_model_can_draw_is_only_cut(width: int, height: int, rule: str) -> None:
    of = RULES[rule]
    up = [math.ceil(side / of.multiple) * of.multiple for side in (width, height)]
    made = plan(Size(width=width, height=height), of)
    if not of.sizes and of.allows(*up):
        # The least that covers it: no pixel is resampled, less than a step is cut off.
        assert [made.draw_width, made.draw_height] == up


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    ratio=st.floats(1 / MAX_RATIO, MAX_RATIO),
    rule=st.sampled_from(sorted(RULES)),
    second_pass=st.booleans(),
)
def test_an_open_size_is_one_that_needs_no_resizing(
    ratio: float, rule: str, second_pass: bool
) -> None:
    of = RULES[rule]
    made = plan(Size(ratio=ratio), of, second_pass=second_pass)
    ends(made, of)
    if of.sizes or max(ratio, 1 / ratio) <= of.longest_ratio:
        assert made.untouched
    else:
        assert made.width / made.height == pytest.approx(ratio, rel=0.2, abs=0.05)


def test_without_any_wish_the_models_own_area_is_drawn() -> None:
    for name, rule in RULES.items():
        made = plan(Size(), rule)
        assert made.untouched, name
        assert made.width * made.height == pytest.approx(rule.native, rel=0.3), name


@pytest.mark.parametrize(
    ("rule", "size", "drawn"),
    [
        ("gpt-image-2.5", (1920, 1080), (1920, 1088)),
        ("gpt-image-2.5", (3840, 2160), (3840, 2160)),
        ("gpt-image-1.5", (1920, 1080), (1536, 1024)),
        ("dall-e-2", (100, 100), (256, 256)),
        ("flux at runware", (970, 250), (1024, 256)),
        ("flux at runware", (1080, 1920), (1024, 1856)),  # FLUX ends at 2 megapixels
    ],
)
def test_plans_by_hand(rule: str, size: tuple[int, int], drawn: tuple[int, int]) -> None:
    made = plan(Size(width=size[0], height=size[1]), RULES[rule])
    assert (made.draw_width, made.draw_height) == drawn
