"""creative.keywords: an earlier result back in, and what grows out of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creative import keywords
from creative.deadline import Deadline
from creative.errors import InvalidInput, TooLarge
from creative.keywords import Clustering, Existing, Row, fetch_existing, read_existing
from creative.keywords.existing import load_existing
from creative.keywords.table import AT_ONCE_BYTES
from creative.steps import Steps
from tests.servers import Server, answer

FIRST = [
    Row(keyword="espresso machine", volume=900, difficulty=40, cpc=1.5, url="/machines"),
    Row(keyword="espresso machines", volume=300),
    Row(keyword="cheap espresso machine", volume=200),
    Row(keyword="espresso maker", volume=100),
    Row(keyword="car insurance", volume=500),
    Row(keyword="car insurance quote", volume=50),
    Row(keyword="cheap car insurance", volume=70),
    Row(keyword="=cmd|' /C calc'!A0", volume=1),
]
SECOND = [
    Row(keyword="used espresso machine", volume=30),
    Row(keyword="car insurance for students", volume=20),
    Row(keyword="tiramisu recipe", volume=10),
    Row(keyword="easy tiramisu recipe", volume=5),
    Row(keyword="Espresso Machine", volume=1000),
]


def run(rows: list[Row], existing: Existing | None = None, **wanted: Any) -> Clustering:
    request = keywords.ClusterRequest(rows=rows, existing=existing, **wanted)
    return keywords.cluster(request, Deadline(120), Steps())


def spellings(result: Clustering) -> list[str]:
    members = [member for one in result.clusters for member in one.members]
    return [text for one in (*members, *result.unclustered) for text in one.spellings]


@pytest.fixture(scope="module")
def first() -> Clustering:
    return run(FIRST)


def as_file(result: Clustering, kind: str) -> str:
    made = keywords.export(result, Steps())
    if kind == "excel":
        # As a German Excel saves it again.
        out = io.StringIO(newline="")
        lines = csv.reader(io.StringIO(made.csv.decode("utf-8-sig"), newline=""))
        csv.writer(out, delimiter=";").writerows(lines)
        return out.getvalue()
    return (made.csv if kind == "csv" else made.json_file).decode()


@pytest.mark.parametrize("kind", ["json", "csv", "excel"])
def test_a_result_goes_out_and_comes_back(first: Clustering, kind: str) -> None:
    back = read_existing(as_file(first, kind))
    assert [(c.id, c.name) for c in back.clusters] == [(c.id, c.name) for c in first.clusters]
    for old, new in zip(first.clusters, back.clusters, strict=True):
        written = sorted(text for member in old.members for text in member.spellings)
        assert sorted(row.keyword for row in new.rows) == written
        assert sum(row.volume or 0 for row in new.rows) == old.volume
    rows = {row.keyword: row for one in back.clusters for row in one.rows}
    machine = rows["espresso machine"]
    assert (machine.volume, machine.difficulty, machine.cpc) == (900, 40, 1.5)
    assert machine.url == "/machines"
    assert sorted(row.keyword for row in back.unclustered) == sorted(
        text for one in first.unclustered for text in one.spellings
    )


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_a_list_grows(first: Clustering, kind: str) -> None:
    grown = run(SECOND, read_existing(as_file(first, kind)))
    names = {one.id: one.name for one in grown.clusters}
    for one in first.clusters:
        assert names[one.id] == one.name
        after = next(c for c in grown.clusters if c.id == one.id)
        texts = {text for member in after.members for text in member.spellings}
        assert {text for member in one.members for text in member.spellings} <= texts
        assert after.is_new is False
    every = {row.keyword for row in FIRST + SECOND}
    assert sorted(spellings(grown)) == sorted(every)
    fresh = [one for one in grown.clusters if one.is_new]
    assert all(one.id > max(c.id for c in first.clusters) for one in fresh)
    changes = grown.changes
    assert changes is not None
    assert changes.new_clusters == tuple(one.id for one in fresh)
    added = {word for entry in changes.added for word in entry.keywords}
    in_new = {word for one in fresh for word in one.keywords}
    assert added.isdisjoint(in_new)
    assert "car insurance" in changes.not_given
    assert "Espresso Machine" not in changes.not_given
    # The new list knows better how often it is searched now.
    machine = next(
        m for c in grown.clusters for m in c.members if "Espresso Machine" in m.spellings
    )
    assert machine.volume == 1000
    assert machine.is_new is False


@pytest.mark.parametrize("kind", ["json", "csv", "excel"])
def test_search_results_come_back_and_count(kind: str) -> None:
    """Names that have nothing in common, on the same pages of results."""
    cars = tuple(f"https://cars.example/{n}?a=1,2" for n in range(10))
    sweets = tuple(f"https://sweets.example/{n}" for n in range(10))
    old = run([Row("bargain wheels", 5, serp=cars), Row("car hire", 9, serp=cars),
               Row("car hires", 3), Row("tiramisu", serp=sweets), Row("dessert", serp=sweets)],
              serp_weight=1.0)  # fmt: skip
    back = read_existing(as_file(old, kind))
    results = {row.keyword: row.serp for one in back.clusters for row in one.rows}
    assert (results["car hire"], results["tiramisu"]) == (cars, sweets)
    grown = run([Row("vermietung", serp=cars), Row("nachtisch", serp=sweets)], back, serp_weight=1)
    where = {keyword: one.id for one in grown.clusters for keyword in one.keywords}
    assert where["vermietung"] == where["car hire"] != where["tiramisu"] == where["nachtisch"]


def test_files_keep_as_many_search_results_as_they_have_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("creative.keywords.report.SERP_BYTES", 400)
    pages = tuple(f"https://cars.example/{n:03}" for n in range(12))  # 24 letters each
    result = run([Row("car hire", serp=pages), Row("car rental", serp=pages)])
    made = keywords.export(result, Steps())
    assert "keep the first 7 search results of each keyword" in made.summary["notes"][-1]
    for text in (made.csv.decode(), made.json_file.decode()):
        rows = [row for one in read_existing(text).clusters for row in one.rows]
        assert [row.serp for row in rows] == [pages[:7]] * 2


def test_new_keywords_go_where_they_belong(first: Clustering) -> None:
    grown = run(SECOND, read_existing(as_file(first, "json")))
    where = {m.keyword: one for one in grown.clusters for m in one.members}
    assert "espresso maker" in where["used espresso machine"].keywords
    assert "car insurance" in where["car insurance for students"].keywords
    recipes = where["tiramisu recipe"]
    assert recipes.is_new
    assert recipes.keywords == where["easy tiramisu recipe"].keywords


def test_growing_by_nothing_changes_nothing(first: Clustering) -> None:
    again = run(FIRST, read_existing(as_file(first, "json")))
    assert [(c.id, c.name, set(c.keywords)) for c in again.clusters if not c.is_new] == [
        (c.id, c.name, set(c.keywords)) for c in first.clusters
    ]
    assert again.changes is not None
    assert (again.changes.added, again.changes.not_given) == ((), ())
    assert sorted(spellings(again)) == sorted(spellings(first))


def test_a_new_cluster_does_not_take_an_old_name() -> None:
    existing = read_existing(
        '[{"id": 7, "name": "tiramisu recipe", "keywords": ["car insurance"]}]'
    )
    grown = run([Row(keyword="tiramisu recipe"), Row(keyword="easy tiramisu recipe")], existing)
    assert (grown.clusters[0].id, grown.clusters[0].name) == (7, "tiramisu recipe")
    names = [one.name.casefold() for one in grown.clusters]
    assert len(set(names)) == len(names)
    assert all(one.id > 7 for one in grown.clusters[1:])


def test_other_peoples_clusters() -> None:
    table = "Keyword,Group,Comment\nred shoe,Shoes,x\nblue shoe,Shoes,\ntea,Drinks,\ncup,,\n"
    existing = read_existing(table)
    assert [(c.id, c.name, len(c.rows)) for c in existing.clusters] == [
        (1, "Shoes", 2),
        (2, "Drinks", 1),
    ]
    assert [row.keyword for row in existing.unclustered] == ["cup"]
    mixed = read_existing("[{'name': 'Shoes', 'keywords': ['a', {'keyword': 'b', 'volume': 3}]}]")
    assert mixed.clusters[0].rows == (Row(keyword="a"), Row(keyword="b", volume=3))


def entry(number: object, name: str, *words: object, **more: object) -> dict[str, object]:
    return {"id": number, "name": name, "keywords": list(words), **more}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([entry(1, "a", "x"), entry(2, "b", "X ")], r"'X'; .* in 'a' \(1\) and 'b' \(2\)"),
        ([entry(1, "a", "x"), entry(1, "b", "y")], "id 1'; .*'a' and 'b' share it"),
        ([entry(1, "a", "x"), entry(2, "A", "y")], "one cluster per name, and 1 and 2 share it"),
        ([entry(1, "a")], "at least one keyword"),
        ([entry("one", "a", "x")], "'one'; allowed is ids that are whole numbers"),
        ([entry(1.5, "a", "x")], "whole numbers"),
        ([entry(1, "", "x")], "cluster 1 has none"),
        ([entry(1, "a", 3.5, True)], "keywords as texts"),
        ([entry(1, "a", ["x"])], "keywords as texts"),
        ([entry(1, "a", {"keyword": "x", "volume": "many"})], "a number beside 'x'"),
        ([entry(1, "a", "x", size=9)], "1 keywords of 9 in 'a'.*shortened"),
        ([{"id": 1, "name": "a"}], "'a' has none"),
        (["a"], "cluster 1 is none"),
        ({"clusters": [], "topics": []}, "what came has 'clusters', 'topics'"),
        ({"clusters": [entry(1, "a", "x")], "unclustered": ["x"]}, r"in 'a' \(1\) and in none"),
        ("cluster_id,cluster,keyword\n1,a,x\n1,b,y\n", r"it is 'a' and 'b' \(line 3\)"),
        ("cluster_id,cluster,keyword\n1,a,x\n2,a,y\n", "one cluster per name, and 1 and 2"),
        ("cluster,keyword\na,x\nb,X\n", "each keyword in one cluster"),
        ("cluster_id,cluster,keyword\n1,,x\n", "line 2 has none"),
        ("cluster,keyword\n,x\n", "at least one cluster"),
        (
            "keyword,volume,notes\nx,3,n\n",
            "a column 'cluster', and this one has 'keyword', 'volume'",
        ),
        ("name,price\na,3\n", "columns 'cluster' and 'keyword', and this one has 'name,price'"),
    ],
)
def test_results_that_contradict_themselves(given: object, said: str) -> None:
    text = given if isinstance(given, str) else json.dumps(given)
    with pytest.raises(InvalidInput, match=said) as caught:
        read_existing(text)
    assert caught.value.message.startswith("existing_clusters: got ")


def test_the_limit_counts_both() -> None:
    existing = read_existing(json.dumps([entry(1, "a", "x", "y")]))
    with pytest.raises(TooLarge, match="with the existing clusters is 4 keywords long"):
        run([Row(keyword="v"), Row(keyword="w")], existing, max_keywords=3)


def test_a_large_result_is_read_by_the_worker() -> None:
    given = json.dumps([entry(n, f"group {n}", *(f"word {n} {m}" for m in range(50)))
                        for n in range(1, 250)])  # fmt: skip
    assert len(given) > AT_ONCE_BYTES
    assert load_existing(given, "existing_clusters", Deadline(30)) == read_existing(given)
    assert load_existing((given.encode(), "c.json"), "f", Deadline(30)).clusters[0].id == 1


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    def serve(request: BaseHTTPRequestHandler) -> None:
        answer(request, json.dumps([entry(4, "a", "x")]))

    with Server(serve) as server:
        yield server.url


def test_a_result_is_fetched(store: str) -> None:
    url = f"{store}/files/a/clusters.json?timestamp=1&nonce=n&sign=s"
    assert fetch_existing(url, "", Deadline(20), Steps()).clusters[0].id == 4


WORDS = ["red shoe", "red shoes", "blue shoe", "car insurance", "cheap car insurance", "tea",
         "green tea", "tea pot", "東京 ホテル", "東京のホテル", "京都 紅葉"]  # fmt: skip


@settings(derandomize=True, max_examples=12, deadline=None)
@given(
    before=st.lists(st.sampled_from(WORDS), min_size=1, max_size=8),
    after=st.lists(st.sampled_from(WORDS), min_size=1, max_size=8),
)
def test_growth_keeps_ids_names_and_members(before: list[str], after: list[str]) -> None:
    old = run([Row(keyword=word) for word in before])
    grown = run([Row(keyword=word) for word in after], read_existing(as_file(old, "json")))
    assert sorted(spellings(grown)) == sorted(set(before) | set(after))
    by_id = {one.id: one for one in grown.clusters}
    for one in old.clusters:
        texts = {text for member in by_id[one.id].members for text in member.spellings}
        assert by_id[one.id].name == one.name
        assert {text for member in one.members for text in member.spellings} <= texts
