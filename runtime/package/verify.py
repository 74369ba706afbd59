"""What is wrong with a package, or a folder, that may come from anybody."""

from __future__ import annotations

from pathlib import Path

from runtime.errors import PackageInvalid, UsageError
from runtime.package.archive import scan, unique_identifier
from runtime.package.findings import Findings, Report
from runtime.package.folder import read_folder
from runtime.package.rules import check


def verify(path: Path) -> Report:
    """Check a .difypkg, or a plugin's folder as it would be packaged.

    Nothing is extracted. A package that is damaged or unsafe is reported, not raised.

    Raises:
        UsageError: there is nothing at `path`.
    """
    if not path.exists():
        raise UsageError(f"There is no file or folder {path}.", "Give a .difypkg file or a folder.")
    findings = Findings()
    files = read_folder(path.resolve(), findings) if path.is_dir() else scan(path, findings)
    if files is None:
        return Report(
            identifier="",
            author="",
            name="",
            version="",
            files=(),
            size_bytes=path.stat().st_size,
            unpacked_bytes=0,
            findings=findings.all(),
        )
    identity = check(files, findings)
    try:
        identifier = unique_identifier(identity.author, identity.name, identity.version, files)
    except PackageInvalid:
        # The rules of author, name and version have said why.
        identifier = ""
    unpacked = sum(len(data) for data in files.values())
    return Report(
        identifier=identifier,
        author=identity.author,
        name=identity.name,
        version=identity.version,
        files=tuple(sorted(files)),
        size_bytes=path.stat().st_size if path.is_file() else unpacked,
        unpacked_bytes=unpacked,
        findings=findings.all(),
    )
