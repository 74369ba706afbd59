"""The host, with a real plugin process that misbehaves on request."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import (
    LimitExceeded,
    PluginDied,
    PluginStartFailed,
    ProtocolViolation,
    ToolFailed,
    UsageError,
)
from runtime.host import Host, Limits
from runtime.host.messages import Result
from tests.processes import gone, wait_until

Make = Callable[..., Host]


def call(host: Host, act: str, **parameters: object) -> Result:
    return Result.collect(host.invoke("probe", {"act": act, **parameters}))


class Sleeper:
    """A call in a thread of its own, made when the plugin sleeps in it."""

    def __init__(self, host: Host) -> None:
        self._asleep = threading.Event()
        self._error: PluginDied | None = None
        self._thread = threading.Thread(target=self._call, args=(host,), daemon=True)
        self._thread.start()
        assert self._asleep.wait(60)

    def _call(self, host: Host) -> None:
        try:
            for _ in host.invoke("probe", {"act": "sleep", "amount": 600_000}):
                self._asleep.set()
        except PluginDied as error:
            self._error = error

    def end(self) -> str:
        """Why the call has ended."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        return str(self._error)


def test_a_call_gives_all_its_messages(probe: Host) -> None:
    result = call(probe, "echo", amount=3)
    assert result.text == "first second"
    assert result.json == [{"amount": 3}]
    assert result.variables == {"answer": "got 3"}
    assert result.links == ["https://example.com/"]
    assert [(log["label"], log["status"]) for log in result.logs] == [
        ("Work", "start"),
        ("Work", "success"),
    ]
    assert result.logs[0]["id"] == result.logs[1]["id"]


@pytest.mark.parametrize("size", [256, 8192, 8448, 3 * 2**20])
def test_files_arrive_whole(probe: Host, size: int) -> None:
    [file] = call(probe, "blob", amount=size).files
    assert file.data == bytes(range(256)) * (size // 256)
    assert (file.mime_type, file.filename) == ("image/png", "../a b.png")


def test_calls_share_one_process_and_do_not_mix(probe: Host) -> None:
    probe.wait_ready()
    pid = probe.process.pid
    texts: dict[int, str] = {}

    def one(amount: int) -> None:
        texts[amount] = call(probe, "sleep", amount=amount).text

    amounts = list(range(600, 700))
    threads = [threading.Thread(target=one, args=(amount,)) for amount in amounts]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == {amount: f"slept {amount}" for amount in amounts}
    assert time.monotonic() - began < 60  # one after the other they would take 65 s
    assert probe.process.pid == pid


def test_an_error_of_the_tool_keeps_type_message_and_hint(probe: Host) -> None:
    result = Result()
    messages = probe.invoke("probe", {"act": "fail"})
    result.add(next(messages))
    with pytest.raises(ToolFailed) as caught:
        next(messages)
    assert (caught.value.error_type, caught.value.message) == ("ValueError", "no such thing")
    assert caught.value.hint == "Try another."
    assert "probe.py" in caught.value.traceback
    assert result.text == "half an answer"


def test_credentials(probe: Host) -> None:
    probe.validate_credentials({"token": "right"})
    with pytest.raises(ToolFailed, match="token: the server said no"):
        probe.validate_credentials({"token": "wrong"})
    messages = probe.invoke("probe", {"act": "credentials"}, credentials={"token": "t1"})
    assert Result.collect(messages).text == "t1"


def test_dynamic_options(probe: Host) -> None:
    assert [option["value"] for option in probe.options("probe", "choice")] == ["a", "b"]
    with pytest.raises(UsageError, match="no dynamic-select parameter 'act'"):
        probe.options("probe", "act")


def test_unknown_tool(probe: Host) -> None:
    with pytest.raises(UsageError) as caught:
        next(probe.invoke("prob", {}))
    assert "no tool 'prob'" in caught.value.message
    assert "Did you mean probe?" in caught.value.hint


def test_a_parameter_that_json_cannot_say(probe: Host) -> None:
    with pytest.raises(UsageError, match=r"cannot be sent to a plugin: .*bytes"):
        call(probe, "echo", value=b"bytes")


def test_stray_lines_are_reported_and_survived(make_probe: Make) -> None:
    seen: list[tuple[str, str]] = []
    host = make_probe(on_notice=lambda kind, text: seen.append((kind, text)))
    assert call(host, "print").text == "printed"
    assert ("stray", "just printing") in seen
    assert ("stray", '{"event": 5, "data": []}') in seen
    host.stop()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ('{"type": "strange", "data": {}}', "session message of the unknown type 'strange'"),
        ('{"type": "invoke", "data": {}}', "reverse call without type, id or request"),
        ('{"type": "stream", "data": {"type": "variable", "message": {}}}', "Dify refuses"),
    ],
)
def test_what_the_daemon_ends_a_call_for(probe: Host, data: str, said: str) -> None:
    line = '{"event": "session", "session_id": "SESSION", "data": %s}' % data  # noqa: UP031
    with pytest.raises(ProtocolViolation, match=said):
        call(probe, "raw", lines=[line])
    assert call(probe, "echo").text == "first second"


def test_nobody_answers_a_call_that_has_ended(make_probe: Make) -> None:
    seen: list[tuple[str, str]] = []
    host = make_probe(on_notice=lambda kind, text: seen.append((kind, text)))
    reverse = (
        '{"event": "session", "session_id": "other", "data": {"type": "invoke", "data": '
        '{"type": "storage", "backwards_request_id": "1", "request": {}}}}'
    )
    assert call(host, "raw", lines=[reverse]).text == "after"
    assert "reverse" not in [kind for kind, _ in seen]
    host.stop()


def test_a_listener_that_fails_does_not_deafen_the_host(make_probe: Make) -> None:
    def broken(kind: str, text: str) -> None:
        raise BrokenPipeError

    host = make_probe(on_notice=broken)
    assert call(host, "print").text == "printed"
    assert call(host, "echo").text == "first second"
    host.stop()


def test_a_plugin_that_closes_its_output_is_killed_and_started_again(make_probe: Make) -> None:
    host = make_probe()
    host.wait_ready()
    with pytest.raises(PluginDied, match="closed its standard output"):
        call(host, "close_stdout")  # for ten minutes, if nobody noticed
    assert call(host, "echo").text == "first second"
    host.stop()


def test_calls_end_when_the_host_is_stopped(make_probe: Make) -> None:
    host = make_probe()
    sleeper = Sleeper(host)
    host.stop()
    assert "was stopped" in sleeper.end()
    with pytest.raises(PluginDied, match="was stopped"):
        call(host, "echo")
    host.stop()


def test_a_host_that_is_stopped_before_it_runs(make_probe: Make) -> None:
    for start in (False, True):
        host = make_probe()
        if start:
            host.start()
        host.stop()
        with pytest.raises(PluginDied, match="was stopped"):
            call(host, "echo")
        assert host.process.pid is None


def test_secrets_of_the_host_are_not_inherited(
    make_probe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_LLM_API_KEY", "secret")
    monkeypatch.setenv("STUDIO_CHROMIUM", "/usr/bin/true")
    host = make_probe()
    assert call(host, "environment").text == "STUDIO_CHROMIUM"
    host.stop()


def test_every_caller_is_told_when_the_plugin_dies_and_the_next_call_works(
    make_probe: Make,
) -> None:
    host = make_probe()
    host.wait_ready()
    first = host.process.pid
    sleepers = [Sleeper(host) for _ in range(5)]
    with pytest.raises(PluginDied, match="exit code 3") as caught:
        call(host, "exit", amount=3)
    assert ["exit code 3" in sleeper.end() for sleeper in sleepers] == [True] * 5
    assert "the engine room is on fire" in caught.value.hint
    assert call(host, "echo").text == "first second"
    assert host.process.pid != first
    host.stop()


def test_a_killed_plugin_is_named_as_such(make_probe: Make) -> None:
    host = make_probe()
    host.wait_ready()
    pid = host.process.pid
    assert pid is not None
    sleeper = Sleeper(host)
    os.kill(pid, signal.SIGKILL)
    assert "SIGKILL" in sleeper.end()
    host.stop()


def test_the_longest_call(make_probe: Make) -> None:
    host = make_probe(limits=Limits(PLUGIN_MAX_EXECUTION_TIMEOUT=0.5))
    host.wait_ready()
    pid = host.process.pid
    began = time.monotonic()
    with pytest.raises(LimitExceeded) as caught:
        call(host, "sleep", amount=600_000)
    assert caught.value.limit == "PLUGIN_MAX_EXECUTION_TIMEOUT"
    assert time.monotonic() - began >= 0.5
    # As in the daemon, the limit cuts off the caller, not the plugin.
    assert host.process.pid == pid
    host.stop()


def test_a_shorter_time_out_of_the_caller(probe: Host) -> None:
    with pytest.raises(LimitExceeded) as caught:
        list(probe.invoke("probe", {"act": "sleep", "amount": 600_000}, timeout=0.3))
    assert caught.value.limit == "--timeout"


def test_a_line_over_the_daemons_buffer_kills_the_plugin(make_probe: Make) -> None:
    host = make_probe()
    assert len(call(host, "line", amount=5 * 2**20 - 1000).text) == 5 * 2**20 - 1000
    before = host.process.pid
    with pytest.raises(LimitExceeded) as caught:
        call(host, "line", amount=5 * 2**20)
    assert caught.value.limit == "PLUGIN_STDIO_MAX_BUFFER_SIZE"
    assert call(host, "echo").text == "first second"
    assert host.process.pid != before
    host.stop()


def test_a_file_over_dify_s_limit_fails_the_call(make_probe: Make) -> None:
    host = make_probe(limits=Limits(MAX_FILE_SIZE=100_000))
    with pytest.raises(LimitExceeded) as caught:
        call(host, "blob", amount=102_400)
    assert caught.value.limit == "MAX_FILE_SIZE"
    assert len(call(host, "blob", amount=99_840).files[0].data) == 99_840
    host.stop()


def test_a_silent_plugin_is_killed(make_probe: Make) -> None:
    host = make_probe(limits=Limits(MAX_HEARTBEAT_INTERVAL=8))
    with pytest.raises(LimitExceeded) as caught:
        call(host, "spin", amount=600)
    assert caught.value.limit == "MAX_HEARTBEAT_INTERVAL"
    host.stop()


def test_reverse_calls_need_the_manifests_permission(probe: Host) -> None:
    with pytest.raises(ToolFailed, match="you need to enable text-embedding access"):
        call(probe, "ask_model")


def test_reverse_calls_that_nobody_answers_say_so(probe: Host) -> None:
    with pytest.raises(ToolFailed, match="does not answer 'storage' calls"):
        call(probe, "store")


def test_stopping_leaves_nothing_behind(make_probe: Make) -> None:
    host = make_probe()
    child = int(call(host, "child").variables["answer"])
    pid = host.process.pid
    assert pid is not None
    assert not gone(child)
    host.stop()
    assert wait_until(lambda: gone(pid) and gone(child))


def test_a_killed_host_leaves_nothing_behind(tmp_path: Path) -> None:
    script = tmp_path / "host.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys, time
            from pathlib import Path
            from runtime import declaration
            from runtime.host import Host

            folder = Path({str(Path(__file__).parent / "probe")!r})
            host = Host(declaration.from_folder(folder), folder, sys.executable)
            host.wait_ready()
            print(host.process.pid, flush=True)
            time.sleep(600)
            """
        )
    )
    root = str(Path(__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert process.stdout is not None
    with process.stdout:
        pid = int(process.stdout.readline())
        assert not gone(pid)
        process.kill()
        process.wait()
    assert wait_until(lambda: gone(pid))


@pytest.mark.parametrize(
    ("main", "said"),
    [
        ("import nothing_like_this", "No module named 'nothing_like_this'"),
        ("raise SystemExit('bad day')", "bad day"),
        ("import os; os._exit(7)", "exit code 7"),
    ],
)
def test_a_plugin_that_cannot_start(
    make_probe: Make, broken: Callable[[str], Path], main: str, said: str
) -> None:
    host = make_probe(broken(main))
    with pytest.raises(PluginStartFailed, match=said):
        call(host, "echo")
    assert host.process.starts == 1
    host.stop()


def test_a_plugin_that_never_becomes_ready(make_probe: Make, broken: Callable[[str], Path]) -> None:
    host = make_probe(
        broken("import time; time.sleep(600)"), limits=Limits(MAX_HEARTBEAT_INTERVAL=1.0)
    )
    with pytest.raises(PluginStartFailed, match="did not become ready within 1 s"):
        call(host, "echo")
    host.stop()


def test_no_interpreter(make_probe: Make) -> None:
    host = make_probe()
    host.process._command[0] = "/nowhere/python"
    with pytest.raises(PluginStartFailed, match="cannot be started"):
        call(host, "echo")
    host.stop()


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str], Path]:
    """The probe with another main.py."""
    import shutil

    def make(main: str) -> Path:
        folder = tmp_path / "broken"
        shutil.copytree(Path(__file__).parent / "probe", folder)
        (folder / "main.py").write_text(main + "\n")
        return folder

    return make
