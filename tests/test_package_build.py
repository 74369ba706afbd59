"""From a folder to a package."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import PackageInvalid, UsageError
from runtime.package import PackageRefused, archive, build, read_package, verify
from tests.plugins import FILES, write_plugin


def test_a_package_of_the_small_plugin(tmp_path: Path) -> None:
    built = build(write_plugin(tmp_path / "parrot"), tmp_path / "out/parrot.difypkg")
    assert built.path == tmp_path / "out/parrot.difypkg"
    assert built.size_bytes == built.path.stat().st_size
    assert built.files == tuple(sorted(FILES))
    assert built.identifier.startswith("acme/parrot:1.2.3@")
    report = verify(built.path)
    assert report.identifier == built.identifier
    assert report.findings == ()
    assert (report.author, report.name, report.version) == ("acme", "parrot", "1.2.3")


def test_the_small_plugin_starts_from_its_package(tmp_path: Path) -> None:
    built = build(write_plugin(tmp_path / "parrot"), tmp_path / "parrot.difypkg")
    archive.extract(built.path, tmp_path / "installed")
    # stdin stays open: the SDK spins when it ends.
    with subprocess.Popen(
        [sys.executable, "-m", "main"],
        cwd=tmp_path / "installed",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = []
        try:
            for line in process.stdout:
                lines.append(line)
                if '"heartbeat"' in line:
                    break
        finally:
            process.kill()
    assert '"heartbeat"' in lines[-1], "".join(lines)
    assert any("Installed tool: parrot" in line for line in lines)


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    one = write_plugin(tmp_path / "one")
    two = write_plugin(tmp_path / "two")
    for path in two.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    (two / "main.py").chmod(0o755)
    (two / "empty").mkdir()
    a = build(one, tmp_path / "a.difypkg")
    b = build(two, tmp_path / "b.difypkg")
    assert a.path.read_bytes() == b.path.read_bytes()
    assert a.identifier == b.identifier


def test_entries_are_as_the_daemon_wants_them(tmp_path: Path) -> None:
    built = build(write_plugin(tmp_path / "parrot"), tmp_path / "parrot.difypkg")
    with zipfile.ZipFile(built.path) as packed:
        entries = packed.infolist()
        assert packed.comment == b""
    names = [entry.filename for entry in entries]
    assert names == sorted(names, key=str.encode)
    assert not [name for name in names if name.endswith("/")]
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_DEFLATED}
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}


def test_the_default_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_plugin(tmp_path / "parrot")
    monkeypatch.chdir(tmp_path)
    assert build(folder).path == Path("dist/parrot-1.2.3.difypkg")
    assert (tmp_path / "dist/parrot-1.2.3.difypkg").is_file()


def test_nothing_is_written_if_a_rule_is_broken(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path / "parrot", {"tools/echo.py": None, "PRIVACY.md": None})
    with pytest.raises(PackageRefused) as caught:
        build(folder, tmp_path / "out/parrot.difypkg")
    assert not (tmp_path / "out").exists()
    assert {f.rule for f in caught.value.findings} == {"source-missing", "privacy"}
    assert caught.value.message.endswith("(1 more error)")
    assert caught.value.hint


def test_the_marketplaces_rules_can_be_left_to_it(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path / "parrot", {"PRIVACY.md": None})
    with pytest.raises(PackageRefused):
        build(folder, tmp_path / "parrot.difypkg")
    built = build(folder, tmp_path / "parrot.difypkg", marketplace=False)
    assert [f.source for f in built.findings] == ["marketplace"]


def test_a_failing_disk_leaves_the_old_package_and_no_scraps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_plugin(tmp_path / "parrot")
    out = tmp_path / "out/parrot.difypkg"
    build(folder, out)
    before = out.read_bytes()
    (folder / "main.py").write_text((folder / "main.py").read_text() + "# changed\n")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(PackageInvalid, match="No space left on device"):
        build(folder, out)
    assert out.read_bytes() == before
    assert [p.name for p in out.parent.iterdir()] == ["parrot.difypkg"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no folder"):
        build(tmp_path / "nothing")
    with pytest.raises(UsageError, match="There is no file or folder"):
        verify(tmp_path / "nothing")


def test_pyproject_without_requirements_is_explained(tmp_path: Path) -> None:
    folder = write_plugin(
        tmp_path / "parrot",
        {"requirements.txt": None, "pyproject.toml": "[project]\nname = 'parrot'\n"},
    )
    with pytest.raises(PackageRefused, match=r"requirements\.txt is missing") as caught:
        build(folder, tmp_path / "parrot.difypkg")
    assert "uv export" in caught.value.hint


def _packed(folder: Path) -> set[str]:
    built = build(folder, folder.parent / "p.difypkg", marketplace=False)
    return set(read_package(built.path)) - set(FILES)


@pytest.mark.parametrize(
    ("patterns", "kept"),
    [
        # Observed with `dify plugin package`.
        ("", {"x/a.txt", "x/y/a.txt", "a.txt", "b.md"}),
        ("a.txt", {"b.md"}),
        ("/a.txt", {"x/a.txt", "x/y/a.txt", "b.md"}),
        ("x/", {"a.txt", "b.md"}),
        ("y/", {"x/a.txt", "a.txt", "b.md"}),
        ("x/a.txt", {"x/y/a.txt", "a.txt", "b.md"}),
        ("x/**/a.txt", {"a.txt", "b.md"}),
        ("a.*\n!a.txt", {"b.md"}),
        ("!a.txt\na.*", {"b.md"}),
        ("  *.md  \n\n# a.txt", {"x/a.txt", "x/y/a.txt", "a.txt"}),
        ("a.t?t", {"b.md"}),
    ],
)
def test_what_is_left_out(patterns: str, kept: set[str], tmp_path: Path) -> None:
    extra = dict.fromkeys(("x/a.txt", "x/y/a.txt", "a.txt", "b.md"), "x")
    folder = write_plugin(tmp_path / "parrot", {**extra, ".difyignore": patterns})
    assert _packed(folder) == {*kept, ".difyignore"}


def test_gitignore_counts_where_there_is_no_difyignore(tmp_path: Path) -> None:
    changes = {".gitignore": "notes.md\n", "notes.md": "x", "other.md": "x"}
    assert _packed(write_plugin(tmp_path / "a/p", changes)) == {".gitignore", "other.md"}
    both = {**changes, ".difyignore": "other.md\n.gitignore\n"}
    assert _packed(write_plugin(tmp_path / "b/p", both)) == {".difyignore", "notes.md"}


def test_only_the_ignore_file_at_the_top_counts(tmp_path: Path) -> None:
    changes = {"x/.gitignore": "a.txt\n", "x/a.txt": "x", ".difyignore": "nothing\n"}
    assert _packed(write_plugin(tmp_path / "p", changes)) == {*changes}


def test_links(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path / "parrot")
    (folder / "same.md").symlink_to("README.md")
    assert _packed(folder) == {"same.md"}
    (folder / "folder").symlink_to("tools")
    (folder / "nothing").symlink_to("nowhere")
    (folder / "outside").symlink_to(write_plugin(tmp_path / "other") / "main.py")
    os.mkfifo(folder / "pipe")
    with pytest.raises(PackageRefused) as caught:
        build(folder, tmp_path / "parrot.difypkg")
    assert {f.file: f.rule for f in caught.value.findings} == dict.fromkeys(
        ("folder", "nothing", "outside", "pipe"), "unpackable"
    )


def test_too_much_is_named_by_its_largest_files(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path / "parrot")
    with (folder / "model.dat").open("wb") as stream:
        stream.truncate(archive.MAX_PACKAGE_BYTES)
    with pytest.raises(PackageRefused, match=r"model\.dat \(52428800\)"):
        build(folder, tmp_path / "parrot.difypkg")


def test_a_folder_that_cannot_be_read_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = write_plugin(tmp_path)
    scan = os.scandir

    def refuse(path: Path) -> Any:
        if Path(path).name == "tools":
            raise PermissionError(errno.EACCES, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PackageRefused) as caught:
        build(plugin, tmp_path / "p.difypkg")
    found = [finding for finding in caught.value.findings if finding.rule == "unreadable"]
    assert [finding.message for finding in found] == ["tools/ cannot be read: Permission denied."]
