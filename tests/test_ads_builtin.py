"""The built-in writer: it says what page and brief say, in their language, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest

from creative import languages
from creative.ads import limits, platforms
from creative.ads.model import AdsRequest, Copy, Look
from creative.ads.terms import contains
from creative.ads.write import Written, builtin, write
from creative.ads.write.facts import Facts, gather
from creative.ads.write.phrases import written_languages
from creative.capture.facts import prices_in
from creative.deadline import Deadline
from creative.errors import InvalidInput
from creative.settings import Settings
from creative.steps import Steps

ALL = tuple(platforms.ids())
PAGES: dict[str, dict[str, Any]] = {
    "en": {
        "title": "Light running shoes | Fleetfoot",
        "description": "Running shoes of 180 grams, made for every day.",
        "headings": ("Run lighter every day", "Made from recycled yarn", "Free returns for 30 days",
                     "Rated 4.8 by 12,000 runners", "Contact us"),
        "buttons": ("Menu", "Shop now", "Add to cart"),
        "prices": ("£89.00",),
        "text": "Home Shop Contact\nRun lighter every day\nOnly 180 grams per shoe. £89.00\n"
                "Our foam gives back energy with every step.\nFree shipping over £50.",
        "brand": "Fleetfoot",
    },
    "de": {
        "title": "Handgemachte Seife | Seifenhaus",
        "description": "Feste Seife aus Hamburg, vegan und ohne Palmöl.",
        "headings": ("Sanft zu empfindlicher Haut", "In kleinen Mengen gesiedet",
                     "Ab 30 € versandkostenfrei"),
        "buttons": ("In den Warenkorb", "Jetzt bestellen"),
        "prices": ("6,50 €",),
        "text": "Sanft zu empfindlicher Haut\nEin Stück kostet 6,50 €.",
        "brand": "Seifenhaus",
    },
    "pt": {
        "title": "Café especial – Serra Alta",
        "description": "Café de pequenos produtores, torrado toda semana e entregue em casa.",
        "headings": ("Café fresco na sua porta", "Torrado toda semana", "Frete grátis no Brasil"),
        "buttons": ("Compre agora",),
        "prices": ("R$ 49,90",),
        "text": "Café fresco na sua porta\nPacote de 500 g por R$ 49,90",
        "brand": "Serra Alta",
    },
    "ja": {
        "title": "宇治の有機抹茶｜茶の庭",
        "description": "京都・宇治の契約農家が育てた有機抹茶を、石臼で挽きたてのままお届けします。",
        "headings": ("毎朝の一杯を、もっと豊かに", "石臼で丁寧に挽いた抹茶", "初回送料無料",
                     "お客様満足度98％"),
        "buttons": ("今すぐ購入",),
        "prices": ("2,480円",),
        "text": "毎朝の一杯を、もっと豊かに\n30g 2,480円",
        "brand": "茶の庭",
    },
    "zh": {
        "title": "手工酸面包 - 麦田面包",
        "description": "每天早上新鲜出炉，不含添加剂。",
        "headings": ("每天现烤的酸面包", "只用三种原料", "全城包邮"),
        "buttons": ("立即购买",),
        "prices": ("28元",),
        "text": "每天现烤的酸面包\n一个28元。",
        "brand": "麦田面包",
    },
}  # fmt: skip


def page(of: str, **changes: Any) -> Look:
    asked = {"kind": "url", "url": "https://shop.example/", "language": of}
    return Look(**{**asked, **PAGES[of], **changes})


def made(look: Look, platforms: tuple[str, ...] = ALL, **asked: Any) -> list[Copy]:
    return builtin.write(AdsRequest(platforms=platforms, **asked), look).copies


def finished(look: Look, **asked: Any) -> Written:
    asked = {"platforms": ALL, "engine": "builtin", **asked}
    return write(AdsRequest(**asked), look, Settings(), Deadline(60), Steps())


def texts(copies: list[Copy] | tuple[Copy, ...]) -> list[str]:
    return [text for copy in copies for of_field in copy.fields.values() for text in of_field]


def prose(copies: list[Copy]) -> str:
    roles = {
        (one.id, rule.name)
        for one in map(platforms.platform, ALL)
        for rule in one.fields
        if rule.role in ("headline", "description", "text", "long_headline")
    }
    return "\n".join(
        text
        for copy in copies
        for name, of_field in copy.fields.items()
        if (copy.platform, name) in roles
        for text in of_field
    )


class TestEveryLanguage:
    @pytest.mark.parametrize("language", PAGES)
    def test_all_platforms_are_filled_within_their_limits(self, language: str) -> None:
        written = finished(page(language))
        assert (len(written.copies), written.dropped) == (3 * len(ALL), ())
        for copy in written.copies:
            place = platforms.platform(copy.platform)
            broken = [b.message for b in limits.check(place, copy.fields) if not b.advice]
            assert broken == []
            assert copy.engine == "builtin"
            assert not [note for note in copy.notes if "shortened" in note], copy.notes

    @pytest.mark.parametrize("language", PAGES)
    def test_a_search_ad_has_eight_headlines_and_four_descriptions(self, language: str) -> None:
        for copy in made(page(language), ("google_search",)):
            assert len(set(copy.fields["headlines"])) >= 8
            assert len(set(copy.fields["descriptions"])) == 4

    @pytest.mark.parametrize("language", PAGES)
    def test_it_writes_in_the_pages_language(self, language: str) -> None:
        assert languages.guess(prose(made(page(language)))) == languages.Guess(language, sure=True)

    @pytest.mark.parametrize("language", PAGES)
    def test_the_pages_headline_and_price_are_said(self, language: str) -> None:
        said = "\n".join(texts(made(page(language))))
        assert PAGES[language]["headings"][0] in said
        assert PAGES[language]["prices"][0] in said

    @pytest.mark.parametrize("language", PAGES)
    def test_only_prices_of_the_page_are_named(self, language: str) -> None:
        look = page(language)
        known = set(prices_in("\n".join([*look.headings, look.text])))
        assert set(prices_in("\n".join(texts(made(look))))) <= known

    @pytest.mark.parametrize("language", PAGES)
    def test_variants_differ(self, language: str) -> None:
        for place in ALL:
            copies = made(page(language), (place,))
            leads = {next(iter(copy.fields.values()))[0] for copy in copies}
            assert len(leads) == len({copy.angle for copy in copies}) == 3

    def test_every_language_of_the_table_has_all_angles(self) -> None:
        assert {"en", "zh", "ja", "pt", "zh-Hant"} <= set(written_languages())
        for language in written_languages():
            found = builtin.phrases(language)
            assert found.tag == language
            assert set(found.headline) == set(builtin.ANGLES)
            assert all(found.headline.values())


class TestFacts:
    def facts(self, look: Look | None = None, **asked: Any) -> Facts:
        given = look or Look(language=asked.pop("language", "en"), brand="Acme")
        return gather(AdsRequest(**asked), given)[0]

    def test_a_page_is_sorted(self) -> None:
        found = self.facts(page("en"))
        assert found.product == "Light running shoes"
        assert found.headline == "Run lighter every day"
        assert found.price == "£89.00"
        assert found.offers == ("Free returns for 30 days", "Free shipping over £50")
        assert found.proofs == ("Rated 4.8 by 12,000 runners",)
        assert "Made from recycled yarn" in found.benefits
        assert found.buttons == ("Shop now",)
        assert "Contact us" not in str(found.benefits)

    def test_other_facts_make_other_ads(self) -> None:
        look = page("en", headings=("Jump higher",), prices=("£120",), text="Jump higher\n£120")
        said = "\n".join(texts(made(look)))
        assert "Jump higher" in said
        assert "£120" in said
        assert "Run lighter" not in said
        assert "£89" not in said

    def test_a_brief_alone_is_enough(self) -> None:
        brief = "Handmade soap from Hamburg, vegan, without palm oil, 6.50 €."
        found = self.facts(brief=brief)
        assert found.product == "Handmade soap from Hamburg"
        assert found.benefits == ("Vegan", "Without palm oil")
        assert found.price == "6.50 €"

    def test_what_a_brief_says_to_the_writer_is_not_said_to_readers(self) -> None:
        brief = "Promote our new project app to small teams. Mention the free trial. Tone: funny."
        found = self.facts(brief=brief)
        assert (found.product, found.offers) == ("Project app", ("Free trial",))
        said = " ".join(texts(made(Look(brand="Acme"), brief=brief)))
        for word in ("Promote", "small teams", "Mention", "funny"):
            assert word not in said

    @pytest.mark.parametrize(
        ("text", "price", "lowest"),
        [
            ("Fresh beans for 11 €.", "11 €", ""),
            ("Fresh beans from 11 €.", "", "11 €"),
            ("It costs £89.00.", "£89.00", ""),
            ("Yoga at home. 12 € al mes.", "12 € al mes", ""),
            ("月額980円", "月額980円", ""),
            ("Plans: $9/month, $29/month, $99/month", "", "$9/month"),
            ("A pair for £120. Save £20 today.", "£120", ""),
            ("Free shipping over £50.", "", ""),
            ("£120 or €140", "£120", ""),
            ("1.299,00 € und 89 €", "", "89 €"),
        ],
    )
    def test_the_price_is_the_things_own(self, text: str, price: str, lowest: str) -> None:
        look = Look(language="en", title="Thing | Acme", headings=("A thing",), text=text)
        found = self.facts(look)
        assert (found.price, found.lowest) == (price, lowest)

    @pytest.mark.parametrize("language", PAGES)
    def test_the_lowest_of_several_prices_is_of_no_product(self, language: str) -> None:
        # A shop's cheapest thing is not what its title names.
        prices = ("189 €", "59 €", "11 €")
        look = page(language, prices=prices, text="\n".join(prices), description="")
        copies = made(look)
        said = [text for text in texts(copies) if "11 €" in text]
        assert said
        assert not any("189 €" in text or "59 €" in text for text in texts(copies))
        name = self.facts(look).product
        for text in said:
            sentence = next(one for one in re.split(r"(?<=[.。])", text) if "11 €" in one)
            assert name.casefold() not in sentence.casefold()

    def test_what_only_makes_sense_in_its_place_is_left_there(self) -> None:
        look = page(
            "en", headings=("Good coffee",), text="Which grind do I need?\nCoarse, like sea salt.\n"
            "If it tastes bitter, go coarser.\nWe sell knives, pans, and boards that last.",
        )  # fmt: skip
        found = self.facts(look)
        assert "Boards that last" in found.benefits
        said = "\n".join(texts(made(look)))
        assert "sea salt" not in said
        assert "If it tastes" not in said

    def test_a_japanese_line_is_not_cut_after_a_particle(self) -> None:
        said = texts(made(page("ja")))
        assert "毎朝の一杯を、もっと豊かに" in said
        assert "毎朝の一杯を" not in said

    def test_the_brief_decides_the_price(self) -> None:
        assert self.facts(page("en"), brief="Spring shoes, now £69").price == "£69"

    def test_a_sentence_is_no_name(self) -> None:
        look = Look(language="en", title="Sleep better with us", headings=("We make you sleep",))
        assert self.facts(look).product == ""

    def test_words_become_small_inside_a_sentence_and_names_do_not(self) -> None:
        found = Facts("en", brand="Acme", known="light shoes from Ghent")
        assert found.inside("Light shoes") == "light shoes"
        assert found.inside("Ghent shoes") == "Ghent shoes"
        assert found.inside("Acme shoes") == "Acme shoes"
        assert Facts("de").inside("Handgemachte Seife") == "handgemachte Seife"
        assert Facts("de").inside("Hamburger Seife") == "Hamburger Seife"


class TestWishes:
    def test_the_same_seed_says_the_same_and_another_one_does_not(self) -> None:
        assert made(page("en"), seed=7) == made(page("en"), seed=7)
        assert made(page("en"), seed=7) != made(page("en"), seed=8)

    def test_what_must_be_in_is_in_every_variant(self) -> None:
        wanted = ("vegan", "seit 1987")
        copies = finished(page("de"), must_include=wanted).copies
        assert copies
        for copy in copies:
            for term in wanted:
                assert any(contains(text, term) for text in texts([copy])), (copy.id, term)

    def test_what_must_not_be_in_is_in_none(self) -> None:
        copies = finished(page("en"), must_avoid=("recycled", "Rated", "Shop")).copies
        said = "\n".join(
            text for copy in copies for n, t in copy.fields.items() if n != "cta" for text in t
        )
        for term in ("recycled", "Rated", "Shop"):
            assert not contains(said, term)

    def test_a_term_that_no_field_has_room_for_is_the_users_to_change(self) -> None:
        term = "a very long sentence that has to be in every single ad of this campaign " * 2
        with pytest.raises(InvalidInput, match="must_include"):
            finished(page("en"), must_include=(term,), platforms=("google_search",))

    def test_too_few_facts_make_fewer_variants_and_say_so(self) -> None:
        written = finished(Look(), brief="Garden chairs", count=20, platforms=("x",))
        assert 1 <= len(written.copies) < 20
        assert len(written.dropped) == 20 - len(written.copies)
        assert written.dropped[-1].startswith("x-20: page and brief say too little")

    def test_tone_is_told_not_to_be_followed(self) -> None:
        assert any("tone" in note for note in finished(page("en"), tone="witty").notes)

    def test_the_image_prompt_has_no_text_in_it(self) -> None:
        prompt = made(page("en", colours=("#00aa66",)))[0].image_prompt
        assert "Light running shoes" in prompt
        assert "#00aa66" in prompt
        assert prompt.endswith("no text, no letters, no logo")


class TestOtherLanguages:
    def test_a_language_without_words_of_ours_gets_the_facts_alone(self) -> None:
        brief = "Scarpe da corsa leggere, fatte a mano in Italia. 99 €"
        look = Look(language="it", brand="Corri")
        written = finished(look, brief=brief, platforms=("meta_feed", "google_search"))
        assert any("no words of its own in Italian" in note for note in written.notes)
        copies = [c.model_copy(update={"fields": {**c.fields, "cta": ()}}) for c in written.copies]
        assert languages.guess(prose(copies)).tag == "it"

    def test_it_does_not_translate(self) -> None:
        with pytest.raises(InvalidInput) as raised:
            finished(page("en", language="de"))
        assert "does not translate" in raised.value.hint
        assert "German" in raised.value.hint

    def test_a_foreign_page_gives_its_prices_to_a_brief(self) -> None:
        look = page("en", language="de")
        written = finished(look, brief="Leichte Laufschuhe, für jeden Tag gemacht.")
        said = prose(list(written.copies))
        assert languages.detect(said) == "de"
        assert "£89.00" in said
        assert "recycled" not in said
        assert any("does not translate" in note for note in written.notes)

    def test_traditional_chinese_has_its_own_signs(self) -> None:
        look = Look(language="zh-TW", brand="麥田")
        said = prose(made(look, brief="手工酸種麵包，每天早上新鮮出爐，一個280元"))
        assert "嗎" in said or "為什麼" in said
        assert "吗" not in said

    def test_nothing_to_say(self) -> None:
        with pytest.raises(InvalidInput, match="brief"):
            finished(Look(brand="Acme"), brief="?!")


class TestBeside:
    """A reader sees the first headline with the first description, text, and on the picture."""

    BRIEF = (
        "A hand-thrown teapot from Porto, dishwasher-safe, holds one litre. "
        "For people who cook slowly."
    )
    FACTS = ("Dishwasher-safe", "Holds one litre", "cook slowly", "teapot")

    def copies(self, place: str) -> list[Copy]:
        look = Look(brand="Casa Barro", language="en")
        return made(look, (place,), brief=self.BRIEF, brand="Casa Barro", count=2)

    @pytest.mark.parametrize("place", ALL)
    def test_what_stands_beside_the_headline_says_another_fact(self, place: str) -> None:
        roles = platforms.platform(place).roles
        for copy in self.copies(place):
            headline = copy.text("headline", roles)
            said = [fact for fact in self.FACTS if contains(headline, fact)]
            for role in ("description", "text"):
                beside = copy.text(role, roles)
                assert not any(contains(beside, fact) for fact in said), (headline, beside)
                assert not beside or any(contains(beside, fact) for fact in self.FACTS)

    @pytest.mark.parametrize("place", ["meta_feed", "linkedin"])
    def test_description_and_text_begin_differently(self, place: str) -> None:
        roles = platforms.platform(place).roles
        for copy in self.copies(place):
            description, text = copy.text("description", roles), copy.text("text", roles)
            assert description.partition(".")[0] != text.partition(".")[0]

    @pytest.mark.parametrize("place", ALL)
    def test_variants_begin_differently_in_every_field_of_prose(self, place: str) -> None:
        roles = platforms.platform(place).roles
        one, two = self.copies(place)
        for role in {"headline", "description", "text", "long_headline"} & set(roles.values()):
            assert one.text(role, roles) != two.text(role, roles)

    def test_a_single_fact_is_said_again_rather_than_nothing(self) -> None:
        look = Look(brand="Casa Barro", language="en")
        [copy] = made(look, ("linkedin",), brief="Dishwasher-safe teapots", count=1)
        assert copy.fields["introductory_text"][0]


@pytest.mark.parametrize(
    ("of", "brief"),
    [("en", "people who like espresso"), ("de", "Menschen, die gern kochen"),
     ("pt", "pessoas que gostam de café")],
)  # fmt: skip
def test_whom_an_ad_is_for_is_no_line_of_it(of: str, brief: str) -> None:
    assert brief.casefold() not in prose(made(page(of), brief=brief)).casefold()
