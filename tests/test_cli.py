"""The command line: documents, exit codes, one clear sentence for every mistake."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from runtime import cli
from runtime.paths import PROJECT, cache
from tests.conftest import PROBE
from tests.processes import children, gone, wait_until

STUDIO = Path(sys.executable).with_name("studio")


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The probe, run by this interpreter; the working directory is empty."""
    from runtime.host import environment

    monkeypatch.setattr(environment, "python_for", lambda *_: Path(sys.executable))
    monkeypatch.chdir(tmp_path)
    return PROBE


def studio(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def document(outcome: Result) -> Any:
    return json.loads(outcome.stdout)


def run(plugin: Path, *values: str, more: tuple[object, ...] = ()) -> Result:
    return studio("run", "probe", *values, "--plugin", plugin, *more)


def test_tools_lists_nodes_and_parameters(plugin: Path) -> None:
    [tool] = document(studio("tools", "--plugin", plugin, "--json"))
    assert tool["name"] == "probe"
    assert [p["name"] for p in tool["parameters"]] == ["act", "amount", "choice", "document"]
    assert tool["parameters"][1] == {
        "name": "amount",
        "type": "number",
        "required": False,
        "form": "llm",
        "description": "How much of it.",
        "default": 1,
    }
    assert tool["outputs"]["answer"]["type"] == "string"
    text = studio("tools", "--plugin", plugin).stdout
    assert "act       string, required. What to do." in text


def test_run_gives_one_document(plugin: Path) -> None:
    outcome = run(plugin, "act=echo", "amount=4", more=("--json",))
    assert outcome.exit_code == 0
    shown = document(outcome)
    assert set(shown) == {"ok", "text", "json", "variables", "files", "steps", "usage", "error"}
    assert shown["ok"] is True
    assert shown["text"] == "first second"
    assert shown["json"] == [{"amount": 4}]
    assert shown["variables"] == {"answer": "got 4"}
    assert shown["steps"] == [{"label": "Work", "status": "success", "percent": 100}]
    assert shown["error"] is None


def test_files_are_saved_under_safe_names_and_nothing_is_overwritten(
    plugin: Path, tmp_path: Path
) -> None:
    paths = []
    for _ in range(2):
        shown = document(run(plugin, "act=blob", "amount=512", more=("--json", "--out", "o")))
        [file] = shown["files"]
        paths.append(file["path"])
        assert (tmp_path / file["path"]).read_bytes() == bytes(range(256)) * 2
        assert (file["mime_type"], file["size"]) == ("image/png", 512)
    assert paths == ["o/a b.png", "o/a b_2.png"]
    assert not (tmp_path / "a b.png").exists()


def test_values_from_files(plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "act.txt").write_text("\ufeffecho", encoding="utf-8")
    (tmp_path / "d.txt").write_text("inside")
    assert document(run(plugin, "act=@act.txt", more=("--json",)))["ok"]
    shown = document(run(plugin, "act=read_file", "document=@d.txt", more=("--json",)))
    assert shown["text"] == "d.txt 6 inside"


def test_a_failing_tool_is_exit_code_1_with_message_and_hint(plugin: Path) -> None:
    outcome = run(plugin, "act=fail", more=("--json",))
    assert outcome.exit_code == 1
    shown = document(outcome)
    assert shown["ok"] is False
    assert shown["text"] == "half an answer"
    assert shown["error"] == {
        "type": "ValueError",
        "message": "no such thing",
        "hint": "Try another.",
    }
    assert "Traceback" not in outcome.stderr
    assert "Traceback" in run(plugin, "act=fail", more=("--verbose",)).stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "nope"], 2, "has no tool 'nope'"),
        (["run", "probe"], 2, "needs parameter act"),
        (["run", "probe", "act"], 2, "not of the form name=value"),
        (["run", "probe", "act=echo", "act=echo"], 2, "'act' is given twice"),
        (["run", "probe", "act=echo", "amuont=3"], 2, "Did you mean amount?"),
        (["run", "probe", "act=echo", "amount=many"], 2, "amount must be a number; got 'many'"),
        (["run", "probe", "act=@nowhere.txt"], 2, "act: nowhere.txt cannot be read"),
        (["run", "probe", "act=echo", "--env", "nowhere.env"], 2, "nowhere.env does not exist"),
        (["run", "probe", "act=@/dev/zero"], 2, "act: /dev/zero is larger than 30 MB"),
        (["run", "probe", "act=print"], 0, "The plugin wrote a line that is no message"),
        (["run", "probe", "act=exit", "amount=3"], 1, "exit code 3"),
        (["run", "probe", "act=sleep", "amount=60000", "--timeout", "0.3"], 1, "within 0.3 s"),
    ],
)
def test_one_clear_sentence(plugin: Path, arguments: list[str], code: int, said: str) -> None:
    outcome = studio(*arguments, "--plugin", plugin)
    assert outcome.exit_code == code, outcome.output
    assert said in outcome.stderr
    assert "Traceback" not in outcome.output


def test_logs_of_any_shape_are_shown(plugin: Path) -> None:
    outcome = run(plugin, "act=odd_logs", more=("--json",))
    assert outcome.exit_code == 0, outcome.output
    shown = document(outcome)
    assert shown["steps"] == [{"percent": "half", "label": "Odd", "status": "success"}]
    assert (shown["usage"]["tokens"], shown["usage"]["cost"]) == (12, None)


def test_without_text_the_values_are_shown(plugin: Path) -> None:
    assert run(plugin, "act=nothing").stdout.strip() == "[]"


def test_an_exception_without_a_sentence_is_shown_with_its_type(plugin: Path) -> None:
    assert "Error: ValueError: no such thing" in run(plugin, "act=fail").stderr


def test_usage_errors_are_documents_too(plugin: Path) -> None:
    outcome = run(plugin, "amount=3", more=("--json",))
    assert outcome.exit_code == 2
    assert document(outcome)["error"]["type"] == "UsageError"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("main.py", "import nothing_like_this\n"), "No module named 'nothing_like_this'"),
        (("manifest.yaml", "a: [\n"), "manifest.yaml is not valid YAML"),
        (("manifest.yaml", "name: x\nversion: 1\nplugins: {models: [a.yaml]}\n"), "lists models"),
        (("manifest.yaml", "- a\n"), "manifest.yaml must be a mapping, not list"),
        (("provider/probe.yaml", "identity: 5\n"), "provider/probe.yaml: identity"),
        (("tools/probe.yaml", None), "has no tools/probe.yaml"),
    ],
)
def test_broken_plugins(
    plugin: Path, tmp_path: Path, change: tuple[str, str | None], said: str
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(plugin, broken)
    name, content = change
    if content is None:
        (broken / name).unlink()
    else:
        (broken / name).write_text(content)
    outcome = run(broken, "act=echo")
    assert outcome.exit_code == 1
    assert said in " ".join(outcome.stderr.split())
    assert "Traceback" not in outcome.output


def test_no_such_plugin(plugin: Path, tmp_path: Path) -> None:
    outcome = studio("tools", "--plugin", tmp_path / "nowhere")
    assert outcome.exit_code == 2
    assert "There is no " in outcome.stderr


def test_settings_that_are_no_text(plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "my.env").write_bytes(b"STUDIO_TOKEN=\xff")
    outcome = run(plugin, "act=echo", more=("--env", "my.env"))
    assert outcome.exit_code == 2
    assert "my.env cannot be read" in outcome.stderr


def test_where_files_cannot_go_is_said_before_the_tool_is_called(
    plugin: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "deeper"):
        outcome = run(plugin, "act=exit", "amount=3", more=("--out", out))
        assert outcome.exit_code == 2  # of the tool it would be 1
        assert "cannot be written" in outcome.stderr


def test_a_device_is_no_plugin() -> None:
    assert studio("tools", "--plugin", "/dev/zero").exit_code == 2


def test_a_demo_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = studio("demo", "--out", tmp_path / "file")
    assert outcome.exit_code == 2
    assert "cannot be written" in outcome.stderr


def test_credentials_come_from_the_environment_and_from_env_files(
    plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my.env").write_text("STUDIO_TOKEN=from-file\nOTHER=x\n")
    more = ("--json", "--env", "my.env")
    assert document(run(plugin, "act=credentials", more=more))["text"] == "from-file"
    monkeypatch.setenv("STUDIO_TOKEN", "from-environment")
    assert document(run(plugin, "act=credentials", more=more))["text"] == "from-environment"


def test_programs_and_folders_come_from_env_files_too(
    plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", dict(os.environ))
    monkeypatch.delenv("STUDIO_CACHE_DIR", raising=False)
    (tmp_path / ".env").write_text(f"STUDIO_CHROMIUM=/no/chromium\nSTUDIO_CACHE_DIR={tmp_path}\n")
    outcome = studio("doctor", "--plugin", plugin)
    assert outcome.exit_code == 1
    assert "STUDIO_CHROMIUM names /no/chromium, which is no program" in outcome.stdout
    assert cache() == tmp_path


def test_a_fault_of_ours_is_a_document_too(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise LookupError("nobody thought of this")

    monkeypatch.setattr("runtime.node.pairs", broken)
    outcome = studio("run", "probe", "--plugin", plugin, "--json")
    assert outcome.exit_code == 1
    assert "nobody thought of this" in document(outcome)["error"]["message"]


def test_doctor(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = document(studio("doctor", "--plugin", plugin, "--json"))
    states = {check["name"]: check["state"] for check in shown["checks"]}
    assert shown["ok"] is True
    assert (states["probe/probe:0.0.1"], states["token"]) == ("ok", "not set")
    monkeypatch.setenv("STUDIO_TOKEN", "wrong")
    outcome = studio("doctor", "--plugin", plugin)
    assert outcome.exit_code == 1
    assert "✗ token" in outcome.stdout
    assert "Get a new token." in outcome.stdout


def test_the_installed_command_leaves_no_process(tmp_path: Path) -> None:
    """The real executable, our real plugin, interrupted in the middle of a call."""
    listed = subprocess.run(
        [STUDIO, "tools", "--json"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert {t["name"] for t in json.loads(listed.stdout)} >= {"cluster_keywords"}
    words = tmp_path / "words.txt"
    words.write_text("\n".join(f"word {n} of many" for n in range(20_000)))
    process = subprocess.Popen(
        [STUDIO, "run", "cluster_keywords", f"keywords=@{words}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
        start_new_session=True,
    )
    # The plugin, and the process in which it reckons.
    assert wait_until(lambda: any(children(pid) for pid in children(process.pid)))
    started = children(process.pid)
    started += [child for pid in started for child in children(pid)]
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert wait_until(lambda: all(gone(pid) for pid in started))


def running(tmp_path: Path, main: str) -> subprocess.Popen[str]:
    """`studio run` with a plugin that executes `main`, then never becomes ready."""
    plugin = tmp_path / "plugin"
    shutil.copytree(PROBE, plugin)
    started = tmp_path / "started"
    (plugin / "main.py").write_text(
        f"import pathlib, signal, time\n{main}"
        f"pathlib.Path({str(started)!r}).write_text('x')\ntime.sleep(600)\n"
    )
    (plugin / ".venv" / "bin").mkdir(parents=True)
    (plugin / ".venv" / "bin" / "python").symlink_to(sys.executable)
    process = subprocess.Popen(
        [STUDIO, "run", "probe", "act=echo", "--plugin", plugin],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert wait_until(started.exists)
    return process


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_terminated_command_stops_its_plugin(name: str, tmp_path: Path) -> None:
    note = tmp_path / "note"
    # Only a plugin that is stopped and not killed can leave a note.
    process = running(
        tmp_path,
        "import sys\n"
        "def end(*_):\n"
        f"    pathlib.Path({str(note)!r}).write_text('stopped')\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n",
    )
    number = getattr(signal, name)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert note.read_text() == "stopped"


def test_an_impatient_second_interrupt(tmp_path: Path) -> None:
    process = running(tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n")
    for _ in range(4):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    _, said = process.communicate(timeout=60)
    # In its very last moments Python takes its handlers away; a shell shows 130 for that too.
    assert process.returncode in {130, -signal.SIGINT}
    assert "Traceback" not in said


@pytest.mark.parametrize("arguments", [["--bogus"], ["--timeout", "soon"], ["--timeout", "0"]])
def test_a_wrong_option_is_a_document_too(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [STUDIO, "run", "cluster_keywords", *arguments, "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["type"] == "UsageError"
    assert arguments[0] in done.stderr


@pytest.mark.parametrize("command", ["tools", "tools --json"])
@pytest.mark.parametrize(
    ("where", "code", "said"),
    [
        (">/dev/full", 1, "Standard output cannot be written: No space left on device"),
        (">&-", 1, "Standard output cannot be written: it is closed"),
        ("| head -c 1", 0, ""),
    ],
)
def test_output_that_cannot_be_written(command: str, where: str, code: int, said: str) -> None:
    line = f"{STUDIO} {command} {where}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("command", [[], ["run"], ["tools"], ["workflow", "run"],
                                     ["package", "build"], ["package", "verify"], ["demo"],
                                     ["doctor"]])  # fmt: skip
def test_every_help_text_has_an_example(command: list[str]) -> None:
    outcome = studio(*command, "--help")
    assert outcome.exit_code == 0
    if command:
        assert "Example" in outcome.stdout
    # Where the project lies on this machine is no help, and <…> would be taken for HTML.
    assert str(PROJECT) not in "".join(outcome.stdout.split())
    assert "dist/-" not in outcome.stdout


def test_numbers_are_listed_as_they_are_declared() -> None:
    listed = studio("tools").stdout
    assert "default 1, min 1, max 16." in listed
    assert "default false." in listed
