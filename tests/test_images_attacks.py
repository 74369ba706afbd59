"""What an attack on the picture nodes found: each test fails without its fix."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from creative import breaker, images
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    EngineUnavailable,
    InvalidInput,
)
from creative.files import fetch
from creative.images import infotext, pool
from creative.images.engines.automatic1111.dialect import TXT2IMG, forget
from creative.images.engines.comfyui.record import infotext_of
from creative.images.engines.comfyui.template import fill, read_workflow
from creative.images.given import Given, PlacementGiven, read_object
from creative.images.job import MARK, Job, decode, encode
from creative.images.request import DrawRequest, Fit, Placement, read_focus
from creative.images.result import Generated
from creative.settings import Settings
from creative.steps import Steps
from runtime.answers.files import FileServer
from runtime.errors import ToolFailed
from runtime.host import Host, open_plugin
from runtime.host.messages import Message, Result
from runtime.paths import PROJECT
from tests.comfy_server import Comfy
from tests.pictures import opened
from tests.sd_server import SdServer, png
from tests.servers import Server, answer


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    forget()
    breaker._breakers.clear()
    yield
    breaker._breakers.clear()


def draw(server: SdServer, **given: Any) -> Generated:
    request = Given(**{"prompt": "x", "seed": 5, "model_family": "any", **given}).read()
    return images.generate(request, Settings(sd_base_url=(server.url,)), Deadline(30), Steps())


# What a server says.


@pytest.mark.parametrize("status", [200, 500])
def test_json_nested_too_deeply_is_an_answer_that_cannot_be_used(status: int) -> None:
    with SdServer() as server:
        server.broken[TXT2IMG] = lambda request: answer(request, "[" * 100_000, status)
        with pytest.raises(CreativeError, match=server.url):
            draw(server, size="64x64")


def test_json_null_is_called_null() -> None:
    with SdServer() as server:
        server.broken[TXT2IMG] = lambda request: answer(request, "null")
        with pytest.raises(AnswerInvalid, match="no object: null"):
            draw(server, size="64x64")


def test_another_size_than_the_planned_one_is_told() -> None:
    with SdServer() as server:
        picture = base64.b64encode(png(32, 100, 1)).decode()
        body = json.dumps({"images": [picture], "info": ""})
        server.broken[TXT2IMG] = lambda request: answer(request, body)
        made = draw(server, size="64x64")
    assert opened(made.pictures[0].data).size == (64, 64)
    assert "size: the server drew 32x100 instead of the 64x64 it was asked for" in made.notes


def test_the_planned_size_is_not_worth_a_note() -> None:
    with SdServer() as server:
        assert not [note for note in draw(server, size="70x50").notes if "instead of" in note]


def test_all_servers_are_named_once_and_sentences_end_once() -> None:
    failed = {
        f"http://{name}": EngineUnavailable(f"Stable Diffusion at http://{name}", "it is gone")
        for name in ("one", "two")
    }
    message = pool.none_left("Stable Diffusion", dict(failed)).message
    assert message.count("http://one") == 1
    assert ".;" not in message
    assert not message.endswith("..")


# An infotext repeats the file, not only what was drawn.


@pytest.mark.parametrize(
    "placement",
    [
        {"fit": "contain", "background": "#ff8000"},
        {"fit": "contain", "background": "transparent"},
        {"fit": "cover", "focus": "top left"},
        {"fit": "cover", "focus": "0.333333333333, 90%"},
        {"fit": "stretch"},
    ],
)
def test_an_infotext_repeats_the_placement(placement: dict[str, str]) -> None:
    with SdServer(noise=True) as server:
        first = draw(server, size="90x51", placement=PlacementGiven(**placement))
        # Dify sends the default of a parameter that nobody touched.
        again = draw(
            server, prompt="", seed=None, infotext=first.infotext,
            placement=PlacementGiven(fit="cover"),
        )  # fmt: skip
    assert again.infotext == first.infotext
    assert again.pictures[0].data == first.pictures[0].data


def test_what_is_given_wins_over_the_placement_of_an_infotext() -> None:
    old = "a\nSteps: 2, Seed: 3, Size: 64x64, Output size: 70x40, Output fit: contain, "
    old += "Output background: #ff0000"
    assert Given(infotext=old).read().placement.background == (255, 0, 0)
    other = PlacementGiven(background="white")
    assert Given(infotext=old, placement=other).read().placement.background == (255, 255, 255)
    sized = Given(infotext=old, size="64x64").read()
    assert (sized.placement.fit, sized.placement.background) == (Fit.COVER, "blur")


def test_a_placement_of_defaults_is_not_spelt_out() -> None:
    assert Placement().fields() == {"Output fit": "cover"}


def test_a_width_of_0_is_refused_also_beside_an_infotext() -> None:
    with pytest.raises(InvalidInput, match="width: got 0"):
        Given(infotext="a\nSteps: 2, Seed: 3, Size: 64x64", width=0).read()


# Words.


def test_the_allowed_seeds_are_whole_numbers() -> None:
    with pytest.raises(InvalidInput, match="0 to 4294967295"):
        DrawRequest(prompt="x", seed=2**32)


@pytest.mark.parametrize("focus", ["left right", "top bottom"])
def test_a_focus_at_both_ends_is_none(focus: str) -> None:
    with pytest.raises(InvalidInput, match="focus"):
        read_focus(focus)


def test_a_broken_file_is_named_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        Given(prompt="x", image=png(64, 64, 1)[:-20], width=32).read()
    assert caught.value.message.count("image") == 1


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": 1e999}', "{'a': {1, 2}}", {"a": float("inf")}, {"a": {1}}]
)
def test_what_json_cannot_hold_is_not_sent(text: Any) -> None:
    with pytest.raises(InvalidInput, match="do not exist in JSON"):
        read_object("extra", text)


def test_too_deep_is_said_in_plain_words() -> None:
    with pytest.raises(InvalidInput, match="nested too deeply"):
        read_object("extra", '{"a":' + "[" * 100_000)


def test_an_address_of_a_picture_that_is_none_is_explained() -> None:
    body = json.dumps({"data": [{"url": "http://[bad/x.png"}]})
    with Server(lambda request: answer(request, body)) as server:
        settings = Settings(openai_base_url=server.url, openai_api_key="k")
        request = Given(prompt="x", model="gpt-image-1").read()
        with pytest.raises(AnswerInvalid, match="for a picture is none"):
            images.generate(request, settings, Deadline(10), Steps())


def test_an_unreadable_base_address_of_openai_is_named() -> None:
    settings = Settings(openai_base_url="http://me:secret@[bad", openai_api_key="k")
    with pytest.raises(InvalidInput, match="openai_base_url") as caught:
        images.generate(Given(prompt="x").read(), settings, Deadline(10), Steps())
    assert "secret" not in str(caught.value)


# A job id that somebody changed.


def forged(**changes: Any) -> str:
    with SdServer("sdcpp") as server:
        request = Given(prompt="x", size="64x64", model_family="any").read()
        settings = Settings(sd_base_url=(server.url,))
        job = images.submit(request, settings, Deadline(30), Steps()).job_id
    packed = job.removeprefix(MARK)
    data = json.loads(zlib.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))))
    for path, value in changes.items():
        *rooms, last = path.split("__")
        place = data
        for room in rooms:
            place = place[room]
        place[last] = value
    text = base64.urlsafe_b64encode(zlib.compress(json.dumps(data).encode())).decode()
    return MARK + text.rstrip("=")


@pytest.mark.parametrize(
    "changes",
    [
        {"ticket__ids": [".."]},
        {"ticket__ids": ["."]},
        {"ticket__ids": ["job_0\n"]},
        {"ticket__ids": ["../job_0"]},
        {"ticket__ids": ["job_0"] * 17},
        {"plan__width": 100_000_000},
        {"plan__height": -5},
        {"plan__width": 0},
    ],
)
def test_a_forged_job_id_is_refused_before_anybody_is_asked(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"^job_id"):
        decode(forged(**changes))


def test_an_untouched_job_id_comes_back() -> None:
    job: Job = decode(forged())
    assert decode(encode(job)) == job


# ComfyUI workflows.


def test_a_line_break_does_not_get_into_a_file_name() -> None:
    graph = read_workflow(
        {
            "1": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x/{{prompt}}"}},
            "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "{{prompt}}"}},
        }
    )
    filled, _ = fill(graph, {"prompt": "two\nlines\x00{{seed}}"})
    assert filled["1"]["inputs"]["filename_prefix"] == "x/two lines {{seed}}"
    assert filled["2"]["inputs"]["text"] == "two\nlines\x00{{seed}}"


def test_a_placeholder_is_no_kind_of_node() -> None:
    with pytest.raises(InvalidInput, match=r"class_type \{\{kind\}\} of node #1"):
        read_workflow({"1": {"class_type": "{{kind}}", "inputs": {}}})


def test_an_infotext_of_a_picture_to_start_from_has_its_size() -> None:
    started = infotext_of(
        {
            "image": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
            "sampler": {"class_type": "KSampler", "inputs": {"steps": 2, "seed": 1}},
        },
        (64, 48),
    )
    told = infotext.parse(started)
    assert (told.width, told.height) == (64, 48)


# Secrets, and files as Dify hands them over, through the plugin's process.


@pytest.fixture(scope="module")
def plugin() -> Iterator[Host]:
    with open_plugin(PROJECT) as host:
        yield host


def _drain(messages: Iterable[Message], result: Result) -> None:
    for message in messages:
        result.add(message)


SECRETS = ("hunter-2-words", "ghp0token")


@pytest.mark.parametrize(
    ("address", "login"),
    [
        ("http://{}", "user:hunter-2-words"),
        ("http://user:hunter-2-words@{}", ""),
        ("http://ghp0token@{}", ""),
    ],
)
def test_a_secret_that_the_server_repeats_is_not_shown(
    plugin: Host, address: str, login: str
) -> None:
    with SdServer() as server:
        said = json.dumps({"detail": f"no: {' '.join(SECRETS)}"})
        server.broken[TXT2IMG] = lambda request: answer(request, said, 500)
        settings = {"sd_base_url": address.format(server.url[7:]), "sd_auth": login}
        parameters = {"prompt": "x", "size": "64x64"}
        result = Result()
        with pytest.raises(ToolFailed) as caught:
            _drain(plugin.invoke("text_to_image", parameters, credentials=settings), result)
    assert result.logs
    shown = json.dumps(result.logs, ensure_ascii=False) + str(caught.value)
    assert "•••" in str(caught.value)
    mine = [secret for secret in SECRETS if secret in address + login]
    assert mine
    assert not [secret for secret in mine if secret in shown]


def test_a_list_of_one_file_is_a_file_and_an_error_shows_no_address(plugin: Host) -> None:
    with FileServer() as store:
        file = store.put(png(64, 48, 1), "a.png", "image/png")
        parameters = {"upscaler": "lanczos", "scale": 2}
        made = Result.collect(plugin.invoke("upscale_image", {**parameters, "image": [file]}))
        assert opened(made.files[0].data).size == (128, 96)
        with pytest.raises(ToolFailed) as caught:
            Result.collect(plugin.invoke("upscale_image", {**parameters, "image": [file, file]}))
    assert "a list of 2" in str(caught.value)
    assert "http" not in str(caught.value)


def test_among_several_files_an_error_shows_no_address_either(plugin: Host) -> None:
    wrong = {"images": [{"url": "http://dify.example/a.png?sign=hunter-2"}], "workflow": "{}"}
    with pytest.raises(ToolFailed, match=r"images: got .*allowed is files") as caught:
        Result.collect(plugin.invoke("run_comfyui_workflow", wrong))
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    "link", ["http://[bad/x.png", "http://user:secret@[::1/a.png"], ids=["bracket", "login"]
)
def test_a_link_that_cannot_be_read_is_a_bad_input(plugin: Host, link: str) -> None:
    file = {
        "dify_model_identity": "__dify__file__",
        "url": link,
        "mime_type": "image/png",
        "filename": "a.png",
        "extension": ".png",
        "size": 1,
        "type": "image",
    }
    with pytest.raises(ToolFailed, match="image: got") as caught:
        Result.collect(plugin.invoke("upscale_image", {"image": file, "upscaler": "lanczos"}))
    assert "secret" not in str(caught.value)


def test_a_redirect_to_an_unreadable_address_is_explained() -> None:
    def away(request: Any) -> None:
        answer(request, "", 302, Location="http://[bad/")

    with Server(away) as server:
        url = f"{server.url}/files/a/file-preview?timestamp=1&nonce=2&sign=3"
        with pytest.raises(AnswerInvalid, match="an address that is none"):
            fetch(url, "", "image", Deadline(10), 1000)
    with SdServer() as engine:
        engine.broken[TXT2IMG] = away
        with pytest.raises(AnswerInvalid, match="an address that is none"):
            draw(engine, size="64x64")


def test_long_texts_of_a_workflow_do_not_cost_its_pictures(plugin: Host) -> None:
    def works(server: Comfy, prompt_id: str) -> None:
        server.files = {f"{number}.png": png(64, 64, 1) for number in range(400)}
        images = [{"filename": name, "type": "output"} for name in server.files]
        texts = ["short", "字" * 200_000, "after"]
        server.end(prompt_id, {"1": {"images": images}, "2": {"text": texts}})

    graph = {"1": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x"}}}
    with Comfy(works) as server:
        messages = plugin.invoke(
            "run_comfyui_workflow",
            {"workflow": json.dumps(graph)},
            credentials={"comfyui_base_url": server.url},
        )
        result = Result.collect(messages)
    assert len(result.files) == 400
    assert result.variables["file_count"] == 400
    assert result.variables["texts"][0] == "short"
    assert result.variables["texts"][1].startswith("字字")
    assert len(json.dumps(result.json[0], ensure_ascii=False).encode()) < 200_000
    assert "texts: cut after 100 KB" in result.variables["notes"]
