"""How long texts are, and which rules they break."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creative.ads.counting import graphemes
from creative.ads.limits import Breach, check, fits, measure
from creative.ads.marks import found, mended
from creative.ads.platforms import FieldRule, Unit, ids, platform
from creative.ads.terms import contains

UNITS: tuple[Unit, ...] = ("characters", "display_width", "bytes", "weighted")
FAMILY = "👨‍👩‍👧‍👦"
# One reader's character each, and what it counts: UTF-16 units, columns, bytes, X's weight.
# e and o have accents that no composed letter has, so that composing changes nothing.
SIGNS = {
    "latin": ("a", 1, 1, 1, 1),
    "accented": ("é", 1, 1, 2, 1),
    "cyrillic": ("я", 1, 1, 2, 1),
    "han": ("語", 1, 2, 3, 2),
    "kana": ("カ", 1, 2, 3, 2),
    "hangul": ("한", 1, 2, 3, 2),
    "rare han": ("𠮷", 2, 2, 4, 2),
    "full-width latin": ("Ａ", 1, 2, 3, 2),
    "half-width kana": ("ｶ", 1, 1, 3, 2),
    "combining": ("o\u0332", 2, 1, 3, 2),
    "emoji": ("🎉", 2, 2, 4, 2),
    "skin tone": ("👍🏽", 4, 2, 8, 2),
    "family": (FAMILY, 11, 2, 25, 2),
    "flag": ("🇯🇵", 4, 2, 8, 2),
    "key cap": ("1️⃣", 3, 2, 7, 2),
}
FREE_FIELDS = [
    (name, rule)
    for name in ids()
    for rule in platform(name).fields
    if not rule.options and rule.role != "path"
]


@pytest.mark.parametrize(
    ("sign", "characters", "columns", "size", "weight"), SIGNS.values(), ids=SIGNS
)
def test_what_signs_count(sign: str, characters: int, columns: int, size: int, weight: int) -> None:
    expected = dict(zip(UNITS, (characters, columns, size, weight), strict=True))
    if sign == "o\u0332":
        # A combining mark is a code point of a light alphabet to X.
        expected["weighted"] = 2
    assert {unit: measure(sign, unit) for unit in UNITS} == expected
    assert {unit: measure(sign * 7, unit) for unit in UNITS} == {
        unit: 7 * one for unit, one in expected.items()
    }
    assert graphemes(sign * 3) == [sign] * 3


@pytest.mark.parametrize(("name", "rule"), FREE_FIELDS, ids=lambda one: getattr(one, "name", one))
@pytest.mark.parametrize("script", ["latin", "han", "emoji", "combining"])
def test_at_the_limit_passes_and_one_more_is_caught(
    name: str, rule: FieldRule, script: str
) -> None:
    sign = SIGNS[script][0]
    per = measure(sign, rule.unit)
    filled = sign * (rule.limit // per)
    filled += "a" * (rule.limit - measure(filled, rule.unit))
    assert measure(filled, rule.unit) == rule.limit
    assert _limit_breaches(name, rule, filled) == []
    over = _limit_breaches(name, rule, filled + "a")
    assert [(one.value, one.limit, one.index) for one in over] == [(rule.limit + 1, rule.limit, 0)]
    assert "1 too many" in over[0].message
    wide = _limit_breaches(name, rule, sign + filled)
    assert [one.value for one in wide] == [rule.limit + per]


def _limit_breaches(name: str, rule: FieldRule, text: str) -> list[Breach]:
    found_ones = check(platform(name), {rule.name: (text,)})
    return [one for one in found_ones if one.field == rule.name and one.rule == "limit"]


def test_thirty_columns_are_fifteen_chinese_characters() -> None:
    rule = platform("google_search").field("headlines")
    assert fits(rule, "新鲜烘焙的咖啡豆每天送到您家")  # 14
    assert fits(rule, "新鲜烘焙的咖啡豆每天送到您家里")  # 15
    assert not fits(rule, "新鲜烘焙的咖啡豆每天送到您的家里")  # 16
    assert fits(rule, "ж" * 30)
    assert not fits(rule, "ж" * 31)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("“Kaffee” – 20° …", 16),  # ambiguous signs among narrow ones
        ("“咖啡”", 8),  # the same ones among wide ones
        ("Größe", 5),
        ("한글", 4),  # Hangul from its parts
        ("ｶﾞ", 2),
        ("नमस्ते", 4),
        ("a\u200bb\u200d", 2),  # signs without a place
        ("ก\u0e33", 2),
    ],
)
def test_columns(text: str, columns: int) -> None:
    assert measure(text, "display_width") == columns


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("see https://example.com/a/very/long/path?with=query#and more", 4 + 23 + 5),
        ("http://a.io", 23),
        ("例えばhttps://example.com/です。", 6 + 23 + 6),
        ("example.com", 23),
        ("costs 1.50 each", 15),
        ("e\u0301", 1),  # composed first
        ("…", 2),
        ("–“”", 3),
    ],
)
def test_x_counts_like_twitter_text(text: str, weight: int) -> None:
    assert measure(text, "weighted") == weight


def test_a_name_that_might_be_a_site_never_counts_less_than_it_is() -> None:
    name = "a-very-long-name-that-is-perhaps-no-site.photography"
    assert measure(name, "weighted") == len(name)


SIGNS_THAT_JOIN = (
    "aé\u0301\u0308日カ゛\u3099ก\u0e33\u0e38नि\u0301क"
    "한ᄒ\u1161\u11ab👍🏽\u200d👩❤\ufe0f🇯🇵\r\n1\u20e3 ."
)


@given(st.text(alphabet=SIGNS_THAT_JOIN, max_size=12))
@settings(max_examples=300, deadline=None)
def test_readers_characters_are_those_of_another_implementation(text: str) -> None:
    regex = pytest.importorskip("regex")
    assert graphemes(text) == regex.findall(r"\X", text)


@given(st.text(max_size=60), st.sampled_from(UNITS))
@settings(max_examples=200, deadline=None)
def test_a_beginning_is_never_longer_than_the_whole(text: str, unit: Unit) -> None:
    clusters = graphemes(text)
    assert "".join(clusters) == text
    for count in range(0, len(clusters), 7):
        # A beginning of an address can be no address any more, so X's weights are apart.
        if unit != "weighted":
            assert measure("".join(clusters[:count]), unit) <= measure(text, unit)


# ---- rules beside lengths


def rules_broken(name: str, **fields: tuple[str, ...]) -> list[tuple[str, str, int]]:
    return [
        (one.rule, one.field, one.index) for one in check(platform(name), fields) if not one.advice
    ]


GOOD = {
    "headlines": ("Fresh coffee", "Roasted today", "USB coffee warmers"),
    "descriptions": ("Order now and save 20 %!", "Delivered to your door tomorrow."),
}


def test_a_good_variant_breaks_nothing() -> None:
    assert check(platform("google_search"), GOOD, ("coffee",), ("tea",)) == []


def test_everything_that_is_wrong_is_said_in_order() -> None:
    bad = {
        "headlines": ("Fresh coffee!", "FRESH COFFEE", "", "x" * 31),
        "descriptions": ("Only one",),
        "slogan": ("?",),
    }
    found_ones = check(platform("google_search"), bad, ("Arabica",), ("only",))
    assert [(one.rule, one.field, one.index) for one in found_ones] == [
        ("unknown_field", "slogan", -1),
        ("forbidden", "headlines", 0),
        ("forbidden", "headlines", 1),
        ("duplicate", "headlines", 1),
        ("empty", "headlines", 2),
        ("limit", "headlines", 3),
        ("least", "descriptions", -1),
        ("must_avoid", "descriptions", 0),
        ("must_include", "", -1),
    ]
    said = {one.rule: one.message for one in found_ones}
    assert "headlines[3] has 31 columns" in said["limit"]
    assert '"Arabica"' in said["must_include"]
    assert "headlines, descriptions, path1, path2" in said["unknown_field"]


def test_counts() -> None:
    many = tuple(f"Coffee number {n}" for n in range(16))
    assert ("most", "headlines", -1) in rules_broken("google_search", headlines=many)
    assert ("least", "headlines", -1) in rules_broken("google_search", headlines=many[:2])
    assert ("least", "cta", -1) in rules_broken("meta_feed")
    assert ("least", "headlines", -1) in rules_broken("google_search", headlines=(" ", "a", "b"))


def test_a_second_path_needs_a_first_one() -> None:
    assert rules_broken("google_search", **GOOD, path2=("beans",)) == [("least", "path1", -1)]
    assert rules_broken("google_search", **GOOD, path1=("coffee",), path2=("beans",)) == []


def test_signs_alone_are_no_text() -> None:
    fields = {**GOOD, "descriptions": ("Order now", "🎉 – !")}
    assert ("empty", "descriptions", 1) in rules_broken("google_search", **fields)
    assert ("least", "descriptions", -1) in rules_broken("google_search", **fields)


def test_one_short_headline_is_wanted_by_performance_max() -> None:
    long = ("Coffee for the whole day", "Coffee for the whole week", "Coffee for everybody")
    assert ("short", "headlines", -1) in rules_broken("google_pmax", headlines=long)
    fifteen = (*long[:2], "x" * 15)
    assert ("short", "headlines", -1) not in rules_broken("google_pmax", headlines=fifteen)


def test_what_is_cut_off_for_readers_is_advice() -> None:
    text = "word " * 30
    found_ones = check(platform("meta_feed"), {"primary_texts": (text.strip(),)})
    visible = [one for one in found_ones if one.rule == "visible"]
    assert [(one.value, one.limit, one.advice) for one in visible] == [(149, 125, True)]


def test_a_button_is_one_of_the_list() -> None:
    assert ("option", "cta", 0) in rules_broken("linkedin", cta=("Dance",))
    assert ("option", "cta", 0) not in rules_broken("linkedin", cta=("Learn more",))


def test_emoji_are_counted_where_they_are_few() -> None:
    four = ("Yes 🎉👍🏽🇯🇵" + FAMILY,)
    assert "most_emoji" not in {one[0] for one in rules_broken("linkedin", introductory_text=four)}
    five = ("Yes 🎉🎉👍🏽🇯🇵" + FAMILY,)
    assert ("most_emoji", "introductory_text", 0) in rules_broken(
        "linkedin", introductory_text=five
    )


def test_the_second_exclamation_mark_of_the_ad() -> None:
    texts = ("Order now!", "Save today!")
    assert ("forbidden", "descriptions", 1) in rules_broken("google_search", descriptions=texts)
    spanish = ("¡Pide ya!", "Ahorra hoy mismo")
    assert rules_broken("google_search", headlines=GOOD["headlines"], descriptions=spanish) == []


def test_brand_and_wanted_terms_may_be_in_capitals() -> None:
    fields = {**GOOD, "headlines": ("ACMETRON coffee", "A", "B")}
    assert [one.rule for one in check(platform("google_search"), fields)] == ["forbidden"]
    assert check(platform("google_search"), fields, brand="Acmetron") == []
    assert check(platform("google_search"), fields, must_include=("acmetron",)) == []


# ---- marks


@pytest.mark.parametrize(
    ("mark", "text", "places_found"),
    [
        ("exclamation", "Now! 今だけ！", ["!", "！"]),
        ("repeated_punctuation", "What?! Now.. yes", ["?!", ".."]),
        ("repeated_punctuation", "Wait... 1:1, 9-5.", ["..."]),
        ("all_capitals", "BUY NOW or BUY", ["BUY", "NOW", "BUY"]),
        ("all_capitals", "USB HDMI, NASA, MP3, IKEA and A B", []),
        ("all_capitals", "КУПИТЬ сейчас", ["КУПИТЬ"]),
        ("emoji", "Hi ☺️ ☺ 5 © ™ 日 👍🏽", ["☺️", "👍🏽"]),
        ("symbols", "★ best → m² of 5* Brand® … *new*", ["★", "→", "…", "*"]),
        ("phone_number", "call (030) 123-4567 now", ["(030) 123-4567"]),
        ("phone_number", "2024-2026, 20.11.2026, 1 299 000, 3-5, $1,299.00", []),
        ("phone_number", "0800123456", ["0800123456"]),
        ("halfwidth_katakana", "ｶﾒﾗ and カメラ", ["ｶﾒﾗ"]),
        ("braces", "{name}", ["{", "}"]),
        ("hash", "#ad ＃広告", ["#", "＃"]),
        ("path", "a/b c-d_é語", ["/", " ", "_"]),
    ],
)
def test_marks_are_found(mark: str, text: str, places_found: list[str]) -> None:
    assert found(text, mark) == places_found  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("BUY NOW!!! Get USB HDMI", "Buy now. Get USB HDMI"),
        ("¡Compra ya!", "Compra ya"),
        ("今だけ！送料無料！", "今だけ。送料無料"),
        ("★ Top ★ Preis…", "Top Preis"),
        ("Call +49 30 1234567 now", "Call now"),
        ("ｶﾒﾗ 半額", "カメラ 半額"),
        ("Was? Wie!? So...", "Was? Wie? So"),
        ("Wow 👍🏽 nice", "Wow nice"),
        ("!!!", ""),
        ("- 20 beans", "20 beans"),
        ("-20 % today", "−20 % today"),
    ],
)
def test_marks_are_mended(text: str, after: str) -> None:
    rule = platform("google_search").field("headlines")
    assert mended(text, rule.forbids) == after


def test_a_path_becomes_one() -> None:
    rule = platform("google_search").field("path1")
    assert mended("/Coffee beans & more/", rule.forbids) == "Coffee-beans-more"


# ---- terms


@pytest.mark.parametrize(
    ("text", "term", "there"),
    [
        ("Free shipping", "FREE", True),
        ("Freedom", "free", False),
        ("USB充電器", "usb", True),
        ("送料無料で届く", "送料無料", True),
        ("Ｆｒｅｅ！", "free", True),
        ("Straße", "STRASSE", True),
        ("C++ und C#", "c++", True),
        ("Café", "cafe\u0301", True),
        ("free\n shipping", "free shipping", True),
        ("20 %", "0 %", False),
        ("anything", "", False),
        ("무료배송", "무료", False),
        ("FREE-shipping", "free", True),
    ],
)
def test_terms(text: str, term: str, there: bool) -> None:
    assert contains(text, term) is there
