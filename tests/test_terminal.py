"""What a terminal must not be able to spoil."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

STUDIO = Path(sys.executable).with_name("studio")


def test_a_terminal_that_does_not_speak_utf8(tmp_path: Path) -> None:
    done = subprocess.run(
        [STUDIO, "run", "cluster_keywords", "keywords=Zürich, Genève, 東京"],
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "Zürich" in done.stdout.decode("latin-1")
    assert "東京" in (tmp_path / "out" / "clusters.csv").read_text(encoding="utf-8-sig")
