"""Chatflows over several turns, events, secrets, Ctrl-C: the command as a user starts it."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from runtime.cli import app
from runtime.commands.asking import Terminal
from runtime.console import StepView
from runtime.errors import StudioError, UsageError
from runtime.workflow import conversation
from runtime.workflow.conversation import Conversation
from runtime.workflow.knowledge import Knowledge, split
from runtime.workflow.means import Field, Form
from runtime.workflow_events import Events
from tests.processes import children, gone, wait_until
from tests.workflow_helpers import Flow, node

SEEN = {"id": "1", "name": "seen", "value_type": "array[string]", "value": []}
KEEP = {
    "variable_selector": ["conversation", "seen"],
    "input_type": "variable",
    "operation": "append",
    "value": ["sys", "query"],
}


def talkative() -> str:
    flow = Flow(mode="advanced-chat", conversation_variables=[SEEN])
    flow.then(node("v", "assigner", version="2", items=[KEEP]))
    says = "{{#sys.dialogue_count#}}: {{#conversation.seen#}}"
    return flow.then(node("a", "answer", answer=says, variables=[])).text()


def waiting(seconds: float) -> str:
    source = f"import time\ndef main(t):\n    time.sleep({seconds})\n    return {{'o': t}}"
    secret = {"id": "1", "name": "TOKEN", "value_type": "secret", "value": ""}
    flow = Flow(environment_variables=[secret])
    listed = [{"variable": "t", "value_selector": ["env", "TOKEN"]}]
    outputs = {"o": {"type": "string", "children": None}}
    entry = node(
        "c", "code", code_language="python3", code=source, variables=listed, outputs=outputs
    )
    return flow.then(entry).end({"o": ("c", "o")}).text()


@pytest.fixture
def studio(tmp_path: Path) -> Any:
    """Starts `studio workflow …` in a folder of its own."""

    def start(*arguments: str, **more: Any) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("STUDIO_")}
        environment["STUDIO_DATA_DIR"] = str(tmp_path / "data")
        program = "from runtime.cli import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", program, "workflow", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**environment, **more},
        )

    return start


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Does `studio workflow …` in this process: much faster than starting one."""
    for name in [name for name in os.environ if name.startswith("STUDIO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)

    def do(*arguments: str, said: str = "") -> Result:
        return CliRunner().invoke(app, ["workflow", *arguments], input=said)

    return do


def test_a_conversation_goes_on_in_the_next_run(here: Any, tmp_path: Path) -> None:
    (tmp_path / "w.yml").write_text(talkative())
    said = []
    for query in ("one", "two"):
        run = here("run", "w.yml", "--query", query, "--conversation", "k", "--json")
        assert run.exit_code == 0, run.stderr
        said.append(json.loads(run.stdout)["outputs"]["answer"])
    assert said == ["1: - one", "2: - one\n- two"]


def test_a_chat_remembers_until_it_ends(here: Any, tmp_path: Path) -> None:
    (tmp_path / "w.yml").write_text(talkative())
    chat = here("chat", "w.yml", said="eins\nzwei\n")
    assert (chat.exit_code, chat.stdout) == (0, "1: - eins\n2: - eins\n- zwei\n")
    assert not (tmp_path / "data" / "conversations").exists()


def test_ctrl_c_stops_the_run_and_its_code_and_is_recorded(studio: Any, tmp_path: Path) -> None:
    (tmp_path / "w.yml").write_text(waiting(600))
    run = studio("run", "w.yml", "--events", "--env-var", "TOKEN=s3cr3t")
    for line in run.stdout:
        event = json.loads(line)
        if event["event"] == "node_started" and event["data"]["node_id"] == "c":
            break
    assert wait_until(lambda: bool(children(run.pid)))
    started = children(run.pid)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert wait_until(lambda: all(gone(pid) for pid in started))
    assert run.returncode == 130, err
    last = json.loads(out.splitlines()[-1])
    assert last["event"] == "workflow_finished"
    assert last["data"]["status"] == "stopped"
    assert last["data"]["error"]["type"] == "Stopped"
    assert "Stopped." in err
    (kept,) = sqlite3.connect(tmp_path / "data" / "ledger" / "runs.sqlite3").execute(
        "SELECT status FROM runs"
    )
    assert kept == ("stopped",)


def test_events_are_lines_and_hide_secrets(here: Any, tmp_path: Path) -> None:
    (tmp_path / "w.yml").write_text(waiting(0))
    (tmp_path / ".env").write_text("STUDIO_ENV_TOKEN=s3cr3t\n")
    run = here("run", "w.yml", "--events")
    assert run.exit_code == 0, run.stderr
    events = [json.loads(line) for line in run.stdout.splitlines()]
    names = [event["event"] for event in events]
    assert names[0] == "workflow_started"
    assert names[1:-1] == ["node_started", "node_finished"] * 3
    assert names[-1] == "workflow_finished"
    assert events[-1]["data"]["outputs"] == {"o": "***"}
    assert "s3cr3t" not in run.stdout


def test_a_short_secret_breaks_no_line() -> None:
    lines: list[str] = []
    events = Events(lines.append, ["a", "1", "sk-long"])
    events.started("w", {"q": "a b 1", "n": 11, "sk-long": ["1"], "at": Path("sk-long.txt")})
    [event] = map(json.loads, lines)
    assert event["event"] == "workflow_started"
    assert event["data"] == {
        "workflow": "w",
        "inputs": {"q": "*** b ***", "n": 11, "***": ["***"], "at": "***.txt"},
    }


def test_a_secret_that_nobody_gives_is_refused(here: Any, tmp_path: Path) -> None:
    (tmp_path / "w.yml").write_text(waiting(0))
    run = here("run", "w.yml", "--events")
    assert run.exit_code == 2
    assert "STUDIO_ENV_TOKEN" in run.stderr
    last = json.loads(run.stdout.splitlines()[-1])
    assert (last["event"], last["data"]["error"]["type"]) == (
        "workflow_finished",
        "WorkflowInvalid",
    )


def test_conversations_are_kept_apart(tmp_path: Path) -> None:
    talk = Conversation("a", "one", {"x": [1]}, [("q", "a")])
    conversation.save(tmp_path, talk)
    assert conversation.load(tmp_path, "a", "one") == talk
    assert conversation.load(tmp_path, "b", "one") == Conversation("b", "one")
    with pytest.raises(UsageError, match="belongs to the app 'one'"):
        conversation.load(tmp_path, "a", "two")
    with pytest.raises(UsageError, match="cannot name"):
        conversation.load(tmp_path, "../a", "one")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(StudioError, match="cannot be read"):
        conversation.load(tmp_path, "a", "one")


def test_a_form_is_asked_until_an_action_is_chosen() -> None:
    lines = iter(["first", "second", "", "", "maybe", "no"])
    form = Form(
        "Check", "Go?", (Field("why", "", True), Field("n", "7")), (("y", "Yes"), ("x", "No")), 9
    )
    terminal = Terminal(StepView(), lambda: next(lines))
    assert terminal.ask(form) == ("x", {"why": "first\nsecond", "n": "7"})


def test_nobody_answers_where_the_input_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended() -> str:
        raise EOFError

    terminal = Console(file=io.StringIO(), width=200)
    monkeypatch.setattr("runtime.commands.asking.err", terminal)
    assert Terminal(StepView(), ended).ask(Form("", "", (Field("a"),), (), 1)) is None
    assert "goes on as where nobody answers in time" in terminal.file.getvalue()


def test_knowledge_is_ranked_by_words_and_by_meaning(tmp_path: Path) -> None:
    (tmp_path / "de").mkdir()
    (tmp_path / "de" / "a.md").write_text("Der Tee zieht zwei Minuten.\n\nKaffee wird gemahlen.")
    (tmp_path / "b.txt").write_text("Bread is baked.")
    (tmp_path / "zh.txt").write_text("绿茶泡两分钟。")
    words = Knowledge(tmp_path)
    assert [hit.passage.document for hit in words.search("Tee")] == ["de/a.md"]
    assert [hit.passage.document for hit in words.search("绿茶")] == ["zh.txt"]
    assert words.search("nothing like it") == []
    assert [hit.passage.document for hit in words.search("bread tee", ["de"])] == ["de/a.md"]

    def embed(texts: Any) -> list[list[float]]:
        return [[1.0, 0.0] if "Bread" in t or t == "toast" else [0.0, 1.0] for t in texts]

    (hit,) = Knowledge(tmp_path, embed).search("toast")
    assert hit.passage.document == "b.txt"
    assert hit.as_dify(1)["metadata"]["score"] == pytest.approx(0.7)


def test_passages_are_no_longer_than_they_may_be_and_lose_no_word() -> None:
    text = "\n\n".join(f"Paragraph {n}. " + "word " * (n * 40) for n in range(1, 30))
    pieces = list(split(text, 300))
    assert max(map(len, pieces)) <= 300
    assert " ".join(pieces).split() == text.split()


def test_a_person_at_the_terminal_decides(tmp_path: Path) -> None:
    form = Path(__file__).parent / "workflows" / "human-input.yml"
    leader, follower = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STUDIO_")}
    environment |= {"STUDIO_DATA_DIR": str(tmp_path), "TERM": "xterm"}
    program = [sys.executable, "-c", "from runtime.cli import main; main()"]
    run = subprocess.Popen(
        [*program, "workflow", "run", str(form), "q=it"],
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=follower,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    os.close(follower)
    shown = ""
    while "why" not in shown:
        shown += os.read(leader, 4096).decode()
    os.write(leader, b"because\n\n")
    while "Number or name" not in shown:
        shown += os.read(leader, 4096).decode()
    os.write(leader, b"1\n")
    out, _ = run.communicate(timeout=60)
    os.close(leader)
    assert run.returncode == 0, shown
    assert out == "why: because\nform: Shall it go? because\n"
    assert "Shall it go?" in shown


def test_a_chat_leaves_the_prompt_to_who_types(tmp_path: Path) -> None:
    flow = Path(__file__).parent / "workflows" / "answer.yml"
    leader, follower = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STUDIO_")}
    environment |= {"STUDIO_DATA_DIR": str(tmp_path), "TERM": "xterm"}
    program = [sys.executable, "-c", "from runtime.cli import main; main()"]
    run = subprocess.Popen(
        [*program, "workflow", "chat", str(flow)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        cwd=tmp_path,
        env=environment,
    )
    os.close(follower)
    shown = ""
    while not shown.endswith("\x1b[1m> \x1b[0m"):
        shown += os.read(leader, 4096).decode()
    os.write(leader, b"hello\n")
    while not shown.partition("You said hello.")[2].endswith("> \x1b[0m"):
        shown += os.read(leader, 4096).decode()
    # Bars that go on would be drawn ten times a second.
    assert select.select([leader], [], [], 0.5)[0] == []
    os.write(leader, b"\n")
    assert run.wait(60) == 0
    os.close(leader)


def test_what_is_done_is_not_drawn_again_after_a_pause() -> None:
    view = StepView()
    for name in ("first", "second"):
        view.started(name)
    view.finished("first", ok=True)
    with view.paused():
        pass
    view.started("third")
    assert [task.fields["name"] for task in view._progress.tasks] == ["second", "third"]
    view._progress.stop()


def test_a_conversation_variable_over_difys_limit_is_refused() -> None:
    from runtime.answers.files import FileServer
    from runtime.errors import WorkflowInvalid
    from runtime.workflow.run import run

    large = {"id": "1", "name": "seen", "value_type": "string", "value": "x" * 300_000}
    flow = Flow(mode="advanced-chat", conversation_variables=[large])
    flow.then(node("a", "answer", answer="x", variables=[]))
    with FileServer() as files, pytest.raises(WorkflowInvalid, match="MAX_VARIABLE_SIZE"):
        run(flow.text(), {"query": "x"}, [], files=files)
