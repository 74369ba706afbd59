"""Tables that the platforms' bulk tools read."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from creative.ads.export import tables
from creative.ads.model import AdsRequest, Look, Variant
from creative.ads.platforms import ids, platform

LOOK = Look(url="https://user:secret@shop.example/coffee?a=1#top", brand="Bohne", title="t")
REQUEST = AdsRequest(brand="Bohne & Co")


def variant(name: str, number: int = 1, files: tuple[str, ...] = (), **fields: Any) -> Variant:
    return Variant(
        id=f"{name}-{number}", platform=name, fields=fields, angle="", image_prompt="", score=0.5,
        score_parts={}, engine="builtin", notes=(), files=files,
    )  # fmt: skip


def rows(
    *variants: Variant, request: AdsRequest = REQUEST, look: Look = LOOK
) -> dict[str, list[dict[str, str]]]:
    return {
        name: list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
        for name, data in tables(variants, request, look)
    }


def test_a_responsive_search_ad_is_a_row_of_google_ads_editor() -> None:
    made = rows(
        variant(
            "google_search",
            headlines=["Frischer Kaffee", "Ab 9,90 €", 'Der "Beste"'],
            descriptions=("Eins, zwei.", "Drei."),
            path1="kaffee",
        )
    )
    (row,) = made["google_search.csv"]
    filled = {column: text for column, text in row.items() if text}
    assert filled == {
        "Campaign": "Bohne & Co",
        "Ad Group": "Bohne & Co 1",
        "Ad type": "Responsive search ad",
        "Headline 1": "Frischer Kaffee",
        "Headline 2": "Ab 9,90 €",
        "Headline 3": 'Der "Beste"',
        "Description 1": "Eins, zwei.",
        "Description 2": "Drei.",
        "Path 1": "kaffee",
        "Final URL": "https://shop.example/coffee?a=1#top",
        "Status": "Paused",
    }
    columns = list(row)
    for column in ("Headline 15", "Headline 15 position", "Description 4", "Path 2"):
        assert column in columns


def test_three_search_ads_share_an_ad_group() -> None:
    made = rows(*(variant("google_search", n, headlines=["a"]) for n in range(1, 8)))
    groups = [row["Ad Group"].rpartition(" ")[2] for row in made["google_search.csv"]]
    assert groups == ["1", "1", "1", "2", "2", "2", "3"]


def test_an_asset_group() -> None:
    (row,) = rows(
        variant(
            "google_pmax",
            headlines=["a", "b"],
            long_headlines=["long"],
            descriptions=["d"],
            business_name="Bohne",
            cta="Shop now",
        )
    )["google_pmax.csv"]
    assert row["Asset Group"] == "google_pmax-1"
    assert (row["Headline 2"], row["Long headline 1"], row["Description 1"]) == ("b", "long", "d")
    assert (row["Business name"], row["Call to action"]) == ("Bohne", "Shop now")
    assert row["Asset Group Status"] == "Paused"
    assert "Description 5" in row


def test_meta_has_an_ad_for_each_picture_and_for_further_texts() -> None:
    files = ("bohne_meta_feed_1_1080x1080.jpg", "bohne_meta_feed_1_1080x1350.jpg")
    made = rows(
        variant(
            "meta_feed", 1, files,
            primary_texts=["first", "second"],
            headlines=["one", "two", "three"], cta="Send message",
        )
    )["meta_feed.csv"]  # fmt: skip
    shown = [(row["Ad Name"], row["Title"], row["Body"], row["Image File Name"]) for row in made]
    assert shown == [
        ("meta_feed-1 1080x1080", "one", "first", files[0]),
        ("meta_feed-1 1080x1350", "one", "first", files[1]),
        ("meta_feed-1 text 2", "two", "second", files[0]),
        ("meta_feed-1 text 3", "three", "first", files[0]),
    ]
    assert {row["Call to Action"] for row in made} == {"MESSAGE_PAGE"}
    assert {row["Ad Status"] for row in made} == {"PAUSED"}
    assert {row["Display Link"] for row in made} == {"shop.example"}
    assert {row["Link Description"] for row in made} == {""}


def test_codes_of_metas_buttons() -> None:
    (row,) = rows(variant("meta_story", primary_texts=["a"], headlines=["b"], cta="Learn more"))[
        "meta_story.csv"
    ]
    assert row["Call to Action"] == "LEARN_MORE"


def test_forms_have_their_own_words() -> None:
    made = rows(
        variant(
            "linkedin", 1, ("a_1x1.png",), introductory_text="Intro", headline="Head", cta="Apply",
        ),
        variant("x", post_text="Post", headline="Title"),
        variant("tiktok", display_name="Bohne", ad_text="Text", cta="Shop now"),
    )  # fmt: skip
    assert list(made) == ["linkedin.csv", "x.csv", "tiktok.csv"]
    (ad,) = made["linkedin.csv"]
    assert (ad["Introductory text"], ad["Headline"], ad["Call to action"]) == (
        "Intro", "Head", "Apply",
    )  # fmt: skip
    assert (ad["Ad name"], ad["Image"]) == ("linkedin-1 1x1", "a_1x1.png")
    assert ad["Destination URL"] == "https://shop.example/coffee?a=1#top"
    (post,) = made["x.csv"]
    assert (post["Post text"], post["Website title"]) == ("Post", "Title")
    (ad,) = made["tiktok.csv"]
    assert (ad["Display name"], ad["Text"], ad["URL"]) == (
        "Bohne", "Text", "https://shop.example/coffee?a=1#top",
    )  # fmt: skip


def test_other_platforms_have_a_column_for_each_text() -> None:
    made = rows(
        variant("iab_display", 1, ("a.png", "b.png"), headline="Kaffee", cta="Kaufen"),
        variant("iab_display", 2, headline="Tee", extra=["x", "y"]),
    )["iab_display.csv"]
    assert list(made[0]) == [
        "Campaign", "Variant", "headline", "cta", "extra 1", "extra 2", "URL", "Pictures",
    ]  # fmt: skip
    assert made[0]["Pictures"] == "a.png b.png"
    assert [row["extra 2"] for row in made] == ["", "y"]


def test_files_open_in_excel() -> None:
    ((_, data),) = tables([variant("x", post_text="Größe 日本語")], REQUEST, LOOK)
    assert data.startswith(b"\xef\xbb\xbf")
    assert "Größe 日本語".encode() in data


@pytest.mark.parametrize(
    "text", ["=HYPERLINK(1)", "+1", "-1", "@cmd", "\tx", "＝1+1", "＠SUM(1)", "－1"]
)
def test_no_cell_is_a_formula(text: str) -> None:
    request = AdsRequest(brand=text)
    made = rows(
        variant("x", post_text=text), variant("custom", headline=text), request=request
    )  # fmt: skip
    assert made["x.csv"][0]["Post text"] == f"'{text}"
    assert made["x.csv"][0]["Campaign name"] == f"'{text}"
    assert made["custom.csv"][0]["headline"] == f"'{text}"


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "file:///etc/passwd", "http://[broken"])
def test_only_web_addresses_are_destinations(url: str) -> None:
    (row,) = rows(
        variant("x", post_text="a"), request=AdsRequest(source_url=url), look=Look(brand="Bohne")
    )["x.csv"]
    assert row["Website URL"] == ""
    assert row["Campaign name"] == "Bohne"


def test_no_name_but_the_sites() -> None:
    look = Look(url="https://shop.example/")
    (row,) = rows(variant("x", post_text="a"), request=AdsRequest(), look=look)["x.csv"]
    assert row["Campaign name"] == "shop.example"


def test_every_text_of_a_platform_is_in_its_table() -> None:
    for name in ids():
        if name == "tiktok":
            continue  # its headline is ours, for the picture: the form has no field for it
        fields = {
            rule.name: [f"{rule.name} says so"] if rule.most > 1 else f"{rule.name} says so"
            for rule in platform(name).fields
        }
        (table,) = rows(variant(name, **fields)).values()
        cells = {cell.casefold().replace("_", " ") for row in table for cell in row.values()}
        for rule in platform(name).fields:
            assert f"{rule.name} says so".replace("_", " ") in cells, (name, rule.name)
