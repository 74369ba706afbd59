"""creative.worker: real child processes, killed, overdue, idle, chatty and queued."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from creative.deadline import Deadline
from creative.errors import DeadlineExceeded, EngineUnavailable, InvalidInput
from creative.worker import Overtime, Worker
from tests.processes import gone, wait_until

JOBS = '''
import os, subprocess, sys, time
from creative.errors import InvalidInput

def double(payload, progress):
    progress(0.5, "half way")
    return payload * 2

def pid(payload, progress):
    return os.getpid()

def nap(payload, progress):
    progress(0.0, "asleep")
    time.sleep(payload)
    return time.time()

def spin(payload, progress):
    """Busy in Python: the child cannot look at its standard input."""
    progress(0.0, str(os.getpid()))
    end = time.monotonic() + payload
    while time.monotonic() < end:
        pass
    return "done"

def refuse(payload, progress):
    raise InvalidInput("keywords", payload, "something else", "Give something else.")

def fail(payload, progress):
    raise ZeroDivisionError("one by none")

def chatter(payload, progress):
    print("from Python")
    sys.stdout.flush()
    os.write(1, b"from C\\n")
    subprocess.run(["echo", "from a grandchild"], check=True)
    return "clean"
'''
PACKAGE_ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    (tmp_path / "jobs_of_test.py").write_text(JOBS, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    worker = Worker("the test's sums")
    yield worker
    worker.stop()


def test_a_job_answers_and_tells_how_far_it_is(worker: Worker) -> None:
    told: list[tuple[float, str]] = []
    answer = worker.call(
        "jobs_of_test:double",
        [1, "é"],
        Deadline(20),
        lambda share, label: told.append((share, label)),
    )
    assert answer == [1, "é", 1, "é"]
    assert told == [(0.5, "half way")]


def test_the_child_stays_warm(worker: Worker) -> None:
    first = worker.call("jobs_of_test:pid", None, Deadline(20))
    assert first == worker.pid
    assert first != os.getpid()
    assert worker.call("jobs_of_test:pid", None, Deadline(20)) == first


def test_a_large_payload_and_answer_pass(worker: Worker) -> None:
    data = os.urandom(3_000_000)
    assert worker.call("jobs_of_test:double", data, Deadline(20)) == data * 2


def test_the_deadline_kills_the_child(worker: Worker) -> None:
    worker.call("jobs_of_test:double", 1, Deadline(20))
    pid = worker.pid
    assert pid is not None
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"0\.4 s \(timeout_seconds\).*the test's sums"):
        worker.call("jobs_of_test:spin", 30, Deadline(0.4))
    assert time.monotonic() - began < 15
    assert gone(pid)
    assert worker.call("jobs_of_test:double", 2, Deadline(20)) == 4


def test_errors_name_what_was_done(worker: Worker) -> None:
    with pytest.raises(DeadlineExceeded, match="working on prompts of an article"):
        worker.call("jobs_of_test:spin", 30, Deadline(0.4), name="prompts of an article")
    with pytest.raises(EngineUnavailable, match="helper process for prompts of an article"):
        worker.call("jobs_of_test:fail", None, Deadline(20), name="prompts of an article")


def test_an_error_of_the_tree_keeps_its_type_message_and_hint(worker: Worker) -> None:
    worker.call("jobs_of_test:double", 1, Deadline(20))
    pid = worker.pid
    with pytest.raises(InvalidInput) as caught:
        worker.call("jobs_of_test:refuse", "abc", Deadline(20))
    assert caught.value.message == "keywords: got 'abc'; allowed is something else."
    assert caught.value.hint == "Give something else."
    assert worker.pid == pid, "a refusal must not cost the warm model"


def test_a_bug_in_a_job_is_named_and_the_child_serves_on(worker: Worker) -> None:
    with pytest.raises(EngineUnavailable, match="ZeroDivisionError: one by none"):
        worker.call("jobs_of_test:fail", None, Deadline(20))
    pid = worker.pid
    assert worker.call("jobs_of_test:pid", None, Deadline(20)) == pid


def test_a_child_killed_at_work_is_reported_and_replaced(worker: Worker) -> None:
    def kill(share: float, label: str) -> None:
        os.kill(int(label), signal.SIGKILL)

    with pytest.raises(
        EngineUnavailable, match=r"ended in the middle of the work \(exit code -9\)"
    ):
        worker.call("jobs_of_test:spin", 30, Deadline(20), kill)
    assert worker.call("jobs_of_test:double", 4, Deadline(20)) == 8


def test_a_child_killed_at_rest_is_replaced_without_a_word(worker: Worker) -> None:
    first = worker.call("jobs_of_test:pid", None, Deadline(20))
    os.kill(first, signal.SIGKILL)
    # At once: the process may look alive to us still, and the pipe breaks under the job.
    second = worker.call("jobs_of_test:pid", None, Deadline(20))
    assert second != first


def test_a_child_that_cannot_start_is_reported(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(EngineUnavailable, match="exit code 1"):
        worker.call("jobs_of_test:double", 1, Deadline(20))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("job", ["spin", "double"])
def test_the_child_ends_with_a_parent_that_is_killed(worker: Worker, job: str) -> None:
    program = textwrap.dedent(
        f"""
        from creative.deadline import Deadline
        from creative.worker import Worker
        worker = Worker("x")
        def tell(share, label):
            print(worker.pid, flush=True)
        worker.call("jobs_of_test:{job}", 25, Deadline(60), tell)
        import time
        time.sleep(60)
        """
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=PACKAGE_ROOT
    )
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.kill()
        parent.wait()
    assert wait_until(lambda: gone(child)), "the child outlived its parent"


def test_it_ends_after_idling_and_starts_again(worker: Worker) -> None:
    worker.idle_seconds = 0.3
    first = worker.call("jobs_of_test:pid", None, Deadline(20))
    # Work longer than the idle time must not count as idling.
    worker.call("jobs_of_test:nap", 0.8, Deadline(20))
    assert worker.pid == first
    assert wait_until(lambda: worker.pid is None), "it did not end"
    assert worker.call("jobs_of_test:pid", None, Deadline(20)) != first


def test_what_a_job_prints_does_not_reach_the_answers(
    worker: Worker, capfd: pytest.CaptureFixture[str]
) -> None:
    assert worker.call("jobs_of_test:chatter", None, Deadline(20)) == "clean"
    assert worker.call("jobs_of_test:double", 3, Deadline(20)) == 6
    printed = capfd.readouterr()
    assert printed.out == ""
    for words in ("from Python", "from C", "from a grandchild"):
        assert words in printed.err


def test_two_callers_wait_their_turn(worker: Worker) -> None:
    answers: list[object] = []
    working = threading.Event()
    first = threading.Thread(
        target=lambda: answers.append(
            worker.call("jobs_of_test:nap", 0.5, Deadline(20), lambda *_: working.set())
        )
    )
    first.start()
    assert working.wait(10)
    assert worker.call("jobs_of_test:double", 5, Deadline(20)) == 10
    assert len(answers) == 1, "the second call must not overtake the first"
    first.join()


def test_waiting_for_another_call_ends_with_the_own_deadline(worker: Worker) -> None:
    working = threading.Event()
    answers: list[object] = []
    first = threading.Thread(
        target=lambda: answers.append(
            worker.call("jobs_of_test:nap", 1.0, Deadline(20), lambda *_: working.set())
        )
    )
    first.start()
    assert working.wait(10)
    with pytest.raises(DeadlineExceeded, match="waiting for another call"):
        worker.call("jobs_of_test:double", 5, Deadline(0.2))
    first.join()
    assert len(answers) == 1, "the waiting call must not disturb the working one"


def test_an_interrupted_call_does_not_leave_half_an_answer(worker: Worker) -> None:
    def interrupt(share: float, label: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        worker.call("jobs_of_test:double", 1, Deadline(20), interrupt)
    assert worker.call("jobs_of_test:double", 7, Deadline(20)) == 14


def test_the_time_of_a_job_counts_from_when_a_child_took_it(worker: Worker) -> None:
    working = threading.Event()
    other = threading.Thread(
        target=lambda: worker.call("jobs_of_test:nap", 1.5, Deadline(30), lambda *_: working.set())
    )
    other.start()
    assert working.wait(10)
    assert worker.call("jobs_of_test:nap", 0.0, Deadline(30), seconds=1.4)
    other.join()


def test_a_job_that_works_for_too_long_is_ended(worker: Worker) -> None:
    with pytest.raises(Overtime):
        worker.call("jobs_of_test:nap", 60, Deadline(60), seconds=0.2)
    assert worker.pid is None
    assert worker.call("jobs_of_test:double", 2, Deadline(20), seconds=20) == 4


def test_a_child_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(EngineUnavailable, match="cannot be started: No such file"):
        Worker("nothing").call("os:getpid", None, Deadline(5))
