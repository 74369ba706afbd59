"""What of a page is in the picture, judged by pixels: a known colour at a known place."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from PIL import Image, ImageChops

from creative import capture
from creative.capture import frame, output
from creative.capture.request import ScreenshotRequest
from creative.deadline import Deadline
from creative.errors import InvalidInput, TooLarge
from creative.settings import Settings
from creative.steps import Steps
from tests.pages import Site

needs_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(capture.find_browser() is None, reason="no Chromium on this machine"),
]
BLUE, RED, GREEN, WHITE = (12, 140, 250), (250, 20, 20), (20, 160, 60), (255, 255, 255)
HEAD = "<!doctype html><style>html,body{margin:0;background:#fff}"


@pytest.fixture(scope="module", autouse=True)
def _no_browser_stays() -> Iterator[None]:
    yield
    capture.close()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as made:
        yield made


def shoot(html: str, seconds: float = 60, site: Site | None = None, **asked: Any):  # type: ignore[no-untyped-def]
    allowed = (site.name,) if site else ()
    return capture.screenshot(
        ScreenshotRequest(html=html, with_facts=False, **asked),
        Settings(allowed_private_hosts=allowed),
        Deadline(seconds),
        Steps(),
    )


def seen(picture: capture.Picture) -> Image.Image:
    """The picture, decoded; its size is what was said."""
    image = Image.open(io.BytesIO(picture.data)).convert("RGB")
    assert image.size == (picture.width, picture.height)
    return image


def box(x: int, y: int, width: int, height: int, colour: str = "rgb(12,140,250)") -> str:
    return (
        f"<div style='position:absolute;left:{x}px;top:{y}px;width:{width}px;height:{height}px;"
        f"background:{colour}'></div>"
    )


class TestScale:
    pytestmark = needs_browser

    @pytest.mark.parametrize(
        ("scale", "size"),
        [
            (0.5, (400, 150)),
            (1.0, (800, 300)),
            (1.5, (1200, 450)),
            (2.0, (1600, 600)),
            (3.0, (2400, 900)),
        ],
    )
    @pytest.mark.parametrize("full", [False, True])
    def test_width_times_scale_is_what_the_file_has(
        self, scale: float, size: tuple[int, int], full: bool
    ) -> None:
        page = HEAD + "</style>" + box(600, 200, 100, 50) + box(0, 880, 20, 20, "rgb(250,20,20)")
        shot = shoot(page, width=800, height=300, scale=scale, full_page=full)
        image = seen(shot.picture)
        height = round(900 * scale) if full else size[1]
        assert image.size == (size[0], height)
        inside = (round(600 * scale), round(200 * scale))
        assert image.getpixel(inside) == BLUE
        assert image.getpixel((round(700 * scale) - 1, round(250 * scale) - 1)) == BLUE
        assert image.getpixel((inside[0] - 1, inside[1])) == WHITE
        assert image.getpixel((round(700 * scale), round(250 * scale))) == WHITE
        if full:
            assert image.getpixel((2, height - 2)) == RED

    @pytest.mark.parametrize(
        ("scale", "size"),
        [(1.5, (1202, 500)), (1.25, (1001, 416)), (0.5, (401, 167)), (2.625, (2103, 874))],
    )
    @pytest.mark.parametrize("full", [False, True])
    def test_to_the_nearest_pixel(self, scale: float, size: tuple[int, int], full: bool) -> None:
        page = HEAD + "</style>" + box(0, 0, 3, 643 if full else 3)
        image = seen(shoot(page, width=801, height=333, scale=scale, full_page=full).picture)
        assert image.size == (size[0], frame.pixels(643, scale) if full else size[1])

    def test_an_element_at_an_odd_scale(self) -> None:
        page = HEAD + "</style><div id=b style='margin:7px 9px;width:40px;height:24px;background:"
        image = seen(shoot(page + "rgb(12,140,250)'>", selector="#b", scale=2.625).picture)
        assert image.size == (105, 63)
        assert {image.getpixel((3, 3)), image.getpixel((100, 59))} == {BLUE}


LONG = (
    HEAD
    + "header{position:sticky;top:0;height:40px;background:rgb(20,160,60);z-index:2}"
    + ".bar{position:fixed;bottom:0;left:0;width:100%;height:30px;background:rgb(250,20,20)}"
    + ".nav{position:fixed;top:100px;right:0;width:50px;height:20px;background:rgb(12,140,250)}"
    + "main{height:2500px}</style><header></header><main></main>"
    + "<div class=bar></div><div class=nav></div>"
)


class TestFullPage:
    pytestmark = needs_browser

    def test_what_is_stuck_to_the_window_is_there_once_and_at_its_end(self) -> None:
        image = seen(shoot(LONG, width=400, height=300, full_page=True).picture)
        assert image.size == (400, 2540)
        column = [image.getpixel((5, y)) for y in range(0, 2540, 5)]
        assert column.count(GREEN) == 8
        assert column[:8] == [GREEN] * 8
        assert column.count(RED) == 6
        assert column[-6:] == [RED] * 6
        side = [y for y in range(0, 2540, 5) if image.getpixel((390, y)) == BLUE]
        assert side == [100, 105, 110, 115]

    def test_a_foot_that_sticks_is_at_its_own_place(self) -> None:
        page = (
            HEAD
            + "footer{position:sticky;bottom:0;height:20px;background:rgb(250,20,20)}"
            + "</style><div style='height:900px'></div><footer></footer>"
        )
        image = seen(shoot(page, width=200, height=300, full_page=True).picture)
        rows = [y for y in range(0, 920, 5) if image.getpixel((5, y)) == RED]
        assert rows == [900, 905, 910, 915]

    def test_max_height_cuts_and_says_so(self) -> None:
        shot = shoot(LONG, width=400, height=300, full_page=True, max_height=700)
        assert seen(shot.picture).size == (400, 700)
        assert "2540 pixels high; cut at 700, max_height" in shot.notes[0]
        assert seen(shot.picture).getpixel((5, 690)) == RED

    def test_the_file_format_cuts_and_says_so(self) -> None:
        page = HEAD + "</style>" + box(0, 19_990, 10, 10)
        shot = shoot(page, width=64, height=4000, full_page=True, format="webp")
        assert (shot.picture.width, shot.picture.height) == (64, 16_383)
        assert "20000 pixels high; cut at 16383" in shot.notes[0]

    def test_height_of_the_window_stays(self) -> None:
        page = HEAD + "#v{height:100vh;background:rgb(12,140,250)}</style><div id=v></div>"
        page += "<div style='height:800px'></div>"
        image = seen(shoot(page, width=100, height=200, full_page=True).picture)
        assert [y for y in range(0, 1000, 10) if image.getpixel((5, y)) == BLUE][-1] == 190

    def test_content_that_waits_for_being_seen(self) -> None:
        page = (
            HEAD
            + ".c{height:350px;opacity:0;transition:all 2s}.in{opacity:1;background:rgb(12,140,250)"
            + "}</style>"
            + "<div class=c></div>" * 6
            + "<script>const o = new IntersectionObserver(all => all.forEach(e =>"
            + "{ if (e.isIntersecting) e.target.classList.add('in') }));"
            + "document.querySelectorAll('.c').forEach(c => o.observe(c))</script>"
        )
        image = seen(shoot(page, width=100, height=200, full_page=True).picture)
        assert {image.getpixel((5, 350 * card + 100)) for card in range(6)} == {BLUE}

    def test_lazy_images_that_come_late(self, site: Site) -> None:
        svg = (
            "<svg xmlns='http://www.w3.org/2000/svg' width='90' height='90'>"
            "<rect width='90' height='90' fill='rgb(12,140,250)'/></svg>"
        )

        def slow(handler: BaseHTTPRequestHandler) -> None:
            time.sleep(0.4)
            handler.send_response(200)
            handler.send_header("Content-Type", "image/svg+xml")
            handler.send_header("Content-Length", str(len(svg)))
            handler.end_headers()
            handler.wfile.write(svg.encode())

        site.pages["/late.svg"] = slow
        image = (
            f"<img loading=lazy width=90 height=90 style='display:block' src='{site.url}/late.svg"
        )
        page = HEAD + "</style>" + "".join(
            f"<div style='height:4000px'></div>{image}?{n}'>" for n in range(2)
        )  # fmt: skip
        shot = shoot(page, site=site, width=100, height=300, full_page=True)
        seen_ = seen(shot.picture)
        assert seen_.size == (100, 8180)
        assert seen_.getpixel((40, 4040)) == BLUE
        assert seen_.getpixel((40, 8140)) == BLUE
        assert shot.notes == ()

    def test_a_page_that_grows_forever_ends(self) -> None:
        page = (
            HEAD
            + ".c{height:2000px}</style><div class=c></div><div class=c></div><script>onscroll ="
            + "() => document.body.insertAdjacentHTML('beforeend', '<div class=c></div>')</script>"
        )
        shot = shoot(page, width=50, height=2000, full_page=True)
        # 4,000 at first; how often it grows until the end depends on how busy the machine is.
        assert 8_000 < shot.picture.height < 30_000

    def test_the_page_is_back_at_its_top(self) -> None:
        page = (
            HEAD
            + "#h{position:fixed;top:0;width:50px;height:20px;background:rgb(12,140,250)}"
            + "</style><div id=h></div><div style='height:3000px'></div><script>onscroll = () =>"
            + "h.style.background = scrollY > 0 ? 'rgb(250,20,20)' : 'rgb(20,160,60)'</script>"
        )
        image = seen(shoot(page, width=100, height=300, full_page=True).picture)
        assert image.getpixel((5, 5)) == GREEN


class TestTall:
    pytestmark = needs_browser

    PAGE = HEAD + "</style>" + "".join(
        box(0, 997 * n, 20, 40, f"rgb({n},{255 - n},77)") for n in range(36)
    )  # fmt: skip

    @pytest.mark.parametrize(("scale", "image_format"), [(1, "png"), (1.5, "png"), (1, "jpeg")])
    def test_strips_fit_together(self, scale: float, image_format: str) -> None:
        shot = shoot(
            self.PAGE, width=40, height=4000, full_page=True, scale=scale, format=image_format
        )
        image = seen(shot.picture)
        high = 997 * 35 + 40
        assert image.size == (40 * scale, frame.pixels(high, scale))
        for n in range(36):
            for y in (997 * n + 2, 997 * n + 37):
                red, green, blue = image.getpixel((10, round(y * scale)))  # type: ignore[misc]
                off = abs(red - n) + abs(green - 255 + n) + abs(blue - 77)
                assert off <= (0 if image_format == "png" else 12), (n, y)
            assert (
                image.getpixel((10, round((997 * n + 60) * scale)) if n < 35 else (39, 2)) == WHITE
            )

    @pytest.mark.parametrize(("scale", "strip"), [(1.0, 1000), (1.5, 1500), (2.625, 2700)])
    def test_strips_are_what_one_picture_would_be(
        self, scale: float, strip: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = HEAD + "body{font:17px/1.37 serif}</style>" + "<p>Letters across every seam. " * 99
        asked: dict[str, Any] = {"width": 90, "height": 2000, "full_page": True, "scale": scale}
        whole = seen(shoot(page, **asked).picture)
        assert whole.height > 3 * strip
        monkeypatch.setattr(output, "TEXTURE_ROWS", strip)
        monkeypatch.setattr(output, "STRIP_ROWS", strip)
        parts = seen(shoot(page, **asked).picture)
        assert parts.size == whole.size
        assert ImageChops.difference(parts, whole).getbbox() is None

    def test_200_000_pixels(self) -> None:
        page = HEAD + "</style>" + box(0, 199_990, 10, 10) + box(0, 100_000, 10, 10)
        shot = shoot(page, width=32, height=8000, full_page=True)
        image = seen(shot.picture)
        assert image.size == (32, 200_000)
        assert image.getpixel((5, 199_995)) == BLUE
        assert image.getpixel((5, 100_005)) == BLUE
        assert image.getpixel((5, 99_999)) == WHITE


class TestSelector:
    pytestmark = needs_browser

    PAGE = (
        HEAD
        + ".c{width:60px;height:30px;background:rgb(12,140,250);margin:50px}</style>"
        + "<div class=c style='display:none'></div><div class=c></div>"
        + "<div style='height:2000px'></div><div class=c style='background:rgb(250,20,20)'></div>"
        + "<div style='position:fixed;bottom:0;left:0;width:100%;height:90%;background:#888'></div>"
        + "<div style='height:60px'></div>"
    )

    def test_the_first_that_is_shown(self) -> None:
        shot = shoot(self.PAGE, width=300, height=200, selector=".c")
        assert len(shot.pictures) == 1
        image = seen(shot.picture)
        assert image.size == (60, 30)
        assert set(image.get_flattened_data()) == {BLUE}
        assert "match 2 of 3" in shot.notes[0]

    def test_every_match_with_padding(self) -> None:
        shot = shoot(self.PAGE, width=300, height=200, selector=".c", every_match=True, padding=8)
        assert len(shot.pictures) == 2
        for picture, colour in zip(shot.pictures, (BLUE, RED), strict=True):
            image = seen(picture)
            assert image.size == (76, 46)
            assert image.getpixel((8, 8)) == image.getpixel((67, 37)) == colour
            assert image.getpixel((7, 20)) == image.getpixel((68, 20)) == WHITE
            assert image.getpixel((20, 7)) == image.getpixel((20, 38)) == WHITE
        names = [picture.filename for picture in shot.pictures]
        assert names == ["page_76x46.png", "page_76x46_2.png"]
        assert "1 of 3 matches are hidden" in shot.notes[0]

    def test_larger_than_the_window(self) -> None:
        page = HEAD + "</style><div id=b style='margin:100px;width:500px;height:1500px;background:"
        page += "linear-gradient(rgb(12,140,250) 50%,rgb(250,20,20) 50%)'>"
        image = seen(shoot(page, width=200, height=150, selector="#b").picture)
        assert image.size == (500, 1500)
        assert (image.getpixel((499, 0)), image.getpixel((499, 1499))) == (BLUE, RED)

    def test_inside_a_box_that_scrolls(self) -> None:
        page = (
            HEAD
            + "</style><div style='margin:30px;width:100px;height:80px;overflow:auto'>"
            + "<div style='height:900px'></div>"
            + "<div id=b style='width:50px;height:40px;background:rgb(12,140,250)'></div>"
            + "<div style='height:900px'></div></div>"
        )
        image = seen(shoot(page, width=300, height=200, selector="#b").picture)
        assert image.size == (50, 40)
        assert {image.getpixel((1, 1)), image.getpixel((48, 38))} == {BLUE}

    @pytest.mark.parametrize(
        ("selector", "said"),
        [
            (".nothing", "0 elements do"),
            (".gone", "2 elements match and all of them are hidden"),
            ("p::[", "allowed is a CSS selector"),
            ("#aside", "lies beside it"),
        ],
    )
    def test_what_cannot_be_photographed(self, selector: str, said: str) -> None:
        page = (
            HEAD
            + "</style><p class=gone hidden>a<p class=gone style='visibility:hidden'>b"
            + "<div id=aside style='position:absolute;left:-900px;width:50px;height:50px'></div>"
        )
        with pytest.raises(InvalidInput) as caught:
            shoot(page, selector=selector)
        assert said in caught.value.message
        assert caught.value.message.startswith(f"selector: got '{selector}'")


class TestClip:
    pytestmark = needs_browser

    @pytest.mark.parametrize("top", [20, 1900])
    def test_a_part_of_the_page(self, top: int) -> None:
        page = HEAD + "</style>" + box(30, top, 40, 20) + box(0, 1990, 10, 10, "#fff")
        image = seen(shoot(page, width=300, height=200, clip=(28, top - 2, 44, 24)).picture)
        assert image.size == (44, 24)
        assert image.getpixel((2, 2)) == image.getpixel((41, 21)) == BLUE
        assert image.getpixel((1, 10)) == image.getpixel((42, 10)) == WHITE

    @pytest.mark.parametrize("clip", [(0, 0, 301, 10), (0, 1990, 10, 20), (400, 0, 10, 10)])
    def test_outside_the_page(self, clip: tuple[float, ...]) -> None:
        page = HEAD + "</style>" + box(0, 0, 10, 2000)
        with pytest.raises(InvalidInput, match=r"clip: .*300 x 2000 pixels"):
            shoot(page, width=300, height=200, clip=clip)


@pytest.mark.parametrize(
    ("asked", "parameter", "kind"),
    [
        ({"width": 15}, "width", InvalidInput),
        ({"height": 8193}, "height", InvalidInput),
        ({"scale": 0.05}, "scale", InvalidInput),
        ({"scale": 4.5}, "scale", InvalidInput),
        ({"scale": float("nan")}, "scale", InvalidInput),
        ({"padding": -1}, "padding", InvalidInput),
        ({"max_height": 3}, "max_height", InvalidInput),
        ({"clip": (0, 0, 0, 5)}, "clip", InvalidInput),
        ({"clip": (-1, 0, 5, 5)}, "clip", InvalidInput),
        ({"clip": (0, 0, float("inf"), 5)}, "clip", InvalidInput),
        ({"full_page": True, "selector": "p"}, "selector", InvalidInput),
        ({"selector": "p", "clip": (0, 0, 5, 5)}, "clip", InvalidInput),
        ({"width": 4096, "height": 4000, "scale": 2}, "The picture", TooLarge),
    ],
)
def test_frames_that_cannot_be(
    asked: dict[str, Any], parameter: str, kind: type[InvalidInput]
) -> None:
    with pytest.raises(kind) as caught:
        ScreenshotRequest(html="<p>", **asked)
    assert caught.value.message.startswith(parameter)
    assert type(caught.value) is kind
