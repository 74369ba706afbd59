"""Articles by a scripted model that fails, in each way in which models do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from creative.content import article
from creative.content.article_checks import repeats
from creative.content.article_kept import Begun, Unfinished
from creative.errors import AnswerInvalid, CreativeError, EngineUnavailable
from creative.language import Budget, BudgetSpent, Completion, Message
from creative.shelf import Shelf
from tests.authors import Author, Said, kind, reply, text
from tests.writing import once, section, written


@pytest.fixture(autouse=True)
def nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What breaks off is kept in a folder of this test's own."""
    own = Unfinished(tmp_path)
    monkeypatch.setattr(article, "unfinished", lambda: own)


# Answers that are no use

USELESS: dict[str, tuple[Said, str]] = {
    "refusal": ({"text": "I'm sorry, but I can't help with that request."}, "a refusal"),
    "refusal in prose": ("I cannot write about this topic.", "there is no JSON"),
    "refusal in Japanese": ({"text": "申し訳ありませんが、お手伝いできません。"}, "a refusal"),
    "another language": (
        {"text": "Die Mühle ist wichtiger, als die meisten glauben, und soll gut sein. " * 12},
        "written in German",
    ),
    "an echo": (
        {"text": "Say something useful in every sentence: concrete, correct, no padding, no "
                 "repetition of what\n" + text(120)},
        "repeats the instructions",
    ),
    "our marks": ({"text": text(100) + ' <data name="article" key="0123">'}, "repeats the"),
    "empty": ({"text": "  "}, "it has 0 words"),
    "our complaint": ({"text": "Field required."}, "repeats the instructions"),
    "a word": ({"text": "Grinders matter."}, "it has 2 words instead of about"),
    "far too long": ({"text": text(2000)}, "it has 2000 words instead of about"),
    "cut off": (Completion(text='{"text": "Grinders are', cut=True), "cut off"),
    "a list": ("[1, 2, 3]", "not what was asked for"),
    "open code": ({"text": "```\n" + text(120)}, "block of code"),
}  # fmt: skip


@pytest.mark.parametrize("name", USELESS)
def test_a_useless_answer_is_asked_for_once_more_and_then_names_its_section(name: str) -> None:
    said, why = USELESS[name]
    author = section(1, said)
    with pytest.raises(AnswerInvalid) as caught:
        written(author, owner="ann")
    assert caught.value.message.startswith("Section 1 of 4: Grinders: ")
    assert why in caught.value.message
    assert len(author.heard) == 3
    assert "1 finished part is kept for half an hour" in str(caught.value)


@pytest.mark.parametrize("name", USELESS)
def test_a_second_answer_that_is_good_will_do(name: str) -> None:
    said, why = USELESS[name]
    author = once(1, said)
    made = written(author)
    assert abs(made.word_count - 800) <= 80
    again = author.heard[2]
    assert "That cannot be used" in again[-1].text
    assert why in again[-1].text or why == "not what was asked for"


def test_an_unreachable_model_names_the_section() -> None:
    author = section(2, EngineUnavailable("author", "it went away"))
    with pytest.raises(EngineUnavailable, match=r"^Section 2 of 4: Water: author"):
        written(author)


def test_too_few_questions_are_asked_for_again() -> None:
    def turn(messages: Sequence[Message], _: int) -> dict[str, Any] | None:
        return {**reply(messages), "faq": []} if kind(messages) == "end" else None

    author = Author(turn)
    with pytest.raises(AnswerInvalid, match=r"^Questions, title and description: .*0 different q"):
        written(author, faq=2)


def test_the_same_question_twice_is_one() -> None:
    left = [True]

    def turn(messages: Sequence[Message], _: int) -> dict[str, Any] | None:
        said = reply(messages)
        if kind(messages) != "end" or not left:
            return None
        left.clear()
        again = {**said["faq"][0], "question": "what about question 1"}
        return {**said, "faq": [said["faq"][0], again]}

    author = Author(turn)
    made = written(author, faq=2)
    asked = [one.question for one in made.faq]
    assert asked == ["What about question 1?", "What about question 2?"]
    assert "1 different questions instead of 2" in author.heard[-1][-1].text


def test_the_same_call_goes_on_where_it_broke_off() -> None:
    broken = section(3, EngineUnavailable("author", "it went away"))
    with pytest.raises(EngineUnavailable):
        written(broken, owner="ann")
    other = Author()
    written(other, owner="bob")
    assert other.kinds().count("section") == 5
    author = Author()
    made = written(author, owner="ann")
    assert author.kinds().count("section") == 2
    assert made.notes[0] == "3 parts are from an earlier call that broke off."
    assert made.outline == ("Grinders", "Water", "Cleaning", "Tasting")
    again = Author()
    written(again, owner="ann")
    assert again.kinds().count("section") == 5


def test_of_nobody_nothing_is_kept() -> None:
    with pytest.raises(EngineUnavailable) as caught:
        written(section(3, EngineUnavailable("author", "it went away")))
    assert "kept" not in str(caught.value)
    author = Author()
    written(author)
    assert author.kinds().count("section") == 5


def test_kept_parts_outlive_the_plugin_once_and_for_their_time(tmp_path: Path) -> None:
    assert Unfinished(tmp_path).put("a", Begun(outline=["x"]))
    assert not Unfinished(tmp_path).put("b", Begun())
    assert Unfinished(tmp_path).take("b").outline == []
    assert Unfinished(tmp_path).take("a").outline == ["x"]
    assert Unfinished(tmp_path).take("a").outline == []
    assert Unfinished(tmp_path).put("a", Begun(outline=["x"]))
    assert Unfinished(tmp_path, seconds=1e-9).take("b").outline == []
    assert list(tmp_path.glob("*.article")) == []


def test_where_nothing_can_be_kept_articles_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("creative.shelf.tempfile.mkdtemp", full)
    (tmp_path / "file").touch()
    nowhere = Unfinished(tmp_path / "file" / "articles")
    monkeypatch.setattr(article, "unfinished", lambda: nowhere)
    with pytest.raises(EngineUnavailable) as caught:
        written(section(3, EngineUnavailable("author", "it went away")), owner="ann")
    assert "kept" not in str(caught.value)
    assert written(Author(), owner="ann").word_count


def test_a_kept_article_cannot_be_read_in_its_file(tmp_path: Path) -> None:
    Unfinished(tmp_path).put(["oolong", "ann"], Begun(outline=["Brewing it"]))
    [file] = tmp_path.glob("*.article")
    assert b"Brewing" not in file.read_bytes()
    assert "oolong" not in file.name


def test_what_another_version_kept_is_passed_over(tmp_path: Path) -> None:
    Shelf("articles", ".article", tmp_path, 10_000).put("a", {"outline": 5})
    assert Unfinished(tmp_path).take("a") == Begun()


def test_a_budget_ends_the_article_before_it_is_passed() -> None:
    author = Author()
    with pytest.raises(BudgetSpent, match=r"^Section \d of 4: \w+: author was not asked"):
        written(author, budget=Budget(max_tokens=1400))
    assert 1 <= len(author.heard) <= 3


def test_errors_carry_no_half_told_hints() -> None:
    author = section(1, EngineUnavailable("author", "it went away", "Try again."))
    with pytest.raises(CreativeError) as caught:
        written(author, owner="ann")
    assert str(caught.value) == f"{caught.value.message}\nWhat to do: {caught.value.hint}"
    assert caught.value.hint.startswith("Try again. 1 finished part is")


def test_a_section_that_copies_an_earlier_one_is_asked_for_again() -> None:
    copied = {"text": text(100), "summary": "s"}
    author = Author(lambda messages, _: copied if kind(messages) == "section" else None)
    with pytest.raises(AnswerInvalid, match="stands in an earlier section already"):
        written(author, outline="One\nTwo")


def test_a_sentence_with_another_word_in_it_is_the_same_one() -> None:
    first = "Hot water runs through the ground beans and takes their flavour with it. " + text(60)
    again = first.replace("runs", "flows").replace("flavour", "aroma")
    assert "earlier section" in repeats(again, [first])
    assert repeats(text(80), [first]) == ""
    chinese = "水磨豆香热器具冷温压力刀盘粉层杯壶嘴沿口味苦甜酸浓淡清洗洁净布刷油脂锅炉泵阀管封"
    assert "earlier section" in repeats(chinese.replace("杯", "碗"), [chinese])
    assert repeats(chinese[::-1], [chinese]) == ""


def test_a_section_that_says_the_same_again_and_again_is_asked_for_again() -> None:
    looped = {"text": "The boiler is warm, and the cup on it stays warm as well. " * 12}
    author = once(1, looped)
    assert abs(written(author).word_count - 800) <= 80
    assert "say each thing once" in author.heard[2][-1].text
    with pytest.raises(AnswerInvalid, match="Section 1 of 4: Grinders"):
        written(section(1, looped))


def test_a_second_answer_that_repeats_less_is_kept_and_told() -> None:
    shared, left = text(110), [0]

    def turn(messages: Sequence[Message], _: int) -> Said | None:
        if kind(messages) != "section" or "the opening of" in messages[1].text:
            return None
        if "of heading 2 of" not in messages[1].text:
            return {"text": shared, "summary": "s"} if "heading 1 of" in messages[1].text else None
        left[0] += 1
        return {"text": f"{shared}\n\n{text(60)}", "summary": "s"}

    made = written(Author(turn))
    assert left == [2]
    assert any(note.endswith("said before: Water.") for note in made.notes)
