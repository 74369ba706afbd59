"""From a plugin's folder to a .difypkg."""

from __future__ import annotations

from pathlib import Path

from runtime.errors import UsageError
from runtime.package.archive import unique_identifier, write_package
from runtime.package.findings import Built, Findings, PackageRefused, Severity, Source
from runtime.package.folder import read_folder
from runtime.package.rules import check


def build(folder: Path, out: Path | None = None, *, marketplace: bool = True) -> Built:
    """Check a plugin's folder against every rule and write its package.

    The same files give the same bytes. Nothing is written unless every rule is kept, and the
    package appears under its name when it is complete.

    Args:
        folder: the plugin, with manifest.yaml at its top.
        out: the package file; by default dist/<name>-<version>.difypkg where the caller stands.
        marketplace: refuse what only the marketplace refuses as well.

    Raises:
        UsageError: `folder` is no folder.
        PackageInvalid: a rule is broken; `findings` has all of them.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Give the folder of a Dify plugin.")
    findings = Findings()
    files = read_folder(folder.resolve(), findings)
    identity = check(files, findings)
    found = findings.all()
    if any(
        f.severity is Severity.ERROR and (marketplace or f.source is not Source.MARKETPLACE)
        for f in found
    ):
        refused = [f for f in found if marketplace or f.source is not Source.MARKETPLACE]
        raise PackageRefused(str(folder), refused)
    identifier = unique_identifier(identity.author, identity.name, identity.version, files)
    path = out or Path("dist") / f"{identity.name}-{identity.version}.difypkg"
    size = write_package(files, path)
    return Built(
        path=path,
        identifier=identifier,
        files=tuple(sorted(files)),
        size_bytes=size,
        findings=found,
    )
