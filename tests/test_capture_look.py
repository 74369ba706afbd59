"""What the page believes of its reader, and what is taken out of it; seen in real pages."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from creative import capture
from creative.capture import ScreenshotRequest, rules
from creative.capture.cache import Cache
from creative.errors import InvalidInput, TooLarge
from tests.captures import BLUE, GREEN, RED, WHITE, colour, needs_browser, page, pixels, shoot
from tests.pages import Site

TELLS = page(
    "<script>document.title = JSON.stringify({language: navigator.language, "
    "languages: navigator.languages, zone: Intl.DateTimeFormat().resolvedOptions().timeZone, "
    "hour: new Date(0).getHours(), number: (1234.5).toLocaleString()})</script>"
)
MEDIA = page(
    "",
    style=f"""@media (prefers-color-scheme: dark) {{ #box {{ background: rgb{GREEN} }} }}
    @media (prefers-reduced-motion: reduce) {{ #box {{ background: rgb{BLUE} }} }}
    @media print {{ #box {{ background: rgb{WHITE} }} }}""",
)
WHERE = """<!doctype html><title>-</title><script>
navigator.geolocation.getCurrentPosition(
  place => document.title = [place.coords.latitude, place.coords.longitude],
  error => document.title = 'refused ' + error.code)
</script>"""
BAR = f"""<div style="position:fixed;bottom:0;left:0;right:0;height:60px;background:rgb{RED}">
{{words}} <button>OK</button></div>"""


@pytest.fixture(scope="module")
def sites() -> Iterator[tuple[Site, Site]]:
    headers: dict[str, str] = {}

    def told(handler: BaseHTTPRequestHandler) -> None:
        headers.update(handler.headers)
        data = b"<title>" + headers.get("Accept-Language", "").encode() + b"</title>"
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.send_header("Content-Type", "text/html")
        handler.end_headers()
        handler.wfile.write(data)

    with Site() as made, Site() as other:
        made.pages.update({"/tells": TELLS, "/media": MEDIA, "/headers": told, "/where": WHERE})
        other.pages["/where"] = WHERE + (
            "<script>if (parent !== self) "
            "setInterval(() => parent.postMessage(document.title, '*'), 20)</script>"
        )
        made.pages["/where-in-frame"] = (
            "<!doctype html><title>-</title><script>addEventListener('message', event => "
            "document.title = event.data)</script>"
            f"<iframe src='{other.url}/where'></iframe>"
        )
        yield made, other
    capture.close()


@pytest.fixture
def site(sites: tuple[Site, Site]) -> Site:
    return sites[0]


class TestReader:
    pytestmark = needs_browser

    @pytest.mark.parametrize(
        ("asked", "seen"),
        [
            ({}, RED),
            ({"dark_mode": True}, GREEN),
            ({"reduced_motion": True}, BLUE),
            ({"dark_mode": True, "reduced_motion": True}, BLUE),
            ({"print_media": True}, WHITE),
        ],
    )
    def test_media(self, site: Site, asked: dict[str, Any], seen: tuple[int, ...]) -> None:
        assert colour(shoot(site, url=site.url + "/media", **asked)) == seen

    def test_language_and_zone(self, site: Site) -> None:
        shot = shoot(site, url=site.url + "/tells", language="pt_BR", time_zone="Asia/Tokyo")
        assert json.loads(shot.title) == {
            "language": "pt-BR",
            "languages": ["pt-BR", "pt"],
            "zone": "Asia/Tokyo",
            "hour": 9,
            "number": "1.234,5",
        }
        assert shoot(site, url=site.url + "/headers", language="pt-BR").title.startswith("pt-BR,pt")

    def test_a_call_leaves_nothing_to_the_next(self, site: Site) -> None:
        plain = shoot(site, url=site.url + "/tells").title
        shoot(site, url=site.url + "/tells", language="ja", time_zone="Asia/Tokyo")
        assert shoot(site, url=site.url + "/tells").title == plain

    @pytest.mark.parametrize(
        ("name", "value"),
        [("time_zone", "Mars/Olympus"), ("language", "so long a language"), ("language", "1")],
    )
    def test_what_there_is_not(self, site: Site, name: str, value: str) -> None:
        asked: dict[str, Any] = {name: value}
        with pytest.raises(InvalidInput, match=name):
            shoot(site, url=site.url + "/tells", **asked)

    def test_place(self, site: Site) -> None:
        asked: dict[str, Any] = {"url": site.url + "/where", "wait_for": "300"}
        shot = shoot(site, **asked, geolocation=(35.68, 139.77), with_facts=True)
        assert shot.page is not None
        assert shot.page.title == "35.68,139.77"
        refused = shoot(site, **asked, with_facts=True).page
        assert refused is not None
        assert refused.title == "refused 1"

    def test_a_frame_of_another_origin_does_not_learn_the_place(
        self, sites: tuple[Site, Site]
    ) -> None:
        site, other = sites
        shot = shoot(
            site,
            other,
            url=site.url + "/where-in-frame",
            wait_for="700",
            geolocation=(35.68, 139.77),
            with_facts=True,
        )
        assert shot.page is not None
        assert shot.page.title == "refused 1"

    def test_nor_does_a_site_that_the_page_leads_to(self, sites: tuple[Site, Site]) -> None:
        site, other = sites
        site.pages["/leads"] = (302, {"Location": other.url + "/where"}, "")
        shot = shoot(
            site,
            other,
            url=site.url + "/leads",
            wait_for="300",
            geolocation=(35.68, 139.77),
            with_facts=True,
        )
        assert shot.page is not None
        assert shot.page.title == "refused 1"


class TestTakenOut:
    pytestmark = needs_browser

    def test_hidden(self, site: Site) -> None:
        source = page("<p class=a>a</p>")
        assert colour(shoot(html=source, hide=("#box", ".nobody"))) == WHITE

    @pytest.mark.parametrize("selector", ["..a", "#", "a{}b", "div[", "p:nonsense"])
    def test_no_selector(self, selector: str) -> None:
        with pytest.raises(InvalidInput, match="hide") as caught:
            shoot(html=page(""), hide=("#box", selector))
        assert selector in str(caught.value)

    def test_own_rules(self) -> None:
        assert colour(shoot(html=page(""), css=f"#box {{ background: rgb{BLUE} !important }}")) == (
            BLUE
        )

    def test_own_rules_apply_whatever_the_page_allows(self, site: Site) -> None:
        policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        site.pages["/strict"] = (200, policy, page(""))
        shot = shoot(site, url=site.url + "/strict", css="#box { display: none }")
        assert colour(shot) == WHITE

    def test_rules_that_are_none(self) -> None:
        with pytest.raises(InvalidInput, match="css"):
            shoot(html=page(""), css="make it nice")


SAYINGS = {
    "en": "We use cookies to improve your experience.",
    "zh": "我们使用 Cookie 来改善您的体验。接受",
    "ja": "当サイトではクッキーを使用しています。同意する",
    "pt": "Utilizamos cookies para melhorar a sua experiência.",
    "de": "Wir verwenden Cookies.",
    "es": "Usamos cookies propias y de terceros.",
    "fr": "Nous utilisons des cookies.",
}
KEPT = {
    "a menu": "<nav style='position:fixed;bottom:0;left:0;right:0;height:60px;background:#fa1414'>"
    "We use cookies <button>Menu</button></nav>",
    "a fixed header": "<header style='position:fixed;bottom:0;left:0;right:0;height:60px;"
    "background:#fa1414'>Cookie recipes: we use cookies <a href=#>Home</a></header>",
    "a shop's bar": BAR.format(words="Free delivery over 50 €. Buy cookies now!"),
    "a part of the page": "<div style='position:absolute;bottom:0;left:0;right:0;height:60px;"
    "background:#fa1414'>We use cookies <button>OK</button></div>",
    "words without a button": "<div style='position:fixed;bottom:0;left:0;right:0;height:60px;"
    "background:#fa1414'>We use cookies</div>",
}


class TestBanners:
    """The corner below is red as long as the banner is there."""

    pytestmark = needs_browser

    @pytest.mark.parametrize("language", SAYINGS)
    def test_a_bar_that_speaks_of_cookies(self, language: str) -> None:
        source = "<!doctype html><meta charset=utf-8><body><h1>Hello</h1>" + BAR.format(
            words=SAYINGS[language]
        )
        assert colour(shoot(html=source), 195, 95) == RED
        assert colour(shoot(html=source, block_banners=True), 195, 95) == WHITE

    @pytest.mark.parametrize("what", KEPT)
    def test_what_stays(self, what: str) -> None:
        source = "<!doctype html><meta charset=utf-8><body><h1>Hello</h1>" + KEPT[what]
        assert colour(shoot(html=source, block_banners=True), 195, 95) == RED

    @pytest.mark.parametrize(
        "container",
        [
            "div id=onetrust-consent-sdk",
            "div id=CybotCookiebotDialog",
            "div id=didomi-host",
            "div id=qc-cmp2-container",
            "div id=usercentrics-root",
            "div id=truste-consent-track",
            "div class=osano-cm-window",
            "div class=cmplz-cookiebanner",
            "div id=BorlabsCookieBox",
            "div class=cky-consent-container",
            "div class='cc-window cc-banner'",
            "div id=sp_message_container_12345",
        ],
    )
    def test_makers(self, container: str) -> None:
        source = (
            f"<!doctype html><body><{container}><div style='position:fixed;bottom:0;left:0;right:0;"
            "height:60px;background:#fa1414'>Privacy</div></div>"
        )
        assert colour(shoot(html=source), 195, 95) == RED
        assert colour(shoot(html=source, block_banners=True), 195, 95) == WHITE

    def test_in_a_shadow_root(self) -> None:
        source = (
            "<!doctype html><body><x-banner></x-banner><script>document.querySelector('x-banner')"
            f".attachShadow({{mode: 'open'}}).innerHTML = {json.dumps(BAR)}"
            ".replace('{words}', 'We use cookies')</script>"
        )
        assert colour(shoot(html=source), 195, 95) == RED
        assert colour(shoot(html=source, block_banners=True), 195, 95) == WHITE

    def test_the_page_scrolls_again_and_the_veil_is_gone(self) -> None:
        source = (
            "<!doctype html><html style='overflow:hidden'><body style='margin:0;overflow:hidden;"
            "height:100vh'><div style='height:600px'>Text</div>"
            f"<div style='height:50px;background:rgb{BLUE}'></div>"
            "<div style='position:fixed;inset:0;background:#000c;z-index:5'></div>"
            + BAR.format(words=SAYINGS["en"]).replace("60px", "60px;z-index:9")
        )
        shot = shoot(html=source, block_banners=True, full_page=True)
        assert (shot.picture.width, shot.picture.height) == (200, 650)
        assert pixels(shot).getpixel((100, 625)) == BLUE
        assert colour(shot, 199, 0) == WHITE


class TestAds:
    pytestmark = needs_browser

    def test_what_is_an_advertisement_is_not_asked_for(
        self, sites: tuple[Site, Site], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site, other = sites
        known = rules.Rules([f"||{other.name}/ads/$third-party,image", "127.0.0.1##.promo"])
        monkeypatch.setattr(rules, "load", lambda: known)
        monkeypatch.setattr(rules.Rules, "unwanted", lambda self, url, kind, host: "/ads/" in url)
        site.pages["/with-ads"] = page(
            f"<img src='{other.url}/ads/1.png'><img src='{other.url}/picture.png'>"
            f"<div class=promo style='position:absolute;top:0;left:100px;width:50px;height:50px;"
            f"background:rgb{BLUE}'></div>"
        )
        asked: dict[str, Any] = {"url": site.url + "/with-ads"}
        shot = shoot(site, other, **asked, block_ads=True)
        assert "/picture.png" in other.seen
        assert "/ads/1.png" not in other.seen
        assert colour(shot, 110) == WHITE
        # It was not refused by the guard.
        assert shot.blocked == ()
        assert colour(shoot(site, other, **asked), 110) == BLUE
        assert "/ads/1.png" in other.seen

    def test_a_picture_under_other_rules_is_not_the_same(
        self, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(capture, "_cache", Cache(tmp_path / "cache"))
        listed = tmp_path / "list.txt"
        listed.write_text("||ads.example^\n")
        monkeypatch.setenv(rules.VARIABLE, str(listed))
        site.pages["/ruled"] = page("<p>here</p>")
        asked: dict[str, Any] = {"url": site.url + "/ruled", "block_ads": True, "cache_seconds": 60}
        taken = [shoot(site, **asked).cached, shoot(site, **asked).cached]
        listed.write_text("###box\n")
        later = shoot(site, **asked)
        assert [*taken, later.cached] == [False, True, False]
        assert colour(later) == WHITE


@pytest.mark.parametrize(
    ("asked", "error", "match"),
    [
        ({"geolocation": (91.0, 0.0)}, InvalidInput, "geolocation"),
        ({"geolocation": (0.0, 180.1)}, InvalidInput, "geolocation"),
        ({"css": "@IMPORT url(http://x)"}, InvalidInput, "css"),
        ({"hide": ("a",) * 201}, InvalidInput, "201 selectors"),
        ({"markdown": "x", "html": "y"}, InvalidInput, "exactly one"),
        ({"markdown": "é" * 2_600_000}, TooLarge, "markdown"),
    ],
)
def test_what_cannot_be(asked: dict[str, Any], error: type[InvalidInput], match: str) -> None:
    source = {} if "markdown" in asked else {"html": "<p>"}
    with pytest.raises(error, match=match):
        ScreenshotRequest(**{**source, **asked})


def test_the_table_of_rules_is_read_once_for_all() -> None:
    found: list[object] = []
    readers = [threading.Thread(target=lambda: found.append(rules.load(""))) for _ in range(8)]
    for one in readers:
        one.start()
    for one in readers:
        one.join()
    assert len(found) == 8
    assert len({id(one) for one in found}) == 1
