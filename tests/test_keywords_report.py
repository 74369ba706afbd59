"""creative.keywords: what leaves, and that it fits and does no harm where it is opened."""

from __future__ import annotations

import csv
import io
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from creative import keywords
from creative.deadline import Deadline
from creative.keywords import Cluster, Clustering, Member, Quality, Row, Summary, Topic, Unclustered
from creative.keywords.report import CLUSTERS_BYTES, COLUMNS, UNCLUSTERED_BYTES
from creative.steps import Steps

ROOT = Path(__file__).resolve().parent.parent
LISTS = ROOT / "tests" / "lists"


def run(rows: list[Row]) -> Clustering:
    return keywords.cluster(keywords.ClusterRequest(rows=rows), Deadline(120), Steps())


@pytest.fixture(scope="module")
def shop() -> list[Row]:
    path = LISTS / "english_shop.csv"
    return keywords.read_keywords_file(path.read_bytes(), path.name)


@pytest.fixture(scope="module")
def clustered(shop: list[Row]) -> Clustering:
    return run(shop)


def table(data: bytes) -> list[dict[str, str]]:
    assert data.startswith(b"\xef\xbb\xbf"), "Excel needs the byte order mark"
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert tuple(reader.fieldnames or ()) == COLUMNS
    return list(reader)


def test_the_csv_file_has_every_spelling_with_its_own_searches(
    shop: list[Row], clustered: Clustering
) -> None:
    lines = table(keywords.export(clustered, Steps()).csv)
    assert sorted(line["keyword"] for line in lines) == sorted({row.keyword for row in shop})
    assert sum(float(line["volume"] or 0) for line in lines) == sum(r.volume or 0 for r in shop)
    by_keyword = {line["keyword"]: line for line in lines}
    for cluster in clustered.clusters:
        for member in cluster.members:
            line = by_keyword[member.keyword]
            assert (line["cluster_id"], line["cluster"]) == (str(cluster.id), cluster.name)
            assert (line["head"], line["variant_of"]) == (cluster.head, "")
            for other in member.spellings[1:]:
                assert by_keyword[other]["variant_of"] == member.keyword
    for alone in clustered.unclustered:
        line = by_keyword[alone.keyword]
        assert (line["cluster"], line["nearest_cluster"]) == ("", alone.nearest_name)


def test_the_json_file_has_everything(clustered: Clustering) -> None:
    made = json.loads(keywords.export(clustered, Steps()).json_file)
    assert set(made) == {
        "format", "clusters", "unclustered", "topics", "summary", "quality"
    }  # fmt: skip
    assert len(made["clusters"]) == len(clustered.clusters)
    for entry, cluster in zip(made["clusters"], clustered.clusters, strict=True):
        assert [one["keyword"] for one in entry["keywords"]] == cluster.keywords
        assert (entry["volume"], entry["parent_id"]) == (cluster.volume, cluster.topic_id)
    folded = [one for entry in made["clusters"] for one in entry["keywords"] if "spellings" in one]
    for one in folded:
        assert sum(spelling["volume"] for spelling in one["spellings"]) == one["volume"]
    assert folded, "the list has variants"


def test_formulas_cannot_run_in_a_spreadsheet() -> None:
    harmful = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "＝1+1", 'say "hi", then']
    given = [Row(keyword=word, url="=HYPERLINK(1)") for word in harmful]
    made = keywords.export(run(given), Steps())
    lines = table(made.csv)
    for line in lines:
        for name, cell in line.items():
            assert not cell.startswith(("=", "+", "-", "@", "＝")), name
    assert {line["keyword"].removeprefix("'") for line in lines} == set(harmful)
    # And our own file gives them back as they were.
    back = keywords.read_existing(made.csv.decode())
    assert {r.keyword for c in back.clusters for r in c.rows} | {
        r.keyword for r in back.unclustered
    } == set(harmful)


def test_variables_of_a_list_that_fits(shop: list[Row], clustered: Clustering) -> None:
    result = keywords.export(clustered, Steps())
    assert result.summary["truncated"] is False
    shown = [one for cluster in result.clusters for one in cluster["keywords"]] + result.unclustered
    spellings = [text for one in shown for text in one.get("spellings", [one["keyword"]])]
    assert sorted(spellings) == sorted({row.keyword for row in shop})
    assert set(result.clusters[0]) == {
        "id", "name", "head", "keywords", "size", "volume", "difficulty", "cpc", "intent",
        "description", "parent", "parent_id", "cohesion", "is_new",
    }  # fmt: skip
    assert result.changes == {"added": [], "new_clusters": [], "not_given": []}
    parents = {topic["id"]: topic["name"] for topic in result.topics}
    assert all(parents[one["parent_id"]] == one["parent"] for one in result.clusters)
    json.dumps(result.data, allow_nan=False)


def test_the_text_tells_the_figures(clustered: Clustering) -> None:
    text = keywords.export(clustered, Steps()).text
    summary = clustered.summary
    assert text.startswith(
        f"{summary.cluster_count} clusters in {summary.topic_count} topics from "
    )
    assert f"{summary.volume:,.0f} searches per month" in text
    for one in clustered.clusters:
        assert f"**{one.id}. {one.name}** ({one.size}) · {one.volume:,.0f} searches" in text


def big(clusters: int, each: int, unclustered: int) -> Clustering:
    """A result that no variable can hold, made by hand: clustering is not what is tested."""
    word = "a rather long keyword about nothing"

    def figures(text: str) -> dict[str, Any]:
        return {"keyword": text, "similarity": 0.5, "spellings": (text,), "volumes": (None,)}

    made = tuple(
        Cluster(
            id=c + 1,
            name=f"group {c}",
            head=f"{word} {c} 0",
            members=tuple(Member(**figures(f"{word} {c} {m}")) for m in range(each)),
            cohesion=0.5,
            intent="informational",
            topic_id=c + 1,
        )
        for c in range(clusters)
    )
    alone = tuple(
        Unclustered(
            member=Member(**figures(f"{word} alone {n}")), nearest_id=1, nearest_name="group 0"
        )
        for n in range(unclustered)
    )
    count = clusters * each + unclustered
    return Clustering(
        clusters=made,
        unclustered=alone,
        topics=tuple(
            Topic(id=c.id, name=f"topic {c.id}", cluster_ids=(c.id,), size=each) for c in made
        ),
        summary=Summary(
            keyword_count=count,
            unique_count=count,
            cluster_count=clusters,
            clustered_count=clusters * each,
            unclustered_count=unclustered,
            largest_cluster=each,
            topic_count=clusters,
        ),
        quality=Quality(silhouette=0.1, cut=0.5, sizes={"2-5": clusters}),
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
    assert len(json.dumps(result.clusters, ensure_ascii=False).encode()) < CLUSTERS_BYTES * 1.15
    assert len(json.dumps(result.unclustered).encode()) < UNCLUSTERED_BYTES * 1.15
    assert len(result.text.encode()) < 200_000
    assert "clusters.csv and clusters.json have every keyword" in result.text
    assert result.clusters[0]["size"] == each
    assert result.clusters[0]["keywords"]
    assert len(table(result.csv)) == clusters * each + unclustered
    read = json.loads(result.json_file)
    assert sum(len(one["keywords"]) for one in read["clusters"]) == clusters * each
    assert len(read["unclustered"]) == unclustered


def test_the_room_is_used() -> None:
    result = keywords.export(big(300, 40, 0), Steps())
    used = len(json.dumps(result.clusters, ensure_ascii=False).encode())
    assert used > CLUSTERS_BYTES / 3


def test_keywords_are_no_markup_in_the_text() -> None:
    given = [Row(keyword=k) for k in ("<img src=x>", "[link](http://x)", "*star*")]
    result = keywords.export(run(given), Steps())
    assert "\\<img src=x\\>" in result.text
    assert "\\[link\\](http://x)" in result.text


def test_notes_of_reading_are_told() -> None:
    table = keywords.load("keyword,volume,size\na b,many,1\nc d,2,2\n", "keywords", Deadline(9))
    request = keywords.ClusterRequest(rows=table.rows, notes=tuple(table.notes))
    result = keywords.cluster(request, Deadline(60), Steps())
    made = keywords.export(result, Steps())
    assert made.summary["notes"] == table.notes
    assert "Columns that were not used: 'size'." in made.text


def test_a_map_is_drawn(clustered: Clustering) -> None:
    data = keywords.draw(clustered, Deadline(60), Steps())
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == (1600, 1200)
