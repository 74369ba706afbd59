"""The cases of a tool's YAML."""

from __future__ import annotations

from typing import Any

from tests.package_changes import ECHO, PROVIDER, Case, broken, drop, put


def _again(data: dict[str, Any]) -> None:
    data["parameters"].append(data["parameters"][0])


def _model_selector(data: dict[str, Any], scope: str) -> None:
    data["parameters"][0].update(type="model-selector", scope=scope)


TOOL_CASES: tuple[Case, ...] = (
    # the tool
    broken(ECHO, "error", "daemon", "duplicate-key", "identity", "identity: {}\nidentity: {}\n"),
    broken(ECHO, "error", "sdk", "missing", "identity.author", drop("identity.author")),
    broken(ECHO, "error", "remote", "identity-name", "identity.name", put("identity.name", "écho")),
    broken(ECHO, "error", "sdk", "missing", "description", drop("description")),
    broken(ECHO, "error", "sdk", "missing", "description.llm", drop("description.llm")),
    broken(ECHO, "error", "remote", "missing", "description.llm", put("description.llm", "")),
    broken(
        ECHO,
        "error",
        "sdk",
        "missing",
        "parameters[0].human_description",
        drop("parameters.0.human_description"),
    ),
    broken(
        ECHO,
        "error",
        "sdk",
        "parameter-type",
        "parameters[0].type",
        put("parameters.0.type", "text"),
    ),
    broken(
        ECHO,
        "warning",
        "api",
        "parameter-type",
        "parameters[0].type",
        put("parameters.0.type", "date"),
    ),
    broken(
        ECHO,
        "error",
        "sdk",
        "parameter-form",
        "parameters[0].form",
        put("parameters.0.form", "llms"),
    ),
    broken(ECHO, "error", "sdk", "missing", "parameters[0].form", drop("parameters.0.form")),
    broken(
        ECHO,
        "warning",
        "api",
        "llm-description",
        "parameters[0].llm_description",
        drop("parameters.0.llm_description"),
    ),
    broken(
        ECHO,
        "error",
        "daemon",
        "wrong-type",
        "parameters[0].required",
        put("parameters.0.required", "perhaps"),
    ),
    broken(ECHO, "warning", "api", "parameter-twice", "parameters[3].name", _again),
    broken(
        ECHO,
        "warning",
        "daemon",
        "dropped",
        "parameters[0].show_on",
        put("parameters.0.show_on", []),
    ),
    broken(
        ECHO,
        "error",
        "remote",
        "scope",
        "parameters[0].scope",
        lambda data: _model_selector(data, "all"),
    ),
    broken(
        ECHO,
        "warning",
        "remote",
        "scope",
        "parameters[0].scope",
        lambda data: _model_selector(data, "llm&all"),
    ),
    broken(
        ECHO, "error", "remote", "scope", "parameters[0].scope", put("parameters.0.scope", "llm")
    ),
    broken(
        ECHO, "error", "daemon", "wrong-type", "parameters[1].min", put("parameters.1.min", "one")
    ),
    broken(ECHO, "warning", "api", "range", "parameters[1].min", put("parameters.1.min", 10)),
    broken(
        ECHO,
        "warning",
        "api",
        "default-range",
        "parameters[1].default",
        put("parameters.1.default", 99),
    ),
    broken(
        ECHO,
        "warning",
        "api",
        "default-number",
        "parameters[1].default",
        put("parameters.1.default", "5"),
    ),
    broken(
        ECHO,
        "error",
        "api",
        "default-number",
        "parameters[1].default",
        put("parameters.1.default", "five"),
    ),
    broken(ECHO, "error", "api", "options", "parameters[2].options", drop("parameters.2.options")),
    broken(
        ECHO,
        "error",
        "remote",
        "option-value",
        "parameters[2].options[0].value",
        put("parameters.2.options.0.value", ""),
    ),
    broken(
        ECHO,
        "error",
        "sdk",
        "missing",
        "parameters[2].options[1].label",
        drop("parameters.2.options.1.label"),
    ),
    broken(
        ECHO,
        "error",
        "api",
        "default-option",
        "parameters[2].default",
        put("parameters.2.default", "shrill"),
    ),
    broken(
        ECHO,
        "error",
        "sdk",
        "multiple",
        "parameters[2].default",
        put("parameters.2.default", ["plain"]),
    ),
    broken(
        ECHO,
        "error",
        "sdk",
        "multiple",
        "parameters[0].multiple",
        put("parameters.0.multiple", True),
    ),
    broken(
        ECHO,
        "error",
        "sdk",
        "auto-generate",
        "parameters[0].auto_generate.type",
        put("parameters.0.auto_generate", {"type": "magic"}),
    ),
    broken(
        ECHO,
        "error",
        "api",
        "output-reserved",
        "output_schema.properties.text",
        put("output_schema.properties.text", {"type": "string"}),
    ),
    broken(
        ECHO,
        "error",
        "daemon",
        "wrong-type",
        "output_schema",
        put("output_schema", ["echo"]),
    ),
    broken(
        ECHO,
        "warning",
        "api",
        "output-type",
        "output_schema.properties.echo.type",
        put("output_schema.properties.echo", {}),
    ),
    broken(
        ECHO,
        "warning",
        "sdk",
        "runtime-parameters",
        "has_runtime_parameters",
        put("has_runtime_parameters", True),
    ),
    broken(
        ECHO,
        "warning",
        "sdk",
        "source-suffix",
        "extra.python.source",
        put("extra.python.source", "tools/echo.yaml"),
    ),
    broken(PROVIDER, "error", "sdk", "missing", "identity", drop("identity")),
    broken(ECHO, "error", "sdk", "missing", "identity", drop("identity")),
    broken(ECHO, "error", "daemon", "wrong-type", "identity.name", put("identity.name", ["echo"])),
    broken(ECHO, "error", "daemon", "wrong-type", "parameters[0]", put("parameters", ["message"])),
    broken(
        ECHO,
        "error",
        "sdk",
        "option-value",
        "parameters[2].options[0].value",
        drop("parameters.2.options.0.value"),
    ),
    broken(
        ECHO,
        "error",
        "daemon",
        "wrong-type",
        "parameters[2].options[0].value",
        put("parameters.2.options.0.value", ["plain"]),
    ),
)
