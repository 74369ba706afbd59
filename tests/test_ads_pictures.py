"""Pictures of variants: which ones, on what, and what happens when they cannot be had."""

from __future__ import annotations

import io
import zlib
from typing import Any

import pytest
from PIL import Image

from creative.ads import pictures, pipeline
from creative.ads.backgrounds import Background
from creative.ads.draw import DrawJob
from creative.ads.model import AdsRequest, Campaign, Copy, Look, Size
from creative.ads.pictures import rules
from creative.ads.platforms import platform
from creative.ads.write import Written
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, InvalidInput, NotConfigured
from creative.settings import Settings
from creative.steps import Phase, Status, Steps
from tests.sd_server import SdServer, png
from tests.servers import answer, free_port

TXT2IMG = "/sdapi/v1/txt2img"
SMALL = (Size(width=320, height=50),)
WIDE = (Size(width=300, height=250),)
"""Large enough for a picture behind or beside the words."""
FIELDS = {"headline": ("Better coffee at home",), "text": ("Fresh beans.",), "cta": ("Shop now",)}


@pytest.fixture
def wrote(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The fields that the writer gives its variants, by id; FIELDS for others."""
    found: dict[str, Any] = {}

    def write(request: AdsRequest, *_: Any) -> Written:
        ids = [f"{name}-{n + 1}" for name in request.platforms for n in range(request.count)]
        copies = [
            Copy(id=id, platform=id.rpartition("-")[0], fields=found.get(id, FIELDS))
            for id in ids
            if found.get(id, FIELDS)
        ]
        missing = tuple(f"{id}: it was too long" for id in ids if not found.get(id, FIELDS))
        return Written(copies=tuple(copies), engine="builtin", dropped=missing)

    monkeypatch.setattr(pipeline, "write", write)
    monkeypatch.setattr(pipeline.score, "compared", lambda *_: {})
    return found


def made(
    settings: Settings | None = None, steps: Steps | None = None, seconds: float = 60, **asked: Any
) -> Campaign:
    """A campaign of banners from a brief."""
    wishes = {"brief": "Coffee.", "platforms": ("iab_display",), "count": 2, "sizes": SMALL}
    return pipeline.variants(
        AdsRequest(**{**wishes, **asked}),
        settings or Settings(),
        Deadline(seconds),
        steps or Steps(),
    )


def server_of(url: str) -> Settings:
    return Settings(sd_base_url=(url,))


def test_the_platform_says_which_pictures_unless_sizes_are_given() -> None:
    iab = platform("iab_display")
    wanted = rules(iab, AdsRequest(brief="x"))
    assert [(rule.width, rule.height) for rule in wanted] == [
        (300, 250), (728, 90), (160, 600), (320, 50), (970, 250),
    ]  # fmt: skip
    assert rules(iab, AdsRequest(brief="x", make_pictures=False)) == ()
    own, other = rules(iab, AdsRequest(brief="x", sizes=(*SMALL, Size(width=299, height=251))))
    assert (own.name, own.max_kb) == ("smartphone_banner", 50)
    assert (other.name, other.width, other.height, other.max_kb) == ("299x251", 299, 251, 150)


def test_a_story_of_another_size_keeps_its_safe_area_in_proportion() -> None:
    [whole] = platform("meta_story").pictures
    asked = AdsRequest(brief="x", sizes=(Size(width=540, height=960), Size(width=500, height=500)))
    half, square = rules(platform("meta_story"), asked)
    assert half.safe_area == tuple(side // 2 for side in whole.safe_area)
    assert square.safe_area == (0, 0, 0, 0)


def test_more_pictures_than_a_call_can_make_are_refused_before_anything_is_done() -> None:
    with pytest.raises(InvalidInput, match=r"(?s)20 variants with 280 .*make_pictures"):
        pipeline.variants(
            AdsRequest(brief="x", platforms=("iab_display", "meta_feed", "google_pmax",
                       "linkedin", "x", "meta_story"), count=20),
            Settings(), Deadline(5), Steps(),
        )  # fmt: skip


def test_pictures_are_exact_named_and_on_the_contact_sheet(wrote: dict[str, Any]) -> None:
    campaign = made(brand="Acme & Co", sizes=(*SMALL, Size(width=299, height=251)))
    assert [one.filename.rpartition(".")[0] for one in campaign.pictures] == [
        f"acme-co_iab_display_{n}_{size}" for n in (1, 2) for size in ("320x50", "299x251")
    ]
    for one in campaign.pictures:
        picture = Image.open(io.BytesIO(one.data))
        assert picture.size == (one.width, one.height)
        assert one.contrast >= 4.5
    assert [variant.files for variant in campaign.variants] == [
        tuple(one.filename for one in campaign.pictures if one.variant == variant.id)
        for variant in campaign.variants
    ]
    sheet = Image.open(io.BytesIO(campaign.contact_sheet))
    assert sheet.format == "PNG"
    assert 320 < sheet.width <= 2400


def test_without_pictures(wrote: dict[str, Any]) -> None:
    campaign = made(make_pictures=False)
    assert (campaign.pictures, campaign.contact_sheet) == ((), b"")
    parts = campaign.variants[0].score_parts
    assert (parts["contrast"], parts["clutter"]) == (None, None)
    assert len(campaign.tables) == 1


def test_an_engine_draws_one_background_for_each_variant(wrote: dict[str, Any]) -> None:
    steps = Steps()
    with SdServer("forge") as server:
        campaign = made(
            server_of(server.url), steps, sizes=(*SMALL, Size(width=640, height=512)), seed=7
        )
        drawn = [body for path, body in server.posts if path == TXT2IMG]
    # A banner of 50 pixels has no room for a picture.
    assert [one.background for one in campaign.pictures] == ["layout", "engine"] * 2
    assert [body["seed"] for body in drawn] == [7, 8]
    # The larger of the two sizes, on the server's own grid.
    assert {(body["width"], body["height"]) for body in drawn} == {(640, 512)}
    assert "text" in drawn[0]["negative_prompt"]
    assert "Coffee." in drawn[0]["prompt"]
    assert campaign.notes == ()
    assert steps.usage.pictures == 2
    percents = [event.percent for event in steps.events]
    assert percents == sorted(percents)
    assert percents[-1] == 100


@pytest.mark.parametrize("ground", ["source", "layout"])
def test_an_engine_that_is_not_wanted_is_not_asked(wrote: dict[str, Any], ground: str) -> None:
    with SdServer("forge") as server:
        campaign = made(
            server_of(server.url), backgrounds=ground, sizes=WIDE, source_image=png(640, 480, 3)
        )
        assert server.requests == []
    assert {one.background for one in campaign.pictures} == {ground}


def test_the_source_is_the_ground_where_no_engine_is(wrote: dict[str, Any]) -> None:
    campaign = made(sizes=WIDE, source_image=png(640, 480, 3))
    assert {one.background for one in campaign.pictures} == {"source"}
    bare = made(backgrounds="source")
    assert {one.background for one in bare.pictures} == {"layout"}
    assert "no picture" in bare.notes[0]


def refusing(request: Any) -> None:
    answer(request, '{"detail": "no credit left"}', 402)


def test_an_engine_that_is_gone_or_refuses_leaves_layouts_and_a_note(
    wrote: dict[str, Any],
) -> None:
    campaign = made(server_of(f"http://127.0.0.1:{free_port()}"))
    assert {one.background for one in campaign.pictures} == {"layout"}
    assert "not available" in campaign.notes[0]
    assert campaign.notes[1].startswith("2 of 2 variants have layouts")
    with SdServer("forge") as server:
        server.broken[TXT2IMG] = refusing
        campaign = made(server_of(server.url), count=4)
        # Nothing is paid twice, and who refuses two in a row is left alone.
        assert server.requests.count(f"POST {TXT2IMG}") == 2
    assert {one.background for one in campaign.pictures} == {"layout"}
    assert any("no credit left" in note for note in campaign.notes)


def test_an_engine_that_has_to_be_there_is_missed(wrote: dict[str, Any]) -> None:
    with pytest.raises(NotConfigured, match="sd_base_url"):
        made(backgrounds="engine")


def test_a_slow_engine_leaves_time_to_finish(
    wrote: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made()  # the workers are warm
    monkeypatch.setattr(pipeline, "HAND_OVER_SECONDS", 2.0)
    with SdServer("forge", seconds=30) as server:
        campaign = made(server_of(server.url), seconds=5)
        assert server.requests.count(f"POST {TXT2IMG}") == 1
    assert {one.background for one in campaign.pictures} == {"layout"}
    assert "took too long for iab_display-1" in campaign.notes[0]
    assert set(campaign.states.values()) == {"completed"}


def test_variants_without_time_keep_their_texts(
    wrote: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "HAND_OVER_SECONDS", 60.0)
    campaign = made(seconds=50)
    assert (len(campaign.variants), campaign.pictures) == (2, ())
    [late] = campaign.notes
    assert late.startswith("No time was left for the pictures of iab_display-1, iab_display-2.")
    assert "timeout_seconds" in late


def test_a_variant_that_no_font_can_write_is_left_out_with_the_reason(
    wrote: dict[str, Any],
) -> None:
    steps = Steps()
    wrote["iab_display-1"] = {**FIELDS, "headline": ("\U00013000\U00013001",)}  # hieroglyphs
    campaign = made(steps=steps)
    assert [variant.id for variant in campaign.variants] == ["iab_display-2"]
    [lost] = campaign.dropped
    assert (lost.id, campaign.states[lost.id]) == ("iab_display-1", "failed")
    assert "iab_display-1 is left out" in campaign.report()
    [failed] = [event for event in steps.events if event.status is Status.ERROR]
    assert (failed.phase, failed.label) == (Phase.SAVE, "iab_display-1: failed")
    wrote["iab_display-2"] = wrote["iab_display-1"]
    with pytest.raises(AnswerInvalid, match="no variant is left"):
        made()


def test_a_variant_that_was_not_written_is_told(wrote: dict[str, Any]) -> None:
    wrote["iab_display-2"] = {}
    campaign = made()
    assert campaign.states == {"iab_display-1": "completed", "iab_display-2": "failed"}
    assert "too long" in campaign.dropped[0].reason


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"logo": b"text"}, "logo"),
        ({"source_image": b"text"}, "source_image"),
        ({"platforms": ("myspace",)}, r"platforms: got 'myspace'.*google_search"),
        ({"brief": "x" * 100_000}, "brief is 100000 characters"),
        ({"brief": ""}, "brief"),
        ({"language": "klingon"}, "language"),
        ({"engine": "model"}, "model"),
        ({"engine": "dify_app"}, "dify_api_key"),
    ],
)
def test_bad_input_is_one_clear_error(
    wrote: dict[str, Any], asked: dict[str, Any], said: str
) -> None:
    with pytest.raises((InvalidInput, NotConfigured), match=said):
        made(**asked)


def test_a_decompression_bomb_is_refused(wrote: dict[str, Any]) -> None:
    small = png(8, 8, 1)
    header = b"IHDR" + (30_000).to_bytes(4, "big") * 2 + small[24:29]
    bomb = small[:12] + header + zlib.crc32(header).to_bytes(4, "big") + small[33:]
    with pytest.raises(InvalidInput, match="source_image"):
        made(source_image=bomb)


def test_the_same_seed_gives_the_same_bytes(wrote: dict[str, Any]) -> None:
    first, again, other = made(seed=3), made(seed=3), made(seed=4)
    assert [one.data for one in first.pictures] == [one.data for one in again.pictures]
    assert [one.data for one in first.pictures] != [one.data for one in other.pictures]


@pytest.mark.parametrize(
    ("descriptions", "under"),
    [
        (("Dishwasher-safe. See more.", "Holds one litre."), "Holds one litre."),
        (("Dishwasher-safe.",), "Made in Porto, and dishwasher-safe."),
        ((), "Made in Porto, and dishwasher-safe."),
    ],
)
def test_under_the_headline_another_fact_is_drawn(
    monkeypatch: pytest.MonkeyPatch, descriptions: tuple[str, ...], under: str
) -> None:
    jobs: list[DrawJob] = []

    def drawing(given: list[DrawJob], *_: Any) -> list[DrawJob]:
        jobs.extend(given)
        return given

    monkeypatch.setattr(pictures, "draw", drawing)
    fields = {
        "primary_texts": ("Made in Porto, and dishwasher-safe.",),
        "headlines": ("Dishwasher-safe",),
        "descriptions": descriptions,
        "cta": ("Learn more",),
    }
    copy = Copy(id="meta_feed-1", platform="meta_feed", fields=fields)
    wanted = platform("meta_feed").pictures[:1]
    with Steps().step(Phase.SAVE, "x") as step:
        pictures.draw_variant(
            copy, wanted, Background(), AdsRequest(brief="x"), Look(), Deadline(5), step
        )
    assert [(job.headline, job.text) for job in jobs] == [("Dishwasher-safe", under)]
