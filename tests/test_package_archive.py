"""Packages that nobody should trust, and the daemon's checksum."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from runtime.errors import PackageInvalid
from runtime.package import PackageRefused, archive, checksum, extract, read_package, verify
from runtime.package.archive import unique_identifier, write_package
from tests.plugins import write_plugin

# Computed by the daemon's own CalculateChecksum (decoder/checksum.go, 0.6.10).
VECTORS = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": {},
    "161a9ab72cc1357d1689ff2fcdea05f9e972f07ddceedb1c5669c893babefc99": {"a": b""},
    "f7c6a13701ce2a16523d66aa7c336fb21b1ef8c8933487c80ab2bdb34ed828a6": {
        "b/c.txt": b"3",
        "B": b"2",
        "a": b"1",
        "b.txt": b"4",
    },
    "200ad369bc2bd1957556bbf2a3bc5a831b519d188865749127ab1a81291e40ce": {
        "é.txt": b"x\n",
        "z.txt": b"\x00\xff",
        "図.png": "日本".encode(),
        "\U0001f99c.svg": b"<svg/>",
        "\uff5e.txt": b"w",
    },
}


@pytest.mark.parametrize(("expected", "files"), VECTORS.items())
def test_checksum_is_the_daemons(expected: str, files: dict[str, bytes]) -> None:
    assert checksum(files) == expected


def test_identifier() -> None:
    one = {"a": b""}
    digest = "161a9ab72cc1357d1689ff2fcdea05f9e972f07ddceedb1c5669c893babefc99"
    assert unique_identifier("acme", "parrot", "1.2.3", one) == f"acme/parrot:1.2.3@{digest}"
    assert unique_identifier("", "parrot", "0.1", one) == f"parrot:0.1@{digest}"


@pytest.mark.parametrize(
    ("author", "name", "version"),
    [("Acme", "parrot", "1.0.0"), ("acme", "par rot", "1.0.0"), ("acme", "parrot", "1")],
)
def test_identifier_that_the_daemon_refuses(author: str, name: str, version: str) -> None:
    with pytest.raises(PackageInvalid, match="not a valid plugin identifier"):
        unique_identifier(author, name, version, {})


def _zip(path: Path, *entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as packed:
        for name, data in entries:
            entry = zipfile.ZipInfo("x")
            entry.filename = name
            entry.compress_type = method
            packed.writestr(entry, data)
    return path


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("../evil.py", "entry-name"),
        ("tools/../../evil.py", "entry-name"),
        ("/etc/evil.py", "entry-name"),
        ("C:/evil.py", "entry-name"),
        ("tools\\evil.py", "entry-name"),
        ("tools/", "entry-name"),
        ("./main.py", "entry-name"),
        ("tools//echo.py", "entry-name"),
        ("tools/ev\x01il.py", "entry-name"),
        ("x" * 256, "entry-name"),
    ],
)
def test_unsafe_names_are_refused(name: str, rule: str, tmp_path: Path) -> None:
    package = _zip(tmp_path / "evil.difypkg", ("manifest.yaml", b"{}"), (name, b""))
    report = verify(package)
    assert [(f.rule, f.file, f.source) for f in report.errors] == [(rule, name, "daemon")]
    assert not report.accepted_by_dify
    into = tmp_path / "into"
    with pytest.raises(PackageRefused) as caught:
        extract(package, into)
    assert caught.value.findings == report.findings
    assert not into.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["evil.difypkg"]


def test_a_name_with_a_nul_is_judged_whole(tmp_path: Path) -> None:
    package = _zip(tmp_path / "evil.difypkg", ("main.pyX/../../evil", b""))
    package.write_bytes(package.read_bytes().replace(b"main.pyX", b"main.py\0"))
    assert [f.rule for f in verify(package).errors] == ["entry-name"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicates_are_refused(tmp_path: Path) -> None:
    package = _zip(tmp_path / "p.difypkg", ("a", b"1"), ("a", b"2"))
    assert [f.rule for f in verify(package).errors] == ["entry-duplicate"]


def test_a_file_that_is_a_folder_too_is_refused(tmp_path: Path) -> None:
    package = _zip(tmp_path / "p.difypkg", ("a", b"1"), ("a/b", b"2"))
    assert [(f.rule, f.file) for f in verify(package).errors] == [("entry-conflict", "a")]


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_compressions_that_the_daemon_cannot_read(method: int, tmp_path: Path) -> None:
    package = _zip(tmp_path / "p.difypkg", ("a", b"1" * 99), method=method)
    assert [f.rule for f in verify(package).errors] == ["entry-compression"]


def test_encrypted_entries_are_refused(tmp_path: Path) -> None:
    package = _zip(tmp_path / "p.difypkg", ("a", b"1"))
    data = bytearray(package.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    package.write_bytes(data)
    assert [f.rule for f in verify(package).errors] == ["entry-encrypted"]


def test_a_bomb_by_its_own_word_is_refused(tmp_path: Path) -> None:
    zeros = b"\0" * (10 << 20)
    package = _zip(tmp_path / "p.difypkg", *((f"{n}", zeros) for n in range(6)))
    assert package.stat().st_size < 100_000
    assert [f.rule for f in verify(package).errors] == ["unpacked-size"]


def test_a_bomb_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    package = _zip(tmp_path / "p.difypkg", ("a", b"\0" * (60 << 20)))
    data = bytearray(package.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(mark) + offset, 1)
    package.write_bytes(data)
    assert [f.rule for f in verify(package).errors] == ["entry-damaged"]


def test_what_comes_out_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = _zip(tmp_path / "p.difypkg", ("a", b"12345"), ("b", b"12345"))
    # The declared sizes pass; the limit shrinks before the reading.
    problems = archive._problems

    def shrink(entries: list[zipfile.ZipInfo]) -> list[tuple[str, str, str]]:
        found = problems(entries)
        monkeypatch.setattr(archive, "MAX_PACKAGE_BYTES", 9)
        return found

    monkeypatch.setattr(archive, "_problems", shrink)
    assert [(f.rule, f.file) for f in verify(package).errors] == [("unpacked-size", "b")]


@pytest.mark.parametrize("keep", [0, 10, 200, -30])
def test_what_is_no_whole_zip_is_refused(keep: int, tmp_path: Path) -> None:
    package = tmp_path / "p.difypkg"
    write_package({"manifest.yaml": b"x" * 5000, "b": b"y"}, package)
    package.write_bytes(package.read_bytes()[:keep])
    assert [f.rule for f in verify(package).errors] == ["not-a-zip"]
    with pytest.raises(PackageInvalid, match="no zip archive"):
        read_package(package)


def test_damaged_content_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "p.difypkg"
    write_package({"a": bytes(range(256)) * 50}, package)
    data = bytearray(package.read_bytes())
    data[60] ^= 0xFF
    package.write_bytes(data)
    assert [f.rule for f in verify(package).errors] == ["entry-damaged"]


def test_a_package_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    package = tmp_path / "p.difypkg"
    with package.open("wb") as stream:
        stream.truncate(archive.MAX_PACKAGE_BYTES + 1)
    assert [f.rule for f in verify(package).errors] == ["package-size"]


def test_a_link_is_written_as_a_file(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("link")
    entry.external_attr = 0o120777 << 16
    package = tmp_path / "p.difypkg"
    with zipfile.ZipFile(package, "w") as packed:
        packed.writestr(entry, "/etc/passwd")
    extract(package, tmp_path / "into")
    assert not (tmp_path / "into/link").is_symlink()
    assert (tmp_path / "into/link").read_text() == "/etc/passwd"
    assert "entry-link" in {f.rule for f in verify(package).findings}


def test_extraction_does_not_follow_a_link_that_was_there(tmp_path: Path) -> None:
    package = tmp_path / "p.difypkg"
    write_package({"tools/echo.py": b"x"}, package)
    (tmp_path / "into").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "into/tools").symlink_to(tmp_path / "outside")
    with pytest.raises(PackageInvalid, match="through a link"):
        extract(package, tmp_path / "into")
    assert list((tmp_path / "outside").iterdir()) == []


def test_what_is_extracted_is_what_was_packed(tmp_path: Path) -> None:
    files = {"a": b"1", "b/c/d": b"\x00" * 100_000, "é.txt": "ü".encode()}
    package = tmp_path / "p.difypkg"
    write_package(files, package)
    assert read_package(package) == files
    extract(package, tmp_path / "into")
    found = {
        p.relative_to(tmp_path / "into").as_posix(): p.read_bytes()
        for p in (tmp_path / "into").rglob("*")
        if p.is_file()
    }
    assert found == files


def test_stored_entries_and_their_order_do_not_matter(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path / "plugin")
    names = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
    entries = [(name, (folder / name).read_bytes()) for name in sorted(names, reverse=True)]
    package = _zip(tmp_path / "p.difypkg", *entries, method=zipfile.ZIP_STORED)
    assert verify(package).identifier == verify(folder).identifier
    assert verify(package).findings == ()


def test_a_package_in_a_folder_of_its_own_is_explained(tmp_path: Path) -> None:
    package = _zip(tmp_path / "p.difypkg", ("parrot/manifest.yaml", b"{}"))
    missing = next(f for f in verify(package).errors if f.rule == "manifest-missing")
    assert missing.hint == "Package the folder parrot/ itself."


def test_a_missing_package_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(PackageInvalid, match="There is no package file"):
        read_package(tmp_path / "p.difypkg")


def test_nothing_but_the_archive_is_read(tmp_path: Path) -> None:
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as packed:
        packed.writestr("manifest.yaml", "{}")
    (tmp_path / "p.difypkg").write_bytes(b"#!/bin/sh\n" + plain.getvalue())
    assert "not-a-zip" not in {f.rule for f in verify(tmp_path / "p.difypkg").errors}
