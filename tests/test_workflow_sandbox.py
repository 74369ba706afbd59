"""What code nodes can and cannot reach: each attack runs for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
from graphon.nodes.code.entities import CodeLanguage

from runtime.workflow import code as code_module
from runtime.workflow import confine
from runtime.workflow.code import CodeFailed, DifySandbox, LocalSandbox, node_program
from tests.servers import Server, answer

PYTHON, JAVASCRIPT = CodeLanguage.PYTHON3, CodeLanguage.JAVASCRIPT


def walls() -> dict[str, bool]:
    """Which walls hold on this machine."""
    rules = {"readable": ["/usr"], "writable": gettempdir(), "open_files": 64, "cpu_seconds": 9}
    sizes = {"memory_bytes": 2**29, "file_bytes": 2**20}
    command = [sys.executable, "-I", "-S", confine.__file__, json.dumps(rules | sizes), "--walls"]
    done = subprocess.run(command, capture_output=True, check=True)
    held: dict[str, bool] = json.loads(done.stdout)
    return held


HELD = walls() if sys.platform == "linux" else {}
pytestmark = pytest.mark.skipif(
    not (HELD.get("namespaces") or HELD.get("calls")),
    reason="code runs here only behind Linux's seccomp or namespaces",
)
needs_files = pytest.mark.skipif(
    not HELD.get("files"), reason="this kernel has no Landlock: files are not shut here"
)
needs_processes = pytest.mark.skipif(
    not HELD.get("namespaces"), reason="this machine refuses namespaces: processes can be seen"
)
needs_calls = pytest.mark.skipif(
    not HELD.get("calls"), reason="this machine refuses seccomp: system calls are not shut"
)
needs_node = pytest.mark.skipif(node_program() is None, reason="Node.js is not installed")


@pytest.fixture
def sandbox() -> Iterator[LocalSandbox]:
    made = LocalSandbox(lambda: 60.0, 8.0)
    yield made
    made.close()


def python(sandbox: LocalSandbox, body: str, **inputs: Any) -> Mapping[str, Any]:
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    source = f"import os, sys\ndef main({', '.join(inputs)}):\n{lines}\n"
    return sandbox.execute(language=PYTHON, code=source, inputs=inputs)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("import socket; socket.socket(); return {}", marks=needs_calls),
        "import socket; socket.create_connection(('127.0.0.1', PORT), 2); return {}",
        "import urllib.request as u; u.urlopen('http://127.0.0.1:PORT'); return {}",
        pytest.param("return {'o': open('SECRET').read()}", marks=needs_files),
        pytest.param("return {'o': open('/etc/passwd').read()}", marks=needs_files),
        pytest.param(
            "os.symlink('SECRET', 'link'); return {'o': open('link').read()}", marks=needs_files
        ),
        pytest.param("open('BESIDE', 'w').write('x'); return {}", marks=needs_files),
        pytest.param("os.fork(); return {}", marks=needs_calls),
        pytest.param(
            "import subprocess; subprocess.run(['/bin/sh', '-c', 'true'], check=True); return {}",
            marks=needs_calls,
        ),
        pytest.param("os.unshare(os.CLONE_NEWUSER); return {}", marks=needs_calls),
        pytest.param("os.kill(PARENT, 0); return {}", marks=needs_processes),
        pytest.param("return {'o': open('/proc/PARENT/environ').read()}", marks=needs_files),
        "x = bytearray(2_000_000_000); return {}",
        "open('big', 'wb').truncate(10**9); return {}",
        "return {'o': [open('f', 'w') for _ in range(1000)]}",
    ],
)
def test_attacks_fail(sandbox: LocalSandbox, body: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("geheim")
    with Server(lambda request: answer(request, b"reached")) as server:
        port = server.url.rpartition(":")[2].strip("/")
        words = {"SECRET": secret, "BESIDE": tmp_path / "x", "PARENT": os.getpid(), "PORT": port}
        for word, value in words.items():
            body = body.replace(word, str(value))
        with pytest.raises(CodeFailed) as caught:
            python(sandbox, body)
    walls = (
        "PermissionError",
        "MemoryError",
        "OSError",
        "ProcessLookupError",
        "urllib.error.URLError",
    )
    assert str(caught.value).startswith(walls)
    assert server.requests == []
    assert not (tmp_path / "x").exists()


def test_its_own_folder_is_writable_and_gone_afterwards(sandbox: LocalSandbox) -> None:
    body = (
        "open('f', 'w').write('a'); os.mkdir('d'); return {'at': os.getcwd(), 'is': os.listdir()}"
    )
    result = python(sandbox, body)
    assert sorted(result["is"]) == ["d", "f"]
    assert not Path(result["at"]).exists()


def test_the_environment_is_empty(sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_LLM_API_KEY", "sk-1")
    assert "STUDIO_LLM_API_KEY" not in python(sandbox, "return dict(os.environ)")


def test_printing_without_end_fills_no_memory(sandbox: LocalSandbox) -> None:
    with pytest.raises(CodeFailed):
        python(sandbox, "while True: sys.stderr.write('x' * 1_000_000)")


def test_a_run_that_is_out_of_time_is_not_the_sandbox_s_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runtime.workflow.code.CLOCK_SECONDS", 0.2)
    sandbox = LocalSandbox(lambda: 0.2, 60.0)
    with pytest.raises(CodeFailed, match=r"run has ended \(WORKFLOW_MAX"):
        python(sandbox, "import time; time.sleep(60); return {}")


def test_a_run_that_ends_takes_its_code_with_it(sandbox: LocalSandbox) -> None:
    began = time.monotonic()
    threading.Timer(0.5, sandbox.close).start()
    with pytest.raises(CodeFailed):
        python(sandbox, "import time; time.sleep(60); return {}")
    assert time.monotonic() - began < 50
    with pytest.raises(CodeFailed, match="has ended"):
        python(sandbox, "return {}")


def test_too_large_an_answer_is_refused(
    sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_module, "MAX_ANSWER_BYTES", 1000)
    with pytest.raises(CodeFailed, match="returned more than"):
        python(sandbox, "return {'o': 'x' * 2000}")


@needs_node
def test_javascript_runs_as_in_dify(sandbox: LocalSandbox) -> None:
    source = """
const twice = (n) => n * 2;
function main({n, name}) { console.log("noise"); return {n: twice(n), name: `<${name}>`} }
"""
    result = sandbox.execute(language=JAVASCRIPT, code=source, inputs={"n": 21, "name": "ä"})
    assert result == {"n": 42, "name": "<ä>"}


@needs_node
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("throw new Error('bad luck')", "Error: bad luck (line 1"),
        pytest.param(
            "return {o: require('fs').readFileSync('/etc/passwd', 'utf8')}",
            "EACCES",
            marks=needs_files,
        ),
        pytest.param(
            "require('child_process').execSync('true'); return {}", "EPERM", marks=needs_calls
        ),
        ("return Promise.resolve({})", "Dify does not wait"),
        ("return 3", "must return a dict"),
    ],
)
def test_javascript_that_fails(sandbox: LocalSandbox, body: str, says: str) -> None:
    with pytest.raises(CodeFailed) as caught:
        sandbox.execute(language=JAVASCRIPT, code=f"function main(x) {{ {body} }}", inputs={})
    assert says in str(caught.value)


class FakeSandbox:
    """A dify-sandbox that answers what it is told; remembers what it was asked."""

    def __init__(self, reply: dict[str, Any], status: int = 200) -> None:
        self.asked: list[tuple[str | None, dict[str, Any]]] = []
        self._reply, self._status = reply, status

    def __call__(self, request: Any) -> None:
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        self.asked.append((request.headers.get("X-Api-Key"), body))
        answer(request, json.dumps(self._reply).encode(), self._status)


def test_a_dify_sandbox_is_asked_as_dify_asks_it() -> None:
    said = {"code": 0, "data": {"stdout": '<<RESULT>>{"o": "1e-05"}<<RESULT>>', "error": ""}}
    fake = FakeSandbox(said)
    with Server(fake) as server:
        sandbox = DifySandbox(server.url, "key")
        source = "def main(a): return {'o': a}"
        result = sandbox.execute(language=PYTHON, code=source, inputs={"a": 1})
    assert result == {"o": 1e-05}
    ((key, body),) = fake.asked
    assert key == "key"
    assert body["language"] == "python3"
    assert source in body["code"]


@pytest.mark.parametrize(
    ("reply", "status", "says"),
    [
        ({"code": 0, "data": {"error": "Traceback\nValueError: no"}}, 200, "ValueError: no"),
        ({"code": -400, "message": "denied"}, 200, "denied"),
        ({}, 503, "unavailable"),
    ],
)
def test_failures_of_a_dify_sandbox_fail_the_node(
    reply: dict[str, Any], status: int, says: str
) -> None:
    with Server(FakeSandbox(reply, status)) as server:
        sandbox = DifySandbox(server.url)
        with pytest.raises(CodeFailed, match=says) as caught:
            sandbox.execute(language=PYTHON, code="def main(): return {}", inputs={})
    assert server.url in str(caught.value)
