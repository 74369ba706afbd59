"""Where http-request nodes may go, against a real server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from runtime.workflow import web as web_module
from runtime.workflow.web import Refused, Web
from tests.servers import Server, answer


def page(request: Any) -> None:
    if request.path == "/away":
        answer(request, b"", 302, Location="http://169.254.169.254/latest/meta-data/")
    elif request.path == "/here":
        answer(request, b"", 302, Location="/page")
    elif request.path == "/large":
        answer(request, b"x" * 5000)
    else:
        answer(request, f"{request.command} {request.headers['Host']}")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(page) as running:
        yield running


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def web(*hosts: str) -> Web:
    return Web(hosts, lambda: 20.0, lambda: False)


def test_an_open_host_answers_and_relative_redirects_are_followed(server: Server) -> None:
    reached = web("127.0.0.1").get(f"{server.url}/here", follow_redirects=True)
    assert reached.text == f"GET 127.0.0.1:{server.port}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"])
def test_private_hosts_are_refused_however_they_are_written(host: str, server: Server) -> None:
    with pytest.raises(Refused, match="STUDIO_ALLOWED_PRIVATE_HOSTS"):
        web().get(f"http://{host}:{server.port}/page")
    assert server.requests == []


def test_a_redirect_is_judged_too(server: Server) -> None:
    with pytest.raises(Refused, match="metadata"):
        web("127.0.0.1").get(f"{server.url}/away", follow_redirects=True)


def test_a_post_is_never_sent_twice() -> None:
    def broken(request: Any) -> None:
        request.connection.close()

    with Server(broken) as server:
        with pytest.raises(httpx.RequestError):
            web("127.0.0.1").post(server.url, max_retries=3, content=b"x")
        assert len(server.requests) == 1
        with pytest.raises(httpx.RequestError):
            web("127.0.0.1").get(server.url, max_retries=2)
        assert len(server.requests) == 4


def test_a_large_answer_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_module, "MAX_BYTES", 1000)
    with pytest.raises(Refused, match="HTTP_REQUEST_NODE_MAX_BINARY_SIZE"):
        web("127.0.0.1").get(f"{server.url}/large")
    stopped = Web(["127.0.0.1"], lambda: 20.0, lambda: True)
    with pytest.raises(Refused, match="the run has ended"):
        stopped.get(f"{server.url}/page")


def test_proxies_of_the_environment_are_taken(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", "localhost")
    # Only the proxy knows this name.
    assert web().get("http://shop.invalid/page").text == "GET shop.invalid"
    assert server.requests == ["GET http://shop.invalid/page"]
    assert web("localhost").get(f"http://localhost:{server.port}/page").status_code == 200
    assert server.requests[1] == "GET /page"
    for private in ("http://169.254.169.254/latest", "http://10.0.0.1/"):
        with pytest.raises(Refused, match="STUDIO_ALLOWED_PRIVATE_HOSTS"):
            web().get(private)
    assert len(server.requests) == 2
    monkeypatch.setenv("HTTP_PROXY", "socks5://user:secret@127.0.0.1:1")
    with pytest.raises(Refused, match="is no HTTP proxy") as caught:
        web().get("http://shop.invalid/page")
    assert "secret" not in str(caught.value)
