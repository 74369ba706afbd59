"""How a plugin that debugs remotely introduces itself, judged line by line.

No input and output here: lines go in, a registered plugin or a refusal comes out. The order of
things, the checks and the words of the refusals are the daemon's (langgenius/dify-plugin-daemon
0.6.10, internal/core/debugging_runtime), with one difference: the daemon listens to declarations
before it has seen a key, we do not.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime import declaration
from runtime.errors import PackageInvalid
from runtime.host import declared

MAX_ASSETS_SIZE = 50 * 1024 * 1024
"""All assets of a plugin together, in bytes."""


@dataclass(frozen=True)
class _Kind:
    """A kind of declaration.

    Attributes:
        words: what the daemon calls it.
        struct: the Go struct of one item of its list.
        items: the list inside an item whose broken entries the daemon takes for file names.
    """

    words: str
    struct: str
    items: tuple[str, str] | None = None


_KINDS = {
    "tool_declaration": _Kind("tools", "ToolProviderDeclaration", ("tools", "ToolDeclaration")),
    "model_declaration": _Kind("models", "ModelProviderDeclaration"),
    "endpoint_declaration": _Kind(
        "endpoints", "EndpointProviderDeclaration", ("endpoints", "EndpointDeclaration")
    ),
    "agent_strategy_declaration": _Kind(
        "agent strategies",
        "AgentStrategyProviderDeclaration",
        ("strategies", "AgentStrategyDeclaration"),
    ),
    "datasource_declaration": _Kind(
        "datasources", "DatasourceProviderDeclaration", ("datasources", "DatasourceDeclaration")
    ),
    "trigger_declaration": _Kind("triggers", "TriggerProviderDeclaration"),
}
_ALREADY = {
    "agent_strategy_declaration": "agent strategy",
    "datasource_declaration": "datasource",
}
_AUTHOR = re.compile(r"[a-z0-9_-]{1,64}")
_NAME = re.compile(r"[a-z0-9_-]{1,128}")
# In the daemon's order, and which of the others it names beside each.
_ALONE = (
    ("model_declaration", "model and datasource, tool, endpoint, trigger, or agent_strategy"),
    (
        "agent_strategy_declaration",
        "agent_strategy and tool, model, endpoint, trigger, or datasource",
    ),
    ("datasource_declaration", "datasource and tool, model, endpoint, trigger, or agent_strategy"),
    ("trigger_declaration", "trigger and tool, model, endpoint, or agent_strategy"),
)


class Refused(Exception):
    """The daemon would answer with one line and close the connection.

    Args:
        answer: that line, in the daemon's words.
        hint: what the plugin's author can do about it.
    """

    def __init__(self, answer: str, hint: str = "") -> None:
        self.answer = answer
        self.hint = hint
        super().__init__(answer)


@dataclass(frozen=True)
class Registered:
    """A plugin that has introduced itself.

    Attributes:
        manifest: its manifest, as it came.
        providers: its tool providers that count: the daemon keeps the first.
        plugin: the same, read.
        warnings: what it lost on the way, for people.
    """

    manifest: dict[str, Any]
    providers: list[dict[str, Any]]
    plugin: declaration.Plugin
    warnings: tuple[str, ...] = ()


@dataclass
class Registration:
    """One connection up to the end of its introduction.

    Args:
        key: what the handshake has to bring.
    """

    key: str
    shaken: bool = False
    _manifest: dict[str, Any] | None = None
    _lists: dict[str, list[Any]] = field(default_factory=dict)
    _assets: set[str] = field(default_factory=set)
    _assets_bytes: int = 0
    _warnings: list[str] = field(default_factory=list)

    def feed(self, line: bytes) -> Registered | None:
        """Take a line; the plugin, once it has introduced itself.

        Raises:
            Refused: nothing more is listened to.
        """
        kind, data = _payload(line)
        if kind == "handshake":
            self._handshake(data)
        elif not self.shaken:
            raise Refused(
                "handshake failed, invalid handshake message",
                "A plugin's first line is its handshake; is this a Dify plugin with "
                "INSTALL_METHOD=remote?",
            )
        elif kind == "manifest_declaration":
            self._declare(data)
        elif kind in _KINDS:
            self._declare_list(kind, data)
        elif kind == "asset_chunk":
            self._asset(data)
        elif kind == "end":
            return self._end()
        return None  # the daemon ignores what it does not know

    def _handshake(self, data: Any) -> None:
        if self.shaken:
            raise Refused("handshake already completed")
        key = data.get("key") if isinstance(data, dict) else None
        if not isinstance(key, str) or not key:
            raise Refused("handshake failed, invalid handshake message", _KEY)
        if not hmac.compare_digest(key.encode(errors="replace"), self.key.encode()):
            raise Refused("handshake failed, invalid key", _KEY)
        self.shaken = True

    def _declare(self, data: Any) -> None:
        if self._manifest is not None:
            raise Refused("declaration already registered")
        _checked("PluginDeclaration", data, "handshake failed, invalid plugin declaration")
        self._manifest = data

    def _declare_list(self, kind: str, data: Any) -> None:
        known = _KINDS[kind]
        if kind in self._lists:
            words = _ALREADY.get(kind, known.words)
            raise Refused(f"{words} declaration already registered")
        prefix = f"{known.words} register failed, invalid {known.words} declaration"
        if data is not None and not isinstance(data, list):
            _checked(f"[]{known.struct}", data, prefix)
        for item in data or []:
            _checked(known.struct, self._as_decoded(known, item), prefix)
        self._lists[kind] = data or []

    def _as_decoded(self, known: _Kind, provider: Any) -> Any:
        """What the daemon's own decoder makes of it: a tool's credentials may be a mapping, and
        a tool with a wrong type somewhere is taken for a file name, and lost."""
        if not isinstance(provider, dict) or known.items is None:
            return provider
        credentials = provider.get("credentials_schema")
        if isinstance(credentials, dict) and known.struct == "ToolProviderDeclaration":
            provider["credentials_schema"] = list(credentials.values())
        name, struct = known.items
        if not isinstance(provider.get(name), list):
            return provider
        kept = []
        for item in provider[name]:
            try:
                declared.decode(struct, item)
                kept.append(item)
            except declared.Invalid as problem:
                what = "tool" if name == "tools" else f"part of '{name}'"
                self._warnings.append(f"The daemon loses a {what} of the plugin: {problem}.")
        provider[name] = kept
        return provider

    def _asset(self, data: Any) -> None:
        _checked("RemotePluginRegisterAssetChunk", data, "transfer assets failed, error")
        chunk: dict[str, str] = data
        text = chunk["data"]
        if self._assets_bytes + len(text.encode(errors="replace")) > MAX_ASSETS_SIZE:
            raise Refused(
                "assets too large, at most 50MB", "Take large files out of the folder _assets."
            )
        try:
            content = base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
        except (binascii.Error, ValueError):
            wrong = re.search(r"[^A-Za-z0-9+/\r\n]", text)
            at = wrong.start() if wrong else len(text) // 4 * 4
            raise Refused(
                f"assets decode failed, error: illegal base64 data at input byte {at}"
            ) from None
        # Only the size is ours to know: this host shows no icons.
        self._assets.add(chunk["filename"])
        self._assets_bytes += len(content)

    def _end(self) -> Registered:
        if not self._lists:
            raise Refused(
                "no registration transferred, cannot initialize",
                "The manifest's 'plugins' must name at least one provider.",
            )
        self._check_icons()
        manifest = self._manifest or {}
        self._check_manifest(manifest)
        providers = self._lists.get("tool_declaration", [])
        if len(providers) > 1:
            self._warnings.append("The daemon keeps only the first tool provider of a plugin.")
        if not providers:
            self._warnings.append("It has no tools; this host calls nothing else.")
        try:
            plugin = declaration.from_wire(manifest, providers[:1])
        except PackageInvalid as error:
            raise Refused(f"register failed, invalid manifest detected: {error.message}") from None
        return Registered(manifest, providers[:1], plugin, tuple(self._warnings))

    def _check_icons(self) -> None:
        for identity, what in self._icons():
            for name, suffix in (("icon", ""), ("icon_dark", " dark")):
                icon = identity.get(name)
                if isinstance(icon, str) and icon and icon not in self._assets:
                    raise _no_icon(icon, f"{what} icon{suffix}")
        for name, what in (("icon", "plugin icon"), ("icon_dark", "plugin dark icon")):
            icon = (self._manifest or {}).get(name)
            if icon and icon not in self._assets:
                raise _no_icon(icon, what)

    def _icons(self) -> list[tuple[Mapping[str, Any], str]]:
        named = (
            ("tool_declaration", "tool"),
            ("agent_strategy_declaration", "agent"),
            ("datasource_declaration", "datasource"),
            ("trigger_declaration", "trigger"),
        )
        found: list[tuple[Mapping[str, Any], str]] = []
        for key, what in named:
            for item in self._lists.get(key, [])[:1]:
                identity = item.get("identity")
                if isinstance(identity, dict):
                    found.append((identity, what))
        return found

    def _check_manifest(self, manifest: Mapping[str, Any]) -> None:
        """The daemon's ManifestValidate."""
        failed = "register failed, invalid manifest detected: "
        if not _AUTHOR.fullmatch(manifest.get("author") or ""):
            raise Refused(
                f"{failed}author must be alphanumeric and less than 64 characters: "
                "^[a-z0-9_-]{1,64}$"
            )
        if not _NAME.fullmatch(manifest.get("name") or ""):
            raise Refused(
                f"{failed}plugin name must be alphanumeric and less than 128 characters: "
                "^[a-z0-9_-]{1,128}$"
            )
        given = {key for key, items in self._lists.items() if items}
        if not given:
            raise Refused(
                f"{failed}at least one of endpoint, model, tool, agent_strategy, trigger, or "
                "datasource must be provided"
            )
        for key, words in _ALONE:
            if key in given and len(given) > 1:
                raise Refused(f"{failed}{words} cannot be provided at the same time")


_KEY = "Paste the REMOTE_INSTALL_KEY that this server printed into the plugin's .env."


def _payload(line: bytes) -> tuple[str, Any]:
    """Type and data of a line.

    Raises:
        Refused: it is none.
    """
    try:
        frame = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        frame = None
    kind = frame.get("type") if isinstance(frame, dict) else None
    if not isinstance(kind, str) or not kind or "data" not in frame:
        raise Refused(
            "handshake failed, invalid handshake message",
            "Only Dify plugins (INSTALL_METHOD=remote) and studio itself speak to this port.",
        )
    return kind, frame["data"]


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _checked(struct: str, data: Any, prefix: str) -> None:
    try:
        declared.check(struct, data)
    except declared.Invalid as problem:
        raise Refused(
            f"{prefix}: {problem}",
            "Correct the field in the plugin's YAML; `studio package verify` explains the rules.",
        ) from None


def _no_icon(name: object, what: str) -> Refused:
    return Refused(
        "assets remap failed, invalid assets data, cannot remap: "
        f"file not found: {name}\nfailed to remap {what}",
        "Put the file directly into _assets; the plugin sends no files of folders inside it.",
    )
