"""A small plugin that is real: it packages, installs and starts.

`write_plugin(folder)` writes it; `write_plugin(folder, {"manifest.yaml": change})` changes one
thing. Its tool `echo` answers with its parameter `message`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

Change = str | bytes | None | Callable[[dict[str, Any]], object]
"""New content of a file, None to leave it out, or a function that edits its YAML in place."""

_MANIFEST: dict[str, Any] = {
    "version": "1.2.3",
    "type": "plugin",
    "author": "acme",
    "name": "parrot",
    "label": {"en_US": "Parrot", "zh_Hans": "鹦鹉"},
    "description": {"en_US": "Says what it hears."},
    "icon": "icon.svg",
    "created_at": "2026-01-31T12:00:00Z",
    "privacy": "PRIVACY.md",
    "repo": "https://github.com/acme/parrot",
    "contact": "parrot@example.com",
    "resource": {
        "memory": 67108864,
        "permission": {
            "tool": {"enabled": False},
            "model": {"enabled": True, "llm": True},
            "storage": {"enabled": True, "size": 1048576},
        },
    },
    "plugins": {"tools": ["provider/parrot.yaml"]},
    "meta": {
        "version": "0.0.1",
        "arch": ["amd64", "arm64"],
        "runner": {"language": "python", "version": "3.12", "entrypoint": "main"},
    },
    "tags": ["utilities"],
}

_PROVIDER: dict[str, Any] = {
    "identity": {
        "author": "acme",
        "name": "parrot",
        "label": {"en_US": "Parrot"},
        "description": {"en_US": "Says what it hears."},
        "icon": "icon.svg",
    },
    "credentials_for_provider": {
        "voice": {
            "type": "select",
            "required": False,
            "label": {"en_US": "Voice"},
            "default": "low",
            "options": [
                {"value": "low", "label": {"en_US": "Low"}},
                {"value": "high", "label": {"en_US": "High"}},
            ],
        },
        "api_key": {"type": "secret-input", "required": False, "label": {"en_US": "Key"}},
    },
    "tools": ["tools/echo.yaml"],
    "extra": {"python": {"source": "provider/parrot.py"}},
}

_ECHO: dict[str, Any] = {
    "identity": {"author": "acme", "name": "echo", "label": {"en_US": "Echo"}},
    "description": {"human": {"en_US": "Says it again."}, "llm": "Repeats a message."},
    "parameters": [
        {
            "name": "message",
            "type": "string",
            "required": True,
            "form": "llm",
            "label": {"en_US": "Message"},
            "human_description": {"en_US": "What to say."},
            "llm_description": "What to say.",
        },
        {
            "name": "times",
            "type": "number",
            "form": "form",
            "default": 1,
            "min": 1,
            "max": 9,
            "label": {"en_US": "Times"},
            "human_description": {"en_US": "How often to say it."},
        },
        {
            "name": "tone",
            "type": "select",
            "form": "form",
            "default": "plain",
            "options": [
                {"value": "plain", "label": {"en_US": "Plain"}},
                {"value": "loud", "label": {"en_US": "Loud"}},
            ],
            "label": {"en_US": "Tone"},
            "human_description": {"en_US": "How to say it."},
        },
    ],
    "output_schema": {
        "type": "object",
        "properties": {"echo": {"type": "string", "description": "What was said."}},
    },
    "extra": {"python": {"source": "tools/echo.py"}},
}

_MAIN_PY = """\
from dify_plugin import DifyPluginEnv, Plugin

plugin = Plugin(DifyPluginEnv())

if __name__ == "__main__":
    plugin.run()
"""

_PROVIDER_PY = """\
from typing import Any

from dify_plugin import ToolProvider
from dify_plugin.errors.tool import ToolProviderCredentialValidationError


class ParrotProvider(ToolProvider):
    def _validate_credentials(self, credentials: dict[str, Any]) -> None:
        if credentials.get("api_key") == "wrong":
            raise ToolProviderCredentialValidationError("api_key is wrong")
"""

_ECHO_PY = """\
from collections.abc import Generator
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage


class EchoTool(Tool):
    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage]:
        said = " ".join([tool_parameters["message"]] * int(tool_parameters.get("times") or 1))
        if tool_parameters.get("tone") == "loud":
            said = said.upper()
        yield self.create_text_message(said)
        yield self.create_json_message({"said": said})
        yield self.create_variable_message("echo", said)
        meta = {"mime_type": "text/plain", "filename": "echo.txt"}
        yield self.create_blob_message(said.encode(), meta)
"""

_ICON = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="3"/></svg>
"""

FILES: Mapping[str, dict[str, Any] | str] = {
    "manifest.yaml": _MANIFEST,
    "provider/parrot.yaml": _PROVIDER,
    "provider/parrot.py": _PROVIDER_PY,
    "tools/echo.yaml": _ECHO,
    "tools/echo.py": _ECHO_PY,
    "_assets/icon.svg": _ICON,
    "main.py": _MAIN_PY,
    "requirements.txt": "dify_plugin>=0.10.1,<0.11\n",
    "README.md": "# Parrot\n\nSays what it hears. Source: https://github.com/acme/parrot\n",
    "PRIVACY.md": "# Privacy\n\nThe plugin does not collect any data.\n",
}
"""The plugin: YAML files as mappings, the others as text."""


def write_plugin(folder: Path, changes: Mapping[str, Change] | None = None) -> Path:
    """Write the plugin into `folder`, which is created, and return it.

    Args:
        folder: where to write it.
        changes: file to change, by its path with '/'; files that it does not have are added.
    """
    changes = changes or {}
    for name in {**FILES, **changes}:
        content = _changed(FILES.get(name, ""), changes[name]) if name in changes else FILES[name]
        if content is None:
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            content = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def _changed(before: dict[str, Any] | str, change: Change) -> dict[str, Any] | str | bytes | None:
    if not callable(change):
        return change
    # A copy: the next plugin starts from the original.
    data = yaml.safe_load(yaml.safe_dump(before))
    change(data)
    return data
