"""What a reader sees of the built-in writer: no wrong price, no half phrase, no ad twice."""

from __future__ import annotations

import pytest

from creative.ads import platforms
from creative.ads.model import AdsRequest, Copy, Look
from creative.ads.terms import contains
from creative.ads.write import builtin
from creative.ads.write.facts import Facts, gather

MUGS = (
    "Promote our hand-thrown stoneware coffee mugs. Each mug is glazed by hand in Lisbon. "
    "Dishwasher safe, holds 350 ml. For people who like slow mornings. "
    "From €28, free shipping over €60."
)
BAGS = (
    "Wir verkaufen handgemachte Ledertaschen aus Köln. Pflanzlich gegerbtes Leder, 10 Jahre "
    "Garantie. Für Menschen, die Wert auf Qualität legen. Ab 149 €, kostenloser Versand."
)
TEA = "推广我们的高山乌龙茶。台湾阿里山手工采摘，清香回甘。每盒150克，售价168元，全国包邮。"
KETTLE = "南部鉄瓶のご案内です。岩手の職人が一つひとつ手作りしています。価格は18,000円、送料無料。"
COFFEE = (
    "Vendemos café especial torrado toda semana em Minas Gerais. Grãos selecionados, notas de "
    "chocolate e caramelo. Assinatura mensal por R$ 59, frete grátis para todo o Brasil."
)
BRIEFS = {"en": MUGS, "de": BAGS, "zh": TEA, "ja": KETTLE, "pt": COFFEE}


def made(
    brief: str, language: str, *places: str, brand: str = "Barro", count: int = 3
) -> list[Copy]:
    request = AdsRequest(brief=brief, brand=brand, platforms=places, count=count)
    return builtin.write(request, Look(language=language, brand=brand)).copies


def facts(brief: str, language: str = "en", brand: str = "Barro") -> Facts:
    return gather(AdsRequest(brief=brief), Look(language=language, brand=brand))[0]


def texts(copies: list[Copy]) -> list[str]:
    return [text for copy in copies for of_field in copy.fields.values() for text in of_field]


class TestWholePhrases:
    def test_a_chinese_list_of_places_is_one_phrase(self) -> None:
        found = facts("每月从云南、福建、浙江的茶园直送新茶，附冲泡指南，随时可以取消。", "zh")
        assert found.headline == "每月从云南、福建、浙江的茶园直送新茶"
        assert not {"福建", "每月从云南"} & {*found.benefits, *found.sentences}

    @pytest.mark.parametrize(
        ("brief", "language"),
        [
            ("悦齿推出隐形矫正方案，全程由专科医生负责。", "zh"),
            ("悅齒推出隱形矯正方案，全程由專科醫生負責。", "zh-Hant"),
        ],
    )
    def test_who_offers_something_is_no_name_of_it(self, brief: str, language: str) -> None:
        assert facts(brief, language).product == ""

    @pytest.mark.parametrize(
        ("brief", "language"),
        [
            ("首月仅需59元。之后每月99元，全国包邮。", "zh"),
            ("初月は無料です。その後は月額980円、送料無料です。", "ja"),
            ("Free for 30 days. Afterwards $12 a month, free delivery.", "en"),
            ("Grátis por 30 dias. Depois R$ 12 por mês, frete grátis.", "pt"),
        ],
    )
    def test_what_comes_after_something_else_does_not_stand_alone(
        self, brief: str, language: str
    ) -> None:
        found = facts(brief, language)
        alone = [*found.benefits, *found.offers, *found.proofs]
        assert not [one for one in alone if one[:2] in ("之后", "その", "Af", "De")]

    def test_a_page_that_takes_bookings_sells_nothing_that_is_ordered(self) -> None:
        page = {"language": "ja", "text": "平日限定 24,800円から", "headings": ("箱根の湯",)}
        request = AdsRequest(source_html="<p>")
        for button, sells in (("空室を確認する", False), ("今すぐ購入", True), ("", True)):
            look = Look(**page, buttons=(button,) if button else ())
            assert gather(request, look)[0].sells is sells, button

    def test_a_sentence_is_a_theme_of_a_picture_and_no_thing(self) -> None:
        brief = "A Casa Certa ajuda famílias a comprar o primeiro apartamento. Sem compromisso."
        (copy,) = made(brief, "pt", "x", brand="Casa Certa", count=1)
        assert "on the theme: A Casa Certa ajuda" in copy.image_prompt
        (mug,) = made(MUGS, "en", "x", count=1)
        assert (
            "photograph of hand-thrown stoneware coffee mugs"
            in mug.image_prompt.lower().replace("advertising ", "")
        )

    def test_a_list_of_words_is_not_taken_apart(self) -> None:
        found = facts("Brakes, gears, wheels and bearings checked, cleaned and adjusted.")
        assert found.headline.startswith("Brakes, gears, wheels and bearings checked, cleaned")
        assert found.benefits == ()

    def test_of_a_possession_alone_nothing_is_said(self) -> None:
        look = Look(language="en", headings=("Your bike, fixed at your door",), brand="Barro")
        request = AdsRequest(source_html="<p>", platforms=("meta_feed",), count=3)
        said = texts(builtin.write(request, look).copies)
        assert "Your bike, fixed at your door" in said
        assert not [one for one in said if one.rstrip(".").casefold().endswith("your bike")]


class TestPrices:
    @pytest.mark.parametrize(
        ("brief", "price", "lowest"),
        [
            ("An app. $12 per user per month.", "$12 per user per month", ""),
            ("An app. $12/user/month, billed as you like.", "$12/user/month", ""),
            ("Eine App. 9 € pro Nutzer und Monat.", "9 € pro Nutzer und Monat", ""),
            ("An app. $9 per thousand requests.", "", ""),  # alone it would be another price
            ("A monthly plan for $9.", "", ""),
            ("Assinatura mensal por R$ 59.", "", ""),
            ("Only $1 in your first month.", "", ""),
            ("Mugs from €28, free shipping over €60.", "", "€28"),
            ("19,90 €, versandkostenfrei ab 50 €", "19,90 €", ""),
            ("Free shipping over €60, or €5.", "", ""),
            ("Was €50, now €30.", "", ""),
        ],
    )
    def test_a_price_is_whole_or_not_there(self, brief: str, price: str, lowest: str) -> None:
        language = "de" if "€ pro" in brief or "versand" in brief else "en"
        language = "pt" if "mensal" in brief else language
        found = facts(brief, language)
        assert (found.price, found.lowest) == (price, lowest)

    @pytest.mark.parametrize("place", platforms.ids())
    def test_no_text_has_a_part_of_a_price(self, place: str) -> None:
        brief = "Project app for agencies. Plans and invoices in one place. $12 per user per month."
        for text in texts(made(brief, "en", place)):
            assert "$12" not in text or "$12 per user per month" in text

    @pytest.mark.parametrize("brief", ["零基础编程课，首月仅99元。", "英会話スクール。初回500円。"])
    def test_what_is_paid_the_first_time_is_not_the_price(self, brief: str) -> None:
        assert facts(brief, "ja" if "初" in brief else "zh").price == ""

    def test_a_text_that_names_the_thing_names_it_once_for_its_price(self) -> None:
        brief = "Handmade soap. Vegan and mild. £6."
        for text in texts(made(brief, "en", "meta_feed")):
            assert text.casefold().count("handmade soap") < 2, text

    def test_a_table_of_deliveries_on_a_page_is_not_read_in_parts(self) -> None:
        look = Look(language="en", title="Mugs | Barro", text="UK €5, shipping in two days")
        assert gather(AdsRequest(), look)[0].price == ""

    def test_what_is_paid_again_and_again_is_not_shopped_for(self) -> None:
        assert not facts("A project app. $12 per user per month.").sells
        assert not facts("A project app. Monthly plan, $12 per user per month.").sells
        assert facts(MUGS).sells

    @pytest.mark.parametrize("language", BRIEFS)
    @pytest.mark.parametrize("place", ["google_search", "meta_feed"])
    def test_no_text_names_a_price_twice(self, language: str, place: str) -> None:
        for text in texts(made(BRIEFS[language], language, place)):
            for price in ("€28", "149 €", "168元", "18,000円", "R$ 59"):
                assert text.count(price) < 2


class TestPhrases:
    def test_a_clause_is_not_cut_off_from_what_it_is_about(self) -> None:
        said = texts(made(BAGS, "de", *platforms.ids()))
        whole = [text for text in said if "ür Menschen" in text]
        assert whole
        assert all("ür Menschen, die Wert auf Qualität legen" in text for text in whole)

    def test_a_small_word_is_small_inside_a_sentence(self) -> None:
        assert facts(BAGS, "de").inside("Für Menschen, die lesen") == "für Menschen, die lesen"
        # A noun of shops is frequent, and a noun.
        assert facts(BAGS, "de").inside("Versand in 2 Tagen") == "Versand in 2 Tagen"

    def test_the_first_word_of_a_longer_brand_is_a_word(self) -> None:
        found = facts(COFFEE, "pt", brand="Café da Serra")
        assert found.inside("Café especial torrado") == "café especial torrado"
        assert found.inside("Café da Serra em casa") == "Café da Serra em casa"

    def test_what_japanese_says_to_the_writer_is_not_said_to_readers(self) -> None:
        assert facts(KETTLE, "ja").product == "南部鉄瓶"
        assert "ご案内です" not in "".join(texts(made(KETTLE, "ja", *platforms.ids())))

    def test_a_size_is_never_the_first_reason(self) -> None:
        assert facts(TEA, "zh").benefits[-1] == "每盒150克"

    def test_what_is_no_offer_does_not_lead_as_one(self) -> None:
        for copy in made(BAGS, "de", "google_search", "linkedin"):
            if copy.angle == "offer":
                lead = next(iter(copy.fields.values()))[0]
                assert "Versand" in lead or "149 €" in lead or "Garantie" in lead

    @pytest.mark.parametrize(
        ("brief", "language", "name"),
        [
            ("零基础编程课，随时随地学习。", "zh", "零基础编程课"),
            ("Handmade soap, vegan", "en", "Handmade soap"),
        ],
    )
    def test_a_name_ends_at_a_comma(self, brief: str, language: str, name: str) -> None:
        assert facts(brief, language).product == name

    def test_a_line_has_one_colon(self) -> None:
        brief = "Online-Kurs: Spanisch lernen in 12 Wochen. Kleine Gruppen, Zertifikat am Ende."
        for text in texts(made(brief, "de", *platforms.ids(), count=4)):
            assert all(part.count(": ") < 2 for part in text.split(". ")), text

    def test_what_may_be_left_out_does_not_say_the_same_once_more(self) -> None:
        [copy] = made("Sourdough bread, baked every morning in Leeds", "en", "linkedin", count=1)
        assert copy.fields["introductory_text"]
        assert "description" not in copy.fields

    def test_a_proper_name_alone_is_no_sentence(self) -> None:
        brief = "Nomad is a travel backpack for people who fly. 32 litres. Lifetime warranty. £129."
        for text in texts(made(brief, "en", "meta_feed", "linkedin", brand="Northfold")):
            assert not text.startswith("Nomad. ")
            assert "? Nomad." not in text

    def test_a_brand_alone_is_no_sentence(self) -> None:
        for text in texts(made(BAGS, "de", "meta_feed", brand="Lederwerk")):
            assert not text.startswith("Lederwerk. ")

    def test_the_text_beside_a_headline_without_the_thing_begins_with_it(self) -> None:
        look = Look(
            language="en", title="Slow Press | Kettle", headings=("Coffee that stays hot",),
            text="Double-walled steel keeps it warm.", brand="Kettle",
        )  # fmt: skip
        [copy] = builtin.write(AdsRequest(platforms=("x",), count=1), look).copies
        assert copy.fields["headline"] == ("Coffee that stays hot",)
        assert copy.fields["post_text"][0].startswith("Slow Press: ")

    def test_a_portuguese_name_may_end_before_what_was_done_with_it(self) -> None:
        for copy in made(COFFEE, "pt", "google_search"):
            assert any(contains(text, "Café especial") for text in copy.fields["headlines"])


class TestPaths:
    @pytest.mark.parametrize(
        ("brief", "language", "path"),
        [
            ("A hand-thrown teapot from Porto, dishwasher-safe.", "en", "teapot"),
            (MUGS, "en", "mugs"),
            (BAGS, "de", "ledertaschen"),
            ("Blue coffee mug", "en", "blue-coffee-mug"),
            ("The red hat", "en", "red-hat"),
            (COFFEE, "pt", "café-especial"),
            (TEA, "zh", "高山乌龙茶"),
            # Whose it is, where what it is has no room.
            ("寒い冬にぴったりの手編みウールマフラー。ギフト包装無料。", "ja", "barro"),
        ],
    )
    def test_a_path_says_what_the_thing_is(self, brief: str, language: str, path: str) -> None:
        [copy] = made(brief, language, "google_search", count=1)
        assert copy.fields["path1"] == (path,)
        assert copy.fields.get("path2") == (None if path == "barro" else ("barro",))


class TestVariety:
    """Several variants of one short brief are several ads."""

    @pytest.mark.parametrize("language", BRIEFS)
    def test_an_ad_says_a_fact_in_one_headline(self, language: str) -> None:
        for copy in made(BRIEFS[language], language, "google_search"):
            lines = copy.fields["headlines"]
            for fact in ("Dishwasher safe", "€28", "149 €", "阿里山", "168元", "18,000円", "R$ 59"):
                assert sum(fact in line for line in lines) < 2, lines

    @pytest.mark.parametrize("language", BRIEFS)
    def test_every_ad_leads_with_another_angle(self, language: str) -> None:
        for place in platforms.ids():
            copies = made(BRIEFS[language], language, place)
            assert len({copy.angle for copy in copies}) == len(copies) == 3

    @pytest.mark.parametrize("language", BRIEFS)
    def test_most_headlines_of_an_ad_are_in_few_others(self, language: str) -> None:
        copies = made(BRIEFS[language], language, "google_search")
        sets = [set(copy.fields["headlines"]) for copy in copies]
        assert all(len(one) >= 5 for one in sets)
        everywhere = set.intersection(*sets)
        assert len(everywhere) <= min(map(len, sets)) / 2, everywhere

    @pytest.mark.parametrize("language", BRIEFS)
    def test_no_description_comes_twice(self, language: str) -> None:
        copies = made(BRIEFS[language], language, "google_search")
        said = [text for copy in copies for text in copy.fields["descriptions"]]
        assert len(set(said)) == len(said)

    def test_one_ad_alone_has_all_there_is_to_say(self) -> None:
        [alone] = made(MUGS, "en", "google_search", count=1)
        first, *_ = made(MUGS, "en", "google_search", count=6)
        assert len(alone.fields["headlines"]) > len(first.fields["headlines"])
