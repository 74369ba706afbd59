"""creative.http against a real server on loopback."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from creative import breaker, http
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, DeadlineExceeded, EngineUnavailable, TooLarge
from tests.pages import closed_port
from tests.servers import Server, answer, silent_listener


@pytest.fixture(autouse=True)
def rested_breakers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(http, "RETRY_PAUSE_SECONDS", 0.01)
    breaker._breakers.clear()
    yield
    breaker._breakers.clear()


def ask(url: str, seconds: float = 5.0, method: str = "GET", **options: Any) -> http.Reply:
    with http.client("the engine", Deadline(seconds)) as client:
        return client.request(method, url, **options)


def test_a_whole_answer() -> None:
    with Server(lambda r: answer(r, '{"a": "ü"}')) as server:
        reply = ask(f"{server.url}/x?token=secret")
    assert reply.ok
    assert reply.json() == {"a": "ü"}
    assert reply.address == f"{server.url}/x?…"


def test_no_json_is_named_with_its_beginning() -> None:
    with (
        Server(lambda r: answer(r, "<html>Login</html>", content_type="text/html")) as server,
        pytest.raises(AnswerInvalid, match=r"status 200, no JSON, the body begins: <html>Login"),
    ):
        ask(server.url).json()


@pytest.mark.parametrize(("method", "tries"), [("GET", 3), ("POST", 1)])
def test_only_reading_is_repeated(method: str, tries: int) -> None:
    with Server(lambda r: answer(r, "{}", 503)) as server:
        assert ask(server.url, method=method).status == 503
        assert len(server.requests) == tries


def test_a_get_that_succeeds_the_second_time() -> None:
    def handler(request: BaseHTTPRequestHandler) -> None:
        if len(server.requests) == 1:
            request.connection.close()
        else:
            answer(request, '"fine"')

    with Server(handler) as server:
        assert ask(server.url).json() == "fine"


def test_a_broken_post_is_not_sent_again() -> None:
    with Server(lambda r: r.connection.close()) as server:
        with pytest.raises(EngineUnavailable, match="closed the connection without an answer"):
            ask(server.url, method="POST", json={})
        assert server.requests == ["POST /"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_redirect_is_followed(method: str, status: int) -> None:
    with Server(lambda r: answer(r, "", status, Location="/elsewhere")) as server:
        assert ask(server.url, method=method).status == status
        with (
            http.client("the engine", Deadline(5)) as client,
            client.opened(method, server.url) as stream,
        ):
            assert stream.status == status
        assert server.requests == [f"{method} /"] * 2


def test_a_stream_that_is_led_to_no_address() -> None:
    with (
        Server(lambda r: answer(r, "", 302, Location="http://[bad/")) as server,
        http.client("the engine", Deadline(5)) as client,
        pytest.raises(AnswerInvalid, match="an address that is none"),
        client.opened("POST", server.url),
    ):
        pass


def drip_body(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    for _ in range(1000):
        request.wfile.write(b"x")
        request.wfile.flush()
        time.sleep(0.1)


def drip_headers(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        request.wfile.write(f"X-{number}: y\r\n".encode())
        request.wfile.flush()
        time.sleep(0.1)


@pytest.mark.parametrize("handler", [drip_body, drip_headers])
def test_a_dripping_server_meets_the_deadline(handler: object) -> None:
    began = time.monotonic()
    with Server(handler) as server, pytest.raises(DeadlineExceeded, match="the engine"):  # type: ignore[arg-type]
        ask(server.url, seconds=0.6)
    assert time.monotonic() - began < 30


def test_a_server_that_accepts_and_never_answers() -> None:
    began = time.monotonic()
    with silent_listener() as port, pytest.raises(DeadlineExceeded):
        ask(f"http://127.0.0.1:{port}/", seconds=0.5)
    assert time.monotonic() - began < 30


def test_a_body_that_stops_half_way() -> None:
    def handler(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100")
        request.end_headers()
        request.wfile.write(b"half")
        request.connection.close()

    with Server(handler) as server, pytest.raises(EngineUnavailable):
        ask(server.url, method="POST")


def test_a_body_over_the_limit() -> None:
    with Server(lambda r: answer(r, b"x" * 3000)) as server, pytest.raises(TooLarge):
        ask(server.url, max_bytes=2048)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:7860", "not an http or https address"),
        ("ftp://example.com/", "not an http or https address"),
        ("http://[::1/", "not an http or https address"),
        ("http://a..b/", "not an http or https address"),
        ("http://name.invalid/", "cannot be resolved"),
    ],
)
def test_addresses_that_cannot_work(url: str, said: str) -> None:
    with pytest.raises(EngineUnavailable, match=said):
        ask(url)


def test_https_asked_of_a_plain_server() -> None:
    with (
        Server(lambda r: answer(r, "{}")) as server,
        pytest.raises(EngineUnavailable, match="does not speak TLS"),
    ):
        ask(server.url.replace("http:", "https:"))


def test_an_address_that_failed_thrice_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://user:secret@127.0.0.1:{closed_port()}/"
    with pytest.raises(EngineUnavailable, match="refused") as caught:
        ask(url)  # tried several times, counts once
    assert "secret" not in str(caught.value)
    with http.client("the engine", Deadline(5)) as client:
        for _ in range(breaker.FAILURES_TO_OPEN - 1):
            with pytest.raises(EngineUnavailable, match="refused"):
                client.post(url)
    tried: list[str] = []
    monkeypatch.setattr(http.Client, "_once", lambda self, method, *_: tried.append(method))
    with pytest.raises(EngineUnavailable, match="rests for"):
        ask(url)
    assert tried == []


def test_an_answer_ends_the_rest() -> None:
    with Server(lambda r: answer(r, "{}")) as server:
        resting = breaker.breaker_of(server.url)
        for _ in range(breaker.FAILURES_TO_OPEN):
            resting.failed()
        with pytest.raises(EngineUnavailable, match="rests"):
            ask(server.url)
        resting.rests_until = time.monotonic()  # half a minute has passed
        assert ask(server.url).ok
        assert resting.failures == 0


def test_passwords_in_netrc_stay_there(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")  # type: ignore[operator]
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))  # type: ignore[operator]
    seen: list[str | None] = []

    def handler(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers.get("Authorization"))
        answer(request, "{}")

    with Server(handler) as server:
        ask(server.url)
        ask(server.url, auth=("a", "b"))
    assert seen == [None, "Basic YTpi"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://u:p@h.example:8443/a/b?token=t#f", "https://h.example:8443/a/b?…"),
        ("wss://h.example/?token=t", "wss://h.example/?…"),
        ("http://[::1]:80/", "http://[::1]:80/"),
        ("u:p@h.example/a?b", "h.example/a"),
        ("http://h:port/", "(an unreadable address)"),
    ],
)
def test_what_is_shown_of_an_address(address: str, shown: str) -> None:
    assert http.redact(address) == shown


def test_addresses_inside_a_text_are_redacted() -> None:
    text = "no answer from wss://u:p@h/x?token=t after 3 tries"
    assert http.redact_text(text) == "no answer from wss://h/x?… after 3 tries"


def test_a_long_text_is_redacted_in_no_time() -> None:
    text = "a-" * 200_000 + "x" * 50 + "://user:hush@host/path"
    began = time.process_time()
    shown = http.redact_text(text)
    assert time.process_time() - began < 1
    assert "hush" not in shown
    assert shown.endswith("://host/path")
