"""`studio demo`, with and without a browser: what is on disk, and that the page tells the truth."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from creative.capture import find_browser
from runtime import demo
from runtime.host import Host, open_plugin
from runtime.paths import PROJECT

FIVE = {"300x250", "728x90", "160x600", "320x50", "970x250"}
browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium or Chrome here")


def host(credentials: dict[str, str]) -> Host:
    return open_plugin(PROJECT, credentials=credentials)


def sizes(folder: Path) -> set[str]:
    """The sizes that the pictures of ads say they have; each has it."""
    found = set()
    for path in folder.glob("*_iab_display_*"):
        size = re.findall(r"\d+x\d+", path.name)[-1]
        assert "{}x{}".format(*Image.open(io.BytesIO(path.read_bytes())).size) == size
        found.add(size)
    return found


def test_without_a_browser_it_does_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "_browser", lambda _: False)
    # The whole list is the other test's.
    (tmp_path / "keywords").write_text(
        "".join(demo.KEYWORDS.read_text("utf-8").splitlines(True)[:40])
    )
    monkeypatch.setattr(demo, "KEYWORDS", tmp_path / "keywords")
    out = tmp_path / "demo"
    (out / "ads").mkdir(parents=True)
    (out / "screenshot.png").write_bytes(b"of an earlier run")
    (out / "ads" / "old_iab_display_1_9x9.png").write_bytes(b"of an earlier run")
    demo.run(out, host)
    assert {path.name for path in out.iterdir()} == {"clusters.csv", "index.html", "ads"}
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "Made by two nodes of this plugin" in page
    assert "No screenshot" in page
    assert sizes(out / "ads") == FIVE
    said = capsys.readouterr()
    assert "keyword clusters and 6 ads with 15 pictures" in said.out
    assert "a screenshot" not in said.out
    assert "Install one" in said.err


@browser
def test_with_a_browser_it_runs_the_workflow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo.run(tmp_path, host)
    assert (tmp_path / "screenshot.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Made by a Dify workflow" in page
    assert page.count("<h4>headlines</h4>") == 3
    assert '<img src="screenshot.png"' in page
    assert "Kettle &amp; Crema" in page
    assert (tmp_path / "clusters.csv").read_bytes().count(b"\n") > 200
    assert "a screenshot, " in capsys.readouterr().out
    assert sizes(tmp_path / "ads") == FIVE
    linked = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len([name for name in linked if "iab_display" in name]) == 16  # pictures and the table
    assert all((tmp_path / name).is_file() for name in linked)


@browser
def test_the_ads_follow_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(demo.PAGE, tmp_path / "page")
    page = tmp_path / "page" / "index.html"
    text = page.read_text(encoding="utf-8")
    for old, new in (("Better coffee at home", "Nicer tea in the office"), ("11 €", "7 €")):
        assert old in text
        text = text.replace(old, new)
    page.write_text(text, encoding="utf-8")

    monkeypatch.setitem(demo.AD_WISHES, "make_pictures", False)
    with demo._served(demo.PAGE) as first, demo._served(tmp_path / "page") as second:
        allowed = ", ".join(url.removeprefix("http://").rstrip("/") for url in (first, second))
        with host({"allowed_private_hosts": allowed}) as plugin:
            before, after = (
                str(demo._ads(plugin, {"source_url": url}).variables["variants"])
                for url in (first, second)
            )
    for old, new in (("Better coffee at home", "Nicer tea in the office"), ("11 €", "7 €")):
        assert old in before
        assert new in after
        assert old not in after
