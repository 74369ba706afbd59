"""What goes wrong on the way: each its own clear error, in time, with nothing left running."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest
import requests

from creative import breaker, http
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    DeadlineExceeded,
    EngineRejected,
    EngineUnavailable,
)
from creative.images import pool
from creative.images.engines.automatic1111 import Automatic1111
from creative.images.engines.automatic1111.dialect import forget
from creative.images.engines.base import Drawn, Task
from creative.images.plan import Plan
from creative.images.request import DrawRequest
from creative.settings import Settings
from creative.steps import Phase, Steps
from tests.sd_server import SdServer, png
from tests.servers import answer, free_port, silent_listener

TXT2IMG = "/sdapi/v1/txt2img"
Fault = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After each call no thread of ours runs, and no place in the pool is held."""
    monkeypatch.setattr(http, "RETRY_PAUSE_SECONDS", 0.01)
    forget()
    breaker._breakers.clear()
    before = set(threading.enumerate())
    yield
    breaker._breakers.clear()
    servers = ("process_request", "_draw_job")
    new = set(threading.enumerate()) - before
    ours = [t for t in new if not any(name in t.name for name in servers)]
    for thread in ours:
        if thread.ident:  # one that has not begun yet cannot be joined
            thread.join(5)  # a cancelled timer takes a moment
    assert [t.name for t in ours if t.is_alive()] == []
    assert not any(pool._busy.values())


def draw(address: str, seconds: float = 5, count: int = 1) -> Drawn:
    request = DrawRequest(prompt="a cat", family="sd15", count=count)
    plan = Plan(draw_width=64, draw_height=64, width=64, height=64)
    drawing = Steps().step(Phase.AI_CALL, "Drawing", until=100)
    settings = Settings(sd_base_url=(address,))
    with Automatic1111(settings, Deadline(seconds)) as engine:
        engine.survey(request)
        with drawing as step:
            return engine.draw(Task(request=request, plan=plan, seed=7), step)


def says(body: object, status: int = 200, content_type: str = "application/json") -> Fault:
    text = body if isinstance(body, str) else json.dumps(body)
    return lambda request: answer(request, text, status, content_type)


def images(*texts: object) -> Fault:
    return says({"images": list(texts), "info": json.dumps({"all_seeds": [7]})})


def redirect(request: BaseHTTPRequestHandler) -> None:
    answer(request, "", 302, Location="https://login.example.com/?token=topsecret")


def half(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"images": [')


def vanish(request: BaseHTTPRequestHandler) -> None:
    request.connection.shutdown(socket.SHUT_RDWR)


HTML = "<html><head><title>Just a moment</title></head><body>…</body></html>"
CUT = base64.b64encode(png(64, 64, 1)[:-20]).decode()
NOISE = base64.b64encode(b"no picture at all").decode()


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (says({"detail": "Incorrect username or password"}, 401), EngineRejected, "401: Incorrect"),
        (says({"detail": "Not Found"}, 404), EngineRejected, "404: Not Found.*--api"),
        (
            says({"detail": [{"loc": ["body", "steps"], "msg": "Input should be valid"}]}, 422),
            EngineRejected,
            "422: steps: Input should be valid",
        ),
        (says({"detail": "Script 'x' not found"}, 422), EngineRejected, "422: Script 'x' not"),
        (
            says(
                {"error": "NansException", "detail": "", "body": "", "errors": "NaNs in Unet"}, 500
            ),
            EngineRejected,
            "500: NansException: NaNs in Unet",
        ),
        (
            says({"error": "KeyError", "detail": "", "body": "", "message": "'nope'"}, 500),
            EngineRejected,
            "500: KeyError: 'nope'",
        ),
        (
            says({"error": "server_error", "message": "must be number"}, 500),
            EngineRejected,
            "500: server_error: must be number",
        ),
        (says("", 413, "text/plain"), EngineRejected, "413: .empty body.*smaller picture"),
        (says(HTML, 200, "text/html"), AnswerInvalid, "no JSON, the body begins: <html>"),
        (says(HTML, 504, "text/html"), EngineUnavailable, "proxy.*answered 504.*mode submit"),
        (says(HTML, 524, "text/html"), EngineUnavailable, "proxy.*answered 524"),
        (says(HTML, 403, "text/html"), EngineRejected, "403: an HTML page.*Just a moment"),
        (redirect, EngineRejected, "302: it redirects to https://login.example.com"),
        (says([]), AnswerInvalid, "no object"),
        (says({}), AnswerInvalid, "holds no picture"),
        (images(), AnswerInvalid, "holds no picture"),
        (images("%%%"), AnswerInvalid, "no base64"),
        (images(None), AnswerInvalid, "picture is missing"),
        (images(NOISE), AnswerInvalid, "its picture: "),
        (images(CUT), AnswerInvalid, "its picture: "),
        (half, EngineUnavailable, "stopped in the middle"),
        (vanish, EngineUnavailable, "closed the connection"),
    ],
)
def test_a_bad_answer_to_the_generation(
    fault: Fault, kind: type[CreativeError], message: str
) -> None:
    with SdServer("forge") as server:
        server.broken[TXT2IMG] = fault
        with pytest.raises(kind, match=f"(?s){message}") as caught:
            draw(server.url)
        assert len(server.posts_to(TXT2IMG)) == 1, "a POST is sent once"
    assert server.url in str(caught.value)
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (says({"error": "invalid generation parameters"}, 400), EngineRejected, "400: invalid gen"),
        (says({"error": "job queue is full"}, 429), EngineRejected, "429: job queue is full"),
        (says({"status": "queued"}, 202), AnswerInvalid, "no id"),
    ],
)
def test_a_bad_answer_to_a_native_job(
    fault: Fault, kind: type[CreativeError], message: str
) -> None:
    with SdServer("sdcpp") as server:
        server.broken["/sdcpp/v1/img_gen"] = fault
        with pytest.raises(kind, match=message):
            draw(server.url)


@pytest.mark.parametrize(
    ("job", "kind", "message"),
    [
        (
            {"status": "failed", "error": {"code": "generation_failed", "message": "no results"}},
            EngineRejected,
            "failed: no results",
        ),
        ({"status": "cancelled", "error": None}, EngineRejected, "cancelled"),
        ({"status": "completed", "result": None}, AnswerInvalid, "holds no picture"),
        ({"status": "completed", "result": {"images": []}}, AnswerInvalid, "holds no picture"),
        (
            {"status": "completed", "result": {"images": [{"b64_json": NOISE}]}},
            AnswerInvalid,
            "its picture: ",
        ),
    ],
)
def test_a_native_job_that_ends_badly(
    job: dict[str, object], kind: type[CreativeError], message: str
) -> None:
    with SdServer("sdcpp") as server:
        server.broken["/sdcpp/v1/jobs/job_0"] = says(job)
        with pytest.raises(kind, match=message):
            draw(server.url)


def test_native_parts_are_taken_back_when_one_is_refused() -> None:
    with SdServer("sdcpp", seconds=1) as server:
        start = server._start_job
        others = {"prompt": "a dog", "width": 64, "height": 64, "seed": 1, "batch_count": 1}
        requests.post(f"{server.url}/sdcpp/v1/img_gen", json=others, timeout=5)

        def second_is_refused(request: BaseHTTPRequestHandler) -> None:
            if len(server.jobs) == 2:
                answer(request, '{"error": "job queue is full"}', 429)
            else:
                start(request, server.posts[-1][1])

        server.broken["/sdcpp/v1/img_gen"] = second_is_refused
        with pytest.raises(EngineRejected, match="queue is full"):
            draw(server.url, count=9)
        assert [job["status"] for job in server.jobs.values()] == ["generating", "cancelled"]


def test_fewer_pictures_than_asked() -> None:
    with SdServer("forge") as server:
        one = base64.b64encode(png(64, 64, 7)).decode()
        server.broken[TXT2IMG] = images(one)
        with pytest.raises(EngineRejected, match="1 of 2 pictures"):
            draw(server.url, count=2)


@pytest.mark.parametrize(
    ("path", "fault", "kind", "message"),
    [
        ("/sdapi/v1/sd-models", says({"detail": "Not Found"}, 404), EngineRejected, "404.*--api"),
        ("/sdapi/v1/sd-models", says(HTML, 200, "text/html"), AnswerInvalid, "no JSON"),
        ("/sdapi/v1/sd-models", says({"data": []}), AnswerInvalid, "no list"),
        ("/sdapi/v1/sd-models", redirect, EngineRejected, "redirects"),
        ("/sdapi/v1/options", says({"error": "x", "errors": "broken"}, 500), EngineRejected, "500"),
        ("/sdapi/v1/upscalers", vanish, EngineUnavailable, "closed the connection"),
    ],
)
def test_a_bad_answer_before_anything_is_drawn(
    path: str, fault: Fault, kind: type[CreativeError], message: str
) -> None:
    with SdServer("forge") as server:
        server.broken[path] = fault
        with pytest.raises(kind, match=f"(?s){message}"):
            draw(server.url)
        assert server.posts == []


def test_a_description_that_is_odd_is_done_without() -> None:
    for odd in (says("nonsense"), says({"paths": []}), says({}, 500)):
        with SdServer("forge") as server:
            server.broken["/openapi.json"] = odd
            assert draw(server.url).pictures


class Held:
    """Answers that never end, and whether the client has hung up."""

    def __init__(self, drip: bool) -> None:
        self.drip = drip
        self.gone = threading.Event()

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        if self.drip:
            request.send_response(200)
            request.send_header("Content-Length", "100000")
            request.end_headers()
        request.connection.settimeout(0.1)
        with contextlib.suppress(OSError):
            while True:
                if self.drip:
                    request.wfile.write(b" ")
                    request.wfile.flush()
                with contextlib.suppress(TimeoutError):
                    if not request.connection.recv(1):
                        break
        self.gone.set()


@pytest.mark.parametrize("drip", [False, True])
def test_an_answer_that_never_comes_or_drips_ends_with_the_deadline(drip: bool) -> None:
    held = Held(drip)
    with SdServer("forge") as server:
        server.broken[TXT2IMG] = held
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded, match=r"1\.2 s \(timeout_seconds\).*does not run it"):
            draw(server.url, seconds=1.2)
        assert time.monotonic() - began < 20
        assert held.gone.wait(20), "the connection was left open"
        assert server.interrupts == 0


@pytest.mark.parametrize("drip", [False, True])
def test_a_survey_that_never_ends(drip: bool) -> None:
    held = Held(drip)
    with SdServer("forge") as server:
        server.broken["/sdapi/v1/sd-models"] = held
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            draw(server.url, seconds=0.6)
        assert time.monotonic() - began < 20
        assert held.gone.wait(20)


def test_a_server_that_accepts_and_never_answers() -> None:
    with silent_listener() as port:
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            draw(f"http://127.0.0.1:{port}", seconds=0.6)
        assert time.monotonic() - began < 20


def test_a_silent_server_does_not_hold_up_a_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "LOOK_SECONDS", 0.5)
    request = DrawRequest(prompt="a cat", family="sd15")
    with silent_listener() as port, SdServer("forge") as server:
        began = time.monotonic()
        addresses = (f"http://127.0.0.1:{port}", server.url)
        with Automatic1111(Settings(sd_base_url=addresses), Deadline(20)) as engine:
            assert engine.survey(request).server == server.url
        assert time.monotonic() - began < 20


def test_a_server_that_dies_in_the_middle_of_the_job() -> None:
    def die(request: BaseHTTPRequestHandler) -> None:
        time.sleep(1.3)
        server._server.socket.close()  # nothing is accepted any more
        vanish(request)

    with SdServer("forge") as server:
        server.broken[TXT2IMG] = die
        with pytest.raises(EngineUnavailable, match="closed the connection without an answer"):
            draw(server.url, seconds=10)


def test_a_cancel_that_hangs_ends_after_its_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("creative.images.engines.automatic1111.watch.GRACE_SECONDS", 0.5)
    held = Held(drip=False)
    with SdServer("forge", seconds=60) as server:
        server.broken["/sdapi/v1/interrupt"] = held
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded, match="is not known"):
            draw(server.url, seconds=0.7)
        assert time.monotonic() - began < 20
        server.interrupt()


def test_tls_where_there_is_none() -> None:
    with SdServer("forge") as server, pytest.raises(EngineUnavailable, match="TLS"):
        draw(server.url.replace("http://", "https://"))


@pytest.mark.parametrize("address", ["127.0.0.1:7860", "localhost", "ftp://x", "http://[bad"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(CreativeError, match=r"https? |http:"):
        draw(address)


def test_nobody_there() -> None:
    with pytest.raises(EngineUnavailable, match="refused"):
        draw(f"http://127.0.0.1:{free_port()}")


def test_an_error_of_the_listener_leaves_nothing_running() -> None:
    request = DrawRequest(prompt="a cat", family="sd15")
    plan = Plan(draw_width=64, draw_height=64, width=64, height=64)

    def listener(event: object) -> None:
        if "step" in getattr(event, "label", ""):
            raise RuntimeError("the caller is gone")

    with SdServer("forge", seconds=60) as server:
        settings = Settings(sd_base_url=(server.url,))
        drawing = Steps(listener).step(Phase.AI_CALL, "Drawing", until=100)
        began = time.monotonic()
        with Automatic1111(settings, Deadline(20)) as engine:
            engine.survey(request)
            with pytest.raises(RuntimeError), drawing as step:
                engine.draw(Task(request=request, plan=plan, seed=7), step)
        assert time.monotonic() - began < 30
        server.interrupt()
