"""All rules that a plugin has to keep, whoever enforces them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from runtime.package.archive import MANIFEST
from runtime.package.findings import Findings, Source
from runtime.package.rules.contents import check_contents
from runtime.package.rules.dependencies import check_dependencies
from runtime.package.rules.manifest import KINDS, check_manifest
from runtime.package.rules.provider import check_provider
from runtime.package.rules.sources import (
    ClassFound,
    Modules,
    check_entrypoint,
    check_source,
    check_syntax,
    module_file,
)
from runtime.package.rules.tool import check_tool
from runtime.package.rules.yamlfile import load


@dataclass(frozen=True)
class Identity:
    """What a manifest says about who the plugin is; '' where it says nothing usable."""

    author: str = ""
    name: str = ""
    version: str = ""


def check(files: Mapping[str, bytes], findings: Findings) -> Identity:
    """Check a plugin's files against every rule.

    Args:
        files: the content of each file, by its name with '/'.
        findings: where broken rules go.
    """
    manifest = None
    if MANIFEST not in files:
        nested = [name for name in files if name.endswith(f"/{MANIFEST}")]
        findings.error(
            Source.DAEMON,
            "manifest-missing",
            MANIFEST,
            "",
            f"{MANIFEST} is missing at the top of the package.",
            f"Package the folder {nested[0].rsplit('/', 1)[0]}/ itself."
            if nested
            else "Give the folder of a Dify plugin.",
        )
    else:
        manifest = load(files, MANIFEST, findings)
    check_contents(files, manifest, findings)
    check_dependencies(files, findings)
    if manifest is None:
        return Identity()
    assets = frozenset(
        name.removeprefix("_assets/") for name in files if name.startswith("_assets/")
    )
    check_manifest(manifest, assets, findings)
    _Declared(files, assets, findings).check(manifest)
    return Identity(*(_text(manifest.get(field)) for field in ("author", "name", "version")))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


class _Declared:
    """Follows the manifest to the providers, the tools and their sources."""

    def __init__(
        self, files: Mapping[str, bytes], assets: frozenset[str], findings: Findings
    ) -> None:
        self.files = files
        self.assets = assets
        self.findings = findings
        self.tools = Modules(files, "Tool")
        self.providers = Modules(files, "ToolProvider")
        self.needed: set[str] = set()

    def check(self, manifest: Mapping[str, Any]) -> None:
        """Check everything that the manifest names."""
        plugins = manifest.get("plugins")
        for kind in KINDS:
            paths = plugins.get(kind) if isinstance(plugins, dict) else None
            for number, path in enumerate(paths if isinstance(paths, list) else []):
                data = self._yaml(path, MANIFEST, f"plugins.{kind}[{number}]")
                if data is not None and kind == "tools":
                    self._provider(data, path)
        meta = manifest.get("meta")
        runner = meta.get("runner") if isinstance(meta, dict) else None
        entrypoint = runner.get("entrypoint") if isinstance(runner, dict) else None
        if isinstance(entrypoint, str) and entrypoint:
            file = check_entrypoint(entrypoint, self.tools, self.findings)
            if file:
                self.needed.add(file)
        check_syntax(self.tools, self.findings, self.needed)

    def _provider(self, data: Mapping[str, Any], file: str) -> None:
        found = self._class(data, file, "ToolProvider", self.providers)
        if (
            found is not None
            and found.certain
            and data.get("credentials_for_provider")
            and "_validate_credentials" not in found.methods
        ):
            self.findings.warning(
                Source.SDK,
                "method-missing",
                found.origin[0],
                found.origin[1],
                f"{found.origin[0]}: {found.origin[1]} has no method _validate_credentials; saving "
                "the provider's credentials fails without it.",
            )
        names: set[str] = set()
        for number, path in enumerate(check_provider(data, file, self.assets, self.findings)):
            tool = self._yaml(path, file, f"tools[{number}]")
            if tool is None:
                continue
            check_tool(tool, path, self.findings)
            self._class(tool, path, "Tool", self.tools)
            identity = tool.get("identity")
            name = identity.get("name") if isinstance(identity, dict) else None
            if isinstance(name, str) and name in names:
                self.findings.warning(
                    Source.SDK,
                    "tool-twice",
                    path,
                    "identity.name",
                    f"{path}: identity.name is {name!r} again; only one of the tools is reachable.",
                )
            names.add(str(name or uuid4()))

    def _class(
        self, data: Mapping[str, Any], file: str, parent: str, modules: Modules
    ) -> ClassFound | None:
        extra = data.get("extra")
        python = extra.get("python") if isinstance(extra, dict) else None
        source = python.get("source") if isinstance(python, dict) else None
        if isinstance(source, str):
            self.needed.add(module_file(source))
        return check_source(data, file, parent, modules, self.findings)

    def _yaml(self, path: object, file: str, field: str) -> dict[str, Any] | None:
        if not isinstance(path, str):
            self.findings.error(
                Source.DAEMON,
                "wrong-type",
                file,
                field,
                f"{file}: {field} is {path!r}; allowed is the path of a YAML file.",
            )
            return None
        if path in self.files:
            return load(self.files, path, self.findings)
        plain = path.replace("\\", "/").removeprefix("./")
        there = plain in self.files
        self.findings.error(
            Source.DAEMON,
            "path" if there else "file-missing",
            file,
            field,
            f"{file}: {field} is {path!r}; allowed is a path from the top of the package, with '/' "
            "and without './'."
            if there
            else f"{file}: {field} is {path!r}, which is not in the package.",
            f"Write {plain!r}."
            if there
            else "Create it, correct the path, or take it out of .difyignore.",
        )
        return load(self.files, plain, self.findings) if there else None
