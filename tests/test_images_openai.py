"""The openai engine against scripted servers, and against a real one where there is one."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from PIL import Image

from creative import breaker
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    BlockedAddress,
    CreativeError,
    DeadlineExceeded,
    EngineRejected,
    EngineUnavailable,
    InvalidInput,
    NotConfigured,
)
from creative.images.engines import openai as engine_module
from creative.images.engines import openai_tables, waiting
from creative.images.engines.base import Drawn, Survey, Task, Ticket, fingerprint
from creative.images.engines.openai import OpenAI
from creative.images.plan import plan
from creative.images.request import DrawRequest, Lora
from creative.images.size import Size, read_size
from creative.settings import Settings
from creative.steps import Phase, Steps
from tests.servers import Server, answer

KEY = "sk-test-0123456789"
REAL = os.environ.get("STUDIO_TEST_SDCPP_URL", "")


@pytest.fixture(autouse=True)
def rested_breakers() -> Iterator[None]:
    breaker._breakers.clear()
    yield
    breaker._breakers.clear()


def png(color: str = "red", size: tuple[int, int] = (16, 16), mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, color).save(out, "PNG")
    return out.getvalue()


def rows(*pictures: bytes, **more: Any) -> str:
    return json.dumps(
        {"created": 1, "data": [{"b64_json": base64.b64encode(p).decode()} for p in pictures]}
        | more
    )


Reaction = Callable[[BaseHTTPRequestHandler, "Api"], None]


class Api:
    """A scripted images API that keeps what it was sent."""

    def __init__(self, react: Reaction, models: tuple[str, ...] = ()) -> None:
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self._react = react
        self._models = models
        self.server = Server(self._handle)

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        if request.path == "/v1/models":
            listed = {"data": [{"id": name, "object": "model"} for name in self._models]}
            answer(request, json.dumps(listed))
            return
        sent = request.rfile.read(int(request.headers.get("Content-Length", "0")))
        if request.command == "POST":
            kind = request.headers["Content-Type"]
            json_body = kind.startswith("application/json")
            self.bodies.append(json.loads(sent) if json_body else form(kind, sent))
            self.headers.append(dict(request.headers))
        self._react(request, self)

    def __enter__(self) -> Api:
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__()

    @property
    def url(self) -> str:
        return f"{self.server.url}/v1"


def form(content_type: str, body: bytes) -> dict[str, Any]:
    parsed = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
    )
    return {
        str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True)
        for part in parsed.iter_parts()
    }


def giving(*answers: str) -> Reaction:
    """Each answer once, the last for ever."""
    left = list(answers)
    return lambda request, api: answer(request, left.pop(0) if len(left) > 1 else left[0])


def task_of(request: DrawRequest, survey: Survey, init: bool = False) -> Task:
    planned = plan(request.size, survey.rule)
    size = (planned.draw_width, planned.draw_height)
    return Task(
        request=request,
        plan=planned,
        seed=5,
        init=png(size=size) if init else None,
        mask=request.mask,
    )


def draw(
    request: DrawRequest, settings: Settings, seconds: float = 10.0, init: bool = False
) -> tuple[Drawn, Survey, list[str]]:
    told: list[str] = []
    steps = Steps(lambda event: told.append(event.label))
    with OpenAI(settings, Deadline(seconds)) as engine:
        survey = engine.survey(request)
        with steps.step(Phase.AI_CALL, "drawing", until=90) as step:
            return engine.draw(task_of(request, survey, init), step), survey, told


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> Callable[[Api], Settings]:
    """Makes a scripted server stand for OpenAI itself."""

    def stand_in(api: Api) -> Settings:
        monkeypatch.setattr(engine_module, "OPENAI_URL", api.url)
        return Settings(openai_api_key=KEY)

    return stand_in


def local(api: Api, **more: Any) -> Settings:
    return Settings(openai_base_url=api.url, **more)


USAGE = {
    "input_tokens": 150,
    "input_tokens_details": {"text_tokens": 50, "image_tokens": 100},
    "output_tokens": 1000,
}


def test_openai_itself_gets_the_default_model_a_size_by_its_rule_and_the_key(
    official: Callable[[Api], Settings],
) -> None:
    with Api(giving(rows(png(), usage=USAGE))) as api:
        request = DrawRequest(prompt="a cat", size=read_size("970x250"))
        drawn, survey, _ = draw(request, official(api))
    assert api.server.requests == ["POST /v1/images/generations"]
    sent = api.bodies[0]
    assert sent["model"] == survey.model == drawn.model == openai_tables.default_model()
    width, height = map(int, sent.pop("size").split("x"))
    assert width >= 970
    assert height >= 250
    assert width % 16 == height % 16 == 0
    assert width * height >= 655_360
    assert max(width, height) <= 3 * min(width, height)
    assert sent == {"model": survey.model, "prompt": "a cat", "n": 1}
    assert api.headers[0]["Authorization"] == f"Bearer {KEY}"
    # 50 text at $5, 100 image at $8, 1000 image out at $30 per million
    assert drawn.cost == pytest.approx((50 * 5 + 100 * 8 + 1000 * 30) / 1e6)
    assert drawn.pictures[0].seed is None
    assert "Size: " in drawn.pictures[0].infotext


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        ("gpt-image-1.5", "16:9", "1536x1024"),
        ("gpt-image-1.5", "1080x1920", "1024x1536"),
        ("gpt-image-1-mini", "500x500", "1024x1024"),
        ("gpt-image-2", "1280x720", "1280x720"),
        ("gpt-image-2.6-sunburst", "1920x1080", "1920x1088"),
        ("GPT-Image-2.5-Flare", "8192x8192", "2880x2880"),
    ],
)
def test_sizes_follow_each_models_rule(
    model: str, asked: str, sent: str, official: Callable[[Api], Settings]
) -> None:
    with Api(giving(rows(png()))) as api:
        draw(DrawRequest(prompt="x", model=model, size=read_size(asked)), official(api))
    assert api.bodies[0]["size"] == sent
    assert api.bodies[0]["model"] == model.lower()


def test_count_is_split_where_a_model_gives_one_at_a_time() -> None:
    answers = [rows(png(c), usage=USAGE) for c in ("red", "green", "blue")]
    with Api(giving(*answers), models=("dall-e-3",)) as api:
        drawn, _, _ = draw(DrawRequest(prompt="x", count=3), local(api))
    assert [body["n"] for body in api.bodies] == [1, 1, 1]
    assert {body["response_format"] for body in api.bodies} == {"b64_json"}
    assert [p.data for p in drawn.pictures] == [png(c) for c in ("red", "green", "blue")]
    assert drawn.cost is None  # prices are OpenAI's own, this is another server
    assert drawn.notes == ()


def test_large_pictures_are_asked_for_in_several_requests(
    official: Callable[[Api], Settings],
) -> None:
    with Api(giving(rows(png("red"), png("green")), rows(png("blue")))) as api:
        request = DrawRequest(prompt="x", count=3, size=read_size("3840x2160"))
        drawn, _, _ = draw(request, official(api))
    assert [body["n"] for body in api.bodies] == [1, 1, 1]
    assert len(drawn.pictures) == 3


def test_a_server_that_ignores_n_is_asked_for_one_at_a_time() -> None:
    answers = [rows(png(c)) for c in ("red", "green", "blue")]
    with Api(giving(*answers), models=("my-diffusion",)) as api:
        drawn, _, _ = draw(DrawRequest(prompt="x", count=3), local(api))
    assert [body["n"] for body in api.bodies] == [3, 1, 1]
    assert len({p.data for p in drawn.pictures}) == 3


def test_pictures_that_came_are_kept_when_a_later_request_fails() -> None:
    def react(request: BaseHTTPRequestHandler, api: Api) -> None:
        if len(api.bodies) == 1:
            answer(request, rows(png()))
        else:
            error = {"error": {"message": f"Rate limit for {KEY}", "code": "rate_limit_exceeded"}}
            answer(request, json.dumps(error), 429)

    with Api(react, models=("dall-e-3",)) as api:
        drawn, _, _ = draw(DrawRequest(prompt="x", count=4), local(api, openai_api_key=KEY))
        assert len(api.bodies) == 2  # and nothing is sent again
    assert len(drawn.pictures) == 1
    (note,) = drawn.notes
    assert note.startswith("count: 3 of 4 pictures are missing: ")
    assert "Rate limit" in note
    assert KEY not in note


def test_no_request_is_begun_that_cannot_end_in_time() -> None:
    def react(request: BaseHTTPRequestHandler, api: Api) -> None:
        time.sleep(0.7)
        answer(request, rows(png()))

    with Api(react, models=("dall-e-3",)) as api:
        drawn, _, _ = draw(DrawRequest(prompt="x", count=3), local(api), seconds=1.3)
        assert len(api.bodies) == 1
    assert "2 of 3 pictures are missing: there was no time" in drawn.notes[0]


def test_one_broken_picture_does_not_spoil_the_others() -> None:
    broken = png()[:-20]
    with Api(giving(rows(png("red"), broken, png("blue"))), models=("dall-e-2",)) as api:
        drawn, _, _ = draw(DrawRequest(prompt="x", count=2), local(api))
    # dall-e-2 gave one whole picture of the two that were asked for; the rest was asked for again
    assert [body["n"] for body in api.bodies] == [2, 1]
    assert drawn.pictures[0].data == png("red")
    assert "a picture could not be used" in drawn.notes[0]


def test_equal_pictures_are_told() -> None:
    with Api(giving(rows(png(), png())), models=("sd",)) as api:
        drawn, _, _ = draw(DrawRequest(prompt="x", count=2), local(api))
    assert drawn.notes == ("count: some pictures are identical; this server has a fixed seed",)


def test_an_edit_sends_the_picture_and_a_mask_whose_white_became_transparent(
    official: Callable[[Api], Settings],
) -> None:
    mask = Image.new("L", (1024, 1024), 0)
    mask.paste(255, (0, 0, 512, 1024))
    out = io.BytesIO()
    mask.save(out, "PNG")
    request = DrawRequest(
        prompt="a hat",
        image=png(),
        mask=out.getvalue(),
        model="gpt-image-1.5",
        extra={"quality": "low", "output_compression": 90, "input_fidelity": "high"},
    )
    with Api(giving(rows(png(), usage=USAGE))) as api:
        drawn, _, _ = draw(request, official(api), init=True)
    assert api.server.requests == ["POST /v1/images/edits"]
    sent = api.bodies[0]
    assert Image.open(io.BytesIO(sent.pop("image"))).size == (1024, 1024)
    alpha = Image.open(io.BytesIO(sent.pop("mask")))
    assert alpha.mode == "RGBA"
    # For OpenAI transparency says "repaint"; other servers read the colours.
    assert alpha.getpixel((100, 100)) == (255, 255, 255, 0)
    assert alpha.getpixel((900, 100)) == (0, 0, 0, 255)
    assert sent == {
        "prompt": b"a hat",
        "n": b"1",
        "size": b"1024x1024",
        "model": b"gpt-image-1.5",
        "quality": b"low",
        "output_compression": b"90",
        "input_fidelity": b"high",
    }
    assert drawn.cost == pytest.approx((50 * 5 + 100 * 8 + 1000 * 32) / 1e6)


def test_an_edit_whose_usage_does_not_tell_pictures_from_text_has_no_cost(
    official: Callable[[Api], Settings],
) -> None:
    usage = {"input_tokens": 150, "output_tokens": 1000}
    with Api(giving(rows(png(), usage=usage))) as api:
        settings = official(api)
        edited, _, _ = draw(DrawRequest(prompt="x", image=png()), settings, init=True)
        drawn, _, _ = draw(DrawRequest(prompt="x"), settings)
    assert edited.cost is None
    assert drawn.cost == pytest.approx((150 * 5 + 1000 * 30) / 1e6)


def test_another_servers_prices_are_unknown() -> None:
    with Api(giving(rows(png(), usage=USAGE)), models=("gpt-image-2",)) as api:
        drawn, _, _ = draw(DrawRequest(prompt="x"), local(api))
    assert drawn.cost is None


def refused(request: DrawRequest, settings: Settings) -> str:
    with OpenAI(settings, Deadline(5)) as engine, pytest.raises(InvalidInput) as caught:
        engine.survey(request)
    return str(caught.value)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (DrawRequest(prompt="x", model="gpt-image-2.5-flair"), "closest: gpt-image-2.5-flare"),
        (DrawRequest(prompt="x", model="gpt-image-1"), "model: got 'gpt-image-1'"),
        (DrawRequest(prompt="x", loras=(Lora(name="ink"),)), "loras: got 'ink'"),
        (DrawRequest(prompt="x", styles=("Anime",)), "styles: got 'Anime'"),
        (DrawRequest(prompt="x" * 32001), "prompt: got '32001 characters'"),
        (DrawRequest(prompt="", image=b"x"), "prompt: got nothing"),
        (DrawRequest(prompt="x", extra={"qualty": "low"}), "closest: quality"),
        (DrawRequest(prompt="x", extra={"quality": "best"}), "auto, low, medium, high, xhigh, max"),
        (DrawRequest(prompt="x", extra={"output_compression": 101}), "0 to 100"),
        (DrawRequest(prompt="x", extra={"output_compression": True}), "0 to 100"),
        (DrawRequest(prompt="x", extra={"size": "1x1"}), "Use the parameter 'size' instead"),
        (DrawRequest(prompt="x", extra={"n": 4}), "Use the parameter 'count' instead"),
        (DrawRequest(prompt="x", extra={"stream": True}), "a stream cannot be read here"),
        (
            DrawRequest(prompt="x", extra={"background": "transparent"}, model="gpt-image-2"),
            "auto, opaque (gpt-image-2)",
        ),
        (DrawRequest(prompt="x", extra={"input_fidelity": "high"}, model="gpt-image-1.5"), "extra"),
    ],
)
def test_what_openai_would_refuse_is_refused_before_anything_is_billed(
    request_: DrawRequest, said: str, official: Callable[[Api], Settings]
) -> None:
    with Api(giving("{}"), models=("gpt-5", *openai_tables.known_ids())) as api:
        assert said in refused(request_, official(api))
        assert not api.bodies


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (DrawRequest(prompt="x", image=png()), "image: got 'a picture'"),
        (DrawRequest(prompt="x" * 4001), "at most 4000 characters (dall-e-3)"),
        (DrawRequest(prompt="x", extra={"quality": "high"}), "standard, hd (dall-e-3)"),
    ],
)
def test_a_known_model_has_its_limits_on_every_server(request_: DrawRequest, said: str) -> None:
    with Api(giving("{}"), models=("dall-e-3",)) as api:
        assert said in refused(request_, local(api))


def test_parameters_without_effect_are_listed_and_foreign_fields_passed_on() -> None:
    request = DrawRequest(
        prompt="x",
        negative_prompt="dog",
        steps=20,
        cfg_scale=7,
        sampler="Euler",
        scheduler="Karras",
        seed=4,
        extra={"guidance": 3, "user": "me"},
    )
    with Api(giving(rows(png())), models=("llama-3", "flux-schnell", "sd-turbo")) as api:
        drawn, survey, _ = draw(request, local(api))
    assert survey.notes == (
        "model: none was given; flux-schnell is the first the server lists",
        "not used by openai: negative_prompt, steps, cfg_scale, sampler, scheduler, seed",
        "extra: passed on unchecked: guidance, user",
    )
    assert api.bodies[0]["guidance"] == 3
    assert "steps" not in api.bodies[0]
    assert "Authorization" not in api.headers[0]
    assert survey.rule.multiple == 64
    assert survey.rule.name == "flux"
    assert drawn.model == "flux-schnell"


def test_a_model_that_a_gateway_does_not_list_is_sent_and_said() -> None:
    with Api(giving(rows(png())), models=("flux-dev",)) as api:
        _, survey, _ = draw(DrawRequest(prompt="x", model="my-deployment"), local(api))
        assert survey.notes == (
            "model: my-deployment is not in the server's list and was sent as it is",
        )
        _, survey, _ = draw(DrawRequest(prompt="x", model="Flux_Dev"), local(api))
        assert survey.notes == ()
    assert [body["model"] for body in api.bodies] == ["my-deployment", "flux-dev"]


def test_without_a_list_of_models_none_is_sent() -> None:
    def handle(request: BaseHTTPRequestHandler) -> None:
        if request.command == "GET":
            answer(request, "not found", 404, "text/plain")
        else:
            request.rfile.read(int(request.headers["Content-Length"]))
            answer(request, rows(png()))

    with Server(handle) as server:
        drawn, survey, _ = draw(DrawRequest(prompt="x"), Settings(openai_base_url=server.url))
    assert survey.model == drawn.model == ""


def error_body(message: str, code: str | None = None, param: str | None = None) -> str:
    return json.dumps({"error": {"message": message, "type": "t", "param": param, "code": code}})


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (400, error_body("Blocked by safety", "moderation_blocked"), EngineRejected, "moderation"),
        (400, error_body("No", "content_policy_violation"), EngineRejected, "safety filter"),
        (
            400,
            error_body("Limit", "billing_hard_limit_reached"),
            EngineRejected,
            "billing settings",
        ),
        (429, error_body("Slow down", "rate_limit_exceeded"), EngineRejected, "try again in a"),
        (400, error_body("Bad size", "invalid_value", "size"), EngineRejected, "take 'size'"),
        (404, error_body("No dall-e-3", "model_not_found"), EngineRejected, "on 2026-05-12"),
        (401, error_body(f"Bad key {KEY}", "invalid_api_key"), EngineRejected, "'openai_api_key'"),
        (403, error_body("must be verified"), EngineRejected, "organization verified"),
        (404, "not found", EngineRejected, "usually ends in /v1"),
        (400, '{"error": "prompt required"}', EngineRejected, "prompt required"),
        (500, '{"error": "server_error", "message": "boom"}', EngineRejected, "boom"),
        (502, "<html><title>Bad gateway</title></html>", EngineUnavailable, "a proxy"),
        (524, "<html></html>", EngineUnavailable, "100 s at Cloudflare"),
        (200, "<html>Login</html>", AnswerInvalid, "the body begins: <html>Login"),
        (200, '{"data": []}', AnswerInvalid, "holds no picture"),
        (200, '{"data": [{}]}', AnswerInvalid, "holds no picture"),
        (200, "[]", AnswerInvalid, "holds no picture"),
        (200, '{"data": [{"b64_json": "AAAA"}]}', AnswerInvalid, "picture"),
        (200, '{"data": [{"b64_json": "a"}]}', AnswerInvalid, "base64"),
    ],
)
def test_every_fault_has_its_own_error(
    status: int, body: str, kind: type[CreativeError], said: str
) -> None:
    with Api(lambda r, _: answer(r, body, status), models=("dall-e-3",)) as api:
        settings = local(api, openai_api_key=KEY)
        with pytest.raises(kind, match=re.escape(said)) as caught:
            draw(DrawRequest(prompt="x"), settings)
        assert len(api.bodies) == 1
    assert KEY not in str(caught.value)


def test_a_redirect_is_not_followed() -> None:
    def react(request: BaseHTTPRequestHandler, api: Api) -> None:
        answer(request, "", 307, Location="http://127.0.0.1:1/elsewhere")

    with (
        Api(react, models=("sd",)) as api,
        pytest.raises(EngineRejected, match=r"redirects to http://127\.0\.0\.1:1/elsewhere"),
    ):
        draw(DrawRequest(prompt="x"), local(api))


def test_a_redirect_of_the_model_list_is_not_followed() -> None:
    seen: list[str] = []

    def handle(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.path)
        answer(request, "", 302, Location="/login")

    with Server(handle) as server, pytest.raises(EngineRejected, match="login page"):
        draw(DrawRequest(prompt="x"), Settings(openai_base_url=server.url))
    assert seen == ["/models"]


def with_file(request: BaseHTTPRequestHandler, api: Api, address: str) -> None:
    if request.command == "GET":
        api.headers.append(dict(request.headers))
        answer(request, png("green"), content_type="image/png")
    else:
        answer(request, json.dumps({"data": [{"url": address}]}))


@pytest.mark.parametrize("address", ["/files/a.png", "{origin}/files/a.png"])
def test_a_picture_on_the_servers_own_address_is_fetched_with_the_key(address: str) -> None:
    def react(request: BaseHTTPRequestHandler, api: Api) -> None:
        with_file(request, api, address.format(origin=api.server.url))

    with Api(react, models=("sd",)) as api:
        drawn, _, _ = draw(DrawRequest(prompt="x"), local(api, openai_api_key=KEY))
    assert drawn.pictures[0].data == png("green")
    assert api.headers[-1]["Authorization"] == f"Bearer {KEY}"


def test_a_picture_on_another_address_passes_the_guard_and_gets_no_key() -> None:
    files: list[dict[str, str]] = []

    def file_server(request: BaseHTTPRequestHandler) -> None:
        files.append(dict(request.headers))
        answer(request, png("green"), content_type="image/png")

    with Server(file_server) as other:
        react: Reaction = lambda r, a: with_file(r, a, f"{other.url}/a.png")  # noqa: E731
        with Api(react, models=("sd",)) as api:
            with pytest.raises(BlockedAddress):
                draw(DrawRequest(prompt="x"), local(api, openai_api_key=KEY))
            assert not files
            allowed = (f"127.0.0.1:{other.port}",)
            settings = local(api, openai_api_key=KEY, allowed_private_hosts=allowed)
            drawn, _, _ = draw(DrawRequest(prompt="x"), settings)
    assert drawn.pictures[0].data == png("green")
    assert "Authorization" not in files[0]


def test_a_redirect_of_a_picture_to_a_private_address_is_refused() -> None:
    def react(request: BaseHTTPRequestHandler, api: Api) -> None:
        if request.command == "GET":
            answer(request, "", 302, Location="http://169.254.169.254/latest/meta-data")
        else:
            answer(request, json.dumps({"data": [{"url": "/a.png"}]}))

    with Api(react, models=("sd",)) as api, pytest.raises(BlockedAddress, match="metadata"):
        draw(DrawRequest(prompt="x"), local(api))


def test_waiting_is_told_and_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "TELL_SECONDS", 0.1)
    released = threading.Event()

    def react(request: BaseHTTPRequestHandler, api: Api) -> None:
        released.wait(60)

    told: list[tuple[str, int]] = []
    steps = Steps(lambda event: told.append((event.label, event.percent)))
    with Api(react, models=("sd-model",)) as api:
        request = DrawRequest(prompt="x")
        with OpenAI(local(api), Deadline(1.0)) as engine:
            task = task_of(request, engine.survey(request))
            began = time.monotonic()
            with (
                pytest.raises(DeadlineExceeded, match="may be billed") as caught,
                steps.step(Phase.AI_CALL, "drawing", until=90) as step,
            ):
                engine.draw(task, step)
            assert time.monotonic() - began < 20
        released.set()
        assert len(api.bodies) == 1
    assert "timeout_seconds" in str(caught.value)
    waits = [row for row in told if re.match(r"Waiting for sd-model at http.*, \d+ s$", row[0])]
    assert len(waits) >= 3
    assert {percent for _, percent in waits} == {25}  # nobody knows how far it is
    assert not [t for t in threading.enumerate() if t.name == "waiting"]


def test_an_interrupted_call_hangs_up() -> None:
    released = threading.Event()

    class Interrupted(BaseException):
        pass

    def interrupt(event: object) -> None:
        if api.bodies:
            raise Interrupted

    with Api(lambda r, a: released.wait(60), models=("sd",)) as api:
        request = DrawRequest(prompt="x")
        with pytest.MonkeyPatch.context() as patch, OpenAI(local(api), Deadline(30)) as engine:
            patch.setattr(waiting, "TELL_SECONDS", 0.1)
            task = task_of(request, engine.survey(request))
            steps = Steps(interrupt)
            with pytest.raises(Interrupted), steps.step(Phase.AI_CALL, "x", until=9) as step:
                engine.draw(task, step)
            until = time.monotonic() + 30
            while [t for t in threading.enumerate() if t.name == "waiting"]:
                assert time.monotonic() < until, "the request is still under way"
                time.sleep(0.01)
        released.set()


def test_a_job_cannot_be_kept_and_nothing_be_enlarged() -> None:
    settings = Settings(openai_api_key=KEY)
    request = DrawRequest(prompt="x")
    task = Task(request=request, plan=plan(Size(), openai_tables.rule_for("", "auto")), seed=1)
    with (
        OpenAI(settings, Deadline(5)) as engine,
        Steps().step(Phase.AI_CALL, "x", until=9) as step,
    ):
        with pytest.raises(InvalidInput, match="mode: got 'submit'"):
            engine.submit(task, step)
        with pytest.raises(InvalidInput, match="job_id"):
            engine.collect(Ticket(engine="openai", server="x", ids=()), step)
        with pytest.raises(InvalidInput, match="engine: got 'openai'"):
            engine.enlarge(png(), 32, 32, "", step)
        assert engine.choices("sampler") == []


def test_settings_that_are_missing_or_of_another_server() -> None:
    with pytest.raises(NotConfigured, match="openai_api_key"):
        OpenAI(Settings(), Deadline(5))
    with pytest.raises(NotConfigured, match="openai_api_key"):
        OpenAI(Settings(openai_base_url="https://api.openai.com/v1"), Deadline(5))
    settings = Settings(openai_base_url="http://localhost:1/v1")
    OpenAI(settings, Deadline(5), fingerprint("http://localhost:1/v1/"))
    with pytest.raises(InvalidInput, match="job_id"):
        OpenAI(settings, Deadline(5), fingerprint("http://localhost:2/v1"))


def test_choices_are_the_models_that_draw() -> None:
    with (
        Api(giving("{}"), models=("llama-3", "flux-dev", "gpt-image-1")) as api,
        OpenAI(local(api), Deadline(5)) as engine,
    ):
        assert [choice.value for choice in engine.choices("model")] == ["flux-dev", "gpt-image-1"]


def test_the_tables_are_whole() -> None:
    assert openai_tables.default_model() in openai_tables.known_ids()
    for name in openai_tables.known_ids():
        row = openai_tables.row_of(name)
        assert row is not None
        assert name in row.ids, f"{name} is taken for a model of another row"
        assert row.retired is None
        if name != "chatgpt-image-latest":
            assert openai_tables.price_of(name) is not None, name
    for row_name, row in openai_tables.models().items():
        rule = openai_tables.rule_for(row_name, "auto")
        assert row.source, row_name
        assert re.fullmatch(r"20\d\d-\d\d", row.date), row_name
        width, height = row.sizes[0] if row.sizes else (1024, 1024)
        assert rule.allows(width, height), row_name
    assert openai_tables.price_of("gpt-image-1") is None
    assert openai_tables.row_of("openai/gpt-image-1.5") is openai_tables.models()["gpt-image-1.5"]


@pytest.mark.parametrize("edit", [False, True])
@pytest.mark.skipif(not REAL, reason="STUDIO_TEST_SDCPP_URL: no stable-diffusion.cpp server")
def test_a_real_compatible_server(edit: bool) -> None:
    # Its own way to ask for fewer steps; the API has none.
    extra = '<sd_cpp_extra_args>{"sample_params": {"sample_steps": 1}}</sd_cpp_extra_args>'
    request = DrawRequest(
        prompt=f"a cat {extra}",
        image=png() if edit else None,
        mask=png("white", (64, 64), "L") if edit else None,
    )
    settings = Settings(openai_base_url=f"{REAL.rstrip('/')}/v1")
    with OpenAI(settings, Deadline(100)) as engine:
        survey = engine.survey(request)
        small = survey.rule.model_copy(update={"min_area": 1})
        task = Task(
            request=request,
            plan=plan(Size(width=64, height=64), small),
            seed=1,
            init=png(size=(64, 64)) if edit else None,
            mask=request.mask,
        )
        with Steps().step(Phase.AI_CALL, "drawing", until=90) as step:
            drawn = engine.draw(task, step)
        (picture,) = drawn.pictures
        assert Image.open(io.BytesIO(picture.data)).size == (64, 64)
        assert "a cat" in picture.infotext
        assert picture.seed is not None  # it writes the one it took into the file
        assert engine.choices("model")[0].value == survey.model
