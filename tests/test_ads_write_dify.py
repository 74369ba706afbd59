"""Variants by a Dify workflow app: a scripted service API, over a real socket."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from creative import breaker
from creative.ads import platforms
from creative.ads.model import AdsRequest, Look
from creative.ads.write import DifyMapping, Written, write
from creative.ads.write.app_answer import copies_of
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    DeadlineExceeded,
    EngineRejected,
    EngineUnavailable,
    InvalidInput,
)
from creative.settings import Settings
from creative.steps import Steps
from tests.servers import Server, answer, free_port

KEY = "app-secret-key"
LOOK = Look(
    kind="url",
    title="Light running shoes | Fleetfoot",
    text="Run lighter every day\nOnly 180 grams. £89.00",
    brand="Fleetfoot",
)
PLAIN = "Run lighter every day\nOnly 180 grams on your feet, for £89.00."


@pytest.fixture(autouse=True)
def _no_breaker() -> Iterator[None]:
    breaker._breakers.clear()
    yield
    breaker._breakers.clear()


class App:
    """A workflow app; it remembers what it was asked."""

    def __init__(self, *events: dict[str, Any], **finished: Any) -> None:
        self.events = list(events) or ran(**finished)
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.stopped = threading.Event()
        self.after: Callable[[BaseHTTPRequestHandler], None] | None = None

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        size = int(request.headers.get("Content-Length", 0))
        body = json.loads(request.rfile.read(size) or b"{}")
        if request.path.endswith("/stop"):
            self.stopped.set()
            answer(request, '{"result": "success"}')
            return
        self.bodies.append(body)
        self.keys.append(request.headers["Authorization"])
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream; charset=utf-8")
        request.end_headers()
        request.wfile.write(b"event: ping\n\n: a comment\n\ndata: no json\n\n")
        for event in self.events:
            data = json.dumps(event, ensure_ascii=False).encode()
            # In two pieces, as networks cut where they like.
            request.wfile.write(b"data: " + data[: len(data) // 2])
            request.wfile.flush()
            time.sleep(0.005)
            request.wfile.write(data[len(data) // 2 :] + b"\n\n")
        request.wfile.flush()
        if self.after is not None:
            self.after(request)


def event(kind: str, **data: Any) -> dict[str, Any]:
    return {"event": kind, "task_id": "task-1", "workflow_run_id": "run-1", "data": data}


def ran(outputs: Any = None, status: str = "succeeded", error: str = "") -> list[dict[str, Any]]:
    done = {"status": status, "outputs": outputs, "error": error, "total_tokens": 321}
    return [
        event("workflow_started"),
        event("node_started", title="Write ads"),
        event("node_finished", title="Write ads"),
        event("workflow_finished", **done),
    ]


def wrote(
    handler: Callable[[BaseHTTPRequestHandler], None] | str,
    seconds: float = 30,
    mapping: DifyMapping | None = None,
    steps: Steps | None = None,
    look: Look = LOOK,
    **asked: Any,
) -> Written:
    request = AdsRequest(**{"platforms": ("x",), "engine": "dify_app", "count": 1, **asked})
    if isinstance(handler, str):
        settings = Settings(dify_base_url=handler, dify_api_key=(KEY,))
        return write(request, look, settings, Deadline(seconds), steps or Steps(), None, mapping)
    with Server(handler) as server:
        address = f"{server.url}/v1"
        try:
            return wrote(address, seconds, mapping, steps, look, **asked)
        finally:
            runs = [one for one in server.requests if one.endswith("/run")]
            assert runs == ["POST /v1/workflows/run"], "it was sent once"


class TestRun:
    def test_as_the_original_system_has_it(self) -> None:
        app = App(outputs={"text": "two", "json": [{"result": PLAIN}, {"result": "Light shoes."}]})
        steps = Steps()
        written = wrote(
            app, count=2, source_url="https://fleetfoot.example/", brief="For all", steps=steps
        )
        first, second = written.copies
        assert first.fields["headline"] == ("Run lighter every day",)
        assert first.fields["post_text"] == ("Only 180 grams on your feet, for £89.00.",)
        assert second.fields["post_text"] == ("Light shoes.",)
        assert {copy.engine for copy in written.copies} == {written.engine} == {"dify_app"}
        (body,) = app.bodies
        assert body["response_mode"] == "streaming"
        assert body["user"]
        assert set(body["inputs"]) == {"url", "prompt"}
        assert body["inputs"]["url"] == "https://fleetfoot.example/"
        for said in ("Brief: For all", "Run lighter every day", "post_text (text)", "in English"):
            assert said in body["inputs"]["prompt"]
        assert app.keys == [f"Bearer {KEY}"]
        assert steps.tokens == 321
        assert "The Dify app: Write ads" in [one.label for one in steps.events]
        assert not app.stopped.is_set()

    def test_other_names(self) -> None:
        app = App(outputs={"ads": PLAIN, "text": "not this"})
        mapping = DifyMapping(inputs={"auftrag": "brief", "wo": "platforms"}, output="ads")
        written = wrote(app, mapping=mapping, brief="For all")
        assert app.bodies[0]["inputs"] == {"auftrag": "For all", "wo": "x"}
        assert written.copies[0].fields["headline"] == ("Run lighter every day",)

    def test_an_unknown_value_costs_nothing(self) -> None:
        with pytest.raises(InvalidInput, match="dify_inputs"):
            wrote("http://127.0.0.1:9/v1", mapping=DifyMapping(inputs={"a": "everything"}))

    def test_fewer_variants_are_told(self) -> None:
        written = wrote(App(outputs={"text": PLAIN}), count=3)
        assert len(written.copies) == 1
        assert written.dropped == (
            "x-2: the Dify app wrote 1 of 3 variants",
            "x-3: the Dify app wrote 1 of 3 variants",
        )

    def test_what_is_over_a_limit_is_shortened(self) -> None:
        text = "Run lighter every single day of the week with shoes of almost nothing. " * 9
        copy = wrote(App(outputs={"text": text})).copies[0]
        assert platforms.platform("x").fields[0].limit >= len(copy.fields["post_text"][0]) > 100
        assert copy.notes

    def test_an_invented_price_is_left_out(self) -> None:
        app = App(outputs={"json": [{"headline": "Only £5", "text": "Light shoes."}]})
        assert "£5" not in str(wrote(app).copies[0].fields)

    def test_the_wrong_language(self) -> None:
        app = App(outputs={"text": "Leichte Schuhe für jeden Tag, die du kaum an dir spürst."})
        with pytest.raises(AnswerInvalid, match="in German instead of English"):
            wrote(app)


class TestFailures:
    @pytest.mark.parametrize(
        ("status", "body", "error", "said", "hint"),
        [
            (401, {"code": "unauthorized", "message": "Access token is invalid"},
             EngineRejected, "401: Access token is invalid", "dify_api_key"),
            (404, "<html>not found</html>", EngineRejected, "404", "/v1"),
            (400, {"code": "not_workflow_app", "message": "Please check"},
             EngineRejected, "400: Please check", "workflow app"),
            (400, {"code": "invalid_param", "message": "url is required in input form"},
             EngineRejected, "url is required", "dify_inputs"),
            (429, {"code": "too_many_requests", "message": "Too many"},
             EngineRejected, "429: Too many", "not repeated"),
            (503, "", EngineUnavailable, "503", ""),
        ],
    )  # fmt: skip
    def test_a_refusal_is_told_in_its_words(
        self, status: int, body: Any, error: type[CreativeError], said: str, hint: str
    ) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        with pytest.raises(error) as raised:
            wrote(lambda request: answer(request, text, status))
        assert said in raised.value.message
        assert hint in raised.value.hint
        assert KEY not in str(raised.value)

    def test_a_workflow_that_fails(self) -> None:
        app = App(status="failed", error="Run failed: the model is gone")
        with pytest.raises(EngineRejected, match="the model is gone"):
            wrote(app)

    def test_an_error_event(self) -> None:
        said = {"event": "error", "code": "provider_quota_exceeded", "message": "No quota"}
        with pytest.raises(EngineRejected, match="No quota") as raised:
            wrote(App(event("workflow_started"), said))
        assert "credit" in raised.value.hint

    def test_a_stream_that_ends_too_early(self) -> None:
        app = App(event("workflow_started"), event("node_started", title="Write"))
        with pytest.raises(AnswerInvalid, match="ended before the workflow did"):
            wrote(app)
        assert app.stopped.is_set()

    def test_a_silent_stream_is_stopped_at_the_deadline(self) -> None:
        app = App(event("workflow_started"))
        app.after = lambda request: app.stopped.wait(30) and None
        with pytest.raises(DeadlineExceeded, match=r"after 2 s .* while waiting for The Dify app"):
            wrote(app, seconds=2)
        assert app.stopped.is_set(), "the run went on"

    def test_a_stream_that_drips_does_not_outlive_the_deadline(self) -> None:
        def drip(request: BaseHTTPRequestHandler) -> None:
            for _ in range(100):
                request.wfile.write(b"event: ping\n\n")
                request.wfile.flush()
                time.sleep(0.05)

        app = App(event("workflow_started"))
        app.after = drip
        with pytest.raises(DeadlineExceeded):
            wrote(app, seconds=0.8)

    def test_a_run_that_waits_for_a_person_is_stopped(self) -> None:
        app = App(event("workflow_started"), event("human_input_required"))
        with pytest.raises(AnswerInvalid, match="waits for a person"):
            wrote(app)
        assert app.stopped.is_set()

    def test_an_answer_that_is_no_stream(self) -> None:
        with pytest.raises(AnswerInvalid, match="no stream of events"):
            wrote(lambda request: answer(request, "<html>hello", content_type="text/html"))

    def test_nobody_there(self) -> None:
        with pytest.raises(EngineUnavailable):
            wrote(f"http://127.0.0.1:{free_port()}/v1")

    @pytest.mark.parametrize("outputs", [{}, None, {"text": ""}, {"text": None, "json": []}, [1]])
    def test_outputs_without_texts(self, outputs: Any) -> None:
        with pytest.raises(AnswerInvalid, match="no texts of ads"):
            wrote(App(outputs=outputs))

    def test_an_object_without_texts_takes_no_variants_place(self) -> None:
        outputs = {"json": [{"headline": ""}, {"headline": "Run lighter", "text": "Light shoes."}]}
        written = wrote(App(outputs=outputs))
        assert [copy.fields["headline"] for copy in written.copies] == [("Run lighter",)]

    def test_an_output_that_is_not_there(self) -> None:
        with pytest.raises(AnswerInvalid, match="no output 'ads'; it has text"):
            wrote(App(outputs={"text": PLAIN}), mapping=DifyMapping(output="ads"))


HEADLINE, TEXT = ("Run lighter",), ("Only 180 grams.",)
SHAPES: dict[str, Any] = {
    "objects": [{"headline": "Run lighter", "text": "Only 180 grams."}],
    "objects in results": [{"result": {"Headline": "Run lighter", "Primary Text": TEXT[0]}}],
    "json in a string": '```json\n[{"title": "Run lighter", "body": "Only 180 grams."}]\n```',
    "json in results": [{"result": '{"headlines": ["Run lighter"], "ad_text": "Only 180 grams."}'}],
    "by platform": {"x": [{"headline": ["Run lighter"], "post_text": ["Only 180 grams."]}]},
    "in an envelope": {"data": {"ads": [{"headline": "Run lighter", "copy": "Only 180 grams."}]}},
    "platform in the object": [
        {"platform": "tiktok", "headline": "No", "text": "No."},
        {"platform": "X", "headline": "Run lighter", "text": "Only 180 grams."},
    ],
    "fields": [{"id": 1, "fields": {"headline": ["Run lighter"], "post_text": "Only 180 grams."}}],
    "our own variants": {"variants": [{"platform": "x", "fields": {"headline": "Run lighter",
                                                                   "text": "Only 180 grams."}}]},
    "labels": "**Headline:** Run lighter\n**Text:** Only 180 grams.",
    "labels in Chinese": "标题：Run lighter\n正文：Only 180 grams.",
    "markdown": "# Run lighter\n\nOnly 180 grams.",
    "broken json": '{"headline": "Run lighter", "text": "Only 180 grams.",}',
    "a list that is cut off": '[{"headline": "Run lighter", "text": "Only 180 grams."}, {"he',
}  # fmt: skip


class TestShapes:
    def read(self, value: Any, count: int = 1, names: Sequence[str] = ("x", "tiktok")) -> Any:
        places = [platforms.platform(name) for name in names]
        return copies_of({"json": value}, "", places, count, Deadline(30))

    @pytest.mark.parametrize("shape", SHAPES)
    def test_every_shape_is_understood(self, shape: str) -> None:
        found = {copy.platform: copy.fields for copy in self.read(SHAPES[shape]).copies}
        assert found["x"]["headline"] == HEADLINE
        assert found["x"]["post_text"] == TEXT

    def test_texts_for_all_serve_all(self) -> None:
        names = ("google_search", "meta_feed", "tiktok")
        value = [{"headline": "Run lighter", "text": "Only 180 grams.", "cta": "Shop now"}]
        found = {copy.platform: copy.fields for copy in self.read(value, names=names).copies}
        assert found["google_search"] == {"headlines": HEADLINE, "descriptions": TEXT}
        assert found["meta_feed"]["primary_texts"] == TEXT
        assert found["tiktok"]["cta"] == ("Shop now",)

    def test_several_plain_texts(self) -> None:
        value = "Run lighter\nOnly 180 grams.\n\n---\n\nJump higher\nWith new foam."
        found = self.read(value, count=5, names=("x",))
        assert [copy.fields["headline"][0] for copy in found.copies] == [
            "Run lighter", "Jump higher",
        ]  # fmt: skip

    def test_json_beyond_repair_is_no_ad(self) -> None:
        with pytest.raises(AnswerInvalid):
            self.read('[{"headline": }}}} ]][ :::')

    def test_depth_and_length_have_limits(self) -> None:
        deep: Any = [{"headline": "Run"}]
        for _ in range(500):
            deep = {"data": deep}
        with pytest.raises(AnswerInvalid):
            self.read(deep)
        long = self.read([{"headline": "Run", "text": "x" * 1_000_000}], names=("x",))
        assert len(long.copies[0].fields["post_text"][0]) <= 4000
