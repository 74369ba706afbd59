"""What answers must survive: readers that go, answers that do not end, secrets in addresses."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from runtime.answers import endpoint as endpoint_module
from runtime.answers.chat import Collector, ModelCallFailed
from runtime.answers.embedded import Embedded
from runtime.answers.endpoint import Endpoint, count_of, json_of, opened
from runtime.answers.files import FileServer
from runtime.answers.llm import Llm
from runtime.answers.remote import remote_file
from runtime.answers.reverse import Caller
from runtime.answers.spending import Spending
from runtime.answers.storage import Storage
from runtime.answers.structured import Structured
from runtime.declaration import Plugin
from runtime.errors import UsageError
from tests.servers import Server, answer, free_port


def test_a_reader_that_goes_leaves_no_traceback(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = threading.Semaphore(0)
    serve = ThreadingHTTPServer.process_request_thread

    def told(server: ThreadingHTTPServer, *request: Any) -> None:
        serve(server, *request)
        served.release()

    monkeypatch.setattr(ThreadingHTTPServer, "process_request_thread", told)
    with FileServer() as files:
        url = urlsplit(files.put(bytes(8_000_000), "a.bin")["url"])
        for request in (f"GET {url.path} HTTP/1.1\r\n\r\n", "POST /files/upload/for-plugin"):
            with socket.create_connection(("127.0.0.1", url.port or 0)) as client:
                client.sendall(request.encode())
                client.recv(1000) if request.startswith("GET") else None
                # What was not read makes the end of the connection a reset.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            assert served.acquire(timeout=30)
    assert capfd.readouterr().err == ""


def test_a_fault_of_the_file_server_is_still_told(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileServer, "_take", lambda *_: 1 / 0)
    with FileServer() as files:
        url = urlsplit(files.upload_url("a", "b/c"))
        with socket.create_connection(("127.0.0.1", url.port or 0), 60) as client:
            head = f"POST {url.path}?{url.query} HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
            client.sendall(head.encode())
            assert client.recv(10) == b""
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_an_answer_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_module, "MAX_BODY_BYTES", 100_000)

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while True:
            request.wfile.write(b"x" * 10_000)

    with (
        Server(endless) as server,
        opened(Endpoint(server.url), "embeddings", {}) as reply,
        pytest.raises(ModelCallFailed, match="over 64 MB"),
    ):
        json_of(reply)


def test_odd_numbers_of_tokens() -> None:
    with (
        Server(lambda request: answer(request, '{"usage": {"a": 1e999, "b": 5}}')) as server,
        opened(Endpoint(server.url), "x", {}) as reply,
    ):
        usage = json_of(reply)["usage"]
    assert count_of(usage, "a", "b") == 5
    assert count_of(usage, "a") == 0


def test_secrets_in_an_address_are_not_shown() -> None:
    url = f"http://ann:geheim@127.0.0.1:{free_port()}/a.png?token=abcdefgh12345678"
    with pytest.raises(UsageError, match=r"image: .*does not answer") as caught:
        remote_file("image", url)
    for secret in ("geheim", "abcdefgh12345678"):
        assert secret not in caught.value.message + caught.value.hint


def test_an_answer_on_its_way_locks_nobody_out(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    caller = Caller(Plugin.model_validate({"author": "a", "name": "p", "version": "1"}))
    first = storage.answer({"opt": "set", "key": "k", "value": "00"}, caller)
    assert next(first) == ("struct", {"data": "ok"})
    read: list[object] = []

    def other() -> None:
        read.extend(storage.answer({"opt": "get", "key": "k"}, caller))

    thread = threading.Thread(target=other, daemon=True)
    thread.start()
    thread.join(60)
    assert read == [("struct", {"data": "00"})]


JUNK: list[Any] = [None, 5, -1, 1.5, float("inf"), "x", "", [], {}, [None], [5], {"a": None}, True]


def damaged(value: Any) -> Iterator[Any]:
    """`value` with junk in the place of each of its parts."""
    for place in _places(value):
        for junk in JUNK:
            twin = json.loads(json.dumps(value))
            inner = twin
            for step in place[:-1]:
                inner = inner[step]
            inner[place[-1]] = junk
            yield twin


def _places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps: Any = ()
    if isinstance(value, dict | list):
        steps = value.items() if isinstance(value, dict) else enumerate(value)
    for step, item in steps:
        yield (*before, step)
        yield from _places(item, (*before, step))


CALL = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
SAID = {"role": "assistant", "content": "hi", "reasoning_content": "hm", "tool_calls": [CALL]}
COUNTED = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


@pytest.mark.parametrize("where", ["delta", "message"])
def test_answers_of_another_shape_are_read_or_refused(where: str) -> None:
    fine = {"choices": [{where: SAID, "finish_reason": "stop"}], "usage": COUNTED}
    read, refused = 0, []
    for answered in damaged(fine):
        collector = Collector("m")
        take = collector.add if where == "delta" else collector.whole
        try:
            chunks = [*take(answered), collector.last(0.1)]
        except ModelCallFailed as error:
            refused.append(str(error))
        else:
            read += 1
            for chunk in chunks:
                assert isinstance(chunk["delta"]["message"]["content"], str)
                for call in chunk["delta"]["message"]["tool_calls"]:
                    assert isinstance(call["function"]["arguments"], str)
    assert read > len(refused) > 30
    wordings = ("Error: the endpoint's answer is not as OpenAI's", "Connection Error, the answer")
    assert all(said.startswith(wordings) for said in refused)


def test_arguments_that_come_as_an_object_are_text() -> None:
    call = {"function": {"name": "f", "arguments": {"city": "Köln"}}}
    collector = Collector("m")
    list(collector.whole({"choices": [{"message": {"tool_calls": [call]}}]}))
    [made] = collector.last(0.1)["delta"]["message"]["tool_calls"]
    assert made["function"] == {"name": "f", "arguments": '{"city": "Köln"}'}


def test_the_embedded_model_has_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    class Slow:
        def __init__(self, _name: str) -> None:
            made.append(self)
            time.sleep(0.05)

        def call(self, *_: object) -> list[list[float]]:
            return []

    monkeypatch.setattr("creative.worker.Worker", Slow)
    embedded = Embedded()
    threads = [threading.Thread(target=embedded.vectors, args=(["a"], 5.0)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 1


def test_a_schema_fetches_nothing() -> None:
    def complete(request: BaseHTTPRequestHandler) -> None:
        said = {"choices": [{"message": {"content": "5"}, "finish_reason": "stop"}]}
        answer(request, json.dumps(said if request.command == "POST" else {"type": "number"}))

    with Server(complete) as server:
        asking = Structured(Llm(Endpoint(server.url, model="m"), Spending(lambda *_: None)))
        schema = {"$ref": f"{server.url}/schema.json"}
        request = {"structured_output_schema": schema, "prompt_messages": []}
        caller = Caller(Plugin.model_validate({"author": "a", "name": "p", "version": "1"}))
        with pytest.raises(ValueError, match=r"refers to .*, which is not in it"):
            list(asking.answer(request, caller))
    assert {line.split()[0] for line in server.requests} == {"POST"}
