"""Pages that try to reach a private address. The canary must stay untouched."""

from __future__ import annotations

import base64
import functools
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from creative import capture
from creative.capture import chromium
from creative.capture.guard import Guard
from creative.deadline import Deadline
from creative.errors import BlockedAddress, EngineRejected
from creative.settings import Settings
from creative.steps import Steps
from tests.pages import Canary, Site

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(capture.find_browser() is None, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as made:
        yield made
    capture.close()


@pytest.fixture(scope="module")
def other() -> Iterator[Site]:
    """A second allowed host: frames of it live in another process."""
    with Site("127.0.0.2") as made:
        yield made


@pytest.fixture
def canary() -> Iterator[Canary]:
    with Canary() as made:
        yield made


def shoot(*allowed: Site, seconds: float = 20, **asked: Any) -> capture.Screenshot:
    return capture.screenshot(
        capture.ScreenshotRequest(**asked),
        Settings(allowed_private_hosts=tuple(site.name for site in allowed)),
        Deadline(seconds),
        Steps(),
    )


TOP = {
    "redirect": (302, {"Location": "{canary}/top"}, ""),
    "permanent": (308, {"Location": "{canary}/top"}, ""),
    "decimal redirect": (302, {"Location": "http://2130706433:{port}/top"}, ""),
    "script": "<script>location.replace('{canary}/top')</script>",
    "meta": "<meta http-equiv=refresh content='0;url={canary}/top'>",
    "form": "<form id=f action='{canary}/top'></form><script>f.submit()</script>",
    "refresh header": (200, {"Refresh": "0;url={canary}/top"}, "wait"),
    "frame breaks out": "<iframe srcdoc=\"<script>top.location='{canary}/top'</script>\"></iframe>"
    "<img src=/wait>",
}


@pytest.mark.parametrize("how", TOP)
def test_a_page_that_leads_to_a_private_address_fails(site: Site, canary: Canary, how: str) -> None:
    site.pages["/wait"] = late
    answer = TOP[how]
    if isinstance(answer, str):
        site.pages["/lead"] = fill(answer, canary)
    else:
        status, headers, body = answer
        filled = {name: fill(value, canary) for name, value in headers.items()}
        site.pages["/lead"] = (status, filled, body)
    with pytest.raises(BlockedAddress, match="allowed_private_hosts"):
        shoot(site, url=site.url + "/lead")
    assert canary.touched == []


def fill(text: str, canary: Canary, other: Site | None = None) -> str:
    text = text.replace("{canary}", canary.url).replace("{name}", canary.name)
    text = text.replace("{port}", str(canary.port))
    return text.replace("{other}", other.url if other else "")


# What a page may try, and whether the attempt is seen and listed (None: it is taken from the
# page before it can try, or the browser itself refuses).
PARTS: dict[str, tuple[str, str | None]] = {
    "image": ("<img src='{canary}/x'>", "Image"),
    "image by name of the machine": ("<img src='http://localhost:{port}/x'>", "Image"),
    "redirected image": ("<img src='{here}/hop'>", "Image"),
    "script": ("<script src='{canary}/x'></script>", "Script"),
    "style": ("<link rel=stylesheet href='{canary}/x'>", "Stylesheet"),
    "css import": ("<style>@import '{canary}/x';</style>", "Stylesheet"),
    "css background": ("<style>body{background:url({canary}/x)}</style>", "Image"),
    "font": (
        "<style>@font-face{font-family:f;src:url({canary}/x)}b{font-family:f}</style><b>x</b>",
        "Font",
    ),
    "iframe": ("<iframe src='{canary}/x'></iframe>", "Document"),
    "redirected iframe": ("<iframe src='{here}/hop'></iframe>", "Document"),
    "object": ("<object data='{canary}/x'></object>", "Document"),
    "embed": ("<embed src='{canary}/x'>", "Document"),
    "svg image": ("<svg><image href='{canary}/x' width=9 height=9 /></svg>", "Image"),
    "svg use": ("<svg><use href='{canary}/x#a' /></svg>", None),
    "video": ("<video src='{canary}/x' autoplay></video>", "Media"),
    "fetch": ("<script>fetch('{canary}/x').catch(() => 0)</script>", None),
    "fetch without cors": (
        "<script>fetch('{canary}/x', {mode: 'no-cors'}).catch(() => 0)</script>",
        None,
    ),
    "xhr": ("<script>r = new XMLHttpRequest; r.open('GET', '{canary}/x'); r.send()</script>", None),
    "beacon": ("<script>navigator.sendBeacon('{canary}/x', 'a')</script>", "Ping"),
    "event source": ("<script>new EventSource('{canary}/x')</script>", None),
    "icon": ("<link rel=icon href='{canary}/x'>", None),
    "prefetch": ("<link rel=prefetch href='{canary}/x'>", None),
    "preload": ("<link rel=preload as=image href='{canary}/x'>", "Image"),
    "preconnect": ("<link rel=preconnect href='{canary}/'>", None),
    "speculation": (
        '<script type=speculationrules>{"prefetch":[{"source":"list","urls":["{canary}/x"],'
        '"eagerness":"immediate"}],"prerender":[{"source":"list","urls":["{here}/inner"],'
        '"eagerness":"immediate"}]}</script>',
        None,
    ),
    "web socket": ("<script>try { new WebSocket('ws://{name}/x') } catch {}</script>", None),
    "web socket of a frame": (
        "<iframe id=f></iframe><script>try { new f.contentWindow.WebSocket('ws://{name}/x') }"
        " catch {}</script>",
        None,
    ),
    "web transport": (
        "<script>try { new WebTransport('https://{name}/x') } catch {}</script>",
        None,
    ),
    "turn server": (
        "<script>try { p = new RTCPeerConnection({iceServers: [{urls: 'turn:{name}?transport=tcp',"
        " username: 'a', credential: 'b'}]}); p.createDataChannel('x');"
        " p.createOffer().then(o => p.setLocalDescription(o)) } catch {}</script>",
        None,
    ),
    "worker": ("<script>new Worker('{here}/worker.js')</script>", None),
    "blob worker": (
        "<script>new Worker(URL.createObjectURL(new Blob([`{worker}`])))</script>",
        None,
    ),
    "worker of a worker": (
        "<script>new Worker(URL.createObjectURL(new Blob(["
        "`new Worker(URL.createObjectURL(new Blob([atob('{worker64}')])))`])))</script>",
        None,
    ),
    "shared worker": (
        "<script>try { new SharedWorker('{here}/worker.js') } catch {}</script>", None,
    ),
    "service worker": (
        "<script>navigator.serviceWorker?.register('{here}/worker.js')</script>",
        None,
    ),
    "worklet": (
        "<script>new AudioContext().audioWorklet.addModule('{canary}/x').catch(() => 0)</script>",
        None,
    ),
    "window": ("<script>window.open('{canary}/x')</script>", None),
    "link to a new window": (
        "<a id=a target=_blank href='{canary}/x'>x</a><script>a.click()</script>",
        None,
    ),
    "download link": ("<a id=a download href='{canary}/x'>x</a><script>a.click()</script>", None),
    "ping": ("<a id=a href='#' ping='{canary}/x'>x</a><script>a.click()</script>", None),
    "sandboxed srcdoc": ("<iframe sandbox=allow-scripts srcdoc=\"{inner}\"></iframe>", "Image"),
    "data frame": ("<iframe src=\"data:text/html,{inner}\"></iframe>", "Image"),
    "frame of another site": ("<iframe src='{other}{here}/inner'></iframe>", "Image"),
    "report": (
        "<meta http-equiv=Content-Security-Policy content=\"img-src 'none'; report-uri "
        "{canary}/x\"><img src=/none>",
        None,
    ),
}  # fmt: skip

WORKER = (
    "fetch('{canary}/w').catch(() => 0); try { new WebSocket('ws://{name}/w') } catch {} "
    "try { importScripts('{canary}/w') } catch {}"
)
INNER = (
    "<img src='{canary}/i'><script>fetch('{canary}/i').catch(() => 0);"
    "try { new WebSocket('ws://{name}/i') } catch {}</script>"
)


@dataclass
class Attempt:
    """One page of PARTS, its own canary, and what came of it."""

    canary: Canary
    outcome: capture.Screenshot | Exception | None = None


@pytest.fixture(scope="module")
def attempts(site: Site, other: Site) -> Iterator[dict[str, Attempt]]:
    """All of PARTS, several at once: most of the time they wait."""
    with ExitStack() as stack:
        tried = {how: Attempt(stack.enter_context(Canary())) for how in PARTS}

        def attempt(how: str) -> None:
            try:
                lay_out(site, other, tried[how].canary, how)
                tried[how].outcome = shoot(
                    site, other, seconds=60, url=f"{site.url}/{quote(how)}/part"
                )
            except Exception as error:  # noqa: BLE001 - judged by the test of this page
                tried[how].outcome = error

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(attempt, PARTS))
        yield tried


def lay_out(site: Site, other: Site, canary: Canary, how: str) -> None:
    """The pages of one attempt, under a folder of its name."""
    page, _ = PARTS[how]
    folder = f"/{quote(how)}"
    worker, inner = fill(WORKER, canary), fill(INNER, canary)
    page = page.replace("{worker}", worker).replace("{inner}", inner).replace("{here}", folder)
    page = page.replace("{worker64}", base64.b64encode(worker.encode()).decode())
    # Half a second more, so that what the page started is under way before the picture.
    site.pages["/late"] = late
    page = fill(page, canary, other)
    site.pages[f"{folder}/part"] = f"<title>{how}</title>{page}<img src=/late>"
    site.pages[f"{folder}/hop"] = (302, {"Location": f"{canary.url}/hop"}, "")
    site.pages[f"{folder}/worker.js"] = (200, {"Content-Type": "text/javascript"}, worker)
    site.pages[f"{folder}/inner"] = other.pages[f"{folder}/inner"] = inner


def late(handler: Any) -> None:
    """An answer that takes half a second."""
    time.sleep(0.5)
    handler.send_error(404)


@pytest.mark.parametrize("how", PARTS)
def test_a_part_of_a_page_stays_out(attempts: dict[str, Attempt], how: str) -> None:
    attempt, (_, kind) = attempts[how], PARTS[how]
    assert attempt.canary.touched == []
    if how == "download link":
        # The browser asks for it as for a new page.
        assert isinstance(attempt.outcome, BlockedAddress)
        return
    assert isinstance(attempt.outcome, capture.Screenshot), attempt.outcome
    assert attempt.outcome.title == how
    if kind is not None:
        assert kind in {refused.kind for refused in attempt.outcome.blocked}


@pytest.mark.parametrize("tag", ["img", "iframe", "script"])
def test_html_reaches_neither_private_addresses_nor_files(canary: Canary, tag: str) -> None:
    shot = shoot(
        html=f"<{tag} src='{canary.url}/x'></{tag}><{tag} src='file:///etc/passwd'></{tag}>"
    )
    assert canary.touched == []
    assert [refused.url for refused in shot.blocked] == [canary.url + "/x"]


def test_the_canary_sings_when_it_is_allowed(site: Site, canary: Canary) -> None:
    # Proof that the silence above means something.
    settings = Settings(allowed_private_hosts=(site.name, canary.name))
    site.pages["/part"] = (
        f"<iframe src='{canary.url}/x'></iframe><script src='{canary.url}/y'></script>"
    )
    shot = capture.screenshot(
        capture.ScreenshotRequest(url=site.url + "/part"), settings, Deadline(20), Steps()
    )
    assert len(canary.touched) >= 2
    assert shot.blocked_count == 0


def test_a_name_that_changes_its_address_costs_the_picture(
    monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    # The guard is told a public address, the browser a private one: DNS rebinding.
    monkeypatch.setattr(
        capture, "Guard", functools.partial(Guard, resolve=lambda name: ["93.184.216.34"])
    )
    usual = chromium.arguments
    monkeypatch.setattr(
        chromium,
        "arguments",
        lambda program, profile: [
            *usual(program, profile),
            "--host-resolver-rules=MAP rebind.test 127.0.0.1",
        ],
    )
    capture.close()
    url = f"http://rebind.test:{site.port}"
    svg = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
    cross = {"Access-Control-Allow-Origin": "*", "Content-Type": "image/svg+xml"}
    site.pages.update({"/page": "<p>secret", "/svg": (200, cross, svg), "/late": late})
    try:
        with pytest.raises(BlockedAddress, match=r"it was answered by 127\.0\.0\.1"):
            shoot(url=url + "/page")
        for html in (
            f"<img src='{url}/svg'>",
            f"<iframe src='{url}/page'></iframe>",
            f"<script>fetch('{url}/svg')</script><img src='{url}/late'>",
            f"<iframe sandbox srcdoc=\"<img src='{url}/svg'>\"></iframe>",
        ):
            with pytest.raises(BlockedAddress, match="it was answered by"):
                shoot(html=html)
    finally:
        capture.close()


def test_many_hosts_are_not_resolved_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> list[str]:
        raise OSError("no such name")

    monkeypatch.setattr(capture, "Guard", functools.partial(Guard, resolve=nowhere))
    capture.close()  # its gate still asks the machine's resolver
    images = "".join(f"<img src='http://h{i}.invalid/'>" for i in range(260))
    shot = shoot(html=images)
    capture.close()
    assert any("more than 200 hosts" in refused.reason for refused in shot.blocked)


def test_a_secret_in_a_refused_address_is_not_shown(site: Site, canary: Canary) -> None:
    site.pages["/part"] = f"<img src='http://u:pw@{canary.name}/x?token=secret'>"
    shot = shoot(site, url=site.url + "/part")
    assert "secret" not in shot.model_dump_json(exclude={"pictures"})
    assert "pw@" not in shot.model_dump_json(exclude={"pictures"})


def test_a_page_that_is_a_download(site: Site) -> None:
    site.pages["/zip"] = (200, {"Content-Type": "application/zip"}, "PK")
    with pytest.raises(EngineRejected, match="download"):
        shoot(site, url=site.url + "/zip")
