"""Room for what is said: stories under a safe area, and supporting texts that are too long."""

from __future__ import annotations

from typing import Any

import pytest

from creative.ads.backgrounds import Background
from creative.ads.draw import compose
from creative.ads.draw.place import Item
from creative.ads.model import AdsRequest, Copy, Look
from creative.ads.pictures import _job
from creative.ads.platforms import platform
from tests.test_ads_draw import TEXTS, ground, rules, task

STORIES = [rule for rule in rules() if rule.safe_area[2] > 400]


@pytest.fixture
def placed(monkeypatch: pytest.MonkeyPatch) -> list[Item]:
    """Every item that is drawn."""
    seen: list[Item] = []
    put = compose._put

    def noted(canvas: Any, item: Item, *rest: Any) -> None:
        seen.append(item)
        put(canvas, item, *rest)

    monkeypatch.setattr(compose, "_put", noted)
    return seen


@pytest.mark.parametrize("variant", [1, 2, 3])
@pytest.mark.parametrize("language", list(TEXTS))
@pytest.mark.parametrize("rule", STORIES, ids=lambda rule: str(rule.safe_area))
def test_a_story_over_a_picture_is_read_at_a_glance(
    rule: Any, language: str, variant: int, placed: list[Item]
) -> None:
    made = compose.paint(task(language, rule, variant), ground("photo"))
    assert not [note for note in made.notes if note.startswith("no room")]
    headline = next(item for item in placed if item.element == "headline")
    # 19 CSS pixels on a phone of 390.
    assert headline.block
    assert headline.block.size >= rule.width * 19 / 390
    assert headline.box.bottom <= rule.height - rule.safe_area[2]


def test_a_text_with_too_little_room_keeps_its_first_sentence(placed: list[Item]) -> None:
    rule = next(one for one in rules() if (one.width, one.height) == (300, 250))
    text = "Unverbindlich und kostenlos. " + TEXTS["de"][1] * 2
    made = compose.paint(
        task("de", rule, text=text, headline="Tarife vergleichen"), ground("photo")
    )
    assert "supporting text shortened to its first sentence" in made.notes
    shown = next(item.block.text for item in placed if item.element == "text" and item.block)
    assert shown == "Unverbindlich und kostenlos."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Fresh beans. Honest guides. Learn more.", "Fresh beans. Honest guides."),
        ("Fresh beans. See more.", "Fresh beans."),  # another call of the same writer
        ("Fresh beans. Find your machine.", "Fresh beans."),  # the page's own button
        ("Learn more.", "Learn more."),
        ("Fresh beans. Honest guides.", "Fresh beans. Honest guides."),
    ],
)
def test_what_the_button_says_does_not_stand_beside_it(text: str, shown: str) -> None:
    fields = {"headline": ("Better coffee",), "text": (text,), "cta": ("Learn more",)}
    copy = Copy(id="iab_display-1", platform="iab_display", fields=fields)
    look = Look(language="en", buttons=("Find your machine",))
    rule = platform("iab_display").pictures[0]
    assert _job(copy, rule, Background(), AdsRequest(brief="x"), look).text == shown
    bare = copy.model_copy(update={"fields": fields | {"cta": ()}})
    assert _job(bare, rule, Background(), AdsRequest(brief="x"), look).text == text


def test_a_picture_tells_whether_it_names_the_brand() -> None:
    wide, tiny = (rule for rule in rules() if (rule.width, rule.height) in ((970, 250), (120, 60)))
    assert compose.paint(task("pt", wide), ground("plain")).branded
    assert not compose.paint(task("pt", tiny, headline="Viaja"), ground("plain")).branded
    assert not compose.paint(task("pt", wide, brand=""), ground("plain")).branded


def test_a_brand_that_must_be_avoided_is_on_no_picture() -> None:
    copy = Copy(id="x-1", platform="x", fields={"headline": ("Better coffee",)})
    rule = platform("x").pictures[0]
    for avoided, brand in ((("acme",), ""), (("tea",), "Acme"), ((), "Acme")):
        request = AdsRequest(brief="x", must_avoid=avoided)
        assert _job(copy, rule, Background(), request, Look(brand="Acme")).brand == brand
