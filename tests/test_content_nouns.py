"""What can be seen in sentences of other languages, without a language model."""

from __future__ import annotations

from pathlib import Path

import pytest

from creative.content import ExtractRequest, extract_prompts, glossary, nouns
from creative.content.scenes import scenes
from creative.deadline import Deadline
from creative.settings import Settings
from creative.steps import Steps

ARTICLES = Path(__file__).parent / "articles"


def found(sentence: str, language: str) -> list[str]:
    return [entry.english for entry in glossary.find(sentence, language)]


def subjects(name: str, count: int = 5) -> dict[str, str]:
    """By heading, what the prompts of an article show; "" is the featured picture."""
    request = ExtractRequest(content=(ARTICLES / name).read_bytes(), filename=name,
                             max_images=count)  # fmt: skip
    made = extract_prompts(request, Settings(), Deadline(120), Steps())
    pictures = {one.heading: one.prompt for one in made.in_article_prompts}
    return {heading: said.split(", editorial")[0] for heading, said in pictures.items()} | {
        "": made.featured_prompt
    }


@pytest.mark.parametrize(
    ("sentence", "english"),
    [
        ("Eine Holztreppe führt zur Bucht mit Kieseln.", ["wooden stairs", "bay", "pebbles"]),
        ("Links fallen Kreidefelsen ins Meer.", ["chalk cliffs", "sea"]),
        ("Die Töpfe, die Häuser und die Äpfel", ["pot", "house", "apple"]),
        ("Fischer auf der Hafenmauer unter Laternen", ["fisherman", "harbour wall", "lantern"]),
        ("Wir weiden die Augen und sehen den Aufwand.", []),
        ("Ein Durchmesser von zwei Metern im Januar", ["", "", ""]),
        ("ein weisser Tisch, rechts weiden Schafe", ["table", "sheep"]),
    ],
)
def test_german(sentence: str, english: list[str]) -> None:
    assert found(sentence, "de") == english


@pytest.mark.parametrize(
    ("sentence", "english"),
    [
        ("A água da torneira e a água filtrada", ["water", "tap", "filtered water"]),
        ("os pães, os balões e os móveis", ["bread", "balloon", "furniture"]),
        ("o bolo de fubá e as notas", ["cornmeal cake", ""]),
        ("colheres, faróis e garagens", ["spoon", "lighthouse", "garage"]),
    ],
)
def test_portuguese(sentence: str, english: list[str]) -> None:
    assert found(sentence, "pt") == english


def test_names_of_german_places_are_no_things() -> None:
    assert found("Hallstein, Saarbrücken und Gelsenkirchen", "de") == []
    assert found("Kieselsteine und die Holzbrücken", "de") == ["pebbles", "wooden bridge"]


@pytest.mark.parametrize(
    ("sentence", "english"),
    [
        ("紙やすりで削り、ゴムのりを塗る", ["sandpaper", "rubber glue"]),
        ("洗面器に水を張る", ["washbasin", "water"]),
        ("テーブルランプとパンク", ["lamp"]),
        ("手順と上手な方法", ["", "", ""]),
        ("一か月、自転車屋で", ["", "bicycle shop"]),
        ("チューブを引き出します", ["inner tube", ""]),
        ("水道水と山田", []),
    ],
)
def test_japanese(sentence: str, english: list[str]) -> None:
    assert found(sentence, "ja") == english


@pytest.mark.parametrize(
    ("sentence", "english"),
    [
        ("把电池装进纸箱，用手机拍照", ["battery", "cardboard box", "mobile phone"]),
        ("船夫戴着斗笠，在船头", ["boatman", "bamboo hat", "bow of a boat"]),
        ("锅里的水和花生", ["pot", "water", "peanuts"]),
        ("花费方面", ["", ""]),
        ("火车山水花样", ["train"]),
    ],
)
def test_chinese(sentence: str, english: list[str]) -> None:
    assert found(sentence, "zh") == english


def test_places_are_those_of_the_sentence() -> None:
    for sentence, language in (
        ("Am Abend, Öl und Töpfe.", "de"),
        ("Dois  pães e água.", "pt"),
        ("鍋とテーブルランプ", "ja"),
    ):
        for entry in glossary.find(sentence, language):
            assert sentence[entry.at :].startswith(entry.written)


def test_a_language_without_words() -> None:
    assert not glossary.known("fr")
    assert found("une table", "fr") == []


def test_other_languages_have_no_false_friends() -> None:
    said = "Un escalier en bois descend vers des galets, pendant que les pêcheurs regardent la mer."
    [seen] = nouns.seen([said], "fr", lambda share, label: None)
    assert [noun.english for noun in seen] == ["stairs", "wood", "fisherman", "sea"]


def test_nouns_that_are_not_in_the_table_stay_as_they_are_written() -> None:
    said = "Dann kommt ein alter Amboss mit dem Jahr neben Zwingen und die Schafe."
    assert glossary.noun_phrases(said, "de") == ["alter Amboss", "Zwingen"]
    assert glossary.noun_phrases("uma bigorna velha", "pt") == []


@pytest.mark.parametrize(
    ("noun", "said"),
    [
        ("pot", "a pot"),
        ("oven", "an oven"),
        ("umbrella", "an umbrella"),
        ("uniform", "a uniform"),
        ("flour", "flour"),
        ("scissors", "scissors"),
        ("glass", "a glass"),
        ("chest of drawers", "a chest of drawers"),
        ("bus", "a bus"),
        ("cactus", "a cactus"),
        ("hot water", "hot water"),
        ("young people", "young people"),
        ("bowl of soft tofu", "a bowl of soft tofu"),
    ],
)
def test_nouns_in_a_list(noun: str, said: str) -> None:
    assert scenes().counted(noun) == said


def test_a_german_article_shows_what_its_sections_name() -> None:
    made = subjects("de_wanderung.md")
    for heading, things in (
        ("Die Klippen", ("wooden stairs", "pebbles")),
        ("Ankunft im Hafen", ("cobblestones",)),
        ("Zurück", ("fried fish", "harbour wall")),
        ("", ("a night train, sea",)),
    ):
        assert all(thing in made[heading] for thing in things), made[heading]
    for wrong in ("broom", "wind turbine", "truck", "clock", " and "):
        assert wrong not in " ".join(made.values())


def test_a_portuguese_article_has_no_false_friends() -> None:
    made = " ".join(subjects("pt_cafe_coado.md").values())
    assert "filtered water" in made
    for wrong in ("dishwasher", "meadow", "clamp", "deer"):
        assert wrong not in made


def test_a_featured_picture_lists_things() -> None:
    made = subjects("en_sourdough.md")[""]
    assert made.startswith("A Sourdough Loaf for Your First Weekend, with flour, a ")
    assert "waded" not in subjects("en_river_cleanup.txt")[""]
