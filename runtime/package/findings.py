"""What is wrong with a plugin, and who says so.

An *error* makes somebody refuse the plugin: `dify plugin package` (cli), the daemon when the
package is uploaded or installed (daemon), the plugin's own start (sdk), the daemon when the
plugin registers for remote debugging, where it is stricter (remote), Dify when the tool is
used (api), or the marketplace's checks (marketplace). A *warning* is refused by nobody and
still worth a look.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from runtime.errors import PackageInvalid


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"


class Source(StrEnum):
    """Who enforces a rule; the first one on the plugin's way, where several do."""

    CLI = "cli"
    DAEMON = "daemon"
    SDK = "sdk"
    REMOTE = "remote"
    API = "api"
    MARKETPLACE = "marketplace"


_INSTALLING = frozenset({Source.CLI, Source.DAEMON, Source.SDK})


class Finding(BaseModel):
    """One broken rule."""

    model_config = ConfigDict(frozen=True)

    rule: str = Field(description="stable id of the rule, for example 'author'")
    severity: Severity
    source: Source = Field(description="who enforces the rule")
    file: str = Field(description="file inside the package, or '' for the package itself")
    field: str = Field(description="path inside the file, for example 'parameters[0].type', or ''")
    message: str = Field(description="one sentence: where, what came, what is allowed")
    hint: str = Field("", description="what to do")


class Report(BaseModel):
    """What `verify` found."""

    model_config = ConfigDict(frozen=True)

    identifier: str = Field(description="author/name:version@checksum, or '' if there is none")
    author: str
    name: str
    version: str
    files: tuple[str, ...] = Field(description="names of the files in the package, sorted")
    size_bytes: int = Field(description="size of the package file; of a folder, of its files")
    unpacked_bytes: int = Field(description="size of all files together, uncompressed")
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that make somebody refuse the plugin."""
        return tuple(f for f in self.findings if f.severity is Severity.ERROR)

    @property
    def accepted_by_dify(self) -> bool:
        """Its CLI packages it, the daemon installs it, and the SDK starts it.

        What only remote debugging refuses, and what fails when a tool is used, is an error
        among `findings` all the same.
        """
        return not any(f.source in _INSTALLING for f in self.errors)

    @property
    def ready_for_marketplace(self) -> bool:
        """No error at all; its reviewers may still ask about the warnings."""
        return not self.errors


class Built(BaseModel):
    """What `build` wrote."""

    model_config = ConfigDict(frozen=True)

    path: Path
    identifier: str = Field(description="author/name:version@checksum")
    files: tuple[str, ...] = Field(description="names of the files in the package, sorted")
    size_bytes: int = Field(description="size of the package file")
    findings: tuple[Finding, ...] = Field(description="warnings, and errors that were let pass")


@dataclass
class Findings:
    """Collects findings while rules run; a finding reported twice is kept once."""

    found: dict[Finding, None] = field(default_factory=dict)

    def add(
        self,
        severity: Severity,
        source: Source,
        rule: str,
        file: str,
        where: str,
        message: str,
        hint: str = "",
    ) -> None:
        """Note a broken rule; `where` is the field, or ''."""
        finding = Finding(
            rule=rule,
            severity=severity,
            source=source,
            file=file,
            field=where,
            message=message,
            hint=hint,
        )
        self.found.setdefault(finding)

    def error(
        self, source: Source, rule: str, file: str, where: str, message: str, hint: str = ""
    ) -> None:
        """Note something that `source` refuses."""
        self.add(Severity.ERROR, source, rule, file, where, message, hint)

    def warning(
        self, source: Source, rule: str, file: str, where: str, message: str, hint: str = ""
    ) -> None:
        """Note something that is refused by nobody."""
        self.add(Severity.WARNING, source, rule, file, where, message, hint)

    def all(self) -> tuple[Finding, ...]:
        """Errors first, otherwise in the order they were found."""
        return tuple(sorted(self.found, key=lambda f: f.severity is not Severity.ERROR))


class PackageRefused(PackageInvalid):
    """A `PackageInvalid` that carries everything that was found.

    Args:
        where: the package or folder, for people.
        findings: what was found; the first error gives the message.
    """

    def __init__(self, where: str, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        errors = [f for f in self.findings if f.severity is Severity.ERROR]
        first = errors[0]
        more = len(errors) - 1
        others = f" ({more} more {'error' if more == 1 else 'errors'})" if more else ""
        super().__init__(f"{where}: {first.message}{others}", first.hint)
