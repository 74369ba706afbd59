"""Kill -9 of hosts, plugins and writers in the middle of runs, and what the ledger then says.

`python -m tests.ledger_kills 50` does it 50 times; `python -m tests.ledger_kills --crowd 20` lets
20 processes write at once. Both end with 0 if nothing was lost, locked or left behind.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import PROBE
from tests.processes import wait_until

STUDIO = Path(sys.executable).with_name("studio")

# Speaks the protocol without the SDK, because starting that takes longer than the runs here.
_MAIN = """
import base64, json, os, sys, threading, time

lock = threading.Lock()


def say(frame):
    with lock:
        sys.stdout.write(json.dumps(frame) + "\\n")
        sys.stdout.flush()


def beat():
    while True:
        say({"event": "heartbeat", "session_id": "", "data": {}})
        time.sleep(2)


def answer(session, act):
    def message(kind, content, **more):
        say({"event": "session", "session_id": session, "data": {"type": "stream", "data":
            {"type": kind, "message": content, **more}}})

    what, pause, mark = act.split()
    for number in range(4):
        log = {"id": str(number), "label": f"Step {number}", "data": {"phase": "PREP"}}
        message("log", {**log, "status": "start"})
        time.sleep(float(pause) / 4)
        message("log", {**log, "status": "success",
            "metadata": {"total_price": 0.25, "currency": "USD"}})
    if what == "fail":
        say({"event": "session", "session_id": session, "data": {"type": "error", "data":
            {"error_type": "ValueError", "message": "asked to fail", "args": {}}}})
    else:
        message("text", {"text": "done " + mark})
        message("blob", {"blob": base64.b64encode(mark.encode() * 100).decode()},
            meta={"mime_type": "text/plain", "filename": mark + ".txt"})
    say({"event": "session", "session_id": session, "data": {"type": "end", "data": {}}})


threading.Thread(target=beat, daemon=True).start()
for line in sys.stdin:
    request = json.loads(line)
    act = request["data"]["tool_parameters"]["act"]
    threading.Thread(target=answer, args=(request["session_id"], act), daemon=True).start()
"""


def quick_plugin(folder: Path) -> Path:
    """The probe, with a main.py that starts at once.

    Its parameter act is "ok SECONDS MARK" or "fail SECONDS MARK".
    """
    plugin = folder / "plugin"
    shutil.copytree(PROBE, plugin)
    (plugin / "main.py").write_text(_MAIN, encoding="utf-8")
    (plugin / ".venv" / "bin").mkdir(parents=True)
    (plugin / ".venv" / "bin" / "python").symlink_to(sys.executable)
    return plugin


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a studio that keeps its ledger in `folder`."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("STUDIO_")},
        "STUDIO_DATA_DIR": str(folder / "data"),
        **more,
    }


def database(folder: Path) -> Path:
    return folder / "data" / "ledger" / "runs.sqlite3"


def start(plugin: Path, folder: Path, act: str) -> subprocess.Popen[bytes]:
    """`studio run` of the quick plugin."""
    return subprocess.Popen(
        [STUDIO, "run", "probe", f"act={act}", "--plugin", plugin, "--json"],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def inhabitants(folder: Path) -> set[int]:
    """Processes whose working directory is `folder`."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.readlink() == folder:
                found.add(int(link.parent.name))
        except OSError:  # it ended, or is not ours to look at
            continue
    return found


# Writes runs as fast as it can, until it is killed.
_WRITER = """
import sys
from pathlib import Path
from runtime.ledger import Ledger
with Ledger(where=Path(sys.argv[1])) as ledger:
    number = 0
    while True:
        with ledger.run("node", "writer", "", {"act": f"ok 0 {sys.argv[2]}.{number}"}) as record:
            record.result("x", {})
        print(number, flush=True)
        number += 1
"""


def round_of_kills(folder: Path, plugin: Path, number: int, chance: random.Random) -> list[str]:
    """One kill; returns what the ledger should know: "mark status" of everything that ended."""
    victim = ("host", "plugin", "writer")[number % 3]
    bystander = start(plugin, folder, f"ok 0.3 by{number}")
    expected = []
    if victim == "writer":
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(database(folder).parent), f"w{number}"],
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(chance.random() * 0.3)
        writer.kill()
        told = writer.stdout.read().split()
        writer.wait()
        expected += [f"w{number}.{n} succeeded" for n in range(int(told[-1]) + 1 if told else 1)]
    else:
        process = start(plugin, folder, f"ok 2 kill{number}")
        wait_until(lambda: len(inhabitants(plugin)) > 1)
        time.sleep(chance.random() * 2.5)
        if victim == "host":
            process.kill()
        else:
            for pid in inhabitants(plugin):
                if _parent(pid) == process.pid:
                    with contextlib.suppress(ProcessLookupError):  # it was done sooner
                        os.kill(pid, signal.SIGKILL)
        out, _ = process.communicate()
        # A host that was killed after it had told its result has lost nothing either.
        if victim == "plugin" and out:
            ok = b'"ok": true' in out
            expected.append(f"kill{number} {'succeeded' if ok else 'failed'}")
        else:
            expected.append(f"kill{number} {'succeeded' if out.rstrip().endswith(b'}') else '*'}")
    out, said = bystander.communicate()
    if bystander.returncode == 0 and b'"ok": true' in out:
        expected.append(f"by{number} succeeded")
    else:
        expected.append(f"by{number} MUST SUCCEED: {said.decode()[-300:]}")
    return expected


def _parent(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def campaign(folder: Path, rounds: int, seed: int = 1) -> list[str]:
    """Kill `rounds` times; returns what is wrong afterwards, a line each."""
    chance = random.Random(seed)
    plugin = quick_plugin(folder)
    expected: list[str] = []
    for number in range(rounds):
        expected += round_of_kills(folder, plugin, number, chance)
    wrong = []
    if not wait_until(lambda: not inhabitants(plugin)):
        wrong.append(f"orphans: {inhabitants(plugin)}")
    shown = subprocess.run(
        [STUDIO, "runs"], env=environment(folder), cwd=folder, capture_output=True, check=False
    )
    if shown.returncode:
        wrong.append(f"studio runs fails: {shown.stderr.decode()}")
    with sqlite3.connect(database(folder), timeout=1) as connection:
        connection.execute("BEGIN IMMEDIATE")  # raises if it is locked
        rows = connection.execute("SELECT parameters, status FROM runs").fetchall()
        [[sound]] = connection.execute("PRAGMA integrity_check").fetchall()
    if sound != "ok":
        wrong.append(f"integrity: {sound}")
    kept = {
        f"{parameters.split()[-1].rstrip(chr(34) + '}')} {status}" for parameters, status in rows
    }
    kept |= {f"{run.partition(' ')[0]} *" for run in kept}  # it is there, however it ended
    wrong += [f"lost: {run}" for run in expected if run not in kept]
    wrong += [f"still running: {run}" for run in kept if run.endswith(" running")]
    counts: dict[str, int] = {}
    for _, status in rows:
        counts[status] = counts.get(status, 0) + 1
    print(f"{rounds} kills, {len(expected)} finished runs expected; in the ledger: {counts}")
    return wrong


def _member(folder: Path, number: int, runs: int) -> None:
    from runtime.ledger import Ledger

    with Ledger(where=folder, on_notice=lambda _, text: print(text)) as ledger:
        for index in range(runs):
            with ledger.run("node", f"tool{number}", "", {"n": index}) as record:
                record.step({"id": "1", "label": "Work", "status": "start"})
                record.step({"id": "1", "label": "Work", "status": "success"})
                record.result("done", {})


def crowd(folder: Path, members: int, runs: int = 10) -> list[str]:
    """Many processes write at once; returns what is wrong afterwards."""
    import sqlalchemy

    assert sqlalchemy.__version__  # imported once, before the processes are made
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_member, args=(folder, n, runs)) for n in range(members)]
    began = time.monotonic()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    took = time.monotonic() - began
    with sqlite3.connect(folder / "runs.sqlite3") as connection:
        [[done]] = connection.execute("SELECT count(*) FROM runs WHERE status = 'succeeded'")
        [[steps]] = connection.execute("SELECT count(*) FROM steps WHERE status = 'succeeded'")
    print(f"{members} processes, {members * runs} runs in {took:.1f} s")
    wanted = members * runs
    return [] if done == steps == wanted else [f"{wanted} wanted, {done} runs and {steps} steps"]


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve()
        if arguments[0] == "--crowd":
            wrong = crowd(folder, int(arguments[1]))
        else:
            wrong = campaign(folder, int(arguments[0]))
    print("\n".join(wrong) or "Nothing lost, nothing locked, nothing left behind.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
