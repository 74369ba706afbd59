"""Connections through the plugin: the node `check_connections`, and `studio doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from creative.connections import Connection
from runtime import doctor
from runtime.errors import ToolFailed
from runtime.host import Host, open_plugin
from runtime.host.messages import Result
from runtime.paths import PROJECT
from runtime.settings import Settings as RuntimeSettings
from tests.sd_server import SdServer
from tests.servers import free_port


@pytest.fixture(scope="module")
def studio() -> Iterator[Host]:
    with open_plugin(PROJECT) as host:
        yield host


def test_doctor_tells_the_same_of_our_plugin(
    studio: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with SdServer("forge") as sd:
        dead = f"http://127.0.0.1:{free_port()}"
        credentials = {"sd_base_url": sd.url, "comfyui_base_url": dead, "max_seconds": "300"}
        monkeypatch.setattr(studio, "credentials", credentials)
        found = doctor.examine(studio, RuntimeSettings())
    document = found.document()
    assert set(document) == {"ok", "checks", "connections"}
    assert document["ok"] is False
    assert set(document["connections"][0]) == set(Connection.model_fields)
    states = {check.name: check.state for check in found.checks}
    assert (states["sd_base_url"], states["comfyui_base_url"]) == ("ok", "problem")
    assert (states["max_seconds"], states["runware_api_key"]) == ("ok", "not set")
    assert "Forge" in found.text()
    assert "✗ comfyui_base_url" in found.text()


def test_doctor_names_a_setting_that_keeps_the_node_from_working(
    studio: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studio, "credentials", {"max_seconds": "soon"})
    found = doctor.examine(studio, RuntimeSettings())
    assert not found.well
    assert "max_seconds" in found.text()


def test_the_node_fails_only_if_it_is_asked_to(
    studio: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = {"sd_base_url": f"http://127.0.0.1:{free_port()}"}
    monkeypatch.setattr(studio, "credentials", dead)
    told = Result.collect(studio.invoke("check_connections", {})).variables
    assert told["ok"] is False
    with pytest.raises(ToolFailed, match=dead["sd_base_url"]) as raised:
        Result.collect(studio.invoke("check_connections", {"fail_on_error": True}))
    assert "Check the port" in raised.value.hint
