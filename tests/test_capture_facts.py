"""What a page says about itself, read from real pages and from hostile ones."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image, ImageDraw

from creative import capture
from creative.capture import facts
from creative.capture.facts import PageFacts
from creative.deadline import Deadline
from creative.errors import EngineUnavailable
from creative.palette import colours
from tests.captures import needs_browser, shoot
from tests.pages import Site

SHOP = """<!doctype html><html lang="pt-BR"><head><title> Loja  de
coisas </title><meta name="description" content="Tudo &amp; mais">
<link rel="canonical" href="/loja"><link rel="icon" href="/icon.png">
<style>body{margin:0;font:16px sans-serif;background:#fff}.hidden{display:none}
header{background:#00aa66;height:300px}.half{background:#cc2211;height:150px}</style></head><body>
<header><a href="/"><img src="/brand.png" alt="Acme" class="site-logo" width=80 height=30></a>
<nav><a href=/a>Home</a><a href=/b>Contact</a></nav></header><div class=half></div>
<main><h1>Coisas <em>boas</em></h1><p>Chá verde R$ 49,90 ou 12 € ou US$ 1,299.00</p>
<p>茶葉 1,280円、￥500</p><p>Not prices: 2024, 10 km, room 12.</p>
<img src="/photo.jpg" width=300 height=200><img src="/small.jpg" width=110 height=110>
<h2>Segundo</h2><h2 class=hidden>Never seen</h2><h4>Too deep</h4>
<button>Add to <b>cart</b></button><input type=submit value="Send it"><input type=text value=typed>
<a class="btn btn-primary" href=#>Learn more</a><a href=#>A link</a><div role=button>Toggle</div>
<button>Add to cart</button><p class=hidden>Hidden words 99 €</p><script>var x = "script words"
</script><style>.a{}</style><textarea>typed</textarea></main></body></html>"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as made:
        made.pages["/shop"] = SHOP
        facts.worker.call("creative.palette:ready", None, Deadline(60))
        yield made
    capture.close()


def read(source: str = "", **asked: Any) -> PageFacts:
    asked = {"html": source} if source else asked
    shot = shoot(*asked.pop("sites", ()), with_facts=True, **asked)
    assert shot.page is not None, shot.notes
    return shot.page


class TestPage:
    pytestmark = needs_browser

    def test_a_shop(self, site: Site) -> None:
        found = read(url=site.url + "/shop", sites=(site,), width=600, height=450)
        base = site.url
        assert found == PageFacts(
            title="Loja de coisas",
            description="Tudo & mais",
            canonical=base + "/loja",
            language="pt-BR",
            headings=("Coisas boas", "Segundo"),
            buttons=("Add to cart", "Send it", "Learn more", "Toggle"),
            prices=("R$ 49,90", "12 €", "US$ 1,299.00", "1,280円", "￥500"),
            palette=found.palette,
            logo=base + "/brand.png",
            image=base + "/photo.jpg",
            text=found.text,
        )
        assert found.palette[:2] == ("#00aa66", "#cc2211")
        assert found.text.splitlines()[:5] == [
            "Home Contact",
            "Coisas boas",
            "Chá verde R$ 49,90 ou 12 € ou US$ 1,299.00",
            "茶葉 1,280円、￥500",
            "Not prices: 2024, 10 km, room 12.",
        ]
        for unseen in ("Never seen", "Hidden words", "script words", "typed", ".a{}"):
            assert unseen not in found.text

    def test_meta_of_social_networks(self) -> None:
        found = read(
            "<!doctype html><meta property=og:image content=https://cdn.example/a.png>"
            "<meta property=og:description content='From og'><img src=http://x.invalid/b.png "
            "width=150 height=100>"
        )
        assert found.image == "https://cdn.example/a.png"
        assert found.description == "From og"

    def test_addresses_that_are_none_are_left_out(self) -> None:
        found = read(
            "<!doctype html><link rel=canonical href='javascript:alert(1)'>"
            "<meta property=og:image content='data:image/png;base64,AAAA'>"
            "<meta property=og:logo content='http://['>"
        )
        assert (found.canonical, found.image, found.logo) == ("", "", "")

    def test_not_asked_for(self) -> None:
        assert shoot(html="<h1>x</h1>").page is None


HOSTILE = {
    "clobbered names": "<form id=body name=title><input name=title><input name=getAttribute>"
    "<input name=localName></form><img name=documentElement><img name=body><h1>Here</h1>",
    "replaced functions": "<script>for (const owner of [Element, Document, Node]) "
    "for (const name of Object.getOwnPropertyNames(owner.prototype)) "
    "try { Object.defineProperty(owner.prototype, name, {get() { throw Error('no') }}) } catch {}"
    "</script><h1>Here</h1>",
    "replaced JSON": "<script>JSON.stringify = () => 'no'; Array.prototype.push = () => 0;"
    "Object.prototype.toJSON = () => 'no'; String.prototype.slice = () => 'no'</script><h1>Here"
    "</h1>",
    "many headings": "<h1>Here</h1><script>for (let i = 0; i < 20000; i++) "
    "document.body.append(Object.assign(document.createElement('h2'), {textContent: 'n' + i}))"
    "</script>",
    "long words": "<h1>Here</h1><h2 id=a></h2><script>a.textContent = 'x'.repeat(5e6)</script>",
    "deep": "<h1>Here</h1><script>let one = document.body; for (let i = 0; i < 1500; i++) "
    "one = one.appendChild(document.createElement('div'))</script>",
    "half a character": "<h1>Here</h1><h2>\ud83d</h2><script>document.title = '\\ud83d';"
    "document.querySelector('h2').textContent = 'half \\ud83d'</script>",
    "prototype names": "<meta name=__proto__ content=x><meta name=constructor content=y>"
    "<link rel='__proto__ constructor' href=/z><h1>Here</h1>",
}


class TestHostile:
    pytestmark = needs_browser

    @pytest.mark.parametrize("what", HOSTILE)
    def test_pages_that_mean_harm_are_read_all_the_same(self, what: str) -> None:
        found = read(f"<!doctype html><body>{HOSTILE[what]}")
        assert found.headings[0] == "Here"
        assert len(found.headings) <= facts.MAX_HEADINGS
        assert all(len(one) <= facts.MAX_LINE for one in found.headings)
        assert len(found.model_dump_json()) < 30_000
        json.loads(found.model_dump_json().encode())

    def test_a_page_without_end_is_read_so_far(self) -> None:
        source = (
            "<!doctype html><body><h1>Here</h1><script>for (let i = 0; i < 60000; i++) "
            "document.body.append(Object.assign(document.createElement('p'), "
            "{textContent: 'word ' + i}))</script>"
        )
        began = time.monotonic()
        found = read(source)
        assert time.monotonic() - began < 20
        assert found.text.startswith("Here\nword 0\nword 1\n")
        assert len(found.text) == facts.MAX_TEXT

    def test_a_page_that_does_not_answer_costs_the_facts_only(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(facts, "FACTS_SECONDS", 0.3)
        monkeypatch.setattr(facts, "_READ", "(() => new Promise(() => 0))")
        shot = shoot(html="<h1>x</h1>", with_facts=True)
        assert shot.page is None
        assert any("nothing is known" in note for note in shot.notes)

    def test_colours_that_cannot_be_counted_cost_the_palette_only(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(*_: object) -> None:
            raise EngineUnavailable("The pages process", "it ended", "Try again.")

        monkeypatch.setattr(facts.worker, "call", fails)
        shot = shoot(html="<h1>Here</h1>", with_facts=True)
        assert shot.page is not None
        assert (shot.page.headings, shot.page.palette) == (("Here",), ())
        assert any("colours" in note for note in shot.notes)


LINES = [
    ("<a href=/a>Home</a><a href=/b>Contact</a>", "Home Contact"),
    ("<div>a</div>b", "a\nb"),
    ("<p>$<span>5</span> <b>x</b>y</p>", "$5 xy"),
    ("<p style='display:flex'><span>One</span><span>Two</span></p>", "One\nTwo"),
    ("a<button>b</button><button>c</button>", "a\nb\nc"),
    ("a<i style='display:inline-block'>b</i>", "a b"),
    ("a<br>b <wbr>c", "a\nb c"),
    ("<table><tr><td>a<td>b<tr><td>c</table>", "a\nb\nc"),
    ("a<div style='display:contents'>b</div>", "a\nb"),
    ("a<div hidden>b</div><details><summary>c</summary><p>d</p></details>", "a\nc"),
]


class TestText:
    pytestmark = needs_browser

    @pytest.mark.parametrize(("source", "expected"), LINES)
    def test_lines_are_those_that_are_seen(self, source: str, expected: str) -> None:
        assert read(f"<!doctype html><body>{source}").text == expected


PRICES = [
    ("only $5 today", ["$5"]),
    ("$5.00-$7.50", ["$5.00", "$7.50"]),
    ("1.299,00 € statt 1.599,00 €", ["1.299,00 €", "1.599,00 €"]),
    ("CHF 1'200.50", ["CHF 1'200.50"]),
    ("EUR 12 and 12 EUR", ["EUR 12", "12 EUR"]),
    ("¥1,200 3万円", ["¥1,200", "3万円"]),
    ("₹1,00,000 or ₹ 12,34,567.50", ["₹1,00,000", "₹ 12,34,567.50"]),
    ("199 zł, 99 kr", ["199 zł", "99 kr"]),
    ("R$\u00a049,90", ["R$ 49,90"]),
    ("in 2024, page 3 of 10, 50% off, v1.2.3", []),
    ("$$$ and USDA and 12 euros", []),
]


@pytest.mark.parametrize(("text", "expected"), PRICES)
def test_prices(text: str, expected: list[str]) -> None:
    found = facts._facts({"text": text}, ())
    assert list(found.prices) == expected


def test_control_characters_are_left_out() -> None:
    found = facts._facts({"title": "a\x00b\u202ec\x1bd\te", "text": "x\r\ny\x07"}, ())
    assert found.title == "abcd e"
    assert found.text == "x\ny"


def picture(*parts: tuple[str, int], mode: str = "RGB", kind: str = "PNG") -> bytes:
    """A picture of 400 pixels across in stripes of a colour and a height."""
    image = Image.new(mode, (400, sum(height for _, height in parts)))
    draw, top = ImageDraw.Draw(image), 0
    for shown, height in parts:
        draw.rectangle((0, top, 399, top + height - 1), fill=shown)
        top += height
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def test_the_palette_begins_with_what_is_most_of_the_picture() -> None:
    data = picture(("#102040", 100), ("#f08000", 200), ("#00aa66", 60))
    assert colours(data, None) == ["#f08000", "#102040", "#00aa66"]


def test_plain_paper_comes_last_unless_it_is_most_of_the_picture() -> None:
    assert colours(picture(("white", 190), ("#cc2211", 110), ("black", 100)), None) == [
        "#cc2211",
        "#ffffff",
        "#000000",
    ]
    assert colours(picture(("white", 300), ("#cc2211", 100)), None) == ["#ffffff", "#cc2211"]


def test_colours_that_nobody_tells_apart_are_one() -> None:
    data = picture(("#cc2211", 100), ("#cd2312", 60), ("#00aa66", 130))
    assert colours(data, None) == ["#cc2211", "#00aa66"]


def test_transparent_is_white() -> None:
    data = picture(("#00000000", 300), ("#cc2211ff", 100), mode="RGBA")
    assert colours(data, None) == ["#ffffff", "#cc2211"]


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_other_formats(kind: str) -> None:
    found = colours(picture(("#f08000", 300), ("#102040", 100), kind=kind), None)
    assert len(found) >= 2
    red = [int(found[0][at : at + 2], 16) for at in (1, 3, 5)]
    assert all(abs(a - b) < 12 for a, b in zip(red, (0xF0, 0x80, 0x00), strict=True))


def test_a_large_picture_is_counted_fast() -> None:
    stripes = picture(*[("#f08000", 5000), ("#102040", 3000)])
    began = time.process_time()
    assert colours(stripes, None) == ["#f08000", "#102040"]
    assert time.process_time() - began < 2


def test_the_process_that_counts_is_started_ahead() -> None:
    facts.worker.stop()
    facts.warm_up()
    end = Deadline(30)
    while facts.worker.pid is None and not end.expired:
        time.sleep(0.02)
    assert facts.worker.pid is not None
    assert facts.worker.call("creative.palette:colours", picture(("#cc2211", 9)), end)
    facts.worker.stop()
