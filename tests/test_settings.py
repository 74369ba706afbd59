"""Files of settings, and the folders that they name: what a newcomer's may look like."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime import paths
from runtime.errors import UsageError
from runtime.settings import Settings, env_values


@pytest.fixture
def env(tmp_path: Path) -> Path:
    return tmp_path / "my.env"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("\ufeffSTUDIO_A=1\n", {"STUDIO_A": "1"}),  # as Notepad saves it
        ("# ours\nexport STUDIO_A='1 2' # so\nSTUDIO_B=${STUDIO_A}\n",
         {"STUDIO_A": "1 2", "STUDIO_B": "1 2"}),
        ('KEY="two\nlines"\nSTUDIO_C=3', {"KEY": "two\nlines", "STUDIO_C": "3"}),
        ("not for us\n=5\nSTUDIO_A=1\n", {"STUDIO_A": "1"}),
        ("", {}),
    ],
)  # fmt: skip
def test_lines_that_can_be_read(
    env: Path, text: str, values: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    env.write_text(text, encoding="utf-8")
    assert dict(env_values(env)) == values
    assert caplog.messages == []  # dotenv's own warnings name no file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("STUDIO_LLM_API_KEY sk-secret\n", "line 1: STUDIO_LLM_API_KEY is not followed by"),
        ('A=1\n\n\n  STUDIO_B="sk-secret\nSTUDIO_C=3\n', "line 4: STUDIO_B is not"),
        ("export REMOTE_INSTALL_KEY: sk-secret\n", "line 1: REMOTE_INSTALL_KEY is not"),
    ],
)
def test_a_line_of_ours_that_cannot_be_read_is_an_error(env: Path, text: str, said: str) -> None:
    env.write_text(text)
    with pytest.raises(UsageError, match=rf"my\.env, {said}") as caught:
        Settings(env)
    assert "sk-secret" not in caught.value.message + caught.value.hint


def test_a_folder_is_no_file_of_settings(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        env_values(tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        env_values(tmp_path / "none.env")


@pytest.mark.parametrize("where", [paths.cache, paths.data])
def test_a_user_without_a_home(where: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(_path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("STUDIO_CACHE_DIR", "STUDIO_DATA_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.raises(UsageError, match="this user has no home folder") as caught:
        where()  # type: ignore[operator]
    assert "Set HOME, or STUDIO_" in caught.value.hint


def test_a_cache_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STUDIO_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="cannot be made: Not a directory") as caught:
        paths.cache_room("plugins")
    assert "STUDIO_CACHE_DIR" in caught.value.hint
