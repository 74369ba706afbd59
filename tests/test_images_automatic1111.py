"""The engine automatic1111 against scripted servers, and against real ones where they run.

Real ones: STUDIO_TEST_A1111_URL (AUTOMATIC1111 or Forge with --api and its web UI) and
STUDIO_TEST_SDCPP_URL (stable-diffusion.cpp's sd-server), each with a small model.
"""

from __future__ import annotations

import base64
import os
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from creative import breaker, http
from creative.deadline import Deadline
from creative.errors import (
    CreativeError,
    DeadlineExceeded,
    EngineRejected,
    EngineUnavailable,
    InvalidInput,
    NotConfigured,
)
from creative.images import pool
from creative.images.engines.automatic1111 import Automatic1111, watch
from creative.images.engines.automatic1111.dialect import (
    IMG2IMG,
    TXT2IMG,
    Found,
    dialects,
    find,
    forget,
)
from creative.images.engines.automatic1111.payload import Names, build, check_extra
from creative.images.engines.automatic1111.server import Server
from creative.images.engines.base import Drawn, Task, Ticket, Unfinished, fingerprint
from creative.images.plan import Plan
from creative.images.request import DrawRequest, read_loras
from creative.settings import Settings
from creative.steps import Phase, Status, Steps
from tests.sd_server import SdServer, png
from tests.servers import free_port

A1111_URL = os.environ.get("STUDIO_TEST_A1111_URL", "")
SDCPP_URL = os.environ.get("STUDIO_TEST_SDCPP_URL", "")


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No server is remembered, and after a call no thread of the engine runs."""
    monkeypatch.setattr(http, "RETRY_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.25)
    monkeypatch.setattr("creative.images.engines.automatic1111.saved._POLL_SECONDS", 0.2)
    monkeypatch.setattr("creative.images.engines.automatic1111.scheduler._POLL_SECONDS", 0.2)
    forget()
    breaker._breakers.clear()
    yield
    names = {"sd-post", "pool-look"}
    assert [t.name for t in threading.enumerate() if t.name in names] == []
    assert not any(pool._busy.values()), "a place in the pool was not given back"


def settings(*addresses: str, login: str = "") -> Settings:
    return Settings(sd_base_url=addresses, sd_auth=login)


def task(request: DrawRequest, width: int = 64, height: int = 64, **more: Any) -> Task:
    plan = Plan(
        draw_width=width,
        draw_height=height,
        width=width,
        height=height,
        second_pass=more.pop("second_pass", None),
    )
    return Task(request=request, plan=plan, seed=more.pop("seed", 7), **more)


def wanted(**fields: Any) -> DrawRequest:
    return DrawRequest(**{"prompt": "a cat", "family": "sd15", **fields})


def draw(
    address: str | tuple[str, ...],
    request: DrawRequest | None = None,
    seconds: float = 20,
    steps: Steps | None = None,
    login: str = "",
    **more: Any,
) -> Drawn:
    request = request or wanted()
    steps = steps or Steps()
    addresses = (address,) if isinstance(address, str) else address
    with Automatic1111(settings(*addresses, login=login), Deadline(seconds)) as engine:
        engine.survey(request)
        with steps.step(Phase.AI_CALL, "Drawing", until=100) as step:
            return engine.draw(task(request, **more), step)


def sizes(drawn: Drawn) -> list[tuple[int, ...]]:
    return [struct.unpack_from(">II", raw.data, 16) for raw in drawn.pictures]


def found(name: str, **more: Any) -> Found:
    row = dialects()[name]
    known = frozenset(row.fields)
    return replace(Found(row, {TXT2IMG: known, IMG2IMG: known}, own_task=row.own_task), **more)


# Which server it is.


@pytest.mark.parametrize(
    ("dialect", "options", "title", "own_task"),
    [
        ("forge", {}, "Forge", True),
        ("forge", {"openapi": False}, "Forge", True),
        ("forge", {"webui": False}, "Forge", False),
        ("a1111", {}, "AUTOMATIC1111", True),
        ("a1111", {"openapi": False, "webui": False}, "AUTOMATIC1111", False),
        ("sdnext", {"openapi": False}, "SD.Next", False),
        ("sdnext", {}, "SD.Next", False),
        ("sdcpp", {}, "stable-diffusion.cpp", False),
        ("other", {}, "a server with AUTOMATIC1111's API", False),
    ],
)
def test_a_dialect_is_found_by_gets_alone(
    dialect: str, options: dict[str, bool], title: str, own_task: bool
) -> None:
    with SdServer(dialect, **options) as server, Server(server.url, "", Deadline(5)) as asked:
        it = find(asked)
        assert it.dialect.title == title
        assert (it.own_task, it.saved) == (own_task, own_task)
        assert all(line.startswith("GET ") for line in server.requests)
        seen = len(server.requests)
        assert find(asked) is it
        assert len(server.requests) == seen, "asked again within its age"


def test_a_failed_look_is_not_kept() -> None:
    with SdServer() as server, Server(server.url, "", Deadline(5)) as asked:
        server.broken["/sdapi/v1/sd-models"] = lambda r: r.send_error(500)
        with pytest.raises(EngineRejected, match="500"):
            find(asked)
        server.broken.clear()
        assert find(asked).dialect.title == "Forge"


def test_a_server_that_describes_itself_says_its_own_fields() -> None:
    with SdServer("forge") as server, Server(server.url, "", Deadline(5)) as asked:
        it = find(asked)
        assert "hr_cfg" not in it.fields[TXT2IMG]  # the scripted one has none
        assert it.cfg_default == 6.5


def test_every_row_has_a_source_and_a_date() -> None:
    for name, row in dialects().items():
        assert row.source, name
        assert row.date >= "2026-11", name
        assert len(row.fields) == len(set(row.fields)), name


# What is sent.


def body(name: str, request: DrawRequest, names: Names | None = None, **more: Any) -> Any:
    (one,) = build(task(request, **more), found(name), names or Names(), "cs-1")
    return one.body


def test_only_what_was_asked_is_sent() -> None:
    sent = body("automatic1111", wanted())
    assert sent == {
        "prompt": "a cat",
        "width": 64,
        "height": 64,
        "seed": 7,
        "batch_size": 1,
        "n_iter": 1,
        "send_images": True,
        "save_images": False,
        "do_not_save_samples": True,
        "do_not_save_grid": True,
        "force_task_id": "cs-1",
    }


def test_everything_that_was_asked_is_sent() -> None:
    request = wanted(negative_prompt="dog", steps=9, cfg_scale=0, count=3)
    names = Names(
        "m",
        "Euler",
        "Karras",
        styles=("Ink",),
        settings={"return_mask": True, "return_mask_composite": False},
    )
    sent = body("forge", request, names)
    assert sent["negative_prompt"] == "dog"
    assert (sent["steps"], sent["cfg_scale"], sent["n_iter"]) == (9, 0, 3)
    assert (sent["sampler_name"], sent["scheduler"]) == ("Euler", "Karras")
    assert sent["styles"] == ["Ink"]
    assert sent["override_settings"] == {"sd_model_checkpoint": "m", "return_mask": False}
    assert sent["override_settings_restore_afterwards"] is True
    assert "scheduler" not in body("sdnext", request, names)
    assert "force_task_id" not in body("sdnext", request, names)


def test_loras_are_written_as_the_dialect_wants() -> None:
    names = Names(loras=(("film", 0.8), ("ink", -1.0)))
    assert body("forge", wanted(), names)["prompt"] == "a cat <lora:film:0.8> <lora:ink:-1>"
    native = body("sdcpp", wanted(), names)
    assert native["prompt"] == "a cat"
    assert native["lora"] == [
        {"path": "film", "multiplier": 0.8},
        {"path": "ink", "multiplier": -1.0},
    ]


def test_a_second_pass_in_each_dialect() -> None:
    latent, model = Names(latent=True), Names(second_pass_upscaler="4x", latent=False)
    forge = body("forge", wanted(cfg_scale=5), model, second_pass=(128, 96))
    assert (forge["enable_hr"], forge["hr_resize_x"], forge["hr_resize_y"]) == (True, 128, 96)
    assert forge["hr_additional_modules"] == ["Use same choices"]
    assert forge["hr_cfg"] == 5
    assert (forge["hr_upscaler"], forge["denoising_strength"]) == ("4x", 0.4)
    unset = body("forge", wanted(), latent, second_pass=(128, 96))
    assert unset["hr_cfg"] == 7.0
    assert unset["denoising_strength"] == 0.6
    assert "hr_upscaler" not in unset
    plain = body("automatic1111", wanted(strength=0.3), model, second_pass=(128, 96))
    assert plain["denoising_strength"] == 0.3
    assert not {"hr_cfg", "hr_additional_modules"} & plain.keys()
    sdnext = body("sdnext", wanted(), model, second_pass=(128, 96))
    assert (sdnext["hr_force"], sdnext["hr_denoising_strength"]) == (True, 0.4)
    native = body("sdcpp", wanted(), model, second_pass=(128, 128))
    assert native["hires"] == {
        "enabled": True,
        "target_width": 128,
        "target_height": 128,
        "denoising_strength": 0.4,
        "upscaler": "4x",
    }


def test_a_picture_to_start_from_and_a_mask() -> None:
    request = wanted(image=b"x", strength=0.5)
    sent = body("forge", request, init=b"init", mask=b"mask", second_pass=(128, 128))
    assert sent["init_images"] == [base64.b64encode(b"init").decode()]
    assert sent["mask"] == base64.b64encode(b"mask").decode()
    assert sent["denoising_strength"] == 0.5
    # White is repainted, what is there is kept, the whole picture is drawn.
    assert (sent["inpainting_fill"], sent["inpaint_full_res"]) == (1, False)
    assert sent["inpainting_mask_invert"] == 0
    assert "enable_hr" not in sent, "no second pass over a picture that was given"
    assert "inpainting_fill" not in body("forge", request, init=b"init")
    native = body("sdcpp", request, init=b"init", mask=b"mask")
    assert (native["strength"], native["mask_image"]) == (0.5, sent["mask"])


def test_extra_is_merged_on_top() -> None:
    names = Names("m", settings={"return_mask": True, "return_mask_composite": False})
    extra = {"override_settings": {"CLIP_stop_at_last_layers": 2}, "tiling": True, "eta": 0.1}
    sent = body("forge", wanted(extra=extra), names)
    assert sent["override_settings"] == {
        "return_mask": False,
        "sd_model_checkpoint": "m",
        "CLIP_stop_at_last_layers": 2,
    }
    assert (sent["tiling"], sent["eta"]) == (True, 0.1)
    deep = {"sample_params": {"guidance": {"distilled_guidance": 2.0}}}
    native = body("sdcpp", wanted(cfg_scale=4, extra=deep))
    assert native["sample_params"]["guidance"] == {"txt_cfg": 4, "distilled_guidance": 2.0}


def test_batch_size_divides_the_count() -> None:
    sent = body("forge", wanted(count=4, extra={"batch_size": 2}))
    assert (sent["batch_size"], sent["n_iter"]) == (2, 2)


def test_a_server_that_draws_few_at_once_gets_several_posts() -> None:
    parts = build(task(wanted(count=11)), found("sdcpp"), Names())
    assert [part.seeds for part in parts] == [tuple(range(7, 15)), (15, 16, 17)]
    assert [part.body["batch_count"] for part in parts] == [8, 3]
    assert [part.body["seed"] for part in parts] == [7, 15]


def test_more_steps_than_the_server_does_is_an_error() -> None:
    with pytest.raises(InvalidInput, match=r"^steps: .*1 to 100"):
        build(task(wanted(steps=120)), found("sdcpp"), Names())


@pytest.mark.parametrize(
    ("name", "extra", "says"),
    [
        ("forge", {"widht": 1}, "'widht'.*closest: width"),
        ("forge", {"width": 64}, "Use width"),
        ("forge", {"n_iter": 2}, "Use count"),
        ("forge", {"send_images": False}, "send_images"),
        ("forge", {"sampler_name": "Euler"}, "Use sampler"),
        ("forge", {"enable_hr": True}, "Use highres"),
        ("forge", {"init_images": []}, "Use image"),
        ("forge", {"batch_size": 3}, r"batch_size.*divides count \(4\)"),
        ("forge", {"batch_size": True}, "batch_size"),
        ("forge", {"override_settings": {"nope": 1}}, "override_settings.nope"),
        ("forge", {"override_settings": {"sd_model_checkpoint": "x"}}, "Use model"),
        ("forge", {"override_settings": 3}, "an object"),
        ("forge", {"alwayson_scripts": {"controlnt": {}}}, "closest: controlnet"),
        ("forge", {"script_name": "nope"}, "scripts that Forge has"),
        ("sdcpp", {"alwayson_scripts": {}}, "stable-diffusion.cpp knows"),
        ("sdcpp", {"sample_params": {"sample_steps": 3}}, "Use steps"),
        ("sdcpp", {"output_format": "webp"}, "Use image_format"),
        ("other", {"script_name": "x"}, "knows here"),
    ],
)
def test_extra_fields_that_cannot_be_used(name: str, extra: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=f"(?s)^extra: .*{says}"):
        check_extra(extra, found(name), False, 4, ["controlnet"], {"return_grid": 0})


def test_extra_fields_that_can_be_used() -> None:
    scripts = {"ControlNet": {"args": [{}]}}  # servers compare without case
    extra = {"alwayson_scripts": scripts, "tiling": True, "batch_size": 2, "denoising_strength": 1}
    check_extra(extra, found("forge"), False, 4, ["controlnet"], {})
    with pytest.raises(InvalidInput, match="Use strength"):
        check_extra({"denoising_strength": 1}, found("forge"), True, 4, None, {})


# Drawing.


@pytest.mark.parametrize("dialect", ["forge", "a1111", "sdnext", "sdcpp", "other"])
def test_pictures_seeds_and_infotexts(dialect: str) -> None:
    with SdServer(dialect) as server:
        drawn = draw(server.url, wanted(count=3), width=64, height=128)
        assert [raw.seed for raw in drawn.pictures] == [7, 8, 9]
        assert sizes(drawn) == [(64, 128)] * 3
        assert all(raw.infotext.startswith("a cat") for raw in drawn.pictures)
        assert drawn.model.startswith("tinyA")
        assert not any("/options" in path for path, _ in server.posts)


def test_survey_says_what_is_there() -> None:
    with SdServer("forge") as server, SdServer("sdcpp") as small:
        for url, name, grid, upscaler, side in (
            (server.url, "tinyA.safetensors [124658232f]", 8, "4x-Ultra", 8192),
            (small.url, "tinyA.safetensors [124658232f]", 64, "", 4096),
        ):
            with Automatic1111(settings(url), Deadline(5)) as engine:
                survey = engine.survey(wanted())
            assert (survey.server, survey.model) == (url, name)
            assert (survey.rule.multiple, survey.rule.max_side) == (grid, side)
            assert survey.upscaler == upscaler
            assert survey.second_pass


def test_an_unknown_family_is_said() -> None:
    with SdServer("forge") as server, Automatic1111(settings(server.url), Deadline(5)) as engine:
        survey = engine.survey(DrawRequest(prompt="a cat"))
        assert survey.rule.name == "other"
        assert any("model_family" in note for note in survey.notes)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"model": "tinyC"}, "^model: .*tinyA"),
        ({"sampler": "Ouler"}, "^sampler: .*Euler"),
        ({"scheduler": "karas"}, "^scheduler: .*Karras"),
        ({"upscaler": "5x-Ultra"}, "^upscaler: .*4x-Ultra"),
        ({"loras": read_loras("film grin")}, "^loras: .*film grain"),
        ({"styles": ("Ink Wish",)}, "^styles: .*Ink Wash"),
        ({"extra": {"foo": 1}}, "^extra: .*foo"),
        ({"extra": {"alwayson_scripts": {"soft inpainting": {}}}}, "^extra: .*txt2img"),
    ],
)
def test_a_wrong_name_is_an_error_before_anything_is_drawn(
    fields: dict[str, Any], says: str
) -> None:
    with SdServer("forge") as server:
        with pytest.raises(InvalidInput, match=f"(?s){says}"):
            draw(server.url, wanted(**fields))
        assert server.posts == []


def test_names_as_people_write_them() -> None:
    with SdServer("forge") as server:
        request = wanted(
            model="TINYB", sampler="k_euler_a", scheduler="karras", loras=read_loras("INK:0.5")
        )
        drawn = draw(server.url, request)
        sent = server.posts[0][1]
        assert sent["override_settings"]["sd_model_checkpoint"] == server.models[1]
        assert (sent["sampler_name"], sent["scheduler"]) == ("Euler a", "karras")
        assert sent["prompt"].endswith("<lora:ink:0.5>")
        assert (drawn.model, drawn.notes) == ("tinyB", ())
        draw(server.url, wanted(sampler="DPM++ 2M Karras"))
        sent = server.posts[-1][1]
        assert (sent["sampler_name"], sent["scheduler"]) == ("DPM++ 2M", "Karras")


def test_a_scheduler_where_there_is_no_such_field() -> None:
    with SdServer("sdnext") as server, pytest.raises(InvalidInput, match=r"^scheduler: .*SD\.Next"):
        draw(server.url, wanted(scheduler="karras"))


def test_a_name_that_cannot_be_checked_passes_with_a_note() -> None:
    with SdServer("other") as server:
        with Automatic1111(settings(server.url), Deadline(5)) as engine:
            notes = engine.survey(wanted(loras=read_loras("abc"))).notes
        assert any("'abc' could not be checked" in note for note in notes)


def test_another_model_than_the_asked_one_is_an_error_and_another_sampler_a_note() -> None:
    with SdServer("forge") as server:
        server.info = {"sd_model_name": "tinyA", "sampler_name": "DPM++ 2M"}
        with pytest.raises(EngineRejected, match=r"tinyB.*drew with tinyA"):
            draw(server.url, wanted(model="tinyB"))
        drawn = draw(server.url, wanted(sampler="Euler"))
        assert drawn.notes == ("sampler: the server took DPM++ 2M instead of Euler",)


def test_pictures_that_no_seed_belongs_to_are_left_out() -> None:
    with SdServer("forge") as server:
        server.extra_images = [png(8, 8, 1)]
        drawn = draw(server.url, wanted(count=2))
        assert sizes(drawn) == [(64, 64)] * 2
        assert "1 more pictures" in drawn.notes[0]
        # A grid in front: its index says where ours begin.
        server.extra_images, server.info = [png(64, 64, 9)], {"index_of_first_image": 1}
        drawn = draw(server.url, wanted(count=2))
        assert [raw.data for raw in drawn.pictures][1] == png(64, 64, 9)


def test_progress_is_told_and_previews_are_shown() -> None:
    shown: list[bytes] = []
    with SdServer("forge", seconds=1.2) as server:
        steps = Steps()
        steps.thumbnail = lambda data: shown.append(data) or data
        draw(server.url, wanted(previews=True), steps=steps)
    labels = [event.label for event in steps.events if event.status is Status.PROGRESS]
    assert any("step 4 of 10" in label or "step 6 of 10" in label for label in labels), labels
    percents = [event.percent for event in steps.events]
    assert percents == sorted(percents)
    assert any(20 < percent < 80 for percent in percents)
    assert shown == [png(8, 8, 1)], "one preview within three seconds"


def test_a_place_in_the_queue_is_told() -> None:
    with SdServer("forge", seconds=0.6) as server:
        other = threading.Thread(target=draw, args=(server.url,))
        other.start()
        while not server.running:
            time.sleep(0.01)
        steps = Steps()
        draw(server.url, steps=steps)
        other.join()
    assert any("Waiting: In queue: 1/1" in event.label for event in steps.events)


def test_what_is_not_ours_is_shown_as_the_servers_work_only() -> None:
    with SdServer("sdnext", seconds=0.4) as server:
        steps = Steps()
        draw(server.url, steps=steps)
    progress = [event for event in steps.events if event.status is Status.PROGRESS]
    assert progress
    assert all(event.percent == 25 and "whose job" in event.label for event in progress)


def test_progress_that_cannot_be_read_costs_a_note_and_no_picture() -> None:
    with SdServer("forge", seconds=0.4) as server:
        server.broken["/internal/progress"] = lambda r: r.send_error(500)
        drawn = draw(server.url)
    assert len(drawn.pictures) == 1
    assert "progress could not be read" in drawn.notes[0]


# The deadline, and interruptions.


def test_our_running_job_is_cancelled_at_the_deadline() -> None:
    with SdServer("forge", seconds=30) as server:
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded) as caught:
            draw(server.url, seconds=0.8)
        assert time.monotonic() - began < 20
        assert server.interrupts == 1
        assert server.running == ""
    message = str(caught.value)
    assert "0.8 s (timeout_seconds)" in message
    assert "step 0 of 10" in message
    assert "interrupted there" in message


def test_the_job_of_somebody_else_is_never_interrupted() -> None:
    with SdServer("forge", seconds=1.5) as server:
        other = threading.Thread(target=draw, args=(server.url,))
        other.start()
        while not server.running:
            time.sleep(0.01)
        with pytest.raises(DeadlineExceeded, match=r"In queue: 1/1.*waits in the server's queue"):
            draw(server.url, seconds=0.8)
        assert server.interrupts == 0
        other.join()


@pytest.mark.parametrize(("dialect", "options"), [("sdnext", {}), ("forge", {"webui": False})])
def test_a_server_that_does_not_tell_whose_job_runs_is_not_interrupted(
    dialect: str, options: dict[str, bool]
) -> None:
    with SdServer(dialect, seconds=1, **options) as server:
        with pytest.raises(DeadlineExceeded, match="not interrupted and may go on"):
            draw(server.url, seconds=0.5)
        assert server.interrupts == 0


def test_native_jobs_are_taken_back_while_they_wait() -> None:
    with SdServer("sdcpp", seconds=1.2) as server:
        with pytest.raises(DeadlineExceeded, match=r"drawing .*cannot stop a running job"):
            draw(server.url, seconds=0.6)
        with pytest.raises(DeadlineExceeded, match=r"waiting, 1 in.*taken back"):
            draw(server.url, seconds=0.4)
        assert [job["status"] for job in server.jobs.values()] == ["generating", "cancelled"]


@pytest.mark.parametrize("count", [1, 2])
def test_a_half_drawn_picture_is_no_success(count: int) -> None:
    with SdServer("forge", seconds=5) as server:
        threading.Timer(0.4, server.interrupt).start()
        with pytest.raises(EngineRejected, match="interrupted"):
            draw(server.url, wanted(count=count))


def test_the_interruption_of_another_job_is_not_ours() -> None:
    with SdServer("forge") as server:
        other = {"interrupted": True, "skipped": False, "job_timestamp": "of another job"}
        server.broken["/sdapi/v1/progress"] = _says({"progress": 0, "state": other})
        assert len(draw(server.url).pictures) == 1


# Jobs that outlive their call.


def submit(url: str, request: DrawRequest | None = None, **more: Any) -> Ticket:
    request = request or wanted()
    with Automatic1111(settings(url), Deadline(5)) as engine:
        engine.survey(request)
        with Steps().step(Phase.AI_CALL, "Submitting", until=100) as step:
            return engine.submit(task(request, **more), step)


def collect(url: str, ticket: Ticket, seconds: float = 10) -> Drawn:
    fetching = Steps().step(Phase.AI_CALL, "Fetching", until=100)
    with Automatic1111(settings(url), Deadline(seconds), ticket.server) as engine, fetching as step:
        return engine.collect(ticket, step)


@pytest.mark.parametrize("dialect", ["forge", "a1111", "sdcpp"])
def test_a_submitted_job_is_found_again(dialect: str) -> None:
    with SdServer(dialect, seconds=60) as server:
        ticket = submit(server.url, wanted(count=2))
        assert ticket.seeds == (7, 8)
        assert ticket.server == fingerprint(server.url)
        with pytest.raises(Unfinished, match="job goes on"):
            collect(server.url, ticket, 0.5)
        again = Ticket.model_validate_json(ticket.model_dump_json())
        server.finish()
        drawn = collect(server.url, again)
        assert [raw.seed for raw in drawn.pictures] == [7, 8]
        assert sizes(drawn) == [(64, 64)] * 2
        assert drawn.pictures[0].infotext.startswith("a cat")
        assert server.interrupts == 0


def test_a_picture_from_a_picture_is_saved_elsewhere() -> None:
    with SdServer("forge") as server:
        ticket = submit(server.url, wanted(image=b"x"), init=png(64, 64, 1))
        assert len(collect(server.url, ticket).pictures) == 1
        assert all("img2img-images" in path for path in server.files)


def test_a_job_that_would_change_the_server_for_everybody_is_refused() -> None:
    """Real servers keep an overridden setting that was never set explicitly."""
    with SdServer("forge") as server:
        before = dict(server.settings)
        server.explicit -= {"samples_filename_pattern"}
        with pytest.raises(InvalidInput, match=r"^mode: .*samples_filename_pattern.*Apply"):
            submit(server.url)
        server.explicit = {"sd_model_checkpoint"}
        draw(server.url, wanted(model="tinyB", image=b"x", mask=b"x"), init=b"x", mask=b"x")
        assert server.settings == before


def test_a_setting_of_the_user_that_stays_changed_is_said() -> None:
    with SdServer("forge") as server:
        server.explicit -= {"CLIP_stop_at_last_layers"}
        request = wanted(extra={"override_settings": {"CLIP_stop_at_last_layers": 2}})
        with Automatic1111(settings(server.url), Deadline(5)) as engine:
            assert "keeps CLIP_stop_at_last_layers" in engine.survey(request).notes[0]
        server.explicit = set(server.settings)
        with Automatic1111(settings(server.url), Deadline(5)) as engine:
            assert engine.survey(request).notes == ()


@pytest.mark.parametrize(
    ("dialect", "options", "allowed", "reason"),
    [
        ("forge", {"webui": False}, True, "without its web UI"),
        ("forge", {}, False, "--gradio-allowed-path"),
        ("sdnext", {}, True, "no jobs"),
        ("other", {}, True, "no jobs"),
    ],
)
def test_a_server_that_cannot_keep_a_job_says_why(
    dialect: str, options: dict[str, bool], allowed: bool, reason: str
) -> None:
    with SdServer(dialect, **options) as server:
        server.allowed = allowed
        with pytest.raises(InvalidInput, match=f"(?s)^mode: .*{reason}"):
            submit(server.url)
        assert server.posts == []


def test_the_extension_agent_scheduler_keeps_jobs() -> None:
    with SdServer("forge", webui=False, scheduler=True, seconds=1.2) as server:
        ticket = submit(server.url, wanted(model="tinyB"))
        assert server.posts[0][1]["checkpoint"] == server.models[1]
        drawn = collect(server.url, ticket)
        assert [(raw.seed, raw.infotext) for raw in drawn.pictures] == [(7, "a\nSeed: 1")]
        lost = ticket.model_copy(update={"ids": ("nope",)})
        with pytest.raises(EngineRejected, match="Task not found"):
            collect(server.url, lost)


def test_a_submitted_job_that_failed_or_is_gone() -> None:
    with SdServer("forge", seconds=0.2) as server:
        ticket = submit(server.url)
        while not server.files:
            time.sleep(0.02)
        server.files.clear()
        with pytest.raises(EngineRejected, match="without a saved picture"):
            collect(server.url, ticket)
        server.finished.clear()
        with pytest.raises(EngineRejected, match="not known there any more"):
            collect(server.url, ticket)
    with SdServer("sdcpp") as server:
        ticket = submit(server.url)
        server.jobs.clear()
        with pytest.raises(EngineRejected, match=r"404: job not found"):
            collect(server.url, ticket)


@pytest.mark.parametrize("ghost", ["active", "queued"])
def test_a_failed_job_that_stays_in_the_books_is_seen(
    monkeypatch: pytest.MonkeyPatch, ghost: str
) -> None:
    monkeypatch.setattr("creative.images.engines.automatic1111.saved._POLL_SECONDS", 0.05)
    with SdServer("forge") as server:
        ticket = submit(server.url)
        failed = {"active": False, "queued": False, "completed": False, ghost: True}
        server.broken["/internal/progress"] = _says(failed)
        with pytest.raises(EngineRejected, match="failed there"):
            collect(server.url, ticket, 5)


def _says(data: dict[str, Any]) -> Any:
    import json

    from tests.servers import answer

    return lambda request: answer(request, json.dumps(data))


def test_a_forged_ticket_reads_no_other_file() -> None:
    with SdServer("forge") as server:
        server.files["/etc/passwd"] = png(8, 8, 1)
        ticket = submit(server.url)
        for ids in (("../../../etc/passwd",), ("cs-00",), ()):
            with pytest.raises(InvalidInput, match=r"^job_id"):
                collect(server.url, ticket.model_copy(update={"ids": ids}))
        with pytest.raises(InvalidInput, match=r"^job_id"):
            collect(server.url, ticket.model_copy(update={"server": "0" * 16}))
        assert not any("passwd" in line for line in server.requests)


def test_a_refused_submission_is_an_error_and_keeps_nothing() -> None:
    with SdServer("forge") as server:
        server.broken["/sdapi/v1/txt2img"] = lambda r: r.send_error(422)
        with pytest.raises(EngineRejected, match="422"):
            submit(server.url)


# Enlarging, and the lists.


def test_an_enlarged_picture_is_at_least_as_large_as_asked() -> None:
    with SdServer("forge") as server, Automatic1111(settings(server.url), Deadline(5)) as engine:
        with Steps().step(Phase.AI_CALL, "Enlarging", until=100) as step:
            for width, height in ((100, 50), (97, 131), (128, 128)):
                larger = engine.enlarge(png(64, 64, 1), width, height, "", step)
                got = struct.unpack_from(">II", larger.data, 16)
                assert got[0] >= width
                assert got[1] >= height
                assert larger.upscaler == "4x-Ultra"
            # 88 * (120 / 88) is a little less than 120, and the server cuts down to 112.
            larger = engine.enlarge(png(88, 88, 1), 120, 64, "", step)
            assert struct.unpack_from(">I", larger.data, 16)[0] >= 120
            with pytest.raises(InvalidInput, match=r"(?s)^upscaler: .*4x-Ultra"):
                engine.enlarge(png(64, 64, 1), 128, 128, "5x-Ultra", step)
        sent = server.posts[0][1]
        assert (sent["resize_mode"], sent["upscaling_crop"]) == (1, False)


def test_a_server_without_upscalers_says_so() -> None:
    enlarging = Steps().step(Phase.AI_CALL, "Enlarging", until=100)
    with (
        SdServer("sdcpp") as server,
        Automatic1111(settings(server.url), Deadline(5)) as engine,
        enlarging as step,
        pytest.raises(InvalidInput, match=r"^upscaler: .*cannot enlarge"),
    ):
        engine.enlarge(png(64, 64, 1), 128, 128, "", step)


def test_choices() -> None:
    with SdServer("forge") as server, Automatic1111(settings(server.url), Deadline(5)) as engine:
        kinds = ("model", "sampler", "scheduler", "upscaler", "lora")
        names = {kind: [c.value for c in engine.choices(kind)] for kind in kinds}
    assert names == {
        "model": ["tinyA.safetensors [124658232f]", "tinyB.safetensors [317efb7b98]"],
        "sampler": ["DPM++ 2M", "Euler", "Euler a"],
        "scheduler": ["Automatic", "Karras"],
        "upscaler": ["Lanczos", "R-ESRGAN 4x+", "Aura SR", "4x-Ultra", "Latent"],
        "lora": ["film grain", "ink"],
    }
    with SdServer("sdnext") as server, Automatic1111(settings(server.url), Deadline(5)) as engine:
        assert engine.choices("scheduler") == []
        assert [c.value for c in engine.choices("upscaler")][-1] == "Latent Nearest"


def test_a_latent_upscaler_is_none_for_a_finished_picture() -> None:
    with SdServer("sdnext") as server:
        request = wanted(upscaler="latent nearest")
        with Automatic1111(settings(server.url), Deadline(5)) as engine:
            assert engine.survey(request).upscaler == "4x-Ultra"
        draw(server.url, request, second_pass=(128, 128))
        sent = server.posts[0][1]
        assert (sent["hr_upscaler"], sent["hr_denoising_strength"]) == ("Latent Nearest", 0.6)


# Logins and addresses.


def test_logins() -> None:
    with SdServer("forge", login="jo:pä ss") as server:
        assert draw(server.url, login="jo:pä ss").pictures
        own = server.url.replace("http://", "http://jo:p%C3%A4%20ss@")
        assert draw(own, login="other:one").pictures
        for address, login in ((server.url, "jo:wrongsecret"), (server.url, "")):
            forget()
            with pytest.raises(EngineRejected, match=r"401.*\n.*sd_auth") as caught:
                draw(address, login=login)
            assert "wrongsecret" not in str(caught.value)
    with pytest.raises(InvalidInput, match=r"^sd_auth: .*user:password") as wrong:
        draw("http://127.0.0.1:1", login="secretwithoutcolon")
    assert "secretwithout" not in str(wrong.value)


def test_no_address_is_not_configured() -> None:
    with pytest.raises(NotConfigured, match="sd_base_url"):
        Automatic1111(Settings(), Deadline(1))


# Several servers.


def test_the_least_busy_server_takes_the_job() -> None:
    with SdServer("forge", seconds=1.5) as one, SdServer("forge") as two:
        busy = threading.Thread(target=draw, args=(one.url,))
        busy.start()
        while not one.running:
            time.sleep(0.01)
        for _ in range(2):
            draw((one.url, two.url))
        busy.join()
        assert [len(s.posts_to("/sdapi/v1/txt2img")) for s in (one, two)] == [1, 2]


def test_calls_at_the_same_time_take_different_servers() -> None:
    with SdServer("forge", seconds=0.6) as one, SdServer("forge", seconds=0.6) as two:
        both = [
            threading.Thread(target=draw, args=((one.url, two.url),), daemon=True) for _ in range(4)
        ]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        assert [len(s.posts_to("/sdapi/v1/txt2img")) for s in (one, two)] == [2, 2]


def test_a_dead_server_is_left_out_and_said() -> None:
    dead = f"http://user:topsecret@127.0.0.1:{free_port()}"
    with SdServer("forge") as server:
        with Automatic1111(settings(dead, server.url), Deadline(20)) as engine:
            survey = engine.survey(wanted())
        assert survey.server == server.url
        assert "refused" in survey.notes[0]
        assert "topsecret" not in survey.notes[0]
        for _ in range(breaker.FAILURES_TO_OPEN - 1):
            assert draw((dead, server.url)).pictures
        assert breaker.resting(dead) > 0
    with pytest.raises(EngineUnavailable, match=r"all 2 servers"):
        draw((dead, f"http://127.0.0.1:{free_port()}"))


def test_a_server_without_the_model_is_left_out() -> None:
    with SdServer("forge", models=("a",)) as one, SdServer("forge", models=("b",)) as two:
        assert draw((one.url, two.url), wanted(model="b")).model == "b"
        assert one.posts == []
        with pytest.raises(InvalidInput, match=r"^model"):
            draw((one.url, two.url), wanted(model="c"))


def test_a_job_is_never_sent_twice() -> None:
    with SdServer("forge") as one, SdServer("forge") as two:
        for server in (one, two):
            server.broken["/sdapi/v1/txt2img"] = lambda request: request.connection.close()
        with pytest.raises(CreativeError):
            draw((one.url, two.url))
        sent = [len(s.posts_to("/sdapi/v1/txt2img")) for s in (one, two)]
        assert sum(sent) == 1


def test_choices_of_several_servers() -> None:
    with (
        SdServer("forge", models=("a", "b")) as one,
        SdServer("forge", models=("b", "c")) as two,
        Automatic1111(settings(one.url, two.url), Deadline(5)) as engine,
    ):
        assert [c.value for c in engine.choices("model")] == ["a", "b", "c"]


# Real servers.


def _keeping(url: str, request: DrawRequest) -> Ticket:
    """A submitted job; a server that would not put its settings back refuses, rightly."""
    try:
        return submit(url, request)
    except InvalidInput as error:
        if "Apply settings" not in error.message:
            raise
        pytest.skip(error.message)


def _real(url: str, name: str) -> str:
    if not url:
        pytest.skip(f"no real server: set {name}")
    return url


@pytest.fixture(params=["STUDIO_TEST_A1111_URL", "STUDIO_TEST_SDCPP_URL"])
def real(request: pytest.FixtureRequest) -> str:
    """The address of a real server."""
    return _real(os.environ.get(request.param, ""), request.param)


def test_real_same_seed_same_picture(real: str) -> None:
    request = wanted(steps=2, sampler="euler")
    one, two, other = (draw(real, request, 60, seed=seed) for seed in (5, 5, 6))
    assert sizes(one) == [(64, 64)]
    assert one.pictures[0].data == two.pictures[0].data
    assert one.pictures[0].data != other.pictures[0].data
    assert "Seed: 5" in one.pictures[0].infotext


def test_real_image_and_mask(real: str) -> None:
    request = wanted(steps=2, image=b"given", mask=b"given", strength=0.6)
    drawn = draw(real, request, 60, init=png(64, 64, 3), mask=png(64, 64, 0))
    assert sizes(drawn) == [(64, 64)]


@pytest.mark.parametrize("fields", [{"model": "nope"}, {"sampler": "nope"}, {"extra": {"nope": 1}}])
def test_real_wrong_names(real: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="nope"):
        draw(real, wanted(**fields), 20)


def test_real_second_pass_and_loras(real: str) -> None:
    with Automatic1111(settings(real), Deadline(20)) as engine:
        lora = engine.choices("lora")[:1]
    request = wanted(steps=1, loras=read_loras(f"{lora[0].value}:0.5") if lora else ())
    assert sizes(draw(real, request, 100, second_pass=(128, 128))) == [(128, 128)]


def test_real_submit_and_collect(real: str) -> None:
    with Server(real, "", Deadline(5)) as server:
        before = server.read("/sdapi/v1/options")
    ticket = _keeping(real, wanted(steps=3, count=2))
    drawn = collect(real, ticket, 60)
    assert [raw.seed for raw in drawn.pictures] == [7, 8]
    assert sizes(drawn) == [(64, 64)] * 2
    assert "Seed: 7" in drawn.pictures[0].infotext
    with Server(real, "", Deadline(5)) as server:
        assert server.read("/sdapi/v1/options") == before


def test_real_cancel_at_the_deadline() -> None:
    url = _real(A1111_URL, "STUDIO_TEST_A1111_URL")
    with pytest.raises(DeadlineExceeded, match=r"interrupted there|told to stop"):
        draw(url, wanted(steps=150), 4)
    with Server(url, "", Deadline(20)) as server:
        for _ in range(60):
            if not watch.running(watch.overall(server)):
                break
            time.sleep(0.25)
        assert not watch.running(watch.overall(server))


def test_real_native_cancel() -> None:
    url = _real(SDCPP_URL, "STUDIO_TEST_SDCPP_URL")
    running = submit(url, wanted(steps=3))
    with pytest.raises(DeadlineExceeded, match="taken back"):
        draw(url, wanted(steps=3), 1)
    assert collect(url, running, 60).pictures


def test_real_enlarge_and_choices() -> None:
    url = _real(A1111_URL, "STUDIO_TEST_A1111_URL")
    with Automatic1111(settings(url), Deadline(60)) as engine:
        assert engine.choices("model")
        with Steps().step(Phase.AI_CALL, "Enlarging", until=100) as step:
            larger = engine.enlarge(png(64, 64, 1), 100, 131, "Lanczos", step)
    size = struct.unpack_from(">II", larger.data, 16)
    assert size[0] >= 100
    assert size[1] >= 131
