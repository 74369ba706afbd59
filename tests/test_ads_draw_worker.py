"""Pictures through the worker process, and the contact sheet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy
import pytest

from creative.ads import draw as drawing
from creative.ads.draw import DrawJob, LeftOut, contact_sheet, draw, process, sheet
from creative.ads.draw.compose import Painted
from creative.ads.platforms import PictureRule
from creative.deadline import Deadline
from creative.errors import DeadlineExceeded, InvalidInput
from creative.steps import Phase, Status, Step, Steps
from tests.drawing import COLOURS, TEXTS, rule_of
from tests.pictures import opened, photo, saved


def job(language: str, rule: PictureRule, number: int = 1, **changes: Any) -> DrawJob:
    """A job as the pipeline makes it."""
    headline, text, cta, brand = TEXTS[language]
    values: dict[str, Any] = {
        "copy_id": f"iab_display-{number}",
        "platform": "iab_display",
        "variant_number": number,
        "brand": brand,
        "headline": headline,
        "text": text,
        "cta": cta,
        "language": language,
        "colours": COLOURS[language],
        "logo": b"",
        "background": b"",
        "background_kind": "layout",
        "picture": rule,
        "seed": 0,
    }
    return DrawJob(**{**values, **changes})


@pytest.fixture
def step() -> Iterator[Step]:
    with Steps().step(Phase.SAVE, "Drawing", until=98) as opened_step:
        yield opened_step


def test_draw_gives_the_pictures_in_their_order_and_says_what_is_missing(step: Step) -> None:
    sizes = [rule_of(300, 250), rule_of(320, 50), rule_of(120, 60)]
    photograph = saved(photo(600, 400), "JPEG")
    jobs = [job("pt", rule) for rule in sizes]
    jobs[1] = job("de", sizes[1], 2, background=photograph, background_kind="source")
    jobs.append(job("pt", sizes[2], 3, headline="x" * 60))
    left_out: list[LeftOut] = []
    made = draw(jobs, Deadline(60), step, left_out)
    assert [(one.width, one.height) for one in made] == [(300, 250), (320, 50), (120, 60)]
    assert made[0].filename == "viaja-já_iab_display_1_300x250.png"
    assert made[1].background == "layout", "a strip has no room for a picture"
    assert [one.copy_id for one in left_out] == ["iab_display-3"]
    assert "120x60" in str(left_out[0])
    assert "headline" in left_out[0].reason
    said = [event.label for event in step._steps.events if event.status is Status.PROGRESS]
    assert "Drawing iab_display-2 320x50" in said
    in_here = process.paint_all(drawing._batch([jobs[0]]), lambda *_: None)[0]
    assert isinstance(in_here, Painted)
    assert in_here.data == made[0].data


def test_if_nothing_can_be_drawn_that_is_an_error(step: Step) -> None:
    with pytest.raises(InvalidInput, match="not even the beginning"):
        draw([job("de", rule_of(120, 60), headline="x" * 60)], Deadline(60), step)
    broken = job("de", rule_of(300, 250), background=b"no", background_kind="source")
    with pytest.raises(InvalidInput, match="source_image"):
        draw([broken], Deadline(60), step)
    with pytest.raises(DeadlineExceeded):
        draw([job("de", rule_of(300, 250))], Deadline(0.000001), step)


def test_the_contact_sheet_shows_every_picture(step: Step) -> None:
    jobs = [
        job("ja", rule_of(*size), number) for number in (1, 2) for size in ((300, 250), (970, 250))
    ]
    made = draw(jobs, Deadline(60), step)
    sheet = opened(contact_sheet(made, {"iab_display-1": "0.82"}, Deadline(60))).convert("RGB")
    assert sheet.width <= 2400
    pixels = numpy.asarray(sheet)
    for one in made:
        small = numpy.asarray(opened(one.data).convert("RGB"))[100:108, 40:120]
        windows = numpy.lib.stride_tricks.sliding_window_view(pixels[:, :, 0], small.shape[:2])
        rows = (windows[:, :, 0, 0] == small[0, 0, 0]).nonzero()
        assert any(
            numpy.array_equal(pixels[y : y + 8, x : x + 80], small)
            for y, x in zip(*rows, strict=True)
        ), f"{one.filename} is not on the sheet as it is"


def test_a_sheet_of_many_variants_stays_one_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Side by side while there is room, and smaller before it is longer than anybody scrolls."""
    monkeypatch.setattr(sheet, "_MOST_HEIGHT", 3000)
    data = saved(photo(270, 480), "JPEG")

    def size(count: int) -> tuple[int, int]:
        shown = [(f"x-{number}", 270, 480, data) for number in range(count)]
        return opened(sheet.contact_sheet((shown, {"x-0": "0.82"}), lambda *_: None)).size

    (one, height), (three, same) = size(1), size(3)
    assert same == height, "three stand side by side"
    assert one <= three <= 2400
    across, down = size(60)
    assert across <= 2400
    assert down <= 3000
    assert down > 2 * height
