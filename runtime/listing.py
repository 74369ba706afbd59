"""Declarations and packages as text and as JSON documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runtime.declaration import Parameter, Plugin, Tool

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runtime.package import Built, Finding, Report


def document(plugin: Plugin) -> list[dict[str, Any]]:
    """The document of `studio tools --json`: one object per node."""
    return [
        {
            "name": tool.name,
            "provider": provider.identity.name,
            "plugin": plugin.id,
            "label": tool.identity.label.en_US,
            "description": tool.description.human.en_US,
            "parameters": [_parameter(parameter) for parameter in tool.parameters],
            "outputs": tool.outputs,
        }
        for provider, tool in plugin.tools
    ]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    known: dict[str, Any] = {
        "name": parameter.name,
        "type": parameter.type,
        "required": bool(parameter.required),
        "form": parameter.form,
        "description": parameter.human_description.en_US if parameter.human_description else "",
    }
    for name in ("default", "min", "max"):
        value = getattr(parameter, name)
        if value is not None:
            # The YAML's 16 has become 16.0 on the way.
            whole = isinstance(value, float) and value.is_integer()
            known[name] = int(value) if whole else value
    if parameter.options:
        known["options"] = [option.value for option in parameter.options]
    return known


def text(plugin: Plugin) -> str:
    """The same for people."""
    return "\n\n".join([plugin.id, *(_tool(tool) for _, tool in plugin.tools)])


def _tool(tool: Tool) -> str:
    lines = [tool.name, f"  {tool.description.human.en_US}"]
    width = max((len(p.name) for p in tool.parameters), default=0)
    for parameter in tool.parameters:
        about = _parameter(parameter)
        facts = [parameter.type, "required" if about["required"] else "optional"]
        facts += [
            f"{key} {_shown(about[key])}" for key in ("default", "min", "max") if key in about
        ]
        if "options" in about:
            facts.append("one of " + ", ".join(about["options"]))
        lines.append(f"    {parameter.name:{width}}  {', '.join(facts)}. {about['description']}")
    if tool.outputs:
        lines.append(f"  gives: text, files, json, {', '.join(tool.outputs)}")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    """A value as a person would type it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def built(package: Built) -> dict[str, Any]:
    """The document of `studio package build --json`."""
    return {
        "ok": True,
        "path": str(package.path),
        "identifier": package.identifier,
        "files": list(package.files),
        "size_bytes": package.size_bytes,
        "findings": [_finding(finding) for finding in package.findings],
    }


def built_text(package: Built) -> str:
    """The same for people."""
    lines = [str(package.path), package.identifier]
    lines += finding_lines(package.findings)
    return "\n".join([*lines, f"{len(package.files)} files, {package.size_bytes / 1024:.0f} KB"])


def report(verified: Report) -> dict[str, Any]:
    """The document of `studio package verify --json`."""
    return {
        "ok": verified.accepted_by_dify,
        "identifier": verified.identifier,
        "accepted_by_dify": verified.accepted_by_dify,
        "ready_for_marketplace": verified.ready_for_marketplace,
        "size_bytes": verified.size_bytes,
        "files": list(verified.files),
        "findings": [_finding(finding) for finding in verified.findings],
    }


def finding_lines(findings: Iterable[Finding]) -> list[str]:
    """One line per finding, and one for its hint."""
    lines = []
    for finding in findings:
        # The message names file and field itself.
        lines.append(f"{finding.severity:7}  {finding.message} [{finding.source}]")
        if finding.hint:
            lines.append(f"         {finding.hint}")
    return lines


def _finding(finding: Finding) -> dict[str, Any]:
    names = ("rule", "severity", "source", "file", "field", "message", "hint")
    return {name: str(getattr(finding, name)) for name in names}


def report_text(verified: Report) -> str:
    """The same for people."""
    lines = [verified.identifier or "(no identifier: the manifest cannot be read)"]
    lines += finding_lines(verified.findings)
    lines.append(
        "Dify accepts it." if verified.accepted_by_dify else "Dify would refuse it or fail with it."
    )
    if verified.accepted_by_dify and not verified.ready_for_marketplace:
        lines.append("The marketplace would not publish it as it is.")
    return "\n".join(lines)
