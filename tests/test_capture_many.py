"""Several screenshots in one call."""

from __future__ import annotations

import threading
import time

import pytest

from creative import capture
from creative.capture import many
from creative.capture.chromium import find_browser
from creative.capture.request import Picture, Screenshot, ScreenshotRequest
from creative.deadline import Deadline
from creative.errors import (
    BlockedAddress,
    CreativeError,
    DeadlineExceeded,
    EngineRejected,
    InvalidInput,
    TooLarge,
)
from creative.settings import Settings
from creative.steps import StepEvent, Steps
from tests.pages import Canary, Site

installed = pytest.mark.skipif(find_browser() is None, reason="no Chromium on this machine")


def asked(*names: str) -> list[ScreenshotRequest]:
    return [ScreenshotRequest(url=f"http://example.com/{name}?token=hush") for name in names]


def made(request: ScreenshotRequest) -> Screenshot:
    picture = Picture(data=b"x", media_type="image/png", width=1, height=1, filename="x.png")
    return Screenshot(
        pictures=(picture,), final_url=request.url, title="", status=200, browser="none"
    )


def test_each_its_own_result_in_its_own_place() -> None:
    def take(request: ScreenshotRequest) -> Screenshot:
        if "bad" in request.url:
            raise InvalidInput("url", request.url, "something else")
        time.sleep(0.05 if "slow" in request.url else 0)
        return made(request)

    events: list[StepEvent] = []
    found = many.take_all(
        asked("slow", "bad", "a", "b"), take, Deadline(30), Steps(events.append), 3
    )
    urls = [one.final_url.partition("?")[0][-4:] if isinstance(one, Screenshot) else one
            for one in found]  # fmt: skip
    assert [urls[0], urls[2], urls[3]] == ["slow", "om/a", "om/b"]
    assert isinstance(found[1], InvalidInput)
    assert [event.percent for event in events][-1] == 98
    assert any("4 of 4, 1 failed" in event.label for event in events)


@pytest.mark.parametrize("at_once", [1, 3])
def test_at_most_so_many_at_a_time(at_once: int) -> None:
    running, most = [], []
    lock, full = threading.Lock(), threading.Event()

    def take(request: ScreenshotRequest) -> Screenshot:
        with lock:
            running.append(request)
            most.append(len(running))
            if len(running) == at_once:
                full.set()
        assert full.wait(20)
        time.sleep(0.03)  # for one more than that, if there were one
        with lock:
            running.remove(request)
        return made(request)

    many.take_all(asked(*"abcdefg"), take, Deadline(30), Steps(), at_once)
    assert max(most) == at_once


def test_the_deadline_is_that_of_all_together() -> None:
    deadline = Deadline(1)

    def take(request: ScreenshotRequest) -> Screenshot:
        if "/a?" not in request.url:
            deadline.sleep(60, "taking it")
        return made(request)

    began = time.monotonic()
    found = many.take_all(asked(*"abcdefgh"), take, deadline, Steps(), 1)
    assert time.monotonic() - began < 20
    assert isinstance(found[0], Screenshot)
    assert all(isinstance(one, DeadlineExceeded) for one in found[1:])
    assert all("hush" not in str(one) for one in found[1:])
    assert len(found) == 8


def test_a_fault_of_ours_is_not_hidden_and_leaves_nothing_running() -> None:
    def take(request: ScreenshotRequest) -> Screenshot:
        if "a" in request.url.rpartition("/")[2]:
            raise ZeroDivisionError
        time.sleep(0.1)
        return made(request)

    with pytest.raises(ZeroDivisionError):
        many.take_all(asked("a", "b", "c"), take, Deadline(30), Steps(), 2)
    assert not [t for t in threading.enumerate() if t.name == "screenshot"]


def test_limits() -> None:
    def take(request: ScreenshotRequest) -> Screenshot:
        raise AssertionError("nothing is taken")

    with pytest.raises(InvalidInput, match=r"^url: got nothing"):
        many.take_all([], take, Deadline(5), Steps(), 3)
    with pytest.raises(TooLarge, match="51 addresses"):
        many.take_all(asked(*["a"] * 51), take, Deadline(5), Steps(), 3)
    for at_once in (0, 5):
        with pytest.raises(InvalidInput, match="at_once"):
            many.take_all(asked("a"), take, Deadline(5), Steps(), at_once)


@pytest.mark.browser
@installed
def test_in_one_real_browser() -> None:
    capture.close()  # those of other files
    with Site() as site, Canary() as canary:
        for colour in ("red", "lime", "blue"):
            site.pages[f"/{colour}"] = f"<title>{colour}</title><body style='background:{colour}'>"
        urls = [f"{site.url}/red", f"{site.url}/none", f"{site.url}/lime", canary.url,
                "no address", f"{site.url}/blue"]  # fmt: skip
        requests = [ScreenshotRequest(url=url, width=40, height=30) for url in urls]
        settings = Settings(allowed_private_hosts=(site.name,))
        found: list[Screenshot | CreativeError] = capture.screenshots(
            requests, settings, Deadline(60), Steps()
        )
        assert len(capture._pool._warm) == 1
        capture.close()
    titles = [one.title if isinstance(one, Screenshot) else type(one) for one in found]
    assert titles == ["red", EngineRejected, "lime", BlockedAddress, InvalidInput, "blue"]
    assert canary.touched == []
