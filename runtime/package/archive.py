"""Package files: reading them without trusting them, writing them reproducibly.

A .difypkg is a zip archive. What the daemon's decoder accepts was observed by running it
(directory entries, LZMA, backslashes and names with a leading '/' or '..' are refused);
encrypted entries, duplicates and archives that grow beyond the size limit are refused here
even where the decoder would read them.
"""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path, PurePosixPath

from runtime.errors import PackageInvalid
from runtime.files import write_whole
from runtime.package.findings import Findings, PackageRefused, Source

MAX_PACKAGE_BYTES = 52_428_800
"""The daemon's MAX_PACKAGE_SIZE default: for the file, and for all files uncompressed."""

MANIFEST = "manifest.yaml"

_METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflate"}
_ENCRYPTED = 0x1
_MAX_NAME_BYTES = 255
_CHUNK = 1 << 16
_IDENTIFIER = re.compile(
    r"(?:[a-z0-9_-]{1,64}/)?[a-z0-9_-]{1,255}:[0-9]{1,4}(?:\.[0-9]{1,4}){1,3}(?:-\w{1,16})?"
    r"@[a-f0-9]{32,64}",
    re.ASCII,
)

_NAME_RULES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("has no name", lambda name: not name),
    ("has control characters in its name", lambda name: any(ord(sign) < 32 for sign in name)),
    ("has a backslash in its name; only '/' separates folders", lambda name: "\\" in name),
    (
        "has an absolute path; only paths inside the package are allowed",
        lambda name: name.startswith("/") or re.match(r"[A-Za-z]:", name) is not None,
    ),
    ("is a folder; a package holds files only", lambda name: name.endswith("/")),
    ("climbs out of the package with '..'", lambda name: ".." in name.split("/")),
    ("has an empty or '.' part in its path", lambda name: bool({"", "."} & {*name.split("/")})),
    (
        f"has a part of its path that is longer than {_MAX_NAME_BYTES} bytes",
        lambda name: any(len(part.encode()) > _MAX_NAME_BYTES for part in name.split("/")),
    ),
)


def checksum(files: Mapping[str, bytes]) -> str:
    """The daemon's checksum of a package's files: 64 hexadecimal digits.

    SHA-256 over SHA-256(name) + SHA-256(content) of each file, sorted by the bytes of the
    name (decoder/checksum.go); independent of order, compression and dates in the archive.
    """
    names = sorted(files, key=str.encode)
    digests = (sha256(name.encode()).digest() + sha256(files[name]).digest() for name in names)
    return sha256(b"".join(digests)).hexdigest()


def unique_identifier(author: str, name: str, version: str, files: Mapping[str, bytes]) -> str:
    """author/name:version@checksum, by which the daemon knows a package.

    Raises:
        PackageInvalid: the daemon would refuse the identifier (identity.go).
    """
    owner = f"{author}/" if author else ""
    identifier = f"{owner}{name}:{version}@{checksum(files)}"
    if not _IDENTIFIER.fullmatch(identifier):
        raise PackageInvalid(
            f"{identifier} is not a valid plugin identifier: author and name take a-z, 0-9, '_' "
            "and '-', the version takes 2 to 4 numbers.",
            "Correct author, name and version in manifest.yaml.",
        )
    return identifier


def read_package(path: Path) -> dict[str, bytes]:
    """All files of a package, by name; nothing is written anywhere.

    Raises:
        PackageInvalid: the file is missing, no zip archive, damaged or unsafe; `findings`
            says why.
    """
    findings = Findings()
    files = scan(path, findings)
    if files is None:
        raise PackageRefused(path.name, findings.all())
    return files


def extract(package: Path, into: Path) -> None:
    """Write a package's files below `into`, which is created if needed.

    Every entry is checked before the first file is written.

    Raises:
        PackageInvalid: see `read_package`; or a file is in the way.
    """
    files = read_package(package)
    root = into.resolve()
    for name, data in files.items():
        target = root / name
        # A link that was in the folder before must not lead the files out of it.
        if not target.parent.resolve().is_relative_to(root) or target.is_symlink():
            raise PackageInvalid(
                f"{package.name}: {name} would be written through a link in {into}.",
                "Extract into an empty folder.",
            )
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise PackageInvalid(
                f"{package.name}: {name} cannot be written into {into}: {error.strerror}.",
                "Extract into an empty folder.",
            ) from None


def scan(path: Path, findings: Findings) -> dict[str, bytes] | None:
    """All files of a package, or None if the archive itself is refused.

    What is wrong with the archive goes into `findings`, as errors of the daemon.
    """
    if not path.is_file():
        _refuse(findings, "no-package", "", f"There is no package file at {path}.")
        return None
    size = path.stat().st_size
    if size > MAX_PACKAGE_BYTES:
        _refuse(
            findings,
            "package-size",
            "",
            f"The package file is {size} bytes; the limit is {MAX_PACKAGE_BYTES} bytes.",
        )
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            problems = _problems(entries)
            for name, rule, problem in problems:
                _refuse(findings, rule, name, problem)
            return None if problems else _read(archive, entries, findings)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, ValueError) as error:
        _refuse(
            findings,
            "not-a-zip",
            "",
            f"The file is no zip archive, or it is cut short or damaged: {error}.",
            "Download or build the package again.",
        )
    return None


def _refuse(findings: Findings, rule: str, name: str, message: str, hint: str = "") -> None:
    hint = hint or "Build the package with `studio package build` or `dify plugin package`."
    findings.error(Source.DAEMON, rule, name, "", message, hint)


def _problems(entries: list[zipfile.ZipInfo]) -> list[tuple[str, str, str]]:
    """(name, rule, message) of each entry that must not be read."""
    problems = []
    seen: set[str] = set()
    # The names before zipfile cut them at a NUL or turned separators: those are the daemon's.
    names = [entry.orig_filename for entry in entries]
    folders = {str(parent) for name in names for parent in PurePosixPath(name).parents}
    for name, entry in zip(names, entries, strict=True):
        unsafe = unsafe_name(name)
        if unsafe:
            problems.append((name, "entry-name", f"The entry {name!r} {unsafe}."))
        elif name in seen:
            problems.append((name, "entry-duplicate", f"The entry {name!r} is there twice."))
        elif name in folders:
            problems.append(
                (name, "entry-conflict", f"The entry {name!r} is a file and a folder at once.")
            )
        elif entry.flag_bits & _ENCRYPTED:
            problems.append((name, "entry-encrypted", f"The entry {name!r} is encrypted."))
        elif entry.compress_type not in _METHODS:
            problems.append(
                (
                    name,
                    "entry-compression",
                    f"The entry {name!r} is compressed with method {entry.compress_type}; the "
                    "daemon reads stored and deflated entries.",
                )
            )
        seen.add(name)
    declared = sum(entry.file_size for entry in entries)
    if declared > MAX_PACKAGE_BYTES:
        problems.append(
            (
                "",
                "unpacked-size",
                f"The files are {declared} bytes uncompressed; the limit is "
                f"{MAX_PACKAGE_BYTES} bytes.",
            )
        )
    return problems


def unsafe_name(name: str) -> str:
    """Why a name must not be in a package, as the end of a sentence, or ''."""
    return next((why for why, broken in _NAME_RULES if broken(name)), "")


def _read(
    archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], findings: Findings
) -> dict[str, bytes] | None:
    files: dict[str, bytes] = {}
    left = MAX_PACKAGE_BYTES
    for entry in entries:
        if stat.S_ISLNK(entry.external_attr >> 16):
            findings.warning(
                Source.DAEMON,
                "entry-link",
                entry.filename,
                "",
                f"The entry {entry.filename!r} is a symbolic link; the daemon writes its target "
                "as the text of a file.",
                "Package the file itself.",
            )
        content = bytearray()
        try:
            with archive.open(entry) as stream:
                # The declared size is the archive's word; what comes out is counted.
                while left >= 0 and (part := stream.read(_CHUNK)):
                    content += part
                    left -= len(part)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            _refuse(
                findings,
                "entry-damaged",
                entry.filename,
                f"The entry {entry.filename!r} cannot be read: {error}.",
                "Download or build the package again.",
            )
            return None
        if left < 0:
            _refuse(
                findings,
                "unpacked-size",
                entry.filename,
                f"The files grow beyond {MAX_PACKAGE_BYTES} bytes when they are uncompressed, at "
                f"{entry.filename!r}.",
            )
            return None
        files[entry.filename] = bytes(content)
    return files


def write_package(files: Mapping[str, bytes], path: Path) -> int:
    """Write a .difypkg; the same files give the same bytes. Returns its size in bytes.

    The file appears under its name when it is complete, never before.

    Raises:
        PackageInvalid: it is larger than the daemon accepts, or cannot be written.
    """
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files, key=str.encode):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, files[name])
    data = packed.getvalue()
    if len(data) > MAX_PACKAGE_BYTES:
        raise PackageInvalid(
            f"The package would be {len(data)} bytes; the daemon accepts {MAX_PACKAGE_BYTES}.",
            "Leave large files out with .difyignore.",
        )
    try:
        write_whole(path, data)
    except OSError as error:
        raise PackageInvalid(
            f"The package cannot be written to {path}: {error.strerror}.",
            "Give another place for it.",
        ) from None
    return len(data)
