"""The protocol in both directions, from bytes that the real daemon and the real SDK exchanged.

`recordings/daemon.txt` is what went over the wire between dify-plugin-daemon 0.6.10 and a plugin
with dify_plugin 0.10.2 that debugged remotely, on 2026-11-20: "> " is the plugin, "< " the daemon.
Its key, its tracebacks and its list of tools are shortened.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.answers.reverse import Answers
from runtime.errors import StudioError, ToolFailed
from runtime.host import Host, stdio
from runtime.host.lines import Lines, TooLong
from runtime.host.link import Ears
from runtime.host.messages import Result, tool_message
from runtime.host.registration import Refused, Registered, Registration

RECORDED = (Path(__file__).parent / "recordings" / "daemon.txt").read_bytes().splitlines()
KEY = "00000000-0000-4000-8000-000000000000"
OF_PLUGIN = [line[2:] for line in RECORDED if line.startswith(b"> ")]
OF_DAEMON = [line[2:] for line in RECORDED if line.startswith(b"< ")]
HANDSHAKE = [line for line in OF_PLUGIN if line.startswith(b'{"type":')]
EVENTS = [line for line in OF_PLUGIN if line.startswith(b'{"event":')]


def registered() -> Registered:
    registration = Registration(KEY)
    *before, end = HANDSHAKE
    assert [registration.feed(line) for line in before] == [None] * len(before)
    done = registration.feed(end)
    assert done is not None
    return done


def sessions() -> dict[str, list[tuple[str, dict[str, Any], bytes]]]:
    """Session id -> its lines: (who, frame, bytes)."""
    found: dict[str, list[tuple[str, dict[str, Any], bytes]]] = {}
    for line in RECORDED:
        frame = json.loads(line[2:])
        if frame.get("session_id"):
            found.setdefault(frame["session_id"], []).append((line[:1].decode(), frame, line[2:]))
    return found


# --- plugin to host ------------------------------------------------------------------------


def test_the_recording_has_every_message_of_the_protocol() -> None:
    seen = Counter(
        (frame["data"]["type"], frame["data"]["data"].get("type"))
        for frame in map(json.loads, EVENTS)
        if frame["event"] == "session"
    )
    streamed = {inner for outer, inner in seen if outer == "stream"}
    assert {"text", "json", "variable", "link", "image", "log", "blob_chunk"} < streamed
    assert {outer for outer, _ in seen} == {"stream", "invoke", "error", "end"}
    assert {json.loads(line)["event"] for line in OF_DAEMON} == {"request", "backwards_response"}
    assert {json.loads(line)["type"] for line in HANDSHAKE} == {
        "handshake",
        "manifest_declaration",
        "tool_declaration",
        "asset_chunk",
        "end",
    }


def test_the_sdk_introduces_itself() -> None:
    done = registered()
    assert done.plugin.id == "judges/judge_probe_perm:0.0.1"
    assert [tool.name for _, tool in done.plugin.tools] == ["raise_it", "stray"]
    assert done.plugin.permissions.model.llm
    assert done.plugin.permissions.storage.size == 1048576
    assert done.warnings == ()


@pytest.mark.parametrize("line", EVENTS)
def test_every_event_is_understood(line: bytes) -> None:
    event = stdio.parse(line)
    frame = json.loads(line)
    if frame["event"] == "heartbeat":
        assert event == stdio.Heartbeat()
        return
    assert isinstance(event, stdio.SessionEvent)
    assert (event.session, event.type) == (frame["session_id"], frame["data"]["type"])
    if event.type == "stream" and "message" in event.data:
        kind, content, _ = tool_message(event.data)
        assert kind == frame["data"]["data"]["type"]
        sent = frame["data"]["data"]["message"]
        # 12345678901234567890 has lost some of its digits; see tests/test_wire.py.
        assert {name: _rounded(content[name]) for name in sent} == _rounded(sent)


def _rounded(value: Any) -> Any:
    return json.loads(json.dumps(value), parse_int=float)


# --- host to plugin ------------------------------------------------------------------------


@pytest.mark.parametrize("line", [line for line in OF_DAEMON if b'"event":"request"' in line])
def test_our_calls_are_the_daemon_s_byte_for_byte(line: bytes) -> None:
    frame = json.loads(line)
    backwards = dict(reversed(frame["data"].items()))  # whatever order we are given
    assert stdio.request(frame["session_id"], backwards) == line + b"\n"


@pytest.mark.parametrize("line", [line for line in OF_DAEMON if b'"backwards_response"' in line])
def test_our_answers_are_the_daemon_s_byte_for_byte(line: bytes) -> None:
    frame = json.loads(line)
    data = frame["data"]
    ours = stdio.backwards_response(
        frame["session_id"],
        data["backwards_request_id"],
        data["event"],
        data["message"],
        data["data"],
    )
    assert ours == line + b"\n"


# --- whole calls through a host ------------------------------------------------------------


class Replay:
    """A link to the plugin of the recording: it says what it said to the same call."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        self.heard: list[bytes] = []
        self._waiting: list[tuple[str, dict[str, Any], bytes]] = []
        self._recorded = b""
        self._ours = b""
        self._lock = threading.Lock()

    def start(self) -> None: ...

    def wait_ready(self, seconds: float | None = None) -> None: ...

    def stop(self) -> None: ...

    def kill(self, reason: StudioError) -> None: ...

    def cut(self, reason: StudioError) -> None: ...

    def send(self, line: bytes) -> None:
        frame = json.loads(line)
        if frame["event"] == "request":
            self._ours = frame["session_id"].encode()
            for session, lines in sessions().items():
                if _called(lines[0][1]) == _called(frame):
                    self._recorded, self._waiting = session.encode(), lines[1:]
        with self._lock:
            self.heard.append(line.replace(self._ours, self._recorded).rstrip(b"\n"))
            if frame["event"] == "request" or frame["data"]["event"] == "end":
                self._go_on()

    def _go_on(self) -> None:
        """Say everything up to the next answer of the host."""
        while self._waiting and self._waiting[0][0] == "<":
            self._waiting.pop(0)
        while self._waiting and self._waiting[0][0] == ">":
            _, _, line = self._waiting.pop(0)
            event = stdio.parse(line.replace(self._recorded, self._ours))
            assert isinstance(event, stdio.SessionEvent)
            self._ears.deliver(event)


def _called(frame: Mapping[str, Any]) -> tuple[Any, ...]:
    data = frame["data"]
    return data["action"], data.get("tool"), data.get("tool_parameters"), data.get("credentials")


def recorded_answers(session: str) -> Answers:
    """Answers reverse calls of a session as the daemon did."""
    said = [frame["data"] for who, frame, _ in sessions()[session] if who == "<"][1:]

    def answer(*_: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for data in said:
            if data["event"] == "error":
                raise LookupError(data["message"])
            if data["event"] == "response":
                yield data["message"], data["data"]

    kinds = ["storage", "llm", "upload_file", "system_summary", "tool", "fetch_app"]
    return Answers(dict.fromkeys(kinds, answer))


REVERSE = [
    session
    for session, lines in sessions().items()
    if any(frame["data"].get("type") == "invoke" for _, frame, _ in lines)
]


@pytest.mark.parametrize("session", REVERSE)
def test_a_recorded_call_with_reverse_calls_goes_the_same_way(session: str) -> None:
    lines = sessions()[session]
    made: list[Replay] = []
    done = registered()
    plugin = done.plugin.model_copy(deep=True)
    plugin.permissions.tool.enabled = plugin.permissions.app.enabled = True
    # The tool is one of those that the recording leaves out of the declaration.
    plugin.providers[0].tools[0].identity.name = "reverse"

    def link(ears: Ears) -> Replay:
        made.append(Replay(ears))
        return made[0]

    with Host(plugin, Path(), "", link=link, answers=recorded_answers(session)) as host:
        parameters = lines[0][1]["data"]["tool_parameters"]
        result = Result.collect(host.invoke("reverse", parameters, timeout=60))
    assert result.texts or result.json
    theirs = [raw.replace(b'"judge-user"', b'"studio"') for who, _, raw in lines if who == "<"]
    assert made[0].heard == theirs


def test_a_recorded_error_is_the_tool_s() -> None:
    failed = [json.loads(line)["data"] for line in EVENTS if b'"type":"error"' in line]
    assert {data["data"]["error_type"] for data in failed} >= {"RuntimeError", "ValidationError"}
    session = next(
        session
        for session, lines in sessions().items()
        if lines[0][1]["data"].get("tool") == "raise_it"
    )
    parameters = sessions()[session][0][1]["data"]["tool_parameters"]
    with (
        Host(registered().plugin, Path(), "", link=Replay) as host,
        pytest.raises(ToolFailed, match="boom") as caught,
    ):
        Result.collect(host.invoke("raise_it", parameters, timeout=60))
    assert caught.value.error_type == "RuntimeError"
    assert "raise_it.py" in caught.value.traceback


# --- anything at all -----------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
EVENT = st.fixed_dictionaries(
    {},
    optional={
        "event": st.sampled_from(["session", "log", "error", "heartbeat", "x"]) | JSON,
        "session_id": st.just("s") | JSON,
        "data": JSON
        | st.fixed_dictionaries(
            {},
            optional={
                "type": st.sampled_from(["stream", "end", "error", "invoke"]) | JSON,
                "data": JSON
                | st.fixed_dictionaries(
                    {},
                    optional={
                        "type": st.sampled_from(["text", "json", "log", "blob_chunk"]) | JSON,
                        "message": JSON,
                        "meta": JSON,
                    },
                ),
            },
        ),
    },
)
QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


@QUICK
@given(st.binary(max_size=200) | EVENT.map(lambda frame: json.dumps(frame).encode()))
def test_no_line_of_a_plugin_breaks_the_host(line: bytes) -> None:
    event = stdio.parse(line)
    if isinstance(event, stdio.SessionEvent) and event.type == "stream":
        with contextlib.suppress(StudioError):
            tool_message(event.data)


@st.composite
def broken_registrations(draw: st.DrawFn) -> list[bytes]:
    """The recorded introduction with a part of it changed, left out or said twice."""
    lines = list(HANDSHAKE)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        what = draw(st.sampled_from(["value", "drop", "twice", "junk"]))
        if what == "value":
            with contextlib.suppress(ValueError):  # it is junk already
                frame = json.loads(lines[at])
                _change(draw, frame)
                lines[at] = json.dumps(frame).encode()
        elif what == "twice":
            lines.insert(at, lines[at])
        elif what == "junk":
            lines[at] = draw(st.binary(max_size=60))
        elif len(lines) > 1:
            del lines[at]
    return lines


def _change(draw: st.DrawFn, value: Any) -> None:
    """Put something else somewhere into a JSON value."""
    while isinstance(value, dict | list) and value:
        places = list(value) if isinstance(value, dict) else list(range(len(value)))
        place = draw(st.sampled_from(places))
        if not isinstance(value[place], dict | list) or draw(st.integers(0, 3)) == 0:
            value[place] = draw(JSON)
            return
        value = value[place]


@QUICK
@given(broken_registrations())
def test_no_introduction_breaks_the_debug_server(lines: list[bytes]) -> None:
    registration = Registration(KEY)
    with contextlib.suppress(Refused):
        for line in lines:
            if registration.feed(line) is not None:
                return


@QUICK
@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(1, 50))
def test_lines_do_not_depend_on_how_they_come(pieces: list[bytes], longest: int) -> None:
    whole = b"".join(pieces)
    lines = Lines(longest)
    found: list[bytes] = []
    try:
        for piece in pieces:
            found += lines.feed(piece)
    except TooLong:
        assert any(len(part) > longest for part in whole.split(b"\n"))
        return
    assert found == [part for part in whole.split(b"\n")[:-1] if part.strip()]
