"""What a plugin declares about itself: manifest, provider, tools.

Read leniently here, as the daemon does when it starts a plugin (unknown keys are ignored), so
that any plugin can be hosted; `runtime.package` holds the strict rules for packages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from runtime.errors import PackageInvalid

Read = Callable[[str], bytes]
"""Reads a file of the plugin by its path with '/'; raises FileNotFoundError."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXTUAL = frozenset({"secret-input", "text-input", "select"})


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


class I18n(_Lenient):
    """A text in the languages that the daemon keeps; the others fall back to English."""

    en_US: str = ""
    zh_Hans: str | None = None
    ja_JP: str | None = None
    pt_BR: str | None = None


class Option(_Lenient):
    """One choice of a select."""

    value: str
    label: I18n = I18n()

    @field_validator("value", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        # The SDK turns `value: true` and `value: 1` into strings.
        return str(value) if isinstance(value, bool | int | float) else value


class Parameter(_Lenient):
    """A parameter of a tool, or a credential of a provider."""

    name: str = ""
    label: I18n = I18n()
    human_description: I18n | None = None
    llm_description: str | None = None
    type: str = "string"
    form: str = "llm"
    required: bool | None = False
    default: Any = None
    min: float | None = None
    max: float | None = None
    options: list[Option] | None = None
    multiple: bool | None = None
    scope: str | None = None


class Identity(_Lenient):
    """Who a provider or a tool is."""

    author: str = ""
    name: str
    label: I18n = I18n()
    description: I18n | None = None


class Description(_Lenient):
    """What a tool is for: for people, and for a language model that may call it."""

    human: I18n = I18n()
    llm: str = ""


class Tool(_Lenient):
    """One node."""

    identity: Identity
    description: Description = Description()
    parameters: list[Parameter] = []
    output_schema: dict[str, Any] | None = None

    @field_validator("parameters", mode="before")
    @classmethod
    def _none_is_empty(cls, value: object) -> object:
        return value or []

    @property
    def name(self) -> str:
        """The name by which it is called."""
        return self.identity.name

    @property
    def outputs(self) -> dict[str, Any]:
        """Declared output variables: name to JSON schema."""
        return dict((self.output_schema or {}).get("properties") or {})

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name."""
        return next((p for p in self.parameters if p.name == name), None)


class Provider(_Lenient):
    """A provider: credentials and tools."""

    identity: Identity
    credentials: list[Parameter] = []
    tools: list[Tool] = []

    def with_defaults(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Credentials as the plugin gets them: a default stands in for what is optional and not
        given, as when somebody saves the form in Dify (api/core/tools/__base/tool_provider.py,
        validate_credentials_format).
        """
        found = dict(given)
        for declared in self.credentials:
            if declared.default is None or declared.required:
                continue
            if found.get(declared.name) is None:
                textual = declared.type in _TEXTUAL
                found[declared.name] = str(declared.default) if textual else declared.default
        return found


class Permission(_Lenient):
    """What the plugin may ask back. Absent means no."""

    enabled: bool = False
    llm: bool = False
    text_embedding: bool = False
    rerank: bool = False
    tts: bool = False
    speech2text: bool = False
    moderation: bool = False
    size: int | None = None


class Permissions(_Lenient):
    """The manifest's resource.permission."""

    tool: Permission = Permission()
    model: Permission = Permission()
    node: Permission = Permission()
    endpoint: Permission = Permission()
    app: Permission = Permission()
    storage: Permission = Permission()

    @field_validator("*", mode="before")
    @classmethod
    def _none_is_no(cls, value: object) -> object:
        return {} if value is None else value


class Plugin(_Lenient):
    """A whole plugin as declared."""

    author: str = ""
    name: str
    version: str
    label: I18n = I18n()
    permissions: Permissions = Permissions()
    entrypoint: str = Field("main", description="run as `python -m <entrypoint>`")
    providers: list[Provider] = []

    @property
    def id(self) -> str:
        """author/name:version, for people."""
        return f"{self.author}/{self.name}:{self.version}"

    @property
    def tools(self) -> list[tuple[Provider, Tool]]:
        """All tools with their providers."""
        return [(provider, tool) for provider in self.providers for tool in provider.tools]

    def find(self, tool: str) -> tuple[Provider, Tool] | None:
        """The tool of that name."""
        return next(((p, t) for p, t in self.tools if t.name == tool), None)


def from_folder(folder: Path) -> Plugin:
    """Read a plugin folder.

    Raises:
        PackageInvalid: a file is missing, is no YAML, or lacks a field that hosting needs.
    """
    return from_files(lambda name: (folder / name).read_bytes(), str(folder))


def from_files(read: Read, where: str) -> Plugin:
    """Read a plugin through `read`; `where` names it in errors.

    Raises:
        PackageInvalid: see `from_folder`.
    """
    manifest = _load(read, "manifest.yaml", where)
    listed = _mapping(manifest.get("plugins"), "manifest.yaml: plugins", where)
    paths = listed.get("tools") or []
    if not isinstance(paths, list) or not paths:
        kinds = ", ".join(sorted(str(kind) for kind, value in listed.items() if value)) or "nothing"
        raise PackageInvalid(
            f"{where} is not a tool plugin: manifest.yaml lists {kinds} under 'plugins'.",
            _instead(listed),
        )
    providers = [_provider(read, str(path), where) for path in paths]
    resource = _mapping(manifest.get("resource"), "manifest.yaml: resource", where)
    meta = _mapping(manifest.get("meta"), "manifest.yaml: meta", where)
    runner = _mapping(meta.get("runner"), "manifest.yaml: meta.runner", where)
    return _validated(
        Plugin,
        {
            **manifest,
            "permissions": resource.get("permission") or {},
            "entrypoint": runner.get("entrypoint") or "main",
            "providers": providers,
        },
        f"{where}: manifest.yaml",
    )


def _instead(listed: Mapping[str, Any]) -> str:
    """What to do with a plugin that has no tools."""
    if listed.get("models"):
        return (
            "Models come from an OpenAI-compatible endpoint here, not from model plugins: set "
            "STUDIO_LLM_BASE_URL, STUDIO_LLM_API_KEY and STUDIO_LLM_MODEL in .env."
        )
    return "This runtime hosts tool plugins; give one that lists a provider under plugins.tools."


def from_wire(manifest: Mapping[str, Any], providers: Sequence[Mapping[str, Any]]) -> Plugin:
    """Read what a plugin says about itself when it registers for remote debugging.

    Raises:
        PackageInvalid: a field that hosting needs is missing.
    """
    resource = _mapping(manifest.get("resource"), "manifest: resource", "The plugin")
    listed = [
        {**provider, "credentials": provider.get("credentials_schema") or []}
        for provider in providers
    ]
    return _validated(
        Plugin,
        {
            **manifest,
            "permissions": resource.get("permission") or {},
            "entrypoint": "main",
            "providers": listed,
        },
        "The plugin's declaration",
    )


def _provider(read: Read, path: str, where: str) -> Provider:
    raw = _load(read, path, where)
    declared = raw.get("credentials_for_provider") or raw.get("credentials_schema") or {}
    if isinstance(declared, Mapping):
        credentials = [{**(value or {}), "name": name} for name, value in declared.items()]
    else:
        credentials = list(declared)
    tools = [
        _validated(Tool, _load(read, str(tool), where), f"{where}: {tool}")
        for tool in raw.get("tools") or []
    ]
    return _validated(
        Provider, {**raw, "credentials": credentials, "tools": tools}, f"{where}: {path}"
    )


def _load(read: Read, name: str, where: str) -> dict[str, Any]:
    try:
        data = yaml.load(read(name), Loader=_LOADER)  # noqa: S506 - both are safe ones
    except FileNotFoundError:
        hint = (
            "Give the folder of a Dify plugin, or a .difypkg file."
            if name == "manifest.yaml"
            else "Create it, or correct the path in the file that names it."
        )
        raise PackageInvalid(f"{where} has no {name}.", hint) from None
    except yaml.YAMLError as error:
        raise PackageInvalid(
            f"{where}: {name} is not valid YAML: {' '.join(str(error).split())}",
            "Correct the YAML at the place named.",
        ) from None
    return _mapping(data, name, where)


def _mapping(value: object, what: str, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PackageInvalid(
            f"{where}: {what} must be a mapping, not {type(value).__name__}.",
            "Correct it; GUIDE.md shows the shape of each file.",
        )
    return value


def _validated[M: BaseModel](model: type[M], data: Mapping[str, Any], where: str) -> M:
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise PackageInvalid(f"{where}: {field}: {first['msg']}.", "Correct this field.") from None
