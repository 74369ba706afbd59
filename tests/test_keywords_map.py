"""The map of a clustering: layout, what the picture shows and what it says it leaves out."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from creative.deadline import Deadline
from creative.errors import InvalidInput
from creative.fonts import Fonts
from creative.keywords import bubbles, layout
from creative.keywords import map as keyword_map
from creative.keywords.sheet import PAPER, Sheet
from creative.worker import Worker
from tests.test_keywords_fonts import CHINESE, JAPANESE, font_with

AREA = (0.0, 100.0, 1600.0, 1100.0)


def quiet(fraction: float, label: str) -> None:
    """Progress for nobody."""


def payload(counts: list[int], alone: int = 0, seed: int = 1, **more: Any) -> dict[str, Any]:
    """Clusters of these sizes around middles of their own, and keywords in none."""
    rng = np.random.default_rng(seed)
    middles = rng.normal(size=(len(counts), 64))
    labels = [n for n, count in enumerate(counts) for _ in range(count)]
    inside = middles[labels] + rng.normal(size=(len(labels), 64)) * 0.5
    vectors = np.concatenate([inside, rng.normal(size=(alone, 64))])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return {
        "vectors": {"data": vectors.astype("<f2").tobytes(), "dimensions": 64},
        "labels": labels + [-1] * alone,
        "names": [f"name {n}" for n in range(len(counts))],
        "weights": None,
        "title": "A title",
        "width": 1600,
        "height": 1200,
        **more,
    }


def picture(given: dict[str, Any], files: list[Path] | None = None) -> tuple[Image.Image, str]:
    """The map and what it says about itself; Pillow's own font unless others are given."""
    image = Image.open(io.BytesIO(keyword_map.draw(given, quiet, Fonts(files or []))))
    image.load()
    return image, str(image.info["Description"])


# Layout


def families() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    of = np.repeat(np.arange(5), 6)
    rows = rng.normal(size=(5, 40))[of] + rng.normal(size=(30, 40)) * 0.3
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), of


def test_similar_rows_are_neighbours_in_the_plane() -> None:
    rows, of = families()
    places = layout.arrange(rows)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (of[apart.argmin(axis=1)] == of).all()
    assert np.ptp(places, axis=0) == pytest.approx([1.0, 1.0])
    assert (layout.arrange(rows) == places).all()


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_rows_have_different_places(count: int) -> None:
    places = layout.arrange(np.eye(4, 8, dtype=np.float32)[:count])
    assert len({tuple(place) for place in places.round(6)}) == count
    assert places.min() >= 0
    assert places.max() <= 1


def test_rows_that_are_all_the_same_are_no_fault() -> None:
    assert np.isfinite(layout.arrange(np.ones((6, 4), np.float32) / 2)).all()


@pytest.mark.parametrize("seed", range(5))
def test_boxes_that_fit_part_and_stay_inside(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = np.column_stack([rng.uniform(60, 300, 40), rng.uniform(50, 120, 40)])
    sizes *= math.sqrt(0.6 * 1_600_000 / sizes.prod(axis=1).sum())
    wanted = layout.share_out(rng.random((40, 2)), sizes, AREA)
    placed = layout.part(wanted, sizes, AREA)
    assert not layout.overlapping(placed, sizes).any()
    assert (placed - sizes / 2 >= np.array(AREA[:2]) - 0.01).all()
    assert (placed + sizes / 2 <= np.array(AREA[2:]) + 0.01).all()


def test_boxes_on_one_spot_part() -> None:
    sizes = np.full((9, 2), 100.0)
    placed = layout.part(np.full((9, 2), 500.0), sizes, AREA)
    assert not layout.overlapping(placed, sizes).any()


def test_a_row_that_is_too_long_sends_some_up_or_down() -> None:
    sizes = np.full((7, 2), [300.0, 100.0])
    wanted = np.column_stack([np.linspace(150, 1450, 7), np.full(7, 600.0)])
    placed = layout.part(wanted, sizes, AREA)
    assert not layout.overlapping(placed, sizes).any()
    wanted[:, 1] = AREA[3]
    assert not layout.overlapping(layout.part(wanted, sizes, AREA), sizes).any()


def test_overlapping_is_what_overlaps() -> None:
    places = np.array([[0.0, 0.0], [9.0, 0.0], [50.0, 0.0], [50.0, 9.5]])
    sizes = np.full((4, 2), 10.0)
    assert layout.overlapping(places, sizes).tolist() == [False, False, False, False]
    places[1, 0] = 8.0
    assert layout.overlapping(places, sizes).tolist() == [True, True, False, False]


def test_room_is_shared_by_need_and_neighbours_stay_neighbours() -> None:
    sizes = np.array([[300.0, 100.0], [100.0, 100.0]])
    shared = layout.share_out(np.array([[0.2, 0.5], [0.3, 0.5]]), sizes, (0, 0, 400, 100))
    assert shared.tolist() == [[150.0, 50.0], [350.0, 50.0]]


@pytest.mark.parametrize("count", [1, 2, 7, 60, 300])
def test_packed_circles_do_not_overlap_and_are_held(count: int) -> None:
    radii = np.random.default_rng(count).uniform(0.22, 1.0, count)
    places, radius = layout.pack(radii)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (apart >= 0.93 * (radii[:, None] + radii[None])).all()
    assert (np.linalg.norm(places, axis=1) + radii <= radius + 1e-9).all()
    assert radius**2 < 3.2 * (radii**2).sum() + 2, "the bubble is not mostly empty"
    nearest = np.linalg.norm(places, axis=1)
    assert count < 60 or nearest[:10].mean() < nearest[-10:].mean(), "the first are innermost"


def test_the_bubble_is_the_smallest_that_holds_all() -> None:
    assert layout.pack(np.array([1.0, 0.25]))[1] == pytest.approx(1.25, rel=0.06)


def test_free_places_are_near_free_and_different() -> None:
    taken = np.zeros((4, 5), bool)
    taken[1, 2] = True
    wanted = np.tile([25.0, 15.0], (30, 1))  # the middle of the taken cell
    free = layout.free_places(wanted, taken, 10.0, (0.0, 0.0))
    assert len(free) == 19, "one for each free cell, and no more"
    assert len({tuple(place) for place in free}) == 19
    assert [25.0, 15.0] not in free.tolist()
    assert np.abs(free[:4] - wanted[0]).sum(axis=1).tolist() == [10.0] * 4


# The picture


def test_the_map_is_a_picture_of_that_size_and_the_same_each_time() -> None:
    given = payload([12, 8, 5, 3, 2], alone=4)
    image, said = picture(given)
    assert (image.format, image.size, image.mode) == ("PNG", (1600, 1200), "RGB")
    assert image.info["Title"] == "A title"
    assert said.startswith("34 keywords in 5 clusters, 4 unclustered (grey).")
    assert "drawn" not in said, "nothing is left out"
    assert keyword_map.draw(given, quiet, Fonts([])) == keyword_map.draw(given, quiet, Fonts([]))


def test_each_cluster_has_its_colour_and_strays_are_grey() -> None:
    image, _ = picture(payload([12, 8, 5, 3, 2], alone=4))
    colours = {colour for count, colour in image.getcolors(1 << 20) if count > 20}
    assert set(keyword_map.PALETTE[:5]) | {keyword_map.GREY, PAPER} <= colours
    assert not set(keyword_map.PALETTE[5:]) & colours


def test_topics_share_colours_and_are_in_the_legend() -> None:
    topics = [n % 3 for n in range(12)]
    with_legend = payload([6] * 12, topics=topics, topic_names=["cats", "dogs", "fish"])
    image, _ = picture(with_legend)
    colours = {colour for count, colour in image.getcolors(1 << 20) if count > 200}
    assert set(keyword_map.PALETTE[:3]) <= colours
    assert not set(keyword_map.PALETTE[3:]) & colours
    row = image.crop((0, 1115, 1600, 1150))
    chips = {colour for _, colour in row.getcolors(1 << 20)}
    assert set(keyword_map.PALETTE[:3]) <= chips


@pytest.mark.parametrize(("topics", "rows", "listed"), [(4, 1, 4), (9, 2, 9), (60, 2, 10)])
def test_the_legend_has_two_rows_at_most(topics: int, rows: int, listed: int) -> None:
    sheet = Sheet(1600, 1200, Fonts([]))
    written: list[str] = []
    chips: list[tuple[float, float]] = []
    sheet.chip = lambda x, y, side, fill: chips.append((x + side, y + side))  # type: ignore[method-assign]
    sheet.write = lambda x, y, line, *_, **__: written.append(line.text)  # type: ignore[method-assign]
    entries = []
    for number in range(topics):
        line = sheet.lettering(f"a topic with a name, {number}")
        assert line is not None
        entries.append((line, PAPER))
    keyword_map._write_legend(sheet, entries, 40)
    assert len({round(y) for _, y in chips}) == rows
    assert len(chips) == pytest.approx(listed, abs=2 if listed < topics else 0)
    rest = topics - len(chips)
    assert written[-1] == (f"+ {rest} more" if rest else f"a topic with a name, {topics - 1}")
    bottom = keyword_map._area(sheet, entries)[3]
    assert min(y for _, y in chips) > bottom
    assert max(y for _, y in chips) < 1200 - 38
    assert max(x for x, _ in chips) < 1560


def test_a_topic_for_each_cluster_is_no_topic() -> None:
    alone = payload([6] * 12, topics=list(range(12)), topic_names=[f"t {n}" for n in range(12)])
    assert picture(alone)[0].tobytes() == picture(payload([6] * 12))[0].tobytes()


def planned(given: dict[str, Any]) -> tuple[Sheet, bubbles.Rows, bubbles.Plan]:
    sheet = Sheet(given["width"], given["height"], Fonts([]))
    rows = bubbles.read_rows(given, len(given["names"]))
    shown = np.argsort(-rows.counts, kind="stable")[: bubbles.BUBBLES]
    wanted = layout.arrange(bubbles.find_centres(rows, None)[shown])
    ids = list(range(1, len(given["names"]) + 1))
    return sheet, rows, bubbles.make_plan(sheet, AREA, rows, shown, wanted, given["names"], ids)


@pytest.mark.parametrize("clusters", [1, 5, 40, 120])
def test_no_name_and_no_bubble_lies_on_another(clusters: int) -> None:
    rng = np.random.default_rng(clusters)
    given = payload([int(n) for n in rng.integers(2, 20, clusters)])
    given["names"] = [f"a name of {'some ' * (n % 4)}length {n}" for n in range(clusters)]
    sheet, _, plan = planned(given)
    boxes = []
    for bubble in plan.bubbles:
        (x, y), radius = bubble.place, bubble.radius * plan.unit
        boxes.append((x - radius, y - radius, x + radius, y + radius))
        top = y + radius
        text = [(line, plan.letters) for line in bubble.lines]
        text += [(bubble.note, bubbles.note_size(plan))] if bubble.note else []
        for line, size in text:
            wide, tall = sheet.measure(line, size)
            boxes.append((x - wide / 2, top, x + wide / 2, top + tall))
            top += tall
        assert x - radius >= AREA[0] - 1
        assert top <= AREA[3] + 1
    for number, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[:number]:
            across = min(right, other[2]) - max(left, other[0])
            down = min(bottom, other[3]) - max(top, other[1])
            assert min(across, down) < 1.5
    named = sum(1 for bubble in plan.bubbles if bubble.lines)
    assert named == clusters if clusters <= 40 else named >= 40


def test_of_two_names_in_one_place_the_smaller_cluster_loses_its() -> None:
    sheet, _, plan = planned(payload([5, 4, 3]))
    plan.bubbles[2].place = plan.bubbles[1].place + 5
    bubbles._drop_clashing(sheet, plan)
    assert [bool(bubble.lines) for bubble in plan.bubbles] == [True, False, False]


def test_names_that_have_no_room_are_counted() -> None:
    _, said = picture(payload([3] * 130))
    named = 130 - int(said.split(" more clusters are drawn without a name.")[0].split(" ")[-1])
    assert 40 <= named <= bubbles.LABELS


def test_a_name_without_a_font_becomes_its_number_and_the_picture_says_so() -> None:
    given = payload([5, 4, 3], ids=[1, 17, 3])
    given["names"][1] = CHINESE
    _, said = picture(given)
    assert said.endswith("No font here can write the names of #17: the numbers are cluster ids.")
    given["title"] = JAPANESE
    plain, _ = picture({**given, "title": ""})
    image, _ = picture(given)
    head = (0, 0, 1600, 70)
    assert image.crop(head).tobytes() == plain.crop(head).tobytes(), "no boxes in the title"


def test_a_name_in_chinese_is_written_where_a_font_has_it() -> None:
    face = font_with(CHINESE)
    given = payload([5, 4, 3])
    given["names"][0] = CHINESE
    _, said = picture(given, [face])
    assert "No font" not in said


def test_long_lists_are_sampled_with_every_cluster_in_them() -> None:
    sizes = [15_000, 900, *[30] * 60, *[2] * 20]
    given = payload(sizes, alone=900)
    rows = bubbles.read_rows(given, len(sizes))
    drawn = np.bincount(rows.labels[rows.labels >= 0], minlength=len(sizes))
    assert drawn.min() >= 1
    assert drawn.sum() < bubbles.DOTS * 1.1
    assert drawn[0] / drawn[1] == pytest.approx(15_000 / 900, rel=0.05)
    assert (rows.labels == -1).sum() == bubbles.STRAYS
    assert rows.counts.tolist() == sizes, "the numbers in the picture count all"
    _, said = picture(given)
    assert said.startswith("18,640 keywords in 82 clusters, 900 unclustered")
    assert f"{drawn.sum() + bubbles.STRAYS:,} of 18,640 keywords are drawn." in said


def test_of_a_sample_the_most_searched_are_kept() -> None:
    given = payload([9000], weights=[float(n) for n in range(9000)])
    rows = bubbles.read_rows(given, 1)
    assert len(rows.labels) == bubbles.DOTS
    assert rows.dots.min() > 0.7
    assert rows.volumes is not None
    assert rows.volumes[0] == sum(range(9000))


def test_more_clusters_than_bubbles_are_dots_and_the_picture_says_so() -> None:
    _, said = picture(payload([4] * bubbles.BUBBLES + [2] * 50))
    assert "The 50 smallest clusters are pale dots." in said


def test_a_dot_is_as_large_as_its_searches() -> None:
    given = payload([5], weights=[100.0, 400.0, 1600.0, 0.0, math.nan])
    rows = bubbles.read_rows(given, 1)
    assert rows.dots[1] / rows.dots[0] == pytest.approx(2.0, rel=0.15)
    assert rows.dots[2] == 1.0
    assert rows.dots[3] == rows.dots[4] == rows.dots.min() > 0
    _, said = picture(given)
    assert "Dot area: searches per month." in said


def test_volumes_of_nothing_are_no_volumes() -> None:
    assert bubbles.read_rows(payload([3], weights=[0.0, 0.0, 0.0]), 1).volumes is None


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0"), (940, "940"), (1000, "1K"), (12_440, "12.4K"), (3_100_000, "3.1M"), (2e9, "2B")],
)
def test_counts_are_short(number: float, said: str) -> None:
    assert bubbles.short_count(number) == said


def test_what_cannot_be_drawn_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="at least one cluster"):
        picture(payload([], alone=3))
    with pytest.raises(InvalidInput, match="640x480 to 2400x2400"):
        picture(payload([3], width=5000, height=1200))


@pytest.mark.parametrize("size", [(640, 480), (1200, 1600), (2400, 1350)])
def test_other_sizes(size: tuple[int, int]) -> None:
    image, said = picture(payload([9, 7, 5, 3], width=size[0], height=size[1]))
    assert image.size == size
    assert "without a name" not in said


def test_the_job_runs_in_the_worker_process() -> None:
    worker = Worker("maps", idle_seconds=30)
    try:
        data = worker.call(
            "creative.keywords.jobs:map_job",
            payload([4, 3]),
            Deadline(60),
            lambda part, label: None,
        )
    finally:
        worker.stop()
    assert Image.open(io.BytesIO(data)).size == (1600, 1200)
