"""`studio run` with several plugins: one calls the other's tool, both end with the command."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from runtime import cli
from tests.conftest import PROBE
from tests.plugins import write_plugin
from tests.processes import gone, wait_until

_TOOL = """\
from dify_plugin import Tool


class CallerTool(Tool):
    def _invoke(self, tool_parameters):
        given = {"act": tool_parameters["act"]}
        for message in self.session.tool.invoke_builtin_tool("probe", "probe", given):
            yield self.create_json_message(message.model_dump(mode="json"))
"""


@pytest.fixture
def caller(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A plugin whose tool `echo` calls the probe's."""
    from runtime.host import environment

    monkeypatch.setattr(environment, "python_for", lambda *_: Path(sys.executable))
    monkeypatch.chdir(tmp_path)

    def parameters(data: dict[str, Any]) -> None:
        data["parameters"] = [{**data["parameters"][0], "name": "act"}]

    def may_call(data: dict[str, Any]) -> None:
        data["resource"]["permission"]["tool"] = {"enabled": True}

    return write_plugin(
        tmp_path / "caller",
        {"tools/echo.py": _TOOL, "tools/echo.yaml": parameters, "manifest.yaml": may_call},
    )


def run(*arguments: object) -> Any:
    outcome = CliRunner().invoke(cli.app, ["run", *map(str, arguments), "--json"])
    return json.loads(outcome.stdout)


def test_one_plugin_calls_another(caller: Path) -> None:
    shown = run("echo", "act=child", "--plugin", PROBE, "--plugin", caller)
    assert shown["ok"], shown["error"]
    (message,) = shown["json"]
    # The probe has started a process: neither outlives the command.
    child = int(message["message"]["variable_value"])
    assert wait_until(lambda: gone(child))


def test_alone_it_is_told_what_is_missing(caller: Path) -> None:
    shown = run("echo", "act=echo", "--plugin", caller)
    assert shown["ok"] is False
    assert "further --plugin" in shown["error"]["message"]
