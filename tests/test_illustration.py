"""workflows/illustration.yml on Dify's engine with the real plugin, and jobs longer than a call.

The real server is STUDIO_TEST_A1111_URL (AUTOMATIC1111 or Forge with --api and a small model).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from creative.images.picture import read_infotext
from runtime.answers.files import FileServer
from runtime.errors import LimitExceeded, ToolFailed
from runtime.host import Host, open_plugin
from runtime.host.limits import Limits
from runtime.host.messages import Result
from runtime.host.parameters import prepare
from runtime.paths import PROJECT
from runtime.workflow.result import WorkflowResult
from runtime.workflow.run import run
from tests.pictures import opened
from tests.processes import wait_until
from tests.sd_server import SdServer

A1111_URL = os.environ.get("STUDIO_TEST_A1111_URL", "")
ILLUSTRATION = PROJECT / "workflows" / "illustration.yml"
TXT2IMG = "/sdapi/v1/txt2img"

CALL_SECONDS = 4.0
"""The daemon's absolute limit, 600 s, with time 150 times as fast."""
JOB_SECONDS = 6.0
"""A job of 15 minutes."""


@pytest.fixture(scope="module")
def studio() -> Iterator[Host]:
    limits = Limits(PLUGIN_MAX_EXECUTION_TIMEOUT=CALL_SECONDS)
    with open_plugin(PROJECT, limits=limits) as host:
        host.wait_ready()
        yield host


def illustrated(server: str, **inputs: Any) -> WorkflowResult:
    with (
        open_plugin(PROJECT, credentials={"sd_base_url": server}) as host,
        FileServer() as files,
    ):
        return run(ILLUSTRATION, inputs, [host], files=files)


def test_both_pictures_are_exactly_as_large_as_the_variables_say() -> None:
    with SdServer("forge", models=("v1-5.safetensors",)) as server:
        result = illustrated(server.url, prompt="a red mill", width=485, height="333", steps=7)
        assert result.ok, result.error
        [picture], [story] = result.outputs["picture"], result.outputs["story"]
        assert opened(picture.data).size == (485, 333)
        # The template computes it: 485 * 16 / 9 = 862.2
        assert opened(story.data).size == (485, 862)
        first, second = server.posts_to(TXT2IMG)
        assert first["seed"] == second["seed"]
        assert first["steps"] == second["steps"] == 7
        assert first["prompt"] == second["prompt"] == "a red mill"
        assert result.outputs["report"] == (
            "Picture of 485 x 333 and story of 485 x 862 pixels, drawn by v1-5 with seed "
            f"{first['seed']}."
        )
        assert picture.filename == f"a-red-mill_{first['seed']}_485x333_1.png"
        assert result.outputs["infotext"] == read_infotext(picture.data)


@pytest.mark.parametrize(
    ("inputs", "node", "said"),
    [
        ({"width": 5, "height": 300}, "Picture", "width: got 5"),
        ({"width": 4800, "height": 300}, "Story", r"size: got '4800x8533'"),
    ],
)
def test_a_size_that_is_out_of_range_stops_the_workflow_at_its_node(
    inputs: dict[str, Any], node: str, said: str
) -> None:
    with SdServer("forge", models=("v1-5.safetensors",)) as server:
        result = illustrated(server.url, prompt="x", **inputs)
    assert not result.ok
    assert result.error is not None
    assert re.search(said, result.error.message)
    [failed] = [one.title for one in result.nodes if one.status == "failed"]
    assert failed == node


@pytest.mark.timeout(600)  # two pictures on a processor
def test_on_a_real_server() -> None:
    if not A1111_URL:
        pytest.skip("STUDIO_TEST_A1111_URL is not set: no AUTOMATIC1111 or Forge to draw with")
    result = illustrated(A1111_URL, prompt="a red mill", width=320, height=200, steps=1)
    assert result.ok, result.error
    [picture], [story] = result.outputs["picture"], result.outputs["story"]
    assert opened(picture.data).size == (320, 200)
    assert opened(story.data).size == (320, 569)
    seeds = [re.search(r"Seed: (\d+)", read_infotext(file.data)) for file in (picture, story)]
    assert seeds[0]
    assert seeds[1]
    assert seeds[0][1] == seeds[1][1]


# --- longer than a call may take ----------------------------------------------------------


def call(host: Host, server: SdServer, tool: str, **parameters: Any) -> Result:
    credentials = {"sd_base_url": server.url, "max_seconds": str(CALL_SECONDS * 0.6)}
    given = prepare(host.find(tool)[1], parameters)
    return Result.collect(host.invoke(tool, given, credentials=credentials))


def test_waiting_too_long_ends_with_our_own_error_before_the_daemons(studio: Host) -> None:
    with SdServer("forge", seconds=JOB_SECONDS) as server:
        began = time.monotonic()
        with pytest.raises(ToolFailed) as caught:
            call(studio, server, "text_to_image", prompt="x", size="64x64", timeout_seconds=500)
        assert time.monotonic() - began < CALL_SECONDS
        assert caught.value.error_type == "DeadlineExceeded"
        assert "Out of time after 2.4 s (the plugin setting max_seconds)" in caught.value.message
        assert re.search(r"step [123] of 10", caught.value.message), "what was reached"
        assert "it was interrupted there" in caught.value.message
        assert "PLUGIN_MAX_EXECUTION_TIMEOUT" in caught.value.hint
        assert server.interrupts == 1
        assert wait_until(lambda: not server.running, 1)


def test_without_that_setting_the_daemon_ends_the_call(studio: Host) -> None:
    """What our own limit is for: nobody learns anything from the daemon's."""
    with SdServer("forge", seconds=JOB_SECONDS) as server:
        given = prepare(studio.find("text_to_image")[1], {"prompt": "x", "size": "64x64"})
        with pytest.raises(LimitExceeded, match="PLUGIN_MAX_EXECUTION_TIMEOUT"):
            Result.collect(
                studio.invoke("text_to_image", given, credentials={"sd_base_url": server.url})
            )


def test_a_job_longer_than_any_call_is_submitted_and_fetched(studio: Host) -> None:
    with (
        SdServer("forge", seconds=JOB_SECONDS) as forge,
        SdServer("sdcpp", seconds=JOB_SECONDS) as sdcpp,
    ):
        began = time.monotonic()
        asked = {"prompt": "x", "size": "970x250", "count": 2, "seed": 5, "mode": "submit"}
        jobs = {
            server: call(studio, server, "text_to_image", **asked).variables["job_id"]
            for server in (forge, sdcpp)
        }
        assert time.monotonic() - began < CALL_SECONDS
        with pytest.raises(ToolFailed, match=r"\(the plugin setting max_seconds\)") as caught:
            call(studio, forge, "fetch_image", job_id=jobs[forge], timeout_seconds=500)
        assert "call fetch_image with the same job_id again" in caught.value.hint
        waiting = [
            call(
                studio, forge, "fetch_image",
                job_id=jobs[forge], timeout_seconds=seconds, if_unfinished="report",
            )
            for seconds in (1, 1.5)
        ]  # fmt: skip
        assert [part.variables["status"] for part in waiting] == ["running", "running"]
        assert 0 < waiting[0].variables["progress"] < waiting[1].variables["progress"] < 100
        for server, job in jobs.items():
            done = call(studio, server, "fetch_image", job_id=job, timeout_seconds=500)
            assert (done.variables["status"], done.variables["seeds"]) == ("done", [5, 6])
            assert [opened(file.data).size for file in done.files] == [(970, 250)] * 2
            # In Dify, a call that is asked again must not find another job, or none.
            again = call(studio, server, "fetch_image", job_id=job)
            assert [file.data for file in again.files] == [file.data for file in done.files]
        assert time.monotonic() - began > JOB_SECONDS > CALL_SECONDS
        assert [len(forge.posts_to(TXT2IMG)), len(sdcpp.posts_to("/sdcpp/v1/img_gen"))] == [1, 1]
        assert forge.interrupts == 0
