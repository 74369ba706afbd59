"""A page that goes elsewhere while it is looked at: the order of the browser's messages."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from creative.capture import page as pages
from creative.capture.blank import Blank
from creative.capture.cdp import Refused
from creative.capture.request import ScreenshotRequest
from creative.deadline import Deadline
from creative.errors import EngineRejected, EngineUnavailable


class Script:
    """A connection that answers `Page.navigate` and nothing else."""

    error = ""

    def call(self, method: str, *_: Any, **__: Any) -> dict[str, Any]:
        assert method == "Page.navigate"
        return {"loaderId": "first", "errorText": self.error}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> pages.Page:
    monkeypatch.setattr(pages, "MOVE_SECONDS", 0.3)
    request = ScreenshotRequest(url="http://example.com/")
    gate = SimpleNamespace(guard=None)
    blank = Blank("context", "target", "session")
    made = pages.Page(Script(), gate, request, Deadline(5), blank)  # type: ignore[arg-type]
    arrive(made, "first", "http://example.com/")
    return made


@pytest.mark.parametrize("told", [True, False])
def test_an_error_status_that_is_told_late(
    page: pages.Page, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    monkeypatch.setattr(Script, "error", "net::ERR_HTTP_RESPONSE_CODE_FAILURE")
    page.loading.answers.clear()
    response = {"status": 404, "url": "http://example.com/"}
    news = {"type": "Document", "loaderId": "first", "response": response}
    if told:
        threading.Timer(0.1, tell, (page, "Network.responseReceived", news)).start()
    expected = "404: Not Found" if told else "could not open it"
    with pytest.raises((EngineRejected, EngineUnavailable), match=expected):
        page.load("http://example.com/")


@pytest.mark.parametrize("told", [True, False])
def test_a_crash_that_is_told_after_its_navigation_has_ended(
    page: pages.Page, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    monkeypatch.setattr(Script, "error", "net::ERR_ABORTED")
    monkeypatch.setattr(Script, "fail", lambda *_: None, raising=False)
    if told:
        threading.Timer(0.1, tell, (page, "Inspector.targetCrashed", {})).start()
    else:
        monkeypatch.setattr(pages, "CRASH_SECONDS", 0.05)
    expected = "crashed" if told else "it is a download or has no content"
    with pytest.raises((EngineRejected, EngineUnavailable), match=expected):
        page.load("http://example.com/")


def tell(page: pages.Page, method: str, params: dict[str, Any]) -> None:
    """An event from the browser."""
    page._event({"method": method, "params": params, "sessionId": "session"})


def arrive(page: pages.Page, loader: str, url: str) -> None:
    """The browser tells of a new document and that it has loaded."""
    answer = {"type": "Document", "loaderId": loader, "response": {"status": 200, "url": url}}
    tell(page, "Network.responseReceived", answer)
    tell(page, "Page.frameNavigated", {"frame": {"id": "target", "loaderId": loader, "url": url}})
    tell(page, "Page.loadEventFired", {})


def test_a_refusal_before_the_news_of_the_new_document(
    page: pages.Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def evaluate(expression: str, doing: str) -> dict[str, Any]:
        asked.append(doing)
        if len(asked) == 1:
            late = ("second", "http://example.com/next")
            threading.Timer(0.1, arrive, (page, *late)).start()
            raise Refused("Runtime.evaluate", "Cannot find context with specified id")
        return {"url": "http://example.com/next", "title": "Next"}

    monkeypatch.setattr(page, "evaluate", evaluate)
    assert page.load("http://example.com/") == ("http://example.com/next", "Next", 200)


def test_a_refusal_of_a_page_that_stays_is_an_error(
    page: pages.Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluate(expression: str, doing: str) -> dict[str, Any]:
        raise Refused("Runtime.evaluate", "Out of sorts")

    monkeypatch.setattr(page, "evaluate", evaluate)
    with pytest.raises(Refused, match="Out of sorts"):
        page.load("http://example.com/")
