"""The wire: lines as the daemon reads them, messages as Dify's API takes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runtime.errors import ProtocolViolation
from runtime.host import stdio
from runtime.host.chunks import ChunkMerger, whole_blob
from runtime.host.limits import Limits
from runtime.host.messages import Message, Result, tool_message


def streamed(value: str) -> Any:
    """What arrives of a JSON value in the stream of a call."""
    frame = '{"event": "session", "session_id": "s", "data": {"type": "stream", "data": {"v": %s}}}'
    event = stdio.parse((frame % value).encode())
    assert isinstance(event, stdio.SessionEvent)
    return event.data["v"]


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ("5", 5),
        ("-0", 0),
        ("999999999999999", 999999999999999),
        ("9007199254740993", 9007199254740992),
        ("12345678901234567890", 12345678901234567000),  # as the real daemon wrote it
        ("1.0", 1),
        ("2e3", 2000),
        ("0.1", 0.1),
        ("1e300", 1e300),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\ud83d and \\udc00"', "\ufffd and \ufffd"),
    ],
)
def test_values_arrive_as_through_the_daemon(sent: str, arrives: object) -> None:
    value = streamed(sent)
    assert value == arrives
    assert type(value) is type(arrives)


@pytest.mark.parametrize(
    "line",
    [
        "just text",
        "[1]",
        '{"event": 5, "data": []}',
        '{"event": ["session"], "data": {}}',
        '{"event": "session", "session_id": "s", "data": {"type": "stream", "data": {"v": NaN}}}',
        '{"event": "session", "session_id": "s", "data": {"type": "stream", "data": 1e999}}',
        '{"event": "session", "session_id": "s", "data": {"type": "end"}}',
        '{"event": "session", "session_id": null, "data": {"type": "end", "data": {}}}',
        "[" * 100_000,
    ],
)
def test_lines_that_the_daemon_drops(line: str) -> None:
    assert isinstance(stdio.parse(line.encode()), stdio.Stray)


def test_garbage_is_survived() -> None:
    assert stdio.parse(b" \n") is None
    assert isinstance(stdio.parse(bytes(range(256))), stdio.Stray)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({}, "unknown type None"),
        ({"type": ["text"], "message": {}}, r"unknown type \['text'\]"),
        ({"type": "nope", "message": {}}, "unknown type 'nope'"),
        ({"type": "text"}, "it has no content"),
        ({"type": "text", "message": "hello"}, "it has no content"),
        ({"type": "text", "message": {}}, "text: Field required"),
        ({"type": "text", "message": {"text": 5}}, "text: Input should be a valid string"),
        ({"type": "link", "message": {"text": None}}, "text: Input should be a valid string"),
        ({"type": "json", "message": {"json_object": "text"}}, "json_object: Input should be"),
        ({"type": "json", "message": {"json_object": None}}, "json_object: Input should be"),
        ({"type": "variable", "message": {"variable_value": 1}}, "variable_name: Field required"),
        ({"type": "variable", "message": {"variable_name": "a"}}, "variable_value: Field required"),
        (
            {"type": "variable", "message": {"variable_name": ["a"], "variable_value": 1}},
            "variable_name: Input should be a valid string",
        ),
        (
            {"type": "variable", "message": {"variable_name": "text", "variable_value": 1}},
            "'text' is reserved",
        ),
        (
            {
                "type": "variable",
                "message": {"variable_name": "a", "variable_value": 5, "stream": True},
            },
            "must be a string",
        ),
        ({"type": "log", "message": {"id": "1", "status": "start", "data": {}}}, "label: Field"),
        (
            {"type": "log", "message": {"id": "1", "label": "a", "status": "odd", "data": {}}},
            "status: Input should be",
        ),
        ({"type": "blob", "message": {}}, "blob: Field required"),
        ({"type": "blob_chunk", "message": {"blob": "", "end": True}}, "id: Field required"),
        ({"type": "text", "message": {"text": "a"}, "meta": [1]}, "meta is no object"),
        (
            {"type": "blob", "message": {"blob": ""}, "meta": {"mime_type": 5}},
            "meta.mime_type is no text",
        ),
    ],
)
def test_messages_that_dify_refuses(payload: dict[str, Any], said: str) -> None:
    with pytest.raises(ProtocolViolation, match=said):
        tool_message(payload)


def result_of(kind: str, **content: Any) -> Result:
    return Result.collect([Message(*tool_message({"type": kind, "message": content}))])


def test_messages_that_dify_takes() -> None:
    assert result_of("json", a=1).json == [{"a": 1}]  # Dify wraps what is not wrapped
    assert result_of("json", json_object=[1]).json == [[1]]
    assert result_of("variable", variable_name="a", variable_value=None).variables == {"a": None}
    assert result_of("variable", variable_name="", variable_value=1).variables == {"": 1}
    assert result_of("image", text="http://a/").links == ["http://a/"]
    [log] = result_of("log", id="1", label="a", status="start", data={}, metadata=None).logs
    assert (log["label"], log["error"]) == ("a", None)
    assert result_of("file").files == []


@pytest.mark.parametrize("text", ["!!!", "äö", "YQ=", "Y"])
def test_a_file_that_is_not_base64(text: str) -> None:
    with pytest.raises(ProtocolViolation, match="not base64"):
        whole_blob({"blob": text}, {})


def test_base64_may_have_line_breaks() -> None:
    assert whole_blob({"blob": "YW\nI=\n"}, {}).blob == b"ab"


def test_pieces_of_several_files_may_mix() -> None:
    merger = ChunkMerger(Limits())

    def add(id: str, blob: str, end: bool = False) -> bytes | None:
        chunk = {"id": id, "sequence": 0, "total_length": 2, "blob": blob, "end": end}
        _, content, meta = tool_message({"type": "blob_chunk", "message": chunk})
        merged = merger.add(content, meta)
        return merged.blob if merged else None

    assert add("1", "YQ==") is None
    assert add("2", "Yg==") is None
    assert add("1", "", end=True) == b"a"
    assert merger.unfinished == 1
    assert add("2", "Yg==", end=True) == b"bb"


def test_many_texts_are_no_work() -> None:
    result = Result()
    for _ in range(200_000):
        result.add(Message("text", {"text": "x" * 100}))
    assert len(result.text) == 20_000_000


def test_parameters_arrive_as_through_the_daemon() -> None:
    # As the real daemon handed them to a plugin.
    given = {"n": 3.0, "big": 12345678901234567890, "huge": 1e21, "text": "\ud800x"}
    frame = json.loads(stdio.request("s", given))
    assert repr(frame["data"]) == repr(
        {"big": 12345678901234567000, "huge": 1e21, "n": 3, "text": "\ufffdx"}
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", {1}, 10**400])
def test_parameters_that_json_cannot_say(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        stdio.request("s", {"value": value})


def test_our_lines_are_single_and_whole() -> None:
    line = stdio.request("s", {"text": "a\nb\u2028c 😀"})
    assert line.count(b"\n") == 1
    frame = json.loads(line)
    assert (frame["session_id"], frame["event"]) == ("s", "request")
    assert frame["data"]["text"] == "a\nb\u2028c 😀"
