"""Rules of manifest.yaml.

From the daemon's plugin_declaration.go, version.go, tags.go and identity.go, and the SDK's
core/entities/plugin/setup.py (0.10.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from packaging.version import InvalidVersion, Version

from runtime.package.archive import MANIFEST
from runtime.package.findings import Findings, Source
from runtime.package.rules.fields import Fields
from runtime.package.rules.yamlfile import Date

TAGS = [
    "search",
    "image",
    "videos",
    "weather",
    "finance",
    "design",
    "travel",
    "social",
    "news",
    "medical",
    "productivity",
    "education",
    "business",
    "entertainment",
    "utilities",
    "agent",
    "rag",
    "other",
    "trigger",
]
KINDS = ("tools", "models", "endpoints", "agent_strategies", "datasources", "triggers")
PERMISSIONS: Mapping[str, tuple[str, ...]] = {
    "tool": ("enabled",),
    "model": (
        "enabled",
        "llm",
        "text_embedding",
        "rerank",
        "tts",
        "speech2text",
        "moderation",
    ),
    "node": ("enabled",),
    "endpoint": ("enabled",),
    "app": ("enabled",),
    "storage": ("enabled",),
}
STORAGE_BYTES = (1024, 1_073_741_824)
VERSION = r"\d{1,4}(\.\d{1,4}){2}(-\w{1,16})?"

_NAME = "1 to {} characters out of a-z, 0-9, '_' and '-'"
_QUOTED_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_PLAIN_TIME = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}"
    r"([Tt]\d{1,2}:\d{1,2}:\d{1,2}(\.\d+)?(Z|[+-]\d\d:\d\d)| +\d{1,2}:\d{1,2}:\d{1,2}(\.\d+)?)?"
)


def check_manifest(data: Mapping[str, Any], assets: frozenset[str], findings: Findings) -> None:
    """Check manifest.yaml, apart from the files that it names.

    Args:
        data: its content.
        assets: names of the files in _assets, without that folder.
        findings: where broken rules go.
    """
    fields = Fields(data, MANIFEST, "", findings, Source.CLI)
    version = fields.text(
        "version",
        pattern=VERSION,
        allowed="three numbers of 1 to 4 digits, for example 1.0.0",
        rule="version",
    )
    if version:
        _python_version(fields, "version", version)
    fields.choice("type", ("plugin",), "type", Source.CLI, required=True)
    author = fields.text(
        "author",
        missing=Source.DAEMON,
        pattern=r"[a-z0-9_-]{1,64}",
        allowed=_NAME.format(64),
        rule="author",
        source=Source.DAEMON,
    )
    if author:
        _author(fields, author)
    fields.text(
        "name",
        pattern=r"[a-z0-9_-]{1,128}",
        allowed=_NAME.format(128),
        rule="name",
        source=Source.DAEMON,
    )
    fields.i18n("label")
    fields.i18n("description")
    check_icon(fields, "icon", assets, required=Source.CLI)
    check_icon(fields, "icon_dark", assets, required=None)
    _created_at(fields)
    check_tags(fields, Source.CLI, TAGS)
    repo = fields.text("repo", required=False, empty=True)
    if repo is not None and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:(//)?[^\s]", repo):
        fields.error(
            Source.CLI,
            "repo",
            "repo",
            f"is {repo!r}; allowed is an address, such as https://example.com/parrot.",
        )
    fields.text("privacy", required=False, empty=True)
    _resource(fields)
    _plugins(fields)
    _meta(fields)


def check_icon(
    fields: Fields, name: str, assets: frozenset[str], *, required: Source | None
) -> None:
    """An icon: a bare name of a file in _assets; the daemon looks for it at upload."""
    icon = fields.text(
        name, required=required is not None, missing=required, empty=required is None, most=128
    )
    if icon and icon not in assets:
        fields.error(
            Source.CLI if name == "icon" else Source.DAEMON,
            "icon-missing",
            name,
            f"is {icon!r}; allowed is the name of a file in _assets, without the folder.",
            f"Put {icon.rsplit('/', 1)[-1]} into _assets/, and write its bare name here."
            if assets
            else "Create the folder _assets/ with the icon in it.",
        )


def check_tags(fields: Fields, source: Source, allowed: list[str]) -> None:
    """A list of tags."""
    for number, tag in enumerate(fields.list("tags")):
        if tag not in allowed:
            fields.error(
                source,
                "tag",
                f"tags[{number}]",
                f"is {tag!r}; allowed is one of {', '.join(allowed)}.",
            )


def _python_version(fields: Fields, name: str, version: str) -> None:
    try:
        Version(version)
    except InvalidVersion:
        fields.error(
            Source.SDK,
            "version-pep440",
            name,
            f"is {version!r}; the SDK allows Python versions only (PEP 440).",
            "Use X.Y.Z, or X.Y.Z-rc1.",
        )


def _author(fields: Fields, author: str) -> None:
    try:
        UUID(author)
    except ValueError:
        pass
    else:
        fields.error(
            Source.DAEMON,
            "author-uuid",
            "author",
            f"is {author!r}; a UUID is not allowed, since it marks remote debugging.",
        )
    for word in ("langgenius", "dify"):
        if word in author:
            fields.error(
                Source.MARKETPLACE,
                "author-reserved",
                "author",
                f"is {author!r}; the marketplace allows no author with {word!r} in it.",
            )


def _created_at(fields: Fields) -> None:
    value = fields.data.get("created_at")
    allowed = "a date and time such as 2026-01-31T12:00:00Z"
    if value is None:
        fields.error(Source.CLI, "missing", "created_at", f"is missing; required is {allowed}.")
        return
    form = _PLAIN_TIME if isinstance(value, Date) else _QUOTED_TIME
    moment = _moment(value) if isinstance(value, str) and form.fullmatch(value) else None
    if moment is None:
        fields.error(
            Source.DAEMON, "created-at", "created_at", f"is {value!r}; allowed is {allowed}."
        )
    elif moment > datetime.now(UTC):
        fields.error(
            Source.MARKETPLACE,
            "created-at-future",
            "created_at",
            f"is {value}; the marketplace allows no date in the future.",
        )


def _moment(text: str) -> datetime | None:
    day, clock = re.fullmatch(r"(\d+-\d+-\d+)[Tt ]*(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    try:
        year, month, number = (int(part) for part in day.split("-"))
        # The hour matters to nobody here: a date is in the future or it is not.
        hours = re.match(r"(\d+):(\d+):(\d+)", clock)
        if hours and not all(
            int(part) < limit for part, limit in zip(hours.groups(), (24, 60, 60), strict=True)
        ):
            return None
        return datetime.combine(date(year, month, number), datetime.min.time(), UTC)
    except ValueError:
        return None


def _resource(fields: Fields) -> None:
    resource = fields.child("resource", required=Source.CLI)
    if resource is None:
        return
    memory = resource.number("memory", whole=True)
    if not memory and (memory == 0 or "memory" not in resource.data):
        resource.error(
            Source.CLI, "memory", "memory", "is missing or 0; required is a number of bytes."
        )
    permission = resource.child("permission")
    if permission is None:
        return
    for kind, switches in PERMISSIONS.items():
        granted = permission.child(kind)
        if granted is None:
            continue
        for switch in switches:
            granted.boolean(switch)
        if kind == "storage":
            least, most = STORAGE_BYTES
            size = granted.number("size", whole=True)
            if (size is not None and not least <= size <= most) or "size" not in granted.data:
                granted.error(
                    Source.CLI,
                    "storage-size",
                    "size",
                    f"is {'missing' if size is None else int(size)}; allowed is {least} to {most} "
                    "bytes, also when storage is off.",
                )


def _plugins(fields: Fields) -> None:
    plugins = fields.child("plugins", required=Source.DAEMON)
    if plugins is None:
        return
    given = {}
    for kind in KINDS:
        paths = plugins.list(kind, null=False)
        given[kind] = len(paths)
        for number, path in enumerate(paths):
            if isinstance(path, str) and len(path) > 128:
                plugins.error(
                    Source.CLI,
                    "too-long",
                    f"{kind}[{number}]",
                    f"has {len(path)} characters; allowed are 128.",
                )
        if len(paths) > 1:
            plugins.warning(
                Source.DAEMON,
                "several-providers",
                kind,
                f"lists {len(paths)} providers; the daemon keeps the last one only.",
            )
    kinds = [kind for kind, number in given.items() if number]
    if not kinds:
        plugins.error(
            Source.DAEMON,
            "no-provider",
            "tools",
            f"and the other lists are empty; one of {', '.join(KINDS)} must name a provider file.",
        )
    elif len(kinds) > 1 and set(kinds) != {"tools", "endpoints"}:
        plugins.error(
            Source.DAEMON,
            "kinds-together",
            kinds[0],
            f"is given together with {', '.join(kinds[1:])}; only tools and endpoints may be "
            "combined.",
        )


def _meta(fields: Fields) -> None:
    meta = fields.child("meta", required=Source.CLI)
    if meta is None:
        return
    meta.text(
        "version",
        pattern=VERSION,
        allowed="three numbers, for example 0.0.1 (the manifest's format, not the plugin)",
        rule="version",
    )
    if meta.data.get("arch") is None:
        meta.error(Source.CLI, "missing", "arch", "is missing; required is a list of amd64, arm64.")
    for number, arch in enumerate(meta.list("arch")):
        if arch not in ("amd64", "arm64"):
            meta.error(
                Source.CLI, "arch", f"arch[{number}]", f"is {arch!r}; allowed is amd64 or arm64."
            )
    least = meta.text("minimum_dify_version", required=False, empty=True)
    if least is not None:
        _python_version(meta, "minimum_dify_version", least)
    runner = meta.child("runner", required=Source.CLI)
    if runner is None:
        return
    runner.choice("language", ("python",), "language", Source.CLI, required=True)
    version = runner.text("version", most=128)
    if version and version != "3.12":
        runner.warning(
            Source.DAEMON,
            "runner-version",
            "version",
            f"is {version!r}; the daemon runs every plugin on Python 3.12.",
        )
    runner.text("entrypoint", most=256)
