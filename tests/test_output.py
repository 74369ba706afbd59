"""Files and documents that are left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import UsageError
from runtime.host.messages import OutputFile
from runtime.output import safe_name, save


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a b (1).png", "a b (1).png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\dir\\a.txt", "a.txt"),
        (".hidden", "hidden"),
        ("a\n\0b.png", "a_b.png"),
        ("a.tar.gz", "a.tar.gz"),
        ("", "file"),
        ("..", "file"),
        ("/", "file"),
        ("x" * 400, "x" * 200),
        ("x" * 400 + ".png", "x" * 196 + ".png"),
        ("画" * 300 + ".png", "画" * 65 + ".png"),
        ("a." + "x" * 300, "a." + "x" * 198),
    ],
)
def test_names_of_files(name: str, safe: str, tmp_path: Path) -> None:
    assert safe_name(name) == safe
    saved = save(
        [OutputFile(b"1", "image/png", name), OutputFile(b"2", "image/png", name)], tmp_path
    )
    assert [Path(entry["path"]).read_bytes() for entry in saved] == [b"1", b"2"]


def test_a_link_that_leads_nowhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "elsewhere")
    [saved] = save([OutputFile(b"1", "image/png", "a.png")], tmp_path)
    assert saved["filename"] == "a_2.png"


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in ("file", "file/below"):
        with pytest.raises(UsageError, match="cannot be written"):
            save([OutputFile(b"1", "image/png", "a.png")], tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
