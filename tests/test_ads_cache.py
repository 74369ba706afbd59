"""What earlier calls saw and wrote; states of variants; trying again; shares of time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from creative.ads.cache import Cache
from creative.ads.model import AdsRequest, Copy, Feedback, Look, Size
from creative.ads.patience import ATTEMPTS, for_writing, patiently, share
from creative.ads.states import States, VariantLost
from creative.ads.write import Written
from creative.deadline import Deadline
from creative.errors import BlockedAddress, EngineUnavailable, InvalidInput
from creative.settings import Settings
from creative.steps import Status, Steps

SETTINGS = Settings(browser_url="http://chrome:9222")
LOOK = Look(kind="url", title="Cups", screenshot=b"S", logo=b"L", image=b"I", notes=("old",))
WRITER = {"model": "small", "user": "ann"}
WRITTEN = Written(
    copies=(Copy(id="x-1", platform="x", fields={"post_text": ("Cups",)}, engine="model"),),
    engine="model",
    dropped=("x-2: too long",),
)


def request(**values: Any) -> AdsRequest:
    return AdsRequest(
        **{"source_url": "https://a.example/?key=hush", "cache_seconds": 60, **values}
    )


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def test_what_was_seen_comes_back_whole(cache: Cache) -> None:
    assert cache.look(request(), SETTINGS) is None
    cache.keep_look(request(), SETTINGS, LOOK)
    found = cache.look(request(), SETTINGS)
    assert found is not None
    assert found.model_copy(update={"notes": LOOK.notes}) == LOOK
    assert found.notes[0] == "old"
    assert "earlier call (cache_seconds)" in found.notes[1]


def test_what_was_written_comes_back_whole(cache: Cache) -> None:
    assert cache.written(request(), LOOK, WRITER) is None
    cache.keep_written(request(), LOOK, WRITER, WRITTEN)
    found = cache.written(request(), LOOK, WRITER)
    assert found is not None
    assert found.model_copy(update={"notes": ()}) == WRITTEN
    assert "(cache_seconds)" in found.notes[0]


def test_off_by_default_and_for_those_who_ask_for_younger_ones(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = request(cache_seconds=0)
    cache.keep_look(off, SETTINGS, LOOK)
    cache.keep_written(off, LOOK, WRITER, WRITTEN)
    assert cache.look(request(), SETTINGS) is None
    assert cache.written(request(), LOOK, WRITER) is None
    cache.keep_look(request(), SETTINGS, LOOK)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 30)
    assert cache.look(request(cache_seconds=20), SETTINGS) is None
    assert cache.look(request(cache_seconds=40), SETTINGS) is not None
    with pytest.raises(InvalidInput, match="cache_seconds"):
        cache.look(request(cache_seconds=-1), SETTINGS)


@pytest.mark.parametrize(
    "change",
    [
        {"source_url": "https://a.example/?key=other"},
        {"source_html": "<p>"},
        {"source_image": b"other"},
        {"brief": "for runners"},
        {"brand": "Acme"},
        {"language": "de"},
        {"colours": ("#ff0000",)},
        {"logo": b"other"},
    ],
)
def test_another_source_or_wish_is_another_look(cache: Cache, change: dict[str, Any]) -> None:
    cache.keep_look(request(), SETTINGS, LOOK)
    assert cache.look(request(**change), SETTINGS) is None


def test_another_browser_or_network_is_another_look(cache: Cache) -> None:
    cache.keep_look(request(), SETTINGS, LOOK)
    for change in ({"browser_url": "http://b:1"}, {"allowed_private_hosts": ("x",)}):
        assert cache.look(request(), SETTINGS.model_copy(update=change)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"brief": "for runners"},
        {"platforms": ("x",)},
        {"count": 2},
        {"tone": "warm"},
        {"must_include": ("11 €",)},
        {"must_avoid": ("cheap",)},
        {"engine": "model"},
        {"seed": 7},
        {"feedback": (Feedback(rating=5),)},
        {"source_image": b"other"},
    ],
)
def test_another_wish_is_another_answer(cache: Cache, change: dict[str, Any]) -> None:
    cache.keep_written(request(), LOOK, WRITER, WRITTEN)
    assert cache.written(request(**change), LOOK, WRITER) is None


def test_another_page_or_writer_is_another_answer_and_pictures_make_none(cache: Cache) -> None:
    cache.keep_written(request(), LOOK, WRITER, WRITTEN)
    for change in ({"title": "Pots"}, {"screenshot": b"other"}, {"prices": ("1 €",)}):
        assert cache.written(request(), LOOK.model_copy(update=change), WRITER) is None
    assert cache.written(request(), LOOK, {**WRITER, "user": "bob"}) is None
    same = request(make_pictures=False, sizes=(Size(width=300, height=250),), backgrounds="layout")
    assert cache.written(same, LOOK.model_copy(update={"notes": ()}), WRITER) is not None


def test_new_limits_make_new_answers(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.keep_written(request(), LOOK, WRITER, WRITTEN)
    monkeypatch.setattr("creative.ads.cache._limits", lambda: "of another version")
    assert cache.written(request(), LOOK, WRITER) is None


def test_the_disk_tells_nothing(cache: Cache, tmp_path: Path) -> None:
    cache.keep_look(request(brief="a secret launch"), SETTINGS, LOOK)
    cache.keep_written(request(), LOOK, WRITER, WRITTEN)
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    everything = b"".join(path.name.encode() + path.read_bytes() for path in found).lower()
    assert len(found) == 4  # an entry and a key each
    for told in (b"hush", b"a.example", b"launch", b"cups", b"too long"):
        assert told not in everything


def test_states_of_variants_are_steps(cache: Cache) -> None:
    steps = Steps()
    states = States(("x-1", "x-2", "x-3"))
    assert set(states.now().values()) == {"pending"}
    with states.processing("x-1", steps, 88):
        assert states.now()["x-1"] == "processing"
    with states.processing("x-2", steps, 90):
        raise VariantLost("no font has its signs")
    states.fail("x-3", "the model wrote two only")
    assert states.now() == {"x-1": "completed", "x-2": "failed", "x-3": "failed"}
    assert [(one.id, one.platform, one.reason) for one in states.dropped] == [
        ("x-2", "x", "no font has its signs"),
        ("x-3", "x", "the model wrote two only"),
    ]
    assert [(event.label, event.status) for event in steps.events] == [
        ("Variant x-1", Status.START),
        ("x-1: processing", Status.PROGRESS),
        ("x-1: completed", Status.PROGRESS),
        ("x-1: completed", Status.DONE),
        ("Variant x-2", Status.START),
        ("x-2: processing", Status.PROGRESS),
        ("x-2: failed", Status.PROGRESS),
        ("x-2: failed", Status.ERROR),
    ]
    assert "no font" in steps.events[-1].error


def test_an_error_of_the_call_goes_on_and_fails_the_variant() -> None:
    states = States(("x-1",))
    with pytest.raises(InvalidInput), states.processing("x-1", Steps(), 90):
        raise InvalidInput("logo", "text", "a picture")
    assert states.now() == {"x-1": "failed"}


class Flaky:
    """Fails so many times, then works."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.calls = 0
        self._failures = failures
        self._error = error

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self._failures:
            raise self._error
        return "done"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses are noted, not waited for."""
    found: list[float] = []
    monkeypatch.setattr(Deadline, "sleep", lambda _self, seconds, _doing: found.append(seconds))
    return found


def test_what_does_not_answer_is_asked_three_times(pauses: list[float]) -> None:
    told: list[str] = []
    gone = EngineUnavailable("The page", "no answer")
    work = Flaky(2, gone)
    assert patiently(work, Deadline(60), "looking", told.append) == "done"
    assert work.calls == 3
    assert pauses == sorted(pauses) != []
    assert told[0].startswith("Attempt 2 of 3 in 1 s, since: The page is not available")
    work = Flaky(9, gone)
    with pytest.raises(EngineUnavailable):
        patiently(work, Deadline(60), "looking", told.append)
    assert work.calls == ATTEMPTS


def test_what_was_refused_is_asked_once(pauses: list[float]) -> None:
    work = Flaky(1, BlockedAddress("http://10.0.0.1", "private"))
    with pytest.raises(BlockedAddress):
        patiently(work, Deadline(60), "looking", lambda _: None)
    assert (work.calls, pauses) == (1, [])


def test_no_pause_that_there_is_no_time_for(pauses: list[float]) -> None:
    work = Flaky(9, EngineUnavailable("The page", "no answer"))
    with pytest.raises(EngineUnavailable):
        patiently(work, Deadline(0.5), "looking", lambda _: None)
    assert (work.calls, pauses) == (1, [])


def test_a_share_leaves_what_must_be_kept() -> None:
    whole = Deadline(60, "max_seconds", "Ask the boss.")
    part = share(whole, 20)
    assert part is not None
    assert 30 < part.remaining() <= 40
    assert (part.limit, part.who) == (whole.limit, whole.who)
    assert share(whole, 60) is None
    short = share(whole, 20, most=5)
    assert short is not None
    assert short.remaining() <= 5


@pytest.mark.parametrize(("seconds", "kept"), [(20, 2), (60, 6), (300, 10)])
def test_whoever_is_paid_to_write_leaves_time_for_what_comes_after(seconds: int, kept: int) -> None:
    clock = for_writing(Deadline(seconds), "asking")
    assert seconds - kept - 9 < clock.remaining() <= seconds - kept
