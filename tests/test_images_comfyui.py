"""The engine comfyui: graphs and tables, and a real server where there is one.

STUDIO_TEST_COMFYUI_URL names a ComfyUI with at least one checkpoint in the layout of Stable
Diffusion 1.5; where it has upscalers and LoRAs, these are tried as well.
"""

from __future__ import annotations

import io
import os
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from PIL import Image, ImageChops

from creative.deadline import Deadline
from creative.errors import DeadlineExceeded, EngineRejected, InvalidInput
from creative.images import infotext
from creative.images.engines.base import Drawn, Raw, Task
from creative.images.engines.comfyui import ComfyUI
from creative.images.engines.comfyui.graph import Drawing, Parts, drawing, enlargement, find
from creative.images.engines.comfyui.models import recipe_of, recipes, schedule_of
from creative.images.engines.comfyui.outputs import files_of
from creative.images.engines.comfyui.progress import Progress
from creative.images.engines.comfyui.record import infotext_of
from creative.images.engines.comfyui.run import Run
from creative.images.engines.comfyui.server import Server
from creative.images.families import families
from creative.images.picture import inspect
from creative.images.plan import Plan
from creative.images.request import DrawRequest, Lora
from creative.settings import Settings
from creative.steps import Phase, Step, Steps

URL = os.environ.get("STUDIO_TEST_COMFYUI_URL", "").rstrip("/")
real = pytest.mark.skipif(not URL, reason="needs a ComfyUI; set STUDIO_TEST_COMFYUI_URL")

PARTS = Parts(
    encoder_loader="DualCLIPLoader",
    encoder_type="flux",
    encoders=("clip_l.safetensors", "t5.safetensors"),
    vae="ae.safetensors",
)
JOB = Drawing(
    model="no such model.safetensors",
    prompt="a cat",
    width=64,
    height=64,
    steps=2,
    cfg=7,
    sampler="euler",
    scheduler="normal",
    seed=1,
)
JOBS = {
    "text": JOB,
    "image": JOB.model_copy(update={"image": "a.png", "strength": 0.5}),
    "mask": JOB.model_copy(update={"image": "a.png", "mask": "m.png"}),
    "fill": JOB.model_copy(update={"image": "a.png", "mask": "m.png", "inpainting_model": True}),
    "second pass": JOB.model_copy(update={"second_pass": (96, 96)}),
    "upscaler": JOB.model_copy(update={"second_pass": (96, 96), "upscaler": "no such.pth"}),
    "loras": JOB.model_copy(update={"loras": (Lora(name="no such 1"), Lora(name="no such 2"))}),
    "flux": JOB.model_copy(
        update={
            "parts": PARTS,
            "guidance": 3.5,
            "latent": "EmptySD3LatentImage",
            "loras": (Lora(name="no such"),),
        }
    ),
    "sd3": JOB.model_copy(
        update={
            "parts": PARTS.model_copy(
                update={
                    "encoder_loader": "TripleCLIPLoader",
                    "encoder_type": "",
                    "encoders": ("l", "g", "t5"),
                }
            )
        }
    ),
    "qwen": JOB.model_copy(
        update={
            "parts": PARTS.model_copy(
                update={
                    "encoder_loader": "CLIPLoader",
                    "encoder_type": "qwen_image",
                    "encoders": ("qwen",),
                }
            ),
            "shift": 3.1,
        }
    ),
}


def links(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str):
        yield value


@pytest.mark.parametrize("name", JOBS)
def test_every_link_of_a_graph_leads_somewhere_and_every_node_is_used(name: str) -> None:
    graph = drawing(JOBS[name], "prefix")
    used = {
        link[0]
        for node in graph.values()
        for value in node["inputs"].values()
        for link in links(value)
    }
    assert used | {"save"} == set(graph)


def test_a_mask_keeps_what_is_outside_of_it() -> None:
    graph = drawing(JOBS["mask"], "p")
    assert graph["save"]["inputs"]["images"] == ["unmasked", 0]
    assert graph["unmasked"]["inputs"]["destination"] == ["image", 0]
    assert graph["mask"]["inputs"]["channel"] == "red", "white is repainted"


def test_the_second_pass_continues_the_first() -> None:
    graph = drawing(JOBS["second pass"], "p")
    assert graph["sampler_2"]["inputs"]["latent_image"] == ["larger", 0]
    assert graph["sampler_2"]["inputs"]["seed"] == graph["sampler"]["inputs"]["seed"] == 1
    assert graph["sampler"]["inputs"]["denoise"] == 1.0
    assert graph["sampler_2"]["inputs"]["denoise"] == 0.5


def test_nodes_are_found_by_id_class_and_title() -> None:
    graph = drawing(JOBS["second pass"], "p")
    assert find(graph, "sampler") == ["sampler"]
    assert find(graph, "KSampler") == ["sampler", "sampler_2"]
    assert find(graph, "second PASS") == ["sampler_2"]
    assert find(graph, "nope") == []


def test_every_row_of_models_can_be_reached() -> None:
    rows = recipes()
    assert {row.family for row in rows.values()} - {""} <= set(families())
    names = {
        "flux2": ("flux2-dev", "flux"),
        "chroma": ("Chroma1-HD", "flux"),
        "flux_schnell": ("flux1-schnell", "flux"),
        "flux_fill": ("flux1-fill-dev", "flux"),
        "flux": ("flux1-dev", "flux"),
        "qwen": ("qwen_image_fp8", "qwen"),
        "sd3_turbo": ("sd3.5_large_turbo", "sd3"),
        "sd3": ("sd3.5_medium", "sd3"),
        "sdxl_lcm": ("x_lcm_xl", "sdxl"),
        "sdxl_lightning": ("DreamShaperXL_Lightning", "sdxl"),
        "sdxl_turbo": ("sd_xl_turbo_1.0", "sdxl"),
        "sdxl": ("juggernautXL", "sdxl"),
        "sd15_lcm": ("lcm_dreamshaper", "sd15"),
        "rest": ("v1-5-pruned", "sd15"),
    }
    assert set(names) == set(rows)
    for row, (model, family) in names.items():
        assert recipe_of(model, family) is rows[row], row


SAMPLERS = ["euler", "euler_ancestral", "dpmpp_2m", "dpmpp_2m_sde", "uni_pc", "ddim", "lcm"]
SCHEDULERS = ["normal", "karras", "sgm_uniform", "ddim_uniform"]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (("Euler a", ""), ("euler_ancestral", "")),
        (("DPM++ 2M Karras", ""), ("dpmpp_2m", "karras")),
        (("DPM++ 2M Karras", "normal"), ("dpmpp_2m", "normal")),
        (("dpm++ 2m sde", "Karras"), ("dpmpp_2m_sde", "karras")),
        (("dpmpp_2m", "SGM Uniform"), ("dpmpp_2m", "sgm_uniform")),
        (("UniPC", "DDIM"), ("uni_pc", "ddim_uniform")),
        (("DDIM", "Automatic"), ("ddim", "")),
        (("", ""), ("", "")),
    ],
)
def test_samplers_by_the_names_people_know(given: tuple[str, str], meant: tuple[str, str]) -> None:
    assert schedule_of(*given, SAMPLERS, SCHEDULERS, "it") == meant


def test_a_wrong_sampler_names_the_closest() -> None:
    with pytest.raises(InvalidInput, match=r"(?s)sampler: .*dpmpp_2m"):
        schedule_of("dpmp_2m", "", SAMPLERS, SCHEDULERS, "it")


def test_the_infotext_is_read_from_the_graph() -> None:
    job = JOBS["loras"].model_copy(update={"negative_prompt": "dog", "second_pass": (96, 128)})
    text = infotext.parse(infotext_of(drawing(job, "p"), (64, 64)))
    assert text.prompt == "a cat <lora:no such 1:1> <lora:no such 2:1>"
    assert text.negative_prompt == "dog"
    assert (text.steps, text.sampler, text.scheduler) == (2, "euler", "normal")
    assert (text.seed, text.width, text.height) == (1, 64, 64)
    assert (text.model, text.strength) == ("no such model", 0.5)
    assert text.highres is not None
    assert text.highres.size == (96, 128)
    flux = infotext.parse(infotext_of(drawing(JOBS["flux"], "p"), (64, 64)))
    assert flux.cfg_scale == 3.5


def test_outputs_of_every_kind_and_previews_last() -> None:
    image = {"filename": "a.png", "subfolder": "", "type": "output"}
    preview = {"filename": "b.png", "subfolder": "", "type": "temp"}
    video = {"filename": "c.mp4", "subfolder": "v", "type": "output", "format": "video/h264"}
    outputs = {
        "1": {"images": [preview]},
        "2": {"images": [image], "animated": [False]},
        "3": {"gifs": [video, video]},
        "4": {"text": ["hello", " "]},
    }
    assert files_of(outputs) == ([image, video], {"4": ["hello"]})
    assert files_of({"1": {"images": [preview]}}) == ([preview], {})
    assert files_of({"1": None, "2": {"images": None}}) == ([], {})


def test_progress_weighs_the_sampler_most() -> None:
    progress = Progress(drawing(JOB, "p"))
    assert (progress.started, progress.fraction) == (False, 0)
    progress.take("execution_cached", {"nodes": ["model", "positive", "negative", "latent"]})
    before = progress.fraction
    progress.take("executing", {"node": "sampler"})
    progress.take("progress", {"value": 1, "max": 2, "node": "sampler"})
    half = progress.fraction
    progress.take("executing", {"node": "picture"})
    assert before < 0.25 < half < 0.6 < progress.fraction < 1
    assert progress.words == "Latent to image"


# A real server


def settings() -> Settings:
    return Settings(comfyui_base_url=URL)


def plan(second: tuple[int, int] | None = None, side: int = 64) -> Plan:
    width, height = second or (side, side)
    return Plan(draw_width=side, draw_height=side, second_pass=second, width=width, height=height)


def request(**fields: Any) -> DrawRequest:
    return DrawRequest(**{"prompt": "a cat", "family": "sd15", "steps": 2, **fields})


def draw(
    asked: DrawRequest, seed: int = 5, seconds: float = 60, steps: Steps | None = None, **task: Any
) -> Drawn:
    task = {"plan": plan(), **task}
    with ComfyUI(settings(), Deadline(seconds)) as engine:
        engine.survey(asked)
        with (steps or Steps()).step(Phase.AI_CALL, "drawing", until=90) as step:
            return engine.draw(Task(request=asked, seed=seed, **task), step)


def pixels(picture: Raw) -> Image.Image:
    return Image.open(io.BytesIO(picture.data)).convert("RGB")


def same(one: Raw, other: Raw) -> bool:
    return ImageChops.difference(pixels(one), pixels(other)).getbbox() is None


def file_of(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def ids(kind: str) -> list[str]:
    return [item[1] for item in requests.get(f"{URL}/queue", timeout=10).json()[kind]]


def choices(kind: Any) -> list[str]:
    with ComfyUI(settings(), Deadline(20)) as engine:
        return [one.value for one in engine.choices(kind)]


@real
@pytest.mark.parametrize("name", JOBS)
def test_the_real_server_misses_nothing_but_the_files(name: str) -> None:
    graph = drawing(JOBS[name], "never")
    reply = requests.post(f"{URL}/prompt", json={"prompt": graph}, timeout=20)
    assert reply.status_code == 400, "without its model it cannot run"
    faults = {
        error["extra_info"].get("input_name", error["details"])
        for node in reply.json()["node_errors"].values()
        for error in node["errors"]
    }
    files = {"ckpt_name", "unet_name", "vae_name", "lora_name", "image", "model_name"}
    files |= {"clip_name", "clip_name1", "clip_name2", "clip_name3"}
    assert faults <= files, reply.text
    assert faults & {"ckpt_name", "unet_name"}


@real
def test_two_pictures_and_the_second_again_by_its_seed() -> None:
    steps = Steps()
    two = draw(request(count=2, negative_prompt="dog"), steps=steps)
    assert [picture.seed for picture in two.pictures] == [5, 6]
    assert [inspect(picture.data, "it").width for picture in two.pictures] == [64, 64]
    assert not same(*two.pictures)
    again = draw(request(negative_prompt="dog"), seed=6).pictures[0]
    assert same(again, two.pictures[1])
    # Everything is in the server's cache now, and still a picture comes.
    assert same(draw(request(negative_prompt="dog"), seed=6).pictures[0], again)
    text = infotext.parse(two.pictures[1].infotext)
    assert (text.seed, text.steps, text.negative_prompt) == (6, 2, "dog")


@real
def test_from_a_picture_and_with_a_mask() -> None:
    init = Image.effect_noise((64, 64), 90).convert("RGB")
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (32, 0, 64, 64))
    image = file_of(init)
    asked = request(image=image, strength=0.9)
    free = pixels(draw(asked, init=image).pictures[0])
    masked = pixels(
        draw(
            request(image=image, mask=file_of(mask), strength=0.9), init=image, mask=file_of(mask)
        ).pictures[0]
    )
    assert ImageChops.difference(free, init).crop((0, 0, 32, 64)).getbbox()
    change = ImageChops.difference(masked, init)
    assert change.crop((0, 0, 32, 64)).getbbox() is None, "black is kept to the last bit"
    assert change.crop((32, 0, 64, 64)).getbbox(), "white is repainted"


@real
def test_a_second_pass() -> None:
    drawn = draw(request(), plan=plan((96, 96)))
    assert inspect(drawn.pictures[0].data, "it").width == 96
    upscalers = choices("upscaler")
    if upscalers:
        asked = request(upscaler=upscalers[0])
        other = draw(asked, plan=plan((96, 96)))
        assert inspect(other.pictures[0].data, "it").width == 96
        assert not same(drawn.pictures[0], other.pictures[0])


@real
def test_loras_from_the_list_and_from_the_prompt_are_the_same() -> None:
    loras = choices("lora")
    if not loras:
        pytest.skip("the server has no LoRA")
    listed = draw(request(loras=(Lora(name=loras[0], weight=0.7),))).pictures[0]
    written = draw(request(prompt=f"a cat <lora:{loras[0]}:0.7>")).pictures[0]
    assert same(listed, written)
    assert not same(listed, draw(request()).pictures[0])
    again = infotext.parse(listed.infotext)
    assert same(listed, draw(request(prompt=again.prompt)).pictures[0])


@real
def test_extra_reaches_every_input_of_the_graph() -> None:
    drawn = draw(request(extra={"KSampler": {"steps": 3}, "latent": {"width": 72}}))
    assert inspect(drawn.pictures[0].data, "it").width == 72
    assert "Steps: 3" in drawn.pictures[0].infotext


@real
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "tinyZ"}, "model: got 'tinyZ'"),
        ({"sampler": "eulr"}, "euler"),
        ({"scheduler": "karas"}, "karras"),
        ({"upscaler": "8x_nope"}, "upscaler: got"),
        ({"loras": (Lora(name="nope"),)}, "loras: got 'nope'"),
        ({"family": "sd99"}, "model_family"),
        ({"styles": ("Neon",)}, "styles"),
        ({"extra": {"KSamplr": {"steps": 1}}}, "KSampler"),
        ({"extra": {"KSampler": {"stepps": 1}}}, "steps"),
        ({"extra": {"KSampler": 3}}, "extra: got"),
    ],
)
def test_wrong_names_are_told_before_anything_is_drawn(fields: dict[str, Any], words: str) -> None:
    with ComfyUI(settings(), Deadline(20)) as engine, pytest.raises(InvalidInput) as raised:
        engine.survey(request(**fields))
    assert words in str(raised.value)


@real
def test_a_value_out_of_range_names_the_parameter() -> None:
    asked = request(extra={"sampler": {"cfg": 500}})
    with pytest.raises(InvalidInput, match="extra: got 500"):
        draw(asked)


@real
def test_larger_with_an_upscaler() -> None:
    if not choices("upscaler"):
        pytest.skip("the server has no upscaler")
    picture = file_of(Image.effect_noise((32, 24), 50).convert("RGB"))
    with (
        ComfyUI(settings(), Deadline(60)) as engine,
        Steps().step(Phase.AI_CALL, "x", until=90) as step,
    ):
        made = engine.enlarge(picture, 200, 150, "", step)
    header = inspect(made.data, "it")
    assert header.width >= 200
    assert header.height >= 150
    assert header.width / header.height == pytest.approx(32 / 24, rel=0.02)


@real
def test_at_the_deadline_our_own_job_is_stopped_and_gone() -> None:
    client = uuid.uuid4().hex
    before = threading.active_count()
    with pytest.raises(DeadlineExceeded) as raised:
        draw(request(steps=150, count=2, prompt=client), seconds=6, plan=plan(side=256))
    text = str(raised.value)
    assert "told to stop" in text or "taken out of the queue" in text, text
    time.sleep(3)  # an interrupt works at the next step
    left = requests.get(f"{URL}/queue", timeout=10).text
    assert client not in left, "our prompt is still there"
    assert threading.active_count() <= before


@real
def test_at_the_deadline_somebody_elses_job_goes_on() -> None:
    """Another client's job runs; ours waits behind it and is taken out."""
    model = choices("model")[0]
    job = JOB.model_copy(update={"model": model, "steps": 300, "width": 128, "height": 128})
    graph = drawing(job, f"foreign_{uuid.uuid4().hex}")
    foreign = requests.post(f"{URL}/prompt", json={"prompt": graph}, timeout=20).json()["prompt_id"]
    try:
        end = time.monotonic() + 60
        while foreign not in ids("queue_running") and time.monotonic() < end:
            time.sleep(0.2)
        with pytest.raises(DeadlineExceeded, match="taken out of the queue"):
            draw(request(), seconds=3)
        time.sleep(1.5)
        assert ids("queue_running") == [foreign]
        assert ids("queue_pending") == []
    finally:
        requests.post(f"{URL}/queue", json={"delete": [foreign]}, timeout=10)
        requests.post(f"{URL}/interrupt", json={"prompt_id": foreign}, timeout=10)


@real
def test_submitted_now_and_collected_later() -> None:
    asked = request(count=2)
    with (
        ComfyUI(settings(), Deadline(20)) as engine,
        Steps().step(Phase.AI_CALL, "x", until=90) as step,
    ):
        ticket = engine.submit(Task(request=asked, plan=plan(), seed=40), step)
    with (
        ComfyUI(settings(), Deadline(60), ticket.server) as engine,
        Steps().step(Phase.AI_CALL, "x", until=90) as step,
    ):
        drawn = engine.collect(ticket, step)
        assert [picture.seed for picture in drawn.pictures] == [40, 41]
        assert same(drawn.pictures[0], engine.collect(ticket, step).pictures[0])
        forgotten = ticket.model_copy(update={"ids": (str(uuid.uuid4()),), "data": {}})
        with pytest.raises(EngineRejected, match="does not know"):
            engine.collect(forgotten, step)
    # The history is gone, the files are not.
    for prompt_id in ticket.ids:
        requests.post(f"{URL}/history", json={"delete": [prompt_id]}, timeout=10)
    with (
        ComfyUI(settings(), Deadline(60), ticket.server) as engine,
        Steps().step(Phase.AI_CALL, "x", until=90) as step,
    ):
        assert same(drawn.pictures[0], engine.collect(ticket, step).pictures[0])


@real
def test_a_node_that_fails_while_it_runs() -> None:
    """ComfyUI only looks whether the file is there before it takes a prompt."""
    with (
        Server(settings(), Deadline(30)) as server,
        Steps().step(Phase.AI_CALL, "x", until=90) as step,
        Run(server, step) as run,
    ):
        name = server.upload(b"no picture", "broken.png", "image/png")
        upscaler = server.options("UpscaleModelLoader", "model_name")[0]
        run.send(enlargement(name, upscaler, "never"))
        with pytest.raises(EngineRejected, match=r'"Image" \(LoadImage\) #image failed: cannot'):
            run.wait()


@real
def test_an_interruption_from_outside_is_told() -> None:
    outcome: list[BaseException] = []
    prompt = f"cat {uuid.uuid4().hex}"

    def work() -> None:
        try:
            draw(request(steps=150, prompt=prompt), plan=plan(side=128))
        except EngineRejected as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    end = time.monotonic() + 40
    running: list[Any] = []
    while not running and time.monotonic() < end:
        time.sleep(0.3)
        queue = requests.get(f"{URL}/queue", timeout=10).json()["queue_running"]
        running = [item for item in queue if prompt in str(item)]
    requests.post(f"{URL}/interrupt", json={"prompt_id": running[0][1]}, timeout=10)
    thread.join(30)
    assert "was interrupted while it was at" in str(outcome[0])


@real
def test_previews_of_the_real_server_are_pictures() -> None:
    shown: list[bytes] = []

    def keep(data: bytes) -> None:
        shown.append(data)

    with (
        ComfyUI(settings(), Deadline(60)) as engine,
        Steps().step(Phase.AI_CALL, "x", until=90) as step,
    ):
        watched: Step = step
        watched.preview = keep  # type: ignore[method-assign, attr-defined, unused-ignore]
        engine.draw(Task(request=request(previews=True, steps=4), plan=plan(), seed=77), watched)
    if not shown:
        pytest.skip("the server makes no previews (--preview-method)")
    assert inspect(shown[0], "the preview").format in ("jpeg", "png")
