"""What ideas are found for: clusters, topics and files, as people and workflows give them."""

from __future__ import annotations

import json

import pytest

from creative.content import Group, ideas_given
from creative.errors import InvalidInput, TooLarge
from creative.keywords import read_existing


def test_clusters_come_as_json_or_as_python_writes_them() -> None:
    given = [
        {"name": "tea", "head": "tea cup", "keywords": [{"keyword": "big tea cup"}, "tea cup"],
         "size": 40, "intent": "commercial"},
        {"name": "empty", "keywords": []},
    ]  # fmt: skip
    for text in (json.dumps(given), str(given), json.dumps({"clusters": given})):
        [group], notes = ideas_given.read_clusters(text)
        assert group.keywords == ("tea cup", "big tea cup")
        assert group.intent == "commercial"
        assert notes == ["1 entries of clusters have no keywords and were passed over."]


@pytest.mark.parametrize(
    "text", ["just words", '{"clusters": [', "[1, 2", '{"a": 1}', "[]", "[{}]"]
)
def test_what_is_no_cluster_is_an_error(text: str) -> None:
    with pytest.raises(InvalidInput, match="clusters"):
        ideas_given.read_clusters(text)


def test_an_absurd_text_is_refused() -> None:
    with pytest.raises(TooLarge):
        ideas_given.read_text("kayak\n" * 400_000)


def test_topics_are_lines_without_bullets() -> None:
    groups, _ = ideas_given.read_text("- kayaks\n2. tax law\n\n• tulips\nkayaks")
    assert [group.name for group in groups] == ["kayaks", "tax law", "tulips"]
    assert [g.name for g in ideas_given.read_text('["a b", {"keyword": "c"}]')[0]] == ["a b", "c"]


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("oolong tea, tea pots", ["oolong tea", "tea pots"]),
        ("1. tea; coffee and cake\n", ["tea", "coffee and cake"]),
        ("ウーロン茶、急須、お茶の淹れ方", ["ウーロン茶", "急須", "お茶の淹れ方"]),
        ("乌龙茶，茶壶", ["乌龙茶", "茶壶"]),
        ('"oolong tea", "tea pots",', ["oolong tea", "tea pots"]),
        ("Bohrer 5,5 mm, Handsäge", ["Bohrer 5,5 mm", "Handsäge"]),
        (", ".join(f"tea number {n}" for n in range(40)), 40),
    ],
)
def test_one_line_with_commas_is_several_topics(text: str, topics: list[str] | int) -> None:
    groups, notes = ideas_given.read_text(text)
    named = [group.name for group in groups]
    assert (len(named) if isinstance(topics, int) else named) == topics
    assert f"read as {len(named)} topics" in notes[0]


@pytest.mark.parametrize(
    "text",
    [
        "How to brew oolong tea at home, step by step",
        "Tea is good, coffee is better.",
        "春天的时候我们一家人在山上的茶园里采茶，夏天喝茶",
        "5,5 mm",
        '["oolong tea, tea pots"]',
    ],
)
def test_a_sentence_stays_one_topic(text: str) -> None:
    [group], notes = ideas_given.read_text(text)
    assert group.name == text.strip('[]"')
    assert notes == []


def test_a_topic_in_another_case_is_the_same() -> None:
    groups, _ = ideas_given.read_text("Tea pots\ntea  pots\nTEA POTS\nteapots")
    assert [group.name for group in groups] == ["Tea pots", "teapots"]


def test_lines_keep_their_commas() -> None:
    groups, notes = ideas_given.read_text("tea, pots\ncoffee, cups")
    assert ([group.name for group in groups], notes) == (["tea, pots", "coffee, cups"], [])


def test_a_file_of_clusters_gives_its_most_searched_keywords_first() -> None:
    text = json.dumps(
        {"clusters": [{"id": 1, "name": "tea", "intent": "local", "keywords": [
            {"keyword": "a", "volume": 5}, {"keyword": "b", "volume": 50}]}]}
    )  # fmt: skip
    [group], _ = ideas_given.from_existing(read_existing(text))
    assert (group.keywords, group.intent) == (("b", "a"), "local")


def test_the_language_is_that_of_the_keywords_if_none_is_typed() -> None:
    groups = [Group(name="x", keywords=("コーヒー豆の選び方", "エスプレッソとは"))]
    assert ideas_given.language_of("", groups) == "ja"
    assert ideas_given.language_of("pt_BR", groups) == "pt-BR"
    with pytest.raises(InvalidInput, match="language"):
        ideas_given.language_of("klingon", groups)
