"""Dify plugin packages: build them, judge them, open them.

build(folder, out=None, *, marketplace=True) -> Built
verify(path) -> Report
extract(package, into) -> None
read_package(path) -> dict[str, bytes]
checksum(files) -> str
unique_identifier(author, name, version, files) -> str
"""

from runtime.package.archive import checksum, extract, read_package, unique_identifier
from runtime.package.build import build
from runtime.package.findings import Built, Finding, PackageRefused, Report, Severity, Source
from runtime.package.verify import verify

__all__ = [
    "Built",
    "Finding",
    "PackageRefused",
    "Report",
    "Severity",
    "Source",
    "build",
    "checksum",
    "extract",
    "read_package",
    "unique_identifier",
    "verify",
]
