"""Files that users hand over: Dify's own links, and links that somebody typed."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from creative.capture.guard import Guard
from creative.deadline import Deadline
from creative.errors import BlockedAddress, EngineRejected
from creative.files import fetch
from creative.http import client
from creative.images.engines.pictures_in import Origin, fetched
from tests.servers import Server, answer

SIGNED = "?timestamp=1&nonce=n&sign=secret"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    def handler(request: object) -> None:
        path = request.path  # type: ignore[attr-defined]
        if path.startswith("/files/moved"):
            answer(request, b"", 302, Location="/admin")  # type: ignore[arg-type]
        elif path.startswith("/round"):
            answer(request, b"", 302, Location="/round")  # type: ignore[arg-type]
        else:
            answer(request, b"bytes of " + path.encode())  # type: ignore[arg-type]

    with Server(handler) as running:
        yield running


def get(url: str, allowed: tuple[str, ...] = ()) -> bytes:
    return fetch(url, "", "image", Deadline(10), 1000, allowed).data


@pytest.mark.parametrize("path", ["/files/1/file-preview", "/files/tools/2.png", "/dify/files/3/x"])
def test_a_signed_link_may_be_on_a_private_address(server: Server, path: str) -> None:
    assert get(server.url + path + SIGNED).startswith(b"bytes of " + path.encode())


@pytest.mark.parametrize("path", ["/files/1", "/admin" + SIGNED, "/files/1?sign=s", "/"])
def test_a_typed_link_passes_the_guard(server: Server, path: str) -> None:
    before = len(server.requests)
    with pytest.raises(BlockedAddress, match="127"):
        get(server.url + path)
    assert len(server.requests) == before


@pytest.mark.parametrize(
    "path",
    [
        "/files/../admin",
        "/files/%2E%2e/admin",
        "/files/a/..%2Fadmin",
        "/files/./x",
        "/a/../files/x",
    ],
)
def test_a_path_that_leads_elsewhere_is_no_signed_link(server: Server, path: str) -> None:
    before = len(server.requests)
    with pytest.raises(BlockedAddress):
        get(server.url + path + SIGNED)
    assert len(server.requests) == before


def test_an_allowed_host_may_be_typed(server: Server) -> None:
    assert get(f"{server.url}/any", (f"127.0.0.1:{server.port}",)) == b"bytes of /any"


def test_a_redirect_of_a_signed_link_is_not_signed(server: Server) -> None:
    before = len(server.requests)
    with pytest.raises(BlockedAddress):
        get(f"{server.url}/files/moved{SIGNED}")
    assert server.requests[before:] == [f"GET /files/moved{SIGNED}"]


def test_a_link_local_address_is_never_the_store() -> None:
    with pytest.raises(BlockedAddress, match=r"169\.254"):
        get("http://169.254.169.254/files/latest" + SIGNED)


def test_redirects_in_a_circle_end(server: Server) -> None:
    with pytest.raises(EngineRejected, match="redirects more than 5 times"):
        get(f"{server.url}/round", (f"127.0.0.1:{server.port}",))


@pytest.mark.parametrize(
    "host", ["2852039166", "0xA9FEA9FE", "169.16689662", "[::ffff:a9fe:a9fe]", "100.100.100.200"]
)
def test_nor_is_one_in_other_clothes(host: str) -> None:
    with pytest.raises(BlockedAddress):
        get(f"http://{host}/files/latest" + SIGNED)


@pytest.fixture
def rebound(monkeypatch: pytest.MonkeyPatch) -> str:
    """A name: the guard hears of a public address; a moment later it means this machine."""
    monkeypatch.setattr(Guard, "_addresses", lambda self, name, deadline: ["93.184.216.34"])
    usual = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *more, **how: usual(
            "127.0.0.1" if host == "rebind.localtest" else host, *more, **how
        ),
    )
    return "rebind.localtest"


def test_a_name_that_changes_its_address_is_asked_nothing(server: Server, rebound: str) -> None:
    before = list(server.requests)
    with pytest.raises(BlockedAddress, match="it was answered by"):
        get(f"http://{rebound}:{server.port}/secret")
    assert server.requests == before


def test_nor_when_an_engine_says_that_its_picture_is_there(server: Server, rebound: str) -> None:
    before = list(server.requests)
    origin = Origin("http://engine.example", {}, (), Deadline(10), "openai_api_key", "none")
    with (
        client("The images API", Deadline(10)) as http,
        pytest.raises(BlockedAddress, match="it was answered by"),
    ):
        fetched(f"http://{rebound}:{server.port}/a.png", http, origin)
    assert server.requests == before
