"""One change to the small plugin for each rule, and the finding that it must lead to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.plugins import FILES, Change

MANIFEST = "manifest.yaml"
PROVIDER = "provider/parrot.yaml"
ECHO = "tools/echo.yaml"
ECHO_PY = "tools/echo.py"


class Case(NamedTuple):
    """A broken plugin: severity, source, rule, file, field, and what breaks it."""

    severity: str
    source: str
    rule: str
    file: str
    field: str
    changes: Mapping[str, Change]

    def __str__(self) -> str:
        return f"{self.source}-{self.rule}-{self.field or self.file}"


def put(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    """Set the value at a path such as 'parameters.0.type'."""

    def change(data: dict[str, Any]) -> None:
        *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
        target: Any = data
        for part in parents:
            target = target[part]
        target[last] = value

    return change


def drop(path: str) -> Callable[[dict[str, Any]], None]:
    """Remove the key at a path."""

    def change(data: dict[str, Any]) -> None:
        *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
        target: Any = data
        for part in parents:
            target = target[part]
        del target[last]

    return change


def _in(file: str, severity: str, source: str, rule: str, field: str, change: Change) -> Case:
    return Case(severity, source, rule, file, field, {file: change})


def _text(file: str, old: str, new: str) -> str:
    text = FILES[file]
    assert isinstance(text, str)
    assert old in text
    return text.replace(old, new)


def _add(severity: str, source: str, rule: str, file: str, content: Change = "x") -> Case:
    return Case(severity, source, rule, file, "", {file: content})


def _again(data: dict[str, Any]) -> None:
    data["parameters"].append(data["parameters"][0])


def _model_selector(data: dict[str, Any], scope: str) -> None:
    data["parameters"][0].update(type="model-selector", scope=scope)


_BASE_PY = """\
from dify_plugin import Tool


class Base(Tool):
    pass
"""
_USING_BASE = """\
from tools.base import Base


class EchoTool(Base):
    def _invoke(self, tool_parameters):
        yield self.create_text_message("x")
"""
_DATACLASS = """\
from __future__ import annotations

from dataclasses import dataclass

from dify_plugin import Tool


@dataclass
class Job:
    name: str


class EchoTool(Tool):
    def _invoke(self, tool_parameters):
        yield self.create_text_message("x")
"""

CASES: tuple[Case, ...] = (
    # manifest.yaml
    _in(MANIFEST, "error", "daemon", "manifest-missing", "", None),
    _in(MANIFEST, "error", "daemon", "yaml-invalid", "", "version: [1"),
    _in(MANIFEST, "error", "daemon", "yaml-invalid", "", b"version: \xff"),
    _in(MANIFEST, "error", "daemon", "wrong-type", "", "- a list"),
    _in(MANIFEST, "error", "cli", "version", "version", put("version", "1.2")),
    _in(MANIFEST, "error", "cli", "version", "version", put("version", "1.2.3-rc.1")),
    _in(MANIFEST, "error", "sdk", "version-pep440", "version", put("version", "0.0.1-foo")),
    _in(MANIFEST, "error", "sdk", "wrong-type", "version", put("version", 1.5)),
    _in(MANIFEST, "error", "cli", "type", "type", put("type", "bundle")),
    _in(MANIFEST, "error", "daemon", "author", "author", put("author", "Acme")),
    _in(MANIFEST, "error", "daemon", "missing", "author", drop("author")),
    _in(
        MANIFEST,
        "error",
        "daemon",
        "author-uuid",
        "author",
        put("author", "123e4567-e89b-12d3-a456-426614174000"),
    ),
    _in(MANIFEST, "error", "marketplace", "author-reserved", "author", put("author", "my-dify")),
    _in(MANIFEST, "error", "daemon", "name", "name", put("name", "Parrot One")),
    _in(MANIFEST, "error", "cli", "missing", "name", drop("name")),
    _in(MANIFEST, "error", "daemon", "i18n", "label", put("label", "Parrot")),
    _in(MANIFEST, "error", "cli", "missing", "label.en_US", put("label", {"zh_Hans": "鹦鹉"})),
    _in(MANIFEST, "error", "cli", "missing", "label.en_US", put("label.en_US", "")),
    _in(MANIFEST, "error", "cli", "too-long", "label.en_US", put("label.en_US", "x" * 1024)),
    _in(MANIFEST, "error", "cli", "missing", "description", drop("description")),
    _in(MANIFEST, "error", "cli", "missing", "icon", drop("icon")),
    _in(MANIFEST, "error", "cli", "icon-missing", "icon", put("icon", "_assets/icon.svg")),
    _in(MANIFEST, "error", "daemon", "icon-missing", "icon_dark", put("icon_dark", "dark.svg")),
    _in(MANIFEST, "error", "cli", "missing", "created_at", drop("created_at")),
    _in(MANIFEST, "error", "daemon", "created-at", "created_at", put("created_at", "yesterday")),
    _in(
        MANIFEST,
        "error",
        "marketplace",
        "created-at-future",
        "created_at",
        put("created_at", "9998-01-01T00:00:00Z"),
    ),
    _in(MANIFEST, "error", "cli", "tag", "tags[0]", put("tags", ["birds"])),
    _in(MANIFEST, "error", "cli", "repo", "repo", put("repo", "somewhere")),
    _in(MANIFEST, "error", "cli", "missing", "resource", drop("resource")),
    _in(
        MANIFEST,
        "error",
        "daemon",
        "wrong-type",
        "resource.memory",
        put("resource.memory", "256MB"),
    ),
    _in(MANIFEST, "error", "cli", "memory", "resource.memory", put("resource.memory", 0)),
    _in(
        MANIFEST,
        "error",
        "daemon",
        "wrong-type",
        "resource.permission.model.llm",
        put("resource.permission.model.llm", "true"),
    ),
    _in(
        MANIFEST,
        "error",
        "cli",
        "storage-size",
        "resource.permission.storage.size",
        put("resource.permission.storage", {"enabled": False}),
    ),
    _in(
        MANIFEST,
        "error",
        "cli",
        "storage-size",
        "resource.permission.storage.size",
        put("resource.permission.storage.size", 1023),
    ),
    _in(MANIFEST, "error", "daemon", "no-provider", "plugins.tools", put("plugins", {})),
    _in(MANIFEST, "error", "sdk", "wrong-type", "plugins.models", put("plugins.models", None)),
    _in(
        MANIFEST,
        "error",
        "daemon",
        "wrong-type",
        "plugins.tools",
        put("plugins.tools", "provider/parrot.yaml"),
    ),
    _in(
        MANIFEST,
        "error",
        "daemon",
        "kinds-together",
        "plugins.tools",
        put("plugins.models", ["provider/parrot.yaml"]),
    ),
    _in(
        MANIFEST,
        "warning",
        "daemon",
        "several-providers",
        "plugins.tools",
        put("plugins.tools", ["provider/parrot.yaml", "provider/parrot.yaml"]),
    ),
    _in(
        MANIFEST,
        "error",
        "daemon",
        "file-missing",
        "plugins.tools[0]",
        put("plugins.tools", ["provider/cat.yaml"]),
    ),
    _in(
        MANIFEST,
        "error",
        "daemon",
        "path",
        "plugins.tools[0]",
        put("plugins.tools", ["./provider/parrot.yaml"]),
    ),
    _in(MANIFEST, "error", "cli", "missing", "meta.version", drop("meta.version")),
    _in(MANIFEST, "error", "cli", "version", "meta.version", put("meta.version", "1")),
    _in(MANIFEST, "error", "cli", "missing", "meta.arch", drop("meta.arch")),
    _in(MANIFEST, "error", "cli", "arch", "meta.arch[0]", put("meta.arch", ["x86"])),
    _in(
        MANIFEST,
        "error",
        "cli",
        "language",
        "meta.runner.language",
        put("meta.runner.language", "go"),
    ),
    _in(
        MANIFEST,
        "error",
        "sdk",
        "wrong-type",
        "meta.runner.version",
        put("meta.runner.version", 3.12),
    ),
    _in(
        MANIFEST,
        "warning",
        "daemon",
        "runner-version",
        "meta.runner.version",
        put("meta.runner.version", "3.13"),
    ),
    _in(
        MANIFEST,
        "error",
        "daemon",
        "entrypoint",
        "meta.runner.entrypoint",
        put("meta.runner.entrypoint", "main.py"),
    ),
    _in(
        MANIFEST,
        "error",
        "sdk",
        "wrong-type",
        "meta.minimum_dify_version",
        put("meta.minimum_dify_version", 1.9),
    ),
    _in(
        MANIFEST,
        "error",
        "sdk",
        "version-pep440",
        "meta.minimum_dify_version",
        put("meta.minimum_dify_version", "new"),
    ),
    # the provider
    _in(PROVIDER, "error", "daemon", "file-missing", "", None)._replace(
        file=MANIFEST, field="plugins.tools[0]"
    ),
    _in(
        PROVIDER,
        "error",
        "remote",
        "identity-name",
        "identity.name",
        put("identity.name", "par rot"),
    ),
    _in(PROVIDER, "error", "sdk", "missing", "identity.author", drop("identity.author")),
    _in(PROVIDER, "error", "sdk", "missing", "identity.description", drop("identity.description")),
    _in(PROVIDER, "error", "sdk", "missing", "identity.icon", drop("identity.icon")),
    _in(PROVIDER, "error", "cli", "icon-missing", "identity.icon", put("identity.icon", "x.png")),
    _in(
        PROVIDER,
        "error",
        "daemon",
        "icon-missing",
        "identity.icon_dark",
        put("identity.icon_dark", "x.png"),
    ),
    _in(PROVIDER, "error", "sdk", "tag", "identity.tags[0]", put("identity.tags", ["agent"])),
    _in(
        PROVIDER,
        "error",
        "sdk",
        "credentials-mapping",
        "credentials_for_provider",
        put("credentials_for_provider", None),
    ),
    _in(
        PROVIDER,
        "error",
        "sdk",
        "credentials-mapping",
        "credentials_for_provider",
        put("credentials_for_provider", [{"name": "key", "type": "secret-input"}]),
    ),
    _in(
        PROVIDER,
        "warning",
        "sdk",
        "credentials-schema",
        "credentials_schema",
        put("credentials_schema", {}),
    ),
    _in(
        PROVIDER,
        "error",
        "sdk",
        "credential-type",
        "credentials_for_provider.api_key.type",
        put("credentials_for_provider.api_key.type", "password"),
    ),
    _in(
        PROVIDER,
        "error",
        "daemon",
        "i18n",
        "credentials_for_provider.api_key.help",
        put("credentials_for_provider.api_key.help", "Ask the vendor."),
    ),
    _in(
        PROVIDER,
        "error",
        "sdk",
        "wrong-type",
        "credentials_for_provider.api_key.required",
        put("credentials_for_provider.api_key.required", None),
    ),
    _in(
        PROVIDER,
        "error",
        "remote",
        "scope",
        "credentials_for_provider.api_key.scope",
        put("credentials_for_provider.api_key.scope", "llm"),
    ),
    _in(
        PROVIDER,
        "error",
        "sdk",
        "wrong-type",
        "credentials_for_provider.voice.options[0].value",
        put("credentials_for_provider.voice.options.0.value", 1),
    ),
    _in(
        PROVIDER,
        "error",
        "api",
        "options",
        "credentials_for_provider.voice.options",
        drop("credentials_for_provider.voice.options"),
    ),
    _in(
        PROVIDER,
        "error",
        "api",
        "default-option",
        "credentials_for_provider.voice.default",
        put("credentials_for_provider.voice.default", "medium"),
    ),
    _in(
        PROVIDER,
        "error",
        "remote",
        "credential-default",
        "credentials_for_provider.voice.default",
        put("credentials_for_provider.voice.default", ["low"]),
    ),
    _in(PROVIDER, "warning", "sdk", "no-tools", "tools", put("tools", [])),
    _in(PROVIDER, "error", "sdk", "wrong-type", "tools[0]", put("tools", [{"identity": {}}])),
    _in(PROVIDER, "error", "sdk", "missing", "extra", drop("extra")),
    _in(
        PROVIDER,
        "error",
        "sdk",
        "source-missing",
        "extra.python.source",
        put("extra.python.source", "provider/cat.py"),
    ),
    Case(
        "warning",
        "sdk",
        "tool-twice",
        "tools/echo.yaml",
        "identity.name",
        {PROVIDER: put("tools", ["tools/echo.yaml", "tools/echo.yaml"])},
    ),
    # the tool
    _in(ECHO, "error", "daemon", "duplicate-key", "identity", "identity: {}\nidentity: {}\n"),
    _in(ECHO, "error", "sdk", "missing", "identity.author", drop("identity.author")),
    _in(ECHO, "error", "remote", "identity-name", "identity.name", put("identity.name", "écho")),
    _in(ECHO, "error", "sdk", "missing", "description", drop("description")),
    _in(ECHO, "error", "sdk", "missing", "description.llm", drop("description.llm")),
    _in(ECHO, "error", "remote", "missing", "description.llm", put("description.llm", "")),
    _in(
        ECHO,
        "error",
        "sdk",
        "missing",
        "parameters[0].human_description",
        drop("parameters.0.human_description"),
    ),
    _in(
        ECHO,
        "error",
        "sdk",
        "parameter-type",
        "parameters[0].type",
        put("parameters.0.type", "text"),
    ),
    _in(
        ECHO,
        "warning",
        "api",
        "parameter-type",
        "parameters[0].type",
        put("parameters.0.type", "date"),
    ),
    _in(
        ECHO,
        "error",
        "sdk",
        "parameter-form",
        "parameters[0].form",
        put("parameters.0.form", "llms"),
    ),
    _in(ECHO, "error", "sdk", "missing", "parameters[0].form", drop("parameters.0.form")),
    _in(
        ECHO,
        "warning",
        "api",
        "llm-description",
        "parameters[0].llm_description",
        drop("parameters.0.llm_description"),
    ),
    _in(
        ECHO,
        "error",
        "daemon",
        "wrong-type",
        "parameters[0].required",
        put("parameters.0.required", "perhaps"),
    ),
    _in(ECHO, "warning", "api", "parameter-twice", "parameters[3].name", _again),
    _in(
        ECHO,
        "warning",
        "daemon",
        "dropped",
        "parameters[0].show_on",
        put("parameters.0.show_on", []),
    ),
    _in(
        ECHO,
        "error",
        "remote",
        "scope",
        "parameters[0].scope",
        lambda data: _model_selector(data, "all"),
    ),
    _in(
        ECHO,
        "warning",
        "remote",
        "scope",
        "parameters[0].scope",
        lambda data: _model_selector(data, "llm&all"),
    ),
    _in(ECHO, "error", "remote", "scope", "parameters[0].scope", put("parameters.0.scope", "llm")),
    _in(ECHO, "error", "daemon", "wrong-type", "parameters[1].min", put("parameters.1.min", "one")),
    _in(ECHO, "warning", "api", "range", "parameters[1].min", put("parameters.1.min", 10)),
    _in(
        ECHO,
        "warning",
        "api",
        "default-range",
        "parameters[1].default",
        put("parameters.1.default", 99),
    ),
    _in(
        ECHO,
        "warning",
        "api",
        "default-number",
        "parameters[1].default",
        put("parameters.1.default", "5"),
    ),
    _in(
        ECHO,
        "error",
        "api",
        "default-number",
        "parameters[1].default",
        put("parameters.1.default", "five"),
    ),
    _in(ECHO, "error", "api", "options", "parameters[2].options", drop("parameters.2.options")),
    _in(
        ECHO,
        "error",
        "remote",
        "option-value",
        "parameters[2].options[0].value",
        put("parameters.2.options.0.value", ""),
    ),
    _in(
        ECHO,
        "error",
        "sdk",
        "missing",
        "parameters[2].options[1].label",
        drop("parameters.2.options.1.label"),
    ),
    _in(
        ECHO,
        "error",
        "api",
        "default-option",
        "parameters[2].default",
        put("parameters.2.default", "shrill"),
    ),
    _in(
        ECHO,
        "error",
        "sdk",
        "multiple",
        "parameters[2].default",
        put("parameters.2.default", ["plain"]),
    ),
    _in(
        ECHO,
        "error",
        "sdk",
        "multiple",
        "parameters[0].multiple",
        put("parameters.0.multiple", True),
    ),
    _in(
        ECHO,
        "error",
        "sdk",
        "auto-generate",
        "parameters[0].auto_generate.type",
        put("parameters.0.auto_generate", {"type": "magic"}),
    ),
    _in(
        ECHO,
        "error",
        "api",
        "output-reserved",
        "output_schema.properties.text",
        put("output_schema.properties.text", {"type": "string"}),
    ),
    _in(
        ECHO,
        "error",
        "daemon",
        "wrong-type",
        "output_schema",
        put("output_schema", ["echo"]),
    ),
    _in(
        ECHO,
        "warning",
        "api",
        "output-type",
        "output_schema.properties.echo.type",
        put("output_schema.properties.echo", {}),
    ),
    _in(
        ECHO,
        "warning",
        "sdk",
        "runtime-parameters",
        "has_runtime_parameters",
        put("has_runtime_parameters", True),
    ),
    _in(
        ECHO,
        "warning",
        "sdk",
        "source-suffix",
        "extra.python.source",
        put("extra.python.source", "tools/echo.yaml"),
    ),
    _in(PROVIDER, "error", "sdk", "missing", "identity", drop("identity")),
    _in(ECHO, "error", "sdk", "missing", "identity", drop("identity")),
    _in(ECHO, "error", "daemon", "wrong-type", "identity.name", put("identity.name", ["echo"])),
    _in(ECHO, "error", "daemon", "wrong-type", "parameters[0]", put("parameters", ["message"])),
    _in(
        ECHO,
        "error",
        "sdk",
        "option-value",
        "parameters[2].options[0].value",
        drop("parameters.2.options.0.value"),
    ),
    _in(
        ECHO,
        "error",
        "daemon",
        "wrong-type",
        "parameters[2].options[0].value",
        put("parameters.2.options.0.value", ["plain"]),
    ),
    # Python sources
    _in(ECHO_PY, "error", "sdk", "python-syntax", "", "def broken(:\n"),
    _in(ECHO_PY, "error", "sdk", "class-missing", "", "from dify_plugin import Tool\n"),
    _in(
        ECHO_PY,
        "error",
        "sdk",
        "class-several",
        "",
        _text(ECHO_PY, "class EchoTool", "class Other(Tool):\n    pass\n\n\nclass EchoTool"),
    ),
    Case(
        "error",
        "sdk",
        "class-several",
        ECHO_PY,
        "",
        {"tools/base.py": _BASE_PY, ECHO_PY: _USING_BASE},
    ),
    _in(
        ECHO_PY,
        "error",
        "sdk",
        "method-missing",
        "EchoTool",
        _text(ECHO_PY, "def _invoke", "def invoke_it"),
    ),
    _in(ECHO_PY, "error", "sdk", "dataclass", "Job", _DATACLASS),
    _in(
        "provider/parrot.py",
        "warning",
        "sdk",
        "method-missing",
        "ParrotProvider",
        _text("provider/parrot.py", "_validate_credentials", "_check"),
    ),
    _in("main.py", "error", "daemon", "entrypoint", "", None)._replace(
        file=MANIFEST, field="meta.runner.entrypoint"
    ),
    _in(
        "main.py",
        "warning",
        "sdk",
        "import-order",
        "",
        _text("main.py", "from dify_plugin", "import ssl\n\nfrom dify_plugin"),
    ),
    _add("warning", "sdk", "python-syntax", "tools/unused.py", "def broken(:\n"),
    # dependencies
    _in("requirements.txt", "error", "daemon", "requirements", "", None),
    Case(
        "error",
        "marketplace",
        "requirements",
        "requirements.txt",
        "",
        {"requirements.txt": None, "pyproject.toml": "[project]\nname = 'parrot'\n"},
    ),
    _in(
        "requirements.txt", "error", "marketplace", "sdk-version", "line 1", "dify_plugin~=0.5.0\n"
    ),
    _in(
        "requirements.txt",
        "error",
        "marketplace",
        "dependency-unbound",
        "line 2",
        "dify_plugin>=0.10,<1\nrequests\n",
    ),
    _in(
        "requirements.txt",
        "warning",
        "marketplace",
        "dependency-unbound",
        "line 1",
        "dify_plugin>=0.10\n",
    ),
    _in(
        "requirements.txt",
        "error",
        "marketplace",
        "dependency-url",
        "line 1",
        "x @ git+https://example.com/x\n",
    ),
    _in("requirements.txt", "error", "daemon", "dependency", "line 1", "requests 2\n"),
    _in(
        "requirements.txt",
        "warning",
        "marketplace",
        "dependency-large",
        "line 1",
        "torch>=2,<3\n",
    ),
    _add("error", "daemon", "pyproject", "pyproject.toml", "[project"),
    _add("warning", "daemon", "pyproject-build", "pyproject.toml", "[build-system]\n")._replace(
        field="build-system"
    ),
    _add(
        "error",
        "daemon",
        "requires-python",
        "pyproject.toml",
        "[project]\nrequires-python='>=3.13'\n",
    )._replace(field="project.requires-python"),
    Case(
        "warning",
        "daemon",
        "python-version-file",
        ".python-version",
        "",
        {"pyproject.toml": "[project]\n", ".python-version": "3.13\n"},
    ),
    # contents
    _in("_assets/icon.svg", "error", "sdk", "assets", "", None)._replace(file="_assets/"),
    _in("README.md", "error", "marketplace", "readme", "", None),
    _in("README.md", "error", "marketplace", "readme", "", " \n"),
    _in("README.md", "error", "marketplace", "readme-language", "", "鹦鹉 https://github.com/a/b"),
    _in("README.md", "warning", "marketplace", "readme-repo", "", "# Parrot\n"),
    _in("PRIVACY.md", "error", "marketplace", "privacy", "", None),
    _in("PRIVACY.md", "error", "marketplace", "privacy", "", ""),
    _in(
        "PRIVACY.md",
        "error",
        "marketplace",
        "privacy",
        "",
        "!!! Please fill in the privacy policy of the plugin.",
    ),
    _in(MANIFEST, "error", "marketplace", "privacy", "privacy", drop("privacy")),
    _in(MANIFEST, "warning", "marketplace", "repo-host", "repo", drop("repo")),
    _in(MANIFEST, "warning", "marketplace", "contact", "contact", put("contact", "me")),
    _in(
        "_assets/icon.svg",
        "error",
        "marketplace",
        "icon-template",
        "",
        "<svg><!-- DIFY_MARKETPLACE_TEMPLATE_ICON_DO_NOT_USE --></svg>",
    ),
    _add("error", "marketplace", "blocked-file", ".env", "KEY=1"),
    _add("error", "marketplace", "blocked-file", "server.pem"),
    _add("error", "marketplace", "blocked-file", "tools/fast.so"),
    _add("error", "marketplace", "blocked-file", "tools/helper", b"\x7fELF\x02"),
    _add("error", "marketplace", "blocked-file", "tools/__pycache__/echo.txt")._replace(
        file="tools/__pycache__/"
    ),
    _add(
        "error",
        "marketplace",
        "secret",
        "notes.txt",
        "-----BEGIN RSA PRIVATE" + " KEY-----\n",
    ),
    _add("warning", "marketplace", "archive", "data.zip"),
)
