"""Pages that mean harm, or only never rest: each ends in a picture or in one clear error."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from creative import capture
from creative.errors import DeadlineExceeded, EngineRejected
from tests.captures import BLUE, RED, colour, needs_browser, page, shoot
from tests.pages import Site

pytestmark = needs_browser


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as made:
        made.pages["/still"] = page("")
        yield made
    capture.close()


HOSTILE = {
    "alerts": "for (let i = 0; i < 30; i++) { alert(i); confirm(i); prompt(i) }",
    "alerts without end": "setInterval(() => alert('again'), 1)",
    "push state": "let i = 0; setInterval(() => { for (let n = 0; n < 50; n++) "
    "try { history.pushState({}, '', '?' + i++) } catch {} }, 1)",
    "hashes": "let i = 0; setInterval(() => { location.hash = i++ }, 1)",
    "asks whether to stay": "addEventListener('beforeunload', e => { e.preventDefault(); "
    "e.returnValue = 'stay' })",
    "prints": "print(); setInterval(() => print(), 50)",
    "animation frames": "const go = () => requestAnimationFrame(go); go()",
    "windows": "for (let i = 0; i < 20; i++) open('about:blank')",
    "messages": "addEventListener('message', () => postMessage(1)); postMessage(1)",
    "a million elements": "for (let i = 0; i < 200000; i++) document.body.append("
    "document.createElement('i'))",
    "clobbered": "document.write('<form name=title><input name=url></form><img name=fonts>')",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_pages_are_photographed(site: Site, what: str) -> None:
    source = page(f"<script>{HOSTILE[what]}</script>")
    site.pages["/hostile"] = source
    shot = shoot(site, seconds=60, url=site.url + "/hostile", with_facts=True)
    assert colour(shot) == RED
    assert shot.status == 200


LEADING = {
    "script": "<script>location.href = '/leads?' + Math.random()</script>",
    "reload": "<script>location.reload()</script>",
    "form": "<form action=/leads><input name=a></form><script>document.forms[0].submit()</script>",
}


@pytest.mark.parametrize("how", LEADING)
def test_a_page_that_leads_on_and_on_is_an_error(site: Site, how: str) -> None:
    site.pages["/leads"] = "<!doctype html><title>On</title>" + LEADING[how]
    with pytest.raises(EngineRejected, match="without end"):
        shoot(site, seconds=60, url=site.url + "/leads")


def test_a_page_that_refreshes_itself_on_and_on_ends(site: Site) -> None:
    """Each of its documents is whole for a moment, so that a picture of one is as right."""
    source = "<meta http-equiv=refresh content='0;url=/leads'>"
    site.pages["/leads"] = page(source, "On")
    began = time.monotonic()
    try:
        shot = shoot(site, seconds=60, url=site.url + "/leads")
    except EngineRejected as error:
        assert "without end" in error.message  # noqa: PT017 - either is right
    else:
        assert (shot.title, colour(shot)) == ("On", RED)
    assert time.monotonic() - began < 60


def test_a_page_that_writes_itself_anew(site: Site) -> None:
    site.pages["/writes"] = page(
        "<script>let n = 0; const again = () => { if (n++ > 200) return; document.open(); "
        "document.write('<body style=\"background:rgb(12,140,250)\">' + n); document.close(); "
        "setTimeout(again, 1) }; setTimeout(again, 0)</script>"
    )
    shot = shoot(site, seconds=60, url=site.url + "/writes", delay_seconds=1)
    assert colour(shot, 150, 90) == BLUE


def test_a_script_without_end_ends_one_capture_only(site: Site) -> None:
    site.pages["/hangs"] = page(
        "<script>onload = () => setTimeout(() => { for (;;); }, 30)</script>"
    )
    with pytest.raises(DeadlineExceeded):
        shoot(site, seconds=5, url=site.url + "/hangs", delay_seconds=0.5)
    assert colour(shoot(site, url=site.url + "/still")) == RED
