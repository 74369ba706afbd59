"""The debug server's introduction: who is let in, with the daemon's answers to who is not."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from runtime.host import declared, registration
from runtime.host.debug_server import DebugLimits
from runtime.package.rules.manifest import TAGS
from runtime.package.rules.provider import CREDENTIAL_TYPES
from tests.debugging import (
    END,
    HELLO,
    ICON,
    MANIFEST,
    TOOLS,
    Client,
    Frame,
    Running,
    asset,
    changed,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with Running() as running:
        yield running


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


@pytest.mark.parametrize(
    ("limits", "said", "missing"),
    [
        (DebugLimits(HANDSHAKE_SECONDS=0.2), [], "key"),
        (DebugLimits(HEARTBEAT_SECONDS=0.2), [HELLO, MANIFEST], "introduction"),
    ],
)
def test_who_does_not_end_its_introduction_is_let_go(
    limits: DebugLimits, said: list[Frame], missing: str
) -> None:
    with Running(limits) as server:
        client = Client(server, *said)
        assert client.closed()
        assert server.heard(f"it connected and did not end its {missing}")
        client.close()


def test_a_plugin_without_heartbeats_is_let_go() -> None:
    with Running(DebugLimits(HEARTBEAT_SECONDS=2.5)) as server:
        plugin = Client(server, HELLO, MANIFEST, TOOLS, ICON, END)
        assert server.heard("is connected")
        began = time.monotonic()
        while time.monotonic() - began < 3:
            plugin.say({"event": "heartbeat", "session_id": None, "data": {}})
            time.sleep(0.1)
        assert not any("is gone" in line for line in server.said)
        while not plugin.closed(0.1):  # only heartbeats count
            plugin.say(b'{"event":"log","data":{"level":"INFO","message":"I am busy"}}')
        assert server.heard("is gone: no heartbeat came for 2.5 s")
        plugin.close()


def test_no_more_plugins_than_the_daemon_takes() -> None:
    with Running(DebugLimits(PLUGIN_REMOTE_INSTALLING_MAX_CONN=1)) as server:
        first = Client(server, HELLO, MANIFEST, TOOLS, ICON, END)
        assert server.heard("is connected")
        other = Client(server, HELLO, changed(MANIFEST, "name", to="other"), TOOLS, ICON, END)
        assert other.answer() == "server is busy now, please try again later"
        first.close()
        other.close()


def test_the_tables_of_packages_and_of_debugging_agree() -> None:
    table = declared._table()
    assert set(table.choices["plugin_tag"]) == set(TAGS)
    assert set(table.choices["credential_type"]) == set(CREDENTIAL_TYPES)
