"""Names that change their address while a page is photographed: the picture is withheld."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from creative import capture
from creative.capture import gate
from creative.capture.guard import Guard
from creative.deadline import Deadline
from creative.errors import BlockedAddress, EngineUnavailable
from creative.settings import Settings
from creative.steps import Steps
from tests.attacks.dns import NameServer
from tests.pages import Site
from tests.test_capture_attacks import late, more_arguments

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(capture.find_browser() is None, reason="no Chromium on this machine"),
]

PUBLIC, HERE = "93.184.216.34", "127.0.0.1"
SVG = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
CROSS = {"Access-Control-Allow-Origin": "*"}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as made:
        made.pages.update(
            {
                "/page": "<p>secret",
                "/svg": (200, {**CROSS, "Content-Type": "image/svg+xml"}, SVG),
                "/css": (200, {**CROSS, "Content-Type": "text/css"}, "p{color:red}"),
                "/js": (200, {**CROSS, "Content-Type": "text/javascript"}, "postMessage(1)"),
                "/late": late,
            }
        )
        yield made


@pytest.fixture(scope="module")
def rebinding(site: Site) -> Iterator[NameServer]:
    """The guard asks this server, which names a public address; Chromium arrives at `site`."""
    with NameServer({"rebind.test": [PUBLIC]}) as names, pytest.MonkeyPatch.context() as patch:
        patch.setattr(capture, "Guard", lambda allowed=(): Guard(allowed, names.resolve))
        more_arguments(patch, "--host-resolver-rules=MAP *.test 127.0.0.1")
        yield names
        capture.close()


def shoot(**asked: str) -> capture.Screenshot:
    return capture.screenshot(capture.ScreenshotRequest(**asked), Settings(), Deadline(40), Steps())


PARTS = {
    "image": "<img src='{url}/svg'>",
    "frame": "<iframe src='{url}/page'></iframe>",
    "style": "<link rel=stylesheet href='{url}/css'>",
    "background": "<style>body{background:url({url}/svg)}</style>",
    "script": "<script src='{url}/js'></script>",
    "module": "<script type=module crossorigin src='{url}/js'></script>",
    "fetch": "<script>fetch('{url}/svg')</script><img src='{url}/late'>",
    "object": "<object data='{url}/svg'></object>",
    "sandboxed frame": "<iframe sandbox srcdoc=\"<img src='{url}/svg'>\"></iframe>",
    "worker": "<script>new Worker(URL.createObjectURL(new Blob([\"fetch('{url}/svg')\"])))</script>"
    "<img src='{url}/late'>",
}


@pytest.mark.parametrize("how", PARTS)
def test_a_part_from_a_private_address_costs_the_picture(
    site: Site, rebinding: NameServer, how: str
) -> None:
    html = PARTS[how].replace("{url}", f"http://rebind.test:{site.port}")
    with pytest.raises(BlockedAddress, match=r"it was answered by 127\.0\.0\.1"):
        shoot(html=html)


def test_so_does_the_page_itself(site: Site, rebinding: NameServer) -> None:
    with pytest.raises(BlockedAddress, match=r"it was answered by 127\.0\.0\.1"):
        shoot(url=f"http://rebind.test:{site.port}/page")
    assert "rebind.test" in rebinding.asked


def test_a_name_is_asked_for_again_when_its_answer_is_old(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    # First public, then private: the second request of the page is not even begun.
    with NameServer({"swings.test": [PUBLIC, PUBLIC, HERE]}) as names:
        monkeypatch.setattr(capture, "Guard", lambda allowed=(): Guard(allowed, names.resolve))
        monkeypatch.setattr(gate, "VERDICT_SECONDS", 0.0)
        more_arguments(monkeypatch, "--host-resolver-rules=MAP *.test ~NOTFOUND")
        try:
            with pytest.raises(EngineUnavailable):
                shoot(url=f"http://swings.test:{site.port}/page")
            seen = list(site.seen)
            with pytest.raises(BlockedAddress, match=r"resolves to 127\.0\.0\.1"):
                shoot(url=f"http://swings.test:{site.port}/page")
        finally:
            capture.close()
        assert site.seen == seen
        assert len(names.asked) >= 3
