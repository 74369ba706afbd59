"""What the gate lets go with a request, and what it keeps away, for one capture."""

from __future__ import annotations

from typing import Any

import pytest

from creative.capture.visit import Visit
from creative.deadline import Deadline

OWN = "https://own.example"


class Doors:
    """Opens own.example."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool, str]] = []

    def headers(self, url: str) -> dict[str, str]:
        return {"X-Key": "secret", "accept": "mine"} if url.startswith(OWN + "/") else {}

    def login(self, url: str, is_proxy: bool, realm: str) -> tuple[str, str] | None:
        self.asked.append((url, is_proxy, realm))
        if is_proxy:
            return ("me", "proxied")
        return ("me", "hunter2") if url.startswith(OWN + "/") else None


@pytest.fixture
def visit() -> Visit:
    made = Visit("page", None, Deadline(5), lambda error: None)
    made.doors = Doors()
    return made


def request(number: str, url: str, kind: str = "Image", **more: Any) -> dict[str, Any]:
    asked = {"url": url, "headers": {"Accept": "theirs", "Referer": "r"}}
    return {"requestId": number, "request": asked, "resourceType": kind, "frameId": "page", **more}


def test_headers_go_to_the_own_origin_only_and_replace_the_browsers(visit: Visit) -> None:
    found = visit.headers(request("1", OWN + "/a")) or []
    assert {pair["name"]: pair["value"] for pair in found} == {
        "Referer": "r",
        "X-Key": "secret",
        "accept": "mine",
    }
    assert visit.headers(request("2", "https://other.example/")) is None
    visit.doors = None
    assert visit.headers(request("3", OWN + "/a")) is None


def test_what_another_origin_redirects_back_gets_none(visit: Visit) -> None:
    assert visit.headers(request("1", OWN + "/a"))
    assert visit.headers(request("2", OWN + "/b", redirectedRequestId="1"))
    assert visit.headers(request("3", "https://other.example/", redirectedRequestId="2")) is None
    assert visit.headers(request("4", OWN + "/evil", redirectedRequestId="3")) is None
    assert visit.headers(request("5", OWN + "/more", redirectedRequestId="4")) is None


def challenge(number: str, url: str, source: str = "Server") -> dict[str, Any]:
    origin = "http://proxy.example:1" if source == "Proxy" else "/".join(url.split("/")[:3])
    asked = {"source": source, "origin": origin, "scheme": "basic", "realm": "r"}
    return request(number, url, authChallenge=asked)


def test_a_password_is_given_once_for_each_demand(visit: Visit) -> None:
    given = {"response": "ProvideCredentials", "username": "me", "password": "hunter2"}
    refused = {"response": "CancelAuth"}
    assert visit.login(challenge("1", OWN + "/a")) == given
    assert visit.login(challenge("1", OWN + "/a")) == refused
    assert visit.login(challenge("2", OWN + "/b")) == given
    assert visit.login(challenge("3", "https://other.example/")) == refused
    assert visit.login(challenge("4", OWN + "/c", "Proxy"))["password"] == "proxied"
    assert isinstance(visit.doors, Doors)
    assert visit.doors.asked[-1] == ("http://proxy.example:1", True, "r")


def test_unwanted_requests_are_counted_but_never_the_page_itself(visit: Visit) -> None:
    assert not visit.keeps_out(request("1", "https://ads.example/x"))
    visit.unwanted = lambda url, kind: "ads" in url
    assert visit.keeps_out(request("1", "https://ads.example/x"))
    assert not visit.keeps_out(request("2", OWN + "/x"))
    assert not visit.keeps_out(request("3", "https://ads.example/", "Document"))
    assert visit.keeps_out(request("4", "https://ads.example/", "Document", frameId="other"))
    assert (visit.unwanted_count, visit.blocked_count) == (2, 0)
