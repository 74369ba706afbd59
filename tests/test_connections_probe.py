"""Everything about every connection: what `check_connections` tells."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from creative import breaker
from creative.capture import find_browser
from creative.connections import servers
from creative.errors import EngineUnavailable, NotConfigured
from creative.steps import Steps
from tests.comfy_server import Comfy
from tests.probing import answering, probe, the
from tests.sd_server import SdServer
from tests.servers import Server, answer, free_port, silent_listener


@pytest.fixture(autouse=True)
def no_address_rests() -> Iterator[None]:
    breaker._breakers.clear()
    yield
    breaker._breakers.clear()


@pytest.fixture
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("creative.capture.find_browser", lambda: None)


# --- what is told --------------------------------------------------------------------------


def test_what_works_tells_version_models_and_latency(no_browser: None) -> None:
    listed = [{"id": name} for name in ("gpt-9", "gpt-image-9", *(f"m{n}" for n in range(30)))]
    with (
        SdServer("forge") as sd,
        Comfy() as comfy,
        answering({"/v1/models": (200, {"data": listed})}) as api,
        answering({"/v1/info": (200, {"name": "My app", "mode": "workflow"})}) as dify,
    ):
        report = probe(
            {
                "sd_base_url": sd.url.replace("://", "://me:hush-hush@"),
                "comfyui_base_url": comfy.url,
                "openai_base_url": f"{api.url}/v1",
                "openai_api_key": "sk-hush",
                "dify_base_url": f"{dify.url}/v1",
                "dify_api_key": "app-hush",
            }
        )
        assert the(report, "sd_base_url").address == sd.url
    assert report.ok
    report.check()
    for setting in ("sd_base_url", "comfyui_base_url", "openai_base_url", "dify_api_key"):
        one = the(report, setting)
        assert (one.status, one.reachable, one.authorised, one.hint) == ("ok", True, True, "")
        assert one.latency_ms is not None
        assert 0 <= one.latency_ms < 10_000
    assert the(report, "sd_base_url").version == "Forge"
    assert the(report, "sd_base_url").models
    assert the(report, "comfyui_base_url").version.startswith("ComfyUI ")
    api_models = the(report, "openai_base_url")
    assert (api_models.models[0], len(api_models.models)) == ("gpt-image-9", 20)
    assert api_models.model_count == 32
    assert "'My app' (workflow)" in the(report, "dify_api_key").message
    told = report.text() + json.dumps(report.data())
    assert "hush" not in told
    assert "All 4 tested connections work." in told
    assert "Runware: Set 'runware_api_key'" in told


def test_each_failure_says_what_is_known_and_what_to_do(
    no_browser: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = (401, {"errors": [{"code": "invalidApiKey", "message": "Invalid API key"}]})
    dead = f"http://127.0.0.1:{free_port()}"
    with (
        SdServer("a1111") as sd,
        answering({"/system_stats": (403, {"error": "no"}), "/": refused}) as guarded,
        answering({}) as empty,
    ):
        monkeypatch.setattr(servers, "RUNWARE_URL", guarded.url)
        report = probe(
            {
                "sd_base_url": f"{sd.url},{dead}",
                "comfyui_base_url": guarded.url,
                "openai_base_url": f"{empty.url}/v1/images/generations",
                "runware_api_key": "rk-hush",
                "dify_base_url": f"{empty.url}/v1",
                "dify_api_key": "app-hush",
            }
        )
    states = {
        one.address or one.name: (one.status, one.reachable, one.authorised)
        for one in report.connections
        if one.configured
    }
    assert states[sd.url] == ("ok", True, True)
    assert states[dead] == ("problem", False, None)
    assert the(report, "comfyui_base_url").authorised is False
    assert (
        the(report, "runware_api_key").reachable,
        the(report, "runware_api_key").authorised,
    ) == (
        True,
        False,
    )
    assert the(report, "dify_api_key").authorised is None
    assert all(one.hint and one.message for one in report.problems)
    assert not report.ok
    assert "4 of 6 connections do not work." in report.text()
    with pytest.raises(EngineUnavailable, match=r"^4 of 6 connections do not work: ") as raised:
        report.check()
    assert ".;" not in str(raised.value)
    assert str(raised.value).count("Check the port and that the server is running.") == 1
    assert dead in raised.value.message
    assert "comfyui_api_key" in raised.value.hint
    assert "hush" not in report.text() + str(raised.value)


def test_nothing_set_up_is_no_error_and_not_fine(no_browser: None) -> None:
    report = probe({"max_seconds": "300"})
    assert not report.ok
    assert report.problems == []
    assert {one.status for one in report.connections} == {"not set"}
    assert "Nothing is set up yet" in report.text()
    assert report.text().count("Set '") == len(report.connections) == 7
    with pytest.raises(NotConfigured):
        report.check()


def test_what_is_set_up_and_not_tested_is_not_called_missing(no_browser: None) -> None:
    report = probe(
        {"screenshot_service": "screenshotmachine", "screenshot_service_key": "hush-hush"}
    )
    assert not report.ok
    assert report.text().startswith("None of the connections was tested. Not tested: Screenshot")
    with pytest.raises(EngineUnavailable, match="screenshot_service") as raised:
        report.check()
    assert "test_picture" in raised.value.hint
    assert "sd_base_url" not in str(raised.value)


def test_a_server_that_only_says_no_such_page_is_not_called_fine(no_browser: None) -> None:
    """It may draw all the same; but any web server answers so."""
    with answering({}) as anything:
        report = probe({"openai_base_url": f"{anything.url}/v1", "openai_api_key": "k"})
    one = the(report, "openai_base_url")
    assert (one.status, one.reachable, one.authorised) == ("not tested", True, None)
    assert "a picture tells" in one.message
    assert not report.ok
    assert "✓" not in report.text()
    with pytest.raises(EngineUnavailable) as raised:
        report.check()
    assert "test_picture" in raised.value.hint


def test_a_server_that_is_loading_is_asked_again_later(no_browser: None) -> None:
    with answering({"/v1/models": (503, {"error": {"message": "Loading model"}})}) as api:
        one = the(probe({"openai_base_url": f"{api.url}/v1"}), "openai_base_url")
    assert one.reachable
    assert "Loading model" in one.message
    assert "try again in a minute" in one.hint


def test_numbers_and_sentences_are_right(no_browser: None) -> None:
    with answering({"/v1/models": (200, {"data": []})}) as api:
        steps = Steps()
        one = probe({"openai_base_url": f"{api.url}/v1"}, steps=steps).text()
    with answering({"/v1/models": (401, {"error": {"message": "No such key"}})}) as api:
        wrong = probe({"openai_base_url": f"{api.url}/v1"}).text()
    assert one.startswith("The tested connection works.")
    assert "1 of 1 setting checked" in [event.label for event in steps.events]
    assert wrong.startswith("1 of 1 connection does not work.")
    assert "No such key. Set 'openai_api_key'." in wrong
    assert "\n\n\n" not in one + wrong


def test_what_a_server_says_of_itself_is_short_and_holds_no_secret(no_browser: None) -> None:
    said = "v1\n| hush-hush " + "x" * 300_000
    routes = {"/v1/models": (200, {"data": [{"id": said}] * 30})}
    with answering({**routes, "/v1/info": (200, {"name": said})}) as server:
        credentials = {"openai_base_url": f"{server.url}/v1", "openai_api_key": "hush-hush"}
        dify = {"dify_base_url": f"{server.url}/v1", "dify_api_key": "hush-hush"}
        report = probe({**credentials, **dify})
    told = report.text() + json.dumps(report.data())
    assert report.ok
    assert "hush-hush" not in told
    assert len(told) < 30_000
    [row] = [line for line in report.text().splitlines() if line.startswith("| Images API")]
    assert row.endswith("|")


ODD = ([], {}, 5, None, "x", [[]], [5], {"system": 5, "data": 5, "models": 5, "name": []},
       {"system": None, "data": [5, None, {"id": []}], "name": {"a": 1}, "mode": 3},
       {"data": {"a": []}, "models": [None], "available": [], "user_input_form": 1})  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_odd_answers_end_no_other_check(odd: Any, no_browser: None) -> None:
    server = Server(lambda request: answer(request, json.dumps(odd)))
    with server, answering({"/v1/models": (200, {"data": []})}) as api:
        wrong = {"sd_base_url": server.url, "comfyui_base_url": server.url,
                 "dify_base_url": server.url, "dify_api_key": "k", "screenshot_service_key": "k",
                 "screenshot_service": "screenshotone", "browser_url": server.url,
                 "screenshot_service_url": server.url}  # fmt: skip
        report = probe({**wrong, "openai_base_url": f"{api.url}/v1"})
    assert the(report, "openai_base_url").status == "ok"
    assert json.dumps(report.data())


def test_wrong_settings_are_told_and_right_ones_are_no_connection(no_browser: None) -> None:
    with SdServer("a1111") as sd:
        right = probe({"sd_base_url": sd.url, "sd_auth": "a:b", "allowed_private_hosts": "nas"})
        wrong = probe(
            {"sd_base_url": sd.url, "sd_auth": "ab", "allowed_private_hosts": "http://x/"}
        )
    assert [one.setting for one in right.connections if one.configured] == ["sd_base_url"]
    assert right.ok
    assert {one.setting for one in wrong.problems} == {"sd_auth", "allowed_private_hosts"}
    assert the(wrong, "sd_auth").reachable is None


def test_a_server_that_never_answers_ends_with_the_call(no_browser: None) -> None:
    with silent_listener() as port, SdServer("forge") as sd:
        assert probe({"sd_base_url": sd.url}).ok  # whatever has to be imported is, now
        began = time.monotonic()
        report = probe(
            {"sd_base_url": sd.url, "comfyui_base_url": f"http://127.0.0.1:{port}"}, seconds=2.5
        )
    assert time.monotonic() - began < 20
    assert the(report, "sd_base_url").status == "ok"
    silent = the(report, "comfyui_base_url")
    assert (silent.status, silent.reachable, silent.latency_ms) == ("problem", False, None)
    assert "timeout_seconds" in silent.message + silent.hint


def test_an_older_dify_tells_its_parameters_only(no_browser: None) -> None:
    with answering({"/v1/parameters": (200, {"user_input_form": []})}) as dify:
        old = probe({"dify_base_url": f"{dify.url}/v1", "dify_api_key": "app-1"})
    with answering({"/v1/parameters": (401, {"message": "Access token is invalid"})}) as dify:
        refused = probe({"dify_base_url": f"{dify.url}/v1", "dify_api_key": "app-1"})
    assert the(old, "dify_api_key").status == "ok"
    assert the(refused, "dify_api_key").authorised is False


def test_screenshot_services_are_asked_only_what_is_not_billed(no_browser: None) -> None:
    usage = {"/usage": (200, {"total": 100, "available": 95, "used": 5})}
    with answering(usage) as shots:
        fine = probe(
            {
                "screenshot_service": "screenshotone",
                "screenshot_service_url": f"{shots.url}/take",
                "screenshot_service_key": "k-hush",
            }
        )
        assert [one.split("?")[0] for one in shots.requests] == ["GET /usage"]
    with answering({"/usage": (401, {"error_message": "no such key: k-hush"})}) as shots:
        wrong = probe(
            {
                "screenshot_service": "screenshotone",
                "screenshot_service_url": shots.url,
                "screenshot_service_key": "k-hush",
            }
        )
    other = probe({"screenshot_service": "screenshotmachine", "screenshot_service_key": "k-hush"})
    assert "95 of 100 screenshots are left" in the(fine, "screenshot_service").message
    assert fine.ok
    refused = the(wrong, "screenshot_service")
    assert (refused.reachable, refused.authorised) == (True, False)
    assert "screenshot_service_key" in refused.hint
    assert "hush" not in refused.message
    untested = the(other, "screenshot_service")
    assert (untested.status, untested.reachable) == ("not tested", None)
    assert not other.ok  # nothing was tested


@pytest.mark.skipif(find_browser() is None, reason="no Chromium or Chrome here")
def test_the_browser_on_this_machine_tells_its_version() -> None:
    one = the(probe({}), "browser_url")
    assert one.status == "ok"
    assert any(char.isdigit() for char in one.version)


def test_a_browser_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho 'cannot open libnss3.so' >&2\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setattr("creative.capture.find_browser", lambda: str(broken))
    one = the(probe({}), "browser_url")
    assert (one.status, one.reachable) == ("problem", False)
    assert "libnss3" in one.message
    assert "STUDIO_CHROMIUM" in one.hint
