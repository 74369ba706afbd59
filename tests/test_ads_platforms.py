"""platforms.yaml: what is in it, and that it can be trusted to be read."""

from __future__ import annotations

import pytest

from creative.ads import ctas
from creative.ads.platforms import FieldRule, Platform, Source, ids, platform
from creative.errors import InvalidInput

ISSUE = (
    "google_search", "google_pmax", "meta_feed", "meta_story", "linkedin", "x", "tiktok",
    "iab_display", "custom",
)  # fmt: skip
# From the pages that the table names, read a second time: limit, least, most.
KNOWN = {
    ("google_search", "headlines"): (30, 3, 15),
    ("google_search", "descriptions"): (90, 2, 4),
    ("google_search", "path1"): (15, 0, 1),
    ("google_pmax", "headlines"): (30, 3, 15),
    ("google_pmax", "long_headlines"): (90, 1, 5),
    ("google_pmax", "descriptions"): (90, 3, 5),
    ("google_pmax", "business_name"): (25, 1, 1),
    ("meta_feed", "primary_texts"): (2200, 1, 5),
    ("linkedin", "introductory_text"): (600, 1, 1),
    ("x", "post_text"): (280, 1, 1),
    ("tiktok", "ad_text"): (100, 1, 1),
}
# IAB New Ad Portfolio, fixed sizes: pixels -> kilobytes of the first load.
IAB = {
    (970, 250): 250, (300, 50): 50, (320, 50): 50, (728, 90): 150, (970, 90): 200,
    (300, 1050): 250, (160, 600): 150, (300, 250): 150, (120, 60): 50, (640, 1136): 300,
    (750, 1334): 300, (1080, 1920): 300,
}  # fmt: skip


def test_every_platform_of_the_issue_is_there() -> None:
    assert ids() == ISSUE


@pytest.mark.parametrize(("place", "expected"), KNOWN.items(), ids=str)
def test_limits_are_the_platforms_own(
    place: tuple[str, str], expected: tuple[int, int, int]
) -> None:
    rule = platform(place[0]).field(place[1])
    assert (rule.limit, rule.least, rule.most) == expected


def test_banners_weigh_what_iab_allows() -> None:
    rules = {(rule.width, rule.height): rule for rule in platform("iab_display").pictures}
    assert {size: rules[size].max_kb for size in IAB} == IAB


@pytest.mark.parametrize("name", ISSUE)
def test_every_row_says_where_it_comes_from(name: str) -> None:
    found = platform(name)
    assert found.sources
    for row in (*found.fields, *found.pictures):
        assert row.source.title
        assert row.source.checked >= "2026-11"


@pytest.mark.parametrize("name", ISSUE)
def test_a_platform_can_be_drawn_and_filled(name: str) -> None:
    found = platform(name)
    assert found.by_role("headline") is not None
    for rule in found.fields:
        assert rule.short_least <= rule.most
        for option in rule.options:
            assert len(option) <= rule.limit
    for picture in found.pictures:
        top, right, bottom, left = picture.safe_area
        assert top + bottom < picture.height / 2
        assert left + right < picture.width / 2
    assert any(picture.required for picture in found.pictures) or name == "google_search"


def test_shapes_are_told_as_ratios() -> None:
    story = platform("meta_story").pictures[0]
    assert story.ratio == "9:16"
    assert story.safe_area[0] >= 250
    assert story.safe_area[2] >= 0.35 * story.height


def test_an_unknown_platform_names_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"google_search.*custom") as caught:
        platform("myspace")
    assert "'myspace'" in str(caught.value)


def test_a_name_may_be_spelled_freely() -> None:
    assert platform(" Google-Search ").id == "google_search"


def test_an_unknown_field_names_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="post_text, headline, cta"):
        platform("x").field("body")


def test_a_table_that_contradicts_itself_is_refused() -> None:
    source = Source(title="t", url="", checked="2026-11")
    rule = FieldRule(
        name="a", role="text", limit=10, visible=20, unit="bytes", least=1, most=1, source=source
    )
    with pytest.raises(ValueError, match="visible over limit"):
        Platform(id="p", label="P", fields=(rule,), pictures=())


def test_every_call_to_action_has_words_in_every_language() -> None:
    options = {one for name in ISSUE for rule in platform(name).fields for one in rule.options}
    assert set(ctas.table()) == options
    assert {tuple(texts) for texts in ctas.table().values()} == {
        ("de", "fr", "es", "pt", "it", "ja", "zh")
    }


@pytest.mark.parametrize(
    ("said", "name", "meant"),
    [
        ("Shop now", "meta_feed", "Shop now"),
        ("SHOP_NOW", "meta_feed", "Shop now"),
        ("Jetzt kaufen!", "meta_feed", "Buy now"),
        ("Jetzt kaufen", "tiktok", "Shop now"),
        ("今すぐ購入", "tiktok", "Shop now"),
        ("Buy now", "tiktok", "Shop now"),
        ("Saiba mais", "linkedin", "Learn more"),
        ("了解更多", "x", ""),
        ("Download the app", "linkedin", "Download"),
        ("Dance", "meta_feed", ""),
    ],
)
def test_a_writers_words_find_the_platforms_option(said: str, name: str, meant: str) -> None:
    assert ctas.option(said, platform(name).field("cta").options) == meant


def test_a_button_speaks_the_readers_language() -> None:
    assert ctas.label("Learn more", "pt-BR") == "Saiba mais"
    assert ctas.label("Learn more", "zh-CN") == "了解更多"
    assert ctas.label("Learn more", "zh-TW") == "Learn more"
    assert ctas.label("Learn more", "sw") == "Learn more"
