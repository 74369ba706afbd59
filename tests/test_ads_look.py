"""Looking: pages in a real browser, pictures, briefs, and what cannot be looked at."""

from __future__ import annotations

import io
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from PIL import Image

from creative import capture
from creative.ads.look import brand_colours, brand_of, look
from creative.ads.model import AdsRequest, Look
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    BlockedAddress,
    EngineRejected,
    EngineUnavailable,
    InvalidInput,
    TooLarge,
)
from creative.settings import Settings
from creative.steps import Steps
from tests.captures import needs_browser
from tests.pages import Site
from tests.servers import free_port

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 40">'
    '<rect width="100" height="40" rx="8" fill="#cc2211"/></svg>'
)
SHOP = """<!doctype html><html lang="en-GB"><head><title>Light running shoes | Fleetfoot</title>
<meta name=description content="Running shoes of 180 grams, made for every day.">
<meta property="og:image" content="/photo.png"></head><body style="margin:0;background:#fff">
<header style="background:#00aa66;padding:40px">
<img id=logo width=100 src=/logo.svg alt=logo></header>
<h1>Run lighter every day</h1><p>Only 180 grams per shoe. £89.00</p>
<h2>Made from recycled yarn</h2><button>Shop now</button></body></html>"""


def picture(size: tuple[int, int] = (64, 48), colour: str = "#3355cc", kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def file(data: bytes, kind: str) -> object:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    return answer


def seen(*sites: Site, seconds: float = 30, steps: Steps | None = None, **asked: object) -> Look:
    allowed = tuple(site.name for site in sites)
    settings = Settings(allowed_private_hosts=allowed)
    return look(AdsRequest(**asked), settings, Deadline(seconds), steps or Steps())


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as made:
        made.pages["/"] = SHOP
        made.pages["/logo.svg"] = file(SVG.encode(), "image/svg+xml")
        made.pages["/photo.png"] = file(picture((3000, 2000)), "image/png")
        yield made
    capture.close()


class TestPage:
    pytestmark = needs_browser

    def test_one_visit_tells_everything(self, site: Site) -> None:
        steps = Steps()
        found = seen(site, source_url=site.url + "/", steps=steps)
        assert (found.kind, found.url) == ("url", site.url + "/")
        assert found.brand == "Fleetfoot"
        assert found.language == "en-GB"
        assert found.headings == ("Run lighter every day", "Made from recycled yarn")
        assert (found.buttons, found.prices) == (("Shop now",), ("£89.00",))
        assert "Only 180 grams" in found.text
        assert found.colours == ("#00aa66", "#cc2211")
        assert found.notes == ()
        assert site.seen.count("/") == 1
        assert steps.percent == 25

    def test_its_pictures_are_ready_to_draw_with(self, site: Site) -> None:
        found = seen(site, source_url=site.url + "/")
        with Image.open(io.BytesIO(found.logo)) as logo:
            # A drawing without pixels of its own is drawn in the browser.
            assert (logo.format, logo.height) == ("PNG", 256)
            assert logo.convert("RGBA").getpixel((logo.width // 2, 128)) == (204, 34, 17, 255)
            assert logo.convert("RGBA").getpixel((0, 0))[3] == 0
        with Image.open(io.BytesIO(found.image)) as image:
            assert (image.format, image.size) == ("JPEG", (2048, 1365))
        with Image.open(io.BytesIO(found.screenshot)) as shot:
            assert shot.size == (1280, 800)

    def test_a_photograph_in_the_header_is_no_logo(self, site: Site) -> None:
        html = (
            "<title>Boot | Peak</title><header><img width=300 height=200 "
            f"src='{site.url}/photo.png'></header><h1>A boot for long tours</h1>"
        )
        site.pages["/boot"] = f"<!doctype html><html lang=en><body>{html}</body></html>"
        found = seen(site, source_url=site.url + "/boot")
        assert found.image
        assert found.logo == b""

    def test_what_is_given_wins_over_the_page(self, site: Site) -> None:
        found = seen(
            site, source_url=site.url + "/", brand="Acme", language="German", colours=("F60",),
            logo=picture(), source_image=picture((20, 10)),
        )  # fmt: skip
        assert (found.brand, found.language, found.colours) == ("Acme", "de", ("#ff6600",))
        with Image.open(io.BytesIO(found.logo)) as logo, Image.open(io.BytesIO(found.image)) as one:
            assert (logo.size, one.size) == ((64, 48), (20, 10))

    def test_html_without_an_address(self) -> None:
        found = seen(source_html="<title>Tea | Leaf</title><h1>Green tea</h1><p>Fresh, 4 €</p>")
        assert (found.kind, found.url, found.brand) == ("html", "", "Leaf")
        assert found.prices == ("4 €",)

    def test_the_language_of_a_text_wins_over_a_template(self) -> None:
        html = (
            "<html lang=en><title>Seife</title><h1>Handgemachte Seife</h1><p>Unsere Seife wird in "
            "Hamburg von Hand gemacht und ist für jeden Tag gut."
        )
        found = seen(source_html=html)
        assert found.language == "de"
        assert any("says that it is in en" in note for note in found.notes)

    def test_the_brief_decides_the_language(self, site: Site) -> None:
        brief = "Leichte Laufschuhe für jeden Tag, gemacht aus altem Garn."
        assert seen(site, source_url=site.url + "/", brief=brief).language == "de"

    def test_a_nonsense_language_of_a_page_is_none(self) -> None:
        found = seen(source_html="<html lang=x-klingon><h1>Our tea is the best for your day</h1>")
        assert found.language == "en"

    def test_pictures_that_cannot_be_had_are_notes(self, site: Site) -> None:
        site.pages["/poor"] = SHOP.replace("/logo.svg", "/none.png").replace("/photo.png", "/")
        found = seen(site, source_url=site.url + "/poor")
        assert (found.logo, found.image) == (b"", b"")
        assert [note.split(":")[0] for note in found.notes] == [
            "The page's logo could not be used",
            "The page's image could not be used",
        ]

    def test_a_page_cannot_make_us_fetch_private_addresses(self, site: Site) -> None:
        with Site() as canary:
            # It looks like one of Dify's signed links, which are taken from private hosts.
            signed = f"{canary.url}/files/1/file-preview?timestamp=1&nonce=2&sign=3"
            site.pages["/evil"] = SHOP.replace("/photo.png", signed)
            found = seen(site, source_url=site.url + "/evil")
            assert canary.seen == []
        assert found.image == b""
        assert "refused" in "".join(found.notes)

    @pytest.mark.parametrize("body", ["", "<body><div></div>", "<title>Shop</title><body> "])
    def test_a_page_with_nothing_on_it(self, site: Site, body: str) -> None:
        site.pages["/empty"] = body
        with pytest.raises(AnswerInvalid, match="nothing to read") as raised:
            seen(site, source_url=site.url + "/empty", brief="Tea")
        assert "/empty" in raised.value.message

    def test_a_page_that_does_not_load(self, site: Site) -> None:
        with pytest.raises(EngineRejected, match="answered 404: Not Found") as raised:
            seen(site, source_url=site.url + "/missing")
        assert "source_html" in raised.value.hint
        assert "fail_on_status" not in raised.value.hint, "which only the screenshot node has"
        # Another attempt may be answered: it is one of the errors that there is one after.
        site.pages["/busy"] = (503, {}, "busy")
        with pytest.raises(EngineUnavailable, match="503"):
            seen(site, source_url=site.url + "/busy")
        port = free_port()
        settings = Settings(allowed_private_hosts=(f"127.0.0.1:{port}",))
        request = AdsRequest(source_url=f"http://127.0.0.1:{port}/")
        with pytest.raises(EngineUnavailable):
            look(request, settings, Deadline(30), Steps())


class TestPicture:
    def test_a_picture_gives_its_colours(self) -> None:
        found = seen(source_image=picture(colour="#3355cc"), brief="Blue chairs for your garden")
        assert (found.kind, found.colours) == ("image", ("#3355cc",))
        assert found.screenshot == found.image != b""

    @pytest.mark.parametrize("parameter", ["source_image", "logo"])
    @pytest.mark.parametrize("data", [b"no picture", picture()[:-20], b"GIF89a"])
    def test_no_picture(self, parameter: str, data: bytes) -> None:
        with pytest.raises(InvalidInput) as raised:
            seen(brief="Tea", **{parameter: data})
        assert raised.value.message.startswith(parameter)

    def test_a_decompression_bomb(self) -> None:
        out = io.BytesIO()
        Image.new("1", (9000, 9000)).save(out, "PNG")
        assert len(out.getvalue()) < 200_000
        with pytest.raises(TooLarge, match="source_image"):
            seen(source_image=out.getvalue())


class TestGiven:
    @pytest.mark.parametrize(
        ("asked", "parameter"),
        [
            ({}, "brief"),
            ({"brief": "x" * 100_000}, "brief"),
            ({"brief": "Tea", "language": "klingon"}, "language"),
            ({"brief": "Tea", "colours": ("#12345",)}, "colours"),
            ({"source_url": "https://a.example", "source_html": "<p>"}, "source_html"),
        ],
    )
    def test_what_cannot_be_used_is_named(self, asked: dict[str, str], parameter: str) -> None:
        with pytest.raises(InvalidInput) as raised:
            seen(**asked)
        assert raised.value.message.startswith(parameter)

    @pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "file:///etc/passwd"])
    def test_an_address_that_must_not_be_reached(self, url: str) -> None:
        with pytest.raises(BlockedAddress):
            seen(source_url=url)

    def test_a_brief_alone(self) -> None:
        found = seen(brief="Leichte Laufschuhe für jeden Tag", brand="Acme")
        assert (found.kind, found.language, found.brand) == ("none", "de", "Acme")

    @pytest.mark.parametrize(
        ("brief", "asked", "language"),
        [
            ("台灣高山茶禮盒，手工採摘，低溫烘焙，每盒只要880元。", "", "zh-Hant"),
            ("台湾高山茶礼盒，手工采摘，低温烘焙，每盒只要880元。", "", "zh"),
            ("台灣高山茶禮盒，手工採摘，低溫烘焙，每盒只要880元。", "zh-Hans", "zh-Hans"),
            ("南部鉄瓶を販売しています。岩手の職人が作ります。", "", "ja"),
        ],
    )
    def test_traditional_chinese_is_answered_in_it(
        self, brief: str, asked: str, language: str
    ) -> None:
        assert seen(brief=brief, language=asked).language == language

    @pytest.mark.parametrize(
        ("title", "url", "brand"),
        [
            ("Light shoes | Acme", "", "Acme"),
            ("Acme – Light shoes for every day", "https://www.acme.co.uk/", "Acme"),
            ("Acme Shoes: light and fast", "https://acme-shoes.com", "Acme Shoes"),
            ("How to run - a long guide to everything about it", "https://runner.example", ""),
            ("Light shoes", "https://acme.com", ""),
            ("宇治の有機抹茶｜茶の庭", "", "茶の庭"),
            ("Shoes | Acme", "http://127.0.0.1:80/", "Acme"),
            ("手工面包：麦田", "", "麦田"),
        ],
    )
    def test_the_brand_in_a_title(self, title: str, url: str, brand: str) -> None:
        assert brand_of(title, url) == brand

    @pytest.mark.parametrize(
        ("title", "text", "brand"),
        [
            ("Spoke & Chain – A van in Leeds", "Spoke & Chain\nFixed at home", "Spoke & Chain"),
            ("Spoke & Chain – A van in Leeds", "Your bike, fixed at home", "Spoke & Chain"),
            ("Meu Pet | Ração em casa", "A ração do pet\n© 2026 Meu Pet", "Meu Pet"),
            ("山野茶舍 - 每月新茶订阅", "每个月，喝到今年的新茶\n立即订阅", "山野茶舍"),
            ("湯宿 月あかり｜箱根の露天風呂", "箱根の湯\n全室露天風呂つき", "湯宿 月あかり"),
            ("手工酸面包 - 麦田面包", "麦田面包\n每天现烤的酸面包", "麦田面包"),
            ("Pricing | Acme", "Home Pricing\nPlans for everyone", "Acme"),
            ("Running shoes | Light, fast, and on your feet", "Our running shoes", ""),
        ],
    )  # fmt: skip
    def test_the_brand_that_a_page_speaks_of(self, title: str, text: str, brand: str) -> None:
        assert brand_of(title, "", text) == brand

    def test_white_black_and_grey_are_no_brand_colours(self) -> None:
        palette = ["#ffffff", "#cc2211", "#808080", "#111111", "#cc2211", "#00aa66"]
        assert brand_colours(palette) == ("#cc2211", "#00aa66")
        assert brand_colours(["#ffffff", "#222222"]) == ("#ffffff", "#222222")
