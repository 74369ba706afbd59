"""The debug server, with the real SDK at its port and with clients that behave badly."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import PluginDied, PluginStartFailed, ToolFailed, UsageError
from runtime.host import Faults, Host, declared, open_link, registration
from runtime.host.debug_server import DebugLimits, DebugServer
from runtime.host.messages import Result
from runtime.host.remote import Address, connect, kept_key, known_key
from runtime.package.rules.manifest import TAGS
from runtime.package.rules.provider import CREDENTIAL_TYPES
from tests.conftest import PROBE
from tests.processes import wait_until
from tests.servers import free_port

KEY = "6f1f3c0e-1111-4222-8333-000000000000"
RECORDED = (Path(__file__).parent / "recordings" / "daemon.txt").read_bytes().splitlines()
FRAMES: list[dict[str, Any]] = [
    json.loads(line[2:]) for line in RECORDED if line.startswith(b'> {"type":')
]
HELLO, MANIFEST, TOOLS, ICON, END = FRAMES
HELLO["data"]["key"] = KEY
Frame = dict[str, Any] | bytes


class Running:
    """A debug server in a thread."""

    def __init__(self, limits: DebugLimits | None = None) -> None:
        self.said: list[str] = []
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._server = DebugServer(KEY, self.said.append, limits)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        self._task = self._loop.create_task(self._server.serve("127.0.0.1", 0, self._listening))
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    def _listening(self, port: int) -> None:
        self.port = port
        self._ready.set()

    def __enter__(self) -> Running:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(5)
        assert not self._thread.is_alive()

    def heard(self, text: str) -> bool:
        """Whether its terminal says this, soon."""
        return wait_until(lambda: any(text in line for line in self.said))

    def host(self, plugin: str = "", **options: Any) -> Host:
        link = connect(Address("127.0.0.1", self.port, plugin), KEY)
        return open_link(link, {}, **options)


class Client:
    """A connection that says what a test wants."""

    def __init__(self, server: Running, *frames: Frame) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), 5)
        self._file = self.socket.makefile("rb")
        self.say(*frames)

    def say(self, *frames: Frame) -> None:
        for frame in frames:
            line = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
            with contextlib.suppress(OSError):  # refused before it had said everything
                self.socket.sendall(line + b"\n")

    def answer(self) -> str:
        """All that comes until the server closes the connection."""
        with contextlib.suppress(ConnectionResetError):
            return self._file.read().decode().rstrip("\n")
        return ""

    def line(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(self._file.readline())
        return frame

    def closed(self, seconds: float = 5) -> bool:
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with Running() as running:
        yield running


@contextlib.contextmanager
def remote_probe(port: int, key: str = KEY) -> Iterator[subprocess.Popen[bytes]]:
    """The probe plugin, started by somebody else."""
    environment = os.environ | {
        "INSTALL_METHOD": "remote",
        "REMOTE_INSTALL_URL": f"127.0.0.1:{port}",
        "REMOTE_INSTALL_KEY": key,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "main"],
        cwd=PROBE,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def probe_server() -> Iterator[Running]:
    """A server to which the probe is connected."""
    with Running() as running, remote_probe(running.port):
        assert wait_until(lambda: any("is connected" in line for line in running.said), 90)
        yield running


def changed(frame: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    """A frame with another value at a place of its data."""
    twin = copy.deepcopy(frame)
    place = twin["data"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return twin


def asset(text: Any, name: Any = "x") -> dict[str, Any]:
    return {"type": "asset_chunk", "data": {"filename": name, "data": text, "end": True}}


def tags(field: str, rule: str, where: str) -> str:
    return f"Key: '{where}.{field}' Error:Field validation for '{field}' failed on the '{rule}' tag"


MANIFEST_IS = "handshake failed, invalid plugin declaration: "
FIELDS = "PluginDeclaration.PluginDeclarationWithoutAdvancedFields"
TOOLS_ARE = "tools register failed, invalid tools declaration: "
PROVIDER = "ToolProviderDeclaration"
PARAMETER = {
    "name": "x",
    "label": {"en_US": "x"},
    "human_description": {"en_US": "x"},
    "type": "string",
    "form": "llm",
}

# What dify-plugin-daemon 0.6.10 answered to the same lines on 2026-11-20.
REFUSALS: dict[str, tuple[list[Frame], str]] = {
    "another key": (
        [{"type": "handshake", "data": {"key": "wrong"}}],
        "handshake failed, invalid key",
    ),
    "http": ([b"GET / HTTP/1.1"], "handshake failed, invalid handshake message"),
    "no data": ([b'{"type":"handshake"}'], "handshake failed, invalid handshake message"),
    "no key": (
        [{"type": "handshake", "data": {}}],
        "handshake failed, invalid handshake message",
    ),
    "shaken twice": ([HELLO, HELLO], "handshake already completed"),
    "junk later": ([HELLO, b"xx"], "handshake failed, invalid handshake message"),
    "manifest twice": ([HELLO, MANIFEST, MANIFEST], "declaration already registered"),
    "tools twice": ([HELLO, MANIFEST, TOOLS, TOOLS], "tools declaration already registered"),
    "version": (
        [HELLO, changed(MANIFEST, "version", to="1")],
        MANIFEST_IS + tags("Version", "version", FIELDS),
    ),
    "memory": (
        [HELLO, changed(MANIFEST, "resource", "memory", to="256MB")],
        MANIFEST_IS + "json: cannot unmarshal string into Go struct field "
        "PluginResourceRequirement.Alias.resource.memory of type int64",
    ),
    "two rules": (
        [HELLO, changed(changed(MANIFEST, "icon", to=""), "name", to="")],
        MANIFEST_IS + tags("Name", "required", FIELDS) + "\n" + tags("Icon", "required", FIELDS),
    ),
    "storage": (
        [HELLO, changed(MANIFEST, "resource", "permission", "storage", "size", to=1)],
        MANIFEST_IS + tags("Size", "min", f"{FIELDS}.Resource.Permission.Storage"),
    ),
    "date": (
        [HELLO, changed(MANIFEST, "created_at", to="yesterday")],
        MANIFEST_IS + 'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": '
        'cannot parse "yesterday" as "2006"',
    ),
    "tag": (
        [HELLO, changed(MANIFEST, "tags", to=["search", "nope"])],
        MANIFEST_IS + tags("Tags[1]", "plugin_tag", FIELDS),
    ),
    "parameter": (
        [
            HELLO,
            MANIFEST,
            changed(TOOLS, 0, "tools", 0, "parameters", to=[PARAMETER | {"type": "odd"}]),
        ],
        TOOLS_ARE + tags("Type", "tool_parameter_type", f"{PROVIDER}.Tools[0].Parameters[0]"),
    ),
    "scope": (
        [
            HELLO,
            MANIFEST,
            changed(
                TOOLS,
                0,
                "tools",
                0,
                "parameters",
                to=[PARAMETER | {"type": "model-selector", "scope": "all"}],
            ),
        ],
        TOOLS_ARE + tags("Scope", "is_scope", f"{PROVIDER}.Tools[0].Parameters[0]"),
    ),
    "credential": (
        [
            HELLO,
            MANIFEST,
            changed(
                TOOLS,
                0,
                "credentials_schema",
                to=[{"name": "k", "type": "any", "label": {"en_US": "x"}}],
            ),
        ],
        TOOLS_ARE + tags("Type", "credential_type", f"{PROVIDER}.CredentialsSchema[0]"),
    ),
    "no list": (
        [HELLO, MANIFEST, {"type": "tool_declaration", "data": {}}],
        TOOLS_ARE + "json: cannot unmarshal object into Go value of type "
        "[]plugin_entities.ToolProviderDeclaration",
    ),
    "no models": (
        [HELLO, MANIFEST, {"type": "model_declaration", "data": 5}],
        "models register failed, invalid models declaration: json: cannot unmarshal number into "
        "Go value of type []plugin_entities.ModelProviderDeclaration",
    ),
    "agents twice": (
        [HELLO, MANIFEST, *[{"type": "agent_strategy_declaration", "data": []}] * 2],
        "agent strategy declaration already registered",
    ),
    "base64": (
        [HELLO, MANIFEST, TOOLS, asset("ab*d")],
        "assets decode failed, error: illegal base64 data at input byte 2",
    ),
    "empty asset": (
        [HELLO, MANIFEST, TOOLS, asset("")],
        "transfer assets failed, error: "
        + tags("Data", "required", "RemotePluginRegisterAssetChunk"),
    ),
    "nothing": ([HELLO, END], "no registration transferred, cannot initialize"),
    "no icon": (
        [HELLO, MANIFEST, TOOLS, END],
        "assets remap failed, invalid assets data, cannot remap: file not found: icon.svg\n"
        "failed to remap tool icon",
    ),
    "author": (
        [HELLO, changed(MANIFEST, "author", to="Judges"), TOOLS, ICON, END],
        "register failed, invalid manifest detected: author must be alphanumeric and less than "
        "64 characters: ^[a-z0-9_-]{1,64}$",
    ),
    "no tools": (
        [HELLO, MANIFEST, {"type": "tool_declaration", "data": []}, ICON, END],
        "register failed, invalid manifest detected: at least one of endpoint, model, tool, "
        "agent_strategy, trigger, or datasource must be provided",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_are_the_daemon_s(server: Running, case: str) -> None:
    frames, answer = REFUSALS[case]
    client = Client(server, *frames)
    assert client.answer() == answer
    client.close()
    assert server.heard(f"was refused: {' '.join(answer.split())}")


def test_too_many_assets(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert registration.MAX_ASSETS_SIZE == 50 * 1024 * 1024
    monkeypatch.setattr(registration, "MAX_ASSETS_SIZE", 20_000)
    piece = asset("A" * 8192, "big")
    client = Client(server, HELLO, MANIFEST, TOOLS, *[piece] * 4)
    assert client.answer() == "assets too large, at most 50MB"
    client.close()


def test_nothing_is_heard_before_the_key(server: Running) -> None:
    # The daemon listens to declarations first and looks for a key after ten seconds.
    client = Client(server, MANIFEST)
    assert client.answer() in {"handshake failed, invalid handshake message", ""}
    client.close()
    flood = Client(server, b"x" * 100_000)
    assert flood.closed()
    flood.close()
    assert server.heard("it sent a line of more than 4096 bytes")


X = {"en_US": "x"}
IDENTITY = {"author": "a", "name": "n", "label": X, "description": X, "icon": "icon.svg"}
NAMED = {"author": "a", "name": "n", "label": X}
PART = {"name": "x", "label": X, "type": "string"}
OTHERS: dict[str, dict[str, Any]] = {
    "agent_strategy": {
        "identity": IDENTITY,
        "strategies": [{"identity": NAMED, "description": X, "parameters": [PART]}],
    },
    "datasource": {
        "identity": IDENTITY,
        "provider_type": "online_drive",
        "datasources": [
            {"identity": NAMED, "parameters": [PART | {"description": X}], "description": X}
        ],
    },
    "trigger": {
        "identity": IDENTITY,
        "subscription_schema": [],
        "events": [{"identity": NAMED, "parameters": [PART], "description": X}],
    },
    "endpoint": {"settings": [], "endpoints": [{"path": "/x", "method": "GET"}]},
    "model": {"provider": "p", "label": X},
}


@pytest.mark.parametrize("kind", OTHERS)
def test_plugins_without_tools_are_accepted_and_said(server: Running, kind: str) -> None:
    declaration = {"type": f"{kind}_declaration", "data": [OTHERS[kind]]}
    manifest = changed(MANIFEST, "name", to=kind)
    client = Client(server, HELLO, manifest, declaration, ICON, END)
    assert server.heard(f"judges/{kind}:0.0.1 is connected")
    assert server.heard("It has no tools; this host calls nothing else.")
    client.close()


@pytest.mark.parametrize(
    ("kind", "path", "to", "said"),
    [
        ("agent_strategy", ("strategies", 0, "parameters", 0, "type"), "odd", "Parameters[0].Type"),
        ("agent_strategy", ("identity", "name"), "a b", "Identity.ToolProviderIdentity.Name"),
        ("datasource", ("provider_type",), "odd", "datasource_provider_type"),
        ("trigger", ("subscription_schema",), None, "SubscriptionSchema' failed on the 'required'"),
        ("endpoint", ("endpoints", 0, "method"), "PATCH", "Endpoints[0].Method"),
    ],
)
def test_other_declarations_are_judged_too(
    server: Running, kind: str, path: tuple[Any, ...], to: Any, said: str
) -> None:
    frame = {"type": f"{kind}_declaration", "data": [OTHERS[kind]]}
    client = Client(server, HELLO, MANIFEST, changed(frame, 0, *path, to=to))
    assert said in client.answer()
    client.close()


def test_kinds_that_cannot_be_together(server: Running) -> None:
    agents = {"type": "agent_strategy_declaration", "data": [OTHERS["agent_strategy"]]}
    client = Client(server, HELLO, MANIFEST, TOOLS, agents, ICON, END)
    assert client.answer() == (
        "register failed, invalid manifest detected: agent_strategy and tool, model, endpoint, "
        "trigger, or datasource cannot be provided at the same time"
    )
    client.close()


def test_an_introduction_may_come_in_one_piece(server: Running) -> None:
    nameless = [{"type": "secret-input", "label": X}]  # a zero value that may be left out
    frames = [
        HELLO,
        changed(changed(MANIFEST, "name", to="whole"), "privacy", to="x" * 20_000),
        changed(TOOLS, 0, "credentials_schema", to=nameless),
        ICON,
        END,
    ]
    client = Client(server)
    client.socket.sendall(b"".join(json.dumps(frame).encode() + b"\n\n" for frame in frames))
    assert server.heard("judges/whole:0.0.1 is connected")
    client.close()


def test_a_tool_with_a_wrong_type_is_lost_and_said(server: Running) -> None:
    lossy = changed(TOOLS, 0, "tools", 0, "parameters", to=5)
    client = Client(server, HELLO, MANIFEST, lossy, ICON, END)
    assert server.heard("tools: stray")
    assert server.heard("The daemon loses a tool of the plugin: json: cannot unmarshal number")
    client.close()
    assert server.heard("is gone: it closed the connection")


def test_a_new_connection_replaces_the_old_one() -> None:
    with Running() as server:
        old = Client(server, HELLO, MANIFEST, TOOLS, ICON, END)
        assert server.heard("is connected")
        new = Client(server, HELLO, MANIFEST, TOOLS, ICON, END)
        assert old.closed()
        assert server.heard("is gone: it connected anew")
        with server.host() as host:
            assert host.declaration.name == "judge_probe_perm"
        old.close()
        new.close()


def test_who_is_silent_is_let_go() -> None:
    limits = DebugLimits(HANDSHAKE_SECONDS=0.3, HEARTBEAT_SECONDS=1.5)
    with Running(limits) as server:
        nobody = Client(server)
        halfway = Client(server, HELLO, MANIFEST)
        assert nobody.closed()
        assert server.heard("it connected and did not end its key")
        assert halfway.closed()
        assert server.heard("it connected and did not end its introduction")
        plugin = Client(server, HELLO, MANIFEST, TOOLS, ICON, END)
        began = time.monotonic()
        while time.monotonic() - began < 2.2:
            plugin.say({"event": "heartbeat", "session_id": None, "data": {}})
            time.sleep(0.1)
        assert not any("is gone" in line for line in server.said)
        while not plugin.closed(0.1):  # only heartbeats count
            plugin.say(b'{"event":"log","data":{"level":"INFO","message":"I am busy"}}')
            assert time.monotonic() - began < 20
        assert server.heard("is gone: no heartbeat came for 1.5 s")
        for client in (nobody, halfway, plugin):
            client.close()


def test_no_more_plugins_than_the_daemon_takes() -> None:
    with Running(DebugLimits(PLUGIN_REMOTE_INSTALLING_MAX_CONN=1)) as server:
        first = Client(server, HELLO, MANIFEST, TOOLS, ICON, END)
        assert server.heard("is connected")
        other = Client(server, HELLO, changed(MANIFEST, "name", to="other"), TOOLS, ICON, END)
        assert other.answer() == "server is busy now, please try again later"
        first.close()
        other.close()


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
        Result.collect(host.invoke("probe", {"act": "store"}, timeout=20))
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
                Result.collect(host.invoke("stray", {}, timeout=20))

            def come_back() -> None:
                again = Client(server, HELLO, MANIFEST, TOOLS, ICON, END)
                session = again.line()["session_id"]
                end = {"type": "end", "data": {}}
                again.say({"event": "session", "session_id": session, "data": end})

            threading.Timer(0.5, come_back).start()
            assert Result.collect(host.invoke("stray", {}, timeout=20)).texts == []


def test_the_server_s_end_ends_calls() -> None:
    with Running() as server:
        plugin = Client(server, HELLO, MANIFEST, TOOLS, ICON, END)
        assert server.heard("is connected")
        host = server.host()
        failed: list[BaseException] = []

        def call() -> None:
            try:
                Result.collect(host.invoke("stray", {}, timeout=20))
            except PluginDied as error:
                failed.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        assert plugin.line()["event"] == "request"
    thread.join(5)
    assert failed
    host.stop()
    plugin.close()


def test_a_cut_connection_comes_back(probe_server: Running) -> None:
    with (
        probe_server.host(faults=Faults(cut=True)) as host,
        pytest.raises(PluginDied, match="Connection closed unexpectedly"),
    ):
        Result.collect(host.invoke("probe", {"act": "echo"}))
    assert probe_server.heard("it was cut on purpose")
    # The SDK connects anew after five seconds.
    connected = "\n".join(probe_server.said).count("is connected")
    assert wait_until(lambda: "\n".join(probe_server.said).count("is connected") > connected, 15)
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
    here, there = Address("localhost", 5003), Address("example.com", 5003)
    with pytest.raises(UsageError, match="key of the debug server at localhost:5003 is not known"):
        known_key(here, tmp_path / "none.env")
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
    plugin = socket.create_connection((host, int(port)), 5)
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
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "judges/judge_probe_perm:0.0.1 is connected" in said
    assert "Traceback" not in said
    assert plugin.recv(1) == b""
    plugin.close()
    assert list((tmp_path / "debug").iterdir()) == []


def test_the_tables_of_packages_and_of_debugging_agree() -> None:
    table = declared._table()
    assert set(table.choices["plugin_tag"]) == set(TAGS)
    assert set(table.choices["credential_type"]) == set(CREDENTIAL_TYPES)
