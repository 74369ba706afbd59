"""CPU work outside the plugin's event loop: one warm child process per kind of work.

The plugin serves all its users from one gevent loop. Arithmetic in that loop stops the
heartbeats (the daemon kills a plugin after 120 s without one) and every other user's call.
So a verb that computes hands its work to a child process, which

- is started on first use and kept warm, so that a model is loaded once;
- ends by itself after `idle_seconds` without work, or when its parent is gone (its standard
  input ends, or it has another parent all at once), so it never becomes an orphan;
- is killed when the call's deadline passes, since arithmetic cannot be asked to stop.

A job is a function `job(payload, progress) -> answer` named "module:function"; payload and
answer are pickled, `progress(fraction, label)` reaches the caller's step. One worker does
one job at a time; further calls wait for it within their own deadlines.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from creative.deadline import Deadline
from creative.errors import CreativeError, EngineUnavailable

Progress = Callable[[float, str], None]

_HEADER = struct.Struct("!QI")
_LENGTH = struct.Struct("!Q")
_ROOT = Path(__file__).resolve().parent.parent
# BLAS threads wait for each other by spinning: on a busy server two of them took eight times the
# processor time of one. A job that computes much uses threads of its own.
_BLAS_LIMITS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# By default glibc gives each thread a heap of its own and keeps what is freed there: 70 MB more
# for 50,000 keywords.
_ONE_HEAP = {"MALLOC_ARENA_MAX": "1"}


class Worker:
    """A warm child process.

    Args:
        name: what it does, for error messages and the process list.
        idle_seconds: it ends after so many seconds without work.
    """

    def __init__(self, name: str, idle_seconds: float = 300.0) -> None:
        self.name = name
        self.idle_seconds = idle_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        atexit.register(self.stop)

    def call(
        self,
        job: str,
        payload: object,
        deadline: Deadline,
        progress: Progress | None = None,
        name: str = "",
        seconds: float | None = None,
    ) -> Any:
        """Run `job` ("module:function") with `payload` and return its answer.

        Args:
            job: what to run.
            payload: what it is given; can be pickled.
            deadline: the call's clock.
            progress: told what the job tells.
            name: what it does, for error messages, if that is not what the worker mostly does.
            seconds: how long the job itself may work, from when a child took it: neither waiting
                for another call nor the start of a child counts; None: to the deadline.

        Raises:
            CreativeError: whatever the job raised of that tree.
            DeadlineExceeded: the deadline passed while waiting or working.
            Overtime: it worked for longer than `seconds`.
            EngineUnavailable: the child could not start, died, or the job has a bug.
        """
        name = name or self.name
        doing = f"working on {name}"
        if not self._turn.acquire(timeout=deadline.timeout(doing)):
            raise deadline.error(f"waiting for another call to finish {doing}")
        try:
            try:
                return self._attempt(job, payload, deadline, progress or _ignore, name, seconds)
            except _NotStarted:
                # A warm child went away (idle, killed) just before the job reached it.
                return self._attempt(job, payload, deadline, progress or _ignore, name, seconds)
        finally:
            self._turn.release()

    def stop(self) -> None:
        """End the child, if it runs."""
        self._end(self._process)

    def _end(self, process: subprocess.Popen[bytes] | None) -> None:
        """End this child; a younger one that took its place goes on."""
        if process is None:
            return
        if self._process is process:
            self._process = None
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def _running(self, name: str) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.stop()
        environment = {**_BLAS_LIMITS, **_ONE_HEAP, **os.environ}
        # The child finds this package where the parent did, whatever the working directory is.
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")])
        )
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "creative.worker", str(self.idle_seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
            )
        except OSError as error:
            raise EngineUnavailable(
                f"The helper process for {name}",
                f"it cannot be started: {error.strerror or error}",
                "The machine may be out of memory or processes; try again later.",
            ) from error
        return self._process

    def _attempt(
        self,
        job: str,
        payload: object,
        deadline: Deadline,
        progress: Progress,
        name: str,
        seconds: float | None,
    ) -> Any:
        doing = f"working on {name}"
        warm = self.pid is not None
        process = self._running(name)
        late, overtime = _Alarm(process), _Alarm(process)
        late.set(deadline.timeout(doing))
        exchange = _Exchange(name, process)
        try:
            return exchange.run(
                job, payload, progress, lambda: overtime.set(seconds) if seconds else None
            )
        except _ChildFailed as failed:
            raise failed.error from None  # the child is well and keeps its model
        except (OSError, EOFError) as error:
            self._end(process)
            if late.rang:
                raise deadline.error(doing) from None
            if overtime.rang:
                raise Overtime from None
            if warm and not exchange.started:
                raise _NotStarted from error
            raise EngineUnavailable(
                f"The helper process for {name}",
                f"it ended in the middle of the work (exit code {process.returncode})",
                "Try again; if it happens again, the machine may be short of memory.",
            ) from error
        except BaseException:
            # Half an answer may be in the pipe: it must not reach the next caller.
            self._end(process)
            raise
        finally:
            late.stop()
            overtime.stop()


class Overtime(Exception):
    """A job worked for longer than the seconds that it was given; its child was ended."""


class _Alarm:
    """Kills a child after a while, unless it is stopped before; `rang` once it did."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.rang = False
        self._process = process
        self._timer: threading.Timer | None = None

    def set(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self) -> None:
        self.rang = True
        self._process.kill()


class _NotStarted(Exception):
    """The child was gone before it took the job: nothing happened, trying again is safe."""


class _ChildFailed(Exception):
    """The job raised; the child is ready for the next one."""

    def __init__(self, error: CreativeError) -> None:
        self.error = error
        super().__init__(str(error))


class _Exchange:
    """One job and its answer over the child's pipes; `started` once the child took the job."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.process = process
        self.started = False

    def run(self, job: str, payload: object, progress: Progress, begins: Callable[[], None]) -> Any:
        inbox, outbox = self.process.stdin, self.process.stdout
        if inbox is None or outbox is None:
            raise EOFError  # never: both are pipes; said for the type checker
        _write(inbox, (job, payload))
        while True:
            kind, content = _read(outbox)
            if kind == "started":
                self.started = True
                begins()
            elif kind == "progress":
                progress(*content)
            elif kind == "answer":
                return content
            elif kind == "refused":
                raise _ChildFailed(content)
            else:
                raise _ChildFailed(
                    EngineUnavailable(
                        f"The helper process for {self.name}",
                        f"it failed with {content}",
                        "This is a fault of the plugin: please report it with the input.",
                    )
                )


def _ignore(fraction: float, label: str) -> None:
    """Progress for nobody."""


def _write(pipe: IO[bytes], message: object) -> None:
    # What is wrapped in a pickle.PickleBuffer goes as it lies in memory, without copies.
    apart: list[pickle.PickleBuffer] = []
    data = pickle.dumps(message, protocol=5, buffer_callback=apart.append)
    raw = [buffer.raw() for buffer in apart]
    pipe.write(_HEADER.pack(len(data), len(raw)))
    pipe.write(b"".join(_LENGTH.pack(len(part)) for part in raw))
    pipe.write(data)
    for part in raw:
        pipe.write(part)
    pipe.flush()


def _read(pipe: IO[bytes]) -> Any:
    length, count = _HEADER.unpack(_exactly(pipe, _HEADER.size))
    lengths = [_LENGTH.unpack(_exactly(pipe, _LENGTH.size))[0] for _ in range(count)]
    data = _exactly(pipe, length)
    raw = [_exactly(pipe, size) for size in lengths]
    return pickle.loads(data, buffers=raw)  # noqa: S301 - our own child, our own pipe


def _exactly(pipe: IO[bytes], length: int) -> bytes:
    parts = []
    while length:
        part = pipe.read(length)
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _serve(idle_seconds: float) -> None:
    """The child's side: jobs from standard input until it ends or idles."""
    inbox = os.fdopen(os.dup(0), "rb")
    outbox = os.fdopen(os.dup(1), "wb")
    # A library that prints must not write into the answers.
    os.dup2(2, 1)
    # Ctrl-C in a terminal reaches the whole group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    last = time.monotonic()
    busy = False
    turn = threading.Lock()

    def watch() -> None:
        while True:
            time.sleep(min(1.0, idle_seconds / 4))
            # The end of standard input is not seen while a job works.
            if os.getppid() != parent:
                os._exit(0)
            with turn:
                if not busy and time.monotonic() - last > idle_seconds:
                    os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    while True:
        try:
            job, payload = _read(inbox)
            with turn:
                busy = True
            _write(outbox, ("started", None))
            _write(outbox, _perform(job, payload, outbox))
        except (EOFError, BrokenPipeError):
            return
        with turn:
            last = time.monotonic()
            busy = False


def _perform(job: str, payload: object, outbox: IO[bytes]) -> tuple[str, Any]:
    module, _, function = job.partition(":")

    def progress(fraction: float, label: str) -> None:
        _write(outbox, ("progress", (fraction, label)))

    try:
        return "answer", getattr(importlib.import_module(module), function)(payload, progress)
    except CreativeError as error:
        return "refused", error
    except Exception as error:  # noqa: BLE001 - the parent reports it; the child serves on
        import traceback

        traceback.print_exc(file=sys.stderr)
        return "failed", f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    _serve(float(sys.argv[1]))
