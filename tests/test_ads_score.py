"""Scores: each part by what it is defined as, and the whole."""

from __future__ import annotations

from typing import Any

import pytest

from creative.ads import score
from creative.ads.model import AdsRequest, Copy, Drawn, Look
from creative.ads.readability import readability, syllables
from creative.deadline import Deadline
from creative.steps import Phase, Steps


def copy(number: int = 1, platform: str = "meta_feed", **fields: Any) -> Copy:
    given = fields or {"headlines": ("Coffee without the fuss",), "cta": ("Shop now",)}
    return Copy(id=f"{platform}-{number}", platform=platform, fields=given)


def drawn(of: Copy, contrast: float, clutter: float) -> Drawn:
    return Drawn(
        filename=f"{of.id}.png",
        platform=of.platform,
        variant=of.id,
        width=300,
        height=250,
        mime_type="image/png",
        data=b"x",
        contrast=contrast,
        clutter=clutter,
        background="layout",
    )


def parts(
    of: Copy, *pictures: Drawn, look: Look | None = None, likeness: Any = None, **request: Any
) -> score.Parts:
    asked = AdsRequest(**{"brief": "x", **request})
    [found] = score.scores([of], pictures, asked, look or Look(), likeness or {})
    return found


def likeness(copies: list[Copy], look: Look, brief: str = "") -> Any:
    with Steps().step(Phase.SAVE, "x") as step:
        return score.compared(copies, AdsRequest(brief=brief), look, Deadline(120), step)


def test_limits_is_the_share_of_texts_without_a_breach_or_advice() -> None:
    short, long = "Fresh beans", "Fresh beans that were roasted this week"
    texts = {"primary_texts": ("Good coffee at home.",), "cta": ("Shop now",)}
    assert parts(copy(headlines=(short,), **texts))["limits"] == 1.0
    # 39 characters are allowed in a headline, and more than the 27 that readers see.
    assert parts(copy(headlines=(short, long), **texts))["limits"] == 0.75
    assert parts(copy(headlines=(short,), **texts), must_avoid=("beans",))["limits"] == 0.667


def test_novelty_falls_with_every_text_that_is_in_the_source_or_in_a_rival() -> None:
    page = Look(title="Better coffee at home", headings=("Machines tested for a year",))
    stolen = copy(1, headlines=("Better coffee at home",), descriptions=page.headings)
    half = copy(2, headlines=("Better coffee at home",), descriptions=("Win a trip to Rio",))
    fresh = copy(3, headlines=("Wake up happier",), descriptions=("Neighbours will knock",))
    one, two, three = likeness([stolen, half, fresh], page)["novelty"]
    assert one == pytest.approx(0.0, abs=0.01)
    assert one < two < three
    twins = [copy(n, headlines=("Wake up happier",)) for n in (1, 2)]
    assert likeness(twins, Look())["novelty"] == pytest.approx([0.0, 0.0], abs=0.01)


def test_other_platforms_are_no_rivals_and_alone_there_is_nothing_to_compare() -> None:
    same = ("Wake up happier",)
    pair = [copy(1, headlines=same), copy(1, "linkedin", headline=same)]
    assert likeness(pair, Look())["novelty"] == [None, None]


def test_words_that_everybody_must_use_count_for_no_novelty() -> None:
    pair = [copy(1, headlines=("Wake up happier",), cta=("Shop now",)),
            copy(2, headlines=("Neighbours will knock",), cta=("Shop now",))]  # fmt: skip
    alone = [one.model_copy(update={"fields": {"headlines": one.fields["headlines"]}})
             for one in pair]  # fmt: skip
    assert likeness(pair, Look()) == likeness(alone, Look())


def test_coverage_is_the_mean_of_what_was_asked_for() -> None:
    said = copy(headlines=("ＡＣＭＥ Coffee",), descriptions=("Free delivery",))
    acme = Look(brand="Acme")
    assert parts(said)["coverage"] is None
    assert parts(said, look=acme)["coverage"] == 1.0
    assert parts(said, look=Look(brand="Other"))["coverage"] == 0.0
    both = parts(said, look=acme, must_include=("free delivery", "from 11 €"))
    assert both["coverage"] == 0.75
    assert parts(said, look=acme, likeness={"brief": [0.4]})["coverage"] == 0.7


def test_a_term_inside_another_word_is_not_said() -> None:
    said = copy(headlines=("Start freely",))
    assert parts(said, look=Look(brand="Art"))["coverage"] == 0.0
    assert parts(said, must_include=("free",))["coverage"] == 0.0


def test_capitals_that_were_asked_for_break_no_limit() -> None:
    said = copy(1, "linkedin", headline=("GRAND SALE at home",))
    assert parts(said)["limits"] < 1.0
    assert parts(said, must_include=("GRAND SALE",))["limits"] == 1.0


def test_a_brand_on_the_pictures_is_named_too() -> None:
    said = copy(headlines=("Coffee",))
    plain, branded = drawn(said, 7, 0), drawn(said, 7, 0).model_copy(update={"branded": True})
    acme = Look(brand="Acme")
    assert parts(said, plain, look=acme)["coverage"] == 0.0
    assert parts(said, plain, branded, look=acme)["coverage"] == 0.5
    assert parts(said, branded, branded, look=acme)["coverage"] == 1.0


def test_the_brief_is_covered_by_meaning_also_across_languages() -> None:
    brief = "Fresh coffee beans for people who make espresso at home"
    on = copy(1, headlines=("Frische Kaffeebohnen für Espresso zu Hause",))
    off = copy(2, headlines=("Winterreifen in einer Stunde gewechselt",))
    near, far = likeness([on, off], Look(), brief)["brief"]
    assert near > far + 0.3


def test_contrast_and_clutter_are_those_of_the_pictures() -> None:
    one = copy()
    assert (parts(one)["contrast"], parts(one)["clutter"]) == (None, None)
    found = parts(one, drawn(one, 21.0, 0.1), drawn(one, 4.9, 0.3), drawn(copy(2), 1.0, 1.0))
    assert found["contrast"] == 0.7  # 4.9 of 7
    assert found["clutter"] == 0.8


def test_the_score_is_the_weighted_mean_of_what_was_measured() -> None:
    assert score.total(dict.fromkeys(score.WEIGHTS, 1.0)) == 1.0
    assert score.total({"limits": 1.0, "novelty": None, "contrast": 0.4}) == 0.8
    assert set(parts(copy())) == set(score.WEIGHTS)


@pytest.mark.parametrize(
    ("texts", "language", "expected"),
    [
        (["We go up"], "en", 1.0),  # easier than the scale goes
        # 4 words, 6 syllables: 206.835 - 1.015 * 4 - 84.6 * 6 / 4
        (["Happy coffee at home"], "en", 0.75875),
        # The same words as two sentences of two.
        (["Happy coffee", "at home."], "en-GB", 0.77905),
        # 3 words, 8 syllables: 180 - 3 - 58.5 * 8 / 3
        (["Frische Kaffeebohnen kaufen"], "de", 0.21),
        (["A comprehensive internationalisation methodology"], "en", 0.0),
        (["我们每天烘焙新鲜咖啡豆一二三"], "zh-Hans", 1 - 14 / 60),
        (["今日の豆。明日も豆。"], "ja", 1 - 4 / 60),
        (["あ" * 61], "ja", 0.0),
        (["Swieza kawa"], "pl", None),
        (["123 !"], "en", None),
        ([], "ja", None),
    ],
)
def test_readability(texts: list[str], language: str, expected: float | None) -> None:
    found = readability(texts, language)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("word", "language", "count"),
    [
        ("late", "en", 1),
        ("table", "en", 2),
        ("roasted", "en", 2),
        ("baked", "en", 1),
        ("the", "en", 1),
        ("Bohne", "de", 2),
        ("portes", "fr", 1),
        ("café", "pt", 2),
        ("молоко", "ru", 3),
        ("rhythm", "en", 1),
    ],
)
def test_syllables(word: str, language: str, count: int) -> None:
    assert syllables(word, language) == count
