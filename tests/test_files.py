"""Files are written whole or not at all, and only over files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime import package
from runtime.errors import PackageInvalid, UsageError
from runtime.files import write_whole
from runtime.output import write
from tests.plugins import write_plugin


def test_written_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.bin"
    write_whole(target, b"one")
    write_whole(target, b"two")
    assert target.read_bytes() == b"two"
    assert [path.name for path in target.parent.iterdir()] == ["a.bin"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_permissions_are_what_the_umask_allows(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "a", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == mode


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "real").read_bytes() == b"new"
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_only_files_are_replaced(tmp_path: Path, kind: str) -> None:
    """Running as root, a rename over /dev/null takes it away from the whole machine."""
    target = tmp_path / "special"
    if kind == "pipe":
        os.mkfifo(target)
    else:
        target.mkdir()
    with pytest.raises(OSError, match="not a regular file"):
        write_whole(target, b"x")
    with pytest.raises(UsageError, match="not a regular file"):
        write(target, b"x")
    write_plugin(tmp_path / "plugin")
    with pytest.raises(PackageInvalid, match="not a regular file"):
        package.build(tmp_path / "plugin", target)
    assert not target.is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plugin", "special"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
