"""Screenshots on a real Chromium, judged by their pixels."""

from __future__ import annotations

import functools
import io
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from creative import capture
from creative.capture.guard import Guard
from creative.capture.request import filename
from creative.deadline import Deadline
from creative.errors import (
    DeadlineExceeded,
    EngineRejected,
    EngineUnavailable,
    InvalidInput,
)
from creative.settings import Settings
from creative.steps import Phase, Status, Steps
from tests.pages import Site, closed_port, never_ends

needs_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(capture.find_browser() is None, reason="no Chromium on this machine"),
]

BOX = """<!doctype html><title>A box</title><style>html,body{margin:0;background:#ffffff}
#b{position:absolute;left:600px;top:200px;width:100px;height:50px;background:rgb(12,140,250)}
#end{position:absolute;left:0;top:2990px;width:40px;height:10px;background:rgb(250,20,20)}
</style><div id=b></div><div id=end></div>"""
BLUE, RED, WHITE = (12, 140, 250), (250, 20, 20), (255, 255, 255)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as made:
        made.pages.update(
            {
                "/box": BOX,
                "/moved": (302, {"Location": "/box"}, ""),
                "/script": "<title>Away</title><script>location.href = '/box'</script>",
                "/meta": "<meta http-equiv=refresh content='0;url=/box'>",
                "/gone": (410, {}, "<h1>Gone for good</h1>"),
                "/empty404": (404, {}, ""),
                "/nothing": (204, {}, ""),
                "/file": (200, {"Content-Disposition": "attachment"}, "data"),
                "/slow": never_ends,
                "/slow-image": "<h1>hi</h1><img src=/slow.png>",
                "/slow.png": never_ends,
                "/busy": "<script>for (;;) {}</script>",
                "/circle": (302, {"Location": "/circle"}, ""),
                "/alerts": "<title>Alerts</title><script>for (let i = 0; i < 5; i++) alert(i);"
                "confirm('?'); prompt('?')</script>" + BOX,
                "/cookie": "<script>document.title = document.cookie + '!';"
                "document.cookie = 'a=1'</script>",
            }
        )
        yield made
    capture.close()


def shoot(site: Site | None = None, seconds: float = 30, **asked: Any) -> capture.Screenshot:
    """One screenshot; only `site` is allowed."""
    allowed = (site.name,) if site else ()
    return capture.screenshot(
        capture.ScreenshotRequest(**asked),
        Settings(allowed_private_hosts=allowed),
        Deadline(seconds),
        Steps(),
    )


def opened(shot: capture.Screenshot) -> Image.Image:
    """The picture, decoded; its size is what was said."""
    image = Image.open(io.BytesIO(shot.picture.data)).convert("RGB")
    assert image.size == (shot.picture.width, shot.picture.height)
    return image


class TestPictures:
    pytestmark = needs_browser

    def test_exact_size_and_colours(self, site: Site) -> None:
        shot = shoot(site, url=site.url + "/box", width=801, height=333)
        image = opened(shot)
        assert image.size == (801, 333)
        assert image.getpixel((600, 200)) == BLUE
        assert image.getpixel((699, 249)) == BLUE
        assert image.getpixel((599, 200)) == WHITE
        assert image.getpixel((700, 250)) == WHITE
        assert (shot.title, shot.status, shot.final_url) == ("A box", 200, site.url + "/box")
        assert shot.picture.filename == "127.0.0.1_801x333.png"

    @pytest.mark.parametrize(("width", "height"), [(16, 16), (320, 4000), (4096, 64)])
    def test_odd_sizes(self, site: Site, width: int, height: int) -> None:
        shot = shoot(site, url=site.url + "/box", width=width, height=height)
        assert opened(shot).size == (width, height)

    def test_full_page(self, site: Site) -> None:
        image = opened(shoot(site, url=site.url + "/box", width=801, height=333, full_page=True))
        assert image.size == (801, 3000)
        assert image.getpixel((5, 2995)) == RED
        assert image.getpixel((650, 225)) == BLUE

    def test_full_page_of_a_short_page_is_as_high_as_asked(self) -> None:
        shot = shoot(html="<p>short", width=300, height=200, full_page=True)
        assert opened(shot).size == (300, 200)

    def test_html(self) -> None:
        shot = shoot(html=BOX.replace("A box", "Mine é 猫"), width=801, height=333)
        assert opened(shot).getpixel((650, 225)) == BLUE
        assert (shot.title, shot.status, shot.final_url) == ("Mine é 猫", 0, "")

    def test_html_with_an_allowed_image(self, site: Site) -> None:
        svg = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect width='9' \
height='9' fill='rgb(12,140,250)'/></svg>"
        site.pages["/pic.svg"] = (200, {"Content-Type": "image/svg+xml"}, svg)
        shot = shoot(
            site, html=f"<body style='margin:0'><img src='{site.url}/pic.svg'>", width=50, height=50
        )
        assert opened(shot).getpixel((4, 4)) == BLUE

    @pytest.mark.parametrize("path", ["/moved", "/script", "/meta", "/alerts"])
    def test_what_leads_to_the_box_shows_the_box(self, site: Site, path: str) -> None:
        shot = shoot(site, url=site.url + path, width=801, height=333)
        assert opened(shot).getpixel((650, 225)) == BLUE
        assert shot.status == 200
        if path != "/alerts":
            assert shot.final_url == site.url + "/box"

    def test_no_cookie_reaches_the_next_call(self, site: Site) -> None:
        titles = {shoot(site, url=site.url + "/cookie").title for _ in range(2)}
        assert titles == {"!"}

    def test_several_at_once(self, site: Site) -> None:
        shots: list[capture.Screenshot] = []
        threads = [
            threading.Thread(
                target=lambda width=width: shots.append(
                    shoot(site, url=site.url + "/box", width=width, height=300)
                )
            )
            for width in range(700, 706)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(opened(shot).width for shot in shots) == list(range(700, 706))
        assert {opened(shot).getpixel((650, 225)) for shot in shots} == {BLUE}

    def test_steps(self, site: Site) -> None:
        steps = Steps()
        capture.screenshot(
            capture.ScreenshotRequest(url=site.url + "/box"),
            Settings(allowed_private_hosts=(site.name,)),
            Deadline(30),
            steps,
        )
        done = [event for event in steps.events if event.status is Status.DONE]
        assert [event.phase for event in done] == [
            Phase.INIT, Phase.INIT, Phase.AI_CALL, Phase.SAVE
        ]  # fmt: skip
        assert done[-1].percent == 98


class TestFailures:
    pytestmark = needs_browser

    @pytest.mark.parametrize(("path", "said"), [("/gone", "410"), ("/empty404", "404"),
                                                ("/missing", "404: Not Found")])  # fmt: skip
    def test_status(self, site: Site, path: str, said: str) -> None:
        with pytest.raises(EngineRejected, match=said):
            shoot(site, url=site.url + path)

    @pytest.mark.parametrize("path", ["/nothing", "/file"])
    def test_nothing_to_show(self, site: Site, path: str) -> None:
        with pytest.raises(EngineRejected, match="nothing to photograph"):
            shoot(site, url=site.url + path)

    @pytest.mark.parametrize("path", ["/slow", "/slow-image", "/busy"])
    def test_a_page_that_never_ends(self, site: Site, path: str) -> None:
        with pytest.raises(DeadlineExceeded, match="loading the page"):
            shoot(site, seconds=3, url=site.url + path)
        # The browser serves on.
        assert shoot(site, url=site.url + "/box").status == 200

    def test_redirects_in_a_circle(self, site: Site) -> None:
        with pytest.raises(EngineUnavailable, match="circle"):
            shoot(site, url=site.url + "/circle")

    def test_nobody_there(self) -> None:
        port = closed_port()
        with pytest.raises(EngineUnavailable, match="refused"):
            capture.screenshot(
                capture.ScreenshotRequest(url=f"http://127.0.0.1:{port}/"),
                Settings(allowed_private_hosts=(f"127.0.0.1:{port}",)),
                Deadline(20),
                Steps(),
            )

    def test_unresolvable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def nowhere(name: str) -> list[str]:
            raise OSError("no such name")

        monkeypatch.setattr(capture, "Guard", functools.partial(Guard, resolve=nowhere))
        with pytest.raises(EngineUnavailable, match="cannot be resolved"):
            shoot(url="http://no-such-host.invalid/")


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"url": "http://a.example/", "html": "<p>"},
        {"url": "  ", "html": ""},
        {"html": "<p>", "width": 15},
        {"html": "<p>", "width": 8193},
        {"html": "<p>", "height": 0},
        {"html": "<p>", "width": 8192, "height": 8192},
        {"html": "x" * 5_000_001},
    ],
)
def test_requests_that_cannot_be(asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        capture.ScreenshotRequest(**asked)


@pytest.mark.parametrize(
    ("url", "title", "name"),
    [
        ("https://www.Example.com/a/b?c", "T", "www.example.com_1x2.png"),
        ("http://[::1]:80/", "", "1_1x2.png"),
        ("", "Sale: 50% off / now", "sale-50-off-now_1x2.png"),
        ("", "../../etc/passwd", "etc-passwd_1x2.png"),
        ("", "猫", "page_1x2.png"),
        ("", "", "page_1x2.png"),
        ("http://" + "a" * 200 + ".example/", "", "a" * 80 + "_1x2.png"),
    ],
)
def test_filenames(url: str, title: str, name: str) -> None:
    assert filename(url, title, 1, 2) == name
