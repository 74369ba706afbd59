"""Articles by a scripted model: as asked, and put right."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from creative.content import article_plan
from creative.errors import EngineUnavailable
from creative.language import Message
from creative.steps import Steps
from tests.authors import Author, Said, asked_words, kind, reply, text
from tests.writing import section, written

# As asked


@pytest.mark.parametrize("length", [150, 800, 2500, 8000])
def test_the_length_is_met_and_no_answer_is_to_be_long(length: int) -> None:
    author = Author()
    made = written(author, length=length, faq=3)
    assert abs(made.word_count - length) <= length * 0.1
    asked = [asked_words(m) for m in author.heard if kind(m) == "section"]
    assert max(asked) <= article_plan.most_at_once("en") == 900
    assert author.kinds().count("mend") == 0


def test_an_article_has_all_its_parts() -> None:
    steps = Steps()
    made = written(Author(), steps, faq=2, keywords="espresso, grinder")
    assert made.article.startswith("# Espresso at home\n\nHot water")
    headings = [line for line in made.article.splitlines() if line.startswith("#")]
    assert headings == [
        "# Espresso at home", "## Grinders", "## Water", "## Cleaning", "## Tasting",
        "## Questions and answers", "### What about question 1?", "### What about question 2?",
    ]  # fmt: skip
    assert "<h2>Grinders</h2>" in made.html
    assert [one.question for one in made.faq] == [
        "What about question 1?",
        "What about question 2?",
    ]
    assert (made.meta_title, made.slug) == ("Espresso at home, explained", "espresso-at-home")
    assert made.outline == ("Grinders", "Water", "Cleaning", "Tasting")
    assert {use.keyword: use.warning for use in made.keyword_use} == {"espresso": "", "grinder": ""}
    labels = [event.label for event in steps.events]
    assert "Section 3 of 4: Cleaning" in labels
    percents = [event.percent for event in steps.events]
    assert percents == sorted(percents)
    assert steps.usage.price == pytest.approx(0.06)


def test_without_headings_the_model_plans_them() -> None:
    author = Author()
    made = written(author, outline="", length=1000)
    assert author.kinds()[0] == "plan"
    assert len(made.outline) == 4
    assert made.outline[0] == "What to know, part 1"


def test_each_section_knows_what_came_before() -> None:
    author = Author()
    written(author)
    assert "(nothing yet)" in author.told(0)
    assert "- Grinders: It says what matters." in author.told(2)
    assert "Write the section of heading 2 of 4" in author.told(2)


def test_what_a_section_is_short_of_the_next_ones_make_up_for() -> None:
    short = section(1, {"text": text(80), "summary": ""})
    made = written(short)
    asked = [asked_words(m) for m in short.heard if kind(m) == "section"]
    assert min(asked[2:]) > asked[1]
    assert abs(made.word_count - 800) <= 80


def test_a_long_section_is_written_in_parts() -> None:
    author = Author()
    made = written(author, outline="Grinders\nWater", length=4000)
    assert made.article.count("## Grinders") == 1
    assert "this is part 2 of 3, do not" not in author.told(2)
    assert "this is part 2; do not end the section yet" in author.told(2)


def test_headings_for_which_there_is_no_room_are_named() -> None:
    made = written(Author(), length=200)
    assert made.outline == ("Grinders", "Water", "Cleaning")
    assert made.notes[0] == "200 words are too few for all headings; left out: Tasting."


def test_chinese_is_counted_in_characters() -> None:
    dice = random.Random(1)
    signs = "水磨豆香热器具冷温压力刀盘粉层杯壶嘴沿口味苦甜酸浓淡清洗洁净布刷油脂锅炉泵阀管封"

    def turn(messages: Sequence[Message], _: int) -> dict[str, Any]:
        said = reply(messages)
        if "text" in said:
            said["text"] = "".join(
                f"这是{''.join(dice.choices(signs, k=12))}的做法，也是我们的经验。"
                for _ in range(round(asked_words(messages) / 23))
            )
        return said

    author = Author(turn)
    made = written(author, title="在家做意式咖啡", outline="研磨\n水\n清洁", length=1500)
    assert made.language == "zh"
    assert abs(made.word_count - 1500) <= 150
    assert "characters" in author.told(0)


# Put right


def test_a_draft_that_is_off_is_expanded_where_it_is_shortest() -> None:
    def turn(messages: Sequence[Message], _: int) -> dict[str, Any] | None:
        if kind(messages) != "section":
            return None
        return {"text": text(max(10, asked_words(messages) // 2)), "summary": "s"}

    author = Author(turn)
    made = written(author)
    assert abs(made.word_count - 800) <= 80
    mends = [m for m in author.heard if kind(m) == "mend"]
    assert 1 <= len(mends) <= 5
    assert "add what its readers still want to know" in mends[0][0].text
    assert not any("did not come nearer" in note for note in made.notes)


def test_a_draft_that_is_too_long_is_trimmed() -> None:
    def turn(messages: Sequence[Message], _: int) -> dict[str, Any] | None:
        if kind(messages) != "section":
            return None
        return {"text": text(asked_words(messages) * 2), "summary": "s"}

    author = Author(turn)
    made = written(author)
    assert abs(made.word_count - 800) <= 80
    assert "cut the least useful" in next(m for m in author.heard if kind(m) == "mend")[0].text


def test_what_is_off_after_all_is_told() -> None:
    def turn(messages: Sequence[Message], _: int) -> dict[str, Any] | None:
        if kind(messages) in ("section", "mend"):
            return {"text": text(max(10, asked_words(messages) * 2 // 5)), "summary": "s"}
        return None

    author = Author(turn)
    made = written(author)
    assert made.word_count < 720
    assert any(f"has {made.word_count} words; 800 were asked for" in note for note in made.notes)
    assert author.kinds().count("mend") <= 5


def stuffed_with(keyword: str, times: int) -> str:
    """Prose of about 200 words that has a keyword in it so many times."""
    every = text(4 * times).split()
    return " ".join(f"{keyword} {' '.join(every[n : n + 4])}" for n in range(0, 4 * times, 4))


def test_a_stuffed_keyword_is_used_less_after_one_rewrite() -> None:
    stuffed = stuffed_with("Cheap grinders", 50)

    def turn(messages: Sequence[Message], _: int) -> dict[str, Any] | None:
        if kind(messages) == "section" and "of heading 1 of" in messages[1].text:
            return {"text": stuffed, "summary": ""}
        return None

    author = Author(turn)
    made = written(author, keywords="cheap grinders")
    [mend] = [m for m in author.heard if kind(m) == "mend"]
    assert "stands in it 50 times; use it at most 12 times" in mend[0].text
    assert "cheap grinders" in mend[1].text
    assert made.keyword_use[0].count == 0
    assert any("'cheap grinders' is not used" in note for note in made.notes)


def test_stuffing_that_stays_is_told() -> None:
    stuffed = stuffed_with("Cheap grinders", 50)

    def turn(messages: Sequence[Message], _: int) -> dict[str, Any] | None:
        mine = kind(messages) == "section" and "of heading 1 of" in messages[1].text
        return {"text": stuffed, "summary": ""} if mine or kind(messages) == "mend" else None

    made = written(Author(turn), keywords="cheap grinders")
    assert made.keyword_use[0].warning == "stuffed"
    assert any("is stuffed: 50 times" in note for note in made.notes)


def test_a_failure_while_changing_costs_no_article() -> None:
    def turn(messages: Sequence[Message], _: int) -> Said | None:
        if kind(messages) == "mend":
            return EngineUnavailable("author", "it went away")
        if kind(messages) == "section":
            return {"text": text(max(10, asked_words(messages) // 2)), "summary": "s"}
        return None

    made = written(Author(turn))
    assert made.word_count < 720
    assert any("not brought nearer to its length: author" in note for note in made.notes)


def test_a_title_that_would_break_off_gives_way_to_the_given_one() -> None:
    def turn(messages: Sequence[Message], _: int) -> Said | None:
        long = "Everything that you ever wanted to know about espresso at home and never asked"
        return {**reply(messages), "meta_title": long} if kind(messages) == "end" else None

    assert written(Author(turn)).meta_title == "Espresso at home"
    title = "Espresso at home, with every grinder, machine and bean there is in shops"
    assert len(written(Author(turn), title=title).meta_title) <= 60
