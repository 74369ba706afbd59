"""Texts made shorter by rule, and variants brought within the limits."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creative.ads.counting import graphemes, measure
from creative.ads.cutting import cut, pieces
from creative.ads.limits import check
from creative.ads.marks import tidy
from creative.ads.model import Copy
from creative.ads.platforms import ids, platform
from creative.ads.shorten import check_terms, fit
from creative.errors import AnswerInvalid, CreativeError, InvalidInput


@pytest.mark.parametrize(
    ("language", "limit", "text", "expected"),
    [
        # A clause goes before words do.
        ("en", 30, "Fresh coffee at your door, roasted today", "Fresh coffee at your door"),
        ("en", 40, "Fresh today. Yours tomorrow. Loved by us all.", "Fresh today. Yours tomorrow."),
        # No article, preposition, possessive or contraction at the end.
        ("en", 30, "Fresh coffee delivered to your door each day", "Fresh coffee delivered"),
        ("en", 30, "We roast what you've always dreamt about", "We roast"),
        ("de", 30, "Frischer Kaffee für die ganze Familie", "Frischer Kaffee"),
        ("pt", 30, "Café torrado na hora com entrega grátis", "Café torrado na hora"),
        ("fr", 30, "Livraison de l'offre à partir de lundi", "Livraison de l'offre"),
        ("es", 24, "Envío gratis para los pedidos de hoy", "Envío gratis"),
        # Numbers keep their units, prices stay whole.
        ("de", 12, "Ab 49 Euro im Monat", "Ab 49 Euro"),
        ("de", 8, "Nur heute 49 Euro", ""),
        ("en", 12, "Save $20 on it", "Save $20"),
        ("en", 7, "Save 20 % today", "Save"),
        # Asides go first; brackets and quotations are never left open.
        ("en", 30, "Buy shoes (and bags) in town today", "Buy shoes in town today"),
        ("en", 24, 'They call it "the best coffee ever"', "They call it"),
        ("en", 30, "Our guests call “the very best coffee” ours", "Our guests call"),
        ("ja", 20, "評判の店「とてもおいしいコーヒー」開店", "評判の店"),
        # No place to end.
        ("de", 30, "Donaudampfschifffahrtsgesellschaftskapitän", ""),
        ("th", 20, "กาแฟสดคั่วใหม่ทุกวันส่งตรงถึงบ้านคุณ", ""),
        # Japanese by phrases, without particles or an adjective that waits for its noun.
        ("ja", 20, "コーヒーメーカーの新しいスタンダード", "コーヒーメーカー"),
        ("ja", 30, "送料無料で今すぐ届くおいしいコーヒー", "送料無料で今すぐ"),
        ("ja", 26, "毎日の暮らしを便利にするスピーカー", "毎日の暮らしを便利にする"),
        ("ja", 24, "朝の一杯を、もっとおいしくする。", "朝の一杯"),
        # Chinese by punctuation, else by pairs, without a particle.
        ("zh", 30, "新鲜烘焙的咖啡豆，每天早上送到您家门口", "新鲜烘焙的咖啡豆"),
        ("zh", 12, "今天下单立减20元", "今天下单"),
        ("zh", 14, "手工制作的咖啡和茶叶礼盒", "手工制作的咖啡"),
        # Words and numbers of the table are whole, in traditional signs too; 和 is one's part.
        ("zh", 14, "每天早上新鲜出炉的手工酸面包", "每天早上新鲜"),
        ("zh", 24, "零基础也能学会的在线编程课程随时随地开始学习", "零基础也能学会的在线编程"),
        ("zh", 30, "一站式企业财务管理软件帮助中小企业节省时间", "一站式企业财务管理软件帮助"),
        ("zh-TW", 22, "一站式企業財務管理軟體幫助中小企業節省時間", "一站式企業財務管理軟體"),
        ("zh", 10, "性质温和不刺激的洁面乳", "性质温和"),
        # No verb that waits for its object, no half of "so much off from so much".
        ("zh", 14, "国内首家提供上门安装的品牌", "国内首家"),
        ("zh", 20, "限时特惠全场满三百减五十", "限时特惠全场"),
        # No particle that waits for its verb, where enough is left; お stays at its word.
        ("ja", 20, "職人が一つひとつ丁寧に仕上げた本革の財布", "職人が一つひとつ"),
        ("ja", 24, "忙しい毎日でも手軽に作れる本格的なカレー", "忙しい毎日でも"),
        ("ja", 24, "家族みんなで楽しめる週末のキャンプ場", "家族みんなで楽しめる週末"),
        ("ja", 20, "今なら初月無料でお試しいただけます", "今なら初月無料"),
        ("ja", 30, "毎朝の通勤が楽しくなる軽くて丈夫な自転車", "毎朝の通勤が楽しくなる"),
        ("ja", 24, "お肌にやさしい天然成分だけで作られたせっけん", "お肌にやさしい天然成分"),
        ("ko", 26, "갓 볶은 신선한 커피를 매일 아침 배달해 드립니다", "갓 볶은 신선한 커피를 매일"),
    ],
)  # fmt: skip
def test_where_a_text_ends(language: str, limit: int, text: str, expected: str) -> None:
    assert cut(text, limit, "display_width", language) == expected


def test_wanted_terms_survive() -> None:
    text = "Coffee for the whole family and every guest, roasted in Bremen"
    assert cut(text, 30, "display_width", "en") == "Coffee for the whole family"
    assert cut(text, 30, "display_width", "en", ["Bremen"]) == "roasted in Bremen"


def test_what_fits_is_left_alone() -> None:
    assert cut("Ends with the", 30, "display_width", "en") == "Ends with the"


def test_pieces_are_the_whole_text() -> None:
    text = "One, two. Three – four! 五、六。七"
    assert "".join(pieces(text, "sentences")) == text
    assert "".join(pieces(text, "clauses")) == text
    assert len(pieces(text, "sentences")) == 4


WORDS = re.split(
    " ",
    'the coffee and for Kaffee für ÜBER café torrado USB 20 % $9.99 don\'t 30-day (new) "best" '
    "毎日の暮らしを 便利に コーヒーメーカー 新鲜烘焙的咖啡豆， 送到您家。 커피를 매일 กาแฟสด "
    "👍🏽 🎉 👨\u200d👩\u200d👧\u200d👦 o\u0332ver BUY NOW !!! ?! … ★ #ad {x} ｶﾒﾗ "
    "+49 30 1234567 https://example.com/a - – , .",
)
TEXTS = st.lists(st.sampled_from(WORDS), min_size=0, max_size=30).flatmap(
    lambda words: st.sampled_from([" ", "", "  "]).map(lambda glue: glue.join(words))
)


@given(TEXTS, st.integers(5, 120), st.sampled_from(["en", "de", "pt", "ja", "zh", "th", "xx"]))
@settings(max_examples=200, deadline=None)
def test_cutting_keeps_within_and_never_cuts_a_character(
    text: str, limit: int, language: str
) -> None:
    made = cut(text, limit, "display_width", language)
    assert measure(made, "display_width") <= limit
    assert cut(made, limit, "display_width", language) == made
    whole = graphemes(tidy(text))
    assert set(graphemes(made)) <= set(whole) | {" ", "−"}
    # What is left is a piece of the text, or the text without its asides.
    bare = re.sub(r"[(（\[][^)）\]]*[)）\]]|\s", "", tidy(text))
    assert re.sub(r"\s", "", made) in (bare, re.sub(r"\s", "", tidy(text))) or (
        re.sub(r"\s", "", made) in bare or re.sub(r"\s", "", made) in re.sub(r"\s", "", tidy(text))
    )


def copy_of(name: str, **fields: list[str]) -> Copy:
    return Copy(
        id=f"{name}-1", platform=name, fields={key: tuple(value) for key, value in fields.items()}
    )


@st.composite
def copies(draw: st.DrawFn) -> tuple[Copy, str]:
    name = draw(st.sampled_from(ids()))
    fields = {
        rule.name: tuple(draw(st.lists(TEXTS, max_size=rule.most + 2 if rule.most < 5 else 6)))
        for rule in platform(name).fields
    }
    return Copy(id=f"{name}-1", platform=name, fields=fields), name


@given(
    copies(),
    st.sampled_from(["en", "de", "ja", "zh"]),
    st.lists(st.sampled_from(["USB", "送料無料", "free coffee", "Kaffee"]), max_size=2),
    st.lists(st.sampled_from(["best", "buy", "torrado"]), max_size=2),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_fit_leaves_no_breach_and_changes_nothing_twice(
    given_copy: tuple[Copy, str], language: str, wanted: list[str], avoided: list[str]
) -> None:
    copy, name = given_copy
    place = platform(name)
    try:
        made = fit(copy, place, language, wanted, avoided, "Bohne & Co")
    except AnswerInvalid:
        return  # too few usable texts, which the drawn ones often are
    except InvalidInput:
        if wanted:
            return  # no room for them
        raise
    broken = check(place, made.fields, wanted, avoided, "Bohne & Co")
    assert [one for one in broken if not one.advice] == []
    assert fit(made, place, language, wanted, avoided, "Bohne & Co") == made


@given(st.text(max_size=300))
@settings(max_examples=80, deadline=None)
def test_any_text_at_all_ends_well(text: str) -> None:
    for name in ("google_search", "x"):
        place = platform(name)
        copy = Copy(
            id="a-1",
            platform=name,
            fields={rule.name: (text, text[::-1], text[3:]) for rule in place.fields},
        )
        try:
            made = fit(copy, place, "en")
        except CreativeError:
            continue
        assert [one for one in check(place, made.fields) if not one.advice] == []


# ---- whole variants


def test_an_over_long_and_loud_variant() -> None:
    made = fit(
        copy_of(
            "google_search",
            headlines=[
                "BUY NOW!!!",
                "Fresh coffee delivered to your door every single morning",
                "Fresh Coffee",
                "fresh coffee!",
            ],
            descriptions=[
                "Roasted today! Delivered tomorrow!!! Order online and save 20 % on your first bag "
                "of beans with free shipping.",
                "Cheap coffee. Call +49 30 1234567 now!",
            ],
            path1=["coffee beans/fresh"],
            slogan=["No such thing"],
        ),
        platform("google_search"),
        "en",
        must_include=("Arabica",),
        must_avoid=("cheap",),
    )
    assert made.fields == {
        "headlines": ("Buy now", "Fresh coffee delivered", "Fresh Coffee"),
        "descriptions": (
            "Roasted today! Delivered tomorrow. Order online and save 20 % on your first bag "
            "of beans",
            "Call now. Arabica.",
        ),
        "path1": ("coffee-beans",),
    }
    notes = "\n".join(made.notes)
    assert 'headlines[1] was shortened from 56 to 22: "Fresh coffee delivered to your door' in notes
    assert '-> "Fresh coffee delivered"' in notes
    assert 'headlines[3] was left out: it says the same as another: "fresh coffee"' in notes
    assert "slogan was left out: google_search has no such field" in notes
    assert '"Arabica" was added, which must be included' in notes


def test_missing_texts_are_taken_from_the_others() -> None:
    made = fit(
        copy_of(
            "google_pmax",
            headlines=["Kaffee für das Büro"],
            descriptions=["Täglich geröstet. Ohne Vertrag, ab 9,90 € im Monat. Morgen bei Ihnen."],
        ),
        platform("google_pmax"),
        "de",
        brand="Bohne & Co",
    )
    assert made.fields["business_name"] == ("Bohne & Co",)
    assert made.fields["headlines"][0] == "Kaffee für das Büro"
    assert len(made.fields["headlines"]) >= 3
    assert min(measure(one, "display_width") for one in made.fields["headlines"]) <= 15
    assert "was taken from descriptions" in "\n".join(made.notes)
    # Nothing is made up: every text is part of what was there.
    given_texts = "Kaffee für das Büro Täglich geröstet. Ohne Vertrag, ab 9,90 € im Monat. "
    given_texts += "Morgen bei Ihnen. Bohne & Co"
    for name, texts in made.fields.items():
        assert name == "cta" or all(text in given_texts for text in texts)


def test_too_little_to_make_an_ad_of() -> None:
    with pytest.raises(AnswerInvalid, match=r"google_search-1 has 1 usable headlines.*demands 3"):
        fit(copy_of("google_search", headlines=["Hello"]), platform("google_search"), "en")


def test_a_brand_that_is_demanded_and_must_be_avoided_names_both() -> None:
    copy = Copy(id="tiktok-1", platform="tiktok", fields={"ad_text": ("Good coffee",)})
    with pytest.raises(InvalidInput, match=r"must_avoid: got 'bean'.*the brand \"Bean\".*tiktok"):
        fit(copy, platform("tiktok"), "en", must_avoid=("bean",), brand="Bean")


def test_a_brand_that_a_platform_demands() -> None:
    copy = copy_of("tiktok", ad_text=["Fresh coffee every day"])
    with pytest.raises(InvalidInput, match=r"brand: got nothing.*20 columns.*tiktok"):
        fit(copy, platform("tiktok"), "en")
    assert fit(copy, platform("tiktok"), "en", brand="Bean").fields["display_name"] == ("Bean",)


def test_contradictions_name_both_sides() -> None:
    long = (
        "a term that is longer than any text of a search ad could ever be, and then some more of it"
    )
    with pytest.raises(InvalidInput) as caught:
        check_terms(platform("google_search"), [long + " still"])
    assert "must_include" in caught.value.message
    assert "at most 90 columns" in caught.value.message
    with pytest.raises(InvalidInput, match=r"must_include.*must_avoid") as caught:
        check_terms(platform("x"), ["cheap coffee"], ["Cheap"])
    with pytest.raises(InvalidInput, match="emoji"):
        check_terms(platform("tiktok"), ["party 🎉"])
    check_terms(platform("x"), ["party 🎉"])


def test_terms_that_have_no_room_beside_each_other() -> None:
    terms = [f"wanted term number {n} with many words" for n in range(9)]
    with pytest.raises(InvalidInput, match=r"must_include.*has none"):
        fit(
            copy_of("tiktok", ad_text=["Hello coffee"]),
            platform("tiktok"), "en", must_include=terms, brand="Bean",
        )  # fmt: skip


def test_terms_are_added_where_there_is_room() -> None:
    made = fit(
        copy_of("x", post_text=["毎日の暮らしをもっと便利に。"], headline=["新登場の品"]),
        platform("x"), "ja", must_include=("送料無料",),
    )  # fmt: skip
    assert made.fields["post_text"] == ("毎日の暮らしをもっと便利に。送料無料。",)


def test_a_text_without_room_is_shortened_for_a_wanted_term() -> None:
    text = "Coffee for everybody who likes their mornings warm, slow, quiet and full of good smells"
    headline = "Coffee that makes your mornings longer."
    made = fit(
        copy_of("tiktok", ad_text=[text], headline=[headline]),
        platform("tiktok"), "en", ["single origin beans"], brand="Bean",
    )  # fmt: skip
    assert made.fields["headline"] == (headline,)
    assert made.fields["ad_text"] == (
        "Coffee for everybody who likes their mornings warm, slow – single origin beans",
    )


def test_more_texts_than_a_field_takes_keep_the_wanted_ones() -> None:
    many = [f"Coffee of the day {'ABCDEFGHIJKLMNOPQRS'[n]}" for n in range(18)]
    made = fit(
        copy_of("google_search", headlines=[*many, "Made in Bremen"], descriptions=["One", "Two"]),
        platform("google_search"), "en", must_include=("Bremen",),
    )  # fmt: skip
    assert len(made.fields["headlines"]) == 15
    assert made.fields["headlines"][-1] == "Made in Bremen"
    assert "4 were left out" in "\n".join(made.notes)


def test_buttons() -> None:
    made = fit(
        copy_of("meta_feed", primary_texts=["Hallo"], headlines=["Kaffee"], cta=["Jetzt kaufen!"]),
        platform("meta_feed"), "de",
    )  # fmt: skip
    assert made.fields["cta"] == ("Buy now",)
    banner = fit(copy_of("iab_display", headline=["Kaffee"]), platform("iab_display"), "de")
    assert banner.fields["cta"] == ("Mehr erfahren",)


def test_paths_come_in_order_and_end_well() -> None:
    texts = {"headlines": ["Café fresco", "Na hora", "Já"], "descriptions": ["Um café", "Dois"]}
    place = platform("google_search")
    made = fit(copy_of("google_search", **texts, path2=["café torrado na hora"]), place, "pt-BR")
    assert made.fields["path1"] == ("café-torrado",)
    assert "path2" not in made.fields
    assert '"café-torrado" became path1, which was empty' in made.notes
    made = fit(copy_of("google_search", **texts, path1=["Café-para-a"]), place, "pt-BR")
    assert made.fields["path1"] == ("Café",)


def test_a_good_variant_is_not_touched() -> None:
    copy = copy_of(
        "linkedin",
        introductory_text=["Roasted today, at your desk tomorrow. 👍🏽"],
        headline=["Coffee for teams"],
        cta=["Request demo"],
    )
    assert fit(copy, platform("linkedin"), "en") == copy
