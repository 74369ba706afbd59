"""Which Python a plugin gets, and packages as a source."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from runtime import package
from runtime.errors import PackageInvalid, PluginStartFailed, UsageError
from runtime.host import environment, plugin_folder
from runtime.paths import PROJECT, cache
from tests.conftest import PROBE


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STUDIO_CACHE_DIR", str(tmp_path / "cache"))
    assert cache() == tmp_path / "cache"
    return tmp_path / "cache"


def test_our_own_plugin_runs_in_this_environment() -> None:
    assert environment.python_for(PROJECT, "ours") in {
        Path(sys.executable),
        PROJECT / ".venv" / "bin" / "python",
    }


def test_a_venv_of_its_own_wins(tmp_path: Path) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert environment.python_for(tmp_path, "it") == python


def test_nothing_to_install_from(tmp_path: Path) -> None:
    with pytest.raises(PluginStartFailed, match=r"it has neither requirements\.txt nor pyproject"):
        environment.python_for(tmp_path, "it")


def test_no_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "requirements.txt").write_text("dify_plugin\n")
    monkeypatch.setattr(environment.shutil, "which", lambda *_, **__: None)
    with pytest.raises(PluginStartFailed, match="uv was not found"):
        environment.python_for(tmp_path, "it")


def test_the_uv_of_our_setup_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # It is there because the one on PATH, a pyenv shim for example, did not work.
    ours, theirs = tmp_path / "project" / ".uv" / "bin", tmp_path / "bin"
    for folder in (ours, theirs):
        folder.mkdir(parents=True)
        fake_uv(folder, "")
    monkeypatch.setattr(environment, "PROJECT", tmp_path / "project")
    monkeypatch.setenv("PATH", str(theirs))
    assert environment.find_uv() == str(ours / "uv")
    (ours / "uv").unlink()
    assert environment.find_uv() == str(theirs / "uv")


def fake_uv(folder: Path, script: str) -> str:
    """A program called uv that does what `script` says."""
    program = folder / "uv"
    program.write_text(f"#!/bin/sh\necho \"$@\" >> '{folder}/calls'\n{script}\n")
    program.chmod(0o755)
    return str(program)


MAKE_VENV = 'if [ "$1" = venv ]; then mkdir -p "$5/bin"; touch "$5/bin/python"; fi'


@pytest.mark.parametrize(
    ("files", "install"),
    [
        (["requirements.txt"], "pip install --quiet -r requirements.txt"),
        (["requirements.txt", "pyproject.toml"], "sync --quiet --no-dev --no-install-project"),
        (["pyproject.toml", "uv.lock"], "sync --quiet --no-dev --no-install-project --frozen"),
    ],
)
def test_it_is_built_once_as_the_daemon_builds_it(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], install: str
) -> None:
    plugin = tmp_path / "plugin"
    plugin.mkdir()
    for name in files:
        (plugin / name).write_text("")
    uv = fake_uv(tmp_path, MAKE_VENV)
    monkeypatch.setattr(environment.shutil, "which", lambda *_, **__: uv)
    said: list[str] = []
    first = environment.python_for(plugin, "it", said.append)
    assert first.is_relative_to(own_cache)
    assert environment.python_for(plugin, "it", said.append) == first
    assert said == ["Installing the dependencies of it (once)…"]
    assert (tmp_path / "calls").read_text().splitlines()[1:] == [install]
    (plugin / files[0]).write_text("# changed\n")
    assert environment.python_for(plugin, "it") != first


def test_a_failed_installation_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "requirements.txt").write_text("nothing-like-this\n")
    uv = fake_uv(
        tmp_path, MAKE_VENV + '\nif [ "$1" = pip ]; then echo "no such package" >&2; exit 1; fi'
    )
    monkeypatch.setattr(environment.shutil, "which", lambda *_, **__: uv)
    for _ in range(2):
        with pytest.raises(PluginStartFailed, match="it cannot be installed: no such package"):
            environment.python_for(tmp_path, "it")
    assert len((tmp_path / "calls").read_text().splitlines()) == 4


def test_a_package_is_extracted_once(tmp_path: Path, own_cache: Path) -> None:
    from tests.plugins import write_plugin

    write_plugin(tmp_path / "p")
    built = package.build(tmp_path / "p", tmp_path / "p.difypkg")
    folder = plugin_folder(built.path)
    assert folder.is_relative_to(own_cache)
    assert (folder / "manifest.yaml").read_bytes() == (tmp_path / "p/manifest.yaml").read_bytes()
    marker = folder / "marker"
    marker.touch()
    assert plugin_folder(built.path) == folder
    assert marker.exists()


def test_a_broken_package_leaves_nothing(tmp_path: Path, own_cache: Path) -> None:
    bad = tmp_path / "bad.difypkg"
    bad.write_bytes(b"PK\x03\x04 but no more")
    with pytest.raises(PackageInvalid):
        plugin_folder(bad)
    assert list((own_cache / "plugins").iterdir()) == []


def test_no_such_source(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no"):
        plugin_folder(tmp_path / "nothing")
    assert plugin_folder(PROBE) == PROBE.resolve()


def test_two_who_need_an_environment_at_once_build_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "requirements.txt").write_text("dify_plugin\n")
    uv = fake_uv(tmp_path, f"sleep 0.2\n{MAKE_VENV}")
    monkeypatch.setattr(environment, "find_uv", lambda: uv)
    begin, found = threading.Barrier(3), []

    def need() -> None:
        begin.wait(60)
        found.append(environment.python_for(tmp_path, "it"))

    threads = [threading.Thread(target=need) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert found[0].exists()
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [line.split()[0] for line in calls] == ["venv", "pip"]
