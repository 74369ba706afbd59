"""The host beside others, in one run: start-up, calls, a crowd, workflows, the ledger.

    python -m bench.host                   everything that needs nothing else
    python -m bench.host --slim PROGRAM    also slim (dify-plugin-daemon, cmd/slim), or by
                                           STUDIO_BENCH_SLIM
    python -m bench.host --peer FOLDER     also start-up, memory and refused calls of another
                                           plugin, e.g. Dify's official stablediffusion
    python -m bench.host --only calls      one part of: start calls crowd workflow ledger

Whatever is compared takes turns, so that a busy machine is busy for both; medians are shown, and
CPU time beside wall time where others could disturb. Linux only (/proc).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from bench.host_peers import PARAMETERS, Slim, graphon_alone, in_process
from runtime import declaration
from runtime.answers.files import FileServer
from runtime.errors import ToolFailed
from runtime.host import Host, open_plugin
from runtime.host.environment import find_uv
from runtime.host.messages import Result
from runtime.paths import PROJECT

PROBE = PROJECT / "tests" / "probe"
CALLS = 300
CROWD = 100
NODES = 50
PARTS = ("start", "calls", "crowd", "workflow", "ledger")
Pair = tuple[float, float]


def started(folder: Path) -> Pair:
    """Seconds to the first heartbeat, and MB resident two seconds later."""
    with open_plugin(folder) as host:
        began = time.perf_counter()
        host.wait_ready()
        ready = time.perf_counter() - began
        time.sleep(2)
        return ready, memory(host.process.pid)


def memory(pid: int | None, what: str = "VmRSS") -> float:
    """MB of a process; VmHWM for the most it ever had."""
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {what}: this benchmark needs Linux")


def cpu(pid: int | None) -> float:
    """CPU seconds of a process so far, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def probe() -> Iterator[Host]:
    """A warm host of the tests' plugin."""
    with Host(declaration.from_folder(PROBE), PROBE, sys.executable) as host:
        host.wait_ready()
        Result.collect(host.invoke("probe", PARAMETERS))
        yield host


def per_call(host: Host, tool: str, parameters: dict[str, Any]) -> list[float]:
    """Milliseconds of each of CALLS calls on a warm process."""
    times = []
    for _ in range(CALLS):
        began = time.perf_counter()
        # A call without input is refused by the tool: it has made the whole way.
        with contextlib.suppress(ToolFailed):
            Result.collect(host.invoke(tool, parameters))
        times.append((time.perf_counter() - began) * 1000)
    return times


def share(times: list[float], part: float) -> float:
    """A percentile."""
    return sorted(times)[int(len(times) * part)]


def row(name: str, ours: float, theirs: float | None, unit: str) -> None:
    """One line of a table."""
    if theirs is None:
        print(f"{name:34} {ours:9.2f} {'':9} {unit}")
    else:
        print(f"{name:34} {ours:9.2f} {theirs:9.2f} {unit:4} ratio {ours / theirs:6.2f}")


def table(title: str, ours: str, theirs: str = "") -> None:
    """The head of a table."""
    print(f"\n{title:34} {ours:>9} {theirs:>9}")


# --- the parts ------------------------------------------------------------------------------


def start(options: argparse.Namespace) -> None:
    """Our plugin and a peer: start-up, idle memory, a call that is refused."""
    folders = [PROJECT] + ([options.peer] if options.peer else [])
    starts: dict[Path, list[Pair]] = {folder: [] for folder in folders}
    for folder in folders:
        started(folder)  # once for the caches of both
    for _ in range(options.rounds):
        for folder in folders:
            starts[folder].append(started(folder))
    peer = options.peer

    def both(pick: Callable[[Path], float]) -> tuple[float, float | None]:
        return pick(PROJECT), pick(peer) if peer else None

    table("Our plugin", "ours", peer.name if peer else "")
    row("first heartbeat", *both(lambda f: statistics.median(s[0] for s in starts[f])), "s")
    row("idle memory", *both(lambda f: statistics.median(s[1] for s in starts[f])), "MB")
    calls: dict[Path, list[float]] = {}
    for folder in folders:
        tool = declaration.from_folder(folder).tools[0][1].name
        with open_plugin(folder) as host:
            host.wait_ready()
            per_call(host, tool, {})  # lazy imports are not overhead
            calls[folder] = per_call(host, tool, {})
    row("refused call, p50", *both(lambda f: share(calls[f], 0.5)), "ms")
    row("refused call, p95", *both(lambda f: share(calls[f], 0.95)), "ms")


def calls(options: argparse.Namespace) -> None:
    """A warm call through our host, the same in process, the same through slim."""
    hosted: list[float] = []
    alone: list[float] = []
    slim: list[float] = []
    with contextlib.ExitStack() as stack:
        host = stack.enter_context(probe())
        other = _slim(options, stack)
        spent = -time.process_time(), -cpu(host.process.pid)
        for _ in range(options.rounds):
            hosted += per_call(host, "probe", PARAMETERS)
            alone += in_process(PROBE, CALLS + 1)[1:]  # the first imports
            if other is not None:
                slim.append(other.call() * 1000)
        spent = spent[0] + time.process_time(), spent[1] + cpu(host.process.pid)
    table(f"A warm call ({len(hosted)} of them)", "hosted", "in proc.")
    row("p50", share(hosted, 0.5), share(alone, 0.5), "ms")
    row("p95", share(hosted, 0.95), share(alone, 0.95), "ms")
    row("added by host and wire, p50", share(hosted, 0.5) - share(alone, 0.5), None, "ms")
    row("added by host and wire, p95", share(hosted, 0.95) - share(alone, 0.95), None, "ms")
    row("CPU per call, host", spent[0] / len(hosted) * 1000, None, "ms")
    row("CPU per call, plugin", spent[1] / len(hosted) * 1000, None, "ms")
    if slim:
        table(f"A process per call ({len(slim)})", "slim", "hosted")
        row("p50", share(slim, 0.5), share(hosted, 0.5), "ms")
        row("p95", share(slim, 0.95), share(hosted, 0.95), "ms")


def _slim(options: argparse.Namespace, stack: contextlib.ExitStack) -> Slim | None:
    if not options.slim:
        return None
    uv = find_uv()
    if uv is None:
        raise RuntimeError("slim needs uv")
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    slim = Slim(options.slim, PROBE, scratch, uv)
    slim.call()  # installs
    return slim


def crowd(_options: argparse.Namespace) -> None:
    """CROWD calls at once on one process: each must get its own answer."""
    wrong: list[int] = []
    times: list[float] = []

    def call(host: Host, act: str, number: int, said: str) -> None:
        began = time.perf_counter()
        given = {"act": act, "amount": number}
        result = Result.collect(host.invoke("probe", given))
        times.append((time.perf_counter() - began) * 1000)
        if said not in (result.text, result.variables.get("answer")):
            wrong.append(number)

    def at_once(host: Host, act: str, first: int, word: str) -> float:
        times.clear()
        threads = [
            threading.Thread(target=call, args=(host, act, number, f"{word} {number}"))
            for number in range(first, first + CROWD)
        ]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - began

    with probe() as host:
        pid = host.process.pid
        before = memory(os.getpid()), memory(pid)
        table(f"{CROWD} calls at once", "")
        for name, act, first, word in (
            ("that wait 0.5 s", "sleep", 500, "slept"),
            ("that answer at once", "echo", 1, "got"),
        ):
            wall = at_once(host, act, first, word)
            if wrong or len(times) != CROWD:
                raise RuntimeError(f"wrong answers: {wrong}, {len(times)} of {CROWD} came")
            row(f"{name}: all", wall * 1000, None, "ms")
            row(f"{name}: p95 of a call", share(times, 0.95), None, "ms")
        row("memory of the host, more", memory(os.getpid(), "VmHWM") - before[0], None, "MB")
        row("memory of the plugin, more", memory(pid, "VmHWM") - before[1], None, "MB")


def workflow(options: argparse.Namespace) -> None:
    """A chain of NODES tool nodes: our runtime with a real plugin, and graphon alone."""
    from runtime.workflow.dsl import read
    from runtime.workflow.run import run

    text = yaml.safe_dump(chain())
    graph = read(text).graph
    ours: list[Pair] = []
    alone: list[Pair] = []
    with probe() as host, FileServer() as files:
        for number in range(options.rounds + 1):
            began, spent = time.perf_counter(), time.process_time()
            result = run(text, {}, [host], files=files)
            if not result.ok or "first second" not in result.outputs["o"]:
                raise RuntimeError(f"the workflow failed: {result.error}")
            pair = time.perf_counter() - began, time.process_time() - spent
            spent = time.process_time()
            other = graphon_alone(graph), time.process_time() - spent
            if number:  # the first imports
                ours.append(pair)
                alone.append(other)
    table(f"A workflow of {NODES} tool nodes", "ours", "graphon")
    for name, index in (("wall", 0), ("CPU without the plugin's", 1)):
        mine = statistics.median(pair[index] for pair in ours) * 1000
        theirs = statistics.median(pair[index] for pair in alone) * 1000
        row(name, mine, theirs, "ms")
        row(f"{name}, added per node", (mine - theirs) / NODES, None, "ms")


def chain() -> dict[str, Any]:
    """A workflow as Dify exports it: start, NODES tool nodes in a row, end."""

    def node(id: str, kind: str, **data: Any) -> dict[str, Any]:
        return {"id": id, "type": "custom", "data": {"type": kind, "title": id, **data}}

    tool = {
        "provider_id": "probe/probe/probe",
        "provider_name": "probe/probe/probe",
        "provider_type": "builtin",
        "tool_name": "probe",
        "tool_label": "probe",
        "tool_node_version": "2",
        "tool_configurations": {},
        "tool_parameters": {
            name: {"type": "constant", "value": value} for name, value in PARAMETERS.items()
        },
    }
    tools = [f"t{number}" for number in range(NODES)]
    output = {"variable": "o", "value_selector": [tools[-1], "text"]}
    nodes = [
        node("s", "start", variables=[]),
        *(node(id, "tool", **tool) for id in tools),
        node("e", "end", outputs=[output]),
    ]
    ids = ["s", *tools, "e"]
    edges = [
        {"id": f"{one}-{other}", "source": one, "target": other, "sourceHandle": "source"}
        for one, other in pairwise(ids)
    ]
    return {
        "version": "0.6.0",
        "kind": "app",
        "app": {"name": "chain", "mode": "workflow"},
        "workflow": {"graph": {"nodes": nodes, "edges": edges}},
    }


def ledger(options: argparse.Namespace) -> None:
    """`studio run` with and without the ledger: CPU and wall time of the whole command."""
    from shutil import copytree

    studio = [sys.executable, "-c", "from runtime.cli import main; main()"]
    values = [f"{name}={value}" for name, value in PARAMETERS.items()]
    times: dict[bool, list[Pair]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "probe"
        copytree(PROBE, folder)
        (folder / ".venv").symlink_to(sys.prefix)  # it runs with our Python, as it does above
        environment = os.environ | {
            "STUDIO_DATA_DIR": f"{scratch}/data",
            "STUDIO_LEDGER": "on",
            "PYTHONPATH": str(PROJECT),
        }

        def command(kept: bool) -> Pair:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.perf_counter()
            subprocess.run(
                [*studio, "run", "probe", *values, "--plugin", str(folder), "--json"]
                + ([] if kept else ["--no-ledger"]),
                cwd=scratch,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=True,
            )
            wall = time.perf_counter() - began
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            return spent, wall

        for number in range(options.rounds + 1):
            for kept in (True, False):
                pair = command(kept)
                if number:  # the first makes the database
                    times[kept].append(pair)
    table("studio run, the plugin's included", "ledger", "without")
    for name, index in (("CPU", 0), ("wall", 1)):
        with_it, without = (statistics.median(p[index] for p in times[k]) for k in (True, False))
        row(name, with_it, without, "s")
        row(f"{name} of the ledger", (with_it - without) * 1000, None, "ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", type=Path, help="folder of another plugin")
    parser.add_argument("--slim", type=Path, default=os.environ.get("STUDIO_BENCH_SLIM"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=PARTS, action="append")
    options = parser.parse_args()
    measures = dict(zip(PARTS, (start, calls, crowd, workflow, ledger), strict=True))
    for name in options.only or PARTS:
        measures[name](options)


if __name__ == "__main__":
    main()
