"""Prompts of articles without a model: places, counts, names, and bad input."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from creative import languages
from creative.content.extract import IN_PROCESS_BYTES
from creative.errors import InvalidInput, TooLarge
from tests.extracting import ARTICLES, FILES, LISBON, check_places, everything, extract

# Who and what is named in the articles, read by a person.
NAMED = (
    "Hollis",
    "Margaret",
    "Creuset",
    "Valadares",
    "Joaquim",
    "Starbucks",
    "Okafor",
    "IKEA",
    "MacBook",
    "Priya",
    "Raman",
    "Hufnagel",
    "WMF",
    "Brandstätter",
    "Schwalbe",
    "Quandt",
    "Lothar",
    "Thomsen",
    "Annegret",
    "Bahn",
    "Prates",
    "Anselmo",
    "Nespresso",
    "Figueira",
    "Iolanda",
    "Lacerda",
    "Severino",
    "Google",
    "佐伯",
    "西村",
    "高橋",
    "ミツ",
    "ブリヂストン",
    "ミシュラン",
    "象印",
    "李锦记",
    "王德顺",
    "陈屿",
    "佳能",
    "尼康",
    "刘淑芬",
)


def names_in(text: str) -> list[str]:
    """The names of NAMED that are in `text`."""
    return [
        name
        for name in NAMED
        if re.search(rf"(?<!\w){name}(?!\w)" if name.isascii() else name, text)
    ]


class TestExtractive:
    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
    def test_the_articles(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        made = extract(text, max_images=4)
        assert made.method == "extractive"
        assert len(made.prompts) == 4
        check_places(made, text)
        for said in everything(made):
            assert said.strip()
            assert names_in(said) == [], said
        for one in made.in_article_prompts:
            guess = languages.guess(one.alt_text)
            assert guess.tag == path.name[:2] or not guess.sure
            assert len(one.alt_text) <= 125
            assert (one.width, one.height) == (1024, 576)
        named = [name for name in names_in(text) if name not in ("Priya", "Raman")]
        told = " ".join(made.dropped)
        assert [name for name in named if name not in told] == []
        assert any("embedded model" in note for note in made.notes)

    def test_the_same_article_gives_the_same_prompts(self) -> None:
        assert extract(LISBON) == extract(LISBON)

    def test_prompts_of_a_foreign_article_are_english_nouns(self) -> None:
        text = (ARTICLES / "zh_rooftop_garden.html").read_text(encoding="utf-8")
        made = extract(text, max_images=5)
        assert "tomato" in " ".join(made.prompts)
        assert any("no translation" in note for note in made.notes)
        own = extract(text, language_of_prompts="zh")
        assert re.search("[\u4e00-\u9fff]", own.prompts[0])
        other = extract(text, language_of_prompts="fr")
        assert any("cannot be in French" in note for note in other.notes)

    def test_names_stay_if_they_may(self) -> None:
        made = extract("# Visit\n\nMargaret Hollis bakes bread in her oven.\n", allow_names=True)
        assert "Margaret Hollis" in made.prompts[0]
        assert made.dropped == ()
        without = extract("# Visit\n\nMargaret Hollis bakes bread in her oven.\n")
        assert without.prompts[0].startswith("a person bakes bread in her oven, in a home kitchen")

    def test_an_article_with_fewer_places_gets_fewer_pictures(self) -> None:
        made = extract(
            "# Bread\n\nFlour and water in a bowl.\n\n## Oven\n\nIt is hot.\n", max_images=9
        )
        assert len(made.prompts) == 2
        assert any("2 different pictures, not for 9" in note for note in made.notes)

    def test_a_section_gets_a_second_picture_only_after_all_others(self) -> None:
        bread = (
            "A round loaf with a dark crust cools on a wire rack beside the window.",
            "Flour, salt and butter stand on the wooden table next to a bowl of dough.",
            "The baker pulls bread and cake out of the hot oven with a wooden shovel.",
        )
        text = "# Bread\n\n" + "\n\n".join(bread) + "\n\n## Time\n\nIt takes as long as it takes.\n"
        made = extract(text, max_images=2)
        assert [one.heading for one in made.in_article_prompts] == ["Bread", "Time"]
        assert len(extract(text, max_images=4).prompts) == 4

    def test_style_negative_prompt_seed_and_size(self) -> None:
        wishes = {"style": "flat vector art", "negative_prompt": "people", "seed": 7}
        made = extract(LISBON, size="1200x630", **wishes)
        assert all(prompt.endswith(", flat vector art") for prompt in made.prompts)
        pictures = [made.featured, *made.in_article_prompts]
        assert {one.negative_prompt for one in pictures} == {"people"}
        assert [one.seed for one in pictures] == [7, 8, 9, 10, 11]
        assert {(one.width, one.height) for one in pictures} == {(1200, 630)}
        assert extract(LISBON, aspect_ratio="4:3").featured.height == 768

    def test_a_long_article(self) -> None:
        texts = [path.read_text(encoding="utf-8") for path in FILES if path.name.startswith("en")]
        chapters = [
            f"## Chapter {number}\n\n{line}\n\n"
            for number, line in enumerate(
                line for text in texts * 3 for line in text.split("\n") if len(line) > 90
            )
        ]
        text = "# A long one\n\n" + "".join(chapters)
        assert len(text.split()) > 1500
        made = extract(text, max_images=20)
        assert len(made.prompts) == 20
        check_places(made, text)

    def test_a_large_article_is_read_elsewhere(self) -> None:
        text = (
            "# Rivers\n\n" + "A river runs through the valley under an old stone bridge.\n\n" * 1200
        )
        assert len(text) > IN_PROCESS_BYTES
        made = extract(text, max_images=2)
        # What is said a thousand times is shown once.
        assert len(made.prompts) == 1
        check_places(made, text)


class TestBadInput:
    @pytest.mark.parametrize("count", [0, -1, 21, 500])
    def test_max_images(self, count: int) -> None:
        with pytest.raises(InvalidInput, match=rf"max_images: got {count}; allowed is 1 to 20"):
            extract(LISBON, max_images=count)

    @pytest.mark.parametrize(
        ("wishes", "said"),
        [
            ({"size": "huge"}, "size"),
            ({"aspect_ratio": "wide"}, "aspect_ratio"),
            ({"size": "1x1"}, "size"),
            ({"size": "640x480", "aspect_ratio": "4:3"}, "aspect_ratio"),
            ({"language_of_prompts": "Klingon"}, "language_of_prompts"),
            ({"seed": -1}, "seed"),
        ],
    )
    def test_wishes_that_cannot_be(self, wishes: dict[str, Any], said: str) -> None:
        with pytest.raises(InvalidInput, match=f"^{said}: "):
            extract(LISBON, **wishes)

    def test_a_binary_file_and_one_that_is_too_large(self) -> None:
        with pytest.raises(InvalidInput, match=r"content_file: got 'x\.md'"):
            extract(b"\x89PNG\r\n", filename="x.md", parameter="content_file")
        with pytest.raises(TooLarge, match="content is 1000001 bytes"):
            extract("a" * 1_000_001)


def test_a_sentence_about_what_was_named_before_becomes_a_list_of_things() -> None:
    text = "# Oolong\n\nOolong is in between. It needs hot water, patience and a small pot.\n"
    [picture] = extract(text, max_images=1).in_article_prompts
    assert picture.prompt.startswith("water, a pot, on a low tea table, ")
    assert picture.alt_text == "It needs hot water, patience and a small pot."
