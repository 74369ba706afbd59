"""`scripts/setup.sh` on machines that are not as they should be; uv and pip are stand-ins."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

UV = f"""#!/bin/sh
case "$1 ${{2:-}}" in
"venv "*) mkdir -p .venv/bin && ln -sf "{sys.executable}" .venv/bin/python ;;
"pip sync")
    [ "${{UV_COMPILE_BYTECODE:-}}" = 1 ] || {{ echo "nothing compiled" >&2; exit 2; }}
    [ -z "${{NO_NETWORK:-}}" ] || {{ echo "no route" >&2; exit 2; }} ;;
"pip install") echo "#!$VIRTUAL_ENV/bin/python" > .venv/bin/studio && chmod +x .venv/bin/studio ;;
esac
[ "$1" = --version ] || echo "$1" "$2" >> calls
"""
BROKEN = "#!/bin/sh\necho 'pyenv: uv: command not found' >&2; exit 127\n"
# A pip before 22.1, as Ubuntu 22.04 has it.
OLD_PIP = f"""#!/bin/sh
case "$*" in
*--root-user-action*) echo "no such option: --root-user-action" >&2; exit 2 ;;
*"pip install"*)
    [ -z "${{NO_NETWORK:-}}" ] || {{ echo "no route" >&2; exit 1; }}
    mkdir -p .uv/bin && cp "${{0%/*}}/good-uv" .uv/bin/uv ;;
*"-m pip --version"*) ;;
*) exec "{sys.executable}" "$@" ;;
esac
"""

SetUp = Callable[..., subprocess.CompletedProcess[str]]


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "my project"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup.sh", folder / "scripts")
    for name in ("requirements.lock", "requirements.txt", "pyproject.toml"):
        (folder / name).touch()
    return folder


@pytest.fixture
def set_up(tmp_path: Path) -> SetUp:
    """Runs setup.sh of a folder; there is no HOME, as in some services and containers."""
    program(tmp_path / "bin" / "uv", UV)

    def run(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(tmp_path / "bin"), "/usr/bin", "/bin"])
        return subprocess.run(
            [str(folder / "scripts" / "setup.sh")],
            env={"PATH": path, "STUDIO_PYTHON": sys.executable, **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def calls(folder: Path) -> list[str]:
    """What uv was asked to do since the last time."""
    log = folder / "calls"
    said = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return said


EVERYTHING = ["venv --quiet", "pip sync", "pip install"]


def test_it_sets_up_once(project: Path, set_up: SetUp) -> None:
    done = set_up(project)
    assert done.returncode == 0, done.stderr
    assert calls(project) == EVERYTHING
    again = set_up(project)
    assert (again.returncode, again.stderr, calls(project)) == (0, "", [])


def test_new_requirements_are_installed_into_what_is_there(project: Path, set_up: SetUp) -> None:
    set_up(project)
    calls(project)
    (project / "requirements.lock").write_text("idna==3.1\n", encoding="utf-8")
    assert set_up(project).returncode == 0
    assert calls(project) == EVERYTHING[1:]


def test_a_moved_folder_is_set_up_anew(project: Path, set_up: SetUp) -> None:
    set_up(project)
    calls(project)
    moved = project.rename(project.with_name("elsewhere"))
    assert set_up(moved).returncode == 0
    assert calls(moved) == EVERYTHING
    assert str(moved) in (moved / ".venv" / "bin" / "studio").read_text(encoding="utf-8")


def test_a_python_that_has_gone_is_replaced(project: Path, set_up: SetUp) -> None:
    set_up(project)
    calls(project)
    python = project / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python")
    assert set_up(project).returncode == 0
    assert calls(project) == EVERYTHING
    assert python.exists()


def test_without_network_it_says_what_to_check_and_can_be_repeated(
    project: Path, set_up: SetUp
) -> None:
    done = set_up(project, NO_NETWORK="1")
    assert done.returncode == 1
    assert "no route" in done.stderr
    assert "The packages could not be installed" in done.stderr
    assert "Ready" not in done.stderr
    assert set_up(project).returncode == 0


def test_a_uv_that_does_not_work_is_replaced_by_our_own(project: Path, set_up: SetUp) -> None:
    bin_folder = project.parent / "bin"
    program(bin_folder / "good-uv", UV)
    program(bin_folder / "python3", OLD_PIP)
    program(bin_folder / "uv", BROKEN)
    failed = set_up(project, NO_NETWORK="1")
    assert failed.returncode == 1
    assert "pip could not install uv" in failed.stderr
    assert "neither pip nor venv" not in failed.stderr
    done = set_up(project)
    assert done.returncode == 0, done.stderr
    assert calls(project) == EVERYTHING
