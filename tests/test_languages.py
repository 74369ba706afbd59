"""Which language a text is in, and how languages are typed."""

from __future__ import annotations

import pytest

from creative import languages
from creative.errors import InvalidInput

HEADLINES = """
en Light running shoes, made for every day
en Project management software for small teams
de Leichte Laufschuhe für jeden Tag
de Handgemachte Seife aus Hamburg
fr Chaussures légères pour tous les jours
es Zapatillas ligeras para cada día
pt Tênis leves para todos os dias
pt Pão fresco feito à mão
it Scarpe leggere per ogni giorno
nl Lichte schoenen voor elke dag
sv Lätta skor för varje dag
da Lette sko til hver dag
fi Kevyet kengät joka päivään
pl Lekkie buty na każdy dzień
cs Lehké boty na každý den
hu Könnyű cipő minden napra
ro Pantofi ușori pentru fiecare zi
tr Her gün için hafif ayakkabı
id Sepatu ringan untuk setiap hari
vi Giày nhẹ cho mỗi ngày
ja 毎日のための軽いランニングシューズ
ja 送料無料
zh 每天都适合的轻便跑鞋
zh Nike 跑鞋，立即购买
ko 매일 신는 가벼운 운동화
ru Лёгкие кроссовки на каждый день
uk Легкі кросівки на щодень
bg Леки обувки за всеки ден от нас
el Ελαφριά παπούτσια
ar أحذية خفيفة
he נעליים קלות
th รองเท้าน้ำหนักเบา
hi हल्के जूते
"""
PAGES = {
    "en": "Our coffee is roasted every week and sent on the same day. You can cancel at any time.",
    "de": "Unser Kaffee wird jede Woche geröstet und am selben Tag verschickt. Du kannst kündigen.",
    "fr": "Notre café est torréfié chaque semaine et envoyé le jour même. Vous pouvez arrêter.",
    "es": "Nuestro café se tuesta cada semana y se envía el mismo día. Puedes cancelar cuando sea.",
    "pt": "Nosso café é torrado toda semana e enviado no mesmo dia. Você pode cancelar quando for.",
    "it": "Il nostro caffè è tostato ogni settimana e spedito lo stesso giorno. Puoi smettere.",
    "nl": "Onze koffie wordt elke week gebrand en op dezelfde dag verzonden. Je kunt opzeggen.",
    "ja": "コーヒーは毎週焙煎し、その日のうちに発送します。いつでも解約できます。",
    "zh": "我们的咖啡每周新鲜烘焙，当天发货，您可以随时取消订阅。",
}


@pytest.mark.parametrize("line", HEADLINES.strip().splitlines())
def test_a_headline_is_enough(line: str) -> None:
    tag, _, text = line.partition(" ")
    assert languages.detect(text) == tag


@pytest.mark.parametrize("tag", PAGES)
def test_sentences_are_sure(tag: str) -> None:
    assert languages.guess(PAGES[tag]) == languages.Guess(tag, sure=True)


@pytest.mark.parametrize("text", ["", "2024", "🙂 !!", "https://example.com/the/and/for", "Nike"])
def test_nothing_is_guessed_from_nothing(text: str) -> None:
    assert languages.detect(text) == ""


def test_two_words_are_never_sure() -> None:
    assert not languages.guess("Jetzt kaufen").sure
    assert not languages.guess("送料無料").sure


def test_names_in_a_japanese_text_do_not_make_it_english() -> None:
    assert languages.detect("Nike Air Max 270 は軽いシューズです") == "ja"


@pytest.mark.parametrize(
    ("typed", "tag"),
    [
        ("de", "de"), ("German", "de"), ("deutsch", "de"), ("日本語", "ja"), ("pt_BR", "pt-BR"),
        ("zh-hans-cn", "zh-Hans-CN"), ("ja_JP", "ja-JP"), ("EN-us", "en-US"), ("no", "nb"),
        (" French ", "fr"),
    ],
)  # fmt: skip
def test_a_language_is_taken_as_people_type_it(typed: str, tag: str) -> None:
    assert languages.check(typed) == tag


@pytest.mark.parametrize("typed", ["klingon", "xx", "e", "de-", "en-12", "", "de;drop"])
def test_an_unknown_language_lists_the_known_ones(typed: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        languages.check(typed, "language")
    assert raised.value.message.startswith("language: got")
    assert "ja (Japanese)" in raised.value.message


def test_names() -> None:
    assert languages.name("ja") == "Japanese"
    assert languages.name("pt-BR") == "Portuguese (BR)"
    assert languages.base("zh-Hant-TW") == "zh"


def test_a_long_text_takes_no_time() -> None:
    assert languages.detect("Der Kaffee ist gut und wird jeden Tag geröstet. " * 100_000) == "de"
