"""What the built-in writer calls a thing, and that its variants name it."""

from __future__ import annotations

import pytest

from creative.ads.model import AdsRequest, Look
from creative.ads.write.builtin import write
from creative.ads.write.facts import Facts, gather
from creative.ads.write.lines import Lines
from creative.ads.write.phrases import phrases

BRIEFS = {
    "en": "Acme Nomad is a 30-litre travel backpack made of recycled sailcloth. Fits under airline "
    "seats. Free returns within 60 days.",
    "de": "Wir verkaufen handgemachte Lederschuhe für Herren aus Pirmasens, wasserdicht und "
    "wiederbesohlbar. Versandkostenfrei ab 50 Euro.",
    "fr": "Notre Comète est un vélo électrique pliant pour la ville. Livraison offerte.",
    "es": "El Picual es un aceite de oliva virgen extra de Jaén. Envío gratis desde 40 €.",
    "pt": "Café torrado artesanalmente no Brasil, em grãos ou moído. Frete grátis acima de R$ 120.",
    "zh": "我们的云朵枕是一款记忆棉枕头，可拆洗枕套，适合侧睡的人。满299元包邮。",
    "ja": "当店の南部鉄瓶は、岩手の職人が一つずつ手作りしています。IH対応。送料無料。",
}


def facts(language: str, brief: str, brand: str = "Acme", title: str = "") -> Facts:
    look = Look(language=language, brand=brand, title=title, headings=("Better at home",))
    return gather(AdsRequest(brief=brief), look if title else Look(language=language, brand=brand))[
        0
    ]


@pytest.mark.parametrize(
    ("language", "product", "also"),
    [
        ("en", "Acme Nomad", "30-litre travel backpack"),
        ("de", "Handgemachte Lederschuhe für Herren", "Wasserdicht und wiederbesohlbar"),
        ("fr", "Comète", "Vélo électrique pliant"),
        ("es", "Picual", "Aceite de oliva virgen extra"),
        ("pt", "Café torrado artesanalmente no Brasil", "Em grãos ou moído"),
        ("zh", "云朵枕", "记忆棉枕头"),
        ("ja", "南部鉄瓶", "IH対応"),
    ],
)
def test_a_sentence_names_the_thing_and_its_kind(language: str, product: str, also: str) -> None:
    found = facts(language, BRIEFS[language])
    assert found.product == product
    assert also in found.benefits
    for phrase in found.benefits:
        assert not phrase.casefold().startswith(("is a", "est un", "es un"))


@pytest.mark.parametrize(
    ("brief", "product"),
    [
        ("Acme is a project app for small teams. Free trial.", "Project app"),
        ("It is a good thing that we have shoes.", ""),
        ("Run faster with us. Free trial.", ""),
    ],
)
def test_neither_the_brand_nor_a_pronoun_is_a_thing(brief: str, product: str) -> None:
    assert facts("en", brief).product == product


@pytest.mark.parametrize("language", BRIEFS)
def test_every_variant_that_shows_one_headline_names_the_thing(language: str) -> None:
    request = AdsRequest(
        brief=BRIEFS[language], brand="Acme", platforms=("iab_display", "x"), count=3
    )
    found = facts(language, BRIEFS[language])
    names = {found.product, *found.benefits[:1], found.product.rsplit(" ", 2)[0]}
    for copy in write(request, Look(language=language, brand="Acme")).copies:
        said = " ".join(text for texts in copy.fields.values() for text in texts).casefold()
        assert any(name.casefold() in said for name in names), copy.fields


@pytest.mark.parametrize("language", BRIEFS)
def test_a_search_ad_has_the_thing_among_its_headlines(language: str) -> None:
    request = AdsRequest(brief=BRIEFS[language], brand="Acme", count=3)
    name = facts(language, BRIEFS[language]).product.split()[0]
    for copy in write(request, Look(language=language, brand="Acme")).copies:
        assert any(name in text for text in copy.fields["headlines"])


@pytest.mark.parametrize("language", BRIEFS)
def test_the_angle_is_that_of_the_first_headline(language: str) -> None:
    look = Look(language=language, brand="Acme")
    request = AdsRequest(
        brief=BRIEFS[language], brand="Acme", platforms=("google_search", "iab_display"), count=6
    )
    lines = Lines(gather(request, look)[0], phrases(language))
    for copy in write(request, look).copies:
        first = (copy.fields.get("headlines") or copy.fields["headline"])[0]
        angles = [
            one for one in phrases(language).headline if first in map(str, _texts(lines, one))
        ]
        assert copy.angle in angles, (copy.id, first)


def _texts(lines: Lines, angle: object) -> list[str]:
    return [line.text for line in lines.of(angle)]  # type: ignore[arg-type]


def test_no_line_says_the_brand_twice() -> None:
    found = facts("en", "Acme is a project app for small teams. Free trial.")
    lines = Lines(found, phrases("en"))
    said = [line.text for angle in phrases("en").headline for line in lines.of(angle)]
    assert said
    assert not [text for text in said if text.count("Acme") > 1]


def test_what_is_said_of_a_shop_is_not_said_of_the_first_of_its_things() -> None:
    title = "Kettle & Crema: espresso machines, fresh beans, good advice"
    look = Look(
        language="en",
        brand="Kettle & Crema",
        title=title,
        headings=("Better coffee at home", "Beans that tell you when they were roasted"),
    )
    request = AdsRequest(platforms=("google_pmax",), count=3)
    for copy in write(request, look).copies:
        for name in ("headlines", "long_headlines", "descriptions"):
            for text in copy.fields[name]:
                assert not text.casefold().startswith("espresso machines:"), text
                assert text[:1] == text[:1].upper(), text


def test_a_proper_name_keeps_its_capital_inside_a_sentence() -> None:
    assert facts("fr", BRIEFS["fr"]).inside("Comète est un vélo pliant") == (
        "Comète est un vélo pliant"
    )


def test_a_price_in_the_headline_is_not_said_again_beside_it() -> None:
    brief = "Freshly roasted beans and honest guides. Grinders that last. Coffee from 11 €."
    request = AdsRequest(brief=brief, platforms=("iab_display", "x"), count=6)
    copies = write(request, Look(language="en", brand="Kettle & Crema")).copies
    priced = [copy for copy in copies if "11 €" in copy.fields["headline"][0]]
    assert priced
    for copy in priced:
        text = (copy.fields.get("text") or copy.fields["post_text"])[0]
        assert "11 €" not in text, copy.fields


def test_emoji_of_a_brief_cost_no_fact_where_they_are_refused() -> None:
    brief = "🎉🎉 Party 🎈 balloons made of rubber 👩‍👩‍👧‍👦 — biodegradable!!! BUY NOW!!!"
    assert facts("en", brief).product == "Party balloons made of rubber"
    request = AdsRequest(brief=brief, brand="Pop", platforms=("tiktok",))
    for copy in write(request, Look(language="en", brand="Pop")).copies:
        said = " ".join(text for texts in copy.fields.values() for text in texts)
        assert "balloons" in said, copy.fields
        assert "🎈" not in said
