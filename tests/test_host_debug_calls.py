"""Calls through the debug server, with the real SDK at its port; addresses, keys, the command."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.errors import PluginDied, PluginStartFailed, ToolFailed, UsageError
from runtime.host import Faults
from runtime.host.messages import Result
from runtime.host.remote import Address, connect, kept_key, known_key
from tests.debugging import (
    END,
    HELLO,
    ICON,
    KEY,
    MANIFEST,
    TOOLS,
    Client,
    Running,
    changed,
    remote_probe,
)
from tests.processes import wait_until
from tests.servers import free_port


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with Running() as running:
        yield running


@pytest.fixture(scope="module")
def probe_server() -> Iterator[Running]:
    """A server to which the probe is connected."""
    with Running() as running, remote_probe(running.port):
        assert wait_until(lambda: any("is connected" in line for line in running.said), 90)
        yield running


# --- other studio processes ----------------------------------------------------------------


def test_calls_go_through(probe_server: Running) -> None:
    with probe_server.host() as host:
        result = Result.collect(host.invoke("probe", {"act": "echo", "amount": 3}))
        assert (result.text, result.variables) == ("first second", {"answer": "got 3"})
        [file] = Result.collect(host.invoke("probe", {"act": "blob", "amount": 2**20})).files
        assert file.data == bytes(range(256)) * 2**12
        # Longer than a plugin of our own may send: the daemon has no limit here.
        long = Result.collect(host.invoke("probe", {"act": "line", "amount": 6_000_000}))
        assert len(long.text) == 6_000_000
        with pytest.raises(ToolFailed, match="no such thing"):
            Result.collect(host.invoke("probe", {"act": "fail"}))
        assert [option["value"] for option in host.options("probe", "choice")] == ["a", "b"]
        host.validate_credentials({"token": "right"})


def test_hosts_share_a_plugin_and_do_not_mix(probe_server: Running) -> None:
    texts: dict[int, str] = {}

    def call(amount: int) -> None:
        with probe_server.host() as host:
            texts[amount] = Result.collect(
                host.invoke("probe", {"act": "sleep", "amount": amount})
            ).text

    amounts = range(200, 220)
    threads = [threading.Thread(target=call, args=(amount,)) for amount in amounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == {amount: f"slept {amount}" for amount in amounts}


def test_reverse_calls_are_answered_by_who_called(probe_server: Running) -> None:
    seen: list[str] = []
    with (
        probe_server.host(on_notice=lambda kind, text: seen.append(f"{kind} {text}")) as host,
        pytest.raises(ToolFailed, match="does not answer 'storage' calls"),
    ):
        Result.collect(host.invoke("probe", {"act": "store"}, timeout=60))
    assert any("storage" in line for line in seen)


def test_a_session_belongs_to_who_opened_it(server: Running) -> None:
    plugin = Client(server, HELLO, changed(MANIFEST, "name", to="mine"), TOOLS, ICON, END)
    assert server.heard("judges/mine:0.0.1 is connected")
    hello = {"type": "studio", "data": {"key": KEY, "plugin": "judges/mine"}}
    owner, thief = Client(server, hello), Client(server, hello)
    assert owner.line()["type"] == thief.line()["type"] == "plugin"
    request = {"session_id": "s1", "event": "request", "data": {}}
    owner.say(request)
    assert plugin.line() == request
    thief.say(request, {"session_id": "s1", "event": "backwards_response", "data": {}}, b"[]")
    thief.say({"session_id": "s2", "event": "request", "data": {}})
    assert plugin.line()["session_id"] == "s2"  # and nothing of the thief's before
    end = {"event": "session", "session_id": "s1", "data": {"type": "end", "data": {}}}
    plugin.say({**end, "session_id": "nobody's"}, end)
    assert owner.line() == end
    plugin.close()
    assert owner.line() == thief.line() | {"type": "gone"}
    owner.close()
    thief.close()


@pytest.mark.parametrize(
    ("plugin", "key", "said"),
    [
        ("", KEY, "no available node, plugin runtime not found: no plugin is connected"),
        ("a/b", KEY, "no available node, plugin runtime not found: a/b is not connected"),
        ("", "wrong", "The debug server has another key"),
    ],
)
def test_why_there_is_no_plugin(
    plugin: str, key: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.host.remote.RETRY_SECONDS", 0.0)
    with Running() as server, pytest.raises(PluginStartFailed, match=said):
        connect(Address("127.0.0.1", server.port, plugin), key)


def test_several_plugins_are_told_apart() -> None:
    with Running() as server:
        clients = [
            Client(server, HELLO, changed(MANIFEST, "name", to=name), TOOLS, ICON, END)
            for name in ("one", "two")
        ]
        assert server.heard("judges/one:0.0.1 is")
        assert server.heard("judges/two:0.0.1 is")
        with pytest.raises(PluginStartFailed, match="Several plugins are connected"):
            server.host()
        with server.host("judges/two") as host:
            assert host.declaration.name == "two"
        for client in clients:
            client.close()


def test_no_server_and_something_else() -> None:
    with pytest.raises(PluginStartFailed, match="No debug server answers at"):
        connect(Address("127.0.0.1", free_port()), KEY)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(PluginStartFailed, match="is no debug server of studio"):
            connect(Address("127.0.0.1", listener.getsockname()[1]), KEY)


def test_a_plugin_that_goes_ends_its_calls_and_may_come_back() -> None:
    with Running() as server:
        plugin = Client(server, HELLO, MANIFEST, TOOLS, ICON, END)
        assert server.heard("is connected")
        with server.host() as host:
            threading.Thread(target=lambda: (plugin.line(), plugin.close()), daemon=True).start()
            with pytest.raises(PluginDied, match="connection was lost in the middle of the call"):
                Result.collect(host.invoke("stray", {}, timeout=60))

            def come_back() -> None:
                again = Client(server, HELLO, MANIFEST, TOOLS, ICON, END)
                session = again.line()["session_id"]
                end = {"type": "end", "data": {}}
                again.say({"event": "session", "session_id": session, "data": end})

            threading.Timer(0.5, come_back).start()
            assert Result.collect(host.invoke("stray", {}, timeout=60)).texts == []


def test_the_server_s_end_ends_calls() -> None:
    with Running() as server:
        plugin = Client(server, HELLO, MANIFEST, TOOLS, ICON, END)
        assert server.heard("is connected")
        host = server.host()
        failed: list[BaseException] = []

        def call() -> None:
            try:
                Result.collect(host.invoke("stray", {}, timeout=60))
            except PluginDied as error:
                failed.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        assert plugin.line()["event"] == "request"
    thread.join(60)
    assert failed
    host.stop()
    plugin.close()


@pytest.mark.parametrize("attempt", range(5))
def test_a_cut_arrives_though_the_plugin_goes_on_talking(attempt: int) -> None:
    with Running() as server:
        plugin = Client(server, HELLO, MANIFEST, TOOLS, ICON, END)
        assert server.heard("is connected")

        def talk() -> None:
            log = {"type": "stream", "data": {"type": "text", "message": {"text": "x" * 2000}}}
            word = {"event": "session", "session_id": plugin.line()["session_id"], "data": log}
            plugin.say(*[word] * 3000)

        threading.Thread(target=talk, daemon=True).start()
        with (
            server.host(faults=Faults(cut=True)) as host,
            pytest.raises(PluginDied, match="Connection closed unexpectedly"),
        ):
            Result.collect(host.invoke("stray", {}, timeout=60))
        assert server.heard("it was cut on purpose")


def test_a_cut_connection_comes_back(probe_server: Running) -> None:
    # Before the cut: the SDK may be back before the cut is told.
    connected = "\n".join(probe_server.said).count("is connected")
    with (
        probe_server.host(faults=Faults(cut=True)) as host,
        pytest.raises(PluginDied, match="Connection closed unexpectedly"),
    ):
        Result.collect(host.invoke("probe", {"act": "echo"}))
    assert probe_server.heard("it was cut on purpose")
    assert wait_until(lambda: "\n".join(probe_server.said).count("is connected") > connected)
    with pytest.raises(UsageError, match="is not ours"):
        probe_server.host(faults=Faults(kill=True))


# --- addresses and keys --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:5003", Address("localhost", 5003)),
        ("5003", Address("localhost", 5003)),
        ("[::1]:5003", Address("::1", 5003)),
        ("10.0.0.2:5003/acme/parrot", Address("10.0.0.2", 5003, "acme/parrot")),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert Address.parse(text) == address


@pytest.mark.parametrize("text", ["", "localhost", "localhost:", "localhost:0", "a:99999", "a:٣"])
def test_no_addresses(text: str) -> None:
    with pytest.raises(UsageError, match="is no address of a debug server"):
        Address.parse(text)


def test_where_a_key_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("REMOTE_INSTALL_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    here, there = Address("localhost", 5003), Address("example.com", 5003)
    with pytest.raises(UsageError, match="key of the debug server at localhost:5003 is not known"):
        known_key(here, None)
    env = tmp_path / "some.env"
    env.write_text("REMOTE_INSTALL_KEY=from-file\n", encoding="utf-8")
    assert known_key(here, env) == "from-file"
    monkeypatch.setenv("REMOTE_INSTALL_KEY", "from-environment")
    assert known_key(here, env) == "from-environment"
    with kept_key(5003, "kept"):
        assert known_key(here, env) == "kept"
        assert known_key(there, env) == "from-environment"
        [file] = (tmp_path / "debug").iterdir()
        assert file.stat().st_mode & 0o077 == 0
    assert not file.exists()


# --- the command ---------------------------------------------------------------------------


def test_a_key_that_cannot_be_kept_is_said_and_the_command_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.host.remote.RETRY_SECONDS", 0.0)
    (tmp_path / "file").write_text("")
    environment = os.environ | {"STUDIO_CACHE_DIR": str(tmp_path / "file")}
    process = subprocess.Popen(
        [sys.executable, "-c", "from runtime.cli import main; main()", "debug-server",
         "--port", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    shown = dict(process.stdout.readline().strip().split("=") for _ in range(3))
    address = Address.parse(shown["REMOTE_INSTALL_URL"])
    with pytest.raises(PluginStartFailed, match="no plugin is connected"):
        connect(address, shown["REMOTE_INSTALL_KEY"])
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "The key cannot be kept" in said
    assert "REMOTE_INSTALL_KEY" in said


def test_the_command_serves_until_ctrl_c(tmp_path: Path) -> None:
    environment = os.environ | {"STUDIO_CACHE_DIR": str(tmp_path)}
    studio = [sys.executable, "-c", "from runtime.cli import main; main()"]
    process = subprocess.Popen(
        [*studio, "debug-server", "--port", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    shown = dict(process.stdout.readline().strip().split("=") for _ in range(3))
    assert shown["INSTALL_METHOD"] == "remote"
    host, _, port = shown["REMOTE_INSTALL_URL"].partition(":")
    plugin = socket.create_connection((host, int(port)), 60)
    key = {"type": "handshake", "data": {"key": shown["REMOTE_INSTALL_KEY"]}}
    for frame in (key, MANIFEST, TOOLS, ICON, END):
        plugin.sendall(json.dumps(frame).encode() + b"\n")
    listed = subprocess.run(
        [*studio, "tools", "--json", "--debug", f"{host}:{port}"],
        env=environment,
        capture_output=True,
        check=True,
    )
    assert b'"raise_it"' in listed.stdout
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "judges/judge_probe_perm:0.0.1 is connected" in said
    assert "Traceback" not in said
    assert plugin.recv(1) == b""
    plugin.close()
    assert list((tmp_path / "debug").iterdir()) == []
