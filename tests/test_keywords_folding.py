"""creative.keywords: which keywords are the same, what is known about them then, what they want."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from creative.keywords import Row
from creative.keywords.folding import Keyword, fold_rows
from creative.keywords.intent import INTENTS, given_intent, intent_of, shared_intent
from creative.keywords.spelling import fold, variants

CREATIVE = Path(__file__).resolve().parent.parent / "creative" / "keywords"
BACKGROUND = {
    "en": ["how to clean shoes", "where to buy shoes"],
    "pt": ["receita para o almoço", "melhor receita com frango", "onde comprar barato"],
    "es": ["cómo hacer una receta", "mejor precio para comprar", "dónde comprar barato"],
    "de": ["wie viel kostet das", "günstig kaufen mit rabatt", "vergleich für autos"],
    "ja": ["東京 ランチ", "東京のランチ おすすめ", "ラーメン 作り方"],
    "zh": ["手机壁纸", "免费下载", "怎么办"],
}
"""Keywords that make a list one in a language."""


def folded(keywords: Sequence[str], language: str = "en") -> list[set[str]]:
    rows = [Row(keyword=k) for k in (*keywords, *BACKGROUND[language])]
    found = [set(keyword.spellings) for keyword in fold_rows(rows)]
    return [group for group in found if group & set(keywords)]


SAME = [
    ("en", "Running Shoe", "running shoes", "running-shoes", "ＲＵＮＮＩＮＧ　SHOES"),
    ("en", "runningshoes", "running shoes", "shoes running", "running shoe"),
    ("en", "hotels in paris", "paris hotel", "hôtel Paris", "the hotels of paris"),
    ("en", "women's shoes", "womens shoes", "women shoes", "shoes for women"),
    ("en", "e-mail marketing", "email marketing", "e mail marketing"),
    ("en", "puppy food", "puppies food"),
    ("en", "kitchen knife", "kitchen knives"),
    ("en", "café near me", "cafe near me", "cafés near me"),
    ("en", "what is seo", "what is seo?", "What is S.E.O.?"),
    ("en", "soft\u00adhyphen", "softhyphen"),
    ("pt", "cartão de crédito", "cartões de crédito", "cartao credito", "crédito cartão"),
    ("pt", "viagem barata", "viagens baratas"),
    ("pt", "celular", "celulares"),
    ("pt", "animal de estimação", "animais de estimação"),
    ("es", "hotel barato", "hoteles baratos"),
    ("de", "Hundeversicherung", "Hundeversicherungen", "Hunde Versicherung", "hunde-versicherung"),
    ("de", "Haus kaufen", "Häuser kaufen", "kaufen Haus"),
    ("de", "Versicherung für Hunde", "Hund Versicherung"),
    ("de", "Kinderkleid", "Kinderkleider"),
    ("de", "Straße", "STRASSE"),
    ("ja", "東京 ホテル", "東京のホテル", "東京ホテル", "ホテル 東京", "東京　ﾎﾃﾙ"),
    ("ja", "サーバー 比較", "サーバ比較"),
    ("ja", "りんご ジュース", "リンゴジュース"),
    ("zh", "最好的手机", "最好手机", "最好 手机"),
]  # fmt: skip


@pytest.mark.parametrize("case", SAME, ids=lambda case: case[1])
def test_variants_are_one_keyword(case: tuple[str, ...]) -> None:
    language, *spellings = case
    assert folded(spellings, language) == [set(spellings)]


def test_traditional_and_simplified_chinese_are_one() -> None:
    spellings = ["項目管理軟體", "项目管理软体"]
    assert folded(spellings, "zh") == [set(spellings)]
    # Japanese has both characters as words of their own.
    assert len(folded(["里山 宿", "裏山 宿"], "ja")) == 2


APART = [
    ("en", "flights london to paris", "flights paris to london"),
    ("en", "coffee without milk", "milk without coffee", "coffee milk"),
    ("en", "university of washington", "washington university"),
    ("en", "can dogs eat cats", "can cats eat dogs"),
    ("en", "how to cook rice", "cook rice", "rice"),
    ("en", "vitamin a deficiency", "vitamin deficiency"),
    ("en", "hepatitis a", "hepatitis"),
    ("en", "the office", "office"),
    ("en", "new york", "news york"),
    ("en", "wine glass", "wine glasses"),
    ("en", "apple watch", "apples watch"),
    ("en", "c++ course", "c# course", "c course"),
    ("en", ".net developer", "net developer"),
    ("en", "windows 7 10", "windows 710"),
    ("en", "2 door 4 seats", "4 door 2 seats"),
    ("en", "pizza", "pizza 🍕"),
    ("en", "$100 gift", "100 gift"),
    ("en", "no sugar cookies", "sugar cookies"),
    ("en", "☕", "🍰🍰", "!!!", "???"),
    ("es", "ano nuevo", "año nuevo"),
    ("de", "Kuchen rezepte", "Küchen rezepte"),
    ("de", "Spiel", "Spieler"),
    ("pt", "avó", "avô"),
    ("pt", "roma", "romã"),
    ("pt", "passagem são paulo para rio", "passagem rio para são paulo"),
    ("ja", "目的 地", "目 地"),
    ("ja", "コーヒー", "珈琲"),
]


@pytest.mark.parametrize("case", APART, ids=lambda case: case[1])
def test_other_keywords_stay_apart(case: tuple[str, ...]) -> None:
    language, *keywords = case
    assert sorted(folded(keywords, language), key=min) == sorted(
        ({keyword} for keyword in keywords), key=min
    )


def test_german_plurals_are_none_in_an_english_list() -> None:
    pair = ["teach plan", "teachen plan"]
    assert len(folded(pair, "en")) == 2
    assert len(folded(pair, "de")) == 1


def only(rows: Sequence[Row]) -> Keyword:
    [found] = fold_rows(rows)
    return found


def test_what_is_known_about_variants_is_put_together() -> None:
    found = only(
        [
            Row(keyword="red shoe", volume=100, difficulty=10, cpc=1, serp=("a", "b")),
            Row(keyword="red shoes", volume=300, difficulty=50, cpc=None, intent="buy", url="/r"),
            Row(keyword="red shoes", volume=None, serp=("c", "a")),
            Row(keyword="Shoes Red", volume=300, cpc=3),
        ]
    )
    assert (found.keyword, found.rows) == ("red shoes", 4)
    assert found.spellings == ("red shoes", "Shoes Red", "red shoe")
    assert found.volumes == (300, 300, 100)
    assert found.volume == 700
    assert found.difficulty == pytest.approx((10 * 100 + 50 * 300) / 400)
    assert found.cpc == pytest.approx((1 * 100 + 3 * 300) / 400)
    assert (found.intent, found.url, set(found.serp)) == ("buy", "/r", {"a", "b", "c"})


def test_unknown_stays_unknown() -> None:
    found = only([Row(keyword="mug tea", difficulty=10), Row(keyword="tea mug", difficulty=20)])
    assert (found.volume, found.difficulty, found.cpc) == (None, 15, None)
    assert only([Row(keyword="x", volume=0)]).volume == 0


WORDS = st.sampled_from(
    ["shoe", "shoes", "red", "the", "of", "hotel", "hôtel", "paris", "to", "7", "10", "c++", "☕",
     "東京", "ホテル", "の", "手机", "手機", "bolo", "bolos"]
)  # fmt: skip
ROWS = st.lists(
    st.builds(
        Row,
        keyword=st.lists(WORDS, min_size=1, max_size=4).map(" ".join),
        volume=st.none() | st.integers(0, 10**6).map(float),
        **dict.fromkeys(("difficulty", "cpc"), st.none() | st.floats(0, 9, allow_nan=False)),
        **dict.fromkeys(("intent", "url"), st.sampled_from(["", "x", "y"])),
        serp=st.lists(st.sampled_from("abc"), max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=25,
)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(rows=ROWS, seed=st.integers(0, 99))
def test_folding_loses_nothing_and_knows_no_order(rows: list[Row], seed: int) -> None:
    found = fold_rows(rows)
    spellings = [spelling for keyword in found for spelling in keyword.spellings]
    assert sorted(spellings) == sorted({row.keyword for row in rows})
    assert sum(keyword.rows for keyword in found) == len(rows)
    assert sum(k.volume or 0 for k in found) == pytest.approx(sum(r.volume or 0 for r in rows))
    for keyword in found:
        assert sum(v or 0 for v in keyword.volumes) == pytest.approx(keyword.volume or 0)
    shuffled = rows[:]
    random.Random(seed).shuffle(shuffled)
    assert fold_rows(shuffled) == found


@settings(derandomize=True, max_examples=60, deadline=None)
@given(rows=ROWS)
def test_folding_the_shown_spellings_again_changes_nothing(rows: list[Row]) -> None:
    shown = [keyword.keyword for keyword in fold_rows(rows)]
    again = [k.keyword for k in fold_rows([Row(keyword=s) for s in shown])]
    assert sorted(again) == sorted(shown)


def test_existing_clusters_are_not_joined_by_a_variant() -> None:
    old = [(Row(keyword="red shoe", volume=5), 0), (Row(keyword="red shoes", volume=7), 1)]
    found = fold_rows([Row(keyword="shoe red", volume=1), Row(keyword="Red Shoes", volume=9)], old)
    assert sorted(k.owner for k in found) == [0, 1]
    by_owner = {k.owner: k for k in found}
    assert "Red Shoes" in by_owner[1].spellings
    # What the new list says counts, what it does not say stays.
    assert by_owner[1].volume == 9
    kept = fold_rows([Row(keyword="red shoe")], old[:1])[0]
    assert (kept.volume, kept.rows) == (5, 1)


def test_the_tables_have_a_source_and_a_date_for_each_row() -> None:
    for name in ("columns", "variants", "intents"):
        data = yaml.safe_load((CREATIVE / f"{name}.yaml").read_text(encoding="utf-8"))
        rows = [row for part in data.values() if isinstance(part, list) for row in part]
        rows = [row for row in rows if isinstance(row, dict)]
        assert rows
        assert all(row["source"] and row["date"] == "2026-11" for row in rows), name
    for language in variants().languages:
        assert not {fold(w) for w in language.dropped} & {fold(w) for w in language.ordered}


@pytest.mark.parametrize(
    ("keyword", "intent"),
    [
        ("how to descale an espresso machine", "informational"),
        ("what is a flat white?", "informational"),
        ("how to buy a house", "informational"),
        ("Buy iPhone 15", "transactional"),
        ("coffee beans wholesale", "transactional"),
        ("best running shoes", "commercial"),
        ("iphone vs pixel", "commercial"),
        ("coffee shop near me", "local"),
        ("cheap pizza near me", "local"),
        ("facebook login", "navigational"),
        ("banana bread recipe", "informational"),
        ("espresso machine", ""),
        ("bookcase", ""),
        ("项目管理软件哪个好", "commercial"),
        ("怎么做蛋糕", "informational"),
        ("手机价格", "transactional"),
        ("附近的咖啡店", "local"),
        ("淘宝官网", "navigational"),
        ("京都 ホテル おすすめ", "commercial"),
        ("ホテル 予約", "transactional"),
        ("NISAとは", "informational"),
        ("como fazer bolo", "informational"),
        ("comprar tênis", "transactional"),
        ("qual o melhor celular", "commercial"),
        ("padaria perto de mim", "local"),
        ("Wie kündige ich", "informational"),
        ("zahnzusatzversicherung vergleich", "commercial"),
        ("Zahnversicherungsvergleich", "commercial"),
        ("kfz rechner", "transactional"),
        ("günstige autoversicherung", "transactional"),
    ],
)
def test_intents(keyword: str, intent: str) -> None:
    assert intent_of(keyword) == intent


@pytest.mark.parametrize(
    ("text", "intent"),
    [("Commercial, Informational", "commercial"), ("T", "transactional"), ("3", "transactional"),
     ("INFORMACIONAL", "informational"), ("交易", "transactional"), ("local", "local"),
     ("TOFU", ""), ("", "")],
)  # fmt: skip
def test_given_intents(text: str, intent: str) -> None:
    assert given_intent(text) == intent


def test_the_intent_of_most_searches_counts() -> None:
    pairs = [("commercial", 10.0), ("commercial", 5.0), ("local", 100.0)]
    assert shared_intent(pairs) == "local"
    assert shared_intent([(intent, None) for intent, _ in pairs]) == "commercial"
    assert shared_intent([("", 5.0)]) in INTENTS
