"""What `check_connections` does if asked: test pictures, a question to the model; real servers."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from creative import breaker
from creative.deadline import Deadline
from creative.errors import CreativeError
from creative.images import picture as container
from creative.language import Completion, failure
from creative.steps import Steps
from tests.comfy_server import Comfy
from tests.parrots import PlainParrot
from tests.probing import answering, probe, the
from tests.sd_server import SdServer


@pytest.fixture(autouse=True)
def no_address_rests() -> Iterator[None]:
    breaker._breakers.clear()
    yield
    breaker._breakers.clear()


@pytest.fixture
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("creative.capture.find_browser", lambda: None)


def test_a_test_picture_is_the_proof(no_browser: None) -> None:
    steps = Steps()
    with SdServer("forge", seconds=0.1) as sd, Comfy() as comfy:
        quiet = probe({"sd_base_url": sd.url, "comfyui_base_url": comfy.url})
        assert sd.posts == []  # nothing is drawn unless it is asked for
        report = probe(
            {"sd_base_url": sd.url, "comfyui_base_url": comfy.url}, steps=steps, test_picture=True
        )
    # Small is what is drawn, not only what comes out: a CPU takes minutes for 512 x 512.
    [small] = [body for path, body in sd.posts if path.endswith("txt2img")]
    assert (small["width"], small["height"]) == (64, 64)
    assert quiet.pictures == ()
    assert report.problems == []
    names = [picture.filename for picture in report.pictures]
    assert names == ["test_1_automatic1111.png", "test_2_comfyui.png"]
    for picture in report.pictures:
        header = container.inspect(picture.data, "the test picture")
        assert (header.width, header.height) == (64, 64)
    assert the(report, "sd_base_url").picture == names[0]
    assert "Test picture in" in the(report, "comfyui_base_url").message
    assert steps.usage.pictures == 2
    percents = [event.percent for event in steps.events]
    assert percents == sorted(percents)
    assert 40 < percents[-1] <= 70


def test_a_server_that_answers_and_does_not_draw_is_a_problem(no_browser: None) -> None:
    with answering({"/v1/models": (200, {"data": [{"id": "gpt-image-1"}]})}) as api:
        credentials = {"openai_base_url": f"{api.url}/v1", "openai_api_key": "sk-hush"}
        assert probe(credentials).ok
        report = probe(credentials, test_picture=True)
    one = the(report, "openai_base_url")
    assert (one.status, one.reachable) == ("problem", True)
    assert "the test picture failed" in one.message
    assert not report.ok


def few(said: str | CreativeError) -> PlainParrot:
    """A language model of few words, which cost something."""
    if isinstance(said, CreativeError):
        return PlainParrot(said)
    return PlainParrot(Completion(text=said, prompt_tokens=9, completion_tokens=1, price=0.01))


def test_a_language_model_is_asked_only_if_wanted(no_browser: None) -> None:
    model, steps = few("ok"), Steps()
    silent = probe({}, model=model)
    assert model.asked == []
    assert (the(silent, "model").status, silent.ok) == ("not tested", False)
    report = probe({}, model=model, ask_model=True, steps=steps)
    assert len(model.asked) == 1
    assert (the(report, "model").status, report.ok) == ("ok", True)
    assert (steps.tokens, steps.cost) == (10, 0.01)


def test_a_language_model_that_refuses_or_says_nothing(no_browser: None) -> None:
    # What Dify hands on of a refusal; it has no status.
    for said, authorised in (("Incorrect API key provided", False), ("no such model", None)):
        refusing = few(failure("small", said, Deadline(5)))
        refused = the(probe({}, model=refusing, ask_model=True), "model")
        assert (refused.status, refused.reachable) == ("problem", True)
        assert refused.authorised is authorised
        assert refused.hint
    steps = Steps()
    empty = the(probe({}, model=few("  "), ask_model=True, steps=steps), "model")
    assert (empty.status, empty.reachable) == ("problem", True)
    assert steps.cost == 0.01  # it was paid for


# --- real servers --------------------------------------------------------------------------

REAL = (
    ("sd_base_url", "STUDIO_TEST_A1111_URL"),
    ("sd_base_url", "STUDIO_TEST_SDCPP_URL"),
    ("comfyui_base_url", "STUDIO_TEST_COMFYUI_URL"),
)


@pytest.mark.parametrize(("setting", "variable"), REAL, ids=[one[1] for one in REAL])
def test_a_real_server(setting: str, variable: str, no_browser: None) -> None:
    address = os.environ.get(variable)
    if not address:
        pytest.skip(f"{variable} names no server")
    one = the(probe({setting: address}, seconds=300, test_picture=True), setting)
    assert (one.status, one.reachable, one.authorised) == ("ok", True, True)
    assert one.version
    assert one.models
    assert one.picture
