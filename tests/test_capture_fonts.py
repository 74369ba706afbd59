"""Letters on machines without fonts for them: a box for each would look the same."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from creative.capture import find_browser, fonts
from tests.captures import shoot

pytestmark = pytest.mark.skipif(find_browser() is None, reason="there is no Chromium here")


def drawn(text: str) -> bytes:
    return shoot(html=f"<p>{text}", width=64, height=64, with_facts=False).picture.data


def test_letters_of_three_scripts_are_drawn_and_not_boxes() -> None:
    pictures = {text: drawn(text) for text in ("日", "月", "か", "ん", "汉", "图", "한", "글")}
    assert len(set(pictures.values())) == len(pictures)


def test_what_somebody_has_chosen_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FONTCONFIG_FILE", "/somewhere/fonts.conf")
    assert fonts.environment(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("fc-list") is None, reason="there is no fc-list here")
def test_the_machines_own_fonts_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FONTCONFIG_FILE", raising=False)
    monkeypatch.delenv("FONTCONFIG_PATH", raising=False)

    def listed(environment: dict[str, str]) -> set[str]:
        command = ["fc-list", "--format", "%{file}\n"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return set(done.stdout.split())

    ours = listed(fonts.environment(tmp_path))
    assert ours > listed({}) or any("NotoSansCJKjp" in file for file in listed({}))
    assert any("NotoSansCJKjp-Regular" in file for file in ours)
