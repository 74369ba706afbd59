"""Pages that try to reach a private address. The canaries must stay untouched.

Each way is an entry of tests/attacks/pages.yaml, tried twice: behind the gate, where nothing
may arrive, and in an ordinary Chromium without it, where it must, or the silence proves nothing.
"""

from __future__ import annotations

import base64
import functools
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from creative import capture
from creative.capture import chromium
from creative.capture.guard import Guard
from creative.deadline import Deadline
from creative.errors import BlockedAddress, EngineRejected
from creative.settings import Settings
from creative.steps import Steps
from tests.attacks import Vector, vectors
from tests.attacks.canary import Cage, Canary
from tests.attacks.naked import naked, visit
from tests.pages import Site

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(capture.find_browser() is None, reason="no Chromium on this machine"),
]

VECTORS = vectors()
FRAMES = 25
"""Vectors on one page, each in a frame."""
NAKED_SECONDS = 60.0
"""How long the ordinary Chromium may take until every attack has worked."""

Outcome = capture.Screenshot | Exception
Tried = dict[str, tuple[Canary, Outcome]]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as made:
        made.pages["/late"] = late
        yield made
    capture.close()


@pytest.fixture(scope="module")
def other() -> Iterator[Site]:
    """A second allowed host: frames of it live in another process."""
    with Site("127.0.0.2") as made:
        yield made


@pytest.fixture(scope="module")
def cage() -> Iterator[Cage]:
    with Cage() as made:
        yield made


@pytest.fixture
def canary(cage: Cage) -> Canary:
    return cage.canary()


def late(handler: Any) -> None:
    """An answer that takes a moment, so that what the page started is under way before it."""
    time.sleep(0.8)
    handler.send_error(404)


def shoot(*allowed: Site, seconds: float = 60, **asked: Any) -> capture.Screenshot:
    return capture.screenshot(
        capture.ScreenshotRequest(**asked),
        Settings(allowed_private_hosts=tuple(site.name for site in allowed)),
        Deadline(seconds),
        Steps(),
    )


def more_arguments(monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    usual = chromium.arguments
    monkeypatch.setattr(
        chromium, "arguments", lambda program, profile: [*usual(program, profile), *more]
    )
    capture.close()  # the next capture starts a browser with them


def lay_out(site: Site, other: Site, cage: Cage) -> tuple[dict[str, Canary], dict[str, list[str]]]:
    """All pages; a canary per vector, and the vectors on each page that is to be opened."""
    canaries: dict[str, Canary] = {}
    opened: dict[str, list[str]] = {}
    framed: list[Vector] = []
    for vector in VECTORS:
        canaries[vector.name] = cage.canary()
        vector.lay_out(site, other, canaries[vector.name])
        if vector.alone or vector.leads:
            opened[f"{vector.folder}/page"] = [vector.name]
        else:
            framed.append(vector)
    for start in range(0, len(framed), FRAMES):
        some = framed[start : start + FRAMES]
        frames = "".join(
            f"<iframe width=90 height=60 src={vector.folder}/page></iframe>" for vector in some
        )
        site.pages[f"/batch{start}"] = f"<title>batch</title>{frames}<img src=/late>"
        opened[f"/batch{start}"] = [vector.name for vector in some]
    return canaries, opened


@pytest.fixture(scope="module")
def tried(site: Site, other: Site, cage: Cage) -> Iterator[Tried]:
    """All vectors behind the gate, several at once: most of the time they wait.

    Windows may open: what keeps them from anything is the gate, not the pop-up blocker.
    """
    canaries, opened = lay_out(site, other, cage)

    def attempt(path: str) -> Outcome:
        try:
            return shoot(site, other, seconds=60, url=site.url + path)
        except Exception as error:  # noqa: BLE001 - judged by the tests of this page
            return error

    with pytest.MonkeyPatch.context() as patch:
        more_arguments(patch, "--disable-popup-blocking")
        with ThreadPoolExecutor(4) as threads:
            outcomes = dict(zip(opened, threads.map(attempt, opened), strict=True))
        time.sleep(0.5)  # what was under way when the last page closed
        yield {
            name: (canaries[name], outcomes[path])
            for path, on_it in opened.items()
            for name in on_it
        }
        capture.close()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_nothing_arrives(tried: Tried, vector: Vector) -> None:
    canary, outcome = tried[vector.name]
    assert canary.touched == []
    if vector.leads:
        assert isinstance(outcome, BlockedAddress), outcome
        assert "allowed_private_hosts" in outcome.hint
    else:
        assert isinstance(outcome, capture.Screenshot), outcome


def test_what_was_kept_out_is_told(tried: Tried) -> None:
    shots = [shot for _, shot in tried.values() if isinstance(shot, capture.Screenshot)]
    kinds = {refused.kind for shot in shots for refused in shot.blocked}
    assert {"Image", "Script", "Stylesheet", "Font", "Document", "Media", "Fetch"} <= kinds


def test_without_the_gate_it_arrives(site: Site, other: Site, cage: Cage) -> None:
    canaries, opened = lay_out(site, other, cage)
    attacks = {vector.name for vector in VECTORS if vector.reaches is True}
    with naked() as connection:
        for path in opened:
            visit(connection, site.url + path)
        end = time.monotonic() + NAKED_SECONDS
        silent = attacks
        while silent and time.monotonic() < end:
            time.sleep(0.1)
            silent = {name for name in silent if not canaries[name].touched}
    assert silent == set()
    harmless = {vector.name for vector in VECTORS if vector.reaches is False}
    assert {name for name in harmless if canaries[name].touched} == set(), "mark them reaches"


def test_the_list_is_as_long_as_asked() -> None:
    assert len({vector.name for vector in VECTORS}) == len(VECTORS) >= 150
    assert sum(vector.reaches is True for vector in VECTORS) >= 120
    assert all(vector.reaches or vector.why for vector in VECTORS)


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
        capture.ScreenshotRequest(url=site.url + "/part"), settings, Deadline(60), Steps()
    )
    assert len(canary.touched) >= 2
    assert shot.blocked_count == 0


def test_many_hosts_are_not_resolved_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> list[str]:
        raise OSError("no such name")

    monkeypatch.setattr(capture, "Guard", functools.partial(Guard, resolve=nowhere))
    capture.close()  # its gate still asks the machine's resolver
    images = "".join(f"<img src='http://h{i}.invalid/'>" for i in range(260))
    shot = shoot(html=images)
    capture.close()
    assert any("more than 200 hosts" in refused.reason for refused in shot.blocked)


def test_a_page_with_many_hosts_costs_no_other_page_its_own(site: Site) -> None:
    site.pages["/next"] = "<title>next</title>"
    shoot(site, html="".join(f"<img src='http://10.0.{i}.1/'>" for i in range(260)))
    assert shoot(site, url=site.url + "/next").title == "next"


def test_a_secret_in_a_refused_address_is_not_shown(site: Site, canary: Canary) -> None:
    site.pages["/part"] = f"<img src='http://u:pw@{canary.name}/x?token=secret'>"
    shot = shoot(site, url=site.url + "/part")
    assert "secret" not in shot.model_dump_json(exclude={"pictures"})
    assert "pw@" not in shot.model_dump_json(exclude={"pictures"})


def test_a_signed_page_is_none_so_that_nobody_fetches_its_certificate(
    site: Site, canary: Canary
) -> None:
    # Chromium would fetch it from any address, mostly unheld (a signed HTTP exchange, format b3).
    page = "https://93.184.216.34/page"
    now = int(time.time())
    signature = (
        f'a;cert-sha256=*{base64.b64encode(bytes(32)).decode()}*;cert-url="https://{canary.name}/cert";'
        f'date={now};expires={now + 3600};integrity="digest/mi-sha256-03";'
        f'sig=*{base64.b64encode(bytes(70)).decode()}*;validity-url="{page}"'
    ).encode()
    headers = b"\xa3" + b"".join(
        bytes([0x40 + len(word)]) + word if len(word) < 24 else bytes([0x58, len(word)]) + word
        for word in (
            b"digest", b"mi-sha256-03=" + base64.b64encode(bytes(32)),
            b":status", b"200",
            b"content-type", b"text/html",
        )
    )  # fmt: skip
    signed = (
        b"sxg1-b3\0" + len(page).to_bytes(2, "big") + page.encode()
        + len(signature).to_bytes(3, "big") + len(headers).to_bytes(3, "big")
        + signature + headers
    )  # fmt: skip

    def serve(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/signed-exchange;v=b3")
        handler.send_header("X-Content-Type-Options", "nosniff")
        handler.send_header("Content-Length", str(len(signed)))
        handler.end_headers()
        handler.wfile.write(signed)

    site.pages["/signed"] = serve
    # With signed exchanges it would go on to the address that the page claims to be.
    with pytest.raises(EngineRejected, match="download"):
        shoot(site, url=site.url + "/signed")
    assert canary.touched == []


def test_a_page_that_is_a_download(site: Site) -> None:
    site.pages["/zip"] = (200, {"Content-Type": "application/zip"}, "PK")
    with pytest.raises(EngineRejected, match="download"):
        shoot(site, url=site.url + "/zip")
