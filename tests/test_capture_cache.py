"""Pictures that an earlier call took: whose they are, how old, and what lies on the disk."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from creative import shelf
from creative.capture import cache as caches
from creative.capture.cache import Cache
from creative.capture.facts import PageFacts
from creative.capture.request import Picture, Screenshot, ScreenshotRequest
from creative.errors import InvalidInput

WHERE: dict[str, Any] = {"engine": "browser", "version": "Chrome/1", "allowed": ()}
PICTURE = Picture(
    data=b"\x89PNG" + bytes(range(256)),
    media_type="image/png",
    width=3,
    height=2,
    filename="a_3x2.png",
)


def shot(data: bytes = PICTURE.data, **values: Any) -> Screenshot:
    pictures = (PICTURE.model_copy(update={"data": data}), PICTURE)
    about: dict[str, Any] = {
        "final_url": "http://example.com/?token=hush",
        "title": "Account of Ann",
        "page": PageFacts(text="what Ann reads"),
    }
    return Screenshot(
        **{"pictures": pictures, "status": 200, "browser": "Chrome/1", **about, **values}
    )


def request(**values: Any) -> ScreenshotRequest:
    return ScreenshotRequest(
        **{"url": "http://example.com/?token=hush", "cache_seconds": 60, **values}
    )


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def entries(cache: Cache) -> list[Path]:
    return sorted(cache.shelf.home().glob("*.shot"))


def test_what_was_put_comes_back_whole(cache: Cache) -> None:
    asked = request()
    assert cache.get(asked, WHERE) is None
    cache.put(asked, WHERE, shot())
    found = cache.get(asked, WHERE)
    assert found is not None
    assert found.cached
    assert [picture.data for picture in found.pictures] == [PICTURE.data, PICTURE.data]
    assert "ago by an earlier call" in found.notes[-1]
    assert found.model_copy(update={"cached": False, "notes": ()}) == shot()
    # Another process finds it too.
    again = Cache(cache.shelf.home()).get(asked, WHERE)
    assert again is not None
    assert again.title == "Account of Ann"


def test_off_by_default(cache: Cache) -> None:
    asked = request(cache_seconds=0)
    cache.put(asked, WHERE, shot())
    assert entries(cache) == []
    cache.put(request(), WHERE, shot())
    assert cache.get(asked, WHERE) is None


@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://example.com/?token=other"},
        {"width": 1281},
        {"scale": 2.0},
        {"format": "webp"},
        {"dark_mode": True},
        {"hide": ("p",)},
        {"hide": ("p", "b")},
        {"headers": (("X-A", "1"),)},
        {"headers": (("X-A", "2"),)},
        {"cookies": (("a", "1"),)},
        {"basic_auth": "ann:secret"},
        {"basic_auth": "bob:secret"},
        {"proxy": "http://p:1"},
        {"with_facts": False},
    ],
)
def test_everything_that_changes_the_picture_is_another_entry(
    cache: Cache, change: dict[str, Any]
) -> None:
    cache.put(request(), WHERE, shot())
    assert cache.get(request(**change), WHERE) is None
    cache.put(request(**change), WHERE, shot(b"other"))
    mine = cache.get(request(), WHERE)
    assert mine is not None
    assert mine.picture.data == PICTURE.data


@pytest.mark.parametrize("change", [{"version": "Chrome/2"}, {"engine": "x"}, {"allowed": ("a",)}])
def test_another_browser_or_network_is_another_entry(cache: Cache, change: dict[str, Any]) -> None:
    cache.put(request(), WHERE, shot())
    assert cache.get(request(), {**WHERE, **change}) is None


def test_the_lifetime_is_the_askers(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.put(request(cache_seconds=5), WHERE, shot())
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 30)
    assert cache.get(request(cache_seconds=20), WHERE) is None
    assert cache.get(request(cache_seconds=40), WHERE) is not None
    monkeypatch.setattr(time, "time", lambda: now - 30)
    assert cache.get(request(cache_seconds=40), WHERE) is None


@pytest.mark.parametrize("half", [{"blocked_count": 1}, {"page": None}, {"cached": True}])
def test_what_is_not_whole_is_not_kept(cache: Cache, half: dict[str, Any]) -> None:
    cache.put(request(), WHERE, shot(**half))
    assert entries(cache) == []


def test_services_know_no_facts_and_nobody_misses_what_was_not_asked_for(cache: Cache) -> None:
    cache.put(request(), WHERE, shot(page=None, engine="screenshotone"))
    cache.put(request(with_facts=False), WHERE, shot(page=None))
    assert len(entries(cache)) == 2


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), caches.MAX_SECONDS + 1])
def test_a_lifetime_that_is_none(cache: Cache, seconds: float) -> None:
    with pytest.raises(InvalidInput, match="cache_seconds"):
        cache.get(request(cache_seconds=seconds), WHERE)


def test_the_disk_tells_nothing(cache: Cache) -> None:
    asked = request(basic_auth="ann:hunter22", headers=(("X-Key", "sesame99"),))
    cache.put(asked, WHERE, shot())
    (entry,) = entries(cache)
    folder = cache.shelf.home()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    everything = b"".join(
        path.name.encode() + path.read_bytes() for path in folder.iterdir()
    ).lower()
    for secret in (
        b"hunter22",
        b"sesame99",
        b"hush",
        b"example.com",
        b"account of ann",
        b"ann reads",
    ):
        assert secret not in everything


@pytest.mark.parametrize("at", [0, 40, 80, 300, -1])
def test_a_broken_entry_is_no_entry_and_goes(cache: Cache, at: int) -> None:
    cache.put(request(), WHERE, shot())
    (entry,) = entries(cache)
    data = bytearray(entry.read_bytes())
    data[at] ^= 1
    entry.write_bytes(data)
    assert cache.get(request(), WHERE) is None
    assert entries(cache) == []


def test_half_an_entry_and_an_empty_one(cache: Cache) -> None:
    for keep in (0, 10, 100):
        cache.put(request(), WHERE, shot())
        (entry,) = entries(cache)
        entry.write_bytes(entry.read_bytes()[:keep])
        assert cache.get(request(), WHERE) is None


def test_the_oldest_make_room(tmp_path: Path) -> None:
    small = Cache(tmp_path, max_bytes=30_000)
    small_shot = shot(b"x" * 10_000)
    for number in range(5):
        small.put(request(width=100 + number), WHERE, small_shot)
        path = sorted(entries(small), key=lambda one: one.stat().st_mtime)[-1]
        os.utime(path, (time.time() - 100 + number,) * 2)
    kept = [small.get(request(width=100 + n), WHERE) is not None for n in range(5)]
    assert kept == [False, False, False, True, True]
    assert sum(path.stat().st_size for path in entries(small)) <= 30_000
    small.put(request(), WHERE, shot(b"x" * 40_000))
    assert small.get(request(), WHERE) is None


def test_what_nobody_may_ask_for_any_more_goes(cache: Cache) -> None:
    cache.put(request(), WHERE, shot())
    (old,) = entries(cache)
    left_over = old.with_suffix(".part")
    left_over.write_bytes(b"half written")
    for path in (old, left_over):
        os.utime(path, (time.time() - caches.MAX_SECONDS - 60,) * 2)
    cache.put(request(width=99), WHERE, shot())
    assert not old.exists()
    assert not left_over.exists()
    assert len(entries(cache)) == 1


def test_a_folder_that_others_can_enter_is_not_used(tmp_path: Path) -> None:
    for name in ("open", "link"):
        folder = tmp_path / name
        if name == "open":
            folder.mkdir(mode=0o755)
            folder.chmod(0o755)
        else:
            (tmp_path / "elsewhere").mkdir(mode=0o700)
            folder.symlink_to(tmp_path / "elsewhere")
        mine = Cache(folder)
        mine.put(request(), WHERE, shot())
        assert mine.get(request(), WHERE) is not None
        assert list(folder.iterdir()) == []
        assert stat.S_IMODE(mine.shelf.home().stat().st_mode) == 0o700


def test_a_disk_that_takes_nothing_costs_no_picture(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shelf.tempfile, "mkstemp", full)
    cache.put(request(), WHERE, shot())
    assert entries(cache) == []


def test_an_entry_of_another_version(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = json.dumps

    def older(value: Any, **options: Any) -> str:
        if isinstance(value, dict) and "made" in value:
            value["value"].pop("browser")
        return usual(value, **options)

    monkeypatch.setattr(shelf.json, "dumps", older)
    cache.put(request(), WHERE, shot())
    assert entries(cache)
    assert cache.get(request(), WHERE) is None
    assert entries(cache) == []


def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(caches.VARIABLE, "~/kept")
    mine = Cache()
    mine.put(request(), WHERE, shot())
    assert len(list((tmp_path / "kept" / "screenshots").glob("*.shot"))) == 1
    monkeypatch.delenv(caches.VARIABLE)
    monkeypatch.setattr(shelf.tempfile, "tempdir", str(tmp_path))
    assert Cache().shelf.home().parent == tmp_path
