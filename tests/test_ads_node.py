"""The node ad_variants through the plugin's process: parameters, a model, files, sizes of JSON."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from runtime.answers.files import FileServer
from runtime.answers.models import Endpoint, answerers
from runtime.answers.reverse import Answers
from runtime.errors import ToolFailed
from runtime.host import Host, open_plugin
from runtime.host.messages import Result
from runtime.host.parameters import prepare
from runtime.paths import PROJECT
from tests.models_server import DONE, END, Models, event, streaming
from tests.sd_server import png
from tests.servers import Server
from tests.test_ads_pipeline import GOOD, OTHER

FINE = {**OTHER, "descriptions": ["For every road"]}
"""Names no price that nobody gave."""
BRIEF = "Fresh coffee beans for espresso at home, roasted on Tuesday, from 11 €."
MODEL = {"provider": "langgenius/openai/openai", "model": "small", "mode": "chat"}


@pytest.fixture(scope="module")
def models() -> Iterator[Models]:
    """What the scripted endpoint heard."""
    scripted = Models()
    with Server(scripted.handle) as server:
        scripted.url = f"{server.url}/v1"  # type: ignore[attr-defined]
        yield scripted


@pytest.fixture(scope="module")
def studio(models: Models) -> Iterator[Host]:
    endpoint = Endpoint(models.url)  # type: ignore[attr-defined]
    with open_plugin(PROJECT, answers=Answers(answerers(endpoint, endpoint))) as host:
        yield host


def call(host: Host, **given: Any) -> Result:
    _, tool = host.find("ad_variants")
    wishes = {"brief": BRIEF, "brand": "Kettle & Crema", "make_pictures": False, "count": 1}
    return Result.collect(host.invoke("ad_variants", prepare(tool, {**wishes, **given})))


@pytest.mark.parametrize(
    "platforms", ["x, linkedin", '["x", "linkedin"]', "X\nlinkedin", "x；linkedin、x"]
)
def test_lists_as_workflows_and_people_write_them(studio: Host, platforms: str) -> None:
    made = call(studio, platforms=platforms)
    assert [variant["id"] for variant in made.variables["variants"]] == ["x-1", "linkedin-1"]


def test_what_must_be_in_is_in_and_what_must_not_is_not(studio: Host) -> None:
    made = call(studio, platforms="linkedin", must_include="organic", must_avoid="espresso; 11 €")
    [variant] = made.variables["variants"]
    said = json.dumps(variant["fields"], ensure_ascii=False).casefold()
    assert "organic" in said
    assert "espresso" not in said
    assert "11 €" not in said


def test_terms_that_no_field_has_room_for_are_refused_by_name(studio: Host) -> None:
    with pytest.raises(ToolFailed, match="must_include"):
        call(studio, platforms="tiktok", must_include="x" * 150)


def test_pictures_with_the_users_logo_and_colours(studio: Host) -> None:
    logo = io.BytesIO()
    picture = Image.new("RGBA", (80, 40))
    ImageDraw.Draw(picture).ellipse((0, 0, 79, 39), fill=(10, 200, 30, 255))
    picture.save(logo, "PNG")
    with FileServer() as files:
        made = call(
            studio,
            platforms="iab_display",
            make_pictures=True,
            sizes='["300x250", "320x50"]',
            colours="#1f2a44, e4572e",
            logo=files.put(logo.getvalue(), "logo.png", "image/png"),
            source_image=files.put(png(640, 480, 3), "photo.png", "image/png"),
        )
    names = [file.filename for file in made.files]
    assert [name.rpartition(".")[0] for name in names] == [
        "kettle-crema_iab_display_1_300x250",
        "kettle-crema_iab_display_1_320x50",
        "contact_sheet",
        "iab_display",
    ]
    assert made.variables["picture_count"] == 2
    assert made.variables["csv_files"] == ["iab_display.csv"]
    assert made.variables["contact_sheet"] == "contact_sheet.png"
    [variant] = made.variables["variants"]
    assert variant["files"] == names[:2]
    wide = Image.open(io.BytesIO(made.files[0].data)).convert("RGB")
    colours = {
        (red // 32, green // 32, blue // 32)
        for _, (red, green, blue) in wide.getcolors(300 * 250) or ()
    }
    assert (10 // 32, 200 // 32, 30 // 32) in colours


def test_a_model_of_the_workspace_writes_and_is_paid_once(studio: Host, models: Models) -> None:
    text = json.dumps({"meta_feed": [GOOD, FINE]})
    models.say = streaming(event(text), event(reason="stop"), END, DONE)
    models.bodies.clear()
    wishes: dict[str, Any] = {
        "platforms": "meta_feed",
        "count": 2,
        "language": "en",
        "model": MODEL,
    }
    wishes["seed"] = time.time_ns() % 2**32  # a test before may have left its answers
    first = call(studio, **wishes, cache_seconds=60)
    assert first.variables["engine"] == "model", first.variables["notes"]
    assert first.variables["usage"]["tokens"] == 10
    assert first.variables["usage"]["model"] == "small"
    assert len(models.bodies) == 1
    again = call(studio, **wishes, cache_seconds=60)
    assert len(models.bodies) == 1
    assert again.variables["variants"] == first.variables["variants"]
    assert again.variables["usage"]["tokens"] == 0
    other = {**MODEL, "completion_params": {"temperature": 1.0}}
    call(studio, **{**wishes, "model": other}, cache_seconds=60)
    call(studio, **wishes)
    assert len(models.bodies) == 3


def test_feedback_as_studio_prints_it(studio: Host, models: Models) -> None:
    models.say = streaming(
        event(json.dumps({"meta_feed": [GOOD]})), event(reason="stop"), END, DONE
    )
    models.bodies.clear()
    known = {
        "run_id": "0" * 16,
        "variant": "meta_feed-2",
        "brand": "Kettle & Crema",
        "verdict": "approve",
        "rating": None,
        "note": "the price up front",
        "fields": {"headlines": ["Beans from 11 €"], "cta": "Shop now"},
    }
    call(studio, platforms="meta_feed", language="en", model=MODEL, feedback=json.dumps([known]))
    [body] = models.bodies
    assert "the price up front" in json.dumps(body, ensure_ascii=False)
    assert "Beans from 11 €" in json.dumps(body, ensure_ascii=False)


def test_the_largest_result_fits(studio: Host) -> None:
    long = "Espresso at home. " * 500
    made = call(
        studio,
        brief=BRIEF + long[:8000],
        count=20,
        platforms="google_search, google_pmax, meta_feed, meta_story, linkedin, x, tiktok, "
        "iab_display, custom",
    )
    size = len(json.dumps(made.json[0], ensure_ascii=False).encode())
    assert size < 200_000
    assert made.variables["count"] + len(made.variables["dropped"]) == 180
    assert set(made.variables["states"]) == {
        *(variant["id"] for variant in made.variables["variants"]),
        *(one["id"] for one in made.variables["dropped"]),
    }


LONG = """
import json, sys
from tools import ads
fields = {"primary_texts": ["Text. " * 300] * 5, "cta": "Shop now"}
variants = [
    {"id": f"meta_feed-{n}", "fields": dict(fields), "image_prompt": "x", "notes": ["y"]}
    for n in range(40)
]
notes = ads._fit(variants)
json.dump([notes, variants, ads.MAX_VARIANTS_BYTES], sys.stdout)
"""


def test_texts_that_are_too_long_for_dify_are_in_the_tables_only() -> None:
    # In a process of its own: tools/ brings gevent, which changes the one it is imported in.
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LONG], cwd=PROJECT, capture_output=True, check=True
    )
    notes, variants, most = json.loads(ran.stdout)
    assert len(json.dumps(variants).encode()) <= most
    assert "image_prompt and notes and all but the first texts" in notes[0]
    assert variants[0]["fields"] == {"primary_texts": ["Text. " * 300], "cta": "Shop now"}


def test_states_are_in_the_log(studio: Host) -> None:
    made = call(studio, platforms="x", count=2)
    told = [(log["label"], log["status"]) for log in made.logs]
    known = [one for one in told if "x-1" in one[0] or "pending" in one[0]]
    assert known == [
        ("2 variants: pending", "start"),
        ("Variant x-1", "start"),
        ("x-1: processing", "start"),
        ("x-1: completed", "start"),
        ("Variant x-1", "success"),
    ]


def test_a_picture_that_is_none(studio: Host, tmp_path: Path) -> None:
    with FileServer() as files, pytest.raises(ToolFailed, match="source_image"):
        call(studio, source_image=files.put(b"no picture at all", "a.png", "image/png"))
