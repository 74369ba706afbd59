"""From a page to a campaign: a real Chromium, a scripted model and a scripted Dify app."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from creative import ads
from creative.ads import limits, patience, pipeline, platforms
from creative.ads.cache import Cache
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    DeadlineExceeded,
    EngineRejected,
    EngineUnavailable,
)
from creative.language import Completion, HalfAnswer, ModelRefused
from creative.settings import Settings
from creative.steps import Steps
from tests.authors import Parrot, Said
from tests.captures import needs_browser
from tests.pages import Site
from tests.servers import Server, answer

PAGE = """<!doctype html><html lang="en"><head><title>Light running shoes | Fleetfoot</title>
<meta property="og:site_name" content="Fleetfoot">
<meta name=description content="Running shoes of 180 grams, made for every day.">
</head><body style="margin:0;background:#fff"><header style="background:#00aa66;padding:60px">
</header><h1>Run lighter every day</h1><p>Only 180 grams per shoe. £89.00</p>
<h2>Made from recycled yarn</h2><button>Shop now</button></body></html>"""
GOOD = {
    "primary_texts": ["Shoes of 180 grams for every road and every day of the week."],
    "headlines": ["Run lighter every day"],
    "descriptions": ["Made from recycled yarn"],
    "cta": "Shop now",
    "angle": "benefit",
    "image_prompt": "a runner at dawn",
}
OTHER = {**GOOD, "primary_texts": ["Your knees will notice the difference by the first hill."],
         "headlines": ["Half the weight"], "descriptions": ["From £89.00"]}  # fmt: skip
GERMAN = {**GOOD, "primary_texts": ["Schuhe mit 180 Gramm für jede Straße und jeden Tag."],
          "headlines": ["Jeden Tag leichter"], "descriptions": ["Aus recyceltem Garn"]}  # fmt: skip


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of this test's own, and no model loaded for novelty."""
    monkeypatch.setattr(pipeline, "_cache", Cache(tmp_path))
    monkeypatch.setattr(pipeline.score, "compared", lambda *_: {})


def made(
    model: Parrot | None = None,
    settings: Settings | None = None,
    steps: Steps | None = None,
    seconds: float = 60,
    **asked: Any,
) -> ads.Campaign:
    wishes = {
        "brief": "Running shoes of 180 grams from £89.00, made from recycled yarn.",
        "platforms": ("meta_feed",),
        "count": 2,
        "make_pictures": False,
        "language": "en",
    }
    return ads.variants(
        ads.AdsRequest(**{**wishes, **asked}),
        settings or Settings(),
        Deadline(seconds),
        steps or Steps(),
        model,
        model_key="ann/parrot",
    )


def allowed(*sites: Site, **more: Any) -> Settings:
    return Settings(allowed_private_hosts=tuple(site.name for site in sites), **more)


def headlines(campaign: ads.Campaign) -> list[str]:
    return [variant.fields["headlines"][0] for variant in campaign.variants]


# --- a page, the built-in writer, everything real ------------------------------------------


@pytest.mark.browser
@needs_browser[1]
def test_a_page_becomes_a_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # novelty is measured here
    steps = Steps()
    with Site() as site:
        site.pages["/"] = PAGE
        campaign = made(
            settings=allowed(site), steps=steps, source_url=site.url + "/", brief="", language="",
            platforms=("Meta Feed", "google_search", "meta_feed"), make_pictures=True,
            sizes=(ads.Size(width=300, height=250),), engine="builtin",
        )  # fmt: skip
    assert campaign.engine == "builtin"
    assert [variant.id for variant in campaign.variants] == [
        "meta_feed-1", "meta_feed-2", "google_search-1", "google_search-2",
    ]  # fmt: skip
    assert set(campaign.states.values()) == {"completed"}
    said = json.dumps([variant.fields for variant in campaign.variants], ensure_ascii=False)
    assert "lighter every day" in said
    assert "£89.00" in said
    assert (campaign.look.brand, campaign.look.language) == ("Fleetfoot", "en")
    for variant in campaign.variants:
        fields = {
            name: [texts] if isinstance(texts, str) else texts
            for name, texts in variant.fields.items()
        }
        broken = limits.check(platforms.platform(variant.platform), fields, brand="Fleetfoot")
        assert [breach for breach in broken if not breach.advice] == []
        assert 0 <= variant.score <= 1
        assert variant.score_parts["novelty"] is not None
    assert len(campaign.pictures) == 4
    assert {picture.width for picture in campaign.pictures} == {300}
    assert [table.filename for table in campaign.tables] == ["meta_feed.csv", "google_search.csv"]
    rows = list(csv.DictReader(io.StringIO(campaign.tables[1].data.decode("utf-8-sig"))))
    assert [row["Headline 1"] for row in rows] == [
        variant.fields["headlines"][0] for variant in campaign.variants[2:]
    ]
    assert campaign.best.score == max(variant.score for variant in campaign.variants)
    percents = [event.percent for event in steps.events]
    assert percents == sorted(percents)
    assert percents[-1] == 100


@pytest.mark.browser
@needs_browser[1]
def test_what_was_seen_and_written_is_not_done_again_if_one_says_so() -> None:
    with Site() as site:
        site.pages["/"] = PAGE
        wishes = {"settings": allowed(site), "source_url": site.url + "/", "cache_seconds": 60}
        first = made(Parrot({"meta_feed": [GOOD, OTHER]}), **wishes)
        looks = site.seen.count("/")
        silent = Parrot()
        again = made(silent, **wishes)
        assert site.seen.count("/") == looks
        assert silent.heard == []
        assert [variant.fields for variant in again.variants] == [
            variant.fields for variant in first.variants
        ]
        assert len([note for note in again.notes if "(cache_seconds)" in note]) == 2
        # The way around: without cache_seconds everything is done again.
        anew = made(Parrot({"meta_feed": [OTHER, GOOD]}), **{**wishes, "cache_seconds": 0})
        assert site.seen.count("/") > looks
        assert headlines(anew) == ["Half the weight", "Run lighter every day"]


def test_what_a_model_was_kept_from_finishing_is_asked_for_again() -> None:
    long = {**GOOD, "headlines": ["Run " + "lighter and " * 40 + "faster"]}
    first = made(
        Parrot({"meta_feed": [long, OTHER]}, EngineUnavailable("parrot", "gone")), cache_seconds=60
    )
    assert any("did not mend" in note for note in first.notes)
    again = made(Parrot({"meta_feed": [GOOD, OTHER]}), cache_seconds=60)
    assert headlines(again) == ["Run lighter every day", "Half the weight"]


@pytest.mark.browser
@needs_browser[1]
def test_a_page_that_does_not_answer_is_tried_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSES", (0.05, 0.1))

    def hangs_up(request: BaseHTTPRequestHandler) -> None:
        if site.seen.count("/") < 3:
            request.connection.close()
        else:
            answer(request, PAGE, content_type="text/html")

    steps = Steps()
    with Site() as site:
        site.pages["/"] = hangs_up
        wishes = {"settings": allowed(site), "source_url": site.url + "/", "engine": "builtin"}
        campaign = made(steps=steps, brief="", **wishes)
        assert "lighter" in json.dumps([variant.fields for variant in campaign.variants])
        told = [event.label for event in steps.events if event.label.startswith("Attempt")]
        assert told
        site.pages["/"] = (404, {}, "gone")
        site.seen.clear()
        with pytest.raises(EngineRejected, match="404"):
            made(**wishes)
        assert site.seen.count("/") == 1


# --- a model in each of its moods ----------------------------------------------------------


def test_a_model_that_does_as_it_is_told() -> None:
    steps = Steps()
    model = Parrot({"meta_feed": [GOOD, OTHER]})
    campaign = made(model, steps=steps)
    assert (campaign.engine, len(model.heard)) == ("model", 1)
    assert headlines(campaign) == ["Run lighter every day", "Half the weight"]
    assert {variant.engine for variant in campaign.variants} == {"model"}
    assert campaign.variants[0].image_prompt == "a runner at dawn"
    assert (steps.usage.tokens_in, steps.usage.tokens_out, steps.cost) == (100, 50, 0.01)


def test_feedback_reaches_the_model() -> None:
    model = Parrot({"meta_feed": [GOOD, OTHER]})
    liked = ads.Feedback(verdict="approve", rating=5, fields={"headlines": ("Fly, do not run",)})
    made(model, feedback=(liked,))
    assert "Fly, do not run" in model.told(0)


def test_what_is_too_long_twice_is_shortened_and_says_so() -> None:
    long = {**GOOD, "cta": "Shop now", "headlines": ["Run " + "lighter and " * 40 + "faster"]}
    fix = {"id": "meta_feed-1", "field": "headlines", "index": 0, "text": long["headlines"][0]}
    model = Parrot({"meta_feed": [long, OTHER]}, {"fixes": [fix]})
    campaign = made(model)
    assert len(model.heard) == 2
    assert "255" in model.told(1)
    [first, _] = campaign.variants
    assert len(first.fields["headlines"][0]) <= 255
    assert first.notes


def test_what_must_be_avoided_does_not_get_through() -> None:
    bad = {**OTHER, "headlines": ["The cheap choice"]}
    model = Parrot({"meta_feed": [GOOD, bad]}, {"fixes": []})
    campaign = made(model, must_avoid=("cheap",))
    assert "cheap" not in json.dumps([one.fields for one in campaign.variants]).lower()


def test_fewer_variants_than_asked_for_are_told() -> None:
    campaign = made(Parrot({"meta_feed": [GOOD]}))
    assert campaign.states == {"meta_feed-1": "completed", "meta_feed-2": "failed"}
    [missing] = campaign.dropped
    assert "1 of 2" in missing.reason
    assert "meta_feed-2 is left out" in campaign.report()


def test_an_answer_that_was_cut_off_gives_what_is_whole() -> None:
    whole = json.dumps({"meta_feed": [GOOD, OTHER]})
    cut = whole[: whole.index("Half the weight")]
    half = HalfAnswer(EngineUnavailable("parrot", "line lost"), Completion(text=cut))
    campaign = made(Parrot(half, {"fixes": []}))
    assert headlines(campaign)[0] == "Run lighter every day"
    assert any("ended at its limit" in note for note in campaign.notes)


@pytest.mark.parametrize(
    ("answers", "kind", "said"),
    [
        (["I would rather not.", "No."], AnswerInvalid, "parrot"),
        (["", ""], AnswerInvalid, "parrot"),
        ([{"meta_feed": []}, {"meta_feed": []}], AnswerInvalid, "parrot"),
        ([{"meta_feed": [GERMAN, GERMAN]}] * 2, AnswerInvalid, "German instead of English"),
        ([ModelRefused("parrot", "no such model")], EngineRejected, "no such model"),
        ([EngineUnavailable("parrot", "gone")], EngineUnavailable, "gone"),
    ],
)
def test_a_model_of_no_use_is_one_clear_error(
    answers: list[Any], kind: type[CreativeError], said: str
) -> None:
    model = Parrot(*answers)
    with pytest.raises(kind, match=said):
        made(model)
    # An outage or a refusal is not asked again, nonsense once.
    assert len(model.heard) == len(answers)


def test_a_model_that_takes_too_long_ends_with_the_deadline() -> None:
    def slow(messages: object, clock: Deadline) -> Said:
        clock.sleep(30, "waiting for the model")
        raise AssertionError("the deadline did not come")

    with pytest.raises(DeadlineExceeded, match="timeout_seconds"):
        made(Parrot(slow), seconds=1.0)


# --- a Dify app ----------------------------------------------------------------------------


def app(outputs: Mapping[str, Any], bodies: list[Any]) -> Any:
    """A Dify service API whose workflow gives `outputs`."""

    def handle(request: BaseHTTPRequestHandler) -> None:
        bodies.append(json.loads(request.rfile.read(int(request.headers["Content-Length"]))))
        data = {"status": "succeeded", "outputs": outputs, "total_tokens": 321}
        events = [
            {"event": "workflow_started", "task_id": "t", "workflow_run_id": "r", "data": {}},
            {"event": "workflow_finished", "task_id": "t", "workflow_run_id": "r", "data": data},
        ]
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
        answer(request, "event: ping\n\n" + body, content_type="text/event-stream")

    return handle


def test_a_dify_app_writes_and_is_asked_once() -> None:
    bodies: list[Any] = []
    outputs = {"text": "done", "json": [{"result": [GOOD, OTHER]}]}
    with Server(app(outputs, bodies)) as server:
        settings = Settings(dify_base_url=server.url + "/v1", dify_api_key=("app-secret",))
        wishes = {"settings": settings, "cache_seconds": 60, "tone": "warm"}
        steps = Steps()
        campaign = made(steps=steps, **wishes)
        again = made(**wishes)
        assert server.requests == ["POST /v1/workflows/run"]
    assert (campaign.engine, again.engine) == ("dify_app", "dify_app")
    assert headlines(campaign) == headlines(again) == ["Run lighter every day", "Half the weight"]
    assert steps.tokens == 321
    [body] = bodies
    assert body["response_mode"] == "streaming"
    assert set(body["inputs"]) == {"url", "prompt"}
    assert "180 grams" in body["inputs"]["prompt"]


def test_a_dify_app_that_fails_is_one_clear_error_and_not_asked_again() -> None:
    def refuses(request: BaseHTTPRequestHandler) -> None:
        answer(request, '{"code": "unauthorized", "message": "Access token is invalid"}', 401)

    with Server(refuses) as server:
        settings = Settings(dify_base_url=server.url + "/v1", dify_api_key=("app-secret",))
        with pytest.raises(EngineRejected, match="Access token is invalid") as caught:
            made(settings=settings)
        assert len(server.requests) == 1
    assert "app-secret" not in str(caught.value)


def test_each_variant_has_its_own_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pipeline.write

    def without_two(*given: Any) -> Any:
        made = whole(*given)
        left = tuple(copy for copy in made.copies if copy.id not in ("x-1", "x-10"))
        reasons = ("x-10: the tenth", "x-1: the first")
        return made.model_copy(update={"copies": left, "dropped": reasons})

    monkeypatch.setattr(pipeline, "write", without_two)
    request = ads.AdsRequest(
        brief="Clay teapots by Casa Barro. Hold one litre. Made in Porto.", platforms=("x",),
        count=11, engine="builtin", make_pictures=False,
    )  # fmt: skip
    made = ads.variants(request, Settings(), Deadline(60), Steps())
    assert {one.id: one.reason for one in made.dropped if one.id in ("x-1", "x-10")} == {
        "x-1": "x-1: the first", "x-10": "x-10: the tenth",
    }  # fmt: skip
