"""What other people's plugins need of a host: credentials as Dify fills them in, calls that are
carried out or fail, never both."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime import declaration
from runtime.errors import PackageInvalid, PluginDied, StudioError, ToolFailed
from runtime.host import Host
from runtime.host.link import Ears
from runtime.host.messages import Result
from tests.plugins import write_plugin

_TOOL = """\
from dify_plugin import Tool


class EchoTool(Tool):
    def _invoke(self, tool_parameters):
        if tool_parameters["message"] == "credentials":
            yield self.create_json_message(dict(self.runtime.credentials))
        elif tool_parameters["message"] == "hint":
            raise ValueError("no\\nWhat to do: Ask again.")
        else:
            yield self.create_text_message(self.runtime.credentials["address"])
"""


def _provider(data: dict[str, Any]) -> None:
    data["credentials_for_provider"] |= {
        "address": {"type": "text-input", "required": True, "label": {"en_US": "Address"}},
        "port": {
            "type": "text-input",
            "required": False,
            "default": 8080,
            "label": {"en_US": "Port"},
        },
        "strict": {
            "type": "boolean",
            "required": False,
            "default": True,
            "label": {"en_US": "Strict"},
        },
        "region": {
            "type": "text-input",
            "required": True,
            "default": "eu",
            "label": {"en_US": "Region"},
        },
    }


@pytest.fixture(scope="module")
def parrot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = write_plugin(
        tmp_path_factory.mktemp("parrot"),
        {"provider/parrot.yaml": _provider, "tools/echo.py": _TOOL},
    )
    with Host(declaration.from_folder(folder), folder, sys.executable) as host:
        yield host


def test_defaults_stand_in_for_what_is_optional(parrot: Host) -> None:
    given = {"address": "a", "voice": "high", "extra": "kept"}
    result = Result.collect(parrot.invoke("echo", {"message": "credentials"}, credentials=given))
    assert result.json == [{**given, "port": "8080", "strict": True}]
    assert parrot.credentials == {}


def test_a_failure_without_a_required_credential_says_what_to_set(parrot: Host) -> None:
    with pytest.raises(ToolFailed, match="address") as caught:
        Result.collect(parrot.invoke("echo", {"message": "x"}, credentials={"region": "eu"}))
    assert caught.value.error_type == "KeyError"
    assert caught.value.hint == (
        "The plugin declares as required, and was not given: address. Set STUDIO_ADDRESS in .env."
    )
    with pytest.raises(ToolFailed) as caught:
        Result.collect(parrot.invoke("echo", {"message": "hint"}))
    assert caught.value.hint == "Ask again."
    full = {"address": 5, "region": "eu"}  # 5 is no text: the SDK refuses the message
    with pytest.raises(ToolFailed) as caught:
        Result.collect(parrot.invoke("echo", {"message": "x"}, credentials=full))
    assert caught.value.hint == ""


@pytest.mark.parametrize(
    ("kind", "said"),
    [("models", "set STUDIO_LLM_BASE_URL"), ("agent_strategies", "hosts tool plugins")],
)
def test_a_plugin_without_tools_says_what_to_do(tmp_path: Path, kind: str, said: str) -> None:
    def without_tools(manifest: dict[str, Any]) -> None:
        manifest["plugins"] = {kind: ["provider/parrot.yaml"]}

    folder = write_plugin(tmp_path, {"manifest.yaml": without_tools})
    with pytest.raises(PackageInvalid, match=f"manifest.yaml lists {kind} under") as caught:
        declaration.from_folder(folder)
    assert said in caught.value.hint


class Dying:
    """A link whose plugin dies while a call waits for it, and is there again at once."""

    def __init__(self, ears: Ears) -> None:
        self.ears = ears
        self.sent: list[bytes] = []

    def start(self) -> None:
        """Nothing to start."""

    stop = start

    def wait_ready(self, seconds: float | None = None) -> None:
        self.ears.tell_everyone(PluginDied("It died."))

    def send(self, line: bytes) -> None:
        self.sent.append(line)

    def kill(self, reason: StudioError) -> None:
        """Nothing to kill."""

    cut = kill


def test_a_call_that_fails_before_it_is_sent_is_never_sent(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path)
    links: list[Dying] = []

    def linking(ears: Ears) -> Dying:
        links.append(Dying(ears))
        return links[0]

    with (
        Host(declaration.from_folder(folder), folder, "", link=linking) as host,
        pytest.raises(PluginDied, match="It died"),
    ):
        Result.collect(host.invoke("echo", {"message": "x"}, timeout=60))
    assert links[0].sent == []
