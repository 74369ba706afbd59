"""Code nodes: Python in a process of its own.

This is no sandbox. The code runs with the rights of the user who runs the workflow: it can
read files and reach the network. What it does not get is this process, its environment
variables, its packages (it gets those that `python -I` finds), or more than `SECONDS`. Dify
runs the same code in its sandbox service, a container without a network by default.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from graphon.nodes.code.entities import CodeLanguage
from graphon.nodes.code.limits import CodeNodeLimits
from graphon.variables.utils import dumps_with_segments

from runtime.workflow.store import plain_files

SECONDS = 15.0
"""Dify's docker/.env.example gives its sandbox this long (SANDBOX_WORKER_TIMEOUT=15)."""

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

# What the code prints must not get between the lines of the answer, so it is sent to standard
# error and the answer leaves through a copy of standard output.
_PROGRAM = """\
import json, os, sys
answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
job = json.loads(sys.stdin.buffer.read())
space = {"__name__": "__main__"}
exec(compile(job["code"], "<code>", "exec"), space)
result = space["main"](**job["inputs"])
json.dump(result, answer)
answer.flush()
"""
_SCIENTIFIC = re.compile(r"^-?\d+\.?\d*e[+-]\d+$", re.IGNORECASE)


class CodeFailed(RuntimeError):
    """The code raised, took too long, or returned what no node can return."""


class PythonRunner:
    """Runs code nodes; graphon's `CodeExecutorProtocol`.

    Args:
        seconds: how long one node may take.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds

    def execute(
        self, *, language: CodeLanguage, code: str, inputs: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Call `main(**inputs)` of `code` in a new process.

        Returns:
            What `main` returned.

        Raises:
            CodeFailed: it raised, took longer than the limit, or returned no mapping.
        """
        if language != CodeLanguage.PYTHON3:
            raise CodeFailed(f"{language} code does not run here, only python3.")
        job = dumps_with_segments({"code": code, "inputs": plain_files(inputs)})
        with tempfile.TemporaryDirectory(prefix="studio-code-") as folder:
            output = self._run(job.encode(), folder)
        try:
            result = json.loads(output)
        except ValueError:
            raise CodeFailed("main() ended the process before it returned.") from None
        if not isinstance(result, dict):
            raise CodeFailed(f"main() must return a dict, not a {type(result).__name__}.")
        return {key: _numbers(value) for key, value in result.items()}

    def is_execution_error(self, error: Exception) -> bool:
        """Whether `error` is the code's fault, and fails its node only."""
        return isinstance(error, CodeFailed)

    def _run(self, job: bytes, folder: str) -> bytes:
        # Its own environment: a workflow from elsewhere must not read our keys there.
        environment = {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": folder, "TMPDIR": folder}
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        try:
            output, errors = process.communicate(job, timeout=self._seconds)
        except subprocess.TimeoutExpired:
            raise CodeFailed(
                f"The code did not end within {self._seconds:g} s (SANDBOX_WORKER_TIMEOUT)."
            ) from None
        finally:
            # Whatever the code started goes with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.returncode:
            raise CodeFailed(_reason(errors.decode("utf-8", "replace"), process.returncode))
        return output


def _reason(stderr: str, code: int) -> str:
    lines = stderr.strip().splitlines()
    if not lines:
        return f"The code's process ended with exit code {code}."
    place = next((line.strip() for line in reversed(lines) if 'File "<code>"' in line), "")
    number = re.search(r"line \d+", place)
    reason = lines[-1] + (f" ({number.group()} of the code)" if number else "")
    if lines[-1].startswith("ModuleNotFoundError"):
        reason += ". A code node sees the packages of this runtime's environment only"
    return reason


def _numbers(value: Any) -> Any:
    """Text like "1e-05" becomes a number, as Dify's own executor has it."""
    if isinstance(value, str) and _SCIENTIFIC.match(value):
        return float(value)
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return value
