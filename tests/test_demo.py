"""`studio demo`, with and without a browser: what is on disk, and that the page tells the truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from creative.capture import find_browser
from runtime import demo
from runtime.host import Host, open_plugin
from runtime.paths import PROJECT


def host(credentials: dict[str, str]) -> Host:
    return open_plugin(PROJECT, credentials=credentials)


def test_without_a_browser_it_does_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "_browser", lambda _: False)
    (tmp_path / "screenshot.png").write_bytes(b"of an earlier run")
    demo.run(tmp_path, host)
    assert {path.name for path in tmp_path.iterdir()} == {"clusters.csv", "index.html"}
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Made by one node of this plugin" in page
    assert "No screenshot" in page
    said = capsys.readouterr()
    assert "keyword clusters" in said.out
    assert "a screenshot" not in said.out
    assert "Install one" in said.err


@pytest.mark.skipif(find_browser() is None, reason="no Chromium or Chrome here")
def test_with_a_browser_it_runs_the_workflow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo.run(tmp_path, host)
    assert (tmp_path / "screenshot.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Made by a Dify workflow" in page
    assert '<img src="screenshot.png"' in page
    assert "Kettle &amp; Crema" in page
    assert (tmp_path / "clusters.csv").read_bytes().count(b"\n") > 200
    assert "a screenshot and" in capsys.readouterr().out
