"""Code nodes: Python and JavaScript behind walls, or in a Dify sandbox.

On this machine the code runs in a process of its own behind the walls of `confine.py`, with an
empty environment, in a folder that is deleted afterwards. GUIDE.md says what that protects
against and what not. With STUDIO_SANDBOX_URL it goes to that dify-sandbox instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from graphon.nodes.code.entities import CodeLanguage
from graphon.nodes.code.limits import CodeNodeLimits
from graphon.variables.utils import dumps_with_segments

from runtime.workflow import confine
from runtime.workflow.store import plain_files

SECONDS = 15.0
"""Dify's docker/.env.example gives its sandbox this long (SANDBOX_WORKER_TIMEOUT=15)."""
CLOCK_SECONDS = 5.0
"""So long a run that is out of time has to end its code by itself."""
MEMORY_BYTES = 512 * 1024 * 1024
FILE_BYTES = 64 * 1024 * 1024
OPEN_FILES = 256
MAX_ANSWER_BYTES = 32 * 1024 * 1024

LIMITS = CodeNodeLimits(
    max_string_length=400_000,
    max_number=2**63 - 1,
    min_number=-(2**63) + 1,
    max_precision=20,
    max_depth=5,
    max_number_array_length=1000,
    max_string_array_length=30,
    max_object_array_length=30,
)
"""Dify's CODE_MAX_* defaults (docker/envs/core-services/shared.env.example)."""

_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/ssl", "/etc/localtime")
_LAUNCHER = str(Path(confine.__file__).resolve())
_LOG_BYTES = 64 * 1024
# What the code prints goes to the log; the answer leaves through a file of its own.
_PYTHON = """\
import json, os, sys
answer = os.fdopen(int(sys.argv[1]), "w", encoding="utf-8")
job = json.loads(sys.stdin.buffer.read())
space = {"__name__": "__main__"}
exec(compile(job["code"], "<code>", "exec"), space)
result = space["main"](**job["inputs"])
json.dump(result, answer)
answer.flush()
"""
_JAVASCRIPT = """\
const fs = require("fs"), vm = require("vm");
const job = JSON.parse(fs.readFileSync(0, "utf8"));
Object.assign(globalThis, {require, module, exports});
vm.runInThisContext(job.code, {filename: "<code>"});
let result = vm.runInThisContext("main", {filename: "<code>"})(job.inputs);
if (result instanceof Promise) {
  throw new TypeError("main() returned a promise; Dify does not wait for it");
}
fs.writeSync(Number(process.argv[2]), JSON.stringify(result === undefined ? null : result));
"""
_SCIENTIFIC = re.compile(r"^-?\d+\.?\d*e[+-]\d+$", re.IGNORECASE)


class CodeFailed(RuntimeError):
    """The code raised, took too long, or returned what no node can return."""


class Sandbox(Protocol):
    """Runs code nodes; graphon's `CodeExecutorProtocol`, and a way to end it all."""

    def execute(
        self, *, language: CodeLanguage, code: str, inputs: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Call `main` of `code` with `inputs`; what it returned, a mapping.

        Raises:
            CodeFailed: it raised, took longer than the limit, or returned no mapping.
        """
        ...

    def is_execution_error(self, error: Exception) -> bool:
        """Whether `error` is the code's fault, and fails its node only."""
        ...

    def close(self) -> None:
        """End whatever still runs."""
        ...


class LocalSandbox:
    """Code in a process of this machine, behind walls.

    Args:
        remaining: seconds left for the whole run.
        seconds: how long one node may take.
    """

    def __init__(self, remaining: Callable[[], float], seconds: float = SECONDS) -> None:
        self._remaining = remaining
        self._seconds = seconds
        self._running: set[int] = set()
        self._closed = False
        self._lock = threading.Lock()

    def execute(
        self, *, language: CodeLanguage, code: str, inputs: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """See `Sandbox.execute`."""
        job = dumps_with_segments({"code": code, "inputs": plain_files(inputs)})
        with tempfile.TemporaryDirectory(prefix="studio-code-") as folder:
            try:
                result = json.loads(self._run(str(language), job.encode(), folder))
            except ValueError:
                raise CodeFailed("main() ended the process before it returned.") from None
        return _mapping(result)

    def is_execution_error(self, error: Exception) -> bool:
        """See `Sandbox.is_execution_error`."""
        return isinstance(error, CodeFailed)

    def close(self) -> None:
        """End whatever still runs, and start nothing more."""
        with self._lock:
            self._closed = True
            for pid in self._running:
                _kill(pid)

    def _run(self, language: str, job: bytes, folder: str) -> bytes:
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as answer,
            tempfile.TemporaryFile() as log,
        ):
            given.write(job)
            given.seek(0)
            code = self._wait(_program(language, answer), folder, given, answer, log)
            if code == confine.NO_WALLS:
                raise CodeFailed(
                    f"Code cannot be shut in on this machine: {_tail(log).strip()}. "
                    "Set STUDIO_SANDBOX_URL to a dify-sandbox to run it there"
                )
            if code:
                raise CodeFailed(_reason(_tail(log), code))
            answer.seek(0)
            output = answer.read(MAX_ANSWER_BYTES + 1)
        if len(output) > MAX_ANSWER_BYTES:
            raise CodeFailed(f"main() returned more than {MAX_ANSWER_BYTES // 2**20} MB.")
        return output

    def _wait(
        self,
        program: list[str],
        folder: str,
        given: IO[bytes],
        answer: IO[bytes],
        log: IO[bytes],
    ) -> int:
        # Its own environment: a workflow from elsewhere must not read our keys there.
        environment = {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "HOME": folder,
            "TMPDIR": folder,
            "OPENBLAS_NUM_THREADS": "1",  # numpy would take 8 MB for each processor
        }
        # The run's own clock ends it before, and says which limit that was.
        seconds = min(self._seconds, self._remaining() + CLOCK_SECONDS)
        with self._lock:
            if self._closed:
                raise CodeFailed("The run has ended.")
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", _LAUNCHER, _rules(folder, program), *program],
                stdin=given,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=environment,
                pass_fds=(answer.fileno(),),
                start_new_session=True,
            )
            self._running.add(process.pid)
        try:
            code = process.wait(seconds)
            if self._closed:
                raise CodeFailed("The run has ended.")
            return code
        except subprocess.TimeoutExpired:
            if seconds < self._seconds:
                raise CodeFailed("The run has ended (WORKFLOW_MAX_EXECUTION_TIME).") from None
            raise CodeFailed(
                f"The code did not end within {seconds:g} s (SANDBOX_WORKER_TIMEOUT)."
            ) from None
        finally:
            with self._lock:
                _kill(process.pid)
                self._running.discard(process.pid)
            process.wait()


class DifySandbox:
    """Code in a dify-sandbox, asked as Dify asks it.

    Args:
        url: its address, like http://127.0.0.1:8194.
        key: its API key; the sandbox's own default if empty.
    """

    def __init__(self, url: str, key: str = "") -> None:
        from graphon.dsl.code_runtime import SandboxCodeExecutor
        from graphon.dsl.entities import DslCodeSettings

        self._url = url
        self._executor = SandboxCodeExecutor(
            DslCodeSettings(execution_endpoint=url, execution_api_key=key or "dify-sandbox")
        )

    def execute(
        self, *, language: CodeLanguage, code: str, inputs: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """See `Sandbox.execute`."""
        try:
            result = self._executor.execute(
                language=language, code=code, inputs=plain_files(inputs)
            )
        except Exception as error:
            if not self._executor.is_execution_error(error):
                raise
            last = str(error).strip().splitlines()[-1:] or ["it said nothing"]
            raise CodeFailed(f"{last[0]} (in the sandbox {self._url})") from error
        return _mapping(result)

    def is_execution_error(self, error: Exception) -> bool:
        """See `Sandbox.is_execution_error`."""
        return isinstance(error, CodeFailed)

    def close(self) -> None:
        """The sandbox ends its programs itself."""


def _program(language: str, answer: IO[bytes]) -> list[str]:
    descriptor = str(answer.fileno())
    if language == CodeLanguage.PYTHON3:
        return [sys.executable, "-I", "-c", _PYTHON, descriptor]
    if language != CodeLanguage.JAVASCRIPT:
        raise CodeFailed(f"{language} code does not run here, only python3 and javascript.")
    node = node_program()
    if node is None:
        raise CodeFailed("javascript code needs Node.js (the program node), which is not here.")
    heap = f"--max-old-space-size={MEMORY_BYTES // 2**21}"
    return [node, heap, "-e", _JAVASCRIPT, "code", descriptor]


def node_program() -> str | None:
    """Where Node.js is, or None."""
    found = shutil.which("node")
    return found and os.path.realpath(found)


def _rules(folder: str, program: list[str]) -> str:
    homes = {sys.prefix, sys.base_prefix, str(Path(program[0]).parent)}
    readable = [*_SYSTEM, *sorted(homes)]
    return json.dumps(
        {
            "readable": readable,
            "writable": folder,
            "memory_bytes": MEMORY_BYTES,
            "file_bytes": FILE_BYTES,
            "open_files": OPEN_FILES,
            "cpu_seconds": int(SECONDS) + 1,
        }
    )


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _tail(log: IO[bytes]) -> str:
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - _LOG_BYTES))
    return log.read().decode("utf-8", "replace")


def _reason(log: str, code: int) -> str:
    lines = log.strip().splitlines()
    if not lines:
        return f"The code's process ended with exit code {code}."
    if lines[-1].startswith("Node.js v"):
        return _reason_of_node(lines)
    place = next((line.strip() for line in reversed(lines) if 'File "<code>"' in line), "")
    number = re.search(r"line \d+", place)
    reason = lines[-1] + (f" ({number.group()} of the code)" if number else "")
    if lines[-1].startswith("ModuleNotFoundError"):
        reason += ". A code node sees the packages of this runtime's environment only"
    elif lines[-1].startswith("PermissionError"):
        reason += ". Code here has no network, no other programs and only its own folder"
    elif lines[-1].startswith("MemoryError"):
        reason = f"MemoryError: more than {MEMORY_BYTES // 2**20} MB were needed"
    return reason


def _reason_of_node(lines: list[str]) -> str:
    reason = next((line for line in lines if re.match(r"^(Uncaught )?\w*Error\b", line)), lines[-1])
    place = next((re.search(r"<code>:(\d+)", line) for line in lines if "<code>:" in line), None)
    return reason + (f" (line {place.group(1)} of the code)" if place else "")


def _mapping(result: Any) -> dict[str, Any]:
    if not isinstance(result, dict):
        raise CodeFailed(f"main() must return a dict, not a {type(result).__name__}.")
    return {key: _numbers(value) for key, value in result.items()}


def _numbers(value: Any) -> Any:
    """Text like "1e-05" becomes a number, as Dify's own executor has it."""
    if isinstance(value, str) and _SCIENTIFIC.match(value):
        return float(value)
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return value
