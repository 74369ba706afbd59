"""Rules of a tool's YAML.

From the daemon's tool_declaration.go, the SDK's entities/tool.py (0.10.1), and Dify's casting
of parameters and variables (core/tools/entities/tool_entities.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime.package.findings import Findings, Source
from runtime.package.rules.fields import Fields, one_of
from runtime.package.rules.provider import check_identity
from runtime.package.rules.scopes import check_scope
from runtime.package.rules.yamlfile import Date, Word

PARAMETER_TYPES = (
    "string",
    "number",
    "boolean",
    "select",
    "secret-input",
    "file",
    "files",
    "app-selector",
    "model-selector",
    "any",
    "dynamic-select",
    "array",
    "object",
    "checkbox",
    "date",
    "date-range",
)
FORMS = ("schema", "form", "llm")
RESERVED_OUTPUTS = ("text", "files", "json")
_DATES = ("date", "date-range")
_SELECTS = ("select", "dynamic-select")
_DROPPED = ("placeholder", "input_schema", "show_on", "dynamic_select_lazy_load")
_JSON_TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")


def check_tool(data: Mapping[str, Any], file: str, findings: Findings) -> None:
    """Check a tool's YAML, apart from the source file that it names.

    Args:
        data: its content.
        file: its name.
        findings: where broken rules go.
    """
    fields = Fields(data, file, "", findings)
    check_identity(fields)
    description = fields.child("description", required=Source.SDK)
    if description is not None:
        description.i18n("human")
        description.text("llm")
    seen: set[str] = set()
    for parameter in fields.mappings("parameters"):
        name = _parameter(parameter)
        if name in seen:
            parameter.warning(
                Source.API,
                "parameter-twice",
                "name",
                f"is {name!r} again; a parameter's name is allowed once.",
            )
        if name:
            seen.add(name)
    if fields.boolean("has_runtime_parameters"):
        fields.warning(
            Source.SDK,
            "runtime-parameters",
            "has_runtime_parameters",
            "is true, but SDK 0.10.1 answers no request for them.",
            "Use a parameter of type dynamic-select.",
        )
    _outputs(fields)


def _parameter(fields: Fields) -> str | None:
    name = fields.text("name", most=1023)
    fields.i18n("label")
    fields.i18n("human_description")
    kind = fields.choice("type", PARAMETER_TYPES, "parameter-type", Source.SDK, required=True)
    form = fields.choice("form", FORMS, "parameter-form", Source.SDK, required=True)
    described = fields.text("llm_description", required=False, empty=True)
    if form == "llm" and not described:
        fields.warning(
            Source.API,
            "llm-description",
            "llm_description",
            "is empty; with form llm, an agent's model has nothing to go by.",
        )
    fields.boolean("required")
    fields.boolean("multiple", null=False)
    fields.number("precision", whole=True)
    check_scope(fields, kind)
    generate = fields.child("auto_generate")
    if generate is not None:
        generate.choice("type", ("prompt_instruction",), "auto-generate", Source.SDK, required=True)
    template = fields.child("template")
    if template is not None:
        template.boolean("enabled", null=False)
        if "enabled" not in template.data:
            template.error(
                Source.SDK, "missing", "enabled", "is missing; required is true or false."
            )
    for key in _DROPPED:
        if key in fields.data:
            fields.warning(
                Source.DAEMON, "dropped", key, "never reaches Dify: the daemon drops it."
            )
    if kind in _DATES:
        fields.warning(
            Source.API,
            "parameter-type",
            "type",
            f"is {kind!r}, which not every version of the SDK and of Dify knows.",
            "Use string.",
        )
    _default(fields, kind, _options(fields, kind))
    return name


def _options(fields: Fields, kind: str | None) -> list[str]:
    """The values of the options, as the SDK reads them: as text."""
    values = []
    for option in fields.mappings("options"):
        value = option.data.get("value")
        if isinstance(value, dict | list):
            option.error(Source.DAEMON, "wrong-type", "value", "is no single value.")
        elif value is None or value == "":
            option.error(
                Source.REMOTE if "value" in option.data else Source.SDK,
                "option-value",
                "value",
                "is missing or empty; a text is required.",
            )
        else:
            values.append(_as_text(value))
        if isinstance(value, Word):
            option.warning(
                Source.SDK,
                "option-word",
                "value",
                f"is the word {value.written!r} without quotes: text to the daemon, "
                f"'{bool(value)}' to the SDK.",
                f'Put it in quotes: "{value.written}".',
            )
        option.i18n("label")
        icon = option.data.get("icon")
        if icon is not None:
            option.text("icon", required=False, empty=True)
    if kind == "select" and not values:
        fields.error(
            Source.API, "options", "options", "is empty; a select needs at least one option."
        )
    return values


def _as_text(value: object) -> str:
    if isinstance(value, Word):
        return value.written
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _default(fields: Fields, kind: str | None, options: list[str]) -> None:
    multiple = fields.data.get("multiple") is True
    if multiple and kind is not None and kind not in _SELECTS:
        fields.error(
            Source.SDK,
            "multiple",
            "multiple",
            f"is true for type {kind!r}; allowed for {one_of(_SELECTS)} only.",
        )
    least, most = fields.number("min"), fields.number("max")
    if least is not None and most is not None and least > most:
        fields.warning(Source.API, "range", "min", f"is {least}, above max, which is {most}.")
    default = fields.data.get("default")
    if default is None:
        return
    if isinstance(default, Date):
        fields.error(
            Source.SDK,
            "default-date",
            "default",
            f"is the date {default}; the SDK allows text, numbers, booleans, lists and mappings.",
            f'Put it in quotes: "{default}".',
        )
    elif kind in _SELECTS and isinstance(default, list) != multiple:
        fields.error(
            Source.SDK,
            "multiple",
            "default",
            "must be a list if multiple is true, and a single value if it is not.",
        )
    elif kind == "select":
        _default_option(fields, default, options)
    elif kind == "number":
        _default_number(fields, default, least, most)


def _default_option(fields: Fields, default: object, options: list[str]) -> None:
    values = default if isinstance(default, list) else [default]
    for value in values:
        if options and _as_text(value) not in options:
            fields.error(
                Source.API,
                "default-option",
                "default",
                f"is {value!r}; allowed is {one_of(options)}.",
                "Without a value of the user's, Dify takes the default and then refuses it.",
            )
        elif not isinstance(value, str):
            fields.error(
                Source.API,
                "default-option",
                "default",
                f"is {_as_text(value)} without quotes; the options of a select are texts, and "
                "Dify does not find it among them.",
                f'Put it in quotes: "{_as_text(value)}".',
            )


def _default_number(
    fields: Fields, default: object, least: float | None, most: float | None
) -> None:
    if isinstance(default, int | float) and not isinstance(default, bool | Word):
        number = float(default)
    else:
        try:
            number = float(str(default))
        except ValueError:
            if default != "":
                fields.error(
                    Source.API,
                    "default-number",
                    "default",
                    f"is {default!r}; allowed is a number.",
                )
            return
        fields.warning(
            Source.API, "default-number", "default", f"is the text {default!r}; better a number."
        )
    if (least is not None and number < least) or (most is not None and number > most):
        fields.warning(
            Source.API,
            "default-range",
            "default",
            f"is {number:g}; allowed is {'any' if least is None else f'{least:g}'} to "
            f"{'any' if most is None else f'{most:g}'}.",
        )


def _outputs(fields: Fields) -> None:
    schema = fields.child("output_schema")
    properties = schema.child("properties") if schema is not None else None
    if properties is None:
        return
    for name in properties.data:
        if name in RESERVED_OUTPUTS:
            properties.error(
                Source.API,
                "output-reserved",
                str(name),
                "is a reserved name; Dify refuses a variable called text, files or json.",
                "Every tool has these three outputs anyway; choose another name.",
            )
        output = properties.child(str(name), required=Source.API)
        kind = output.data.get("type") if output is not None else None
        if output is not None and isinstance(kind, str) and kind not in _JSON_TYPES:
            output.warning(
                Source.API, "output-type", "type", f"is {kind!r}; allowed is {one_of(_JSON_TYPES)}."
            )
        elif output is not None and kind is None:
            output.warning(
                Source.API, "output-type", "type", "is missing; Dify shows the output as unknown."
            )
