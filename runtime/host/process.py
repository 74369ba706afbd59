"""A plugin's process: start it, listen to it, notice when it dies, never leave it behind.

Three threads serve a process: a supervisor that starts it and waits for its end, one that
reads its standard output, one its standard error; a fourth writes, so that a plugin that
stops reading blocks nobody.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from runtime.errors import LimitExceeded, PluginDied, PluginStartFailed, StudioError
from runtime.host import stdio
from runtime.host.limits import Limits

STOP_SECONDS = 3.0
LAST_BREATH_SECONDS = 1.0
"""A process that dies closes its standard output first; so long it has to be gone, too."""
STDERR_KEPT_BYTES = 1024
"""The daemon's failure message is the last 1024 bytes of standard error."""
EARLY_DEATHS = 3
"""A process that dies so often in a row without becoming ready is not started again."""

SILENCE = (
    "Dify's daemon tells its caller nothing of this: there the node would hang until "
    "PLUGIN_MAX_EXECUTION_TIMEOUT."
)
"""Measured with the daemon 0.6.10: neither a crash nor a killed plugin ends its open calls."""

# The plugin's own settings reach it as credentials through the protocol; secrets of the host
# (a language model's key, the database) are not its business.
_NOT_INHERITED = re.compile(r"^STUDIO_(?!CHROMIUM$)")

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """In the child: be killed when the host's thread that started it ends.

    The SDK only notices a dead host when its new parent is PID 1, which it is not under a
    systemd user session or another subreaper.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class PluginProcess:
    """One plugin's process, restarted when it dies.

    Args:
        command: what to run.
        folder: its working directory.
        environment: added to this process's environment.
        limits: what to enforce.
        on_event: called for every line that concerns a session, in the reader's thread.
        on_death: called with the reason when a process that was in use is gone.
        on_notice: called with (kind, text) for stray lines, logs and standard error.
    """

    def __init__(
        self,
        command: list[str],
        folder: Path,
        environment: Mapping[str, str],
        limits: Limits,
        on_event: Callable[[stdio.SessionEvent | stdio.Complaint], None],
        on_death: Callable[[StudioError], None],
        on_notice: Callable[[str, str], None],
    ) -> None:
        self._command = command
        self._folder = folder
        self._environment = dict(environment)
        self._limits = limits
        self._on_event = on_event
        self._on_death = on_death
        self._on_notice = on_notice
        self._process: subprocess.Popen[bytes] | None = None
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._failure: StudioError | None = None
        self._reason: StudioError | None = None
        self._stderr: deque[bytes] = deque(maxlen=200)
        self._last_sign = time.monotonic()
        self._supervisor: threading.Thread | None = None
        self._state = threading.Lock()
        self.starts = 0

    # --- for callers -------------------------------------------------------------------

    def start(self) -> None:
        """Start the process and return at once; `wait_ready` waits."""
        with self._state:
            if self._supervisor is None:
                self._supervisor = threading.Thread(
                    target=self._supervise, name="plugin-supervisor", daemon=True
                )
                self._supervisor.start()

    def wait_ready(self, seconds: float | None = None) -> None:
        """Wait for the first heartbeat.

        Raises:
            PluginStartFailed: it ended, or fell silent, before it was ready.
            PluginDied: it was stopped for good.
        """
        limit = self._limits.MAX_HEARTBEAT_INTERVAL if seconds is None else seconds
        end = time.monotonic() + limit
        ready = False
        while not ready:
            ready = self._ready.wait(timeout=0.05)
            if self._failure is not None:
                raise self._failure
            if not ready and time.monotonic() > end:
                raise PluginStartFailed(
                    f"The plugin did not become ready within {limit:g} s: no heartbeat came.",
                    "Look for work at import time in main.py and the tool files."
                    + self._last_words(),
                )

    def send(self, line: bytes) -> None:
        """Queue a line for the plugin."""
        self._outbox.put(line)

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def kill(self, reason: StudioError) -> None:
        """End the process because of `reason`; it is started again."""
        self._reason = reason
        self._kill(self._process)

    def cut(self, reason: StudioError) -> None:
        """Tell the calls in flight `reason`; what the plugin still says to them is not heard."""
        self._on_death(reason)

    def stop(self) -> None:
        """End the process and everything it started, and do not start it again.

        Calls in flight, and calls that come later, fail with PluginDied.
        """
        self._stopping.set()
        if self._failure is None:
            self._give_up(PluginDied("The plugin was stopped.", "Open it anew."))
        process = self._process
        if process is not None and process.poll() is None:
            _signal_group(process, signal.SIGTERM)
            try:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_SECONDS)
            finally:  # also after a second Ctrl-C
                self._kill(process)
        if self._supervisor is not None and self._supervisor is not threading.current_thread():
            self._supervisor.join(STOP_SECONDS)

    # --- the supervisor ----------------------------------------------------------------

    def _supervise(self) -> None:
        early = 0
        while not self._stopping.is_set():
            try:
                code = self._run_once()
            except OSError as error:
                self._give_up(
                    PluginStartFailed(
                        f"The plugin's Python cannot be started: {error}.",
                        "Check the interpreter, or let `studio` build the environment anew.",
                    )
                )
                return
            if self._stopping.is_set():
                return
            was_ready = self._ready.is_set()
            self._ready.clear()
            early = 0 if was_ready else early + 1
            if was_ready:
                self._on_death(self._reason or self._death(code))
            if early >= (1 if self.starts == 1 else EARLY_DEATHS):
                self._give_up(self._reason or self._start_failure(code))
                return
            self._reason = None
            # A plugin that dies again and again should not eat a processor.
            self._stopping.wait(0.2 * early)

    def _give_up(self, failure: StudioError) -> None:
        self._failure = failure
        self._on_death(failure)

    def _run_once(self) -> int:
        environment = {k: v for k, v in os.environ.items() if not _NOT_INHERITED.match(k)}
        process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            # The wire is UTF-8, whatever this terminal speaks.
            env=environment | {"PYTHONIOENCODING": "utf-8"} | self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the host, and a group can be killed whole
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, no locks
        )
        self.starts += 1
        self._last_sign = time.monotonic()
        self._stderr.clear()
        outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._outbox = outbox
        self._process = process
        if self._stopping.is_set():
            self._kill(process)
        helpers = [
            threading.Thread(target=target, args=arguments, daemon=True)
            for target, arguments in (
                (self._read_stdout, (process, process.stdout)),
                (self._read_stderr, (process.stderr,)),
                (self._write, (outbox, process.stdin)),
            )
        ]
        for helper in helpers:
            helper.start()
        while True:
            try:
                code = process.wait(1.0)
                break
            except subprocess.TimeoutExpired:
                self._check_silence(process)
        outbox.put(None)
        _signal_group(process, signal.SIGKILL)  # what it started and left behind
        for helper in helpers:
            helper.join(1.0)
        return code

    def _check_silence(self, process: subprocess.Popen[bytes]) -> None:
        silent = time.monotonic() - self._last_sign
        limit = self._limits.MAX_HEARTBEAT_INTERVAL
        if silent <= limit:
            return
        if self._ready.is_set():
            self._reason = LimitExceeded(
                "MAX_HEARTBEAT_INTERVAL",
                f"The plugin sent nothing for {silent:.0f} s, no heartbeat either, and was killed, "
                "as the daemon does.",
                "Work that keeps the processor busy belongs into a child process.",
            )
        else:
            self._reason = PluginStartFailed(
                f"The plugin did not become ready within {limit:g} s: no heartbeat came.",
                "Look for work at import time in main.py and the tool files." + self._last_words(),
            )
        self._kill(process)

    # --- the pipes ---------------------------------------------------------------------

    def _read_stdout(self, process: subprocess.Popen[bytes], pipe: IO[bytes]) -> None:
        longest = self._limits.PLUGIN_STDIO_MAX_BUFFER_SIZE
        while line := pipe.readline(longest + 1):
            self._last_sign = time.monotonic()
            if len(line.rstrip(b"\n")) >= longest:
                self._reason = LimitExceeded(
                    "PLUGIN_STDIO_MAX_BUFFER_SIZE",
                    f"The plugin sent a line of {longest} bytes or more and was killed, "
                    "as the daemon does.",
                    "Send large data as files (create_blob_message), not as text or variables. "
                    + SILENCE,
                )
                self._kill(process)
                return
            self._handle(stdio.parse(line))
        try:
            process.wait(LAST_BREATH_SECONDS)
        except subprocess.TimeoutExpired:
            self._reason = PluginDied(
                "The plugin closed its standard output and was killed, as the daemon does.",
                f"It is started again for the next call. {SILENCE}",
            )
            self._kill(process)

    def _handle(self, event: stdio.Event | None) -> None:
        match event:
            case stdio.Heartbeat():
                self._ready.set()
            case stdio.SessionEvent() | stdio.Complaint():
                self._on_event(event)
            case stdio.Stray(text):
                self._on_notice("stray", text)
            case stdio.Log(level, text):
                self._on_notice("log", f"{level}: {text}")
            case _:
                pass  # the declaration is read from the plugin's files; blank lines say nothing

    def _read_stderr(self, pipe: IO[bytes]) -> None:
        while line := pipe.readline(65536):
            self._last_sign = time.monotonic()
            self._stderr.append(line)
            self._on_notice("stderr", line.decode("utf-8", errors="replace").rstrip())

    def _write(self, outbox: queue.SimpleQueue[bytes | None], pipe: IO[bytes]) -> None:
        while (line := outbox.get()) is not None:
            try:
                pipe.write(line)
                pipe.flush()
            except OSError:
                return  # it died; the supervisor tells everyone

    # --- what to say -------------------------------------------------------------------

    def _death(self, code: int) -> PluginDied:
        return PluginDied(
            f"The plugin's process ended in the middle of the call ({_exit(code)}).",
            f"It is started again for the next call.{self._last_words()} {SILENCE}",
        )

    def _start_failure(self, code: int) -> PluginStartFailed:
        return PluginStartFailed(
            f"The plugin failed to start ({_exit(code)}): {self._last_line()}",
            "Correct the error; --verbose shows the plugin's whole standard error.",
        )

    def _stderr_text(self) -> str:
        return b"".join(self._stderr).decode("utf-8", errors="replace").strip()

    def _last_line(self) -> str:
        lines = [line for line in self._stderr_text().splitlines() if line.strip()]
        return lines[-1].strip() if lines else "it said nothing on standard error."

    def _last_words(self) -> str:
        text = self._stderr_text()[-STDERR_KEPT_BYTES:]
        return f" It last said: {text.splitlines()[-1].strip()}" if text else ""

    @staticmethod
    def _kill(process: subprocess.Popen[bytes] | None) -> None:
        if process is not None:
            _signal_group(process, signal.SIGKILL)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The group's id is the process's, since it was started in a session of its own.
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left in it
        os.killpg(process.pid, number)


def _exit(code: int) -> str:
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}"
