"""creative.keywords: what a cluster's searchers want, and the tables of words behind it."""

from __future__ import annotations

import pytest

from creative import keywords
from creative.deadline import Deadline
from creative.keywords.cells import rows_of_grid
from creative.keywords.columns import find_header
from creative.keywords.intent import given_intent, intent_of, shared_intent, table, usual_intent
from creative.keywords.wording import Wording
from creative.steps import Steps


@pytest.mark.parametrize(
    ("keyword", "intent"),
    [
        ("running shoes men", "commercial"),
        ("wireless headphones", "commercial"),
        ("how to clean running shoes", "informational"),
        ("cheap running shoes men", "transactional"),
        ("メンズ 化粧水", "commercial"),
        ("銀座 ホテル", "commercial"),
        ("銀座 ホテル 予約", "transactional"),
        ("銀座 観光", "informational"),
        ("无线耳机", "commercial"),
        ("手机视频剪辑app下载", "transactional"),
        ("tênis feminino", "commercial"),
        ("tabela de medidas", "informational"),
        ("hausratversicherung", "commercial"),
        ("hausratversicherung kündigen", "transactional"),
        ("pflegegrad tabelle", "informational"),
        ("photosynthesis", ""),
    ],
)
def test_intent_of_one(keyword: str, intent: str) -> None:
    assert intent_of(keyword) == intent


def test_one_login_among_four_makes_no_cluster_navigational() -> None:
    said = ["navigational", "", "", ""]
    assert shared_intent([(one, None) for one in said], "commercial") == "commercial"
    assert shared_intent([(one, None) for one in said[:3]], "commercial") == "navigational"


def test_one_large_keyword_does_not_outvote_five() -> None:
    pairs = [("transactional", 1000.0), *[("informational", 100.0)] * 5]
    assert shared_intent(pairs) == "informational"
    assert shared_intent([("transactional", 100_000.0), *pairs[1:]]) == "transactional"


def test_comparing_and_buying_count_together() -> None:
    said = ["commercial", "commercial", "transactional", *[""] * 6]
    assert shared_intent([(one, None) for one in said]) == "commercial"
    assert shared_intent([(one, None) for one in said[1:]]) == "informational"


def test_who_only_names_a_thing_wants_what_the_list_is_about() -> None:
    shop = ["transactional", "commercial", "commercial", "informational", *[""] * 20]
    assert usual_intent(shop) == "commercial"
    assert usual_intent([*shop, "informational"]) == "informational"
    assert usual_intent([""]) == "informational"


def test_products_of_a_shop_are_commercial_unless_the_list_says_otherwise() -> None:
    shop = ["dog crate", "dog crate door", "dog crate cover", "cheap dog bed", "dog bed sale"]
    rows = [keywords.Row(keyword=keyword) for keyword in shop]
    assert intent_among(rows, "dog crate") == "commercial"
    crates = [row._replace(intent="N") if "crate" in row.keyword else row for row in rows]
    assert intent_among(crates, "dog crate") == "navigational"


@pytest.mark.parametrize("turn", [1, -1])
def test_lines_that_contradict_each_other_count_the_same_in_any_order(turn: int) -> None:
    rows = [
        keywords.Row(keyword="dog crate", volume=90, intent="N"),
        keywords.Row(keyword="dog crate", volume=100, intent="T"),
        keywords.Row(keyword="dog crate door", volume=1),
        keywords.Row(keyword="dog bed"),
    ]
    assert intent_among(rows[::turn], "dog crate") == "transactional"  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "intent"), [(0, "commercial"), (1.0, "informational"), ("2", "navigational"),
                         ("3,1", "transactional")],
)  # fmt: skip
def test_semrush_numbers_intents(cell: object, intent: str) -> None:
    header = find_header([(1, ("Keyword", "Intents"))])
    [row] = rows_of_grid([(2, ("dog crate", cell))], header, "keywords", 9).rows
    assert given_intent(row.intent) == intent


def intent_among(rows: list[keywords.Row], keyword: str) -> str:
    made = keywords.cluster(keywords.ClusterRequest(rows=tuple(rows)), Deadline(60), Steps())
    return next(one.intent for one in made.clusters if keyword in one.keywords)


def test_words_are_found_whole_in_phrases_as_endings_and_inside() -> None:
    words = Wording(["near me", "app", "*rechner", "下载", "preço"])
    assert words.found("Coffee near me") == ["near me"]
    assert words.found("near the sea, me") == []
    assert words.found("KFZ-Rechner") == words.found("steuerrechner") == ["*rechner"]
    assert words.found("视频剪辑app下载") == ["app", "下载"]
    assert words.found("happy PRECO") == ["preço"]


def test_every_row_of_the_table_names_its_source() -> None:
    assert all(row.source and row.date == "2026-11" for row in table().rules)
    # What names a thing comes last: it must not hide a word that says what is wanted.
    kinds = [row.names_thing for row in table().rules]
    assert kinds == sorted(kinds)
