"""A host that misbehaves on request, and what our own nodes say then."""

from __future__ import annotations

import contextlib
import http.client
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from typer.testing import CliRunner

from runtime import declaration, node
from runtime.answers.files import FileServer
from runtime.answers.reverse import Answers
from runtime.cli import app
from runtime.errors import LimitExceeded, PluginDied, ToolFailed, UsageError
from runtime.host import Faults, Host
from runtime.host.faults import FileFault
from runtime.host.messages import Result
from runtime.paths import PROJECT

Make = Callable[..., Host]


def call(host: Host, act: str, **parameters: object) -> Result:
    return Result.collect(host.invoke("probe", {"act": act, **parameters}))


@pytest.mark.parametrize(
    ("texts", "faults"),
    [
        ([], Faults()),
        (["cut"], Faults(cut=True)),
        (["kill", "delay=0.5"], Faults(kill=True, delay=0.5)),
        (["timeout=2"], Faults(timeout=2.0)),
        (["refuse-reverse"], Faults(refuse=frozenset({"*"}))),
        (
            ["refuse-reverse=llm", "refuse-reverse=storage"],
            Faults(refuse=frozenset({"llm", "storage"})),
        ),
        (["file-404"], Faults(files=FileFault("404"))),
        (["file-hangs"], Faults(files=FileFault("hangs"))),
        (["slow-file"], Faults(files=FileFault("slow", 10.0))),
        (["slow-file=3"], Faults(files=FileFault("slow", 3.0))),
    ],
)
def test_faults_as_they_are_typed(texts: list[str], faults: Faults) -> None:
    assert Faults.parse(texts) == faults


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kil", "no fault 'kil'"),
        ("cut=1", "takes no value"),
        ("delay", "needs a number of seconds"),
        ("delay=soon", "cannot take 'soon'"),
        ("timeout=0", "cannot take '0'"),
        ("slow-file=nan", "cannot take 'nan'"),
        ("refuse-reverse=llmm", "cannot take 'llmm'"),
        ("refuse-reverse=upload_file", "cannot take 'upload_file'"),  # no daemon refuses that
    ],
)
def test_faults_that_there_are_not(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Faults.parse([text])


def test_the_command_line_explains_and_takes_faults() -> None:
    shown = CliRunner().invoke(app, ["run", "--fault", "list"])
    assert shown.exit_code == 0
    assert "refuse-reverse[=KIND]" in shown.output
    assert "slow-file[=SECONDS]" in shown.output
    wrong = CliRunner().invoke(app, ["run", "fetch_image", "--fault", "kil", "--json"])
    assert wrong.exit_code == 2
    assert "Did you mean kill?" in wrong.output


def test_cut_ends_the_call_and_only_that(make_probe: Make) -> None:
    host = make_probe(faults=Faults(cut=True))
    with pytest.raises(PluginDied, match="Connection closed unexpectedly"):
        call(host, "echo")
    pid = host.process.pid
    assert call(host, "echo").text == "first second"
    assert host.process.pid == pid
    host.stop()


def test_kill_ends_the_process_in_the_middle_of_the_call(make_probe: Make) -> None:
    host = make_probe(faults=Faults(kill=True))
    host.wait_ready()
    pid = host.process.pid
    with pytest.raises(PluginDied, match=r"killed in the middle of the call \(--fault kill\)"):
        call(host, "echo")
    assert call(host, "echo").text == "first second"
    assert host.process.pid != pid
    host.stop()


def test_delay_is_in_both_directions(make_probe: Make) -> None:
    host = make_probe(faults=Faults(delay=0.4))
    host.wait_ready()
    began = time.monotonic()
    result = call(host, "blob", amount=3 * 2**20)
    assert 0.8 <= time.monotonic() - began < 60  # once for each of the 385 pieces would be 154 s
    assert len(result.files[0].data) == 3 * 2**20
    host.stop()


def test_a_short_time_out_has_the_daemon_s_name(make_probe: Make) -> None:
    host = make_probe(faults=Faults(timeout=0.3))
    host.wait_ready()
    with pytest.raises(LimitExceeded, match=r"within 0\.3 s.*killed by timeout") as caught:
        call(host, "sleep", amount=600_000)
    assert caught.value.limit == "PLUGIN_MAX_EXECUTION_TIMEOUT"
    host.stop()


@pytest.mark.parametrize(
    ("kind", "access"),
    [
        ("storage", "storage"),
        ("text_embedding", "text-embedding"),
        ("llm_structured_output", "llm"),
        ("fetch_app", "app"),
        ("node_parameter_extractor", "node"),
    ],
)
def test_a_refusal_is_the_daemon_s(kind: str, access: str) -> None:
    said = f"permission denied, you need to enable {access} access in plugin manifest"
    assert Faults.parse([f"refuse-reverse={kind}"]).refusal(kind) == said
    assert Faults.parse(["refuse-reverse"]).refusal(kind) == said
    assert Faults().refusal(kind) is None
    assert Faults.parse(["refuse-reverse"]).refusal("upload_file") is None


@pytest.mark.parametrize("kinds", [{"*"}, {"storage"}])
def test_refused_reverse_calls_are_permissions(make_probe: Make, kinds: set[str]) -> None:
    stored: list[Any] = []

    def store(request: Any, *_: Any) -> Any:
        stored.append(request)
        yield "struct", {"data": "ok"}

    host = make_probe(faults=Faults(refuse=frozenset(kinds)), answers=Answers({"storage": store}))
    with pytest.raises(ToolFailed, match="you need to enable storage access in plugin manifest"):
        call(host, "store")
    assert stored == []
    host.stop()


def test_other_reverse_calls_are_not_refused(make_probe: Make) -> None:
    faults = Faults(refuse=frozenset({"llm"}))
    answers = Answers({"storage": lambda *_: iter([("struct", {"data": "ok"})])})
    host = make_probe(faults=faults, answers=answers)
    assert call(host, "store").text == "stored"
    host.stop()


def test_files_that_are_gone() -> None:
    with FileServer(FileFault("404")) as server:
        assert requests.get(server.put(b"abc", "a.txt")["url"], timeout=60).status_code == 404


def test_files_that_never_end_end_with_the_server() -> None:
    server = FileServer(FileFault("hangs"))
    url = urlsplit(server.put(b"abcdef", "a.txt")["url"])
    with contextlib.closing(http.client.HTTPConnection(url.netloc, timeout=60)) as connection:
        connection.request("GET", f"{url.path}?{url.query}")
        with connection.getresponse() as response:
            assert response.read(3) == b"abc"
            connection.sock.settimeout(0.5)
            with pytest.raises(TimeoutError):
                response.read(3)
            server.close()  # which does not wait for its readers


def test_files_that_are_slow_arrive() -> None:
    with FileServer(FileFault("slow", 0.5)) as server:
        began = time.monotonic()
        data = requests.get(server.put(bytes(1000), "a.bin")["url"], timeout=60).content
    assert data == bytes(1000)
    assert time.monotonic() - began >= 0.5


# --- our own nodes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("file-404", "file store answered 404"),
        ("file-hangs", r"Out of time after 5 s \(timeout_seconds\) while waiting for .*file store"),
    ],
)
def test_our_nodes_say_which_file_did_not_come(fault: str, said: str, tmp_path: Path) -> None:
    picture = tmp_path / "in.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1000))
    faults = Faults.parse([fault])
    host = Host(declaration.from_folder(PROJECT), PROJECT, sys.executable, faults=faults)
    host.credentials["sd_base_url"] = "http://127.0.0.1:9"
    given = {"prompt": "a cat", "image": f"@{picture}", "timeout_seconds": "5"}
    with host:
        done = node.run(host, "image_to_image", given, tmp_path / "out")
    with pytest.raises(ToolFailed, match=said) as caught:
        raise done.error or AssertionError("it worked")
    assert "in.png" in caught.value.message
    assert caught.value.hint
    assert not done.files
