"""Prompts without a language model: what they show, where, and what is said about it."""

from __future__ import annotations

import re

import pytest

from creative.content import Extraction, ExtractRequest, extract_prompts, nouns
from creative.deadline import Deadline
from creative.settings import Settings
from creative.steps import Steps

JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")


def extract(content: str, count: int = 4) -> Extraction:
    request = ExtractRequest(content=content, max_images=count)
    return extract_prompts(request, Settings(), Deadline(120), Steps())


def test_a_passage_without_things_shows_those_of_the_article() -> None:
    made = extract(
        "# 古い土鍋の手入れ\n\n台所の土鍋でご飯を炊きます。ふたの穴から湯気が上がります。\n\n"
        "## まとめ\n\nつまり、習慣がいちばん大切だと思います。\n"
    )
    last = made.in_article_prompts[-1]
    assert last.heading == "まとめ"
    assert "clay pot" in last.prompt
    assert not JAPANESE.search(" ".join([made.featured_prompt, *made.prompts]))
    assert any("'まとめ' names too little that can be seen" in note for note in made.notes)


def test_words_that_stay_are_told() -> None:
    made = extract("つまり、習慣がいちばん大切だと私は思います。\n")
    assert "習慣がいちばん大切だと私は思います" in made.prompts[0]
    [note] = [note for note in made.notes if "stayed in the article's language" in note]
    assert "習慣がいちばん大切だと私は思います" in note


def test_an_english_sentence_about_nothing_gets_things() -> None:
    made = extract(
        "# A Week with a Teapot\n\nA white teapot and a cup stand on the wooden table.\n\n"
        "## Verdict\n\nValue and patience matter more than ambition.\n"
    )
    last = made.in_article_prompts[-1].prompt
    assert last.startswith("Value and patience matter more than ambition, with ")
    assert "a teapot" in last


def test_what_there_is_not_is_not_shown() -> None:
    made = extract("# Stars\n\nYou need no telescope. Lie on a blanket in the meadow.\n")
    assert made.prompts[0].startswith("Lie on a blanket in the meadow")
    made = extract("# 星を見る\n\n望遠鏡はいりません。毛布を敷いて、双眼鏡で月を見ます。\n")
    assert made.prompts[0].startswith("a blanket, binoculars, moon")


def test_a_title_that_names_nothing_gives_way_to_a_sentence() -> None:
    made = extract(
        "# Growth Continues Despite Uncertainty\n\nThe quarter went well for everybody.\n\n"
        "## The hall\n\nForklift trucks carry wooden crates under a roof of solar panels.\n"
    )
    assert made.featured_prompt.startswith("Forklift trucks carry wooden crates")
    made = extract("# Bread and Butter\n\nThe quarter went well for everybody.\n")
    assert made.featured_prompt.startswith("Bread and Butter")


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("Fisch, Zwiebel und Knoblauch kommen mit Öl in die Pfanne.", "in a home kitchen"),
        ("A telescope shows the stars and the moon.", "under a clear night sky, faint starlight"),
        ("The band plays guitar and drums.", "on a concert stage, stage spotlights"),
        ("Steel hooks hold the solar panels.", "on a roof with solar panels"),
    ],
)  # fmt: skip
def test_the_setting_fits_what_is_shown(text: str, setting: str) -> None:
    assert setting in extract(f"{text}\n").prompts[0]


def test_kinds_stand_for_what_they_are_kinds_of() -> None:
    made = extract("Com água filtrada e água da torneira, o café na xícara fica doce.\n")
    assert made.prompts[0].startswith("filtered water, a tap, coffee, a cup, ")


def test_verbs_are_no_things() -> None:
    said = ["Revenue rose while we face the facts.", "She holds a rose to her face."]
    verbs, things = nouns.seen(said, "en", lambda share, label: None)
    assert verbs == []
    assert [noun.english for noun in things] == ["rose", "face"]
