"""The runware engine against a scripted Runware."""

from __future__ import annotations

import base64
import io
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from PIL import Image

from creative import breaker
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
from creative.images.engines import runware_jobs, runware_tables
from creative.images.engines.base import Drawn, Enlarged, Survey, Task, Ticket, Unfinished
from creative.images.engines.runware import Runware
from creative.images.infotext import parse
from creative.images.job import Job, decode, encode
from creative.images.plan import plan
from creative.images.request import DrawRequest, Lora, Placement
from creative.images.size import Size, read_size
from creative.settings import Settings
from creative.steps import Phase, Steps
from tests.servers import Server, answer

KEY = "rw-key-0123456789"
SETTINGS = Settings(runware_api_key=KEY)

MODELS = [
    {"air": "civitai:1@2", "name": "Juggernaut", "version": "XL v9", "architecture": "sdxl"},
    {"air": "civitai:3@4", "name": "Juggernaut", "version": "1.5", "architecture": "sd1x"},
    {"air": "civitai:5@6", "name": "DreamShaper", "version": "8", "architecture": "sd1x"},
    {"air": "civitai:7@8", "name": "Qwen Thing", "version": "1", "architecture": "qwen_image"},
]
LORAS = [{"air": "civitai:9@10", "name": "Ink Style", "version": "2", "architecture": "flux1d"}]


def png(color: str = "red", size: tuple[int, int] = (16, 16)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "PNG")
    return out.getvalue()


def done(task: dict[str, Any], color: str, **more: Any) -> dict[str, Any]:
    encoded = base64.b64encode(png(color)).decode()
    row = {"taskType": task["taskType"], "taskUUID": task["taskUUID"], "status": "success"}
    return row | {"imageUUID": str(uuid.uuid4()), "imageBase64Data": encoded, "cost": 0.002} | more


def working(task: dict[str, Any]) -> dict[str, Any]:
    return {"taskType": task["taskType"], "taskUUID": task["taskUUID"], "status": "processing"}


Look = Callable[[dict[str, Any], int], dict[str, Any] | None]


class Service:
    """A scripted Runware: `look` says what getResponse answers at its n-th look, from 0."""

    def __init__(self, look: Look) -> None:
        self.tasks: list[dict[str, Any]] = []
        self.looks = 0
        self.refuse: tuple[int, str] | None = None
        self._look = look
        self.server = Server(self._handle)

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        (task,) = body
        kind = task["taskType"]
        if kind == "modelSearch":
            words = task["search"].lower()
            found = [
                row
                for row in (LORAS if task["category"] == "lora" else MODELS)
                if words in f"{row['air']} {row['name']} {row['version']}".lower()
            ]
            result = {"taskType": kind, "taskUUID": task["taskUUID"], "results": found}
            answer(request, json.dumps({"data": [result]}))
        elif kind == "getResponse":
            (sent,) = [t for t in self.tasks if t["taskUUID"] == task["taskUUID"]] or [None]
            self.looks += 1
            said = self._look(sent or task, self.looks - 1)
            if said is None:
                request.connection.close()
            else:
                answer(request, json.dumps(said), said.pop("status_code", 200))
        else:
            self.tasks.append(task)
            if self.refuse:
                answer(request, self.refuse[1], self.refuse[0])
            else:
                row = {"taskType": kind, "taskUUID": task["taskUUID"]}
                answer(request, json.dumps({"data": [row]}))

    def __enter__(self) -> Service:
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__()


def ready(*colors: str, **more: Any) -> Look:
    return lambda task, n: {"data": [done(task, c, **more) for c in colors]}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(runware_jobs, "FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(runware_jobs, "LONGEST_PAUSE_SECONDS", 0.05)
    breaker._breakers.clear()
    yield
    breaker._breakers.clear()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[Service], None]:
    return lambda service: monkeypatch.setattr(Runware, "address", f"{service.server.url}/v1")


At = Callable[[Service], None]


def task_of(request: DrawRequest, survey: Survey, init: bool = False, seed: int = 7) -> Task:
    planned = plan(request.size, survey.rule)
    picture = png(size=(planned.draw_width, planned.draw_height)) if init else None
    return Task(request=request, plan=planned, seed=seed, init=picture, mask=request.mask)


def draw(request: DrawRequest, seconds: float = 10.0, **task: Any) -> tuple[Drawn, list[str]]:
    told: list[str] = []
    steps = Steps(lambda event: told.append(f"{event.percent} {event.label}"))
    with Runware(SETTINGS, Deadline(seconds)) as engine:
        survey = engine.survey(request)
        with steps.step(Phase.AI_CALL, "drawing", until=100) as step:
            return engine.draw(task_of(request, survey, **task), step), told


def enlarge(data: bytes, width: int, height: int, upscaler: str = "") -> Enlarged:
    with (
        Runware(SETTINGS, Deadline(5)) as engine,
        Steps().step(Phase.AI_CALL, "enlarging", until=9) as step,
    ):
        return engine.enlarge(data, width, height, upscaler, step)


def test_a_task_as_runware_wants_it_and_its_pictures(at: At) -> None:
    request = DrawRequest(
        prompt="a cat",
        negative_prompt="dog",
        size=read_size("970x250"),
        count=2,
        steps=20,
        cfg_scale=3.5,
        sampler="dpm++ 2m",
        scheduler="karras",
        loras=(Lora(name="Ink Style", weight=0.5), Lora(name="civitai:77@88")),
        extra={"clipSkip": 1, "inputs": {"referenceImages": ["x"]}},
    )

    def look(task: dict[str, Any], n: int) -> dict[str, Any]:
        if n == 0:
            return {"data": [working(task), working(task)]}
        if n == 1:
            return {"data": [done(task, "red", seed=7), working(task)]}
        return {"data": [done(task, "red", seed=7), done(task, "blue", seed=8)]}

    with Service(look) as service:
        at(service)
        drawn, told = draw(request)
    (sent,) = service.tasks
    assert uuid.UUID(sent.pop("taskUUID")).version == 4
    width, height = sent.pop("width"), sent.pop("height")
    assert width % 64 == height % 64 == 0
    assert min(width, height) >= 128
    assert max(width, height) <= 2048
    assert width / height == pytest.approx(970 / 250, rel=0.1)
    assert sent == {
        "taskType": "imageInference",
        "positivePrompt": "a cat",
        "negativePrompt": "dog",
        "model": "runware:101@1",
        "steps": 20,
        "CFGScale": 3.5,
        "scheduler": "DPM++ 2M Karras",
        "lora": [
            {"model": "civitai:9@10", "weight": 0.5},
            {"model": "civitai:77@88", "weight": 1.0},
        ],
        "seed": 7,
        "numberResults": 2,
        "outputType": "base64Data",
        "outputFormat": "PNG",
        "includeCost": True,
        "deliveryMethod": "async",
        "clipSkip": 1,
        "inputs": {"referenceImages": ["x"]},
    }
    assert [p.data for p in drawn.pictures] == [png("red"), png("blue")]
    assert [p.seed for p in drawn.pictures] == [7, 8]
    assert drawn.cost == pytest.approx(0.004)
    second = parse(drawn.pictures[1].infotext)
    assert (second.seed, second.sampler, second.steps) == (8, "DPM++ 2M Karras", 20)
    assert second.model == "runware:101@1"
    assert [line for line in told if line.startswith("62 Runware: 1 of 2 done")]


def test_an_image_and_a_mask_go_along(at: At) -> None:
    mask = png("white")
    request = DrawRequest(prompt="", image=png(), mask=mask, strength=0.6)
    with Service(ready("red")) as service:
        at(service)
        draw(request, init=True)
    (sent,) = service.tasks
    assert sent["strength"] == 0.6
    assert sent["positivePrompt"] == "__BLANK__"
    head, _, data = sent["inputs"]["seedImage"].partition(",")
    assert head == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (sent["width"], sent["height"])
    assert base64.b64decode(sent["inputs"]["maskImage"].partition(",")[2]) == mask


@pytest.mark.parametrize(
    ("model", "air", "rule"),
    [
        ("", "runware:101@1", "flux"),
        ("dreamshaper", "civitai:5@6", "sd15"),
        ("civitai:1@2", "civitai:1@2", "sdxl"),
        ("Qwen Thing", "civitai:7@8", "qwen"),
        ("Juggernaut XL v9 (civitai:1@2)", "civitai:1@2", "sdxl"),
    ],
)
def test_a_model_by_id_or_by_name(model: str, air: str, rule: str, at: At) -> None:
    with Service(ready("red")) as service:
        at(service)
        with Runware(SETTINGS, Deadline(5)) as engine:
            survey = engine.survey(DrawRequest(prompt="cat", model=model))
    assert (survey.model, survey.rule.name, survey.notes) == (air, rule, ())
    assert survey.rule.multiple == 64
    assert survey.upscaler == runware_tables.default_upscaler()


def test_an_id_that_the_search_does_not_know_is_sent_and_said(at: At) -> None:
    with Service(ready("red")) as service:
        at(service)
        drawn, _ = draw(DrawRequest(prompt="cat", model="google:4@1"))
        with Runware(SETTINGS, Deadline(5)) as engine:
            survey = engine.survey(DrawRequest(prompt="cat", model="google:4@1"))
    assert drawn.model == service.tasks[0]["model"] == "google:4@1"
    assert survey.notes == ("model: google:4@1 is not in Runware's search and was sent as it is",)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (DrawRequest(prompt="cat", model="juggernaut"), "Juggernaut XL v9 (civitai:1@2)"),
        (DrawRequest(prompt="cat", model="nonsense"), "an AIR id such as runware:101@1"),
        (DrawRequest(prompt="cat", loras=(Lora(name="nope"),)), "loras: got 'nope'"),
        (DrawRequest(prompt="cat", sampler="Oiler"), "closest: Euler"),
        (DrawRequest(prompt="cat", upscaler="swimir"), "SwinIR"),
        (DrawRequest(prompt="cat", styles=("Anime",)), "styles: got 'Anime'"),
        (DrawRequest(prompt="c"), "prompt: got '1 characters'; allowed is 2 to 3000"),
        (DrawRequest(prompt="c" * 3001), "prompt: got '3001 characters'"),
        (DrawRequest(prompt="cat", negative_prompt="x"), "negative_prompt: got '1 characters'"),
        (DrawRequest(prompt="cat", steps=101), "steps: got 101; allowed is 1 to 100"),
        (DrawRequest(prompt="cat", seed=0), "seed: got 0; allowed is 1 or more"),
        (DrawRequest(prompt="cat", extra={"width": 64}), "Use the parameter 'width' instead"),
        (DrawRequest(prompt="cat", extra={"taskUUID": "x"}), "how pictures come back"),
        (DrawRequest(prompt="cat", extra={"webhookURL": "x"}), "how pictures come back"),
        (DrawRequest(prompt="cat", extra={"inputs": 3}), "extra.inputs: got 3"),
        (DrawRequest(prompt="cat", extra={"inputs": {"maskImage": ""}}), "parameter 'mask'"),
        (DrawRequest(prompt="cat", family="sd9"), "model_family: got 'sd9'"),
    ],
)
def test_what_runware_would_refuse_is_refused_before_it_costs(
    request_: DrawRequest, said: str, at: At
) -> None:
    with Service(ready("red")) as service:
        at(service)
        with (
            Runware(SETTINGS, Deadline(5)) as engine,
            pytest.raises(InvalidInput, match=re.escape(said)),
        ):
            engine.survey(request_)
        assert not service.tasks


def error(code: str, message: str, **more: Any) -> dict[str, Any]:
    return {"code": code, "message": message} | more


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (401, {"errors": [error("invalidApiKey", f"Invalid key {KEY}")]}, EngineRejected,
         "Check 'runware_api_key'"),
        (402, {"errors": [error("noFunds", "Top up")]}, EngineRejected, "Add credit"),
        (400, {"errors": [error("invalidWidth", "Width must be 256", parameter="width")]},
         EngineRejected, "Change the parameter width or size"),
        (400, {"errors": [error("unsupported", "No foo", parameter="foo")]}, EngineRejected,
         "Change the parameter foo (in extra)"),
        (200, {"errors": [error("x", "No")], "data": []}, EngineRejected, "x: No"),
        (200, {"error": "plain words"}, EngineRejected, "plain words"),
        (502, "<html>", EngineUnavailable, "a proxy in front of it"),
        (200, "<html>login", AnswerInvalid, "the body begins: <html>login"),
        (307, "", EngineRejected, "redirects to"),
    ],
)  # fmt: skip
def test_every_refusal_has_its_own_error(
    status: int, body: Any, kind: type[CreativeError], said: str, at: At
) -> None:
    with Service(ready("red")) as service:
        at(service)
        service.refuse = (status, body if isinstance(body, str) else json.dumps(body))
        with pytest.raises(kind, match=re.escape(said)) as caught:
            draw(DrawRequest(prompt="cat"))
        assert len(service.tasks) == 1
        assert service.looks == 0
    assert KEY not in str(caught.value)


def test_a_task_that_fails_later(at: At) -> None:
    def look(task: dict[str, Any], n: int) -> dict[str, Any]:
        failed = error("timeoutProvider", "No answer", taskUUID=task["taskUUID"], status="error")
        return {"data": [], "errors": [failed]}

    with Service(look) as service:
        at(service)
        with pytest.raises(EngineRejected, match="timeoutProvider: No answer"):
            draw(DrawRequest(prompt="cat"))


def test_pictures_that_came_are_kept_when_others_fail(at: At) -> None:
    def look(task: dict[str, Any], n: int) -> dict[str, Any]:
        failed = error("nsfw", "Blocked", taskUUID=task["taskUUID"])
        foreign = error("other", "Not ours", taskUUID=str(uuid.uuid4()))
        broken = done(task, "blue", imageBase64Data="AAAA")
        return {"data": [done(task, "red"), broken], "errors": [failed, foreign]}

    with Service(look) as service:
        at(service)
        drawn, _ = draw(DrawRequest(prompt="cat", count=3))
    assert [p.data for p in drawn.pictures] == [png("red")]
    (note,) = drawn.notes
    assert note.startswith("count: 2 of 3 pictures are missing: ")
    assert "nsfw: Blocked" in note
    assert "Not ours" not in note


def test_fewer_pictures_than_asked_end_the_waiting(at: At) -> None:
    with Service(ready("red")) as service:
        at(service)
        drawn, _ = draw(DrawRequest(prompt="cat", count=2))
    assert drawn.notes == ("count: 1 of 2 pictures are missing: Runware gave no more",)
    assert service.looks == runware_jobs.QUIET_LOOKS


def test_no_picture_is_an_error_and_flags_are_told(at: At) -> None:
    with Service(ready("red", NSFWContent=True, cost=None)) as service:
        at(service)
        drawn, _ = draw(DrawRequest(prompt="cat"))
    assert drawn.notes == ("safety: Runware flags 1 of 1 as not safe for work",)
    assert drawn.cost is None
    with Service(ready("red", imageBase64Data="AAAA")) as service:
        at(service)
        with pytest.raises(AnswerInvalid, match="picture"):
            draw(DrawRequest(prompt="cat"))


def test_a_cost_that_is_partly_known_is_unknown(at: At) -> None:
    def look(task: dict[str, Any], n: int) -> dict[str, Any]:
        return {"data": [done(task, "red"), done(task, "blue", cost=None)]}

    with Service(look) as service:
        at(service)
        assert draw(DrawRequest(prompt="cat", count=2))[0].cost is None


def test_a_drawn_seed_of_0_is_not_sent(at: At) -> None:
    with Service(ready("red")) as service:
        at(service)
        draw(DrawRequest(prompt="cat"), seed=0)
    assert service.tasks[0]["seed"] == 1


def test_short_outages_while_waiting_lose_nothing(at: At) -> None:
    def look(task: dict[str, Any], n: int) -> dict[str, Any] | None:
        if n == 0:
            return None  # hangs up
        if n == 1:
            return {"status_code": 503}
        if n == 2:
            return {"status_code": 429, "errors": [error("rate", "Slow down")]}
        return {"data": [done(task, "red")]}

    with Service(look) as service:
        at(service)
        drawn, _ = draw(DrawRequest(prompt="cat"))
        assert len(service.tasks) == 1
    assert len(drawn.pictures) == 1


def test_a_long_outage_names_the_task(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runware_jobs, "OUTAGE_SECONDS", 0.2)
    with Service(lambda task, n: {"status_code": 500}) as service:
        at(service)
        with pytest.raises(EngineUnavailable, match="while its task") as caught:
            draw(DrawRequest(prompt="cat"))
    assert service.tasks[0]["taskUUID"] in str(caught.value)


@pytest.mark.parametrize("arrived", [True, False])
def test_a_line_that_breaks_while_handing_over(
    arrived: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(task: dict[str, Any], n: int) -> dict[str, Any]:
        if not arrived:
            return {"status_code": 400, "errors": [error("unknown", "No such task")]}
        return {"data": [working(task) if n == 0 else done(task, "red")]}

    with Service(look) as service:

        def breaking(request: BaseHTTPRequestHandler) -> None:
            if service.tasks:
                service._handle(request)
            else:
                body = request.rfile.read(int(request.headers["Content-Length"]))
                service.tasks.append(json.loads(body)[0])
                request.connection.close()

        with Server(breaking) as server:
            monkeypatch.setattr(Runware, "address", server.url)
            if arrived:
                drawn, _ = draw(DrawRequest(prompt="cat"))
                assert len(drawn.pictures) == 1
            else:
                with pytest.raises(EngineUnavailable, match="closed the connection"):
                    draw(DrawRequest(prompt="cat"))
        assert len(service.tasks) == 1


def test_the_deadline_says_that_the_task_goes_on(at: At) -> None:
    with Service(lambda task, n: {"data": [working(task)]}) as service:
        at(service)
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded, match="cannot be cancelled, goes on") as caught:
            draw(DrawRequest(prompt="cat"), seconds=0.9)
        assert time.monotonic() - began < 20
    assert service.tasks[0]["taskUUID"] in str(caught.value)
    assert "timeout_seconds" in str(caught.value)


def test_a_job_is_submitted_in_one_call_and_fetched_in_another(at: At) -> None:
    finished = False

    def look(task: dict[str, Any], n: int) -> dict[str, Any]:
        if not finished:
            return {"data": [done(task, "red", seed=7), working(task)]}
        return {"data": [done(task, "red", seed=7), done(task, "blue", seed=8)]}

    request = DrawRequest(prompt="a cat", count=2)
    with Service(look) as service:
        at(service)
        with (
            Runware(SETTINGS, Deadline(5)) as engine,
            Steps().step(Phase.AI_CALL, "x", until=9) as step,
        ):
            task = task_of(request, engine.survey(request))
            ticket = engine.submit(task, step)
        assert service.looks == 0
        job = Job(ticket=ticket, plan=task.plan, placement=Placement(), submitted=1.0)
        ticket = decode(encode(job)).ticket
        assert ticket.seeds == (7,)
        assert KEY not in ticket.model_dump_json()
        assert "127.0.0.1" not in ticket.model_dump_json()

        with pytest.raises(Unfinished, match="1 of 2 pictures were done") as caught:
            collect(ticket, 0.8)
        assert caught.value.percent == 50
        finished = True
        drawn = collect(ticket, 5)
        assert len(service.tasks) == 1
    assert [p.seed for p in drawn.pictures] == [7, 8]
    assert parse(drawn.pictures[1].infotext).prompt == "a cat"
    assert parse(drawn.pictures[1].infotext).seed == 8
    assert drawn.cost == pytest.approx(0.004)


def collect(ticket: Ticket, seconds: float) -> Drawn:
    with (
        Runware(SETTINGS, Deadline(seconds), ticket.server) as engine,
        Steps().step(Phase.AI_CALL, "x", until=9) as step,
    ):
        return engine.collect(ticket, step)


def test_jobs_that_are_unknown_changed_or_of_another_server(at: At) -> None:
    def look(task: dict[str, Any], n: int) -> dict[str, Any]:
        return {"status_code": 400, "errors": [error("notFound", "No such task")]}

    with Service(look) as service:
        at(service)
        with Runware(SETTINGS, Deadline(5)) as engine:
            server = engine.submit(
                task_of(DrawRequest(prompt="cat"), engine.survey(DrawRequest(prompt="cat"))),
                None,  # type: ignore[arg-type]
            ).server
        ticket = Ticket(engine="runware", server=server, ids=("abc",), data={"count": 1})
        with pytest.raises(EngineRejected, match="notFound: No such task"):
            collect(ticket, 5)
        for changed in ({"count": 10**9}, {"count": "1"}, {}):
            with pytest.raises(InvalidInput, match="job_id"):
                collect(ticket.model_copy(update={"data": changed}), 5)
        with pytest.raises(InvalidInput, match="job_id"):
            collect(ticket.model_copy(update={"server": "0" * 16}), 5)


@pytest.mark.parametrize(
    ("source", "wanted", "upscaler", "air", "factor"),
    [
        ((512, 256), (700, 350), "", "runware:504@1", 2),
        ((512, 256), (1025, 512), "", "runware:504@1", 4),
        ((512, 256), (9000, 4500), "SwinIR", "runware:503@1", 4),
        ((1500, 100), (6000, 400), "", "runware:504@1", 2),  # 4 times would be over 4096
        ((512, 256), (2048, 1024), "runware:501@1", "runware:501@1", 2),
    ],
)
def test_enlarging(
    source: tuple[int, int],
    wanted: tuple[int, int],
    upscaler: str,
    air: str,
    factor: int,
    at: At,
) -> None:
    out = io.BytesIO()
    Image.new("RGB", source).save(out, "JPEG")
    with Service(ready("blue", cost=0.0006)) as service:
        at(service)
        made = enlarge(out.getvalue(), *wanted, upscaler)
    assert (made.data, made.upscaler, made.cost) == (png("blue"), air, pytest.approx(0.0006))
    (sent,) = service.tasks
    assert (sent["taskType"], sent["model"], sent["upscaleFactor"]) == ("upscale", air, factor)
    head, _, data = sent["inputs"]["image"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data) == out.getvalue()


def test_what_cannot_be_enlarged(at: At) -> None:
    with Service(ready("blue")) as service:
        at(service)
        with pytest.raises(InvalidInput, match="at most 2048 pixels a side"):
            enlarge(png(size=(2049, 16)), 4098, 32)
        with pytest.raises(InvalidInput, match="upscaler: got 'ESRGAN 9'"):
            enlarge(png(), 32, 32, "ESRGAN 9")
        with pytest.raises(InvalidInput, match="image"):
            enlarge(b"no picture", 32, 32)
        assert not service.tasks


def test_choices(at: At) -> None:
    with Service(ready("red")) as service:
        at(service)
        with Runware(SETTINGS, Deadline(5)) as engine:
            models = engine.choices("model")
            assert models[0].value == "runware:101@1"
            assert models[0].label == "FLUX.1 [dev] (runware:101@1)"
            assert [c.label for c in engine.choices("lora")] == ["Ink Style 2 (civitai:9@10)"]
            assert "DPM++ 2M Karras" in [c.value for c in engine.choices("scheduler")]
            assert engine.choices("upscaler")[0].value == "runware:504@1"


def test_the_key_is_needed() -> None:
    with pytest.raises(NotConfigured, match="runware_api_key"):
        Runware(Settings(), Deadline(5))


def test_the_table_is_whole() -> None:
    tables = runware_tables.tables()
    for name, (source, date) in tables.sources.items():
        assert source, name
        assert re.fullmatch(r"20\d\d-\d\d", date), name
    for known in tables.models.values():
        assert runware_tables.rule_for(known.family).name == known.family
    for family in tables.architectures.values():
        assert runware_tables.rule_for(family).name == family
    assert runware_tables.family_for("sd1xlcm", "x") == "sd15"
    assert runware_tables.family_for("", "FLUX something") == "flux"
    assert plan(Size(), runware_tables.rule_for("flux")).untouched
