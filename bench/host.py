"""Start-up, idle memory and overhead of our plugin beside another one, in one run.

    python -m bench.host --peer FOLDER     FOLDER: a peer, e.g. Dify's official stablediffusion
    python -m bench.host                   our plugin alone

Start-up is the time from the start of the process to its first heartbeat; memory is the
process's resident set two seconds later; overhead is a call that does nothing but fail its own
input check. The two take turns, so that a busy machine is busy for both; medians are shown.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from runtime import declaration
from runtime.errors import ToolFailed
from runtime.host import Host, open_plugin
from runtime.host.messages import Result
from runtime.paths import PROJECT

PROBE = PROJECT / "tests" / "probe"
CALLS = 200
CONCURRENT = 100


def started(folder: Path) -> tuple[float, float]:
    """Seconds to the first heartbeat, and MB resident two seconds later."""
    with open_plugin(folder) as host:
        began = time.perf_counter()
        host.wait_ready()
        ready = time.perf_counter() - began
        time.sleep(2)
        return ready, resident(host)


def resident(host: Host) -> float:
    """MB of the plugin's process."""
    for line in Path(f"/proc/{host.process.pid}/status").read_text("utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS: this benchmark needs Linux")


def per_call(host: Host, tool: str, parameters: dict[str, object]) -> list[float]:
    """Milliseconds of each of CALLS calls on a warm process."""
    times = []
    for _ in range(CALLS):
        began = time.perf_counter()
        # A call without input is refused by the tool: it has made the whole way.
        with contextlib.suppress(ToolFailed):
            Result.collect(host.invoke(tool, parameters))
        times.append((time.perf_counter() - began) * 1000)
    return times


def first_tool(folder: Path) -> str:
    """A tool of the plugin."""
    return declaration.from_folder(folder).tools[0][1].name


def concurrent() -> tuple[float, float]:
    """Seconds for CONCURRENT calls of 500 ms each, at once and summed, on one process."""
    declared = declaration.from_folder(PROBE)
    with Host(declared, PROBE, sys.executable) as host:
        host.wait_ready()

        def call() -> None:
            Result.collect(host.invoke("probe", {"act": "sleep", "amount": 500}))

        threads = [threading.Thread(target=call) for _ in range(CONCURRENT)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - began, CONCURRENT * 0.5


def row(name: str, ours: float, theirs: float | None, unit: str) -> None:
    """One line of the table."""
    if theirs is None:
        print(f"{name:32} {ours:9.2f} {unit}")
    else:
        print(f"{name:32} {ours:9.2f} {theirs:9.2f} {unit:4} ratio {ours / theirs:5.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", type=Path, help="folder of another plugin")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    folders = [PROJECT] + ([options.peer] if options.peer else [])

    starts: dict[Path, list[tuple[float, float]]] = {folder: [] for folder in folders}
    for folder in folders:
        started(folder)  # once for the caches of both
    for _ in range(options.rounds):
        for folder in folders:
            starts[folder].append(started(folder))

    def median(folder: Path, pick: Callable[[tuple[float, float]], float]) -> float:
        return statistics.median(map(pick, starts[folder]))

    peer = options.peer
    print(f"{'':32} {'ours':>9} {peer.name if peer else '':>9}")
    for name, pick, unit in (
        ("first heartbeat", lambda pair: pair[0], "s"),
        ("idle memory", lambda pair: pair[1], "MB"),
    ):
        row(name, median(PROJECT, pick), median(peer, pick) if peer else None, unit)

    calls: dict[Path, list[float]] = {}
    for folder in folders:
        with open_plugin(folder) as host:
            host.wait_ready()
            per_call(host, first_tool(folder), {})  # lazy imports are not overhead
            calls[folder] = sorted(per_call(host, first_tool(folder), {}))
    for name, share in (("call, p50", 0.5), ("call, p95", 0.95)):
        index = int(CALLS * share)
        row(name, calls[PROJECT][index], calls[peer][index] if peer else None, "ms")

    wall, summed = concurrent()
    print(f"{CONCURRENT} calls of 0.5 s at once: {wall:.2f} s (one after the other {summed:.0f} s)")


if __name__ == "__main__":
    main()
