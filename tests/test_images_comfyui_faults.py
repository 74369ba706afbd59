"""The engine comfyui against a server that misbehaves in every way we know."""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    DeadlineExceeded,
    EngineRejected,
    EngineUnavailable,
    InvalidInput,
    NotConfigured,
)
from creative.images.engines.base import Drawn, Task, Ticket, Unfinished, fingerprint
from creative.images.engines.comfyui import ComfyUI, run
from creative.images.engines.comfyui.listener import preview_of
from creative.images.plan import Plan
from creative.images.request import DrawRequest
from creative.settings import Settings
from creative.steps import Phase, Step, Steps
from tests.comfy_server import Comfy, Request, png
from tests.servers import answer, free_port, silent_listener

PLAN = Plan(draw_width=64, draw_height=64, width=64, height=64)
KEY = "comfy-secret-key"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask more often than a real server should be asked."""
    for name, seconds in (
        ("POLL_SECONDS", 0.2),
        ("POLL_SECONDS_WITH_NEWS", 1.0),
        ("QUEUE_SECONDS", 0.3),
        ("TELL_SECONDS", 0.2),
        ("CONNECT_SECONDS", 1.0),
    ):
        monkeypatch.setattr(run, name, seconds)


@pytest.fixture
def comfy() -> Iterator[Comfy]:
    with Comfy() as server:
        yield server


def settings(server: Comfy, path: str = "") -> Settings:
    return Settings(comfyui_base_url=server.url + path, comfyui_api_key=KEY)


def task(count: int = 1, **fields: Any) -> Task:
    request = DrawRequest(prompt="a cat", count=count, steps=2, **fields)
    return Task(request=request, plan=PLAN, seed=5)


def with_step(work: Callable[[Step], Any], steps: Steps | None = None) -> Any:
    with (steps or Steps()).step(Phase.AI_CALL, "drawing", until=90) as step:
        return work(step)


def draw(server: Comfy, job: Task | None = None, seconds: float = 10, **options: Any) -> Drawn:
    with ComfyUI(settings(server, options.get("path", "")), Deadline(seconds)) as engine:
        drawn: Drawn = with_step(lambda step: engine.draw(job or task(), step))
        return drawn


def fail(server: Comfy, kind: type[CreativeError], seconds: float = 10, **options: Any) -> str:
    """The text of the error that drawing ends with, which holds no secret."""
    before = threading.active_count()
    with pytest.raises(kind) as raised:
        draw(server, seconds=seconds, **options)
    assert KEY not in str(raised.value)
    wait_for(lambda: threading.active_count() <= before + 1, "threads were left behind")
    return str(raised.value)


def wait_for(condition: Callable[[], bool], otherwise: str, seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, otherwise
        time.sleep(0.02)


def html(request: Request) -> None:
    page = "<html><title>Log in</title></html>"
    answer(request, page, content_type="text/html")


def never(comfy: Comfy, prompt_id: str) -> None:
    """A prompt that waits for ever."""


def runs_for_ever(comfy: Comfy, prompt_id: str) -> None:
    if comfy.pending and comfy.pending[0] == prompt_id and not comfy.running:
        comfy.start(prompt_id)
        comfy.connected.wait(20)
        comfy.say("execution_start", prompt_id=prompt_id)
        comfy.say("executing", node="sampler", prompt_id=prompt_id)
        comfy.say("progress", value=1, max=4, node="sampler", prompt_id=prompt_id)


def test_a_picture_comes_back_with_what_was_sent(comfy: Comfy) -> None:
    drawn = draw(comfy, task(count=2))
    assert [picture.seed for picture in drawn.pictures] == [5, 6]
    assert drawn.pictures[0].data == png()
    seeds = [body["prompt"]["sampler"]["inputs"]["seed"] for body in comfy.prompts]
    assert seeds == [5, 6]
    assert len({body["client_id"] for body in comfy.prompts}) == 1
    prefixes = {body["prompt"]["save"]["inputs"]["filename_prefix"] for body in comfy.prompts}
    assert len(prefixes) == 2, "a prefix that came before makes no file"
    assert "Seed: 6" in drawn.pictures[1].infotext


def test_the_key_goes_along_everywhere(comfy: Comfy) -> None:
    draw(comfy)
    for path in ("/object_info/KSampler", "/prompt", "/ws", "/view"):
        assert comfy.headers[path]["Authorization"] == f"Bearer {KEY}", path
    assert comfy.headers["/ws"]["Origin"] is None


def test_user_and_password_of_the_address_become_a_header(comfy: Comfy) -> None:
    address = comfy.url.replace("://", "://me:p%40ss@")
    with ComfyUI(Settings(comfyui_base_url=address), Deadline(5)) as engine:
        assert [one.value for one in engine.choices("model")][:1] == ["one.safetensors"]
    seen = comfy.headers["/object_info/UNETLoader"]["Authorization"]
    assert seen == "Basic bWU6cEBzcw=="


def test_a_base_path_is_kept_for_http_and_websocket() -> None:
    class Behind(Comfy):
        def _route(self, request: Request) -> None:
            if not request.path.startswith("/tools/comfy/"):
                answer(request, "", 404)
                return
            request.path = request.path.removeprefix("/tools/comfy")
            super()._route(request)

    with Behind() as server:
        drawn = draw(server, path="/tools/comfy/")
        assert drawn.pictures[0].data == png()
        assert server.connected.is_set()
        assert any(line.startswith("GET /tools/comfy/ws?") for line in server.requests)


def test_history_is_never_asked_as_a_whole(comfy: Comfy) -> None:
    draw(comfy)
    lines = [line for line in comfy.requests if "/history" in line]
    assert lines
    assert all(line.startswith("GET /history/") for line in lines)


def test_no_websocket_polling_takes_over(comfy: Comfy) -> None:
    comfy.faults["/ws"] = lambda request: answer(request, "no", 400)
    assert draw(comfy).pictures[0].data == png()
    assert not comfy.connected.is_set()


def test_a_websocket_that_redirects_is_not_followed(comfy: Comfy) -> None:
    with Comfy() as other:
        target = other.url.replace("http", "ws") + "/ws"
        comfy.faults["/ws"] = lambda request: answer(request, "", 302, Location=target)
        assert draw(comfy).pictures[0].data == png()
        assert other.requests == [], "it would get the key"


def test_a_websocket_that_never_answers_costs_little(comfy: Comfy) -> None:
    held = threading.Event()
    comfy.faults["/ws"] = lambda request: held.wait(60) and None
    began = time.monotonic()
    draw(comfy)
    held.set()
    assert time.monotonic() - began < 40


def test_a_websocket_that_drops_half_way(comfy: Comfy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "POLL_SECONDS_WITH_NEWS", 9.0)

    def works(server: Comfy, prompt_id: str) -> None:
        runs_for_ever(server, prompt_id)
        time.sleep(0.3)
        server.hang_up()
        time.sleep(0.3)
        server.succeed(prompt_id)

    comfy.works = works
    began = time.monotonic()
    assert draw(comfy).pictures[0].data == png()
    assert time.monotonic() - began < 8, "the next question comes after 9 s"
    assert comfy.disconnected.is_set()


def test_nonsense_on_the_websocket_is_ignored(comfy: Comfy) -> None:
    def works(server: Comfy, prompt_id: str) -> None:
        server.connected.wait(20)
        server.show(b"")
        server.show(b"\0\0\0\1")
        server.say("progress", value=1, max=0, prompt_id=prompt_id)
        server.say("progress", value="x", max="y", prompt_id=prompt_id)
        server.say("execution_cached", nodes=7, prompt_id=prompt_id)
        time.sleep(0.3)
        server.say("executing", node="sampler", prompt_id="somebody else's")
        server._send(1, b"[1, 2]")
        server.succeed(prompt_id)
        server._send(1, b"{ broken")

    comfy.works = works
    assert draw(comfy).pictures


def test_the_websocket_makes_it_quick(comfy: Comfy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "POLL_SECONDS_WITH_NEWS", 9.0)

    def works(server: Comfy, prompt_id: str) -> None:
        server.connected.wait(20)
        time.sleep(0.3)
        server.succeed(prompt_id)

    comfy.works = works
    began = time.monotonic()
    draw(comfy)
    assert time.monotonic() - began < 8, "without news, the next question comes after 9 s"


def test_progress_is_told_with_node_and_step(comfy: Comfy) -> None:
    def works(server: Comfy, prompt_id: str) -> None:
        runs_for_ever(server, prompt_id)
        time.sleep(0.4)
        server.say("progress", value=3, max=4, node="sampler", prompt_id=prompt_id)
        time.sleep(0.3)
        server.succeed(prompt_id)

    comfy.works = works
    steps = Steps()
    with ComfyUI(settings(comfy), Deadline(10)) as engine:
        with_step(lambda step: engine.draw(task(), step), steps)
    labels = [event.label for event in steps.events]
    assert any(label == "The picture: Sampler, step 3 of 4" for label in labels), labels
    percents = [event.percent for event in steps.events]
    assert percents == sorted(percents)
    assert 40 < percents[-2] < 90


def test_previews_arrive_on_request_and_not_too_often(comfy: Comfy) -> None:
    frame = struct.pack(">II", 1, 1) + b"\xff\xd8jpeg"
    metadata = json.dumps({"node_id": "sampler"}).encode()
    frame_4 = struct.pack(">II", 4, len(metadata)) + metadata + b"\xff\xd8other"

    def works(server: Comfy, prompt_id: str) -> None:
        server.connected.wait(20)
        for _ in range(5):
            server.show(frame)
        time.sleep(0.3)
        server.succeed(prompt_id)

    comfy.works = works
    shown: list[bytes] = []

    def go(previews: bool) -> None:
        def work(step: Step) -> None:
            step.preview = shown.append  # type: ignore[method-assign, attr-defined, unused-ignore]
            engine.draw(task(previews=previews), step)

        with ComfyUI(settings(comfy), Deadline(10)) as engine:
            with_step(work)

    go(previews=False)
    assert shown == []
    go(previews=True)
    assert shown == [b"\xff\xd8jpeg"]
    assert preview_of(frame_4) == b"\xff\xd8other"


# The time is up


def test_at_the_deadline_our_waiting_prompts_are_taken_out(comfy: Comfy) -> None:
    comfy.works = never
    comfy.running.append("foreign")
    text = fail(comfy, DeadlineExceeded, 3, job=task(count=2))
    assert sorted(comfy.deleted) == sorted(body["prompt_id"] for body in comfy.prompts)
    assert comfy.interrupted == [], "somebody else's prompt runs"
    assert "taken out of the queue" in text
    assert "picture 1 of 2 waited with 1 jobs before it" in text
    assert "timeout_seconds" in text


def test_at_the_deadline_our_running_prompt_is_stopped(comfy: Comfy) -> None:
    comfy.works = runs_for_ever
    began = time.monotonic()
    text = fail(comfy, DeadlineExceeded, 3, job=task(count=2))
    assert time.monotonic() - began < 20
    assert comfy.interrupted == [comfy.prompts[0]["prompt_id"]]
    assert comfy.prompts[1]["prompt_id"] in comfy.deleted
    assert "told to stop" in text
    assert "step 1 of 4" in text


def test_pictures_that_were_ready_are_told(comfy: Comfy) -> None:
    def works(server: Comfy, prompt_id: str) -> None:
        if prompt_id == server.prompts[0]["prompt_id"]:
            server.succeed(prompt_id)

    comfy.works = works
    text = fail(comfy, DeadlineExceeded, 3, job=task(count=2))
    assert "1 of 2 pictures were ready" in text
    assert comfy.prompts[0]["prompt_id"] not in comfy.deleted


def test_a_server_that_stops_answering_leaves_time_for_the_error(comfy: Comfy) -> None:
    comfy.works = never
    comfy.faults["/history"] = comfy.faults["/queue"] = lambda request: time.sleep(3)
    text = fail(comfy, DeadlineExceeded, 3)
    assert "could not be stopped" in text


def test_a_server_that_drips_does_not_outlive_the_deadline(comfy: Comfy) -> None:
    def drip(request: Request) -> None:
        request.send_response(200)
        request.end_headers()
        for _ in range(300):
            request.wfile.write(b" ")
            request.wfile.flush()
            time.sleep(0.1)

    comfy.works = never
    comfy.faults["/history"] = drip
    began = time.monotonic()
    text = fail(comfy, DeadlineExceeded, 3)
    assert time.monotonic() - began < 20
    assert "the picture had not begun" in text


def test_a_prompt_whose_answer_never_comes_is_sent_once(comfy: Comfy) -> None:
    comfy.faults["/prompt"] = lambda request: time.sleep(3)
    fail(comfy, EngineUnavailable, 2)
    assert [line for line in comfy.requests if line == "POST /prompt"] == ["POST /prompt"]


def test_a_prompt_whose_answer_was_lost_is_found_again(comfy: Comfy) -> None:
    def lost(request: Request) -> None:
        # The body was read and thrown away by the router: the prompt is put down by hand.
        comfy.pending.append(ids[0])
        request.connection.shutdown(2)

    ids: list[str] = []
    comfy.faults["/prompt"] = lost
    real = run.uuid.uuid4
    made: list[Any] = []

    def remembered() -> Any:
        made.append(real())
        ids[:] = [str(made[-1])]
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run.uuid, "uuid4", remembered)
        threading.Timer(0.5, lambda: comfy.succeed(ids[0])).start()
        assert draw(comfy).pictures[0].data == png()
    assert comfy.requests.count("POST /prompt") == 1


def test_a_server_that_accepts_and_never_answers() -> None:
    with silent_listener() as port:
        began = time.monotonic()
        address = Settings(comfyui_base_url=f"http://127.0.0.1:{port}")
        with ComfyUI(address, Deadline(1)) as engine, pytest.raises(CreativeError):
            engine.survey(DrawRequest(prompt="x"))
        assert time.monotonic() - began < 20


# It fails


def test_a_server_that_dies_in_the_middle() -> None:
    with Comfy() as server:
        server.works = runs_for_ever

        def die() -> None:
            wait_for(lambda: bool(server.running), "nothing ran")
            server._server.shutdown()
            server._server.server_close()
            server.hang_up()

        threading.Thread(target=die, daemon=True).start()
        text = fail(server, EngineUnavailable, 30)
        assert "in the middle of the job" in text
        server._server.shutdown = lambda: None  # type: ignore[method-assign]


def test_no_server() -> None:
    address = Settings(comfyui_base_url=f"http://127.0.0.1:{free_port()}")
    with ComfyUI(address, Deadline(5)) as engine, pytest.raises(EngineUnavailable, match="refused"):
        engine.survey(DrawRequest(prompt="x"))


def test_a_few_bad_answers_while_it_works_are_passed_over(comfy: Comfy) -> None:
    answers = iter([502, 200, 502, 502])

    def shaky(request: Request) -> None:
        if next(answers, 200) != 200:
            answer(request, "<html>bad gateway</html>", 502, "text/html")
        else:
            comfy._get(request, request.path)

    def works(server: Comfy, prompt_id: str) -> None:
        server.hang_up()
        time.sleep(1.2)
        server.succeed(prompt_id)

    comfy.works = works
    comfy.faults["/history"] = shaky
    assert draw(comfy).pictures


def test_a_proxy_that_gives_up_for_good(comfy: Comfy) -> None:
    comfy.faults["/ws"] = lambda request: answer(request, "no", 400)
    comfy.faults["/history"] = lambda r: answer(r, "<html></html>", 504, "text/html")
    comfy.works = never
    text = fail(comfy, EngineUnavailable, 20)
    assert "504" in text
    assert comfy.deleted, "our prompt would have gone on"


@pytest.mark.parametrize("path", ["/object_info", "/prompt", "/history", "/queue"])
def test_html_instead_of_json(comfy: Comfy, path: str) -> None:
    comfy.works = never
    comfy.faults["/ws"] = lambda request: answer(request, "no", 400)
    comfy.faults[path] = html
    text = fail(comfy, CreativeError, 20)
    assert "no JSON" in text
    assert "<html>" in text


@pytest.mark.parametrize("path", ["/object_info", "/prompt"])
def test_401_names_the_key(comfy: Comfy, path: str) -> None:
    comfy.faults[path] = lambda request: answer(request, '{"error": "who are you"}', 401)
    text = fail(comfy, EngineRejected)
    assert "401" in text
    assert "comfyui_api_key" in text
    assert "who are you" in text


@pytest.mark.parametrize("path", ["/object_info", "/prompt", "/view"])
def test_a_redirect_is_not_followed(comfy: Comfy, path: str) -> None:
    target = "https://login.example/?token=abc"
    comfy.faults[path] = lambda request: answer(request, "", 302, Location=target)
    text = fail(comfy, EngineRejected)
    assert "login.example" in text
    assert "token=abc" not in text


def test_a_picture_that_is_not_there(comfy: Comfy) -> None:
    comfy.faults["/view"] = lambda request: answer(request, "", 404)
    assert "is not there" in fail(comfy, EngineRejected)


@pytest.mark.parametrize("body", [b"", b"<html>error</html>", png()[:60]])
def test_a_picture_that_is_none(comfy: Comfy, body: bytes) -> None:
    comfy.faults["/view"] = lambda request: answer(request, body, content_type="image/png")
    fail(comfy, AnswerInvalid)


def test_success_without_a_picture_is_no_success(comfy: Comfy) -> None:
    comfy.works = lambda server, prompt_id: server.end(prompt_id, {})
    assert "holds no picture" in fail(comfy, AnswerInvalid)


def test_success_without_outputs_but_with_the_file(comfy: Comfy) -> None:
    def works(server: Comfy, prompt_id: str) -> None:
        prefix = server.prompts[0]["prompt"]["save"]["inputs"]["filename_prefix"]
        server.files[prefix.rpartition("/")[2] + "_00001_.png"] = png()
        server.end(prompt_id, {})

    comfy.works = works
    assert draw(comfy).pictures[0].data == png()


def test_a_node_that_fails_is_named(comfy: Comfy) -> None:
    error = {
        "node_id": "sampler",
        "node_type": "KSampler",
        "exception_message": "Allocation on device\nThis error means you ran out of memory",
        "exception_type": "torch.OutOfMemoryError",
    }
    comfy.works = lambda server, one: server.end(one, {}, ["execution_error", error])
    text = fail(comfy, EngineRejected, job=task(count=3))
    assert '"Sampler" (KSampler) #sampler failed: Allocation on device' in text
    assert "smaller size" in text
    assert len(comfy.deleted) == 2, "the other two would have gone on"


def test_an_interruption_is_named(comfy: Comfy) -> None:
    message = ["execution_interrupted", {"node_id": "sampler"}]
    comfy.works = lambda server, one: server.end(one, {}, message)
    assert "was interrupted while it was at" in fail(comfy, EngineRejected)


def test_an_error_without_a_message(comfy: Comfy) -> None:
    comfy.works = lambda server, one: server.end(one, {}, ["other", {}])
    assert "does not say why" in fail(comfy, EngineRejected)


def test_a_prompt_that_vanishes(comfy: Comfy) -> None:
    comfy.works = lambda server, prompt_id: server.pending.clear()
    assert "does not know the picture any more" in fail(comfy, EngineRejected)


def refuse(*errors: tuple[str, str, Any]) -> Fault:
    node_errors: dict[str, Any] = {}
    for node, name, came in errors:
        entry = node_errors.setdefault(node, {"errors": [], "class_type": "KSampler"})
        extra = {"input_name": name, "received_value": came}
        said = {"type": "value_not_in_list", "message": "Value not in list", "details": name}
        entry["errors"].append({**said, "extra_info": extra})
    body = {
        "error": {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed"},
        "node_errors": node_errors,
    }
    return lambda request: answer(request, json.dumps(body), 400)


Fault = Callable[[Request], None]


def test_a_value_that_the_server_refuses_names_the_parameter(comfy: Comfy) -> None:
    comfy.faults["/prompt"] = refuse(("sampler", "steps", 2), ("sampler", "steps", 2))
    assert fail(comfy, InvalidInput).startswith("steps: got 2")


def test_several_refused_values_are_all_told(comfy: Comfy) -> None:
    comfy.faults["/prompt"] = refuse(("sampler", "steps", 2), ("sampler", "cfg", 9))
    text = fail(comfy, EngineRejected)
    assert "steps" in text
    assert "cfg" in text


@pytest.mark.parametrize(
    "body",
    ['{"error": "plain words"}', '{"error": {"message": "plain words"}}', "[]", "plain words"],
)
def test_other_shapes_of_a_refusal(comfy: Comfy, body: str) -> None:
    comfy.faults["/prompt"] = lambda request: answer(request, body, 400)
    text = fail(comfy, EngineRejected)
    assert "400" in text
    assert "plain words" in text or body == "[]"


def test_what_extra_set_is_named_when_refused(comfy: Comfy) -> None:
    comfy.faults["/prompt"] = refuse(("sampler", "denoise", 7))
    job = task(extra={"KSampler": {"denoise": 7}})
    assert fail(comfy, InvalidInput, job=job).startswith("extra: got 7")


# What the server has


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"KSamplr": {"steps": 1}}, "The closest: KSampler"),
        ({"KSampler": {"stepps": 1}}, "The closest: steps"),
        ({"sampler": 3}, "extra: got"),
    ],
)
def test_extra_with_unknown_names_is_refused_by_the_survey(
    comfy: Comfy, extra: dict[str, Any], words: str
) -> None:
    with ComfyUI(settings(comfy), Deadline(5)) as engine, pytest.raises(InvalidInput) as raised:
        engine.survey(DrawRequest(prompt="x", extra=extra))
    assert words in str(raised.value)
    assert comfy.prompts == []


def test_no_model_at_all(comfy: Comfy) -> None:
    comfy.nodes["CheckpointLoaderSimple"] = {"input": {"required": {"ckpt_name": [[]]}}}
    text = fail(comfy, EngineRejected)
    assert "no model" in text
    assert "models/checkpoints" in text


def test_a_server_that_is_no_comfyui(comfy: Comfy) -> None:
    comfy.faults["/object_info"] = lambda request: answer(request, "[]")
    fail(comfy, AnswerInvalid)


def test_a_model_in_parts_takes_its_files_by_their_names(comfy: Comfy) -> None:
    def has(kind: str, **inputs: Any) -> None:
        comfy.nodes[kind] = {"input": {"required": inputs}}

    has("UNETLoader", unet_name=[["flux1-dev-fp8.safetensors"]])
    encoders = ["umt5_xxl_fp16.safetensors", "t5xxl_fp8.safetensors", "clip_l.safetensors"]
    has("DualCLIPLoader", clip_name1=[encoders], clip_name2=[encoders])
    has("VAELoader", vae_name=[["wan_vae.safetensors", "flux/ae.safetensors"]])
    draw(comfy, task(model="flux1-dev-fp8"))
    graph = comfy.prompts[0]["prompt"]
    assert graph["model"]["inputs"]["unet_name"] == "flux1-dev-fp8.safetensors"
    assert graph["encoder"]["inputs"] == {
        "clip_name1": "clip_l.safetensors",
        "clip_name2": "t5xxl_fp8.safetensors",
        "type": "flux",
    }
    assert graph["vae"]["inputs"]["vae_name"] == "flux/ae.safetensors"
    assert graph["guidance"]["inputs"]["guidance"] == 3.5
    assert graph["sampler"]["inputs"]["cfg"] == 1

    has("DualCLIPLoader", clip_name1=[encoders[:1]], clip_name2=[encoders[:1]])
    text = fail(comfy, EngineRejected, job=task(model="flux1-dev-fp8"))
    assert "clip_l.safetensors" in text
    assert "models/text_encoders" in text

    has("UNETLoader", unet_name=[["wan2.2.safetensors"]])
    text = fail(comfy, InvalidInput, job=task(model="wan2.2"))
    assert "run_comfyui_workflow" in text


def test_a_file_tells_its_family_where_its_name_does_not(comfy: Comfy) -> None:
    metadata = json.dumps({"modelspec.architecture": "stable-diffusion-v1"})
    comfy.faults["/view_metadata"] = lambda request: answer(request, metadata)
    with ComfyUI(settings(comfy), Deadline(5)) as engine:
        assert engine.survey(DrawRequest(prompt="x")).rule.name == "sd15"
        two = engine.survey(DrawRequest(prompt="x", model="two", family="sdxl"))
        assert (two.model, two.rule.name) == ("sdxl/two.safetensors", "sdxl")
    assert any("/view_metadata/checkpoints?filename=one" in line for line in comfy.requests)


# Submitted jobs


def submit(server: Comfy, count: int = 1) -> Ticket:
    with ComfyUI(settings(server), Deadline(5)) as engine:
        ticket: Ticket = with_step(lambda step: engine.submit(task(count), step))
        return ticket


def collect(server: Comfy, ticket: Ticket, seconds: float = 5) -> Drawn:
    with ComfyUI(settings(server), Deadline(seconds), ticket.server) as engine:
        drawn: Drawn = with_step(lambda step: engine.collect(ticket, step))
        return drawn


def test_a_submitted_job_outlives_calls_that_wait_for_it(comfy: Comfy) -> None:
    comfy.works = runs_for_ever
    ticket = submit(comfy, count=2)
    assert not comfy.connected.is_set(), "nobody listens yet"
    assert ticket.server == fingerprint(comfy.url)
    assert comfy.url not in ticket.model_dump_json()
    assert KEY not in ticket.model_dump_json()
    with pytest.raises(Unfinished) as raised:
        collect(comfy, ticket, 1.5)
    assert raised.value.percent < 50
    assert comfy.deleted == comfy.interrupted == []
    for prompt_id in ticket.ids:
        comfy.succeed(prompt_id)
    drawn = collect(comfy, ticket)
    assert [picture.seed for picture in drawn.pictures] == [5, 6]
    assert drawn.pictures[1].infotext == ticket.infotexts[1]


def test_a_submission_that_fails_half_way_leaves_nothing(comfy: Comfy) -> None:
    comfy.works, comfy.capacity = never, 1
    with pytest.raises(EngineRejected):
        submit(comfy, count=2)
    assert comfy.deleted == [comfy.prompts[0]["prompt_id"]]


def test_a_forgotten_job_says_so(comfy: Comfy) -> None:
    comfy.works = never
    ticket = submit(comfy)
    comfy.pending.clear()
    with pytest.raises(EngineRejected, match="does not know the picture any more"):
        collect(comfy, ticket)


def test_a_forgotten_job_whose_files_are_there_is_collected(comfy: Comfy) -> None:
    comfy.works = never
    ticket = submit(comfy, count=2)
    comfy.pending.clear()
    for number in range(2):
        comfy.files[f"{ticket.data['prefix']}_{number}_00001_.png"] = png()
    assert len(collect(comfy, ticket).pictures) == 2


def test_a_job_of_another_server_is_refused(comfy: Comfy) -> None:
    ticket = submit(comfy)
    elsewhere = Settings(comfyui_base_url="http://127.0.0.1:1")
    with pytest.raises(InvalidInput, match="job_id"):
        ComfyUI(elsewhere, Deadline(5), ticket.server)
    with pytest.raises(NotConfigured, match="comfyui_base_url"):
        ComfyUI(Settings(), Deadline(5))


# Larger


def test_an_upscaler_runs_again_until_it_is_large_enough(comfy: Comfy) -> None:
    def works(server: Comfy, prompt_id: str) -> None:
        graph = server.prompts[-1]["prompt"]
        side = 2 * (graph["smaller"]["inputs"]["width"] if "smaller" in graph else sizes[-1])
        sizes.append(side)
        server.files[f"{side}.png"] = png(side, side)
        images = [{"filename": f"{side}.png", "subfolder": "", "type": "output"}]
        server.end(prompt_id, {"save": {"images": images}})

    sizes = [64]
    comfy.works = works
    with ComfyUI(settings(comfy), Deadline(10)) as engine:
        made = with_step(lambda step: engine.enlarge(png(64, 64), 200, 150, "", step))
    assert made.upscaler == "up_x2.pth"
    assert sizes == [64, 128, 200], "the second time from 100, not from 128"
    assert made.data == png(200, 200)


def test_no_upscaler(comfy: Comfy) -> None:
    comfy.nodes["UpscaleModelLoader"] = {"input": {"required": {"model_name": [[]]}}}
    with ComfyUI(settings(comfy), Deadline(10)) as engine, pytest.raises(InvalidInput) as raised:
        with_step(lambda step: engine.enlarge(png(), 128, 128, "", step))
    assert "upscale_models" in str(raised.value)
