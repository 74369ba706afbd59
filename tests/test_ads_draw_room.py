"""Room for what is said: stories under a safe area, texts that are too long or have no font."""

from __future__ import annotations

import time
from typing import Any

import pytest

from creative.ads.backgrounds import Background
from creative.ads.draw import compose, typography
from creative.ads.draw.canvas import Canvas
from creative.ads.draw.compose import NotDrawn
from creative.ads.draw.place import Item
from creative.ads.model import AdsRequest, Copy, Look
from creative.ads.pictures import _job
from creative.ads.platforms import platform
from creative.fonts import Fonts
from tests.drawing import TEXTS, drawn_on, ground, rule_of, rules, task

STORIES = [rule for rule in rules() if rule.safe_area[2] > 400]


@pytest.fixture
def canvases(monkeypatch: pytest.MonkeyPatch) -> list[Canvas]:
    """Every canvas that is drawn on, the last one at the end."""
    return drawn_on(monkeypatch)


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


# What cannot be drawn


def test_letters_that_no_font_has_are_never_drawn_as_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typography, "_fonts", lambda weight: Fonts([]))
    with pytest.raises(NotDrawn, match="no font has all letters of the headline"):
        compose.paint(task("zh-Hans", rule_of(300, 250)), ground("plain"))
    mixed = task("zh-Hans", rule_of(300, 250), headline="Plain words")
    made = compose.paint(mixed, ground("plain"))
    assert any("no font has all letters of the button" in note for note in made.notes)


def test_emoji_without_a_font_are_left_out_with_a_note() -> None:
    made = compose.paint(task("de", rule_of(300, 250), headline="Kuchen 🍰 heute"), ground("plain"))
    assert any("left out of the headline" in note for note in made.notes)


def test_what_has_no_room_goes_before_type_becomes_unreadable() -> None:
    long = task("de", rule_of(320, 50), headline=" ".join(["Versicherungen vergleichen"] * 8))
    made = compose.paint(long, ground("plain"))
    assert any("headline shortened to “Versicherungen vergleichen" in note for note in made.notes)
    with pytest.raises(NotDrawn, match="not even the beginning"):
        compose.paint(task("de", rule_of(120, 60), headline="x" * 60), ground("plain"))


def test_a_post_of_2000_characters_gives_its_first_sentence_and_no_wait() -> None:
    post = "Primeira frase que diz tudo sobre a viagem dos seus sonhos. " + "mais palavras " * 150
    began = time.process_time()
    made = compose.paint(task("pt", rule_of(1080, 1080), text=post), ground("plain"))
    # A tenth of it as a rule; half a minute if every beginning of it were measured anew.
    assert time.process_time() - began < 3
    assert "supporting text shortened to its first 58 characters" in made.notes


def test_a_text_that_repeats_the_headline_is_not_drawn(canvases: list[Canvas]) -> None:
    headline = TEXTS["pt"][0]
    compose.paint(task("pt", rule_of(300, 250), text=f"{headline.upper()}!"), ground("plain"))
    with_it = len(canvases[-1].inks)
    compose.paint(task("pt", rule_of(300, 250), text=""), ground("plain"))
    assert with_it == len(canvases[-1].inks)
