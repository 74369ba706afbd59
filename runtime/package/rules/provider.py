"""Rules of a tool provider's YAML.

From the daemon's tool_declaration.go and config.go, the SDK's entities/tool.py and
entities/provider_config.py (0.10.1), and Dify's check of credentials against their schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime.package.findings import Findings, Source
from runtime.package.rules.fields import Fields, one_of
from runtime.package.rules.manifest import TAGS, check_icon, check_tags
from runtime.package.rules.scopes import check_scope

CREDENTIAL_TYPES = (
    "secret-input",
    "text-input",
    "select",
    "boolean",
    "model-selector",
    "app-selector",
    "array[tools]",
)
_IDENTIFIER = r"[a-zA-Z0-9_-]+"
_IDENTIFIER_WORDS = "one or more out of a-z, A-Z, 0-9, '_' and '-'"
SDK_TAGS = [tag for tag in TAGS if tag not in ("agent", "trigger")]


def check_identity(fields: Fields) -> Fields | None:
    """What the identities of providers and tools have in common; the identity, if there is one."""
    identity = fields.child("identity", required=Source.SDK)
    if identity is not None:
        identity.text("author")
        identity.text("name", pattern=_IDENTIFIER, allowed=_IDENTIFIER_WORDS, rule="identity-name")
        identity.i18n("label")
    return identity


def check_provider(
    data: Mapping[str, Any], file: str, assets: frozenset[str], findings: Findings
) -> list[str]:
    """Check a provider's YAML, apart from the files that it names.

    Args:
        data: its content.
        file: its name.
        assets: names of the files in _assets, without that folder.
        findings: where broken rules go.

    Returns:
        The tool files that it lists.
    """
    fields = Fields(data, file, "", findings)
    identity = check_identity(fields)
    if identity is not None:
        identity.i18n("description")
        check_icon(identity, "icon", assets, required=Source.SDK)
        check_icon(identity, "icon_dark", assets, required=None)
        check_tags(identity, Source.SDK, SDK_TAGS)
    _credentials(fields)
    oauth = fields.child("oauth_schema")
    if oauth is not None:
        for schema in ("client_schema", "credentials_schema"):
            for credential in oauth.mappings(schema, null=False):
                credential.text("name", most=1023)
                _credential(credential)
    return _tools(fields)


def _tools(fields: Fields) -> list[str]:
    paths = []
    for number, path in enumerate(fields.list("tools", null=False)):
        if isinstance(path, str):
            paths.append(path)
        else:
            fields.error(
                Source.SDK,
                "wrong-type",
                f"tools[{number}]",
                "is no text; allowed is the path of a tool's YAML file.",
            )
    if not paths:
        fields.warning(
            Source.SDK, "no-tools", "tools", "lists no tool; a provider without tools is useless."
        )
    return paths


def _credentials(fields: Fields) -> None:
    if "credentials_schema" in fields.data:
        fields.warning(
            Source.SDK,
            "credentials-schema",
            "credentials_schema",
            "is known to the daemon only; the SDK ignores it.",
            "Use credentials_for_provider, a mapping of names to settings.",
        )
    name = "credentials_for_provider"
    if name not in fields.data:
        return
    given = fields.data[name]
    if not isinstance(given, dict):
        came = "null" if given is None else f"a {type(given).__name__}"
        fields.error(
            Source.SDK,
            "credentials-mapping",
            name,
            f"is {came}; allowed is a mapping of names to settings.",
            "Leave the key out if there are no credentials.",
        )
        return
    schema = fields.inside(given, name)
    for credential in given:
        settings = schema.child(str(credential), required=Source.SDK)
        if settings is not None:
            _credential(settings)


def _credential(fields: Fields) -> None:
    kind = fields.choice("type", CREDENTIAL_TYPES, "credential-type", Source.SDK, required=True)
    fields.i18n("label")
    fields.i18n("help", required=False)
    fields.i18n("placeholder", required=False)
    fields.text("url", required=False, empty=True)
    fields.boolean("required", null=False)
    fields.boolean("multiple")
    check_scope(fields, kind)
    options = list(fields.mappings("options"))
    if len(options) >= 128:
        fields.error(
            Source.REMOTE, "options", "options", f"has {len(options)} entries; allowed are 127."
        )
    values = []
    for option in options:
        values.append(option.text("value", most=127))
        option.i18n("label")
    default = fields.data.get("default")
    if isinstance(default, dict | list):
        fields.error(
            Source.REMOTE,
            "credential-default",
            "default",
            "is no single value; allowed is a text, a number or a boolean.",
        )
        return
    if kind == "select":
        known = [value for value in values if value is not None]
        if not known:
            fields.error(
                Source.API, "options", "options", "is empty; a select needs at least one option."
            )
        elif default not in (None, "") and default not in known:
            fields.error(
                Source.API,
                "default-option",
                "default",
                f"is {default!r}; allowed is {one_of(known)}.",
            )
